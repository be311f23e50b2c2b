"""Parallax that is told the context of each sample: an upper reference for inferred contexts."""

from flax import struct

from pcl.fields import static
from pcl.learners import parallax


@struct.dataclass
class HParams(parallax.HParams):
    """Settings of parallax that is told contexts."""

    context: str = static("told", "whether the context of a sample is inferred, or told (an oracle)", choices=("told",))


ENTRY = parallax.ENTRY._replace(
    hparams=HParams(),
    summary="an oracle: parallax that is told the context of each sample",
    label=None,
    told=True,
)
