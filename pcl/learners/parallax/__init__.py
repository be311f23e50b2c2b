"""Parallax: a persistent workspace that infers which of its specialists explains the stream, before anyone learns.

One learner that is free of order must fail where the same input means different things at different times. Here
contexts are inferred, without being announced, from two kinds of evidence that meet in one workspace: inputs that no
known sensor produces (another sensor: a new bank of specialists), and labels that contradict what is known of inputs
that look as always (other names for the same things: a new map over the same bank).

  protocol    what specialists and the workspace say to each other; no other path exists
  code        what all of them see: directions of the input, or a sensory code that is frozen after its critical period
  density     generative specialists: Student-t densities of latent classes        `student` the density itself
  shared      the same of many latents, or on a wide code: one covariance for all, a prior over class means
  synapses    discriminative specialists: conjugate synapses on features of the code
  maps        what latents are called in a context
  settling    iterative inference on one free energy, as many steps as surprise takes
  workspace   belief over contexts and classes, sticky prior, opinions read from votes
  window      samples that nobody has learned yet, and two shadows that compete for them
  surprise    evidence and verdict: learn, recall, allocate, hold, refuse
  sleep       contexts that turn out to be one become one, and one that is two, two    `merging` evidence and sums
  numbers     every number that decides something and is no setting
  succession  what labels follow each other: the place in time that the next observation has and a query has not
  counts      how many samples sums stand for: float32 counts to 2^24, and a life has no end
  learner     init, predict and update; a batch is lived through row by row

With one context it is a mixture of class densities, whose sums over samples do not depend on their order as long as
none of them is found to move, held back by at most four times the lag. Contexts follow each other like states of a
hidden Markov model, Heald, Lengyel and Wolpert (2021), doi:10.1038/s41586-021-04129-3 (COIN); specialists that only
meet in a workspace as in Goyal et al. (2021), arXiv:2103.01197.

Costs: a vote takes L D^2 + H L of each bank that a context looks through, and D H for the features that all see. Where
L covariances are more than 2^20 numbers (a thousand characters; a sensory code) all latents share one, and a vote takes
D^2 + 2 L D. What a map says of a vote takes L + C, whatever the table it stands for. A context that begins with classes
never seen before is taken for new classes of the current one until a label conflicts.
"""

from typing import Any

from pcl.learners.parallax import ablations, eye
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.learner import living, make
from pcl.learners.parallax.sensors.bank import sensor
from pcl.types import LearnerEntry, Spec

__all__ = ["ENTRY", "HParams", "flops", "living", "make"]


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations a learned sample: its code, votes before and after, settling, one sensor that learns.

    The most there can be: as if every slot held a context with a sensor of its own.
    """
    of_sensor = sensor(spec.num_labels, eye.size(spec, hp), ablations.of(hp)).flops
    votes = 2 * hp.specialists * of_sensor.vote
    beliefs = 2 * hp.specialists * spec.num_labels
    settling = (inference_steps + 2) * 8 * beliefs
    reading = 8 * hp.specialists * spec.num_labels
    return eye.flops(spec, hp) + votes + reading + settling + of_sensor.learn


ENTRY = LearnerEntry(
    make=make,
    hparams=HParams(),
    summary="a workspace that infers contexts, and specialists that learn in theirs",
    flops=flops,
    local=True,
    label="parallax",
)
