"""The symbolic equations: the bracket, what is derived from what, and that a wrong sign shows."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path

import mpmath
import pytest
import sympy as sp

import rmtlib
from rmtlib.errors import NotApplicableError, ValidationError
from rmtlib.symbolic import (
    AbsSquare,
    Average,
    Density,
    circular_law,
    conjugated,
    dense_density,
    dense_resolvent,
    dense_self_consistency,
    dense_u_equation,
    edge_condition,
    edge_matrix,
    elliptic_law,
    equations,
    evaluate,
    finite_p_variance,
    harris_dale,
    homogeneous,
    lambdify,
    marginality_condition,
    outlier_condition,
    rajan_abbott,
    self_energy,
    semicircle_law,
    site_resolvent,
    sparse_variance,
)
from rmtlib.symbolic import symbols as s

ROOT = Path(__file__).resolve().parents[1]
ATOMS = [(1, 1, sp.Rational(1, 4)), (2, sp.Rational(1, 2), sp.Rational(3, 4))]
POINT = {s.z: sp.Rational(-1, 3) + sp.I / 2, s.zbar: sp.Rational(-1, 3) - sp.I / 2}
POPULATIONS = ("E", "I")


def same(a, b) -> bool:
    return sp.simplify(sp.expand(sp.sympify(a - b).doit())) == 0


def test_needs_sympy_alone():
    code = (
        "import sys\n"
        "for name in ('numpy', 'scipy', 'matplotlib'): sys.modules[name] = None\n"
        "from rmtlib.symbolic import *\n"
        "lhs = dense_u_equation().lhs.subs({symbols.V: 1, symbols.ell: 0})\n"
        "f = lambdify([symbols.z, symbols.zbar, symbols.u], lhs, [(1, 1, 1)], modules='math')\n"
        "assert f(0.5, 0.5, 0.75) == 1\n"
        "print(circular_law()['rho'].rhs, semicircle_law()['rho'].rhs)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0] == "1/(pi*sigma**2)"


def test_runs_where_nothing_else_is_installed(tmp_path):
    """A path that holds sympy, mpmath and rmtlib, without site-packages: what a page in a browser has."""
    for package in (sp, mpmath, rmtlib):
        home = Path(package.__file__).parent
        (tmp_path / home.name).symlink_to(home, target_is_directory=True)
    code = (
        "import importlib.util, sys\n"
        "assert not any(importlib.util.find_spec(name) for name in ('numpy', 'scipy', 'matplotlib', 'tqdm'))\n"
        "from rmtlib.symbolic import *\n"
        "space = Superspace('S', 'psi')\n"
        "print(space.gaussian(3 * Supermatrix.identity(space.algebra, 1, 1), space.norm + 1))\n"
        "print(Algebra('a b').generators[1] * 2, dense_u_equation().rhs)\n"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1", "2*b", "1"]


# ---------------------------------------------------------------- the bracket
def test_average_is_linear():
    assert Average(3 * s.z * s.h) == 3 * s.z * Average(s.h)
    assert Average(s.z) == s.z
    assert Average(2 + s.z * s.tau).expand(average=True) == 2 + s.z * Average(s.tau)
    assert Average(s.h).diff(s.h) == 0  # bound
    assert Average(s.h).free_symbols == set()
    assert Average(s.h, "E") != Average(s.h, "I")


def test_average_differentiates_inside():
    D = AbsSquare(1 + s.z * s.tau) + s.h**2 * s.u
    for variable in (s.z, s.zbar, s.u):
        left = evaluate(Average(s.h**2 / D).diff(variable), ATOMS)
        right = evaluate(Average(s.h**2 / D), ATOMS).diff(variable)
        assert same(left, right)
        assert left != 0


def test_bound_symbols_are_protected():
    average = Average(s.h * s.u)
    assert Average(s.h).subs(s.h, 5) == Average(s.h)
    with pytest.raises(ValueError, match="bound there"):
        Average(s.h / (1 + s.u * s.h)).subs(s.u, s.tau)
    assert average.subs(s.u, 2) == 2 * Average(s.h)
    # a whole bracket can be replaced, as a derivation does
    assert (1 + average).subs(Average(s.h), 1 / s.u) == 2


def test_average_evaluates():
    expr = Average(s.h / (s.u + s.tau))
    assert evaluate(expr, ATOMS).subs(s.u, 0) == sp.Rational(1, 4) + sp.Rational(3, 16)
    assert evaluate(expr, Density(1, (s.tau, 0, 1), (s.h, 0, 1))).subs(s.u, 1).doit() == sp.log(2) / 2
    p = sp.Symbol("p", positive=True)
    assert evaluate(Average(s.tau), [(1, 1, p), (2, 1, 1 - p)]).expand() == 2 - p
    matrix = evaluate(edge_matrix(POPULATIONS), {"E": ATOMS, "I": [(1, 0, 1)]})
    assert matrix[0, 1] == 0
    assert matrix[0, 0] != 0


@pytest.mark.parametrize(
    ("laws", "message"),
    [
        ([(1, 1, 0.5)], "sum to 0.5"),
        ([(1, 1)], "atoms"),
        ([], "atoms"),
        ({"E": ATOMS}, "population 'I'"),
    ],
)
def test_bad_laws(laws, message):
    with pytest.raises(ValidationError, match=message):
        evaluate(Average(s.h, "I"), laws)


def test_density_needs_limits():
    with pytest.raises(ValidationError, match="no limits for h"):
        evaluate(Average(s.h * s.tau), Density(1, (s.tau, 0, 1)))
    with pytest.raises(ValidationError, match="limits"):
        Density(1)


@pytest.mark.parametrize("populations", [0, -1, "E", ("E",), ("E", "E"), None, 1.5])
def test_bad_populations(populations):
    with pytest.raises(ValidationError, match="population"):
        dense_self_consistency(populations)


def test_general_form_is_for_display_only():
    for function in (edge_condition, outlier_condition, dense_density):
        with pytest.raises(NotApplicableError, match="name them"):
            function("K")


def test_latex():
    latex = sp.latex(edge_matrix(POPULATIONS)[0, 1])
    assert latex == (
        r"V_{EI} \left\langle \displaystyle \frac{h^{2}}{\left|{\ell + \tau z}\right|^{2}} \right\rangle_{I}"
    )
    # no double superscript
    assert r"\right|^{2}\right)^{2}" in sp.latex(AbsSquare(1 + s.z * s.tau) ** 2)
    assert r"\right\rangle^{2}" in sp.latex(Average(s.h) ** 2)


def test_conjugation():
    A = s.ell + s.z * s.tau - sp.I * s.h * sp.Symbol("theta_E", complex=True)
    assert conjugated(conjugated(A)) == A
    assert sp.Symbol("thetabar_E", complex=True) in conjugated(A).free_symbols
    assert AbsSquare(A) == AbsSquare(conjugated(A))
    assert AbsSquare(3 + 4 * sp.I) == 25


def test_lambdified_average_is_the_sum_over_atoms():
    expr = dense_density().rhs
    values = {s.u: sp.Rational(1, 3), s.ell: 1}
    exact = complex(evaluate(expr, ATOMS).subs(values).subs(POINT).doit())
    for modules in ("numpy", "mpmath"):
        f = lambdify([s.z, s.zbar, s.u, s.ell], expr, ATOMS, modules=modules)
        z = complex(POINT[s.z])
        assert complex(f(z, z.conjugate(), 1 / 3, 1)) == pytest.approx(exact, rel=1e-12)


# ---------------------------------------------------------------- derivation
@pytest.mark.parametrize("reciprocity", [False, True])
def test_site_resolvent_is_the_inverse(reciprocity):
    G = site_resolvent(1, reciprocity, s.eta)
    A = s.ell + s.z * s.tau - (s.h * s.theta if reciprocity else 0)
    matrix = sp.Matrix([[s.X, sp.I * A], [sp.I * conjugated(A), s.eta + s.h**2 * s.Y]])
    product = (G * matrix).applyfunc(
        lambda e: sp.simplify(e.replace(lambda q: isinstance(q, AbsSquare), lambda q: q.doit()))
    )
    assert product == sp.eye(2)


def test_self_energy_against_two_units():
    """Order 2 in the weights of the exact resolvent of two coupled units, entry by entry."""
    w, v, k = sp.symbols("w v k", real=True)  # W[0, 1], W[1, 0], the gain of unit 0
    a, b, e = sp.symbols("a b e", positive=True)  # real shifts are enough for the sign
    B = sp.Matrix([[a, -w * s.h], [-v * k, b]])
    M = sp.zeros(4, 4)
    for i in range(2):
        M[2 * i, 2 * i] = M[2 * i + 1, 2 * i + 1] = e
        for j in range(2):
            M[2 * i, 2 * j + 1] = sp.I * B[i, j]
            M[2 * i + 1, 2 * j] = sp.I * B[j, i]
    # Schur complement of unit 1: what unit 0 feels, exactly
    felt = (M[:2, :2] - M[:2, 2:] * M[2:, 2:].inv() * M[2:, :2]).applyfunc(sp.simplify)
    D = b**2 + e**2
    expected = sp.Matrix(
        [
            [e + w**2 * s.h**2 * e / D, sp.I * (a - k * w * v * s.h * b / D)],
            [sp.I * (a - k * w * v * s.h * b / D), e + k**2 * v**2 * e / D],
        ]
    )
    assert (felt - expected).applyfunc(sp.simplify) == sp.zeros(2, 2)
    # and the self-energy of the module holds the same three entries
    right = self_energy(1, True, s.eta)
    free = {s.X: s.eta, s.Y: 0, s.theta: 0, s.thetabar: 0, s.z: 0, s.zbar: 0, s.V: 1, s.R: 1}
    values = {name: right[name](None).subs(free) for name in right}
    one = [(1, 1, 1)]
    D = s.ell**2 + s.eta**2
    assert same(evaluate(values["X"], one), s.eta + s.eta / D)
    assert same(evaluate(values["Y"], one), s.eta / D)
    assert same(evaluate(values["theta"], one), s.ell / D)


def test_gauge_symmetry_at_eta_zero():
    k = sp.Symbol("k", positive=True)
    labels = {name: sp.Symbol(name, nonnegative=True) for name in ("X_E", "X_I", "Y_E", "Y_I")}
    scale = {v: (k * v if n[0] == "X" else v / k) for n, v in labels.items()}
    for e in dense_self_consistency(POPULATIONS):
        assert same((e.rhs / e.lhs).subs(scale, simultaneous=True), e.rhs / e.lhs)
    g = dense_resolvent(POPULATIONS).rhs
    assert same(g.subs(scale, simultaneous=True), g)


def test_one_population_is_a_case_of_several():
    """Two identical populations solve the equations of one."""
    values = {}
    for a in POPULATIONS:
        values[sp.Symbol(f"X_{a}", nonnegative=True)] = s.X
        values[sp.Symbol(f"Y_{a}", nonnegative=True)] = s.Y
        values[sp.Symbol(f"f_{a}", positive=True)] = sp.Rational(1, 2)
        for b in POPULATIONS:
            values[sp.Symbol(f"V_{a}{b}", nonnegative=True)] = s.V / 2
    one = {e.lhs: evaluate(e.rhs, ATOMS) for e in dense_self_consistency()}
    for e in dense_self_consistency(POPULATIONS):
        assert same(evaluate(e.rhs, ATOMS).subs(values), one[e.lhs.subs(values)])


def test_density_matches_a_numerical_derivative():
    """The implicit derivative against differences of g along the solution u(z)."""
    V = 2.0
    law = [tuple(map(float, atom)) for atom in ATOMS]
    g = lambdify([s.z, s.zbar, s.u], dense_resolvent().rhs.subs(s.ell, 1), law, modules="math")
    condition = evaluate(dense_u_equation().lhs, ATOMS).subs({s.V: V, s.ell: 1})
    step = 1e-4

    def solved(z: complex) -> complex:
        equation = condition.subs({s.z: z, s.zbar: z.conjugate()}).doit() - 1
        u = float(sp.nsolve(equation, s.u, (0.01, 20), solver="bisect", tol=1e-24, verify=False))
        return g(z, z.conjugate(), u), u

    z = -0.6 + 0.3j
    dx = (solved(z + step)[0] - solved(z - step)[0]) / (2 * step)
    dy = (solved(z + 1j * step)[0] - solved(z - 1j * step)[0]) / (2 * step)
    rho = lambdify([s.z, s.zbar, s.u], dense_density().rhs.subs(s.ell, 1), law, modules="math")
    value = rho(z, z.conjugate(), solved(z)[1])
    assert abs(value.imag) < 1e-14
    assert (dx + 1j * dy) / (2 * math.pi) == pytest.approx(value.real, rel=1e-6)


def test_density_of_several_reduces_to_that_of_one():
    """Two identical populations: the linear system is solved by the dots of one population."""
    rho, *system = dense_density(POPULATIONS)
    values = {}
    for a in POPULATIONS:
        values[sp.Symbol(f"X_{a}", nonnegative=True)] = sp.sqrt(s.u)
        values[sp.Symbol(f"Y_{a}", nonnegative=True)] = sp.sqrt(s.u)
        values[sp.Symbol(f"f_{a}", positive=True)] = sp.Rational(1, 2)
        for b in POPULATIONS:
            values[sp.Symbol(f"V_{a}{b}", nonnegative=True)] = s.V / 2
    h2 = 1 / evaluate(dense_u_equation().lhs / s.V, ATOMS)  # V on the solution
    numbers = {**POINT, s.ell: 1, s.u: sp.Rational(1, 2)}

    def number(e):
        return sp.nsimplify(evaluate(e, ATOMS).subs(values).subs(s.V, h2).subs(numbers).doit())

    condition = dense_u_equation().lhs
    udot = number(-condition.diff(s.zbar)) / number(condition.diff(s.u))
    dot = udot / (2 * sp.sqrt(sp.Rational(1, 2)))  # X = Y = sqrt(u)
    dots = {e.lhs: dot for e in system}
    for e in system:
        assert sp.simplify(number(e.rhs).subs(dots) - dot) == 0
    assert sp.simplify(number(rho.rhs).subs(dots) - number(dense_density().rhs)) == 0


def test_density_with_reciprocity_gives_the_ellipse():
    """The linear system of the general form, solved in the homogeneous case."""
    rho, *system = dense_density(1, True)
    law = elliptic_law()
    G = sp.Rational(2, 5)
    point = {s.z: sp.Rational(1, 3) + sp.I / 5, s.zbar: sp.Rational(1, 3) - sp.I / 5}
    values = {s.ell: 0, s.V: 1, s.R: G, s.Gamma: G, s.sigma: 1}
    theta = law["theta"].rhs.subs(values).subs(point)
    order = {s.theta: theta, s.thetabar: sp.conjugate(theta)}
    order[s.u] = 1 - sp.expand((point[s.z] - theta) * sp.conjugate(point[s.z] - theta))
    assert order[s.u] > 0

    def number(e):
        return sp.expand(homogeneous(e).subs(values).subs(order).subs(point).doit())

    unknowns = [e.lhs for e in system]
    solution = sp.solve([number(e.rhs) - e.lhs for e in system], unknowns, dict=True)[0]
    value = sp.simplify(number(rho.rhs).subs(solution))
    assert sp.simplify(value - law["rho"].rhs.subs(values)) == 0


# ---------------------------------------------------------------- edge, outliers, variances
def test_edge_is_where_u_vanishes():
    assert same(dense_u_equation().lhs.subs(s.u, 0), edge_condition().lhs)


def test_marginality_does_not_see_timescales():
    for populations in (1, POPULATIONS):
        lhs = marginality_condition(populations).lhs
        assert not any(a.integrand.has(s.tau) for a in lhs.atoms(Average))
    # the edge itself does
    assert any(a.integrand.has(s.tau) for a in edge_condition().lhs.atoms(Average))


def test_core_periphery_edge_is_that_of_the_core():
    """With the E columns pruned the periphery drops out of the edge."""
    pruned = {sp.Symbol(f"V_{a}E", nonnegative=True): 0 for a in POPULATIONS}
    lhs = edge_condition(POPULATIONS).lhs.subs(pruned)
    core = sp.Symbol("V_II", nonnegative=True) * Average(s.h**2 / AbsSquare(s.ell + s.z * s.tau), "I")
    assert lhs == 1 - core


def test_outlier_against_a_finite_matrix():
    """Rank one on a diagonal: det(diag(l + z tau) - M f h^T/N) at N = 4, exact."""
    n, M = 4, sp.Rational(3, 2)
    tau, h = [1, 1, 2, 2], [1, 1, sp.Rational(1, 2), sp.Rational(1, 2)]
    B = sp.diag(*[1 + s.z * t for t in tau]) - M / n * sp.ones(n, 1) * sp.Matrix([h])
    law = [(1, 1, sp.Rational(1, 2)), (2, sp.Rational(1, 2), sp.Rational(1, 2))]
    condition = 1 - evaluate(outlier_condition().lhs, law).subs({s.M: M, s.ell: 1})
    free = sp.prod(1 + s.z * t for t in tau)
    assert sp.cancel(B.det() / free - condition) == 0


def test_elliptic_outlier():
    """m + Gamma sigma^2/m (O'Rourke and Renfrew), by eliminating theta = R g."""
    m = sp.Symbol("m", positive=True)
    lhs = homogeneous(outlier_condition(1, True).lhs).subs({s.ell: 0, s.M: m})
    theta = s.Gamma * s.sigma**2 * sp.Symbol("g0")
    g0 = 1 / m  # the condition m g = 1
    z = sp.solve(lhs.subs(s.theta, theta.subs(sp.Symbol("g0"), g0)) - 1, s.z)
    assert z == [sp.expand(m + s.Gamma * s.sigma**2 / m)] or same(z[0], m + s.Gamma * s.sigma**2 / m)


def test_summed_variances():
    assert same(finite_p_variance().rhs, s.N * (s.p * s.sigma**2 + s.p * (1 - s.p) * s.mu**2))
    assert same(sparse_variance().rhs, s.c * (s.sigma**2 + s.mu**2))
    assert same(finite_p_variance().rhs.subs(s.p, 1), s.N * s.sigma**2)


# ---------------------------------------------------------------- closed forms
def test_circular_law():
    law = circular_law()
    assert same(law["u"].rhs, s.sigma**2 - s.z * s.zbar)
    assert same(law["g"].rhs, s.zbar / s.sigma**2)
    assert same(law["rho"].rhs, 1 / (sp.pi * s.sigma**2))
    assert same(law["outside"].rhs, 1 / s.z)
    assert same(law["edge"].lhs, s.sigma**2 / (s.z * s.zbar))
    general = circular_law(s.tau, s.h, s.ell)
    assert same(general["rho"].rhs, s.tau**2 / (sp.pi * s.h**2 * s.sigma**2))
    area = sp.pi * (s.h * s.sigma / s.tau) ** 2
    assert same(general["rho"].rhs * area, 1)


def test_elliptic_law():
    law = elliptic_law()
    assert same(law["rho"].rhs, 1 / (sp.pi * s.sigma**2 * (1 - s.Gamma**2)))
    assert same(law["edge"].lhs, (s.x / (1 + s.Gamma)) ** 2 + (s.y / (1 - s.Gamma)) ** 2)
    area = sp.pi * s.sigma**2 * (1 + s.Gamma) * (1 - s.Gamma)
    assert same(law["rho"].rhs * area, 1)
    # inside and outside meet on the edge: on the real axis at sigma(1 + Gamma)
    end = {s.z: s.sigma * (1 + s.Gamma), s.zbar: s.sigma * (1 + s.Gamma)}
    assert same(law["outside"].lhs.subs(s.g, law["g"].rhs).subs(end), 0)
    # Gamma = 0 is the circular law
    assert same(law["g"].rhs.subs(s.Gamma, 0), circular_law()["g"].rhs)


def test_semicircle_law():
    rho = semicircle_law()["rho"].rhs
    assert same(rho, sp.sqrt(4 * s.sigma**2 - s.x**2) / (2 * sp.pi * s.sigma**2))
    assert sp.integrate(rho.subs(s.sigma, 1), (s.x, -2, 2)) == 1


def test_rajan_abbott():
    law = rajan_abbott()
    sE, sI = (sp.Symbol(f"sigma_{b}", positive=True) for b in POPULATIONS)
    radius = s.f * sE**2 + (1 - s.f) * sI**2
    assert same(law["edge"].rhs, radius)
    numbers = {s.f: sp.Rational(4, 5), sE: 1, sI: 2}
    R = sp.sqrt(radius.subs(numbers))
    F, u = law["fraction"].rhs.subs(numbers), law["u"].rhs.subs(numbers)
    assert sp.simplify(F.subs(s.r, R)) == 1
    assert sp.simplify(F.subs(s.r, 0)) == 0
    # u solves its equation at a generic radius
    residual = law["condition"].lhs.subs(numbers).subs(s.u, u) - 1
    assert abs(residual.subs(s.r, sp.Rational(7, 10)).evalf()) < 1e-12
    # the density integrates to F
    density = law["rho"].rhs.subs(numbers)
    inside = sp.Integral(2 * sp.pi * s.r * density, (s.r, 0, sp.Rational(7, 10))).evalf()
    assert abs(inside - F.subs(s.r, sp.Rational(7, 10)).evalf()) < 1e-10
    # equal spreads: the circular law
    equal = {sE: s.sigma, sI: s.sigma}
    assert same(law["condition"].lhs.subs(equal), s.sigma**2 / (s.r**2 + s.sigma**2 * s.u))
    # a spread of columns is a gain: one population with two gains
    gains = evaluate(dense_u_equation().lhs, [(1, sE, s.f), (1, sI, 1 - s.f)]).subs({s.V: 1, s.ell: 0})
    gains = gains.replace(lambda e: isinstance(e, AbsSquare), lambda e: s.r**2)
    assert same(gains, law["condition"].lhs)
    # density in the centre: <1/sigma^2>/pi
    centre = sp.limit(law["rho"].rhs.subs(numbers), s.r, 0)
    assert sp.simplify(centre - (sp.Rational(4, 5) + sp.Rational(1, 20)) / sp.pi) == 0


def test_harris_dale():
    law = harris_dale()
    sE, sI = (sp.Symbol(f"sigma_{b}", positive=True) for b in POPULATIONS)
    mE, mI = (sp.Symbol(f"mu_{b}", real=True) for b in POPULATIONS)
    spread = [s.p * a**2 + s.p * (1 - s.p) * m**2 for a, m in ((sE, mE), (sI, mI))]
    assert same(law["edge"].rhs, s.N * (s.f * spread[0] + (1 - s.f) * spread[1]))
    assert same(law["outlier"].rhs, s.N * s.p * (s.f * mE + (1 - s.f) * mI))


# ---------------------------------------------------------------- a wrong sign shows
def test_hermitization_without_i_fails(monkeypatch):
    """[[eta, B], [B+, eta]] has determinant eta^2 - |a|^2: the circular law does not survive it."""
    right = circular_law()

    def wrong():
        a = s.ell + s.z * s.tau
        return sp.Matrix([[s.eta, a], [conjugated(a), s.eta]])

    monkeypatch.setattr(equations, "hermitized_matrix", wrong)
    assert not same(circular_law()["u"].rhs, right["u"].rhs)


def test_wrong_sign_of_one_block_fails(monkeypatch):
    """With +WH in one of the two blocks theta changes sign and the ellipse turns by 90 degrees."""
    right = elliptic_law()
    ij, ji, weights = equations._pair_fluctuation()

    def wrong():
        a, b = ij.copy(), ji.copy()
        a[0, 1] = -a[0, 1]
        return a, b, weights

    monkeypatch.setattr(equations, "_pair_fluctuation", wrong)
    law = elliptic_law()
    assert not same(law["edge"].lhs, right["edge"].lhs)


def test_swapped_variances_fail():
    """The equations of X and Y are adjoint to each other, which fixes V_ba in that of Y."""
    V = {(a, b): sp.Symbol(f"V_{a}{b}", nonnegative=True) for a in POPULATIONS for b in POPULATIONS}
    f = {a: sp.Symbol(f"f_{a}", positive=True) for a in POPULATIONS}
    X = {a: sp.Symbol(f"X_{a}", nonnegative=True) for a in POPULATIONS}
    Y = {a: sp.Symbol(f"Y_{a}", nonnegative=True) for a in POPULATIONS}
    rhs = {e.lhs: e.rhs for e in dense_self_consistency(POPULATIONS)}
    D = {a: AbsSquare(s.ell + s.z * s.tau) + X[a] * Y[a] * s.h**2 for a in POPULATIONS}
    k = {a: f[a] * Average(s.h**2 / D[a], a) for a in POPULATIONS}
    left = sum(k[a] * Y[a] * rhs[X[a]] for a in POPULATIONS)
    right = sum(k[a] * X[a] * rhs[Y[a]] for a in POPULATIONS)
    assert same(left, right)
    swap = {V["E", "I"]: V["I", "E"], V["I", "E"]: V["E", "I"]}
    wrong = sum(k[a] * X[a] * rhs[Y[a]].subs(swap, simultaneous=True) for a in POPULATIONS)
    assert not same(left, wrong)
