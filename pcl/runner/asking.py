"""Active learning on a stream: a learner requests the labels with the largest `query` values, within a budget.

A label is requested if the row's query value exceeds a quantile of the values of recent rows, and never beyond the
budget. The quantile is the budget plus a part of the budget that was not spent: query values fall as a learner
learns, so that fewer labels are requested, and the remainder is spent later. After the variable uncertainty strategy of
Zliobaite, Bifet, Pfahringer and Holmes (2014), doi:10.1109/TNNLS.2012.2236570, with a quantile of recent values in the
place of their multiplicative threshold, so that the scale of the values does not matter. The stream is not stopped: a
label that is not requested is never seen.
"""

from fractions import Fraction
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.errors import UsageError
from pcl.learners.inputs import finite_rows
from pcl.runner.step import Lived, Step
from pcl.types import Batch, HParams, Learner, Prediction, State

RECENT = 200  # earlier rows with whose query values a row is compared
INT32 = 2**31 - 1
HASTE = 4  # ranks by which the threshold is lowered for each label that was not spent


class Asking(NamedTuple):
    """Recent query values, and counts of labels asked for so far."""

    recent: Float[Array, " R"]  # query values; -inf where no row came yet
    seen: Int[Array, ""]
    asked: Int[Array, ""]


def asking(step: Step, learner: Learner, budget: float) -> Step:
    """`step` in which the learner requests at most the share `budget` of all labels; its memory holds an `Asking`."""

    def act(state: State, memory: Any, batch: Batch, hp: HParams) -> tuple[State, Any, Lived]:
        inner, past = memory
        prediction = learner.predict(state, batch.x, hp)
        labelled, past = ask(past, wanted(prediction), batch.valid & finite_rows(batch), budget)
        state, inner, lived = step.act(state, inner, batch._replace(labelled=labelled), hp)
        return state, (inner, past), lived._replace(prediction=prediction)

    return Step((step.memory, start()), act)


def start() -> Asking:
    """Before the first row."""
    return Asking(jnp.full(RECENT, -jnp.inf), jnp.zeros((), int), jnp.zeros((), int))


def wanted(prediction: Prediction) -> Float[Array, " B"]:
    """The query value of each row: the learner's own, else minus the margin between its two likeliest labels.

    Margin sampling: Scheffer, Decomain and Wrobel (2001), doi:10.1007/3-540-44816-0_31.

    Raises:
      UsageError: the learner predicts real targets and has no query values.
    """
    if prediction.query is not None:
        return prediction.query
    if prediction.logits is None:
        raise UsageError("labelling=request: this learner has no query values for real targets; set labelling=random")
    logits = jnp.sort(prediction.logits, axis=-1)
    return logits[:, -2] - logits[:, -1]


def ask(
    past: Asking, want: Float[Array, " B"], valid: Bool[Array, " B"], budget: float
) -> tuple[Bool[Array, " B"], Asking]:
    """The rows to be labelled, and the count of them."""
    want = jnp.where(valid, want, -jnp.inf)
    # Valid rows replace the oldest query values. Invalid rows have an index out of bounds and are dropped.
    place = jnp.where(valid, (past.seen + jnp.cumsum(valid) - 1) % RECENT, RECENT)
    recent = past.recent.at[place].set(want, mode="drop")
    seen = past.seen + valid.sum()
    whole, part = _share(budget, seen)
    allowed = whole - past.asked
    best = budget * jnp.minimum(seen, RECENT) + HASTE * jnp.maximum(allowed - 1 + part, 0)
    threshold = jnp.sort(recent)[::-1][jnp.clip(jnp.ceil(best).astype(int), 1, RECENT) - 1]
    rank = jnp.argsort(jnp.argsort(-want))
    asked = valid & (want >= threshold) & (rank < allowed)
    return asked, Asking(recent, seen, past.asked + asked.sum())


def _share(budget: float, seen: Int[Array, ""]) -> tuple[Int[Array, ""], Float[Array, ""]]:
    """`budget` times `seen`: its whole part and the rest, exact up to 2^31 rows for budgets of few digits.

    Others are rounded to a fraction whose products stay below 2^31, at least to nine decimals.
    """
    of = Fraction(budget).limit_denominator(int((INT32 / budget) ** 0.5) if budget else 1)
    rest = seen % of.denominator * of.numerator
    return seen // of.denominator * of.numerator + rest // of.denominator, (rest % of.denominator) / of.denominator
