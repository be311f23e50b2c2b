"""Draw every figure and write every table for which there are records, and a page that shows them all.

python -m scripts.make_figures
python -m scripts.make_figures --only=fig_wall,tab_split_digits --results_dir=results
"""

import sys
from pathlib import Path

from absl import flags

from pcl import outside
from pcl.command import NAMES, folder_flag, launch
from pcl.commands import called
from pcl.errors import UsageError, unknown

from .published import make_all, published, unwritable, write_index

FLAGS = flags.FLAGS
flags.DEFINE(NAMES, "only", [], "Names of figures and tables to make (default: all).")
outside.import_flag()
folder_flag("results_dir", "results", "Folder of the records; figures/ and tables/ are written below it.")


def main() -> None:
    """Make what was chosen and print every file written; without a choice, what has no records is left out.

    A figure that cannot be drawn does not stop the others: each cause is named at the end.

    Raises:
      UsageError: what was chosen, or everything, has no records; records or files are bad.
    """
    outside.show(outside.given())
    known = published()
    for name in FLAGS.only:
        if name not in known:
            raise unknown("figure or table", name, known)
    chosen = FLAGS.only or list(known)
    missing, failed = make_all(chosen, Path(FLAGS.results_dir))
    if not FLAGS.only and len(missing) < len(chosen):
        try:
            print(write_index(FLAGS.results_dir))
        except OSError as error:
            failed.setdefault(unwritable(error, FLAGS.results_dir), []).append("README.md")
    causes = [f"{', '.join(stopped)} not drawn: {cause}" for cause, stopped in failed.items()]
    if missing and (FLAGS.only or len(missing) == len(chosen)):
        nothing = f"no results in {FLAGS.results_dir}/: run `{called()} --experiment=split_digits` first"
        causes += map(str, missing.values()) if FLAGS.only else [nothing]
    else:
        for name, why in missing.items():
            print(f"{name} is left out: {why}", file=sys.stderr)
    for cause in causes[:-1]:
        print(f"error: {cause}", file=sys.stderr)
    if causes:
        raise UsageError(causes[-1])


if __name__ == "__main__":
    launch(main)
