"""Cheap normal numbers: their law, computed over all words, and that numbers of places and of steps know nothing of
each other.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import chisquare, norm

from pcl.learners import noise


def law():
    """The values and their probabilities: of a sum of four bytes there are 1,021."""
    byte = np.ones(256) / 256
    probability = np.convolve(np.convolve(byte, byte), np.convolve(byte, byte))
    sums = np.arange(1021)
    parts = [np.minimum(np.maximum(sums - 255 * i, 0), 255).astype(np.uint32) for i in range(4)]
    words = sum(part << np.uint32(8 * i) for i, part in enumerate(parts))
    return np.asarray(noise.of_words(jnp.asarray(words))).astype(float), probability


def test_moments_of_all_words_are_those_of_a_normal_number():
    value, probability = law()
    assert (np.diff(value) > 0).all()
    for power, want in ((1, 0), (2, 1), (3, 0), (4, 3), (5, 0), (6, 15)):
        # Values are rounded to float32, 1e-7 of each, and coefficients to nine digits.
        np.testing.assert_allclose(probability @ value**power, want, rtol=1e-5, atol=1e-5)
    below = np.cumsum(probability) - probability
    assert max(abs(norm.cdf(value) - below).max(), abs(norm.cdf(value) - below - probability).max()) < 0.0017


def test_the_hash_is_a_permutation_that_spreads_a_counter_evenly():
    words = np.asarray(noise.hashed(jnp.arange(2**16, dtype=jnp.uint32)))
    assert len(np.unique(words)) == 2**16
    for shift in (0, 8, 16, 24):
        assert chisquare(np.bincount((words >> shift) & 255, minlength=256)).pvalue > 1e-3


def test_entries_are_counted_once_in_their_order():
    np.testing.assert_array_equal(noise.counter((2, 3, 4)), np.arange(24).reshape(2, 3, 4))
    assert noise.counter(()).shape == ()


def test_numbers_of_neighbours_of_steps_and_of_keys_are_uncorrelated():
    base = jax.random.key(0)
    some = np.stack([noise.normal(jax.random.fold_in(base, step), (200, 300)) for step in range(8)])
    n = some[0].size
    flat = some.reshape(8, n)
    with_others = np.corrcoef(flat)[np.triu_indices(8, 1)]
    with_next = [np.mean(flat[:, :-lag] * flat[:, lag:]) for lag in (1, 2, 300)]
    squares = np.corrcoef(flat**2)[np.triu_indices(8, 1)]
    # The standard error of a correlation is n^-1/2; 59 of them, so that 4.5 of these errors are no accident.
    assert max(abs(with_others).max(), abs(squares).max(), np.abs(with_next).max()) < 4.5 / np.sqrt(n)
    assert abs(flat.mean()) < 4.5 / np.sqrt(8 * n)
    assert abs(flat.var() - 1) < 4.5 * np.sqrt(2 / (8 * n))


def test_both_words_of_a_key_count(monkeypatch):
    def numbers(*words):
        monkeypatch.setattr(jax.random, "bits", lambda key, shape: jnp.array(words, jnp.uint32))
        return np.asarray(noise.normal(jax.random.key(0), (50,)))

    assert (numbers(1, 2) != numbers(1, 3)).mean() > 0.9
    assert (numbers(1, 2) != numbers(2, 2)).mean() > 0.9
