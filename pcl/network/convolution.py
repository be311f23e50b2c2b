"""Convolutions of images [B, height, width, channels] by kernels [K, K, channels in, channels out].

    convolve     the convolution
    to_image     its transpose in the image: what each pixel receives over the weights that it was multiplied by
    to_kernel    its transpose in the kernel: error times pixel, summed over the places that share a weight
    windows      the image cut into pooling windows

XLA computes a convolution fast on CPUs, but not the two transposes that JAX derives: at 16 x 16 pixels, with 32 and 64
channels, that in the kernel takes 14 times as long as here (`scripts.bench.convolution`). Here the first is written as
a convolution by the mirrored kernel, and on CPUs the second as one matrix product with patches of the image.
`differentiable` is the convolution with these as its gradients, for `jax.grad`; it has no forward mode.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float

NUMBERS = ("NHWC", "HWIO", "NHWC")  # the order of the axes of images, kernels and outputs

Image = Float[Array, "B Y X C"]
Kernel = Float[Array, "K L C D"]
Output = Float[Array, "B P Q D"]
Sizes = tuple[int, ...]  # height and width


def convolve(image: Image, kernel: Kernel, stride: int, padding: str) -> Output:
    """The convolution with `padding` SAME or VALID."""
    return jax.lax.conv_general_dilated(image, kernel, (stride, stride), padding, dimension_numbers=NUMBERS)


def to_image(delta: Output, kernel: Kernel, stride: int, padding: str, size: Sizes) -> Image:
    """What an output error gives to each pixel of an image of the given height and width."""
    reach = zip(size, delta.shape[1:3], kernel.shape[:2], _pads(size, kernel.shape[:2], stride, padding), strict=True)
    around = [(k - 1 - low, n + low - stride * (m - 1) - 1) for n, m, k, (low, _) in reach]
    between = (0, 0, stride - 1)
    spread = jax.lax.pad(delta, jnp.zeros((), delta.dtype), ((0, 0, 0), between, between, (0, 0, 0)))
    # The barrier keeps XLA from folding the mirror into the convolution, which on CPUs is ten times slower.
    mirrored = jax.lax.optimization_barrier(kernel[::-1, ::-1].swapaxes(2, 3))
    return jax.lax.conv_general_dilated(spread, mirrored, (1, 1), around, dimension_numbers=NUMBERS)


def to_kernel(image: Image, delta: Output, stride: int, padding: str, size: Sizes) -> Kernel:
    """The gradient of a kernel of the given height and width."""

    def by_patches(image: Image, delta: Output) -> Kernel:
        patches = _patches(image, delta.shape[1:3], stride, padding, size)
        kernel = jnp.einsum("bpqk,bpqd->kd", patches, delta)
        return kernel.reshape(*size, image.shape[-1], delta.shape[-1])

    def by_transpose(image: Image, delta: Output) -> Kernel:
        kernel = jax.ShapeDtypeStruct((*size, image.shape[-1], delta.shape[-1]), delta.dtype)
        (gradient,) = jax.linear_transpose(lambda k: convolve(image, k, stride, padding), kernel)(delta)
        return gradient

    return jax.lax.platform_dependent(image, delta, cpu=by_patches, default=by_transpose)


def _patches(image: Image, places: Sizes, stride: int, padding: str, size: Sizes) -> Float[Array, "B P Q K"]:
    """The pixels under the kernel at each place, in the order of the kernel's axes."""
    padded = jnp.pad(image, ((0, 0), *_pads(image.shape[1:3], size, stride, padding), (0, 0)))
    along = zip(size, places, strict=True)
    rows, columns = ([slice(k, k + stride * (m - 1) + 1, stride) for k in range(n)] for n, m in along)
    return jnp.concatenate([padded[:, row, column] for row in rows for column in columns], -1)


def _pads(size: Sizes, kernel: Sizes, stride: int, padding: str) -> Sequence[tuple[int, int]]:
    return jax.lax.padtype_to_pads(size, kernel, (stride, stride), padding)


def _forward(image: Image, kernel: Kernel, stride: int, padding: str) -> tuple[Output, tuple[Image, Kernel]]:
    return convolve(image, kernel, stride, padding), (image, kernel)


def _backward(stride: int, padding: str, kept: tuple[Image, Kernel], delta: Output) -> tuple[Image, Kernel]:
    image, kernel = kept
    return (
        to_image(delta, kernel, stride, padding, image.shape[1:3]),
        to_kernel(image, delta, stride, padding, kernel.shape[:2]),
    )


differentiable = jax.custom_vjp(convolve, nondiff_argnums=(2, 3))
differentiable.defvjp(_forward, _backward)


def cropped(image: Image, pool: int) -> Float[Array, "B y x C"]:
    """The rows and columns that fill pooling windows."""
    return image[:, : image.shape[1] // pool * pool, : image.shape[2] // pool * pool]


def windows(image: Image, pool: int) -> Float[Array, "B P p Q q C"]:
    """An image cut into pooling windows of p x q = pool x pool, which do not overlap."""
    kept = cropped(image, pool)
    return kept.reshape(kept.shape[0], kept.shape[1] // pool, pool, kept.shape[2] // pool, pool, kept.shape[3])
