"""ACIL: analytic class-incremental learning, recursive ridge regression on rectified uniform random projections.

The recursion gives the ridge regression on all samples so far, which is solved for here once in `block` samples. As
published, ridge 0.1; the authors project features of a network that half of the classes train, on 8,192 units.
Source: Zhuang et al. (2022), arXiv:2205.14922; ZHUANGHP/Analytic-continual-learning.
"""

from pcl.learners import closed_form

ENTRY = closed_form.entry(
    label="ACIL",
    summary="recursive ridge regression on rectified uniform random projections",
    local=True,
    feature_map="uniform",
    random_features=2000,
    classifier="ridge",
    ridge=0.1,
)
