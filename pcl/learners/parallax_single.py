"""Parallax with a single context: a mixture of class-conditional densities, the baseline of inferring contexts."""

from pcl.learners import parallax

ENTRY = parallax.ENTRY._replace(
    hparams=parallax.HParams(max_contexts=1),
    summary="parallax with a single context",
    label=None,
)
