"""Deep-Hebbian sequences: equations, edges, voids, samples, retrieval."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from rmtlib import Network
from rmtlib.dynamics.retrieval import retrieve
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError
from rmtlib.symbolic import hebbian as sym
from rmtlib.theory import hebbian
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
    """Boundaries in closed form, at points of the curves and as values of the edge function."""
    ens = DeepHebbian(load, 0.0, gamma, 1, leak=0.0)
    want = abs(gamma) * np.array([np.sqrt(1 + load), (1 - load) ** 1.5])
    found = hebbian.edges(ens, 60)
    assert len(found) == 2
    for curve, value in zip(found, want, strict=True):
        assert np.abs(np.abs(curve) / value - 1).max() < 1e-6  # Newton's method to rounding, the trapezoidal sum less at small loads
    z = want[0] * 1.001, want[0] * 0.999, want[1] * 1.001, want[1] * 0.999
    e = hebbian.edge_function(ens, np.array(z) * np.exp(0.3j)).value
    assert np.array_equal(e < 1, [True, False, False, True])


@pytest.mark.parametrize("c, gamma, depth", [(1.0, 1.0, 2), (0.5, 1.0, 2), (0.4, 1.2, 1)])
def test_support_of_equal_units_follows_from_the_plane_of_g(c, gamma, depth):
    """The boundary found in the plane of G is where the continued solution of the Hermitized equations sets in."""
    ens = DeepHebbian(0.3, c, gamma, depth)
    for curve in hebbian.edges(ens, 60):
        at = curve[:: max(len(curve) // 12, 1)]
        across = 1j * (np.roll(curve, -1) - np.roll(curve, 1))[:: max(len(curve) // 12, 1)]
        across = 0.01 * across / np.abs(across)
        e = np.array([hebbian.edge_function(ens, at + s * across, throw=False).value for s in (1, -1)])
        assert np.mean((e.min(0) < 1) & (e.max(0) >= 1)) > 0.7  # next to cusps and other curves 0.01 may reach too far


def test_rank_makes_an_atom():
    values = eigenvalues(CHAIN.sample(200, 3))
    assert np.sum(abs(values) < 1e-8) == 100  # rank P = 100, rounding
    g = hebbian.resolvent(CHAIN, 0.05).value
    assert abs(g * 0.05 - 0.5) < 1e-9  # z g is the weight of the atom inside the void


def test_voids_are_empty():
    ens = DeepHebbian(0.3, 0.5, 1.0, 2)
    outer, *inner = hebbian.edges(ens, 60)
    assert len(inner) == 2
    inside_void, outside = 0.25, outer.real.max() + 0.4
    assert np.array_equal(hebbian.density(ens, [inside_void, outside]).value, [0, 0])
    assert hebbian.edge_function(ens, inside_void).value < 1
    values = np.concatenate([eigenvalues(ens.sample(400, seed)) for seed in range(2)])
    assert not np.any(abs(values - inside_void) < 0.3)


LAWS = {"tau": stats.uniform(0.5, 1), "gain": stats.beta(2, 2, loc=0.3, scale=0.7)}


def test_all_of_the_mass():
    """Planar density and the atom of weight 1 - load add up to 1."""
    ens = DeepHebbian(0.5, 0.4, 1.0)
    x, y = np.linspace(-2.2, 1.3, 90), (np.arange(50) + 0.5) * 0.04
    rho = hebbian.density(ens, x[None, :] + 1j * y[:, None], throw=False)
    assert np.mean(rho.status == 0) > 0.98  # but for points within a step of the edge
    assert abs(2 * rho.value.sum() * (x[1] - x[0]) * 0.04 - 0.5) < 0.01  # cells of 0.04 at a jump of the density


@pytest.mark.parametrize("ens", [DeepHebbian(0.3, 0.5, 1.0, 2), DeepHebbian(1.5, 0.5, 1.0, 2, **LAWS)])
def test_equations_by_another_route(ens):
    """The Hermitized equations at a small regulariser, iterated with a plain loop over angles and units, approach the answer."""
    system, z, eta = hebbian._System(ens, 1), 0.7 + 0.3j, 1e-4
    x = y = 1.0
    sigma = 0j
    for _ in range(40_000):
        b = ens.leak + z * system.tau - system.h * sigma
        D = x * (eta + system.h**2 * y) + np.abs(b) ** 2
        p, q, G = (np.sum(system.w * v / D) for v in (eta + system.h**2 * y, system.h**2 * x, system.h * b.conj()))
        delta = np.abs(1 - G * system.L) ** 2 + p * q * system.L2
        kappa = ens.load * np.mean(system.L2 / delta)
        new = eta + q * kappa, p * kappa, ens.load * np.mean(system.L * (1 - G * system.L).conj() / delta)
        change = abs(new[0] - x) + abs(new[1] - y) + abs(new[2] - sigma)
        x, y, sigma = (0.5 * (o + n) for o, n in zip((x, y, sigma), new, strict=True))
        if change < 1e-13:
            break
    g = np.sum(system.w * system.tau * b.conj() / D)
    assert abs(g - hebbian.resolvent(ens, z).value) < 20 * eta  # first order in the regulariser inside the support


@pytest.mark.parametrize(
    "ens",
    [
        DeepHebbian(0.5, 0.4, 1.0),
        DeepHebbian(0.3, 0.2, 0.8, **LAWS),
    ],
)
def test_density_against_counts(ens):
    values = np.concatenate([eigenvalues(ens.sample(400, seed)) for seed in range(4)])
    low, high, top = np.quantile(values.real[values.imag > 0.05], 0.5), values.real.max() + 0.5, values.imag.max() + 0.5
    x, y = np.linspace(low, high, 41), np.linspace(0.1, top, 31)
    rho = hebbian.density(ens, x[None, :] + 1j * y[:, None], throw=False).value
    mass = np.trapezoid(np.trapezoid(rho, x, axis=1), y)
    found = np.mean((values.real > low) & (values.imag > 0.1))
    assert abs(mass - found) < 0.05 * found + 0.004  # grid of 40 x 30 cells over a step at the edge, n = 400


def test_edge_against_samples_with_laws():
    ens = DeepHebbian(0.3, 0.2, 0.8, **LAWS)
    found = [eigenvalues(ens.sample(600, seed)).real.max() for seed in range(3)]
    assert abs(np.mean(found) - hebbian.abscissa(ens, 60)) < 0.05  # scatter 0.01, finite size of order n^(-1/2)


def test_residual_error_and_unit_of_time():
    z = np.array([0.3 + 0.4j, -0.5, -0.2 - 0.6j])
    ens, slow = DeepHebbian(0.4, 0.3, 1.0, **LAWS), DeepHebbian(0.4, 0.3, 1.0, tau=stats.uniform(5.0, 10), gain=LAWS["gain"])
    a, b = hebbian.density(ens, z), hebbian.density(slow, z / 10)
    assert a.ok
    assert a.residual.max() < 1e-9
    assert np.allclose(a.value, b.value / 100, rtol=1e-6)  # derivative by differences
    g = hebbian.resolvent(ens, z)
    assert np.allclose(g.value, hebbian.resolvent(ens, z.conj()).value.conj())
    assert np.all(g.error < 1e-6)


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
    for call in (hebbian.density, hebbian.resolvent, hebbian.edge_function):
        with pytest.raises(ValidationError, match="NaN"):
            call(CHAIN, np.nan)
        with pytest.raises(ValidationError, match="DeepHebbian"):
            call(CHAIN.sample(10, 0), 1.0)
    with pytest.raises(ValidationError, match="20"):
        hebbian.edges(CHAIN, 5)
    with pytest.raises(ConvergenceError):
        hebbian.resolvent(DeepHebbian(0.5, 0.0, 1.0), -1.0)  # the atom at -leak/tau
    with pytest.raises(NotApplicableError, match="edges"):
        hebbian.branches(DeepHebbian(0.5, 0.0, 1.0, tau=stats.uniform(1, 1)))
    with pytest.raises(ValidationError, match="kind"):
        CHAIN.patterns(50, 0, kind="ternary")
    with pytest.raises(ValidationError):
        retrieve(Network(np.zeros((3, 3))), np.ones((2, 4)), 1.0)
