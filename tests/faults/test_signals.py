"""Ctrl-C, kill and hang-up: the chunk in flight is finished, all else ends at once, and one line says which."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pcl.runner.store import Store

ROOT = Path(__file__).parents[2]
STATUS = {signal.SIGINT: 130, signal.SIGTERM: 75, signal.SIGHUP: 129}
SIGNALS = tuple(STATUS)
# A command that compiles or runs for a second without hearing anything, as XLA does; {inside} says which.
WORK = """
import sys, time
from pcl import command, interrupts

def work(told):
    told.doing = "compiling pcn on s"
    if "{inside}" == "compiling":
        print("ready", flush=True)
        time.sleep(9)
    told.doing = "running pcn on s"
    for chunk in range(2):
        with told.chunk():
            print("ready", flush=True)
            time.sleep(0.5)
            print("written", chunk, flush=True)

command.launch(lambda: interrupts.listen(work))
"""


@pytest.fixture(autouse=True, scope="module")
def _ctrl_c_is_heard():
    """A test run that was started in the background ignores Ctrl-C, and so would the commands that it starts."""
    before = signal.getsignal(signal.SIGINT)
    if before is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def start(code, *arguments, **kwargs):
    full = (sys.executable, "-c", code, *arguments)
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(full, cwd=ROOT, **pipes, **kwargs)


def ended(process, *numbers, pause=0.1):
    """Exit code, output and errors after the signals were sent, once the process has said that it is ready."""
    assert process.stdout.readline() == "ready\n"
    for number in numbers:
        process.send_signal(number)
        time.sleep(pause)
    output, error = process.communicate(timeout=30)
    return process.returncode, output, error


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_the_chunk_in_flight_is_finished_and_no_other_begun(number):
    code, output, error = ended(start(WORK.format(inside="chunk")), number)
    assert code == STATUS[number]
    assert output == "written 0\n"
    assert error == (
        f"{number.name} while running pcn on s: the chunk in flight is finished and written first;"
        " once more gives it up\n"
    )


def test_a_second_signal_gives_the_chunk_up():
    code, output, error = ended(start(WORK.format(inside="chunk")), signal.SIGINT, signal.SIGTERM)
    assert (code, output) == (75, "")
    assert error.splitlines()[1] == "SIGTERM: the chunk in flight is given up; what is finished is kept"
    assert error.count("\n") == 2


@pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)
def test_what_compiles_is_given_up_at_once(number):
    begin = time.monotonic()
    code, output, error = ended(start(WORK.format(inside="compiling")), number)
    assert time.monotonic() - begin < 8
    assert (code, output) == (STATUS[number], "")
    text = f"{number.name} while compiling pcn on s: given up; what is finished is kept, the same command goes on\n"
    assert error == text


@pytest.mark.slow
def test_a_signal_that_was_ignored_stays_ignored():
    """As under nohup."""
    process = start(WORK.format(inside="chunk"), preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    assert ended(process, signal.SIGHUP) == (0, "written 0\nready\nwritten 1\n", "")


def test_an_error_of_the_work_is_one_line():
    code = """
from pcl import command, errors, interrupts

def work(told):
    raise errors.UsageError("width=0: must be at least 1")

command.launch(lambda: interrupts.listen(work))
"""
    output, error = (process := start(code)).communicate(timeout=30)
    assert (process.returncode, output, error) == (2, "", "error: width=0: must be at least 1\n")


def test_any_other_command_ends_in_one_line():
    code = "import time\nfrom pcl import command\n"
    code += "command.launch(lambda: (print('ready', flush=True), time.sleep(9)))"
    assert ended(start(code), signal.SIGINT) == (130, "", "interrupted\n")


def test_ctrl_c_among_the_imports_is_one_line():
    code = "import sys, time\nsys.argv[0] = '-m'\nimport experiments\nprint('ready', flush=True)\ntime.sleep(9)"
    assert ended(start(code), signal.SIGINT) == (130, "", "SIGINT while starting: nothing was begun\n")


def test_a_reader_that_closes_the_pipe_ends_the_command_quietly():
    code = "from pcl import command\ncommand.launch(lambda: [print(i) for i in range(100000)])"
    process = start(code)
    assert process.stdout.readline() == "0\n"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(timeout=30) == 141


CLOSED = """
import os, sys
from pcl import command, interrupts

def work(told):
    print("to nobody")
    print("to nobody", file=sys.stderr)
    for number in range(3):
        os.fstat(number)
    with open(sys.argv[1], "w") as file:
        assert file.fileno() > 2
        os.write(2, b"an error of XLA's")
        file.write("whole")

command.launch(lambda name: interrupts.listen(work), "a file")
"""


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)], ids=str)
def test_closed_standard_streams_are_thrown_away_and_what_is_written_is_whole(closed, tmp_path):
    """Without the null device in their place, a record would be opened under the number of standard error."""
    path = tmp_path / "record"
    process = start(CLOSED, str(path), preexec_fn=lambda: [os.close(number) for number in closed])
    process.communicate(timeout=30)
    assert process.returncode == 0
    assert path.read_text() == "whole"


RUN = (
    "-m",
    "experiments.run",
    "--experiment=split_digits",
    "--streams=split_digits_iid_5",
    "--smoke",
    "--learners=ncm",
)


@pytest.mark.slow
def test_the_command_finishes_the_chunk_in_flight(tmp_path):
    """Between two of its many chunks it may end at once: in either case parts are whole, and one line says so."""
    process = subprocess.Popen(
        (sys.executable, *RUN, "--seeds=400", "--max_width=2", f"--results_dir={tmp_path}"),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
    )
    store, deadline = Store(tmp_path / "smoke", "split_digits"), time.monotonic() + 120
    while not store.parts():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    error = process.communicate(timeout=60)[1]
    assert process.returncode == 75
    assert re.fullmatch(r"SIGTERM while running ncm on split_digits_iid_5: [^\n]*\n", error)
    assert 0 < len(store.ids()) < 400
    assert len(store.ids()) % 2 == 0
    assert [path for path in store.folder.iterdir() if path not in store.parts()] == []


COMPILES = """
import jax, jax.numpy as jnp
from pcl import command, interrupts

def deep(x):
    for i in range(3000):
        x = jnp.sin(x @ x) + i
    return x

def work(told):
    told.doing = "compiling"
    lowered = jax.jit(deep).lower(jnp.ones((8, 8)))
    print("ready", flush=True)
    lowered.compile()

command.launch(lambda: interrupts.listen(work))
"""


@pytest.mark.slow
@pytest.mark.parametrize("wait", [0.1, 0.7])
def test_xla_is_left_in_the_middle_of_a_compilation(wait):
    """An exception that came out of it would end in a segmentation fault."""
    process = start(COMPILES, env=os.environ | {"JAX_ENABLE_COMPILATION_CACHE": "0", "XLA_FLAGS": ""})
    assert process.stdout.readline() == "ready\n"
    time.sleep(wait)
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    error = process.communicate(timeout=60)[1]
    assert time.monotonic() - begin < 2
    assert process.returncode == 130
    assert error == "SIGINT while compiling: given up; what is finished is kept, the same command goes on\n"


@pytest.mark.slow
@pytest.mark.parametrize("closed", [(2,), (0, 1, 2)], ids=str)
def test_the_command_writes_its_records_with_closed_streams(closed, tmp_path):
    command = (sys.executable, *RUN, "--seeds=1", f"--results_dir={tmp_path}")
    code = subprocess.call(command, cwd=ROOT, preexec_fn=lambda: [os.close(number) for number in closed], timeout=120)
    assert code == 0
    assert len(Store(tmp_path / "smoke", "split_digits").records()) == 1
