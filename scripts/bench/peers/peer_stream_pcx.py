"""pcx's whole training loop, as in its tutorials: one function compiled by `pxf.jit`, called once for each batch."""

import jax
import jax.numpy as jnp
import optax
import pcx.functional as pxf
import pcx.nn as pxnn
import pcx.predictive_coding as pxc
import pcx.utils as pxu
from stream_work import LR, RATE, STEPS, run, weights


class Net(pxc.EnergyModule):
    """Layers and vodes (which hold activities) alternate. The last vode is clamped to the target."""

    def __init__(self, weights):
        super().__init__()
        self.layers = [pxnn.Linear(*w.shape) for w in weights]
        self.vodes = [pxc.Vode() for _ in weights]
        self.vodes[-1].h.frozen = True

    def __call__(self, h, y):
        for i, (layer, vode) in enumerate(zip(self.layers, self.vodes, strict=True)):
            h = vode(jax.nn.relu(layer(h)) if i < 2 else layer(h))
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


@pxf.jit()
def update(x, y, *, net, ow, oh):
    net.train()
    with pxu.step(net, pxc.STATUS.INIT, clear_params=pxc.VodeParam.Cache):
        begin(x, y, net=net)
    oh.init(free()(net))
    for _ in range(STEPS):
        with pxu.step(net, clear_params=pxc.VodeParam.Cache):
            _, g = pxf.value_and_grad(free().to([False, True]), has_aux=True)(energy)(x, net=net)
        oh.step(net, g["net"])
    oh.clear()
    with pxu.step(net, clear_params=pxc.VodeParam.Cache):
        _, g = pxf.value_and_grad(pxu.M(pxnn.LayerParam).to([False, True]), has_aux=True)(energy)(x, net=net)
    ow.step(net, g["net"], scale_by=1.0 / x.shape[0])


net, oh = Net(weights()), pxu.Optim(lambda: optax.sgd(RATE))
ow = pxu.Optim(lambda: optax.sgd(LR), pxu.M(pxnn.LayerParam)(net))


def step(x, y):
    update(jnp.asarray(x), jnp.asarray(y), net=net, ow=ow, oh=oh)
    return [layer.nn.weight.get() for layer in net.layers]


run(step, jax.block_until_ready)
