"""Parallax on a sensory code whose critical period opens again (`reopening`)."""

from pcl.learners import parallax, reopening

ENTRY = reopening.entry(
    parallax.ENTRY,
    parallax.living,
    summary="parallax on a sensory code that develops anew when inputs no longer fit it",
    label=None,
)
