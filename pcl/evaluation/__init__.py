"""Raw records, and metrics and statistics as pure functions of them."""
