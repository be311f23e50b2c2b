"""Figures, pages and tables from records; imports no JAX."""
