"""Commands: figures and tables of records (without JAX), tools, and in `bench` measurements."""

import sys

from pcl import interrupts

if sys.argv[0] == "-m":  # a module of this package is being started as a command
    interrupts.leave_at_once()
