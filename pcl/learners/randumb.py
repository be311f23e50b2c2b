"""RanDumb: linear discriminants on random Fourier features of the pixels, the covariance shrunk by an estimate.

As published: the width of the kernel is that of inputs of unit variance (`gamma=1`), and priors of classes are equal;
the authors use 1,000 to 25,000 features. The covariance within all classes is shrunk as a whole (OAS), as in
their first code (`legacy_model.py`); the later one shrinks that of each class, and takes the classes' frequencies.
Source: Prabhu et al. (2024), arXiv:2402.08823; drimpossible/RanDumb.
"""

from pcl.learners import closed_form

ENTRY = closed_form.entry(
    label="RanDumb",
    summary="linear discriminants on random Fourier features",
    local=True,
    feature_map="fourier",
    random_features=2000,
    estimator="oas",
)
