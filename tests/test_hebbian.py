"""Deep-Hebbian sequences: equations, edges, voids, samples, retrieval."""

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from rmtlib import Discrete, Network
from rmtlib.dynamics.retrieval import retrieve
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError
from rmtlib.symbolic import hebbian as sym
from rmtlib.theory import hebbian
from rmtlib.theory.hebbian import DeepHebbian
from rmtlib.theory.hebbian_edges import circle_averages, in_spectrum, trace_edges

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
    with pytest.raises(ValidationError, match="kind"):
        CHAIN.patterns(50, 0, kind="ternary")
    with pytest.raises(ValidationError):
        retrieve(Network(np.zeros((3, 3))), np.ones((2, 4)), 1.0)


# --- edges by continuation ---------------------------------------------------------------------------------------------

UNEQUAL = DeepHebbian(0.3, 0.5, 1.0, 2, tau=Discrete([0.4, 1.6], [0.5, 0.5]), gain=Discrete([0.6, 1.0], [0.3, 0.7]))
CASES = {
    "chain": (CHAIN, 2),
    "horseshoe": (DeepHebbian(0.3, 0.5, 1.0, 2), 3),
    "small load": (DeepHebbian(0.02, 0.5, 1.0, 2), 3),
    "one zero of L": (DeepHebbian(0.3, 1.0, 1.0, 1), 2),
    "two zeros of L": (DeepHebbian(0.3, 1.0, 1.0, 2), 3),
    "zero off the real axis": (DeepHebbian(0.05, 0.0, 1.0, 3), 5),
    "unequal units": (UNEQUAL, None),
    "law of gains": (DeepHebbian(0.3, 0.2, 0.8, gain=stats.beta(2, 2, loc=0.3, scale=0.7)), None),
}
FOUND = {}


def traced(name):
    if name not in FOUND:
        FOUND[name] = trace_edges(CASES[name][0], 60)
    return FOUND[name]


def plain_edge(ens, z, sigma):
    """E and the misfit of Sigma by sums over many angles, denser where L comes near 1/G, and over units: another route than residues."""
    tau, h, w = ens.units.joint.nodes(96)
    b = ens.leak + z * tau - h * sigma
    G, Q = np.sum(w * h / b), np.sum(w * h**2 / np.abs(b) ** 2)
    theta = np.linspace(-np.pi, np.pi, 301)
    for _ in range(40):  # points are added where neighbouring values of 1/(1 - LG) differ
        value = 1 / (1 - G * ens.symbol(theta))
        gap = np.abs(np.diff(value)) > 0.1 * np.abs(value[1:])
        if not gap.any():
            break
        theta = np.sort(np.concatenate([theta, (0.5 * (theta[1:] + theta[:-1]))[gap]]))
    half, mid = 0.5 * np.diff(theta), 0.5 * (theta[1:] + theta[:-1])
    nodes, weights = np.polynomial.legendre.leggauss(12)
    t, v = (mid[:, None] + half[:, None] * nodes).ravel(), (half[:, None] * weights).ravel() / (2 * np.pi)
    L = ens.symbol(t)
    image = ens.load * np.sum(v * L / (1 - L * G))
    return ens.load * np.sum(v * np.abs(L / (1 - L * G)) ** 2) * Q, image - sigma


@pytest.mark.parametrize("name", CASES)
def test_curves_close_and_the_edge_function_is_one_on_them(name):
    ens, count = CASES[name]
    found = traced(name)
    assert count is None or len(found) == count
    for b in found:
        assert b.z[0] == b.z[-1]
        assert np.abs(np.diff(b.z)).max() < 0.3 * ens.scale / ens.units.joint.tau.mean()
        assert b.residual < 1e-8
        for k in range(0, len(b.z), max(len(b.z) // 12, 1)):
            e, misfit = plain_edge(ens, b.z[k], b.sigma[k])
            assert abs(e - 1) < 1e-8
            assert abs(misfit) < 1e-8 * ens.scale


@pytest.mark.parametrize("name", CASES)
def test_nested_curves_are_the_border_of_the_solution_continued_from_large_eta(name):
    """At random points: inside the curves, the Hermitized equations have no stable solution with u = 0; outside and in voids they have."""
    ens = CASES[name][0]
    found = traced(name)
    x, y = found[0].z.real, max(np.abs(b.z.imag).max() for b in found)
    rng = np.random.default_rng(1)
    z = rng.uniform(x.min() - 0.2, x.max() + 0.2, 120) + 1j * rng.uniform(0, y + 0.1, 120)
    near = np.min([np.abs(z[:, None] - b.z).min(1) for b in found], 0) < 0.03
    e = hebbian.edge_function(ens, z[~near], throw=False)
    solved = e.status == 0
    assert solved.mean() > 0.8
    assert np.array_equal(in_spectrum(found, z[~near])[solved], e.value[solved] >= 1)


@pytest.mark.parametrize("name", ["horseshoe", "small load", "unequal units", "two zeros of L"])
def test_eigenvalues_lie_inside_the_curves(name):
    """But for atoms, and for a margin: a mode of one sample is displaced by the order of |L| h / tau n^(-1/2)."""
    ens, n = CASES[name][0], 600
    values = eigenvalues(ens.sample(n, 5))
    tau = np.unique(ens.units.joint.nodes(4)[0])
    values = values[np.min(np.abs(values[:, None] + ens.leak / tau), 1) > 1e-8]
    assert len(values) <= round(ens.load * n) * len(tau)
    inside = in_spectrum(traced(name), values)
    distance = np.min([np.abs(values[:, None] - b.z).min(1) for b in traced(name)], 0)
    margin = np.abs(ens.symbol(0.0)) * ens.units.joint.gain.mean() / tau.min() / np.sqrt(n)
    assert distance[~inside].max(initial=0) < 2 * margin
    assert np.mean(inside | (distance < margin)) > 0.95


def test_shares_enclosed_add_up():
    outer, horseshoe, inner = traced("horseshoe")
    assert [b.encloses_void for b in traced("horseshoe")] == [False, True, True]
    # trapezoidal sums over the points of the curves
    assert np.allclose([outer.share, horseshoe.share, inner.share], [1, 0, 0.7], atol=0.005)


THREE = DeepHebbian(0.25, -0.6, 1.2, 2, tau=Discrete([0.5, 1.0, 2.0], [0.2, 0.5, 0.3]), gain=Discrete([0.5, 1.5], [0.6, 0.4]), leak=0.5)


def test_thin_islands_on_the_real_axis():
    """Three timescales, shares 0.2, 0.5, 0.3 at load 0.25: atoms 0, 0.25, 0.05, so that 0.75 in the void leave 0.45 for two islands."""
    found = trace_edges(THREE, 60)
    assert [b.encloses_void for b in found] == [False, True, False, False]
    assert np.allclose([b.share for b in found], [1, 0.75, 0.25, 0.2], atol=0.005)  # trapezoidal sums
    assert max(found[2].z.imag) < 0.005  # thinner than any cell of a grid
    values = np.concatenate([eigenvalues(THREE.sample(400, seed)) for seed in range(2)])
    near = np.abs(values.imag) < 0.03  # of one sample; the theory says 0.0035 and 0.018
    for b in found[2:]:
        between = near & (values.real > b.z.real.min() - 0.05) & (values.real < b.z.real.max() + 0.05)
        atom = np.min(np.abs(values[:, None] - np.array([-1.0, -0.5, -0.25])), 1) < 1e-8
        assert abs(np.mean(between & ~atom) - b.share) < 0.02  # a few eigenvalues beyond the ends


def test_thin_ring_around_the_atom():
    """Between the void of the atom and two crescents there is a ring 0.02 wide, at radius 0.18 above the atom."""
    found = trace_edges(DeepHebbian(0.3, 0.5, 1.0, 3), 60)
    assert [b.encloses_void for b in found] == [False, True, True, True, True]
    assert np.array_equal(in_spectrum(found, -1 + 1j * np.array([0.15, 0.175, 0.3, 0.5])), [False, True, False, True])
    assert np.allclose([b.share for b in found], [1, 0, 0, 0, 0.7], atol=0.005)


def test_a_missing_curve_shows_in_the_shares():
    from rmtlib.theory import hebbian_edges

    for found, ens in ((trace_edges(THREE, 60), THREE), (traced("horseshoe"), CASES["horseshoe"][0])):
        assert len(hebbian_edges._sorted(ens, found, 60, True)) == len(found)
        for k, b in enumerate(found):
            rest = found[:k] + found[k + 1 :]
            if b.share > 0.01:  # without an empty void nothing is missing in the count
                with pytest.raises(ConvergenceError, match="missing"):
                    hebbian_edges._sorted(ens, rest, 60, True)
            assert len(hebbian_edges._sorted(ens, rest, 60, False)) == len(rest)


def test_a_curve_through_the_atom_has_no_share():
    found = traced("one zero of L")
    assert all(np.isnan(b.share) for b in found)


@pytest.mark.parametrize("load, c, gamma", [(0.3, 0.4, 1.0), (0.2, 1.2, 1.0)])
def test_void_of_a_chain_with_self_coupling_is_a_disc(load, c, gamma):
    """Centre c (1 - load)^2, radius (1 - load)^(3/2) sqrt(gamma^2 - load c^2); it holds the atom only for |c| < gamma."""
    ens = DeepHebbian(load, c, gamma, 1, leak=0.0)
    radius = (1 - load) ** 1.5 * np.sqrt(gamma**2 - load * c**2)
    off = [np.abs(np.abs(b.z - c * (1 - load) ** 2) / radius - 1).max() for b in trace_edges(ens, 60)]
    assert min(off) < 1e-9
    disc = trace_edges(ens, 60)[int(np.argmin(off))]
    assert abs(disc.share - (1 - load if abs(c) < gamma else 0)) < 0.005  # trapezoidal sum


def test_at_most_one_stable_solution():
    """Newton's method from many starts at one z: never two solutions with E < 1, as the inequality of Cauchy and Schwarz demands."""
    ens, rng = CASES["two zeros of L"][0], np.random.default_rng(0)
    for z in (0.3 + 0.4j, -0.9 + 0.2j, 2.0, -0.6):
        system = hebbian._System(ens, 2)
        starts = 2 * (rng.standard_normal(60) + 1j * rng.standard_normal(60))
        with np.errstate(all="ignore"):
            e, sigma, left = hebbian._outside(system, np.full(60, z + 0j), starts)
        good = (left < 1e-10) & (e < 1)
        assert good.any() == ~in_spectrum(traced("two zeros of L"), z)
        assert not good.any() or np.abs(sigma[good] - sigma[good][0]).max() < 1e-7


def test_averages_over_the_circle():
    theta = 2 * np.pi * (np.arange(20_000) + 0.5) / 20_000
    rng = np.random.default_rng(3)
    for c, gamma, depth in ((0.0, 1.0, 1), (0.5, -1.0, 2), (-0.4, 0.8, 3), (0.7, 0.0, 1)):
        G = rng.standard_normal(20) + 1j * rng.standard_normal(20)
        first, second, gap = circle_averages(c, gamma, depth, G)
        L = c + gamma * sum(np.exp(-1j * r * theta) for r in range(1, depth + 1))
        far = gap > 3e-3  # else the sum over angles is the worse of the two
        assert far.sum() > 15
        assert np.allclose(first[far], np.mean(1 / (1 - L * G[far, None]), 1), atol=1e-12)
        assert np.allclose(second[far], np.mean(1 / np.abs(1 - L * G[far, None]) ** 2, 1), rtol=1e-11)


def test_edges_that_do_not_exist_or_do_not_settle():
    with pytest.raises(NotApplicableError, match="symmetric"):
        trace_edges(DeepHebbian(0.3, 1.0, 0.0))
    with pytest.raises(ValidationError, match="20"):
        trace_edges(CHAIN, 5)
    with pytest.raises(ValidationError, match="DeepHebbian"):
        trace_edges(np.eye(3))
