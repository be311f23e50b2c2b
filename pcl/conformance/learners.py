"""Properties of every learner."""

import ast
import functools
import inspect
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.interpreters.partial_eval import dce_jaxpr

from pcl import learners
from pcl.conformance.compared import DoesNotApply, assert_close, assert_same, at, differ, numbers
from pcl.fields import as_dict, fields, is_static, replace
from pcl.learners import REGISTRY
from pcl.types import Batch, HParams, Learner, LearnerEntry, Spec, State

LABELS, REAL = Spec((5,), 3), Spec((5,), 0, 5)
CENTRES = 4 * np.eye(3, 5, dtype=np.float32)
SMALL = {"width": 16, "random_features": 16, "memory": 20}  # sizes that learners share
ROWS = 8


class Subject(NamedTuple):
    """A learner for `spec`, its functions compiled, with settings as a run holds them."""

    entry: LearnerEntry
    learner: Learner
    hp: HParams
    spec: Spec


def subject(name: str, settings: Mapping[str, Any] = {}) -> Subject:
    """The learner called `name`: for labels, if it predicts labels, else for real targets."""
    entry = REGISTRY[name]
    spec = LABELS if entry.labels else REAL
    learner, hp = learners.make(name, spec)
    known = fields(hp)
    shrunk = {k: v for k, v in SMALL.items() if k in known and is_static(known[k]) and type(known[k].default) is int}
    hp = jax.tree.map(np.float32, replace(hp, shrunk | dict(settings)))
    return Subject(entry, Learner(*(jax.jit(function) for function in learner)), hp, spec)


def subjects(name: str) -> tuple[Subject, ...]:
    """One."""
    return (subject(name),)


def stretch(spec: Spec, n_batches: int = 20, seed: int = 0, rows: int = ROWS) -> Batch:
    """Batches of a stream: three Gaussian classes four standard deviations from the origin, or noise that turns."""
    rng = np.random.default_rng(seed)
    true, task = jnp.ones((n_batches, rows), bool), jnp.zeros((n_batches, rows), jnp.int32)
    if spec.num_targets:
        x = rng.normal(size=(n_batches, rows, *spec.input_shape))
        return Batch(jnp.asarray(x, jnp.float32), jnp.asarray(np.roll(x, 1, axis=2), jnp.float32), true, true, task)
    y = rng.integers(0, spec.num_labels, (n_batches, rows)).astype(np.int32)
    x = (CENTRES[y] + rng.normal(size=(n_batches, rows, *spec.input_shape))).astype(np.float32)
    return Batch(jnp.asarray(x), jnp.asarray(y), true, true, task)


@functools.partial(jax.jit, static_argnums=0)
def live(learner: Learner, hp: HParams, state: State, batches: Batch) -> tuple[State, Any]:
    """The state after batches, and the report of each."""
    return jax.lax.scan(lambda state, batch: learner.update(state, batch, hp), state, batches)


def lived(s: Subject, batches: Batch, seed: Any = 0, hp: HParams = None) -> tuple[State, Any]:
    """A run from the start; all properties use the same number of batches, so that it is compiled once."""
    hp = s.hp if hp is None else hp
    return live(s.learner, hp, s.learner.init(jax.random.key(seed), hp), batches)


def varied(s: Subject, factor: float) -> HParams:
    """Other traced numbers: those of the subject times `factor`, within their range."""
    known, now = fields(s.hp), as_dict(s.hp)
    values = {
        name: float(np.clip(now[name] * factor, field.metadata["low"], field.metadata["high"]))
        for name, field in known.items()
        if not is_static(field)
    }
    return jax.tree.map(np.float32, replace(s.hp, values))


def rounding(s: Subject) -> float:
    """Tolerance between two programs; adaptive optimisers divide a gradient near zero by its own size."""
    return 5e-4 if getattr(s.hp, "optimiser", "") in ("adam", "adamw") else 1e-4


def says_what_it_costs(s: Subject) -> None:
    """`flops(spec, hp, inference steps, batch)` is a positive number of operations a learned sample."""
    count = float(s.entry.flops(s.spec, s.hp, 1.0, ROWS))
    assert math.isfinite(count), count
    assert count > 0, count


def solves_a_separable_problem(s: Subject) -> None:
    """Three Gaussian classes four standard deviations from the origin are told apart after 1,280 samples."""
    if s.spec.num_targets:
        raise DoesNotApply("it predicts real targets")
    state = s.learner.init(jax.random.key(0), s.hp)
    for part in range(8):
        state, _ = live(s.learner, s.hp, state, stretch(s.spec, seed=2 + part))
    held_out = at(stretch(s.spec, 1, 1, rows=300), 0)
    logits: Any = s.learner.predict(state, held_out.x, s.hp).logits
    accuracy = float((logits.argmax(1) == held_out.y).mean())
    assert accuracy > 0.95, f"accuracy {accuracy:.3f}"  # Bayes is above 0.99


def predicts_what_it_says(s: Subject) -> None:
    """A prediction is float32 logits [B, C], or means [B, targets]; every number in it is finite."""
    x = at(stretch(s.spec, 1), 0).x
    prediction = s.learner.predict(s.learner.init(jax.random.key(0), s.hp), x, s.hp)
    named = prediction.mean if s.spec.num_targets else prediction.logits
    assert named is not None, f"no {'mean' if s.spec.num_targets else 'logits'}"
    assert named.shape == (ROWS, s.spec.outputs), named.shape
    for leaf in jax.tree.leaves(prediction):
        assert leaf.dtype == jnp.float32, leaf.dtype
        assert jnp.isfinite(leaf).all(), leaf


def keeps_the_shapes_and_types_of_its_state(s: Subject) -> None:
    """An update returns a state of the same structure, shapes and types; it logs float32 or int32."""
    before = s.learner.init(jax.random.key(0), s.hp)
    after, info = s.learner.update(before, at(stretch(s.spec, 1), 0), s.hp)
    assert str(jax.tree.structure(before)) == str(jax.tree.structure(after))
    for old, new in zip(jax.tree.leaves(before), jax.tree.leaves(after), strict=True):
        was, became = f"{old.dtype} {old.shape}", f"{new.dtype} {new.shape}"
        assert was == became, f"{was} becomes {became}"
    for leaf in jax.tree.leaves(info.prediction):
        assert leaf.dtype == jnp.float32, leaf.dtype
    for name, number in info.log.items():
        assert jnp.asarray(number.value).dtype in (jnp.float32, jnp.int32), name


def scan_equals_loop(s: Subject) -> None:
    """A scan over updates and a loop of them end in the same state."""
    batches = stretch(s.spec)
    state = s.learner.init(jax.random.key(0), s.hp)
    for i in range(len(batches.x)):
        state, _ = s.learner.update(state, at(batches, i), s.hp)
    assert_close(state, lived(s, batches)[0], rounding(s))


def vmap_equals_loop(s: Subject) -> None:
    """Seeds and numbers that are batched by vmap give the results that they give alone."""
    batches, seeds = stretch(s.spec), jnp.arange(3)
    each = [varied(s, factor) for factor in (0.5, 1.0, 1.5)]
    hps = jax.tree.map(lambda *leaves: np.stack(leaves), *each)
    together = jax.vmap(lambda seed, hp: lived(s, batches, seed, hp)[0])(seeds, hps)
    for i, hp in enumerate(each):
        assert_close(at(together, i), lived(s, batches, seeds[i], hp)[0], rounding(s))


def is_traced_once_for_all_numbers(s: Subject) -> None:
    """Traced numbers change no program: none is read as a Python number or a shape."""
    traces = []

    def counted(state: State, batch: Batch, hp: HParams) -> tuple[State, Any]:
        traces.append(1)
        return inspect.unwrap(s.learner.update)(state, batch, hp)

    update, batch = jax.jit(counted), at(stretch(s.spec, 1), 0)
    state = jax.eval_shape(s.learner.init, jax.random.key(0), s.hp)
    for factor in (1.0, 0.5, 2.0):
        state, _ = jax.eval_shape(update, state, batch, varied(s, factor))  # traces as a call does, compiles nothing
    assert len(traces) == 1, f"traced {len(traces)} times"


def the_key_decides_everything(s: Subject) -> None:
    """All randomness comes from the key: traced again, its functions are the same programs."""

    def program(function: Callable[..., Any], *arguments: Any) -> str:
        traced = jax.make_jaxpr(lambda *a: function(*a))(*arguments)
        constants = [np.asarray(leaf).tolist() for leaf in numbers(traced.consts)]
        return re.sub("0x[0-9a-f]+", "", f"{traced} {constants}")  # addresses of functions

    init, update = inspect.unwrap(s.learner.init), inspect.unwrap(s.learner.update)
    key, batch = jax.random.key(3), at(stretch(s.spec, 1), 0)
    state = s.learner.init(key, s.hp)
    for function, arguments in ((init, (key, s.hp)), (update, (state, batch, s.hp))):
        assert program(function, *arguments) == program(function, *arguments)


def reports_the_prediction_made_before_learning(s: Subject) -> None:
    """A prediction that an update reports is the one that `predict` makes of the state before it."""
    state, _ = lived(s, stretch(s.spec))
    state = s.entry.at_rest(s.spec, state) if s.entry.at_rest else state
    batch = at(stretch(s.spec, 1, seed=3), 0)
    _, info = s.learner.update(state, batch, s.hp)
    if info.prediction is None:
        raise DoesNotApply("it reports none")
    assert_close(info.prediction, s.learner.predict(state, batch.x, s.hp))


def is_finite_on_extreme_inputs(s: Subject) -> None:
    """On constant inputs of 0, 1e-8, 1e4 and -1e4 its state, reports and predictions stay finite."""
    batches = stretch(s.spec)
    for value in (0.0, 1e-8, 1e4, -1e4):
        constant = batches._replace(x=jnp.full_like(batches.x, value), y=jnp.zeros_like(batches.y))
        state, info = lived(s, constant)
        for leaf in jax.tree.leaves((numbers(state), info, s.learner.predict(state, constant.x[0], s.hp))):
            assert jnp.isfinite(leaf).all(), f"inputs of {value:g}"


def predicting_leaves_no_trace(s: Subject) -> None:
    """A query changes no state: the next one gives the same answer."""
    state, _ = lived(s, stretch(s.spec))
    copy = [np.array(leaf) for leaf in numbers(state)]
    x = at(stretch(s.spec, 1), 0).x
    first = s.learner.predict(state, x, s.hp)
    assert_same(s.learner.predict(state, x, s.hp), first)
    assert_same(numbers(state), copy)


def predicts_each_row_by_itself(s: Subject) -> None:
    """The answer to a query does not depend on what else is asked."""
    if s.spec.num_targets:
        raise DoesNotApply("the rows of a batch may be sequences")
    state, _ = lived(s, stretch(s.spec))
    x = at(stretch(s.spec, 1, seed=5), 0).x
    together, among_others = s.learner.predict(state, x, s.hp), s.learner.predict(state, x.at[3:].multiply(-2.0), s.hp)
    assert_close(at(among_others, slice(3)), at(together, slice(3)))


def invalid_rows_change_nothing(s: Subject) -> None:
    """Rows whose `valid` is false are padding: whatever they hold, the state is as it is without them."""
    batch, valid = at(stretch(s.spec, 1), 0), jnp.arange(ROWS) < 5
    state = s.learner.init(jax.random.key(0), s.hp)
    quiet = batch._replace(valid=valid)
    y = jnp.where(valid[:, None], batch.y, jnp.nan) if s.spec.num_targets else jnp.where(valid, batch.y, 2)
    loud = quiet._replace(x=jnp.where(valid[:, None], batch.x, jnp.nan), y=y)
    after = s.learner.update(state, quiet, s.hp)[0]
    assert_same(s.learner.update(state, loud, s.hp)[0], after)
    if not s.spec.num_targets:  # else the rows of a batch may be sequences, each with a state of its own
        assert_close(after, s.learner.update(state, jax.tree.map(lambda leaf: leaf[:5], batch), s.hp)[0])


def padding_leaves_the_state_as_it_was(s: Subject) -> None:
    """A batch of padding alone changes no bit of the state."""
    state, _ = lived(s, stretch(s.spec))
    padding = at(stretch(s.spec, 1), 0)._replace(valid=jnp.zeros(ROWS, bool))
    assert_same(s.learner.update(state, padding, s.hp)[0], state)


def reads_tasks_if_and_only_if_it_is_told(s: Subject) -> None:
    """What it predicts after learning depends on the tasks of samples if, and only if, its entry says `told`."""
    own, batches = s.entry.make(s.spec), stretch(s.spec)

    def answer(task: Any) -> Any:
        state = own.init(jax.random.key(0), s.hp)
        state, info = jax.lax.scan(lambda z, b: own.update(z, b, s.hp), state, batches._replace(task=task))
        return info.prediction, own.predict(state, batches.x[0], s.hp)

    program = jax.make_jaxpr(answer)(batches.task).jaxpr
    reads = dce_jaxpr(program, [True] * len(program.outvars))[1][0]  # whether an output may depend on the tasks
    if reads and not s.entry.told:  # a learner may carry whole batches along and not look at their tasks
        compiled, others = jax.jit(answer), jnp.arange(batches.task.size).reshape(batches.task.shape)
        reads = differ(compiled(batches.task), compiled(others))
    assert reads == s.entry.told, f"it {'reads' if reads else 'does not read'} them, and told={s.entry.told}"


def takes_gradients(path: Path) -> bool:
    """Whether a file names one of JAX's transformations that differentiate."""
    tree = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    names = {node.attr if isinstance(node, ast.Attribute) else getattr(node, "name", None) for node in tree}
    return bool(names & {"grad", "value_and_grad", "vjp", "jvp", "jacrev", "jacfwd", "linearize"})


def is_local_if_it_says_so(s: Subject) -> None:
    """The file of a learner whose entry says `local` takes no gradient."""
    if not s.entry.local:
        raise DoesNotApply("it does not say that it is local")
    assert not takes_gradients(Path(inspect.getfile(s.entry.make)))


QUICK: tuple[Callable[[Subject], None], ...] = (
    says_what_it_costs,
    predicts_what_it_says,
    keeps_the_shapes_and_types_of_its_state,
    is_traced_once_for_all_numbers,
    the_key_decides_everything,
    reports_the_prediction_made_before_learning,
    predicting_leaves_no_trace,
    predicts_each_row_by_itself,
    invalid_rows_change_nothing,
    padding_leaves_the_state_as_it_was,
    reads_tasks_if_and_only_if_it_is_told,
    is_local_if_it_says_so,
)
PROPERTIES = (
    *QUICK,
    solves_a_separable_problem,
    scan_equals_loop,
    vmap_equals_loop,
    is_finite_on_extreme_inputs,
)
