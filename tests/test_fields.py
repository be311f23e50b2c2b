"""Static numbers: parsed as their default's type, checked against their range."""

import json

import jax
import numpy as np
import pytest
from flax import struct

from pcl import learners, streams
from pcl.errors import UsageError, shown
from pcl.fields import as_dict, canonical, check, check_all, fields, is_static, parse, replace, static, traced


@struct.dataclass
class Config:
    share: float = static(0.5, "a share", low=0, high=1)
    count: int = static(3, "a count", low=1)
    rate: float = traced(0.1, "a rate")
    bias: bool = static(False, "a truth value")


def test_a_static_float_is_structure_and_costs_a_compile():
    config = Config()
    assert is_static(fields(config)["share"])
    assert jax.tree.leaves(config) == [0.1]
    assert jax.tree.structure(config) != jax.tree.structure(replace(config, {"share": 0.25}))


def test_a_static_float_is_parsed_and_one_number_has_one_spelling():
    share = fields(Config())["share"]
    assert parse(share, "0.25") == 0.25
    written = {canonical(as_dict(replace(Config(), {"share": value}))) for value in (1, 1.0, parse(share, "1"))}
    assert len(written) == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("share", "1.5", r"share=1.5: must be finite and within \[0, 1\]"),
        ("share", "-0.1", "must be finite and within"),
        ("share", "nan", "must be finite and within"),
        ("share", "inf", "must be finite and within"),
        ("share", "half", "share is a static float, as in share=0.5"),
        ("count", "2.0", "count is a static int, as in count=3"),
        ("count", "\u0663", "count is a static int, as in count=3"),
        ("count", "2147483648", r"count=2147483648: must be finite and within \[1, 2147483647\]"),
        ("bias", "1", "bias is a static bool, as in bias=False"),
        ("bias", "yes", "bias is a static bool, as in bias=False"),
        ("rate", "1e39", r"rate=1e\+39: runs hold float32: give 0, or an absolute value from 1.18e-38 to 3.4e\+38"),
        ("rate", "-3.5e38", "runs hold float32"),
        ("rate", "1e-38", "runs hold float32"),
        ("rate", "1e-400", "rate=1e-400: runs hold float32"),
    ],
)
def test_what_a_static_number_refuses(name, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse(fields(Config())[name], text)
    assert "\n" not in str(caught.value)


def test_a_truth_value_stays_one_through_texts_and_json():
    config, bias = Config(), fields(Config())["bias"]
    for text, value in {"true": True, "True": True, "false": False, "False": False}.items():
        assert parse(bias, text) is value
        again = replace(config, json.loads(canonical(as_dict(replace(config, {"bias": value})))))
        assert again.bias is value
        assert check_all(again, config) is again
    with pytest.raises(UsageError, match="bias=1: expected bool, as in bias=False"):
        replace(config, {"bias": 1})
    with pytest.raises(UsageError, match="count=True: expected int, as in count=3"):
        replace(config, {"count": True})


@pytest.mark.parametrize("value", [2**31, 10**30, 10**400, 10**5000], ids=lambda value: f"{value.bit_length()} bits")
def test_what_python_callers_give_is_refused_as_well(value):
    for name in ("count", "rate"):
        if name == "rate" and value < 3e38:
            continue
        with pytest.raises(UsageError, match=f"^{name}=") as caught:
            replace(Config(), {name: value})
        assert len(str(caught.value)) < 250


def test_the_ends_of_what_32_bits_hold_are_taken():
    assert parse(fields(Config())["count"], "2147483647") == 2**31 - 1
    for text in ("3.4028e38", "-3.4028e38", "1.2e-38"):
        assert np.float32(parse(fields(Config())["rate"], text)) != 0
        assert np.isfinite(np.float32(parse(fields(Config())["rate"], text)))


def test_minus_zero_is_zero():
    assert canonical({"rate": parse(fields(Config())["rate"], "-0.0")}) == '{"rate":0.0}'


def test_every_default_is_a_value_that_its_field_takes():
    configs = [e.hparams for e in learners.REGISTRY.values()] + [e.config for e in streams.REGISTRY.values()]
    for config in configs:
        for field in fields(config).values():
            assert check(field, field.default) == field.default


def test_a_message_repeats_little_of_a_long_value():
    assert shown("x" * 100) == "x" * 100
    assert shown("a" * 60 + "b" * 60) == "a" * 50 + "…" + "b" * 25 + " (120 characters)"
    assert shown("one\ntwo\x1b[0m") == r"one\ntwo\x1b[0m"
