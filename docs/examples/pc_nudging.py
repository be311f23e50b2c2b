"""Nudging: outputs drawn a tenth of the way to their targets, from either side or both, beside clamped outputs."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pcl import network as pc


def main(folder: str = "figures", size: int = 20) -> dict[str, float]:
    """Learns for `size` passes each, draws into `folder`, and returns accuracies on held-out digits."""
    x, y = load_digits(return_X_y=True)
    x, test_x, y, test_y = map(jnp.asarray, train_test_split(x / 16, y, random_state=0))
    layers = pc.dense_chain(jax.random.key(0), (64, 128, 128, 128, 10))
    plt.figure(figsize=(5, 3.2), layout="constrained")
    accuracy = {}
    for nudge in pc.NUDGES:
        fitted = pc.fit(layers, x, jax.nn.one_hot(y, 10), size, 32, jax.random.key(1), nudge=nudge, beta=0.1)
        accuracy[nudge] = float((pc.forward(fitted.network, test_x)[-1].argmax(1) == test_y).mean())
        plt.plot(range(1, size + 1), 100 * fitted.history.accuracy, label=nudge.replace("none", "clamped"))

    plt.gca().set(xlabel="pass", ylabel="accuracy before learning (%)")
    plt.legend()
    Path(folder).mkdir(parents=True, exist_ok=True)
    plt.savefig(Path(folder, "pc_nudging.png"))
    plt.close()
    print("nudging:", ", ".join(f"{name} {100 * value:.1f} %" for name, value in accuracy.items()), "of digits right")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
