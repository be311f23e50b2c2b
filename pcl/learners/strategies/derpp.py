"""Dark experience replay with labels (`dark`) around backpropagation."""

from pcl.learners import backprop
from pcl.learners.strategies import dark, rehearsal

ENTRY = rehearsal.entry(
    backprop.ENTRY,
    dark.DERPP,
    dark.DarkerHParams(),
    summary="replay of samples with labels and the outputs they had (DER++), backpropagation",
    label="DER++, backpropagation",
)
