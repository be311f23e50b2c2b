"""Labels by number, in the order of their first appearance, up to a bound."""

import math
from collections.abc import Hashable, Iterable
from typing import Any

import numpy as np

from pcl.errors import UsageError, shown

MISSING = -1  # number of a label that is not there


class Labels:
    """The labels that have appeared or were announced; the number of a label never changes."""

    def __init__(self, known: Iterable[Hashable], bound: int):
        self.bound = bound
        self._places: dict[Any, int] = {}
        self.places(known)

    @property
    def known(self) -> list[Any]:
        """Labels in the order of their numbers."""
        return list(self._places)

    def places(self, labels: Iterable[Any]) -> np.ndarray:
        """The numbers [N] of labels, of which new ones are added; those that are missing (None, nan) have -1.

        Raises:
          UsageError: there are more than the bound, or one cannot be a label; then none is added.
        """
        grown = dict(self._places)
        numbers = []
        for label in labels.tolist() if hasattr(labels, "tolist") else labels:
            plain = label.item() if isinstance(label, np.generic) else label
            if plain is None or (isinstance(plain, float) and math.isnan(plain)):
                numbers.append(MISSING)
                continue
            if not isinstance(plain, str | int | float):
                raise UsageError(f"label {shown(repr(label))}: give a text, a number or a truth value, one per sample")
            if plain not in grown and len(grown) == self.bound:
                raise UsageError(
                    f"label {shown(repr(plain))} is new beside {shown(self.known)}: there is room for {self.bound};"
                    " give a larger max_classes"
                )
            numbers.append(grown.setdefault(plain, len(grown)))
        self._places = grown
        return np.asarray(numbers, np.int32)
