"""The cavity equations of one network: exact on trees, against dense linear algebra elsewhere, laws and limits."""

import doctest

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.errors import ConvergenceError, ValidationError
from rmtlib.theory import cavity, exact

BETA = {"tau": stats.beta(2, 2, loc=0.5, scale=1.5), "gain": stats.beta(2, 3, loc=0.3, scale=0.7)}
Z = np.array([-0.8 + 0.3j, 0.2 - 0.7j, -1.4, 0.4 + 0.1j])


def tree(n, reciprocal, seed, symmetric=False):
    """A random tree; each edge a pair with probability ``reciprocal``, else one synapse of random direction."""
    rng = np.random.default_rng(seed)
    weights = np.zeros((n, n))
    for i in range(1, n):
        j = rng.integers(max(0, i - 6), i)
        both, forward = rng.random() < reciprocal, rng.random() < 0.5
        if both or forward:
            weights[i, j] = rng.normal(0, 2)
        if both or not forward:
            weights[j, i] = weights[i, j] if symmetric else rng.normal(0, 2)
    weights[np.diag_indices(n)] = rng.normal(0, 0.3, n)  # autapses
    if symmetric:
        return rmt.Network(weights, leak=0.0)
    return rmt.Network(weights, tau=rng.uniform(0.5, 2, n), gain=rng.uniform(0.3, 1, n))


def sparse(n, degree=5.0, seed=0, scale=1.7, pairs=True):
    ens = rmt.Ensemble(rmt.Population("unit", **BETA), rmt.Synapses(stats.norm(0, scale / degree**0.5), degree=degree))
    net = ens.sample(n, seed=seed)
    if pairs:
        return net
    weights = net.weights.toarray()
    weights[np.triu(weights * weights.T != 0)] = 0.0
    return rmt.Network(weights, net.tau, net.gain)


def blocks(net, z, eta):
    """g_i, g1_i, g2_i and the density of each unit by dense linear algebra."""
    weights = net.weights.toarray() if net.is_sparse else net.weights
    b = np.diag(net.leak + z * net.tau) - weights * net.gain
    one, dagger = eta**2 * np.eye(net.n), b.conj().T
    left, right = np.linalg.inv(one + b @ dagger), np.linalg.inv(one + dagger @ b)
    density = np.diag(right @ (net.tau[:, None] * left) * eta**2).real * net.tau / np.pi
    return net.tau * np.diag(right @ dagger), eta * np.diag(left), eta * np.diag(right), density


def test_doctests():
    assert doctest.testmod(cavity).failed == 0


# --- exact cases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("reciprocal", [0.0, 0.4, 1.0])
def test_trees_are_exact(reciprocal):
    net = tree(50, reciprocal, seed=1)
    for eta in (0.0, 0.3, 1e-3, 0.2 + 0.5j, 0.1 - 0.8j):
        z = Z + 0.05j * (eta == 0)  # real eigenvalues of a symmetric-like tree lie on the real axis
        got = cavity.solve(net, z, "resolvent", eta, tol=1e-12)
        assert np.all(got.status == 0)
        # the iteration stops at 1e-12, both routes round at |B^-1| eps
        assert np.max(np.abs(got.value - exact.solve(net, z, "resolvent", eta).value)) < 1e-10
        if eta and np.imag(eta) == 0:
            got = cavity.solve(net, z, "density", eta, tol=1e-10)
            assert np.allclose(got.value, exact.solve(net, z, "density", eta).value, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("reciprocal", [0.0, 0.5])
def test_units_of_a_tree_are_exact(reciprocal):
    net, eta = tree(40, reciprocal, seed=2), 0.2
    got = cavity.local(net, Z[:2], eta, tol=1e-9)
    for k, z in enumerate(Z[:2]):
        for mine, true in zip((got.g, got.g1, got.g2, got.density), blocks(net, z, eta), strict=True):
            assert np.max(np.abs(mine[k] - true)) < 1e-9  # tol 1e-9 on the mean density, more on the rest
    mean = cavity.solve(net, Z[:2], "density", eta, tol=1e-9)
    assert np.allclose(got.density.mean(1), mean.value, atol=1e-9)
    assert np.allclose(got.g.mean(1), got.solution.value, atol=1e-9)


def test_symmetric_tree_is_the_symmetric_cavity():
    # Omega_i = z - J_ii - sum_k J_ik^2/Omega_k, from the leaves to the root; z off the axis, eta = 0
    net, z = tree(40, 1.0, seed=3, symmetric=True), 0.3 + 0.2j
    weights = net.weights
    omega = z - np.diag(weights).astype(complex)
    for i in range(39, 0, -1):
        j = int(np.flatnonzero(weights[i, :i])[0])
        omega[j] -= weights[i, j] ** 2 / omega[i]
    got = cavity.local(net, z, tol=1e-9)
    assert abs(got.g[0] - 1 / omega[0]) < 1e-12  # unit 0 is the root; only rounding is left
    assert np.all(got.g1 == 0)
    assert np.max(np.abs(got.density)) < 1e-12


def test_a_ring():
    # eigenvalues on the circle |z| = w: g is 0 inside and 1/z outside, up to (|z|/w)^n
    n, w = 400, 0.8
    ring = rmt.Network(w * np.roll(np.eye(n), 1, axis=0), leak=0.0)
    got = cavity.solve(ring, np.array([0.5, 0.6j, 1.0, -1.1j]), "resolvent")
    assert np.max(np.abs(got.value - [0, 0, 1, 1 / -1.1j])) < 1e-14
    # with eta the equations are X = eta + w^2/(d/X + eta) with d = |z|^2, also at finite n
    z, eta = 0.5, 0.1
    x = np.roots([eta, z**2 - eta**2 - w**2, -eta * z**2]).real.max()
    assert abs(cavity.solve(ring, np.array([z + 0j]), "resolvent", eta).value[0] - z / (z**2 + x**2)) < 1e-8
    # the exact resolvent of the long ring is an integral over its plane waves
    waves = w * np.exp(2j * np.pi * np.arange(n) / n)
    true = np.mean(np.conj(z - waves) / (eta**2 + np.abs(z - waves) ** 2))
    assert abs(z / (z**2 + x**2) - true) < 1e-12
    # a short cycle inside a larger network, and a pair, are done exactly
    small = np.zeros((6, 6))
    small[1, 0], small[2, 1], small[0, 2], small[3, 2], small[3, 4], small[4, 3] = 0.5, -2.0, 0.7, 3.0, 1.1, -0.4
    net = rmt.Network(small, tau=np.arange(1.0, 7.0))
    assert np.allclose(
        cavity.solve(net, Z, "resolvent").value, exact.solve(net, Z, "resolvent").value, rtol=1e-13, atol=0
    )


# --- loops ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("eta", [0.3, 0.2 + 0.4j])
def test_error_from_loops_falls_with_size(eta):
    # n times the difference to exact linear algebra stays of order one: the number of short loops does not grow
    z, worst = np.array([-0.6 + 0.4j, 0.1 + 0.2j]), []
    for n in (50, 400):
        away = []
        for seed in range(4):
            net = sparse(n, seed=seed)
            away.append(cavity.solve(net, z, "resolvent", eta).value - exact.solve(net, z, "resolvent", eta).value)
        worst.append(np.sqrt(np.mean(np.abs(away) ** 2)))
    assert worst[1] < worst[0] / 3  # 1/8 expected, four networks
    assert worst[1] < 4e-3


def test_dense_network_follows_the_circular_law():
    n = 300
    net = rmt.ginibre().sample(n, seed=0)
    z = np.array([0.3 + 0.2j, 0.7j, 1.2])
    g, density = cavity.solve(net, z, "resolvent"), cavity.solve(net, z, "density")
    # the weights' own sums fluctuate by n^-1/2 a row and 1/n on average
    assert np.max(np.abs(g.value - [0.3 - 0.2j, -0.7j, 1 / 1.2])) < 5 / n
    assert np.max(np.abs(np.pi * density.value - [1, 1, 0])) < 10 / n


def test_large_networks_approach_the_ensemble():
    ens = rmt.oriented_sparse(6.0, stats.norm(0, 0.5), tau=stats.beta(2, 2, loc=0.5, scale=1.5))
    net, z = ens.sample(20_000, seed=1), np.array([-0.7 + 0.5j, -1.3 + 0.4j])
    # fluctuations n^-1/2 of sums over units: 0.007
    assert np.max(np.abs(rmt.resolvent(net, z) - rmt.resolvent(ens, z).value)) < 0.015
    assert np.allclose(rmt.density(net, z), rmt.density(ens, z).value, rtol=0.05)


@pytest.mark.parametrize(("degree", "scale"), [(2.0, 1.7), (4.0, 1.7), (10.0, 1.4)])
def test_stated_error_is_a_promise(degree, scale):
    net = sparse(300, degree, seed=3, scale=scale)
    rng = np.random.default_rng(0)
    z = rng.uniform(-2, 0.3, 20) + 1j * rng.uniform(0, 1.3, 20)
    for quantity, tol in (("resolvent", 1e-5), ("resolvent", 1e-8), ("density", 1e-4)):
        got = cavity.solve(net, z, quantity, tol=tol)
        true = cavity.solve(net, z, quantity, tol=1e-3 * tol)
        ok = (got.status == 0) & (true.status == 0)
        assert np.mean(ok) > 0.9
        kept = np.abs(got.value - true.value)[ok] <= got.error[ok] + true.error[ok]
        assert np.mean(kept) >= 0.95


# --- laws ----------------------------------------------------------------------------------------------


def test_density_is_the_derivative():
    net, z, step = sparse(200, seed=4), np.array([-0.5 + 0.4j]), 1e-4
    for eta in (0.0, 0.05):
        g = lambda p, eta=eta: cavity.solve(net, p, "resolvent", eta, tol=1e-12).value
        slope = (g(z + step) - g(z - step) + 1j * (g(z + 1j * step) - g(z - 1j * step))) / (4 * step * np.pi)
        got = cavity.solve(net, z, "density", eta).value
        assert np.allclose(got, slope.real, rtol=1e-5)  # step^2 and tol/step
        assert abs(slope.imag[0]) < 1e-6 * got[0] / step * 1e-2


def test_density_integrates_to_the_planar_part():
    # all mass but that of units outside the large component, by a contour: (1/2 pi i) of g around everything is 1
    net = sparse(300, seed=5)
    share = 1 - rmt.bar(net).weight
    x, y = np.linspace(-3.5, 0.9, 45), np.linspace(0, 1.8, 19)
    grid = x[None, :] + 1j * y[1:, None] - 0.05j  # cells of 0.1 by 0.1 in the upper half plane
    mass = 2 * np.sum(cavity.solve(net, grid.ravel(), "density", tol=1e-3).value) * 0.1 * 0.1
    assert abs(mass - share) < 0.02  # midpoint rule across the edge


def test_gauge_invariance():
    net, z = sparse(150, seed=6), np.array([-0.5 + 0.4j])
    graph = cavity._Graph(net, split=True)
    tau = net.tau[graph.units, None]
    a = net.leak + z * tau - graph.loops[graph.units, None]
    value = []
    for k in (1.0, 50.0):
        one = cavity._Cavity(graph, tau, a, a.conj(), 0.0, False)
        one.gauge = lambda *_: None  # let X -> k X, Y -> Y/k run free
        state, _ = one.onset()
        one.rescale(state, np.full((1, 1), k), np.full((1, 1), 1 / k))
        value.append(cavity._iterate(one, state, 1e-10, 1000, nonlinear=True).value[0])
    assert abs(value[0] - value[1]) < 1e-9
    assert abs(value[0] * graph.n / net.n - cavity.solve(net, z, "resolvent").value[0]) < 0.2  # units outside the core
    got = cavity.local(net, z, tol=1e-8)
    assert np.allclose(got.g1.sum(), got.g2.sum(), rtol=1e-9)


def test_relabelling_and_time():
    net, z = sparse(200, seed=7), np.array([-0.6 + 0.3j, -0.2 + 0.1j])
    rng = np.random.default_rng(0)
    order = rng.permutation(net.n)
    shuffled = net.subnetwork(order)
    for quantity, tol in (("resolvent", 1e-11), ("density", 1e-9)):
        here = cavity.solve(net, z, quantity, tol=tol).value
        assert np.allclose(cavity.solve(shuffled, z, quantity, tol=tol).value, here, rtol=1e-8)
        slow = rmt.Network(net.weights, 20 * net.tau, net.gain)
        power = 1 if quantity == "resolvent" else 2
        assert np.allclose(cavity.solve(slow, z / 20, quantity, tol=tol).value, 20**power * here, rtol=1e-8)
    local, moved = cavity.local(net, z[:1], tol=1e-9), cavity.local(shuffled, z[:1], tol=1e-9)
    assert np.allclose(local.g[:, order], moved.g, atol=1e-8)
    assert np.allclose(local.g2[:, order], moved.g2, rtol=1e-6)


def test_many_points_are_solved_as_one_by_one():
    net = sparse(150, seed=8)
    rng = np.random.default_rng(1)
    z = rng.uniform(-2, 0.3, (6, 5)) + 1j * rng.uniform(-1, 1, (6, 5))
    for quantity in (rmt.resolvent, rmt.density):
        together = quantity(net, z)
        assert together.shape == z.shape
        assert together.method == "cavity"
        alone = np.array([quantity(net, p).value for p in z.ravel()]).reshape(z.shape)
        assert np.all(np.abs(together.value - alone) <= 2 * together.error + 1e-12)
    assert np.allclose(rmt.resolvent(net, z.conj()).value, rmt.resolvent(net, z).value.conj(), rtol=1e-7)


def test_outside_the_support():
    net, z = sparse(300, seed=9, pairs=False), np.array([3.0 + 2.0j, -5.0])
    got = rmt.resolvent(net, z)
    assert np.allclose(got.value, np.mean(net.tau / (1 + z[:, None] * net.tau), axis=1), rtol=1e-13)
    assert np.max(np.abs(rmt.density(net, z))) < 1e-15
    local = cavity.local(net, z)
    assert np.all(local.g1 == 0)
    assert np.all(local.g2 == 0)


def test_the_edge_of_one_network():
    # K_ij = |B_ij|^2/|a_j|^2 has spectral radius 1 there; X Y is of order (radius - 1)
    net, point = sparse(300, seed=10, pairs=False), lambda r: -0.9 + r * np.exp(1j)
    units = cavity._Graph(net, split=True).units
    b2 = (net.weights[np.ix_(units, units)] * net.gain[units]) ** 2
    radius = lambda r: np.max(np.abs(np.linalg.eigvals(b2 / np.abs(1 + point(r) * net.tau[units]) ** 2)))
    low, high = 0.3, 3.0
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if radius(middle) > 1 else (low, middle)
    got = cavity.solve(net, point(np.array([0.995, 1.005]) * low), "density")
    assert got.value[0] > 1e-3
    assert abs(got.value[1]) < 1e-15


def test_singular_values_of_a_sparse_network():
    # z = 0, eta = eps - i s: (2/pi) Re <g1> is the density of singular values of 1 - W H, blurred by eps
    net, s, eps = sparse(600, seed=11, scale=0.8), 0.9, 0.1
    got = cavity.local(net, 0.0, eps - 1j * s)
    values = np.linalg.svd(np.eye(net.n) - net.weights.toarray() * net.gain, compute_uv=False)
    blurred = np.mean(eps / ((values - s) ** 2 + eps**2) + eps / ((values + s) ** 2 + eps**2)) / np.pi
    assert abs(2 / np.pi * got.g1.real.mean() - blurred) < 0.01 * blurred  # loops: 1/n, times 1/eps
    assert np.allclose(got.g1.mean(), got.g2.mean(), rtol=1e-6)
    assert got.density is None


def test_weights_follow_eigenvectors():
    # right and left eigenvectors of J with eigenvalues near z, averaged: g2_i and tau_i^2 g1_i
    net, z = sparse(500, seed=15), -0.5 + 0.4j
    jacobian = net.dense_jacobian()
    got = cavity.local(net, z)
    for matrix, weight in ((jacobian, got.g2), (jacobian.T, net.tau**2 * got.g1)):
        values, vectors = np.linalg.eig(matrix)
        near = np.abs(values - z) < 0.25
        assert near.sum() > 15
        mean = np.mean(np.abs(vectors[:, near]) ** 2, axis=1)
        core = weight > 0
        # some 20 vectors of random phases: each mean scatters by 20^-1/2
        assert np.corrcoef(np.sqrt(weight[core]), np.sqrt(mean[core]))[0, 1] > 0.8


# --- what it refuses -----------------------------------------------------------------------------------


def test_bad_input():
    net = sparse(60, seed=12)
    with pytest.raises(ValidationError, match="Network"):
        cavity.local(rmt.ginibre(), 0.1)
    with pytest.raises(ValidationError, match="NaN"):
        cavity.local(net, [np.nan])
    with pytest.raises(ValidationError, match="eta"):
        rmt.resolvent(net, 0.1, eta=-0.1)
    with pytest.raises(ValidationError, match="sweeps"):
        rmt.resolvent(net, 0.1, sweeps=0)
    with pytest.raises(ValidationError, match=r"unknown options .'depth'.: method 'cavity' takes sweeps, progress"):
        rmt.resolvent(net, 0.1, depth=3)
    with pytest.raises(ValidationError, match="real eta"):
        rmt.density(net, 0.1, eta=0.1j)
    assert rmt.resolvent(net, []).shape == (0,)


def test_failure_is_loud():
    net, z = sparse(200, seed=13), [-0.6 + 0.3j, 8.0]
    with pytest.raises(ConvergenceError, match="1 of 2 points") as caught:
        rmt.resolvent(net, z, sweeps=3)
    assert caught.value.solution.status.tolist() == [1, 0]
    kept = rmt.resolvent(net, z, sweeps=3, throw=False)
    assert kept.error[0] > 1e-6
    pole = rmt.Network([[0, 1.0], [0, 0]], leak=1.0)
    assert rmt.resolvent(pole, -1.0, throw=False).status == 3


def test_progress(capsys):
    net = sparse(60, seed=14)
    rmt.resolvent(net, [0.1, -0.5 + 0.2j])
    assert capsys.readouterr().err == ""
    rmt.resolvent(net, [0.1, -0.5 + 0.2j], progress=True)
    assert "2/2" in capsys.readouterr().err
