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
    fitted = pc.fit(
        layers, x, jax.nn.one_hot(y, 10), epochs=size, batch=32, key=jax.random.key(1), output="categorical"
    )
    accuracy = float((pc.forward(fitted.network, test_x)[-1].argmax(1) == test_y).mean())

    figure, (left, right) = plt.subplots(1, 2, figsize=(6, 2.5), layout="constrained")
    left.plot(range(1, size + 1), 100 * fitted.history.accuracy, "k.-")
    left.set(xlabel="pass", ylabel="accuracy before learning (%)")
    kernels = fitted.network[0].w[:, :, 0].transpose(2, 0, 1)  # one a channel
    right.imshow(kernels.reshape(2, 4, 3, 3).transpose(0, 2, 1, 3).reshape(6, 12), cmap="gray")
    right.set(title="kernels of the first layer", xticks=(), yticks=())
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder, "pc_convolutional.png"))
    print(f"convolutional: {100 * accuracy:.1f} % of held-out digits right after {size} passes")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
