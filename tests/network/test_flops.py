"""Costs against numbers worked out by hand."""

import pytest

from pcl.errors import UsageError
from pcl.network.flops import backprop_flops, forward_flops, predictive_coding_flops

# 4-3-2: 12 synapses to the hidden layer, 6 to the output.
SIZES = (4, 3, 2)


def test_counts_by_hand():
    assert forward_flops(SIZES) == 2 * 18
    # Predict 18, send errors down 6, change 18.
    assert backprop_flops(SIZES) == 2 * (18 + 6 + 18)
    # Predict 18, three times predict and send down 6, predict 6 once more, change 18.
    assert predictive_coding_flops(SIZES, 3.0) == 2 * (18 + 3 * (6 + 6) + 6 + 18)


def test_least_chain():
    assert forward_flops((1, 1)) == 2


def test_one_layer_has_nothing_to_settle():
    assert predictive_coding_flops((5, 2), 20.0) == backprop_flops((5, 2)) == 40


def test_predictive_coding_without_inference_costs_what_backprop_does():
    assert predictive_coding_flops((784, 400, 400, 10), 0.0) == backprop_flops((784, 400, 400, 10)) == 2_238_400


def test_refusals():
    with pytest.raises(UsageError, match="input and an output"):
        forward_flops((4,))
    with pytest.raises(UsageError, match="of at least one unit"):
        backprop_flops((4, 0, 2))
