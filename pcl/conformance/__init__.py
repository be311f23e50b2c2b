"""Properties of every learner, stream, source and rule, as named functions: tests and users run the same ones.

A property takes a subject. It raises AssertionError where it does not hold, and `DoesNotApply` where it does not apply
to the subject. The first line of its docstring is the requirement. `pcl conform NAME --import=mine.py` tries them.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from pcl.conformance import learners, rules, sources, streams
from pcl.conformance.compared import DoesNotApply
from pcl.errors import UsageError, shown, unknown

# Of each kind: the names there are, the subjects of a name, and the properties.
KINDS: dict[str, tuple[Mapping[str, Any], Callable[[str], Iterable[Any]], tuple[Callable[[Any], None], ...]]] = {
    "learner": (learners.REGISTRY, learners.subjects, learners.PROPERTIES),
    "stream": (streams.REGISTRY, streams.subjects, streams.PROPERTIES),
    "source": (sources.SOURCES, sources.subjects, sources.PROPERTIES),
    "rule": (rules.RULES, rules.subjects, rules.PROPERTIES),
}
LONGEST = 300  # characters of what a failed property says


class Outcome(NamedTuple):
    """The result of a property on one subject: `failure` is empty if it holds, `why_not` is empty if it applies."""

    kind: str
    name: str
    held: str
    failure: str = ""
    why_not: str = ""

    @property
    def text(self) -> str:
        """A line."""
        words = self.held.replace("_", " ")
        if self.failure:
            return f"  FAILED   {words}: {self.failure}"
        return f"  no case  {words}: {self.why_not}" if self.why_not else f"  holds    {words}"


def conform(name: str) -> Iterator[Outcome]:
    """Tries every property of everything that is called `name`.

    Raises:
      UsageError: nothing is called so, or the data of a source are missing.
    """
    kinds = [kind for kind, (registry, _, _) in KINDS.items() if name in registry]
    if not kinds:
        known = {name for registry, _, _ in KINDS.values() for name in registry}
        raise unknown("learner, stream, source or rule", name, known)
    for kind in kinds:
        _, subjects, properties = KINDS[kind]
        made: list[Any] = []

        def can_be_made(_: None, made: list[Any] = made, subjects: Callable[[str], Iterable[Any]] = subjects) -> None:
            """Its `make` gives one for inputs of five numbers and three labels, or five real targets."""
            made.extend(subjects(name))

        yield _tried(kind, name, can_be_made, None)
        for subject in made:
            for held in properties:
                yield _tried(kind, name, held, subject)


def _tried(kind: str, name: str, held: Callable[[Any], None], subject: Any) -> Outcome:
    right = (held.__doc__ or "").partition("\n")[0].rstrip(".")
    try:
        held(subject)
    except DoesNotApply as why:
        return Outcome(kind, name, held.__name__, why_not=str(why))
    except AssertionError as error:
        said = shown(" ".join(str(error).split()), LONGEST)
        return Outcome(kind, name, held.__name__, f"{right} ({said})" if said else right)
    except UsageError as error:
        return Outcome(kind, name, held.__name__, f"{right} ({error})")
    except Exception as error:
        said = shown(" ".join(str(error).split()), LONGEST)
        return Outcome(kind, name, held.__name__, f"{right} (it raised {type(error).__name__}: {said})")
    return Outcome(kind, name, held.__name__)
