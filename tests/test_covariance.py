"""Covariance spectra: closed forms, independent routes and samples; moments, outliers, finite time, parts of a network."""

from functools import lru_cache

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import quad

import rmtlib as rmt
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError
from rmtlib.symbolic import covariance as sym
from rmtlib.theory import covariance as cov

S = sym.covariance_symbols


def distance(cdf, values, low=0.0):
    """Largest difference between a distribution function at sorted values and their empirical one."""
    n = len(values)
    return np.max(np.abs(cdf - low - (1 - low) * (np.arange(n) + 0.5) / n))


def general(ens, c, quantity="density", alpha=0.0):
    """The Newton route for several nodes, also where there is one only."""
    nodes = cov._nodes(ens, "inside", np.ones(len(ens.names)), None, 16)
    u, eta, residual, _ = cov._solve(nodes, c, alpha)
    assert np.max(residual) < 1e-12
    return cov._read(nodes, u, eta, c, alpha, quantity)


@pytest.mark.parametrize("g", [0.2, 0.5, 0.9])
def test_independent_entries_closed_form(g):
    ens = rmt.ginibre(g, leak=1)
    edges = [float(e.subs(S.g, g)) for e in sym.iid_edges()]
    assert np.allclose(cov.covariance_support(ens)[0], edges, rtol=1e-8)
    x = np.geomspace(*edges, 42)[1:-1]
    def density(point):
        a = (g**2 - 1) * point
        p, q = a - 1 / 3, point + a / 3 - 2 / 27
        root = np.sqrt(max(q**2 / 4 + p**3 / 27, 0))
        return 3**0.5 / (2 * np.pi * g**2 * point**2) * (np.cbrt(q / 2 + root) - np.cbrt(q / 2 - root))

    assert np.isclose(float(sym.iid_density().subs({S.g: g, S.x: x[9]})), density(x[9]), rtol=1e-12)
    closed = np.array([density(point) for point in x])
    # rounding of Cardano's formula, which subtracts two cube roots
    assert np.allclose(cov.covariance_density(ens, x), closed, rtol=1e-9)
    assert np.allclose(general(ens, x), closed, rtol=1e-9)
    for k in (5, 35):
        total = quad(density, edges[0], x[k], epsabs=1e-11, limit=400)[0]
        assert abs(cov.covariance_cdf(ens, x[k]) - total) < 1e-8  # that of quad at the square root edge


@pytest.mark.parametrize("g, gamma", [(0.4, 1.0), (0.4, 0.3), (0.6, -0.5), (0.7, -0.999), (0.45, 0.95)])
def test_reciprocal_pairs_solve_the_quartic(g, gamma):
    ens = rmt.elliptic(gamma, g, leak=1)
    low, high = cov.covariance_support(ens)[0]
    x = np.geomspace(low, high, 60)[1:-1]
    polynomial = sp.lambdify((S.x, S.V, S.R), sym.polynomial().all_coeffs(), "numpy")
    p = cov.covariance_density(ens, x).value
    assert np.allclose(p, general(ens, x), rtol=1e-8, atol=1e-10)
    for point, value in zip(x, p, strict=True):
        t = np.roots(polynomial(point, g**2, gamma * g**2))
        density = (-1j * point**-0.5 * t / (1 - g**2 * t)).real / np.pi / point**1.5
        assert np.min(np.abs(density - value)) < 1e-7 * (1 + value)  # one of the four; multiple roots lose half the digits
    total = np.trapezoid(np.r_[0, p * x, 0], np.log(np.r_[low, x, high]))
    assert abs(total - 1) < 0.02  # trapezoids on 60 points, square root edges


def test_symmetric_and_antisymmetric_closed_forms():
    g = 0.4
    x = np.geomspace((1 + 2 * g) ** -2, (1 - 2 * g) ** -2, 50)[1:-1]
    closed = np.sqrt((4 * g**2 - 1) * x - 1 + 2 * np.sqrt(x)) / (4 * np.pi * g**2 * x**2)
    assert np.allclose(cov.covariance_density(rmt.elliptic(1.0, g, leak=1), x), closed, rtol=1e-9)
    x = np.geomspace(1 / (1 + 4 * g**2), 1, 50)[1:-1]
    closed = np.sqrt((4 * g**2 + 1) * x - 1) / (2 * np.pi * g**2 * x**2 * np.sqrt(1 - x))
    assert np.allclose(cov.covariance_density(rmt.elliptic(-1.0, g, leak=1), x), closed, rtol=1e-9)


@pytest.mark.parametrize("g, gamma", [(0.5, 0.0), (0.4, 0.3), (0.6, -0.6), (0.3, 0.9)])
def test_dimension_with_reciprocal_pairs(g, gamma):
    # the formula of Hu and Sompolinsky, typed in; our own, from the series; the numerical one
    th = g**2 * (1 + gamma)
    mu = (2 * th - 1 + np.sqrt(1 + 4 * (g**2 - th))) / (2 * (g**2 - th**2))
    published = (mu * (2 * g**2 * mu + 1) - 2 * th * mu * (th * mu + 1)) / ((th * mu + 1) ** 2 * (g**2 * mu + 1))
    got = cov.covariance_moments(rmt.elliptic(gamma, g, leak=1))
    r = gamma * g**2
    t0 = 1.0
    for _ in range(200):
        t0 = (1 + r * t0) ** 2
    ours = float(sym.dimension().subs({S.t: t0, S.V: g**2, S.R: r}))
    assert np.isclose(got.dimension, published, rtol=1e-10)
    assert np.isclose(ours, published, rtol=1e-10)
    assert np.isclose(got.mean, mu, rtol=1e-10)
    root = np.sqrt(1 - 4 * r)
    assert np.isclose(published, root * (1 - g**2 * (2 / (1 + root)) ** 2) ** 2, rtol=1e-10)


@settings(max_examples=15, deadline=None)
@given(st.floats(0.1, 0.85), st.floats(-0.8, 0.15), st.floats(0.0, 0.9), st.floats(0.3, 2.0))
def test_moments_are_those_of_the_distribution(g, gamma, spread, leak):
    """m1 and m2 from the linear equations against Q at small eta on the imaginary axis of s, any gains and leak."""
    gain = rmt.Discrete([1 - spread, 1 + spread / 2], [1 / 3, 2 / 3])
    scale = g * leak / np.sqrt(gain_square := (1 - spread) ** 2 / 3 + 2 * (1 + spread / 2) ** 2 / 3)
    ens = rmt.Ensemble(rmt.Population("a", gain=gain), rmt.Synapses.dense(scale / 1.3), gamma, leak=leak)
    assert gain_square > 0
    nodes = cov._nodes(ens, "inside", np.ones(1), None, 16)
    c = np.array([1e4, 4e4]) / leak**2  # far beyond the support: eta = 0.01, 0.005 after the rotation to real eta
    q1, q3, (x0, y0, theta) = cov._orders(nodes, sparse=False)
    eta = (c**-0.5).astype(complex)
    u = np.stack([eta * x0[0], eta * y0[0], 0 * eta + theta[0]], 1)
    for _ in range(60):
        residual, q, jac, _ = cov._equations(nodes, u, eta)
        u = u - np.linalg.solve(jac[:, :, :-1], residual[..., None])[..., 0]
    ratio = (q / (2 * eta)).real  # m1 - eta^2 m2 + eta^4 m3 ...
    second = (ratio[1] - ratio[0]) / (eta[0] ** 2 - eta[1] ** 2).real
    first = ratio[1] + eta[1].real ** 2 * second
    m3 = (q1 / q3) ** -2 * q1 * 50  # a bound of the next order
    assert abs(first / q1 - 1) < 1e-6 + eta[0].real ** 4 * m3 / q1
    assert abs(second / q3 - 1) < 1e-3 + eta[0].real ** 2 * m3 / q3 * 3


@lru_cache
def two_populations():
    return rmt.Ensemble(
        [
            rmt.Population("E", 0.7, tau=stats.uniform(0.5, 1.0), gain=stats.uniform(0.2, 1.0)),
            rmt.Population("I", 0.3, tau=2.0, gain=0.8),
        ],
        {(a, b): rmt.Synapses.dense(std=s) for a, b, s in (("E", "E", 0.6), ("E", "I", 0.9), ("I", "E", 1.0), ("I", "I", 0.3))},
        reciprocity=0.4,
    )


@pytest.mark.parametrize(
    "theory, sample",
    [
        ({}, lambda net: {}),
        ({"noise": "outside"}, lambda net: {"noise": "outside"}),
        ({"noise": "outside", "observed": {"E": 1}}, lambda net: {"noise": "outside", "observed": net.labels == "E"}),
        ({"observed": 0.3}, lambda net: {"observed": np.random.default_rng(0).permutation(net.n)[: 3 * net.n // 10]}),
    ],
)
def test_distribution_against_samples(theory, sample):
    """Two populations, any gains and timescales, reciprocal pairs, noise in two places, parts of the network."""
    ens = two_populations()
    net = ens.sample(400, seed=3)
    values = cov.covariance_eigenvalues(net, **sample(net))
    thin = np.arange(len(values))[:: max(1, len(values) // 60)]
    cdf = cov.covariance_cdf(ens, values[thin], **theory)
    assert np.max(np.abs(cdf - (thin + 0.5) / len(values))) < 0.035  # O(1/n) rigidity, plus the drawn tau and gains: 1/sqrt(n)


def test_finite_time_against_samples():
    ens = rmt.Ensemble(rmt.Population("a", gain=rmt.Discrete([0.3, 1.2], [0.5, 0.5])), rmt.Synapses.dense(0.7))
    n = 400
    inverse = np.linalg.inv(cov._couplings(ens.sample(n, seed=1), "inside").toarray())
    for alpha in (0.4, 2.0):
        data = inverse @ np.random.default_rng(1).standard_normal((n, int(n / alpha)))
        values = np.linalg.eigvalsh(data @ data.T * alpha / n)
        values = values[values > 1e-9]
        atom = 1 - len(values) / n  # T < n samples: rank T
        cdf = cov.covariance_cdf(ens, values, sampling=alpha)
        assert distance(cdf, values, atom) < 0.015
        got = cov.covariance_moments(ens, sampling=alpha)
        assert abs(np.sum(values**2) / n / got.second - 1) < 0.15
    # alpha -> 0 is no sampling at all
    x = np.geomspace(0.3, 3, 7)
    assert np.allclose(cov.covariance_cdf(ens, x, sampling=1e-7), cov.covariance_cdf(ens, x), atol=1e-5)


def test_finite_time_solves_the_cubic():
    g, alpha = 0.5, 0.7
    ens = rmt.ginibre(g, leak=1)
    low, high = cov.covariance_support(ens, sampling=alpha)[0]
    coefficients = sp.lambdify((S.x, S.V, S.alpha), sym.sampled_polynomial().all_coeffs(), "numpy")
    for point in np.geomspace(low, high, 12)[1:-1]:
        chi = np.roots(coefficients(point, g**2, alpha))
        density = np.max(np.abs(chi.imag)) / np.pi / point
        assert np.isclose(cov.covariance_density(ens, point, sampling=alpha), density, rtol=1e-8)


def test_marchenko_pastur():
    """No synapses: the covariance is 1 and what is left is the noise of the estimate."""
    ens = rmt.ginibre(1e-9, leak=1)
    alpha = 0.3
    edges = (1 - alpha**0.5) ** 2, (1 + alpha**0.5) ** 2
    x = np.linspace(*edges, 20)[1:-1]
    law = np.sqrt((edges[1] - x) * (x - edges[0])) / (2 * np.pi * alpha * x)
    assert np.allclose(cov.covariance_density(ens, x, sampling=alpha), law, rtol=1e-7)
    assert np.allclose(cov.covariance_support(ens, sampling=alpha), [edges], rtol=1e-7)


def test_observed_moments():
    """A random part of C: m1 is unchanged, and m2 - m1^2 shrinks with the share (free compression, independent entries)."""
    ens, share = rmt.ginibre(0.6, leak=1), 0.3
    full, part = cov.covariance_moments(ens), cov.covariance_moments(ens, observed=share)
    assert np.isclose(full.mean, part.mean)
    assert np.isclose(part.second - part.mean**2, share * (full.second - full.mean**2))
    samples = [cov.covariance_eigenvalues(ens.sample(300, seed=s), observed=np.arange(90), check=False) for s in range(10)]
    second = [np.mean(v**2) for v in samples]
    # corrections of relative order 1/(n (1 - v)^2), here about 2%
    assert abs(np.mean(second) / part.second - 1) < 3 * np.std(second) / 10**0.5 / part.second + 0.03


def test_dimension_with_gains_at_growing_size():
    """The mean of tr C^2 has a correction of order 1/n that is large near criticality; it falls as n grows."""
    ens = rmt.Ensemble(rmt.Population("a", gain=stats.uniform(0.2, 1.6)), rmt.Synapses.dense(0.6))
    gain = ens.populations[0].gain
    closed = float(
        sym.gain_dimension().subs({S.V: 0.36, S.h2: gain.second_moment(), S.h4: gain.moment(4.0), S.w4: 0})
    )
    assert np.isclose(cov.covariance_dimension(ens), closed, rtol=1e-10)
    found = {}
    for n, count in ((100, 60), (400, 24)):
        moments = [cov.covariance_moments(ens.sample(n, seed=s)) for s in range(count)]
        d = np.array([m.dimension for m in moments])
        found[n] = d.mean() / closed - 1, d.std() / count**0.5 / closed
    assert found[100][0] < -0.03
    assert abs(found[400][0]) < abs(found[100][0])
    assert abs(found[400][0]) < 4 * found[400][1] + 0.04


def test_dimension_of_sparse_networks():
    ens = rmt.oriented_sparse(6, stats.norm(0, 0.6 / 6**0.5), gain=stats.uniform(0.5, 1))
    gain = ens.populations[0].gain
    numbers = {S.V: 0.36, S.h2: gain.second_moment(), S.h4: gain.moment(4.0), S.w4: 6 * 3 * 0.06**2}
    closed = float(sym.gain_dimension().subs(numbers))
    assert np.isclose(cov.covariance_dimension(ens), closed, rtol=1e-9)
    found = [cov.covariance_dimension(ens.sample(1000, seed=s)) for s in range(4)]
    assert abs(np.mean(found) / closed - 1) < 0.08  # scatter 0.05 a network
    assert cov.covariance_dimension(ens, "dense") > 1.05 * closed
    # fourth moments too large: the second moment of the spectrum is infinite
    heavy = rmt.oriented_sparse(1.5, stats.norm(0, (0.98 / 1.5) ** 0.5))
    assert cov.covariance_dimension(heavy) == 0
    assert np.isinf(cov.covariance_moments(heavy).second)


def test_population_dynamics_against_samples_and_cavity():
    ens = rmt.oriented_sparse(4, stats.norm(0, 0.35), gain=stats.uniform(0.5, 1))
    c = np.array([0.25, 0.4, 0.7, 1.2, 2.0, 4.0])
    cdf = cov.covariance_cdf(ens, c, width=0.02, population=2000, sweeps=60)
    density = cov.covariance_density(ens, c, width=0.02, population=2000, sweeps=60)
    nets = [ens.sample(500, seed=s) for s in range(6)]
    exact = np.array([cov.covariance_cdf(net, c, width=0.02) for net in nets])
    spread = exact.std(0, ddof=1) / len(nets) ** 0.5
    assert np.all(np.abs(exact.mean(0) - cdf) < 4 * spread + cdf.error + 0.004)  # 0.004: finite n
    exact = np.array([cov.covariance_density(net, c, "exact", width=0.02) for net in nets])
    spread = exact.std(0, ddof=1) / len(nets) ** 0.5
    assert np.all(np.abs(exact.mean(0) - density) < 4 * spread + density.error + 0.02 * density)
    cavity = cov.covariance_density(nets[0], c, width=0.02)
    # the graph's own density: far closer to its network than the ensemble is; loops remain
    assert np.max(np.abs(cavity - exact[0]) / exact[0]) < 0.12


def test_cavity_is_exact_on_a_tree():
    rng = np.random.default_rng(0)
    weights = np.zeros((30, 30))
    for i in range(1, 30):
        weights[i, rng.integers(i)] = rng.normal()
    net = rmt.Network(weights, tau=rng.uniform(0.5, 2, 30), gain=rng.uniform(0.5, 1, 30))
    c = np.geomspace(0.1, 5, 9)
    for noise in ("inside", "outside"):
        a = cov.covariance_density(net, c, noise=noise, width=0.05)
        b = cov.covariance_density(net, c, "exact", noise=noise, width=0.05)
        assert np.allclose(a, b, rtol=1e-8)
        assert np.all(np.abs(a.value - b.value) <= a.error + b.error)


def test_timescales_do_not_enter_with_noise_inside():
    fast, slow = (
        rmt.Ensemble(rmt.Population("a", tau=tau, gain=stats.uniform(0.5, 0.5)), rmt.Synapses.dense(0.8))
        for tau in (1.0, stats.uniform(1, 9))
    )
    c = np.geomspace(0.5, 2, 5)
    assert np.array_equal(cov.covariance_density(fast, c), cov.covariance_density(slow, c))
    a, b = (cov.covariance_density(x, c, noise="outside").value for x in (fast, slow))
    assert np.max(np.abs(a - b)) > 0.1


def test_core_periphery_has_an_atom():
    """Units of the periphery only listen: n_E - n_I combinations of them hear nothing, and keep the variance 1."""
    net = rmt.core_periphery().sample(300, seed=0)
    values = cov.covariance_eigenvalues(net)
    core = int(np.sum(net.labels == "I"))
    assert np.sum(np.abs(values - 1) < 1e-8) >= net.n - 2 * core
    ens = rmt.core_periphery()
    left, right = cov.covariance_cdf(ens, [0.98, 1.02], width=1e-3, population=1500, sweeps=45, throw=False).value
    atom = np.mean(np.abs(values - 1) < 1e-8)
    assert abs(right - left - atom) < 0.05  # plus what the continuous part has there, less the tails of the Lorentzian


def test_recorded_population_of_a_sparse_network():
    """Units that are not recorded and drive nothing (the periphery, seen from the core) have Y = 0 exactly."""
    ens = rmt.core_periphery(weight=stats.norm(-0.9, 1.92))
    c = np.array([0.5, 0.8, 1.2, 2.0])
    nets = [ens.sample(400, seed=s) for s in range(4)]
    for name in "EI":
        cdf = cov.covariance_cdf(ens, c, observed={name: 1}, width=0.02, population=1000, sweeps=30, throw=False)
        exact = [cov.covariance_cdf(net, c, observed=net.labels == name, width=0.02) for net in nets]
        spread = np.std(exact, axis=0, ddof=1) / 2
        assert np.all(np.abs(np.mean(exact, axis=0) - cdf) < 4 * spread + cdf.error + 0.01)  # 0.01: a core of 80 units


def test_exact_routes_agree():
    net = two_populations().sample(60, seed=1)
    b = np.eye(60) - net.weights * net.gain
    full = np.linalg.inv(b) @ np.linalg.inv(b).T
    assert np.allclose(cov.covariance_eigenvalues(net), np.linalg.eigvalsh(full))
    part = np.arange(10, 30)
    assert np.allclose(cov.covariance_eigenvalues(net, observed=part), np.linalg.eigvalsh(full[np.ix_(part, part)]))
    j = np.linalg.inv(net.jacobian().toarray())
    assert np.allclose(cov.covariance_eigenvalues(net, noise="outside"), np.linalg.eigvalsh(j @ j.T))
    assert np.allclose(cov.covariance_eigenvalues(net, k=3), np.linalg.eigvalsh(full)[-3:])
    assert np.isclose(cov.covariance_moments(net).dimension, np.trace(full) ** 2 / np.sum(full**2) / 60)
    probe = cov._probe(net, "inside", None, 400, np.random.default_rng(0))
    assert abs(probe.mean - np.trace(full) / 60) < 2 * probe.mean_error
    assert abs(probe.second - np.sum(full**2) / 60) < 2 * probe.second_error


def test_zero_frequency_covariance_is_what_a_simulation_has():
    """T dx/dt = -x + WHx + noise, summed over a long window: covariance of the integral over its length."""
    rng = np.random.default_rng(2)
    net = rmt.Network(rng.normal(0, 0.4, (3, 3)), tau=[0.5, 1.0, 2.0], gain=[0.9, 0.5, 0.7])
    j, dt, steps, copies = net.jacobian().toarray(), 0.05, 4000, 1500
    x, total = np.zeros((3, copies)), np.zeros((3, copies))
    for _ in range(steps):
        total += x * dt
        x = x + dt * (j @ x) + np.sqrt(dt) * rng.standard_normal((3, copies)) / net.tau[:, None]
    sample = total @ total.T / copies / (steps * dt)
    b = np.eye(3) - net.weights * net.gain
    theory = np.linalg.inv(b) @ np.linalg.inv(b).T
    # sampling error sqrt(2/1500) = 0.04 a diagonal entry; start of the window: 10 of 200 time units
    assert np.max(np.abs(sample - theory)) < 0.15 * np.max(theory)


@pytest.mark.parametrize(
    "a, overlap, gamma, seed", [(4.03, 0.0, 0.0, 1), (-2.5, 0.5, 0.2, 2), (2.5, -0.3, -0.5, 3), (0.3, 0.0, 0.0, 4)]
)
def test_rank_one_outliers(a, overlap, gamma, seed):
    n, g = 600, 0.4
    weights = rmt.elliptic(gamma, g).sample(n, seed=seed).weights
    rng = np.random.default_rng(5)
    u, v = np.linalg.qr(rng.standard_normal((n, 2)))[0].T
    v = overlap * u + np.sqrt(1 - overlap**2) * v
    values = np.sort(np.linalg.svd(np.eye(n) - weights - a * np.outer(u, v), compute_uv=False) ** -2)
    predicted = cov.covariance_outliers(g, a, overlap, gamma)
    low, high = cov.covariance_support(rmt.elliptic(gamma, g, leak=1))[0]
    assert np.sum(values < 0.9 * low) == np.sum(predicted < 0.9 * low)
    assert np.sum(values > 1.15 * high) == np.sum(predicted > 1.15 * high)
    for x in predicted:
        nearest = values[0] if x < low else values[-1]
        # O(n^-1/2), amplified for large x as x itself amplifies a change of the smallest singular value: x^(1/2)
        assert abs(nearest / x - 1) < 0.05 * (1 + x**0.5)


def test_outlier_formulas():
    for place, got in zip(sym.outliers(), cov.covariance_outliers(0.4, 4.03), strict=True):
        assert np.isclose(float(place.subs({S.g: 0.4, S.a: 4.03})), got, rtol=1e-10)
    published = [4 * 4.03**2 / (4.03**2 + 0.32 + sign * 4.03 * np.sqrt(4.03**2 + 4)) ** 2 for sign in (1, -1)]
    assert np.allclose(cov.covariance_outliers(0.4, 4.03), published)
    threshold = float(sym.outlier_threshold().subs(S.g, 0.4))
    below, above = (cov.covariance_outliers(0.4, f * threshold) for f in (0.999, 1.001))
    high = float(sym.iid_edges()[1].subs(S.g, 0.4))
    assert not np.any(below > high)
    assert np.sum(above > high) == 1


def test_outliers_of_a_symmetric_matrix():
    """u = v and Gamma = 1: an eigenvalue a + g^2/a of W beyond |a| = g."""
    for a in (0.6, -0.6, 0.31):
        assert np.allclose(cov.covariance_outliers(0.3, a, 1.0, 1.0), [(1 - a - 0.09 / a) ** -2])
    assert not cov.covariance_outliers(0.3, 0.29, 1.0, 1.0).size


def test_tail_near_criticality():
    assert sym.tail() == sp.sqrt(3) / (2 * sp.pi * S.x ** sp.Rational(5, 3))
    ens = rmt.ginibre(0.9999, leak=1)
    # between the bulk, which ends at 1, and the upper edge, at about (27/4)/(2 (1-g))^3 ~ 1e12
    x = np.array([1e4, 1e5, 1e6])
    assert np.allclose(cov.covariance_density(ens, x) * x ** (5 / 3) * 2 * np.pi / 3**0.5, 1, rtol=0.05)


def test_errors():
    stable = rmt.ginibre(0.5, leak=1)
    with pytest.raises(NotApplicableError, match="unstable"):
        cov.covariance_density(rmt.ginibre(1.2, leak=1), 1.0)
    with pytest.raises(NotApplicableError, match="leak"):
        cov.covariance_dimension(rmt.ginibre(0.5))
    with pytest.raises(NotApplicableError, match="unstable"):
        cov.covariance_eigenvalues(rmt.Network([[0.0, 2.0], [2.0, 0.0]]))
    for bad in (0.0, -1.0, np.nan, "x"):
        with pytest.raises(ValidationError):
            cov.covariance_density(stable, bad)
    for options in ({"noise": "white"}, {"observed": 1.5}, {"observed": {"X": 1}}, {"method": "magic"}, {"sampling": -1}):
        with pytest.raises(ValidationError):
            cov.covariance_density(stable, 1.0, **options)
    with pytest.raises(ValidationError):
        cov.covariance_density(stable, 1.0, sweeps=3)
    with pytest.raises(ValidationError):
        cov.covariance_density(np.eye(3), 1.0)
    net = stable.sample(20, seed=0)
    for options in ({"method": "dense"}, {"method": "exact"}, {"method": "exact", "sampling": 0.5}):
        with pytest.raises(NotApplicableError):
            cov.covariance_density(net, 1.0, **options)
    with pytest.raises(NotApplicableError):
        cov.covariance_support(net)
    with pytest.raises(NotApplicableError):
        cov.covariance_density(stable, 1.0, method="population-dynamics")
    for strength, more in ((3.0, {"overlap": 0.9}), (0.9, {"std": 0.3, "overlap": 1.0, "correlation": 1.0})):
        with pytest.raises(NotApplicableError, match="unstable"):  # the second has an eigenvalue at 0.9 + 0.1 = 1 exactly
            cov.covariance_outliers(**{"std": 0.4, "strength": strength, **more})
    with pytest.raises(ValidationError):
        cov.covariance_outliers(0.4, np.nan)
    sparse = rmt.oriented_sparse(3, stats.norm(0, 0.3))
    with pytest.raises(ConvergenceError) as caught:
        cov.covariance_density(sparse, 1.0, population=100, sweeps=24, tol=1e-6)
    assert caught.value.solution.value.shape == ()


@pytest.mark.parametrize("g, gamma", [(0.8, 0.2), (0.45, 0.95), (0.3, 1.0), (3.0, -0.8), (0.9, -0.9999), (5.0, -1.0)])
def test_right_sheet_of_the_quartic(g, gamma):
    """Two complex pairs of roots (gamma > 0), three roots close together (gamma near -1): mass, moments and the general route."""
    ens = rmt.elliptic(gamma, g, leak=1)
    low, high = cov.covariance_support(ens)[0]
    angle = (np.arange(1500) + 0.5) * np.pi / 3000
    x = np.exp(np.log(low) + np.log(high / low) * np.sin(angle) ** 2)
    weight = np.sin(2 * angle) * np.pi / 3000 * np.log(high / low) * x
    p, cdf = (f(ens, x).value for f in (cov.covariance_density, cov.covariance_cdf))
    mass = np.cumsum(weight * p) - 0.5 * weight * p
    # an inverse square root at the upper edge, gamma = -1, is one point's weight, 1/1500
    slack = 1e-3 if gamma == -1 else 3e-6
    assert np.max(np.abs(mass - cdf)) < slack
    assert np.isclose(np.sum(weight * p / x), 1 + g**2, rtol=slack)  # <s^2> = 1 + V
    if gamma > -1:
        got = cov.covariance_moments(ens)
        assert np.allclose([np.sum(weight * p * x**k) for k in (1, 2)], [got.mean, got.second], rtol=1e-7)
    if g < 5:
        at = slice(None, None, 100)
        assert np.allclose(p[at], general(ens, x[at]), rtol=1e-8)
        assert np.allclose(cdf[at], general(ens, x[at], "cdf"), atol=1e-11)


def test_moments_of_equal_units_agree_with_the_linear_equations():
    ens = rmt.Ensemble(rmt.Population("a", tau=2.0, gain=0.7), rmt.Synapses.dense(0.8), reciprocity=0.3, leak=1.5)
    for noise in ("inside", "outside"):
        nodes = cov._nodes(ens, noise, np.ones(1), None, 16)
        q1, q3, _ = cov._orders(nodes, sparse=False)
        got = cov.covariance_moments(ens, noise=noise)
        assert np.allclose([got.mean, got.second], [q1, q3], rtol=1e-12)


@pytest.mark.parametrize("g, gamma", [(0.5, 0.0), (0.499, 1.0), (0.9, -1.0), (3.0, -0.8)])
def test_edges_by_two_routes(g, gamma, monkeypatch):
    ens = rmt.elliptic(gamma, g, leak=1)
    exact = cov.covariance_support(ens)
    monkeypatch.setattr(cov, "_equal_units", lambda *x: None)
    # Newton's method to rounding; at gamma = -1 the density diverges and its inverse square is extrapolated
    assert np.allclose(cov.covariance_support(ens), exact, rtol=1e-9 if gamma == -1 else 1e-11)


def test_edges_in_special_cases():
    assert np.allclose(cov.covariance_support(rmt.ginibre(0.9999, leak=1)), [[float(e.subs(S.g, 0.9999)) for e in sym.iid_edges()]])
    low, high = cov.covariance_support(rmt.ginibre(0.6, leak=1), sampling=1.0)[0]
    assert low == 0  # as many samples as units
    equation = sym.sampled_polynomial().as_expr().subs({S.V: sp.Rational(9, 25), S.alpha: 1})
    found = np.roots([float(k) for k in sp.Poly(sp.discriminant(equation, S.chi), S.x).all_coeffs()])
    assert np.min(np.abs(found - high)) < 1e-8 * high
    two = rmt.Ensemble(rmt.Population("a", gain=rmt.Discrete([0.05, 1.2], [0.6, 0.4])), rmt.Synapses.dense(1.2))
    support = cov.covariance_support(two)
    assert support.shape == (2, 2)
    # the share between the two intervals is that below the gap, on both of its sides
    gap = cov.covariance_cdf(two, [support[0, 1] * (1 + 1e-9), support[1, 0] * (1 - 1e-9)]).value
    assert abs(gap[0] - gap[1]) < 1e-10
    inner = cov.covariance_density(two, [support[0, 1] * (1 - 1e-6), support[1, 0] * (1 + 1e-6)]).value
    assert np.all(inner > 1e-4)


def test_points_next_to_an_edge_that_moves_with_the_quadrature():
    """Within the support, but outside that of the first, coarse rule."""
    ens = rmt.Ensemble(rmt.Population("a", gain=stats.beta(2, 3)), rmt.Synapses.dense(1.4))
    low, high = cov.covariance_support(ens)[0]
    step = np.array([1e-5, 4e-5, 1.6e-4])
    p = cov.covariance_density(ens, high * (1 - step)).value
    assert np.allclose(p[1:] / p[:-1], 2, rtol=1e-3)  # a square root
    p = cov.covariance_density(ens, low * (1 + step)).value
    assert p[0] > 1e-3
    assert np.all(np.diff(p) > 0)


def test_a_solution_on_another_sheet_is_refused():
    nodes = cov._nodes(rmt.ginibre(0.5, leak=1), "inside", np.ones(1), None, 16)
    u, eta, _, _ = cov._solve(nodes, np.array([1.0]))
    assert not cov._off_sheet(nodes, u, eta)[0]
    mirrored = u.copy()
    mirrored[:, :2] = -u[:, :2].conj()  # solves the equations at the same imaginary eta, with negative real parts
    assert np.max(np.abs(cov._equations(nodes, mirrored, eta, jacobian=False)[0])) < 1e-10
    assert cov._off_sheet(nodes, mirrored, eta)[0]


def test_finite_time_of_any_spectrum():
    """Atoms: Marchenko and Pastur; quantiles of a dense law against the equations for eta; one network against its data."""
    alpha = 0.25
    x = np.linspace(0.3, 2.2, 9)
    law = np.sqrt((2.25 - x) * (x - 0.25)) / (2 * np.pi * alpha * x)
    assert np.allclose(cov.covariance_sampled([1.0], x, alpha, quantity="density"), law, rtol=1e-10)
    ens = rmt.ginibre(0.6, leak=1)
    grid = np.geomspace(*cov.covariance_support(ens)[0], 201)
    atoms, weights = np.sqrt(grid[1:] * grid[:-1]), np.diff(cov.covariance_cdf(ens, grid).value)
    c = np.geomspace(0.02, 25, 25)
    for alpha in (0.2, 1.0, 3.0):
        # midpoints of 200 cells; the density is next to a square root edge, which moves
        for quantity, direct, slack in (("cdf", cov.covariance_cdf, 1e-4), ("density", cov.covariance_density, 5e-3)):
            got = cov.covariance_sampled(atoms, c, alpha, weights, quantity)
            assert np.allclose(got, direct(ens, c, sampling=alpha), rtol=0, atol=slack)
    net = rmt.oriented_sparse(4, stats.norm(0, 0.35)).sample(400, seed=0)
    inverse = np.linalg.inv(cov._couplings(net, "inside").toarray())
    data = inverse @ np.random.default_rng(1).standard_normal((400, 200))
    values = np.linalg.eigvalsh(data @ data.T / 200)[200:]
    own = cov.covariance_sampled(cov.covariance_eigenvalues(net), values, 2.0)
    assert distance(own, values, 0.5) < 0.012
    for bad in ({"sampling": 0.0}, {"weights": [1.0, 2.0]}, {"weights": [-1.0]}, {"quantity": "moment"}, {"values": [-1.0]}):
        with pytest.raises(ValidationError):
            cov.covariance_sampled(**{"values": [1.0], "c": 1.0, "sampling": 0.5, **bad})


def test_finite_time_of_a_sparse_ensemble():
    ens = rmt.oriented_sparse(3, stats.norm(0, 0.4), gain=stats.uniform(0.5, 1))
    c, alpha, n = np.geomspace(0.05, 8, 12), 0.5, 400
    theory = cov.covariance_cdf(ens, c, sampling=alpha, population=800, sweeps=24, throw=False)
    found = []
    for seed in range(6):
        inverse = np.linalg.inv(cov._couplings(ens.sample(n, seed=seed), "inside").toarray())
        data = inverse @ np.random.default_rng(seed).standard_normal((n, int(n / alpha)))
        found.append(np.searchsorted(np.linalg.eigvalsh(data @ data.T * alpha / n), c) / n)
    spread = np.std(found, axis=0, ddof=1) / 6**0.5
    assert np.all(np.abs(np.mean(found, axis=0) - theory) < 4 * spread + theory.error + 0.003)
    assert np.max(theory.error) < 0.02
    without = cov.covariance_cdf(ens, c, population=800, sweeps=24, throw=False)
    assert np.max(np.abs(without - theory)) > 0.05  # sampling matters here


@pytest.mark.parametrize("alpha", [1.5, 2.0, 5.0])
def test_no_eigenvalues_between_the_atom_and_the_bulk(alpha):
    """With fewer samples than units a share 1 - 1/alpha of the estimated covariance is 0, and then nothing until the bulk."""
    ens = rmt.ginibre(0.6, leak=1)
    low, high = cov.covariance_support(ens, sampling=alpha)[0]
    gap = np.geomspace(1e-3 * low, 0.99 * low, 40)
    assert np.allclose(cov.covariance_cdf(ens, gap, sampling=alpha).value, 1 - 1 / alpha, atol=1e-6)
    assert cov.covariance_cdf(ens, 1.01 * high, sampling=alpha).value == pytest.approx(1, abs=1e-6)
