"""Conjugate synapses are ridge regression in any order, and their variance is the one that errors have."""

import functools
import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import Ridge

from pcl.errors import UsageError
from pcl.synapses import statistics, synapse
from pcl.synapses.covariance import covariance, deferred
from pcl.synapses.synapse import Synapses
from scripts.bench.rounding_error import rounding

# Sums of a few hundred float64 products of numbers near 1, through one well-conditioned inverse.
EXACT = {"rtol": 1e-9, "atol": 1e-9}
D, C, N, RIDGE = 6, 3, 60, 0.7

orders = st.fixed_dictionaries(
    {"seed": st.integers(0, 2**31), "cuts": st.lists(st.integers(1, N - 1), max_size=8, unique=True).map(sorted)}
)


@pytest.fixture(autouse=True)
def _float64():
    with jax.enable_x64(True):
        yield


def draw(seed=0, n=N):
    """Codes and targets of a noisy linear world whose outputs are correlated."""
    rng = np.random.default_rng(seed)
    phi = rng.normal(size=(n, D)) @ rng.normal(size=(D, D))
    noise = rng.normal(size=(n, C)) @ np.array([[0.5, 0.2, 0.0], [0.0, 0.3, 0.1], [0.0, 0.0, 0.4]])
    return jnp.asarray(phi), jnp.asarray(phi @ rng.normal(size=(D, C)) + noise)


def fresh(form, inputs=D, outputs=C):
    return Synapses(jnp.zeros((inputs, outputs)), form.init(inputs, jnp.asarray(RIDGE)))


def every(rows):
    return jnp.ones(len(rows), bool)


@functools.cache
def compiled(name, inputs, size):
    """Lives through padded batches of N rows: one compile a form, whatever the cuts."""
    form = covariance(name, inputs, size)

    def step(state, batch):
        synapses, noise = state
        phi, y, teaches = batch
        synapses, innovation = synapse.learn(form, synapses, phi, y, teaches)
        return (synapses, synapse.learn_noise(noise, innovation.whitened, teaches.sum())), None

    return jax.jit(lambda state, batches: jax.lax.scan(step, state, batches)[0])


def lived(name, phi, y, cuts=(), order=None, size=0):
    """Synapses and noise after living through the rows, cut into batches."""
    parts = np.split(np.arange(len(phi)) if order is None else order, cuts)
    rows, teaches = np.zeros((max(len(parts), 9), len(phi)), int), np.zeros((max(len(parts), 9), len(phi)), bool)
    for i, part in enumerate(parts):
        rows[i, : len(part)], teaches[i, : len(part)] = part, True
    form = covariance(name, phi.shape[1], size)
    state = fresh(form, phi.shape[1]), synapse.noise_prior(C, 0.1)
    return compiled(name, phi.shape[1], size)(state, (phi[rows], y[rows], jnp.asarray(teaches)))


def assert_close(got, want, **tolerance):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, **(tolerance or EXACT)), got, want)


@pytest.mark.slow
@settings(max_examples=15, deadline=None)
@given(orders)
def test_order_and_batches_do_not_matter(problem):
    with jax.enable_x64(True):
        phi, y = draw()
        order = np.random.default_rng(problem["seed"]).permutation(N)
        assert_close(lived("full", phi, y, problem["cuts"], order), lived("full", phi, y))


def test_kalman_form_equals_natural_form_and_turns_back_into_it():
    phi, y = draw()
    prior = synapse.noise_prior(C, 0.1)
    seen = statistics.statistics(phi, y, N)
    got = lived("full", phi, y, (1, 7, 30))
    assert_close(got, statistics.posterior(seen, RIDGE, prior))
    assert_close(statistics.recovered(*got, RIDGE, prior), seen)


def test_weights_are_ridge_regression():
    phi, y = draw()
    want = Ridge(alpha=RIDGE, fit_intercept=False).fit(phi, y).coef_.T
    assert_close(lived("full", phi, y, (20,))[0].w, want)
    assert_close(statistics.weights(statistics.statistics(phi, y, N), RIDGE), want)


def test_a_constant_of_many_samples_does_not_stiffen_faint_inputs():
    """In single precision 4 eps of the constant's sum of 10^5 is five times this ridge."""
    xx, xy = jnp.diag(jnp.asarray([1e5, 1.0, 1e-2], jnp.float32)), jnp.ones((3, 1), jnp.float32)
    seen = statistics.Statistics(xx, xy, jnp.zeros((1, 1)), jnp.asarray(1e5))
    assert_close(statistics.weights(seen, 0.01)[:, 0], 1 / (np.diagonal(xx) + 0.01), rtol=1e-5)


def test_rows_that_wait_are_learned_together_once_there_is_no_room():
    """Twelve places and three rows of each batch that teach: after three batches there is no room for five more."""
    phi, y = draw(n=20)
    teaches = jnp.arange(20) % 5 < 3
    taught = jnp.flatnonzero(teaches)
    gather, solve = (
        jax.jit(statistics.gather, static_argnums=4),
        functools.partial(statistics.ridge_weights, ridge=RIDGE),
    )
    with pytest.raises(UsageError, match="covariance=sums"):
        covariance("sums", D, 12)
    state = statistics.nothing_gathered(D, C, 12)
    for i, learned in ((0, 0), (5, 0), (10, 9), (15, 9)):
        state = gather(state, phi[i : i + 5], y[i : i + 5], teaches[i : i + 5], solve)
        idle = gather(state, phi[:5], y[:5], jnp.zeros(5, bool), solve)
        known = statistics.statistics(phi[taught[:learned]], y[taught[:learned]], learned)
        for got in (state, idle):
            assert_close(got.w, statistics.weights(known, RIDGE))


def test_noise_is_the_inverse_wishart_posterior():
    """nu = nu_0 + n, Psi = Psi_0 + Y^T Y - W^T Lambda W with prior mean 0: section 1.6 of Tschantz et al."""
    phi, y = draw()
    synapses, noise = lived("full", phi, y, (3, 11, 12))
    lam = phi.T @ phi + RIDGE * jnp.eye(D)
    assert_close(noise.psi, 0.1 * jnp.eye(C) + y.T @ y - synapses.w.T @ lam @ synapses.w)
    assert noise.nu == C + 2 + N
    assert_close(synapse.noise_covariance(noise), noise.psi / (1 + N))


def test_two_posteriors_merge_to_that_of_the_union():
    phi, y = draw()
    prior = synapse.noise_prior(C, 0.1)
    parts = [
        statistics.recovered(*lived("full", phi[half], y[half]), RIDGE, prior) for half in np.split(np.arange(N), 2)
    ]
    assert_close(statistics.posterior(statistics.merged(*parts), RIDGE, prior), lived("full", phi, y))


@pytest.mark.slow
@pytest.mark.parametrize("form", ["full", "block", "diagonal", "low_rank", "isotropic"])
def test_rows_that_do_not_teach_change_nothing(form):
    phi, y = draw()
    form = covariance(form, D, 2)
    before, _ = synapse.learn(form, fresh(form), phi[:5], y[:5], every(phi[:5]))
    some = jnp.arange(8) < 5
    after, innovation = synapse.learn(form, before, phi[:8], y[:8], some)
    without, _ = synapse.learn(form, before, phi[:5], y[:5], every(phi[:5]))
    assert_close(after.w, without.w)
    # The covariance as a matrix: directions of a low-rank form have no sign.
    assert_close(form.project(after.p, jnp.eye(D)), form.project(without.p, jnp.eye(D)))
    assert_close(innovation.output, phi[:8] @ before.w)  # the others are answered all the same
    assert_close(innovation.leverage, synapse.leverage(form, before, phi[:8]))
    nothing, _ = synapse.learn(form, before, phi[:8], y[:8], jnp.zeros(8, bool))
    jax.tree.map(np.testing.assert_array_equal, nothing, before)


@pytest.mark.parametrize(("name", "size"), [("full", 0), ("block", 4), ("diagonal", 0), ("low_rank", 2)])
def test_a_covariance_projects_what_it_stands_for(name, size):
    """Whatever the form, P is a symmetric matrix, at most I / ridge, and widened by q I."""
    phi, y = draw()
    form = covariance(name, D, size)
    synapses, _ = lived(name, phi, y, (10, 20), size=size)
    p = form.project(synapses.p, jnp.eye(D))
    assert_close(p, p.T)
    eigenvalues = np.linalg.eigvalsh(p)
    assert eigenvalues.min() > 0
    assert eigenvalues.max() <= 1 / RIDGE + 1e-9
    assert_close(form.project(form.widen(synapses.p, 0.3), jnp.eye(D)), p + 0.3 * jnp.eye(D))


@pytest.mark.slow
def test_blocks_are_exact_where_inputs_of_different_blocks_are_never_active_together():
    phi, y = draw()
    pattern = jnp.repeat(jnp.eye(3), 2, axis=1)[jnp.arange(N) % 3]
    phi = phi * pattern
    one_by_one = tuple(range(1, N))
    full, _ = lived("full", phi, y, one_by_one)
    blocked, _ = lived("block", phi, y, one_by_one, size=2)
    assert_close(blocked.w, full.w)
    diagonal, _ = lived("diagonal", phi * jnp.eye(D)[jnp.arange(N) % D], y, one_by_one)
    full, _ = lived("full", phi * jnp.eye(D)[jnp.arange(N) % D], y, one_by_one)
    assert_close(diagonal.w, full.w)


def test_a_block_that_does_not_divide_the_inputs_is_filled_up():
    phi, y = draw()
    synapses, _ = lived("block", phi * jnp.asarray([1, 1, 1, 1, 0, 0]), y, (9,), size=4)
    assert_close(synapses.w[:4], lived("full", phi[:, :4], y)[0].w)


@pytest.mark.slow
def test_steps_that_wait_are_in_the_posterior_and_no_row_copies_all_of_it():
    """Of three layers the second learns row by row; its P is that of `full`, and the compiled loop copies no P."""
    phi, y = draw()
    teaches = jnp.arange(N) % 5 > 0
    form, layer = deferred(jnp.asarray(1), steps=7), jnp.zeros((D, C))

    def row(state, drawn):
        phi, y, teaches = drawn
        return synapse.learn(form, state, phi[None], y[None], teaches[None])[0], None

    lived_rows = jax.jit(lambda p: jax.lax.scan(row, Synapses(layer, p), (phi, y, teaches))[0], donate_argnums=0)
    fresh_p = jax.tree.map(lambda leaf: jnp.stack([leaf] * 3), form.init(D, RIDGE))
    program = lived_rows.lower(fresh_p).compile()
    got = program(jax.tree.map(jnp.copy, fresh_p))
    full = covariance("full", D, 0)
    want, _ = synapse.learn(full, fresh(full), phi, y, teaches)
    assert_close(got.w, want.w)
    assert_close(form.project(got.p, jnp.eye(D)), want.p[0])
    np.testing.assert_allclose(got.p.variance(jnp.asarray(1)), jnp.trace(want.p[0]) / D)
    for untouched in (0, 2):
        jax.tree.map(lambda a, b, at=untouched: np.testing.assert_array_equal(a[at], b[at]), got.p, fresh_p)
    assert not re.findall(rf"= f64\[3,{D},{D}\]\S* copy\(", program.as_text())


def test_low_rank_is_exact_up_to_its_rank():
    rng = np.random.default_rng(3)
    phi, y = draw()
    phi = jnp.asarray(rng.normal(size=(N, 2)) @ rng.normal(size=(2, D)))
    assert_close(lived("low_rank", phi, y, (5, 9), size=2)[0].w, lived("full", phi, y)[0].w)


def test_isotropic_is_normalised_least_mean_squares():
    phi, y = draw(n=1)
    synapses, _ = lived("isotropic", phi, y)
    assert_close(synapses.w, phi.T @ y / (RIDGE + jnp.sum(phi**2)))


def test_what_a_label_tells_is_what_the_weights_lose_in_entropy():
    """1/2 log(1 + v) for each output equals half the drop of log det P."""
    phi, y = draw()
    form = covariance("full", D, 0)
    before, _ = lived("full", phi[:10], y[:10])
    gain = synapse.information_gain(synapse.leverage(form, before, phi[10:11]))
    after, _ = synapse.learn(form, before, phi[10:11], y[10:11], every(phi[:1]))
    entropies = [np.linalg.slogdet(s.p[0])[1] for s in (before, after)]
    assert gain[0] == pytest.approx(0.5 * (entropies[0] - entropies[1]), rel=1e-9)


@pytest.mark.slow
def test_the_variance_is_that_of_the_errors_on_new_samples():
    """1,500 worlds, 12 samples each for 6 weights: standardised errors have variance 1 within four standard errors."""
    rng = np.random.default_rng(0)
    worlds, n = 1500, 12
    phi = jnp.asarray(rng.normal(size=(worlds, n + 1, D)))
    w = rng.normal(size=(worlds, D, C)) * np.sqrt(0.1 / RIDGE)  # from the prior
    y = jnp.asarray(phi @ w + np.sqrt(0.1) * rng.normal(size=(worlds, n + 1, C)))
    form = covariance("full", D, 0)

    def standardised(phi, y):
        synapses, _ = synapse.learn(form, fresh(form), phi[:n], y[:n], every(phi[:n]))
        variance = 0.1 * (1 + synapse.leverage(form, synapses, phi[n:]))
        return (y[n:] - phi[n:] @ synapses.w) / jnp.sqrt(variance)[:, None]

    square = jax.vmap(standardised)(phi, y).ravel() ** 2
    assert square.mean() == pytest.approx(1, abs=4 * np.sqrt(2 / len(square)))
    assert np.mean(square < 1.96**2) == pytest.approx(0.95, abs=4 * np.sqrt(0.95 * 0.05 / len(square)))


def test_inferred_noise_is_the_noise():
    phi, y = draw(n=4000)
    _, noise = statistics.posterior(statistics.statistics(phi, y, 4000), RIDGE, synapse.noise_prior(C, 0.1))
    mixing = np.array([[0.5, 0.2, 0.0], [0.0, 0.3, 0.1], [0.0, 0.0, 0.4]])
    # A covariance of 4,000 samples is off by about 1 / sqrt(4000) of the variances, 0.3 at most.
    np.testing.assert_allclose(synapse.noise_covariance(noise), mixing.T @ mixing, atol=4 * 0.3 / np.sqrt(4000))


def test_drift_is_found_where_there_is_drift():
    """Weights that walk by q each step before every batch leave errors that q explains; still ones leave none."""
    rng = np.random.default_rng(1)
    form, steps, batch, noise = covariance("full", D, 0), 3000, 5, 0.1

    def mean_estimate(q):
        w = np.sqrt(noise / RIDGE) * rng.normal(size=(D, C))  # from the prior, and on from there
        w = w + np.cumsum(np.sqrt(q * noise) * rng.normal(size=(steps, D, C)), axis=0)
        phi = jnp.asarray(rng.normal(size=(steps, batch, D)))
        y = jnp.asarray(phi @ w + np.sqrt(noise) * rng.normal(size=(steps, batch, C)))

        def step(synapses, rows):
            synapses = synapses._replace(p=form.widen(synapses.p, q))  # the world moves by q before the batch
            _, innovation = synapse.learn(form, synapses._replace(p=form.widen(synapses.p, -q)), *rows, every(rows[0]))
            found = synapse.drift(rows[0], innovation, jnp.full(C, noise), every(rows[0]))
            return synapse.learn(form, synapses, *rows, every(rows[0]))[0], found

        found = jax.lax.scan(step, fresh(form), (phi, y))[1]
        return float(found.mean()), float(found.std()) / np.sqrt(steps)

    for q in (0.0, 0.05):
        mean, error = mean_estimate(q)
        assert mean == pytest.approx(q, abs=4 * error)
        assert q == 0 or mean > 4 * error


def test_inputs_that_drown_the_noise_stay_finite():
    with jax.enable_x64(False):
        form = covariance("full", D, 0)
        phi = jnp.full((8, D), 1e5, jnp.float32)
        synapses = Synapses(jnp.zeros((D, 1)), form.init(D, 1.0))
        step = jax.jit(lambda s: synapse.learn(form, s, phi, jnp.ones((8, 1)), every(phi)))
        for _ in range(20):
            synapses, innovation = step(synapses)
        assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves((synapses, innovation)))


@pytest.mark.slow
def test_float32_stays_near_float64():
    """Twenty thousand updates; `results/bench_rounding.jsonl` has a million."""
    assert max(rounding(20_000).values()) < 1e-4
