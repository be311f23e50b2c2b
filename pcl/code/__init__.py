"""A sensory code that is learned from the stream.

dictionary   whitening and atoms of image patches
code         the code: it develops in a critical period, then stays
fit          whether inputs still fit it
"""
