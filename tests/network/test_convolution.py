"""Convolutions: their transposes against those that JAX derives, and what XLA is spared."""

import chex
import jax
import jax.numpy as jnp
import pytest

from pcl.network.convolution import convolve, differentiable, to_image, to_kernel, windows

# height and width, size of the kernel, stride, padding
CASES = (((8, 8), 3, 1, "SAME"), ((7, 9), 3, 2, "SAME"), ((9, 6), 3, 2, "VALID"), ((6, 6), 1, 2, "SAME"))
CASES += (((8, 7), 4, 3, "VALID"), ((5, 5), 2, 1, "SAME"))


def arrays(size, kernel, stride, padding):
    keys = jax.random.split(jax.random.key(1), 3)
    image, weights = jax.random.normal(keys[0], (3, *size, 2)), jax.random.normal(keys[1], (kernel, kernel, 2, 5))
    out = jax.eval_shape(lambda: convolve(image, weights, stride, padding)).shape
    return image, weights, jax.random.normal(keys[2], out)


@pytest.mark.parametrize(("size", "kernel", "stride", "padding"), CASES)
def test_transposes_are_those_that_autodiff_finds(size, kernel, stride, padding):
    image, weights, delta = arrays(size, kernel, stride, padding)
    _, back = jax.vjp(lambda x, w: convolve(x, w, stride, padding), image, weights)
    want_image, want_kernel = back(delta)
    chex.assert_trees_all_close(to_image(delta, weights, stride, padding, size), want_image, atol=1e-5)
    chex.assert_trees_all_close(to_kernel(image, delta, stride, padding, weights.shape[:2]), want_kernel, atol=1e-4)


def test_gradients_of_the_differentiable_convolution_are_the_two_transposes():
    image, weights, delta = arrays(*CASES[1])
    out, back = jax.vjp(lambda x, w: differentiable(x, w, 2, "SAME"), image, weights)
    chex.assert_trees_all_equal(out, convolve(image, weights, 2, "SAME"))
    wanted = to_image(delta, weights, 2, "SAME", (7, 9)), to_kernel(image, delta, 2, "SAME", (3, 3))
    chex.assert_trees_all_close(back(delta), wanted)


def test_gradients_over_many_networks_at_once_are_those_of_each():
    image, weights, delta = arrays(*CASES[0])
    many = jnp.stack([weights, 2 * weights])
    grad = jax.grad(lambda w: jnp.sum(jnp.tanh(differentiable(image, w, 1, "SAME")) * delta))
    chex.assert_trees_all_close(jax.vmap(grad)(many), jnp.stack([grad(w) for w in many]), atol=1e-4)


def test_on_cpus_no_convolution_has_a_kernel_of_the_size_of_an_image():
    """Such a convolution, which JAX derives for the gradient of a kernel, is what XLA computes slowly."""
    image, _, delta = arrays((16, 16), 3, 1, "SAME")
    lowered = jax.jit(lambda x, d: to_kernel(x, d, 1, "SAME", (3, 3))).lower(image, delta)
    assert "convolution" not in lowered.as_text().replace("convolution.py", "")


def test_windows_leave_out_rows_and_columns_that_fill_none():
    image = jnp.arange(2 * 5 * 7).reshape(2, 5, 7, 1).astype(float)
    chex.assert_trees_all_equal(windows(image, 2).max((2, 4)), image[:, 1:4:2, 1:6:2])
