"""Every metric by its name: unit, meaning, and format. Imports no JAX.

Code that computes another metric may add its row; a metric without a row is printed to three significant digits.
Numbers that a learner logs under a name without a row are summarised under that name.
"""

from typing import NamedTuple


class Metric(NamedTuple):
    """A metric, or a number that learners log under a known name.

    unit: "%" of a percentage; "" of a pure number.
    meaning: a phrase for readers; the unit follows it in brackets.
    decimals: that are printed; None: three significant digits.
    varies: whether it varies enough over seeds to be shown with an interval.
    curve: whether it is logged for its curve alone and no table shows it by itself.
    less: whether less of it is better.
    beside: whether it is no measurement of one run: it compares a run with other runs (an oracle, shuffled samples), or
      is known of its learner.
    truth: whether it is 1 for yes and 0 for no.
    """

    unit: str
    meaning: str
    decimals: int | None = None
    varies: bool = True
    curve: bool = False
    less: bool = False
    beside: bool = False
    truth: bool = False


def _percentage(meaning: str, less: bool = False, beside: bool = False) -> Metric:
    return Metric("%", meaning, decimals=1, less=less, beside=beside)


def _beside(meaning: str, less: bool = False) -> Metric:
    return Metric("%", meaning, less=less, beside=True)


def _cost(unit: str, meaning: str) -> Metric:
    return Metric(unit, meaning, varies=False, less=True)


def _fact(unit: str, meaning: str, truth: bool = False) -> Metric:
    return Metric(unit, meaning, varies=False, less=True, beside=True, truth=truth)


def _curve(unit: str, meaning: str) -> Metric:
    return Metric(unit, meaning, curve=True)


# Metrics of a run come in this order.
METRICS: dict[str, Metric] = {
    # Of held-out samples, while tasks come and go (`metrics`)
    "acc": _percentage("average accuracy (ACC): accuracy on held-out samples at the end, mean over tasks"),
    "aaa": _percentage("average anytime accuracy (AAA): mean over the stream of the accuracy on the tasks met so far"),
    "forgetting": _percentage("best earlier accuracy of a task minus its final accuracy", less=True),
    "bwt": _percentage("backward transfer (BWT): final accuracy of a task minus that at its own end"),
    "fwt": _percentage("forward transfer (FWT): accuracy before a task minus that of the untrained learner"),
    "learning_acc": _percentage("accuracy of a task at its own end"),
    "min_acc": _percentage("min-ACC: lowest accuracy of a task after its end"),
    "wc_acc": _percentage("worst-case accuracy (WC-ACC): weighted mean of the last task's accuracy and min-ACC"),
    "stability_gap": _percentage("largest fall of accuracy on old tasks while a new one is learned", less=True),
    "half_life": Metric("visits", "visits to other tasks until half of the accuracy above chance is lost"),
    "samples_to_learn": Metric(
        "samples", "samples until accuracy reaches 90 % of its plateau, at the first visit to a task", less=True
    ),
    "first_tenth_acc": Metric("%", "final accuracy on the first tenth of the tasks"),
    "last_tenth_acc": Metric("%", "final accuracy on the last tenth of the tasks"),
    "acc_first_100": Metric("%", "final accuracy on the first hundred classes"),
    "acc_last_100": Metric("%", "final accuracy on the last hundred classes"),
    "offline_first_100": _beside("final accuracy on the same hundred classes after one pass over all samples shuffled"),
    "offline_acc": _beside("final accuracy after one pass over the same samples shuffled"),
    "order_gap": _beside(
        "loss due to order: final accuracy on shuffled samples minus that on ordered samples", less=True
    ),
    "order_gap_size": _beside("absolute value of the loss due to order", less=True),
    "acc_spread": _beside("absolute deviation of an order's final accuracy from the mean over orders", less=True),
    "rounding_loss": _beside("final accuracy with float32 products minus that with rounded factors", less=True),
    "online_rounding_loss": _beside(
        "prequential accuracy with float32 products minus that with rounded factors", less=True
    ),
    # Of the samples that arrive, before each is learned from
    "prequential_acc": _percentage("prequential accuracy: each sample is predicted before it is learned from"),
    "lived_less_retained": _percentage("prequential accuracy minus final accuracy on held-out samples"),
    "plasticity_slope": Metric("% per 100 tasks", "slope of the prequential accuracy per task over tasks"),
    "labelled": _percentage("share of the samples that were learned from"),
    "calibration_error": _percentage(
        "expected calibration error (ECE): mean distance of confidence from accuracy", less=True
    ),
    "surprise_error_correlation": Metric("", "Spearman rank correlation of surprise with prequential error"),
    # Of shifts and of contexts that come back
    "revisit_acc": _percentage("accuracy when a known context comes back"),
    "revisit_first_acc": _percentage(
        "accuracy in the first batch when a known context comes back, before anything is relearned"
    ),
    "revisit_acc_behind_first": Metric("%", "accuracy when a known context comes back, without the first batch"),
    "oracle_acc": _percentage(
        "accuracy of the oracle, which is told the context, when a known context comes back", beside=True
    ),
    "oracle_acc_behind_first": _beside("accuracy of the oracle, without the first batch"),
    "revisit_share_of_oracle": _percentage(
        "accuracy when a known context comes back, as a share of the oracle's", beside=True
    ),
    "samples_on_first_visit": Metric(
        "samples", "samples of a new context until one bin of the log is all correct, median", less=True
    ),
    "samples_to_recover": Metric(
        "samples", "samples of a known context until five correct predictions in a row, median", less=True
    ),
    "specialists": Metric("contexts", "number of contexts that the learner has found by the end"),
    "right_number": _percentage("share of runs that found the right number of contexts"),
    "mean_k_quiet": Metric("steps", "inference steps per sample, outside the first quarter of a visit", less=True),
    "mean_k_predicted": Metric("steps", "inference steps per sample, in bins of the log without errors", less=True),
    "spearman_k_surprise": Metric("", "Spearman rank correlation of inference steps with surprise"),
    "savings": _percentage("share of the samples of first learning that relearning saves"),
    "dip": _percentage("fall of prequential accuracy at a shift", less=True),
    "recovery_samples": Metric(
        "samples", "samples until 90 % of the accuracy before a shift is reached again", less=True
    ),
    "recovered": _percentage("share of shifts after which 90 % of the accuracy before was reached again"),
    "alarms": Metric("alarms", "alarms that surprise raised, per run"),
    "false_alarms": Metric("alarms", "false alarms, which no shift explains, per run", less=True),
    "noticed": _percentage("share of shifts detected: an alarm within a quarter of the shortest visit"),
    "alarm_delay": Metric("steps", "steps from a detected shift to its alarm", less=True),
    # Of a load of random labels
    "bits_gained": Metric("bits", "bits of random labels that were learned"),
    "bits_lost": Metric("bits", "bits of random labels that were learned and lost again", less=True),
    "bits_held": Metric("bits", "bits of random labels recalled at the end"),
    "bits_gained_per_lost": Metric("", "bits gained per bit lost"),
    "bits_gained_per_byte": Metric("bits per byte", "bits gained per byte of state"),
    "bits_held_per_byte": Metric("bits per byte", "bits held at the end per byte of state"),
    # What learners log
    "surprise": _curve("the learner's own", "cost of the prediction once the label is seen"),
    "energy": _curve("the learner's own", "free energy after inference, when the weights move"),
    "belief": _curve("", "posterior probability of each context slot of the learner"),
    "contexts": _curve("contexts", "number of contexts found so far"),
    "refused": _curve("contexts", "new contexts that were refused because no slot was free"),
    "merged": _curve("contexts", "contexts that were merged into another one"),
    "split": _curve("contexts", "contexts that were split into two"),
    "skipped": _curve("samples", "samples skipped because a value was not finite"),
    "input_surprise": Metric("nats per entry of the code", "-log p of an input before it is learned", less=True),
    "inference_steps": _cost("steps", "inference steps per labelled sample"),
    "residual": Metric("", "norm of the activity gradient after inference, relative to that at its start", less=True),
    # Costs
    "state_bytes": _cost("bytes", "size of the learner's state, memories included"),
    "flops_per_sample": _cost("FLOP", "floating-point operations per learned sample"),
    "cost_ratio": _cost("", "FLOPs per learned sample relative to backpropagation on the same architecture"),
    "ms_per_step": _cost("ms", "time per step, probes included"),
    "ms_per_sample": _cost("ms", "time per sample, probes included"),
    # Of the learner and its settings (`facts`)
    "samples_stored": _fact("samples", "samples that are kept to be learned from again: the size of the replay memory"),
    "told_tasks": _fact("", "whether the learner is told the task of each sample", truth=True),
    "backpropagation": _fact("", "whether gradients cross layers", truth=True),
}
UNKNOWN = Metric("", "")


def described(name: str) -> Metric:
    """The row of a metric, or an empty one."""
    return METRICS.get(name, UNKNOWN)


def number(name: str, value: float) -> str:
    """A value of the metric `name` as it is printed."""
    if described(name).truth:
        return "yes" if value else "no"
    if (decimals := described(name).decimals) is not None:
        return f"{value:.{decimals}f}"
    return f"{value:,.0f}" if 100 <= abs(value) < float("inf") else f"{value:.3g}"
