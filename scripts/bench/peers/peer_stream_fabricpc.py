"""FabricPC's whole training loop: `make_train_step` on a graph of `Linear` nodes, called once for each batch."""

import itertools

import jax
import jax.numpy as jnp
import optax
from fabricpc.core.activations import IdentityActivation, ReLUActivation
from fabricpc.core.inference import InferenceSGD
from fabricpc.core.topology import Edge
from fabricpc.graph_assembly import TaskMap, graph
from fabricpc.graph_initialization import initialize_params
from fabricpc.nodes import IdentityNode, Linear
from fabricpc.training import trainer
from stream_work import LR, RATE, SIZES, STEPS, run

KEY = jax.random.PRNGKey(0)

nodes = [IdentityNode(shape=SIZES[:1], name="x")]
for i, size in enumerate(SIZES[1:], 1):
    f = ReLUActivation() if i < 3 else IdentityActivation()
    nodes.append(Linear(shape=(size,), name=f"h{i}", activation=f))
edges = [Edge(source=a, target=b.slot("in")) for a, b in itertools.pairwise(nodes)]
rule = InferenceSGD(eta_infer=RATE, infer_steps=STEPS)
structure = graph(nodes=nodes, edges=edges, task_map=TaskMap(x=nodes[0], y=nodes[-1]), inference=rule)
params, optimiser = initialize_params(structure, KEY), optax.sgd(LR)
update, box = trainer.make_train_step(structure, optimiser), [params, optimiser.init(params)]


def step(x, y):
    box[0], box[1], *_ = update(*box, {"x": jnp.asarray(x), "y": jnp.asarray(y)}, KEY)
    return box[0]


run(step, jax.block_until_ready)
