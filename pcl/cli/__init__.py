"""The command `pcl`: run an experiment, or execute the command that the first argument names.

Modules of a command are imported only when it is started.
"""

import importlib
import sys

from absl import flags

import pcl
from pcl import interrupts
from pcl.command import fail, launch
from pcl.commands import COMMANDS, as_called
from pcl.errors import shown


def main() -> None:
    """Start the command of the command line, an experiment unless its first argument is one of `COMMANDS`."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name == "--version":
        print(f"pcl {pcl.__version__}")
    elif not name or name.startswith("-"):
        start("run")
    elif name in COMMANDS:
        sys.argv[:2] = [f"{sys.argv[0]} {name}"]
        start(name)
    else:
        known = ", ".join(COMMANDS)
        fail(f"unknown command '{shown(name)}'; known: {known}. Settings are written --set name=value")


def start(name: str) -> None:
    """Import the command called `name` and launch it; Ctrl-C during the import ends with one line."""
    interrupts.leave_at_once()
    module = importlib.import_module(COMMANDS[name])
    # --help describes the module that is the program: this one, whatever started it.
    sys.modules["__main__"].__doc__ = as_called(module.__doc__ or "")
    for flag in flags.FLAGS.get_key_flags_for_module(module.__name__):
        flags.FLAGS.register_key_flag_for_module(sys.argv[0], flag)
    launch(module.main, getattr(module, "ARGUMENTS", ""))
