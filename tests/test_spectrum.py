"""Exact linear algebra of one network."""

import math

import numpy as np
import pytest
import scipy.linalg as la
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.optimize import linear_sum_assignment

import rmtlib as rmt
from rmtlib import ConvergenceError, Network, NotApplicableError, ValidationError, spectrum


def distance(first, second):
    """Largest distance within the best pairing of two spectra."""
    gaps = np.abs(np.asarray(first)[:, None] - np.asarray(second))
    return gaps[linear_sum_assignment(gaps)].max()


def digraph(n, density, seed):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, n)) * (rng.random((n, n)) < density)
    np.fill_diagonal(w, w.diagonal() * (rng.random(n) < 0.3))
    return Network(sp.csr_array(w), tau=rng.uniform(0.5, 3, n), gain=rng.uniform(0.2, 1, n))


# ------------------------------------------------------------------------------------ eigenvalues


@given(st.integers(1, 40), st.floats(0.0, 3.0), st.integers(0, 2**31))
@settings(deadline=None, max_examples=60)
def test_eigenvalues_agree_with_lapack(n, degree, seed):
    """Distinct timescales keep eigenvalues simple, so that LAPACK is right on the whole matrix too."""
    net = digraph(n, min(1.0, degree / n), seed)
    ours = rmt.eigenvalues(net)
    assert ours.shape == (n,)
    assert ours.dtype == complex
    assert distance(ours, np.linalg.eigvals(net.dense_jacobian())) < 1e-5
    # traces of powers do not depend on a dense eigenvalue routine
    power = np.eye(n)
    for k in range(1, 4):
        power = power @ net.dense_jacobian()
        assert np.sum(ours**k) == pytest.approx(np.trace(power), abs=1e-10 * n * max(1.0, np.abs(ours).max()) ** k)


@pytest.mark.parametrize("ens", [rmt.ginibre(leak=1.0), rmt.elliptic(0.5), rmt.wigner(), rmt.core_periphery()])
def test_eigenvalues_of_named_ensembles(ens):
    net = ens.sample(300, seed=1)
    assert distance(rmt.eigenvalues(net), np.linalg.eigvals(net.dense_jacobian())) < 1e-10


def test_order():
    values = rmt.eigenvalues(rmt.ginibre().sample(100, seed=0))
    assert np.all(np.diff(values.real) <= 0)
    pairs = np.flatnonzero(np.diff(values.real) == 0)
    assert pairs.size > 30
    assert np.all(values.imag[pairs] > 0)
    assert np.array_equal(values[pairs].conj(), values[pairs + 1])


def test_acyclic_networks_are_exact():
    """A chain with equal timescales is one Jordan block: LAPACK misses by far, components do not."""
    n = 60
    rng = np.random.default_rng(0)
    shuffle = rng.permutation(n)
    chain = 3.0 * np.eye(n, k=1)[np.ix_(shuffle, shuffle)]
    assert np.array_equal(rmt.eigenvalues(Network(chain, tau=7.0)), np.full(n, -1 / 7.0 + 0j))
    assert np.array_equal(rmt.eigenvalues(Network(chain, tau=7.0, leak=0.0)), np.zeros(n))
    tau = rng.uniform(1, 2, n)
    assert np.array_equal(rmt.eigenvalues(Network(chain, tau)).real, -1 / np.sort(tau)[::-1])


def test_a_chain_between_two_cycles_is_exact():
    """Balancing lets LAPACK peel sources and sinks, but not what lies between two cycles."""
    n, m = 20, 60
    rng = np.random.default_rng(0)
    w = np.zeros((2 * n + m, 2 * n + m))
    w[:n, :n], w[n + m :, n + m :] = rng.normal(size=(2, n, n)) / np.sqrt(n)
    w[np.arange(n, n + m + 1), np.arange(n - 1, n + m)] = 3.0  # cycle -> chain -> cycle
    shuffle = rng.permutation(w.shape[0])
    net = Network(w[np.ix_(shuffle, shuffle)], tau=7.0)
    values = rmt.eigenvalues(net)
    assert np.sum(values == -1 / 7.0) == m
    lapack = np.linalg.eigvals(net.dense_jacobian())
    blurred = np.sort(np.abs(lapack + 1 / 7.0))[:m]
    assert blurred.max() > 1e-3  # what the components avoid


def test_periphery_is_exact():
    net = rmt.core_periphery().sample(600, seed=0)
    values = rmt.eigenvalues(net)
    for tau in net.tau[net.labels == "E"]:
        assert -1.0 / tau in values.real
    core = rmt.eigenvalues(net.subnetwork("I"))
    assert distance(values, np.concatenate([core, -1.0 / net.tau[net.labels == "E"]])) < 1e-13


def test_many_small_components():
    """Two-cycles and three-cycles with known eigenvalues, in shuffled order."""
    blocks = [np.array([[0, a], [a, 0]]) for a in (0.5, 1.0, 2.0)] + [np.roll(np.eye(3), 1, axis=1) * 1.5]
    w = la.block_diag(*blocks, 0.0, *blocks)
    shuffle = np.random.default_rng(0).permutation(w.shape[0])
    values = rmt.eigenvalues(Network(w[np.ix_(shuffle, shuffle)], leak=0.0))
    once = [0.5, -0.5, 1, -1, 2, -2, *(1.5 * np.exp(2j * np.pi * np.arange(3) / 3))]
    assert distance(values, [*once, *once, 0]) < 1e-12
    labels, sizes = rmt.components(w)
    assert sizes.tolist() == [3, 3, 2, 2, 2, 2, 2, 2, 1]
    assert np.bincount(labels).tolist() == sizes.tolist()


def test_autapses():
    net = Network([[0.5, 1.0], [0.0, -2.0]], tau=[2.0, 4.0], gain=[0.5, 1.0])
    assert rmt.eigenvalues(net).tolist() == [(0.25 - 1) / 2, (-2 - 1) / 4]


def test_plain_matrices():
    j = np.random.default_rng(0).normal(size=(20, 20))
    assert distance(rmt.eigenvalues(j), np.linalg.eigvals(j)) < 1e-12
    assert distance(rmt.eigenvalues(sp.csr_array(j)), np.linalg.eigvals(j)) < 1e-12
    assert rmt.numerical_abscissa(j) == pytest.approx(np.linalg.eigvalsh((j + j.T) / 2)[-1])
    for f in (rmt.eigenvalues, rmt.leading_eigenvalues, rmt.overlaps, rmt.numerical_abscissa, rmt.components):
        with pytest.raises(ValidationError, match="square matrix"):
            f(np.ones((2, 3)))
        with pytest.raises(ValidationError, match="NaN or infinite"):
            f(np.full((8, 8), np.nan))


def test_a_component_beyond_memory_is_refused():
    n = 400_000
    ring = sp.csr_array((np.ones(n), (np.arange(n), np.roll(np.arange(n), 1))), shape=(n, n))
    with pytest.raises(NotApplicableError, match="leading_eigenvalues works on sparse networks"):
        rmt.eigenvalues(ring)


# ---------------------------------------------------------------------------- leading eigenvalues


@pytest.mark.parametrize("k", [1, 2, 7])
@pytest.mark.parametrize("krylov", [True, False])
def test_leading_against_all(monkeypatch, k, krylov):
    if krylov:
        monkeypatch.setattr(spectrum, "_DENSE_SIZE", 30)
    for ens in (rmt.core_periphery(), rmt.oriented_sparse(4, stats.norm(0, 0.45)), rmt.oriented_sparse(1.2, 1.0)):
        net = ens.sample(1200, seed=2)
        assert np.allclose(rmt.leading_eigenvalues(net, k), rmt.eigenvalues(net)[:k], atol=1e-9)


def test_leading_of_a_large_network():
    """n = 10^5, of which 2 10^4 in the core, where the edge of the limit is close."""
    net = rmt.core_periphery().sample(100_000, seed=0)
    found = rmt.leading_eigenvalues(net, 2)
    assert found.shape == (2,)
    edge = rmt.spectral_abscissa(rmt.core_periphery(), parts=("bulk",))
    assert abs(found[0].real - edge) < 5e-4  # of a spectrum 0.05 wide


def test_leading_refuses():
    net = rmt.core_periphery().sample(100, seed=0)
    for k in (0, 101, 2.5, True):
        with pytest.raises(ValidationError, match="k must be an integer between 1"):
            rmt.leading_eigenvalues(net, k)


def test_leading_reports_failure(monkeypatch):
    monkeypatch.setattr(spectrum, "_DENSE_SIZE", 30)
    net = rmt.oriented_sparse(4, stats.norm(0, 0.45)).sample(3000, seed=2)
    with pytest.raises(ConvergenceError, match="ask for fewer, or raise max_products"):
        rmt.leading_eigenvalues(net, 6, max_products=100)


# --------------------------------------------------------------------- eigenvectors, non-normality


def test_eigenvectors_are_biorthonormal():
    net = rmt.ginibre().sample(80, seed=0)
    j = net.dense_jacobian()
    values, right, left = rmt.eigenvectors(net)
    assert np.allclose(values, rmt.eigenvalues(net))
    assert np.allclose(j @ right, right * values)
    assert np.allclose(left.conj().T @ j, values[:, None] * left.conj().T)
    assert np.allclose(left.conj().T @ right, np.eye(80))
    assert np.allclose(np.linalg.norm(right, axis=0), 1)
    with pytest.raises(NotApplicableError, match="defective"):
        rmt.eigenvectors(np.eye(20, k=1))


def test_overlaps():
    values, o = rmt.overlaps(rmt.wigner().sample(60, seed=0))
    assert np.allclose(o, 1)
    # [[0, c], [0, 1]]: angle between the eigenvectors known, O = 1 + c^2
    values, o = rmt.overlaps([[0.0, 3.0], [0.0, 1.0]])
    assert values.tolist() == [1, 0]
    assert np.allclose(o, 10.0)
    # condition number: a small perturbation moves an eigenvalue by |l||r|, and in the worst case by it
    j = rmt.ginibre().sample(40, seed=1).dense_jacobian()
    values, right, left = rmt.eigenvectors(j)
    o = rmt.overlaps(j)[1]
    e = 1e-7 * np.outer(left[:, 0], right[:, 0].conj()) / np.linalg.norm(left[:, 0])
    moved = la.eigvals(j + e)
    assert np.abs(moved - values[0]).min() == pytest.approx(1e-7 * np.sqrt(o[0]), rel=1e-3)


def test_ipr():
    assert rmt.ipr([0, 0, 2.0]) == 1.0
    assert rmt.ipr(np.exp(1j * np.arange(8))) == pytest.approx(1 / 8)
    columns = np.random.default_rng(0).normal(size=(20_000, 2))
    assert np.allclose(20_000 * rmt.ipr(columns), 3.0, atol=0.15)
    for bad in (np.zeros(3), [1.0, np.nan], [], np.ones((2, 2, 2))):
        with pytest.raises(ValidationError, match="ipr"):
            rmt.ipr(bad)


@pytest.mark.parametrize("n", [5, 120])
def test_pseudospectrum(n):
    net = rmt.ginibre().sample(n, seed=0)
    j = net.dense_jacobian()
    z = np.array([[0.3 + 0.2j, 2.0], [-1.0j, 1e-3 + 0.9j]])
    exact = [[la.svdvals(w * np.eye(n) - j)[-1] for w in row] for row in z]
    assert np.allclose(rmt.pseudospectrum(net, z), exact, rtol=1e-7)
    assert rmt.pseudospectrum(net, rmt.eigenvalues(net)[0]) < 1e-10
    assert isinstance(rmt.pseudospectrum(net, 1j), float)
    with pytest.raises(ValidationError, match="z holds 1 NaN"):
        rmt.pseudospectrum(net, [1.0, np.nan])


def test_numerical_abscissa_of_a_large_network():
    net = rmt.core_periphery().sample(2000, seed=0)
    dense = net.dense_jacobian()
    assert rmt.numerical_abscissa(net) == pytest.approx(np.linalg.eigvalsh((dense + dense.T) / 2)[-1], rel=1e-8)


def test_departure_from_normality():
    assert rmt.departure_from_normality(rmt.wigner().sample(30, seed=0)) == 0.0
    shift = np.roll(np.eye(5), 1, axis=0)  # orthogonal, hence normal
    assert rmt.departure_from_normality(shift) < 1e-6
    j = rmt.ginibre().sample(50, seed=0).dense_jacobian()
    upper = np.triu(la.schur(j, output="complex")[0], 1)
    assert rmt.departure_from_normality(j) == pytest.approx(np.linalg.norm(upper))
    relative = rmt.departure_from_normality(j, relative=True)
    assert relative == pytest.approx(np.linalg.norm(upper) / np.linalg.norm(j))


def test_propagator_norm():
    j = np.array([[-1.0, 10.0], [0.0, -2.0]])
    t = np.linspace(0, 3, 7)
    # exp(tJ) = [[e^-t, 10 (e^-t - e^-2t)], [0, e^-2t]]
    a, b = np.exp(-t), np.exp(-2 * t)
    exact = [np.linalg.norm([[x, 10 * (x - y)], [0, y]], 2) for x, y in zip(a, b, strict=True)]
    norms = rmt.propagator_norm(j, t)
    assert np.allclose(norms, exact)
    assert norms.max() > 1 > norms[-1] > 0
    slope = (rmt.propagator_norm(j, 1e-6) - 1) / 1e-6
    assert slope == pytest.approx(rmt.numerical_abscissa(j), rel=1e-4)
    with pytest.raises(ValidationError, match="none negative"):
        rmt.propagator_norm(j, -1.0)


@pytest.mark.parametrize("bad", ["a", None, [1, "b"]])
def test_arguments_that_are_no_numbers(bad):
    net = Network([[0.0, 1.0], [2.0, 0.0]])
    for function in (spectrum.pseudospectrum, spectrum.propagator_norm, spectrum.leading_eigenvalues):
        with pytest.raises(ValidationError):
            function(net, bad)
    with pytest.raises(ValidationError, match="real"):
        spectrum.propagator_norm(net, 1j)


def test_propagator_norm_overflows_to_infinity(recwarn):
    assert rmt.propagator_norm([[1.0]], 1000.0) == np.inf
    assert rmt.propagator_norm([[1.0]], 700.0) == pytest.approx(np.exp(700.0))
    unstable = 3.0 * rmt.ginibre().sample(40, seed=0).dense_jacobian()
    norms = rmt.propagator_norm(unstable, [0.0, 10.0, 1e4, 1e20])
    assert norms[0] == 1
    assert np.isfinite(norms[1])
    assert norms[2:].tolist() == [np.inf, np.inf]
    assert rmt.propagator_norm(unstable - 20 * np.eye(40), 1e6) == 0  # underflow is no error
    assert rmt.propagator_norm([[0.0, 1e300], [0.0, 0.0]], 1e-290) == pytest.approx(1e10)
    # finite, but a scaling and squaring of the whole matrix overflows on the way and ends at NaN
    nilpotent = 1e5 * np.triu(np.ones((6, 6)), 1)
    for t in (600.0, 690.0):
        series = sum(np.linalg.matrix_power(t * nilpotent, k) / math.factorial(k) for k in range(6))
        exact = np.exp(-t) * np.linalg.norm(series, 2)
        assert rmt.propagator_norm(nilpotent - np.eye(6), t) == pytest.approx(exact, rel=1e-9)
    assert not recwarn.list
    with pytest.raises(ValidationError, match="is too long for exp"):
        rmt.propagator_norm([[-1.0]], 1e300)


@pytest.mark.parametrize(
    "name",
    [
        "components",
        "departure_from_normality",
        "eigenvalues",
        "eigenvectors",
        "ipr",
        "leading_eigenvalues",
        "overlaps",
    ],
)
def test_an_ensemble_is_no_matrix(name):
    with pytest.raises(NotApplicableError, match=rf"{name}: an Ensemble is a law .* {name}\(ens.sample\(n, seed"):
        getattr(rmt, name)(rmt.ginibre())


def test_the_numerical_abscissa_of_a_law():
    assert rmt.numerical_abscissa(rmt.ginibre(0.7, leak=1.0)) == pytest.approx(0.7 * 2**0.5 - 1, abs=1e-8)


def test_an_ensemble_has_no_pseudospectrum():
    for function in (rmt.pseudospectrum, rmt.propagator_norm):
        with pytest.raises(NotApplicableError, match="draw one first"):
            function(rmt.ginibre(), 1.0)
