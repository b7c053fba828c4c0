"""From stored files to a published, spared bundle with a card: what every kind of bundle does alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from storage.bundles import Bundle, BundleFile, Facts, bundle_identity, current_bundle
from storage.layout import DatasetFolder
from storage.objects import store_object
from storage.publishing import publish
from storage.receipts import StoredObject
from storage.spares import ensure_spare
from storage.versions import next_number


@dataclass(frozen=True, slots=True)
class BundleContent:
    """What a version is to hold: all of a `Bundle` but its number and its card."""

    kind: str
    request: str
    made_of: Facts
    files: tuple[BundleFile, ...]
    receipts: tuple[str, ...] = ()


def publish_bundle(
    folder: DatasetFolder, content: BundleContent, *, card: Callable[[int], str], scratch: Path
) -> tuple[Bundle, bool]:
    """Publish stored files with the card of their version's number; return the version that has them, and if it is new.

    Raises:
        VersionConflict: another run published other content meanwhile.
    """
    current = current_bundle(folder)
    # Of content that is there already the same card comes out, should that be what is missing.
    is_there = current is not None and current.identity == bundle_identity(content.kind, content.files)
    number = current.number if current and is_there else next_number(folder)
    draft = drafted(content, number=number, parent=current, card=stored_text(folder, scratch / "card.md", card(number)))
    version, is_new = publish(folder, draft)
    ensure_spare(folder, version, scratch)
    return version, is_new


def drafted(content: BundleContent, *, number: int, parent: Bundle | None, card: StoredObject) -> Bundle:
    """Return the version of a number that holds `content`, to be published on top of `parent`."""
    return Bundle(
        number=number,
        parent=parent.number if parent else None,
        identity=bundle_identity(content.kind, content.files),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        kind=content.kind,
        request=content.request,
        made_of=content.made_of,
        receipts=content.receipts,
        files=content.files,
        card=card,
    )


def stored_text(folder: DatasetFolder, path: Path, text: str) -> StoredObject:
    """Store a text under the name of `path`, which is a file in scratch that may be there already."""
    path.write_text(text, encoding="utf-8")
    return store_object(folder, path, prefix=path.stem, suffix=path.suffix)
