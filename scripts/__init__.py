"""Scripts that turn records into figures and tables. None of them imports JAX or trains anything."""

import sys

from pcl import interrupts

if sys.argv[0] == "-m":  # a module of this package is being started as a command
    interrupts.leave_at_once()
