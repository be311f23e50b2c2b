"""Measurements of speed and precision: a command each, JSON lines with the machine's description into `results/`."""

from pcl.experiment import Figure, Table

PUBLISHED = (
    Figure(
        "fig_equilibrium",
        "How fast each inference rule nears the equilibrium: residual and angle of the weight update against compute."
        " Solid: local rules. Dashed: rules that are not, or whose samples share more than their layer knows.",
    ),
    Table("tab_bench_inference", "One training step and the time to the equilibrium, beside other libraries."),
)
