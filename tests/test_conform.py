"""Code from outside that breaks a property is told so in one line, and named; what holds is said to hold."""

import sys
from pathlib import Path

import forked
import pytest

from pcl import conformance, learners, outside, streams
from pcl.conformance import conform, rules
from pcl.conformance import learners as of_learners
from pcl.conformance import streams as of_streams
from pcl.errors import UsageError

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "docs" / "examples"
# The example with one place changed: what that breaks, and a word of what is said.
LEARNERS = {
    "invalid_rows_change_nothing": (
        "targets(batch, spec)",
        "targets(batch._replace(valid=batch.labelled), spec)",
        "15",
    ),
    "padding_leaves_the_state_as_it_was": ("member_BC.sum(0)\n", "jnp.full(3, 8.0)\n", "numbers differ"),
    "reports_the_prediction_made_before_learning": ("Info()", "Info(predict(state, batch.x * 2, hp))", "24 of 24"),
    "predicts_each_row_by_itself": ("jnp.sum(state.mean**2, axis=1)", "x_BD.var(0)[:3]", "9 of 9 numbers differ"),
    "predicts_what_it_says": ("Prediction(logits", "Prediction(mean", "no logits"),
    "reads_tasks_if_and_only_if_it_is_told": ("** count_C", "** (count_C + batch.task.sum())", "told=False"),
    "is_traced_once_for_all_numbers": (
        "jnp.zeros((spec.num_labels, size))",
        "jnp.full((spec.num_labels, size), 0.0)",  # of a weak type until it is updated
        "traced 2 times",
    ),
    "the_key_decides_everything": ("** count_C", "** (count_C + __import__('random').random())", "from the key"),
    "keeps_the_shapes_and_types_of_its_state": ("** count_C", "** float(count_C[0])", "it raised Concretization"),
    "is_finite_on_extreme_inputs": ("jnp.maximum(count_C, 1)", "count_C", "inputs of 0"),
    "says_what_it_costs": ("return 2.0 * size * spec.num_labels + 2 * size", "return 0", "a positive number"),
    "is_local_if_it_says_so": ("import jax.numpy as jnp\n", "from jax import grad, numpy as jnp\n", "no gradient"),
    "solves_a_separable_problem": ("(new_CD - ", "(new_CD[::-1] - ", "accuracy 0.3"),
}
STREAMS = {
    "knows_nothing_that_is_held_out": ('data["x"][step.sample], step.y', 'data["probe_x"][step.sample % 9], step.y'),
    "is_as_it_announces_itself": ("(steps,), 1 / classes", "(steps + 1,), 1 / classes"),
    "what_has_come_does_not_depend_on_what_will": ('(data["x"][step', '(data["x"].mean() - data["x"][step'),
}


@pytest.fixture
def written(tmp_path):
    """Registers a changed copy of an example under its name for as long as the test lasts."""
    made = []

    def write(name, *changes):
        text = (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")
        for old, new in changes:
            assert text.count(old) == 1
            text = text.replace(old, new)
        (tmp_path / f"{name}.py").write_text(text)
        outside.bring([str(tmp_path / f"{name}.py")], installed=False)
        made.append(name)

    yield write
    for name in made:
        for registry in (learners.REGISTRY, streams.REGISTRY):
            if name in registry.code:
                del registry[name]
        for known in (outside.OUTSIDE, outside.IMPORTED, sys.modules):
            for key in [key for key in known if key.rpartition(".")[2] == name]:
                del known[key]
        outside._registered.discard(f"imported.{name}")


def tried(kind, module, name, held):
    """What becomes of one property, of the first subject of a name."""
    return conformance._tried(kind, name, getattr(module, held), module.subjects(name)[0])


@pytest.mark.parametrize("held", LEARNERS)
def test_a_learner_that_breaks_a_property_is_told_which(written, held):
    old, new, said = LEARNERS[held]
    written("own_learner", (old, new))
    outcome = tried("learner", of_learners, "own_learner", held)
    assert said in outcome.failure
    assert outcome.text.startswith(f"  FAILED   {held.replace('_', ' ')}: ")
    assert "\n" not in outcome.text


@pytest.mark.parametrize("held", STREAMS)
def test_a_stream_that_breaks_a_property_is_told_which(written, held):
    written("own_stream", STREAMS[held])
    outcome = tried("stream", of_streams, "own_stream", held)
    assert outcome.failure
    assert "raised" not in outcome.failure


@pytest.mark.slow
def test_the_examples_hold_what_these_change(written):
    written("own_learner")
    written("own_stream")
    assert not [held for held in LEARNERS if tried("learner", of_learners, "own_learner", held).failure]
    assert not [held for held in STREAMS if tried("stream", of_streams, "own_stream", held).failure]


def test_what_cannot_be_made_is_told_so_and_an_unknown_name_refused(written):
    written("own_learner", ('"""The learner for a stream that announces `spec`."""', "raise RuntimeError(spec)"))
    (outcome,) = conform("own_learner")
    assert outcome.held == "can_be_made"
    assert "it raised RuntimeError: Spec(input_shape=(5,), num_labels=3" in outcome.failure
    with pytest.raises(UsageError, match="unknown learner, stream, source or rule 'nothing'; known: "):
        list(conform("nothing"))


def test_rules_and_sources_have_their_cases():
    outcomes = list(conform("digits"))
    assert [one.held for one in outcomes][1:] == [held.__name__ for held in conformance.sources.PROPERTIES]
    assert not any(one.failure for one in outcomes)
    local = conformance._tried("rule", "epc", rules.is_as_local_as_it_says, "epc")
    assert local.text == "  no case  is as local as it says: it does not say that it is local"


@pytest.mark.slow
def test_the_command_ends_with_one_line_that_names_what_fails(tmp_path):
    text = (EXAMPLES / "own_source.py").read_text(encoding="utf-8").replace("scale=1.0", "scale=0.5")
    (tmp_path / "own_source.py").write_text(text)
    done = forked.run("pcl", "conform", "own_source", "--import=own_source.py", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout.startswith("source own_source\n  holds    can be made\n")
    assert "\n  FAILED   is finite and images fill their range: Training samples are finite; where" in done.stdout
    held = "source own_source: is_finite_and_images_fill_their_range"
    assert done.stderr == f"error: not all properties hold: {held}; see above for what would be right\n"
