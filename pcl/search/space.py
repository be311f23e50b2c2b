"""The space of a search: ranges and choices of settings, as texts `name=low:high[:log]` and `name=a,b,c`."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pcl.errors import UsageError, shown, unknown
from pcl.fields import fields, is_static, parse

DIGITS = 3  # significant digits of a proposed rate, so that it can be typed


class Axis(NamedTuple):
    """The values that one setting may have: `choices`, or all from `low` to `high`, even in their logarithm with `log`.

    whole: the setting is an integer.   static: each of its values is a compiled program of its own.
    """

    low: float = 0.0
    high: float = 0.0
    log: bool = False
    whole: bool = False
    choices: tuple[str, ...] = ()
    static: bool = False

    def text(self, value: Any) -> str:
        """A proposed value as it is written after --set, rounded to `DIGITS`, and inside the range."""
        if self.choices or self.whole:
            return str(value)
        return str(min(max(float(f"{value:.{DIGITS}g}"), self.low), self.high))

    def value(self, text: str) -> Any:
        """The value of a text."""
        return text if self.choices else int(text) if self.whole else float(text)


Space = Mapping[str, Axis]


def parse_space(texts: Sequence[str], hps: Mapping[str, Any]) -> dict[str, Space]:
    """The space of each learner, by its name: those settings of --space that it has (`hps`).

    Raises:
      UsageError: a text is malformed, its values are not admissible, it is no setting of any of the learners, or a
        learner has none of them.
    """
    spaces: dict[str, dict[str, Axis]] = {learner: {} for learner in hps}
    seen = set()
    if not texts:
        raise UsageError("--space is missing: name what to search, as --space lr=0.0001:1:log --space width=64,128")
    for given in texts:
        name, _, values = given.partition("=")
        if not name or not values:
            raise UsageError(f"--space {shown(given)}: write name=low:high, name=low:high:log or name=a,b,c")
        if name in seen:
            raise UsageError(f"--space {shown(given)}: {name} is given twice")
        seen.add(name)
        having = {learner: fields(hp)[name] for learner, hp in hps.items() if name in fields(hp)}
        if not having:
            known = {setting for hp in hps.values() for setting in fields(hp)}
            raise unknown(f"setting of {', '.join(hps)}", name, known)
        for learner, field in having.items():
            spaces[learner][name] = _axis(given, field, values)
    for learner, space in spaces.items():
        if not space:
            raise UsageError(f"--space: {learner} has none of {', '.join(seen)}; leave it out with --learners")
    return dict(spaces)


def _axis(given: str, field: Any, values: str) -> Axis:
    static = is_static(field)
    if ":" not in values:
        choices = [text.strip() for text in values.split(",")]
        if len(set(choices)) < 2 or len(set(choices)) < len(choices):
            raise UsageError(f"--space {shown(given)}: give two different values or more, or a range as low:high")
        return Axis(choices=tuple(str(parse(field, text)) for text in choices), static=static)
    low, high, *rest = values.split(":")
    kind = type(field.default)
    if rest not in ([], ["log"]) or kind not in (int, float):
        raise UsageError(f"--space {shown(given)}: write low:high or low:high:log, of a setting that is a number")
    first, last = parse(field, low), parse(field, high)
    if not first < last or (rest and first <= 0):
        above = "0 < low < high" if rest else "low < high"
        raise UsageError(f"--space {shown(given)}: a range has {above}")
    return Axis(first, last, bool(rest), kind is int, static=static)
