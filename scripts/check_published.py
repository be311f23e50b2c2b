"""Compare what experiments publish with the records that there are: run for run, by id.

python -m scripts.check_published
python -m scripts.check_published --experiments=split_digits,load --data_dir=FOLDER

One line per cell for runs without a record, and for records of runs that no experiment publishes; exit code 2 if there
are any. Besides, cells whose records are older: they agree in every setting that both name, and the code has got or
lost others since, so that the same command would run them again under new ids.
"""

from pathlib import Path

from absl import flags

from pcl.command import NAMES, folder_flag, launch
from pcl.errors import UsageError
from pcl.experiment import experiment_names
from pcl.runner.publication import compare
from pcl.runner.studies import use_results_dir
from pcl.streams.sources import use_data_dir

FLAGS = flags.FLAGS
flags.DEFINE(NAMES, "experiments", [], "Experiments to compare (default: all).")
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR, else none).")


def main() -> None:
    """Print a line an experiment, and below it one for each cell that is on one side only.

    Raises:
      UsageError: there are such cells, a name is unknown, or data or records cannot be read.
    """
    use_data_dir(FLAGS.data_dir)
    results_dir, odd, left = Path(FLAGS.results_dir), 0, list[str]()
    use_results_dir(results_dir)
    for name in FLAGS.experiments or experiment_names():
        try:
            found = compare(name, results_dir)
        except UsageError as error:
            print(f"{name}: not compared: {error}")
            left.append(name)
            continue
        print(*found.lines(name), sep="\n")
        odd += found.odd
    if left:
        raise UsageError(f"not compared: {', '.join(left)}; see above for what they need")
    if odd:
        raise UsageError(f"{odd} cells are only published or only recorded; see above")


if __name__ == "__main__":
    launch(main)
