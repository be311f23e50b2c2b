"""Sleep: contexts that one explains as well as two become one, and one that has changed unnoticed becomes two.

Awake, the workspace decides by a few dozen samples. Asleep it compares all that contexts have learned (`merging`), of
any two, and of the present one what it has learned since it last slept with what it knew then.

Mergers are priced as allocations are. A context that was worth `allocation` nats to the window that asked for it has
to stay worth some: two that all they have learned tells apart by less than `recall`, what one window needs to change
between them, become one, unless they have named nothing in common and so cannot disagree. When a new context is wanted
and no slot is free, the two closest become one if that loses less than the window gains by having the new one.
Otherwise the request is refused and counted, as without sleep: nothing is ever overwritten.

The present context splits where its day differs from the days before by `allocation` nats. The bank of the evening
before stays as it was then, bit for bit, and what the day has added is a context of its own, to which the present
moment belongs: sums that add can be taken off again, those of synapses too. A switch that no window has noticed, for
the inputs of both contexts lie in the same region and many labels agree, is so undone the night after. (Synapses may
learn instead from samples that densities dream; that helped a third as much right after a split, and no more later.)

Where windows find all contexts, as on digits, sleep changes nothing; what it finds where they do not says
`experiments.contexts`.

Source: Stolcke and Omohundro (1993), Hidden Markov model induction by Bayesian model merging, NIPS 5. That a change is
told by what lies before and after a moment is as in ADWIN, Bifet and Gavalda (2007), SIAM Conference on Data Mining.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import bank, maps, merging, numbers, workspace
from pcl.learners.parallax.bank import Bank
from pcl.learners.parallax.density import degrees_of_freedom
from pcl.learners.parallax.maps import Map
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.verdict import Verdict
from pcl.learners.parallax.workspace import Workspace
from pcl.loops import when


class Pair(NamedTuple):
    """Two contexts of which the second may become part of the first."""

    first: Int[Array, ""]
    second: Int[Array, ""]
    evidence: Float[Array, ""]  # that they are one, in nats
    place: Int[Array, " L"]  # of each latent of the second's bank among those of the first's


class Eve(NamedTuple):
    """The context that was current when the workspace last slept, as it was then."""

    slot: Int[Array, ""]
    bank: Bank  # the one that it looks through
    names: Map


class Night(NamedTuple):
    """What sleep may change."""

    banks: Bank
    space: Workspace
    eve: Eve
    moved: Int[Array, " S"]  # the slot in which each context goes on
    stale: Int[Array, ""]  # the bank whose sums have changed, and nothing else of it yet; -1 where none has


def eve(banks: Bank, space: Workspace) -> Eve:
    """That of the present moment."""
    bank = _slot(banks, space.owner[space.current])
    return Eve(space.current, bank, _slot(space.names, space.current))


def unless_moved(before: Eve, banks: Bank, taught: Bank) -> Eve:
    """The eve as long as no latent has left a part of its samples behind, with which days can no longer be told."""
    moved = (taught.density.size < banks.density.size).any()
    return before._replace(slot=jnp.where(moved, -1, before.slot))


def rest(
    banks: Bank, space: Workspace, before: Eve, verdict: Verdict, teaches: Bool[Array, ""], hp: Numbers
) -> tuple[Bank, Workspace, Eve, Verdict]:
    """Banks and contexts after a sleep, where one is due or a slot is wanted, and the verdict in terms of them."""
    slots = len(space.belief)
    if slots == 1 or not hp.sleeps:
        return banks, space, before, verdict
    least = -jnp.where(verdict.refused, verdict.gain, hp.recall)
    tired = teaches & verdict.resolved & (verdict.refused | due(space, hp))
    wanted = verdict.new_map | verdict.new_sensor
    night = Night(banks, space, before, jnp.arange(slots), jnp.full((), -1))
    night = when(tired, lambda night: sleep(night, least, ~wanted, hp), night)
    refused = verdict.refused & (night.space.slots >= slots)
    slot = jnp.where(wanted & ~refused, night.space.slots, night.moved[verdict.slot])
    return night.banks, night.space, night.eve, verdict._replace(slot=slot.astype(jnp.int32), refused=refused)


def due(space: Workspace, hp: Numbers) -> Bool[Array, ""]:
    """Whether enough was learned since contexts were compared last."""
    return space.taught >= (1 + numbers.OFTEN) * space.slept + hp.lag


def sleep(night: Night, least: ArrayLike, splits: ArrayLike, hp: Numbers) -> Night:
    """The two closest contexts are one afterwards, if the evidence for it is above `least`; slots stay contiguous.

    Else the context that is awake splits, if it may and has changed. The window is left as it is: whoever sleeps has
    settled it. A slot that is emptied is as it was at first.
    """
    pair = closest(night.banks, night.space, hp)
    merges = pair.evidence > least
    changed = splits & ~merges & (unchanged(night) < -hp.allocation)
    space = night.space._replace(slept=jnp.where(merges, night.space.slept, night.space.taught))
    night = when(merges, lambda night: _merged(night, pair, hp), night._replace(space=space))
    night = when(changed, lambda night: _split(night, hp), night)
    # The one place of a night where a bank is renewed: an inversion takes long to compile.
    density = when(night.stale >= 0, merging.renewed_there, night.banks.density, night.stale)
    night = night._replace(banks=night.banks._replace(density=density))
    return night._replace(eve=eve(night.banks, night.space))


def unchanged(night: Night) -> Float[Array, ""]:
    """Evidence that what the present context has learned since the last sleep is like what it had learned before.

    Infinite where that cannot be told: it was not the present one then, shares its bank, or a latent has moved; and
    where there is no slot for another.
    """
    banks, space, (slot, before, _), *_ = night
    now, known = _slot(banks.density, slot), merging.sums(before.density)
    learned = merging.sums(now)
    day = merging.parted(learned, known)
    inputs = known.mean.shape[1]
    told = (
        (slot == space.current)
        & ((space.owner == slot) & workspace.alive(space) == (jnp.arange(len(space.owner)) == slot)).all()
        & (space.slots < len(space.owner))
    )
    freedom = degrees_of_freedom(now.square, inputs)
    return jnp.where(told, merging.sensors_alike(day, known, freedom), jnp.inf)


def closest(banks: Bank, space: Workspace, hp: Numbers) -> Pair:
    """The two contexts with the most evidence that they are one; minus infinity where there are no two."""
    latents = banks.density.size.shape[1]
    none = jnp.zeros((), jnp.int32)
    nobody = Pair(none, none, jnp.full((), -jnp.inf), jnp.arange(latents))

    def of_second(second: Int[Array, ""], carry: tuple[Int[Array, ""], Pair]) -> tuple[Int[Array, ""], Pair]:
        first, best = carry
        pair = compared(banks, space, first, second, hp)
        better = pair.evidence > best.evidence
        return first, jax.tree.map(lambda new, old: jnp.where(better, new, old), pair, best)

    def of_first(first: Int[Array, ""], best: Pair) -> Pair:
        return jax.lax.fori_loop(first + 1, space.slots, of_second, (first, best))[1]

    return jax.lax.fori_loop(0, space.slots, of_first, nobody)


def compared(banks: Bank, space: Workspace, one: Int[Array, ""], other: Int[Array, ""], hp: Numbers) -> Pair:
    """Evidence that two contexts are one. The second is none that owns the first's bank."""
    swaps = space.owner[one] == other
    first, second = jnp.where(swaps, other, one), jnp.where(swaps, one, other)
    names, others = _slot(space.names, first), _slot(space.names, second)
    ours, theirs = space.owner[first], space.owner[second]
    sensor, another = _slot(banks.density, ours), _slot(banks.density, theirs)
    place = merging.matched(names, others, sensor.size, another.size)
    place = jnp.where(ours == theirs, jnp.arange(len(place)), place)
    shared, of_maps = merging.maps_alike(names, merging.renamed(others, place), space.wrong[ours])

    def of_sensors(of_maps: Float[Array, ""]) -> Float[Array, ""]:
        # Names have chosen which latents are compared: that they agree says nothing then.
        there, inputs = merging.sums(merging.placed(another, place)), sensor.mean.shape[1]
        freedom = degrees_of_freedom(sensor.square + another.square, inputs)
        return jnp.minimum(of_maps, 0.0) + merging.sensors_alike(merging.sums(sensor), there, freedom)

    evidence = when(ours != theirs, of_sensors, of_maps)
    return Pair(first, second, jnp.where(shared >= 1, evidence, jnp.minimum(evidence, -hp.recall)), place)


def _merged(night: Night, pair: Pair, hp: Numbers) -> Night:
    """The second context is part of the first, a second bank of the first's, and the last slot fills the hole."""
    (banks, space, before, moved, _), (first, second, _, place) = night, pair
    ours, theirs = space.owner[first], space.owner[second]

    def one_sensor(known: tuple[Bank, Workspace]) -> tuple[Bank, Workspace]:
        banks, space = known
        places, through_S = jnp.stack([ours, theirs]), space.owner == theirs
        here, there = _slot(banks.density, ours), merging.placed(_slot(banks.density, theirs), place)
        share_L = there.size / jnp.maximum(here.size + there.size, 1e-30)
        mixed_L = (1 - share_L) * space.wrong[ours] + share_L * merging.by_place(space.wrong[theirs], place)
        renamed = jax.vmap(merging.renamed, (0, None))(space.names, place)
        names = jax.tree.map(lambda new, old: jax.vmap(jnp.where)(through_S, new, old), renamed, space.names)
        space = space._replace(
            names=names,
            owner=jnp.where(through_S, ours, space.owner),
            wrong=space.wrong.at[places].set(jnp.stack([mixed_L, jnp.ones_like(mixed_L)])),
        )
        both = merging.merged_densities(here, there)
        latents, inputs = here.mean.shape
        blank = bank.form(latents, inputs).densities(latents, inputs).init(jax.random.key(0))
        synapses = banks.synapses
        return Bank(
            jax.tree.map(lambda leaf, *two: leaf.at[places].set(jnp.stack(two)), banks.density, both, blank),
            synapses and merging.merged_synapses(synapses, ours, theirs, place, hp.ridge),
        ), space

    banks, space = when(ours != theirs, one_sensor, (banks, space))
    both = merging.merged_maps(_slot(space.names, first), _slot(space.names, second))
    empty = maps.empty(*both.votes.shape[::-1])
    places, last, index_S = jnp.stack([first, second]), space.slots - 1, jnp.arange(len(space.belief))
    # A bank of the second, if it had one, is empty by now: what the last slot holds and it change places.
    swap_S = index_S.at[second].set(last).at[last].set(second)
    went_S = swap_S.at[second].set(swap_S[first])
    space = space._replace(
        belief=space.belief.at[first].add(space.belief[second]).at[second].set(0.0)[swap_S],
        slots=last,
        owner=went_S[space.owner].at[second].set(0)[swap_S],
        names=jax.tree.map(lambda leaf, *two: leaf.at[places].set(jnp.stack(two))[swap_S], space.names, both, empty),
        wrong=space.wrong[swap_S],
        current=went_S[space.current],
        merged=space.merged + 1,
    )
    stale = jnp.where(ours != theirs, swap_S[ours], -1)
    return Night(jax.tree.map(lambda leaf: leaf[swap_S], banks), space, before, went_S[moved], stale)


def _split(night: Night, hp: Numbers) -> Night:
    """The present context is what it was before the day, and another one, now present, what the day has shown."""
    banks, space, (slot, before, names), moved, _ = night
    new, (latents, inputs) = space.slots, before.density.mean.shape
    places = jnp.stack([slot, new])
    blank = bank.form(latents, inputs).densities(latents, inputs).init(jax.random.key(0))
    density = merging.parted_densities(_slot(banks.density, slot), before.density, blank)
    learned, known = _slot(banks.synapses, slot), before.synapses
    synapses = known and merging.parted_synapses(learned, known, density.size, hp.ridge)

    def put(leaves: Any, *two: Any) -> Any:
        return jax.tree.map(lambda leaf, *ones: leaf.at[places].set(jnp.stack(ones)), leaves, *two)

    index_S = jnp.arange(len(space.belief))
    space = space._replace(
        belief=jnp.where(index_S == new, 1.0, 0.0),
        slots=new + 1,
        owner=space.owner.at[new].set(new),
        names=put(space.names, names, merging.parted_maps(_slot(space.names, slot), names)),
        wrong=space.wrong.at[new].set(space.wrong[slot]),
        current=new,
        switches=space.switches + 1,
        split=space.split + 1,
    )
    moved = jnp.where(moved == slot, new, moved)
    return Night(put(banks, before, Bank(density, synapses)), space, night.eve, moved, new)


def _slot(states: Any, slot: Int[Array, ""]) -> Any:
    return jax.tree.map(lambda leaf: leaf[slot], states)
