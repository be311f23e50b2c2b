"""One page for one learner on one stream: curves, retention by age, reaction to shifts, cost.

python -m scripts.stream_report split_digits:split_digits:pcn
python -m scripts.stream_report split_mnist:split_mnist:er:memory=200
python -m scripts.stream_report 3f2a 91bc --results_dir=results --out=reports

RUN names all seeds of a cell as experiment:stream:learner[:variant], the variant as it is written behind --set, or
one run by the beginning of its id. Several may be named if they are of one learner, stream and variant. Written are
`<out>/<experiment>-<stream>-<learner>.html`, which opens without a network, `.png`, `.pdf`, and the numbers that are
drawn as `.csv`.
"""

from pathlib import Path

from absl import flags

from pcl import outside
from pcl.command import folder_flag, launch
from pcl.commands import called
from pcl.errors import UsageError
from pcl.figures.report import write
from pcl.runner.cells import WAYS, select

FLAGS = flags.FLAGS
outside.import_flag()
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("out", None, "Folder of the pages (default: <results_dir>/reports).")

ARGUMENTS = WAYS


def main(*names: str) -> None:
    """Write the page of the runs called `names` and print every file written."""
    outside.show(outside.given())
    results_dir = Path(FLAGS.results_dir)
    runs = select(results_dir, names)
    out = Path(FLAGS.out) if FLAGS.out else results_dir / "reports"
    try:
        written = write(runs, out, " ".join((called("report"), *names)))
    except OSError as error:
        raise UsageError(
            f"cannot write to {out} ({error.strerror or error}): name another folder with --out"
        ) from error
    for path in written:
        print(path)


if __name__ == "__main__":
    launch(main, ARGUMENTS)
