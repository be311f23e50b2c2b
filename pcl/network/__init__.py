"""The predictive-coding engine: pure functions over a tuple of layers."""
