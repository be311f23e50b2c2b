"""Every number of parallax that decides something and is not a setting (`hparams`), by the file that reads it.

Above each: its unit or what it counts, what it decides, and what it was tried against. "Not varied" says that neither
the code nor its history names another value; "form" says that another form of the rule was, not another value.
Thresholds were tried on digits and MNIST with seeds below 10 (`experiments.contexts`), and which other values these
were is not on record. What stays where it is used: the 2 of a square, guards of a division or a logarithm, multiples of
the rounding of float32, counts of operations, and a 0.5 that stands between no sample and one. An ablation is another
value of some of them (`WITHOUT`); `Numbers` are all that a life is set to.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from pcl.fields import Traced

# ---- sensors

# Log density of a latent without samples: below any other, yet finite. Not varied.
UNSEEN = -1e30
# Queries that are answered at once: memory of a probe. Not varied.
QUERIES = 256
# Numbers in the class covariances of one sensor, above which all its latents share one. Not varied.
LARGEST = 2**20

# ---- life: how often a sensor gets the samples of a latent wrong

# Samples of a latent before its errors are counted. Not varied.
WRONG_FROM = 5
# Samples taken off the count, so that the rate of 1 at first weighs as one. Form: steps of 1 / (size + 1) from 0.
WRONG_SKIPPED = WRONG_FROM - 2
# Least step of the running error, so that it follows some fourteen samples. Not varied.
WRONG_STEP = 0.07

# ---- eye

# Thresholds of the random features that synapses see are uniform from minus to plus this, in deviations of the code.
# Not varied.
THRESHOLD = 1.0

# ---- student: t-densities, and the prior of every covariance

# Samples that the isotropic prior covariance counts for. Not varied.
PRIOR_SAMPLES = 20.0
# Variance of that prior, in those of the code: half of it, the other half lies between classes. Not varied.
WITHIN = 0.5
# Degrees of freedom of a t until they are fitted, and of the window's shadow. Not varied.
FREEDOM = 6.0
# Distances remembered above which degrees of freedom are fitted to them. Not varied.
FREEDOM_FROM = 30
# Bounds of the fitted degrees of freedom; at 4 the kurtosis that they follow from is infinite. Not varied.
FREEDOM_LEAST, FREEDOM_MOST = 4.5, 60.0

# ---- density: a covariance of each latent (and `shared`, where it has no number of its own)

# Share of the mean variance that every direction has on top. Not varied.
RIDGE = 0.02
# Classes that are imagined to lie as far from each other as samples of one class do: where a new one is. Not varied.
IMAGINED = 3.0
# Sigma is renewed once new samples are one in so many of the sensor's, or so many at most. Not varied.
RENEWED_PART, RENEWED_MOST = 8, 100
# Samples of a class below which its distances are not remembered. Not varied.
YOUNG = 10
# Share of the remembered log distances (and cosines, `shared`) that is left after one more. Not varied.
FADE = 0.99
# Largest squared distance an entry of the code that one sample counts for in the tails. Not varied.
FARTHEST = 10.0
# Remembered distances (they fade: 100 at most) from which on a sensor tells typical inputs from others. Not varied.
CALIBRATED = 15
# Variance of log distances that is added to the one met, so that few alike do not make all others strange. Not varied.
LEAST_VARIANCE = 0.01
# Samples that the recent mean of a latent rests on: how soon it moves. Of 30, 50, 100 and 200, on Weather and the
# moving worlds of `experiments.drift`.
RECENT = 100.0
# Samples of a latent from which on it may move: twice those of its recent mean. Not varied.
MOVES_FROM = 2 * RECENT
# Most nats that one sample says for or against a latent's having moved. Not varied.
TELLS = 3.0

# ---- shared: one covariance for all latents

# Deviations that the scatter takes in at once: time of a sample, not what it teaches. Not varied.
WAITING = 16
# Rows of a matrix that are read at once, so that they stay in a cache: time. Not varied.
PIECE = 128
# Coordinates are renewed once new samples are one in so many of the sensor's, or so many at most. Not varied.
SHARED_PART, SELDOM = 4, 2000.0
# Share of all samples that is enough for coordinates to know a class, so that it may speak for a new context. Forms:
# all classes spoke, with which one life of three on Split-MNIST found a second context; then those with one sample.
FEW = 0.02
# Or, where classes are many, this share of the mean number of samples of a class. Not varied.
OF_MEAN = 0.5
# Most nats by which a class never seen may be likelier than all others. Form: no bound. Not varied.
STRANGEST = 10.0

# ---- names: what latents are called in a context

# Samples that a latent without a name counts for, spread over all labels. Not varied.
SMOOTHING = 0.2
# Wrong samples of a label that are feared before any was met. Not varied.
DOUBT = 2.0
# Least probability that a label says nothing of its context: bounds what one label can say. Not varied.
LEAST_ERROR = 0.02
# A latent has no name in a context with fewer votes than these, and this share of the mean votes of a latent on top.
# Not varied.
NAMELESS_VOTES, NAMELESS_SHARE = 0.5, 0.05
# Samples of a nameless latent from which on a label never met may be tied to it. Not varied.
FITS_FROM = 20
# Samples of a label that opened no latent up to which it teaches none. Not varied.
UNSURE = 3
# Share of its votes above which the latent of such a label is the one that it teaches. Not varied.
MAJORITY = 0.5

# ---- belief: opinions, and how far they settle

# Prior probability that a sample is of a class never seen. Not varied.
NOVELTY = 0.02
# Power of what densities say: as if half of a code's entries repeated the others. Not varied.
TEMPER = 0.5
# Most deviations by which one input is typical or strange. Not varied.
MOST_TYPICALITY = 5.0
# Log probability of what is ruled out: finite, and no float32 sum feels it. Not varied.
NEVER = -60.0
# Free energy of classes that settling leaves: times the usual surprise, and at most, in nats. Form: 0.9 nats always,
# with which digits took one step for nearly everything; on digits, MNIST and Fashion-MNIST with seeds 0 and 1.
SLACK, MOST_SLACK = 1.5, 0.9
# Labels that the usual surprise is a mean of. Not varied.
LATELY = 100.0

# ---- window

# Lags that a window is held on to at most, where another sensor is suspected. Form: one lag, on digits, MNIST and
# Fashion-MNIST with seeds below 10 and 20 to 26. Not varied.
LONGEST = 4

# ---- evidence: what a sample says for a new context

# Samples of a label in a context from which on it speaks for a new one. Form: from the first (`without=maturity`). Not
# varied.
MATURE = 15
# Share of its latent's samples that the sensor gets wrong from which on a label does not speak for a new context. Form:
# none, with which two of two lives on Split-Fashion-MNIST had a second context. Not varied.
CONFUSED = 0.3
# Unless it is below so many times the share of all mature labels: where all go wrong it is not the latent. Form: none.
# Not varied.
ALIKE = 1.5
# Samples of a mixture that the current context, all others and the new map count for at first, each. Form: no mixture,
# on the streams of `LONGEST`. Not varied.
MIXES = 0.5
# Share of a guess that has all labels alike; by the rest they are as frequent as in the window. Form: all of it, on
# pairs of classes of digits, MNIST and Fashion-MNIST with seeds below 10 and 20 to 25. Not varied.
UNIFORM = 0.5
# Samples that each label counts for before the window has shown any: Jeffreys' prior. Not varied.
JEFFREYS = 0.5

# ---- verdict

# Mean typicality, in deviations, above which a window is not of a sensor. Not varied.
STRANGE = 1.0
# And above which it may be of another known sensor. Not varied.
DOUBTFUL = 0.5 * STRANGE
# Nats of unlikeness above which it is not of the sensor either, however little its mean is. Not varied.
UNLIKE = 6.0
# Inputs that a change of sensor rests on at least. Not varied.
JUDGED = 3
# Samples with mature labels that a new context rests on at least. Not varied.
SPEAK = JUDGED + 1
# And one in so many samples of the window: judged for a known sensor, mature for a suspicion. Not varied.
OF_WINDOW = 2
# Nats by which a shadow may explain a window better than a known context that takes it over. Not varied.
CEDED = 3
# Share of what allocates a new sensor from which on one is suspected, and a window held on to. Not varied.
SUSPECTED = 0.5

# ---- sleep, mergers and sums

# Part of all samples so far after which contexts are compared again. Not varied.
OFTEN = 1 / 8
# Variances between two means of a latent in two sensors, in those of its samples; as likely each. Not varied.
MEANS_APART = (1.0, 0.1, 0.01)
# Most that a sensor is taken to get wrong of a latent when two maps are compared. Not varied.
MOST_ERROR = 0.5

# ---- succession: labels in time

# Precision of the trust in both voices at first. Chosen with the rest of how the past is weighed, on Weather and
# digits; other values are not on record.
SURE = 10.0
# Samples a label that the prior of each row of transitions is worth. Form: one sample of the shares of labels, with
# which shuffled labels cost something; chosen as `SURE`.
ROW_PRIOR = 10.0

# ---- ablations

# What `without=` sets instead, by the names of `Numbers`; four more choose another function there. Sums that
# fade (`retention`) keep this share at each sample. Not varied.
WITHOUT: dict[str, dict[str, Any]] = {
    "persistence": {"least_hazard": 1.0},
    "bound": {"bound": float("inf"), "least_error": 1e-6},
    "settling": {"tolerance": -1.0},
    "maturity": {"maturity": 0},
    "synapses": {"sharpness": 0.0},
    "drift": {"drift_at": float("inf")},
    "sleep": {"sleeps": False},
    "retention": {"retention": 0.999},
    "past": {"trusting": 0.0},
}


class Numbers(NamedTuple):
    """The numbers of one life that are set or taken away (`ablations.of`); evidence is in nats."""

    slots: int  # for contexts
    told: bool  # the context of each sample
    inference_steps: int
    rate: Traced
    momentum: Traced
    leap: Traced
    tolerance: Traced
    hazard: Traced
    least_hazard: float  # 1: the next sample may be of any context
    bound: Traced  # of what one input says about contexts
    voice_bound: Traced  # of what it says about labels, for what these teach of the trust in it
    least_error: float
    recall: Traced
    allocation: Traced
    drift_at: Traced  # evidence at which a latent moves
    lag: int
    maturity: int  # of the labels that speak for a new context: 1, or 0 for all labels
    sleeps: bool
    width: int  # features that the synapses see; 0: there are none
    ridge: Traced
    sharpness: Traced
    retention: float  # share of what was learned that is left after one more sample
    trusting: float  # how fast the trust in the past is learned
    taught: Callable[..., Any]
    learned_rows: Callable[..., tuple[Any, Array]]
    read: Callable[..., Any]
