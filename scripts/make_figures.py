"""Draw every figure and write every table from the records that are there.

python -m scripts.make_figures
python -m scripts.make_figures --only=fig_wall,tab_split_digits --results_dir=results
"""

import importlib
import sys
from pathlib import Path

from absl import flags

from pcl.command import FOLDER, NAMES, launch
from pcl.errors import NoResults, UsageError, unknown

FLAGS = flags.FLAGS
flags.DEFINE(NAMES, "only", [], "Names of scripts to run instead of all.")
flags.DEFINE(FOLDER, "results_dir", "results", "Folder of the records; figures/ and tables/ are written below it.")


def names() -> list[str]:
    """Every script that draws a figure or writes a table."""
    folder = Path(__file__).parent
    return sorted(path.stem for pattern in ("fig_*.py", "tab_*.py") for path in folder.glob(pattern))


def main() -> None:
    """Run the chosen scripts and print every file written; without a choice, what has no records is left out.

    Raises:
      UsageError: a chosen script, or every one, has no records, or a file cannot be written.
    """
    for name in FLAGS.only:
        if name not in names():
            raise unknown("figure or table", name, names())
    missing: dict[str, UsageError] = {}
    for name in FLAGS.only or names():
        try:
            written = importlib.import_module(f"scripts.{name}").main(Path(FLAGS.results_dir))
        except NoResults as error:
            missing[name] = error
        except FileNotFoundError as error:
            missing[name] = NoResults(f"{name} is drawn from {error.filename}, which is missing: measure it first")
        except OSError as error:
            raise UsageError(
                f"{name} cannot be written ({error.strerror or error}): {error.filename or FLAGS.results_dir}"
                " must be a writable place with room"
            ) from error
        else:
            for path in written:
                print(path)
    if missing and (FLAGS.only or len(missing) == len(names())):
        raise next(iter(missing.values()))
    for name, why in missing.items():
        print(f"{name} is left out: {why}", file=sys.stderr)


if __name__ == "__main__":
    launch(main)
