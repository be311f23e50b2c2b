"""Contexts: maps from latents to labels, and the belief about which context is present."""
