"""Generator: a free latent cause learns digits without labels, then completes images of which one half is seen."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pcl import network as pc


def main(folder: str = "figures", size: int = 20) -> tuple[float, float]:
    """Learns for `size` passes, draws into `folder`; returns errors (MSE): of completions and of the mean image."""
    x, top = map(jnp.asarray, train_test_split(load_digits().data / 16, random_state=0))
    layers, optimiser = pc.dense_chain(jax.random.key(0), (20, 128, 64)), optax.adamw(0.003, weight_decay=0.5)
    network = pc.fit(layers, None, x, size, 32, jax.random.key(1), optimiser=optimiser).network

    observed = jnp.broadcast_to(jnp.arange(64) % 8 < 4, top.shape).astype(float)  # the left half
    problem = pc.Problem(network, None, top, observed)
    settled = pc.settle(problem, pc.feedforward(problem, jnp.zeros((len(top), 20))), steps=200)
    completed, hidden = pc.complete(problem, settled.z), 1 - observed
    error, mean_error = (float((hidden * (top - guess) ** 2).sum() / hidden.sum()) for guess in (completed, x.mean(0)))

    rows = [jnp.pad(row[:12].reshape(-1, 8, 8), ((0, 0), (1, 1), (1, 1))) for row in (observed * top, completed, top)]
    figure, axis = plt.subplots(figsize=(8, 2.2), layout="constrained")
    axis.imshow(jnp.concatenate([jnp.concatenate(row, 1) for row in rows]), cmap="gray", vmin=0, vmax=1)
    axis.set(xticks=(), yticks=(4.5, 14.5, 24.5), yticklabels=("left half seen", "completed", "truth"))
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder, "pc_completion.png"))
    print(f"completion: squared error a hidden pixel {error:.4f}; of the mean image {mean_error:.4f}")
    return error, mean_error


if __name__ == "__main__":
    main(*sys.argv[1:2])
