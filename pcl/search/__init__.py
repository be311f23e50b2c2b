"""Search over settings of a learner: configurations are proposed in chunks, run over all seeds, and told (optuna)."""
