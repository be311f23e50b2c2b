"""Sensors: densities of inputs. Other folders use `interface` alone."""
