"""The stored comparison of trained networks with theory: it belongs to the stored networks, and says what the book says."""

import numpy as np
import pytest

import rmtlib as rmt
from rmtlib.training.memory import delay_states


@pytest.fixture(scope="module")
def stored():
    return rmt.datasets.load("trained_comparison.json")


@pytest.fixture(scope="module")
def every(stored):
    return [(d, s["jacobian"]) for d in stored["networks"].values() for s in d["stimuli"] if "jacobian" in s]


def first(d):
    return next(s["jacobian"] for s in d["stimuli"] if "jacobian" in s)


def test_every_stored_network_is_compared(stored):
    assert sorted(stored["networks"]) == rmt.training.names()
    assert len(stored["networks"]) >= 10
    assert stored["samples"] >= 200
    for name, d in stored["networks"].items():
        net = rmt.training.load(name)
        assert (d["seed"], d["noise"], d["accuracy"]) == (net.seed, net.noise, net.accuracy)


def test_one_network_again(stored):
    # fixed points, operating points and eigenvalues from the weights: another way would notice another file
    name = "noise0.1-seed0"
    d, net = stored["networks"][name], rmt.training.load(name)
    held = delay_states(net, d["delay"]["times"], seed=stored["seed"])
    assert held.points.abscissa == pytest.approx([p["abscissa"] for p in d["points"]], rel=1e-4)
    assert held.points.index.tolist() == [p["index"] for p in d["points"]]
    assert held.separation == pytest.approx(d["delay"]["separation"], rel=1e-4)
    for s in (0, 1):
        assert held.point(s) == d["stimuli"][s]["point"]
        if "jacobian" in d["stimuli"][s]:
            z = rmt.eigenvalues(held.network(s))
            leading = [complex(*v) for v in d["stimuli"][s]["jacobian"]["leading"]]
            assert z[: len(leading)] == pytest.approx(leading, abs=1e-7)
    # the rate network itself, simulated by the class that evaluates it, passes through the same states
    trials = net.task.conditions(net.task.test_delay)
    path = net.simulate(trials.inputs, seed=0, noise=0.0, start=np.zeros(net.n)).states
    end = net.task.epochs(net.task.test_delay)["delay"].stop
    assert np.allclose(path[0, end], held.states[0, -1], atol=1e-9)


def test_points_are_proved_and_no_index_is_missing(stored):
    for d in stored["networks"].values():
        assert all(p["residual"] < 1e-10 for p in d["points"])
        assert all(p["error"] is not None and p["error"] < 1e-6 for p in d["points"])
        assert all(q["clearance"] > 0 for q in d["slow points"])
        if d["complete"]:
            assert sum(p["index"] for p in d["points"]) == 1


def test_the_rightmost_eigenvalue_is_an_outlier_and_that_of_the_core_is_not(stored, every):
    top = 0.95 * stored["samples"]
    whole = np.mean([j["whole"]["abscissa"]["rank"] >= top for _, j in every])
    core = np.mean([j["core"]["abscissa"]["rank"] >= top for _, j in every])
    assert whole > 0.75
    assert core < 0.35
    # the cloud as such is that of the ensemble
    clouds = [j["whole"]["cloud"]["pvalue"] for _, j in every if j["whole"]["cloud"]]
    assert np.mean(np.array(clouds) < 0.05) < 0.25
    # outside the edge lie no more eigenvalues than in samples
    outside = np.array([[j["whole"]["outside"][k] for k in ("value", "mean")] for _, j in every])
    assert outside[:, 0].mean() < outside[:, 1].mean() + 0.02


def test_placing_of_synapses_makes_it(stored):
    rows = [(first(d)["leading"][0][0], {r["what"]: r for r in first(d)["controls"]}, first(d)["low rank"])
            for d in stored["networks"].values() if "controls" in first(d)]  # fmt: skip
    assert len(rows) >= 8
    for what in ("weights", "synapses", "degrees"):
        assert np.mean([value > t[what]["mean"] + 3 * t[what]["sd"] for value, t, _ in rows]) > 0.7
    # timescales do not
    shift = [abs(t["tau"]["mean"] - value) / abs(t["degrees"]["mean"] - value) for value, t, _ in rows]
    assert np.median(shift) < 0.25
    # ten singular parts of 200 undo it
    undone = [(low["abscissa"][0] - low["abscissa"][-1]) / (low["abscissa"][0] - low["shuffled"][0]) for _, _, low in rows]
    assert np.median(undone) > 0.7


def test_what_training_did_to_wiring_and_timescales(stored):
    nets = list(stored["networks"].values())
    for d in nets:
        before, after = (d[k]["share of squared weight from E"] for k in ("initial", "trained"))
        assert 0.4 < after < before - 0.15  # weaker, not pruned
        kept = [d["trained"]["synapses"][p] / d["initial"]["synapses"][p] for p in "EI"]
        assert kept[0] < 0.5 < kept[1]
    change = {v: np.mean([d["trained"]["tau mean"]["I"] - d["initial"]["tau mean"]["I"] for d in nets if d["noise"] == v])
              for v in {d["noise"] for d in nets}}  # fmt: skip
    assert max(change, key=change.get) == 0.0  # slowest without noise
    apart = {v: np.mean([d["delay"]["separation"][-1] for d in nets if d["noise"] == v]) for v in change}
    assert apart[max(apart)] > 1.5 * apart[0.0]
