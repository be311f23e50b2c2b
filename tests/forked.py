"""Commands as `python -m` starts them, forked from a process that has imported the libraries.

Starting Python and importing JAX takes two seconds of a core, longer than most commands that tests run work. Modules
that define flags are not imported beforehand: flags of one command would be known to another. What is about starting
itself, or needs other settings of JAX in the environment, takes `subprocess`.
"""

import gc
import multiprocessing
import os
import runpy
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMPORTED = (
    "jax", "optax", "tabulate", "tqdm", "pyarrow.parquet", "scipy.stats", "sklearn.datasets", "pandas",
    "matplotlib.pyplot", "pcl.learners", "pcl.streams", "pcl.runner.execute", "pcl.evaluation.summary",
)  # fmt: skip
FORKING = multiprocessing.get_context("forkserver")
FORKING.set_forkserver_preload(list(IMPORTED))


class Forked:
    """A running command, with the part of `subprocess.Popen` that tests use."""

    def __init__(self, module, *arguments, cwd=ROOT, env=None):
        env = dict(os.environ if env is None else env)
        assert _of_jax(env) == _of_jax(os.environ), "JAX has read these before: use `subprocess`"
        self.args = (module, *map(str, arguments))
        self._printed = [tempfile.NamedTemporaryFile(mode="w+") for _ in range(2)]  # noqa: SIM115 (`communicate` reads)
        files = [file.name for file in self._printed]
        self._process = FORKING.Process(target=_execute, args=(self.args, str(cwd), env, files), daemon=True)
        self._process.start()

    @property
    def returncode(self):
        """None while it runs, and less than 0 for a signal."""
        return self._process.exitcode

    def poll(self):
        return self.returncode

    def send_signal(self, number):
        os.kill(self._process.pid, number)

    def kill(self):
        self._process.kill()

    def wait(self, timeout=300):
        self._process.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(self.args, timeout)
        return self.returncode

    def communicate(self, timeout=300):
        """What it printed on standard output, and as errors, by its end."""
        self.wait(timeout)
        return tuple(Path(file.name).read_text(encoding="utf-8") for file in self._printed)


def run(module, *arguments, timeout=300, **where):
    """What `subprocess.run` returns of `python -m module arguments`, in text."""
    process = Forked(module, *arguments, **where)
    try:
        output, error = process.communicate(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, error)


def _of_jax(env):
    return {name: value for name, value in env.items() if name.startswith("JAX_")}


def _execute(args, cwd, env, files):
    """In the new process: what `python -m` does."""
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(env)
    for number, name in enumerate(files, 1):
        file = os.open(name, os.O_WRONLY | os.O_APPEND)
        os.dup2(file, number)
        os.close(file)
    gc.freeze()  # of what is imported nothing is garbage
    gc.set_threshold(20_000, 10, 10)
    sys.path.insert(0, cwd)
    sys.argv = [*args]
    runpy.run_module(args[0], run_name="__main__", alter_sys=True)
