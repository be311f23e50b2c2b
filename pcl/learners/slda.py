"""Streaming linear discriminant analysis: class means and one covariance within classes, shrunk by a constant share.

The covariance is that of all samples around the means of their classes (`closed_form`). The authors' running update
uses the mean that a class has when a sample comes, and the count of all classes, so that it depends a little on the
order. `generative` is the same classifier with a prior on the scatter and the classes' frequencies, and no `block`.
Source: Hayes and Kanan (2020), SLDA, arXiv:1909.01520; `shrinkage` as in their code, tyler-hayes/Deep_SLDA.
"""

from pcl.learners import closed_form

ENTRY = closed_form.entry(
    label="streaming LDA", summary="streaming linear discriminant analysis", local=True, block=100
)
