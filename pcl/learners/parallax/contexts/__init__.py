"""Contexts: what a label means at present, and which of them is present."""
