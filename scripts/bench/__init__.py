"""Measurements of speed and precision: one command each, which writes JSON lines with the machine into `results/`."""

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
        " machine. For each device, its last measured commit.",
    ),
    Table("tab_bench_inference", "One training step and the time to the equilibrium, beside other libraries."),
    Table("tab_peers", "Features and measured speed beside other libraries, each with its source."),
)
