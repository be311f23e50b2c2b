"""Checks of the parts of an experiment; damaged and superseded parts are set aside. Imports no JAX."""

from collections.abc import Iterator
from pathlib import Path

from pcl.errors import UsageError
from pcl.runner import parts
from pcl.runner.store import MAY_DIFFER, Store, experiments
from pcl.runner.versions import sort_out


class Check:
    """The faults of the parts of one experiment, as they are now.

    A bad part cannot be read or verified. A superseded one holds rows that conflict with newer ones.
    """

    def __init__(self, store: Store):
        self.store = store
        self.rows, self.bad = store.read()
        self.runs, self.conflicts = sort_out(self.rows, MAY_DIFFER)
        self.superseded = sorted({conflict.part for conflict in self.conflicts})

    @property
    def faults(self) -> int:
        """Number of parts that are bad or superseded."""
        return len(self.bad) + len(self.superseded)

    def lines(self) -> Iterator[str]:
        """A summary line, and a line for each fault."""
        held = {part for part, _ in self.rows}
        unverified = sum(not parts.is_verified(part) for part in held)
        note = f", {unverified} of them without a digest: not verified" if unverified else ""
        yield f"{self.store.folder.name}: runs {len(self.runs)}, parts that can be read {len(held)}{note}"
        for fault in self.bad:
            yield f"  {fault.part.name} cannot be read: {fault.reason}"
        for part in self.superseded:
            older = [conflict for conflict in self.conflicts if conflict.part == part]
            for newer, what in sorted({(conflict.newer.name, conflict.what) for conflict in older}):
                count = sum((c.newer.name, c.what) == (newer, what) for c in older)
                yield f"  {part.name}: {count} rows are older than those of {newer}: {what}"

    def set_aside(self) -> Iterator[str]:
        """Rename bad parts to `<part>.bad`, and superseded ones to `<part>.superseded`; a line for each.

        The other rows of a superseded part are written as a part of their own before; nothing is deleted. Versions
        that were made in one second are left as they are: nobody can tell which is older.

        Raises:
          UsageError: the folder cannot be written.
        """
        self.store.require_writable()
        for fault in self.bad:
            yield self._rename(fault.part, "bad")
        for part in self.superseded:
            older = [conflict for conflict in self.conflicts if conflict.part == part]
            if not all(conflict.decided for conflict in older):
                yield f"  {older[0]}, made in one second: rename the one that is wrong to <part>.superseded"
                continue
            gone = {id(conflict.row) for conflict in older}
            if rest := [row for holder, row in self.rows if holder == part and id(row) not in gone]:
                self.store.write(rest)
            yield self._rename(part, "superseded")

    def _rename(self, part: Path, suffix: str) -> str:
        try:
            return f"  {part.name} is set aside as {parts.set_aside(part, suffix).name}"
        except FileNotFoundError:
            return f"  {part.name} has gone: another process was first"
        except OSError as error:
            raise UsageError(f"{part} cannot be renamed ({error.strerror}): its folder must be writable") from error


def check_all(results_dir: Path, set_aside: bool) -> None:
    """Check every experiment below a folder, printing `Check.lines`; with `set_aside`, mend what can be.

    Raises:
      UsageError: a fault is left, or the folder has no results.
    """
    left = 0
    for name in experiments(results_dir):
        try:
            store = Store(results_dir, name)
            check = Check(store)
            for line in check.lines():
                print(line)
            if set_aside:
                for line in check.set_aside():
                    print(line)
                check = Check(store) if check.faults else check
            left += check.faults
        except UsageError as error:
            print(f"{name}: {error}")
            left += 1
    if left:
        remedy = "each line says what it needs" if set_aside else "--set_aside renames such parts"
        raise UsageError(f"faults in {results_dir}: {left} parts or folders; {remedy}")
