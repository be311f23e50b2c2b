"""Every rule reaches the equilibrium that gradient descent reaches; what Gauss-Newton says of it is true."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from draws import assert_close, gain, problem

from pcl.errors import UsageError
from pcl.network.architectures import dense_chain, mupc_chain
from pcl.network.energy import Problem, activity_gradient, energy, errors, feedforward
from pcl.network.generative import predictive_covariance
from pcl.network.halting import Budget, Halt
from pcl.network.inference import Numbers
from pcl.network.layers import Dense
from pcl.network.outputs import OUTPUTS
from pcl.network.rules import RULES
from pcl.network.samples import norm

gauss_newton = RULES["gauss_newton"].settle
starts = jax.jit(feedforward)
energies = jax.jit(energy)


@functools.partial(jax.jit, static_argnames="steps")
def newton(p, start, steps):
    return gauss_newton(p, start, Budget(steps), Numbers(1.0))


@functools.partial(jax.jit, static_argnames=("rule", "steps"))
def settle(p, z, rule, steps, tolerance):
    return RULES[rule].settle(p, z, Budget(steps, Halt("gradient", tolerance)), NUMBERS[rule])


def newton_until(p, z, steps, tolerance):
    return settle(p, z, "gauss_newton", steps, tolerance)


def sized(sizes, activation, output="gaussian", batch=5, seed=0, chain=dense_chain):
    """A network with fresh weights of the usual size, in float64 where that is on."""
    rng = np.random.default_rng(seed)
    layers = jax.tree.map(lambda w: jnp.asarray(w, float), chain(jax.random.key(seed), sizes, activation))
    x, y = rng.normal(size=(batch, sizes[0])), np.eye(sizes[-1])[rng.integers(0, sizes[-1], batch)]
    return Problem(layers, jnp.asarray(x), jnp.asarray(y), output=output)


@pytest.mark.parametrize("precision", ["identity", "diagonal", "full"])
def test_one_step_is_the_closed_form_for_linear_networks(precision):
    """A quadratic energy has its minimum where its gradient, here to rounding, is zero; from any start."""
    with jax.enable_x64(True):
        p, z = problem("dense", "identity", precision=precision)
        scale = norm(activity_gradient(p, starts(p), errors(p, starts(p))), 3)
        settled = newton(p, z, steps=1)
        assert (norm(activity_gradient(p, settled.z, errors(p, settled.z)), 3) <= 1e-10 * scale).all()


@pytest.mark.slow
def test_a_skip_connection_is_a_weight_that_is_one_larger():
    """So the closed forms of linear networks hold with it: the equilibrium, and the predictive covariance."""
    with jax.enable_x64(True):
        p, z = problem("mupc", "identity", precision="full")
        w = [layer.scale * layer.w + (jnp.eye(4) if layer.skip else 0) for layer in p.network]
        plain = tuple(Dense(w_l, layer.b) for w_l, layer in zip(w, p.network, strict=True))
        plain = dataclasses.replace(p, network=plain)
        settled = newton(p, z, steps=1)
        assert_close(settled.z, newton(plain, z, steps=1).z)
        assert (settled.residual <= 1e-10).all()
        assert_close(predictive_covariance(p, z), predictive_covariance(plain, z))


def test_one_step_solves_one_hidden_layer_of_any_activation():
    """The highest hidden layer is all there is, and its energy is quadratic."""
    with jax.enable_x64(True):
        p, z = problem("no_bias", "tanh")
        assert (newton(p, z, steps=1).residual <= 1e-12).all()


NUMBERS = {
    "gd": Numbers(0.2),
    "momentum": Numbers(0.3, momentum=0.5),
    "layerwise": Numbers(0.5),
    "conjugate": Numbers(1.0),
    "anderson": Numbers(0.2),
    "gauss_newton": Numbers(1.0),
}


def gains():
    """Full precisions below, with eigenvalues from 1/8 on, and a diagonal one at the output."""
    rng, p = np.random.default_rng(1), sized((6, 8, 7, 4), "tanh")
    full = tuple(gain("full", (n,), rng) / 8 for n in (8, 7))
    return dataclasses.replace(p, precision=(*full, gain("diagonal", (4,), rng)))


def generative():
    """A free bottom under a prior, half of the top observed, under diagonal precisions."""
    p = dataclasses.replace(gains(), bottom=None, observed=jnp.asarray([1.0, 0, 1, 0]))
    return dataclasses.replace(p, precision=(None, jnp.linspace(0.5, 2, 7), p.precision[2]))


def convolutions():
    """Two of them, averages, and a dense output, with weights of half the size."""
    p, _ = problem("average", "tanh")
    return dataclasses.replace(p, network=jax.tree.map(lambda w: w / 2, p.network))


PROBLEMS = {
    **{output: functools.partial(sized, (6, 8, 7, 4), "tanh", output) for output in OUTPUTS},
    "mupc": functools.partial(sized, (6, 8, 8, 8, 4), "tanh", chain=mupc_chain),  # its output is no linear one
    "gains": gains,
    "generative": generative,
    "convolutions": convolutions,
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "kind"),
    [
        *(("gauss_newton", kind) for kind in PROBLEMS if kind != "generative"),
        *((rule, kind) for rule in ("layerwise", "conjugate", "anderson") for kind in PROBLEMS if kind not in OUTPUTS),
        ("layerwise", "categorical"),
        ("conjugate", "bernoulli"),
        ("momentum", "gaussian"),
    ],
)
def test_every_rule_reaches_the_same_equilibrium(rule, kind):
    """|z - z*| <= |gradient| / the smallest eigenvalue of the energy, which is above 0.01 at such weights."""
    with jax.enable_x64(True):
        p = PROBLEMS[kind]()
        z = feedforward(p, jnp.full((5, 6), 0.5)) if p.bottom is None else starts(p)
        want = settle(p, z, "gd", 5000, 1e-10)
        got = settle(p, z, rule, 300 if rule == "gauss_newton" else 3000, 1e-8)
        assert (want.residual <= 1e-10).all()
        assert (got.residual <= 1e-8).all()
        scale = norm(activity_gradient(p, z, errors(p, z)), len(p.top)).max()
        assert_close(got.z, want.z, rtol=0, atol=1e-6 * float(scale))


@pytest.mark.parametrize(
    ("kind", "activation"), [("dense", "tanh"), ("dense", "relu"), ("mupc", "tanh"), ("max", "relu")]
)
def test_it_never_raises_the_energy(kind, activation):
    """From far away, with weights of norm 3 and more, and where kinks leave no equilibrium to converge to."""
    with jax.enable_x64(True):
        p, z = problem(kind, activation, precision="diagonal")
        before = energies(p, z)
        for steps in (1, 4):
            after = energies(p, newton(p, z, steps=steps).z)
            assert (after <= before + 1e-4 * jnp.abs(before)).all()  # each step may round up by 1e-5
            before = after


@pytest.mark.slow
def test_the_residual_is_that_of_the_activities():
    with jax.enable_x64(True):
        p, z = problem("dense", precision="full")
        settled = newton(p, z, steps=2)
        first = starts(p)
        sizes = [norm(jax.grad(lambda z: energy(p, z).sum())(at), 3) for at in (settled.z, first)]
        np.testing.assert_allclose(settled.residual, sizes[0] / sizes[1], rtol=1e-9)
        assert_close(settled.errors, errors(p, settled.z))
        assert (settled.steps == 2).all()


@pytest.mark.slow
def test_a_sample_stops_when_it_is_there_and_stays():
    with jax.enable_x64(True):
        p = sized((6, 8, 7, 4), "tanh", batch=8)
        z = starts(p)
        settled = newton_until(p, z, 50, 1e-3)
        assert (settled.residual <= 1e-3).all()
        assert settled.steps.min() < settled.steps.max()
        for steps in sorted({int(steps) for steps in settled.steps})[:2]:
            row = int(jnp.argmax(settled.steps == steps))
            same = newton(p, z, steps=steps)
            assert_close([z_l[row] for z_l in settled.z], [z_l[row] for z_l in same.z])
            assert steps == 1 or newton(p, z, steps=steps - 1).residual[row] > 1e-3


def test_a_sample_without_error_neither_moves_nor_counts():
    """Its slopes would change the shared solve, and so the path of the others, if it counted."""
    with jax.enable_x64(True):
        p = sized((6, 8, 7, 4), "tanh")
        content = jnp.concatenate([p.top[:-1], p.network[-1].predict(starts(p)[-1])[-1:]])
        p = dataclasses.replace(p, top=content)
        alone = dataclasses.replace(p, bottom=p.bottom[:-1], top=p.top[:-1])
        settled, without = newton(p, starts(p), steps=2), newton(alone, starts(alone), steps=2)
        assert_close(tuple(z_l[:-1] for z_l in settled.z), without.z)
        assert_close(tuple(z_l[-1] for z_l in settled.z), tuple(z_l[-1] for z_l in starts(p)))


@pytest.mark.slow
def test_vmap_is_the_loop():
    with jax.enable_x64(True):
        problems = [sized((6, 8, 7, 4), "tanh", seed=seed) for seed in range(3)]
        run = functools.partial(newton_until, steps=30, tolerance=1e-3)
        stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *problems)
        together = jax.vmap(lambda p: run(p, feedforward(p)))(stacked)
        for i, p in enumerate(problems):
            assert_close(jax.tree.map(lambda leaf, i=i: leaf[i], together), run(p, starts(p)))


def test_steps_in_parts_are_steps_at_once():
    """The shared solve and each sample's step size go on; begun anew, they would be those of another start."""
    with jax.enable_x64(True):
        p, z = sized((6, 8, 7, 4), "tanh", "categorical"), None
        whole, part = newton(p, starts(p), steps=4), newton(p, starts(p), steps=1)
        for _ in range(3):
            forgotten = newton(p, z or part.z, steps=1)
            part, z = newton(p, part, steps=1), forgotten.z
        assert_close(part, whole._replace(steps=part.steps))
        assert jnp.abs(forgotten.z[0] - whole.z[0]).max() > 1e-9


@pytest.mark.parametrize("rule", ["gauss_newton", "conjugate"])
def test_counts_of_several_draws_settle_as_well(rule):
    """The bound of the output's curvature grows with them; without, both rules stay where they are or diverge."""
    with jax.enable_x64(True):
        p = sized((6, 8, 7, 4), "tanh", "categorical")
        p = dataclasses.replace(p, top=20 * (0.4 * p.top + 0.15))
        assert (settle(p, starts(p), rule, 60, 0.0).residual < 1e-3).all()


def test_what_it_cannot_do_is_refused():
    p, z = problem("dense")
    with pytest.raises(UsageError, match="halt=gradient"):
        gauss_newton(p, z, Budget(3, Halt("saturation", 0.1)), Numbers(1.0))
    with pytest.raises(UsageError, match="clamped bottom"):
        gauss_newton(dataclasses.replace(p, observed=jnp.ones_like(p.top)), z, Budget(3), Numbers(1.0))
