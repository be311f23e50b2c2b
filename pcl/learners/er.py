"""Experience replay from a reservoir, learned by backpropagation: the rehearsal baseline (`replay`)."""

from pcl.learners import backprop, replay

ENTRY = replay.entry(
    backprop.ENTRY,
    summary="experience replay from a reservoir, learned by backpropagation",
    label="replay, backpropagation",
)
