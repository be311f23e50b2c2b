"""A learner and its state behind the methods of River and of scikit-learn."""

import functools
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import softmax

from pcl import learners, saved
from pcl.errors import UsageError
from pcl.fields import replace, with_numbers
from pcl.folders import write_whole
from pcl.learners import Made
from pcl.life import programs
from pcl.life.features import Features
from pcl.life.labels import Labels
from pcl.types import HParams, Spec, State

CHUNK = 256  # rows of a table that one call of a program takes


class Life:
    """A live learner: it predicts, learns sample by sample, can be saved, and continues exactly.

    Samples are learned from one after the other, each once. One whose label is missing (None, nan) is observed. Each
    program is compiled when it is first needed, and the memory of the state is used again. The sample of `learn_one` is
    learned with the next call, so that learning and then predicting is one call of a program.

    learner, hp: the learner and its settings, as `pcl.learners.make` returns them.
    """

    def __init__(self, learner: Made, state: State, hp: HParams, features: Features, labels: Labels | None):
        self.learner = learner
        self.hp = with_numbers(hp)
        self._numbers = programs.numbers(self.hp)
        self._features = features
        self._labels = labels
        self._layout = programs.layout_of(learner, self.hp)
        self._arrays = [jnp.copy(array) for array in self._layout.pack(state)]  # copied: programs reuse this memory
        self._program = functools.cache(functools.partial(programs.lived, learner, self.hp))
        self._no_rows = np.zeros((0, *learner.spec.input_shape), np.float32)
        self._nothing = self._given([None])
        self._waiting: tuple[np.ndarray, np.ndarray] | None = None  # the sample that `learn_one` was given last

    @classmethod
    def born(
        cls, name: str, settings: Mapping[str, Any], features: Features, labels: Labels | int, seed: int
    ) -> "Life":
        """A learner before its first sample; `labels` are those to choose from, or the number of real targets.

        Raises:
          UsageError: there is no such learner or setting, or it cannot predict that.
        """
        if isinstance(labels, Labels):  # one of two may never come; a learner needs at least two
            spec = Spec(features.shape, max(2, labels.bound))
        else:
            spec = Spec(features.shape, 0, labels)
        learner, defaults = learners.make(name, spec)
        hp = replace(defaults, settings)
        state = programs.born(learner, hp, seed)
        return cls(learner, state, hp, features, labels if isinstance(labels, Labels) else None)

    @property
    def state(self) -> State:
        """A copy of the state, as `pcl.save` and the learner's functions take it."""
        self._settle()
        return self._layout.unpack([jnp.copy(array) for array in self._arrays])

    @property
    def classes_(self) -> np.ndarray:
        """The labels that are known, in the order of columns of `predict_proba`."""
        known = self._chosen().known
        kinds = {type(label) for label in known}
        return np.array(known, None if len(kinds) == 1 else object)

    def learn_one(self, x: Any, y: Any = None) -> None:
        """Learn from one sample: a dict of features or an array; a label, a real target, or None.

        Raises:
          UsageError: it does not fit; nothing is learned.
        """
        self._settle()
        self._waiting = self._features.row(x, learn=True), self._given([y])

    def predict_one(self, x: Any) -> Any:
        """The most probable label (None before any is known), or the mean of the real targets."""
        output = self._one(self._features.row(x))
        if self._labels is None:
            return float(output[0]) if len(output) == 1 else output
        known = self._labels.known
        return known[int(output[: len(known)].argmax())] if known else None

    def predict_proba_one(self, x: Any) -> dict[Any, float]:
        """The probability of each label that is known."""
        known = self._chosen().known
        if not known:
            return {}
        output = self._one(self._features.row(x))[: len(known)]
        return dict(zip(known, softmax(output.astype(np.float64)).tolist(), strict=True))

    def partial_fit(self, X: Any, y: Any, classes: Sequence[Hashable] | None = None) -> "Life":
        """Learn from the rows of X [N, D] one after the other; `classes` are labels to know before they come.

        Raises:
          UsageError: something does not fit; nothing is learned.
        """
        x = self._features.rows(X)
        if len(x) != len(y):
            raise UsageError(f"{len(x)} samples have {len(y)} labels or targets: give one per sample")
        if classes is not None:
            self._chosen().places(classes)
        given = self._given(y)
        self._settle()
        for start in range(0, len(x), CHUNK):
            rows = slice(start, start + CHUNK)
            self._live(_padded(x[rows]), _padded(given[rows]), len(x[rows]), self._no_rows)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """Labels [N], or real targets [N] or [N, T].

        Raises:
          UsageError: samples have another shape, or no label is known yet.
        """
        output = self._answers(X)
        if self._labels is None:
            means = output.astype(np.float64)
            return means[:, 0] if means.shape[1] == 1 else means
        return self.classes_[output.argmax(1)]

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each label of `classes_` [N, C]."""
        self._chosen()
        return softmax(self._answers(X).astype(np.float64), axis=1)

    def score(self, X: Any, y: Any) -> float:
        """Mean accuracy, or the coefficient of determination of real targets (the mean over them)."""
        right, given = self.predict(X), np.asarray(y)
        if self._labels is not None:
            return float(np.mean(right == given))
        residual, spread = ((given - other) ** 2 for other in (right, given.mean(0)))
        return float(np.mean(1 - residual.sum(0) / spread.sum(0)))

    def save(self, path: str | Path) -> None:
        """Write it to a file that `pcl.load_live` reads, and `pcl.load` too.

        Raises:
          UsageError: it cannot be written, or names of features are neither texts nor numbers.
        """
        write_whole(Path(path), self.packed())

    def packed(self) -> bytes:
        """The content of its file."""
        labels = None if self._labels is None else {"known": self._labels.known, "bound": self._labels.bound}
        notes = {"features": self._features.names, "labels": labels}
        return saved.packed(self.learner, self.state, self.hp, {"live": notes})

    @classmethod
    def unpacked(cls, content: bytes, name: str = "a copy") -> "Life":
        """The live learner in the content of a file; `name` is used in messages.

        Raises:
          UsageError: it is damaged, or does not fit this version of pcl.
        """
        (learner, state, hp), notes = saved.unpacked(content, name)
        spec = learner.spec
        own = {"features": [], "labels": {"known": range(spec.num_labels), "bound": spec.num_labels}}
        try:
            own = notes.get("live", own)
            labels = None if spec.num_targets else Labels(own["labels"]["known"], own["labels"]["bound"])
            return cls(learner, state, hp, Features(spec.input_shape, own["features"]), labels)
        except (AttributeError, LookupError, TypeError, ValueError) as error:
            raise UsageError(f"{name}: its notes on labels and features are damaged") from error

    def __reduce__(self) -> Any:
        return Life.unpacked, (self.packed(),)

    def __repr__(self) -> str:
        return f"pcl.live({self.learner.name!r}, {self.learner.spec})"

    def _live(self, x: np.ndarray, y: np.ndarray, n: int, query: np.ndarray, ask: bool = True) -> jax.Array:
        live = self._program(len(x), len(query))
        self._arrays, output = live(self._arrays, self._numbers, x, y, np.int32(n), query, np.bool_(ask))
        return output

    def _one(self, query: np.ndarray) -> np.ndarray:
        """The output [C] of one sample, after the one that waits has been learned."""
        x, y = self._waiting or (query, self._nothing)
        output = self._live(x, y, int(self._waiting is not None), query)
        self._waiting = None
        return np.asarray(output)[0]

    def _settle(self) -> None:
        """Learn from the waiting sample by the same program, so that the bits do not depend on when this happens."""
        if self._waiting is not None:
            x, y = self._waiting
            self._live(x, y, 1, x, ask=False)
            self._waiting = None

    def _answers(self, X: Any) -> np.ndarray:
        """Outputs [N, C] of the labels that are known, or means [N, T]."""
        x = self._features.rows(X)
        if self._labels is not None and not self._labels.known:
            raise UsageError("no label is known yet: learn first, or give classes")
        chunks = (x[start : start + CHUNK] for start in range(0, len(x), CHUNK))
        self._settle()
        nothing = self._no_rows, self._nothing[:0], 0
        outputs = [np.asarray(self._live(*nothing, _padded(chunk)))[: len(chunk)] for chunk in chunks]
        output = np.concatenate([np.zeros((0, self.learner.spec.outputs), np.float32), *outputs])
        return output if self._labels is None else output[:, : len(self._labels.known)]

    def _given(self, y: Any) -> np.ndarray:
        """Indices of labels [N], or real targets [N, T]."""
        if self._labels is not None:
            return self._labels.places(y)
        size = self.learner.spec.num_targets
        try:
            targets = np.asarray([np.full(size, np.nan) if row is None else row for row in y], np.float32)
            return targets.reshape(len(y), size)
        except (TypeError, ValueError) as error:
            raise UsageError(f"targets do not fit: give {size} real number(s) per sample") from error

    def _chosen(self) -> Labels:
        if self._labels is None:
            raise UsageError(f"{self.learner.name} predicts real targets here: there are no labels")
        return self._labels


def _padded(rows: np.ndarray) -> np.ndarray:
    """Rows followed by zeros up to a chunk."""
    if len(rows) == CHUNK:
        return rows
    return np.concatenate([rows, np.zeros((CHUNK - len(rows), *rows.shape[1:]), rows.dtype)])
