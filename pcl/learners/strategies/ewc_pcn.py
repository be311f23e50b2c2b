"""Elastic weight consolidation, online (`fisher`), around a predictive-coding network."""

from pcl.learners import pcn
from pcl.learners.strategies import consolidation, fisher

ENTRY = consolidation.entry(
    pcn.ENTRY,
    fisher.FISHER,
    consolidation.AveragedHParams(),
    summary="penalty on weight changes, weighted by Fisher information (online EWC), predictive coding",
    label="EWC, predictive coding",
    told=True,
)
