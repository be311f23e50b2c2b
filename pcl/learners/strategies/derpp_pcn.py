"""Dark experience replay with labels (`dark`) around a predictive-coding network."""

from pcl.learners import pcn
from pcl.learners.strategies import dark, rehearsal

ENTRY = rehearsal.entry(
    pcn.ENTRY,
    dark.DERPP,
    dark.DarkerHParams(),
    summary="replay of samples with their labels and stored logits (DER++), predictive coding",
    label="DER++, predictive coding",
)
