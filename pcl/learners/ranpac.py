"""RanPAC: ridge regression on rectified random projections, from a Gram matrix and the sums of classes.

As published, but for the ridge: the authors choose it anew after each task, on a fifth of its samples, which a stream
without tasks does not give. They project features of a pre-trained network, on 10,000 units.
Source: McDonnell et al. (2023), arXiv:2307.02251; RanPAC/RanPAC.
"""

from pcl.learners import closed_form

ENTRY = closed_form.entry(
    label="RanPAC",
    summary="ridge regression on rectified random projections",
    local=True,
    feature_map="relu",
    random_features=2000,
    classifier="ridge",
    ridge=1000.0,
)
