"""Verify every part of the records: its bytes, its rows, and that no two versions of a run stand beside each other.

python -m scripts.check_results
python -m scripts.check_results --results_dir=results --set_aside

With --set_aside a part that cannot be read is renamed to `<part>.bad`. A part with rows that newer ones supersede is
renamed to `<part>.superseded`, after its other rows are written as a part of their own. Nothing is deleted; what is
missing then is made by running its experiment again.
"""

from absl import flags

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.runner.check import Check
from pcl.runner.store import Store, experiments

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records.")
flags.DEFINE_bool("set_aside", False, "Rename what is bad or superseded, so that it stands in the way of nothing.")


def main() -> None:
    """Check every experiment below the folder, and print a line for each, and one for each fault.

    Raises:
      UsageError: a fault is left.
    """
    left = 0
    for name in experiments(FLAGS.results_dir):
        try:
            store = Store(FLAGS.results_dir, name)
            check = Check(store)
            for line in check.lines():
                print(line)
            if FLAGS.set_aside:
                for line in check.set_aside():
                    print(line)
                check = Check(store) if check.faults else check
            left += check.faults
        except UsageError as error:
            print(f"{name}: {error}")
            left += 1
    if left:
        remedy = "each line says what it needs" if FLAGS.set_aside else "--set_aside renames such parts"
        raise UsageError(f"what must not count in {FLAGS.results_dir}: {left} parts or folders; {remedy}")


if __name__ == "__main__":
    launch(main)
