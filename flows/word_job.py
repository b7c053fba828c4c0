"""The job of `build_word_maps`: every parameter with its default, its limits and its description."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from storage.layout import NAME_PATTERN
from storage.tiers import Tiers
from storage.word_maps import WORDS
from tasks.ops.word_checks import Thresholds
from tasks.ops.word_origins import GivenVectors, Origin, TextVectors, WordNetVectors
from tasks.ops.word_training import TrainingSettings

Share = Annotated[float, Field(ge=0, le=1)]
AtLeastOne = Annotated[int, Field(ge=1)]

LEAST_CORRELATION, LEAST_CORRELATION_ELSEWHERE = 0.7, 0.2
"""0.7 is for vectors learnt from WordNet itself, which reach 0.78. Of others less can be asked: they never saw it."""
TEXT_ALPHA, TEXT_MIN_COUNT = 0.025, 5
"""gensim's own defaults, for a text of the user's: in a large one most spellings occur once, and many are mistakes."""


class WordJob(BaseModel):
    """Which word vectors to make or take, and the classes of which datasets to map to them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    slow: Annotated[Path, Field(description="Root on the large disk, where everything is published")]
    fast: Annotated[Path, Field(description="Root on the quick disk, for copies read at random; may equal slow")]
    fast_budget: Annotated[
        int | None, Field(ge=1, description="Bytes that copies may take on the fast root; by default what is free")
    ] = None
    name: Annotated[str, Field(description="Name of the dataset of word maps below the roots")] = WORDS
    datasets: Annotated[tuple[str, ...], Field(description="Prepared datasets whose classes get a map")] = ()
    vectors: Annotated[
        Path | None,
        Field(description="File in word2vec's format, binary, gzipped or text; else vectors are learnt"),
    ] = None
    corpus: Annotated[Path | None, Field(description="Text to learn from, a sentence a line; or WordNet itself")] = None
    wordnet: Annotated[Path | None, Field(description="Folder or zip with WordNet 3.0; else it is looked for")] = None
    download: Annotated[bool, Field(description="Fetch WordNet where this machine has none")] = False
    dimensions: Annotated[AtLeastOne, Field(description="Of vectors that are learnt")] = 100
    epochs: Annotated[AtLeastOne, Field(description="How often the text is gone through")] = 3
    window: Annotated[AtLeastOne, Field(description="Words to either side that belong to a word's context")] = 5
    min_count: Annotated[
        int | None, Field(ge=1, description="Learn words that occur so often; 1 for WordNet, 5 for other texts")
    ] = None
    alpha: Annotated[
        float | None, Field(gt=0, description="Initial learning rate; 0.05 for WordNet, 0.025 for other texts")
    ] = None
    threads: Annotated[AtLeastOne, Field(description="To learn with; with more than one, no two runs are equal")] = 1
    seed: Annotated[int, Field(ge=0, lt=2**32, description="Seed of the text's order and of the learning")] = 0
    min_relations: Annotated[Share, Field(description="Share of the known relations that must be checkable")] = 0.5
    min_relations_held: Annotated[Share, Field(description="Share of those that must hold")] = 0.9
    min_correlation: Annotated[
        float | None,
        Field(ge=-1, le=1, description="Of cosine with Wu–Palmer similarity; 0.7 for WordNet's own vectors, else 0.2"),
    ] = None

    @field_validator("name", "datasets")
    @classmethod
    def _are_names(cls, names: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for name in (names,) if isinstance(names, str) else names:
            if not NAME_PATTERN.fullmatch(name):
                raise ValueError(f"letters, digits, '.', '_' and '-' only, at most 64; got {name!r}")
        return names if isinstance(names, str) else tuple(dict.fromkeys(names))

    @model_validator(mode="after")
    def _has_one_origin(self) -> WordJob:
        if self.vectors and self.corpus:
            raise ValueError("vectors are taken from a file or learnt from a text: give one of vectors and corpus")
        return self

    @property
    def tiers(self) -> Tiers:
        return Tiers(self.slow, self.fast, self.fast_budget)

    @property
    def learns_from_wordnet(self) -> bool:
        """Tell whether the vectors come from WordNet itself."""
        return not (self.vectors or self.corpus)

    @property
    def origin(self) -> Origin:
        """Where the vectors come from."""
        if self.vectors:
            return GivenVectors(self.vectors)
        defaults = TrainingSettings()
        settings = TrainingSettings(
            dimensions=self.dimensions,
            window=self.window,
            epochs=self.epochs,
            alpha=self.alpha or (TEXT_ALPHA if self.corpus else defaults.alpha),
            min_count=self.min_count or (TEXT_MIN_COUNT if self.corpus else defaults.min_count),
            workers=self.threads,
            seed=self.seed,
        )
        return TextVectors(self.corpus, settings) if self.corpus else WordNetVectors(settings)

    @property
    def thresholds(self) -> Thresholds:
        """What the maps must reach to be published."""
        usual = LEAST_CORRELATION if self.learns_from_wordnet else LEAST_CORRELATION_ELSEWHERE
        correlation = usual if self.min_correlation is None else self.min_correlation
        return Thresholds(self.min_relations, self.min_relations_held, correlation)
