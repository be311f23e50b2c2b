"""Parallax with one context for everything: what remains of it where nothing tells contexts apart."""

from pcl.learners import parallax

ENTRY = parallax.ENTRY._replace(
    hparams=parallax.HParams(max_contexts=1),
    summary="parallax with one context for everything",
    label=None,
)
