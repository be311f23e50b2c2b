"""Check every cell of the table of peers against the repositories: what stands where it is said to, what is not found.

python -m scripts.peers.check --clones=FOLDER

FOLDER/<library> holds the repository at the commit that the library's file names, and FOLDER/<library>-<version> the
package as it was published, unpacked; names as in `scripts/peers`. One line for each cell that does not hold. What is
not found is searched in the texts and in the cells of notebooks, without the output that they hold.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from absl import flags

from pcl.command import folder_flag, launch
from pcl.errors import UsageError

from . import NOT_CHECKED, NOT_FOUND, Cell, Library, features, libraries

FLAGS = flags.FLAGS
folder_flag("clones", None, "Folder of the repositories, and of the published packages, by name.")

TEXTS = {".py", ".pyi", ".md", ".rst", ".toml", ".yml", ".yaml", ".txt", ".json", ".ipynb"}


def main() -> None:
    """Print a line for each cell that does not hold, and how many do.

    Raises:
      UsageError: a cell does not hold, or there is no such folder.
    """
    if FLAGS.clones is None or not Path(FLAGS.clones).is_dir():
        raise UsageError(f"--clones={FLAGS.clones}: name the folder of the repositories")
    wrong, held = list[str](), 0
    for one in libraries():
        if not one.repository:
            continue
        roots = folders(one, Path(FLAGS.clones))
        texts = {str(path): text for root in roots.values() for path, text in _texts(root)}
        for feature in features():
            cell = one.cell(feature)
            why = fault(cell, roots, texts)
            held += not why and cell.says != NOT_CHECKED
            wrong += [f"{one.name}, {feature.feature}: {why}"] if why else []
    print(*wrong, f"{held} cells hold", sep="\n", flush=True)
    if wrong:
        raise UsageError(f"{len(wrong)} cells do not hold; see above")


def folders(one: Library, clones: Path) -> dict[bool, Path]:
    """Where a library lies: False its repository, True its published package."""
    found = {False: clones / one.name} if one.commit else {}
    if one.release:
        found[True] = clones / f"{one.name}-{one.release['version']}"
    for path in found.values():
        if not path.is_dir():
            raise UsageError(f"--clones: there is no {path}")
    return found


def fault(cell: Cell, roots: dict[bool, Path], texts: dict[str, str]) -> str:
    """Why a cell does not hold; nothing if it does, or if it rests on what is not in files."""
    if cell.says == NOT_CHECKED or cell.history:
        return ""
    if cell.says == NOT_FOUND:
        wanted = re.compile(cell.searched, re.IGNORECASE)
        hits = [path for path, text in texts.items() if wanted.search(text)]
        return f"/{cell.searched}/ is found in {', '.join(hits[:3])}" if hits else ""
    path = roots[cell.release] / cell.path
    if not path.exists():
        return f"there is no {cell.path}"
    if cell.counts:
        files = (file.read_text(encoding="utf-8", errors="replace") for file in path.rglob("*.py"))
        counted = sum(len(re.findall(cell.counts, text, re.MULTILINE)) for text in files)
        return "" if cell.says == str(counted) else f"counted {counted}"
    has = re.search(cell.has, path.read_text(encoding="utf-8", errors="replace"), re.IGNORECASE)
    return "" if has else f"/{cell.has}/ does not stand in {cell.path}"


def _texts(root: Path) -> Iterator[tuple[Path, str]]:
    for path in sorted(root.rglob("*")):
        if path.suffix in TEXTS and path.is_file() and ".git" not in path.parts:
            text = path.read_text(encoding="utf-8", errors="replace")
            yield path, _cells(text) if path.suffix == ".ipynb" else text


def _cells(notebook: str) -> str:
    """What was written into a notebook, without pictures and other output."""
    return "\n".join("".join(cell["source"]) for cell in json.loads(notebook)["cells"])


if __name__ == "__main__":
    launch(main)
