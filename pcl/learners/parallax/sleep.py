"""Sleep: contexts that one explains as well as two become one, and leave a slot free.

While it is awake the workspace splits: what no context explains gets one of its own, and may have been a run of odd
samples. Asleep it compares all that any two contexts have learned, and merges the two closest where the evidence says
that they are one (`merging`).

Mergers are priced as allocations are. A context that was worth `allocation` nats to the window that asked for it has
to stay worth some: two that all they have learned tells apart by less than `recall`, what one window needs to change
between them, become one. When a new context is wanted and no slot is free, the two closest become one if that loses
less than the window gains by having the new one. Otherwise the request is refused and counted, as without sleep:
nothing is ever overwritten.

Two are left alone unless a slot is asked for: contexts that have named nothing in common, and so cannot disagree, and
sensors. Densities of two sensors have so many numbers that hundreds of samples of each seem better spent on one, even
where labels have told them apart (`weak` digits of `experiments.contexts`: of three true contexts one was left).

On digits, whose contexts are right without it, sleep changes nothing. Where a fifth of their labels are wrong and
`allocation` is 5, odd labels leave a fourth map to eight lives of ten, and sleep takes it back in five (seeds 0 to 9).

There is no phase that splits. Sums do not tell in which order their samples came; what a merger joined wrongly the
next conflict parts again, at the price of learning one of them anew.

Source: Stolcke and Omohundro (1993), Hidden Markov model induction by Bayesian model merging, NIPS 5.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import bank, maps, merging
from pcl.learners.parallax.bank import Bank
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.surprise import Verdict
from pcl.learners.parallax.workspace import Workspace
from pcl.network.code import when

OFTEN = 1 / 8  # share of its age after which the workspace sleeps again


class Pair(NamedTuple):
    """Two contexts of which the second may become part of the first."""

    first: Int[Array, ""]
    second: Int[Array, ""]
    evidence: Float[Array, ""]  # that they are one, in nats
    place: Int[Array, " L"]  # of each latent of the second's bank among those of the first's


class Night(NamedTuple):
    """What sleep may change."""

    banks: Bank
    space: Workspace
    moved: Int[Array, " S"]  # the slot that each context is in now


def rest(
    banks: Bank, space: Workspace, verdict: Verdict, teaches: Bool[Array, ""], hp: HParams
) -> tuple[Bank, Workspace, Verdict]:
    """Banks and contexts after a sleep, where one is due or a slot is wanted, and the verdict in terms of them."""
    slots = len(space.belief)
    if slots == 1 or hp.without == "sleep":
        return banks, space, verdict
    least = -jnp.where(verdict.refused, verdict.gain, hp.recall)
    # A full window that is suspicious keeps evidence for each context: nobody changes places then.
    tired = teaches & verdict.settled & (verdict.refused | due(space, hp))
    night = Night(banks, space, jnp.arange(slots))
    night = when(tired, lambda night: sleep(night.banks, night.space, least, verdict.refused, hp), night)
    wanted, refused = verdict.new_map | verdict.new_sensor, verdict.refused & (night.space.slots >= slots)
    slot = jnp.where(wanted & ~refused, night.space.slots, night.moved[verdict.slot])
    return night.banks, night.space, verdict._replace(slot=slot.astype(jnp.int32), refused=refused)


def due(space: Workspace, hp: HParams) -> Bool[Array, ""]:
    """Whether there is something to compare, and enough was learned since it was compared last."""
    return (space.slots > 1) & (space.taught >= (1 + OFTEN) * space.slept + hp.lag)


def sleep(banks: Bank, space: Workspace, least: ArrayLike, asked: ArrayLike, hp: HParams) -> Night:
    """The two closest contexts are one afterwards, if the evidence for it is above `least`; slots stay contiguous.

    Those of two sensors are compared if a slot is `asked` for. The window is left as it is: whoever sleeps has settled
    it. A slot that is emptied is as it was at first.
    """
    pair = closest(banks, space, asked, hp)
    merges = pair.evidence > least
    awake = Night(
        banks, space._replace(slept=jnp.where(merges, space.slept, space.taught)), jnp.arange(len(space.belief))
    )
    return when(merges, lambda night: _merged(night, pair, hp), awake)


def closest(banks: Bank, space: Workspace, asked: ArrayLike, hp: HParams) -> Pair:
    """The two contexts with the most evidence that they are one; minus infinity where there are no two."""
    latents = banks.density.size.shape[1]
    none = jnp.zeros((), jnp.int32)
    nobody = Pair(none, none, jnp.full((), -jnp.inf), jnp.arange(latents))

    def of_second(second: Int[Array, ""], carry: tuple[Int[Array, ""], Pair]) -> tuple[Int[Array, ""], Pair]:
        first, best = carry
        pair = compared(banks, space, first, second, asked, hp)
        better = pair.evidence > best.evidence
        return first, jax.tree.map(lambda new, old: jnp.where(better, new, old), pair, best)

    def of_first(first: Int[Array, ""], best: Pair) -> Pair:
        return jax.lax.fori_loop(first + 1, space.slots, of_second, (first, best))[1]

    return jax.lax.fori_loop(0, space.slots, of_first, nobody)


def compared(
    banks: Bank, space: Workspace, one: Int[Array, ""], other: Int[Array, ""], asked: ArrayLike, hp: HParams
) -> Pair:
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
        return jnp.minimum(of_maps, 0.0) + merging.sensors_alike(sensor, merging.placed(another, place))

    evidence = when((ours != theirs) & asked, of_sensors, of_maps)
    evidence = jnp.where((ours == theirs) | asked, evidence, -jnp.inf)
    return Pair(first, second, jnp.where(shared >= 1, evidence, jnp.minimum(evidence, -hp.recall)), place)


def _merged(night: Night, pair: Pair, hp: HParams) -> Night:
    """The second context is part of the first, a second bank of the first's, and the last slot fills the hole."""
    (banks, space, moved), (first, second, _, place) = night, pair
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
    return Night(jax.tree.map(lambda leaf: leaf[swap_S], banks), space, went_S[moved])


def _slot(states: Any, slot: Int[Array, ""]) -> Any:
    return jax.tree.map(lambda leaf: leaf[slot], states)
