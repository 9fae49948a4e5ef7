"""Sparse symmetric matrices: tree counts, closed forms, and three routes against each other and against samples."""

import doctest

import numpy as np
import pytest
import sympy as sp
from scipy import stats

from rmtlib import symbolic
from rmtlib.errors import ConvergenceError, NotApplicableError, ValidationError
from rmtlib.laws import Discrete, as_law
from rmtlib.theory import hammerstein, hermitian

SKEW = Discrete([-0.5, 1.2], [0.3, 0.7])
CASES = {
    "two-valued c=3": (3.0, 1.0, "adjacency"),
    "gaussian c=4": (4.0, stats.norm(0, 0.7), "adjacency"),
    "skew c=1.5": (1.5, SKEW, "adjacency"),
    "exponential c=6": (6.0, stats.expon(0, 0.4), "adjacency"),
    "laplacian c=3": (3.0, 1.0, "laplacian"),
    "signed laplacian c=2": (2.0, SKEW, "laplacian"),
}


def smeared(matrix, x, eta):
    values = np.linalg.eigvalsh(matrix.toarray())
    return np.mean(eta / np.pi / ((np.asarray(x)[..., None] - values) ** 2 + eta**2), -1)


def test_doctests():
    assert doctest.testmod(hermitian).failed == 0


# --- laws and limits


def tree_moments(c, law, matrix):
    """E (M^k)_00 on the Poisson tree, by counting closed walks, k = 1, 2, ..."""
    m = [float(np.dot(law.nodes(200)[1], law.nodes(200)[0] ** k)) for k in range(7)]
    if matrix == "adjacency":
        known = {"c": c, **{f"M_{j}": m[j] for j in range(1, 7)}}
        even = [float(e.subs({s: known[s.name] for s in e.free_symbols})) for e in symbolic.tree_moments(6)]
        return [0.0, even[0], 0.0, even[1], 0.0, even[2]]
    third = 4 * c * m[3] + 6 * c**2 * m[2] * m[1] + c**3 * m[1] ** 3
    return [c * m[1], 2 * c * m[2] + c**2 * m[1] ** 2, third]


@pytest.mark.parametrize("name", CASES)
def test_moments_are_tree_counts(name):
    c, weight, matrix = CASES[name]
    known = np.array(tree_moments(c, as_law(weight), matrix))
    # m_k = (1/2 pi i) contour integral of z^k G over |z| = R, the trapezoidal rule in the upper half plane. The spectrum
    # beyond R weighs less than 1e-9, and 32 points on the circle alias moments of order k + 32: below 1e-7 m_k here
    radius, tol = (30.0 if matrix == "laplacian" else 10.0), 1e-7
    z = radius * np.exp(1j * np.pi * (np.arange(16) + 0.5) / 16)
    g = hermitian.resolvent(z, c, weight, matrix, tol=tol).value
    k = np.arange(1, len(known) + 1)
    found = np.mean((z ** (k[:, None] + 1) * g).real, axis=1)
    assert np.all(np.abs(found - known) <= 2 * tol * radius**k + 1e-6 * np.abs(known))


def test_semicircle_and_its_first_correction():
    z, kappa = np.array([0.4 + 0.5j, 1.7 + 0.5j]), 3.0  # <J^4>/<J^2>^2 of Gaussian weights
    wigner = 0.5 * (z - np.sqrt(z - 2) * np.sqrt(z + 2))
    # z = 1/G + G + (kappa/c) G^3
    first = kappa * wigner**5 / (1 - wigner**2)
    distance = []
    for c in (25, 100):
        g = hermitian.resolvent(z, c, stats.norm(0, c**-0.5), tol=1e-6).value
        distance.append(np.max(np.abs(c * (g - wigner) - first)))
    assert distance[1] < 0.3 * distance[0]  # the next order: a factor 4
    assert distance[1] < 0.1


def test_effective_medium_is_the_semicircle():
    x = np.linspace(-3, 3, 7)
    got = hermitian.density(x, 4.0, stats.norm(0, 0.7), method="effective-medium", eta=1e-9)
    v = 4 * 0.49
    assert np.allclose(got, np.sqrt(np.maximum(4 * v - x**2, 0)) / (2 * np.pi * v), atol=1e-7)  # eta/gap


def test_kesten_mckay_integrates_to_one_and_is_the_limit_of_its_smeared_form():
    for d in (3, 4, 7):
        edge = 2 * np.sqrt(d - 1)
        # Gauss-Chebyshev of the second kind: the square root is its weight
        k = np.arange(1, 401)
        x = np.cos(np.pi * k / 401)
        weight = np.pi / 401 * np.sin(np.pi * k / 401)
        assert abs(np.sum(weight * edge * hermitian.kesten_mckay(edge * x, d)) - 1) < 1e-12
    x = np.linspace(-2, 2, 5)
    assert np.allclose(hermitian.kesten_mckay(x, 3, eta=1e-9), hermitian.kesten_mckay(x, 3), atol=1e-8)
    assert hermitian.kesten_mckay(1.0, 3, weight=-2.0) == hermitian.kesten_mckay(0.5, 3) / 2


def test_units():
    x = np.array([0.3, 1.1])
    for matrix in ("adjacency", "laplacian"):
        one = hermitian.density(x, 3.0, 1.0, matrix, eta=0.1).value
        scaled = hermitian.density(-5 * x, 3.0, -5.0, matrix, eta=0.5).value
        assert np.allclose(5 * scaled, one, rtol=1e-12)


# --- the equation on paper and the one that runs


def test_symbolic_series_is_that_of_the_message():
    s = sp.Symbol("s", positive=True)
    for matrix in ("adjacency", "laplacian"):
        exact = sp.series(sp.exp(-s * symbolic.vertex_message(matrix)), s, 0, 4).removeO() - 1
        assert sp.simplify(symbolic.hammerstein_series(matrix, 3) - exact) == 0


@pytest.mark.parametrize("matrix", ["adjacency", "laplacian"])
def test_numerical_kernel_is_the_symbolic_equation(matrix):
    # F = exp(-t Omega): the right side of the Hammerstein equation is c <exp(-s m) - 1>
    z, omega, law = np.array([0.7 + 0.5j]), 1.4 + 0.6j, Discrete([-0.5, 1.2], [0.3, 0.7])
    grid = hammerstein._Grid(64.0, 30.0)
    equation = hammerstein._Equation(grid, z, 2.0, law, matrix, 0)
    value = np.exp(-omega * grid.t)
    total, _ = equation.exponent((-omega * grid.t * value)[None], (grid.t * value)[None])
    message = sp.lambdify(sp.symbols("Omega w"), symbolic.vertex_message(matrix).subs("w", sp.Symbol("w", real=True)))
    inside = np.abs(grid.u) < 5
    s = grid.t[inside]
    exact = sum(2.0 * p * (np.exp(-s * message(omega, w)) - 1) for w, p in ((-0.5, 0.3), (1.2, 0.7)))
    assert np.max(np.abs(total[0, inside] - exact)) < 1e-9  # exp(-30) from the ends, rounding of e^30 by the tapers


def test_symbolic_limits():
    # Kesten-McKay from its own derivation
    x, w, law = 1.3, 0.8, symbolic.kesten_mckay_law()
    numbers = {sp.Symbol("d", positive=True): 4, symbolic.symbols.x: x, sp.Symbol("w", real=True): w}
    cavity = (-1j * x + np.sqrt(4 * 3 * w**2 - x**2)) / 2
    full = -1j * x + 4 * complex(symbolic.vertex_message(omega=cavity, w=w))
    assert abs(float(law.rhs.subs(numbers)) - (1 / full).real / np.pi) < 1e-14
    assert abs(float(law.rhs.subs(numbers)) - hermitian.kesten_mckay(x, 4, w)) < 1e-14
    # z = 1/G + V G + (kappa/c) V^2 G^3 has the moments of the tree to first order in 1/c
    equation, c, v = symbolic.semicircle_correction(), symbolic.symbols.c, symbolic.symbols.V
    e, kappa, u = sp.symbols("e kappa u", positive=True)
    of_weight = [sp.Symbol(f"M_{k}", positive=True) for k in (2, 4, 6, 8)]
    values = dict(zip(of_weight, (v * e, kappa * v**2 * e**2, 0, 0), strict=True))  # higher ones enter at e^2
    g = u + sum(m.subs(values).subs(c, 1 / e) * u ** (2 * k + 3) for k, m in enumerate(symbolic.tree_moments(8)))
    rest = sp.Poly(sp.expand((equation.rhs.subs(c, 1 / e) * sp.Symbol("G")).expand().subs(sp.Symbol("G"), g) - g / u), u, e)
    low = [value for (k, j), value in rest.terms() if k < 10 and j < 2]
    assert low == []


# --- the routes against each other


@pytest.mark.parametrize("name", CASES)
def test_hammerstein_against_population_dynamics(name):
    c, weight, matrix = CASES[name]
    x = np.array([-0.9, 0.1, 1.3, 2.6])
    a = hermitian.density(x, c, weight, matrix, eta=0.15)
    b = hermitian.density(
        x, c, weight, matrix, "population-dynamics", eta=0.15, population=800, replicas=12, sweeps=60, seed=3
    )
    # four 95% intervals, seeds fixed: 1.5 of them
    assert np.all(np.abs(a.value - b.value) <= 1.5 * b.error + a.error)
    assert np.max(b.error / b.value) < 0.03  # an error that is itself of use


@pytest.mark.parametrize("name", CASES)
def test_stated_error_and_tolerance(name):
    c, weight, matrix = CASES[name]
    x = np.random.default_rng(5).uniform(-3, 4, 12)
    rough = hermitian.resolvent(x + 0.3j, c, weight, matrix, tol=1e-3)
    fine = hermitian.resolvent(x + 0.3j, c, weight, matrix, tol=1e-6)
    assert np.all(rough.error <= 1e-3 * np.abs(rough.value))
    assert np.mean(np.abs(rough.value - fine.value) <= rough.error) > 0.9  # of 12


def test_single_defect_by_sampling():
    draws, rng, z = 400_000, np.random.default_rng(2), 0.8 + 0.4j
    omega = -1j * z
    for _ in range(400):  # the medium, by damped iteration
        omega = 0.5 * omega + 0.5 * (-1j * z + 3 * (0.3 / (1 / omega - 1j / -0.5) + 0.7 / (1 / omega - 1j / 1.2)))
    low, high = rng.poisson(3 * 0.3, draws), rng.poisson(3 * 0.7, draws)
    own = -1j * z + low / (1 / omega - 1j / -0.5) + high / (1 / omega - 1j / 1.2)
    got = hermitian.resolvent(z, 3.0, SKEW, "laplacian", "single-defect")
    assert abs(got.value - np.mean(-1j / own)) < 4 * np.std(1 / own) / draws**0.5
    medium = hermitian.resolvent(z, 3.0, SKEW, "laplacian", "effective-medium")
    assert abs(medium.value + 1j / omega) < 1e-12


# --- one graph


def tree(n, seed):
    """A random recursive tree with Gaussian weights."""
    rng = np.random.default_rng(seed)
    matrix = np.zeros((n, n))
    for i in range(1, n):
        j = rng.integers(i)
        matrix[i, j] = matrix[j, i] = rng.normal()
    return matrix


@pytest.mark.parametrize("matrix", ["adjacency", "laplacian"])
def test_cavity_is_exact_on_trees(matrix):
    graph, x, eta = tree(40, 1), np.array([-0.4, 0.0, 1.1]), 0.05
    m = graph if matrix == "adjacency" else hermitian.laplacian(graph).toarray()
    exact = np.array([-np.diag(np.linalg.inv((p + 1j * eta) * np.eye(40) - m)).imag / np.pi for p in x])
    local = hermitian.cavity(graph, x, eta, matrix, local=True, tol=1e-11)
    assert np.max(np.abs(local.value - exact)) < 1e-9  # tol, amplified by at most 1/eta
    mean = hermitian.cavity(graph, x, eta, matrix)
    assert np.all(np.abs(mean.value - exact.mean(1)) <= mean.error)


@pytest.mark.parametrize("name", CASES)
def test_cavity_and_theory_against_samples(name):
    c, weight, matrix = CASES[name]
    x, eta, n = np.array([-0.9, 0.15, 1.3, 2.6]), 0.1, 2000 if name == "two-valued c=3" else 1000
    graphs = [hermitian.sample(n, c, weight, seed) for seed in range(3)]
    exact = np.array([smeared(g if matrix == "adjacency" else hermitian.laplacian(g), x, eta) for g in graphs])
    cavity = np.array([hermitian.cavity(g, x, eta, matrix).value for g in graphs])
    # the short loops of one graph: their number does not grow with n, so 1/n; 0.004 was the largest seen at n = 1000
    assert np.max(np.abs(cavity - exact)) < 0.008
    theory = hermitian.density(x, c, weight, matrix, eta=eta).value
    # graphs differ as a mean over n vertices of terms up to 1/(pi eta) does; seeds fixed
    spread = exact.std(0, ddof=1) / 3**0.5
    assert np.all(np.abs(exact.mean(0) - theory) < 5 * spread + 2 / n)


def test_kesten_mckay_by_cavity_and_samples():
    signs = Discrete([-1.0, 1.0], [0.5, 0.5])
    x, eta = np.linspace(-3, 3, 7), 0.1
    graph = hermitian.sample(2000, 3, signs, seed=1, regular=True)
    known = hermitian.kesten_mckay(x, 3, eta=eta)
    assert np.all(np.bincount(graph.indices) == 3)
    # every vertex is alike: with signs the messages are exactly those of the tree
    assert np.max(np.abs(hermitian.cavity(graph, x, eta).value - known)) < 1e-7
    # loops of length k number (d - 1)^k/(2k): effects of order 1/n
    assert np.max(np.abs(smeared(graph, x, eta) - known)) < 20 / 2000


# --- atoms


@pytest.mark.parametrize("c", [1.5, 2.0, 4.0])
def test_atom_at_zero_against_ranks(c):
    n = 1000
    graphs = [hermitian.sample(n, c, stats.norm(0, 1), seed) for seed in range(3)]
    nullity = [np.sum(np.abs(np.linalg.eigvalsh(g.toarray())) < 1e-10) for g in graphs]
    # a count of about m n with fluctuations below its square root
    assert abs(np.mean(nullity) / n - hermitian.atom_at_zero(c)) < 3 * (hermitian.atom_at_zero(c) / (3 * n)) ** 0.5
    trees = [np.sum(np.abs(np.linalg.eigvalsh(hermitian.laplacian(abs(g)).toarray())) < 1e-9) for g in graphs]
    known = hermitian.atom_at_zero(c, "laplacian")
    assert abs(np.mean(trees) / n - known) < 3 * (known / (3 * n)) ** 0.5 + 1 / n  # the giant component has one more


def test_atom_shows_in_the_density():
    c = 1.0
    mass = hermitian.atom_at_zero(c)
    heights = [np.pi * eta * hermitian.density(0.0, c, eta=eta).value for eta in (0.08, 0.04, 0.02)]
    assert mass < heights[2] < heights[1] < heights[0]
    assert heights[2] - mass < 0.02  # eta times what lies around the atom


def test_bipartite_symmetry_and_small_degrees():
    got = hermitian.density([-1.3, 1.3], 3.0, SKEW, eta=0.1).value
    assert abs(got[0] - got[1]) < 1e-4 * got[0]
    # mean degree 0.01: isolated vertices and pairs, up to c^2
    c, eta = 0.01, 0.1
    x = np.array([0.0, 1.0])
    peak = [eta / np.pi / ((x - a) ** 2 + eta**2) for a in (0, 1, -1)]
    expected = np.exp(-c) * peak[0] + c / 2 * (peak[1] + peak[2])
    assert np.max(np.abs(hermitian.density(x, c, eta=eta).value - expected)) < 5 * c**2 / eta


# --- graphs and bad input


def test_samples():
    graph = hermitian.sample(3000, 4, stats.norm(1, 0.5), seed=3)
    assert abs(graph - graph.T).max() == 0
    assert np.all(graph.diagonal() == 0)
    assert abs(graph.nnz / 3000 - 4) < 4 * np.sqrt(2 * 4 / 3000)  # twice a Poisson count
    again = hermitian.sample(3000, 4, stats.norm(1, 0.5), seed=3)
    assert abs(graph - again).max() == 0
    degrees = np.bincount(np.bincount(graph.indices, minlength=3000), minlength=12)[:12]
    expected = 3000 * stats.poisson(4).pmf(np.arange(12))
    assert np.sum((degrees - expected) ** 2 / expected) < stats.chi2(12).ppf(0.999)
    assert hermitian.sample(6, 5, regular=True, seed=0).nnz == 30  # the complete graph
    sparse = hermitian.sample(20_000, 2, seed=1)  # the route for many possible pairs
    assert sparse.max() == 1
    assert abs(sparse.nnz / 20_000 - 2) < 0.1


def test_bad_input():
    for call in (
        lambda: hermitian.density(0.0, 3.0, eta=0.0),
        lambda: hermitian.density(0.0, -1.0),
        lambda: hermitian.density(np.nan, 3.0),
        lambda: hermitian.density(1j, 3.0),
        lambda: hermitian.density(0.0, 3.0, 0.0),
        lambda: hermitian.density(0.0, 3.0, matrix="incidence"),
        lambda: hermitian.density(0.0, 3.0, method="magic"),
        lambda: hermitian.density(0.0, 3.0, population=10),
        lambda: hermitian.resolvent(1 - 1j, 3.0),
        lambda: hermitian.cavity([[0, 1], [2, 0]], 0.0),
        lambda: hermitian.cavity([[1, 0], [0, 0]], 0.0),
        lambda: hermitian.cavity([[0, np.inf], [np.inf, 0]], 0.0),
        lambda: hermitian.cavity([1, 2], 0.0),
        lambda: hermitian.sample(5, 3, regular=True),
        lambda: hermitian.sample(5, 6),
        lambda: hermitian.kesten_mckay(0.0, 2.5),
        lambda: hermitian.kesten_mckay(0.0, 3, weight=0.0),
        lambda: hermitian.atom_at_zero(0.0),
        lambda: hermitian.density(0.0, 3.0, method="population-dynamics", replicas=1),
    ):
        with pytest.raises(ValidationError):
            call()
    with pytest.raises(NotApplicableError, match="population-dynamics"):
        hermitian.density(0.0, 3.0, stats.norm(), "laplacian")
    with pytest.raises(ConvergenceError) as caught:
        hermitian.density([0.5, 0.9], 3.0, eta=1e-7)
    assert caught.value.solution.shape == (2,)


@pytest.mark.parametrize("eta", [0.02, 0.05, 0.2])
def test_regular_graphs_stay_on_the_physical_branch(eta):
    """All messages are alike up to rounding, so that an extrapolation from their differences is mostly noise."""
    regular = hermitian.sample(1000, 3, Discrete([-1.0, 1.0], [0.5, 0.5]), seed=4, regular=True)
    x = np.linspace(0, 4, 81)
    got = hermitian.cavity(regular, x, eta)
    assert np.max(np.abs(got.value - hermitian.kesten_mckay(x, 3, eta=eta))) < 1e-8
    # rounding decides at which few points the extrapolation is given up; damped sweeps then take hundreds
    assert np.quantile(got.iterations, 0.9) < 30
