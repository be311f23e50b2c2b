"""Experience replay against forgetting: the experiment `split_mnist` on the images of Fashion-MNIST."""

from .split_mnist import on

EXPERIMENT = on("fashion_mnist", __doc__)
