"""The registry of learners: one file a learner, one line here."""

from collections.abc import Callable
from typing import Any, NamedTuple

from pcl.errors import UsageError, unknown
from pcl.fields import as_dict, check_all
from pcl.learners import backprop, bpc, fresh, generative, ncm, nlms, parallax, pcn, reopening, replay, rls, tpc
from pcl.learners.guard import check_spec, guarded
from pcl.learners.inputs import skipping
from pcl.types import HParams, Learner, Spec


class Entry(NamedTuple):
    """How a learner is made, its default numbers, what it is in one line, what it costs and what it can answer."""

    build: Callable[[Spec], Learner]
    hparams: HParams
    summary: str
    flops: Callable[[Spec, HParams, Any, int], Any]  # a sample of a batch of this size, at a mean of inference steps
    labels: bool = True  # predicts labels
    targets: bool = False  # predicts real targets
    step_bound: Callable[[Spec, HParams], float | None] | None = None  # largest stable `inference_lr`, fresh weights

    def make(self, spec: Spec) -> Learner:
        """The learner for a stream that announces `spec`, guarded (see `guard`).

        Rows that are not finite are padding to it (see `inputs.skipping`).

        Raises:
          UsageError: `spec` announces nothing that can be learned.
        """
        check_spec(spec)
        return guarded(skipping(self.build(spec)), spec, self.hparams)


REGISTRY = {
    "pcn": Entry(
        pcn.make,
        pcn.HParams(),
        "predictive-coding network, local updates after inference",
        pcn.flops,
        targets=True,
        step_bound=pcn.step_bound,
    ),
    "backprop": Entry(
        backprop.make, backprop.HParams(), "perceptron trained by backpropagation", backprop.flops, targets=True
    ),
    "er": Entry(
        lambda spec: replay.around(backprop.make(spec), spec),
        replay.ReplayHParams(rule=backprop.HParams()),
        "experience replay from a reservoir, learned by backpropagation",
        replay.flops(backprop.flops),
        targets=True,
    ),
    "er_pcn": Entry(
        lambda spec: replay.around(pcn.make(spec), spec),
        replay.ReplayHParams(rule=pcn.HParams()),
        "experience replay from a reservoir, learned by a predictive-coding network",
        replay.flops(pcn.flops),
        targets=True,
        step_bound=lambda spec, hp: pcn.step_bound(spec, hp.rule),
    ),
    "fresh": Entry(
        lambda spec: fresh.around(backprop.make(spec)),
        fresh.HParams(rule=backprop.HParams()),
        "a perceptron trained by backpropagation that begins anew at every switch of context, which it is told",
        lambda spec, hp, inference_steps, batch: backprop.flops(spec, hp.rule, inference_steps, batch),
        targets=True,
    ),
    "ncm": Entry(ncm.make, ncm.HParams(), "nearest class mean", ncm.flops),
    "nlms": Entry(
        nlms.make,
        nlms.HParams(),
        "linear layer on a code, predictive coding at equilibrium",
        nlms.flops,
        targets=True,
    ),
    "rls": Entry(rls.make, rls.HParams(), "recursive least squares on a code", rls.flops, targets=True),
    "bpc": Entry(
        bpc.make, bpc.HParams(), "Bayesian predictive coding: conjugate synapses on a code", bpc.flops, targets=True
    ),
    "tpc": Entry(
        tpc.make,
        tpc.HParams(),
        "temporal predictive coding of sequences, side by side in the rows of a batch",
        tpc.flops,
        labels=False,
        targets=True,
        step_bound=tpc.step_bound,
    ),
    "generative": Entry(
        generative.make, generative.HParams(), "class Gaussians on a code, one covariance for all", generative.flops
    ),
    "reopening": Entry(
        lambda spec: reopening.around(generative.gaussians(spec), spec),
        reopening.HParams(rule=generative.HParams(features="code")),
        "class Gaussians on a sensory code that develops anew when the world no longer fits it",
        reopening.flops(generative.flops),
    ),
    "reopening_parallax": Entry(
        lambda spec: reopening.around(parallax.living(spec), spec),
        reopening.HParams(rule=parallax.HParams(features="code")),
        "parallax on a sensory code that develops anew when the world no longer fits it",
        reopening.flops(parallax.flops),
    ),
    "parallax": Entry(
        parallax.make,
        parallax.HParams(),
        "a workspace that infers contexts, and specialists that learn in theirs",
        parallax.flops,
    ),
    "parallax_single": Entry(
        parallax.make, parallax.HParams(specialists=1), "parallax with one context for everything", parallax.flops
    ),
    "parallax_told": Entry(
        parallax.make,
        parallax.HParams(context="told"),
        "an oracle: parallax told the context of each sample, a bank of specialists each",
        parallax.flops,
    ),
}


def entry(name: str) -> Entry:
    """The registry's line for `name`.

    Raises:
      UsageError: there is none.
    """
    if name not in REGISTRY:
        raise unknown("learner", name, REGISTRY)
    return REGISTRY[name]


def make(name: str, spec: Spec) -> tuple[Learner, HParams]:
    """The learner called `name` for a stream that announces `spec`, and its default numbers.

    Rows that are not finite change nothing that it knows (`pcl.learners.inputs.skipping`).

    Raises:
      UsageError: there is none, or it cannot predict what the stream asks. So do the learner's functions, given
        numbers that a command line would refuse, or batches of other shapes than announced.
    """
    found = entry(name)
    if not (found.targets if spec.num_targets else found.labels):
        able = ", ".join(sorted(n for n, e in REGISTRY.items() if (e.targets if spec.num_targets else e.labels)))
        raise UsageError(
            f"{name} cannot predict {'real targets' if spec.num_targets else 'labels'}, which this stream asks;"
            f" learners that can: {able}"
        )
    return found.make(spec), found.hparams


def cost_ratio(name: str, spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """FLOPs of a learned sample, relative to `backprop` on the same architecture (its own where there is none)."""
    found = entry(name)
    numbers = as_dict(check_all(hp, found.hparams))
    # Elsewhere a width is that of a code, and no network of backpropagation has it.
    architecture = {key: numbers[key] for key in ("architecture", "width", "depth") if "architecture" in numbers}
    allowance = backprop.flops(spec, REGISTRY["backprop"].hparams.replace(**architecture), 0, batch)
    return found.flops(spec, hp, inference_steps, batch) / allowance
