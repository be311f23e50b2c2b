"""Static numbers: parsed as their default's type, checked against their range."""

import jax
import pytest
from flax import struct

from pcl.errors import UsageError
from pcl.fields import as_dict, canonical, fields, is_static, parse, replace, static, traced


@struct.dataclass
class Config:
    share: float = static(0.5, "a share", low=0, high=1)
    count: int = static(3, "a count", low=1)
    rate: float = traced(0.1, "a rate")


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
    ],
)
def test_what_a_static_number_refuses(name, text, message):
    with pytest.raises(UsageError, match=message) as caught:
        parse(fields(Config())[name], text)
    assert "\n" not in str(caught.value)
