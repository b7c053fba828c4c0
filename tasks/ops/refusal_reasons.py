"""What each reason for refusing an image means, and what to do about it: for pages. docs/refusals.md says the same."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from storage.refused import Reason


@dataclass(frozen=True, slots=True)
class Explanation:
    """What a reason means, and what to do, each as a clause."""

    meaning: str
    remedy: str


EXPLANATIONS: Mapping[str, Explanation] = MappingProxyType(
    {
        Reason.MISSING.value: Explanation(
            "the file was listed and is gone",
            "list again, or restore it",
        ),
        Reason.CHANGED.value: Explanation(
            "size or time differ from the listing",
            "let the writer finish, then run again",
        ),
        Reason.NOT_A_REGULAR_FILE.value: Explanation(
            "a link, directory, pipe or device bears the name",
            "links are never followed: put the file itself there",
        ),
        Reason.UNREADABLE.value: Explanation(
            "the system does not let this user read the file",
            "mend its permissions",
        ),
        Reason.EMPTY.value: Explanation(
            "the file has 0 bytes",
            "fetch it again",
        ),
        Reason.UNKNOWN_FORMAT.value: Explanation(
            "the first bytes are not those of JPEG, PNG, WebP, BMP or GIF; or it is a kind of JPEG that "
            "cannot be decoded strictly: 12-bit, lossless, or with chroma sampling other than 4:4:4, 4:4:0, "
            "4:2:2, 4:2:0 and 4:1:1",
            "convert it; re-save such a JPEG as an ordinary one",
        ),
        Reason.TOO_MANY_BYTES.value: Explanation(
            "the file is longer than an image of max_pixels could need; it is not read",
            "raise max_pixels if the picture is real",
        ),
        Reason.TOO_MANY_PIXELS.value: Explanation(
            "the header claims more than max_pixels",
            "raise the limit if the picture is real: decoding takes 4 to 16 bytes a pixel",
        ),
        Reason.TOO_MANY_SCANS.value: Explanation(
            "a progressive JPEG has more than max_scans scans, each of which costs a pass over the picture",
            "re-save it as an ordinary JPEG",
        ),
        Reason.TRUNCATED.value: Explanation(
            "the file ends before its picture does",
            "fetch it again",
        ),
        Reason.CORRUPT.value: Explanation(
            "the decoder met bytes that cannot be right; the detail quotes it",
            "fetch it again",
        ),
        Reason.ANIMATED.value: Explanation(
            "a GIF, WebP or PNG with more than one frame",
            "choose a frame",
        ),
        Reason.TOO_MUCH_MEMORY.value: Explanation(
            "the decoder could not get the memory it asked for",
            "lower max_pixels, or run fewer workers",
        ),
        Reason.CRASHED.value: Explanation(
            "the worker process died on this image more than once",
            "keep the file and report it: no image should do that",
        ),
    }
)
