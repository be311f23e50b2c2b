"""Classifier: two hidden layers learn digits; how energies of layers fall while one batch settles is drawn."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from pcl import network as pc
from pcl.figures import settling


def main(folder: str = "figures", size: int = 20) -> float:
    """Learns for `size` passes, draws into `folder`, and returns the accuracy on held-out digits."""
    x, y = load_digits(return_X_y=True)
    x, test_x, y, test_y = map(jnp.asarray, train_test_split(x / 16, y, random_state=0))
    target = jax.nn.one_hot(y, 10)
    layers = pc.dense_chain(jax.random.key(0), (64, 128, 128, 10))
    fitted = pc.fit(layers, x, target, epochs=size, batch=32, key=jax.random.key(1))
    accuracy = float((pc.forward(fitted.network, test_x)[-1].argmax(1) == test_y).mean())

    path = pc.trajectory(pc.Problem(fitted.network, x[:32], target[:32]), rule="gd", steps=50)
    Path(folder).mkdir(parents=True, exist_ok=True)
    settling.draw(path).savefig(Path(folder, "pc_classifier.png"))
    left = float(path.energy[-1].mean() / path.energy[0].mean())
    print(f"classifier: {100 * accuracy:.1f} % of held-out digits right; settling leaves {100 * left:.0f} % of energy")
    return accuracy


if __name__ == "__main__":
    main(*sys.argv[1:2])
