"""Join the parts of each experiment's records into one, before they are committed: parts of few runs are mostly footer.

python -m scripts.compact_results --results_dir=results
"""

from pathlib import Path

from absl import flags

from pcl.command import FOLDER, launch
from pcl.errors import UsageError
from pcl.runner.store import Store

FLAGS = flags.FLAGS
flags.DEFINE(FOLDER, "results_dir", "results", "Folder of the records.")


def main() -> None:
    """Compact every experiment below the folder, and print what that saved."""
    folder = Path(FLAGS.results_dir)
    experiments = sorted({part.parent.name for part in folder.glob("*/part-*.parquet")})
    if not experiments:
        raise UsageError(f"no results in {folder}: name the folder that holds the experiments' folders")
    for name in experiments:
        store = Store(folder, name)
        before = sum(part.stat().st_size for part in store.parts())
        store.compact()
        print(f"{name}: {before:,} to {sum(part.stat().st_size for part in store.parts()):,} bytes")


if __name__ == "__main__":
    launch(main)
