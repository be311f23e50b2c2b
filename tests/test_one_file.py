"""A learner, a stream and a rule, each added as one file, are listed, run, swept, drawn and held to conformance."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pcl.evaluation.summary import setting_text
from pcl.runner.store import Store

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[1]
FILES = {
    "pcl/learners/toy.py": '''
"""A toy: the mean of what came with each label, of which older samples fade."""

from typing import NamedTuple

import jax.numpy as jnp
from flax import struct
from jax import Array

from pcl.fields import Traced, traced
from pcl.learners.inputs import masked_vectors, targets, vectors
from pcl.types import Info, Learner, LearnerEntry, Prediction


@struct.dataclass
class HParams:
    """Its number."""

    forget: Traced = traced(0.1, "share of what is known of a label that a sample of it replaces", low=0, high=1)


class State(NamedTuple):
    """The mean of each label."""

    mean: Array


def make(spec):
    """Means of the inputs that `spec` announces."""

    def init(key, hp):
        return State(jnp.zeros((spec.num_labels, vectors(jnp.zeros((1, *spec.input_shape))).shape[1])))

    def predict(state, x, hp):
        return Prediction(logits=vectors(x) @ state.mean.T - 0.5 * jnp.sum(state.mean**2, axis=1))

    def update(state, batch, hp):
        member = targets(batch, spec)
        count = jnp.maximum(member.sum(0), 1)[:, None]
        toward = member.T @ masked_vectors(batch) / count
        share = hp.forget * (member.sum(0) > 0)[:, None]
        return State(state.mean + share * (toward - state.mean)), Info()

    return Learner(init, predict, update)


def flops(spec, hp, inference_steps, batch):
    """Of a learned sample."""
    return 2.0


ENTRY = LearnerEntry(make=make, hparams=HParams(), summary="fading means", flops=flops, local=True, label="a toy")
''',
    "pcl/streams/toy.py": '''
"""A toy: every training sample once, in an order that the key draws."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array

from pcl.fields import static
from pcl.streams.sources import SOURCES, samples
from pcl.types import Batch, Layout, Schedule, Spec, Stream, StreamEntry


@struct.dataclass
class Toy:
    """Settings."""

    source: str = static("digits", "data set that the samples come from", choices=tuple(SOURCES))
    batch: int = static(8, "samples per step", low=1)


class Step(NamedTuple):
    """Samples of one step."""

    sample: Array


def make(config, source, probe_on):
    """The stream and its arrays."""
    found = samples(source, probe_on)
    steps = len(found.y) // config.batch

    def schedule(key, data):
        order = jax.random.permutation(key, len(data["y"]))[: steps * config.batch]
        layout = Layout(jnp.zeros(1, int), jnp.zeros(1, int), jnp.zeros(1, int))
        return Schedule(None, Step(order.reshape(steps, config.batch)), layout)

    def rows(x, y):
        true = jnp.ones(len(y), bool)
        return Batch(x * jnp.float32(source.scale), y, true, true, jnp.zeros(len(y), int))

    def observe(world, step, data):
        return rows(data["x"][step.sample], data["y"][step.sample])

    def probe(world, step, data, size):
        return rows(data["probe_x"][:size], data["probe_y"][:size]), jnp.zeros(len(data["probe_y"][:size]), int)

    spec, chance = Spec(found.x.shape[1:], source.num_classes), 1 / source.num_classes
    stream = Stream(spec, steps, (steps,), chance, schedule, observe, probe)
    return stream, jax.tree.map(jnp.asarray, found._asdict())


ENTRY = StreamEntry(make=make, config=Toy(), summary="a shuffled source")
''',
    "pcl/network/rules/toy.py": '''
"""A toy: gradient descent that looks ahead (Nesterov)."""

import optax

from pcl.network.flops import predictive_coding
from pcl.network.inference import Rule, descend


def settle(problem, start, budget, numbers):
    """Steps of `rate`."""
    return descend(problem, start, budget, optax.sgd(numbers.gradient_rate, 0.3, nesterov=True))


RULE = Rule(settle, predictive_coding, local=True, halts=("fixed", "gradient"), bound=None)
''',
    "experiments/toys.py": '''
"""Toys can be run."""

from pcl.experiment import Arm, Experiment, StreamSpec

EXPERIMENT = Experiment(
    name="toys",
    claim=__doc__,
    streams={"toy": StreamSpec("toy", {})},
    learners={"toy": {}},
    arms=(Arm(seeds=2),),
)
''',
}
COPIED = ("pcl", "experiments", "scripts", "tests/conftest.py", "tests/streams", "tests/learners/test_conformance.py")
COPIED += ("tests/learners/test_guard.py", "tests/test_architecture.py", "pyproject.toml")
COPIED += ("tests/network/test_rules.py",)


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A copy of the code with four more files."""
    folder = tmp_path_factory.mktemp("house")
    for name in COPIED:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / name)
    for name, text in FILES.items():
        (folder / name).write_text(text.lstrip())
    return folder


def said(house, *arguments):
    """What a command in the copy prints."""
    environment = os.environ | {"PYTHONPATH": str(house)}
    done = subprocess.run(
        (sys.executable, "-m", *arguments), cwd=house, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_they_are_listed(house):
    lines = [line for line in said(house, "experiments.run", "--list").splitlines() if line.startswith("  toy")]
    assert [line.split(maxsplit=1)[1] for line in lines] == [
        "Toys can be run.",
        "fading means (forget=0.1)",
        "a shuffled source (source=digits*, batch=8*)",
        "local; weights learn after inference, from the settled activities; fixed, gradient",
    ]


def test_they_are_run_and_swept(house, tmp_path):
    command = ("experiments.run", "--experiment=toys", "--set=forget=0.01,0.1", f"--results_dir={tmp_path}")
    assert "4 runs executed" in said(house, *command, "--learners=toy")
    records = Store(tmp_path, "toys").records()
    assert {(r["learner"], r["stream"], r["seed"], setting_text(r["variant"])) for r in records} == {
        ("toy", "toy", seed, f"forget={value}") for seed in (0, 1) for value in (0.01, 0.1)
    }
    assert all(r["status"] == "ok" for r in records)
    assert "Nothing to execute: all 4 runs were there already." in said(house, *command)
    assert "2 runs executed" in said(house, *command[:2], "--learners=pcn", "--set=inference=toy", command[-1])
    # Beside those that were there, in an experiment that does not know it.
    other = ("experiments.run", "--experiment=split_digits", "--streams=split_digits", "--seeds=1", "--smoke")
    assert "2 runs executed" in said(house, *other, "--learners=toy,ncm", f"--results_dir={tmp_path}")


def test_their_labels_reach_figures(house):
    code = "from pcl.figures.style import learners; print(learners([{'learner': 'toy'}, {'learner': 'pcn'}]))"
    (house / "labels.py").write_text(code)
    assert said(house, "labels") == "{'pcn': 'predictive coding', 'toy': 'a toy'}\n"


def test_they_are_held_to_conformance(house):
    suites = ("learners/test_conformance.py", "learners/test_guard.py", "streams/test_conformance.py")
    paths = [f"tests/{suite}" for suite in (*suites, "network/test_rules.py", "test_architecture.py")]
    found = said(house, "pytest", "-n0", "-vv", "-k", "toy", *paths)
    held = {line.partition("::")[2].partition(" ")[0] for line in found.splitlines() if " PASSED" in line}
    assert {
        "test_every_learner[toy-solves_a_separable_problem]",
        "test_every_learner[toy-invalid_rows_change_nothing]",
        "test_every_rule[toy-lowers_the_energy_and_nears_its_equilibrium]",
        "test_every_rule[toy-halts_where_it_says]",
        "test_learners_take_any_rule_that_fits_them[tpc-toy]",
        "test_the_program_of_a_learner_reads_tasks_if_and_only_if_it_is_told[toy]",
        "test_a_learner_takes_gradients_through_layers_unless_it_says_that_it_is_local[toy]",
        "test_every_sample_comes_as_often_as_any_other[toy]",
        "test_every_stream[toy-True-knows_nothing_that_is_held_out]",
        "test_every_stream[toy-True-scan_equals_loop]",
    } <= held
