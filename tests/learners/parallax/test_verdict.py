"""The verdict on windows, against the list of rules that it stands for, written out one after the other."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from pcl.learners.parallax import verdict
from tests.learners.parallax.streams import fresh, set_to

S, LAG, RECALL, ALLOCATION = 4, 10, 10.0, 20.0
EVIDENCE = ("size", "mature", "judged", "typicality", "known", "mixed", "new_map", "new_sensor", "guess")


def windows(n):
    """Random windows of one to four contexts with sensors of their own or shared ones."""
    rng = np.random.default_rng(0)

    def nats(*shape):
        return rng.choice([0.0, 3.0, 12.0, 25.0], shape) * rng.normal(size=shape)

    size, slots = rng.integers(1, 4 * LAG + 1, n), rng.integers(1, S + 1, n)
    judged = np.where(rng.random((n, S)) < 0.2, 0, (size[:, None] * rng.random((n, S)) ** 0.3).round())
    current, known = (slots * rng.random(n)).astype(int), nats(n, S)
    known[np.arange(n), current] = 0
    drawn = {
        "size": size,
        "mature": np.where(rng.random(n) < 0.3, rng.integers(0, 5, n), (size * rng.random(n)).round()),
        "judged": judged,
        "typicality": judged * rng.normal(0.3, 1, (n, S)) * rng.choice([0.3, 1.0, 1.6, 3.0], (n, 1)),
        "known": known,
        "mixed": nats(n),
        "new_map": nats(n) + 6,
        "new_sensor": nats(n) + 4,
        "guess": nats(n) + 4,
        "number": slots,
        "sensor": np.minimum(rng.integers(0, S, (n, S)), np.arange(S)),
        "current": current,
    }
    return {name: np.asarray(x, np.float32 if x.dtype == float else np.int32) for name, x in drawn.items()}


def by_rules(w, decomposes):
    """(resolved, slot, new map, new sensor, gain, refused) of one window."""
    now, there = w["current"], np.arange(S) < w["number"]
    mean, same = w["typicality"] / np.maximum(w["judged"], 1), w["sensor"] == w["sensor"][now]
    unlike = np.maximum(w["typicality"], 0) ** 2 / (2 * (w["judged"] + 1)) - 0.5 * np.log1p(w["judged"])
    asked = there & (w["judged"] >= 3)
    stranger = w["guess"] + (unlike[asked].min() if asked.any() else 0)
    strange = w["judged"][now] > 0 and (mean[now] > 1 or unlike[now] > 6)
    strange |= asked[now] and unlike[now] > 0 and stranger > w["new_map"]
    doubtful = w["judged"][now] > 0 and mean[now] > 0.5
    enough_judged = (w["judged"] >= 3) & (2 * w["judged"] >= w["size"])
    own, other = enough_judged & (unlike < 0), there & (np.arange(S) != now)
    familiar = other & ~same & enough_judged & (mean < 1) & (unlike < 6)
    if not decomposes:
        strange = doubtful = w["new_sensor"] > w["new_map"]
        own, familiar = np.ones(S, bool), np.zeros(S, bool)
    known = np.where(other & (same | (own & doubtful)), w["known"], -np.inf)
    best, turns = int(np.argmax(known)), max(w["mixed"], 0)
    explains = np.where(there, w["known"], -np.inf)
    rival, renamed = max(explains.max(), turns), max(explains[same].max(initial=-np.inf), 0)
    sensor, shadow = max(w["new_sensor"] - rival, stranger - renamed), max(w["new_map"], w["new_sensor"])
    waits, enough = strange and w["new_sensor"] > -RECALL, w["mature"] >= 4
    wanted = {
        "learns": known[best] <= 0 and max(shadow - turns, stranger) <= 0 and not waits,
        "recalls": known[best] > RECALL and max(known[best], turns) >= shadow - 3,
        "names": enough and not strange and w["new_map"] >= stranger and w["new_map"] - rival > ALLOCATION,
        "sensor": enough and strange and not familiar.any() and sensor > ALLOCATION,
    }
    chosen = next((name for name, holds in wanted.items() if holds), "holds")
    new = chosen in ("names", "sensor")
    suspected = strange and sensor > 0.5 * ALLOCATION and 2 * w["mature"] >= w["size"]
    full, refused = w["size"] >= (4 * LAG if suspected else LAG), new and w["number"] >= S
    slot = best if chosen == "recalls" or (not new and full and known[best] > 0) else now
    slot = (int(np.argmax(explains)) if refused else w["number"]) if new else slot
    gain = w["new_map"] - rival if chosen == "names" else sensor
    return (chosen != "holds" or full, slot, chosen == "names", chosen == "sensor", gain, refused), chosen


@pytest.mark.slow
@pytest.mark.parametrize("without", ["nothing", "decomposition"])
def test_one_choice_among_rows_of_gain_and_price_is_that_of_the_rules_in_turn(without):
    hp, some = set_to(max_contexts=S, lag=LAG, without=without), windows(4000)
    state = fresh(hp)

    def judged(w):
        held = state.window._replace(**{name: w[name] for name in EVIDENCE})
        there = {name: w[name] for name in ("number", "sensor", "current")}
        return verdict.decide(state.contexts._replace(**there), held, hp)

    got = jax.jit(jax.vmap(judged))(jax.tree.map(jnp.asarray, some))
    rows = [by_rules({name: x[i] for name, x in some.items()}, without == "nothing") for i in range(len(some["size"]))]
    want = [np.asarray(column) for column in zip(*(row for row, _ in rows), strict=True)]
    for name, column, expected in zip(verdict.Verdict._fields, got, want, strict=True):
        if name == "gain":
            np.testing.assert_allclose(column, expected, rtol=1e-5, atol=1e-5)
        else:
            np.testing.assert_array_equal(column, expected, err_msg=name)
    assert {chosen for _, chosen in rows} == {"learns", "recalls", "names", "sensor", "holds"}
    assert want[-1].any()
