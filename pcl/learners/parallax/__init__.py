"""Parallax: a persistent workspace that infers which of its specialists explains the stream, before anyone learns.

One learner that is free of order must fail where the same input means different things at different times. Here
contexts are inferred, without being announced, from two kinds of evidence that meet in one workspace: inputs that no
known sensor produces (another sensor: a new bank of specialists), and labels that contradict what is known of inputs
that look as always (other names for the same things: a new map over the same bank).

  protocol    what specialists and the workspace say to each other; no other path exists
  density     generative specialists: Student-t densities of latent classes        `student` the density itself
  synapses    discriminative specialists: conjugate synapses on features of the code
  maps        what latents are called in a context
  settling    iterative inference on one free energy, as many steps as surprise takes
  workspace   belief over contexts and classes, sticky prior, opinions read from votes
  window      samples that nobody has learned yet, and two shadows that compete for them
  surprise    evidence and verdict: learn, recall, allocate, hold, refuse
  sleep       contexts that have turned out to be one become one                 `merging` evidence and sums
  succession  what labels follow each other: the place in time that the next observation has and a query has not
  learner     init, predict and update; a batch is lived through row by row

With one context it is a mixture of class densities, whose sums over samples do not depend on their order as long as
none of them is found to move, held back by at most the lag. Contexts follow each other like states of a hidden Markov
model, Heald, Lengyel and Wolpert (2021), doi:10.1038/s41586-021-04129-3 (COIN); specialists that only meet in a
workspace as in Goyal et al. (2021), arXiv:2103.01197.

Costs: a vote takes L D^2 + H L of each bank that a context looks through, and D H for the features that all see; a
covariance of each latent where L D^2 numbers are no more than 2^20, else one for all (a thousand characters). A context
that begins with classes never seen before is taken for new classes of the current one until a label conflicts.
"""

import math
from typing import Any

from pcl.learners.parallax import code, density, synapses
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.learner import make
from pcl.types import Spec

__all__ = ["HParams", "flops", "make"]


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> Any:
    """Floating-point operations a learned sample: its code, votes before and after, settling, one bank that learns.

    The most there can be: as if every slot held a context with a bank of its own.
    """
    inputs = code.size(spec, hp.code)
    projected = 2 * inputs * (math.prod(spec.input_shape) + 2 * hp.width)
    votes = 2 * hp.specialists * density.vote_flops(spec.num_labels, inputs)
    beliefs = 2 * hp.specialists * spec.num_labels
    settling = (inference_steps + 2) * 8 * beliefs + 2 * spec.num_labels * beliefs
    discriminating = 2 * hp.specialists * synapses.vote_flops(spec.num_labels, hp.width)
    learning = density.learn_flops(spec.num_labels, inputs) + synapses.learn_flops(spec.num_labels, hp.width)
    return projected + votes + discriminating + settling + learning
