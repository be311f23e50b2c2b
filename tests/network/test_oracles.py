"""What is not local says what is right: backpropagation, equilibria, limits of nudging, learned guesses."""

import dataclasses
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from draws import assert_close, network, problem

from pcl.errors import UsageError
from pcl.network.amortise import guess, recognition_update
from pcl.network.energy import activity_gradient, errors, feedforward, nudged, output_cost
from pcl.network.halting import Budget, Halt
from pcl.network.inference import Numbers
from pcl.network.layers import Dense, activity, forward
from pcl.network.oracles import zero_divergence
from pcl.network.outputs import OUTPUTS, distribution
from pcl.network.plasticity import hebbian_update
from pcl.network.rules import RULES
from pcl.network.samples import norm


def settle(name, p, start, rate, steps, halt=None):
    return RULES[name].settle(p, start, Budget(steps, halt), Numbers(rate))


WEIGHT = np.asarray([0.2, 0.3, 0.5])


@jax.jit
def backpropagated(p):
    """Minus the gradient of the mean output cost of a feed-forward pass."""

    def loss(layers):
        return WEIGHT @ output_cost(p.output, p.top, forward(layers, p.bottom)[-1])

    return jax.tree.map(jnp.negative, jax.grad(loss)(p.network))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "activation", "output"),
    [
        ("dense", "tanh", "gaussian"),
        ("no_bias", "sigmoid", "bernoulli"),
        ("single", "relu", "categorical"),
        ("mupc", "gelu", "categorical"),
        ("max", "leaky_relu", "categorical"),
        ("average", "hard_tanh", "gaussian"),
    ],
)
def test_zero_divergence_learning_is_backpropagation(kind, activation, output):
    with jax.enable_x64(True):
        p, _ = problem(kind, activation, output)
        assert_close(jax.jit(zero_divergence)(p, WEIGHT), backpropagated(p))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "output"), [("dense", "gaussian"), ("mupc", "categorical"), ("skip", "bernoulli")])
def test_fixed_predictions_settle_to_backpropagation(kind, output):
    """At rate 1 in one step a hidden layer; at a smaller one in the limit, (1 - 0.5)^k k^2 of the start."""
    with jax.enable_x64(True):
        p, _ = problem(kind, "tanh", output)
        for rate, steps in ((1.0, 2), (0.5, 60)):
            settled = jax.jit(lambda p, r=rate, s=steps: settle("fixed_prediction", p, feedforward(p), r, s))(p)
            assert (settled.residual < 1e-10).all()
            got = jax.jit(hebbian_update)(p, feedforward(p), settled.errors, WEIGHT)
            assert_close(got, backpropagated(p))


@pytest.mark.parametrize("change", [{"precision": (None, jnp.ones(3), None)}, {"bottom": None}])
def test_what_is_not_backpropagation_is_refused(change):
    p, z = problem("dense", free_bottom="bottom" in change)
    p = dataclasses.replace(p, **change)
    for rule in (
        lambda: zero_divergence(p, jnp.asarray(WEIGHT)),
        lambda: settle("fixed_prediction", p, z, 1.0, 2),
    ):
        with pytest.raises(UsageError, match="identity precision and a clamped bottom"):
            rule()


@pytest.mark.parametrize("output", OUTPUTS)
def test_error_coordinates_and_activities_find_one_equilibrium(output):
    """From a weakly clamped feed-forward start, both descend into the same basin."""
    with jax.enable_x64(True):
        p, _ = problem("dense", "tanh", output, "diagonal")
        by_errors = jax.jit(lambda p: settle("epc", p, feedforward(p), 0.02, 20_000))(p)
        state = jax.jit(lambda p: settle("gd", p, feedforward(p), 0.02, 100_000, Halt("gradient", 1e-10)))(p)
        assert (by_errors.residual < 1e-8).all()
        assert (state.residual <= 1e-10).all()
        assert_close(by_errors.z, state.z, rtol=1e-5, atol=1e-7)
        assert_close(by_errors.errors, state.errors, rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("rule", ["epc", "fixed_prediction"])
def test_errors_settle_from_where_they_start(rule):
    """Two steps are one, and one more from where that led, begun there anew."""
    with jax.enable_x64(True):
        p, _ = problem("dense", "tanh")
        run = jax.jit(lambda p, start, steps: settle(rule, p, start, 0.05, steps), static_argnums=2)
        assert_close(run(p, run(p, feedforward(p), 1).z, 1).z, run(p, feedforward(p), 2).z)


def linearised_learning(p):
    """What predictive coding learns at the equilibrium of the network linearised around its feed-forward pass.

    Small errors e_l at the hidden layers are carried up by J_l, and what they leave of the output's error is
    lambda = y - m - P sum_l J_l e_l, with P the slope of the output's mean m. At equilibrium e_l = J_l^T lambda,
    so that lambda = (1 + P sum_l J_l J_l^T)^{-1} (y - m), and backpropagation of it is what is learned.
    """
    starts = feedforward(p)

    def left(row):
        def output(shift):
            x = p.bottom[row][None]
            for layer, s in zip(p.network[:-1], shift, strict=True):
                x = activity(layer, layer.predict(x)) + s
            return p.network[-1].predict(x)[0]

        zero = tuple(jnp.zeros_like(z_l[row][None]) for z_l in starts)
        a, jacobians = output(zero), jax.jacobian(output)(zero)
        gram = sum(J.reshape(len(a), -1) @ J.reshape(len(a), -1).T for J in jacobians)
        slope = jax.jacobian(distribution(p.output).mean)(a)
        return jnp.linalg.solve(jnp.eye(len(a)) + slope @ gram, p.top[row] - distribution(p.output).mean(a))

    remaining = jnp.stack([left(row) for row in range(3)])
    pullback = jax.vjp(lambda layers: forward(layers, p.bottom)[-1], p.network)[1]
    return pullback(WEIGHT[:, None] * remaining)[0]


@pytest.mark.parametrize("output", OUTPUTS)
def test_nudged_learning_tends_to_that_of_the_linearised_network(output):
    """Its distance vanishes with beta, and with beta squared if both sides are averaged."""

    @jax.jit
    def distances(p, beta):
        want = linearised_learning(p)
        logits = forward(p.network, p.bottom)[-1]

        def direction(beta):
            nearer = dataclasses.replace(p, top=nudged(output, p.top, logits, beta))
            settled = settle("gd", nearer, feedforward(p), 0.02, 20_000, Halt("gradient", 1e-9))
            return hebbian_update(nearer, settled.z, settled.errors, WEIGHT / beta)

        def distance(got):
            return jnp.sqrt(sum(jax.tree.leaves(jax.tree.map(lambda a, b: jnp.sum((a - b) ** 2), got, want))))

        one, other = direction(beta), direction(-beta)
        centred = jax.tree.map(lambda a, b: (a + b) / 2, one, other)
        return jnp.stack([distance(one), distance(other), distance(centred)])

    with jax.enable_x64(True):
        p, _ = problem("dense", "tanh", output)
        ratio = distances(p, 1e-2) / distances(p, 1e-3)
        np.testing.assert_allclose(ratio, [10, 10, 100], rtol=0.2)  # up to the next order in beta, 0.01 a few times


def test_nudging_all_the_way_is_the_target():
    with jax.enable_x64(True):
        p, _ = problem("dense", output="categorical")
        logits = forward(p.network, p.bottom)[-1]
        assert_close(nudged("categorical", p.top, logits, 1.0), p.top)
        assert_close(nudged("categorical", p.top, logits, 0.0), jax.nn.softmax(logits))


@pytest.mark.slow
@pytest.mark.parametrize("free_bottom", [False, True])
def test_a_recognition_chain_learns_to_guess_the_settled_activities(free_bottom):
    """Each layer's rule descends 1/2 |z* - its guess from the settled layer above|^2; one sample can be learned."""
    with jax.enable_x64(True):
        p, z = problem("dense", batch=1, free_bottom=free_bottom)
        sizes = [p.top.shape[1], *(z_l.shape[1] for z_l in reversed(z))]
        rng = np.random.default_rng(0)
        recognition = tuple(Dense(jnp.asarray(rng.normal(size=(d, h)) / d)) for d, h in itertools.pairwise(sizes))

        @jax.jit
        def train(recognition, p, z):
            settled = settle("gd", p, z, 0.01, 5_000)
            above = (p.top, *settled.z[:0:-1])
            rates = tuple(0.5 / jnp.sum(a**2) for a in above)

            def step(_, recognition):
                moves = recognition_update(recognition, p.top, settled.z, jnp.ones(1))
                return tuple(v.replace(w=v.w + r * m.w) for v, r, m in zip(recognition, rates, moves, strict=True))

            recognition = jax.lax.fori_loop(0, 60, step, recognition)
            return recognition, settled.z

        learned, settled_z = train(recognition, p, z)
        assert_close(guess(learned, p.top), settled_z, rtol=1e-6, atol=1e-9)
        start, end = (
            norm(activity_gradient(p, where, errors(p, where)), 1)
            for where in (guess(recognition, p.top), guess(learned, p.top))
        )
        assert end < 1e-2 * start


def test_recognition_learns_from_the_settled_activities_alone():
    """By hand: the pull on each layer is (z* - its guess from the settled layer above) times that layer."""
    with jax.enable_x64(True):
        _, upper = (layer.replace(b=None) for layer in network("dense", "identity")[:2])
        lower = Dense(jnp.ones((3, 2)))
        rng = np.random.default_rng(1)
        top, z_1, z_0 = (jnp.asarray(rng.normal(size=(3, n))) for n in (4, 3, 2))
        got = recognition_update((upper, lower), top, (z_0, z_1), jnp.asarray(WEIGHT))
        want = (
            upper.replace(w=(WEIGHT[:, None] * top).T @ (z_1 - top @ upper.w)),
            lower.replace(w=(WEIGHT[:, None] * z_1).T @ (z_0 - z_1 @ lower.w)),
        )
        assert_close(got, want)
