"""Convolutional network: four convolutions and a dense output learn digits by the same local rule."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pcl import network as pc


def main(folder: str = "figures", size: int = 5) -> float:
    """Learns for `size` passes, draws into `folder`, and returns the accuracy on held-out digits."""
    digits = load_digits()
    x, test_x, y, test_y = map(jnp.asarray, train_test_split(digits.images / 16, digits.target, random_state=0))
    layers = pc.vgg5(jax.random.key(0), (8, 8), outputs=10, width=8, activation="tanh")
    fitted = pc.fit(layers, x, jax.nn.one_hot(y, 10), size, 32, jax.random.key(1), output="categorical")
    first, *_, top = pc.forward(fitted.network, test_x)
    accuracy = float((top.argmax(1) == test_y).mean())

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.5), layout="constrained")
    left.plot(range(1, size + 1), 100 * fitted.history.accuracy, "k.-")
    left.set(xlabel="pass", ylabel="accuracy before learning (%)")
    maps = jnp.pad(first[:4].transpose(0, 3, 1, 2), ((0, 0), (0, 0), (1, 1), (1, 1)), constant_values=jnp.nan)
    right.imshow(jnp.concatenate([jnp.concatenate(row, 1) for row in maps]), cmap="gray")
    right.set(xlabel="first layer: four digits, eight channels", xticks=(), yticks=())
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder, "pc_convolutional.png"))
    print(f"convolutional: {100 * accuracy:.1f} % of held-out digits right after {size} passes")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
