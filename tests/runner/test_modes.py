"""The faster mode of a static group: it follows the measured times, is kept, and changes no number of its mode."""

import dataclasses
import json

import pytest

from pcl.errors import UsageError
from pcl.experiment import Arm, Experiment, StreamSpec
from pcl.runner import devices, modes
from pcl.runner.execute import execute, plan
from pcl.runner.modes import Fastest, seconds
from pcl.runner.program import Program
from pcl.runner.store import CIRCUMSTANCES, Store
from pcl.runner.sweep import resolve

EXPERIMENT = Experiment(
    name="trial",
    claim="",
    streams={"s": StreamSpec("split", {"batch": 100})},
    learners={"ncm": {}},
    arms=(Arm(seeds=4),),
    evaluation={"probe_every": 10},
)
RUN = resolve(EXPERIMENT)[0]


@dataclasses.dataclass
class Clock:
    """A program of which a step takes `step_s`, and a call `call_s` more."""

    step_s: float
    call_s: float = 0.0
    width: int = 4
    steps: int = 1000

    def __call__(self, done, until):
        assert 0 <= done <= until <= self.steps
        return self.call_s + (until - done) * self.step_s


class Bench:
    """Makes the clocks of `given`, by mode, and counts them; what is an error is raised."""

    def __init__(self, **given):
        self.given, self.made = given, []

    def __call__(self, config, width, mode):
        self.made.append(mode)
        found = self.given[mode]
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def compiled(monkeypatch):
    """The modes that are compiled at last."""
    found = []

    def compile_group(config, width, mode):
        found.append(mode)
        return Program.__new__(Program)

    monkeypatch.setattr(modes, "compile_group", compile_group)
    return found


def chosen(compiled, folder, bench, width=4):
    Fastest(folder, bench)(RUN, width, mode="map")
    return compiled[-1]


@pytest.mark.parametrize("faster", devices.MODES)
def test_the_mode_of_less_seconds_is_chosen_and_kept(faster, compiled, tmp_path):
    (slower,) = set(devices.MODES) - {faster}
    bench = Bench(**{faster: Clock(0.01, call_s=9.0), slower: Clock(0.011)})  # a step counts, not a call
    assert Fastest(tmp_path, bench).known(RUN, 4, "map") is None
    assert chosen(compiled, tmp_path, bench) == faster
    assert sorted(bench.made) == ["map", "vmap"]
    (file,) = tmp_path.iterdir()
    assert json.loads(file.read_text())["seconds"] == pytest.approx({faster: 0.01, slower: 0.011})
    assert chosen(compiled, tmp_path, bench) == faster
    assert Fastest(tmp_path, bench).known(RUN, 4, "map") == faster
    assert len(bench.made) == 2


def test_another_width_group_or_code_is_measured_anew(compiled, tmp_path, monkeypatch):
    bench = Bench(map=Clock(2.0), vmap=Clock(1.0))
    kept = Fastest(tmp_path, bench)
    kept(RUN, 4, "map")
    assert kept.known(dataclasses.replace(RUN, seed=9), 4, "map") == "vmap"  # the same program
    batch = dataclasses.replace(RUN, stream=RUN.stream.replace(batch=50))
    assert kept.known(RUN, 6, "map") is kept.known(batch, 4, "map") is None
    about = devices.provenance()
    for name, other in (("commit", "c"), ("devices", 64), ("versions", {"jax": "0"})):
        monkeypatch.setattr(devices, "provenance", lambda name=name, other=other: about | {name: other})
        assert kept.known(RUN, 4, "map") is None, name
    monkeypatch.setattr(devices, "provenance", lambda: about)
    monkeypatch.setattr(devices, "processor", lambda: "another")
    assert kept.known(RUN, 4, "map") is None


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"{}", b'{"mode": "pmap"}', b'{"mode": ["map"]}', b"\xff"])
def test_a_damaged_choice_is_measured_anew_and_replaced(content, compiled, tmp_path):
    bench = Bench(map=Clock(2.0), vmap=Clock(1.0))
    chosen(compiled, tmp_path, bench)
    (file,) = tmp_path.iterdir()
    file.write_bytes(content)
    assert chosen(compiled, tmp_path, bench) == "vmap"
    assert len(bench.made) == 4
    assert json.loads(file.read_text())["mode"] == "vmap"


def test_where_nothing_can_be_kept_each_call_measures(compiled, tmp_path):
    bench = Bench(map=Clock(2.0), vmap=Clock(1.0))
    file = tmp_path / "file"
    file.touch()
    for folder in (None, file / "below"):
        assert chosen(compiled, folder, bench) == chosen(compiled, folder, bench) == "vmap"
    assert len(bench.made) == 8


def test_a_mode_loses_that_fails_or_has_less_room(compiled, tmp_path):
    slow, fast, narrow = Clock(2.0), Clock(1.0), Clock(1.0, width=2)
    error = UsageError("memory ran out")
    for name, map_, vmap, expected in (
        ("a", slow, NotImplementedError("no batching rule"), "map"),
        ("b", error, slow, "vmap"),
        ("c", slow, narrow, "map"),
        ("d", narrow, slow, "vmap"),
        ("e", narrow, dataclasses.replace(narrow, step_s=0.5), "vmap"),
        ("f", fast, slow, "map"),
    ):
        assert chosen(compiled, tmp_path / name, Bench(map=map_, vmap=vmap)) == expected, name
    # The compilation that follows says why, and nothing is kept.
    assert chosen(compiled, tmp_path / "none", Bench(map=error, vmap=error)) == "map"
    assert not (tmp_path / "none").exists()


def test_a_single_run_a_device_is_not_measured(compiled, tmp_path):
    assert chosen(compiled, tmp_path, Bench(), width=2) == "map"  # on the two devices of the tests


def test_the_choice_of_a_process_that_was_faster_counts(compiled, tmp_path):
    def meanwhile(config, width, mode):
        if not list(tmp_path.iterdir()):
            chosen([], tmp_path, Bench(map=Clock(1.0), vmap=Clock(2.0)))
        return Clock({"map": 2.0, "vmap": 1.0}[mode])

    assert chosen(compiled, tmp_path, meanwhile) == "map"


def test_seconds_are_medians_of_steps_that_exist():
    """One disturbed turn of seven does not count; a stream that is shorter than a piece is taken whole."""
    assert seconds([Clock(0.01, 0.5), Clock(0.02)]) == pytest.approx([0.01, 0.02])
    assert seconds([Clock(1e-6, steps=3), Clock(1e-7, steps=3)]) == pytest.approx([1e-6, 1e-7])
    calls = []

    def disturbed(done, until):
        calls.append((done, until))
        return 100.0 if len(calls) == 6 else (until - done) * 0.2

    disturbed.width, disturbed.steps = 4, 5
    assert seconds([disturbed, Clock(0.1, steps=5)]) == pytest.approx([0.2, 0.1])
    assert {until - done for done, until in calls} == {0, 1}


@pytest.mark.slow
def test_records_are_those_of_the_mode_given_by_hand(tmp_path):
    """A real measurement; whichever mode it finds faster, records name it."""
    groups = plan(resolve(EXPERIMENT), "map")
    pieces = []

    def piece(config, width, mode):
        pieces.append(modes.Piece(config, width, mode))
        return pieces[-1]

    fastest, stores = Fastest(tmp_path / "kept", piece), [Store(tmp_path / name, "trial") for name in "ab"]
    for store in stores:
        store.require_writable()
    execute(groups, stores[0], "map", "trial", compile=fastest)
    assert [one.program.mode for one in pieces] == list(devices.MODES)
    (mode,) = {record["provenance"]["mode"] for record in stores[0].records()}
    (file,) = (tmp_path / "kept").iterdir()
    times = json.loads(file.read_text())["seconds"]
    assert mode == min(times, key=times.get)
    execute(groups, stores[1], mode, "trial")
    of_fastest, by_hand = (
        [{k: v for k, v in record.items() if k not in CIRCUMSTANCES} for record in store.records()] for store in stores
    )
    assert of_fastest == by_hand
    # Runs that are there already, made in another mode, are left as they are.
    (other,) = set(devices.MODES) - {mode}
    file.write_text(json.dumps({"mode": other}))
    assert execute(groups, stores[0], "map", "trial", compile=fastest) == 0
    assert {record["provenance"]["mode"] for record in stores[0].records()} == {mode}
