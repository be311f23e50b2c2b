"""Conformance tests of learners, streams, sources and rules: one line per property.

pcl conform mine --import=mine.py
pcl conform ncm split digits ipc

For a property that fails, the line says what would be right, and the command ends with exit code 2. The built-in
learners, streams, sources and rules are tested by the same properties (`pcl.conformance`).
"""

from absl import flags

from pcl import outside
from pcl.command import folder_flag
from pcl.conformance import Outcome, conform
from pcl.errors import UsageError
from pcl.runner import devices
from pcl.streams.sources import use_data_dir

FLAGS = flags.FLAGS
outside.import_flag()
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR, else none).")

ARGUMENTS = "one or more learners, streams, sources or rules"


def main(*names: str) -> None:
    """Test every property of the named learners, streams, sources and rules, and print the results.

    Raises:
      UsageError: a name is unknown, or a property does not hold.
    """
    devices.configure()
    devices.keep_programs()
    outside.bring(outside.given())
    use_data_dir(FLAGS.data_dir)
    failed: list[Outcome] = []
    for name in names:
        heading = ""
        for outcome in conform(name):
            if heading != (heading := f"{outcome.kind} {name}"):
                print(heading)
            print(outcome.text, flush=True)
            failed += [outcome] if outcome.failure else []
    if failed:
        said = ", ".join(f"{one.kind} {one.name}: {one.held}" for one in failed)
        raise UsageError(f"not all properties hold: {said}; see above for what would be right")
