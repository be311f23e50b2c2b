"""Flags that share work among processes and devices."""

from absl import flags

from pcl.errors import UsageError, shown
from pcl.runner import hosts, mesh
from pcl.runner.hosts import Place
from pcl.runner.mesh import DATA, Division

FLAGS = flags.FLAGS
flags.disclaim_key_flags()  # they belong to the command that runs experiments
ALONE = Place(0, 1)


def sharing_flags() -> None:
    """Define the flags that share work."""
    flags.DEFINE_integer("num_shards", 1, "Number of processes among which the runs are shared.", lower_bound=1)
    flags.DEFINE_integer("shard_index", 0, "Index of the share that this process runs, from 0.", lower_bound=0)
    flags.DEFINE_bool(
        "claim", False, "Share the runs with all processes of this command: each claims the runs that it executes next;"
        " processes may join and leave.",
    )  # fmt: skip
    flags.DEFINE_string(
        "coordinator", "none", "auto: take the share with the process number of SLURM, MPI or a TPU pod, or with"
        " --devices_per_run join one mesh over all processes. HOST:PORT: the same mesh, with processes numbered by"
        " --num_shards and --shard_index.",
    )  # fmt: skip
    flags.DEFINE_integer("devices_per_run", 1, "Number of devices among which each run is divided.", lower_bound=1)
    flags.DEFINE_enum(
        "data_sharding",
        DATA[0],
        DATA,
        "Whether the devices of a run each hold all arrays of the stream, or shares of them.",
    )


def lay_out() -> None:
    """Join the processes and divide the devices as the flags say. To be called before the first computation.

    Raises:
      UsageError: flags contradict each other, or the processes or devices do not fit.
    """
    given = Place(FLAGS.shard_index, FLAGS.num_shards)
    if given.rank >= given.size:
        raise UsageError(f"--shard_index={shown(given.rank)}: must be below --num_shards={shown(given.size)}")
    _require_one_way(given)
    if joined():
        hosts.join() if FLAGS.coordinator == "auto" else hosts.join(FLAGS.coordinator, given)
    mesh.use(Division(FLAGS.devices_per_run, FLAGS.data_sharding, joined()))


def joined() -> bool:
    """Whether all processes execute one program together."""
    return FLAGS.coordinator != "none" and FLAGS.devices_per_run > 1


def share() -> Place:
    """The share of the runs that this process executes.

    Raises:
      UsageError: --coordinator=auto was given, and no launcher has numbered this process.
    """
    if joined():
        return ALONE
    return hosts.place() if FLAGS.coordinator == "auto" else Place(FLAGS.shard_index, FLAGS.num_shards)


def _require_one_way(given: Place) -> None:
    """Refuse flags that would share the runs twice, or not at all."""
    coordinator = FLAGS.coordinator
    if coordinator not in ("none", "auto"):
        host, _, port = coordinator.rpartition(":")
        if not host or not port.isdigit():
            raise UsageError(f"--coordinator={shown(coordinator)}: write none, auto or HOST:PORT")
        if FLAGS.devices_per_run == 1:
            raise UsageError(
                f"--coordinator={shown(coordinator)}: joins processes for runs on several devices; set"
                " --devices_per_run, or share runs of one device by --claim, --num_shards or --coordinator=auto"
            )
    if coordinator == "auto" and given.size > 1:
        raise UsageError(f"--coordinator=auto numbers the processes: leave out --num_shards={shown(given.size)}")
    if FLAGS.claim and (given.size > 1 or coordinator != "none"):
        other = f"--num_shards={shown(given.size)}" if given.size > 1 else f"--coordinator={shown(coordinator)}"
        raise UsageError(f"--claim shares all runs: leave out {other}")
    if (FLAGS.sink or FLAGS.watch_steps is not None) and (FLAGS.claim or FLAGS.devices_per_run > 1):
        other = "--claim" if FLAGS.claim else f"--devices_per_run={shown(FLAGS.devices_per_run)}"
        raise UsageError(f"{other} takes no --{'sink' if FLAGS.sink else 'watch_steps'}")
    if joined() and FLAGS.mode == "fastest":
        raise UsageError("--mode=fastest: processes that share each run need the same mode: name map or vmap")
    if joined() and FLAGS.checkpoint_steps:
        raise UsageError("--checkpoint_steps: runs that several processes share have no checkpoints; leave it out")
