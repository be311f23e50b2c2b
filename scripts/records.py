"""Records that figures and tables of several experiments share."""

import sys
from pathlib import Path
from typing import Any

from pcl.errors import NoResults
from pcl.runner.store import Store


def records_of(results_dir: Path, *experiments: str) -> list[dict[str, Any]]:
    """All records of those of the experiments that have any; one line on stderr names each of the others.

    Raises:
      NoResults: none has any.
    """
    found: list[dict[str, Any]] = []
    missing: list[NoResults] = []
    for experiment in experiments:
        try:
            found += Store(results_dir, experiment).records()
        except NoResults as error:
            missing.append(error)
    if not found:
        raise missing[0]
    for why in missing:
        print(f"left out: {why}", file=sys.stderr)
    return found
