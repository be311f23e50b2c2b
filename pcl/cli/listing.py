"""Lists of experiments, learners, streams, sources, rules and sinks, and the description of one: settings and use."""

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from tabulate import tabulate

from pcl import learners, streams
from pcl.errors import unknown
from pcl.experiment import Arm, Experiment, experiment_names, load_experiment
from pcl.fields import as_dict, fields, is_static
from pcl.network.inference import Rule
from pcl.network.rules import RULES
from pcl.sinks import SINKS
from pcl.streams.sources import SOURCES
from pcl.streams.sources.datasets import SourceEntry
from pcl.streams.sources.own import Options
from pcl.types import LearnerEntry, StreamEntry


def listing() -> str:
    """One line for each experiment, learner with its settings, stream with its settings, source, rule and sink."""
    sections = {
        "experiments": {name: load_experiment(name).claim.strip().partition("\n")[0] for name in experiment_names()},
        "learners": {name: f"{e.summary}{_settings(e.hparams)}" for name, e in learners.REGISTRY.items()},
        "streams": {name: f"{e.summary}{_settings(e.config)}" for name, e in streams.REGISTRY.items()},
        "sources": {name: e.summary for name, e in SOURCES.items()},
        "rules": {name: _sentence(about_rule(rule).values()) for name, rule in RULES.items()},
        "sinks": {name: entry.summary for name, entry in SINKS.items()},
    }
    lines = []
    for title, members in sections.items():
        width = max(map(len, members))
        lines += [title, *(f"  {name:{width}}  {text}" for name, text in members.items())]
    return "\n".join(lines)


def _settings(config: object) -> str:
    """Names and defaults; a star marks static settings."""
    values = as_dict(config)  # an entry may have other defaults than the fields of its class
    texts = [f"{name}={values[name]}{'*' if is_static(field) else ''}" for name, field in fields(config).items()]
    return f" ({', '.join(texts)})" if texts else ""


def description(name: str) -> str:
    """Descriptions and settings of everything that is called `name`.

    Raises:
      UsageError: nothing is called so.
    """
    found = list(_described(name))
    if not found:
        known = {*experiment_names(), *learners.REGISTRY, *streams.REGISTRY, *SOURCES, *RULES, *SINKS, OPTIONS}
        raise unknown("experiment, learner, stream, source, rule or sink", name, known)
    return "\n\n".join(found)


def _described(name: str) -> Iterator[str]:
    if name in learners.REGISTRY:
        yield _page("learner", name, about_learner(learners.REGISTRY[name]), learners.REGISTRY[name].hparams)
    if name in streams.REGISTRY:
        yield _page("stream", name, about_stream(streams.REGISTRY[name]), streams.REGISTRY[name].config)
    if name in SOURCES:
        yield _page("source", name, about_source(SOURCES[name]))
    if name in RULES:
        yield _page("rule", name, about_rule(RULES[name]))
    if name in SINKS:
        yield _page("sink", name, {"": SINKS[name].summary, "library": SINKS[name].needs or "none"})
    if name == OPTIONS:
        yield _page("options", "of --source_options", {"": "options of reading your own file"}, Options())
    if name in experiment_names():
        yield _page("experiment", name, about_experiment(load_experiment(name)))


def _page(kind: str, name: str, about: dict[str, str], config: Any = None) -> str:
    lines = [f"{kind} {name}", *(f"  {key}: {text}" if key else f"  {text}" for key, text in about.items())]
    if config is not None and (rows := settings(config)):
        lines.append(tabulate(rows, SETTING, disable_numparse=True))
    return "\n".join(lines)


SETTING = ("setting", "default", "admissible", "kind", "meaning")


def settings(config: Any) -> list[tuple[str, ...]]:
    """The settings of a configuration, one row each, with the columns of `SETTING`."""
    values = as_dict(config)
    return [
        (
            name,
            str(values[name]),
            _admissible(field),
            "static" if is_static(field) else "traced",
            field.metadata["help"],
        )
        for name, field in fields(config).items()
    ]


def _admissible(field: dataclasses.Field) -> str:
    """The choices or the range of a setting."""
    rules: Any = field.metadata
    if type(field.default) is bool:
        return "True, False"
    if rules.get("choices"):
        return ", ".join(rules["choices"])
    return f"{rules['low']} to {rules['high']}" if (rules["low"], rules["high"]) != (-INF, INF) else "any"


INF = float("inf")
OPTIONS = "source_options"


def about_learner(entry: LearnerEntry) -> dict[str, str]:
    """Facts about a learner by their name; the summary is under the empty key."""
    able = [what for what, can in (("labels", entry.labels), ("real targets", entry.targets)) if can]
    local = "local" if entry.local else "not local: gradients cross layers"
    told = "told the task of each sample" if entry.told else "not told tasks"
    return {"": entry.summary, "predicts": ", ".join(able), "learning": f"{local}; {told}"}


def about_stream(entry: StreamEntry) -> dict[str, str]:
    """Facts about a stream by their name; the summary is under the empty key."""
    return {
        "": entry.summary,
        "tasks": "contexts" if entry.contexts else "classes, or none",
    }


def about_source(entry: SourceEntry) -> dict[str, str]:
    """Facts about a source by their name; the summary is under the empty key."""
    if entry.made:
        return {"": entry.summary, "samples": repr(entry.made)}
    files = "embedded" if entry.embedded else ", ".join(entry.files) or f"prepared as {entry.tfds_name}"
    order = "in time order" if entry.in_time_order else "without an order"
    shape = "x".join(map(str, entry.shape))
    return {"": entry.summary, "samples": f"{shape}, {entry.num_classes} classes, {order}", "files": files}


LEARNS = {
    "settled": "weights learn after inference, from the settled activities",
    "feedforward": "weights learn after inference, from the settled errors and the feed-forward activities",
    "meanwhile": "weights learn at every step of inference",
}


def about_rule(rule: Rule) -> dict[str, str]:
    """Facts about an inference rule by their name; whether it is local is under the empty key."""
    return {"": "local" if rule.local else "not local", "weights": LEARNS[rule.learns], "halts": ", ".join(rule.halts)}


def _sentence(texts: Iterable[str]) -> str:
    return "; ".join(texts)


def about_experiment(experiment: Experiment) -> dict[str, str]:
    """Facts about an experiment by their name; its claim is under the empty key."""
    streams_of = [f"{name} ({s.kind}{''.join(f' {k}={v}' for k, v in s.settings.items())})"
                  for name, s in experiment.streams.items()]  # fmt: skip
    shown = [*(one.name for one in experiment.tables), *(one.name for one in experiment.figures)]
    return {
        "": experiment.claim.strip().replace("\n", "\n  "),
        "learners": ", ".join(experiment.learners),
        "streams": ", ".join(streams_of),
        "runs": "; ".join(_arm(experiment.named(arm)) for arm in experiment.arms) or "none yet",
        "shows": ", ".join(shown) or "no table or figure",
    }


def _arm(arm: Arm) -> str:
    settings = "".join(f" {text}" for text in arm.settings)
    return f"{', '.join(arm.learners)} on {', '.join(arm.streams)} with {arm.seeds} seeds{settings}"
