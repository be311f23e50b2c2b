"""A digest of the source of a module, and of the user's own modules that it imports."""

import ast
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType


def digest(module: ModuleType) -> str | None:
    """The digest of a module's file and of the files of its own modules that it imports, directly or not.

    Its own modules are those of the same package and those below the folder of its file, not libraries. None where the
    module has no file. Names and folders do not change the digest.
    """
    file = getattr(module, "__file__", None)
    if file is None:
        return None
    found: dict[str, str] = {}
    todo = [module]
    while todo:
        one = todo.pop()
        path = Path(getattr(one, "__file__", None) or "")  # modules that are built in have none
        if one.__name__ not in found and path.suffix == ".py" and _is_own(one, module):
            source = path.read_bytes()
            found[one.__name__] = hashlib.sha256(source).hexdigest()
            todo += [sys.modules[name] for name in _imported(one, source) if name in sys.modules]
    return hashlib.sha256(" ".join(sorted(found.values())).encode()).hexdigest()[:16]


def _is_own(one: ModuleType, of: ModuleType) -> bool:
    package = of.__name__.partition(".")[0]
    beside = Path(one.__file__ or "").is_relative_to(Path(of.__file__ or "").parent)
    return one is of or beside or (package == one.__name__.partition(".")[0])


def _imported(module: ModuleType, source: bytes) -> Iterator[str]:
    """Full names of all modules that a module's statements may import, parent packages included."""
    package = module.__spec__.parent if module.__spec__ else ""
    for node in ast.walk(ast.parse(source)):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = importlib.util.resolve_name("." * node.level + base, package)
            names = [base, *(f"{base}.{alias.name}" for alias in node.names)]
        for name in names:
            parts = name.split(".")
            yield from (".".join(parts[:end]) for end in range(1, len(parts) + 1))
