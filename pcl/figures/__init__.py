"""How figures look and are written; imports no JAX."""
