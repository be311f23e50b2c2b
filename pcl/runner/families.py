"""One compiled program for static groups that differ only in sizes: states are padded with zeros to the largest.

A learner's entry names such sizes (`LearnerEntry.sizes`). A member starts in the state of its own `init`,
padded, and reads its own sizes as traced numbers. Its record equals that of its own program, up to rounding.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl import learners, streams
from pcl.fields import Traced, as_dict, put
from pcl.runner.sweep import RunConfig
from pcl.types import Batch, HParams, Info, Learner, Prediction, State

SHARES = ("auto", "always", "never")
OPERATIONS = 5e10  # on padding that take as long as a compilation: the least that `scripts.bench.shared_sizes` found

STEPS = "inference_steps"  # setting that FLOP counts receive as an argument of its own
Family = tuple[HParams, ...]  # static settings of the groups that share a program; their traced numbers mean nothing


@struct.dataclass
class Member:
    """Settings of one run among several sizes: traced numbers and its own sizes, which the others' may exceed.

    hp: with the static settings of the largest sizes. sizes: by name. place: of its static settings in the family.
    """

    hp: HParams
    sizes: dict[str, Traced]
    place: Traced


def sizes_of(run: RunConfig) -> tuple[str, ...]:
    """Names of the sizes in which runs that share a program with this one may differ.

    Empty for real-time evaluation, in which the cost of an update depends on its sizes.
    """
    sizes = learners.REGISTRY[run.learner].sizes
    return () if sizes is None or run.evaluation.charge == "flops" else sizes(run.hp)


def grouped(groups: Sequence[list[RunConfig]], share: str, mode: str) -> list[list[RunConfig]]:
    """Static groups, those as one that share a program: always, never, or where it saves time (`auto`)."""
    families: dict[str, list[list[RunConfig]]] = {}
    for group in groups:
        run = group[0]
        alike = put(run.hp, dict.fromkeys(sizes_of(run), 0))
        key = run.static if share == "never" else dataclasses.replace(run, hp=alike).static
        families.setdefault(key, []).append(group)
    found: list[list[RunConfig]] = []
    for several in families.values():
        together = [run for group in several for run in group]
        if len(several) > 1 and (share == "always" or _saves(several, mode)):
            members = tuple(group[0].hp for group in several)
            found.append([dataclasses.replace(run, family=members) for run in together])
        else:
            found += several
    return found


def _saves(groups: Sequence[list[RunConfig]], mode: str) -> bool:
    """Whether operations on padding take less time than compilations that are saved.

    Mapped one after the other, a member stops after its own steps of inference; side by side, all go on to the last.
    """
    first = groups[0][0]
    stream, _ = streams.configured(first.stream_kind, first.stream, first.evaluation.probe_on)
    count = learners.REGISTRY[first.learner].flops
    most, more = largest(tuple(group[0].hp for group in groups)), 0.0
    for group in groups:
        own = as_dict(group[0].hp).get(STEPS, 0)
        steps = own if mode == "map" else as_dict(most).get(STEPS, 0)
        rows = first.stream.batch
        padding = count(stream.spec, most, steps, rows) - count(stream.spec, group[0].hp, own, rows)
        more += float(padding) * stream.steps * rows * len(group)
    return more < OPERATIONS * (len(groups) - 1)


def largest(members: Family) -> HParams:
    """The settings with the largest of each size."""
    values = [as_dict(hp) for hp in members]
    differ = [name for name, value in values[0].items() if isinstance(value, int) and not isinstance(value, bool)]
    return put(members[0], {name: max(one[name] for one in values) for name in differ})


def differing(members: Family) -> dict[str, list[int]]:
    """The sizes that share a program, by name."""
    values = [as_dict(hp) for hp in members]
    names = [field for field, value in as_dict(largest(members)).items() if isinstance(value, int)] if members else []
    sizes = {name: sorted({one[name] for one in values}) for name in names}
    return {name: of_all for name, of_all in sizes.items() if len(of_all) > 1}


def mode_text(members: Family) -> str:
    """Text that a record adds to its mode: the sizes that share a program, as in ", one program for width 16 32"."""
    sizes = differing(members)
    return ", one program for " + ", ".join(f"{n} {' '.join(map(str, v))}" for n, v in sizes.items()) if sizes else ""


def member(run: RunConfig) -> Any:
    """The settings of a run as a program takes them; in a family, with the run's own sizes."""
    if not run.family:
        return run.hp
    own, structures = as_dict(run.hp), [jax.tree.structure(hp) for hp in run.family]
    most = jax.tree.unflatten(jax.tree.structure(largest(run.family)), jax.tree.leaves(run.hp))
    sizes = {name: np.int32(own[name]) for name in sizes_of(run)}
    return Member(most, sizes, np.int32(structures.index(jax.tree.structure(run.hp))))


def shared(learner: Learner, members: Family) -> Learner:
    """`learner` for the members of a family: its settings are a `Member`, its states padded."""
    if not members:
        return learner

    def init(key: PRNGKeyArray, given: Member) -> State:
        like = jax.eval_shape(learner.init, key, given.hp)

        def of(hp: HParams) -> Any:
            own = jax.tree.unflatten(jax.tree.structure(hp), jax.tree.leaves(given.hp))
            return lambda: jax.tree.map(_padded, learner.init(key, own), like)

        return jax.lax.switch(given.place, [of(hp) for hp in members])

    def predict(state: State, x: Float[Array, "B ..."], given: Member) -> Prediction:
        return learner.predict(state, x, put(given.hp, given.sizes))

    def update(state: State, batch: Batch, given: Member) -> tuple[State, Info]:
        return learner.update(state, batch, put(given.hp, given.sizes))

    return Learner(init, predict, update)


def _padded(leaf: Array, like: Any) -> Array:
    """The array with zeros behind it along each axis."""
    if leaf.shape == like.shape:
        return leaf
    return jnp.pad(leaf, [(0, most - own) for own, most in zip(leaf.shape, like.shape, strict=True)])


def own_state(learner: Learner, state: State, run: RunConfig) -> State:
    """The state of a run; in a family, the part of a padded one that is its own."""
    if not run.family:
        return state
    like, structure = jax.tree.flatten(jax.eval_shape(learner.init, jax.random.key(0), run.hp))
    leaves = jax.tree.leaves(state)
    cut = [leaf[tuple(slice(size) for size in own.shape)] for leaf, own in zip(leaves, like, strict=True)]
    return jax.tree.unflatten(structure, cut)
