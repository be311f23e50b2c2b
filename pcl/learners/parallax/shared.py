"""Generative specialists of many latents, or on a wide code: one covariance for all, and a prior over where they lie.

Samples of a latent are spread around its mean with the covariance W that all share, and the means around their own
mean c with a covariance B. Of each latent are kept its count n and mean mu, of all the scatter within, sums as in
`density`; and, as these define them, coordinates V in which W is the identity and B is diagonal:

    V^T W V = I,   V^T B V = diag(b),   t = V^T (phi - c),   u = V^T (mu - c)
    p(phi | latent) = t-density of  t ~ N(s u, diag(v)),   s = n b / (1 + n b),   v = 1 + b / (1 + n b)

What few samples say of a mean is trusted as far as means differ in that direction at all, and a class never seen
(n = 0) is N(c, W + B). Where all means are well known this is linear discriminant analysis. A vote takes one product
with V and two with numbers of the latents; a sample that is learned moves its own latent in these coordinates. They are
found anew from the sums at a share of the specialist's age, since they take O(D^3).

Distances, their tails and latents that move are those of `density`. Sources: Ioffe (2006), doi:10.1007/11744085_41, and
Prince and Elder (2007), doi:10.1109/ICCV.2007.4409052 (probabilistic linear discriminant analysis); Hayes and Kanan
(2020), arXiv:1909.01520 (one streaming covariance for all classes).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl import linalg
from pcl.learners.parallax import numbers
from pcl.learners.parallax.density import degrees_of_freedom, gated, nearer, remember, typical
from pcl.learners.parallax.protocol import Message, Specialist, Vote
from pcl.learners.parallax.rows import read
from pcl.learners.parallax.student import student
from pcl.loops import when
from pcl.synapses.horizon import share_kept


class Shared(NamedTuple):
    """One bank, or all of them (leaves lead with S)."""

    size: Float[Array, " L"]
    mean: Float[Array, "L D"]
    scatter: Float[Array, "D D"]  # within latents, but for what waits
    waiting: Float[Array, "R D"]  # deviations that the scatter is still to take in
    waits: Int[Array, ""]  # number of these
    centre: Float[Array, " D"]  # c
    turn: Float[Array, "D D"]  # V^T
    between: Float[Array, " D"]  # b
    logdet: Float[Array, ""]  # of W
    precision: Float[Array, "L D"]  # 1 / v
    linear: Float[Array, "L D"]  # s u / v
    constant: Float[Array, " L"]  # sum of s^2 u^2 / v
    widening: Float[Array, " L"]  # sum of log v
    square: Float[Array, " 3"]  # as in `density`
    log_square: Float[Array, " 3"]
    renewed: Float[Array, " L"]  # sizes when the coordinates were found
    recent: Float[Array, "L D"]
    moved: Float[Array, " L"]
    latest: Float[Array, " D"]  # deviation of the last sample
    alike: Float[Array, " 2"]  # fading sums of 1 and of the squared cosine between two deviations in a row


def densities(latents: int, inputs: int) -> Specialist:
    """A bank of L latent classes over a code of D inputs whose entries have about unit variance."""

    def init(key: PRNGKeyArray) -> Shared:
        zero_L, zero_D = jnp.zeros(latents), jnp.zeros(inputs)
        zero_LD = jnp.zeros((latents, inputs))
        return Shared(
            size=zero_L,
            mean=zero_LD,
            scatter=jnp.zeros((inputs, inputs)),
            waiting=jnp.zeros((numbers.WAITING, inputs)),
            waits=jnp.zeros((), int),
            centre=zero_D,
            turn=jnp.eye(inputs) / jnp.sqrt(numbers.WITHIN),
            between=zero_D + numbers.IMAGINED / 2,
            logdet=inputs * jnp.log(numbers.WITHIN),
            precision=zero_LD,
            linear=zero_LD,
            constant=zero_L,
            widening=zero_L,
            square=jnp.zeros(3),
            log_square=jnp.zeros(3),
            renewed=zero_L,
            recent=zero_LD,
            moved=zero_L,
            latest=zero_D,
            alike=jnp.ones(2),
        )

    return Specialist(init, vote, learn)


def vote(states: Shared, slot: Int[Array, ""], code: Float[Array, " D"]) -> Vote:
    """Log densities of the code under every latent and under a class never seen, and how typical it is."""
    inputs, size_L = len(code), states.size[slot]
    t_D = product(states.turn, slot, code - states.centre[slot])
    square_L = product(states.precision, slot, t_D**2) - 2 * product(states.linear, slot, t_D) + states.constant[slot]
    square_L = jnp.maximum(square_L, 0.0)
    seen_L, anywhere_D = size_L > 0, 1 + states.between[slot]
    log_p_L = _log_density(states, slot, square_L, states.widening[slot])
    score_L = jnp.where(seen_L, log_p_L, numbers.UNSEEN)
    novel = _log_density(states, slot, jnp.sum(t_D**2 / anywhere_D), jnp.log(anywhere_D).sum())
    # However far a sample is, which class it is nearest to stays more than the rounding of a probability.
    novel = jnp.where(seen_L.any(), jnp.minimum(novel, score_L.max() + numbers.STRANGEST), novel)
    nearest = jnp.where(seen_L.any(), square_L[jnp.argmax(score_L)], 1.0)
    typicality, calibrated = typical(states.log_square[slot], nearest, inputs)
    fresh_L = jnp.minimum(numbers.RECENT / size_L, 1.0)
    return Vote(score_L, novel, typicality, calibrated, _known(states.renewed[slot]), states.moved[slot], fresh_L)


def learn(states: Shared, slot: Int[Array, ""], message: Message) -> Shared:
    """The banks after a sample of one latent of the bank in `slot`."""
    code, k, mass, keep = message
    inputs, if_taught = len(code), gated(mass)
    before, mean_D, recent_D = states.size[slot, k], read(states.mean, slot, k), read(states.recent, slot, k)
    off, off_recent, centre_D = code - mean_D, code - recent_D, states.centre[slot]
    seen_from = [code - centre_D, mean_D - centre_D, off_recent, states.latest[slot]]
    t_D, u_D, recently_D, latest_D = product(states.turn, slot, jnp.stack(seen_from, axis=1)).T
    s_D, v_D = _predictive(states.between[slot], before)
    met = jnp.sum((t_D - s_D * u_D) ** 2 / v_D)
    square, log_square = remember(states.square[slot], states.log_square[slot], met, before, mass, inputs)
    freedom, lately = degrees_of_freedom(states.square[slot], inputs), jnp.minimum(before, numbers.RECENT)
    near, far = jnp.sum(recently_D**2), jnp.sum((t_D - u_D) ** 2)
    directions = _directions(states.alike[slot])
    scale = directions / inputs
    moved = states.moved[slot, k] + mass * nearer(scale * near, lately, scale * far, before, freedom, directions)
    moved = jnp.where(before >= numbers.MOVES_FROM, jnp.maximum(moved, 0.0), states.moved[slot, k])

    shift = mass / jnp.maximum(before + mass, 1e-30)
    there = _placed(u_D + shift * (t_D - u_D), states.between[slot], before + mass)
    share = jnp.sqrt(mass * before / (before + mass + 1e-30))  # of the deviation that is new to the scatter
    waits = states.waits[slot] + (mass > 0)

    def put(all_SL: Array, new: Array) -> Array:
        return all_SL.at[slot, k].set(jnp.where(mass > 0, new, all_SL[slot, k]))

    learned = states._replace(
        size=states.size.at[slot, k].add(mass),
        mean=states.mean.at[slot, k].add(if_taught(shift * off)),
        waiting=states.waiting.at[slot, states.waits[slot]].add(if_taught(share * off)),
        waits=states.waits.at[slot].set(waits),
        **{name: put(getattr(states, name), new) for name, new in there.items()},
        square=states.square.at[slot].set(square),
        log_square=states.log_square.at[slot].set(log_square),
        recent=states.recent.at[slot, k].add(if_taught(off_recent * mass / (lately + 1))),
        latest=states.latest.at[slot].set(jnp.where(mass > 0, off, states.latest[slot])),
        alike=states.alike.at[slot].set(_alike(states.alike[slot], t_D - u_D, latest_D, mass)),
        moved=put(states.moved, moved),
    )
    learned = when(waits >= numbers.WAITING, _taken_in, learned, slot)
    size_L, known_L, moves = learned.size[slot], learned.renewed[slot], (mass > 0) & (keep < 1)
    age = size_L.sum()
    grown = age - known_L.sum() >= jnp.clip(age / numbers.SHARED_PART, 1, numbers.SELDOM)
    # A class of which the coordinates know little needs them sooner, once it is more than a few of all samples.
    unknown = size_L[k] - known_L[k] >= jnp.maximum(known_L[k], numbers.FEW * age)
    due = moves | ((mass > 0) & (grown | unknown))
    return when(due, _renewed, learned, slot, k, jnp.where(moves, keep, 1.0))


def renew(state: Shared) -> Shared:
    """One bank of the same sums with all that follows from them."""
    first = jnp.zeros((), int)
    renewed = _renewed(jax.tree.map(lambda leaf: leaf[None], state), first, first, jnp.ones(()))
    return jax.tree.map(lambda leaf: leaf[0], renewed)


def product(stack: Float[Array, "S N D"], slot: Int[Array, ""], x: Float[Array, "D ..."]) -> Float[Array, "N ..."]:
    """The matrix in `slot` times a vector, or several in columns, without a copy of the matrix."""
    _, number, inputs = stack.shape
    rows = min(number, numbers.PIECE)

    def piece(i: Int[Array, ""], out: Array) -> Array:
        start = jnp.minimum(i * rows, number - rows)
        part = jax.lax.dynamic_slice(stack, (slot, start, 0), (1, rows, inputs))[0]
        return jax.lax.dynamic_update_slice_in_dim(out, part @ x, start, axis=0)

    return jax.lax.fori_loop(0, -(-number // rows), piece, jnp.zeros((number, *x.shape[1:]), x.dtype))


def _log_density(states: Shared, slot: Int[Array, ""], square: Array, widening: Array) -> Array:
    """Log t-density at a squared distance, as far as directions are independent."""
    inputs = states.turn.shape[1]
    directions, freedom = _directions(states.alike[slot]), degrees_of_freedom(states.square[slot], inputs)
    scale = directions / inputs
    return student(scale * square, scale * (states.logdet[slot] + widening), 1.0, freedom, directions)


def _directions(sums: Float[Array, " 2"]) -> Float[Array, ""]:
    """Number of directions in which deviations are independent."""
    return sums[0] / sums[1]


def _alike(
    sums: Float[Array, " 2"], off_D: Float[Array, " D"], latest_D: Float[Array, " D"], mass: Float[Array, ""]
) -> Float[Array, " 2"]:
    """The sums after one more deviation, which with the one before tells how many directions are independent.

    Deviations that are spread alike in d directions have a squared cosine of 1 / d on average. Where W knows a class
    these are most of D, of a class that it has hardly met some tens: there as many entries repeat each other.
    """
    lengths = jnp.sum(off_D**2) * jnp.sum(latest_D**2)
    counts = (mass > 0) & (lengths > 0)
    cosine = (off_D @ latest_D) ** 2 / jnp.maximum(lengths, jnp.finfo(off_D.dtype).tiny)
    return jnp.where(counts, numbers.FADE * sums + jnp.stack([jnp.ones(()), cosine]), sums)


def _known(renewed_L: Float[Array, " L"]) -> Bool[Array, " L"]:
    """Latents that coordinates found with so many samples of each know: with few of all, or half of the mean.

    Those found without a class have no room for what its samples have in common, which all look strange then.
    """
    total, met = renewed_L.sum(), jnp.maximum((renewed_L > 0).sum(), 1)
    return renewed_L >= jnp.maximum(total * jnp.minimum(numbers.FEW, numbers.OF_MEAN / met), 1)


def _predictive(between_D: Float[Array, " D"], size: Float[Array, "..."]) -> tuple[Array, Array]:
    """s and v: how far a mean of that many samples is trusted, and the variance of the next sample around it."""
    known = jnp.maximum(size, 1e-6) * between_D
    return known / (1 + known), 1 + between_D / (1 + known)


def _placed(u: Float[Array, "... D"], between_D: Float[Array, " D"], size: Float[Array, "..."]) -> dict[str, Array]:
    """What a vote needs of latents with such means and sizes."""
    s, v = _predictive(between_D, size)
    linear = s * u / v
    return {
        "precision": 1 / v,
        "linear": linear,
        "constant": jnp.sum(linear * s * u, axis=-1),
        "widening": jnp.sum(jnp.log(v), axis=-1),
    }


def _taken_in(states: Shared, slot: Int[Array, ""]) -> Shared:
    """The scatter with the deviations that waited."""
    rows_RD = states.waiting[slot]
    return states._replace(
        scatter=states.scatter.at[slot].add(rows_RD.T @ rows_RD),
        waiting=states.waiting.at[slot].set(0.0),
        waits=states.waits.at[slot].set(0),
    )


def _renewed(states: Shared, slot: Int[Array, ""], k: Int[Array, ""], keep: Float[Array, ""]) -> Shared:
    """All that follows from the sums anew; latent k where it was lately, with a share `keep` of its samples."""
    states, goes = _taken_in(states, slot), keep < 1
    size_L, moved_D = states.size[slot], jnp.where(goes, states.recent[slot, k], states.mean[slot, k])
    kept = 1 - (1 - keep) * size_L[k] / jnp.maximum(size_L.sum(), 1)
    size_L, mean_LD = size_L.at[k].multiply(keep), states.mean[slot].at[k].set(moved_D)
    fades_L = (1 - share_kept(size_L)) * size_L
    kept, size_L = kept * (1 - fades_L.sum() / jnp.maximum(size_L.sum(), 1)), size_L - fades_L
    scatter_DD, square = kept * states.scatter[slot], states.square[slot]
    found = coordinates(size_L, mean_LD, scatter_DD)
    latents = _placed((mean_LD - found["centre"]) @ found["turn"].T, found["between"], size_L[:, None])
    changed = found | latents | {"size": size_L, "scatter": scatter_DD, "renewed": size_L}
    changed["square"] = share_kept(square[:1]) * square
    return states._replace(
        mean=states.mean.at[slot, k].set(moved_D),
        moved=states.moved.at[slot, k].set(jnp.where(goes, 0.0, states.moved[slot, k])),
        **{name: getattr(states, name).at[slot].set(new) for name, new in changed.items()},
    )


def coordinates(
    size_L: Float[Array, " L"], mean_LD: Float[Array, "L D"], scatter_DD: Float[Array, "D D"]
) -> dict[str, Array]:
    """Centre, turn, b and log |W| by the sums: B is what class means are apart beyond what chance makes of them."""
    latents, inputs = mean_LD.shape
    samples = jnp.maximum(size_L - 1, 0).sum() + numbers.PRIOR_SAMPLES
    total = jnp.trace(scatter_DD) + numbers.PRIOR_SAMPLES * numbers.WITHIN * inputs
    # The prior has the mean variance in every direction; and no eigenvalue is below the rounding of the largest.
    ridge = numbers.PRIOR_SAMPLES * total / samples / inputs + jnp.finfo(mean_LD.dtype).eps * total
    factor_DD = linalg.cholesky((scatter_DD + ridge * jnp.eye(inputs)) / samples)
    whiten_DD = linalg.triangular_solve(factor_DD, jnp.eye(inputs))
    seen_L = (size_L > 0).astype(mean_LD.dtype)
    count = jnp.maximum(seen_L.sum(), 1)
    centre_D = seen_L @ mean_LD / count
    apart_LD = seen_L[:, None] * (mean_LD - centre_D) @ whiten_DD.T
    # Eigenvectors of the means' scatter, within the space that so many means can span, and any others of the rest.
    few = min(latents, inputs)
    basis_DD = linalg.whole_basis(apart_LD.T) if latents < inputs else jnp.eye(inputs)
    within_LR = apart_LD @ basis_DD[:, :few]
    found_R, axes_RR = linalg.eigh(within_LR.T @ within_LR)
    by_chance = (count - 1) * jnp.sum(seen_L / jnp.maximum(size_L, 1)) / count
    between_D = jnp.pad(jnp.maximum(found_R - by_chance, 0.0), (0, inputs - few)) + numbers.IMAGINED
    axes_DD = jnp.concatenate([basis_DD[:, :few] @ axes_RR, basis_DD[:, few:]], axis=1)
    return {
        "centre": centre_D,
        "turn": axes_DD.T @ whiten_DD,
        "between": between_D / (count - 1 + numbers.IMAGINED),
        "logdet": 2 * jnp.sum(jnp.log(jnp.diagonal(factor_DD))),
    }


def vote_flops(latents: int, inputs: int) -> int:
    """Floating-point operations of a vote."""
    return 2 * inputs**2 + 4 * latents * inputs


def learn_flops(latents: int, inputs: int) -> int:
    """Floating-point operations of a learned sample with the vote that names it.

    Three products with V, and one row of the scatter. Renewals, some 10 D^3 each, are a few dozen in a life.
    """
    return vote_flops(latents, inputs) + 8 * inputs**2
