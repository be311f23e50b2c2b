"""Parallax that is told the context of each sample: what could be reached if contexts were known."""

from flax import struct

from pcl.fields import static
from pcl.learners import parallax


@struct.dataclass
class HParams(parallax.HParams):
    """Numbers of parallax, told."""

    context: str = static(
        "told", "whether the context of a sample is inferred or, to an oracle, told", choices=("told",)
    )


ENTRY = parallax.ENTRY._replace(
    hparams=HParams(),
    summary="an oracle: parallax told the context of each sample, a bank of specialists each",
    label=None,
    told=True,
)
