"""Shapes and types in annotations are checked at run time in every test; every core is a JAX device."""

import jaxtyping
import pytest

jaxtyping.install_import_hook("pcl", "beartype.beartype")

import jax  # noqa: E402

from pcl.runner import devices  # noqa: E402

devices.configure()


@pytest.fixture(autouse=True, scope="module")
def _forget_compiled_programs():
    """Compiled programs are kept for ever otherwise: gigabytes by the end of the suite."""
    yield
    jax.clear_caches()
