"""Join the parts of each experiment's records into one, to save space: parts of few runs are mostly footer.

python -m scripts.compact_results --results_dir=results
python -m scripts.compact_results --results_dir=results --published_only

With --published_only, records that belong to no run that an experiment publishes are dropped and named
(`check_published` names them beforehand). Records of published runs that an older code made are kept. Nothing is
dropped from an experiment of which a published run has no record, which is unknown here, or whose data is missing.
"""

import contextlib
from pathlib import Path

from absl import flags

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.runner.publication import compare
from pcl.runner.store import Store, experiments
from pcl.runner.studies import use_results_dir
from pcl.streams.sources import use_data_dir

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records.")
folder_flag("data_dir", None, "Folder of raw data files (default: the environment's PCL_DATA_DIR, else none).")
flags.DEFINE_bool("published_only", False, "Drop the records that no experiment publishes, and name them.")


def main() -> None:
    """Compact every experiment below the folder, and print what that saved; one that cannot be is left as it is.

    Raises:
      UsageError: an experiment could not be compacted, or not be compared where only published records are to stay.
    """
    use_data_dir(FLAGS.data_dir)
    use_results_dir(Path(FLAGS.results_dir))
    failed = []
    for name in experiments(FLAGS.results_dir):
        try:
            _compact(Store(FLAGS.results_dir, name))
        except UsageError as error:
            failed.append(f"{name} is left as it is: {error}")
    if failed:
        raise UsageError("; ".join(failed))


def _compact(store: Store) -> None:
    before, name = _bytes(store), store.folder.name
    found = compare(name, store.folder.parent) if FLAGS.published_only else None
    if found and found.missing:
        raise UsageError(f"{len(found.missing)} published cells have no record: run it before you drop others")
    store.compact(without=found.unpublished_ids if found else ())
    print(f"{name}: {before:,} to {_bytes(store):,} bytes")
    for cell in found.unpublished if found else ():
        print(f"  dropped: {cell}")


def _bytes(store: Store) -> int:
    """Size of all parts, without those that another process joins with others meanwhile."""
    total = 0
    for part in store.parts():
        with contextlib.suppress(FileNotFoundError):
            total += part.stat().st_size
    return total


if __name__ == "__main__":
    launch(main)
