"""Backpropagation on inputs that are normalised by moving averages (`pcl.learners.moments`).

Each input has mean 0 and variance 1 of late, whatever the stream shows. On input-permuted MNIST this alone is worth
more than most changes of the step. Source: such averages in online learning, Ioffe and Szegedy (2015),
arXiv:1502.03167, section 3.1, there over batches.
"""

from pcl.learners import backprop, plasticity

ENTRY = plasticity.entry(
    backprop.ENTRY,
    lambda spec: plasticity.Method(),
    plasticity.HParams(input_norm="moving"),
    summary="inputs normalised by moving averages, backpropagation",
    label="moving input norm",
)
