"""Localisation at the edge and at outliers: closed forms, population dynamics, sampled eigenvectors."""

import numpy as np
import pytest
import scipy.linalg
from scipy import stats

import rmtlib as rmt


def test_one_population_of_equal_units():
    for degree, kappa, law in ((20.0, 3.0, stats.norm(0, 1)), (6.0, 1.0, rmt.Discrete([-1.0, 1.0], [0.5, 0.5]))):
        ens = rmt.oriented_sparse(degree, law, leak=0.0)
        radius = np.sqrt(degree)
        assert rmt.edge_ipr(ens, radius * 1j) == pytest.approx(2 / (1 - kappa / degree), rel=1e-12)
        for side in ("right", "left"):
            assert rmt.edge_ipr(ens, radius, side) == pytest.approx(3 / (1 - kappa / degree), rel=1e-12)
    diverging = rmt.oriented_sparse(2.5, stats.norm(0, 1), leak=0.0)
    assert rmt.edge_ipr(diverging, np.sqrt(2.5)) == np.inf
    dense = rmt.ginibre()
    assert rmt.edge_ipr(dense, 1j) == pytest.approx(2.0)


def heterogeneous():
    return rmt.oriented_sparse(20.0, stats.norm(0, 0.25), tau=stats.uniform(0.5, 1.0), gain=stats.uniform(0.5, 0.7))


def top(ens):
    curve = rmt.spectral_edge(ens)[0]
    return curve[np.argmax(curve.imag)]


@pytest.mark.parametrize("side", ["right", "left"])
def test_against_population_dynamics(side):
    ens = heterogeneous()
    z = top(ens)
    weight = rmt.local_weights(ens, z, side, size=100_000, sweeps=40, seed=3)
    assert weight.mean() == pytest.approx(1.0)
    # the fourth moment of a heavy tail (exponent about 5), once 10^5 values were resampled 40 times: a few per cent
    assert np.mean(weight**2) == pytest.approx(rmt.edge_ipr(ens, z, side), rel=0.08)


def test_copies_of_a_population_and_the_periphery():
    one = heterogeneous()
    law = one.populations[0]
    pops = [rmt.Population(name, f, tau=law.tau, gain=law.gain) for name, f in (("a", 0.3), ("b", 0.7))]
    weight = stats.norm(0, 0.25)
    synapses = {(p, q): rmt.Synapses(weight, degree=20 * f) for p in "ab" for q, f in (("a", 0.3), ("b", 0.7))}
    two = rmt.Ensemble(pops, synapses)
    z = top(one)
    for side in ("right", "left"):
        whole = rmt.edge_ipr(one, z, side)
        assert rmt.edge_ipr(two, z, side) == pytest.approx(whole, rel=1e-9)
        assert rmt.edge_ipr(two, z, side, population="b") == pytest.approx(whole, rel=1e-9)
    # units that only listen: no left eigenvector there, and the core is as if alone
    pops = [rmt.Population("E", 0.5, tau=0.3), rmt.Population("I", 0.5, tau=law.tau, gain=law.gain)]
    core = rmt.Ensemble(pops, {(p, "I"): rmt.Synapses(weight, degree=20.0) for p in "EI"})
    assert rmt.edge_ipr(core, z, population="I") == pytest.approx(rmt.edge_ipr(one, z), rel=1e-9)
    assert rmt.edge_ipr(core, z, "left") == pytest.approx(2 * rmt.edge_ipr(one, z, "left"), rel=1e-9)
    with pytest.raises(rmt.NotApplicableError, match="vanishes"):
        rmt.edge_ipr(core, z, "left", population="E")


def test_sampled_eigenvectors():
    """n IPR at the complex edge, equal units: 2.35 in the limit, approached from below."""
    ens = rmt.oriented_sparse(20.0, stats.norm(0, 20**-0.5), leak=0.0)
    n, found = 600, {"right": [], "left": []}
    for seed in range(4):
        values, left, right = scipy.linalg.eig(ens.sample(n, seed=seed).jacobian().toarray(), left=True, right=True)
        rim = (np.abs(values) > 0.9) & (np.abs(values.imag) > 0.3)
        found["right"].append(n * rmt.ipr(right[:, rim]).mean())
        found["left"].append(n * rmt.ipr(left[:, rim]).mean())
    for got in found.values():
        assert 2.05 < np.mean(got) < 2.45


def test_real_outlier():
    ens = rmt.oriented_sparse(4.0, 1.0, leak=0.0)
    n = 20_000
    for side in ("right", "left"):
        matrix = ens.sample(n, seed=1).jacobian().astype(float)
        matrix = matrix if side == "right" else matrix.T
        vector = np.ones(n)
        for _ in range(40):  # the ratio to the next eigenvalue is 2
            vector = matrix @ vector
            vector /= np.linalg.norm(vector)
        # a mean over n units of s^4/<s^2>^2, spread about 8
        assert n * rmt.ipr(vector) == pytest.approx(rmt.outlier_ipr(ens, 4.0, side), rel=0.06)
    weight = rmt.local_weights(ens, 4.0, size=100_000, sweeps=30, seed=0)
    assert np.mean(weight**2) == pytest.approx(rmt.outlier_ipr(ens, 4.0), rel=0.03)
    odd = rmt.oriented_sparse(4.0, rmt.Discrete([1.0, 2.0], [0.5, 0.5]), leak=0.0, tau=stats.uniform(1.0, 0.2))
    z = rmt.outliers(odd)[0].real
    weight = rmt.local_weights(odd, z, size=100_000, sweeps=30, seed=0)
    assert np.mean(weight**2) == pytest.approx(rmt.outlier_ipr(odd, z), rel=0.03)


def test_tail_exponent():
    assert rmt.tail_exponent(rmt.oriented_sparse(3.0, stats.norm(0, 3**-0.5), leak=0.0), 1.0) == pytest.approx(2.0)
    assert rmt.tail_exponent(rmt.oriented_sparse(1.8, stats.norm(0, 1.8**-0.5), leak=0.0), 1.0) == 1.0
    flat = rmt.oriented_sparse(2.0, rmt.Discrete([-1.0, 1.0], [0.5, 0.5]), leak=0.0)
    assert rmt.tail_exponent(flat, np.sqrt(2.0)) == np.inf
    ens = rmt.oriented_sparse(2.5, stats.norm(0, 2.5**-0.5), leak=0.0)
    t = rmt.tail_exponent(ens, 1.0)
    assert 1 < t < 2
    # P(|psi|^2 > x) ~ x^-t: the ratio over a decade, from 4 10^5 values with about 2000 and 60 beyond
    weight = rmt.local_weights(ens, 1.0, size=400_000, sweeps=30, seed=5)
    slope = -np.log10(np.mean(weight > 200) / np.mean(weight > 20))
    assert slope == pytest.approx(t, abs=0.15)
    with pytest.raises(rmt.ValidationError, match="not on the edge"):
        rmt.tail_exponent(ens, 0.5)


def test_bad_input():
    ens = heterogeneous()
    with pytest.raises(rmt.ValidationError, match="not on the edge"):
        rmt.edge_ipr(ens, -1.0 + 0.1j)
    with pytest.raises(rmt.ValidationError, match="side"):
        rmt.edge_ipr(ens, top(ens), "both")
    with pytest.raises(rmt.ValidationError, match="population"):
        rmt.edge_ipr(ens, top(ens), population="X")
    with pytest.raises(rmt.ValidationError, match=r"rmt\.ipr"):
        rmt.edge_ipr(ens.sample(50, seed=0), 1.0)
    with pytest.raises(rmt.ValidationError, match="not an outlier"):
        rmt.outlier_ipr(ens, 3.0)
    with pytest.raises(rmt.NotApplicableError, match="complex outlier"):
        rmt.outlier_ipr(ens, 3.0 + 1j)
    with pytest.raises(rmt.NotApplicableError, match="independent"):
        rmt.edge_ipr(rmt.elliptic(0.5), 1.5)
    with pytest.raises(rmt.NotApplicableError, match="one population"):
        rmt.local_weights(rmt.core_periphery(), 1.0)
