"""ER-ACE (`asymmetric`) around backpropagation."""

from pcl.learners import backprop, replay
from pcl.learners.strategies import asymmetric, rehearsal

ENTRY = rehearsal.entry(
    backprop.ENTRY,
    asymmetric.ASYMMETRIC,
    replay.ReplayHParams(),
    summary="replay with an asymmetric cost: new classes do not push down old ones (ER-ACE), backpropagation",
    label="ER-ACE, backpropagation",
    targets=False,
)
