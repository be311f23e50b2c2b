"""Every metric by its name: unit, meaning, and format. Imports no JAX.

Code that computes another metric may add its row; a metric without a row is printed to three significant digits.
Numbers that a learner logs under a name without a row are summarised under that name.
"""

from typing import NamedTuple


class Metric(NamedTuple):
    """A metric, or a number that learners log under a known name.

    unit: "%" of a percentage; "" of a pure number.
    meaning: a phrase for readers.
    decimals: that are printed; None: three significant digits.
    varies: whether it varies over seeds enough to be shown with an interval.
    curve: whether it is logged for its curve alone and no table shows it by itself.
    less: whether less of it is better.
    beside: whether it compares a run with others (an oracle, shuffled samples), so that no run has it alone.
    """

    unit: str
    meaning: str
    decimals: int | None = None
    varies: bool = True
    curve: bool = False
    less: bool = False
    beside: bool = False


def _percentage(meaning: str, less: bool = False, beside: bool = False) -> Metric:
    return Metric("%", meaning, decimals=1, less=less, beside=beside)


def _beside(meaning: str, less: bool = False) -> Metric:
    return Metric("%", meaning, less=less, beside=True)


def _cost(unit: str, meaning: str) -> Metric:
    return Metric(unit, meaning, varies=False, less=True)


def _curve(unit: str, meaning: str) -> Metric:
    return Metric(unit, meaning, curve=True)


# Metrics of a run come in this order.
METRICS: dict[str, Metric] = {
    # Of held-out samples, while tasks come and go (`metrics`)
    "acc": _percentage("accuracy of probes at the end, mean over tasks"),
    "aaa": _percentage("accuracy of probes at any time, mean over tasks met"),
    "forgetting": _percentage("best earlier accuracy less the final one", less=True),
    "bwt": _percentage("final accuracy less that at the task's own end"),
    "fwt": _percentage("accuracy before a task less that of the untrained learner"),
    "learning_acc": _percentage("accuracy at the task's own end"),
    "min_acc": _percentage("worst accuracy of a task after its end"),
    "wc_acc": _percentage("worst case: the last task, and the worst of the others"),
    "stability_gap": _percentage("fall of old tasks while a new one is learned, at worst", less=True),
    "half_life": Metric("visits", "to other tasks until half of the accuracy above chance is left"),
    "samples_to_learn": Metric("samples", "until 90 % of a task's own plateau, at its first visit", less=True),
    "first_tenth_acc": Metric("%", "final accuracy of the tenth of the tasks that came first"),
    "last_tenth_acc": Metric("%", "final accuracy of the tenth of the tasks that came last"),
    "acc_first_100": Metric("%", "final accuracy of the hundred classes that came first"),
    "acc_last_100": Metric("%", "final accuracy of the hundred classes that came last"),
    "offline_first_100": _beside("final accuracy of the hundred classes that came first, when all were shuffled"),
    "offline_acc": _beside("final accuracy after one pass over the same samples shuffled"),
    "order_gap": _beside("that accuracy less the one in order", less=True),
    "order_gap_size": _beside("the same without its sign", less=True),
    "acc_spread": _beside("distance of an order's final accuracy from the mean over orders", less=True),
    "rounding_loss": _beside("final accuracy with products of float32 less that with rounded factors", less=True),
    "online_rounding_loss": _beside("the same of the online accuracy", less=True),
    # Of the samples that arrive, before each is learned from
    "prequential_acc": _percentage("online accuracy, before each sample is learned from"),
    "lived_less_retained": _percentage("online accuracy less that of probes at the end"),
    "plasticity_slope": Metric("% per 100 tasks", "change of the accuracy while each task is met"),
    "labelled": _percentage("samples that were learned from"),
    "calibration_error": _percentage("mean distance of confidence from accuracy", less=True),
    "surprise_error_correlation": Metric("", "rank correlation of surprise with errors"),
    # Of shifts and of contexts that come back
    "revisit_acc": _percentage("accuracy when a known context comes back"),
    "revisit_first_acc": _percentage("the same in the first batch, before anything is relearned"),
    "revisit_acc_behind_first": Metric("%", "the same without the first batch"),
    "oracle_acc": _percentage(
        "accuracy when a known context comes back, of a learner that is told the context", beside=True
    ),
    "oracle_acc_behind_first": _beside("the same without the first batch"),
    "revisit_share_of_oracle": _percentage(
        "accuracy when a known context comes back, as a share of the oracle's", beside=True
    ),
    "samples_on_first_visit": Metric("samples", "of a new context before a bin of the log of hits, median", less=True),
    "samples_to_recover": Metric("samples", "of a known context before five hits in a row, median", less=True),
    "specialists": Metric("contexts", "found by the end"),
    "right_number": _percentage("runs that found as many contexts as there are"),
    "mean_k_quiet": Metric("steps", "of inference a sample where nothing is new", less=True),
    "mean_k_predicted": Metric("steps", "of inference a sample where all was predicted", less=True),
    "spearman_k_surprise": Metric("", "rank correlation of inference steps with surprise"),
    "savings": _percentage("samples saved when a task comes back"),
    "dip": _percentage("fall of accuracy at a shift", less=True),
    "recovery_samples": Metric("samples", "until 90 % of the accuracy before a shift is back", less=True),
    "recovered": _percentage("shifts after which it came back"),
    "alarms": Metric("alarms", "that surprise raised, a run"),
    "false_alarms": Metric("alarms", "that no shift accounts for, a run", less=True),
    "noticed": _percentage("shifts that raised an alarm in the first quarter of the shortest visit"),
    "alarm_delay": Metric("steps", "from a shift that was noticed to its alarm", less=True),
    # Of a load of random labels
    "bits_gained": Metric("bits", "of random labels taken in"),
    "bits_lost": Metric("bits", "of these lost again", less=True),
    "bits_held": Metric("bits", "held at the end"),
    "bits_gained_per_lost": Metric("", "bits gained per bit lost"),
    "bits_gained_per_byte": Metric("bits per byte", "gained, of state"),
    "bits_held_per_byte": Metric("bits per byte", "held at the end, of state"),
    # What learners log
    "surprise": _curve("the learner's own", "cost of a prediction once the label is seen"),
    "energy": _curve("the learner's own", "free energy after inference, when the weights move"),
    "belief": _curve("", "probability of each context that the learner may tell apart"),
    "contexts": _curve("contexts", "found so far"),
    "refused": _curve("contexts", "wanted when there was no free slot"),
    "merged": _curve("contexts", "that became part of another"),
    "split": _curve("contexts", "that became two"),
    "skipped": _curve("samples", "that were not finite"),
    "input_surprise": Metric("nats an entry of their code", "-log p of inputs before they came", less=True),
    "inference_steps": _cost("steps", "of inference a labelled sample"),
    "residual": Metric("", "activity gradient after inference, relative to its first", less=True),
    # Costs
    "state_bytes": _cost("bytes", "of everything that the learner carries"),
    "flops_per_sample": _cost("FLOP", "a sample learned from"),
    "cost_ratio": _cost("", "these over those of backpropagation on the same architecture"),
    "ms_per_step": _cost("ms", "a step, probes included"),
    "ms_per_sample": _cost("ms", "a sample, probes included"),
}
UNKNOWN = Metric("", "")


def described(name: str) -> Metric:
    """The row of a metric, or an empty one."""
    return METRICS.get(name, UNKNOWN)


def number(name: str, value: float) -> str:
    """A value of the metric `name` as it is printed."""
    if (decimals := described(name).decimals) is not None:
        return f"{value:.{decimals}f}"
    return f"{value:,.0f}" if 100 <= abs(value) < float("inf") else f"{value:.3g}"
