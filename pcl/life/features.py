"""Samples as rows of inputs: arrays of one shape, or dicts of features that come and go."""

import math
import warnings
from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from pcl.errors import UsageError, shown


class Features:
    """Which feature goes to which input.

    New names of a sample take free inputs in their sorted order, so that the order within a dict means nothing. A
    feature that is absent, or None, is 0. One for which no input is free is left out, with one warning.
    """

    def __init__(self, shape: tuple[int, ...], names: Sequence[Hashable] = ()):
        self.shape = shape
        self.size = math.prod(shape)
        self.places = {name: place for place, name in enumerate(names)}
        self._left_out: set[Hashable] = set()

    @classmethod
    def announced(cls, inputs: Any) -> "Features":
        """`Features` for a shape, a number of features, or their names.

        Raises:
          UsageError: it is none of these.
        """
        if isinstance(inputs, int) and inputs > 0 and not isinstance(inputs, bool):
            return cls((inputs,))
        if isinstance(inputs, Sequence) and not isinstance(inputs, str) and inputs:
            if all(isinstance(name, str) for name in inputs) and len(set(inputs)) == len(inputs):
                return cls((len(inputs),), inputs)
            if all(isinstance(size, int) and size > 0 for size in inputs):
                return cls(tuple(inputs))
        raise UsageError(f"inputs={shown(inputs)}: give a number of features, their names, or a shape as in (8, 8)")

    @property
    def names(self) -> list[Any]:
        """Names of features in the order of their inputs; those of arrays have none."""
        return list(self.places)

    def row(self, x: Any, learn: bool = False) -> np.ndarray:
        """One sample as inputs [1, ...]; where it is learned from, new names are kept.

        Raises:
          UsageError: it has another size, or something in it is no number.
        """
        if not isinstance(x, Mapping):
            one = self._numbers(x, x)
            if not one.ndim or one.size != self.size:
                raise UsageError(f"the sample has shape {one.shape}; expected {self.shape}")
            return one.reshape(1, *self.shape)
        places = self._with(x) if learn and not x.keys() <= self.places.keys() else self.places
        values = [0.0] * self.size
        for name, value in x.items():
            if value is not None and name in places:
                values[places[name]] = value
        row = self._numbers([values], x)
        self.places = places
        return row

    def rows(self, x: Any) -> np.ndarray:
        """Samples of an array or a table as inputs [N, ...].

        Raises:
          UsageError: they have another size, or something in them is no number.
        """
        table = self._numbers(x, x)
        if table.ndim < 2 or math.prod(table.shape[1:]) != self.size:
            raise UsageError(f"samples have shape {table.shape}; expected [N, {', '.join(map(str, self.shape))}]")
        return table.reshape(-1, *self.shape)

    def _with(self, x: Mapping[Hashable, Any]) -> dict[Hashable, int]:
        new = sorted(x.keys() - self.places.keys(), key=lambda name: (str(name), type(name).__name__))
        free = self.size - len(self.places)
        for name in new[free:]:
            if name not in self._left_out:
                self._left_out.add(name)
                warnings.warn(
                    f"feature {shown(name)!r} is left out: all {self.size} inputs are taken; give more inputs",
                    stacklevel=4,
                )
        return self.places | {name: len(self.places) + i for i, name in enumerate(new[:free])}

    def _numbers(self, values: Any, x: Any) -> np.ndarray:
        try:
            table = np.asarray(values, np.float32)
        except (TypeError, ValueError):
            cells = x.items() if isinstance(x, Mapping) else enumerate(np.asarray(x, object).ravel().tolist())
            name, value = next((cell for cell in cells if not _is_number(cell[1])), ("?", x))
            raise UsageError(f"feature {shown(name)} is {shown(repr(value))}: give numbers; encode others") from None
        return table.reshape(1, *self.shape) if isinstance(x, Mapping) else table


def _is_number(value: Any) -> bool:
    try:
        return value is None or bool(np.float32(value) or True)
    except (TypeError, ValueError):
        return False
