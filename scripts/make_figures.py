"""Draw every figure and write every table from the records.

python -m scripts.make_figures
python -m scripts.make_figures --only=fig_wall,tab_split_digits --results_dir=results
"""

import importlib
from pathlib import Path

from absl import flags

from pcl.command import launch
from pcl.errors import unknown

FLAGS = flags.FLAGS
flags.DEFINE_list("only", [], "Names of scripts to run instead of all.")
flags.DEFINE_string("results_dir", "results", "Folder of the records; figures/ and tables/ are written below it.")


def names() -> list[str]:
    """Every script that draws a figure or writes a table."""
    folder = Path(__file__).parent
    return sorted(path.stem for pattern in ("fig_*.py", "tab_*.py") for path in folder.glob(pattern))


def main() -> None:
    """Run the chosen scripts and print every file written."""
    for name in FLAGS.only:
        if name not in names():
            raise unknown("figure or table", name, names())
    for name in FLAGS.only or names():
        for path in importlib.import_module(f"scripts.{name}").main(Path(FLAGS.results_dir)):
            print(path)


if __name__ == "__main__":
    launch(main)
