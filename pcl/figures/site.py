"""Pages of a static site over results: figures with captions, and tables that can be sorted and filtered.

Pages need no network. Tables stand in the pages whole; the site's script sorts and filters their rows. Imports no JAX.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pcl.evaluation.catalogue import described, number
from pcl.figures import page

Line = Mapping[str, str]  # of a CSV file
NAMES = ("experiment", "stream", "learner", "variant")  # of a row of a table of records


def document(title: str, subtitle: str, sections: Sequence[str], home: str) -> str:
    """A page of the site; `home` is the path from it to the folder of the first page, "" or "../"."""
    here = Path(__file__).parent
    style = "".join((here / name).read_text(encoding="utf-8") for name in ("comparison.css", "site.css"))
    script = (here / "site.js").read_text(encoding="utf-8")
    parts = ("figures", "tables", "comparisons", "studies", "made_again", "measurements")
    links = "".join(f'<a href="{home}index.html#{name}">{name.capitalize()}</a>' for name in parts)
    header = (
        f'<a class="skip" href="#content">To the content</a>\n<header><nav aria-label="Site">{links}</nav></header>\n'
    )
    return page.document(title, subtitle, [*sections, f"<script>\n{script}</script>\n"], style, header)


def part(name: str, *bodies: str) -> str:
    """A section of the first page, to which links lead; `bodies` are HTML."""
    body = "\n".join(bodies) or "<p>None yet.</p>\n"
    return f'<section id="{name}"><h2>{name.capitalize()}</h2>\n{body}</section>\n'


def link(text: str, address: str) -> str:
    """A link inside the site."""
    return f'<a href="{page.text(address)}">{page.text(text)}</a>'


def files(links: Mapping[str, str]) -> str:
    """Links to files beside each other, by their text."""
    return '<p class="files">' + "".join(link(*one) for one in links.items()) + "</p>\n"


def figure(name: str, caption: str, image: str, links: Mapping[str, str]) -> str:
    """A drawing with its caption and files; the drawing is a file of its own."""
    return (
        f'<figure id="{page.text(name)}"><h3>{page.text(name)}</h3>'
        f'<a href="{page.text(image)}"><img loading="lazy" src="{page.text(image)}" alt="{page.text(caption)}"></a>'
        f"<figcaption>{page.text(caption)}</figcaption>{files(links)}</figure>\n"
    )


def listed(caption: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table of cells that are HTML already; the first names its row."""
    body = [[f'<th scope="row">{row[0]}</th>', *(f'<td class="text">{cell}</td>' for cell in row[1:])] for row in rows]
    return _table(caption, [f'<th scope="col">{page.text(name)}</th>' for name in head], body)


def plain(caption: str, lines: Sequence[Line]) -> str:
    """A CSV file as a table."""
    names = list(lines[0])
    body = [[_cell(name, line[name] or "") for name in names] for line in lines]
    return _table(caption, [f'<th scope="col">{page.text(name)}</th>' for name in names], body)


def records(caption: str, lines: Sequence[Line], first: Sequence[str]) -> str:
    """A table of records (`pcl.figures.tables`): one row per stream, learner and variant, one column per metric.

    first: metrics that are shown before others are asked for; none named: all.
    """
    rows: dict[tuple[str, ...], dict[str, Line]] = {}
    for line in lines:
        rows.setdefault(tuple(line[name] for name in NAMES), {})[line["metric"]] = line
    metrics = list(dict.fromkeys([*(name for name in first if name in (line["metric"] for line in lines)),
                                  *(line["metric"] for line in lines)]))  # fmt: skip
    shown = [i for i, name in enumerate(NAMES) if name in ("stream", "learner") or len({row[i] for row in rows}) > 1]
    head = [f'<th scope="col">{NAMES[i]}</th>' for i in shown] + ['<th scope="col" class="number">seeds</th>']
    head += [_metric(name, name in first or not first) for name in metrics]
    head.append('<th scope="col" class="more">command</th>')
    body = []
    for names, found in rows.items():
        one = next(iter(found.values()))
        cells = [_name(NAMES[i], names[i]) for i in shown]
        cells.append(_cell("seeds", str(max(int(line["seeds"]) for line in found.values()))))
        cells += [_value(name, found.get(name), name in first or not first) for name in metrics]
        body.append([*cells, f'<td class="more"><code>{page.text(one.get("command", ""))}</code></td>'])
    return _table(caption, head, body)


def value(name: str, line: Line) -> tuple[str, str]:
    """A number of a table as it is printed, and its interval, which may be empty."""
    mean, low, high = (float(line[key]) for key in ("mean", "low", "high"))
    shown = math.isfinite(low) and described(name).varies
    return number(name, mean), f"[{number(name, low)}, {number(name, high)}]" if shown else ""


def _name(kind: str, said: str) -> str:
    """A heading for a variant, which may be empty, though a heading may not."""
    return f"<td>{page.text(said)}</td>" if kind == "variant" else f'<th scope="row">{page.text(said)}</th>'


def _metric(name: str, first: bool) -> str:
    about = described(name)
    said = f"{about.meaning}{f' ({about.unit})' if about.unit else ''}"
    title = f' title="{page.text(said)}"' if about.meaning else ""
    down = "" if about.less else ' data-down=""'
    return f'<th scope="col" class="number{"" if first else " more"}"{title}{down}>{page.text(name)}</th>'


def _value(name: str, line: Line | None, first: bool) -> str:
    kind = f"number{'' if first else ' more'}"
    if line is None:
        return f'<td class="{kind}">-</td>'
    mean, interval = value(name, line)
    behind = f" <small>{interval}</small>" if interval else ""
    return f'<td class="{kind}" data-value="{page.text(line["mean"])}">{mean}{behind}</td>'


def _cell(name: str, value: str) -> str:
    try:
        float(value)
    except ValueError:
        long = name in ("command", "settings", "values") or len(value) > 60
        return f"<td{' class=text' if long else ''}>{page.text(value)}</td>".replace("class=text", 'class="text"')
    return f'<td class="number">{page.text(value)}</td>'


def _table(caption: str, head: Sequence[str], body: Sequence[Sequence[str]]) -> str:
    rows = "\n".join(f"<tr>{''.join(row)}</tr>" for row in body)
    label = page.text(caption)
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{label}"><table class="sortable">'
        f"<caption>{label}</caption><thead><tr>{''.join(head)}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
    )
