"""Dark experience replay with labels (`dark`) around backpropagation."""

from pcl.learners import backprop
from pcl.learners.strategies import dark, rehearsal

ENTRY = rehearsal.entry(
    backprop.ENTRY,
    dark.DERPP,
    dark.DarkerHParams(),
    summary="replay of samples with their labels and stored logits (DER++), backpropagation",
    label="DER++, backpropagation",
)
