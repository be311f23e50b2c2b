"""Measurements of speed and precision: a command each, JSON lines with the machine's description into `results/`."""
