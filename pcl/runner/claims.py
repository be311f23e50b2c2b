"""Sharing of runs among processes without a coordinator: each claims the runs that it is about to execute.

A claim is a file beside the records with the ids of one chunk. Its process touches it while it lives; a claim that
nobody has touched for `EXPIRES_S` expires, and its runs are free again. So any number of processes may join and leave,
on any machines that see the same folder. Ages are measured by the clock of the file system, since clocks of machines
differ.
"""

import contextlib
import os
import secrets
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from pcl.errors import UsageError
from pcl.runner.store import Store
from pcl.runner.versions import Row

EXPIRES_S = 180.0  # file systems of clusters may show a touch to other machines a minute later
LOCKED_S = 60.0  # longest that a process waits for others to read and write their claims

Complete = Callable[[], Collection[str]]  # ids of the runs that need no execution any more


class Claims:
    """The claims of one process on the runs of a `folder` of records, while its `with` block lasts."""

    def __init__(self, folder: Path, expires_s: float = EXPIRES_S):
        self.expires_s = expires_s
        self._file = folder / f".claim-{secrets.token_hex(16)}.txt"
        self._lock = FileLock(folder / ".claims.lock", timeout=LOCKED_S)
        self._over = threading.Event()

    def __enter__(self) -> "Claims":
        threading.Thread(target=self._beat, name="claims", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._file.unlink(missing_ok=True)

    def take(self, runs: Iterable[str], complete: Complete) -> set[str]:
        """Claim those of `runs` that are neither complete nor claimed by others, until the next call; returns them.

        Raises:
          UsageError: the folder cannot be locked or written.
        """
        with self._alone():
            taken = self._of_others()
            # Read behind the claims: a run that leaves them meanwhile is among the complete ones.
            own = set(runs) - taken - set(complete())
            self._file.write_text("\n".join(sorted(own)))
        return own

    @contextlib.contextmanager
    def kept(self) -> Iterator[set[str]]:
        """The ids that this process has claimed; during the block no other process can take them.

        They are fewer than it took if it stood still for so long that its claim expired and others took them.

        Raises:
          UsageError: the folder cannot be locked.
        """
        with self._alone():
            yield _ids(self._file)

    def _of_others(self) -> set[str]:
        """The ids that others have claimed; expired claims are deleted."""
        self._file.touch()
        now, taken = self._file.stat().st_mtime, set()
        for path in self._file.parent.glob(".claim-*.txt"):
            with contextlib.suppress(FileNotFoundError):  # its process has just ended
                if now - path.stat().st_mtime > self.expires_s:
                    path.unlink()
                elif path != self._file:
                    taken |= _ids(path)
        return taken

    def _beat(self) -> None:
        while not self._over.wait(self.expires_s / 6):
            with contextlib.suppress(OSError):  # not there yet, or void and deleted by another process
                os.utime(self._file)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """A block during which no other process reads or writes claims."""
        try:
            with self._lock:
                yield
        except (OSError, NotImplementedError, Timeout) as error:
            raise UsageError(
                f"--claim: {self._lock.lock_file} cannot be locked ({error}): share the runs by --num_shards instead"
            ) from error


class ClaimedStore(Store):
    """A store that writes the rows of claimed runs alone, so that each run is written once."""

    def __init__(self, store: Store, claims: Claims):
        super().__init__(store.folder.parent, store.folder.name)
        self._claims = claims

    def write(self, rows: Sequence[Row]) -> Path:
        """Write one part with the rows of runs that this process still claims; returns the folder if there are none.

        Raises:
          UsageError: the part could not be written, or the folder cannot be locked.
        """
        with self._claims.kept() as ids:
            own = [row for row in rows if row["run_id"] in ids]
            return super().write(own) if own else self.folder


def _ids(path: Path) -> set[str]:
    with contextlib.suppress(FileNotFoundError):
        return set(path.read_text().split())
    return set()
