"""The predictive-coding engine: pure functions over a tuple of layers.

layers, activations, architectures   what a network is, and how it begins
energy, precision                    its free energy with clamped ends, and the local error signals
inference, stability                 settling, early stops, the residual; the step size that is stable
plasticity, incremental              how weights move: after settling, or beside it; gates
amortise                             a recognition chain that guesses where settling ends
oracles                              what is not local: error coordinates, zero-divergence learning
flops                                what it all costs
"""
