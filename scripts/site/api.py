"""Pages of the public namespace: one a module that `import pcl` offers, rendered from docstrings by mkdocstrings."""

import importlib
import inspect
from typing import Any

import pcl
from scripts.site.text import docstring

CONTRACTS = ("pcl.types", "pcl.experiment", "pcl.errors", "pcl.evaluation.metrics", "pcl.evaluation.prequential",
             "pcl.evaluation.retention", "pcl.evaluation.shifts", "pcl.evaluation.statistics")  # fmt: skip


def public() -> dict[str, dict[str, str]]:
    """By page, the public names and where each is defined."""
    found: dict[str, dict[str, str]] = {"pcl": {}}
    for name, (module, attribute) in pcl._NAMES.items():
        if attribute:
            found["pcl"][name] = f"{module}.{attribute}"
        else:
            found[f"pcl.{name}"] = _members(module)
    return found | {module: _members(module) for module in CONTRACTS}


def _members(name: str) -> dict[str, str]:
    """Functions and classes of a module: those in `__all__`, or those that are defined in it."""
    module = importlib.import_module(name)
    names = getattr(module, "__all__", None) or [n for n in vars(module) if not n.startswith("_")]
    found: dict[str, str] = {}
    for member in names:
        value: Any = getattr(module, member)
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if hasattr(module, "__all__") or value.__module__ == name:
            found[member] = f"{value.__module__}.{value.__qualname__}"
    return found


def navigation() -> dict[str, Any]:
    """The part of the navigation that these pages are."""
    return {"API": ["api/index.md", *(f"api/{module}.md" for module in public())]}


def pages() -> dict[str, str]:
    """The pages by their place."""
    found = {}
    lines = [
        "# API",
        "The public namespace: what `import pcl` offers, and the contracts that learners and streams keep.",
    ]
    for module, members in public().items():
        text = docstring(importlib.import_module(_module(module)).__doc__ or "")
        shown = "\n\n".join(f"::: {path}" for path in members.values())
        found[f"api/{module}.md"] = f"# `{module}`\n\n{text}\n\n{shown}\n"
        lines.append(f"- [`{module}`](docs/api/{module}.md): " + ", ".join(f"`{name}`" for name in members))
    found["api/index.md"] = "\n\n".join(lines[:2]) + "\n\n" + "\n".join(lines[2:]) + "\n"
    return found


def _module(page: str) -> str:
    return next((module for name, (module, _) in pcl._NAMES.items() if f"pcl.{name}" == page), page)
