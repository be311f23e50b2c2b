"""A static site over results that needs no network: every figure and table, comparisons, studies, measurements.

python -m scripts.report_site --out=build/report
python -m scripts.report_site --results_dir=reproduced/laptop --out=build/report --compare=split_digits,contexts

Shown is every figure and table that an experiment or a bench declares and that was made, each study, and a report of
what was made again. `--compare` writes comparison pages of further experiments from their records; those below figures/
are there anyway. Open `index.html` below --out.
"""

import csv
import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from absl import flags

from pcl.command import NAMES, folder_flag, launch
from pcl.commands import called
from pcl.errors import NoResults, UsageError
from pcl.evaluation.reproduced import VERDICTS
from pcl.experiment import Figure, Table
from pcl.figures import comparison, page, site
from pcl.folders import require_writable, write_whole
from pcl.runner import studies
from pcl.runner.store import Store

from .made_again import FOLDER as MADE_AGAIN
from .published import published

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder of the records, figures and tables.")
folder_flag("out", "build/report", "Folder of the site; existing files are overwritten.")
flags.DEFINE(NAMES, "compare", [], "Further experiments for which a comparison page is made from the records.")

COPIED = (".png", ".pdf", ".csv", ".md", ".tex", ".json", ".jsonl", ".html")
Listing = list[tuple[str, ...]]


def main() -> None:
    """Write the site and print its first page.

    Raises:
      UsageError: the results have no figure or table, or the folder cannot be written.
    """
    print(build(FLAGS.results_dir, FLAGS.out, FLAGS.compare))


def build(results_dir: Path, out: Path, compare: list[str] | None = None) -> Path:
    """Write the site of a results folder; returns its first page.

    Raises:
      UsageError: the results have no figure or table, an experiment to compare has no records, or the folder cannot be
        written.
    """
    for name in compare or ():
        Store(results_dir, name).records()
    if not [path for kind in ("figures", "tables") for path in results_dir.glob(f"{kind}/*.csv")]:
        raise NoResults(f"no figures or tables in {results_dir}: run `{called('figures')}` first")
    require_writable(out, "out")
    _copy(results_dir, out)
    figures, tables = [], Listing()
    for name, (declared, experiment) in published().items():
        if isinstance(declared, Table) and (out / f"tables/{name}.csv").exists():
            tables.append(_table(declared, experiment, out))
        elif isinstance(declared, Figure) and (out / f"figures/{name}.png").exists():
            figures.append(_figure(declared, experiment, out))
    for name in compare or ():
        found, command = Store(results_dir, name).records(), f"{called('compare')} {name}"
        made = comparison.document(found, f"Learners on {name}", command)
        write_whole(out / "figures" / f"compare_{name}.html", made.encode())
    sections = [
        site.part("figures", f'<div class="panels">\n{"".join(figures)}</div>\n' if figures else ""),
        _part(out, "tables", ("table", "shows", "experiment", "files"), tables),
        _part(out, "comparisons", ("page", "files"), list(_comparisons(out))),
        _part(out, "studies", ("study", "best settings", "files"), list(_studies(out))),
        _part(out, "made_again", ("file", "holds", "files"), list(_made_again(out))),
        _part(out, "measurements", ("file", "lines", "files"), list(_measurements(out))),
    ]
    about = "Every figure and table with its numbers. Accuracies in %, means over seeds with 95 % intervals."
    write_whole(out / "index.html", site.document("Results of pcl", about, sections, "").encode())
    return out / "index.html"


def _copy(results_dir: Path, out: Path) -> None:
    """Figures, tables and other files of the results, but no records."""
    found = [path for folder in ("figures", "tables", MADE_AGAIN) for path in results_dir.glob(f"{folder}/*")]
    found += [*results_dir.glob("*.jsonl"), *results_dir.glob("*.csv"), *results_dir.glob(f"{studies.FOLDER}/*/*")]
    try:
        for path in (path for path in found if path.suffix in COPIED and not path.name.startswith(".")):
            target = out / path.relative_to(results_dir)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
    except OSError as error:
        raise UsageError(f"cannot copy to {out} ({error.strerror or error}): name another folder with --out") from error


def _part(out: Path, name: str, head: tuple[str, ...], rows: Listing) -> str:
    return site.part(name, *([site.listed(name.capitalize(), head, rows)] if rows else []))


def _figure(declared: Figure, experiment: str, out: Path) -> str:
    image = f"figures/{declared.name}.png"
    source = f" Experiment: {experiment}." if experiment else ""
    return site.figure(declared.name, declared.caption + source, image, _files(out, f"figures/{declared.name}"))


def _files(out: Path, stem: str) -> dict[str, str]:
    """The files of a figure or table below the site, by their kind."""
    paths = sorted((out / stem).parent.glob(f"{Path(stem).name}.*"))
    return {path.suffix[1:].upper(): str(path.relative_to(out)) for path in paths if path.suffix in COPIED[:5]}


def _lines(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _page(out: Path, path: str, title: str, about: str, table: str, more: Mapping[str, str]) -> None:
    """Write a page of one table beside its file."""
    home = "../" * path.count("/")
    links = site.files({text: home + address for text, address in more.items()})
    write_whole(out / path, site.document(title, about, [links, table], home).encode())


def _table(declared: Table, experiment: str, out: Path) -> tuple[str, ...]:
    """Write the page of a table; returns its line on the first page."""
    name, lines = declared.name, _lines(out / f"tables/{declared.name}.csv")
    of_records = bool(lines) and "metric" in lines[0]
    made = site.records(name, lines, declared.metrics.split(",")) if of_records else site.plain(name, lines)
    files = _files(out, f"tables/{name}")
    _page(out, f"tables/{name}.html", name, declared.caption, made, files)
    return site.link(name, f"tables/{name}.html"), page.text(declared.caption), experiment or "-", site.files(files)


def _comparisons(out: Path) -> Iterator[tuple[str, ...]]:
    for path in sorted((out / "figures").glob("*.html")):
        name = path.stem.removeprefix("compare_")
        yield site.link(name, f"figures/{path.name}"), site.files({"HTML": f"figures/{path.name}"})


def _studies(out: Path) -> Iterator[tuple[str, ...]]:
    for path in sorted(out.glob(f"{studies.FOLDER}/*/study.json")):
        study = studies.named(out, path.parent.name)
        trials, stem = _lines(path.with_name("trials.csv")), f"{studies.FOLDER}/{path.parent.name}"
        files = {"CSV": f"{stem}/trials.csv", "JSON": f"{stem}/study.json"}
        asked, winners = study.about["asked"], study.about["winners"]
        best = "; ".join(f"{name}: {json.dumps(of['settings'])}, {of['value']:.6g}" for name, of in winners.items())
        about = f"{asked['method']} on {asked['stream']}, by {asked['metric']}, decided by {asked['decided_by']}."
        if trials:
            _page(out, f"{stem}/trials.html", f"Study {study.folder.name}", about, site.plain("Trials", trials), files)
        name = site.link(study.folder.name, f"{stem}/trials.html") if trials else page.text(study.folder.name)
        yield name, page.text(best), site.files(files)


def _made_again(out: Path) -> Iterator[tuple[str, ...]]:
    """The tables of the report of what was made again, each with a page."""
    for path in sorted((out / MADE_AGAIN).glob("*.csv")):
        lines, stem = _lines(path), f"{MADE_AGAIN}/{path.stem}"
        if not lines:
            continue
        said = [line.get("verdict", "") for line in lines]
        known = dict.fromkeys([*(one for one in VERDICTS if one in said), *sorted(set(said))])
        counts = ", ".join(f"{said.count(one):,} {one}" for one in known if one) or f"{len(lines):,} lines"
        title, made = f"Reproduction: {path.stem}", site.plain(path.stem, lines)
        _page(out, f"{stem}.html", title, f"{counts}.", made, _files(out, stem))
        yield site.link(path.stem, f"{stem}.html"), page.text(counts), site.files(_files(out, stem))


def _measurements(out: Path) -> Iterator[tuple[str, ...]]:
    """Files beside the experiments: lines of benches, and other measurements."""
    for path in sorted([*out.glob("*.jsonl"), *out.glob("*.csv")]):
        lines = path.read_text(encoding="utf-8").count("\n") - (path.suffix == ".csv")
        yield page.text(path.stem), f"{lines:,}", site.files({path.suffix[1:].upper(): path.name})


if __name__ == "__main__":
    launch(main)
