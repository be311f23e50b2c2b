"""Measurements of speed and precision: a command each, JSON lines with the machine's description into `results/`."""

from pcl.experiment import Figure, Table

PUBLISHED = (
    Figure(
        "fig_equilibrium",
        "Convergence of each inference rule: residual and angle of the weight update against compute."
        " Solid: local rules. Dashed: rules that are not local, or that share statistics between samples.",
    ),
    Figure(
        "fig_accelerator",
        "Runs in one program: speed-up over run by run, samples per second, memory. Dashed: one CPU core of the same"
        " machine. Of each device its last commit that was measured.",
    ),
    Table("tab_bench_inference", "One training step and the time to the equilibrium, beside other libraries."),
    Table("tab_peers", "Features and measured speed beside other libraries, each with its source."),
)
