"""Products of large matrices are right where every CPU device computes one at the same time."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding, PartitionSpec


def samples(seed, i, size):
    """Twenty rows of small whole numbers, whose sums of products are exact."""
    key = jax.random.fold_in(jax.random.key(seed), i)
    return jax.random.randint(key, (20, size), -2, 3).astype(jnp.float32)


@pytest.mark.slow
@pytest.mark.skipif(jax.device_count() < 2 or jax.default_backend() != "cpu", reason="a matter of several CPU devices")
def test_sums_of_rows_that_waited_are_right_on_all_devices_at_once():
    """The first 192 rows of the second sum were wrong where XLA had as many threads as there are devices."""
    size, room, steps = 2900, 1000, 100

    def sums(seeds):
        def step(held, i):
            xx, waiting = held
            at = i % (room // 20)
            waiting = jax.lax.dynamic_update_slice_in_dim(waiting, samples(seeds[0], i, size), 20 * at, 0)
            xx = jax.lax.cond(at == room // 20 - 1, lambda: xx + waiting.T @ waiting, lambda: xx)
            return (xx, waiting), None

        started = jnp.zeros((size, size)), jnp.zeros((room, size))
        return jax.lax.scan(step, started, jnp.arange(steps))[0][0][None]

    mesh = jax.make_mesh((jax.device_count(),), ("run",))
    runs = PartitionSpec("run")
    seeds = jax.device_put(jnp.arange(jax.device_count()), NamedSharding(mesh, runs))
    sharded = jax.shard_map(sums, mesh=mesh, in_specs=runs, out_specs=runs, check_vma=False)
    for seed, found in enumerate(np.asarray(jax.jit(sharded)(seeds))):
        rows = np.asarray(jax.vmap(lambda i, seed=seed: samples(seed, i, size))(jnp.arange(steps))).reshape(-1, size)
        np.testing.assert_array_equal(found, rows.T @ rows)
