"""Weights & Biases: a run of a project, under the run id and in the group of the experiment.

Whether it is sent at once or kept is what the library's own settings say (`WANDB_MODE=offline`, `WANDB_DIR`).
"""

from collections.abc import Mapping

from pcl.sinks.entry import Member, SinkEntry


class Curves:
    """One run, open beside others of the same process."""

    def __init__(self, where: str, run: Member) -> None:
        import wandb

        self._run = wandb.init(
            project=where or "pcl",
            group=run.experiment,
            id=run.run_id,
            name=run.name,
            config=dict(run.config),
            resume="allow",
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off", x_disable_stats=True),
        )

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """One entry of the history."""
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Everything is sent, or kept for `wandb sync`."""
        self._run.finish()


ENTRY = SinkEntry(Curves, "Weights & Biases, wandb:PROJECT (default: pcl)", needs="wandb")
