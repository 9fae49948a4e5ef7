"""The stored comparison of trained networks with theory: it belongs to the stored networks, and says what the book says."""

import numpy as np
import pytest
from scipy import stats

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
    assert sorted([*stored["networks"], *stored["single"]]) == rmt.training.names()
    assert len(stored["networks"]) >= 15
    assert len(stored["single"]) >= 8
    assert stored["samples"] >= 200
    for name, d in (stored["networks"] | stored["single"]).items():
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
    assert core < 0.5
    # before training the network is a draw of its ensemble
    assert all(d["whole"]["abscissa"]["pvalue"] > 0.01 for d in stored["initial"].values())
    # the cloud as such is that of the ensemble
    clouds = [j["whole"]["cloud"]["pvalue"] for _, j in every if j["whole"]["cloud"]]
    assert np.mean(np.array(clouds) < 0.05) < 0.25
    # outside the edge lie no more eigenvalues than in samples
    outside = np.array([[j["whole"]["outside"][k] for k in ("value", "mean")] for _, j in every])
    assert outside[:, 0].mean() < outside[:, 1].mean() + 0.02


def test_placing_of_synapses_makes_it(stored):
    rows = [(first(d)["leading"][0][0], {r["what"]: r for r in first(d)["controls"]}, first(d)["low rank"])
            for d in stored["networks"].values() if "controls" in first(d)]  # fmt: skip
    assert len(rows) >= 5
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


def test_single_trials_make_a_core(stored):
    """Pruned excitatory columns, slower inhibition, and a core whose rightmost eigenvalue is that of its ensemble."""
    ranks = []
    for d in stored["single"].values():
        after, before = d["trained"], d["initial"]
        assert after["share of squared weight from E"] < 0.05 < 0.75 < before["share of squared weight from E"]
        assert after["synapses"]["E"] < 0.02 * before["synapses"]["E"]
        assert after["synapses"]["I"] > 0.85 * before["synapses"]["I"]
        assert after["tau mean"]["I"] > after["tau mean"]["E"] + 10
        assert after["tau sd"]["I"] > after["tau sd"]["E"]
        ranks += [s["jacobian"]["core"]["abscissa"]["pvalue"] for s in d["stimuli"] if "jacobian" in s]
    assert len(ranks) == 16
    assert np.sum(np.array(ranks) < 0.05) <= 3
    # on one side: two states share their weights, so that networks count and not states
    cores = [[s["jacobian"]["core"]["abscissa"] for s in d["stimuli"]] for d in stored["single"].values()]
    assert stats.wilcoxon([np.mean([c["rank"] for c in pair]) / stored["samples"] - 0.5 for pair in cores]).pvalue < 0.05
    assert 0.5 < np.mean([(c["value"] - c["mean"]) / c["spread"] for pair in cores for c in pair]) < 1.5


@pytest.mark.parametrize("name", ["single-noise0-seed0", "single-noise0-seed2", "single-noise0.01-seed3"])
def test_a_core_against_samples_drawn_otherwise(stored, name):
    """Synapses placed anew, with the weights, timescales and gains that the core has: no fit, and the stored rank comes out."""
    net, d = rmt.training.load(name), stored["single"][name]
    held = delay_states(net, (750.0,), trials=2, settle=500.0, between=0)
    rng = np.random.default_rng(0)
    for s in (0, 1):
        core = held.network(s).subnetwork("I")
        weights, n = np.asarray(core.weights), core.n

        def top(W, tau, gain):
            return np.linalg.eigvals((W * gain - np.eye(len(tau))) / tau[:, None]).real.max()

        value, own = top(weights, core.tau, core.gain), d["stimuli"][s]["jacobian"]["core"]["abscissa"]
        assert value == pytest.approx(own["value"], rel=1e-4)
        w, off, below = weights[weights != 0], ~np.eye(n, dtype=bool), 0
        for _ in range(200):
            W = np.where((rng.random((n, n)) < w.size / (n * (n - 1))) & off, rng.choice(w, (n, n)), 0.0)
            below += top(W, rng.choice(core.tau, n), rng.choice(core.gain, n)) < value
        # two counts of 200 with sd at most 7 each, and the laws differ a little
        assert abs(below - own["rank"]) < 35


def test_agreement_of_the_core_is_mostly_that_of_its_slowest_unit(stored):
    near, ranks = [], []
    for name, d in stored["networks"].items():
        net = rmt.training.load(name)
        slowest = net.tau[np.asarray(net.labels) == "I"].max()
        for s in d["stimuli"]:
            if "jacobian" in s:
                c = s["jacobian"]["core"]["abscissa"]
                near.append(abs(c["value"] * slowest + 1) < 0.06)
                ranks.append(c["rank"] / stored["samples"])
    near, top = np.array(near), np.array(ranks) >= 0.95
    assert np.mean(near) > 0.5
    assert not top[near].any()
    assert 0.3 < np.mean(top[~near]) < 0.6


def test_single_assumptions_are_rejected(stored):
    tested = [first(d)["whole"]["tests"] for d in (stored["networks"] | stored["single"]).values() if first(d)["whole"]["tests"]]
    assert len(tested) == 7
    for tests in tested:
        assert min(t["pvalue"] for t in tests) * len(tests) < 0.05  # Bonferroni
    small = [{t["name"] for t in tests if t["pvalue"] * len(tests) < 0.05} for tests in tested]
    assert sum("correlation of in strength and gain[E]" in names for names in small) >= 4
    assert sum("reciprocity[E<->E]" in names for names in small) >= 4
