"""Learned precision: each column of target pixels is noisier than the one before; the network finds by how much."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pcl import network as pc


def main(folder: str = "figures", size: int = 20) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Learns for `size` passes, draws into `folder`; returns true and found deviations, and errors (MSE a pixel)."""
    x, test_x = map(jnp.asarray, train_test_split(load_digits().data / 16, random_state=0))
    deviation, error = np.tile(np.linspace(0.2, 1.5, 8), 8), {}  # of each pixel, by columns
    y = x + deviation * np.random.default_rng(0).normal(size=x.shape)
    layers = pc.dense_chain(jax.random.key(0), (64, 64, 64))
    for kind in ("identity", "diagonal"):
        fitted = pc.fit(layers, x, y, size, 32, jax.random.key(1), precision=kind, nudge="positive", beta=0.1)
        error[kind] = float(((pc.forward(fitted.network, test_x)[-1] - test_x) ** 2).mean())
    found = 1 / np.sqrt(fitted.precision[-1])

    plt.figure(figsize=(5, 3.2), layout="constrained")
    plt.plot([0, 1.5], [0, 1.5], "0.7")
    plt.plot(deviation, found, "k.")
    plt.gca().set(xlabel="standard deviation of the noise of a pixel", ylabel="as learned, precision ** -1/2")
    Path(folder).mkdir(parents=True, exist_ok=True)
    plt.savefig(Path(folder, "pc_precision.png"))
    plt.close()
    errors = " and ".join(f"{value:.3f} ({kind})" for kind, value in error.items())
    print(f"precision: found noise {np.abs(found - deviation).max():.2f} off at most; squared error {errors}")
    return deviation, found, error


if __name__ == "__main__":
    main(*sys.argv[1:2])
