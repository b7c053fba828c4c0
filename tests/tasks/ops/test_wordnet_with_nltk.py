"""NLTK reads what was found, and says of it what our own reading says."""

from __future__ import annotations

import random
import re
import warnings
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import nltk.data
import pytest
from nltk.corpus.reader.wordnet import WordNetCorpusReader

from tasks.ops.word_checks import sample_pairs
from tasks.ops.wordnet_source import find_wordnet
from tasks.ops.wordnet_taxonomy import Taxonomy
from tests.tasks.ops.wordnet_examples import needs_wordnet, real_nouns

pytestmark = [needs_wordnet, pytest.mark.slow]


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """NLTK's reader on what `find_wordnet` makes of Debian's files."""
    scratch: Path = tmp_path_factory.mktemp("scratch")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk.data, "path", [])
        found = find_wordnet(scratch=scratch)
        patch.setattr(nltk.data, "path", [str(scratch / "nltk_data")])
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The multilingual functions are not available")
            made = WordNetCorpusReader(nltk.data.find("corpora/wordnet"), None)
        assert found.is_relative_to(scratch)
        yield made


def test_nltk_knows_the_same_lemmas_hypernyms_and_branches(reader: Any):
    for noun in random.Random(0).sample(list(real_nouns().values()), 2000):
        theirs = reader.synset_from_pos_and_offset("n", int(noun.wnid[1:]))
        assert tuple(theirs.lemma_names()) == noun.lemmas
        above = [*theirs.hypernyms(), *theirs.instance_hypernyms()]
        assert sorted(f"n{each.offset():08d}" for each in above) == sorted(noun.hypernyms)
        assert theirs.lexname() == f"noun.{noun.branch}"
        assert theirs.definition() == re.sub('".*?"', "", noun.gloss).strip().strip("; ")


def test_depths_and_wu_palmer_similarities_are_nltks(reader: Any):
    taxonomy = Taxonomy(real_nouns())
    for first, second, _ in islice(sample_pairs(real_nouns()), 2000):
        one, other = (reader.synset_from_pos_and_offset("n", int(wnid[1:])) for wnid in (first, second))
        assert taxonomy.depth(first) == one.max_depth()
        assert taxonomy.least_depth(first) == one.min_depth()
        assert taxonomy.wu_palmer(first, second) == pytest.approx(one.wup_similarity(other)), (first, second)
