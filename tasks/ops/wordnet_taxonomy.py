"""Depths and similarities of nouns by what they are kinds of. Pure: the nouns of `read_nouns` in, numbers out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from tasks.ops.wordnet_nouns import Noun


class Taxonomy:
    """The graph of hypernyms. Depths are worked out when they are asked for, and kept."""

    def __init__(self, nouns: Mapping[str, Noun]) -> None:
        self._nouns = nouns
        self._depths: dict[str, int] = {}
        self._least_depths: dict[str, int] = {}

    def depth(self, wnid: str) -> int:
        """Return how many steps up the longest way to a root takes; 0 for entity."""
        if wnid not in self._depths:
            ways = [self.depth(parent) for parent in self._nouns[wnid].hypernyms]
            self._depths[wnid] = 1 + max(ways, default=-1)
        return self._depths[wnid]

    def least_depth(self, wnid: str) -> int:
        """Return how many steps up the shortest way to a root takes."""
        if wnid not in self._least_depths:
            ways = [self.least_depth(parent) for parent in self._nouns[wnid].hypernyms]
            self._least_depths[wnid] = 1 + min(ways, default=-1)
        return self._least_depths[wnid]

    def ancestors(self, wnid: str) -> dict[str, int]:
        """Return the noun itself and all above it, each with the steps up to it on the shortest way."""
        steps = {wnid: 0}
        queue = deque([wnid])
        while queue:
            here = queue.popleft()
            for parent in self._nouns[here].hypernyms:
                if parent not in steps:
                    steps[parent] = steps[here] + 1
                    queue.append(parent)
        return steps

    def wu_palmer(self, first: str, second: str) -> float:
        """Return the similarity of Wu and Palmer (1994), in (0, 1], 0 without a common ancestor.

        Follows NLTK's `wup_similarity`, by which most published figures were made: the common ancestor is the one
        whose shortest way up is longest, its depth is that of its longest way, and ties go by name.
        """
        above_first, above_second = self.ancestors(first), self.ancestors(second)
        common = above_first.keys() & above_second.keys()
        if not common:
            return 0.0
        deepest = max(self.least_depth(wnid) for wnid in common)
        lowest = [wnid for wnid in common if self.least_depth(wnid) == deepest]
        ancestor = first if first in lowest else min(lowest, key=self._name)
        depth = self.depth(ancestor) + 1
        steps = self._steps(above_first, ancestor) + self._steps(above_second, ancestor)
        return 2 * depth / (2 * depth + steps)

    def _steps(self, above: Mapping[str, int], ancestor: str) -> int:
        """Return the length of the shortest way to `ancestor`, which may lead over one of its own ancestors."""
        return min(above[wnid] + steps for wnid, steps in self.ancestors(ancestor).items() if wnid in above)

    def _name(self, wnid: str) -> tuple[str, str]:
        # NLTK sorts by names such as dog.n.01; among equal lemmas the offset stands in for the number of the sense.
        return (f"{self._nouns[wnid].lemmas[0].lower()}.n.", wnid)
