"""A sensory code that is learned from the stream, and frozen after a critical period.

Each scale of the code cuts images into overlapping patches p and computes features of each:

    p    <- (p - mean(p)) / sqrt(var(p) + 0.02)        local contrast, after the same for the whole image
    h_j  =  relu(d_j z - theta), relu(-d_j z - theta)  two-sided activity of K atoms on the whitened patch z
    a    =  sqrt of the mean of h over each of a grid of overlapping cells
    code =  (a - m) / (s + 0.1 mean of s) / sqrt(D)    each of D units by its own mean and deviation

Development has two halves (`pcl.code.dictionary`). In the first, means and covariances of patches are summed. In
the second, the whitening is fixed, and atoms, initialised with patches of the first half, compete. At its end every
unit is normalised by the mean and deviation of its activity over the period. Without that the mean of all images would
be most of a code, and their differences would be lost in the rounding of float32. No labels are used. After the period
the code does not change by a bit. Samples of the period wait in memory and are then read out with the final code
(`remembered`), so that every sample is read out once and all with one code. A new critical period makes another code,
for which the readout's statistics are rebuilt in the same way (`pcl.learners.reopening`). If the stream is shorter than
the period, the readout learns nothing.

The readout does not depend on the order of samples; the code itself does, because it is learned from the first ones.
There is no second level: at as many units it was no better than more scales (`experiments.split_images`).

An input that is a vector is one patch with its entries as channels, without local contrast and without a grid.

Sources: two-sided soft thresholds on patches, Coates and Ng, The importance of encoding versus training with sparse
coding and vector quantization (ICML 2011); Coates, Ng and Lee (AISTATS 2011).
"""

import functools
import math
import re
from typing import ClassVar, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from flax import struct
from jax import Array
from jaxtyping import Bool, Float, Int, PRNGKeyArray

from pcl.code.dictionary import Dictionary, add_patches, compete, filters, imprint, init_dictionary
from pcl.errors import UsageError
from pcl.fields import Idles, Traced, static, traced
from pcl.loops import when
from pcl.types import Batch, Spec

CONTRAST = 0.02  # added to a patch's variance, relative to its image's: faint patches are not amplified
EVEN = 0.1  # added to a unit's deviation, relative to the mean deviation: silent units are not amplified
SPREAD = 0.6  # standard deviation of a cell of the grid, in units of its side: a code changes smoothly with its image
S = TypeVar("S")


@struct.dataclass
class CodeHParams:
    """Settings of the sensory code, which are not used by a learner with other `features`."""

    IDLE: ClassVar[Idles] = {
        name: {"features": ("raw", "random")}
        for name in ("patch", "atoms", "stride", "grid", "mirror", "critical", "glimpses", "threshold")
    }
    patch: str = static("5,9", "side of the patches of each scale, in pixels")
    atoms: str = static("32,48", "dictionary atoms of each scale")
    stride: int = static(1, "stride of the patches, in pixels", low=1)
    grid: int = static(4, "pooling cells along each side of the image", low=1)
    mirror: str = static("no", "whether activity is averaged over an image and its mirror image", choices=("no", "yes"))
    critical: int = static(1000, "length of the critical period: samples after which the code is frozen", low=2)
    glimpses: int = static(100, "patches per sample from which each scale learns", low=1)
    threshold: Traced = traced(0.25, "threshold above which an atom is active", low=0)


class Code(NamedTuple):
    """The state of a sensory code: its scales, and the samples of its critical period."""

    key: PRNGKeyArray
    stored: Int[Array, ""]  # rows of `memory` that hold a sample
    closed: Bool[Array, ""]
    scales: tuple[Dictionary, ...]
    mean: Float[Array, " D"]  # of each unit over the critical period, once that has ended
    gain: Float[Array, " D"]
    memory: Batch


def init(key: PRNGKeyArray, spec: Spec, hp: CodeHParams) -> Code:
    """A code that has seen nothing.

    Raises:
      UsageError: patches and atoms do not pair up, a patch is larger than the image, or half of the critical period
        has too few patches to imprint all atoms.
    """
    height, width, channels = _image_shape(spec.input_shape)
    scales = []
    for side, atoms in _scales(spec.input_shape, hp):
        if side > min(height, width):
            raise UsageError(f"patch={hp.patch}: no side may exceed those of the image, {height} and {width}")
        available = math.prod(_places((height, width), side)) * (hp.critical // 2)
        if atoms > available:
            raise UsageError(f"atoms={hp.atoms}: half of critical={hp.critical} samples have but {available} patches")
        scales.append(init_dictionary(side * side * channels, atoms))
    n = hp.critical
    y = jnp.zeros((n, spec.num_targets)) if spec.num_targets else jnp.zeros(n, jnp.int32)
    no = jnp.zeros(n, bool)
    memory = Batch(jnp.zeros((n, *spec.input_shape)), y, no, no, jnp.zeros(n, jnp.int32))
    cells = [_cell_number((height, width), side, hp) for side, _ in _scales(spec.input_shape, hp)]
    units = sum(2 * len(scale.usage) * number for scale, number in zip(scales, cells, strict=True))
    started = jnp.zeros((), jnp.int32), jnp.zeros((), bool)
    return Code(key, *started, tuple(scales), jnp.zeros(units), jnp.ones(units), memory)


def encode(code: Code, x: Float[Array, "B ..."], hp: CodeHParams) -> Float[Array, "B D"]:
    """Codes of inputs, each from its own input alone and the same for all affine changes of an image."""
    return (_pooled(code.scales, x, hp) - code.mean) * code.gain


def learn(code: Code, batch: Batch, hp: CodeHParams) -> Code:
    """The code after a batch, labelled or not; the same to the last bit once its critical period is over.

    The period ends with the batch after which another one would not fit into memory.

    Raises:
      UsageError: the period is shorter than a batch.
    """
    rows = batch.valid.shape[0]
    if rows > hp.critical:
        raise UsageError(f"critical={hp.critical}: must hold at least one batch, here of {rows} samples")
    half = hp.critical // 2

    def develop(code: Code, batch: Batch) -> Code:
        memory, stored = store(code.memory, code.stored, batch)
        young, ripe = code.stored < half, stored >= half
        x_BHWC = images(jnp.where(_along(batch.valid, batch.x), batch.x, 0.0))
        keys = jax.random.split(jax.random.fold_in(code.key, code.stored), (len(code.scales), 2))
        scales = []
        for scale, (look_key, imprint_key) in zip(code.scales, keys, strict=True):
            p_NP = glimpses_of(look_key, scale, x_BHWC, hp.glimpses)
            weight_N = jnp.repeat(batch.valid.astype(p_NP.dtype), len(p_NP) // rows)
            scale = when(young, add_patches, scale, p_NP, weight_N)
            scale = when(~young, compete, scale, p_NP, weight_N)
            scales.append(when(young & ripe, _imprint, scale, memory.x[:half], imprint_key))
        closed = stored + rows > hp.critical
        return code._replace(stored=stored, closed=closed, scales=tuple(scales), memory=memory)

    learned = when(~code.closed & batch.valid.any(), develop, code, batch)
    return when(learned.closed & ~code.closed, functools.partial(_settle_down, rows=rows, hp=hp), learned)


def flops(spec: Spec, hp: CodeHParams) -> int:
    """Floating-point operations per code: matching every patch with every atom, and pooling both signs."""
    height, width, channels = _image_shape(spec.input_shape)
    total = 0
    for side, atoms in _scales(spec.input_shape, hp):
        down, right = _places((height, width), side, hp.stride)
        cells = _cell_number((height, width), side, hp)
        total += 2 * down * right * atoms * (side * side * channels + 2 * cells)
    return total * (2 if hp.mirror == "yes" else 1)


def remembered(code: Code, i: Int[Array, ""], rows: int) -> Batch:
    """The samples of the critical period, the `i`-th `rows` of them; rows beyond the last one are padding."""
    at = i * rows + jnp.arange(rows)
    some = jax.tree.map(lambda leaf: leaf[jnp.clip(at, 0, leaf.shape[0] - 1)], code.memory)
    return some._replace(valid=some.valid & (at < code.stored))


def _scales(input_shape: tuple[int, ...], hp: CodeHParams) -> tuple[tuple[int, int], ...]:
    """Side and number of atoms of each scale; one scale of all atoms for an input that is a vector.

    Numbers are divided by a comma, or by a plus sign, because --set takes commas to divide values.
    """
    try:
        sides, atoms = ([int(number) for number in re.split("[,+]", text)] for text in (hp.patch, hp.atoms))
        if min(*sides, *atoms) < 1 or len(sides) != len(atoms):
            raise ValueError
    except ValueError:
        raise UsageError(
            f"patch={hp.patch}, atoms={hp.atoms}: one positive number per scale each, as in 5,9 (or 5+9) and 32,48"
        ) from None
    return tuple(zip(sides, atoms, strict=True)) if len(input_shape) > 1 else ((1, sum(atoms)),)


def _image_shape(input_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Rows, columns and channels: (D) is one pixel of D channels, (rows, columns) has one channel."""
    if len(input_shape) == 1:
        return 1, 1, input_shape[0]
    return input_shape[0], input_shape[1], math.prod(input_shape[2:])


def images(x: Float[Array, "B ..."]) -> Float[Array, "B rows columns channels"]:
    """Inputs as images of mean 0 and variance 1; vectors as they come."""
    x_BHWC = x.reshape(-1, *_image_shape(x.shape[1:]))
    if x.ndim == 2:
        return x_BHWC
    x_BHWC = x_BHWC - x_BHWC.mean((1, 2, 3), keepdims=True)
    deviation = jnp.sqrt(jnp.mean(x_BHWC**2, (1, 2, 3), keepdims=True))
    return x_BHWC / jnp.maximum(deviation, 1e-8)


def _places(size: tuple[int, int], side: int, stride: int = 1) -> tuple[int, int]:
    """Patches along each side of an image."""
    return (size[0] - side) // stride + 1, (size[1] - side) // stride + 1


def _side(scale: Dictionary, x_BHWC: Float[Array, "B rows columns channels"]) -> int:
    return math.isqrt(len(scale.mean) // x_BHWC.shape[3])


def _cell_number(size: tuple[int, int], side: int, hp: CodeHParams) -> int:
    """Cells of the grid, which are never more than the places under it."""
    down, right = _places(size, side, hp.stride)
    return min(hp.grid, down) * min(hp.grid, right)


def glimpses_of(
    key: PRNGKeyArray, scale: Dictionary, x_BHWC: Float[Array, "B rows columns channels"], number: int
) -> Float[Array, "N P"]:
    """Normalised patches at `number` random places (all places, where there are fewer), the same in every image."""
    (batch, *size, channels), side = x_BHWC.shape, _side(scale, x_BHWC)
    down, right = _places((size[0], size[1]), side)
    place = jax.random.choice(key, down * right, (min(number, down * right),), replace=False)

    def look(at: Int[Array, ""]) -> Float[Array, "B P"]:
        start = (0, at // right, at % right, 0)
        return jax.lax.dynamic_slice(x_BHWC, start, (batch, side, side, channels)).reshape(batch, -1)

    p_NP = jnp.moveaxis(jax.vmap(look)(place), 0, 1).reshape(batch * len(place), -1)
    if down * right == 1 == side:
        return p_NP
    p_NP = p_NP - p_NP.mean(1, keepdims=True)
    return p_NP / jnp.sqrt(jnp.mean(p_NP**2, 1, keepdims=True) + CONTRAST)


def _imprint(scale: Dictionary, x: Float[Array, "N ..."], key: PRNGKeyArray) -> Dictionary:
    """Atoms taken from a few times as many patches of the images `x`."""
    look_key, choice_key = jax.random.split(key)
    candidates = glimpses_of(look_key, scale, images(x), -(-4 * len(scale.usage) // len(x)))
    return imprint(choice_key, scale, candidates)


def _settle_down(code: Code, rows: int, hp: CodeHParams) -> Code:
    """The code with the mean and gain of each unit by its activity over all samples in memory."""
    memory = code.memory.x
    number = -(-len(memory) // rows)

    def moments(i: Array, sums: tuple[Array, Array]) -> tuple[Array, Array]:
        at = i * rows + jnp.arange(rows)
        counts = (at < code.stored)[:, None]
        a_BD = _pooled(code.scales, memory[jnp.minimum(at, len(memory) - 1)], hp)
        offset_BD = jnp.where(counts, a_BD - first_D, 0.0)
        return sums[0] + offset_BD.sum(0), sums[1] + (offset_BD**2).sum(0)

    # Moments are taken about the first sample's activity: about zero they would lose digits by cancellation.
    first_D = _pooled(code.scales, memory[:1], hp)[0]
    total_D, square_D = jax.lax.fori_loop(0, number, moments, (jnp.zeros_like(first_D),) * 2)
    shift_D = total_D / code.stored
    deviation_D = jnp.sqrt(jnp.maximum(square_D / code.stored - shift_D**2, 0))
    gain_D = 1 / ((deviation_D + EVEN * deviation_D.mean() + 1e-6) * math.sqrt(len(first_D)))
    return code._replace(mean=first_D + shift_D, gain=gain_D)


def _pooled(scales: tuple[Dictionary, ...], x: Float[Array, "B ..."], hp: CodeHParams) -> Float[Array, "B D"]:
    """Roots of the activity of all scales in all cells, of an image or of the mean of both its mirror images."""

    def one_image(x_HWC: Float[Array, "rows columns channels"]) -> Float[Array, " D"]:
        views = (x_HWC, x_HWC[:, ::-1]) if hp.mirror == "yes" else (x_HWC,)
        pooled = [jnp.concatenate([_activity(s, view[None], hp)[0] for s in scales]) for view in views]
        return jnp.sqrt(sum(pooled[1:], pooled[0]) / len(views))

    # One image at a time: its matches fit a core's cache. Those of a batch do not, and take a CPU six times as long.
    return jax.lax.map(one_image, images(x), batch_size=1 if jax.default_backend() == "cpu" else 256)


def _activity(scale: Dictionary, x_BHWC: Float[Array, "B rows columns channels"], hp: CodeHParams) -> Array:
    """Two-sided activity of all atoms on all patches, averaged over the cells of the grid: [B, cells 2 K]."""
    f_PK, offset_K = filters(scale)
    (batch, *size, channels), side = x_BHWC.shape, _side(scale, x_BHWC)
    down, right = _places((size[0], size[1]), side, hp.stride)
    match = jax.lax.conv_general_dilated(
        x_BHWC,
        f_PK.reshape(side, side, channels, -1),
        (hp.stride, hp.stride),
        "VALID",
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
    )
    if size != [1, 1]:
        # This equals normalising each patch and then matching it, but no patch is written to memory.
        mean, square = _patch_moments(x_BHWC, side, hp.stride)
        deviation = jnp.sqrt(jnp.maximum(square - mean**2, 0) + CONTRAST)
        match = (match - mean * f_PK.sum(0)) / deviation
    match_BLK = (match - offset_K).reshape(batch, down * right, -1)
    cells_GL = _cells(down, right, min(hp.grid, down), min(hp.grid, right))
    active = [cells_GL @ jax.nn.relu(sign * match_BLK - hp.threshold) for sign in (1, -1)]
    return jnp.concatenate(active, axis=2).reshape(batch, -1)


def _patch_moments(
    x_BHWC: Float[Array, "B rows columns channels"], side: int, stride: int
) -> tuple[Float[Array, "B down right 1"], Float[Array, "B down right 1"]]:
    """Mean and mean square of every patch."""

    def mean(x: Array) -> Array:
        window, step = (1, side, side, 1), (1, stride, stride, 1)
        return jax.lax.reduce_window(x.mean(3, keepdims=True), 0.0, jax.lax.add, window, step, "VALID") / side**2

    return mean(x_BHWC), mean(x_BHWC**2)


def _cells(down: int, right: int, rows: int, columns: int) -> Float[Array, "G L"]:
    """Weights that average places over the overlapping cells of a grid: normal around a cell's centre."""

    def along(places: int, cells: int) -> Array:
        at = (jnp.arange(places) + 0.5) * cells / places - 0.5
        near = jnp.exp(-0.5 * ((at - jnp.arange(cells)[:, None]) / SPREAD) ** 2)
        return near / near.sum(1, keepdims=True)

    both = along(down, rows)[:, None, :, None] * along(right, columns)[None, :, None, :]
    return both.reshape(rows * columns, down * right)


def store(memory: Batch, stored: Int[Array, ""], batch: Batch) -> tuple[Batch, Int[Array, ""]]:
    """Memory with the valid rows of a batch, and how many it then holds; padding goes last and is overwritten."""
    order = jnp.argsort(~batch.valid, stable=True)

    def write(memory: Array, new: Array) -> Array:
        rows = jnp.where(_along(batch.valid, new), new, 0)[order].astype(memory.dtype)
        return jax.lax.dynamic_update_slice_in_dim(memory, rows, stored, 0)

    return jax.tree.map(write, memory, batch), stored + batch.valid.sum()


def _along(mask_B: Bool[Array, " B"], x: Array) -> Bool[Array, "B ..."]:
    return mask_B.reshape(-1, *[1] * (x.ndim - 1))
