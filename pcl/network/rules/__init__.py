"""The registry of inference rules: one file a rule, which ends in its `RULE`.

Settling is one signature, `settle(problem, start, budget, numbers) -> Settled` (see `pcl.network.inference`). A file
that is put into this folder is a rule; so is one of a folder that is appended to `__path__` before `collect()`.

    gd, momentum, adam      local: memory, if any, is kept at each unit
    ipc                     local: weights move as well
    layerwise               local but for lateral connections within a layer
    conjugate, anderson     NOT: sums over all of a sample's units
    gauss_newton            NOT: errors carried through the chain meet in one solve
    epc                     NOT: a global reverse pass
    fixed_prediction        NOT: a feed-forward pass kept apart

Not rules, but beside them: outputs nudged to their targets (`energy.nudged`), an amortised start (`amortise`) and
Langevin dynamics (`generative`, which `inference.descend` takes) are local; early stops (`halting`) decide by a norm
over a sample's units when to learn, never where to go.
"""

import functools
import importlib
import pkgutil

from pcl.errors import UsageError, unknown
from pcl.network.energy import Problem
from pcl.network.halting import HALTS, Budget
from pcl.network.inference import Numbers, Rule, Settled, Start

RULES: dict[str, Rule] = {}


def collect() -> None:
    """Adds the rules of files that are not in the registry yet.

    Raises:
      UsageError: a file that does not end in a `RULE`, or one without what a rule must say.
    """
    for name in sorted(found.name for found in pkgutil.iter_modules(__path__)):
        if name not in RULES:
            rule = getattr(importlib.import_module(f"{__name__}.{name}"), "RULE", None)
            if not isinstance(rule, Rule):
                raise UsageError(f"rule {name}: its file must end in RULE = Rule(settle, flops, local, halts, bound)")
            if not callable(rule.flops):
                raise UsageError(f"rule {name}: flops={rule.flops}: say what a learning step costs")
            if not rule.halts or set(rule.halts) - set(HALTS):
                raise UsageError(f"rule {name}: halts={rule.halts}: choose some of {', '.join(HALTS)}")
            RULES[name] = rule._replace(settle=functools.partial(_settle, name, rule))


def _settle(name: str, rule: Rule, problem: Problem, start: Start, budget: Budget, numbers: Numbers) -> Settled:
    if budget.halt is not None:
        check_halt(name, rule, budget.halt.rule)
    return rule.settle(problem, start, budget, numbers)


def check_halt(name: str, rule: Rule, halt: str) -> None:
    """Refuses a kind of halt that a rule does not take.

    Raises:
      UsageError: with those that it takes.
    """
    if halt not in rule.halts:
        able = " or ".join(f"halt={kind}" for kind in rule.halts)
        raise UsageError(f"halt={halt}: inference={name} takes {able}")


def choose(name: str, halt: str = "fixed", learns: tuple[str, ...] = ("settled",)) -> Rule:
    """The rule called `name`, for who has it `halt` so and whose weights can learn in one of these ways.

    Raises:
      UsageError: there is none, or it does not fit.
    """
    if name not in RULES:
        raise unknown("rule", name, RULES)
    rule = RULES[name]
    check_halt(name, rule, halt)
    if rule.learns not in learns:
        able = ", ".join(sorted(known for known, other in RULES.items() if other.learns in learns))
        how = "at every step" if rule.learns == "meanwhile" else "from the feed-forward activities"
        raise UsageError(f"inference={name} learns {how}, which does not fit here; choose one of {able}")
    return rule


collect()
