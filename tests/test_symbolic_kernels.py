"""The numerical kernels against the symbolic equations, at random points and random discrete laws.

The symbolic side is solved here by scipy on the lambdified equations, which shares no code with the
kernels. Laws are discrete, so that no quadrature stands between the two.
"""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp
from scipy import stats
from scipy.optimize import root

import rmtlib as rmt
from rmtlib import symbolic as sym
from rmtlib.laws import EmpiricalJoint

S = sym.symbols
NAMES = ("E", "I")


def symbol(name: str, *which: str) -> sp.Symbol:
    base = getattr(S, name)
    return sp.Symbol(f"{name}_{''.join(which)}", **base._assumptions_orig) if which else base


def random_law(rng, atoms: int = 3):
    tau, gain = rng.uniform(0.5, 2.0, atoms), rng.uniform(0.3, 1.2, atoms)
    return EmpiricalJoint(tau, gain), [(t, h, 1 / atoms) for t, h in zip(tau, gain, strict=True)]


def one_population(rng, reciprocity: float | None = None):
    joint, atoms = random_law(rng)
    std, mean = rng.uniform(1.4, 2.0), rng.uniform(3.0, 4.0)
    ens = rmt.Ensemble(rmt.Population("all", joint=joint), rmt.Synapses.dense(std, mean), reciprocity=reciprocity)
    values = {S.ell: 1, S.V: std**2, S.M: mean, S.R: (reciprocity or 0) * std**2}
    return ens, {"": atoms}, values


def two_populations(rng):
    laws, populations, values = {}, [], {S.ell: 1}
    fraction = {"E": 0.7, "I": 0.3}
    for name in NAMES:
        joint, laws[name] = random_law(rng)
        populations.append(rmt.Population(name, fraction[name], joint=joint))
        values[symbol("f", name)] = fraction[name]
    synapses = {}
    for a in NAMES:
        for b in NAMES:
            std, mean = rng.uniform(1.2, 2.5), (8.0 if b == "E" else -6.0) * rng.uniform(0.8, 1.2)
            synapses[a, b] = rmt.Synapses.dense(std, mean)
            values[symbol("V", a, b)] = fraction[b] * std**2
            values[symbol("M", a, b)] = fraction[b] * mean
    return rmt.Ensemble(populations, synapses), laws, values


def inside(ens, rng, count: int = 3):
    """Random points well inside the support."""
    found = []
    while len(found) < count:
        z = complex(rng.uniform(-4, 2), rng.uniform(0.05, 2))
        if rmt.theory.edge_function(ens, z) > 1.3:
            found.append(z)
    return found


def function(args, expr, laws):
    return sym.lambdify(args, expr, laws)


@pytest.mark.parametrize("seed", range(3))
def test_one_population(seed):
    rng = np.random.default_rng(seed)
    ens, laws, values = one_population(rng)
    args = [S.z, S.zbar, S.u]
    condition = function(args, sym.dense_u_equation().lhs.subs(values), laws)
    g = function(args, sym.dense_resolvent().rhs.subs(values), laws)
    rho = function(args, sym.dense_density().rhs.subs(values), laws)
    for z in inside(ens, rng):
        solved = root(lambda u, z=z: np.real(condition(z, z.conjugate(), u)) - 1, 1.0, tol=1e-13)
        u = solved.x[0]
        assert u > 0
        assert complex(rmt.resolvent(ens, z, method="dense")) == pytest.approx(g(z, z.conjugate(), u), rel=1e-7)
        assert float(rmt.density(ens, z, method="dense")) == pytest.approx(rho(z, z.conjugate(), u).real, rel=1e-7)
        # a wrong sign of u would have shown
        wrong = function(args, sym.dense_resolvent().rhs.subs(S.u, -S.u).subs(values), laws)
        assert abs(wrong(z, z.conjugate(), u) - g(z, z.conjugate(), u)) > 1e-2


@pytest.mark.parametrize("seed", range(3))
def test_two_populations(seed):
    rng = np.random.default_rng(10 + seed)
    ens, laws, values = two_populations(rng)
    unknowns = [symbol(v, a) for v in ("X", "Y") for a in NAMES]
    args = [S.z, S.zbar, *unknowns]
    equations = sym.dense_self_consistency(NAMES)
    residual = function(args, [(e.rhs / e.lhs).subs(values) for e in equations], laws)
    g = function(args, sym.dense_resolvent(NAMES).rhs.subs(values), laws)
    density, *linear = sym.dense_density(NAMES)
    dots = [e.lhs for e in linear]
    matrix = sp.Matrix([e.rhs for e in linear]).jacobian(dots) - sp.eye(len(dots))
    constant = sp.Matrix([e.rhs.subs(dict.fromkeys(dots, 0)) for e in linear])
    system = function(args, [matrix.subs(values), constant.subs(values)], laws)
    rho = function([*args, *dots], density.rhs.subs(values), laws)
    for z in inside(ens, rng):
        pair = z, z.conjugate()

        def equation(logs, pair=pair):
            r = np.real(residual(*pair, *np.exp(logs))) - 1
            # the four are dependent at the solution (gauge): fix it in place of the last
            return [*r[:3], logs[0] + logs[1] - logs[2] - logs[3]]

        solved = root(equation, np.zeros(4), tol=1e-13)
        order = np.exp(solved.x)
        assert solved.success
        assert np.abs(np.real(residual(*pair, *order)) - 1).max() < 1e-9
        assert complex(rmt.resolvent(ens, z, method="dense")) == pytest.approx(g(*pair, *order), rel=1e-7)
        A, b = (np.asarray(part, complex) for part in system(*pair, *order))
        assert np.linalg.svd(A)[1][-1] < 1e-8  # the gauge direction
        slope = np.linalg.lstsq(A, -b.ravel(), rcond=1e-9)[0]
        assert np.abs(A @ slope + b.ravel()).max() < 1e-8
        value = rho(*pair, *order, *slope)
        assert float(rmt.density(ens, z, method="dense")) == pytest.approx(value.real, rel=1e-6)
        assert abs(value.imag) < 1e-9


@pytest.mark.parametrize("eta", [0.0, 0.3])
@pytest.mark.parametrize("gamma", [-0.4, 0.5])
def test_reciprocity(gamma, eta):
    rng = np.random.default_rng(20)
    ens, laws, values = one_population(rng, gamma)
    args = [S.z, S.zbar, S.X, S.Y, S.theta, S.thetabar]
    equations = sym.dense_self_consistency(1, True, eta=eta)
    rhs = function(args, [e.rhs.subs(values) for e in equations], laws)
    g = function(args, sym.dense_resolvent(1, True, eta=S.eta).rhs.subs(S.eta, eta).subs(values), laws)
    for z in (-0.9 + 0.4j, -1.3 + 0.2j):

        def equation(v, z=z):
            x, y, theta = np.exp(v[0]), np.exp(v[1]), v[2] + 1j * v[3]
            X, Y, t = rhs(z, z.conjugate(), x, y, theta, theta.conjugate())
            second = np.real(Y) / y - 1 if eta else v[0] - v[1]
            return [np.real(X) / x - 1, second, (t - theta).real, (t - theta).imag]

        solved = root(equation, [0, 0, 0, 0], tol=1e-13)
        assert solved.success
        x, y, theta = np.exp(solved.x[0]), np.exp(solved.x[1]), solved.x[2] + 1j * solved.x[3]
        expected = g(z, z.conjugate(), x, y, theta, theta.conjugate())
        assert complex(rmt.resolvent(ens, z, method="dense", eta=eta)) == pytest.approx(expected, rel=1e-6)


def test_density_with_reciprocity():
    rng = np.random.default_rng(21)
    ens, laws, values = one_population(rng, 0.5)
    args = [S.z, S.zbar, S.u, S.theta, S.thetabar]
    one = function(args, sym.dense_u_equation(True).lhs.subs(values), laws)
    theta_rhs = sym.dense_self_consistency(1, True)[2].rhs.subs(S.Y, S.u / S.X)
    two = function(args, theta_rhs.subs(values), laws)
    density, *linear = sym.dense_density(1, True)
    dots = [e.lhs for e in linear]
    matrix = sp.Matrix([e.rhs for e in linear]).jacobian(dots) - sp.eye(3)
    constant = sp.Matrix([e.rhs.subs(dict.fromkeys(dots, 0)) for e in linear])
    system = function(args, [matrix.subs(values), constant.subs(values)], laws)
    rho = function([*args, *dots], density.rhs.subs(values), laws)
    z = -0.9 + 0.4j

    def equation(v):
        theta = v[1] + 1j * v[2]
        point = z, z.conjugate(), v[0], theta, theta.conjugate()
        t = two(*point) - theta
        return [np.real(one(*point)) - 1, t.real, t.imag]

    solved = root(equation, [1.0, 0, 0], tol=1e-13)
    assert solved.success
    assert solved.x[0] > 0
    theta = solved.x[1] + 1j * solved.x[2]
    point = z, z.conjugate(), solved.x[0], theta, theta.conjugate()
    A, b = (np.asarray(part, complex) for part in system(*point))
    value = rho(*point, *np.linalg.solve(A, -b.ravel()))
    assert abs(value.imag) < 1e-9
    assert float(rmt.density(ens, z, method="dense")) == pytest.approx(value.real, rel=1e-6)


@pytest.mark.parametrize("make", [one_population, two_populations])
def test_edge_and_outliers(make):
    rng = np.random.default_rng(30)
    ens, laws, values = make(rng)
    populations = 1 if make is one_population else NAMES
    K = function([S.z, S.zbar], sym.edge_matrix(populations).subs(values), laws)
    for z in rng.uniform(-3, 2, 5) + 1j * rng.uniform(0.1, 2, 5):
        radius = np.abs(np.linalg.eigvals(np.asarray(K(z, z.conjugate()), complex))).max()
        assert rmt.theory.edge_function(ens, z) == pytest.approx(radius, rel=1e-9)
    condition = sym.edge_condition(populations)
    det = function([S.z, S.zbar], (condition.lhs - condition.rhs).subs(values), laws)
    for curve in rmt.spectral_edge(ens):
        for z in curve[:: len(curve) // 7]:
            assert abs(det(z, z.conjugate())) < 1e-6
    condition = sym.outlier_condition(populations)
    outlier = function(S.z, (condition.lhs - condition.rhs).subs(values), laws)
    found = np.asarray(rmt.outliers(ens))
    assert found.size > 0
    for z in found:
        assert abs(outlier(z)) < 1e-7


def test_elliptic_outlier():
    """With reciprocity theta takes part: m + Gamma sigma^2/m."""
    ens = rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(1.0, 2.5), reciprocity=0.5, leak=0.0)
    assert np.asarray(rmt.outliers(ens)) == pytest.approx([2.5 + 0.5 / 2.5], abs=1e-7)
    law = sym.elliptic_law()["outside"].lhs.subs({S.Gamma: sp.Rational(1, 2), S.sigma: 1, S.z: sp.Rational(27, 10)})
    assert law.subs(S.g, sp.Rational(2, 5)) == 0  # m g = 1 at the outlier


def test_marginality():
    """The edge passes z = 0 where the symbolic condition says so, whatever tau."""
    joint, atoms = random_law(np.random.default_rng(40))
    V = 1 / float(sym.evaluate(sym.marginality_condition().lhs, atoms).subs({S.ell: 1, S.V: 1}))
    for factor in (0.1, 1.0, 7.0):
        law = joint.scaled(factor)
        ens = rmt.Ensemble(rmt.Population("all", joint=law), rmt.Synapses.dense(np.sqrt(V)))
        assert rmt.spectral_abscissa(ens, parts=("bulk",)) == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("probability", [0.05, 0.4])
def test_summed_variance(probability):
    mean, std = -0.7, 1.3
    numbers = {S.p: probability, S.mu: mean, S.sigma: std}
    fixed = rmt.Ensemble(rmt.Population("all"), rmt.Synapses(stats.norm(mean, std), probability=probability))
    expected = float(sym.finite_p_variance().rhs.subs({**numbers, S.N: 299}))  # no autapses
    assert fixed.input_variance(300)[0, 0] == pytest.approx(expected, rel=1e-12)
    degree = rmt.Ensemble(rmt.Population("all"), rmt.Synapses(stats.norm(mean, std), degree=7))
    expected = float(sym.sparse_variance().rhs.subs({**numbers, S.c: 7}))
    assert degree.input_variance()[0, 0] == pytest.approx(expected, rel=1e-12)


def test_closed_forms():
    point = 0.4 + 0.3j
    inside = {S.z: point, S.zbar: point.conjugate()}
    law = sym.circular_law()
    g = complex(law["g"].rhs.subs(inside).subs(S.sigma, 1.5))
    assert complex(rmt.resolvent(rmt.ginibre(1.5), point)) == pytest.approx(g, rel=1e-8)
    law = sym.elliptic_law()
    numbers = {S.sigma: 1.5, S.Gamma: -0.3}
    ens = rmt.elliptic(-0.3, 1.5)
    assert complex(rmt.resolvent(ens, point)) == pytest.approx(
        complex(law["g"].rhs.subs(inside).subs(numbers)), rel=1e-7
    )
    assert float(rmt.density(ens, point)) == pytest.approx(float(law["rho"].rhs.subs(numbers)), rel=1e-6)
    law = sym.rajan_abbott()
    numbers = {S.f: 0.8, symbol("sigma", "E"): 0.5, symbol("sigma", "I"): 1.5}
    numbers |= {symbol("mu", "E"): 3.0, symbol("mu", "I"): -2.0}
    ens = rmt.rajan_abbott(0.8, 3.0, -2.0, 0.5, 1.5)
    assert float(rmt.density(ens, 0.3j)) == pytest.approx(float(law["rho"].rhs.subs(numbers).subs(S.r, 0.3)), rel=1e-7)
    fraction = float(law["fraction"].rhs.subs(numbers).subs(S.r, 0.3))
    assert complex(rmt.resolvent(ens, 0.3j)) * 0.3j == pytest.approx(fraction, rel=1e-7)
    assert np.asarray(rmt.outliers(ens)) == pytest.approx([float(law["outlier"].rhs.subs(numbers))], abs=1e-7)
    assert rmt.spectral_abscissa(ens, parts=("bulk",)) == pytest.approx(float(law["edge"].rhs.subs(numbers)) ** 0.5)
