"""Runs beside their twins with products of float32."""

import pytest
from written import record

from pcl.evaluation.rounding import rounding_losses


def run(kind, seed, final, more=""):
    accuracy = [[0.0] * 4] * 4 + [[final / 100] * 4]
    variant = f'{{"lr":0.1,{more}"products":"{kind}"}}'
    return record(stream="x", seed=seed, probe_accuracy=accuracy, variant=variant)


def test_the_loss_is_that_against_the_same_run_with_products_of_float32():
    exact, rounded = run("float32", 1, 90), run("bfloat16", 1, 87)
    others = [run("float32", 2, 50), run("float32", 1, 40, '"width":3,'), run("tensorfloat32", 1, 10)]
    losses = rounding_losses([*others, exact, rounded])
    assert losses(rounded)["rounding_loss"] == pytest.approx(3)
    assert losses(rounded)["online_rounding_loss"] == 0
    assert losses(exact) == {}
    assert rounding_losses([rounded, *others])(rounded) == {}
