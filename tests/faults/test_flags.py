"""Flag values that make no sense: each is refused in one short line, before any work, and none is believed."""

import os
import subprocess
import sys
import time
from pathlib import Path

import forked
import pytest
from absl import flags

from pcl.cli import run, sharing
from pcl.command import one_line, parsed
from pcl.errors import UsageError
from pcl.runner.execute import plan
from pcl.runner.program import require_room

ROOT = Path(__file__).parents[2]
FLAGS = run.FLAGS
NAME, LONG = "--experiment=split_digits", "9" * 2000
PCN = ("--learners=pcn", "--streams=split_digits")
SIZES = ("width", "batch", "passes", "inference_steps", "classes_per_task", "probe_every", "log_bins")
RATES = ("lr", "inference_lr", "tolerance", "weight_decay")
SHARES = ("labelled", "inference_momentum", "precision_lr")
CHOICES = ("optimiser", "inference", "halt", "output", "activation", "init", "order", "scenario", "source", "charge")
CHOICES += ("products",)


def setting(name, *values):
    return [(NAME, *PCN, "--set", f"{name}={value}") for value in values]


def cases():
    """Commands without their program's name, each wrong in one way."""
    found = []
    for name in SIZES:
        found += setting(name, "-1", "2147483648", "1" + "0" * 30, "1.5", "1e3", "nan", "inf", "\uff10")
    for name in RATES:
        found += setting(name, "-1", "1e39", "-1e39", "nan", "inf", "1e-50", "1e-400", "0x1", "\u0663")
    for name in SHARES:
        found += setting(name, "-0.1", "1.1", "1e39", "nan", "half")
    for name in CHOICES:
        found += setting(name, "nonsense", LONG)
    found += setting("lr", LONG, "", ",", "0.1,,0.2", "0.1=0.2", "--", "None", "True", "[0.1]", "0.1;0.2")
    # More than this machine, or int32, can hold.
    found += setting("width", "200000", "2147483647")
    found += setting("passes", "1000000000000", "2147483647", "10000000")
    found += setting("batch", "100000000000", "2147483647")
    found += setting("depth", "1001", "2147483647", "-1")
    found += [(NAME, "--learners=er", "--streams=split_digits", "--set", "memory=1000000000")]
    found += [(NAME, "--learners=er", "--streams=split_digits", "--set", "memory=1000000000000")]
    found += [("--experiment=load", "--learners=ncm", "--set", "groups=2147483647")]
    # Settings that contradict each other, the source or the stream.
    found += setting("classes_per_task", "3") + setting("classes", "11", "-1") + setting("revisit_steps", "5")
    found += [(NAME, *PCN, "--set", "inference=ipc", "--set", "halt=gradient")]
    found += [(NAME, *PCN, "--set", "boundary=blurry", "--set", "blur=2")]
    # Names.
    found += [
        (f"--experiment={name}",) for name in ("", " ", "nope", "run", "../split_digits", "split_digits.py", LONG)
    ]
    found += [()]
    for flag in ("learners", "streams"):
        found += [(NAME, f"--{flag}={value}") for value in ("", ",", "pcn,,ncm", "nope", "pcn;ncm", "PCN", LONG)]
    for flag in ("set", "zip"):
        texts = ("", "=", "lr", "=1", "nope=1", "l r=1", "lr=", "lr=1,", f"{LONG}=1", f"lr={LONG}x")
        found += [(NAME, f"--{flag}={text}") for text in texts]
    found += [(NAME, "--set=lr=1", "--set=lr=2"), (NAME, "--set=lr=1", "--zip=lr=2")]
    found += [(NAME, "--zip=lr=1,2", "--zip=width=1,2,3")]
    # Numbers of runs.
    for value in ("0", "-1", "100001", "2147483648", "4294967296", "1" + "0" * 20, "1e3", "1.5", "nan", "", LONG):
        found.append((NAME, f"--seeds={value}"))
    for value in ("-1", "2147483648", "4294967295", "1" + "0" * 20, "x", LONG):
        found.append((NAME, f"--first_seed={value}", "--seeds=1"))
    found += [(NAME, "--first_seed=2147483647", "--seeds=2")]
    thousand = ",".join(str(i) for i in range(1, 1001))
    found += [(NAME, *PCN, f"--set=lr={thousand}", f"--set=inference_lr={thousand}", f"--set=beta={thousand}")]
    found += [(NAME, *PCN, f"--set=lr={thousand}", "--seeds=101")]
    # The other flags.
    for flag in ("num_shards", "shard_index", "max_width"):
        found += [(NAME, f"--{flag}={value}") for value in ("-1", "x", "0.5", "", LONG + "x")]
    found += [(NAME, "--num_shards=0"), (NAME, "--shard_index=1"), (NAME, "--num_shards=3", "--shard_index=3")]
    found += [(NAME, "--claim", f"--{other}") for other in ("num_shards=2", "coordinator=auto", "watch_steps=10")]
    found += [(NAME, f"--coordinator={value}") for value in ("auto", "", "host", "host:", ":1", "host:1", LONG)]
    found += [(NAME, "--coordinator=auto", "--num_shards=2"), (NAME, "--data_sharding=sharded")]
    found += [(NAME, f"--devices_per_run={value}") for value in ("0", "-1", "1.5", "1000000007", LONG)]
    found += [(NAME, f"--data_sharding={value}") for value in ("", "whole", LONG)]
    found += [(NAME, f"--mode={value}") for value in ("", "MAP", "pmap", LONG)]
    found += [(NAME, "--mode=fastest", "--coordinator=host:1", "--devices_per_run=2")]
    switches = ("smoke", "dry_run", "list", "claim")
    found += [(NAME, f"--{flag}={value}") for flag in switches for value in ("maybe", "2", LONG)]
    found += [(NAME, f"--{flag}={value}") for flag in ("results_dir", "data_dir") for value in ("", " ", "~nouser/x")]
    found += [(NAME, f"--data_dir={value}") for value in ("/nowhere", "/dev/null", "/" + LONG)]
    found += [(NAME, f"--{LONG}=1"), (NAME, "--nope"), (NAME, "--set")]
    return list(dict.fromkeys(found))


CASES = cases()


def refusal(arguments):
    """What the command's own functions say of the flags before it compiles anything; None: nothing."""
    FLAGS.unparse_flags()
    for name in FLAGS:
        FLAGS[name].unparse()
    try:
        parsed(["run", *arguments])
        sharing.lay_out()
        _, runs, mode = run.asked()
        for group in plan(runs, mode, FLAGS.max_width, *sharing.share()):
            require_room(group[0].runs[0])
    except (UsageError, flags.Error) as error:
        return one_line(error)
    return None


@pytest.fixture(scope="module", autouse=True)
def _flags_as_they_were():
    yield
    for name in FLAGS:
        FLAGS[name].unparse()


@pytest.mark.parametrize(
    "arguments",
    [
        (NAME, *PCN),
        (NAME, "--first_seed=2147483647", "--seeds=1"),
        (NAME, *PCN, "--seeds=5000"),
        (NAME, *PCN, "--set=lr=3.4e38"),
        (NAME, *PCN, "--set=lr=0,-0.0,1.2e-38"),
        (NAME, *PCN, "--num_shards=100000000000000000000"),
    ],
    ids=lambda arguments: arguments[-1],
)
def test_what_makes_sense_is_taken(arguments):
    assert refusal(arguments) is None


def test_nonsense_is_refused_in_one_short_line_and_at_once():
    accepted, raised, long, slow = [], [], [], []
    for arguments in CASES:
        start = time.perf_counter()
        try:
            said = refusal(arguments)
        except Exception as error:
            raised.append((arguments, repr(error)))
            continue
        if said is None:
            accepted.append(arguments)
        elif LONG[:300] in said or "\n" in said or len(said) > 1200:
            long.append((arguments, said))
        if time.perf_counter() - start > 5:
            slow.append(arguments)
    print(
        f"{len(CASES)} adversarial flag values: {len(CASES) - len(accepted) - len(raised)} refused,"
        f" {len(accepted)} accepted, {len(raised)} tracebacks, {len(long)} long refusals, {len(slow)} slow ones"
    )
    assert len(CASES) >= 200
    for found in (accepted, raised, long, slow):
        print(*(str(case)[-600:] for case in found), sep="\n", end="")
    assert (accepted, raised, long, slow) == ([], [], [], [])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((NAME, *PCN, "--set", f"lr={LONG}x"), "lr is a traced float"),
        ((f"--{LONG}=1",), "unknown flag '--999"),
        ((NAME, f"--seeds={LONG}"), "all seeds must be within [0, 2147483647]"),
        ((NAME, *PCN, "--set=width=200000"), "pcn on split_digits: one run takes at least 447.2 GiB, most of it"),
        ((NAME, "--results_dir=~nouser/x"), "no such user, or no home folder"),
    ],
    ids=["long", "flag", "seeds", "memory", "home"],
)
def test_the_command_says_it_in_one_line_and_ends_with_2(arguments, message, tmp_path):
    done = forked.run("experiments.run", f"--results_dir={tmp_path}", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr) < 700
    assert (done.stderr.count("\n"), done.stdout) == (1, "")
    assert not list(tmp_path.glob("*/part-*"))


NOBODY = """
import pwd, runpy, sys

def unknown(key):
    raise KeyError(key)

pwd.getpwuid = pwd.getpwnam = unknown
sys.argv = ["run", *sys.argv[1:]]
runpy.run_module("experiments.run", run_name="__main__")
"""


@pytest.mark.slow
def test_a_user_without_home_or_passwd_entry(tmp_path):
    """What needs no home works, and `~` is refused in one line."""
    home = ("HOME", "USER", "LOGNAME", "USERNAME")
    bare = {name: value for name, value in os.environ.items() if name not in home}
    bare["JAX_ENABLE_COMPILATION_CACHE"] = "0"  # it warns that it does not know to whom its files belong
    ask = (NAME, "--learners=ncm", "--streams=split_digits", "--dry_run")
    for results_dir, code in ((tmp_path, 0), ("~/x", 2)):
        full = (sys.executable, "-c", NOBODY, *ask, f"--results_dir={results_dir}")
        done = subprocess.run(full, cwd=ROOT, capture_output=True, text=True, timeout=120, env=bare)
        assert done.returncode == code, done.stderr
        assert done.stderr.count("\n") == (code == 2)
    assert "no such user, or no home folder" in done.stderr
