"""Registries: every module of a package that ends in its entry is listed under its own name. Imports no JAX.

Entries from outside the package are registered beside them (`Registry.register`, `pcl.outside`).
"""

import ast
import contextlib
import functools
import importlib
import importlib.util
import pkgutil
import re
import sys
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar

from pcl.digest import digest
from pcl.errors import UsageError, shown, unknown

E = TypeVar("E")

FOLDERS = {"pcl.learners": ("strategies",)}  # of a package, whose modules are listed with its own
MADE_FROM = re.compile(r"\b(\w+)\.ENTRY\b")
UNSAID = object()  # the value of a field that no file gives
OUTSIDE: dict[str, Path] = {}  # files of modules from outside, by the last part of the module's name (`pcl.outside`)


class Registry(dict[str, E], Generic[E]):
    """Entries of one kind by name: those of the package in alphabetical order, then those from outside.

    An unknown name is a `UsageError`. A file in the package is enough to be listed: nothing else names it. Modules
    without an entry (a variable called `end`) are parts of others.

    code: for entries from outside, the digest of their source (`pcl.digest`); None if it is in no file.
    """

    def __init__(self, kind: str, of: type[E], package: str, end: str = "ENTRY") -> None:
        super().__init__()
        self.kind, self.of, self.end = kind, of, end
        self.code: dict[str, str | None] = {}
        places = [package, *(f"{package}.{folder}" for folder in FOLDERS.get(package, ()))]
        found = [(one.name, place) for place in places for one in pkgutil.iter_modules(_path(place))]
        for name, place in sorted(found):
            module = importlib.import_module(f"{place}.{name}")
            if hasattr(module, end):
                self._list(name, getattr(module, end), module.__name__)

    def __missing__(self, name: str) -> E:
        raise UsageError(f"{unknown(self.kind, name, self)}; name your own with --import, or register it")

    def __delitem__(self, name: str) -> None:
        super().__delitem__(name)
        self.code.pop(name, None)

    def register(self, given: ModuleType | E, name: str = "") -> None:
        """Register an entry from outside the package: that of a module, or an entry with its `name`.

        A module's entry has the last part of the module's name. The digest of its source is part of the identity of
        runs, so that an edited learner makes other runs.

        Raises:
          UsageError: it is no entry of this kind, or the name is missing, taken or no Python identifier.
        """
        if isinstance(given, ModuleType):
            name = name or given.__name__.rpartition(".")[2]
            self._list(name, getattr(given, self.end, None), given.__name__)
            made_by: ModuleType | None = given
            if file := getattr(given, "__file__", None):
                OUTSIDE.setdefault(name, Path(file))
        elif not name:
            raise UsageError(f"a {self.kind} without a name: write register(entry, name='…')")
        else:
            self._list(name, given, name)
            made_by = _maker(given)
        self.code[name] = digest(made_by) if made_by else None

    def digest(self, name: str) -> str:
        """The digest of the file of an entry from outside.

        Raises:
          UsageError: it has no file, so that edited code could not be told from it.
        """
        found = self.code[name]
        if found is None:
            raise UsageError(f"{self.kind} {name} is in no file: put it into one, so that records can identify it")
        return found

    def _list(self, name: str, entry: Any, where: str) -> None:
        if not isinstance(entry, self.of):
            raise UsageError(f"{where}: {self.end} is {type(entry).__name__}; expected that of a {self.kind}")
        if name in self:
            raise UsageError(f"{where}: there is a {self.kind} '{name}' already; give yours another name")
        self[checked_name(name, where)] = entry


class Names(Collection[str]):
    """Fixed names, followed by the names that a registry has when they are read."""

    def __init__(self, *own: str, registry: Registry[Any]) -> None:
        self.own, self.registry = own, registry

    def __iter__(self) -> Iterator[str]:
        return iter((*self.own, *self.registry))

    def __contains__(self, name: object) -> bool:
        return name in self.own or name in self.registry

    def __len__(self) -> int:
        return len(self.own) + len(self.registry)


def checked_name(name: str, where: str) -> str:
    """`name`, if it can be used in flags, lists and names of folders.

    Raises:
      UsageError: it is no Python identifier.
    """
    if not name.isidentifier():
        raise UsageError(f"{where}: '{shown(name)}' is no name: use letters, digits and underscores")
    return name


def _maker(entry: Any) -> ModuleType | None:
    """The module of the first function in an entry; None if there is none."""
    values = entry if isinstance(entry, tuple) else vars(entry).values()
    function = next((value for value in values if callable(value)), None)
    return sys.modules.get(getattr(function, "__module__", ""))


def declared(package: str, field: str) -> dict[str, Any]:
    """The values of one field in the entries of a package and of files from outside, by name, without importing them.

    Figures and analysis need labels without JAX. So the value is a literal in the module's last statement, or in that
    of the entry of the package that it is made from. A field belongs to entries of one kind.
    """
    found = dict(_inside(package, field))
    for name, path in OUTSIDE.items():
        value = _said({**_statements(package), name: _statement(path)}, name, field)
        found |= {} if value is UNSAID else {name: value}
    return found


def _path(package: str) -> Any:
    """The folders of a package, which is imported, or lies in one that is."""
    return importlib.import_module(package).__path__


@functools.cache
def _inside(package: str, field: str) -> dict[str, Any]:
    statements = _statements(package)
    found = {name: _said(statements, name, field) for name in sorted(statements)}
    return {name: value for name, value in found.items() if value is not UNSAID}


@functools.cache
def _statements(package: str) -> dict[str, ast.Call]:
    """The calls that make the entries of a package, by name."""
    spec = importlib.util.find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    places = [
        str(Path(path, *below))
        for below in ((), *((f,) for f in FOLDERS.get(package, ())))
        for path in spec.submodule_search_locations
    ]
    found: dict[str, ast.Call] = {}
    for module in pkgutil.iter_modules(places):
        assert isinstance(module.module_finder, importlib.machinery.FileFinder)
        path = Path(module.module_finder.path, module.name)
        call = _statement(path / "__init__.py" if module.ispkg else path.with_suffix(".py"))
        found |= {} if call is None else {module.name: call}
    return found


def _statement(path: Path) -> ast.Call | None:
    """The call that makes the ENTRY of a file, its last statement; None in a file without one."""
    *_, last = [None, *ast.parse(path.read_text(encoding="utf-8")).body]
    if isinstance(last, ast.Assign) and ast.unparse(last.targets[0]) == "ENTRY" and isinstance(last.value, ast.Call):
        return last.value
    return None


def _said(statements: Mapping[str, ast.Call | None], name: str, field: str) -> Any:
    """The literal that an entry, or else the entry that it is made from, gives to a field."""
    call = statements.get(name)
    if call is None:
        return UNSAID
    for keyword in call.keywords:
        if keyword.arg == field:
            with contextlib.suppress(ValueError):  # no literal
                return ast.literal_eval(keyword.value)
            return UNSAID
    others = [other for other in MADE_FROM.findall(ast.unparse(call)) if other != name]
    return _said(statements, others[0], field) if others else UNSAID
