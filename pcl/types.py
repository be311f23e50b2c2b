"""The contracts of the project on one page: read this first.

Shape letters, used in names (`x_BD`) and in annotations:
  B samples in a batch   D inputs of a layer   H units of a layer   C labels   K source classes   T tasks
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

State = Any  # a pytree of arrays that belongs to one learner
HParams = Any  # a flax.struct dataclass: traced fields are leaves, static fields are structure
Data = Any  # a pytree of device arrays that belongs to one stream


class Spec(NamedTuple):
    """What a stream announces to a learner before it begins."""

    input_shape: tuple[int, ...]
    num_labels: int


class Batch(NamedTuple):
    """What arrives at one step. A row with `valid` false is padding and must change nothing."""

    x: Float[Array, "B ..."]
    y: Int[Array, " B"]
    labelled: Bool[Array, " B"]
    valid: Bool[Array, " B"]
    task: Int[Array, " B"]  # only for learners whose registry entry says that they must be told


class Prediction(NamedTuple):
    """The answer to a query: a score for each label, larger is likelier."""

    logits: Float[Array, "B C"]


class Info(NamedTuple):
    """What an update tells the run. A field that a learner has no notion of stays None."""

    prediction: Prediction | None = None  # made before learning, where the update computes it anyway
    surprise: Float[Array, ""] | None = None  # mean cost of that prediction once the label is seen
    energy: Float[Array, ""] | None = None  # mean free energy after inference, when the weights move
    inference_steps: Float[Array, ""] | None = None  # mean number of inference steps


class Learner(NamedTuple):
    """A learner is three pure functions; all its numbers live in `hp`, all its memory in `state`.

    init:    (key, hp) -> state
    predict: (state, x[B, ...], hp) -> Prediction        a query: it never changes the state
    update:  (state, batch, hp) -> (state, Info)         keys for randomness are kept in the state
    """

    init: Callable[[PRNGKeyArray, HParams], State]
    predict: Callable[[State, Float[Array, "B ..."], HParams], Prediction]
    update: Callable[[State, Batch, HParams], tuple[State, Info]]


class World(NamedTuple):
    """What stays the same over one run: how the source's classes are laid out in this stream."""

    class_task: Int[Array, " K"]  # the position in the stream of the task each class belongs to
    class_label: Int[Array, " K"]  # the label under which each class is taught
    allowed: Bool[Array, "T C"] | None  # labels that a task-incremental score chooses from


class Schedule(NamedTuple):
    """A whole stream before it is lived: `world`, and `step`, whose leaves lead with the step axis."""

    world: World
    step: Any


class Stream(NamedTuple):
    """Device arrays (`data`, passed beside it), a schedule drawn from a key, and pure transforms.

    schedule: (key, data) -> Schedule
    observe:  (world, step, data) -> Batch      what arrives at this step
    probe:    (world, step, data) -> Batch      the held-out samples as they would look at this step
    """

    spec: Spec
    steps: int
    task_ends: tuple[int, ...]  # steps after which each task has been seen in full, in stream order
    probe_classes: tuple[int, ...]  # the source class of every held-out sample
    schedule: Callable[[PRNGKeyArray, Data], Schedule]
    observe: Callable[[World, Any, Data], Batch]
    probe: Callable[[World, Any, Data], Batch]
