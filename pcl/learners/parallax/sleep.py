"""Sleep: contexts merge if one explains their samples as well as two, and a context that changed unnoticed splits.

A verdict rests on a few dozen samples. Sleep compares sufficient statistics of all samples: of any two contexts, and
of the current one those since the last sleep with those before (its evening).

A merger has the price of a new context, reversed. Two contexts become one if all that they have learned favours two
contexts over one by less than `recall` nats. Contexts that name no latent in common cannot disagree and never merge.
When a new context is wanted and no slot is free, the two closest merge if that loses fewer nats than the window gains
by the new one. Otherwise the request is refused and counted: nothing is ever overwritten.

The current context splits if its day differs from the days before by `allocation` nats. Then it is as it was in the
evening, bit for bit, and the day is a context of its own, which is current: sums can be subtracted again, those of
synapses too. This undoes a switch that no window has noticed because the inputs of both contexts lie in the same
region and many labels agree. (Synapses may learn instead from samples drawn from the densities; that helped a third as
much right after a split, and no more later.)

If windows find all contexts, as on digits, sleep changes nothing; results for other streams are in
`experiments.contexts`.

Source: Stolcke and Omohundro (1993), Hidden Markov model induction by Bayesian model merging, NIPS 5. Comparing the
samples before and after a moment is as in ADWIN, Bifet and Gavalda (2007), SIAM Conference on Data Mining.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import ArrayLike
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import numbers
from pcl.learners.parallax.contexts import mergers, names
from pcl.learners.parallax.numbers import Numbers
from pcl.learners.parallax.sensors import sums
from pcl.learners.parallax.sensors.interface import Sensor, at
from pcl.learners.parallax.sensors.sums import Sums
from pcl.learners.parallax.state import Contexts, Course, Evening, Sensors, State, alive, evening, sensors_of
from pcl.learners.parallax.verdict import Verdict
from pcl.loops import when


class Pair(NamedTuple):
    """Two contexts of which the second may become part of the first."""

    first: Int[Array, ""]
    second: Int[Array, ""]
    evidence: Float[Array, ""]  # that they are one, in nats
    place: Int[Array, " L"]  # of each latent of the second's sensor among those of the first's


class Night(NamedTuple):
    """The parts of the state that sleep may change."""

    sensors: Sensors
    contexts: Contexts
    course: Course
    evening: Evening
    went: Int[Array, " S"]  # the slot in which each context goes on


class Change(NamedTuple):
    """The result of a merger or a split; a place of B is none."""

    wrong: Float[Array, "B L"]
    contexts: Contexts
    went: Int[Array, " S"]
    learned: Sums  # of the one sensor that is computed from sums
    kept: Any  # the state of another one
    places: Int[Array, " 3"]  # of both, and of a sensor that is emptied


def rest(
    state: State, verdict: Verdict, teaches: Bool[Array, ""], sensor: Sensor, hp: Numbers
) -> tuple[State, Verdict]:
    """The state after a sleep, if one is due or a slot is wanted, and the verdict with the slots of that state."""
    if hp.slots == 1 or not hp.sleeps:
        return state, verdict
    least = -jnp.where(verdict.refused, verdict.gain, hp.recall)
    tired = teaches & verdict.resolved & (verdict.refused | due(state.course, hp))
    wanted = verdict.new_map | verdict.new_sensor
    night = Night(state.sensors, state.contexts, state.course, state.evening, jnp.arange(hp.slots))
    night = when(tired, lambda night: sleep(night, least, ~wanted, sensor, hp), night)
    refused = verdict.refused & (night.contexts.number >= hp.slots)
    slot = jnp.where(wanted & ~refused, night.contexts.number, night.went[verdict.slot])
    state = state._replace(**{name: part for name, part in night._asdict().items() if name != "went"})
    return state, verdict._replace(slot=slot.astype(jnp.int32), refused=refused)


def unless_moved(before: Evening, size_BL: Float[Array, "B L"], learned_BL: Float[Array, "B L"]) -> Evening:
    """The evening; invalid (context -1) once a latent has moved, because the day can then not be subtracted."""
    left = (learned_BL < size_BL).any()
    return before._replace(context=jnp.where(left, -1, before.context))


def due(course: Course, hp: Numbers) -> Bool[Array, ""]:
    """Whether enough samples were learned since the last comparison of contexts."""
    return course.taught >= (1 + numbers.OFTEN) * course.rested + hp.lag


def sleep(night: Night, least: ArrayLike, may_split: ArrayLike, sensor: Sensor, hp: Numbers) -> Night:
    """The two closest contexts are one afterwards, if the evidence for it is above `least`; slots stay contiguous.

    Else the current context splits, if `may_split` and it has changed. The window stays: it is resolved before a sleep.
    A slot that is emptied is as it was at first.
    """
    pair = closest(night.sensors, night.contexts, sensor, hp)
    merges = pair.evidence > least
    splits = may_split & ~merges & (unchanged(night, sensor) < -hp.allocation)
    course = night.course
    course = course._replace(
        rested=jnp.where(merges, course.rested, course.taught),
        merged=course.merged + merges,
        split=course.split + splits,
        switches=course.switches + splits,
    )
    night = when(merges | splits, lambda night: _changed(night, pair, merges, sensor), night._replace(course=course))
    return night._replace(evening=evening(night.sensors, night.contexts))


def unchanged(night: Night, sensor: Sensor) -> Float[Array, ""]:
    """Evidence that the present context's samples since the last sleep are of the same sensor as those before.

    Infinite where this cannot be computed (the context was not the present one then, shares its sensor, or a latent has
    moved) and where there is no slot for another.
    """
    contexts, before = night.contexts, night.evening
    here = at(night.sensors.banks, contexts.sensor[before.context])
    now, then = (sensor.sums(bank)._replace(weights=None) for bank in (here, before.bank))
    alone = ((contexts.sensor == contexts.sensor[before.context]) & alive(contexts)).sum() == 1
    told = (before.context == contexts.current) & alone & (contexts.number < len(contexts.belief))
    alike = sums.sensors_alike(sums.parted(now, then), then, sums.freedom(now))
    return jnp.where(told, alike, jnp.inf)


def closest(sensors: Sensors, contexts: Contexts, sensor: Sensor, hp: Numbers) -> Pair:
    """The two contexts with the most evidence that they are one; minus infinity where there are no two."""
    none = jnp.zeros((), jnp.int32)
    nobody = Pair(none, none, jnp.full((), -jnp.inf), jnp.arange(sensors.wrong.shape[1]))

    def of_second(second: Int[Array, ""], carry: tuple[Int[Array, ""], Pair]) -> tuple[Int[Array, ""], Pair]:
        first, best = carry
        pair = compared(sensors, contexts, first, second, sensor, hp)
        better = pair.evidence > best.evidence
        return first, jax.tree.map(lambda new, old: jnp.where(better, new, old), pair, best)

    def of_first(first: Int[Array, ""], best: Pair) -> Pair:
        return jax.lax.fori_loop(first + 1, contexts.number, of_second, (first, best))[1]

    return jax.lax.fori_loop(0, contexts.number, of_first, nobody)


def compared(
    sensors: Sensors, contexts: Contexts, first: Int[Array, ""], second: Int[Array, ""], sensor: Sensor, hp: Numbers
) -> Pair:
    """Evidence that two contexts are one."""
    called, others = at(contexts.names, first), at(contexts.names, second)
    ours, theirs = contexts.sensor[first], contexts.sensor[second]
    size_BL = sensor.size(sensors.banks)
    place = mergers.matched(called, others, size_BL[ours], size_BL[theirs])
    place = jnp.where(ours == theirs, jnp.arange(len(place)), place)
    shared, of_maps = mergers.maps_alike(called, mergers.renamed(others, place), sensors.wrong[ours])

    def of_sensors(of_maps: Float[Array, ""]) -> Float[Array, ""]:
        # Latents were matched by their names, so agreement of the names is no evidence.
        here, there = (sensor.sums(at(sensors.banks, slot))._replace(weights=None) for slot in (ours, theirs))
        there = sums.placed(there, place)
        return jnp.minimum(of_maps, 0.0) + sums.sensors_alike(here, there, sums.freedom(here, there))

    evidence = when(ours != theirs, of_sensors, of_maps)
    return Pair(first, second, jnp.where(shared >= 1, evidence, jnp.minimum(evidence, -hp.recall)), place)


def _changed(night: Night, pair: Pair, merges: Bool[Array, ""], sensor: Sensor) -> Night:
    """The result of a merger, or else of a split. Both share the parts that take long to compile."""
    change = jax.lax.cond(
        merges, lambda night: _merger(night, pair, sensor), lambda night: _split(night, sensor), night
    )
    three = sensor.of_sums(change.learned), change.kept, sensor.init(jax.random.key(0))
    banks = jax.tree.map(
        lambda leaf, *new: leaf.at[change.places].set(jnp.stack(new), mode="drop"), night.sensors.banks, *three
    )
    return Night(Sensors(banks, change.wrong), change.contexts, night.course, night.evening, change.went)


def _merger(night: Night, pair: Pair, sensor: Sensor) -> Change:
    """Merges the second context and its sensor into the first. The last context and sensor fill the empty slots."""
    (banks, wrong_BL), contexts = night.sensors, night.contexts
    ours, theirs = contexts.sensor[pair.first], contexts.sensor[pair.second]
    here, there = sensor.sums(at(banks, ours)), sums.placed(sensor.sums(at(banks, theirs)), pair.place)
    part_L = there.size / jnp.maximum(here.size + there.size, 1e-30)
    mixed_L = (1 - part_L) * wrong_BL[ours] + part_L * sums.by_place(wrong_BL[theirs], pair.place)
    joined, gone, last = jnp.minimum(ours, theirs), jnp.maximum(ours, theirs), sensors_of(contexts) - 1
    none, index_B = len(wrong_BL), jnp.arange(len(wrong_BL))
    places = jnp.where(ours != theirs, jnp.stack([joined, jnp.where(gone == last, none, gone), last]), none)
    rows = jnp.stack([mixed_L, wrong_BL[last], jnp.ones_like(mixed_L)])
    went_B = jnp.where(ours != theirs, index_B.at[last].set(gone).at[gone].set(joined), index_B)
    contexts, went_S = _one_less(contexts, pair, went_B)
    return Change(
        wrong=wrong_BL.at[places].set(rows, mode="drop"),
        contexts=contexts,
        went=went_S[night.went],
        learned=sums.joined(here, there),
        kept=at(banks, last),
        places=places,
    )


def _one_less(contexts: Contexts, pair: Pair, went_B: Int[Array, " B"]) -> tuple[Contexts, Int[Array, " S"]]:
    """The contexts after a pair was merged and sensors were moved, and the new slot of each old context."""
    first, second, _, place = pair
    ours, theirs = contexts.sensor[first], contexts.sensor[second]
    renamed = jax.vmap(mergers.renamed, (0, None))(contexts.names, place)
    through_S = (contexts.sensor == theirs) & (ours != theirs)
    called = jax.tree.map(lambda new, old: jax.vmap(jnp.where)(through_S, new, old), renamed, contexts.names)
    both = mergers.merged_maps(at(called, first), at(called, second))
    places, last = jnp.stack([first, second]), contexts.number - 1
    # The emptied slot and the last one are exchanged.
    swap_S = jnp.arange(len(contexts.belief)).at[second].set(last).at[last].set(second)
    went_S = swap_S.at[second].set(swap_S[first])
    two = both, names.empty(*both.votes.shape[::-1])
    left = Contexts(
        belief=contexts.belief.at[first].add(contexts.belief[second]).at[second].set(0.0)[swap_S],
        number=last,
        sensor=went_B[contexts.sensor].at[second].set(0)[swap_S],
        names=jax.tree.map(lambda leaf, *new: leaf.at[places].set(jnp.stack(new))[swap_S], called, *two),
        current=went_S[contexts.current],
    )
    return left, went_S


def _split(night: Night, sensor: Sensor) -> Change:
    """Resets the present context to its state at the last rest. A new one, now present, has the samples since."""
    (banks, wrong_BL), contexts, before = night.sensors, night.contexts, night.evening
    slot, new = before.context, contexts.number
    old_sensor, new_sensor = contexts.sensor[slot], sensors_of(contexts)
    places, two = jnp.stack([slot, new]), (before.names, mergers.parted_maps(at(contexts.names, slot), before.names))
    return Change(
        wrong=wrong_BL.at[new_sensor].set(wrong_BL[old_sensor]),
        contexts=Contexts(
            belief=jnp.where(jnp.arange(len(contexts.belief)) == new, 1.0, 0.0),
            number=new + 1,
            sensor=contexts.sensor.at[new].set(new_sensor),
            names=jax.tree.map(lambda leaf, *new: leaf.at[places].set(jnp.stack(new)), contexts.names, *two),
            current=new,
        ),
        went=jnp.where(night.went == slot, new, night.went),
        learned=sums.parted(sensor.sums(at(banks, old_sensor)), sensor.sums(before.bank)),
        kept=before.bank,
        places=jnp.stack([new_sensor, old_sensor, jnp.full((), len(wrong_BL), jnp.int32)]),
    )
