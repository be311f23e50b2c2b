"""Settling, drawn: energies of layers and the residual after each step. Imports no JAX."""

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(trajectory: Any) -> "Figure":
    """A figure of a `pcl.network.Trajectory`, means over its samples.

    Left: the free energy of each layer, lowest first, and their sum. Right: the relative residual on a logarithmic
    scale. Layers are labelled `layer 1` and on; if the bottom is free, `bottom` comes before them.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    energies_SL = np.asarray(trajectory.energies).mean(2)
    steps = np.arange(len(energies_SL))
    # With a clamped bottom each layer but the last has a free activity. A free bottom is one more.
    free = energies_SL.shape[1] - len(trajectory.z) == 1 and len(trajectory.settled.errors.raw) == len(trajectory.z)
    names = [*(["bottom"] if free else []), *(f"layer {i + 1}" for i in range(len(trajectory.settled.errors.raw)))]
    for name, line in zip(names, energies_SL.T, strict=True):
        left.plot(steps, line, label=name)
    left.plot(steps, energies_SL.sum(1), color="black", linestyle="--", label="sum")
    left.set(xlabel="inference steps", ylabel="free energy (nats)")
    left.legend(fontsize="small")
    residual_S = np.asarray(trajectory.residual).mean(1)
    right.plot(steps, residual_S, color="black")
    right.set(xlabel="inference steps", ylabel="relative residual")
    if np.isfinite(residual_S).all() and (residual_S > 0).all():
        right.set_yscale("log")
    return figure
