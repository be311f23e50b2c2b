"""One compiled program for static groups that differ only in sizes: states are padded with zeros to the largest.

A learner's entry names such sizes (`LearnerEntry.sizes`). A member starts in the state of its own `init`,
padded, and reads its own sizes as traced numbers. Its record equals that of its own program, up to rounding.

Depth is not padded. The program holds the learner once for each depth (a branch), and all else once. Each state has the
arrays of the deepest member, and a run leaves at zero those that its depth does not have.
"""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from flax import struct
from jax import Array
from jaxtyping import Float, PRNGKeyArray

from pcl import learners, streams
from pcl.fields import Traced, as_dict, put
from pcl.runner.sweep import RunConfig
from pcl.types import Batch, HParams, Info, Learner, Prediction, Spec, State

SHARES = ("auto", "always", "never")
OPERATIONS = 5e10  # on padding that take as long as a compilation: the least that `scripts.bench.shared_sizes` found
CARRIED = 6  # samples whose operations in a layer take longer than a step that carries its arrays along, by that bench

DEPTH = "depth"  # size that is not padded: each value has a branch of the program
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
    """Whether operations on padding take less time than compilations that are saved."""
    first, members = groups[0][0], tuple(group[0].hp for group in groups)
    stream, _ = streams.configured(first.stream_kind, first.stream, first.evaluation.probe_on)
    runs = sum(padding(stream.spec, group[0], members, mode) * len(group) for group in groups)
    return runs * stream.steps * first.stream.batch < OPERATIONS * (len(groups) - 1)


def padding(spec: Spec, run: RunConfig, members: Family, mode: str) -> float:
    """Operations for each sample of `run` that its own program does not have.

    Mapped one after the other, a member stops after its own steps of inference, and executes the branch of its own
    depth. Side by side, all go on to the last step, in every branch.
    """
    rows, own, most = run.stream.batch, as_dict(run.hp), as_dict(largest(members))

    def count(hp: HParams, steps: int = 0) -> float:
        return float(learners.REGISTRY[run.learner].flops(spec, hp, steps, rows))

    alone = count(run.hp, own.get(STEPS, 0))
    if mode != "map":
        return sum(count(hp, most.get(STEPS, 0)) for hp in _branches(members)) - alone
    branch = put(largest(members), {DEPTH: own.get(DEPTH)})
    carried = CARRIED * (count(largest(members)) - count(branch)) / rows
    return count(branch, own.get(STEPS, 0)) + carried - alone


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
    own = as_dict(run.hp)
    most = jax.tree.unflatten(jax.tree.structure(largest(run.family)), jax.tree.leaves(run.hp))
    sizes = {name: np.int32(own[name]) for name in sizes_of(run)}
    return Member(most, sizes, np.int32(_place(run)))


def _place(run: RunConfig) -> int:
    """The place of the run's static settings in its family."""
    return [jax.tree.structure(hp) for hp in run.family].index(jax.tree.structure(run.hp))


def shared(learner: Learner, members: Family) -> Learner:
    """`learner` for the members of a family: its settings are a `Member`, its states those of any member."""
    if not members:
        return learner
    states = _states(learner, members)

    def init(key: PRNGKeyArray, given: Member) -> list[Array]:
        def of(hp: HParams, branch: int) -> Any:
            own = jax.tree.unflatten(jax.tree.structure(hp), jax.tree.leaves(given.hp))
            return lambda: states.filled(learner.init(key, own), branch)

        return jax.lax.switch(given.place, [of(hp, i) for hp, i in zip(members, states.branch, strict=True)])

    def by_depth(given: Member, function: Any, *arguments: Any) -> Any:
        settings = [put(given.hp, given.sizes | {DEPTH: as_dict(hp).get(DEPTH)}) for hp in _branches(members)]
        branches = [functools.partial(function, hp, i) for i, hp in enumerate(settings)]
        return jax.lax.switch(jnp.asarray(states.branch)[given.place], branches, *arguments)

    def predict(state: list[Array], x: Float[Array, "B ..."], given: Member) -> Prediction:
        return by_depth(given, lambda hp, i, state, x: learner.predict(states.of(state, i), x, hp), state, x)

    def update(state: list[Array], batch: Batch, given: Member) -> tuple[list[Array], Info]:
        def updated(hp: HParams, branch: int, state: list[Array], batch: Batch) -> tuple[list[Array], Info]:
            after, info = learner.update(states.of(state, branch), batch, hp)
            return states.filled(after, branch), info

        return by_depth(given, updated, state, batch)

    return Learner(init, predict, update)


class _States(NamedTuple):
    """How the states of all members fit into one list of arrays.

    slots: shapes and types of the arrays. like: for each branch, its state. places: for each branch, the slot of each
    of its leaves. branch: that of each member.
    """

    slots: list[Any]
    like: list[State]
    places: list[list[int]]
    branch: list[int]

    def of(self, slots: Sequence[Any], branch: int) -> State:
        """The state of a branch among `slots`."""
        return jax.tree.unflatten(jax.tree.structure(self.like[branch]), [slots[i] for i in self.places[branch]])

    def filled(self, state: State, branch: int) -> list[Array]:
        """The slots with the padded state of a branch, and zeros where it has no array."""
        leaves = jax.tree.leaves(jax.tree.map(_padded, state, self.like[branch]))
        own = dict(zip(self.places[branch], leaves, strict=True))
        return [own[i] if i in own else jnp.zeros(slot.shape, slot.dtype) for i, slot in enumerate(self.slots)]


def _branches(members: Family) -> list[HParams]:
    """The settings with the largest sizes, for each number of layers."""
    depths = sorted({as_dict(hp).get(DEPTH, 0) for hp in members})
    return [put(largest(members), {DEPTH: depth}) for depth in depths]


def _states(learner: Learner, members: Family) -> _States:
    """Arrays of equal shape and type share a slot, so that there are about as many as the deepest member has."""
    branches, slots, places = _branches(members), list[Any](), list[list[int]]()
    like = [jax.eval_shape(learner.init, jax.random.key(0), hp) for hp in branches]
    for state in like:
        place = list[int]()
        for leaf in jax.tree.leaves(state):
            fits = (i for i, slot in enumerate(slots) if (slot.shape, slot.dtype) == (leaf.shape, leaf.dtype))
            place.append(next((i for i in fits if i not in place), len(slots)))
            slots += [leaf] if place[-1] == len(slots) else []
        places.append(place)
    depths = [as_dict(hp).get(DEPTH, 0) for hp in branches]
    return _States(slots, like, places, [depths.index(as_dict(hp).get(DEPTH, 0)) for hp in members])


def _padded(leaf: Array, like: Any) -> Array:
    """The array with zeros behind it along each axis."""
    if leaf.shape == like.shape:
        return leaf
    return jnp.pad(leaf, [(0, most - own) for own, most in zip(leaf.shape, like.shape, strict=True)])


def own_state(learner: Learner, state: State, run: RunConfig) -> State:
    """The state of a run; in a family, the part that is its own."""
    if not run.family:
        return state
    states, like = _states(learner, run.family), jax.eval_shape(learner.init, jax.random.key(0), run.hp)
    padded = states.of(state, states.branch[_place(run)])
    return jax.tree.map(lambda own, leaf: leaf[tuple(slice(size) for size in own.shape)], like, padded)
