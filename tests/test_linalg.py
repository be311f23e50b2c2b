"""No program that may run on several CPU devices holds a batched factorisation: it would wait for itself for ever."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.extend.core import ClosedJaxpr, Jaxpr, jaxpr_as_fun

from pcl import learners, linalg, streams
from pcl.fields import fields, replace
from pcl.learners import REGISTRY
from pcl.streams.concepts import CONCEPTS
from pcl.types import Batch, Spec

pytestmark = pytest.mark.skipif(jax.default_backend() != "cpu", reason="on accelerators batches are wanted")
# What `jax.lax.linalg` makes of a matrix by calling LAPACK.
FACTORISATIONS = {
    "cholesky", "cholesky_update", "eig", "eigh", "geqp3", "geqrf", "hessenberg", "householder_product", "lu", "ormqr",
    "qr", "schur", "svd", "triangular_solve", "tridiagonal", "tridiagonal_solve",
}  # fmt: skip


def equations(program):
    """All of a traced program, those of loops, branches and calls among them."""
    for equation in program.eqns:
        yield equation
        parts = jax.tree.leaves(
            list(equation.params.values()), is_leaf=lambda part: isinstance(part, ClosedJaxpr | Jaxpr)
        )
        for part in parts:
            if isinstance(part, ClosedJaxpr | Jaxpr):
                yield from equations(part.jaxpr if isinstance(part, ClosedJaxpr) else part)


def factorised(program):
    """Factorisations and solves of a traced program, each with the largest number of dimensions of what it is of."""
    found = [e for e in equations(program.jaxpr) if e.primitive.name in FACTORISATIONS]
    return {(e.primitive.name, max(operand.aval.ndim for operand in e.invars)) for e in found}


def traced(run, one, shared):
    """What `run(*one, *shared)` factorises in mode `map`, and where `one` is batched as in mode `vmap`."""
    of_one = jax.make_jaxpr(run)(*one, *shared)
    batched = jax.tree.map(lambda leaf: jnp.stack([leaf] * 2), one)
    axes = [0] * len(jax.tree.leaves(one)) + [None] * len(jax.tree.leaves(shared))
    of_many = jax.make_jaxpr(jax.vmap(jaxpr_as_fun(of_one), axes))(*jax.tree.leaves((batched, shared)))
    return factorised(of_one), factorised(of_many)


def test_a_batched_factorisation_is_found_wherever_it_hides():
    matrix = jnp.eye(3)
    inverses = jax.jit(jax.vmap(jnp.linalg.inv))
    hidden = jax.make_jaxpr(lambda a: jax.lax.map(inverses, a))(jnp.tile(matrix, (2, 2, 1, 1)))
    assert {("lu", 3), ("triangular_solve", 3)} <= factorised(hidden)
    assert traced(jnp.linalg.cholesky, (matrix,), ()) == ({("cholesky", 2)}, {("cholesky", 3)})
    assert traced(linalg.cholesky, (matrix,), ()) == ({("cholesky", 2)}, {("cholesky", 2)})
    twice = jax.make_jaxpr(jax.vmap(jax.vmap(linalg.eigh)))(jnp.tile(matrix, (2, 2, 1, 1)))
    assert factorised(twice) == {("eigh", 2)}


@pytest.mark.parametrize("name", ["cholesky", "inverse", "qr", "whole_basis", "eigh", "eigenvalues"])
def test_a_batch_in_turn_has_the_bits_of_each_matrix_alone(name):
    of_one, batch = getattr(linalg, name), jnp.stack([jnp.eye(4) + 0.1 * i * jnp.ones((4, 4)) for i in range(3)])
    alone = [of_one(matrix) for matrix in batch]
    jax.tree.map(np.testing.assert_array_equal, jax.vmap(of_one)(batch), jax.tree.map(lambda *a: jnp.stack(a), *alone))


def test_no_factorisation_is_given_a_batch_at_once():
    with pytest.raises(AssertionError, match="one matrix at a time"):
        linalg.solve(jnp.ones((2, 3, 3)), jnp.ones((2, 3)))


def all_of(name, setting, **others):
    """A learner with each value that a setting may have."""
    choices = fields(learners.REGISTRY[name].hparams)[setting].metadata["choices"]
    return [(name, {setting: value, **others}) for value in choices]


CODE = {"patch": "3", "atoms": "6", "critical": 8}
IMAGES, LATENT = Spec((8, 8), 10), Spec((8,), 0, num_targets=8)
TRACED = [
    *((name, {}) for name in REGISTRY if "parallax" not in name and "reopening" not in name),
    ("reopening", CODE),
    ("parallax", {}),
    *all_of("pcn", "inference", depth=1),
    *all_of("pcn", "init", depth=1),
    *all_of("pcn", "precision", depth=1),
    *all_of("rls", "covariance"),
    *all_of("generative", "features", **CODE),
    *(pytest.param(name, {}, marks=pytest.mark.slow) for name in ("parallax_single", "parallax_told")),
    pytest.param("reopening_parallax", CODE, marks=pytest.mark.slow),
    pytest.param("parallax", {"features": "code", **CODE}, marks=pytest.mark.slow),
]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "settings"), TRACED, ids=str)
def test_no_program_of_a_learner_holds_a_batched_factorisation(name, settings):
    spec = IMAGES if learners.REGISTRY[name].labels else LATENT
    learner, hp = learners.make(name, spec)
    hp = jax.tree.map(np.float32, replace(hp, settings))
    x, y = jnp.zeros((2, *spec.input_shape)), jnp.zeros((2, *([spec.num_targets] if spec.num_targets else [])))
    batch = Batch(x, y if spec.num_targets else y.astype(jnp.int32), *jnp.ones((2, 2), bool), jnp.zeros(2, jnp.int32))

    def life(seed, hp, batch):
        state, info = learner.update(learner.init(jax.random.key(seed), hp), batch, hp)
        return state, info, learner.predict(state, batch.x, hp)

    in_turn, side_by_side = traced(life, (np.uint32(0), hp), (batch,))
    assert max((ndim for _, ndim in in_turn), default=0) <= 2, in_turn
    assert max((ndim for _, ndim in side_by_side), default=0) <= 2, side_by_side


STREAMS = [
    *((name, {"source": "digits"} if name == "recorded" else {}) for name in streams.REGISTRY if name != "drift"),
    *(("drift", {"concept": concept}) for concept in CONCEPTS),
]


@pytest.mark.parametrize(("name", "settings"), STREAMS, ids=str)
def test_no_schedule_of_a_stream_holds_a_batched_factorisation(name, settings):
    stream, data = streams.make(name, **settings)

    def schedule(seed, data):
        return stream.schedule(jax.random.key(seed), data)

    for found in traced(schedule, (np.uint32(0),), (data,)):
        assert max((ndim for _, ndim in found), default=0) <= 2, found
