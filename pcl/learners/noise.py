"""Normal random numbers for every weight at every step, at a fraction of the cost of `jax.random.normal`.

`jax.random.normal` enciphers a counter for each number, which for a perceptron on single samples costs many times the
step itself. Here a counter is hashed twice, each time with one word of the key: w <- w ^ (w >> 16), w <- 0x7feb352d w,
w <- w ^ (w >> 15), w <- 0x846ca68b w, w <- w ^ (w >> 16) (lowbias32, Wellons (2018), Prospecting for hash functions).
The four bytes of a word are uniform; t is their sum, less its mean, over its deviation, and

    number = t (c_1 + c_3 t^2 + c_5 t^4 + c_7 t^6)

with coefficients for which its moments up to the seventh are those of a normal number; it takes 1,021 values, the
largest 4.88, and its distribution function is nowhere further than 0.0017 from the normal one. A sum with a polynomial:
Teichroew (1953), in Knuth, The art of computer programming, volume 2, section 3.4.1. To be used for perturbations,
never for a test of hypotheses.
"""

import math

import jax
import jax.numpy as jnp
from jax import Array
from jaxtyping import Float, PRNGKeyArray, UInt32

MEAN = 4 * 255 / 2  # of a sum of four bytes
DEVIATION = math.sqrt(4 * (256**2 - 1) / 12)
COEFFICIENTS = (9.59173186e-01, 1.65878431e-02, -2.09795162e-03, 3.28723152e-04)


def normal(key: PRNGKeyArray, shape: tuple[int, ...]) -> Float[Array, "..."]:
    """Independent numbers of mean 0 and variance 1."""
    first, second = jax.random.bits(key, (2,))
    return of_words(hashed(hashed(counter(shape) + first) ^ second))


def counter(shape: tuple[int, ...]) -> UInt32[Array, "..."]:
    """0, 1, 2 … in the order of the entries, without a reshape, which would keep XLA from vectorising on CPUs."""
    number = jnp.zeros(shape, jnp.uint32)
    for axis, stride in enumerate(math.prod(shape[axis + 1 :]) for axis in range(len(shape))):
        number += jnp.uint32(stride) * jax.lax.broadcasted_iota(jnp.uint32, shape, axis)
    return number


def hashed(word: UInt32[Array, "..."]) -> UInt32[Array, "..."]:
    """A permutation of the words of 32 bits in which every bit of the argument moves every bit of the value."""
    word = (word ^ (word >> 16)) * jnp.uint32(0x7FEB352D)
    word = (word ^ (word >> 15)) * jnp.uint32(0x846CA68B)
    return word ^ (word >> 16)


def of_words(word: UInt32[Array, "..."]) -> Float[Array, "..."]:
    """The normal numbers that words stand for."""
    pairs = (word & 0x00FF00FF) + ((word >> 8) & 0x00FF00FF)
    total = ((pairs + (pairs >> 16)) & 0x3FF).astype(jnp.int32)
    t = (total.astype(jnp.float32) - MEAN) / DEVIATION
    square, factor = t * t, jnp.zeros_like(t)
    for coefficient in reversed(COEFFICIENTS):
        factor = factor * square + coefficient
    return t * factor
