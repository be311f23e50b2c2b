"""PRECO (PyTorch, a source tree on PYTHONPATH): `PCnet.train_supervised`, and its inference alone."""

import contextlib
import io

import torch
from work import LR, RATE, SIZES, STEPS, deviation, load, residual, serve

with contextlib.redirect_stdout(io.StringIO()):  # importing it prints
    import PRECO.optim
    from PRECO.PCN import PCnet
    from PRECO.structure import PCN_MBA
    from PRECO.utils import linear, tanh

torch.set_num_threads(1)  # for products this small, threads cost more than they save
problems, plans = load()
cases, checks = {}, {}


def build(weights, rate, steps):
    """The network with the given weights."""
    structure = PCN_MBA(layers=list(SIZES), f=tanh, use_bias=False, upward=True, fL=linear)
    structure.dfLdx = lambda a: 1.0  # PRECO stores the number 1 for a linear output, and then calls it
    net = PCnet(lr_x=rate, T_train=steps, structure=structure)
    for i, w in enumerate(weights):
        net.w[i] = torch.from_numpy(w.copy())
    net.set_optimizer(PRECO.optim.SGD(net.params, learning_rate=LR, batch_scale=True))
    return net


def training(weights, x, y):
    net, x, labels = build(weights, RATE, STEPS), torch.from_numpy(x), torch.from_numpy(y.argmax(1))

    def call():
        with torch.no_grad():
            net.train_supervised(x, labels)
        return [w.numpy() for w in net.w[:3]]

    return call


def inference(weights, x, y, rate, steps):
    net, x, y = build(weights, rate, steps), torch.from_numpy(x), torch.from_numpy(y)

    def call():
        with torch.no_grad():
            net.reset_nodes()
            net.clamp_input(x)
            net.init_hidden(len(x))
            net.clamp_target(y)
            net.train_updates()
        return [z.numpy() for z in net.x[1:3]]

    return call


name = "step/init/train_supervised"
cases[name] = training(*problems["init"])
checks[name] = lambda: deviation(*problems["init"], training(*problems["init"])())
for problem, given in problems.items():
    rate, _, steps = plans[problem]["gradient descent"]  # PRECO has no momentum
    name = f"settle/{problem}/gradient descent"
    cases[name] = inference(*given, rate, steps)
    checks[name] = lambda c=cases[name], p=given: residual(*p, c())
serve(cases, checks, {"torch": torch.__version__, "threads": torch.get_num_threads()})
