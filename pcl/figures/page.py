"""Self-contained HTML pages with tables and drawings. Imports no JAX."""

import base64
import html
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# In dark mode drawings are inverted. Rotating hues by 180 degrees restores their colours.
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.45 system-ui, sans-serif; margin: 0 auto; padding: 1rem; max-width: 75rem; }
h1 { font-size: 1.4rem; margin: 0 0 .3rem; } h2 { font-size: 1.1rem; margin: 1.6rem 0 .4rem; }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(100%, 21rem), 1fr)); gap: 1.2rem; }
figure { margin: 0; } figure img { width: 100%; height: auto; } figcaption { font-size: .85rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid #8885; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; padding: .6rem; background: #8882; font-size: .85rem; }
@media (prefers-color-scheme: dark) { figure img { filter: invert(1) hue-rotate(180deg); } }
"""


def text(value: object) -> str:
    """A value as text of the page, escaped."""
    return html.escape(str(value))


def section(title: str, *bodies: str) -> str:
    """A headline and its bodies, which are HTML already."""
    return f"<section><h2>{text(title)}</h2>\n" + "\n".join(bodies) + "</section>\n"


def paragraph(value: str) -> str:
    """A paragraph of plain text."""
    return f"<p>{text(value)}</p>\n"


def preformatted(value: str) -> str:
    """Preformatted text, a command for instance."""
    return f"<pre>{text(value)}</pre>\n"


def table(head: Sequence[str], rows: Sequence[Sequence[object]], numbers: Sequence[int] = ()) -> str:
    """A table of plain values; the columns called `numbers` are aligned to the right."""

    def cell(i: int, value: object) -> str:
        return f'<td class="number">{text(value)}</td>' if i in numbers else f"<td>{text(value)}</td>"

    top = "".join(f"<th>{text(name)}</th>" for name in head)
    body = "\n".join("<tr>" + "".join(cell(i, v) for i, v in enumerate(row)) + "</tr>" for row in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead>\n<tbody>\n{body}\n</tbody></table></div>\n'


def drawing(figure: "Figure", title: str, caption: str) -> str:
    """A figure inside the page, as an SVG image with a caption; the figure is closed.

    It is an image of its own and not inline SVG, so that names in several drawings do not collide.
    """
    import matplotlib.pyplot as plt  # a page of tables alone needs none

    buffer = io.BytesIO()
    with plt.rc_context({"svg.hashsalt": title}):  # the same numbers give the same bytes
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    plt.close(figure)
    data = base64.b64encode(buffer.getvalue()).decode()
    image = f'<img alt="{text(title)}" src="data:image/svg+xml;base64,{data}">'
    return f"<figure>{image}<figcaption><b>{text(title)}.</b> {text(caption)}</figcaption></figure>\n"


def panels(figures: Sequence[str]) -> str:
    """Drawings beside each other, as many as the screen is wide."""
    return '<div class="panels">\n' + "".join(figures) + "</div>\n"


def document(title: str, subtitle: str, sections: Sequence[str], style: str = "", header: str = "") -> str:
    """The whole page; `style` is added to the common style, `header` is HTML before the content."""
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text(title)}</title>\n<style>{STYLE}{style}</style></head>\n"
        f'<body>{header}<main id="content"><h1>{text(title)}</h1>\n'
        f"{paragraph(subtitle)}{''.join(sections)}</main></body></html>\n"
    )
