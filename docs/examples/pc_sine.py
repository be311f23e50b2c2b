"""Temporal model: a state learns to predict a sine online, then goes on with it alone, unseen."""

import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib.pyplot as plt

from pcl import network as pc

PERIOD, AHEAD = 25, 100


def main(folder: str = "figures", size: int = 4000) -> tuple[float, float]:
    """Learns `size` steps, draws into `folder`; returns errors (MSE): one step ahead at last, and alone."""
    wave = jnp.sin(2 * jnp.pi * jnp.arange(size + AHEAD) / PERIOD)
    dynamics = pc.init_dynamics(jax.random.key(0), latent=16, observed=1)
    dynamics, trace = pc.learn_sequences(dynamics, wave[:size, None, None])
    error = float(((trace.prediction[:, 0, 0] - wave[:size])[-500:] ** 2).mean())
    future = pc.rollout(dynamics, trace.z[-1], AHEAD)[:, 0, 0]
    alone = float(((future - wave[size:]) ** 2).mean())

    figure, (left, right) = plt.subplots(1, 2, figsize=(8, 2.5), layout="constrained")
    left.semilogy((trace.prediction[:, 0, 0] - wave[:size]) ** 2, "k", linewidth=0.3)
    left.set(xlabel="step", ylabel="squared error")
    right.plot(wave[size:], "0.7", linewidth=3, label="sine")
    right.plot(future, "k", label="model on its own")
    right.set(xlabel="steps after the last observation")
    right.legend(loc="lower left")
    Path(folder).mkdir(parents=True, exist_ok=True)
    figure.savefig(Path(folder, "pc_sine.png"))
    still = float(((wave[1:] - wave[:-1]) ** 2).mean())
    print(f"sine: squared error {error:.5f} one step ahead (still {still:.3f}); {alone:.3f} over {AHEAD} steps alone")
    return error, alone


if __name__ == "__main__":
    main(*sys.argv[1:2])
