"""Products of rounded factors are those of NumPy on factors that ml_dtypes rounds, wherever they stand in a program."""

import functools

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest

from pcl import learners, products, streams
from pcl.products import exact, rounding
from pcl.runner.evaluation import Evaluation
from pcl.runner.run import make_run
from pcl.types import Batch, Spec

A, B = (jax.random.normal(jax.random.key(seed), shape) for seed, shape in ((0, (6, 40)), (1, (40, 40))))


def bfloat16(x):
    return np.asarray(x).astype(ml_dtypes.bfloat16).astype(np.float64)


def tensorfloat32(x):
    """To nearest by hand: half of the last of eleven bits is added, and what is below it cut off."""
    bits = np.asarray(x).view(np.uint32)
    bits = bits + np.uint32(0x0FFF) + ((bits >> np.uint32(13)) & np.uint32(1))
    return (bits & np.uint32(0xFFFFE000)).view(np.float32).astype(np.float64)


ROUNDED = {"float32": np.float64, "tensorfloat32": tensorfloat32, "bfloat16": bfloat16}


def close(value, right):
    """Within the rounding of a float32 sum of forty numbers of order one; factors of 11 bits are far further off."""
    np.testing.assert_allclose(np.asarray(value, np.float64), right, atol=2e-5, rtol=1e-6)


def times(a, b, kind):
    """The product of rounded factors."""
    return ROUNDED[kind](a) @ ROUNDED[kind](b)


@pytest.mark.parametrize("backend", ["cpu", "gpu", "tpu"])
@pytest.mark.parametrize("kind", products.KINDS)
def test_factors_are_rounded_alike_whatever_multiplies_them(kind, backend, monkeypatch):
    """The fast product of another backend, which this one executes too, changes no bit of a rounded factor."""
    right, others = times(A, B, kind), [times(A, B, other) for other in products.KINDS if other != kind]
    assert min(np.abs(right - other).max() for other in others) > 1e-3  # the kinds can be told apart
    with monkeypatch.context() as patched:
        patched.setattr(jax, "default_backend", lambda: backend)
        program = jax.make_jaxpr(rounding(jnp.matmul, kind))(A, B)
    close(jax.jit(jax.extend.core.jaxpr_as_fun(program))(A, B)[0], right)


def scanned(a, b):
    return jax.lax.scan(lambda c, _: (c @ b, None), a, None, length=1)[0]


def looped(a, b):
    return jax.lax.while_loop(lambda s: s[1] < 1, lambda s: (s[0] @ b, s[1] + 1), (a, 0))[0]


def branched(a, b):
    return jax.lax.cond(a[0, 0] > -9, lambda: a @ b, lambda: a)


def differentiated(a, b):
    """The gradient of sum(w b) . c by w is c b^T: here c = a, which must be rounded in a product of the chain rule."""
    return jax.grad(lambda w: jnp.vdot(w @ b.T, a))(jnp.zeros_like(a))


def mapped(a, b):
    return jax.vmap(lambda row: (row[None] @ b)[0])(a)


@pytest.mark.parametrize("program", [scanned, looped, branched, differentiated, mapped])
def test_products_are_rounded_wherever_they_stand(program):
    close(jax.jit(rounding(program, "bfloat16"))(A, B), times(A, B, "bfloat16"))
    close(jax.vmap(rounding(program, "bfloat16"), (0, None))(A[None], B)[0], times(A, B, "bfloat16"))


def test_convolutions_are_rounded():
    """Over a window of one pixel a convolution is a product with each sample's only channel."""
    right = bfloat16(A)[:, :, None] * bfloat16(B)[0, 0]

    def convolved(a, b):
        numbers = ("NHC", "HIO", "NHC")
        return jax.lax.conv_general_dilated(a[:, :, None], b[:1, :1, None], (1,), "VALID", dimension_numbers=numbers)

    close(rounding(convolved, "bfloat16")(A, B), right)


def test_sums_that_a_vector_weights_and_what_says_so_keep_their_factors():
    right = np.asarray(A, np.float64) @ np.asarray(B, np.float64)
    close(rounding(lambda a, b: a @ b[:, 0], "bfloat16")(A, B), right[:, 0])
    close(rounding(exact(jnp.matmul), "bfloat16")(A, B), right)
    close(rounding(functools.partial(jnp.matmul, precision="highest"), "bfloat16")(A, B), right)
    # On accelerators JAX's setting, under which a program is traced, would round these.
    (kept,) = jax.make_jaxpr(rounding(lambda a, b: jnp.dot(a, b), "bfloat16"))(A[0], B).eqns
    assert set(kept.params["precision"]) == {jax.lax.Precision.HIGHEST}


def test_what_was_traced_for_one_kind_serves_no_other():
    inner = jax.jit(products.as_asked(jnp.matmul))
    for kind in (*products.KINDS, *reversed(products.KINDS)):
        close(rounding(exact(inner), kind)(A, B), times(A, B, kind))


SPEC = Spec((64,), 4)
ROWS = Batch(
    jax.random.normal(jax.random.key(2), (8, 64)),
    jnp.arange(8) % 4,
    jnp.ones(8, bool),
    jnp.ones(8, bool),
    jnp.zeros(8, jnp.int32),
)


def taught(name, kind, **settings):
    """The states after a batch, of which `kind` of products are asked for."""
    learner, hp = learners.make(name, SPEC)
    hp = hp.replace(**settings)
    init, _, update = (jax.jit(rounding(function, kind)) for function in learner)
    return jax.tree.leaves(update(init(jax.random.key(0), hp), ROWS, hp)[0])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["ncm", "rls", "nlms", "generative", "bpc"])
def test_sums_over_a_run_are_those_of_float32(name):
    """On inputs as they are nothing is rounded; on random features, the features are."""
    for one, other in zip(taught(name, "float32"), taught(name, "bfloat16"), strict=True):
        np.testing.assert_array_equal(one, other)
    random = {"features": "random", "random_features": 16}
    kept, rounded = (taught(name, kind, **random) for kind in ("float32", "bfloat16"))
    assert not all(np.array_equal(one, other) for one, other in zip(kept, rounded, strict=True))


@pytest.mark.slow
def test_a_run_asks_for_its_products():
    stream, data = streams.make("split", batch=100)
    learner, hp = learners.make("backprop", stream.spec)
    hp = hp.replace(width=8, depth=1)

    def surprise(kind):
        run = make_run(learner, stream, Evaluation(probe_every=1000, end_every=0, products=kind))
        return np.asarray(jax.jit(run)(jax.random.key(0), hp, data).logged["surprise"].value)

    found = {kind: surprise(kind) for kind in products.KINDS}
    for kind in ("tensorfloat32", "bfloat16"):
        assert np.any(found[kind] != found["float32"])
        np.testing.assert_allclose(found[kind], found["float32"], rtol=0.05)
    assert np.abs(found["tensorfloat32"] - found["float32"]).max() < np.abs(found["bfloat16"] - found["float32"]).max()
