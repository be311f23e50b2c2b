"""What a labelled sample says for and against contexts, and what is done about it.

Surprise has three parts: the input may be strange to the sensor, the label may contradict the context's names, and
either may be doubtful because little is known yet (epistemic). Each is bounded. Over the window they decide:

  learn     the current context explains the window best, and its inputs are not strange: it learns all of it
  recall    another known context explains it better, by more than two samples could: that one learns it
  allocate  a shadow explains it better than any context or mixture of them: a new map where the inputs are typical of
            the current sensor (the same things have other names), a new sensor where they are strange. A sensor whose
            density is not learned yet is credited with guessing the labels, and with how unlike its inputs are to those
            of every sensor known: that tells contexts whose inputs differ little long before a density could, and that
            two classes have another sensor and not other names
  hold      none of these yet; a window that is full goes to the best known context, but one with strange inputs that
            has shown half of what allocates another sensor is held on to, as long as there is room
  refuse    a new context for which there is no slot, not even after a sleep (`sleep`), which is counted; the known
            context that explains the window best learns it, and moves if it must
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import maps, numbers, window, workspace
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.window import Evidence, Window
from pcl.learners.parallax.workspace import Opinion, Workspace


class Verdict(NamedTuple):
    """What becomes of the window."""

    resolved: Bool[Array, ""]  # the window is emptied
    slot: Int[Array, ""]  # into this context
    new_map: Bool[Array, ""]  # wanted: one that looks through the current sensor and has names of its own
    new_sensor: Bool[Array, ""]  # wanted: one that has a sensor of its own
    gain: Float[Array, ""]  # nats by which it explains the window better than any context does
    refused: Bool[Array, ""]  # there is no slot for it

    @property
    def new(self) -> Bool[Array, ""]:
        """Whether a new context is wanted, and has a slot."""
        return (self.new_map | self.new_sensor) & ~self.refused


def weigh(
    state: Workspace,
    said: Opinion,
    doubt_S: Float[Array, " S"],
    code: Float[Array, " D"],
    label: Int[Array, ""],
    hp: HParams,
) -> Evidence:
    """Evidence of one labelled sample, relative to the current context."""
    there_S, now = workspace.alive(state), state.current
    share_L, seen = said.share[now], jnp.maximum((state.names.met[now] > 0).sum(), 1)
    labels, shown_C = said.label.shape[1], state.window.shadow.size
    as_sensor = window.shadow_density(state.window, code, label) - jnp.log(seen)
    best = jnp.maximum(jnp.max(jnp.where(there_S, said.input, -jnp.inf)), as_sensor)
    of_label_S = jnp.log((1 - doubt_S) * said.label[:, label] + doubt_S * _unknown(state, said, label))
    explains_S = workspace.bounded(said.input, best, hp) + of_label_S
    as_sensor = workspace.bounded(as_sensor, best, hp)
    # Under other names the same latents are no easier to tell, and the label is no surer.
    wrong_L = state.wrong[state.owner[now]]
    doubt = jnp.maximum(doubt_S[now], share_L @ wrong_L)
    named = maps.read_out(state.window.names, share_L, labels)[window.place(state.window, label)]
    as_map = jnp.log((1 - doubt) * named + doubt / labels)
    # What contexts say of it, each with its share of the window, and then the new map too.
    apart_T = jnp.append(jnp.where(there_S, explains_S - explains_S[now], -jnp.inf), as_map - of_label_S[now])
    first_T = jnp.append(there_S / jnp.maximum(state.slots - 1, 1), 1.0).at[now].set(1.0)
    share_T = state.window.shares + numbers.MIXES * first_T
    mixture_T = jnp.log(share_T) + apart_T
    # A part of a guess is that all labels are alike, the rest that they are as frequent as in the window.
    frequent = (shown_C[label] + numbers.JEFFREYS) / (shown_C.sum() + numbers.JEFFREYS * labels)
    guessed = numbers.UNIFORM / seen + (1 - numbers.UNIFORM) * frequent
    tied_S = state.names.tied[:, label]
    ripe_S = (state.names.met[:, label] >= numbers.MATURE) & said.known[jnp.arange(len(tied_S)), tied_S]
    ripe_C = state.names.met[now] >= numbers.MATURE
    all_wrong = jnp.sum(ripe_C * wrong_L[state.names.tied[now]]) / jnp.maximum(ripe_C.sum(), 1)
    clear = wrong_L[tied_S[now]] < jnp.maximum(numbers.CONFUSED, numbers.ALIKE * all_wrong)
    mature = (ripe_S[now] & clear) | (hp.without == "maturity")

    def for_new(gain: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.where(mature, gain, jnp.minimum(gain, 0.0))

    return Evidence(
        known=jnp.where(there_S, explains_S - explains_S[now], 0.0),
        mixed=jax.nn.logsumexp(mixture_T[:-1]) - jnp.log(share_T[:-1].sum()),
        new_map=for_new(jax.nn.logsumexp(mixture_T) - jnp.log(share_T.sum())),
        best=jnp.argmax(mixture_T).astype(jnp.int32),
        new_sensor=for_new(as_sensor - explains_S[now]),
        guess=for_new(jnp.log(guessed) - of_label_S[now]),
        strange=said.typicality,
        judged=said.calibrated & ripe_S,
        mature=mature,
    )


def _unknown(state: Workspace, said: Opinion, label: Int[Array, ""]) -> Float[Array, " S"]:
    """Probability of the label in each context where its own samples say nothing of it.

    A label never met belongs to a latent without a name, and such a latent to one of these labels: the fewer are left,
    the surer. Else it might be any.
    """
    names = state.names
    labels, unmet_SC = names.met.shape[1], names.met < 0.5
    left_S = jnp.sum(said.share * maps.nameless(names.voted, names.met), axis=1) / jnp.maximum(unmet_SC.sum(1), 1)
    return jnp.where(unmet_SC[:, label], jnp.maximum(left_S, 1 / labels), 1 / labels)


def unlikeness(strange: Float[Array, "..."], judged: Float[Array, "..."]) -> Float[Array, "..."]:
    """Evidence of n typicalities with the sum `strange` that their sensor is another one, in nats.

    Those of the own sensor are standard normal; those of another one have a mean of their own, itself of unit variance
    before anything was seen, and above 0: log of the ratio of both densities.
    """
    above = jnp.maximum(strange, 0.0)
    return above**2 / (2 * (judged + 1)) - 0.5 * jnp.log1p(judged)


def judge(state: Workspace, held: Window, hp: HParams) -> Verdict:
    """What becomes of the window with the last sample in it."""
    slots, now = len(state.belief), state.current
    index_S = jnp.arange(slots)
    strangeness_S = held.strange / jnp.maximum(held.judged, 1)
    unlike_S = unlikeness(held.strange, held.judged)
    # A sensor of which nothing is known must be unlike all known ones.
    told_S = workspace.alive(state) & (held.judged >= numbers.JUDGED)
    stranger = held.guess + jnp.where(told_S.any(), jnp.min(jnp.where(told_S, unlike_S, jnp.inf)), 0.0)
    strange = (held.judged[now] > 0) & ((strangeness_S[now] > numbers.STRANGE) | (unlike_S[now] > numbers.UNLIKE))
    # Where few classes are about, another sensor passes for other names; but these tell labels no better than a guess.
    strange |= told_S[now] & (unlike_S[now] > 0) & (stranger > held.new_map)
    doubtful = (held.judged[now] > 0) & (strangeness_S[now] > numbers.DOUBTFUL)
    same_sensor_S = state.owner == state.owner[now]
    enough_S = (held.judged >= numbers.JUDGED) & (numbers.OF_WINDOW * held.judged >= held.size)
    # A known sensor takes over only where nothing speaks for another one.
    own_S = enough_S & (unlike_S < 0)
    if hp.without == "decomposition":  # one sum of evidence: whatever explains the window best has it
        strange = doubtful = held.new_sensor > held.new_map
        own_S = jnp.ones(slots, bool)
    other_S = workspace.alive(state) & (index_S != now)
    fits_S = other_S & (same_sensor_S | (own_S & doubtful))
    known_S = jnp.where(fits_S, held.known, -jnp.inf)
    best = jnp.argmax(known_S)
    # The best known context, the current one counted, or several by turns; a new one must explain more.
    explains_S = jnp.where(workspace.alive(state), held.known, -jnp.inf)
    turns = jnp.maximum(held.mixed, 0.0)
    rival = jnp.maximum(jnp.max(explains_S), turns)
    renamed = jnp.maximum(jnp.max(jnp.where(same_sensor_S, explains_S, -jnp.inf)), 0.0)
    sensor = jnp.maximum(held.new_sensor - rival, stranger - renamed)
    shadow = jnp.maximum(held.new_map, held.new_sensor)

    # Strange inputs are held although nothing explains them better yet, until a new sensor is clearly worse.
    waits = strange & (held.new_sensor > -hp.recall)
    learns = (known_S[best] <= 0) & (jnp.maximum(shadow - turns, stranger) <= 0) & ~waits
    recalls = (known_S[best] > hp.recall) & (jnp.maximum(known_S[best], turns) >= shadow - numbers.CEDED)
    enough = held.mature >= numbers.SPEAK
    new_map = (
        ~learns & ~recalls & enough & ~strange & (held.new_map >= stranger) & (held.new_map - rival > hp.allocation)
    )
    familiar_S = other_S & ~same_sensor_S & enough_S & (strangeness_S < numbers.STRANGE) & (unlike_S < numbers.UNLIKE)
    no_other = ~familiar_S.any() | (hp.without == "decomposition")
    new_sensor = ~learns & ~recalls & enough & strange & no_other & (sensor > hp.allocation)
    allocates = new_map | new_sensor
    refused = allocates & (state.slots >= slots)
    suspected = strange & (sensor > numbers.SUSPECTED * hp.allocation) & (numbers.OF_WINDOW * held.mature >= held.size)
    full = held.size >= jnp.where(suspected, len(held.label), hp.lag)
    slot = jnp.where(recalls | (~allocates & full & (known_S[best] > 0)), best, now)
    slot = jnp.where(allocates, jnp.where(refused, jnp.argmax(explains_S), state.slots), slot)
    if slots == 1:  # a single learner has no choice
        nothing = jnp.zeros((), bool)
        return Verdict(~nothing, now, nothing, nothing, jnp.zeros(()), nothing)
    return Verdict(
        resolved=learns | recalls | allocates | full,
        slot=slot.astype(jnp.int32),
        new_map=new_map,
        new_sensor=new_sensor,
        gain=jnp.where(new_map, held.new_map - rival, sensor),
        refused=refused,
    )
