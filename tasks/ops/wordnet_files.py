"""Reads the data files of WordNet 3.0, one synset a line, in the format of wndb(5WN).

Straight from the files: NLTK first indexes all parts of speech and then seeks to each synset, which takes many times
as long, and knows nothing that the lines don't.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

PARTS_OF_SPEECH = ("noun", "verb", "adj", "adv")
LEXICOGRAPHER_FILES = (
    *("adj.all", "adj.pert", "adv.all"),
    *("noun.Tops", "noun.act", "noun.animal", "noun.artifact", "noun.attribute", "noun.body", "noun.cognition"),
    *("noun.communication", "noun.event", "noun.feeling", "noun.food", "noun.group", "noun.location", "noun.motive"),
    *("noun.object", "noun.person", "noun.phenomenon", "noun.plant", "noun.possession", "noun.process"),
    *("noun.quantity", "noun.relation", "noun.shape", "noun.state", "noun.substance", "noun.time"),
    *("verb.body", "verb.change", "verb.cognition", "verb.communication", "verb.competition", "verb.consumption"),
    *("verb.contact", "verb.creation", "verb.emotion", "verb.motion", "verb.perception", "verb.possession"),
    *("verb.social", "verb.stative", "verb.weather", "adj.ppl"),
)
"""What the numbers in the second field stand for, by lexnames(5WN)."""


@dataclass(frozen=True, slots=True)
class Synset:
    """One line of a data file. `pointers` are pairs of a symbol of wninput(5WN) and the target's key.

    A key is the letter of the part of speech and the offset in eight digits; of a noun it is ImageNet's wnid.
    """

    key: str
    lexicographer_file: str
    lemmas: tuple[str, ...]
    pointers: tuple[tuple[str, str], ...]
    gloss: str

    def targets(self, *symbols: str) -> tuple[str, ...]:
        """Return the keys that pointers of these symbols lead to, in the order of the file."""
        return tuple(key for symbol, key in self.pointers if symbol in symbols)


def read_synsets(wordnet: Path, part_of_speech: str) -> Iterator[Synset]:
    """Yield the synsets of one part of speech, a name of `PARTS_OF_SPEECH`, in the order of their offsets.

    Raises:
        ValueError: a line is not as wndb(5WN) says.
    """
    path = wordnet / f"data.{part_of_speech}"
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.startswith("  "):  # the licence
                continue
            try:
                yield _synset(line)
            except (ValueError, IndexError) as error:
                raise ValueError(f"{path}, line {number}: not a synset as wndb(5WN) describes it: {line!r}") from error


def _synset(line: str) -> Synset:
    data, bar, gloss = line.partition("|")
    if not bar:
        raise ValueError("there is no gloss")
    fields = data.split()
    words = int(fields[3], 16)
    after = 4 + 2 * words
    pointers = fields[after + 1 : after + 1 + 4 * int(fields[after])]
    if len(pointers) < 4 * int(fields[after]):
        raise ValueError("there are fewer pointers than it says")
    return Synset(
        # Satellites of adjectives are of type s, but whatever points at them says a.
        key=("a" if fields[2] == "s" else fields[2]) + fields[0],
        lexicographer_file=LEXICOGRAPHER_FILES[int(fields[1])],
        # An adjective may bear a marker of where it stands, such as "galore(ip)".
        lemmas=tuple(word.partition("(")[0] for word in fields[4:after:2]),
        pointers=tuple(
            (symbol, part + offset)
            for symbol, offset, part in zip(pointers[::4], pointers[1::4], pointers[2::4], strict=True)
        ),
        gloss=gloss.strip(),
    )
