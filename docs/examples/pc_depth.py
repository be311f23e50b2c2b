"""Depth: 24 hidden layers in the parametrisation of muPC, and in the standard one at two learning rates."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
import optax
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pcl import network as pc

FORMS = ("muPC", pc.mupc_chain, 0.03), ("standard", pc.dense_chain, 0.003), ("standard", pc.dense_chain, 0.03)


def main(folder: str = "figures", size: int = 24) -> dict[str, float]:
    """Learns through `size` hidden layers, draws into `folder`, and returns accuracies on held-out digits."""
    x, y = load_digits(return_X_y=True)
    x, test_x, y, test_y = map(jnp.asarray, train_test_split(x / 16, y, random_state=0))
    plt.figure(figsize=(5, 3.2), layout="constrained")
    accuracy = {}
    for form, build, rate in FORMS:
        layers, adam = build(jax.random.key(0), (64, *[32] * size, 10)), optax.adam(rate)
        fitted = pc.fit(layers, x, jax.nn.one_hot(y, 10), 12, 64, jax.random.key(1), steps=size, optimiser=adam)
        name = f"{form}, lr {rate}"
        accuracy[name] = float((pc.forward(fitted.network, test_x)[-1].argmax(1) == test_y).mean())
        plt.plot(range(1, 13), 100 * fitted.history.accuracy, label=name)

    plt.gca().set(xlabel="pass", ylabel="accuracy before learning (%)", title=f"{size} hidden layers")
    plt.legend(loc=(0.6, 0.18))
    Path(folder).mkdir(parents=True, exist_ok=True)
    plt.savefig(Path(folder, "pc_depth.png"))
    print(f"depth: {size} layers,", "; ".join(f"{name}: {100 * value:.1f} %" for name, value in accuracy.items()))
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
