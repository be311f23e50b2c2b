"""The registry of learners: one file per learner, here or in `strategies`, with its name; the file ends in `ENTRY`.

A file in this package is listed; one from outside is listed by `register`, or on a command line by --import.
Files without an `ENTRY` are parts of learners.
"""

from typing import Any

from pcl.errors import UsageError
from pcl.fields import as_dict, check_all
from pcl.learners import backprop
from pcl.learners.guard import check_spec, guarded, untold
from pcl.learners.inputs import skipping
from pcl.learners.returned import checked
from pcl.registry import Registry
from pcl.types import HParams, Learner, LearnerEntry, Spec

ARCHITECTURE = ("architecture", "width", "depth", "layer_sizes")  # settings that determine a network's cost of a sample
REGISTRY = Registry("learner", LearnerEntry, __name__)
register = REGISTRY.register


class Made(Learner):
    """A learner as `make` returns it, with its name and its `Spec`, so that it can be saved."""

    name: str
    spec: Spec


def make(name: str, spec: Spec) -> tuple[Made, HParams]:
    """The learner called `name` for a stream that announces `spec`, and its default hyper-parameters.

    Its arguments and results are checked (`pcl.learners.guard`, `pcl.learners.returned`). It sees tasks only
    if its entry says that it is told. Rows that are not finite do not change its state
    (`pcl.learners.inputs.skipping`).

    Raises:
      UsageError: there is no such learner, or `spec` has neither labels nor targets, or not the kind that it predicts.
        The learner's functions raise it, too: for inadmissible settings, for batches of other shapes than `spec`, and
        if their results violate the contract.

    Examples:
      >>> import jax
      >>> learner, hp = make("ncm", Spec(input_shape=(4,), num_labels=3))
      >>> state = learner.init(jax.random.key(0), hp)
      >>> learner.predict(state, jax.numpy.zeros((2, 4)), hp).logits.shape
      (2, 3)
    """
    entry = REGISTRY[name]
    check_spec(spec)
    if not (entry.targets if spec.num_targets else entry.labels):
        able = ", ".join(sorted(n for n, e in REGISTRY.items() if (e.targets if spec.num_targets else e.labels)))
        raise UsageError(
            f"{name} cannot predict {'real targets' if spec.num_targets else 'labels'}; learners that can: {able}"
        )
    learner = skipping(checked(entry.make(spec), name, spec))
    made = Made(*guarded(learner if entry.told else untold(learner), spec, entry.hparams))
    made.name, made.spec = name, spec
    return made, entry.hparams


def cost_ratio(name: str, spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """FLOPs per learned sample relative to `backprop` on the same architecture (its default for other learners)."""
    entry = REGISTRY[name]
    numbers = as_dict(check_all(hp, entry.hparams))
    # In other learners `width` is the size of a state, which no network of backpropagation has.
    architecture = {key: numbers[key] for key in ARCHITECTURE if "architecture" in numbers}
    allowance = backprop.flops(spec, backprop.ENTRY.hparams.replace(**architecture), 0, batch)
    return entry.flops(spec, hp, inference_steps, batch) / allowance
