"""Convolutional network: four convolutions and a dense output learn digits by the same local rule."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pcl import network as pc
from pcl.figures import settling


def main(folder: str = "figures", size: int = 5) -> float:
    """Learns for `size` passes, draws into `folder`, and returns the accuracy on held-out digits."""
    digits = load_digits()
    x, test_x, y, test_y = map(jnp.asarray, train_test_split(digits.images / 16, digits.target, random_state=0))
    target, key = jax.nn.one_hot(y, 10), jax.random.key(0)
    layers = pc.vgg5(key, (8, 8), outputs=10, width=8, activation="tanh")
    fitted = pc.fit(layers, x, target, epochs=size, batch=32, key=key, output="categorical")
    accuracy = float((pc.forward(fitted.network, test_x)[-1].argmax(1) == test_y).mean())

    path = pc.trajectory(pc.Problem(fitted.network, x[:32], target[:32], output="categorical"), rule="gd", steps=50)
    Path(folder).mkdir(parents=True, exist_ok=True)
    settling.draw(path).savefig(Path(folder, "pc_convolutional.png"))
    print(f"convolutional: {100 * accuracy:.1f} % of held-out digits right after {size} passes")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
