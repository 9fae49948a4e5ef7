"""Deep-Hebbian sequences: equations, edges, voids, samples, retrieval."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from rmtlib import Network
from rmtlib.dynamics.retrieval import retrieve
from rmtlib.errors import ConvergenceError, ValidationError
from rmtlib.symbolic import hebbian as sym
from rmtlib.theory.hebbian import DeepHebbian

CHAIN = DeepHebbian(0.5, 0.0, 1.0, 1, leak=0.0)


def eigenvalues(net):
    W = net.weights.toarray() if hasattr(net.weights, "toarray") else np.asarray(net.weights)
    return np.linalg.eigvals((W * net.gain - net.leak * np.eye(net.n)) / net.tau[:, None])


def test_symbolic_equations_are_the_kernel():
    S = sym.symbols
    p, r, q = 0.3, 0.8, 0.2 + 0.5j
    L = CHAIN.symbol(0.7)
    at = {S.p: p, S.r: r, S.q: q, S.qb: np.conj(q), S.L: complex(L), S.Lb: complex(np.conj(L))}
    found = np.array(sym.mode_self_energy().subs(at).evalf(), dtype=complex)
    D = abs(1 - q * L) ** 2 + p * r * abs(L) ** 2
    want = (
        np.array([[-r * abs(L) ** 2, L - np.conj(q) * abs(L) ** 2], [-np.conj(L) + q * abs(L) ** 2, -p * abs(L) ** 2]])
        / D
    )
    assert np.abs(found - want).max() < 1e-12  # rounding
    a, r_in = sym.chain_radii()
    assert sp.simplify(a - S.gamma * sp.sqrt(1 + S.alpha)) == 0
    assert abs(float(r_in.subs({S.gamma: 2, S.alpha: 0.3})) - 2 * 0.7**1.5) < 1e-12


@pytest.mark.parametrize("load, gamma", [(0.3, 1.0), (0.5, -1.5), (0.8, 0.7)])
def test_radii_of_the_chain(load, gamma):
    radii = [abs(e.z) for e in DeepHebbian(load, 0.0, gamma, 1, leak=0.0).edges()]
    want = abs(gamma) * np.array([np.sqrt(1 + load), (1 - load) ** 1.5])
    assert len(radii) == 2
    for found, value in zip(radii, want, strict=True):
        assert np.abs(found / value - 1).max() < 2e-3  # linear interpolation on a grid with steps of 1-2 percent


def test_rank_makes_an_atom():
    values = eigenvalues(CHAIN.sample(200, 3))
    assert np.sum(abs(values) < 1e-8) == 100  # rank P = 100, rounding
    g = CHAIN.resolvent(0.05, eta=1e-5).value
    assert abs(g * 0.05 - 0.5) < 1e-3  # zg is the weight of the atom inside the void, up to eta / |z|^2


def test_voids_are_empty():
    ens = DeepHebbian(0.3, 0.5, 1.0, 2)
    outer, *inner = ens.edges(200)
    assert len(inner) == 2
    for edge in (outer, *inner):
        assert ens.mismatch(edge, 1e-5) < 0.2 * ens.mismatch(edge, 1e-3)  # goes to zero with eta
    inside_void, outside = 0.25, outer.z.real.max() + 0.4
    for z in (inside_void, outside):
        high, low = (float(ens.density(z, eta).value) for eta in (1e-2, 1e-3))
        assert abs(low) < 0.02 * abs(high) < 0.02  # order eta squared: a factor of 100, with room for higher orders
    values = np.concatenate([eigenvalues(ens.sample(400, seed)) for seed in range(2)])
    assert not np.any(abs(values - inside_void) < 0.3)


@pytest.mark.parametrize(
    "ens",
    [
        DeepHebbian(0.5, 0.4, 1.0),
        DeepHebbian(0.3, 0.2, 0.8, tau=stats.uniform(0.5, 1), gain=stats.beta(2, 2, loc=0.3, scale=0.7)),
    ],
)
def test_density_against_counts(ens):
    values = np.concatenate([eigenvalues(ens.sample(400, seed)) for seed in range(4)])
    low, high, top = np.quantile(values.real[values.imag > 0.05], 0.5), values.real.max() + 0.5, values.imag.max() + 0.5
    x, y = np.linspace(low, high, 41), np.linspace(0.1, top, 31)
    rho = ens.density(x[None, :] + 1j * y[:, None], eta=1e-3).value
    mass = np.trapezoid(np.trapezoid(rho, x, axis=1), y)
    found = np.mean((values.real > low) & (values.imag > 0.1))
    assert abs(mass - found) < 0.05 * found + 0.004  # grid of 40 x 30 cells over a step at the edge, n = 400


def test_edge_against_samples_with_laws():
    ens = DeepHebbian(0.3, 0.2, 0.8, tau=stats.uniform(0.5, 1), gain=stats.beta(2, 2, loc=0.3, scale=0.7))
    found = [eigenvalues(ens.sample(600, seed)).real.max() for seed in range(3)]
    assert abs(np.mean(found) - ens.abscissa(60)) < 0.05  # scatter 0.01, finite size of order n^(-1/2)


def test_residual_and_unit_of_time():
    z = np.array([0.3 + 0.4j, -0.5])
    ens, slow = DeepHebbian(0.4, 0.3, 1.0), DeepHebbian(0.4, 0.3, 1.0, tau=10.0)
    a, b = ens.density(z), slow.density(z / 10)
    assert a.ok
    assert a.residual.max() < 1e-8
    assert np.allclose(a.value, b.value / 100, rtol=1e-4)  # derivative by differences


def test_retrieval_of_a_short_sequence():
    ens = DeepHebbian(0.02, 0.0, 3.0)
    patterns = ens.patterns(500, 0)
    fast = retrieve(Network(ens.couplings(patterns)), patterns, 25.0)
    slow = retrieve(Network(ens.couplings(patterns), tau=2.0), patterns, 50.0, dt=0.1)
    assert fast.length() >= 4
    assert np.allclose(fast.overlap, slow.overlap, atol=1e-6)  # only the unit of time differs


@pytest.mark.parametrize(
    "arguments",
    [{"load": -1}, {"load": np.nan}, {"depth": 0}, {"tau": -1.0}, {"c": 0.0, "gamma": 0.0}, {"leak": np.inf}],
)
def test_bad_input(arguments):
    with pytest.raises(ValidationError):
        DeepHebbian(**({"load": 0.3, "c": 0.1, "gamma": 1.0} | arguments))


def test_bad_calls():
    with pytest.raises(ValidationError):
        CHAIN.density(np.nan)
    with pytest.raises(ValidationError):
        CHAIN.resolvent(1.0, eta=0.0)
    with pytest.raises(ConvergenceError):
        CHAIN.resolvent(0.6, rounds=2)
    with pytest.raises(ConvergenceError):
        DeepHebbian(0.1, 1.0, 1.0, 3).edges(100)  # L has zeros: not resolved
    with pytest.raises(ValidationError):
        retrieve(Network(np.zeros((3, 3))), np.ones((2, 4)), 1.0)
