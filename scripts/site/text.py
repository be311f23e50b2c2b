"""Plain text of docstrings, and rows of tables, as Markdown."""

import inspect
import re
from collections.abc import Iterable, Sequence

PAPER = re.compile(r"doi:(10\.[^\s]+?)(?=[,;.)]*(?:\s|$))")
PREPRINT = re.compile(r"arXiv:(\d{4}\.\d{4,5})")


def prose(text: str) -> str:
    """Plain text in which nothing is markup but code in backticks; papers become links."""
    parts = re.split(r"(`[^`]*`)", text)
    for i in range(0, len(parts), 2):
        said = re.sub(r"([\\*_<>$\[\]|#~])", r"\\\1", parts[i])
        said = PAPER.sub(lambda found: _link(found[0], f"https://doi.org/{found[1]}"), said)
        parts[i] = PREPRINT.sub(lambda found: _link(found[0], f"https://arxiv.org/abs/{found[1]}"), said)
    return "".join(parts)


def _link(text: str, address: str) -> str:
    return f"[{text}]({address.replace(chr(92), '')})"


def docstring(text: str) -> str:
    """A docstring: paragraphs are prose, and what is indented stays as it is written."""
    blocks: list[str] = []
    for paragraph in re.split(r"\n\s*\n", inspect.cleandoc(text)):
        for block in _runs(paragraph):
            if block.startswith("  "):
                blocks.append("```text\n" + inspect.cleandoc("\n" + block) + "\n```")
            else:
                blocks.append(prose(" ".join(block.split("\n"))))
    return "\n\n".join(blocks)


def _runs(paragraph: str) -> list[str]:
    """Neighbouring lines that are all indented, or all not."""
    found: list[str] = []
    for line in paragraph.split("\n"):
        if found and line.startswith("  ") == found[-1].startswith("  "):
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def table(head: Sequence[str], body: Iterable[Sequence[object]]) -> str:
    """A table in Markdown; cells are Markdown without bars."""
    lines = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
