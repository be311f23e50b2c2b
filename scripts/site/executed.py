"""Pages whose code is run: tutorials and notebooks. What such a page shows is what its code prints.

python -m scripts.site.executed docs/tutorials/*.md docs/notebooks/*.md    # run them and put what they print into them

Blocks of a page are run in order, in one folder that is empty at first:

    ```python                       is executed; all blocks share their names
    ```python title="mine.py"       is written to that file
    ```console                      lines that begin with `$ pcl` are run, as `pcl` would, in the same process
    ```text                         is what the block of Python, or of commands, before it printed; `…` is anything
    <!-- within 0.5 -->             before it: numbers may differ by so much, and blanks
    <!-- beside: own_stream.py -->  is a file of docs/examples that the reader has in the folder

What Python prints must be shown; what a command prints may be left out. Blanks at the ends of lines are.
"""

import contextlib
import importlib
import io
import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from absl import flags

from pcl import experiment, learners, network, outside, streams
from pcl.command import launch, parsed
from pcl.commands import COMMANDS
from pcl.errors import UsageError
from pcl.registry import OUTSIDE
from pcl.runner import devices
from pcl.streams import sources
from scripts.site.links import ROOT

ARGUMENTS = "pages: Markdown files of docs/tutorials and docs/notebooks"
DOCS = ROOT / "docs"
FOLDERS = ("tutorials", "notebooks")
BLOCK = re.compile(
    r"^(?:<!-- within (?P<within>[\d.]+) -->\n)?```(?P<kind>\w+)(?: title=\"(?P<title>[\w.]+)\")?\n"
    r"(?P<text>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
BESIDE = re.compile(r"^<!-- beside: (\w+\.py) -->$", re.MULTILINE)
SHOWN = re.compile(r"\n\n(?:<!-- within [\d.]+ -->\n)?```text\n")
NUMBER = re.compile(r"(-?\d[\d,]*(?:\.\d+)?(?:e[+-]?\d+)?)")
ANYTHING = "…"


class Shown(NamedTuple):
    """A block of printed text: what the page shows, what was printed, and by how much numbers may differ (0: not)."""

    line: int
    page: str
    printed: str
    within: float

    @property
    def agrees(self) -> bool:
        """Whether the page shows what was printed."""
        if self.within:
            return _near(self.page, self.printed, self.within)
        pattern = ".*?".join(map(re.escape, self.page.split(ANYTHING)))
        return re.fullmatch(pattern, self.printed, re.DOTALL) is not None


def _near(page: str, printed: str, within: float) -> bool:
    """Whether texts are the same but for blanks, and numbers but for `within`."""
    ours, theirs = (" ".join(NUMBER.sub("#", text).split()) for text in (page, printed))
    first, second = ([float(n.replace(",", "")) for n in NUMBER.findall(text)] for text in (page, printed))
    return ours == theirs and all(abs(a - b) <= within for a, b in zip(first, second, strict=True))


def pages() -> list[Path]:
    """All pages whose code is run."""
    return [path for folder in FOLDERS for path in sorted((DOCS / folder).glob("*.md")) if path.stem != "index"]


def run(page: Path, folder: Path) -> list[Shown]:
    """Run the code of a page in an empty folder; returns its blocks of printed text.

    Raises:
      UsageError: Python printed something that the page does not show.
    """
    text = page.read_text(encoding="utf-8")
    for name in BESIDE.findall(text):
        shutil.copy(DOCS / "examples" / name, folder)
    names: dict[str, Any] = {"__name__": "__main__"}
    found: list[Shown] = []
    printed = ""
    with contextlib.chdir(folder), _nothing_from_outside():
        for block in BLOCK.finditer(text):
            line = text[: block.start("text")].count("\n")
            if block["kind"] == "text":
                found.append(Shown(line + 1, block["text"], printed, float(block["within"] or 0)))
                printed = ""
            elif block["title"]:
                Path(block["title"]).write_text(block["text"], encoding="utf-8")
            elif block["kind"] == "console":
                printed = _printed(_type, block["text"])
            elif block["kind"] == "python":
                printed = _printed(exec, compile("\n" * line + block["text"], str(page), "exec"), names)
                if printed and not SHOWN.match(text, block.end()):
                    raise UsageError(f"{page.name}, line {line + 1}: the page does not show what this block prints")
    return found


def _printed(act: Callable[..., object], *arguments: Any) -> str:
    """What a call prints, without blanks at the ends of lines."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        act(*arguments)
    return re.sub(r"[ ]+$", "", printed.getvalue(), flags=re.MULTILINE)


def _type(lines: str) -> None:
    for typed in re.findall(r"^\$ (pcl .*)$", lines, re.MULTILINE):
        command(typed)


def command(typed: str) -> None:
    """Run a command line as `pcl` does, in this process; what came from outside is forgotten behind it.

    Raises:
      UsageError, flags.Error: as the command does.
    """
    words = shlex.split(typed, comments=True)[1:]
    name = words.pop(0) if words and not words[0].startswith("-") else "run"
    module = importlib.import_module(COMMANDS[name])
    try:
        with _nothing_from_outside():
            module.main(*_parsed(["pcl", *words])[1:])
    finally:
        _parsed(["pcl"])


def _parsed(argv: list[str]) -> list[str]:
    """Set all flags from a command line, those that it does not name to their defaults."""
    for name in flags.FLAGS:
        flags.FLAGS[name].unparse()
    return parsed(argv)


@contextlib.contextmanager
def _nothing_from_outside() -> Iterator[None]:
    """Entries, experiments and modules from outside are known inside alone."""
    path = [*sys.path]
    sys.path.insert(0, os.getcwd())
    registries: tuple[Any, ...] = (learners.REGISTRY, streams.REGISTRY, sources.SOURCES, network.rules.RULES)
    known = [set(registry) for registry in registries]
    modules = set(sys.modules)
    kept: list[tuple[Any, Any]] = [
        (held, held.copy()) for held in (OUTSIDE, experiment.OUTSIDE, outside.IMPORTED, outside._registered)
    ]
    try:
        yield
    finally:
        sys.path[:] = path
        for registry, before in zip(registries, known, strict=True):
            for name in set(registry) - before:
                del registry[name]
        for held, before in kept:
            held.clear()
            held.update(before)
        for name in set(sys.modules) - modules:
            file = getattr(sys.modules[name], "__file__", None)
            if name.startswith("imported.") or (file and Path(file).is_relative_to(os.getcwd())):
                del sys.modules[name]
        sources.source.cache_clear()


def renewed(page: Path, shown: list[Shown]) -> str:
    """The text of a page with what was printed in the place of what it shows; `…` stays where it holds."""
    texts = iter(shown)

    def one(block: re.Match[str]) -> str:
        if block["kind"] != "text":
            return block[0]
        said = next(texts)
        if said.agrees and not said.within:
            return block[0]
        start, end = (place - block.start() for place in block.span("text"))
        return block[0][:start] + said.printed + block[0][end:]

    return BLOCK.sub(one, page.read_text(encoding="utf-8"))


def main(*named: str) -> None:
    """Run pages, and put what they print, and the pictures that they draw, into them."""
    devices.configure()
    for page in map(Path, named):
        with tempfile.TemporaryDirectory() as folder:
            shown = run(page.resolve(), Path(folder))
            for picture in pictures(page):
                shutil.copy(drawn(Path(folder), picture), picture)
        page.write_text(renewed(page, shown), encoding="utf-8")
        print(f"{page}: {sum(not one.agrees for one in shown)} of {len(shown)} printed texts did not agree")


def pictures(page: Path) -> list[Path]:
    """The pictures that a page shows and its code draws: those of docs/figures."""
    names = re.findall(r"^!\[[^\]]+\]\(\.\./figures/([\w.]+)\)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return [DOCS / "figures" / name for name in names]


def drawn(folder: Path, picture: Path) -> Path:
    """Where the code of a page, run in `folder`, has drawn a picture.

    Raises:
      UsageError: it has not.
    """
    found = next(folder.rglob(picture.name), None)
    if found is None:
        raise UsageError(f"{picture.name}: the page shows it, and its code draws no such picture")
    return found


if __name__ == "__main__":
    launch(main, ARGUMENTS)
