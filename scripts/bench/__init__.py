"""Measurements of speed and precision: a command each, JSON lines with the machine's description into `results/`."""

from pcl.experiment import Figure, Table

PUBLISHED = (
    Figure(
        "fig_equilibrium",
        "Convergence of each inference rule: residual and angle of the weight update against compute."
        " Solid: local rules. Dashed: rules that are not local, or that share statistics between samples.",
    ),
    Table("tab_bench_inference", "One training step and the time to the equilibrium, beside other libraries."),
)
