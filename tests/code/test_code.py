"""The sensory code: what it learns, that it stays, and that it is blind to brightness and contrast."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl.code import code
from pcl.code.dictionary import Dictionary, add_patches, compete, filters, imprint, init_dictionary
from pcl.errors import UsageError
from pcl.loops import when
from pcl.types import Batch, Spec

SPEC = Spec((10, 10), 3)
HP = code.CodeHParams(patch="3,5", atoms="6,8", grid=2, critical=40, glimpses=20)


def images(n, seed=0, shape=(10, 10)):
    """Smooth random images, which have structure for atoms to find."""
    noise = np.random.default_rng(seed).normal(size=(n, *shape))
    return jnp.asarray(noise.cumsum(1), jnp.float32)


def batch(x, valid=None):
    n = len(x)
    valid = jnp.ones(n, bool) if valid is None else jnp.asarray(valid)
    return Batch(x, jnp.arange(n, dtype=jnp.int32) % 3, jnp.ones(n, bool), valid, jnp.zeros(n, jnp.int32))


@functools.cache
def step(hp=HP):
    return jax.jit(lambda state, some: code.learn(state, some, hp))


@functools.cache
def encoder(hp=HP):
    return jax.jit(lambda state, x: code.encode(state, x, hp))


def encode(state, x, hp=HP):
    return encoder(hp)(state, x)


@functools.cache
def live(steps, hp=HP, spec=SPEC, rows=10):
    """The states after each step, the fresh one first."""
    states = [code.init(jax.random.key(0), spec, hp)]
    for i in range(steps):
        states.append(step(hp)(states[-1], batch(images(rows, seed=i, shape=spec.input_shape))))
    return tuple(states)


def plain(state):
    return jax.tree.map(np.asarray, state._replace(key=jax.random.key_data(state.key)))


def assert_same(a, b):
    jax.tree.map(np.testing.assert_array_equal, plain(a), plain(b))


@pytest.mark.slow
def test_the_code_is_bit_identical_after_its_critical_period():
    states = live(7)
    assert [bool(s.closed) for s in states] == [False] * 4 + [True] * 4
    assert_same(states[4], states[7])
    assert not np.array_equal(states[3].scales[0].atoms, states[4].scales[0].atoms)


def test_whitening_is_learned_first_and_atoms_then():
    states = live(4)
    for scale, later in zip(states[2].scales, states[4].scales, strict=True):
        np.testing.assert_array_equal(scale.outer, later.outer)
        np.testing.assert_array_equal(scale.whiten, later.whiten)
        np.testing.assert_allclose(jnp.linalg.norm(later.atoms, axis=1), 1, rtol=1e-5)
        assert (later.usage >= scale.usage).all()
        assert later.usage.sum() > scale.usage.sum()


@pytest.mark.slow  # compiles the whole of development once more
def test_scan_equals_loop():
    x = jnp.stack([images(10, seed=i) for i in range(6)])
    batches = jax.vmap(batch)(x)
    scanned, _ = jax.lax.scan(lambda s, b: (code.learn(s, b, HP), None), live(0)[0], batches)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), plain(scanned), plain(live(6)[-1])
    )


@pytest.mark.slow
def test_padding_changes_nothing():
    """The rows of a batch arrive the same whatever padding stands between and after them."""
    x, valid = images(10), np.array([True, False] * 5)
    loud = batch(jnp.where(jnp.asarray(valid)[:, None, None], x, jnp.nan), valid)
    state, packed = live(0)[0], jax.tree.map(lambda leaf: jnp.concatenate([leaf[::2], leaf[1::2]]), batch(x, valid))
    assert_same(step()(state, loud), step()(state, batch(x, valid)))
    got, want = plain(step()(state, loud)), plain(step()(state, packed))
    assert got.stored == 5
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), got, want)
    middle = live(3)[-1]
    assert_same(step()(middle, batch(jnp.full_like(x, jnp.nan), np.zeros(10, bool))), middle)


def test_memory_holds_the_critical_period_in_order():
    memory = live(4)[-1].memory
    np.testing.assert_array_equal(memory.x, jnp.concatenate([images(10, seed=i) for i in range(4)]))
    assert memory.valid.all()


@pytest.mark.parametrize("critical", [40, 45])
def test_what_is_remembered_is_every_sample_once(critical):
    state = live(6, HP.replace(critical=critical))[-1]
    parts = [code.remembered(state, jnp.asarray(i), 15) for i in range(3)]
    x, valid = (jnp.concatenate([getattr(part, name) for part in parts]) for name in ("x", "valid"))
    assert valid.tolist() == [True] * 40 + [False] * 5
    np.testing.assert_array_equal(x[:40], jnp.concatenate([images(10, seed=i) for i in range(4)]))


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 3)])
def test_a_code_does_not_see_brightness_and_contrast(shape):
    """A stream's running moments are an affine map of each image; float32 resolves 7 digits of the offset."""
    spec = Spec(shape, 3)
    state, x = live(4, spec=spec)[-1], images(5, seed=9, shape=shape)
    want = encode(state, x)
    assert want.std() > 1e-3  # tolerances below are far from what tells one image from another
    np.testing.assert_allclose(encode(state, 3.0 * x - 2.0), want, atol=1e-5)


def test_learning_does_not_see_brightness_and_contrast():
    state, x = live(0)[0], images(10)
    one, other = step()(state, batch(x)), step()(state, batch(0.2 * x + 1.0))
    for a, b in zip(one.scales, other.scales, strict=True):
        np.testing.assert_allclose(a.outer, b.outer, rtol=1e-3, atol=1e-2)


def test_a_code_is_what_its_definition_says():
    """Convolution, moments and pooling against patches that are cut, normalised, whitened and matched one by one."""
    hp = HP.replace(grid=1, stride=2)
    state, x = live(4)[-1], np.asarray(images(1, seed=9)[0], np.float64)
    x = (x - x.mean()) / x.std()
    parts = []
    for scale, side in zip(state.scales, (3, 5), strict=True):
        places = range(0, 10 - side + 1, 2)
        p = np.stack([x[i : i + side, j : j + side].ravel() for i in places for j in places])
        p = (p - p.mean(1, keepdims=True)) / np.sqrt(p.var(1, keepdims=True) + code.CONTRAST)
        match = (p - np.asarray(scale.mean)) @ np.asarray(scale.whiten) @ np.asarray(scale.atoms).T
        (cell,) = np.asarray(code._cells(len(places), len(places), 1, 1))
        parts += [cell @ np.maximum(match - 0.25, 0), cell @ np.maximum(-match - 0.25, 0)]
    silent = state._replace(mean=jnp.zeros(28), gain=jnp.ones(28))
    np.testing.assert_allclose(encode(silent, images(1, seed=9), hp)[0], np.sqrt(np.concatenate(parts)), atol=2e-5)


def test_units_are_even_over_the_period():
    """Units of mean 0 over the samples of the period, and of deviation s / (s + mean / 10) / sqrt(D)."""
    state = live(4)[-1]
    phi = np.asarray(encode(state, state.memory.x), np.float64)
    s = 1 / (np.asarray(state.gain) * np.sqrt(phi.shape[1]))  # deviation + a tenth of the mean deviation
    s -= s.mean() / 11
    np.testing.assert_allclose(phi.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(phi.std(0), s / (s + s.mean() / 10) / np.sqrt(phi.shape[1]), atol=1e-4)
    assert (phi.std(0) > 0.5 / np.sqrt(phi.shape[1])).mean() > 0.9


def test_a_mirrored_image_has_the_same_code_where_both_are_averaged():
    hp = HP.replace(mirror="yes")
    state, x = live(4)[-1], images(5, seed=9)
    np.testing.assert_allclose(encode(state, x[:, :, ::-1], hp), encode(state, x, hp), atol=1e-6)
    assert jnp.abs(encode(state, x[:, :, ::-1]) - encode(state, x)).max() > 1e-3


def test_cells_are_normal_weights_around_their_centres():
    """Two places under two cells: distances 0 and 1, in cells of standard deviation 0.6."""
    other = np.exp(-0.5 / 0.6**2)
    np.testing.assert_allclose(code._cells(2, 1, 2, 1) * (1 + other), [[1, other], [other, 1]], rtol=1e-6)
    np.testing.assert_allclose(code._cells(7, 5, 3, 2).sum(1), 1, rtol=1e-6)


def test_vectors_are_one_patch():
    spec, hp = Spec((4,), 2), HP.replace(atoms="3,4")
    state = code.init(jax.random.key(0), spec, hp)
    rng = np.random.default_rng(0)
    mix = rng.normal(size=(4, 4))
    for _ in range(4):
        state = step(hp)(state, batch(jnp.asarray(rng.normal(size=(10, 4)) @ mix, jnp.float32)))
    (scale,) = state.scales
    assert state.closed
    assert scale.atoms.shape == (7, 4)
    assert encode(state, jnp.ones((3, 4)), hp).shape == (3, 14)


def test_atoms_learn_at_the_rate_of_their_usage():
    """By hand: atom 0 wins (5, 4) with h = 5, n = 1 + 25, error (0, 4), d = (1, 0) + 5/26 (0, 4), then of length 1.

    The second patch has weight 0 and teaches nothing.
    """
    atoms = jnp.asarray([[1.0, 0.0], [0.0, -1.0]])
    d = Dictionary(jnp.ones(()), jnp.zeros(2), jnp.eye(2), jnp.zeros(2), jnp.eye(2), atoms, jnp.asarray([1.0, 2.0]))
    got = compete(d, jnp.asarray([[5.0, 4.0], [0.0, 9.0]]), jnp.asarray([1.0, 0.0]))
    np.testing.assert_allclose(got.usage, [26.0, 2.0])
    moved = np.array([1.0, 5 / 26 * 4])
    np.testing.assert_allclose(got.atoms, [moved / np.linalg.norm(moved), [0.0, -1.0]], rtol=1e-6)


def test_a_winner_of_negative_match_learns_the_opposite():
    d = init_dictionary(2, 1)._replace(whiten=jnp.eye(2), atoms=jnp.asarray([[1.0, 0.0]]), usage=jnp.ones(1))
    one = compete(d, jnp.asarray([[2.0, 1.0]]), jnp.ones(1))
    other = compete(d, jnp.asarray([[-2.0, -1.0]]), jnp.ones(1))
    np.testing.assert_array_equal(one.atoms, other.atoms)


def error(d, p):
    """Mean squared error of whitened patches that their winners leave."""
    z = (p - d.mean) @ d.whiten
    return jnp.mean(jnp.sum(z**2, 1) - jnp.max(jnp.abs(z @ d.atoms.T), 1) ** 2)


@pytest.mark.slow
def test_competition_lowers_the_reconstruction_error():
    """Patches are multiples of six directions in eight dimensions plus noise; six atoms come to predict them."""
    rng = np.random.default_rng(0)
    directions = np.linalg.qr(rng.normal(size=(8, 8)))[0][:6]

    def draw(n):
        which, size = rng.integers(0, 6, n), rng.normal(size=(n, 1)) + 2
        return jnp.asarray(size * directions[which] + 0.3 * rng.normal(size=(n, 8)), jnp.float32)

    p = draw(2000)
    d = imprint(jax.random.key(0), add_patches(init_dictionary(8, 12), p, jnp.ones(2000)), p[:100])
    held_out = draw(1000)
    before = error(d, held_out)
    for _ in range(10):
        d = compete(d, draw(200), jnp.ones(200))
    assert error(d, held_out) < 0.9 * before


@pytest.mark.slow
def test_whitened_patches_are_white():
    """Without the floor's shrinkage variances would be 1; directions above it come close, none exceeds it."""
    rng = np.random.default_rng(0)
    p = jnp.asarray(rng.normal(size=(5000, 6)) @ rng.normal(size=(6, 6)) + 1, jnp.float32)
    d = imprint(jax.random.key(0), add_patches(init_dictionary(6, 4), p, jnp.ones(len(p))), p[:50])
    covariance = np.cov(((p - d.mean) @ d.whiten).T)
    np.testing.assert_allclose(np.cov(p.T) @ covariance, covariance @ np.cov(p.T), atol=1e-2)
    variance = np.linalg.eigvalsh(covariance)
    assert variance.max() <= 1.001
    assert variance.max() > 0.9
    f, offset = filters(d)
    np.testing.assert_allclose(p @ f - offset, (p - d.mean) @ d.whiten @ d.atoms.T, atol=1e-4)


def test_flags_that_are_down_cost_no_change():
    grow = functools.partial(jax.tree.map, lambda leaf: leaf + 1)
    flags = jnp.asarray([True, False])
    np.testing.assert_array_equal(jax.vmap(lambda f, s: when(f, grow, s))(flags, jnp.zeros(2)), [1, 0])


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"patch": "3"}, "one positive number per scale each"),
        ({"patch": "3,x"}, "one positive number per scale each"),
        ({"patch": "3,11"}, "may exceed"),
        ({"atoms": "6,9000"}, "have but"),
    ],
)
def test_settings_that_fit_no_image_are_refused(settings, says):
    with pytest.raises(UsageError, match=says):
        code.init(jax.random.key(0), SPEC, HP.replace(**settings))


def test_a_period_shorter_than_a_batch_is_refused():
    with pytest.raises(UsageError, match="at least one batch"):
        code.learn(live(0)[0], batch(images(50)), HP)
