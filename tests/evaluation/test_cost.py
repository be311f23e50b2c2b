"""Costs against numbers worked out by hand."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcl.errors import UsageError
from pcl.evaluation.cost import (
    backprop_flops,
    compute_charged_accuracy,
    forward_flops,
    predictive_coding_flops,
)

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


def test_charged_accuracy_is_read_earlier():
    accuracy, samples = [0.1, 0.5, 0.7, 0.8], [0, 100, 200, 400]
    assert compute_charged_accuracy(accuracy, samples, 1.0) == 0.8
    assert compute_charged_accuracy(accuracy, samples, 2.0) == 0.7
    assert compute_charged_accuracy(accuracy, samples, 8.0) == pytest.approx(0.3)
    assert compute_charged_accuracy(accuracy, samples, 0.1) == 0.8
    assert compute_charged_accuracy(accuracy[1:], samples[1:], 4.0) == 0.5  # at its very first point


@given(st.floats(1, 50), st.floats(1, 50))
def test_dearer_is_never_better_on_a_rising_curve(a, b):
    charged = [compute_charged_accuracy([0, 0.6, 0.9], [0, 10, 90], ratio) for ratio in sorted((a, b))]
    assert charged[0] >= charged[1]


def test_refusals():
    with pytest.raises(UsageError, match="input and an output"):
        forward_flops((4,))
    with pytest.raises(UsageError, match="of at least one unit"):
        backprop_flops((4, 0, 2))
    with pytest.raises(UsageError, match=r"cost_ratio=0\.0"):
        compute_charged_accuracy([0.1], [10], 0.0)
    with pytest.raises(UsageError, match="begins at sample 50"):
        compute_charged_accuracy([0.1, 0.2], [50, 100], 4.0)
    with pytest.raises(UsageError, match="of one length"):
        compute_charged_accuracy([0.1, 0.2], [50], 4.0)
