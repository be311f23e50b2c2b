"""Properties of every inference rule, in float64 on networks of a few units."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax.flatten_util import ravel_pytree

from pcl.conformance import compared
from pcl.conformance.compared import DoesNotApply
from pcl.errors import UsageError
from pcl.network.architectures import dense_chain
from pcl.network.energy import Problem, energy, feedforward
from pcl.network.halting import HALTS, Budget, Halt
from pcl.network.inference import Learning, Numbers, Settled
from pcl.network.plasticity import init_optimiser
from pcl.network.rules import RULES

# Two sides that are sums of at most a few hundred float64 products of numbers near 1.
assert_close = functools.partial(compared.assert_close, rtol=1e-9, atol=1e-10)


def subjects(name: str) -> tuple[str, ...]:
    """The name."""
    return (name,)


def exact(held: Callable[[str], None]) -> Callable[[str], None]:
    """A property that is tried in float64."""

    @functools.wraps(held)
    def tried(name: str) -> None:
        with jax.enable_x64(True):
            held(name)

    return tried


SIZES = (6, 5, 4, 3)


def problem(activation: str = "tanh", sizes: tuple[int, ...] = SIZES, seed: int = 0) -> Problem:
    """A network with fresh weights of the usual size, and labels for four samples."""
    rng = np.random.default_rng(seed)
    network = jax.tree.map(lambda w: jnp.asarray(w, float), dense_chain(jax.random.key(seed), sizes, activation))
    return Problem(network, jnp.asarray(rng.normal(size=(4, sizes[0]))), jnp.eye(sizes[-1])[np.arange(4) % sizes[-1]])


def numbers(p: Problem, rate: Any = 0.1, lr: Any = 0.01) -> Numbers:
    """A small step for activities, and for weights where a rule moves them (0: they stay)."""
    optimiser = optax.sgd(lr)
    memory = init_optimiser(p.network, optimiser)
    return Numbers(rate, momentum=0.5, learning=Learning(optimiser, memory, jnp.full(4, 0.25), (1.0,) * len(p.network)))


@functools.partial(jax.jit, static_argnames=("name", "steps", "halt"))
def settle(
    name: str, p: Problem, start: Any, steps: int, halt: str | None = None, rate: Any = 0.1, lr: Any = 0.0
) -> Settled:
    """Where the rule ends, with its halt at a relative gradient of 0.05 if it has one."""
    return RULES[name].settle(p, start, Budget(steps, Halt(halt, 0.05) if halt else None), numbers(p, rate, lr))


@functools.lru_cache
def closed_form(activation: str = "identity") -> tuple[Problem, dict[str, Any]]:
    """The equilibrium of a quadratic energy, z - H^-1 g; the activities that have backpropagation's errors."""
    p = problem(activation)
    flat, unflat = ravel_pytree(feedforward(p))
    total = lambda v: energy(p, unflat(v)).sum()  # noqa: E731
    step = np.linalg.solve(np.asarray(jax.hessian(total)(flat)), np.asarray(jax.grad(total)(flat)))
    equilibrium = unflat(flat - step)
    zero = jax.tree.map(jnp.zeros_like, feedforward(p))

    def cost(shift: Any) -> Any:
        x = p.bottom
        for layer, s in zip(p.network[:-1], shift, strict=True):
            x = layer.predict(x) + s
        return 0.5 * jnp.sum((p.top - p.network[-1].predict(x)) ** 2)

    backpropagated = jax.tree.map(jnp.subtract, feedforward(p), jax.grad(cost)(zero))
    return p, {"settled": equilibrium, "meanwhile": equilibrium, "feedforward": backpropagated}


@exact
def settles_to_its_closed_form_on_a_linear_network(name: str) -> None:
    """With identity activations it ends at the equilibrium of the energy, or has backpropagation's errors.

    Where weights move as well they are held. Adam's steps of 0.01 end within a tenth of the tolerance.
    """
    p, ends = closed_form()
    got, want = settle(name, p, feedforward(p), 5000, rate=0.01), ends[RULES[name].learns]
    assert_close(got.z, want, rtol=0.0, atol=1e-3)
    assert (got.residual < 0.05).all()


@exact
def lowers_the_energy_and_nears_its_equilibrium(name: str) -> None:
    """Twenty steps lower the energy of every sample and halve its gradient; weights move if the rule says so."""
    p = problem()
    settled = settle(name, p, feedforward(p), 20, lr=0.01)
    network = settled.learned[0] if settled.learned else p.network
    assert bool(settled.learned) == (RULES[name].learns == "meanwhile")
    assert (energy(dataclasses.replace(p, network=network), settled.z) < energy(p, feedforward(p))).all()
    assert (settled.residual < 0.5).all()
    assert (settled.steps == 20).all()


@exact
def halts_where_it_says(name: str) -> None:
    """It halts early by every kind in `halts`, and refuses the others."""
    p = problem()
    for halt in HALTS[1:]:
        if halt in RULES[name].halts:
            settled = settle(name, p, feedforward(p), 500, halt)
            assert (settled.steps < 500).all()
            assert settled.steps.any()
            assert (settled.residual <= (0.05 if halt == "gradient" else 0.5)).all()
        else:
            try:
                settle(name, p, feedforward(p), 500, halt)
            except UsageError:
                continue
            raise AssertionError(f"it takes {halt}, which is not among its halts")


@exact
def says_what_it_costs(name: str) -> None:
    """No less than to predict, and more with every step; of several numbers of steps at once."""
    uses, flops = (12, 9, 6), RULES[name].flops
    counts = [flops(uses, steps) for steps in (0.0, 1.0, 2.0)]
    assert 2 * sum(uses) <= counts[0] < counts[1] < counts[2]
    compared.assert_same(flops(uses, np.arange(3.0)), np.asarray(counts))


@exact
def goes_on_as_if_it_had_never_stopped(name: str) -> None:
    """Three steps and three more end where six do."""
    p = problem()
    whole, part = settle(name, p, feedforward(p), 6, lr=0.01), settle(name, p, feedforward(p), 3, lr=0.01)
    part = settle(name, p, part, 3, lr=0.01)
    assert_close((part.z, part.errors, part.residual), (whole.z, whole.errors, whole.residual))
    assert (part.steps == 3).all()
    assert_close(part.learned, whole.learned)


@exact
def settles_a_batch_of_problems_as_a_loop_does(name: str) -> None:
    """Problems that are batched by vmap settle as they do alone."""
    problems = [problem(seed=seed) for seed in range(3)]
    halt = RULES[name].halts[-1] if len(RULES[name].halts) > 1 else None
    run = functools.partial(settle, name, steps=30, halt=halt)
    together = jax.vmap(lambda p: run(p, feedforward(p)))(jax.tree.map(lambda *x: jnp.stack(x), *problems))
    for i, p in enumerate(problems):
        alone = run(p, feedforward(p))
        assert_close(jax.tree.map(lambda x, i=i: x[i], (together.z, together.steps)), (alone.z, alone.steps))


@exact
def is_traced_once_for_all_numbers(name: str) -> None:
    """Traced numbers change no program."""
    traces = []

    @jax.jit
    def run(p: Problem, z: Any, rate: Any, gain: Any, momentum: Any) -> Any:
        traces.append(1)
        given = numbers(p)._replace(rate=rate, gain=gain, momentum=momentum)
        return RULES[name].settle(p, z, Budget(3), given).z

    p = problem()
    for values in np.asarray([[0.1, 1.0, 0.5], [0.05, 2.0, 0.0], [0.2, 1.0, 0.9]]):
        jax.eval_shape(run, p, feedforward(p), *values)  # traces as a call does, compiles nothing
    assert len(traces) == 1, f"traced {len(traces)} times"


@exact
def has_nothing_to_settle_without_free_activities(name: str) -> None:
    """Between clamped ends with no layer inside, nothing is settled and the residual is 0."""
    settled = settle(name, problem(sizes=(6, 3)), (), 4)
    assert settled.z == ()
    assert not settled.residual.any()


@exact
def is_as_local_as_it_says(name: str) -> None:
    """A rule that says that it is local carries a change one layer a step, not four in two steps."""
    p = problem(sizes=(6, *[4] * 6, 3))
    z = feedforward(p)
    moved = (*z[:-1], z[-1] + 1.0)
    before, after = (settle(name, p, start, 2, lr=0.01) for start in (z, moved))
    if not RULES[name].local:
        raise DoesNotApply("it does not say that it is local")
    assert_close(before.z[:2], after.z[:2], rtol=0.0, atol=1e-12)
    assert jnp.abs(before.z[-2] - after.z[-2]).max() > 1e-3


PROPERTIES: tuple[Callable[[str], None], ...] = (
    settles_to_its_closed_form_on_a_linear_network,
    lowers_the_energy_and_nears_its_equilibrium,
    halts_where_it_says,
    says_what_it_costs,
    goes_on_as_if_it_had_never_stopped,
    settles_a_batch_of_problems_as_a_loop_does,
    is_traced_once_for_all_numbers,
    has_nothing_to_settle_without_free_activities,
    is_as_local_as_it_says,
)
