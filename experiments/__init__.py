"""Experiments: `run.py` is the entry point, every other module is one experiment."""
