"""jpc: `update_pc_activities` in a loop, as its README shows, compiled step by step or as a whole; `make_pc_step`.

Needs jpc 1.0.0 from its source tree, and with it jax <= 0.5.2.
"""

import diffrax
import equinox as eqx
import equinox.nn as nn
import jax
import jax.numpy as jnp
import jpc
import optax
from work import BATCH, LR, RATE, STEPS, deviation, load, residual, serve

# jpc's energy is the mean over the batch, so the rate is multiplied by the batch size. The optimiser is made once: jpc
# compiles its functions again for another optimiser object.
DESCENT = optax.sgd(RATE * BATCH)
problems, plans = load()
cases, checks = {}, {}


def network(weights):
    """The network as a list of layers, as jpc reads it. They have no biases."""
    layers = []
    for i, w in enumerate(weights):
        linear = nn.Linear(*w.shape, use_bias=False, key=jax.random.PRNGKey(i))
        linear = eqx.tree_at(lambda layer: layer.weight, linear, jnp.asarray(w.T))
        layers.append(linear if i == 2 else nn.Sequential([linear, nn.Lambda(jnp.tanh)]))
    return layers


def settled(model, x, y, optimiser, steps):
    """Activities after `steps` steps of inference; the last array is that of the output layer."""
    z = jpc.init_activities_with_ffwd(model=model, input=x)
    state = optimiser.init(z)
    for _ in range(steps):
        done = jpc.update_pc_activities(
            params=(model, None), activities=z, optim=optimiser, opt_state=state, output=y, input=x
        )
        z, state = done["activities"], done["opt_state"]
    return z


def add_step(name, step):
    """A training step that goes on from the weights of its last call."""
    weights, *data = problems["init"]
    model, (x, y), optimiser = network(weights), map(jnp.asarray, data), optax.sgd(LR)
    start = (model, optimiser.init((eqx.filter(model, eqx.is_array), None)))
    box = [start]

    def call():
        box[0] = step(*box[0], optimiser, x, y)
        jax.block_until_ready(eqx.filter(box[0][0], eqx.is_array))

    def check():
        new = step(*start, optimiser, x, y)[0]
        return deviation(*problems["init"], [(w if hasattr(w, "weight") else w[0]).weight.T for w in new])

    cases[f"step/init/{name}"], checks[f"step/init/{name}"] = call, check


def by_calls(model, state, optimiser, x, y):
    """One compiled call for each step of inference, and one for the weight update."""
    z = settled(model, x, y, DESCENT, STEPS)
    done = jpc.update_pc_params(params=(model, None), activities=z, optim=optimiser, opt_state=state, output=y, input=x)
    return done["model"], done["opt_state"]


def by_solver(model, state, optimiser, x, y):
    """Euler steps of constant size by diffrax."""
    euler = {"ode_solver": diffrax.Euler(), "stepsize_controller": diffrax.ConstantStepSize()}
    times = {"dt": RATE * BATCH, "max_t1": RATE * BATCH * STEPS}
    done = jpc.make_pc_step(model=model, optim=optimiser, opt_state=state, output=y, input=x, **euler, **times)
    return done["model"], done["opt_state"]


add_step("README, call by call", by_calls)
add_step("one jit", eqx.filter_jit(by_calls))
add_step("make_pc_step, Euler", by_solver)


def inference(weights, x, y, rate, momentum, steps):
    model, optimiser = network(weights), optax.sgd(rate * BATCH, momentum or None)
    run, x, y = eqx.filter_jit(lambda m, x, y: settled(m, x, y, optimiser, steps)), jnp.asarray(x), jnp.asarray(y)
    return lambda: jax.block_until_ready(run(model, x, y))[:2]


for problem, given in problems.items():
    for plan, numbers in plans[problem].items():
        name = f"settle/{problem}/{plan}, one jit"
        cases[name] = inference(*given, *numbers)
        checks[name] = lambda c=cases[name], p=given: residual(*p, c())
serve(cases, checks, {"jpc": jpc.__version__, "jax": jax.__version__})
