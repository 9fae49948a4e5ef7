"""Edge, outliers, bar and atoms of sparse ensembles: laws, limits, and counts on sampled networks."""

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.theory import multiplicity
from rmtlib.theory.edge import own_edge

NORMAL = stats.norm(0, 1)


# --- atoms ---------------------------------------------------------------------------------------------


def ensembles_with_atoms():
    two = rmt.Discrete([1.0, 3.0], [0.4, 0.6])
    half = rmt.laws.Mixture([(0.5, 1.0), (0.5, stats.uniform(2, 1))])
    pops = [rmt.Population("a", 0.5, tau=two), rmt.Population("b", 0.3, tau=1.0), rmt.Population("c", 0.2, tau=half)]
    degrees = {("a", "a"): 1.0, ("a", "b"): 0.8, ("b", "a"): 1.5, ("b", "b"): 0.5, ("c", "a"): 2.0, ("c", "c"): 1.7}
    several = rmt.Ensemble(pops, {k: rmt.Synapses(NORMAL, degree=c) for k, c in degrees.items()})
    return {
        "constant": rmt.oriented_sparse(2.5, NORMAL),
        "discrete": rmt.oriented_sparse(2.0, NORMAL, tau=two),
        "mixed": rmt.oriented_sparse(1.6, 1.0, tau=half),
        "no leak": rmt.oriented_sparse(1.6, NORMAL, tau=half, leak=0.0),
        "several": several,
    }


@pytest.mark.parametrize("name", ensembles_with_atoms())
def test_atoms_against_the_disjoint_cycles_of_samples(name):
    ens = ensembles_with_atoms()[name]
    bar = rmt.bar(ens)
    found, weights = [], []
    for seed in range(6):
        net = ens.sample(12_000, seed=seed)
        where, mass = rmt.bar(net).atoms
        found.append([mass[where == x].sum() for x in bar.atoms[0]])
        weights.append(rmt.bar(net).weight)
    found, weights = np.array(found), np.array(weights)
    for got, expected in ((found, bar.atoms[1]), (weights, bar.weight)):
        # Poisson degrees: a share x of n units scatters by about sqrt(x/n), 0.007 at most, and more for the number
        # of synapses; six samples know their own scatter badly, hence the floor
        error = np.maximum(got.std(axis=0, ddof=1), 0.002) / np.sqrt(len(got))
        assert np.all(np.abs(got.mean(axis=0) - expected) < 4 * error)
    assert bar.error < 1e-8


def test_the_measured_table():
    # masses seen in eigenvalue counts at n = 4000, one network each: scatter 0.01
    for degree, mass in ((1.5, 0.784), (2.5, 0.299), (3.0, 0.168), (5.0, 0.015)):
        assert rmt.bar(rmt.oriented_sparse(degree, NORMAL)).weight == pytest.approx(mass, abs=0.02)


def test_units_left_out_are_eigenvalues():
    """Against the algebraic multiplicity in exact arithmetic modulo a large prime, weights at random."""
    prime, rng = 2_147_483_629, np.random.default_rng(5)
    for degree in (0.8, 1.5, 2.5):
        n = 24
        pattern = (rng.random((n, n)) < degree / n) & ~np.eye(n, dtype=bool)
        matrix = np.where(pattern, rng.integers(1, prime, (n, n)), 0).astype(object)
        power = np.eye(n, dtype=object)
        for _ in range(n):
            power = power.dot(matrix) % prime
        assert multiplicity.units_left_out(pattern, np.ones(n, bool)) == n - _rank(power, prime)


def _rank(matrix, prime):
    matrix, rank = matrix.copy(), 0
    for column in range(matrix.shape[1]):
        pivots = [i for i in range(rank, len(matrix)) if matrix[i, column] % prime]
        if not pivots:
            continue
        matrix[[rank, pivots[0]]] = matrix[[pivots[0], rank]]
        matrix[rank] = matrix[rank] * pow(int(matrix[rank, column]), -1, prime) % prime
        for i in range(rank + 1, len(matrix)):
            matrix[i] = (matrix[i] - matrix[i, column] * matrix[rank]) % prime
        rank += 1
    return rank


def test_laws_of_the_atom_mass(monkeypatch):
    mass = lambda c, p: multiplicity.atom_mass([[c]], [1.0], [p])[0]
    assert mass(0.7, 0.3) == pytest.approx(0.3, abs=1e-9)  # below percolation: every unit
    q = 0.203187869979979953838  # q = exp(-2 (1 - q))
    # few such units, none near another: those outside the giant component
    assert mass(2.0, 1e-4) / 1e-4 == pytest.approx(1 - (1 - q) ** 2, abs=1e-3)
    shares = [mass(2.5, p) for p in (0.2, 0.4, 0.6, 0.8, 1.0)]
    assert np.all(np.diff(shares, 2) > 0)  # the minimum of a cost that each unit adds to
    # two copies of a population are one
    assert multiplicity.atom_mass(np.full((2, 2), 1.25), [0.5, 0.5], [1.0, 1.0])[0] == pytest.approx(mass(2.5, 1.0))
    # a network read backwards has the same spectrum
    c, f = np.array([[1.0, 0.8], [2.0, 0.4]]), np.array([0.6, 0.4])
    back = c.T * f[None, :] / f[:, None]
    assert multiplicity.atom_mass(c, f, [1.0, 0.2])[0] == pytest.approx(multiplicity.atom_mass(back, f, [1.0, 0.2])[0])
    monkeypatch.setattr(multiplicity, "_REACH", 32)
    with pytest.raises(rmt.ConvergenceError, match="percolation"):
        multiplicity.atom_mass([[1.05]], [1.0], [1.0])


def test_the_resolvent_approaches_the_atom():
    # z g(z) -> mass from above as z -> 0, logarithmically slowly
    ens = rmt.oriented_sparse(3.0, NORMAL, leak=0.0)
    z = np.array([1e-2, 1e-3])
    got = (z * rmt.resolvent(ens, z, tol=1e-5, throw=False).value).real
    mass = rmt.bar(ens).weight
    assert got[0] > got[1] > mass
    assert got[1] - mass < 0.02


# --- edge at low degree -------------------------------------------------------------------------------------


def test_freezing_degree_of_known_laws():
    gaussian = np.exp(2 - np.euler_gamma - np.log(2))  # E[x log x], x = w^2 of a standard normal
    assert rmt.freezing_degree(rmt.oriented_sparse(3.0, stats.norm(0, 0.3))) == pytest.approx(gaussian, rel=1e-7)
    # scales do not matter, heterogeneity raises it
    tau = stats.uniform(0.5, 1.0)
    spread = rmt.freezing_degree(rmt.oriented_sparse(3.0, stats.norm(0, 1), tau=tau, gain=stats.uniform(0.1, 1)))
    assert spread > gaussian
    two = rmt.Ensemble(
        [rmt.Population("a", 0.3), rmt.Population("b", 0.7)],
        {(p, q): rmt.Synapses(NORMAL, degree=3.0 * f) for p in "ab" for q, f in (("a", 0.3), ("b", 0.7))},
    )
    assert rmt.freezing_degree(two) == pytest.approx(gaussian, rel=1e-6)


def test_support_bound():
    z = np.array([0.9, 1.0 + 0.2j, 1.3])
    for degree, frozen in ((1.3, True), (2.0, True), (2.2, False), (4.0, False)):
        ens = rmt.oriented_sparse(degree, NORMAL, leak=0.0)
        bound = rmt.support_bound(ens, np.sqrt(degree) * np.array([0.999999, 1.0j, 1.1]))
        assert np.all(bound[:2] < 0.9999) if frozen else np.allclose(bound[:2], 1, atol=1e-5)
        assert bound[2] < 1
    below = rmt.oriented_sparse(1.3, NORMAL, leak=0.0)
    # one population, equal units: c E|w|^2t r^-2t, minimised over a fine grid of t
    t = np.linspace(0.001, 1, 20_001)
    from scipy.special import gammaln

    log = np.log(1.3) + t * np.log(2) + gammaln(t + 0.5) - 0.5 * np.log(np.pi)
    for radius in (0.9, 1.0, 1.1):
        fine = np.exp(np.min(log - 2 * t * np.log(radius)))
        assert rmt.support_bound(below, radius) == pytest.approx(fine, rel=1e-5)  # parabola through three of 32 nodes
    assert np.all(rmt.support_bound(below, z) <= rmt.edge_function(below, z))
    with pytest.raises(rmt.NotApplicableError, match="dense"):
        rmt.support_bound(rmt.ginibre(), 1.0)
    with pytest.raises(rmt.ValidationError, match="Ensemble"):
        rmt.support_bound(below.sample(10, seed=0), 1.0)


def test_frozen_samples_end_inside_the_mean_edge():
    # between the frozen radius 1.037 and the mean edge 1.140 a share of eigenvalues that falls with n: 1.3 %, 0.1 %
    ens = rmt.oriented_sparse(1.3, NORMAL, leak=0.0)
    share = []
    for n in (1000, 8000):
        values = np.abs(np.concatenate([rmt.eigenvalues(ens.sample(n, seed=s)) for s in range(16_000 // n)]))
        core = values[values > 1e-8]
        share.append(np.mean(core > 1.0373))
    assert share[1] < share[0] < 0.04


# --- reciprocal motifs ----------------------------------------------------------------------------------


def reciprocal(degree, fraction, correlation, **options):
    return rmt.Ensemble(
        rmt.Population("a", **options),
        rmt.Synapses(stats.norm(0, degree**-0.5), degree=degree),
        reciprocity=rmt.Reciprocity(fraction, correlation),
        leak=0.0,
    )


@pytest.mark.parametrize(("fraction", "correlation"), [(1.0, 0.5), (1.0, -0.5), (0.5, 0.6), (1.0, 0.0)])
def test_motif_edge_of_equal_units(fraction, correlation):
    """Against z = 1/G + R G + v G^3 and V|G|^2 (1 + v|G|^4) + 2 r |G|^2 Re G^2 = 1, solved on the two axes."""
    from scipy.optimize import brentq

    degree = 20.0
    pairs = degree * fraction
    R, v = pairs * correlation / degree, pairs * (1 + 2 * correlation**2) / degree**2
    r = 3 * pairs * correlation / degree**2
    ens = reciprocal(degree, fraction, correlation)
    for unit in (1.0, 1j):
        square = (unit**2).real
        size = brentq(lambda x, s=square: x**2 * (1 + v * x**4) + 2 * r * s * x**4 - 1, 0.3, 1.3)
        G = size * np.conj(unit)
        z = 1 / G + R * G + v * G**3
        assert rmt.edge_function(ens, z, order=1) == pytest.approx(1.0, abs=1e-9)
        (curve,) = rmt.spectral_edge(ens, order=1)
        reach = curve.real.max() if unit == 1.0 else curve.imag.max()
        assert reach == pytest.approx(abs(z), abs=2e-4)  # vertices, not the tip itself


def test_motif_edge_is_closer_to_samples():
    ens = reciprocal(15.0, 1.0, 0.5, tau=stats.uniform(0.7, 0.6))
    values = np.concatenate([rmt.eigenvalues(ens.sample(1200, seed=s)) for s in range(2)])
    outside = [np.mean(rmt.edge_function(ens, values, order=order) < 0.95) for order in (0, 1)]
    assert outside[0] > 0.015  # the leading order leaves these out
    assert outside[1] < 0.5 * outside[0]


def test_motif_edge_limits_and_refusals():
    z = np.array([1.2, 0.9j, 1.5 + 0.5j])
    plain = rmt.oriented_sparse(8.0, stats.norm(0, 8**-0.5), leak=0.0)
    np.testing.assert_allclose(rmt.edge_function(plain, z, order=1), rmt.edge_function(plain, z), rtol=1e-12)
    # the correction is of order 1/c: c times it settles
    shift = []
    for degree in (200.0, 400.0):
        ens = reciprocal(degree, 1.0, 0.4)
        shift.append(degree * (rmt.edge_function(ens, 1.6, order=1) - rmt.edge_function(ens, 1.6)))
    assert shift[1] == pytest.approx(shift[0], rel=0.05)
    assert rmt.edge_function(reciprocal(10.0, 0.5, 0.3), 1.6 + 0.2j, n=10**6, order=1) == pytest.approx(
        rmt.edge_function(reciprocal(10.0, 0.5, 0.3), 1.6 + 0.2j, order=1), rel=1e-4
    )
    with pytest.raises(rmt.ValidationError, match="order"):
        rmt.edge_function(plain, z, order=2)
    fixed = rmt.Ensemble(
        rmt.Population("a"), rmt.Synapses(NORMAL, probability=0.1), reciprocity=rmt.Reciprocity(0.5, 0.2)
    )
    with pytest.raises(rmt.ValidationError, match="n="):
        rmt.edge_function(fixed, 1.0, order=1)


# --- degree correlations -----------------------------------------------------------------------------------


def test_degree_correlations():
    rng = np.random.default_rng(4)
    n = 1200
    k = rng.poisson(rng.choice([2, 8], n))
    reverse = np.empty(n, int)
    reverse[np.argsort(k, kind="stable")] = np.sort(k)[::-1]
    law = rmt.oriented_sparse(5.0, stats.norm(0, 0.4), leak=0.0)
    for out in (k, rng.permutation(k), reverse):
        net = rmt.configuration_network(k, out, stats.norm(0, 0.4), leak=0.0, seed=2)
        radius = np.sqrt(rmt.degree_edge_function(law, 1.0, degrees=(k, out)))
        # the network lost a few doubled synapses, and its mean squared weight scatters by sqrt(2/6000)
        assert np.sqrt(rmt.degree_edge_function(net, 1.0)) == pytest.approx(radius, rel=0.03)
        # rightmost eigenvalues of n = 1200 lie within a few per cent of the edge, mean degree 5: 0.894
        assert np.max(np.abs(rmt.eigenvalues(net))) == pytest.approx(radius, rel=0.13)


def test_degree_edge_function_of_populations_and_heterogeneous_units():
    tau, gain = stats.uniform(0.5, 1.0), stats.uniform(0.5, 0.5)
    pops = [rmt.Population("E", 0.6, tau=tau, gain=gain), rmt.Population("I", 0.4, tau=tau, gain=gain)]
    ens = rmt.Ensemble(
        pops,
        {
            (p, q): rmt.Synapses(stats.norm(0, 0.6), degree=c)
            for p, q, c in zip("EEII", "EIEI", (3, 4, 5, 2), strict=True)
        },
    )
    z = np.array([0.4, -0.6 + 0.7j])
    net = ens.sample(40_000, seed=1)
    # sums over 40 000 units with relative spread of order 1
    np.testing.assert_allclose(rmt.degree_edge_function(net, z), rmt.edge_function(ens, z), rtol=0.03)
    assert rmt.degree_edge_function(net, -1 / net.tau[0]) > 1e10


def test_degrees_bad_input():
    law = rmt.oriented_sparse(5.0, 1.0)
    for degrees, message in (
        (([1, 2], [1]), "same length"),
        (([-1, 2], [1, 0]), "0 or more"),
        (([9] * 50, [1] * 50), "two ends"),
    ):
        with pytest.raises(rmt.ValidationError, match=message):
            rmt.degree_edge_function(law, 1.0, degrees=degrees)
    with pytest.raises(rmt.ValidationError, match="whole"):
        rmt.configuration_network([1.5, 0.5], [1, 1], 1.0)
    with pytest.raises(rmt.NotApplicableError, match="one population"):
        rmt.degree_edge_function(rmt.core_periphery(), 1.0, degrees=([1], [1]))
    with pytest.raises(rmt.ValidationError, match="pass degrees"):
        rmt.degree_edge_function(law, 1.0)


# --- outliers ---------------------------------------------------------------------------------------------------


def test_outliers_of_sparse_networks():
    # two populations under Dale's law, one real outlier; and an adjacency matrix, outlier c
    dale = rmt.dale(5.0, 2.0, stats.expon(), rmt.as_law(stats.expon(scale=0.5)).scaled(-1), leak=0.0)
    plain = rmt.oriented_sparse(4.0, 1.0, leak=0.0)
    for ens, n in ((dale, 2000), (plain, 2000)):
        found = rmt.outliers(ens)
        assert len(found) == 1
        tops = np.array([rmt.leading_eigenvalues(ens.sample(n, seed=s), 1)[0] for s in range(4)])
        # the sum of 2000 units' synapses scatters by sqrt(c <w^2> / n)
        assert abs(tops.mean() - found[0]) < 4 * np.sqrt(ens.input_variance().sum() / n)


# --- the edge of one network ---------------------------------------------------------------------------


@pytest.mark.parametrize("degree", [1.3, 3.0, 8.0])  # 1.3: a few cycles, far below freezing
def test_own_edge_against_dense_linear_algebra(degree):
    tau, gain = stats.uniform(0.5, 1.5), stats.uniform(0.3, 0.7)
    ens = rmt.oriented_sparse(degree, stats.norm(0, 3 * degree**-0.5), tau=tau, gain=gain)
    for seed in range(4):
        net = ens.sample(200, seed=seed)
        x = own_edge(net)
        matrix = net.weights.toarray() ** 2 * (net.gain / (net.leak + x * net.tau)) ** 2
        # xtol 1e-8, times the derivative of the radius, of order 10
        assert np.max(np.abs(np.linalg.eigvals(matrix))) == pytest.approx(1, abs=1e-6)
        assert x > np.max(-net.leak / net.tau)


def test_own_edge_is_the_edge_of_a_large_network():
    ens = rmt.oriented_sparse(20.0, stats.norm(0, 20**-0.5), tau=stats.uniform(0.5, 1.5))
    edge = rmt.spectral_abscissa(ens, parts=("bulk",))
    own = [own_edge(ens.sample(4000, seed=seed)) - edge for seed in range(4)]
    assert abs(np.mean(own)) < 5e-3  # a spread of 0.2/sqrt(n) = 0.003 each


def test_own_edge_refuses():
    chain = rmt.Network(np.diag(np.ones(9), -1))
    with pytest.raises(rmt.NotApplicableError, match="cycles"):
        own_edge(chain)
    with pytest.raises(rmt.ValidationError, match="takes a Network"):
        own_edge(rmt.ginibre())
