"""The commands beside the run. An installed copy has them here, a clone in the folder beside the package.

This file is the clone's; `setup.py` installs the folder in its place.
"""

from pathlib import Path

__path__ = [str(Path(__file__).parents[2] / "scripts")]
