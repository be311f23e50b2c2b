"""Replay against the wall, on clothes: `split_mnist` on the images of Fashion-MNIST.

python -m experiments.run --experiment=split_fashion_mnist --data_dir=FOLDER
python -m experiments.run --experiment=split_fashion_mnist --learners=parallax --data_dir=FOLDER
python -m scripts.make_figures --only=tab_split_mnist
"""

from experiments.split_mnist import on

EXPERIMENT = on("fashion_mnist")
