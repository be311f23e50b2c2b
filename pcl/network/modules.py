"""Convolutional networks of flax.linen as one layer of a network, for backpropagation alone.

`Module` has the methods of a layer that a forward pass needs, so that every rule and strategy that asks for no more
takes it. Normalisation is by groups of channels of one image, Wu and He (2018), arXiv:1803.08494: by batches it would
mix what a stream shows together, and change between learning and answering.

    convnet    three 3 x 3 convolutions of width, 2 and 4 times width channels, normalised, rectified and pooled by 2
    resnet18   that of He et al. (2016), arXiv:1512.03385, without the first pooling; 20 channels make the slim one of
               Lopez-Paz and Ranzato (2017), arXiv:1706.08840
"""

import math
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen as nn
from flax import struct
from jax import Array
from jax.extend.core import jaxprs_in_params
from jaxtyping import Float, PRNGKeyArray

from pcl.errors import UsageError
from pcl.network.convolution import differentiable, windows
from pcl.network.layers import Dense, Network, static

GROUPS = 4  # of channels, at most


def conv(channels: int, size: int = 3, stride: int = 1) -> nn.Conv:
    """A convolution without biases."""

    def product(image: Array, kernel: Array, strides: tuple[int, int], padding: str, **_: Any) -> Array:
        return differentiable(image, kernel, strides[0], padding)

    return nn.Conv(channels, (size, size), (stride, stride), use_bias=False, conv_general_dilated=product)


class Norm(nn.Module):
    """Normalisation by groups."""

    @nn.compact
    def __call__(self, x: Float[Array, "B Y X C"]) -> Array:
        """The output for images."""
        return nn.GroupNorm(num_groups=math.gcd(GROUPS, x.shape[-1]))(x)


class ConvNet(nn.Module):
    """See above."""

    outputs: int
    width: int

    @nn.compact
    def __call__(self, x: Float[Array, "B Y X C"]) -> Array:
        """The output for images."""
        for factor in (1, 2, 4):
            x = nn.relu(Norm()(conv(factor * self.width)(x)))
            x = windows(x, 2).max((2, 4)) if min(x.shape[1:3]) >= 2 else x
        return nn.Dense(self.outputs)(x.reshape(x.shape[0], -1))


class Block(nn.Module):
    """Two convolutions, to whose output the input is added."""

    channels: int
    stride: int

    @nn.compact
    def __call__(self, x: Float[Array, "B Y X C"]) -> Array:
        """The output for images."""
        y = nn.relu(Norm()(conv(self.channels, stride=self.stride)(x)))
        y = Norm()(conv(self.channels)(y))
        if x.shape != y.shape:
            x = Norm()(conv(self.channels, 1, self.stride)(x))
        return nn.relu(x + y)


class ResNet18(nn.Module):
    """See above."""

    outputs: int
    width: int

    @nn.compact
    def __call__(self, x: Float[Array, "B Y X C"]) -> Array:
        """The output for images."""
        x = nn.relu(Norm()(conv(self.width)(x)))
        for factor, stride in ((1, 1), (2, 2), (4, 2), (8, 2)):
            x = Block(factor * self.width, stride)(x)
            x = Block(factor * self.width, 1)(x)
        return nn.Dense(self.outputs)(x.mean((1, 2)))


MODULES = {"convnet": ConvNet, "resnet18": ResNet18}


@struct.dataclass
class Module(Dense):
    """A linen module as the only layer of a network.

    w: the module's parameters, a pytree; image: height, width and channels as which inputs are read.
    """

    module: Any = static(None)
    image: tuple[int, ...] = static(())

    def predict(self, below: Float[Array, "B ..."]) -> Float[Array, "B C"]:
        """The output."""
        output: Any = self.module.apply({"params": self.w}, below.reshape(-1, *self.image))
        return output

    def carry_down(self, below: Array, delta: Array) -> Array:
        """Refused: errors go through many layers at once.

        Raises:
          UsageError: always.
        """
        raise UsageError("architecture=convnet and resnet18 are for backpropagation; set mlp or vgg5")

    def hebbian(self, below: Array, delta: Array) -> Dense:
        """Refused, as `carry_down`."""
        return self.carry_down(below, delta)  # type: ignore[return-value]

    @property
    def uses(self) -> int:
        """Multiplications by weights per image."""
        one = jax.ShapeDtypeStruct((1, *self.image), jnp.float32)
        graph = jax.make_jaxpr(lambda p, x: self.module.apply({"params": p}, x))(self.w, one)
        return _products(graph.jaxpr)


def _products(program: Any) -> int:
    """Multiplications of the convolutions and matrix products of a program, and of those inside it."""
    count = 0
    for equation in program.eqns:
        name, out = equation.primitive.name, equation.outvars[0].aval.shape
        if name == "conv_general_dilated":
            count += math.prod(out) * math.prod(equation.invars[1].aval.shape[:-1])
        elif name == "dot_general":
            count += math.prod(out) * equation.invars[1].aval.shape[0]
        else:
            count += sum(map(_products, jaxprs_in_params(equation.params)))
    return count


def fresh(key: PRNGKeyArray, architecture: str, input_shape: tuple[int, ...], outputs: int, width: int) -> Network:
    """A network of one module, whose first convolution has `width` channels.

    Raises:
      UsageError: the input is no image and no square.
    """
    image = image_shape(architecture, input_shape)
    module = MODULES[architecture](outputs, width)
    params = module.init(key, jnp.zeros((1, *image)))["params"]
    return (Module(params, module=module, image=image),)


def image_shape(architecture: str, input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Height, width and channels as which inputs are read: a vector of a square number of entries as a square.

    Raises:
      UsageError: the input is no image and no square.
    """
    side = math.isqrt(math.prod(input_shape))
    if len(input_shape) in (2, 3):
        height, breadth, channels = (*input_shape, 1)[:3]
        return height, breadth, channels
    if side**2 != math.prod(input_shape):
        raise UsageError(f"architecture={architecture} reads images or squares, not inputs of shape {input_shape}")
    return (side, side, 1)
