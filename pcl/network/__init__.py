"""The predictive-coding engine: pure functions over a tuple of layers.

layers, activations, architectures   what a network is, and how it begins
energy, precision                    its free energy with clamped ends, and the local error signals
inference, stability                 settling, early stops, the residual; the step size that is stable
acceleration, equilibrium            faster rules; Gauss-Newton: the equilibrium in a few steps
plasticity, incremental              how weights move: after settling, or beside it; gates
amortise                             a recognition chain that guesses where settling ends
generative                           completion, Langevin samples, predictive variance
temporal                             sequences: a state that predicts itself and what is observed
oracles                              what is not local: error coordinates, fixed prediction, zero-divergence learning
flops                                what it all costs
"""
