"""The predictive-coding engine: pure functions over a tuple of layers. A network is a chain, by choice.

Build, train, settle, look inside, draw (more in docs/network.md):

    import jax
    from sklearn.datasets import load_digits

    from pcl import network as pc
    from pcl.figures import settling

    digits = load_digits()
    x, y = jax.numpy.asarray(digits.data / 16), jax.nn.one_hot(digits.target, 10)
    layers = pc.dense_chain(jax.random.key(0), (64, 128, 128, 10))  # build
    fitted = pc.fit(layers, x, y, epochs=10, batch=32, key=jax.random.key(1))  # train
    problem = pc.Problem(fitted.network, x[:32], y[:32])
    settled = pc.settle(problem, rule="gd", steps=50)  # settle: free activities, errors, residual
    print(fitted.history.accuracy, pc.layer_energies(problem, settled.z))  # look inside
    settling.draw(pc.trajectory(problem, rule="gd", steps=50)).savefig("settling.png")  # draw

By file:

layers, activations, architectures   networks and their initial weights; muPC, a parametrisation
outputs                              distributions of the output: mean, cost, curvature
energy, precision                    its free energy with clamped ends, and the local error signals
inference, halting, stability        shared by rules: their signature, early stops; the largest stable step size
rules                                how activities settle: one file per rule
trajectories                         settling, and the activities, energies and residuals on the way
plasticity                           how weights move: local rules, gates
training                             a step of learning by any rule; passes over arrays
amortise                             a recognition chain that guesses where settling ends
generative                           completion, Langevin samples, predictive variance
temporal                             sequences: a state that predicts itself and the observation, as a chain a step
oracles                              zero-divergence learning, which is not local
flops                                floating-point operations per sample
samples                              activities sample by sample

`free_energy` is `energy.energy`: here that name is the file's.
"""

from pcl.network.activations import ACTIVATIONS
from pcl.network.amortise import guess, recognition_update
from pcl.network.architectures import INITS, dense_chain, mupc_chain, vgg5
from pcl.network.energy import Errors, Problem, activity_gradient, errors, feedforward, layer_energies, nudged
from pcl.network.energy import energy as free_energy
from pcl.network.generative import complete, expected_output, langevin, predictive_variance, sample_output
from pcl.network.halting import HALTS, Budget, Halt
from pcl.network.inference import Learning, Numbers, Rule, Settled, descend
from pcl.network.layers import Conv, Dense, Layer, Network, forward
from pcl.network.outputs import OUTPUTS
from pcl.network.plasticity import hebbian_update, init_optimiser, learn
from pcl.network.precision import KINDS as PRECISIONS
from pcl.network.precision import inverse, learn_variance, unit_variance
from pcl.network.rules import RULES
from pcl.network.stability import step_bound
from pcl.network.temporal import Dynamics, Precisions, Trace, filter_sequences, init_dynamics, learn_sequences, rollout
from pcl.network.training import NUDGES, Fitted, History, Step, fit, train_step
from pcl.network.trajectories import Trajectory, settle, trajectory

__all__ = [
    # build
    "Dense",
    "Conv",
    "Layer",
    "Network",
    "dense_chain",
    "mupc_chain",
    "vgg5",
    "forward",
    "ACTIVATIONS",
    "INITS",
    "OUTPUTS",
    "PRECISIONS",
    "RULES",
    "HALTS",
    "NUDGES",
    # energy
    "Problem",
    "Errors",
    "free_energy",
    "layer_energies",
    "errors",
    "activity_gradient",
    "feedforward",
    "nudged",
    # settle, look inside
    "settle",
    "trajectory",
    "Trajectory",
    "Settled",
    "Numbers",
    "Budget",
    "Halt",
    "Rule",
    "descend",
    "step_bound",
    # learn
    "fit",
    "train_step",
    "Fitted",
    "History",
    "Step",
    "Learning",
    "hebbian_update",
    "init_optimiser",
    "learn",
    "unit_variance",
    "learn_variance",
    "inverse",
    "guess",
    "recognition_update",
    # generate
    "complete",
    "expected_output",
    "sample_output",
    "langevin",
    "predictive_variance",
    # sequences
    "Dynamics",
    "Precisions",
    "Trace",
    "init_dynamics",
    "filter_sequences",
    "learn_sequences",
    "rollout",
]
