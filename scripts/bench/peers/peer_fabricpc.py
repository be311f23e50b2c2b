"""FabricPC, on a graph of `Linear` nodes. It trains by `make_train_step` and infers by `run_inference` in one jit."""

import importlib.metadata
import itertools

import jax
import jax.numpy as jnp
import optax
from fabricpc.core.activations import IdentityActivation, TanhActivation
from fabricpc.core.inference import InferenceSGD, run_inference
from fabricpc.core.topology import Edge
from fabricpc.graph_assembly import TaskMap, graph
from fabricpc.graph_initialization import initialize_params
from fabricpc.nodes import IdentityNode, Linear
from fabricpc.training import trainer
from work import BATCH, LR, RATE, SIZES, STEPS, deviation, load, residual, serve

problems, plans = load()
cases, checks = {}, {}
KEY = jax.random.PRNGKey(0)
SHAPES = list(itertools.pairwise(SIZES))  # all different: the shape of a weight identifies it


def build(weights, rate, steps):
    """The graph and its parameters with the given weights."""
    nodes = [IdentityNode(shape=SIZES[:1], name="x")]
    for i, size in enumerate(SIZES[1:], 1):
        f = TanhActivation() if i < 3 else IdentityActivation()
        nodes.append(Linear(shape=(size,), name=f"h{i}", use_bias=False, activation=f))
    edges = [Edge(source=a, target=b.slot("in")) for a, b in itertools.pairwise(nodes)]
    rule = InferenceSGD(eta_infer=rate, infer_steps=steps)
    structure = graph(nodes=nodes, edges=edges, task_map=TaskMap(x=nodes[0], y=nodes[-1]), inference=rule)
    leaves, tree = jax.tree.flatten(initialize_params(structure, KEY))
    given = dict(zip(SHAPES, weights, strict=True))
    return structure, jax.tree.unflatten(tree, [jnp.asarray(given[leaf.shape]) for leaf in leaves])


def training(weights, x, y):
    structure, params = build(weights, RATE, STEPS)
    optimiser, data = optax.sgd(LR), {"x": jnp.asarray(x), "y": jnp.asarray(y)}
    step, box = trainer.make_train_step(structure, optimiser), [params, optimiser.init(params)]

    def call():
        box[0], box[1], *_ = step(*box, data, KEY)
        new = {leaf.shape: leaf for leaf in jax.tree.leaves(jax.block_until_ready(box[0]))}
        return [new[shape] for shape in SHAPES]

    return call


def inference(weights, x, y, rate, steps):
    structure, params = build(weights, rate, steps)

    @jax.jit
    def run(params, data):
        clamps = trainer.build_clamps(data, structure, clamp_target=True)
        state = trainer.initialize_graph_state(structure, BATCH, KEY, clamps=clamps, params=params)
        state = run_inference(params, state, clamps, structure)
        return [state.nodes[name].z_latent for name in ("h1", "h2")]

    data = {"x": jnp.asarray(x), "y": jnp.asarray(y)}
    return lambda: jax.block_until_ready(run(params, data))


name = "step/init/make_train_step"
cases[name] = training(*problems["init"])
checks[name] = lambda: deviation(*problems["init"], training(*problems["init"])())
for problem, given in problems.items():
    rate, _, steps = plans[problem]["gradient descent"]  # FabricPC has no momentum
    name = f"settle/{problem}/gradient descent, one jit"
    cases[name] = inference(*given, rate, steps)
    checks[name] = lambda c=cases[name], p=given: residual(*p, c())
serve(cases, checks, {"fabricpc": importlib.metadata.version("fabricpc"), "jax": jax.__version__})
