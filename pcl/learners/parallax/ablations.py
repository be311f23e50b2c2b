"""The numbers of one life: its settings, and the other values that an ablation gives some of them.

Nothing else reads `HParams.without`. Most ablations are other values (`numbers.WITHOUT`); four choose another function:
who learns a sample, which rows of the window are learned and when, and how the verdict reads the inputs.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Int

from pcl.learners.parallax import numbers, verdict
from pcl.learners.parallax.hparams import HParams


def of(hp: HParams) -> numbers.Numbers:
    """The numbers that the settings give."""
    as_set = numbers.Numbers(
        slots=hp.max_contexts,
        told=hp.context == "told",
        inference_steps=hp.inference_steps,
        rate=hp.rate,
        momentum=hp.inference_momentum,
        leap=hp.leap,
        tolerance=hp.energy_tolerance,
        hazard=hp.hazard,
        least_hazard=0.0,
        bound=hp.bound,
        voice_bound=hp.bound,
        least_error=numbers.LEAST_ERROR,
        recall=hp.recall,
        allocation=hp.allocation,
        drift_at=hp.allocation,
        lag=hp.lag,
        maturity=1,
        sleeps=True,
        width=0 if hp.features == "code" else hp.random_features,
        ridge=hp.ridge,
        sharpness=hp.sharpness,
        retention=1.0,
        trusting=1.0,
        taught=the_current_one,
        learned_rows=all_rows_once_resolved,
        read=verdict.decomposed,
    )
    return as_set._replace(**numbers.WITHOUT.get(hp.without, {}), **OTHER_FUNCTIONS.get(hp.without, {}))


def the_current_one(teach: Callable[..., Any], current: Int[Array, ""], number: Int[Array, ""], learned: Any) -> Any:
    """A sample is learned by the current context."""
    return teach(current, learned)


def everyone(teach: Callable[..., Any], current: Int[Array, ""], number: Int[Array, ""], learned: Any) -> Any:
    """A sample is learned by every context in turn."""
    return jax.lax.fori_loop(0, number, teach, learned)


def all_rows_once_resolved(size: Int[Array, ""], resolved: Bool[Array, ""]) -> tuple[Any, Array]:
    """First row of the window that is learned, and the end of those: all of them once the window is resolved."""
    return 0, jnp.where(resolved, size, 0)


def newest_once_resolved(size: Int[Array, ""], resolved: Bool[Array, ""]) -> tuple[Any, Array]:
    """The newest row alone, once the window is resolved."""
    return size - 1, jnp.where(resolved, size, 0)


def newest_at_once(size: Int[Array, ""], resolved: Bool[Array, ""]) -> tuple[Any, Array]:
    """The newest row, whatever the verdict."""
    return size - 1, size


OTHER_FUNCTIONS: dict[str, dict[str, Any]] = {
    "gating": {"taught": everyone},
    "replay": {"learned_rows": newest_once_resolved},
    "lag": {"learned_rows": newest_at_once},
    "decomposition": {"read": verdict.undecomposed},
}
