"""The entry of a strategy around a rule."""

from collections.abc import Callable
from typing import Any

from pcl.learners.rule import NetworkRule
from pcl.types import HParams, Learner, LearnerEntry, Spec


def entry(
    rule: LearnerEntry,
    around: Callable[[NetworkRule, Spec], Learner],
    hparams: HParams,
    summary: str,
    label: str | None,
    cost: Callable[[Any, Spec, HParams, int], Any],
    **others: Any,
) -> LearnerEntry:
    """The entry of `rule` in a strategy, whose settings nest those of the rule as `hparams.rule`.

    cost: (operations of the rule alone, spec, hp, rows of a batch) -> operations per learned sample.
    others: fields of the entry that are not the rule's.
    """
    make, bound = rule.rule, rule.step_bound
    assert make is not None
    return rule._replace(
        make=lambda spec: around(make(spec), spec),
        hparams=hparams.replace(rule=rule.hparams),
        summary=summary,
        flops=lambda spec, hp, steps, batch: cost(rule.flops(spec, hp.rule, steps, batch), spec, hp, batch),
        label=label,
        step_bound=bound and (lambda spec, hp: bound(spec, hp.rule)),
        rule=None,
        sizes=None,
        **others,
    )
