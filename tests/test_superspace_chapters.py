"""The checks of the superspace chapters: each accepts what is right, and refuses a wrong sign and a wrong factor."""

from __future__ import annotations

from pathlib import Path

import jupytext
import numpy as np
import pytest
import sympy as sp
from scipy import stats

import rmtlib as rmt
from rmtlib import symbolic as sym
from rmtlib.symbolic import DerivationError, accept, hatted
from rmtlib.symbolic import symbols as s

HALF = sp.Rational(1, 2)
x, t, k = sp.symbols("x t k", positive=True)


def refused(derived, claimed):
    with pytest.raises(DerivationError):
        accept(derived, claimed)


# ---------------------------------------------------------------- the comparison itself
class TestAccept:
    algebra = sym.Algebra("a b")
    a, b = algebra.generators
    right = [
        (sp.sin(x) ** 2 + sp.cos(x) ** 2, sp.Integer(1)),
        ((x + t) ** 3 / (x + t), x**2 + 2 * x * t + t**2),
        (sp.exp(x) * sp.exp(t), sp.exp(x + t)),
        (sym.AbsSquare(s.z), s.z * s.zbar),
        (sp.Matrix([[x, 1], [0, t]]).inv(), sp.Matrix([[1 / x, -1 / (x * t)], [0, 1 / t]])),
        (sp.Eq(x, t * (t + 1)), sp.Eq(x, t**2 + t)),
        ([x, 2 * t], [x, t + t]),
        ((x + a * b).exp(), sp.exp(x) * (1 + a * b)),
        (sym.Average(2 * s.h * x), 2 * x * sym.Average(s.h)),
    ]

    @pytest.mark.parametrize("derived, claimed", right)
    def test_accepts(self, derived, claimed):
        assert accept(derived, claimed) is claimed

    @pytest.mark.parametrize("factor", [-1, 2, sp.I, HALF])
    @pytest.mark.parametrize("derived, claimed", right)
    def test_refuses(self, derived, claimed, factor):
        refused(derived, mutated(claimed, factor))

    def test_refuses_other_shapes(self):
        refused([x, t], [x])
        refused(sp.eye(2), sp.eye(3))
        refused(sp.Matrix([[x, t]]), sp.Matrix([x, t]))

    def test_says_what_is_wrong(self):
        with pytest.raises(DerivationError, match=r"sign of the root: .*is not zero"):
            accept(sp.sqrt(x), -sp.sqrt(x), "sign of the root")

    def test_two_terms_may_not_cancel_between_components(self):
        refused(x * self.a + t * self.b, t * self.a + x * self.b)


def mutated(value, factor):
    """The same object with one sign or factor wrong."""
    if isinstance(value, sp.Equality):
        return sp.Eq(value.lhs, factor * value.rhs, evaluate=False)
    if isinstance(value, (list, tuple, sp.Tuple)):
        parts = list(value)
        at = next(i for i, part in enumerate(parts) if part != 0)
        parts[at] = mutated(parts[at], factor)
        return parts
    return factor * value


# ---------------------------------------------------------------- Gaussian integrals
def test_gaussian_integral_against_superspace():
    """Wick's theorem as exponential of derivatives, and as pairings in :class:`Superspace`."""
    space = sym.Superspace("u1:3", [])
    A = sp.Matrix([[3, sp.I], [1, 2]])
    (u, ubar), (v, vbar) = space.commuting
    exponent = -(sp.Matrix([[ubar, vbar]]) * A * sp.Matrix([u, v]))[0]
    for P in (1, u * ubar, u * vbar, u**2 * ubar * vbar, (u * vbar) ** 2):
        value, rest = sym.gaussian_integral(exponent, space.commuting, P)
        assert rest == 0
        accept(value, space.gaussian(((A, []), ([], [])), P).body)


def test_gaussian_integral_with_sources():
    """Moments follow from the sources by differentiation."""
    r, rbar, j, jbar, A = sp.symbols("r rbar j jbar A")
    exponent = -A * r * rbar + j * rbar + jbar * r
    value, rest = sym.gaussian_integral(exponent, [(r, rbar)])
    full = value * sp.exp(rest)
    first, same = sym.gaussian_integral(exponent, [(r, rbar)], r * rbar)
    accept(first * sp.exp(same), sp.diff(full, j, jbar))
    with pytest.raises(rmt.ValidationError, match="linear"):
        sym.gaussian_integral(-A * r * rbar + r**2, [(r, rbar)])


# ---------------------------------------------------------------- Ginibre
@pytest.fixture(scope="module")
def ginibre():
    return {n: (sym.ginibre_averaged(n), sym.ginibre_direct(n), sym.supermatrix_integrand(n)) for n in (1, 2)}


@pytest.mark.parametrize("n", [1, 2])
class TestGinibre:
    def test_average(self, ginibre, n):
        averaged, direct, _ = ginibre[n]
        accept(averaged, direct)

    @pytest.mark.parametrize("factor", [-1, 2])
    def test_average_wrong(self, ginibre, n, factor):
        refused(sym.ginibre_averaged(n, coupling=factor * s.sigma**2 / n), ginibre[n][1])

    def test_supermatrix(self, ginibre, n):
        accept(on_p(ginibre[n][2], n), measured(ginibre[n][0], n))

    @pytest.mark.parametrize("factor", [-1, 2])
    def test_supermatrix_wrong(self, ginibre, n, factor):
        wrong = sym.supermatrix_integrand(n, weight=factor * n / s.sigma**2)
        refused(on_p(wrong, n), measured(ginibre[n][0], n))

    def test_finite_size_density(self, ginibre, n):
        right = sp.exp(-n * t) * sum((n * t) ** j / sp.factorial(j) for j in range(n))
        integrand = ginibre[n][2]
        accept(sym.ginibre_flux(n, integrand).diff(t), right)
        refused(sym.ginibre_flux(n, (2 * integrand[0], integrand[1])).diff(t), right)
        refused(sym.ginibre_flux(n, (-integrand[0], integrand[1])).diff(t), right)
        refused(sym.ginibre_flux(n, (integrand[0], 2 * integrand[1])).diff(t), right)


P = sym.derivation._LENGTH


def on_p(integrand, n):
    x = sym.supermatrix_fields().symbols[0]
    return [e.subs(x, s.sigma**2 * P / n) for e in integrand]


def measured(averaged, n):
    return averaged[0] * P ** (n - 1) / sp.factorial(n - 1), averaged[1]


def test_normalised():
    """At equal arguments the generating function is 1: the integral over p, at numbers."""
    back = {hatted(v): v for v in (s.z, s.zbar, s.eta)}
    point = {s.z: sp.Rational(1, 3), s.zbar: sp.Rational(1, 3), s.eta: HALF, s.sigma: 1}
    for n in (1, 2):
        prefactor, exponent = (e.subs(back).subs(point) for e in measured(sym.ginibre_averaged(n), n))
        value = sp.Integral(prefactor * sp.exp(exponent), (P, 0, sp.oo)).evalf(15)
        assert abs(value - 1) < 1e-12  # a smooth integrand, 15 digits asked for


def test_sdet_is_that_of_superspace():
    fields = sym.supermatrix_fields()
    x, y, q, qbar = fields.symbols
    A = sp.Matrix([[s.eta + x, sp.I * s.z], [sp.I * s.zbar, s.eta + y]])
    F = hatted(sp.Matrix([[s.eta + q, sp.I * s.z], [sp.I * s.zbar, s.eta + qbar]]))
    upper, lower = [[fields.alpha, 0], [0, fields.beta]], [[fields.alphap, 0], [0, fields.betap]]
    right = sym.Supermatrix(fields.algebra, ((A, upper), (lower, F)))
    point = {x: 2, y: 3, q: HALF, qbar: 1, s.eta: 1, s.z: 1 + sp.I, s.zbar: 1 - sp.I}
    point |= {hatted(s.z): 2, hatted(s.zbar): 1, hatted(s.eta): 3}

    def at(e):
        return e.map(lambda c: c.subs(point))

    accept(at(fields.sdet), right.map(at).superdeterminant())
    wrong = sym.Supermatrix(fields.algebra, ((A, upper), ([[-fields.alphap, 0], [0, fields.betap]], F)))
    refused(at(fields.sdet), wrong.map(at).superdeterminant())


# ---------------------------------------------------------------- dense saddle point
@pytest.mark.parametrize("populations", [1, 3])
def test_dense_saddle(populations):
    accept(sym.dense_saddle(populations), sym.dense_self_consistency(populations, eta=s.eta))


@pytest.mark.parametrize("populations", [1, ("E", "I")])
def test_dense_saddle_with_reciprocity(populations):
    right = sym.dense_self_consistency(populations, True, eta=s.eta)
    f_E, f_I = sp.symbols("f_E f_I", positive=True)
    R_IE, R_EI = sp.symbols("R_IE R_EI", real=True)
    right = [sp.Eq(e.lhs, e.rhs.subs(R_IE, f_E * R_EI / f_I), evaluate=False) for e in right]
    accept(sym.dense_saddle(populations, True), right)
    if populations == 1:
        refused(sym.dense_saddle(1, True), [*right[:-1], mutated(right[-1], -1)])


@pytest.mark.parametrize("old, new", [(s.V, -s.V), (s.V, 2 * s.V)])
def test_dense_saddle_wrong(old, new):
    action = sym.dense_action(1)
    action.X = [e.subs(old, new) for e in action.X]
    refused(sym.dense_saddle(1, action=action), sym.dense_self_consistency(1, eta=s.eta))


def test_dense_saddle_of_a_wrong_action():
    action = sym.dense_action(1)
    action.S = action.S.subs(action.varrho[0], -action.varrho[0])
    refused(sym.dense_saddle(1, action=action), sym.dense_self_consistency(1, eta=s.eta))


# ---------------------------------------------------------------- sparse disorder
VALUES = {
    s.ell: 1, s.z: sp.Rational(1, 3) + sp.I / 2, s.zbar: sp.Rational(1, 3) - sp.I / 2, s.eta: HALF,
    hatted(s.z): sp.Rational(1, 5) - sp.I / 3, hatted(s.zbar): sp.Rational(1, 5) + sp.I / 3, hatted(s.eta): sp.Rational(2, 3),
}  # fmt: skip
UNITS = [(1, HALF), (2, 1)]
WEIGHTS = [(sp.Rational(3, 2), 1)]


@pytest.mark.parametrize("law", ["bernoulli", "poisson"])
class TestSparseAverage:
    def test_enumeration(self, law):
        direct = sym.enumerated_average(2, WEIGHTS, UNITS, VALUES, law)
        accept(sym.superintegral_average(2, WEIGHTS, UNITS, VALUES, law), direct)

    @pytest.mark.parametrize("phase", [-sp.I, 2 * sp.I, 1])
    def test_wrong_phase(self, law, phase):
        direct = sym.enumerated_average(2, WEIGHTS, UNITS, VALUES, law)
        refused(sym.superintegral_average(2, WEIGHTS, UNITS, VALUES, law, phase=phase), direct)

    def test_random_weights(self, law):
        weights = [(1, HALF), (-2, HALF)]
        direct = sym.enumerated_average(1, weights, UNITS[:1], VALUES, law)
        accept(sym.superintegral_average(1, weights, UNITS[:1], VALUES, law), direct)


def test_enumeration_refuses():
    with pytest.raises(rmt.ValidationError, match="sites"):
        sym.enumerated_average(3, WEIGHTS, UNITS, VALUES)
    with pytest.raises(rmt.ValidationError, match="bernoulli"):
        sym.enumerated_average(2, WEIGHTS, UNITS, VALUES, law="normal")


D = sym.AbsSquare(s.ell + s.z * s.tau).doit() + s.X * (s.eta + s.h**2 * s.Y)
w = sp.Symbol("w", real=True)


def test_site_integral():
    integral, square = sym.site_integral()
    accept(integral, (-(w**2) * s.h**2 * s.X / D * square).exp())
    refused(integral, (w**2 * s.h**2 * s.X / D * square).exp())
    refused(integral, (-2 * w**2 * s.h**2 * s.X / D * square).exp())
    refused(integral, (-(w**2) * s.h**2 * s.Y / D * square).exp())
    wrong, _ = sym.site_integral(coupling=w * s.h)
    refused(wrong, integral)


def test_site_moment():
    right = s.tau * (s.ell + s.zbar * s.tau) / D
    accept(sym.site_moment(), right)
    refused(sym.site_moment(), -right)
    refused(sym.site_moment(), sym.conjugated(right))


class TestFunctionalSaddle:
    law = sym.SparseLaw(
        {("E", "E"): [(HALF, 1)], ("E", "I"): [(-1, HALF), (-2, HALF)], ("I", "E"): [(1, 1)]},
        {"E": [(1, 1, 1)], "I": [(2, HALF, 1)]},
    )
    f = {a: [(sp.Symbol(f"X{a}{i}", positive=True), HALF) for i in (1, 2)] for a in "EI"}
    ftilde = {a: [(sp.Symbol(f"Y{a}", positive=True), 1)] for a in "EI"}
    S = sp.Symbol("s", positive=True)

    def test_is_the_cavity_sum(self):
        both = self.f, self.ftilde, self.S, 2
        accept(sym.cavity_series(self.law, "E", *both), sym.saddle_series(self.law, "E", *both))

    @pytest.mark.parametrize("factor", [-1, 2])
    def test_wrong_degree(self, factor):
        wrong = sym.SparseLaw(self.law.weights, self.law.units, degree={p: factor * c for p, c in self.law.c.items()})
        both = self.f, self.ftilde, self.S, 1
        refused(sym.cavity_series(wrong, "E", *both), sym.saddle_series(self.law, "E", *both))

    def test_wrong_variable(self):
        cavity = sym.cavity_series(self.law, "E", self.f, self.ftilde, self.S, 1)
        refused(cavity, sym.saddle_series(self.law, "E", self.f, self.ftilde, -self.S, 1))
        refused(cavity, sym.saddle_series(self.law, "E", self.f, self.ftilde, 2 * self.S, 1))

    def test_linearised_is_the_edge(self):
        K = sym.linearised_saddle(self.law, 1)
        edge = sym.evaluate(sym.edge_matrix(("E", "I")), self.law.units)
        V = {
            sp.Symbol(f"V_{a}{b}", nonnegative=True): (
                self.law.c[a, b] * self.law.moment(a, b, 1) if (a, b) in self.law.weights else 0
            )
            for a in "EI"
            for b in "EI"
        }
        accept(K, edge.subs(V))
        refused(K, 2 * edge.subs(V))

    def test_linearised_from_the_functional(self):
        """The slope at small self-energies, as the saddle point itself gives it."""
        law, eps = self.law, sp.Symbol("epsilon", positive=True)
        phi = {a: sp.Symbol(f"phi_{a}", positive=True) for a in "EI"}
        f = {a: [(eps * phi[a], 1)] for a in "EI"}
        none = {a: [(0, 1)] for a in "EI"}
        K = sym.linearised_saddle(law, 1)
        for i, a in enumerate("EI"):
            slope = -sym.saddle_exponent(law, a, f, none, self.S).subs(s.eta, 0).diff(eps).subs(eps, 0)
            accept(slope, self.S * (K * sp.Matrix([phi["E"], phi["I"]]))[i])

    def test_bad_input(self):
        with pytest.raises(rmt.ValidationError, match="sum to"):
            sym.SparseLaw({("E", "E"): [(1, HALF)]}, {"E": [(1, 1, 1)]})
        with pytest.raises(rmt.ValidationError, match="no units"):
            sym.SparseLaw({("E", "I"): [(1, 1)]}, {"E": [(1, 1, 1)]})


# ---------------------------------------------------------------- radial integrals
def test_radial_integral():
    F = sp.Function("F")
    right = (-F(t).diff(t), -F(t))
    accept(sym.radial_integral(), right)
    refused(sym.radial_integral(), (F(t).diff(t), -F(t)))
    refused(sym.radial_integral(), (-F(t).diff(t), F(t)))
    refused(sym.radial_integral(phase=1), right)
    refused(sym.radial_integral(phase=2 * sp.I), right)


def test_inverse_kernel():
    right = sp.series(sp.exp(-k / x), k, 0, 7).removeO()
    accept(sym.inverse_kernel(x, k, 6), right)
    refused(sym.inverse_kernel(x, -k, 6), right)
    refused(sym.inverse_kernel(x, 2 * k, 6), right)


def test_degree_correction_against_the_solver():
    """Flux through a circle at c = 40 and 80; what is left is of order 1/c^2."""
    u1, g1 = sym.degree_correction()
    plain = {s.ell: 1, s.V: 1, sp.Symbol("kappa", positive=True): 3}
    for radius2 in (0.3, 0.7):
        z = -1 + radius2**0.5 * np.exp(0.7j)
        point = plain | {s.z: z, s.zbar: np.conj(z), s.u: 1 - radius2}
        first = sym.homogeneous(g1.rhs.subs(u1.lhs, u1.rhs)).doit().subs(point)
        dense = np.conj(z + 1)
        left = []
        for c in (40, 80):
            ens = rmt.oriented_sparse(c, stats.norm(0, c**-0.5))
            g = complex(np.asarray(rmt.resolvent(ens, z)))
            left.append(abs(g - dense - complex(first) / c) * c**2)
        assert left[0] < 4.0  # without the correction it would be about 0.7 * 3 * 0.5 * 40 = 42
        assert 0.5 < left[1] / left[0] < 1.5  # constant for an error of order 1/c^2


# ---------------------------------------------------------------- Bessel form
class TestBesselForm:
    law = TestFunctionalSaddle.law
    f, ftilde, S = TestFunctionalSaddle.f, TestFunctionalSaddle.ftilde, TestFunctionalSaddle.S

    @pytest.mark.parametrize("side", ["in", "out"])
    @pytest.mark.parametrize("population", ["E", "I"])
    def test_kernels_are_superintegrals(self, population, side):
        args = self.law, population, self.f, self.ftilde, self.S, side
        right = sym.saddle_exponent(*args).subs(s.eta, 0)
        accept(sym.bessel_exponent(*args), right)
        refused(sym.bessel_exponent(*args), -right)
        refused(sym.bessel_exponent(*args), right.subs(s.z, 2 * s.z))

    def test_chiralities_differ(self):
        """In- and out-messages are not confused."""
        args = self.law, "E", self.f, self.ftilde, self.S
        refused(sym.bessel_exponent(*args, "in"), sym.saddle_exponent(*args, "out").subs(s.eta, 0))

    def test_one_population(self):
        law = sym.SparseLaw({("I", "I"): [(HALF, 1)]}, {"I": [(1, 1, HALF), (2, 1, HALF)]})
        f = {"I": self.f["I"]}
        right = sym.saddle_exponent(law, "I", f, f, self.S).subs(s.eta, 0)
        accept(sym.bessel_exponent(law, "I", f, f, self.S), right)
        with pytest.raises(rmt.ValidationError, match="one population"):
            sym.bessel_exponent(law, "I", f, {"I": [(1, 1)]}, self.S)

    def test_source_at_L(self):
        integral, square = sym.site_integral(coupling=sp.I * w, at="L")
        g_1 = (s.eta + s.h**2 * s.Y) / D
        accept(integral, (-(w**2) * g_1 * square).exp())
        refused(integral, (-(w**2) * s.X / D * square).exp())


def test_density_at_the_edge_against_the_solver():
    """rho_edge = (1 - k_4)/pi |<tau h^2/(a |a|^2)>|^2/<h^4/|a|^4>, approached linearly from inside."""
    degree = 12
    unit = rmt.Population("I", 1.0, tau=stats.uniform(1, 1), gain=stats.uniform(0.6, 0.8))
    ens = rmt.Ensemble(unit, {("I", "I"): rmt.Synapses(stats.norm(0, 0.35), degree=degree)})
    tau, h = (
        1 + (np.polynomial.legendre.leggauss(40)[0] + 1) / 2,
        0.6 + 0.4 * (np.polynomial.legendre.leggauss(40)[0] + 1),
    )
    weight = np.polynomial.legendre.leggauss(40)[1] / 2

    def mean(values):
        return weight @ values @ weight

    V, fourth = degree * 0.35**2, degree * 3 * 0.35**4
    direction = np.exp(1j)
    low, high = 0.0, 5.0  # K decreases along the ray from -1/tau's neighbourhood outwards
    for _ in range(60):
        x = (low + high) / 2
        a = 1 + (-0.7 + x * direction) * tau[:, None] + 0 * h
        low, high = (x, high) if V * mean(h**2 / np.abs(a) ** 2) > 1 else (low, x)
    k4 = fourth * mean(h**4 / np.abs(a) ** 4)
    slope = mean(tau[:, None] * h**2 / (a * np.abs(a) ** 2))
    predicted = (1 - k4) / np.pi * abs(slope) ** 2 / mean(h**4 / np.abs(a) ** 4)
    near = [float(np.asarray(rmt.density(ens, -0.7 + (low - d) * direction))) for d in (0.01, 0.005, 0.0025)]
    extrapolated = (near[0] - 6 * near[1] + 8 * near[2]) / 3  # to the edge, without the terms in d and d^2
    assert abs(extrapolated / predicted - 1) < 0.002  # d^3 is left: 0.0004 here
    assert abs(extrapolated / (predicted / (1 - k4)) - 1) > 0.1  # without the factor it would be refused


# ---------------------------------------------------------------- every check of every chapter
CHAPTERS = Path(__file__).resolve().parents[1] / "book" / "superspace"


@pytest.mark.parametrize("chapter", ["ginibre", "sparse_disorder", "bessel"])
def test_each_check_of_a_chapter_refuses(chapter, monkeypatch, capsys):
    """The cells are run; each `accept` has to pass, and to refuse its claim with a sign and with a factor changed."""
    count = 0

    def watched(derived, claimed, step="step"):
        nonlocal count
        assert accept(derived, claimed, step) is claimed
        for factor in (-1, 2):
            if vanishes(claimed):
                refused(derived, sp.Integer(factor))
            else:
                refused(derived, mutated(claimed, factor))
        count += 1
        return claimed

    monkeypatch.setattr(sym, "accept", watched)
    monkeypatch.setattr("IPython.display.display", lambda *_: None)
    namespace: dict = {}
    for cell in jupytext.read(CHAPTERS / f"{chapter}.md", fmt="md:myst").cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, chapter, "exec"), namespace)
    assert count >= 15
    capsys.readouterr()


def vanishes(claimed):
    return isinstance(claimed, (int, sp.Expr)) and claimed == 0
