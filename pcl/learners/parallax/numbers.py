"""The constants of parallax that are not settings (`hparams`), by the file that reads them.

Above each: its meaning, unit and alternatives. "Not varied": neither the code nor its history names another value.
"Form": another form of the rule was tried, not another value. Thresholds were tried on digits and MNIST with seeds
below 10 (`experiments.contexts`); the other values tried are not on record. Not listed here: exponents, guards of a
division or a logarithm, multiples of the rounding of float32, counts of operations, and 0.5 as a threshold between no
sample and one. An ablation sets other values (`WITHOUT`); `Numbers` are all numbers of a life.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array

from pcl.fields import Traced

# ---- sensors

# Log density of a latent without samples: below any other, yet finite. Not varied.
UNSEEN = -1e30
# Queries that are answered at once; bounds the memory of a probe. Not varied.
QUERIES = 256
# Numbers in the class covariances of one sensor, above which all its latents share one. Not varied.
LARGEST = 2**20

# ---- life: how often a sensor gets the samples of a latent wrong

# Samples of a latent before its errors are counted. Not varied.
WRONG_FROM = 5
# Subtracted from the number of samples: the initial rate of 1 counts as one. Form: steps of 1 / (size + 1) from 0.
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
# Variance of that prior, relative to the code's: half of it, as the other half lies between classes. Not varied.
WITHIN = 0.5
# Degrees of freedom of a t-density until they are fitted, and of the window's shadow (candidate). Not varied.
FREEDOM = 6.0
# Number of remembered distances above which degrees of freedom are fitted. Not varied.
FREEDOM_FROM = 30
# Bounds of the fitted degrees of freedom; the fit is by kurtosis, which is infinite at 4. Not varied.
FREEDOM_LEAST, FREEDOM_MOST = 4.5, 60.0

# ---- density: a covariance of each latent (and `shared`, where it has no number of its own)

# Ridge of every covariance, relative to its mean variance. Not varied.
RIDGE = 0.02
# Pseudo-classes in the covariance between classes; their means have the covariance within classes. Not varied.
IMAGINED = 3.0
# Sigma is computed again when this share of the sensor's samples is new, or so many of them. Not varied.
RENEWED_PART, RENEWED_MOST = 8, 100
# Samples of a class below which its distances are not remembered. Not varied.
YOUNG = 10
# Decay, per sample, of the sums of log distances (and of cosines, `shared`). Not varied.
FADE = 0.99
# Upper bound of a squared distance, per entry of the code, in the sums for the tails. Not varied.
FARTHEST = 10.0
# Least number of remembered distances for a calibrated typicality (they decay: at most 100). Not varied.
CALIBRATED = 15
# Added to the variance of log distances: a few similar ones do not make all others atypical. Not varied.
LEAST_VARIANCE = 0.01
# Samples in the recent mean of a latent; fewer detect drift sooner. Chosen of 30, 50, 100 and 200, on Weather and the
# drifting streams of `experiments.drift`.
RECENT = 100.0
# Samples of a latent from which on it may move: twice those of its recent mean. Not varied.
MOVES_FROM = 2 * RECENT
# Bound of the evidence of one sample for or against drift of its latent, in nats. Not varied.
TELLS = 3.0

# ---- shared: one covariance for all latents

# Deviations that are added to the scatter at once: changes time only. Not varied.
WAITING = 16
# Rows of a matrix that are read at once, so that they stay in a cache: changes time only. Not varied.
PIECE = 128
# Coordinates are computed again when this share of the sensor's samples is new, or so many of them. Not varied.
SHARED_PART, SELDOM = 4, 2000.0
# Share of all samples from which on a class may be evidence for a new context. Forms: all classes, with which one life
# of three on Split-MNIST found a second context; all classes with a sample.
FEW = 0.02
# Or, if there are many classes, this share of the mean number of samples of a class. Not varied.
OF_MEAN = 0.5
# Bound of the log density of a class never seen above that of the best class, in nats. Form: no bound. Not varied.
STRANGEST = 10.0

# ---- names: labels of latents in a context

# Pseudo-count of samples on every latent, spread over all labels. Not varied.
SMOOTHING = 0.2
# Pseudo-count of wrong samples of every label. Not varied.
DOUBT = 2.0
# Smallest error rate of a label: bounds the evidence of one label. Not varied.
LEAST_ERROR = 0.02
# Least votes of a latent that has a name: the first, plus the second times the mean number of samples of a label.
# Not varied.
NAMELESS_VOTES, NAMELESS_SHARE = 0.5, 0.05
# Samples of a nameless latent from which on a label never met may be tied to it. Not varied.
FITS_FROM = 20
# Number of first samples of a label that teach no latent, if it opened none. Not varied.
UNSURE = 3
# Share of the votes that the latent of such a label needs before the label teaches it. Not varied.
MAJORITY = 0.5

# ---- belief: opinions, and the tolerance of settling

# Prior probability that a sample is of a class never seen. Not varied.
NOVELTY = 0.02
# Exponent of densities, as if half of a code's entries were redundant. Not varied.
TEMPER = 0.5
# Bound of the typicality of one input, in standard deviations. Not varied.
MOST_TYPICALITY = 5.0
# Log probability of the impossible: finite, and negligible in a float32 sum. Not varied.
NEVER = -60.0
# Free energy of classes at which settling stops: a multiple of the usual surprise, and its bound in nats. Form: 0.9
# nats always, so that nearly all digits took one step; on digits, MNIST and Fashion-MNIST with seeds 0 and 1.
SLACK, MOST_SLACK = 1.5, 0.9
# Number of labels in the running mean of surprise. Not varied.
LATELY = 100.0

# ---- window

# Largest size of a window, in lags, if a new sensor is suspected. Form: one lag, on digits, MNIST and Fashion-MNIST
# with seeds below 10 and 20 to 26. Not varied.
LONGEST = 4

# ---- evidence: of one sample for a new context

# Samples of a label in a context from which on it is evidence for a new one. Form: from the first
# (`without=maturity`). Not varied.
MATURE = 15
# Error rate of its latent from which on a label is no evidence for a new context. Form: none, with which two of two
# lives on Split-Fashion-MNIST had a second context. Not varied.
CONFUSED = 0.3
# Unless it is below this multiple of the mean error rate of all mature labels. Form: none. Not varied.
ALIKE = 1.5
# Pseudo-counts of samples in a mixture: of the current context, of all others together, of the new map. Form: no
# mixture, on the streams of `LONGEST`. Not varied.
MIXES = 0.5
# Share of the uniform distribution in a guess; the rest are frequencies in the window. Form: uniform alone, on pairs
# of classes of digits, MNIST and Fashion-MNIST with seeds below 10 and 20 to 25. Not varied.
UNIFORM = 0.5
# Pseudo-count of each label in the frequencies in the window: Jeffreys' prior. Not varied.
JEFFREYS = 0.5

# ---- verdict

# Mean typicality, in standard deviations, above which a window is strange to a sensor. Not varied.
STRANGE = 1.0
# Mean typicality above which a window may be of another known sensor. Not varied.
DOUBTFUL = 0.5 * STRANGE
# Unlikeness, in nats, above which a window is strange at any mean typicality. Not varied.
UNLIKE = 6.0
# Fewest judged inputs for a change of sensor. Not varied.
JUDGED = 3
# Fewest samples with mature labels for a new context. Not varied.
SPEAK = JUDGED + 1
# At least one in so many samples of the window: judged (known sensor), mature (suspected sensor). Not varied.
OF_WINDOW = 2
# Nats by which a shadow may explain a window better than a known context that takes it over. Not varied.
CEDED = 3
# Share of `allocation` from which on a new sensor is suspected, and the window held longer. Not varied.
SUSPECTED = 0.5

# ---- sleep, mergers and sums

# Contexts are compared again when this share of all samples is new. Not varied.
OFTEN = 1 / 8
# Variances of the difference between the means of a latent in two sensors, relative to its samples' variance; equally
# probable. Not varied.
MEANS_APART = (1.0, 0.1, 0.01)
# Largest error rate of a latent in the comparison of two maps. Not varied.
MOST_ERROR = 0.5

# ---- succession: labels in time

# Prior precision of the trust in both voices. Chosen on Weather and digits; other values are not on record.
SURE = 10.0
# Pseudo-count per label in the prior of each row of transitions. Form: one sample with the frequencies of labels,
# which lost accuracy on shuffled labels; chosen as `SURE`.
ROW_PRIOR = 10.0

# ---- ablations

# Values of `Numbers` by the choice of `without=`; four more choices replace a function there. Of fading sums
# (`retention`) this share is kept at each sample. Not varied.
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
    """The numbers of one life, by settings and ablation (`ablations.of`); evidence is in nats."""

    slots: int  # for contexts
    told: bool  # the context of each sample
    inference_steps: int
    rate: Traced
    momentum: Traced
    leap: Traced
    tolerance: Traced
    hazard: Traced
    least_hazard: float  # 1: the next sample may be of any context
    bound: Traced  # of the evidence of one input about contexts
    voice_bound: Traced  # of the evidence of one input about labels, in learning the trust
    least_error: float
    recall: Traced
    allocation: Traced
    drift_at: Traced  # evidence at which a latent moves
    lag: int
    maturity: int  # 1: mature labels alone are evidence for a new context; 0: all labels
    sleeps: bool
    width: int  # features that the synapses see; 0: there are none
    ridge: Traced
    sharpness: Traced
    retention: float  # share of a sensor's sums that is left after one more sample
    trusting: float  # how fast the trust in the past is learned
    taught: Callable[..., Any]
    learned_rows: Callable[..., tuple[Any, Array]]
    read: Callable[..., Any]
