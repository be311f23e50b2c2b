"""Searches over settings: their winners, the best configurations, and a figure of each.

python -m pcl.study NAME ...        the studies of these names, from <results_dir>/studies

The figure is <results_dir>/figures/study_NAME.pdf and .png, with the plotted numbers beside it as .csv.
"""

from pathlib import Path

from absl import flags

from pcl.command import folder_flag, launch
from pcl.experiment import Figure
from pcl.runner.studies import named, summary

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records; figures/ is written below it.")


def main(*names: str) -> None:
    """Print the result of each study, and draw it.

    Raises:
      UsageError: a study does not exist or is damaged.
    """
    found = [named(Path(FLAGS.results_dir), name) for name in names]
    for name, study in zip(names, found, strict=True):
        print(f"{summary(study)}\n")
        from pcl.figures import searches  # with matplotlib, which only figures need

        declared = Figure(f"study_{name}", f"The search {name}.", study=name)
        for path in searches.write(declared, study, Path(FLAGS.results_dir)):
            print(path)


ARGUMENTS = "one or more studies"

if __name__ == "__main__":
    launch(main, ARGUMENTS)
