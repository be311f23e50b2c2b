"""Costs against numbers worked out by hand."""

import itertools

import jax

from pcl.network.architectures import dense_chain, vgg5
from pcl.network.flops import (
    backprop,
    predictive_coding,
    synapse_uses,
)
from pcl.network.rules import RULES

# 4-3-2: 12 synapses to the hidden layer, 6 to the output.
USES = (12, 6)


def dense_uses(sizes):
    return tuple(below * above for below, above in itertools.pairwise(sizes))


def test_counts_by_hand():
    # Predict 18, send errors down 6, change 18.
    assert backprop(USES) == 2 * (18 + 6 + 18)
    # Predict 18, three times predict and send down 6, predict 6 once more, change 18.
    assert predictive_coding(USES, 3.0) == 2 * (18 + 3 * (6 + 6) + 6 + 18)
    # Predict 18, three times predict 18, send down 6 and change 18.
    assert RULES["ipc"].flops(USES, 3.0) == 2 * (18 + 3 * (18 + 6 + 18))
    # Predict 18, three times send down 6, change 18.
    assert RULES["fixed_prediction"].flops(USES, 3.0) == 2 * (18 + 3 * 6 + 18)


def test_accelerated_steps_by_hand():
    """4-3-3-2: 12 synapses below, 9 between, 6 at the top; one step of each rule on top of what settling costs."""
    uses = dense_uses((4, 3, 3, 2))
    # The top twice to solve for the highest layer, and 3 x 2 to and fro for each of the two hidden layers.
    assert RULES["gauss_newton"].flops(uses, 1.0) == predictive_coding(uses, 1.0) + 2 * (2 * 6 + 2 * 6 + 2 * 6)
    assert RULES["conjugate"].flops(uses, 2.0) == predictive_coding(uses, 3.0)


def test_one_layer_has_nothing_to_settle():
    assert predictive_coding(dense_uses((5, 2)), 20.0) == backprop(dense_uses((5, 2))) == 40


def test_predictive_coding_without_inference_costs_what_backprop_does():
    uses = dense_uses((784, 400, 400, 10))
    assert predictive_coding(uses, 0.0) == backprop(uses) == 2_238_400


def test_a_kernel_is_used_at_every_place():
    assert synapse_uses(dense_chain(jax.random.key(0), (4, 3, 2)), (4,)) == USES
    network = jax.eval_shape(lambda key: vgg5(key, (8, 8, 1), 10, width=2), jax.random.key(0))
    # 8 x 8 places of 3 x 3 x 1 x 2 weights; then pooled to 4 x 4, 2 x 2 and, unpadded no more, 1 x 1.
    assert synapse_uses(network, (8, 8, 1)) == (64 * 18, 16 * 72, 4 * 288, 1 * 576, 8 * 10)
