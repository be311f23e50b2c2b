"""Parallax as a learner: a batch is learned row by row (`life`), and answered before any of it is learned."""

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, PRNGKeyArray

from pcl.code import code as sensory
from pcl.learners.features import developing
from pcl.learners.inputs import teaching_rows
from pcl.learners.parallax import ablations, eye, life, numbers, succession
from pcl.learners.parallax import state as states
from pcl.learners.parallax.contexts.settling import Settlement
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.life import Log, Sample
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.sensors.bank import sensor
from pcl.learners.parallax.sensors.interface import Sensor
from pcl.learners.parallax.state import Course, State
from pcl.types import Batch, Info, Learner, Logged, Prediction, Spec


def make(spec: Spec) -> Learner:
    """Parallax for inputs and labels as announced in `spec`, on a code that develops if it can."""
    return developing(living(spec))


def living(spec: Spec) -> Learner:
    """Parallax on a code that stays as it is; as many latents as labels."""

    def of(hp: HParams) -> tuple[Numbers, Sensor]:
        set_to = ablations.of(hp)
        return set_to, sensor(spec.num_labels, eye.size(spec, hp), set_to)

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        code_key, bank_key = jax.random.split(key)
        set_to, kind = of(hp)
        sees = eye.init(code_key, spec, hp)
        return states.init(bank_key, sees, spec.num_labels, eye.size(spec, hp), kind, set_to)

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        set_to, kind = of(hp)
        phi_BD, chunks = eye.encode(state.code, x, hp), -(-len(x) // numbers.QUERIES)

        def expected(phi: Array) -> Array:
            said = life.look(state, phi, kind)
            return jax.nn.logsumexp(life.expect(state, said, state.contexts.current, set_to).log_q, axis=0)

        # Queries go in chunks, because each may take S L D numbers of memory; chunks of one size are compiled once.
        padded_BD = jnp.pad(phi_BD, ((0, -len(x) % chunks), (0, 0)))
        log_p = jax.lax.map(jax.vmap(expected), padded_BD.reshape(chunks, -1, phi_BD.shape[1]))
        return _answer(log_p.reshape(len(padded_BD), -1)[: len(x)])

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        set_to, kind = of(hp)
        phi_BD = jnp.where(batch.valid[:, None], eye.encode(state.code, batch.x, hp), 0.0)
        told_B = jnp.where(batch.valid, batch.task, 0)
        # Samples of the critical period of a code arrive when the code has been learned and its memory is read out.
        arrives_B = batch.valid & (state.code.closed if isinstance(state.code, sensory.Code) else True)
        rows, before = Sample(phi_BD, batch.y, told_B, arrives_B, teaching_rows(batch) & arrives_B), state.course
        state, log, expected = _lived(state, rows, kind, set_to)
        log_p_BC, past = jax.nn.logsumexp(expected.log_q, axis=1), state.succession
        foretold = succession.foretell(past, log_p_BC, rows.arrives)
        past = succession.learn(past, foretold, rows.label, rows.arrives, rows.teaches, set_to)
        state = state._replace(succession=past)
        return state, Info(_answer(foretold.log_p), _logged(state, before, log, rows.teaches, arrives_B, set_to))

    return Learner(init, predict, update)


def _lived(state: State, rows: Sample, kind: Sensor, hp: Numbers) -> tuple[State, Log, Settlement]:
    """The state after the rows of a batch; for each row its log, and the posterior before its label."""
    if len(rows.label) == 1:
        state, *of_row = life.live(state, jax.tree.map(lambda leaf: leaf[0], rows), kind, hp)
        log, expected = jax.tree.map(lambda leaf: leaf[None], of_row)
        return state, log, expected
    # The whole batch is predicted before any of it is learned.
    of_batch = jax.vmap(lambda row: life.expect(state, life.look(state, row.code, kind), row.task, hp))(rows)
    state, log = jax.lax.scan(lambda state, row: life.live(state, row, kind, hp)[:2], state, rows)
    return state, log, of_batch


def _logged(
    state: State, before: Course, log: Log, teaches_B: Bool[Array, " B"], arrives_B: Bool[Array, " B"], hp: Numbers
) -> dict[str, Logged]:
    taught, arrived = jnp.maximum(teaches_B.sum(), 1), jnp.maximum(arrives_B.sum(), 1)
    after = state.course
    return {
        "surprise": Logged(log.surprise.sum() / taught, "taught"),
        "inference_steps": Logged(log.steps.sum() / taught, "taught"),
        "belief": Logged(state.contexts.belief, "mean", decimals=3),
        "contexts": Logged(state.contexts.number, "last"),
        "refused": Logged(after.refused - before.refused, "count"),
        "merged": Logged(after.merged - before.merged, "count"),
        "split": Logged(after.split - before.split, "count"),
    } | (
        # An oracle begins each context with an empty sensor, for which every input is atypical.
        {} if hp.told else {"input_surprise": Logged(log.input_surprise.sum() / arrived, "seen")}
    )


def _answer(log_p_BC: Float[Array, "B C"]) -> Prediction:
    """Log posterior of the labels; the information of a label (`query`) is the entropy of this posterior."""
    return Prediction(logits=log_p_BC, query=-jnp.sum(jnp.exp(log_p_BC) * log_p_BC, axis=1))
