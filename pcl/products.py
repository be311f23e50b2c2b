"""Precision of matrix products and convolutions of float32 numbers.

    float32        factors as they are
    tensorfloat32  factors rounded to 11 bits, as the tensor cores of GPUs do
    bfloat16       factors rounded to 8 bits, as the matrix units of TPUs do

Sums are in float32 in all three. JAX's own setting (`jax_default_matmul_precision`) is only a hint: on CPUs it changes
nothing, and what it changes elsewhere depends on the device. Here factors are rounded by the program, to nearest, ties
to even, before a product that does not round them again, so that a setting means the same on every backend.

Only products with free axes in both factors are rounded: sums weighted by a vector, such as a loss, stay in float32.
Code that must stay in float32 throughout, such as sums over a whole run, is marked by `exact`.
"""

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, jaxpr_as_fun

F = TypeVar("F", bound=Callable[..., Any])

FLOAT32 = "float32"
BITS = {FLOAT32: 23, "tensorfloat32": 10, "bfloat16": 7}  # of a factor's fraction, without the implied first bit
KINDS = tuple(BITS)
KEPT = jax.lax.Precision.HIGHEST  # the mark of a product whose factors are not to be rounded
PRODUCTS = ("dot_general", "conv_general_dilated")
UNSEEN = ("custom_vmap_call",)  # of `pcl.linalg`: factorisations and solves, which are those of float32

_asked = jax.make_user_context(FLOAT32)  # part of JAX's context: a trace for one kind is not used for another


def exact(function: F) -> F:
    """`function` with products in float32, even under `rounding`."""
    return _under(function, lambda: FLOAT32)


def as_asked(function: F) -> F:
    """`function` with products in the precision that the run asks for (float32 outside of `rounding`)."""
    return _under(function, lambda: _asked.value)


def _under(function: F, kind: Callable[[], str]) -> F:
    @functools.wraps(function)
    def call(*args: Any, **kwargs: Any) -> Any:
        with jax.default_matmul_precision(kind()):
            return function(*args, **kwargs)

    return call  # type: ignore[return-value]


def rounding(function: F, kind: str) -> F:
    """`function` of arrays, with products of the given kind where nothing is marked as `exact`.

    Do not differentiate the result: take gradients inside `function`, where their products are rounded too.

    Inside, JAX's setting tells products apart: those that are traced under "float32" keep their factors. A product that
    names a precision of its own keeps it if that is the highest.
    """
    if kind == FLOAT32:
        return function

    @functools.wraps(function)
    def call(*args: Any) -> Any:
        with _asked(kind), jax.default_matmul_precision(kind):
            closed, shapes = jax.make_jaxpr(function, return_shape=True)(*args)
        flat = jaxpr_as_fun(_closed(closed, kind))(*jax.tree.leaves(args))
        return jax.tree.unflatten(jax.tree.structure(shapes), flat)

    return call  # type: ignore[return-value]


def _closed(closed: ClosedJaxpr, kind: str) -> ClosedJaxpr:
    return closed.replace(jaxpr=_rounded(closed.jaxpr, kind))


def _rounded(jaxpr: Jaxpr, kind: str) -> Jaxpr:
    """The program with the factors of its products rounded, and of those in the programs inside it."""
    return jaxpr.replace(eqns=[_equation(equation, kind) for equation in jaxpr.eqns])


def _equation(equation: JaxprEqn, kind: str) -> JaxprEqn:
    if equation.primitive.name in UNSEEN or _is_exact(equation):
        return equation
    if equation.primitive.name in PRODUCTS:
        if not _of_matrices(equation):
            return equation.replace(params=equation.params | {"precision": (KEPT, KEPT)})
        product = functools.partial(_product, equation, kind)
        (called,) = jax.make_jaxpr(jax.jit(product))(*(var.aval for var in equation.invars)).eqns
        return equation.replace(primitive=called.primitive, params=called.params)
    return equation.replace(params={name: _inside(value, kind) for name, value in equation.params.items()})


def _inside(value: Any, kind: str) -> Any:
    """A parameter of an equation: programs in it (bodies of loops, branches) are rounded as well."""
    if isinstance(value, ClosedJaxpr):
        return _closed(value, kind)
    if isinstance(value, Jaxpr):
        return _rounded(value, kind)
    return type(value)(_inside(one, kind) for one in value) if type(value) in (tuple, list) else value


def _is_exact(equation: JaxprEqn) -> bool:
    """Whether the factors of a product are kept: it is marked so, or they are not float32."""
    if equation.primitive.name not in PRODUCTS:
        return False
    precision = equation.params["precision"]
    said = KEPT in precision if isinstance(precision, tuple) else precision == KEPT
    return said or any(var.aval.dtype != jnp.float32 for var in _factors(equation))


def _of_matrices(equation: JaxprEqn) -> bool:
    """Whether both factors have axes that are neither summed nor common to both; a convolution's always have."""
    if equation.primitive.name != "dot_general":
        return True
    contracted, batched = equation.params["dimension_numbers"]
    of_both = zip(_factors(equation), contracted, batched, strict=True)
    return all(var.aval.ndim > len(summed) + len(along) for var, summed, along in of_both)


def _factors(equation: JaxprEqn) -> list[Any]:
    """The variables that a product multiplies."""
    return list(equation.invars)


def _product(equation: JaxprEqn, kind: str, *factors: Any) -> Any:
    """The product of an equation with rounded factors; nothing after the rounding changes their bits."""
    short = [jax.lax.reduce_precision(factor, exponent_bits=8, mantissa_bits=BITS[kind]) for factor in factors]
    fast, precision = _fast(kind)
    params = equation.params | {"precision": precision, "preferred_element_type": jnp.dtype(jnp.float32)}
    return equation.primitive.bind(*(factor.astype(fast) for factor in short), **params)


def _fast(kind: str) -> tuple[Any, Any]:
    """The type of rounded factors and the precision with which this backend multiplies them fastest, without error."""
    backend = jax.default_backend()
    if kind == "bfloat16" and backend != "cpu":
        return jnp.bfloat16, (jax.lax.Precision.DEFAULT,) * 2
    if kind == "tensorfloat32" and backend == "gpu":
        return jnp.float32, (jax.lax.Precision.HIGH,) * 2
    return jnp.float32, (KEPT,) * 2
