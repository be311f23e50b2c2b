"""Verify every part of the records: its bytes, its rows, and that there are no conflicting versions of a run.

python -m scripts.check_results
python -m scripts.check_results --results_dir=results --set_aside

With --set_aside a part that cannot be read is renamed to `<part>.bad`. A part with rows that newer ones supersede is
renamed to `<part>.superseded`, after its other rows are written as a part of their own. Nothing is deleted; what is
missing then is made by running its experiment again.
"""

from absl import flags

from pcl.command import folder_flag, launch
from pcl.runner.check import check_all

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records.")
flags.DEFINE_bool("set_aside", False, "Rename damaged or superseded parts, so that they are ignored.")


def main() -> None:
    """Check every experiment below the folder, and print a line for each, and one for each fault.

    Raises:
      UsageError: a fault is left.
    """
    check_all(FLAGS.results_dir, FLAGS.set_aside)


if __name__ == "__main__":
    launch(main)
