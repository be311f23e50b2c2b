"""ER-ACE (`asymmetric`) around a predictive-coding network."""

from pcl.learners import pcn, replay
from pcl.learners.strategies import asymmetric, rehearsal

ENTRY = rehearsal.entry(
    pcn.ENTRY,
    asymmetric.ASYMMETRIC,
    replay.ReplayHParams(),
    summary="replay with an asymmetric cost: new classes do not push down old ones (ER-ACE), predictive coding",
    label="ER-ACE, predictive coding",
    targets=False,
)
