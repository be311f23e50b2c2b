"""Join the parts of each experiment's records into one, to save space: parts of few runs are mostly footer.

python -m scripts.compact_results --results_dir=results
"""

import contextlib

from absl import flags

from pcl.command import folder_flag, launch
from pcl.errors import UsageError
from pcl.runner.store import Store, experiments

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records.")


def main() -> None:
    """Compact every experiment below the folder, and print what that saved; one that cannot be is left as it is.

    Raises:
      UsageError: an experiment could not be compacted.
    """
    failed = []
    for name in experiments(FLAGS.results_dir):
        store = Store(FLAGS.results_dir, name)
        try:
            before = _bytes(store)
            store.compact()
            print(f"{name}: {before:,} to {_bytes(store):,} bytes")
        except UsageError as error:
            failed.append(f"{name} is left as it is: {error}")
    if failed:
        raise UsageError("; ".join(failed))


def _bytes(store: Store) -> int:
    """Size of all parts, without those that another process joins with others meanwhile."""
    total = 0
    for part in store.parts():
        with contextlib.suppress(FileNotFoundError):
            total += part.stat().st_size
    return total


if __name__ == "__main__":
    launch(main)
