"""The contracts of the project on one page: read this first.

Shape letters, used in names (`x_BD`) and in annotations:
  B samples in a batch   D inputs of a layer   H units of a layer   C labels, or real targets of a sample
  K source classes   T tasks   V visits to a task   G groups of held-out samples
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

State = Any  # a pytree of arrays that belongs to one learner
HParams = Any  # a flax.struct dataclass: traced fields are leaves, static fields are structure
Data = Any  # a pytree of device arrays that belongs to one stream


class Spec(NamedTuple):
    """Shapes that a stream announces to a learner before it begins: of inputs, and of labels or real targets."""

    input_shape: tuple[int, ...]
    num_labels: int  # 0 where targets are real
    num_targets: int = 0  # real targets a sample, about unit variance each; 0 where there are labels

    @property
    def outputs(self) -> int:
        """Units of an output layer: one per label or real target."""
        return self.num_targets or self.num_labels


class Batch(NamedTuple):
    """The samples of one step. A row with `valid` false is padding and must change nothing."""

    x: Float[Array, "B ..."]
    y: Int[Array, " B"] | Float[Array, "B C"]  # labels, or real targets
    labelled: Bool[Array, " B"]
    valid: Bool[Array, " B"]
    task: Int[Array, " B"]  # 0 for every learner whose entry does not say `told`


class Prediction(NamedTuple):
    """The answer to a query: logits where there are labels, a mean where there are real targets.

    logits: the log-probability of each label, up to a constant per row.
    mean, variance: of each real target; a learner without a notion of its uncertainty leaves the variance None.
    query: expected information of a label (larger is more), for active learning; None: the caller uses the margin.
    """

    logits: Float[Array, "B C"] | None = None
    mean: Float[Array, "B C"] | None = None
    variance: Float[Array, "B C"] | None = None
    query: Float[Array, " B"] | None = None


@struct.dataclass
class Logged:
    """A number or array that an update reports, and how the values of many updates are combined in a bin of the log.

    per: `taught` or `seen`: a mean over the rows that were learned from, or over all rows that arrived;
      `count`: a number of events, summed; `last`: a value after the update, of which the last is kept; `mean`: a value
      of every step, averaged over steps.
    finite: whether a value that is not finite means that the run diverged.
    decimals: number of decimals that a record keeps; None: all.
    """

    value: Any  # a number, or an array of any shape
    per: str = struct.field(pytree_node=False)
    finite: bool = struct.field(pytree_node=False, default=True)
    decimals: int | None = struct.field(pytree_node=False, default=None)


class Info(NamedTuple):
    """The report of an update to the run; every field is optional."""

    prediction: Prediction | None = None  # made before learning, where the update computes it anyway
    log: dict[str, Logged] = {}  # noqa: RUF012  # what else it reports, by the name that records give it
    risen: Float[Array, ""] | None = None  # 1 where inference ended above the energy that it began at, else 0


class Learner(NamedTuple):
    """A learner is three pure functions; all its settings are in `hp`, all its memory in `state`.

    init:    (key, hp) -> state
    predict: (state, x[B, ...], hp) -> Prediction        a query: it never changes the state
    update:  (state, batch, hp) -> (state, Info)         keys for randomness are kept in the state
    """

    init: Callable[[PRNGKeyArray, HParams], State]
    predict: Callable[[State, Float[Array, "B ..."], HParams], Prediction]
    update: Callable[[State, Batch, HParams], tuple[State, Info]]


class LearnerEntry(NamedTuple):
    """The last statement of a learner's file, `ENTRY`: its description for the registry, tests, tables and figures.

    make: the learner for a stream that announces `spec`.   hparams: its default hyper-parameters.
    flops: (spec, hp, mean inference steps, rows of a batch) -> floating-point operations per learned sample.
    local: whether a weight changes by pre- and post-synaptic quantities alone; a test looks for gradients in its file.
    label: its name in figures and tables, a literal; None: the name of its file.
    told: whether it is told the task of each sample (an oracle); all others see `Batch.task` 0.
    labels, targets: whether it predicts labels, and real targets.
    step_bound: the largest stable `inference_lr` at fresh weights, where there is one.
    rule: the `NetworkRule` (`pcl.learners.rule`) around which strategies are put, if there is one.
    sizes: names of static sizes in which runs that share a program may differ (`pcl.runner.families`): a state that is
      padded with zeros to that of larger sizes learns and predicts the same, and `predict` and `update` read these
      settings as numbers that may be traced; `init` does not. `depth` is always a plain number; of it, `Info` and the
      prediction have the same shapes at every value.
    at_rest: the state for a query that has no place in the stream's time, where updates have one.
    """

    make: Callable[[Spec], Learner]
    hparams: HParams
    summary: str
    flops: Callable[[Spec, HParams, Any, int], Any]
    local: bool
    label: str | None = None
    told: bool = False
    labels: bool = True
    targets: bool = False
    step_bound: Callable[[Spec, HParams], float | None] | None = None
    rule: Callable[[Spec], Any] | None = None
    sizes: Callable[[HParams], tuple[str, ...]] | None = None
    at_rest: Callable[[Spec, State], State] | None = None


class Layout(NamedTuple):
    """Ground truth about a stream, which a record keeps and no learner sees.

    Held-out samples are scored in groups: the source classes of a split stream, the contexts of a
    stream of contexts. A visit is a stretch of the stream that belongs to one task (or context).
    """

    group_task: Int[Array, " G"]  # the task of each group, numbered by first visit where tasks come in turn
    visit_start: Int[Array, " V"]  # the first step of each visit
    visit_task: Int[Array, " V"]
    allowed: Bool[Array, "T C"] | None = None  # labels that a task-incremental score chooses from


class Schedule(NamedTuple):
    """A whole stream before a run."""

    world: Any  # what stays the same over the run; only the stream looks inside
    step: Any  # the variables of each step; every leaf leads with the step axis
    layout: Layout


class Stream(NamedTuple):
    """Device arrays (`data`, passed beside it), a schedule drawn from a key, and pure transforms.

    schedule: (key, data) -> Schedule
    observe:  (world, step, data) -> Batch      what arrives at this step
    probe:    (world, step, data, size) -> (Batch, group[B])   the first `size` held-out samples (all, where
              it is None; a mix of all classes, where not) as they would look at this step; None for a stream
              without held-out samples, whose layout has no groups
    revisit:  (world, step, data, group, steps) -> Batch, every leaf led by `steps`      a stretch of held-out
              samples of one group, each at most once, as it would look if the group came back at this step;
              None for a stream whose groups do not come back
    """

    spec: Spec
    steps: int
    task_ends: tuple[int, ...]  # steps after which each task has been seen in full; empty where none ever is
    chance: float  # score of guessing among equally likely labels; 0 for real targets
    schedule: Callable[[PRNGKeyArray, Data], Schedule]
    observe: Callable[[Any, Any, Data], Batch]
    probe: Callable[[Any, Any, Data, int | None], tuple[Batch, Int[Array, " B"]]] | None
    revisit: Callable[[Any, Any, Data, Int[Array, ""], int], Batch] | None = None
    label_budget: float | None = None  # share of labels that the learner may ask for; None: `observe` hands them out


class StreamEntry(NamedTuple):
    """The last statement of a stream's file, `ENTRY`.

    make: (settings, source, held-out samples to probe) -> the stream and its device arrays. Settings have a field
      `batch`; the source is the one that their field `source` names, None where the stream draws its samples itself.
    config: its default settings.
    contexts: whether its tasks are contexts, which a learner may tell apart; a literal.
    recall: whether probes show taught samples, with one of as many random labels as the setting `labels`; a literal.
    tasks: whether `Batch.task` tells its tasks; where it does not, no learner can be told them.
    """

    make: Callable[[Any, Any, str], tuple[Stream, Data]]
    config: Any
    summary: str
    contexts: bool = False
    recall: bool = False
    tasks: bool = True
