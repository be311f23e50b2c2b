"""One sample of parallax at a time: specialists vote, the workspace settles, judges its window, and lets one learn."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.code import code as sensory
from pcl.learners.features import developing
from pcl.learners.inputs import teaching_rows
from pcl.learners.parallax import (
    ablations,
    bank,
    code,
    evidence,
    maps,
    numbers,
    sleep,
    succession,
    verdict,
    window,
    workspace,
)
from pcl.learners.parallax.bank import Bank
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.protocol import Message, Specialist, Vote, silence
from pcl.learners.parallax.settling import Settlement
from pcl.learners.parallax.succession import Succession
from pcl.learners.parallax.synapses import discriminators
from pcl.learners.parallax.verdict import Verdict
from pcl.learners.parallax.workspace import Opinion, Workspace
from pcl.types import Batch, Info, Learner, Logged, Prediction, Spec

Votes = tuple[Vote, Vote | None]  # of the generative specialists, and of the discriminative ones


class State(NamedTuple):
    """The code, the banks of specialists (leaves lead with S), the workspace, its last eve, and labels in time."""

    code: code.Eye | sensory.Code
    banks: Bank
    workspace: Workspace
    eve: sleep.Eve
    succession: Succession


class Sample(NamedTuple):
    """A row of a batch as the workspace meets it."""

    code: Float[Array, " D"]
    label: Int[Array, ""]
    task: Int[Array, ""]
    arrives: Bool[Array, ""]  # no padding
    teaches: Bool[Array, ""]


class Log(NamedTuple):
    """What a row adds to the averages that an update reports."""

    surprise: Float[Array, ""]
    steps: Float[Array, ""]
    input_surprise: Float[Array, ""]


def make(spec: Spec) -> Learner:
    """Parallax for inputs and labels as announced in `spec`, on a code that develops if it can."""
    return developing(living(spec))


def living(spec: Spec) -> Learner:
    """Parallax on a code that stays as it is."""
    labels = latents = spec.num_labels

    def init(key: PRNGKeyArray, hp: HParams) -> State:
        code_key, bank_key = jax.random.split(key)
        inputs = code.size(spec, hp)
        keys = jax.random.split(bank_key, hp.specialists)
        of_life = ablations.of(hp)
        generative, discriminative = _kinds(latents, inputs, of_life)
        synapses = jax.vmap(discriminative.init)(keys) if discriminative else None
        banks = Bank(jax.vmap(generative.init)(keys), synapses)
        held = window.empty(hp.specialists, hp.lag, latents, labels, inputs)
        space = workspace.init(of_life, latents, labels, held)
        return State(code.init(code_key, spec, hp), banks, space, sleep.eve(banks, space), succession.init(labels))

    def predict(state: State, x: Float[Array, "B ..."], hp: HParams) -> Prediction:
        phi_BD, chunks = code.encode(state.code, x, hp), -(-len(x) // numbers.QUERIES)
        of_life = ablations.of(hp)

        def expected(phi: Array) -> Array:
            return jax.nn.logsumexp(_expect(state, phi, state.workspace.current, of_life)[1].log_q, axis=0)

        # Many queries go through in chunks, for each may take S L D numbers on the way; all of one size, so that they
        # are compiled once.
        padded_BD = jnp.pad(phi_BD, ((0, -len(x) % chunks), (0, 0)))
        log_p = jax.lax.map(jax.vmap(expected), padded_BD.reshape(chunks, -1, phi_BD.shape[1]))
        return _answer(log_p.reshape(len(padded_BD), -1)[: len(x)])

    def update(state: State, batch: Batch, hp: HParams) -> tuple[State, Info]:
        of_life = ablations.of(hp)
        phi_BD = jnp.where(batch.valid[:, None], code.encode(state.code, batch.x, hp), 0.0)
        told_B = jnp.where(batch.valid, batch.task, 0)
        # What comes while a code develops arrives when it is read out.
        arrives_B = batch.valid & (state.code.closed if isinstance(state.code, sensory.Code) else True)
        rows = Sample(phi_BD, batch.y, told_B, arrives_B, teaching_rows(batch) & arrives_B)
        before_it = state.workspace
        if len(phi_BD) == 1:
            state, log, first = _live(state, jax.tree.map(lambda leaf: leaf[0], rows), of_life)
            before = jax.tree.map(lambda leaf: leaf[None], first)
        else:  # what is expected of a whole batch is said before any of it is learned
            before = jax.vmap(lambda phi, told: _expect(state, phi, told, of_life)[1])(phi_BD, told_B)
            state, log = jax.lax.scan(lambda s, row: _live(s, row, of_life)[:2], state, rows)
        space = state.workspace
        count = jnp.maximum(rows.teaches.sum(), 1)
        expected = log.input_surprise.sum() / jnp.maximum(arrives_B.sum(), 1)
        log_p_BC, past = jax.nn.logsumexp(before.log_q, axis=1), state.succession
        foretold = succession.foretell(past, log_p_BC, rows.arrives)
        past = succession.learn(past, foretold, rows.label, rows.arrives, rows.teaches, of_life)
        return state._replace(succession=past), Info(
            prediction=_answer(foretold.log_p),
            log={
                "surprise": Logged(log.surprise.sum() / count, "taught"),
                "inference_steps": Logged(log.steps.sum() / count, "taught"),
                "belief": Logged(space.belief, "mean", decimals=3),
                "contexts": Logged(space.slots, "last"),
                "refused": Logged(space.refused - before_it.refused, "count"),
                "merged": Logged(space.merged - before_it.merged, "count"),
                "split": Logged(space.split - before_it.split, "count"),
            }
            # An oracle meets a context with a bank that has seen nothing, and expects nothing of its inputs.
            | ({} if of_life.told else {"input_surprise": Logged(expected, "seen")}),
        )

    return Learner(init, predict, update)


def _answer(log_p_BC: Float[Array, "B C"]) -> Prediction:
    """Log posterior of the labels; what a label would tell is the entropy of what is expected."""
    return Prediction(logits=log_p_BC, query=-jnp.sum(jnp.exp(log_p_BC) * log_p_BC, axis=1))


def _expect(state: State, phi: Float[Array, " D"], told: Int[Array, ""], hp: Numbers) -> tuple[Opinion, Settlement]:
    """Votes of all banks on one code, and the belief before the label. An oracle is told the context."""
    space = state.workspace
    densities_said, synapses_said = _votes(state, phi, hp)
    said = workspace.opinion(space, densities_said, synapses_said)
    if hp.told:
        log_context_S = jnp.where(jnp.arange(len(space.belief)) == told, 0.0, numbers.NEVER)
        log_q_SC = log_context_S[:, None] + jnp.log(said.label)
        return said, Settlement(log_q_SC - jax.nn.logsumexp(log_q_SC), jnp.ones((), jnp.int32))
    return said, workspace.expect(space, said, hp)


def _votes(state: State, phi: Float[Array, " D"], hp: Numbers) -> Votes:
    """What the specialists of both kinds say (leaves lead with S); banks that no context looks through are silent."""
    space, (latents, inputs) = state.workspace, _bank_shape(state.banks)
    generative, discriminative = _kinds(latents, inputs, hp)
    features_H = code.features(state.code, phi)

    def of_bank(slot: Int[Array, ""], votes: Votes) -> Votes:
        told_apart = discriminative.vote(state.banks.synapses, slot, features_H) if discriminative else None
        said = generative.vote(state.banks.density, slot, phi), told_apart
        return jax.tree.map(lambda all_S, one: all_S.at[slot].set(one), votes, said)

    def of_slot(slot: Int[Array, ""], votes: Votes) -> Votes:
        # A map without a sensor of its own has no bank. (A loop of one turn or none skips it under `map`.)
        return jax.lax.fori_loop(slot, slot + (space.owner[slot] == slot), of_bank, votes)

    silent = jax.tree.map(lambda leaf: jnp.stack([leaf] * len(space.belief)), silence(latents))
    return jax.lax.fori_loop(0, space.slots, of_slot, (silent, silent if discriminative else None))


def _live(state: State, row: Sample, hp: Numbers) -> tuple[State, Log, Settlement]:
    """The state after one row, and what was expected: believe the input, then the label, then resolve the window."""
    said, expected = _expect(state, row.code, row.task, hp)
    space = state.workspace
    doubt_S = workspace.doubts(space, row.label, hp)
    settled = workspace.witness(space, expected, doubt_S, row.label, hp)
    surprised = -jax.nn.logsumexp(expected.log_q[:, row.label])
    steps = expected.steps + settled.steps - 1
    strange = workspace.input_surprise(space, said, hp) / len(row.code)
    log = Log(
        surprise=jnp.where(row.teaches, surprised, 0.0),
        steps=jnp.where(row.teaches, steps.astype(jnp.float32), 0.0),
        input_surprise=jnp.where(row.arrives, strange, 0.0),
    )
    space = workspace.surprised(space, log.surprise, row.teaches)
    if hp.told:
        return _obey(state._replace(workspace=space), row, hp), log, expected

    weighed = evidence.weigh(space, said, doubt_S, row.code, row.label, hp)
    held = window.hold(space.window, row.code, row.label, said.share[space.current], weighed)
    judged = verdict.judge(space, held, hp)
    belief_S = workspace.believe(space, jax.tree.map(lambda a, b: jnp.where(row.teaches, a, b), settled, expected))
    unlabelled = space._replace(belief=jnp.where(row.arrives, belief_S, space.belief))
    rested, unlabelled, eve, judged = sleep.rest(state.banks, unlabelled, state.eve, judged, row.teaches, hp)
    resolved = _resolve(unlabelled, held, judged)
    space = jax.tree.map(lambda a, b: jnp.where(row.teaches, a, b), resolved, unlabelled)
    first, last = hp.learned_rows(held.size, judged.resolved)
    banks, names, wrong = _absorb(state._replace(banks=rested), space, held, first, last, hp)
    fresh = window.empty(len(space.belief), *_sizes(space, row.code))
    space = space._replace(
        names=names,
        wrong=wrong,
        window=window.cleared(space.window, fresh, row.teaches & judged.resolved),
    )
    return state._replace(banks=banks, workspace=space, eve=sleep.unless_moved(eve, rested, banks)), log, expected


def _sizes(space: Workspace, phi: Float[Array, " D"]) -> tuple[int, int, int, int]:
    """Samples of the window, latents, labels, entries of the code."""
    labels, latents = space.names.votes.shape[1:]
    return len(space.window.label) // numbers.LONGEST, latents, labels, len(phi)


def _resolve(space: Workspace, held: window.Window, verdict: Verdict) -> Workspace:
    """The workspace after a verdict, before anything is learned."""
    allocates = verdict.new
    owner = jnp.where(verdict.new_sensor, verdict.slot, space.owner[space.current])
    changes = verdict.slot != space.current
    return space._replace(
        belief=jnp.where(allocates, jax.nn.one_hot(verdict.slot, len(space.belief)), space.belief),
        slots=space.slots + allocates,
        owner=jnp.where(allocates, space.owner.at[verdict.slot].set(owner), space.owner),
        current=verdict.slot,
        switches=space.switches + changes,
        taught=space.taught + 1,
        slept=jnp.where(allocates, space.taught, space.slept),
        window=held,
        refused=space.refused + verdict.refused,
    )


def _obey(state: State, row: Sample, hp: Numbers) -> State:
    """The oracle: the told context learns with a bank of its own."""
    space = state.workspace
    slot = jnp.minimum(row.task, len(space.belief) - 1)
    told = space._replace(
        belief=jax.nn.one_hot(slot, len(space.belief)),
        slots=jnp.maximum(space.slots, slot + 1),
        owner=space.owner.at[slot].set(slot),
        current=slot,
        taught=space.taught + 1,
    )
    space = jax.tree.map(lambda a, b: jnp.where(row.teaches, a, b), told, space)
    held = space.window._replace(
        code=space.window.code.at[0].set(row.code), label=space.window.label.at[0].set(row.label)
    )
    banks, names, wrong = _absorb(state, space, held, 0, row.teaches.astype(jnp.int32), hp)
    return state._replace(banks=banks, workspace=space._replace(names=names, wrong=wrong))


Learned = tuple[Bank, maps.Map, Float[Array, "S L"]]


def _absorb(
    state: State, space: Workspace, held: window.Window, first: Any, last: Int[Array, ""], hp: Numbers
) -> Learned:
    """Rows `first` .. `last` - 1 of the window are learned in turn, by the current context or, ungated, by all."""

    def of_row(i: Int[Array, ""], learned: Learned) -> Learned:
        def of_slot(slot: Int[Array, ""], learned: Learned) -> Learned:
            return _learn(learned, state.code, space.owner[slot], slot, held.code[i], held.label[i], hp)

        return hp.taught(of_slot, space.current, space.slots, learned)

    return jax.lax.fori_loop(first, last, of_row, (state.banks, space.names, space.wrong))


def _learn(
    learned: Learned,
    eye: code.Eye | sensory.Code,
    owner: Int[Array, ""],
    slot: Int[Array, ""],
    phi: Float[Array, " D"],
    label: Int[Array, ""],
    hp: Numbers,
) -> Learned:
    """One sample, learned by one context: its map names a latent, and the label teaches that one."""
    banks, names, wrong_SL = learned
    generative, discriminative = _kinds(*_bank_shape(banks), hp)
    features_H = code.features(eye, phi)
    vote = generative.vote(banks.density, owner, phi)
    told_apart = discriminative.vote(banks.synapses, owner, features_H) if discriminative else None
    share_L = workspace.share(vote, told_apart)
    size_L = banks.density.size[owner]
    naming = maps.name(names, slot, label, share_L, vote.score, vote.novel, size_L)
    moves = vote.moved[naming.latent] > hp.moves_at
    keep = jnp.where(moves, vote.fresh[naming.latent], 1.0)
    message = Message(phi, naming.latent, naming.sure.astype(jnp.float32), keep)
    density = generative.learn(banks.density, owner, message)
    if hp.retention < 1:
        density = bank.faded(density, owner, message.gate, hp.retention)
        message = message._replace(keep=hp.retention * keep)
    taught = Bank(
        density, discriminative and discriminative.learn(banks.synapses, owner, message._replace(code=features_H))
    )
    size, wrong = size_L[naming.latent], wrong_SL[owner, naming.latent]
    missed = jnp.argmax(share_L) != naming.latent
    share = jnp.maximum(numbers.WRONG_STEP, 1 / jnp.maximum(size - numbers.WRONG_SKIPPED, 1))
    step = jnp.where(naming.sure & (size >= numbers.WRONG_FROM), share, 0.0)
    return (
        taught,
        naming.names,
        wrong_SL.at[owner, naming.latent].add(step * (missed - wrong)),
    )


def _kinds(latents: int, inputs: int, hp: Numbers) -> tuple[Specialist, Specialist | None]:
    """The generative and the discriminative specialist of a bank."""
    discriminative = discriminators(latents, hp.width, hp.ridge, hp.sharpness) if hp.width else None
    return bank.form(latents, inputs).densities(latents, inputs), discriminative


def _bank_shape(banks: Bank) -> tuple[int, int]:
    """Latents, and entries of the code."""
    _, latents, inputs = banks.density.mean.shape
    return latents, inputs
