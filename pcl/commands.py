"""The commands by name, and how each is called from the current folder. Imports nothing of the package."""

import os
import re
from pathlib import Path

# Names for the first argument of `pcl`, and their modules: `main` is called with the arguments beside the flags; if it
# takes any, `ARGUMENTS` describes them.
COMMANDS = {
    "run": "pcl.cli.run",
    "figures": "pcl.scripts.make_figures",
    "report": "pcl.scripts.stream_report",
    "runs": "pcl.runs",
    "compare": "pcl.compare",
    "study": "pcl.study",
    "prepare": "pcl.scripts.prepare_data",
    "check": "pcl.scripts.check_results",
    "conform": "pcl.cli.conform",
    "submit": "pcl.cli.submit",
    "compact": "pcl.scripts.compact_results",
    "reproduce": "pcl.scripts.reproduce",
    "site": "pcl.scripts.report_site",
}


def called(name: str = "run") -> str:
    """How a command is called: in a clone of the repository as a module, elsewhere as `pcl NAME`."""
    if _in_a_clone():
        if name == "run":
            return "python -m experiments.run"
        if COMMANDS[name].startswith("pcl.scripts."):
            return f"python -m {COMMANDS[name].removeprefix('pcl.')}"
        return f"python -m pcl {name}"
    return "pcl" if name == "run" else f"pcl {name}"


def as_called(text: str) -> str:
    """A text in which each command is written as it is called from the current folder, instead of as its module."""
    for name, module in COMMANDS.items():
        forms = {module, module.removeprefix("pcl."), f"pcl {name}", *(["experiments.run"] if name == "run" else [])}
        text = re.sub(rf"python -m ({'|'.join(map(re.escape, forms))})\b", called(name), text)
    return text


def _in_a_clone() -> bool:
    root = Path(__file__).parents[1]
    return (root / "experiments").is_dir() and os.path.samefile(os.curdir, root)
