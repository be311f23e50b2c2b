"""Checks of the results of a learner's functions: shapes and types only, so that compiled programs pay nothing."""

from typing import Any

import jax
import jax.numpy as jnp

from pcl.errors import UsageError, shown
from pcl.types import Batch, HParams, Info, Learner, Logged, Prediction, Spec

LONGEST = 60  # characters of a type or structure in a message


def checked(learner: Learner, name: str, spec: Spec) -> Learner:
    """`learner`, whose functions raise a `UsageError` that names it if their results violate the contract.

    A prediction has logits [B, labels], or means [B, real targets]. An update returns a state of the structure, shapes
    and types of the one that it was given, and an `Info`.
    """

    def predict(state: Any, x: Any, hp: HParams) -> Prediction:
        prediction = learner.predict(state, x, hp)
        _check_prediction(prediction, spec, len(x), f"learner {name}: predict returned")
        return prediction

    def update(state: Any, batch: Batch, hp: HParams) -> tuple[Any, Info]:
        returned = learner.update(state, batch, hp)
        if not (isinstance(returned, tuple) and len(returned) == 2 and isinstance(returned[1], Info)):
            raise UsageError(f"learner {name}: update must return (state, Info(...)); it returned {_kind(returned)}")
        after, info = returned
        _check_state(state, after, f"learner {name}: update")
        if info.prediction is not None:
            _check_prediction(info.prediction, spec, len(batch.x), f"learner {name}: Info.prediction holds")
        for key, value in info.log.items():
            if not isinstance(value, Logged):
                raise UsageError(f"learner {name}: Info.log[{key!r}] must be Logged(value, per); it is {_kind(value)}")
        return after, info

    return Learner(learner.init, predict, update)


def _check_prediction(prediction: Any, spec: Spec, rows: int, where: str) -> None:
    wanted, what = ("mean", "real target") if spec.num_targets else ("logits", "label")
    right = rows, spec.outputs
    if not isinstance(prediction, Prediction) or getattr(prediction, wanted) is None:
        found = f"no {wanted}" if isinstance(prediction, Prediction) else _kind(prediction)
        raise UsageError(f"{where} {found}; expected Prediction({wanted}=...) of shape {right}, one a {what}")
    shapes = {wanted: right, "variance": right, "query": (rows,)}
    for part, shape in shapes.items():
        value = getattr(prediction, part)
        if value is not None and jnp.shape(value) != shape:
            raise UsageError(f"{where} {part} of shape {jnp.shape(value)}; expected {shape}")


def _check_state(before: Any, after: Any, where: str) -> None:
    old, new = _leaves(before), _leaves(after)
    for path in [*old, *new]:
        was, became = _array(old.get(path)), _array(new.get(path))
        if was != became and not (path in old and path in new and _fits(old[path], new[path])):
            raise UsageError(f"{where} changes the state at {path or 'its root'}: {was} becomes {became}")
    structures: list[Any] = [jax.tree.structure(state) for state in (before, after)]
    if structures[0] != structures[1] and str(structures[0]) != str(structures[1]):
        was, became = (shown(structure, LONGEST) for structure in structures)
        raise UsageError(f"{where} changes the structure of the state: {was} becomes {became}")


def _leaves(tree: Any) -> dict[str, Any]:
    return {jax.tree_util.keystr(path): leaf for path, leaf in jax.tree_util.tree_leaves_with_path(tree)}


def _fits(old: Any, new: Any) -> bool:
    """Whether JAX accepts one for the other: equal shapes, and equal types or a weak old type."""
    return jnp.shape(old) == jnp.shape(new) and getattr(old, "weak_type", True)


def _array(leaf: Any) -> str:
    if leaf is None:
        return "nothing"
    if not hasattr(leaf, "dtype"):
        return type(leaf).__name__
    return f"{leaf.dtype}{list(leaf.shape)}"


def _kind(value: Any) -> str:
    """What a value is: an array with its shape, a tuple with the kinds in it, or the name of its type."""
    if isinstance(value, jax.Array) or hasattr(value, "dtype"):
        return f"an array {_array(value)}"
    if type(value) is tuple:
        return f"({shown(', '.join(map(_kind, value)), LONGEST)})"
    return type(value).__name__
