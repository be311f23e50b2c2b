"""A sensory code that is learned from the stream.

dictionary   whitening and atoms of image patches
code         the code: it develops in a critical period, then stays
fit          change detection: whether inputs still fit the code
"""
