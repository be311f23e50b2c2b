"""Conjugate synapses: layers that carry the exact posterior over their weights.

synapse      the protocol, and the local rule by which a layer learns
covariance   forms of the posterior covariance: exact in full, or as large as it can be afforded
statistics   the natural form: sums over samples, and the weights they determine
horizon      how many samples sums stand for that grow with the stream
"""
