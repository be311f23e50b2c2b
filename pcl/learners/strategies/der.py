"""Dark experience replay (`dark`) around backpropagation."""

from pcl.learners import backprop
from pcl.learners.strategies import dark, rehearsal

ENTRY = rehearsal.entry(
    backprop.ENTRY,
    dark.DER,
    dark.DarkHParams(),
    summary="replay of samples with their stored logits (DER), backpropagation",
    label="DER, backpropagation",
)
