"""Installation of pcl-jax; tool settings are in pyproject.toml."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent

DOCS = [
    "latex2mathml>=3.78,<4",
    "mkdocs>=1.6,<2",
    "mkdocs-material>=9.6.15,<10",
    "mkdocstrings[python]>=1,<2",
]

setup(
    name="pcl-jax",
    version=re.search(r'__version__ = "(.+)"', (HERE / "pcl/__init__.py").read_text(encoding="utf-8")).group(1),
    description="Predictive-coding learners that never stop learning: streams, local plasticity, vmapped experiments",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    keywords="predictive coding, continual learning, local learning rules, streams, JAX",
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    # Installed, the experiments and the commands beside the run stand in the package, whose name nobody else has.
    packages=[
        *find_packages(include=["pcl", "pcl.*"]),
        *("pcl.scripts.bench", "pcl.scripts.bench.peers", "pcl.scripts.peers"),
    ],
    package_dir={"pcl.experiments": "experiments", "pcl.scripts": "scripts"},
    package_data={
        "pcl": ["py.typed", "figures/*.css", "figures/*.html", "figures/*.js"],
        "pcl.scripts.peers": ["*.jsonl"],
    },
    entry_points={"console_scripts": ["pcl = pcl.cli:main"]},
    python_requires=">=3.11",
    install_requires=[
        "absl-py>=2.3.1,<3",
        "array-record>=0.8.3,<0.9",
        "filelock>=3.16,<4",  # by which processes share compiled programs
        "flax>=0.12,<0.13",
        "jax>=0.10.2,<0.12",
        "jaxtyping>=0.3.9,<0.4",
        "numpy>=2.2,<3",
        "optax>=0.2.8,<0.3",
        "pillow>=12,<14",
        "pyarrow>=21,<27",
        "scikit-learn>=1.7,<2",
        "scipy>=1.15,<2",
        "tabulate>=0.9,<0.11",
        "tensorflow-datasets>=4.9.10,<4.10",
        "tqdm>=4.66,<5",
    ],
    extras_require={
        "aim": ["aim>=3.29,<4"],
        "cuda": ["jax[cuda13]>=0.10.2,<0.12"],
        "docs": DOCS,
        "figures": ["matplotlib>=3.10,<4"],
        # tensorflow-datasets imports importlib-resources without declaring it
        "prepare": ["importlib-resources>=6.5,<8", "tensorflow>=2.21,<2.22"],
        "river": ["river>=0.26,<0.27"],
        "search": ["optuna>=4.8,<6"],
        "slurm": ["submitit>=1.5.3,<2"],
        "tensorboard": ["tensorboard>=2.20,<3"],
        "wandb": ["wandb>=0.21,<0.40"],
        "test": [
            *DOCS,  # the tests build the site
            "beartype>=0.22,<0.24",
            "chex>=0.1.91,<0.2",
            "hypothesis>=6.130,<7",
            "mypy>=1.18,<3",
            "nbformat>=5.10,<6",
            "optuna>=4.8,<6",
            "pandas>=2.2,<4",
            "polars>=1.30,<3",
            "pytest>=8.4,<10",
            "pytest-xdist>=3.7,<4",
            "river>=0.26,<0.27",
            "ruff>=0.14,<0.18",
            "submitit>=1.5.3,<2",
            "types-tabulate>=0.9",
            "types-tqdm>=4.66",
        ],
    },
)
