"""Registries: every module of a package that ends in its entry is listed under its own name. Imports no JAX."""

import ast
import functools
import importlib
import importlib.util
import pkgutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from pcl.errors import UsageError, unknown

E = TypeVar("E")


class Registry(dict[str, E], Generic[E]):
    """Entries of one kind by name, in alphabetical order; an unknown name is a `UsageError`.

    A file in the package is enough to be listed: nothing else names it. Modules without an entry, which is called as
    `end` says, are parts of others.
    """

    def __init__(self, kind: str, of: type[E], package: str, end: str = "ENTRY") -> None:
        super().__init__()
        self.kind, self.of, self.end = kind, of, end
        for found in sorted(pkgutil.iter_modules(sys.modules[package].__path__), key=lambda found: found.name):
            module = importlib.import_module(f"{package}.{found.name}")
            if hasattr(module, end):
                self.register(module)

    def __missing__(self, name: str) -> E:
        raise unknown(self.kind, name, self)

    def register(self, module: ModuleType) -> None:
        """List the entry of a module, from wherever it comes, under the last part of its name.

        Raises:
          UsageError: the module ends in no entry of this kind, or the name is taken.
        """
        name = module.__name__.rpartition(".")[2]
        entry = getattr(module, self.end, None)
        if not isinstance(entry, self.of):
            raise UsageError(f"{module.__name__}: {self.end} is {type(entry).__name__}; expected that of a {self.kind}")
        if name in self:
            raise UsageError(f"{module.__name__}: there is a {self.kind} '{name}' already; give the file another name")
        self[name] = entry


@functools.cache
def declared(package: str, field: str) -> dict[str, Any]:
    """What the entries of a package say of one field, by name, where they state it: read without importing them.

    Figures and analysis need a label, and no JAX. So the value is a literal in the module's last statement.
    """
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    found = {}
    for module in pkgutil.iter_modules(spec.submodule_search_locations):
        assert isinstance(module.module_finder, importlib.machinery.FileFinder)
        path = Path(module.module_finder.path, module.name)
        text = (path / "__init__.py" if module.ispkg else path.with_suffix(".py")).read_text()
        last = ast.parse(text).body[-1]
        if (
            isinstance(last, ast.Assign)
            and ast.unparse(last.targets[0]) == "ENTRY"
            and isinstance(last.value, ast.Call)
        ):
            stated = {keyword.arg: keyword.value for keyword in last.value.keywords}
            if field in stated:
                found[module.name] = ast.literal_eval(stated[field])
    return dict(sorted(found.items()))
