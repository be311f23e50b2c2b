"""Installs pcl where it is not there yet, as on a hosted machine."""

import importlib.util
import pathlib
import shutil
import subprocess
import sys

REPOSITORY = ""  # git+https://…/pcl.git, the address of the repository; not needed in a clone of it

if importlib.util.find_spec("pcl") is None:
    clone = next((str(folder) for folder in pathlib.Path.cwd().parents if (folder / "pcl/types.py").exists()), "")
    if not REPOSITORY and not clone:
        raise SystemExit("write the address of the repository into REPOSITORY, and run this cell again")
    extras = "[figures,cuda]" if shutil.which("nvidia-smi") else "[figures]"
    what = f"pcl-jax{extras} @ {REPOSITORY}" if REPOSITORY else clone + extras
    subprocess.run((sys.executable, "-m", "pip", "install", "--quiet", what), check=True)
