"""Temporal model on images: ten digits turn side by side; the next view of each is predicted, then a turn unseen."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt
from scipy.ndimage import rotate
from sklearn.datasets import load_digits

from pcl import network as pc

ANGLES = range(0, 360, 15)


def main(folder: str = "figures", size: int = 125) -> tuple[float, float]:
    """Learns `size` turns, draws into `folder`; returns errors (MSE) of the last turn and of repeating each view."""
    images = load_digits().images[:10] / 16  # one of each class
    turn = jnp.asarray([[rotate(image, a, reshape=False, order=1).ravel() for image in images] for a in ANGLES])
    views = jnp.tile(turn, (size, 1, 1))
    dynamics = pc.init_dynamics(jax.random.key(0), latent=128, observed=64)
    dynamics, trace = pc.learn_sequences(dynamics, views)
    error = float(((trace.prediction - views)[-len(turn) :] ** 2).mean())
    still = float(((turn - jnp.roll(turn, 1, 0)) ** 2).mean())

    future = pc.rollout(dynamics, trace.z[-1], len(turn))
    movies = (movie[:: len(turn) // 8, 3].reshape(-1, 8, 8) for movie in (turn, trace.prediction[-len(turn) :], future))
    rows = [jnp.pad(movie, ((0, 0), (1, 1), (1, 1))) for movie in movies]
    figure, axis = plt.subplots(figsize=(6, 2.5), layout="constrained")
    axis.imshow(jnp.concatenate([jnp.concatenate(row, 1) for row in rows]), cmap="gray", vmin=0, vmax=1)
    axis.set(xticks=(), yticks=(4.5, 14.5, 24.5), yticklabels=("seen", "one step ahead", "a turn alone"))
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder, "pc_rotation.png"))
    print(f"rotation: squared error a pixel {error:.4f} one step ahead; {still:.4f} if the last view is repeated")
    return error, still


if __name__ == "__main__":
    main(*sys.argv[1:2])
