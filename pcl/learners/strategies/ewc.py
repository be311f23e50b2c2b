"""Elastic weight consolidation, online (`fisher`), around backpropagation."""

from pcl.learners import backprop
from pcl.learners.strategies import consolidation, fisher

ENTRY = consolidation.entry(
    backprop.ENTRY,
    fisher.FISHER,
    consolidation.AveragedHParams(),
    summary="penalty on weight changes, weighted by Fisher information (online EWC), backpropagation",
    label="EWC, backpropagation",
    told=True,
)
