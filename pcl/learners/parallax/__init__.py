"""Parallax: a learner that infers, without being told, which of several contexts a sample comes from.

A learner whose result does not depend on the order of samples must fail where the same input means different things
at different times. Here a life is a hidden Markov chain over contexts. A context is a sensor (a density of inputs) and
a map of names (labels of the latent classes of that sensor). A window holds samples that are not learned yet. Five
hypotheses compete for it: the present context, another known one, a mixture of known ones, new names over the same
sensor, a new sensor. Each has a log Bayes factor, in nats, and a price. In sleep, contexts merge if one explains their
samples as well as two, and a context that has changed splits.

One row of a life is seven calls (`life.live`):

  look      sensors vote on the input; every context has an opinion      `sensors`, `contexts.belief`
  expect    prior and opinions settle into a posterior: the answer       `contexts.belief`, `contexts.settling`
  hear      the label settles it again                                   the same
  explain   the window takes the sample and its evidence                 `evidence`, `window`
  decide    one hypothesis takes the window, or it is kept               `verdict`
  rest      contexts merge or split, where a sleep is due                `sleep`, `contexts.mergers`
  learn     the chosen context learns the window                         `contexts.names`, `sensors`

Around them: `learner` (init, predict, update), `eye` (codes of inputs), `state`, `succession` (transitions of labels),
`numbers` (constants), `hparams` (settings), `ablations`.

Glossary; each word has this meaning in the package and no other:

  posterior, belief   probability of each context given all samples so far; the belief is carried to the next sample
  prior, hazard       probability before a sample; the hazard is that of a change of context (a sticky Markov chain)
  context             hidden state: an index of a sensor and a map. `known`: there is one. `current`: it learns
  sensor              mixture of class-conditional densities, whose components are its latents
  latent              component of a sensor, which labels name; `size` samples have taught it
  map, names          contingency table of labels and latents in one context
  vote, opinion       likelihoods by a sensor, and by a context; neither depends on the belief (the cavity)
  evidence            log Bayes factor against the present context, in nats, prequential
  window              samples that are held back; a shadow is a candidate (new map, new sensor) that learns it alone
  mature, ripe        of a label: its context has seen enough of it for it to be evidence of a change
  typicality          log distance of an input, standardised by those of its sensor; strange: too large for that sensor
  drift               log Bayes factor that the recent samples of a latent lie elsewhere than all of its samples
  sums                sufficient statistics of a sensor: they add, whatever the order, and can be taken off again
  surprise            -log probability of the label, or of the input

With a single context it is a mixture of class-conditional densities. Their sufficient statistics are sums, so the
result does not depend on the order of samples unless a latent is found to drift. A sample is learned at most four times
`lag` samples after it came. A context that begins with classes never seen before is taken for new classes of the
current one until a label conflicts.

Costs: a vote takes L D^2 + H L for each sensor in use, and D H once for the features of the code. If L covariances are
more than 2^20 numbers (a thousand characters; a sensory code) all latents share one, and a vote takes D^2 + 2 L D.
Applying a map to a vote takes L + C.

Sources: Heald, Lengyel and Wolpert (2021), doi:10.1038/s41586-021-04129-3 (COIN: contexts as hidden states); Goyal et
al. (2021), arXiv:2103.01197 (modules that communicate through a shared workspace alone).
"""

from typing import Any

from pcl.learners.parallax import ablations, eye, succession
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.learner import living, make
from pcl.learners.parallax.sensors.bank import sensor
from pcl.types import LearnerEntry, Spec

__all__ = ["ENTRY", "HParams", "flops", "living", "make"]


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations per learned sample: its code, votes before and after, settling, one sensor that learns.

    An upper bound: every slot is taken to hold a context with a sensor of its own.
    """
    of_sensor = sensor(spec.num_labels, eye.size(spec, hp), ablations.of(hp)).flops
    votes = 2 * hp.max_contexts * of_sensor.vote
    beliefs = 2 * hp.max_contexts * spec.num_labels
    settling = (inference_steps + 2) * 8 * beliefs
    reading = 8 * hp.max_contexts * spec.num_labels
    return eye.flops(spec, hp) + votes + reading + settling + of_sensor.learn


ENTRY = LearnerEntry(
    make=make,
    hparams=HParams(),
    summary="infers the context of each sample; a context is a sensor and a map of names",
    flops=flops,
    local=True,
    label="parallax",
    at_rest=lambda spec, state: state._replace(succession=succession.init(spec.num_labels)),
)
