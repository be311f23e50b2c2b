"""One page of several learners on several streams: numbers to sort, curves, accuracy against cost, task by task.

python -m pcl.compare split_digits
python -m pcl.compare split_mnist split_fashion_mnist --learners=pcn,er_pcn --out=reports

The page, `<out>/compare_<experiments>.html`, needs no network. Streams and learners are chosen in it.
"""

from collections.abc import Sequence
from pathlib import Path

from absl import flags

from pcl import outside
from pcl.command import NAMES, folder_flag, launch
from pcl.errors import one_of
from pcl.evaluation.summary import Record
from pcl.figures.comparison import document
from pcl.folders import require_writable, write_whole
from pcl.results.load import records

FLAGS = flags.FLAGS
outside.import_flag()
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("out", None, "Folder of the page (default: <results_dir>/reports).")
flags.DEFINE(NAMES, "learners", [], "Learners to show (default: all).", allow_override=True)
flags.DEFINE(NAMES, "streams", [], "Streams to show (default: all).", allow_override=True)


def main(*experiments: str) -> None:
    """Write the page of the named experiments and print its path.

    Raises:
      UsageError: an experiment, a stream or a learner has no records, or the page cannot be written.
    """
    outside.show(outside.given())
    names = list(dict.fromkeys(experiments))
    found: Sequence[Record] = records(FLAGS.results_dir, names)
    for kind in ("learner", "stream"):
        wanted = getattr(FLAGS, f"{kind}s")
        found = _chosen(found, kind, wanted) if wanted else found
    flags_given = [
        f"--{kind}={','.join(getattr(FLAGS, kind))}" for kind in ("learners", "streams") if getattr(FLAGS, kind)
    ]
    command = " ".join(("python -m pcl.compare", *names, *flags_given))
    out = Path(FLAGS.out) if FLAGS.out else Path(FLAGS.results_dir) / "reports"
    require_writable(out, "out")
    path = out / f"compare_{'_'.join(names)}.html"
    write_whole(path, document(found, f"Learners on {', '.join(names)}", command).encode())
    print(path)


def _chosen(found: Sequence[Record], kind: str, wanted: Sequence[str]) -> Sequence[Record]:
    known = sorted({record[kind] for record in found})
    for name in wanted:
        one_of(kind, name, known)
    return [record for record in found if record[kind] in wanted]


ARGUMENTS = "one or more experiments"

if __name__ == "__main__":
    launch(main, ARGUMENTS)
