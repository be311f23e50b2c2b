"""A file of measurements, a JSON line each, that a command adds to until its time is up."""

import json
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jax

from pcl.errors import UsageError

Line = dict[str, Any]
SAME = ("commit", "dirty", "device", "devices", "machine", "scale")  # of lines that repeat each other


class Journal:
    """Measurements that are added to a file, each once for a commit and a device, within a budget of seconds.

    Raises:
      UsageError: the file cannot be read, or a line of it is no measurement.
    """

    def __init__(self, path: Path, about: Mapping[str, Any], budget_s: float, again: bool = False) -> None:
        self.path, self.about, self.again = path, dict(about), again
        self.end = time.perf_counter() + budget_s
        self.lines = [] if again else [line for line in read(path) if self._is_of_this(line)]

    def measure(
        self, part: str, case: Mapping[str, Any], expected_s: float, work: Callable[[], Mapping[str, Any]]
    ) -> Line | None:
        """The line of a case: from the file, or measured by `work` and added to it.

        None if `work` takes longer (`expected_s`) than there is time, or raises a UsageError; a line says so. What the
        device refuses is a measurement too, with the reason under `failed`.
        """
        named = {"part": part} | dict(case)
        name = " ".join(map(str, named.values()))
        for line in self.lines:
            if named.items() <= line.items():
                print(f"{name}: measured before at this commit; --again measures it again")
                return line
        rest = self.end - time.perf_counter()
        if expected_s > rest:
            print(f"{name} is left out: {max(rest, 0):.0f} s are left, it may take {expected_s:.0f} s")
            return None
        start = time.perf_counter()
        try:
            found = work()
        except UsageError as error:
            print(f"{name} is left out: {error}")
            return None
        except jax.errors.JaxRuntimeError as error:
            found = {"failed": " ".join(str(error).split())[:300]}
        line = named | dict(found) | {"wall_s": time.perf_counter() - start} | self.about | {"load": os.getloadavg()}
        self._add(line)
        return line

    def _is_of_this(self, line: Line) -> bool:
        """Whether a line was measured on this device by this code; what is not committed may have changed since."""
        return not self.about["dirty"] and all(line.get(key) == self.about[key] for key in SAME)

    def _add(self, line: Line) -> None:
        text = json.dumps(line)
        print(text, flush=True)
        self.lines.append(line)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with open(self.path, "a") as file:
                file.write(text + "\n")
        except OSError as error:
            raise UsageError(f"--out={self.path}: cannot be written ({error.strerror or error})") from error


def read(path: Path) -> list[Line]:
    """The lines of a file, none if there is no file.

    Raises:
      UsageError: it cannot be read, or a line is no JSON object.
    """
    try:
        texts = path.read_text().splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--out={path}: cannot be read ({error})") from error
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
        except ValueError:
            line = None
        if not isinstance(line, dict):
            raise UsageError(f"{path}, line {number}: no JSON object (was a command killed?); delete that line")
        lines.append(line)
    return lines
