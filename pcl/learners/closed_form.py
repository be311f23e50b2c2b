"""Closed-form classifiers from sums over samples, on fixed features: linear discriminants and ridge regression.

With phi the features of a sample, a constant 1 behind them, and y its label, one-hot, the state is

    xx = sum phi phi^T,    xy = sum phi y^T

which hold the number and the mean mu_c of the samples of each class, and the scatter S within classes, n samples in
all. The weights that follow are

    ridge         W = (xx + ridge I)^-1 xy, without the constant and so without offsets
    discriminant  w_c = Sigma^-1 mu_c, offset -mu_c^T Sigma^-1 mu_c / 2, Sigma = (1 - s) S / n + s T

s is `shrinkage`, and T the identity; or s is the estimate of Chen, Wiesel, Eldar and Hero (2010), arXiv:0907.4698, OAS,
and T the identity times the mean variance. Sums do not depend on the order of samples. `block` samples wait until they
are added and solved for, and predictions are made without them. A class without a sample is never predicted.

Images are first freed of their own mean and norm, as in `features`, and have mean square 1: streams standardise pixels
by running moments, so that the background differs a little between classes and hardly within one, which would
decide the classification. Features are `raw` inputs; `relu`, max(0, W^T x), with normal weights, RanPAC,
arXiv:2307.02251, or with `uniform` ones within 1 / sqrt(inputs), ACIL, arXiv:2205.14922; or `fourier`, sqrt(2 /
features) cos(W^T x + b), Rahimi and Recht (2007), for the kernel exp(-gamma |x - x'|^2 / inputs), RanDumb,
arXiv:2402.08823.
"""

import functools
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Float, PRNGKeyArray

from pcl import linalg
from pcl.fields import Traced, static, traced
from pcl.learners.features import IMAGE_SIZE, contrasts
from pcl.learners.inputs import masked_vectors, targets, teaching_rows, vectors
from pcl.learners.ncm import UNSEEN
from pcl.synapses.statistics import Gathering, gather, gather_flops, nothing_gathered, ridge_weights
from pcl.types import Batch, Info, Learner, LearnerEntry, Prediction, Spec

MAPS = ("raw", "relu", "uniform", "fourier")
RAW = {"feature_map": ("raw",)}
ROUNDING = 128  # relative rounding error of sums of many products, in epsilons of the float type
NO_VARIANCE = 1e-9  # mean variance of features that have not varied yet


@struct.dataclass
class HParams:
    """Hyper-parameters of the features and of the classifier on them."""

    feature_map: str = static("raw", "fixed map from an input to its features", choices=MAPS)
    random_features: int = static(1000, "number of random features", low=1, idle=RAW)
    gamma: Traced = traced(
        1.0,
        "decay rate of the kernel that fourier features approximate",
        low=0,
        idle={"feature_map": ("raw", "relu", "uniform")},
    )
    classifier: str = static("discriminant", "classifier on the features", choices=("discriminant", "ridge"))
    ridge: Traced = traced(1.0, "prior precision of the weights", low=1e-6, idle={"classifier": ("discriminant",)})
    estimator: str = static(
        "fixed",
        "shrinkage of the covariance within classes: fixed, or estimated",
        choices=("fixed", "oas"),
        idle={"classifier": ("ridge",)},
    )
    shrinkage: Traced = traced(
        1e-4,
        "share of the identity in the shrunk covariance within classes",
        low=1e-9,
        high=1,
        idle={"estimator": ("oas",), "classifier": ("ridge",)},
    )
    contrast: str = static(
        "images", "contrast normalisation: each image is centred and normalised", choices=("images", "none")
    )
    block: int = static(
        1000, "block: inputs per block; low_rank: rank; sums: samples that wait for the next solve", low=1
    )


class State(NamedTuple):
    """Weights and phases of the features, and sums over samples with the weights that follow."""

    fixed: tuple[Array, ...]
    sums: Gathering


def width(spec: Spec, hp: HParams) -> int:
    """Features of an input, without the constant."""
    return math.prod(spec.input_shape) if hp.feature_map == "raw" else hp.random_features


def flops(spec: Spec, hp: HParams, inference_steps: Any, batch: int) -> float:
    """Floating-point operations per learned sample: its features, its sums, and its share of a solve."""
    projected = 0 if hp.feature_map == "raw" else 2 * math.prod(spec.input_shape) * hp.random_features
    return projected + gather_flops(width(spec, hp) + 1, spec.outputs, hp.block)


def drawn(key: PRNGKeyArray, spec: Spec, hp: HParams) -> tuple[Array, ...]:
    """Weights [inputs, features] of the features, and phases where they have some."""
    inputs, (w_key, b_key) = math.prod(spec.input_shape), jax.random.split(key)
    shape, bound = (inputs, hp.random_features), 1 / math.sqrt(inputs)
    if hp.feature_map == "raw":
        return ()
    if hp.feature_map == "uniform":
        return (jax.random.uniform(w_key, shape, minval=-bound, maxval=bound),)
    w = jax.random.normal(w_key, shape)
    phase = jax.random.uniform(b_key, (hp.random_features,), maxval=2 * math.pi)
    return (w, phase) if hp.feature_map == "fourier" else (w,)


def encode(fixed: tuple[Array, ...], x: Float[Array, "B ..."], hp: HParams) -> Float[Array, "B D"]:
    """Features, and a constant of 1 behind them."""
    phi_BD = vectors(x)
    if hp.contrast == "images" and phi_BD.shape[1] >= IMAGE_SIZE:
        phi_BD = math.sqrt(phi_BD.shape[1]) * contrasts(phi_BD)
    if hp.feature_map == "fourier":
        w, phase = fixed
        phi_BD = math.sqrt(2 / len(phase)) * jnp.cos(jnp.sqrt(2 * hp.gamma / len(w)) * (phi_BD @ w) + phase)
    elif hp.feature_map != "raw":
        phi_BD = jax.nn.relu(phi_BD @ fixed[0])
    return jnp.concatenate([phi_BD, jnp.ones_like(phi_BD[:, :1])], axis=1)


def make(spec: Spec) -> Learner:
    """A classifier for inputs and labels as announced in `spec`."""

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        return State(drawn(key, spec, hp), nothing_gathered(width(spec, hp) + 1, spec.num_labels, hp.block))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        return Prediction(logits=_scores(state.sums, encode(state.fixed, x, hp)))

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        phi_BD = encode(state.fixed, masked_vectors(batch), hp)
        if hp.classifier == "ridge":
            solve = functools.partial(ridge_without_offsets, ridge=hp.ridge)
        else:
            solve = functools.partial(discriminants, shrinkage=None if hp.estimator == "oas" else hp.shrinkage)
        sums = gather(state.sums, phi_BD, targets(batch, spec), teaching_rows(batch), solve)
        return State(state.fixed, sums), Info(Prediction(logits=_scores(state.sums, phi_BD)))

    return Learner(init, predict, update)


def _scores(sums: Gathering, phi_BD: Float[Array, "B D"]) -> Float[Array, "B C"]:
    """Scores of the classes; very low, yet finite, for classes without a sample."""
    return jnp.where(sums.xy[-1] > 0, phi_BD @ sums.w, UNSEEN)


def ridge_without_offsets(xx: Float[Array, "D D"], xy: Float[Array, "D C"], ridge: ArrayLike) -> Float[Array, "D C"]:
    """The weights of ridge regression on the features; that of the constant is 0."""
    return jnp.concatenate([ridge_weights(xx[:-1, :-1], xy[:-1], ridge), jnp.zeros_like(xy[:1])])


def discriminants(xx: Float[Array, "D D"], xy: Float[Array, "D C"], shrinkage: ArrayLike | None) -> Float[Array, "D C"]:
    """The weights of linear discriminants with equal priors; that of the constant is the offset. None: OAS."""
    total_C, sums_EC = xy[-1], xy[:-1]
    n, eye = jnp.maximum(total_C.sum(), 1), jnp.eye(len(sums_EC), dtype=xx.dtype)
    mean_EC = sums_EC / jnp.maximum(total_C, 1)
    within = (xx[:-1, :-1] - mean_EC @ sums_EC.T) / n
    shrunk = _oas(within, n) if shrinkage is None else (1 - shrinkage) * within + shrinkage * eye
    # A variance is a difference of sums, which may cancel entirely.
    rounding = ROUNDING * jnp.finfo(xx.dtype).eps * jnp.diagonal(xx)[:-1] / n
    factor = linalg.cholesky(0.5 * (shrunk + shrunk.T) + jnp.diag(rounding))
    w_EC = linalg.cholesky_solve(factor, mean_EC)
    return jnp.concatenate([w_EC, -0.5 * jnp.sum(mean_EC * w_EC, axis=0, keepdims=True)])


def _oas(within: Float[Array, "E E"], n: ArrayLike) -> Float[Array, "E E"]:
    """The covariance shrunk to its mean variance by the oracle approximating share (equation 23 without 2 / p)."""
    trace, square, p = jnp.trace(within), jnp.sum(within**2), len(within)
    off = square - trace**2 / p  # 0 where all variances are one and nothing correlates, as before the first sample
    share = jnp.where(off > 0, jnp.minimum((square + trace**2) / ((n + 1) * jnp.where(off > 0, off, 1.0)), 1.0), 1.0)
    return (1 - share) * within + share * (trace / p + NO_VARIANCE) * jnp.eye(p, dtype=within.dtype)


def entry(label: str, summary: str, local: bool, **settings: Any) -> LearnerEntry:
    """The entry of a classifier with `settings`."""
    return LearnerEntry(make, HParams(**settings), summary, flops, local=local, label=label)
