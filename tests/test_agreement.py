"""Routes that share no code, sampled networks and limits, against each other: stored numbers, and a part of them live."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import rmtlib as rmt
from rmtlib import datasets

_SPEC = importlib.util.spec_from_file_location("agreement", Path(__file__).parents[1] / "data" / "agreement.py")
agreement = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(agreement)


@pytest.fixture(scope="module")
def stored():
    return datasets.load("agreement.json")


def complexes(pairs):
    return np.array(pairs) @ np.array([1, 1j])


def square_pulls(rows):
    off = complexes([r["saddle"] for r in rows]) - complexes([r["sampled"] for r in rows])
    return np.abs(off) ** 2 / np.array([r["deviation"] for r in rows]) ** 2


def test_saddle_point_and_population_dynamics(stored):
    rows = stored["routes"]
    assert {r["ensemble"] for r in rows} == set(agreement.ENSEMBLES)
    degrees = [b.degree for e in agreement.ENSEMBLES.values() for b in e.synapses.values()]
    assert len(agreement.ENSEMBLES) >= 12
    assert min(degrees) <= 1.5
    assert max(degrees) >= 50
    square = square_pulls(rows)
    # 48 independent points. The mean square pull of a complex number is 1; its variance between 1 (both components
    # alike) and 2 (one dominates), and 2.5% of it for the estimated deviations: 1 +- 3.3 sqrt(2/48)
    assert 0.45 < np.mean(square) < 1.7
    # Gaussian in one component at worst: beyond 3 standard deviations with probability 0.3% each
    assert np.sum(square > 9) <= 2
    assert np.all(np.array([r["deviation"] for r in rows]) < 3e-3)


@pytest.mark.parametrize("name", ["two values, c = 1.5", "E and I, lognormal"])
def test_saddle_point_and_population_dynamics_live(name):
    rows = agreement.routes([name], points=3, population=2000, sweeps=128, seed=5)
    # three independent points: P(sum of squares > 16) is 0.1% for one component, less for two
    assert np.sum(square_pulls(rows)) < 16


@pytest.mark.parametrize("name", agreement.SAMPLED)
def test_distance_to_sampled_eigenvalues_falls_as_one_over_root_n(stored, name):
    row = stored["samples"][name]
    theory = np.array(row["theory"])
    assert np.all(np.diff(theory) > -2e-3)
    scaled = []
    for n, nets in row["networks"].items():
        off = np.abs(np.array(nets["shares"]) - theory) - row["error"]
        # largest difference of two distribution functions (Kolmogorov and Smirnov), times sqrt(n): 0.87 on average for
        # independent points. Eigenvalues repel, but tau and gain are independent from unit to unit
        scaled += list(np.sqrt(int(n)) * np.max(off, axis=1))
    # of 15 networks; independent points pass 1.95 with probability 0.1% each. At c = 1.5 the size of the giant component,
    # a third of the units, fluctuates as well (variance about 2n): 1.1 on average and 2.3 at most were seen
    largest, mean = (2.8, 1.4) if "1.5" in name else (1.95, 0.9)
    assert np.max(scaled) < largest
    assert 0.35 < np.mean(scaled) < mean
    average = {int(n): np.mean(np.array(nets["shares"]), 0) for n, nets in row["networks"].items()}
    far = {n: np.max(np.abs(share - theory) - row["error"]) for n, share in average.items()}
    # every size has 4000 eigenvalues in all: what is left at small n beyond chance (0.02, two standard
    # deviations of the worst radius) would be a systematic difference of order 1/n
    assert far[500] < 0.03
    assert far[4000] < 0.02


def test_samples_live(stored):
    # the smallest size again, two networks of the stored seeds: the same numbers, to the eigenvalues on a radius
    name = "Gaussian, c = 4"
    row = stored["samples"][name]
    nets = row["networks"]["500"]
    ens, radii = agreement.ENSEMBLES[name], np.array(row["radii"])
    for seed, shares in list(zip(nets["seeds"], nets["shares"], strict=True))[:2]:
        assert np.max(np.abs(agreement.shares(ens.sample(500, seed=seed), radii) - shares)) <= 2.1 / 500
    theory, error = agreement.in_discs(ens, radii[[4, 12]], nodes=16, tol=1e-5)
    assert np.all(np.abs(theory - np.array(row["theory"])[[4, 12]]) < 1e-4 + error)


def test_population_dynamics_and_samples(stored):
    # the same contour integral from the sampled self-energies; errors of nodes that share draws add up linearly
    name = "E and I, lognormal"
    row = stored["samples"][name]
    at = [6, 13]
    radii = np.array(row["radii"])[at]
    got, error = agreement.in_discs(
        agreement.ENSEMBLES[name], radii, nodes=12, method="population-dynamics", tol=1e-2, population=2000
    )
    assert np.all(error < 0.02)
    assert np.all(np.abs(got - np.array(row["theory"])[at]) < error + 2e-3)  # 12 nodes instead of 24
    shares = np.mean([np.mean(nets["shares"], 0) for nets in row["networks"].values()], 0)[at]
    assert np.all(np.abs(got - shares) < error + 0.015)  # 16000 eigenvalues, half of them of small networks


def test_cavity_against_the_exact_resolvent_of_the_same_network():
    # at eta > 0: loops of length log n/log c are the only difference, of order 1/n for the trace
    ens = agreement.ENSEMBLES["E and I, lognormal"]
    z, off = np.array([-1.1 + 0.6j, -0.5 + 0.4j]), {}
    for n in (150, 600):
        nets = [ens.sample(n, seed=s) for s in range(3)]
        pairs = [[rmt.resolvent(t, z, method=m, eta=0.3).value for m in ("cavity", "exact")] for t in nets]
        off[n] = np.mean([np.abs(a - b) for a, b in pairs], axis=0)
    assert np.all(off[600] < 5e-3)
    assert np.all(off[600] < 0.6 * off[150])  # a quarter expected


def test_dense_limit_has_the_predicted_slope(stored):
    data = stored["degrees"]
    c = np.array(data["degrees"])
    for name, row in data["weights"].items():
        times_c = complexes(row["difference"]) * c[:, None]
        slope = complexes(row["slope"])
        away = np.abs(times_c / slope - 1)
        assert np.all(away[-1] < 0.02)  # c (g - g_dense) = A + B/c: at c = 320
        assert np.all(away[1:] < 0.6 * away[:-1])  # and halved with every doubling of c
        predicted = agreement.slope(agreement.POINTS, data["strength"], agreement.WEIGHTS[name][1])
        assert np.allclose(predicted, slope, rtol=1e-10)
    live = agreement.degrees((40,))["weights"]["Gaussian"]["difference"]
    assert np.allclose(live, data["weights"]["Gaussian"]["difference"][2], rtol=0, atol=1e-7)


def test_slope_of_a_homogeneous_network():
    # one tau and gain, strength 1, leak 0: A = kurtosis (1 - |z|^2) conj(z); here at large degree
    z, c = 0.5 * np.exp(0.7j), 200.0
    for law, kurtosis in agreement.WEIGHTS.values():
        ens = rmt.oriented_sparse(c, rmt.laws.as_law(law).scaled(c**-0.5), leak=0.0)
        got = c * (rmt.resolvent(ens, z, tol=1e-6).value - np.conj(z))
        # the next order, 1/c with a constant seen to be below 4
        assert abs(got / (kurtosis * 0.75 * np.conj(z)) - 1) < 4 / c
