"""What a labelled sample says for and against contexts, and what is done about it.

Surprise has three parts: the input may be strange to the sensor, the label may contradict the context's names, and
either may be doubtful because little is known yet (epistemic). Each is bounded. Over the window they decide:

  learn     the current context explains the window best, and its inputs are not strange: it learns all of it
  recall    another known context explains it better, by more than two samples could: that one learns it
  allocate  a shadow explains it better than any context: a new map where the inputs are typical of the current
            sensor (the same things have other names), a new sensor where they are strange
  hold      none of these yet; a window that is full goes to the best known context
  refuse    a new context for which there is no slot, not even after a sleep (`sleep`), which is counted; the known
            context that explains the window best learns it, and moves if it must
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int

from pcl.learners.parallax import maps, window, workspace
from pcl.learners.parallax.hparams import HParams
from pcl.learners.parallax.window import Evidence, Window
from pcl.learners.parallax.workspace import Opinion, Workspace

MATURE = 15  # samples of a label in a context from which on it speaks for a new one
CONFUSED = 0.3  # unless the bank gets more of its latent's samples wrong than this
STRANGE = 1.0  # mean typicality of a window that is not of the sensor; half of that is doubtful
JUDGED = 3  # inputs on which a change of sensor rests at least


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
    share_L, seen = said.share[now], jnp.maximum((state.names.votes[now].sum(0) > 0).sum(), 1)
    as_sensor = window.shadow_density(state.window.shadow, code, label) - jnp.log(seen)
    best = jnp.maximum(jnp.max(jnp.where(there_S, said.input, -jnp.inf)), as_sensor)
    of_label_S = jnp.log((1 - doubt_S) * said.label[:, label] + doubt_S / said.label.shape[1])
    explains_S = workspace.bounded(said.input, best, hp) + of_label_S
    as_sensor = workspace.bounded(as_sensor, best, hp)
    # Under other names the same latents are no easier to tell, and the label is no surer.
    wrong_L = state.wrong[state.owner[now]]
    doubt = jnp.maximum(doubt_S[now], share_L @ wrong_L)
    named = share_L @ maps.read_out(state.window.names)[:, label]
    as_map = jnp.log((1 - doubt) * named + doubt / said.label.shape[1])
    met_S = state.names.votes[:, :, label].sum(1)
    names = jax.tree.map(lambda leaf: leaf[now], state.names)
    known = (met_S[now] >= MATURE) & (wrong_L[maps.ties(names)[label]] < CONFUSED)
    mature = known | (hp.without == "maturity")

    def for_new(gain: Float[Array, ""]) -> Float[Array, ""]:
        return jnp.where(mature, gain, jnp.minimum(gain, 0.0))

    return Evidence(
        known=jnp.where(there_S, explains_S - explains_S[now], 0.0),
        new_map=for_new(as_map - of_label_S[now]),
        new_sensor=for_new(as_sensor - explains_S[now]),
        strange=said.typicality,
        judged=said.calibrated & (met_S >= MATURE),
        mature=mature,
    )


def judge(state: Workspace, held: Window, hp: HParams) -> Verdict:
    """What becomes of the window with the last sample in it."""
    slots, now = len(state.belief), state.current
    index_S = jnp.arange(slots)
    strangeness_S = held.strange / jnp.maximum(held.judged, 1)
    strange = (held.judged[now] > 0) & (strangeness_S[now] > STRANGE)
    doubtful = (held.judged[now] > 0) & (strangeness_S[now] > 0.5 * STRANGE)
    same_sensor_S = state.owner == state.owner[now]
    enough_S = (held.judged >= JUDGED) & (2 * held.judged >= held.size)
    typical_S = enough_S & (strangeness_S < STRANGE)
    other_S = workspace.alive(state) & (index_S != now)
    fits_S = other_S & (same_sensor_S | (typical_S & doubtful))
    known_S = jnp.where(fits_S, held.known, -jnp.inf)
    best = jnp.argmax(known_S)
    # The best known context, the current one counted; whether it fits or not, a new one must explain more.
    explains_S = jnp.where(workspace.alive(state), held.known, -jnp.inf)
    rival = jnp.maximum(jnp.max(explains_S), 0.0)
    shadow = jnp.maximum(held.new_map, held.new_sensor)

    # Strange inputs are held although nothing explains them better yet, until a new sensor is clearly worse.
    waits = strange & (held.new_sensor > -hp.recall)
    learns = (known_S[best] <= 0) & (shadow <= 0) & ~waits
    recalls = (known_S[best] > hp.recall) & (known_S[best] >= shadow - 3)
    enough = held.mature >= JUDGED + 1
    new_map = ~learns & ~recalls & enough & ~strange & (held.new_map - rival > hp.allocation)
    no_other = ~(other_S & ~same_sensor_S & typical_S).any()
    new_sensor = ~learns & ~recalls & enough & strange & no_other & (held.new_sensor - rival > hp.allocation)
    allocates = new_map | new_sensor
    refused = allocates & (state.slots >= slots)
    full = held.size >= len(held.label)
    slot = jnp.where(recalls | (~allocates & full & (known_S[best] > 0)), best, now)
    slot = jnp.where(allocates, jnp.where(refused, jnp.argmax(explains_S), state.slots), slot)
    if slots == 1:  # a single learner has no choice
        nothing = jnp.zeros((), bool)
        return Verdict(jnp.ones((), bool), now, nothing, nothing, jnp.zeros(()), nothing)
    return Verdict(
        resolved=learns | recalls | allocates | full,
        slot=slot.astype(jnp.int32),
        new_map=new_map,
        new_sensor=new_sensor,
        gain=jnp.where(new_map, held.new_map, held.new_sensor) - rival,
        refused=refused,
    )
