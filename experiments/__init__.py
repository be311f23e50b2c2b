"""Experiments: `run.py` is the entry point, every other module is one experiment."""

import sys

from pcl import interrupts

if sys.argv[0] == "-m":  # a module of this package is being started as a command
    interrupts.leave_at_once()
