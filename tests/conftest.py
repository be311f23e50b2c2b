"""Shapes and types in annotations are checked at run time in every test; every core is a JAX device."""

import jaxtyping

jaxtyping.install_import_hook("pcl", "beartype.beartype")

from pcl.runner import devices  # noqa: E402

devices.configure()
