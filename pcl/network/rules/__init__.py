"""The registry of inference rules: one file per rule, which ends in its `RULE`.

All have the signature `settle(problem, start, budget, numbers) -> Settled` (see `pcl.network.inference`). A file in
this folder is a rule; a module from elsewhere is added by `register`.

    gd, momentum, adam      local: memory, if any, is kept at each unit
    ipc                     local: weights move as well
    layerwise               local but for lateral connections within a layer
    conjugate, anderson     NOT: sums over all of a sample's units
    gauss_newton            NOT: errors are carried through the chain into one solve
    epc                     NOT: a global reverse pass
    fixed_prediction        NOT: stores the feed-forward pass

To be combined with rules: outputs nudged to their targets (`energy.nudged`), an amortised start (`amortise`) and
Langevin dynamics (`generative`, for `inference.descend`) are local. Early stops (`halting`) read a norm over a
sample's units to decide when it learns; they do not change the path of its activities.
"""

import dataclasses
import functools

import jax.numpy as jnp

from pcl.errors import UsageError
from pcl.network import stability
from pcl.network.energy import Problem
from pcl.network.halting import Budget
from pcl.network.inference import Numbers, Rule, Settled, Start
from pcl.network.precision import largest_gain
from pcl.network.samples import Activities
from pcl.registry import Registry


class Rules(Registry[Rule]):
    """Rules by name; each refuses halts that are not among its `halts`."""

    def __setitem__(self, name: str, rule: Rule) -> None:
        super().__setitem__(name, dataclasses.replace(rule, settle=functools.partial(_settle, name, rule)))


def _settle(name: str, rule: Rule, problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    if budget.halt is not None:
        _check_halt(name, rule, budget.halt.rule)
    z = start.z if isinstance(start, Settled) else start
    return rule.settle(problem, start, budget, with_rate(rule, numbers, problem, z))


def with_rate(rule: Rule, numbers: Numbers, problem: Problem, z: Activities) -> Numbers:
    """`numbers`, with the rule's own rate if they have none, limited to a share of the stable step for these weights.

    The bound is that of `stability` and includes precisions, but not the curvature due to errors. Rules without a bound
    take their rate as it is.
    """
    if numbers.rate is not None:
        return numbers
    gain = largest_gain((None,) if problem.precision is None else problem.precision)
    gain = jnp.maximum(gain, problem.prior) if problem.bottom is None else gain
    numbers = numbers._replace(rate=rule.rate, gain=gain)
    if rule.bound is None or not z:
        return numbers
    stable = stability.bounded_step(problem, z, rule.bound(numbers))
    return numbers._replace(rate=jnp.minimum(rule.rate, stability.SHARE * stable))


def _check_halt(name: str, rule: Rule, halt: str) -> None:
    if halt not in rule.halts:
        able = " or ".join(f"halt={kind}" for kind in rule.halts)
        raise UsageError(f"halt={halt}: inference={name} takes {able}")


def choose(name: str, halt: str = "fixed", learns: tuple[str, ...] = ("settled",)) -> Rule:
    """The rule called `name`, if it takes `halt` and its way of learning is one of `learns`.

    Raises:
      UsageError: there is none, or it does not fit.
    """
    rule = RULES[name]
    _check_halt(name, rule, halt)
    if rule.learns not in learns:
        able = ", ".join(known for known, other in RULES.items() if other.learns in learns)
        how = "at every step" if rule.learns == "meanwhile" else "from the feed-forward activities"
        raise UsageError(f"inference={name} learns {how}, which does not fit here; choose one of {able}")
    return rule


RULES = Rules("rule", Rule, __name__, end="RULE")
register = RULES.register
