"""Dense theory against closed forms, other routes and samples."""

import re
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import rmtlib as rmt

Z = np.array([0.0, 0.3 + 0.2j, -0.5j, 0.999, 1.001, 1.5 + 0.5j, -2.0])


def test_circular_law():
    for std in (1.0, 2.5):
        z = std * Z
        inside = np.abs(z) < std
        g = rmt.resolvent(rmt.ginibre(std=std), z)
        expected = np.where(inside, z.conj() / std**2, 1 / np.where(z == 0, 1, z))
        np.testing.assert_allclose(g.value, expected, rtol=1e-10, atol=1e-12)
        rho = rmt.density(rmt.ginibre(std=std), z)
        np.testing.assert_allclose(rho.value, inside / (np.pi * std**2), rtol=1e-10)


@pytest.mark.parametrize("gamma", [0.5, -0.5, 0.9, -0.9])
def test_elliptic_law(gamma):
    rng = np.random.default_rng(1)
    z = 2 * (rng.random(40) - 0.5) * 2 + 1j * (rng.random(40) - 0.5) * 4
    inside = (z.real / (1 + gamma)) ** 2 + (z.imag / (1 - gamma)) ** 2 < 1
    root = z * np.sqrt(1 - 4 * gamma / z**2)  # cut between the foci
    outside = (z - root) / (2 * gamma)
    expected = np.where(inside, (z.conj() - gamma * z) / (1 - gamma**2), outside)
    ens = rmt.elliptic(gamma)
    np.testing.assert_allclose(rmt.resolvent(ens, z).value, expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(rmt.density(ens, z).value, inside / (np.pi * (1 - gamma**2)), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.9, 0.3, -0.6, -0.9, -0.97])
def test_edge_is_the_whole_ellipse(gamma):
    (edge,) = rmt.spectral_edge(rmt.elliptic(gamma))
    np.testing.assert_allclose(np.hypot(edge.real / (1 + gamma), edge.imag / (1 - gamma)), 1, rtol=1e-9)
    assert np.abs(edge.real).max() == pytest.approx(1 + gamma, rel=1e-3)
    assert np.abs(edge.imag).max() == pytest.approx(1 - gamma, rel=1e-3)


def test_correlations_that_cancel_leave_the_circle():
    """Equal populations, opposite correlations within and across: theta = 0, the circular law."""
    pops = [rmt.Population("a", 0.5), rmt.Population("b", 0.5)]
    synapses = {(t, s): rmt.Synapses.dense(1.0) for t in "ab" for s in "ab"}
    pairs = {("a", "a"): 0.7, ("b", "b"): 0.7, ("a", "b"): -0.7}
    reciprocity = {k: rmt.Reciprocity(correlation=v) for k, v in pairs.items()}
    (edge,) = rmt.spectral_edge(rmt.Ensemble(pops, synapses, reciprocity=reciprocity, leak=0.0))
    np.testing.assert_allclose(np.abs(edge), 1, rtol=1e-9)
    turn = np.angle(edge[1:] / edge[:-1])
    assert np.all(np.abs(turn) < 0.3)
    assert turn.sum() == pytest.approx(2 * np.pi)


def test_semicircle_is_a_line_density():
    ens = rmt.wigner(std=1.5)
    bar = rmt.bar(ens)
    assert bar.weight == 1
    np.testing.assert_allclose(bar.segments, [(-3.0, 3.0)], atol=1e-9)
    x = np.array([-2.9, 0.0, 1.0, 2.999, 3.1])
    np.testing.assert_allclose(bar.density(x), np.sqrt(np.maximum(9 - x**2, 0)) / (2 * np.pi * 1.5**2), atol=1e-8)
    with pytest.raises(rmt.NotApplicableError, match="bar"):
        rmt.density(ens, 0.0)


def test_time_units():
    def ens(s):
        return rmt.Ensemble(
            [rmt.Population("a", tau=stats.beta(2, 2, loc=0.5 * s, scale=1.5 * s), gain=stats.beta(2, 3, 0.3, 0.7))],
            rmt.Synapses.dense(1.2),
        )

    z = np.array([-0.5 + 0.2j, -0.8, 0.1 + 0.05j, 0.5])
    s = 137.0
    np.testing.assert_allclose(rmt.resolvent(ens(s), z / s).value, s * rmt.resolvent(ens(1.0), z).value, rtol=1e-11)
    np.testing.assert_allclose(rmt.density(ens(s), z / s).value, s**2 * rmt.density(ens(1.0), z).value, rtol=1e-11)
    assert rmt.spectral_abscissa(ens(s)) * s == pytest.approx(rmt.spectral_abscissa(ens(1.0)), rel=1e-11)


# --- several populations, heterogeneous units: closed forms and other routes ---------------------------


def radial_rajan_abbott(r, fraction, s1, s2):
    """Share of eigenvalues within r, from the quadratic for u = X Y (one pool of columns of two variances)."""
    f1, f2, q = fraction, 1 - fraction, r**2
    # f1 s1^2/(q + s1^2 u) + f2 s2^2/(q + s2^2 u) = 1
    a = s1**2 * s2**2
    b = q * (s1**2 + s2**2) - a
    c = q**2 - q * (f1 * s1**2 + f2 * s2**2)
    u = (-b + np.sqrt(b**2 - 4 * a * c)) / (2 * a)
    return f1 * q / (q + s1**2 * u) + f2 * q / (q + s2**2 * u)


def test_rajan_abbott_radius_and_radial_law():
    f, s1, s2 = 0.7, 0.6, 2.0
    ens = rmt.rajan_abbott(f, 0.0, 0.0, s1, s2)
    radius = np.sqrt(f * s1**2 + (1 - f) * s2**2)
    (curve,) = rmt.spectral_edge(ens)
    np.testing.assert_allclose(np.abs(curve), radius, rtol=1e-12)
    r = radius * np.array([0.1, 0.5, 0.9, 0.999])
    z = r * np.exp(1j * np.array([0.3, 2.0, -1.0, 0.0]))
    np.testing.assert_allclose(z * rmt.resolvent(ens, z).value, radial_rajan_abbott(r, f, s1, s2), rtol=1e-10)
    d = 1e-4
    slope = (radial_rajan_abbott(r + d, f, s1, s2) - radial_rajan_abbott(r - d, f, s1, s2)) / (2 * d)
    np.testing.assert_allclose(rmt.density(ens, z).value[:3], (slope / (2 * np.pi * r))[:3], rtol=1e-6)


def test_two_populations_equal_one_with_two_gains():
    """Column variances are gains: the Newton iteration for two populations against the scalar equation."""
    tau = stats.beta(2, 2, loc=0.5, scale=1.5)
    one = rmt.Ensemble(
        [rmt.Population("a", tau=tau, gain=rmt.Discrete([0.6, 2.0], [0.7, 0.3]))], rmt.Synapses.dense(1.0)
    )
    pops = [rmt.Population("E", 0.7, tau=tau), rmt.Population("I", 0.3, tau=tau)]
    two = rmt.Ensemble(pops, {(a, b): rmt.Synapses.dense(0.6 if b == "E" else 2.0) for a in "EI" for b in "EI"})
    x = np.linspace(-2.2, 0.5, 9)
    z = (x[:, None] + 1j * np.array([0.0, 0.2, 0.9])).ravel()
    np.testing.assert_allclose(rmt.resolvent(two, z).value, rmt.resolvent(one, z).value, rtol=1e-9)
    np.testing.assert_allclose(rmt.density(two, z).value, rmt.density(one, z).value, rtol=1e-8)
    np.testing.assert_allclose(rmt.edge_function(two, z), rmt.edge_function(one, z), rtol=1e-11)


def hermitized_iteration(ens, z, eta, sweeps=600):
    """X, Y, theta by plain damped iteration at finite eta, then g: its own code, its own variables."""
    f = np.asarray(ens.fractions)
    v, r = ens.input_variance(), ens.reciprocal_covariance()
    vt = v.T * f[None, :] / f[:, None]
    nodes = [ens.nodes(name, 24) for name in ens.names]
    k = len(f)
    x, y, theta = np.ones(k), np.ones(k), np.zeros(k, complex)
    for _ in range(sweeps):
        d = [x[b] * (eta + h**2 * y[b]) + abs(1 + z * t - h * theta[b]) ** 2 for b, (t, h, w) in enumerate(nodes)]
        a1 = np.array([w @ (h**2 * x[b] / d[b]) for b, (t, h, w) in enumerate(nodes)])
        a2 = np.array([w @ ((eta + h**2 * y[b]) / d[b]) for b, (t, h, w) in enumerate(nodes)])
        a3 = np.array([w @ (h * np.conj(1 + z * t - h * theta[b]) / d[b]) for b, (t, h, w) in enumerate(nodes)])
        x, y, theta = 0.5 * (x + eta + v @ a1), 0.5 * (y + vt @ a2), 0.5 * (theta + r @ a3)
    d = [x[b] * (eta + h**2 * y[b]) + abs(1 + z * t - h * theta[b]) ** 2 for b, (t, h, w) in enumerate(nodes)]
    return sum(f[b] * (w @ (t * np.conj(1 + z * t - h * theta[b]) / d[b])) for b, (t, h, w) in enumerate(nodes))


def reciprocal_pair():
    pops = [
        rmt.Population("E", 0.6, tau=stats.beta(2, 2, loc=0.5, scale=1.5), gain=stats.beta(2, 3, loc=0.3, scale=0.7)),
        rmt.Population("I", 0.4, tau=stats.uniform(1, 2), gain=0.8),
    ]
    std = {("E", "E"): 0.9, ("E", "I"): 1.4, ("I", "E"): 1.1, ("I", "I"): 0.7}
    reciprocity = {("E", "E"): rmt.Reciprocity(correlation=0.5), ("E", "I"): rmt.Reciprocity(correlation=-0.4)}
    return rmt.Ensemble(pops, {k: rmt.Synapses.dense(s) for k, s in std.items()}, reciprocity=reciprocity)


def test_finite_eta_against_plain_iteration_and_finite_networks():
    ens, z, eta = reciprocal_pair(), np.array([-0.5 + 0.3j, -0.2, -1.2 + 0.1j]), 0.4
    got = rmt.resolvent(ens, z, eta=eta)
    plain = [hermitized_iteration(ens, point, eta) for point in z]
    np.testing.assert_allclose(got.value, plain, rtol=1e-8)
    samples = np.array([rmt.resolvent(ens.sample(400, seed=s), z, eta=eta).value for s in range(6)])
    error = samples.std(axis=0, ddof=1) / np.sqrt(len(samples))
    assert np.all(error < 0.02)
    assert np.all(np.abs(samples.mean(axis=0) - got.value) < 4 * error + 2 / 400)


def test_eta_to_zero_reaches_the_limit():
    """At eta -> 0 the general kernel (complex unknowns) meets the eta = 0 one, inside and outside."""
    for ens in (reciprocal_pair(), rmt.rajan_abbott(0.7, 0.0, 0.0, 0.6, 1.5, leak=1.0)):
        z = np.array([-0.9 + 0.2j, -0.8, 2.0 + 1.0j])
        limit, near = rmt.resolvent(ens, z), rmt.resolvent(ens, z, eta=1e-6)
        np.testing.assert_allclose(near.value, limit.value, rtol=1e-4)
        rho, rho_near = rmt.density(ens, z), rmt.density(ens, z, eta=1e-6)
        np.testing.assert_allclose(rho_near.value, rho.value, rtol=1e-3, atol=1e-6)


def test_density_is_the_derivative_of_the_resolvent():
    d = 1e-4
    z = np.array([-0.9 + 0.2j, -0.7 - 0.3j, -0.8, -0.5 + 0.1j])
    for ens in (reciprocal_pair(), heterogeneous()):
        g = lambda p: rmt.resolvent(ens, p, tol=1e-12).value  # noqa: B023
        slope = (g(z + d) - g(z - d) + 1j * (g(z + 1j * d) - g(z - 1j * d))) / (4 * d * np.pi)
        np.testing.assert_allclose(rmt.density(ens, z).value, slope.real, rtol=1e-6)
        assert np.max(np.abs(slope.imag)) < 1e-7


def heterogeneous(std=1.4):
    """Independent Beta tau and gain, as in the working-memory networks."""
    return rmt.Ensemble(
        [rmt.Population("a", tau=stats.beta(2, 2, loc=0.5, scale=1.5), gain=stats.beta(2, 3, loc=0.3, scale=0.7))],
        rmt.Synapses.dense(std),
    )


# --- arbitrary precision ------------------------------------------------------------------------------


def mp_solution(z, variance, gains, probs):
    """u, g and the density for tau = 0.5 + 1.5 Beta(2, 2) and a discrete gain, by mpmath quadrature."""
    mp = pytest.importorskip("mpmath").mp
    mp.dps = 20
    z = mp.mpc(z)
    lo, hi = mp.mpf("0.5"), mp.mpf(2)
    pdf = lambda t: 6 * ((t - lo) / 1.5) * (1 - (t - lo) / 1.5) / mp.mpf("1.5")
    centre = -mp.re(z) / abs(z) ** 2
    points = [lo, centre, hi] if lo < centre < hi else [lo, hi]

    def mean(func):
        return sum(
            mp.mpf(p) * mp.quad(lambda t, h=mp.mpf(h): pdf(t) * func(t, h), points, maxdegree=8)
            for h, p in zip(gains, probs, strict=True)
        )

    def gap(u):
        return mean(lambda t, h: h**2 / (abs(1 + z * t) ** 2 + h**2 * u)) - 1 / mp.mpf(variance)

    u = mp.findroot(gap, (mp.mpf("1e-6"), mp.mpf(variance)), solver="anderson", tol=1e-18)
    d = lambda t, h: abs(1 + z * t) ** 2 + h**2 * u
    g = mean(lambda t, h: t * mp.conj(1 + z * t) / d(t, h))
    cross = mean(lambda t, h: h**2 * t * (1 + z * t) / d(t, h) ** 2)
    rho = u * mean(lambda t, h: (t * h / d(t, h)) ** 2) + abs(cross) ** 2 / mean(lambda t, h: h**4 / d(t, h) ** 2)
    return complex(g), float(rho / mp.pi)


def test_honest_error_against_arbitrary_precision():
    gains, probs = [0.5, 1.1], [0.6, 0.4]
    ens = rmt.Ensemble(
        [rmt.Population("a", tau=stats.beta(2, 2, loc=0.5, scale=1.5), gain=rmt.Discrete(gains, probs))],
        rmt.Synapses.dense(0.7),
    )
    (curve,) = rmt.spectral_edge(ens)
    centre = -0.9
    points = [
        -0.9 + 0.1j,
        -0.7,
        -1.6 + 0.001j,
        centre + 0.999 * (curve[40] - centre),
        centre + 0.999 * (curve[110] - centre),
    ]
    z = np.array(points)
    assert np.all(rmt.edge_function(ens, z) > 1)
    g, rho = rmt.resolvent(ens, z), rmt.density(ens, z)
    for i, point in enumerate(points):
        exact_g, exact_rho = mp_solution(point, 0.49, gains, probs)
        assert abs(g.value[i] - exact_g) <= g.error[i] + 1e-15, point
        assert abs(rho.value[i] - exact_rho) <= rho.error[i] + 1e-15, point
        assert abs(g.value[i] - exact_g) < 1e-8 * abs(exact_g)
        assert abs(rho.value[i] - exact_rho) < 1e-8 * exact_rho


# --- samples ------------------------------------------------------------------------------------------


def disc_share(ens, centre, radius, count=64):
    """Share of eigenvalues in a disc, (1/2 pi i) of the contour integral of g (trapezoidal: spectral accuracy)."""
    turn = np.exp(2j * np.pi * (np.arange(count) + 0.5) / count)
    return float(np.mean(rmt.resolvent(ens, centre + radius * turn).value * radius * turn).real)


@pytest.mark.parametrize("make", [heterogeneous, reciprocal_pair])
def test_disc_counts_against_samples(make):
    ens = make()
    discs = [(-0.8, 0.3), (-0.5 + 0.3j, 0.25), (-1.3, 0.35), (-0.3, 0.4)]
    values = [np.linalg.eigvals(ens.sample(600, seed=s).jacobian().toarray()) for s in range(5)]
    for centre, radius in discs:
        theory = disc_share(ens, centre, radius)
        shares = [np.mean(np.abs(v - centre) < radius) for v in values]
        error = np.std(shares, ddof=1) / np.sqrt(len(shares))
        # fluctuations of the count are O(1/n); an O(1/n) bias comes from the real eigenvalues
        assert abs(np.mean(shares) - theory) < 4 * error + 2 / 600
        side = radius * (np.arange(30) + 0.5) / 30 * 2 - radius
        grid = side[None, :] + 1j * side[:, None]
        inside = np.abs(grid) < radius
        integral = np.sum(rmt.density(ens, centre + grid[inside]).value) * (radius / 15) ** 2
        assert integral == pytest.approx(theory, rel=0.03)  # error of the area of the disc on this grid: 1%


def test_edge_against_samples():
    ens = heterogeneous()
    beyond = []
    for seed in range(4):
        values = np.linalg.eigvals(ens.sample(800, seed=seed).jacobian().toarray())
        beyond.append(np.max(values.real))
        # a finite matrix leaves the support by O(n^-1/2) at most
        assert np.max(rmt.edge_function(ens, values[values.imag != 0])[()]) > 1
        assert np.mean(rmt.edge_function(ens, values) < 0.9) < 0.003
    assert np.mean(beyond) == pytest.approx(rmt.spectral_abscissa(ens), abs=0.05)
    assert rmt.spectral_abscissa(ens.sample(200, seed=1)) == pytest.approx(
        np.linalg.eigvals(ens.sample(200, seed=1).jacobian().toarray()).real.max()
    )


def test_outliers_against_samples():
    pops = [
        rmt.Population("E", 0.7, tau=stats.uniform(0.5, 1.0), gain=stats.beta(2, 3, loc=0.3, scale=0.7)),
        rmt.Population("I", 0.3, tau=stats.uniform(1.0, 1.0), gain=0.8),
    ]
    mean = {("E", "E"): 6.0, ("E", "I"): -14.0, ("I", "E"): 9.0, ("I", "I"): -4.0}
    ens = rmt.Ensemble(pops, {k: rmt.Synapses.dense(0.5, mean=m) for k, m in mean.items()})
    found = rmt.outliers(ens)
    assert len(found) == 2
    assert found[0] == found[1].conj()
    assert abs(found[0].imag) > 1
    rightmost = []
    for seed in range(5):
        values = np.linalg.eigvals(ens.sample(800, seed=seed).jacobian().toarray())
        rightmost.append(values[np.argmax(values.imag)])
    error = np.std(rightmost, ddof=1) / np.sqrt(5)
    assert abs(np.mean(rightmost) - found[found.imag > 0][0]) < 4 * error + 0.02
    assert rmt.spectral_abscissa(ens) == pytest.approx(found.real.max())
    assert rmt.outliers(heterogeneous()).size == 0


def test_outlier_with_reciprocity():
    """Rank-one mean on an elliptic matrix: lambda + Gamma sigma^2/lambda (O'Rourke and Renfrew 2014)."""
    for gamma in (0.5, -0.6):
        pop = rmt.Population("a")
        ens = rmt.Ensemble(pop, rmt.Synapses.dense(1.0, mean=2.5), reciprocity=gamma, leak=0.0)
        np.testing.assert_allclose(rmt.outliers(ens), [2.5 + gamma / 2.5], rtol=1e-9)


# --- the bar -----------------------------------------------------------------------------------------


def test_bar_of_sparse_cores_against_components():
    tau = stats.uniform(0.5, 1.0)
    weight = stats.norm(0, 1)
    single = rmt.oriented_sparse(3.0, weight, tau=tau)
    pops = [rmt.Population(n, f, tau=tau) for n, f in (("E", 0.5), ("I", 0.3), ("O", 0.2))]
    degrees = {("E", "E"): 1.0, ("E", "I"): 0.8, ("I", "E"): 1.5, ("I", "I"): 0.5, ("O", "E"): 3.0, ("O", "O"): 1.6}
    several = rmt.Ensemble(pops, {k: rmt.Synapses(weight, degree=c) for k, c in degrees.items()})
    for ens in (single, several):
        weights = np.array([rmt.bar(ens.sample(6000, seed=s)).weight for s in range(8)])
        error = weights.std(ddof=1) / np.sqrt(len(weights))
        assert error < 0.004
        assert abs(weights.mean() - rmt.bar(ens).weight) < 4 * error
    # one population: the root of q = exp(-c (1 - q))
    q = 0.0
    for _ in range(200):
        q = np.exp(-3 * (1 - q))
    assert rmt.bar(single).weight == pytest.approx(1 - (1 - q) ** 2, abs=1e-12)


def test_bar_density_is_the_jump_of_the_resolvent():
    ens = rmt.core_periphery()
    bar = rmt.bar(ens)
    x = np.array([-0.045, -0.03, -0.022])
    periphery = rmt.Ensemble(
        [rmt.Population("E", 0.8, tau=stats.beta(2, 2, loc=20, scale=30)), rmt.Population("I", 0.2, tau=30.0)],
        {("E", "I"): rmt.Synapses.dense(1.0), ("I", "I"): rmt.Synapses.dense(0.1)},
    )
    line = rmt.bar(periphery)
    assert line.weight == pytest.approx(0.8)
    above, below, on = (rmt.resolvent(periphery, x + 1j * s).value for s in (1e-9, -1e-9, 0.0))
    np.testing.assert_allclose((below - above).imag / (2 * np.pi), line.density(x), rtol=1e-5)
    np.testing.assert_allclose(on, 0.5 * (above + below), rtol=1e-6)
    grid = np.linspace(bar.segments[0][0], bar.segments[1][1], 200_001)
    assert np.trapezoid(bar.density(grid), grid) == pytest.approx(bar.weight, abs=1e-6)


def test_bar_of_silent_units_and_atoms():
    silent = rmt.Ensemble(
        rmt.Population("a", tau=stats.uniform(1, 1), gain=rmt.Discrete([0.0, 1.0], [0.25, 0.75])),
        rmt.Synapses.dense(2.0),
    )
    assert rmt.bar(silent).weight == pytest.approx(0.25)
    net = silent.sample(400, seed=3)
    values = rmt.spectrum.eigenvalues(net)
    off = -1 / net.tau[net.gain == 0]
    assert np.max(np.min(np.abs(values[:, None] - off[None, :]), axis=0)) < 1e-9
    constant = rmt.Ensemble(
        [rmt.Population("E", 0.5, tau=2.0), rmt.Population("I", 0.5, tau=1.0)], {("I", "I"): rmt.Synapses.dense(1.0)}
    )
    where, mass = rmt.bar(constant).atoms
    assert where.tolist() == [-0.5]
    assert mass.tolist() == [0.5]
    with pytest.raises(rmt.ConvergenceError, match="atom") as caught:
        rmt.resolvent(constant, [-0.5, 1.0])
    assert caught.value.solution.status.tolist() == [rmt.Status.SINGULAR, rmt.Status.CONVERGED]
    mixed = rmt.Ensemble(
        [rmt.Population("a", 0.5), rmt.Population("b", 0.5)],
        {("a", "b"): rmt.Synapses.dense(1.0), ("b", "a"): rmt.Synapses(1.0, degree=3.0)},
    )
    with pytest.raises(rmt.NotApplicableError, match="share sparse and dense"):
        rmt.bar(mixed)


@pytest.mark.parametrize("ens", [heterogeneous(), reciprocal_pair(), rmt.core_periphery()], ids=["one", "pair", "core"])
def test_masses_add_to_one(ens):
    curves = rmt.spectral_edge(ens)
    box = np.concatenate(curves)
    x = np.linspace(box.real.min(), box.real.max(), 51)
    y = np.linspace(0, box.imag.max(), 31)
    dx, dy = x[1] - x[0], y[1] - y[0]
    grid = (x[:-1] + dx / 2)[None, :] + 1j * (y[:-1] + dy / 2)[:, None]
    rho = rmt.density(ens, grid, method="dense").value
    mass = 2 * rho.sum() * dx * dy
    # midpoint rule: a cell cut by the boundary is wrong by up to half its mass, at random sign
    inside = rho > 0
    cut = inside & ~(np.roll(inside, 1, 0) & np.roll(inside, -1, 0) & np.roll(inside, 1, 1) & np.roll(inside, -1, 1))
    error = 2 * dx * dy * np.sqrt(np.sum(rho[cut] ** 2)) * 2 + 2e-3
    expected = 1.0 if ens.is_dense else 0.2
    assert error < 0.05
    assert abs(mass - expected) < error


# --- properties, networks, bad input ------------------------------------------------------------------


@pytest.mark.parametrize("quantity", ["resolvent", "density"])
@pytest.mark.parametrize(
    "joint",
    [
        rmt.Independent(stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, loc=0.3, scale=0.7)),
        rmt.Independent(stats.lognorm(0.4), 0.8),
        rmt.GaussianCopula(stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, loc=0.3, scale=0.7), 0.6),
    ],
    ids=["beta", "lognormal", "copula"],
)
def test_stated_error_covers_the_true_one(joint, quantity):
    """Coarse solutions against fine ones: inside, at 0.999 of the edge, on the real axis and next to it."""
    ens = rmt.Ensemble(rmt.Population("a", joint=joint), rmt.Synapses.dense(0.9))
    curve = np.concatenate(rmt.spectral_edge(ens))
    curve = curve[curve.real > -4]
    axis = np.linspace(curve.real.min(), curve.real.max(), 17)[1:-1]
    z = np.concatenate([-1 + 0.999 * (curve[::20] + 1), -1 + 0.5 * (curve[::30] + 1), axis, axis + 1e-3j])
    func = getattr(rmt, quantity)
    coarse, fine = func(ens, z, tol=1e-6), func(ens, z, tol=1e-11)
    error = np.abs(coarse.value - fine.value)
    assert np.all(error <= coarse.error + fine.error)
    assert np.max(error) < 1e-6 * np.max(np.abs(fine.value))


@settings(max_examples=15, deadline=None)
@given(
    lo=st.floats(0.1, 5),
    ratio=st.floats(1.2, 20),
    std=st.floats(0.3, 3),
    gain=st.floats(0.2, 1.5),
    leak=st.floats(0.2, 2),
)
def test_edge_and_density_properties(lo, ratio, std, gain, leak):
    tau = stats.beta(2, 2, loc=lo, scale=lo * (ratio - 1))
    pop = rmt.Population("a", tau=tau, gain=rmt.Discrete([0.5 * gain, gain], [0.5, 0.5]))
    ens = rmt.Ensemble(pop, rmt.Synapses.dense(std), leak=leak)
    for curve in rmt.spectral_edge(ens, points=60):
        assert curve[0] == curve[-1]
        assert np.median(np.abs(rmt.edge_function(ens, curve) - 1)) < 1e-12
        away = curve[np.abs(curve.imag) > 0]
        np.testing.assert_allclose(rmt.edge_function(ens, away), 1, atol=1e-9)
    right = rmt.spectral_abscissa(ens, "bulk")
    z = right - 3 / lo * np.linspace(-0.2, 1, 8)[:, None] + 1j / lo * np.array([0.0, 0.3, 1.0])
    rho = rmt.density(ens, z, throw=False)
    assert np.all(rho.value >= 0)
    inside = rmt.edge_function(ens, z) > 1
    assert np.all((rho.value > 0) == inside)
    # marginality does not depend on tau
    margin = std**2 * (0.5 * gain**2 + 0.5 * (0.5 * gain) ** 2) / leak**2
    assert (right > 0) == (margin > 1)


def test_two_timescales_give_two_ovals():
    ens = rmt.Ensemble(rmt.Population("a", tau=rmt.Discrete([1.0, 10.0], [0.5, 0.5])), rmt.Synapses.dense(0.5))
    curves = rmt.spectral_edge(ens)
    assert len(curves) == 2
    np.testing.assert_allclose(np.concatenate([rmt.edge_function(ens, c) for c in curves]), 1, rtol=1e-11)
    # counter-clockwise, so each encloses its share of the eigenvalues: (1/2 pi i) of the contour integral of g
    shares = []
    for curve in curves:
        centre, radius = curve.mean(), 1.05 * np.max(np.abs(curve - curve.mean()))
        shares.append(disc_share(ens, centre, radius))
    np.testing.assert_allclose(shares, [0.5, 0.5], atol=1e-9)


def test_abscissa_parts():
    ens = rmt.core_periphery()
    assert rmt.spectral_abscissa(ens, "bar") == pytest.approx(-1 / 125)
    (curve,) = rmt.spectral_edge(ens)
    assert rmt.spectral_abscissa(ens, "bulk") == pytest.approx(curve.real.max(), rel=1e-9)
    assert rmt.spectral_abscissa(rmt.elliptic(0.5), "bulk") == pytest.approx(1.5)
    assert rmt.spectral_abscissa(rmt.elliptic(-0.5, leak=1.0), "bulk") == pytest.approx(-0.5)
    assert rmt.spectral_abscissa(rmt.wigner()) == pytest.approx(2.0)
    assert rmt.spectral_abscissa(rmt.rajan_abbott(0.5, 6.0, -2.0, 1.0, 1.3), "outliers") == pytest.approx(2.0)
    with pytest.raises(rmt.ValidationError, match="bulk, bar, outliers"):
        rmt.spectral_abscissa(ens, "blob")


def test_fixed_probability_needs_a_size():
    pops = [rmt.Population("E", 0.8), rmt.Population("I", 0.2)]
    block = rmt.Synapses(stats.norm(-0.1, 0.2), probability=0.2)
    ens = rmt.Ensemble(pops, {("E", "I"): block, ("I", "I"): block})
    with pytest.raises(rmt.ValidationError, match="pass n"):
        rmt.spectral_edge(ens)
    sources = 0.2 * 1500
    (curve,) = rmt.spectral_edge(ens, n=1500)
    variance = (sources - 1) * (0.2 * 0.04 + 0.16 * 0.01)
    np.testing.assert_allclose(np.abs(curve + 1), np.sqrt(variance), rtol=1e-9)
    assert rmt.bar(ens).weight == pytest.approx(0.8)


def test_network_resolvent_and_density():
    net = heterogeneous().sample(60, seed=2)
    exact = partial(rmt.resolvent, method="exact")
    z = np.array([-0.5 + 0.4j, 0.3])
    b = np.diag(net.leak + z[0] * net.tau) - net.weights * net.gain[None, :]
    np.testing.assert_allclose(exact(net, z).value[0], np.mean(net.tau * np.diag(np.linalg.inv(b))), rtol=1e-10)
    np.testing.assert_allclose(exact(net, z, eta=1e-9).value, exact(net, z).value, rtol=1e-8)
    eta, d = 0.3, 1e-5
    g = lambda p: exact(net, p, eta=eta).value
    slope = (g(z + d) - g(z - d) + 1j * (g(z + 1j * d) - g(z - 1j * d))) / (4 * d * np.pi)
    np.testing.assert_allclose(rmt.density(net, z, method="exact", eta=eta).value, slope.real, rtol=1e-6)
    with pytest.raises(rmt.NotApplicableError, match="eta > 0"):
        rmt.density(net, z, method="exact")
    assert rmt.resolvent(net, z, eta=eta).method == "cavity"
    for question in (rmt.spectral_edge, rmt.outliers):
        with pytest.raises(rmt.NotApplicableError, match="Ensemble"):
            question(net)
    with pytest.raises(rmt.NotApplicableError, match="atoms"):
        rmt.bar(net).density(0.0)


def test_a_bar_prints_on_one_line():
    atoms = rmt.bar(rmt.core_periphery().sample(300, seed=0))
    assert re.fullmatch(r"Bar\(weight=0\.8, segments=\[\(.*\)\], 240 atoms in \[-0\.0\d+, -0\.0\d+\]\)", repr(atoms))
    constant = rmt.bar(rmt.ginibre().sample(1, seed=0))
    assert "\n" not in repr(constant)
    assert len(repr(constant)) < 100


def test_bad_input():
    ens = rmt.ginibre()
    for question in (rmt.resolvent, rmt.density, rmt.edge_function):
        with pytest.raises(rmt.ValidationError, match="NaN"):
            question(ens, [0.1, np.nan])
        with pytest.raises(rmt.ValidationError, match="numbers"):
            question(ens, ["a"])
    with pytest.raises(rmt.ValidationError, match="methods: .*dense.*exact.*saddle"):
        rmt.resolvent(ens, 0.0, method="saddel")
    with pytest.raises(rmt.ValidationError, match="unknown options .'sweeps'.: method 'dense' has none"):
        rmt.resolvent(ens, 0.0, sweeps=3)
    with pytest.raises(rmt.NotApplicableError, match="does not apply"):
        rmt.resolvent(ens, 0.0, method="exact")
    with pytest.raises(rmt.ValidationError, match="eta"):
        rmt.resolvent(ens, 0.0, eta=-1.0)
    with pytest.raises(rmt.ValidationError, match="tol"):
        rmt.resolvent(ens, 0.0, tol=0.0)
    with pytest.raises(rmt.ValidationError, match="points"):
        rmt.spectral_edge(ens, points=3)
    with pytest.raises(rmt.ValidationError, match="Ensemble"):
        rmt.outliers("ginibre")
    with pytest.raises(rmt.NotApplicableError, match="line"):
        rmt.spectral_edge(rmt.elliptic(-1.0))


def test_shapes_follow_z():
    ens = rmt.ginibre()
    assert rmt.resolvent(ens, 0.5).shape == ()
    assert complex(rmt.resolvent(ens, 0.5)) == pytest.approx(0.5)
    assert float(rmt.density(ens, 0.5)) == pytest.approx(1 / np.pi)
    grid = rmt.density(ens, np.zeros((2, 3)))
    assert grid.shape == grid.error.shape == np.asarray(grid).shape == (2, 3)
    assert rmt.resolvent(ens, []).shape == (0,)


@pytest.mark.parametrize("gamma", [0.9, 0.99, -0.9])
def test_edge_reaches_the_tips_of_a_thin_support(gamma):
    """On its axes of symmetry theta, followed from outside, cannot leave the axis: the tips were cut off."""
    tau = rmt.laws.Discrete([0.999, 1.001], [0.5, 0.5])  # two values: no closed form for theta
    ens = rmt.Ensemble(rmt.Population("N", 1.0, tau=tau), rmt.Synapses.dense(std=1.0), reciprocity=gamma)
    (curve,) = rmt.spectral_edge(ens, points=60)
    assert curve.real.max() == pytest.approx(gamma, abs=1e-4)
    assert curve.real.min() == pytest.approx(-2 - gamma, abs=1e-4)
    assert rmt.spectral_abscissa(ens, parts="bulk") == pytest.approx(curve.real.max(), abs=1e-6)


def test_gain_zero_is_no_bulk():
    silent = rmt.Population("S", 0.5, tau=2.0, gain=0.0)
    alone = rmt.Ensemble(rmt.Population("N", 1.0, gain=0.0), rmt.Synapses.dense(std=1.0))
    assert rmt.spectral_edge(alone) == []
    assert rmt.spectral_abscissa(alone, parts="bulk") == -np.inf
    assert rmt.spectral_abscissa(alone) == -1.0
    assert np.all(np.isfinite(rmt.density(alone, [0.3j, 1.0]).error))
    assert complex(rmt.resolvent(alone, 1.0)) == pytest.approx(0.5)
    # beside a population that has a bulk
    blocks = {(a, b): rmt.Synapses.dense(std=1.5, mean=1.0) for a in "SL" for b in "SL"}
    both = rmt.Ensemble([silent, rmt.Population("L", 0.5)], blocks)
    only = rmt.Ensemble([silent, rmt.Population("L", 0.5)], {("L", "L"): blocks["L", "L"]})
    z = [0.2 + 0.1j, -1.3 + 0.4j]
    faint = rmt.Ensemble([rmt.Population("S", 0.5, tau=2.0, gain=1e-7), rmt.Population("L", 0.5)], blocks)
    got, expected = (rmt.resolvent(x, z, eta=0.2).value for x in (both, faint))
    np.testing.assert_allclose(got, expected, rtol=1e-6)
    np.testing.assert_allclose(rmt.resolvent(both, z).value, rmt.resolvent(only, z).value, rtol=1e-10)


def test_no_outlier_at_infinity():
    ens = rmt.Ensemble(
        rmt.Population("N", 1.0, tau=stats.uniform(0.5, 1), gain=stats.uniform(0.2, 0.3)),
        rmt.Synapses.dense(std=1.5, mean=0.754),
        reciprocity=-0.5,
    )
    assert rmt.outliers(ens).size == 0


@pytest.mark.parametrize("bad", [{"eta": "a"}, {"eta": None}, {"eta": [0.1, 0.2]}, {"tol": "a"}, {"tol": [1e-3]}])
def test_bad_numbers_are_named(bad):
    with pytest.raises(rmt.ValidationError, match=next(iter(bad))):
        rmt.resolvent(rmt.ginibre(), 0.1, **bad)


def test_points_whose_square_overflows():
    with pytest.raises(rmt.ValidationError, match="overflows"):
        rmt.resolvent(rmt.ginibre(), [0.1, 1e200])


def test_plain_lists_are_matrices():
    assert complex(rmt.resolvent([[1, 2], [3, 4]], 0.5j)) == complex(rmt.resolvent(np.array([[1, 2], [3, 4]]), 0.5j))


def test_outliers_of_measured_and_of_reaching_laws():
    """Thousands of measured units cost no thousand-square matrix; timescales may reach down to 0."""
    rng = np.random.default_rng(0)
    tau, gain = rng.uniform(10, 30, 4000), rng.beta(2, 3, 4000)
    block = rmt.Synapses.dense(std=0.5, mean=6.0)
    (z,) = rmt.outliers(rmt.Ensemble(rmt.Population("E", joint=rmt.EmpiricalJoint(tau, gain)), block))
    assert np.mean(6 * gain / (1 + z * tau)) == pytest.approx(1, rel=1e-10)
    (z,) = rmt.outliers(rmt.Ensemble(rmt.Population("E", tau=stats.beta(3, 3, scale=20), gain=0.4), block))
    assert stats.beta(3, 3, scale=20).expect(lambda t: 2.4 / (1 + z.real * t)) == pytest.approx(1, rel=1e-8)
