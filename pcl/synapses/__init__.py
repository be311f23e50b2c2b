"""Conjugate synapses: layers that carry the exact posterior over their weights.

synapse      the protocol, and the local rule by which a layer learns
covariance   forms of the posterior covariance: exact in full, or smaller approximations
statistics   the natural form: sums over samples, and the weights they determine
horizon      the largest number of samples in sums that grow with the stream
"""
