"""Experience replay from a reservoir, learned by a predictive-coding network (`replay`)."""

from pcl.learners import pcn, replay

ENTRY = replay.entry(
    pcn.ENTRY,
    summary="experience replay from a reservoir, learned by a predictive-coding network",
    label="replay, predictive coding",
)
