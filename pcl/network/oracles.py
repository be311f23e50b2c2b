"""NOT LOCAL: learning that needs a global clock, kept as a reference for tests.

Inference rules that are not local say so in their file of `rules`.
"""

from jax import Array
from jaxtyping import Float

from pcl.errors import UsageError
from pcl.network.energy import Problem, activity_gradient, check, errors, feedforward
from pcl.network.layers import Network
from pcl.network.plasticity import hebbian_update


def zero_divergence(problem: Problem, weight_B: Float[Array, " B"]) -> Network:
    """The direction of zero-divergence inference learning (Z-IL), which is exactly that of backpropagation.

    Activities start at the feed-forward pass and take full steps (rate 1); layer l learns at step L - l only,
    when its error has arrived and nothing below it has moved. A global clock must tell each layer when.
    Sources: Song, Lukasiewicz, Xu and Bogacz (2020), NeurIPS 33; for convolutions Salvatori et al. (2021),
    arXiv:2103.03725.

    Raises:
      UsageError: a precision that is not the identity, a free bottom, or what `energy.check` refuses.
    """
    backpropagates(problem)
    z, learned = feedforward(problem), []
    for index in reversed(range(len(problem.network))):
        e = errors(problem, z)
        learned.append(hebbian_update(problem, z, e, weight_B)[index])
        gradient = activity_gradient(problem, z, e)
        z = tuple(z_l - g for z_l, g in zip(z, gradient, strict=True))
    return tuple(reversed(learned))


def backpropagates(problem: Problem) -> None:
    """Refuses problems on which a rule that equals backpropagation elsewhere does not equal it.

    Raises:
      UsageError: a precision that is not the identity, a free bottom, or what `energy.check` refuses.
    """
    check(problem)
    if problem.bottom is None or any(problem.gain(i) is not None for i in range(len(problem.network))):
        raise UsageError("this rule is backpropagation's: it takes identity precision and a clamped bottom")
