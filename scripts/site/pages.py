"""Pages of what is registered: a page for each learner, stream, source, rule, metric and experiment."""

import functools
import importlib
import re
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import jax

from pcl import learners, streams
from pcl.cli import listing
from pcl.evaluation.catalogue import METRICS
from pcl.experiment import Experiment, Figure
from pcl.fields import as_dict
from pcl.network.rules import RULES
from pcl.streams.sources import SOURCES
from pcl.types import LearnerEntry, Spec
from scripts.published import published
from scripts.site import records
from scripts.site.links import ROOT
from scripts.site.text import docstring, prose, table

IMAGE, VECTOR = Spec((64,), 10), Spec((64,), 0, 64)  # what costs are given for: digits, and sequences of 64 numbers
BATCH = 10
MANY = 8  # figures of an experiment with so many learners are not shown on the pages of learners
UNSEARCHED = "---\nsearch: {exclude: true}\n---\n\n"  # code and tables would drown the pages


class Kind(NamedTuple):
    """Entries that have pages: their title, themselves by name, their package, and what a page says of one."""

    title: str
    entries: Mapping[str, Any]
    package: str
    about: Callable[[str, Any], str]


INTRO = {
    "learners": "A learner predicts, and learns from each sample as it arrives. [How to choose one](docs/choosing.md).",
    "streams": "A stream says what arrives at each step.",
    "sources": "A source is a set of labelled samples. [Your own](docs/own_data.md).",
    "rules": "A rule says how the activities of a network settle. [What settling is](docs/concepts.md#settling).",
    "metrics": "Every metric is computed from records. [How to read them](docs/reading.md).",
    "experiments": "An experiment is a claim, the runs that test it, and what shows it. [Findings](docs/findings.md)."
    " Times are those of the published runs, by their records; each page names the machines."
    " [Time of everything](docs/requirements.md#how-long-it-takes).",
}
MORE = {"experiments": ("published runs", "time")}  # further columns of a list


def kinds() -> dict[str, Kind]:
    """All kinds of entries, by the folder of their pages."""
    return {
        "learners": Kind("Learners", learners.REGISTRY, "pcl.learners", _learner),
        "streams": Kind("Streams", streams.REGISTRY, "pcl.streams", _stream),
        "sources": Kind("Sources", SOURCES, "pcl.streams.sources", _source),
        "rules": Kind("Inference rules", RULES, "pcl.network.rules", _rule),
        "metrics": Kind("Metrics", METRICS, "", _metric),
        "experiments": Kind("Experiments", records.experiments(), "pcl.experiments", _experiment),
    }


def navigation() -> dict[str, Any]:
    """The part of the navigation that these pages are."""
    sections: list[dict[str, Any]] = []
    for folder, kind in kinds().items():
        of_kind = [{name: f"reference/{folder}/{name}.md"} for name in kind.entries]
        sections.append({kind.title: [f"reference/{folder}/index.md", *of_kind]})
    return {"Reference": sections}


def pages() -> dict[str, str]:
    """All pages by their place; links in them are relative to the root of the repository."""
    found = {"sweeps.md": section("README.md", "Sweeps")}
    for folder, kind in kinds().items():
        links = {name: f"[`{name}`](docs/reference/{folder}/{name}.md)" for name in kind.entries}
        rows = [(link, summary(folder, name), *_more(folder, name)) for name, link in links.items()]
        listed = table(("name", "what it is", *MORE.get(folder, ())), rows)
        found[f"reference/{folder}/index.md"] = f"# {kind.title}\n\n{INTRO[folder]}\n\n{listed}\n"
        for name, entry in kind.entries.items():
            head = f"---\ntitle: {name} ({folder})\n---\n\n# `{name}`"
            said = summary(folder, name)
            parts = [head, f"{said[:1].upper()}{said[1:].rstrip('.')}.", note(folder, name), kind.about(name, entry)]
            found[f"reference/{folder}/{name}.md"] = "\n\n".join(part for part in parts if part) + "\n"
    return found


def unnamed() -> list[Path]:
    """Pages of docs that mkdocs.yml does not name: they stand behind the guides, and below the first page."""
    named = (ROOT / "docs/site/mkdocs.yml").read_text(encoding="utf-8")
    return [path for path in sorted((ROOT / "docs").glob("*.md")) if not re.search(rf"[ -]{path.name}\b", named)]


def more() -> str:
    """What the first page says of these."""
    titles = [(path.read_text(encoding="utf-8").partition("\n")[0].lstrip("# "), path.name) for path in unnamed()]
    links = ", ".join(f"[{title}]({name})" for title, name in titles)
    return f"\nMore guides: {links}.\n" if links else ""


def of_file(path: PurePosixPath) -> str:
    """A page for a file or folder of the repository: a Markdown file as it is, else the text."""
    full = ROOT / path
    if path.suffix == ".md":
        text = full.read_text(encoding="utf-8")
        return text if text.startswith("# ") else f"{UNSEARCHED}# `{path.name}`\n\n{text}"
    full = full / "__init__.py" if full.is_dir() else full
    kind = "python" if full.suffix == ".py" else "text"
    return f"{UNSEARCHED}# `{path}`\n\n````{kind}\n{full.read_text(encoding='utf-8')}````\n"


def section(file: str, title: str) -> str:
    """One section of a Markdown file as a page; its headings become one level higher."""
    (text,) = re.findall(rf"^## {title}\n(.*?)(?=^## |\Z)", (ROOT / file).read_text(encoding="utf-8"), re.M | re.S)
    return f"# {title}\n" + re.sub(r"^##(#+ )", r"#\1", text, flags=re.M)


@functools.cache
def notes(folder: str) -> dict[str, str]:
    """The notes of docs/notes on entries of one kind, by name: equation, when to use it and when not."""
    path = ROOT / "docs" / "notes" / f"{folder}.md"
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    parts = re.split(r"^## (\S+)\n", text.replace("](../", "](docs/"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], (part.strip() for part in parts[2::2]), strict=True))


def note(folder: str, name: str) -> str:
    """The note on an entry; names that end in a number may share one, which is called with N in its place."""
    known = notes(folder)
    return known.get(name) or known.get(re.sub(r"\d+$", "N", name), "")


def summary(folder: str, name: str) -> str:
    """One line on an entry."""
    entry = kinds()[folder].entries[name]
    if isinstance(entry, Experiment):
        return prose(entry.claim.strip().partition("\n")[0])
    if folder == "metrics":
        return prose(entry.meaning)
    if folder == "rules":
        return prose((module_of("pcl.network.rules", name).__doc__ or "").partition("\n")[0])
    return prose(entry.summary)


def _more(folder: str, name: str) -> tuple[str, ...]:
    if folder not in MORE:
        return ()
    total = records.total(name)
    return (f"{total.runs:,}", total.time) if total.runs else ("none yet", "")


def module_of(package: str, name: str) -> Any:
    """The module that an entry is in: of its name, in the package or in a folder of it."""
    folder = Path(importlib.import_module(package).__file__ or "").parent
    direct = (folder / name, folder / f"{name}.py")
    path = next((one for one in (*direct, *folder.glob(f"*/{name}.py")) if one.exists()), direct[0])
    return importlib.import_module(".".join((package, *path.relative_to(folder).with_suffix("").parts)))


def _written(folder: str, name: str) -> str:
    module = module_of(kinds()[folder].package, name)
    return f"{docstring(module.__doc__ or '')}\n\nSource: [`{module.__name__}`]({records.path_of(module.__file__)})."


def settings(config: Any) -> str:
    """The table of settings."""
    rows = listing.settings(config)
    if not rows:
        return "It has no settings."
    escaped = [(f"`{name}`", f"`{default}`", *map(prose, rest)) for name, default, *rest in rows]
    return "## Settings\n\n" + table(listing.SETTING, escaped)


def _facts(about: Mapping[str, str]) -> str:
    return "\n".join(f"- {key.capitalize()}: {prose(text)}." for key, text in about.items() if key)


def _learner(name: str, entry: LearnerEntry) -> str:
    ours = records.numbers(lambda row: row["learner"] == name)
    few = (e for e in records.experiments().values() if name in e.learners and len(e.learners) < MANY)
    shown = records.figures(figure for experiment in few for figure in experiment.figures)
    return "\n\n".join((
        _facts(listing.about_learner(entry)), _written("learners", name),
        "## Cost", cost(name, entry), settings(entry.hparams),
        "## Numbers", ours or "No committed table has this learner yet.", *(["## Figures", shown] if shown else []),
    ))  # fmt: skip


def cost(name: str, entry: LearnerEntry) -> str:
    """Operations of a sample and bytes of the state, with default settings."""
    spec = IMAGE if entry.labels else VECTOR
    learner, hp = learners.make(name, spec)
    steps = as_dict(hp).get("inference_steps", 0)
    flops, ratio = entry.flops(spec, hp, steps, BATCH), learners.cost_ratio(name, spec, hp, steps, BATCH)
    state = jax.eval_shape(learner.init, jax.random.key(0), hp)
    size = sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
    settled = f" and {steps} steps of inference, the most" if steps else ""
    return (
        f"With 64 inputs, {spec.outputs} {'classes' if entry.labels else 'targets'}, batches of {BATCH}{settled}: "
        f"{float(flops):,.0f} floating-point operations a learned sample, {float(ratio):.3g} times those of "
        f"backpropagation on the same architecture, and a state of {size:,} bytes."
    )


def _stream(name: str, entry: Any) -> str:
    used = [e for e in records.experiments().values() if name in {s.kind for s in e.streams.values()}]
    links = ", ".join(f"[`{e.name}`](docs/reference/experiments/{e.name}.md)" for e in used) or "none yet"
    shown = records.figures(figure for experiment in used[:2] for figure in experiment.figures)
    return "\n\n".join((
        _facts(listing.about_stream(entry)), _written("streams", name),
        settings(entry.config), f"## Experiments\n\n{links}.", *(["## Figures", shown] if shown else []),
    ))  # fmt: skip


def _source(name: str, entry: Any) -> str:
    used = [e.name for e in records.experiments().values()
            if name in {s.settings.get("source") for s in e.streams.values()}]  # fmt: skip
    links = ", ".join(f"[`{e}`](docs/reference/experiments/{e}.md)" for e in used) or "none yet"
    return "\n\n".join((
        _facts(listing.about_source(entry)), _written("sources", name),
        f"## Experiments\n\n{links}.",
    ))  # fmt: skip


def _rule(name: str, rule: Any) -> str:
    rate = "none" if rule.rate is None else f"{rule.rate:g}"
    about = {**listing.about_rule(rule), "own rate": rate, "local": "yes" if rule.local else "no"}
    figure, _ = published()["fig_equilibrium"]
    assert isinstance(figure, Figure)
    return "\n\n".join((
        _facts(about), _written("rules", name), "## Figures", records.figures([figure]),
        "Times beside other libraries: [`tab_bench_inference`](results/tables/tab_bench_inference.md).",
    ))  # fmt: skip


def _metric(name: str, metric: Any) -> str:
    better = "Less is better." if metric.less else "It is a curve." if metric.curve else "More is better, if anything."
    unit = metric.unit or ("yes or no" if metric.truth else "a pure number")
    found = records.numbers(lambda row: True, name)
    return "\n\n".join((
        f"- Unit: {prose(unit)}.\n- {better}",
        "## Numbers", found or "No committed table has it.",
    ))  # fmt: skip


def _experiment(name: str, experiment: Experiment) -> str:
    about = listing.about_experiment(experiment)
    made = [f"[`{t.name}`](results/tables/{t.name}.md): {prose(t.caption)}" for t in experiment.tables
            if (ROOT / f"results/tables/{t.name}.md").exists()]  # fmt: skip
    shown = records.figures(experiment.figures)
    source = records.path_of(module_of("pcl.experiments", name).__file__ or "")
    total = records.total(name)
    said = f"The {total.runs:,} published runs took {total.time}, compilation included ({'; '.join(total.machines)})."
    said = said if total.runs else "No run is published yet."
    return "\n\n".join((
        docstring(experiment.claim.strip().partition("\n")[2].strip()), f"Source: [`{source}`]({source}).",
        "## Runs", _facts({key: about[key] for key in ("learners", "streams", "runs")}),
        f"```console\n$ python -m experiments.run --experiment={name}\n```", said,
        "## Tables", "\n".join(f"- {line}" for line in made) or "None was made yet.",
        *(["## Figures", shown] if shown else []),
    ))  # fmt: skip
