"""Names beside points that cover neither each other nor the points. Imports no JAX."""

from collections.abc import Iterator, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.transforms import Bbox, BboxBase

SIZE = 5.8  # of the text, in points
RADII = (5, 8, 12, 17, 23, 30, 38, 47, 57, 68, 80)  # from a point to its name, in points
ANGLES = np.deg2rad([0, 180, 90, 270, 30, 330, 150, 210, 60, 300, 120, 240])  # of two places alike the first is taken
DOT, GAP = 2.5, 0.7  # half of a point's size, and the space around a name, in points
LED = 8  # distance in points from which on a line leads to the name


def place(axis: Axes, named: Sequence[tuple[str, float, float]], others: Sequence[tuple[float, float]] = ()) -> None:
    """Write each name near its point (name, x, y), the most crowded first; a line leads to those that are farther off.

    others: points that have no name and are not to be covered either. The figure was drawn, and its layout is final.
    """
    unit = axis.figure.dpi / 72
    at = axis.transData.transform([*((x, y) for _, x, y in named), *others])
    taken = [_around(point, np.full(2, DOT * unit)) for point in at]
    lines: list[np.ndarray] = []
    crowd = [sum(np.hypot(*(at - point).T) < 25 * unit) for point in at[: len(named)]]
    for i in sorted(range(len(named)), key=lambda i: (-crowd[i], -at[i][1])):
        name, x, y = named[i]
        text = axis.annotate(name, (x, y), (0, 0), textcoords="offset points", fontsize=SIZE, color="0.15")
        text.set(ha="center", va="center")
        extent = text.get_window_extent()
        half = np.array([extent.width, extent.height]) / 2 + GAP * unit
        found = [_around(centre, half) for centre in _places(at[i], half, unit)]
        best = min(found, key=lambda box: _cost(box, at[i], taken, lines, axis.bbox))
        taken.append(best)
        text.set_position(tuple((np.mean(best.get_points(), 0) - at[i]) / unit))
        if np.hypot(*(_line(best, at[i])[-1] - at[i])) > LED * unit:
            lines.append(_line(best, at[i]))
            ends = axis.transData.inverted().transform(lines[-1][[0, -1]])
            axis.plot(*ends.T, color="0.5", lw=0.4, zorder=0, scalex=False, scaley=False)


def _around(centre: np.ndarray, half: np.ndarray) -> Bbox:
    return Bbox([centre - half, centre + half])


def _places(point: np.ndarray, half: np.ndarray, unit: float) -> Iterator[np.ndarray]:
    """Centres of a name around a point; its nearest edge keeps the distance, whichever side it is on."""
    for radius in RADII:
        for angle in ANGLES:
            way = np.array([np.cos(angle), np.sin(angle)])
            yield point + way * (radius * unit + half)


def _line(box: Bbox, point: np.ndarray) -> np.ndarray:
    """Places on the way from a point to the nearest edge of a name [N, 2]."""
    return np.linspace(point, np.clip(point, box.min, box.max), 16)


def _cost(box: Bbox, point: np.ndarray, taken: Sequence[Bbox], lines: Sequence[np.ndarray], frame: BboxBase) -> float:
    """How bad a place is: whether it covers something or leaves the frame, then what lines cross, then its distance."""
    line = _line(box, point)
    covers = sum(box.overlaps(other) for other in taken)
    leaves = box.x0 < frame.x0 or box.x1 > frame.x1 + 3 or box.y0 < frame.y0 or box.y1 > frame.y1 + 2
    distance = float(np.hypot(*(line[-1] - point)))
    if covers or leaves:
        return 1e6 * (covers + leaves) + distance
    others = (other for other in taken if not other.contains(*point))
    crosses = sum(_meets(line, other) for other in others) + sum(_meets(other, box) for other in lines)
    return 50 * crosses + distance


def _meets(line: np.ndarray, box: Bbox) -> bool:
    return bool(((line > box.min) & (line < box.max)).all(1).any())
