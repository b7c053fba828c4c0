"""What a person wants to see of published pairs: bad and good images side by side, the recipe, and the figures."""

from __future__ import annotations

import numpy as np
from PIL import Image

from storage.pair_versions import BAD, GOOD, PairVersion
from storage.reading import OpenVersion
from tasks.ops.class_words import class_word
from tasks.ops.contact_sheet import contact_sheet, embedded_sheet
from tasks.ops.markdown import code_span, markdown_table
from tasks.ops.pair_recipe import PairRecipe
from tasks.ops.pair_recipe_tables import table_of
from tasks.ops.prepare_report import BuildFigures, build_text
from tasks.ops.row_restorer import RowRestorer

SHEET_PAIRS, SHEET_PAIRS_BESIDE, SHEET_THUMBNAIL = 24, 6, 96


def pair_sheet(opened: OpenVersion[PairVersion], *, pairs: int = SHEET_PAIRS) -> Image.Image:
    """Draw the first pairs of a version, the bad image left of the good one; they are in shuffled order: a sample."""
    count = min(pairs, len(opened))
    tiles, captions = [], []
    for bad, good, label in zip(
        opened.array(BAD)[:count], opened.array(GOOD)[:count], opened.labels[:count], strict=True
    ):
        tiles += [_tile(bad), _tile(good)]
        captions += ["bad", class_word(opened.classes[label])]
    images = np.stack(tiles) if tiles else np.empty((0, SHEET_THUMBNAIL, SHEET_THUMBNAIL, 3), np.uint8)
    return contact_sheet(images, captions, columns=2 * SHEET_PAIRS_BESIDE, thumbnail=SHEET_THUMBNAIL)


def pairs_card(
    name: str, version: PairVersion, recipe: PairRecipe | RowRestorer, figures: BuildFigures, sheet: Image.Image
) -> str:
    """Return the card of a version of pairs as Markdown, its pictures embedded."""
    origin, bad_side = version.origin, version.bad_side
    made_of = f"{code_span(origin.dataset)}, version {origin.number} (`{origin.identity[:16]}`)"
    rows = [
        ("version", f"{version.number} (`{version.identity[:16]}`)"),
        ("pairs", f"{version.stored:,}"),
        ("good images", f"{made_of}, {origin.side} px"),
        ("bad images", f"{bad_side} px, {_made_by(recipe)}"),
        ("format", version.array_format),
        (
            "bytes",
            f"{version.bytes / 1e6:,.1f} MB, of which the good images share those of {code_span(origin.dataset)}",
        ),
        ("built in this run", build_text(figures)),
        ("libraries", ", ".join(f"{library} {number}" for library, number in version.libraries)),
    ]
    return "\n".join(
        [
            f"# {name}, version {version.number}",
            "",
            embedded_sheet(sheet, "pairs"),
            "",
            markdown_table(("", ""), rows),
            "",
            *_recipe_section(recipe),
            "## Reading it",
            "",
            *_reading(name, good_side=origin.side, bad_side=bad_side),
            "",
        ]
    )


def _made_by(recipe: PairRecipe | RowRestorer) -> str:
    if isinstance(recipe, RowRestorer):
        return f"restored by the model {code_span(recipe.name)}, weights `{recipe.digest[:16]}`"
    return f"by the recipe {code_span(recipe.name)}"


def _recipe_section(recipe: PairRecipe | RowRestorer) -> list[str]:
    if isinstance(recipe, RowRestorer):
        return ["For a critic, which learns to tell the restored images from the good ones.", ""]
    table = markdown_table(("defect", "parameters"), recipe_rows(recipe))
    return ["## Recipe", "", table, "", "What a recipe leaves out, a model never learns to mend.", ""]


def _reading(name: str, *, good_side: int, bad_side: int) -> list[str]:
    return [
        "```python",
        "from storage.pair_versions import BAD, GOOD",
        "from storage.reading import open_pairs",
        "",
        f'with open_pairs(tiers, "{name}") as pairs:',
        f"    good = pairs.array(GOOD)[0:64]  # (64, {good_side}, {good_side}, 3) uint8 RGB",
        f"    bad = pairs.array(BAD)[0:64]  # (64, {bad_side}, {bad_side}, 3), row by row the same images",
        "```",
    ]


def recipe_rows(recipe: PairRecipe) -> list[tuple[str, str]]:
    """Return the defects of a recipe with their parameters, in their order."""
    return [
        (step["defect"], ", ".join(f"{name} {value}" for name, value in step.items() if name != "defect"))
        for step in table_of(recipe)["defects"]
    ]


def _tile(pixels: np.ndarray) -> np.ndarray:
    """Enlarge a small image so that each of its pixels is a square, and shrink a large one."""
    kernel = Image.Resampling.NEAREST if len(pixels) < SHEET_THUMBNAIL else Image.Resampling.LANCZOS
    return np.asarray(Image.fromarray(pixels).resize((SHEET_THUMBNAIL, SHEET_THUMBNAIL), kernel))
