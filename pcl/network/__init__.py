"""The predictive-coding engine: pure functions over a tuple of layers. A network is a chain, by choice.

layers, activations, architectures   what a network is, and how it begins; muPC, a parametrisation
outputs                              distributions of the output: mean, cost, curvature
energy, precision                    its free energy with clamped ends, and the local error signals
inference, halting, stability        what rules share: their signature, early stops; the step size that is stable
rules                                how activities settle: one file a rule
plasticity                           how weights move: local rules, gates
amortise                             a recognition chain that guesses where settling ends
generative                           completion, Langevin samples, predictive variance
temporal                             sequences: a state that predicts itself and what is observed, as a chain a step
oracles                              zero-divergence learning, which is not local
flops                                what it all costs
samples                              activities sample by sample
"""
