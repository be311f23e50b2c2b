"""Transposes of convolutions: those of `pcl.network.convolution` beside those that JAX derives, in one session.

Shapes are those of layers of the small convolutional network and of the slim ResNet-18 on CIFAR, at batches of 20. A
JSON line for each shape and function in `<results_dir>/bench_convolution.jsonl`: median CPU milliseconds of a call
inside a loop, over interleaved repeats, without compilation; and giga multiplications per CPU second.

    python -m scripts.bench.convolution
"""

import json
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import jax
import jax.numpy as jnp
from absl import flags
from jax import Array

from pcl.command import folder_flag, launch
from pcl.folders import write_whole
from pcl.network.convolution import convolve, to_image, to_kernel
from pcl.runner import devices

FLAGS = flags.FLAGS
folder_flag("results_dir", "results", "Folder that bench_convolution.jsonl is written to.")

SHAPES = ((32, 20, 20, 1), (16, 32, 64, 1), (8, 64, 128, 1), (32, 20, 40, 2), (4, 160, 160, 1))  # side, C, D, stride
BATCH, KERNEL, PADDING, CALLS, REPEATS = 20, 3, "SAME", 10, 5


def functions(image: Array, kernel: Array, stride: int) -> dict[str, Callable[[Array, Array, Array], Array]]:
    """Of an image, a kernel and an error: the convolution and both transposes, ours and those that JAX derives."""
    size, extent = image.shape[1:3], kernel.shape[:2]
    plain = partial(convolve, stride=stride, padding=PADDING)
    return {
        "convolve": lambda x, w, d: plain(x, w),
        "to_image": lambda x, w, d: to_image(d, w, stride, PADDING, size),
        "to_image by JAX": lambda x, w, d: jax.linear_transpose(lambda image: plain(image, w), x)(d)[0],
        "to_kernel": lambda x, w, d: to_kernel(x, d, stride, PADDING, extent),
        "to_kernel by JAX": lambda x, w, d: jax.linear_transpose(lambda kernel: plain(x, kernel), w)(d)[0],
    }


def measure(side: int, below: int, above: int, stride: int) -> list[dict[str, object]]:
    """A line for each function at one shape."""
    keys = jax.random.split(jax.random.key(0), 3)
    images = jax.random.normal(keys[0], (CALLS, BATCH, side, side, below))
    kernel = jax.random.normal(keys[1], (KERNEL, KERNEL, below, above))
    out = jax.eval_shape(partial(convolve, stride=stride, padding=PADDING), images[0], kernel).shape
    errors = jax.random.normal(keys[2], (CALLS, *out))
    programs = {name: loop(call) for name, call in functions(images[0], kernel, stride).items()}
    spent: dict[str, list[float]] = {name: [] for name in programs}
    for repeat in range(REPEATS + 1):
        for name, program in programs.items():
            begun = time.process_time()
            jax.block_until_ready(program(kernel, images, errors))
            if repeat:  # the first compiles
                spent[name].append((time.process_time() - begun) / CALLS)
    products = BATCH * out[1] * out[2] * KERNEL**2 * below * above
    shape = {"side": side, "channels_below": below, "channels_above": above, "stride": stride, "batch": BATCH}
    return [shape | line(name, statistics.median(seconds), products) for name, seconds in spent.items()]


def loop(call: Callable[[Array, Array, Array], Array]) -> Callable[[Array, Array, Array], Array]:
    """A compiled loop over images and errors, each step of which needs the one before."""

    def step(kernel: Array, data: tuple[Array, Array]) -> tuple[Array, None]:
        return kernel + 1e-9 * jnp.sum(jnp.tanh(call(data[0], kernel, data[1]))), None

    return jax.jit(lambda kernel, images, errors: jax.lax.scan(step, kernel, (images, errors))[0])


def line(name: str, seconds: float, products: int) -> dict[str, object]:
    """What is reported of one function."""
    return {"function": name, "cpu_ms": round(1e3 * seconds, 3), "gmac_per_cpu_s": round(products / seconds / 1e9, 2)}


def main() -> None:
    """Measure each shape, print, and write the file."""
    lines = []
    for shape in SHAPES:
        for measured in measure(*shape):
            print(json.dumps(measured), flush=True)
            lines.append(json.dumps(measured | devices.provenance()) + "\n")
    path = Path(FLAGS.results_dir, "bench_convolution.jsonl")
    write_whole(path, "".join(lines).encode())


if __name__ == "__main__":
    launch(main)
