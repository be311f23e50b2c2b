"""Scripts that turn records into figures and tables. None of them imports JAX or trains anything."""
