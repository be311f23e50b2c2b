"""Learners, streams, sources, rules, sinks, experiments from outside the package: a user's own, or those of a plugin.

They come from a file (`--import=mine.py`), from a module that can be imported (`--import=my_package.mine`), or from the
modules that installed packages name as entry points of the group `pcl`. A module is registered by its last statement:
an `ENTRY`, a `RULE` or an `EXPERIMENT`; it may also call `register` of a registry itself. Imports no JAX itself.
"""

import ast
import contextlib
import dataclasses
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from absl import flags

from pcl import experiment
from pcl.command import NAMES
from pcl.commands import called
from pcl.errors import UsageError, said, shown
from pcl.registry import OUTSIDE, Registry, checked_name

flags.disclaim_key_flags()  # --import belongs to the command that asks for it
FLAG = "import"
GROUP = "pcl"  # of entry points
IMPORTED: dict[str, str] = {}  # the modules that were brought in, and what named them: a file without its folder
_registered: set[str] = set()


class Outside(NamedTuple):
    """A module from outside: `given` names it (a file without its folder), `module` is what it is imported as."""

    given: str
    module: str
    path: Path

    @property
    def is_file(self) -> bool:
        """Whether `given` is a file."""
        return self.given.endswith(".py")

    @property
    def name(self) -> str:
        """The name of its entry."""
        return self.module.rpartition(".")[2]


def import_flag() -> None:
    """Define --import. Commands that are imported together may define it several times."""
    help = "File (mine.py) or module with your own learners, streams, sources, rules, sinks or experiments; or several."
    serializer: flags.ArgumentSerializer = flags.ArgumentSerializer()
    flags.DEFINE_multi(NAMES, serializer, FLAG, [], help, allow_override=True)


def given() -> list[str]:
    """The names given with --import."""
    return [name for names in flags.FLAGS[FLAG].value or () for name in names]


def is_path(name: str) -> bool:
    """Whether `name` is the name of a file, not of a module."""
    return name.endswith(".py") or "/" in name


def bring(names: Iterable[str], installed: bool = True) -> None:
    """Import the named modules, and those that installed packages name, and register their entries, each once.

    An installed package that fails to import is left out with one line on stderr.

    Raises:
      UsageError: a file or module does not exist, raises when it is imported, or holds nothing to register; a name is
        taken.
    """
    for found in map(locate, names):
        _bring(found)
        IMPORTED[found.module] = found.given
    for point in metadata.entry_points(group=GROUP) if installed else ():
        try:
            _bring(locate(point.module))
        except UsageError as error:
            about = f"{point.dist.name} {point.dist.version}" if point.dist else point.name
            print(f"left out: entry point {point.name} of {about}: {error}", file=sys.stderr)


def show(names: Iterable[str], installed: bool = True) -> None:
    """Make the named modules known without JAX: labels are read from files, experiments alone are imported.

    Raises:
      UsageError: as `bring` does.
    """
    modules = [*names, *(point.module for point in metadata.entry_points(group=GROUP) if installed)]
    for found in map(locate, modules):
        if found.module not in _registered and "EXPERIMENT" in _assigned(found):
            _register_experiment(_imported(found), found)


def brought() -> dict[str, str]:
    """Code from outside as records name it: the names given with --import, and versions of installed packages."""
    named = {"imported": ",".join(IMPORTED.values())} if IMPORTED else {}
    points = metadata.entry_points(group=GROUP)
    return named | {p.dist.name: p.dist.version for p in points if p.dist and p.module in _registered}


def blamed(error: Exception) -> UsageError | None:
    """One line on an error that code from outside raised: where, and how to find out more; None for other errors.

    An error that JAX raises about such code (as on a state of changed shapes) has no line in its file.
    """
    if isinstance(error, UsageError):
        return None
    more = f"`{called('conform')} NAME` with the same --import tests its contract"
    files = {str(path): path.name for path in OUTSIDE.values()}
    places = [at for at in traceback.extract_tb(error.__traceback__) if at.filename in files]
    if places:
        return UsageError(f"{files[places[-1].filename]}, line {places[-1].lineno}: {said(error)}; {more}")
    if isinstance(error, TypeError | ValueError) and any(registry.code for registry in _registries()):
        return UsageError(f"{said(error)}; if code from outside is the cause, {more}")
    return None


def load_experiment(name: str) -> experiment.Experiment:
    """The experiment called `name`, or the one in a file.

    Raises:
      UsageError: there is none.
    """
    if not is_path(name):
        return experiment.load_experiment(name)
    bring([name], installed=False)
    found = locate(name)
    if found.name not in experiment.OUTSIDE:
        raise UsageError(f"{found.given}: no EXPERIMENT; end the file that --experiment names in one")
    return experiment.OUTSIDE[found.name]


def locate(name: str) -> Outside:
    """Find a file or module, and make its label known.

    Raises:
      UsageError: it does not exist, or its name is no Python identifier.
    """
    found = _file(Path(name).expanduser()) if is_path(name) else _module(name)
    known = OUTSIDE.setdefault(found.name, found.path)
    if known != found.path:
        raise UsageError(f"two modules from outside have the name {found.name}: {known}, {found.path}; rename one")
    return found


def _file(path: Path) -> Outside:
    if path.suffix != ".py" or not path.is_file():
        raise UsageError(f"{shown(path)}: no such file; name a Python file, as in mine.py")
    return Outside(path.name, f"imported.{checked_name(path.stem, path.name)}", path.resolve())


def _module(name: str) -> Outside:
    spec = None
    with contextlib.suppress(ImportError, ValueError):
        spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None or not Path(spec.origin).is_file():
        there = f" (did you mean {name}.py?)" if Path(f"{name}.py").is_file() else ""
        raise UsageError(f"{shown(name)}: no such module{there}; name an installed module, or a file as in ./mine.py")
    return Outside(name, name, Path(spec.origin))


def _bring(found: Outside) -> None:
    if found.module in _registered:
        return
    registries = _registries()
    before = sum(map(len, registries))
    module = _imported(found)
    entry = getattr(module, "ENTRY", None)
    fitting = [registry for registry in registries if isinstance(entry, registry.of)]
    if entry is not None and not fitting:
        wanted = ", ".join(registry.of.__name__ for registry in registries if registry.end == "ENTRY")
        raise UsageError(f"{found.given}: ENTRY is {type(entry).__name__}; expected one of {wanted}")
    for registry in fitting:
        _check_settings(entry, found.given)
        registry.register(module)
    for registry in registries:
        if registry.end != "ENTRY" and hasattr(module, registry.end):
            registry.register(module)
    if hasattr(module, "EXPERIMENT"):
        _register_experiment(module, found)
    elif sum(map(len, registries)) == before:
        raise UsageError(f"{found.given}: nothing to register; end it in an ENTRY, RULE or EXPERIMENT")
    _registered.add(found.module)


def _check_settings(entry: Any, given: str) -> None:
    """Refuses a learner or stream whose settings are not declared by `traced` or `static`."""
    from pcl.fields import fields

    config = getattr(entry, "hparams", getattr(entry, "config", ()))
    if config == ():
        return
    if not dataclasses.is_dataclass(config) or isinstance(config, type):
        raise UsageError(f"{given}: settings are {shown(config)}; expected an instance of a flax.struct dataclass")
    bare = [name for name, field in fields(config).items() if "help" not in field.metadata]
    if bare:
        raise UsageError(f"{given}: declare the setting {bare[0]} by traced(default, help) or static(default, help)")


def _register_experiment(module: ModuleType, found: Outside) -> None:
    if experiment.OUTSIDE.get(found.name) is not module.EXPERIMENT:
        experiment.register(module.EXPERIMENT, found.name, found.given)


def _registries() -> tuple[Registry[Any], ...]:
    from pcl import learners, streams
    from pcl.network.rules import RULES
    from pcl.sinks import SINKS
    from pcl.streams.sources import SOURCES

    return learners.REGISTRY, streams.REGISTRY, SOURCES, SINKS, RULES


def _imported(found: Outside) -> ModuleType:
    """The module, imported once; an error in it becomes one line that names the place."""
    if found.module in sys.modules:
        return sys.modules[found.module]
    try:
        folder = str(found.path.parent)
        if found.is_file and folder not in sys.path:
            sys.path.append(folder)  # it may import modules in its folder
        if not found.is_file:
            return importlib.import_module(found.module)
        spec = importlib.util.spec_from_file_location(found.module, found.path)
        assert spec is not None
        assert spec.loader is not None
        module = sys.modules[found.module] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:
        sys.modules.pop(found.module, None)
        raise UsageError(_raised(found, error)) from error


def _raised(found: Outside, error: BaseException) -> str:
    """The error, and the last line of the module itself that was executed."""
    own = [at.lineno for at in traceback.extract_tb(error.__traceback__) if at.filename == str(found.path)]
    line = error.lineno if isinstance(error, SyntaxError) else own[-1] if own else None
    place = f"{found.path.name}, line {line}" if line else found.given
    return str(error) if isinstance(error, UsageError) and place in str(error) else _line(place, error)


def _line(place: str, error: BaseException) -> str:
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{place}: {type(error).__name__}: {said}"


def _assigned(found: Outside) -> Iterator[str]:
    """Names that the statements of a module assign."""
    try:
        tree = ast.parse(found.path.read_text(encoding="utf-8"))
    except (SyntaxError, ValueError) as error:  # ValueError: bytes that are no text
        raise UsageError(_raised(found, error)) from error
    for statement in tree.body:
        if isinstance(statement, ast.Assign):
            yield from (ast.unparse(target) for target in statement.targets)
