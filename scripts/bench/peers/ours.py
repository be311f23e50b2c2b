"""pcl's cases, and the *floor* that they are compared with: the same step, hand-written in JAX for this network."""

import functools

import jax
import jax.numpy as jnp
import optax
from work import LR, RATE, STEPS, deviation, load, residual, serve

from pcl.network.energy import Problem, feedforward
from pcl.network.halting import Budget, Halt
from pcl.network.inference import Numbers
from pcl.network.layers import Dense
from pcl.network.plasticity import hebbian_update, init_optimiser, learn
from pcl.network.rules import RULES

problems, plans = load()
cases, checks = {}, {}


def chain(weights):
    """The network that every library runs, as layers of pcl. They have no biases."""
    w1, w2, w3 = map(jnp.asarray, weights)
    return Dense(w1, activation="tanh"), Dense(w2, activation="tanh"), Dense(w3)


def floor_settle(w, x, y, rate, momentum, steps):
    """Hand-written gradient descent. Returns the activities, and the errors at the pre-activations."""
    _, w2, w3 = w
    mu1 = jnp.tanh(x @ w[0])

    def errors(z1, z2):
        mu2 = jnp.tanh(z1 @ w2)
        e2 = z2 - mu2
        return z1 - mu1, e2, e2 * (1 - mu2**2), y - z2 @ w3

    def step(_, carry):
        z1, z2, v1, v2 = carry
        e1, e2, d2, e3 = errors(z1, z2)
        v1 = momentum * v1 - rate * (e1 - d2 @ w2.T)
        v2 = momentum * v2 - rate * (e2 - e3 @ w3.T)
        return z1 + v1, z2 + v2, v1, v2

    def plain_step(_, carry):
        z1, z2 = carry
        e1, e2, d2, e3 = errors(z1, z2)
        return z1 - rate * (e1 - d2 @ w2.T), z2 - rate * (e2 - e3 @ w3.T)

    z1, z2 = mu1, jnp.tanh(mu1 @ w2)
    if momentum:
        z1, z2, *_ = jax.lax.fori_loop(0, steps, step, (z1, z2, jnp.zeros_like(z1), jnp.zeros_like(z2)))
    else:
        z1, z2 = jax.lax.fori_loop(0, steps, plain_step, (z1, z2))
    e1, _, d2, e3 = errors(z1, z2)
    return (z1, z2), (e1 * (1 - mu1**2), d2, e3)


def floor_step(w, x, y):
    (z1, z2), (d1, d2, d3) = floor_settle(w, x, y, RATE, 0.0, STEPS)
    k = LR / x.shape[0]
    return w[0] + k * (x.T @ d1), w[1] + k * (z1.T @ d2), w[2] + k * (z2.T @ d3)


def ours_settle(network, x, y, rule):
    problem = Problem(network, x, y)
    return rule(problem, feedforward(problem))


def ours_step(network, x, y, rule):
    problem, optimiser = Problem(network, x, y), optax.sgd(LR)
    settled = rule(problem, feedforward(problem))
    direction = hebbian_update(problem, settled.z, settled.errors, jnp.full(x.shape[0], 1 / x.shape[0]))
    return learn(network, init_optimiser(network, optimiser), direction, optimiser, (1.0,) * len(network))[0]


def descent(rate, momentum, steps):
    rule, numbers = RULES["momentum" if momentum else "gd"], Numbers(rate, momentum=momentum)
    return lambda problem, z: rule.settle(problem, z, Budget(steps), numbers)


def gauss_newton(steps, halt=None):
    return lambda problem, z: RULES["gauss_newton"].settle(problem, z, Budget(steps, halt), Numbers(1.0))


def add_step(name, function, start, weights_of):
    """A case that trains on from the weights of its last call. Returns a function: the weights after one step."""
    _, x, y = problems[name.split("/")[1]]
    step, x, y = jax.jit(function, donate_argnums=0), jnp.asarray(x), jnp.asarray(y)
    box = [jax.tree.map(jnp.copy, start)]

    def call():
        box[0] = jax.block_until_ready(step(box[0], x, y))

    cases[name] = call
    return lambda: weights_of(step(jax.tree.map(jnp.copy, start), x, y))


def add_settle(name, function, start):
    given = problems[name.split("/")[1]]
    run, x, y = jax.jit(function), jnp.asarray(given[1]), jnp.asarray(given[2])
    cases[name] = lambda: jax.block_until_ready(run(start, x, y))
    checks[name] = lambda: residual(*given, run(start, x, y))


def main():
    for problem, (weights, _, _) in problems.items():
        floor, ours = tuple(map(jnp.asarray, weights)), chain(weights)
        if problem == "init":
            new = add_step("step/init/floor", floor_step, floor, tuple)
            checks["step/init/floor"] = lambda n=new: deviation(*problems["init"], n())
            rule = functools.partial(ours_step, rule=descent(RATE, 0.0, STEPS))
            new = add_step("step/init/pcl, gradient descent", rule, ours, lambda net: [layer.w for layer in net])
            checks["step/init/pcl, gradient descent"] = lambda n=new: deviation(*problems["init"], n())
        for plan, numbers in plans[problem].items():
            hand = functools.partial(lambda w, x, y, n: floor_settle(w, x, y, *n)[0], n=numbers)
            add_settle(f"settle/{problem}/floor, {plan}", hand, floor)
            rule = functools.partial(lambda net, x, y, n: ours_settle(net, x, y, descent(*n)).z, n=numbers)
            add_settle(f"settle/{problem}/pcl, {plan}", rule, ours)
        steps = plans["gauss_newton"][problem]
        fixed, halted = gauss_newton(steps), gauss_newton(20, Halt("gradient", 1e-3))
        for name, rule in ((f"{steps} steps", fixed), ("until every sample is there", halted)):
            inference = functools.partial(lambda net, x, y, r: ours_settle(net, x, y, r).z, r=rule)
            add_settle(f"settle/{problem}/pcl, gauss_newton, {name}", inference, ours)
        step = functools.partial(ours_step, rule=fixed)
        add_step(f"step to equilibrium/{problem}/pcl, gauss_newton, {steps} steps", step, ours, lambda net: net)
    serve(cases, checks, {"jax": jax.__version__})


main()
