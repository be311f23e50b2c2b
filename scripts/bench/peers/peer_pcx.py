"""pcx, as in its tutorials: one `pxf.jit` compiles initialisation, unrolled inference steps and the weight update.

Needs pcx 0.6.3 from its source tree: the package of that name and version in the registry requires an older jax.
"""

import importlib.metadata

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu
from work import LR, RATE, STEPS, deviation, load, residual, serve

problems, plans = load()
cases, checks = {}, {}


class Net(pxc.EnergyModule):
    """Layers and vodes (which hold activities) alternate. The last vode is clamped to the target."""

    def __init__(self, weights):
        super().__init__()
        self.layers = [pxnn.Linear(*w.shape, bias=False) for w in weights]
        for layer, w in zip(self.layers, weights, strict=True):
            layer.nn.weight.set(jnp.asarray(w.T))
        self.vodes = [pxc.Vode() for _ in weights]
        self.vodes[-1].h.frozen = True

    def __call__(self, h, y):
        for i, (layer, vode) in enumerate(zip(self.layers, self.vodes, strict=True)):
            h = vode(jnp.tanh(layer(h)) if i < 2 else layer(h))
        if y is not None:
            self.vodes[-1].set("h", y)
        return self.vodes[-1].get("u")


PER_SAMPLE = pxu.M(pxc.VodeParam | pxc.VodeParam.Cache).to((None, 0))


def free():
    """The mask of the activities that are not clamped. Each call makes a new one: `.to` changes a mask in place."""
    return pxu.M_hasnot(pxc.VodeParam, frozen=True)


@pxf.vmap(PER_SAMPLE, in_axes=(0, 0), out_axes=0)
def begin(x, y, *, net):
    return net(x, y)


@pxf.vmap(PER_SAMPLE, in_axes=(0,), out_axes=(None, 0), axis_name="b")
def energy(x, *, net):
    out = net(x, None)
    return jax.lax.psum(net.energy(), "b"), out


def settle(x, y, net, oh, steps):
    net.train()
    with pxu.step(net, pxc.STATUS.INIT, clear_params=pxc.VodeParam.Cache):
        begin(x, y, net=net)
    oh.init(free()(net))
    for _ in range(steps):
        with pxu.step(net, clear_params=pxc.VodeParam.Cache):
            _, g = pxf.value_and_grad(free().to([False, True]), has_aux=True)(energy)(x, net=net)
        oh.step(net, g["net"])
    oh.clear()


def training(weights, x, y):
    net, oh = Net(weights), pxu.Optim(lambda: optax.sgd(RATE))
    ow = pxu.Optim(lambda: optax.sgd(LR), pxu.M(pxnn.LayerParam)(net))

    @pxf.jit()
    def step(x, y, *, net, ow, oh):
        settle(x, y, net, oh, STEPS)
        with pxu.step(net, clear_params=pxc.VodeParam.Cache):
            _, g = pxf.value_and_grad(pxu.M(pxnn.LayerParam).to([False, True]), has_aux=True)(energy)(x, net=net)
        ow.step(net, g["net"], scale_by=1.0 / x.shape[0])

    def call():
        step(x, y, net=net, ow=ow, oh=oh)
        return jax.block_until_ready([layer.nn.weight.get() for layer in net.layers])

    return call


def inference(weights, x, y, rate, momentum, steps):
    net, oh = Net(weights), pxu.Optim(lambda: optax.sgd(rate, momentum or None))

    @pxf.jit()
    def run(x, y, *, net, oh):
        settle(x, y, net, oh, steps)

    def call():
        run(x, y, net=net, oh=oh)
        return jax.block_until_ready([vode.get("h") for vode in net.vodes[:2]])

    return call


def as_arrays(weights, x, y):
    return weights, jnp.asarray(x), jnp.asarray(y)


name = "step/init/tutorial, one jit"
cases[name] = training(*as_arrays(*problems["init"]))
checks[name] = lambda: deviation(
    *problems["init"], [np.asarray(w).T for w in training(*as_arrays(*problems["init"]))()]
)
for problem, (weights, x, y) in problems.items():
    for plan, numbers in plans[problem].items():
        name = f"settle/{problem}/{plan}, one jit"
        cases[name] = inference(*as_arrays(weights, x, y), *numbers)
        checks[name] = lambda c=cases[name], p=problems[problem]: residual(*p, c())
serve(cases, checks, {"pcx": importlib.metadata.version("pcx"), "jax": jax.__version__})
