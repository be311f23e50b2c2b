"""Sensors: how inputs look. `interface` is all that others know of one."""
