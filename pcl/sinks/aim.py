"""Aim: a run of a repository, `aim:FOLDER`, with the run id among its settings."""

from collections.abc import Mapping

from pcl.sinks.entry import Member, SinkEntry


class Curves:
    """One run."""

    def __init__(self, where: str, run: Member) -> None:
        import aim

        options = {"system_tracking_interval": None, "log_system_params": False, "capture_terminal_logs": False}
        self._run = aim.Run(repo=where or None, experiment=run.experiment, **options)
        self._run.name = run.name
        self._run["run_id"] = run.run_id
        self._run["config"] = dict(run.config)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One point of each curve."""
        self._run.track(dict(values), step=step)

    def close(self) -> None:
        """Everything is in the repository."""
        self._run.close()


ENTRY = SinkEntry(Curves, "Aim, aim:REPOSITORY (default: the current folder)", needs="aim")
