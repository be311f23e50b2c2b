"""TensorBoard: one folder of event files per run, `<where>/<run id>`, with its settings as hyper-parameters.

Events are written by TensorBoard's own parts that do without TensorFlow, which is imported nowhere.
"""

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pcl.sinks.entry import Member, SinkEntry


class Curves:
    """The events of one run."""

    def __init__(self, where: str, run: Member) -> None:
        from tensorboard.compat.proto.event_pb2 import Event
        from tensorboard.compat.proto.summary_pb2 import Summary
        from tensorboard.plugins.hparams.summary_v2 import hparams_pb
        from tensorboard.summary.writer.record_writer import RecordWriter

        self._event, self._summary = Event, Summary
        folder = Path(where or "runs", run.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"events.out.tfevents.{time.time_ns() / 1e9:017.6f}.{os.getpid()}"
        self._records = RecordWriter(file.open("wb"))
        self._add(self._event(file_version="brain.Event:2"))
        self._add(self._event(summary=hparams_pb({"name": run.name} | run.settings, trial_id=run.run_id)))

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One event with all values."""
        scalars = [self._summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._add(self._event(step=step, summary=self._summary(value=scalars)))

    def close(self) -> None:
        """Close the file."""
        self._records.close()

    def _add(self, event: Any) -> None:
        event.wall_time = time.time()
        self._records.write(event.SerializeToString())
        self._records.flush()


ENTRY = SinkEntry(Curves, "TensorBoard event files, tensorboard:FOLDER (default: runs)", needs="tensorboard")
