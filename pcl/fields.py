"""Settings of learners and streams: declared once as traced or static, parsed, checked, written.

A configuration is a `flax.struct` dataclass; a strategy around a learner nests that learner's. A traced
field is a leaf and is vmapped over; a static field is part of the structure and costs one compile for
each of its values.
"""

import copy
import dataclasses
import json
import math
from collections.abc import Collection, Mapping
from typing import Any

import jax
import numpy as np
from flax import struct

from pcl.errors import UsageError, shown, unknown

INT32 = 2**31 - 1
FLOAT32 = (2.0**-126, (2 - 2.0**-23) * 2.0**127)  # the smallest normal number and the largest one

Traced = Any  # type of a traced field: a float where it is declared, an array inside a run
# For other settings, by name: those of their values with which this setting has no effect.
Idle = Mapping[str, Collection[int | str]]
Idles = Mapping[str, Idle]  # by the name of the setting without effect: `IDLE` of a class adds to what its fields say


def traced(
    default: int | float,
    help: str,
    *,
    low: int | float = -math.inf,
    high: int | float = math.inf,
    idle: Idle | None = None,
) -> Any:
    """A float setting that may be vmapped over; `low` and `high` are the ends of its range, both admissible."""
    return struct.field(default=float(default), metadata={"help": help, "low": low, "high": high, "idle": idle or {}})


def static(
    default: int | float | str | bool,
    help: str,
    *,
    idle: Idle | None = None,
    low: int | float = -math.inf,
    high: int | float = math.inf,
    choices: Collection[str] | None = None,
) -> Any:
    """A setting that is compiled in: an int, float, str or bool, of its default's type; `choices` are for strings."""
    metadata = {"help": help, "low": low, "high": high, "choices": choices}
    return struct.field(pytree_node=False, default=default, metadata=metadata | {"idle": idle or {}})


def nested(default: Any) -> Any:
    """A configuration inside a configuration; its fields count as fields of the outer one, so names must differ."""
    return struct.field(default=default)


def fields(config: Any) -> dict[str, dataclasses.Field]:
    """The fields of a configuration (class or instance) by name, those of nested ones included."""
    found: dict[str, dataclasses.Field] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        found |= fields(value) if dataclasses.is_dataclass(value) else {field.name: field}
    return found


def idle(config: Any) -> dict[str, str]:
    """Settings that have no effect with the others of `config`, and the reason: {"beta": "nudge=none"}."""
    values = as_dict(config)
    return {
        name: f"{other}={shown(values[other])}"
        for name, one in idles(config).items()
        for other, with_these in one.items()
        if values.get(other) in with_these
    }


def idles(config: Any) -> Idles:
    """For each setting, values of others under which it has no effect: from its field and its class's `IDLE`."""
    found: dict[str, Idle] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            found |= idles(value)
        else:
            found[field.name] = {**field.metadata["idle"], **getattr(config, "IDLE", {}).get(field.name, {})}
    return found


def is_static(field: dataclasses.Field) -> bool:
    """Whether a field is compiled in."""
    return not field.metadata.get("pytree_node", True)


def parse(field: dataclasses.Field, text: str) -> Any:
    """The value written as `text` on a command line.

    Raises:
      UsageError: it is not of the field's type, not finite, out of range or not one of its choices.
    """
    kind: type = type(field.default)
    try:
        if kind is bool:
            value: Any = {"true": True, "false": False}.get(text.lower())
        else:
            value = kind(text) if kind is str or text.isascii() else None
    except ValueError:
        value = None
    if value is None:
        nature = "static" if is_static(field) else "traced"
        given = shown(text)
        raise UsageError(
            f"{field.name}={given}: {field.name} is a {nature} {kind.__name__}, as in {field.name}={field.default}"
        )
    if kind is float and value == 0 and any(digit in "123456789" for digit in text.lower().partition("e")[0]):
        raise _beyond_float32(field, text)
    return check(field, value)


def check(field: dataclasses.Field, value: Any) -> Any:
    """`value`, if it is of the field's type, in its range, and of a size that a run can hold.

    Runs hold numbers of 32 bits. An integer beyond them would wrap, a float become infinite or zero.

    Raises:
      UsageError: otherwise.
    """
    kind: type = type(field.default)
    rules = field.metadata
    name, given = field.name, shown(value)
    if kind is float and type(value) is int:
        if abs(value) > FLOAT32[1]:
            raise _beyond_float32(field, given)
        value = float(value)
    if type(value) is not kind:
        raise UsageError(f"{name}={shown(repr(value))}: expected {kind.__name__}, as in {name}={field.default}")
    if kind is bool:
        return value
    if kind is str:
        if rules["choices"] and value not in rules["choices"]:
            raise UsageError(f"{name}={given}: choose one of {', '.join(rules['choices'])}")
        return value
    number: Any = value
    high = min(rules["high"], INT32) if kind is int else rules["high"]
    if not (rules["low"] <= number <= high and (kind is int or math.isfinite(number))):
        raise UsageError(f"{name}={given}: must be finite and within [{rules['low']}, {high}]")
    if kind is float and number != 0 and not FLOAT32[0] <= abs(number) <= FLOAT32[1]:
        raise _beyond_float32(field, given)
    return number + 0  # -0.0 and 0.0 are one number


def _beyond_float32(field: dataclasses.Field, text: str) -> UsageError:
    small, large = FLOAT32
    return UsageError(
        f"{field.name}={shown(text)}: runs hold float32: give 0, or an absolute value from {small:.3g} to {large:.3g}"
    )


def replace(config: Any, values: Mapping[str, Any]) -> Any:
    """`config` with checked `values`; unknown names and inadmissible values raise `UsageError`."""
    known = fields(config)
    for name in values:
        if name not in known:
            raise unknown("setting", name, known)
    return _replace(config, {name: check(known[name], value) for name, value in values.items()})


def _replace(config: Any, values: Mapping[str, Any]) -> Any:
    inner = {f.name: getattr(config, f.name) for f in dataclasses.fields(config)}
    changed = {name: _replace(value, values) for name, value in inner.items() if dataclasses.is_dataclass(value)}
    return config.replace(**changed, **{name: values[name] for name in values if name in inner})


def put(config: Any, values: Mapping[str, Any]) -> Any:
    """`config` with unchecked values: all settings, sizes included, may be arrays that JAX is tracing."""
    changed = copy.copy(config)
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        inner = put(value, values) if dataclasses.is_dataclass(value) else values.get(field.name, value)
        object.__setattr__(changed, field.name, inner)
    return changed


def as_dict(config: Any) -> dict[str, Any]:
    """All fields by name, as plain values."""
    plain: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        plain |= as_dict(value) if dataclasses.is_dataclass(value) else {field.name: value}
    return plain


def identity(config: Any) -> dict[str, Any]:
    """The part of a configuration that identifies a run: all fields except those in `LATER` that have their default.

    `LATER` names settings that were added after runs had been recorded with their default; the ids of these runs stay.
    """
    decisive: dict[str, Any] = {}
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            decisive |= identity(value)
        elif field.name not in getattr(config, "LATER", ()) or value != field.default:
            decisive[field.name] = value
    return decisive


def canonical(value: Any) -> str:
    """JSON with one spelling for one value, fit for hashing."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def check_all(config: Any, like: Any) -> Any:
    """`config`, if it has the type of `like` and every value in it is admissible on a command line.

    Traced settings may be scalar arrays of any float type: each stands for the decimal number that it was
    rounded from. Values that JAX is tracing are not checked.

    Raises:
      UsageError: otherwise.
    """
    if type(config) is not type(like):
        right, given = (f"{kind.__module__}.{kind.__qualname__}" for kind in (type(like), type(config)))
        raise UsageError(f"settings are of type {given}; expected {right}")
    for field in dataclasses.fields(like):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(getattr(like, field.name)):
            check_all(value, getattr(like, field.name))
        elif not isinstance(value, jax.core.Tracer):
            check(field, value if is_static(field) else _number(field, value))
    return config


def with_numbers(config: Any) -> Any:
    """`config` with scalar arrays as Python numbers: for each the decimal number that it was rounded from.

    Raises:
      UsageError: a number is an array with axes, as where several configurations are batched.
    """
    return _replace(config, {name: _number(field, as_dict(config)[name]) for name, field in fields(config).items()})


def _number(field: dataclasses.Field, value: Any) -> Any:
    """The number that a scalar array stands for; anything else as it is."""
    if not isinstance(value, np.ndarray | np.generic | jax.Array):
        return value
    if np.ndim(value):
        raise UsageError(f"{field.name} has shape {np.shape(value)}: give one number; vmap over several")
    scalar = np.asarray(value)[()]
    return float(str(scalar)) if np.issubdtype(scalar.dtype, np.number) else scalar
