"""Superspace: identities of supermatrices, Gaussian integrals by direct expansion, localisation, changes of variables.

Coefficients are exact, so that no test has a tolerance.
"""

from __future__ import annotations

import random

import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from rmtlib.errors import NotApplicableError, ValidationError
from rmtlib.symbolic import (
    Algebra,
    Element,
    Supermatrix,
    Superspace,
    conjugated,
    jacobian,
    localised,
    radial_integrand,
    superspace,
    symbols,
)

SIX = {kind: Algebra.complex("xi1:4", kind) for kind in (1, 2)}
t, a, b = sp.symbols("t a b", positive=True)


def draw(rng, algebra, parity, size=4, body=True):
    """A sparse random element of one parity, with small integers as coefficients."""
    blades = [k for k in range(2 ** len(algebra.names)) if k.bit_count() % 2 == parity and (body or k)]
    return Element(algebra, {k: sp.Integer(rng.randint(-3, 3)) for k in rng.sample(blades, size)})


def supermatrix(rng, p, q, p2=None, q2=None, algebra=SIX[2], body=True):
    """A random supermatrix; with a body, that of its diagonal blocks is not singular."""
    p2, q2 = (p, q) if p2 is None else (p2, q2)

    def block(rows, columns, parity):
        entries = [[draw(rng, algebra, parity, body=body) for _ in range(columns)] for _ in range(rows)]
        for i in range(min(rows, columns) if body and not parity else 0):
            entries[i][i] = entries[i][i] + 11
        return entries

    return Supermatrix(algebra, ((block(p, p2, 0), block(p, q2, 1)), (block(q, p2, 1), block(q, q2, 0))))


def polar_integral(space, exponent, prefactor=1):
    """The superintegral of prefactor * exp(-exponent) without Wick: expanded, then by sympy in polar coordinates."""
    return space.integrate(space.algebra(prefactor) * (-exponent).exp())


# --- checks that are also run on broken code, below ----------------------------------------------------------


def check_supertrace(rng):
    M, N = supermatrix(rng, 2, 1), supermatrix(rng, 2, 1)
    assert (M * N).supertrace() == (N * M).supertrace()
    M, N = supermatrix(rng, 2, 1, 1, 2), supermatrix(rng, 1, 2, 2, 1)
    assert (M * N).supertrace() == (N * M).supertrace()


def check_superdeterminant(rng):
    M, N = supermatrix(rng, 1, 1), supermatrix(rng, 1, 1)
    assert (M * N).superdeterminant() == M.superdeterminant() * N.superdeterminant()
    M = supermatrix(rng, 2, 1)
    assert M.superdeterminant("A") == M.superdeterminant("B")
    assert M.inverse().superdeterminant() * M.superdeterminant() == 1


def check_logarithm(rng):
    """log sdet M = str log M, around the unit matrix and, differentiated, around any."""
    N = supermatrix(rng, 2, 1, body=False)
    assert N.exp().superdeterminant() == N.supertrace().exp()
    M = N + Supermatrix.identity(N.algebra, 2, 1)
    assert M.superdeterminant().log() == M.log().supertrace()
    M, dM, e = supermatrix(rng, 1, 1), supermatrix(rng, 1, 1), sp.Symbol("e")
    slope = (M + dM * e).superdeterminant().diff(e).map(lambda c: c.subs(e, 0))
    assert slope == M.superdeterminant() * (M.inverse() * dM).supertrace()


def check_adjoint(rng):
    for algebra in SIX.values():
        M, N = supermatrix(rng, 1, 2, 2, 1, algebra), sp.I * supermatrix(rng, 2, 1, 1, 2, algebra)
        assert (M * N).adjoint() == N.adjoint() * M.adjoint()
        assert M.adjoint().adjoint() == M
        assert (M * N).supertranspose() == N.supertranspose() * M.supertranspose()
        assert (M * N).supertranspose().supertrace() == (M * N).supertrace()


def check_gaussian(rng):
    """1/sdet, for a matrix with all its blocks; and the same without Wick's theorem."""
    space = Superspace("S", "psi", "sigma rho")
    (sigma, _), (rho, _) = space.parameters
    alpha, beta = rng.randint(1, 5), rng.randint(1, 5)
    M = Supermatrix(space.algebra, (([[alpha]], [[sigma]]), ([[rho]], [[beta + sigma * rho]])))
    assert space.gaussian(M) * M.superdeterminant() == 1
    assert space.gaussian(M) == polar_integral(space, space.form(M))


def check_moments(rng):
    r"""Derivatives of :math:`\int e^{-\Phi^\dagger(M - J)\Phi} = 1/\operatorname{sdet}(M - J)` in the sources J."""
    space = Superspace("S1:3", "psi1:3")
    A = sp.Matrix(2, 2, lambda i, j: rng.randint(-1, 1)) + 4 * sp.eye(2)
    (s1, bar1), (s2, bar2) = space.commuting
    (psi1, psibar1), _ = space.anticommuting
    G = A.inv()
    assert space.gaussian(A, s1 * bar2) == G[0, 1]
    assert space.gaussian(A, s1 * bar1 * s2 * bar1) == 2 * G[0, 0] * G[1, 0]
    assert space.gaussian(A, psi1 * psibar1) == G[0, 0]
    assert space.gaussian(A, s1 * bar1 * psi1 * psibar1) == G[0, 0] ** 2
    assert space.gaussian(A, space.norm) == 0
    assert space.gaussian(A, s1) == 0


def check_localisation(rng):
    c = sp.Rational(rng.randint(1, 5))
    for F in (lambda u: sp.exp(-c * u), lambda u: (1 + c * u) ** -3, lambda u: 2 + 3 * sp.exp(-c * u)):
        space = Superspace("S", "psi")
        assert space.integrate(space.norm.apply(F)) == localised(F)
        for n in (1, 2, 3):
            integral = sp.integrate(radial_integrand(F, t, n), (t, 0, sp.oo))
            assert sp.simplify(integral - localised(F)) == 0


def check_change_of_variables(rng):
    """Nonlinear and mixing both kinds: f_0(x) + f_1(x) theta_1 theta_2 in new coordinates y, eta."""
    algebra = Algebra("eta1 eta2")
    eta1, eta2 = algebra.generators
    x, y = sp.symbols("x y", real=True)
    k, m = rng.randint(1, 3), rng.randint(1, 3)
    new_x = 2 * y + k * y**2 * eta1 * eta2
    theta1, theta2 = eta1 / (1 + m * y**2) + y * eta2, eta2
    f0, f1 = (x**2 + k * x) * sp.exp(-(x**2)), (x**4 + m) * sp.exp(-(x**2))
    f = (f0 + f1 * theta1 * theta2).subs({x: new_x})
    J = jacobian(algebra, [new_x], [theta1, theta2], [y], [eta1, eta2])
    moved = (J.superdeterminant() * f).integrate(eta2, eta1).body
    assert gaussian_integral(moved, y, 4) == gaussian_integral(f1, x, 1)
    assert f.integrate(eta2, eta1) != 0


def gaussian_integral(f, x, rate):
    """The integral over the real line of a polynomial times exp(-rate x**2), over sqrt(pi)."""
    polynomial = sp.Poly(sp.cancel(f.subs(sp.exp(-rate * x**2), 1)), x)
    moment = {k: sp.gamma(sp.Rational(k + 1, 2)) / sp.sqrt(sp.pi) / sp.sqrt(rate) ** (k + 1) for k in range(0, 20, 2)}
    return sum(c * moment.get(k, 0) for (k,), c in polynomial.terms())


CHECKS = {name.removeprefix("check_"): f for name, f in globals().items() if name.startswith("check_")}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("seed", range(2))
def test_identity(name, seed):
    CHECKS[name](random.Random(seed))


def plus(self):
    return sum((e for i, row in enumerate(self.rows) for j, e in enumerate(row) if i == j), self.algebra(0))


def wrong_schur(algebra, A, sigma, B, rho):
    return RIGHT["_schur"](algebra, A, [[-e for e in row] for row in sigma], B, rho)


def unsigned_transpose(self):
    rows = [list(column) for column in zip(*self.rows, strict=True)]
    return self._made(self.algebra, rows, self.dimensions[::-1])


def one_pairing(self, powers):
    """Wick's theorem that pairs the first S with the first Sbar only."""
    if sum(powers) == 0:
        return sp.S.One
    size = self.size
    i, j = (next((k for k in range(size) if part[k]), None) for part in (powers[:size], powers[size:]))
    if i is None or j is None:
        return sp.S.Zero
    rest = list(powers)
    rest[i] -= 1
    rest[size + j] -= 1
    return self.A.inv()[i, j] * self.moment(tuple(rest))


def grows(self, matrix, prefactor=1):
    return RIGHT["gaussian"](self, self.matrix(matrix), prefactor) * 2


def other_measure(self, f):
    for psi, bar in self.anticommuting:
        f = f.integrate(psi, bar)
    return f


def without_mixed_derivatives(algebra, even, odd, symbols, generators):
    J = RIGHT["jacobian"](algebra, even, odd, symbols, generators)
    A, sigma, _, B = J.blocks
    return Supermatrix(algebra, ((A, sigma), ([[algebra(0)] * len(A)] * len(B), B)))


RIGHT = {"_schur": superspace._schur, "gaussian": Superspace.gaussian, "jacobian": jacobian}
MUTATIONS = {  # what is broken: (object, attribute, replacement), and the checks that have to notice
    "trace without signs": (Supermatrix, "supertrace", plus, "supertrace logarithm"),
    "plus sign in the Schur complement": (superspace, "_schur", wrong_schur, "superdeterminant logarithm gaussian"),
    "transpose without signs": (Supermatrix, "supertranspose", unsigned_transpose, "adjoint"),
    "one pairing of many": (superspace._Wick, "moment", one_pairing, "moments"),
    "a factor 2": (Superspace, "gaussian", grows, "gaussian moments"),
    "measure in the other order": (Superspace, "berezin", other_measure, "gaussian localisation"),
    "Berezinian without its mixed derivatives": (
        superspace, "jacobian", without_mixed_derivatives, "change_of_variables",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name, monkeypatch):
    where, attribute, broken, noticed = MUTATIONS[name]
    monkeypatch.setattr(where, attribute, broken)
    if where is superspace and attribute in globals():
        monkeypatch.setitem(globals(), attribute, broken)
    for check in noticed.split():
        with pytest.raises(AssertionError):
            CHECKS[check](random.Random(0))


# --- more laws -----------------------------------------------------------------------------------------------


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6))
def test_supermatrices_on_random_elements(seed):
    rng = random.Random(seed)
    M, N = supermatrix(rng, 1, 1), supermatrix(rng, 1, 1)
    one = Supermatrix.identity(M.algebra, 1, 1)
    assert M * M.inverse() == one == M.inverse() * M
    assert N.inverse() * M.inverse() == (M * N) ** -1
    assert (M * N).superdeterminant("A") == M.superdeterminant("B") * N.superdeterminant("A")
    assert (M * N - N * M).supertrace() == 0
    assert M - M == 0 * M
    assert M + M == 2 * M == M * 2


def test_gaussian_is_a_ratio_of_determinants():
    space = Superspace("S1:3", "psi1:4")
    A = sp.Matrix(2, 2, sp.symbols("a:4"))
    B = sp.Matrix(3, 3, sp.symbols("b:9"))
    integral = space.gaussian(((A, sp.zeros(2, 3)), (sp.zeros(3, 2), B)))
    assert integral == B.det() / A.det()


def test_same_matrix_on_both_kinds_gives_one():
    space = Superspace("L R", "lambda rho")
    s = symbols
    M = sp.Matrix([[s.eta, sp.I * s.z], [sp.I * s.zbar, s.eta]])
    assert space.gaussian(M) == 1
    # first and second kind of conjugation give the same integrals
    assert Superspace("L R", "lambda rho", kind=1).gaussian(M) == 1


def test_full_supermatrix_of_two_and_two():
    """All sixteen entries, the odd ones generators of their own: 1/sdet with 8 + 8 odd parameters and sources."""
    space = Superspace("S1:3", "psi1:3", "sigma1:5 rho1:5")
    odd = [g for g, _ in space.parameters]
    A, B = sp.Matrix([[3, 1], [-2, 4]]), sp.Matrix([[1, 2], [-1, 5]])
    M = Supermatrix(space.algebra, ((A, [odd[:2], odd[2:4]]), ([odd[4:6], odd[6:]], B)))
    assert space.gaussian(M) * M.superdeterminant() == 1
    assert space.gaussian(M) * M.superdeterminant("A") == 1


def test_the_sign_of_the_disorder_term():
    r"""Section 3.2: exp(+i w h (L^dagger R + R^dagger L)) makes a into a - w h; with -i it is a + w h."""
    space = Superspace("L R", [])
    w, eta = sp.symbols("w eta", positive=True)
    (L, Lbar), (R, Rbar) = space.commuting
    for sign in (1, -1):
        free = sp.Matrix([[eta, sp.I * a], [sp.I * a, eta]])
        term = sign * sp.I * w * (Lbar * R + Rbar * L)
        series = sum(space.gaussian(free, term**k).body / sp.factorial(k) for k in range(4))
        exact = sp.series(1 / (eta**2 + (a - sign * w) ** 2), w, 0, 4).removeO()
        assert sp.simplify(series - exact) == 0


def test_superinvariants():
    r"""Phi^dagger Phi does not change under Phi -> U Phi with U^dagger U = 1, and neither do L^dagger R, R^dagger L."""
    for kind in (1, 2):
        space = Superspace("L R", "lambda rho", "epsilon", kind)
        ((epsilon, bar),) = space.parameters
        X = Supermatrix(space.algebra, (([[0]], [[-bar]]), ([[epsilon]], [[0]])))
        U = X.exp()
        assert U.adjoint() * U == Supermatrix.identity(space.algebra, 1, 1)
        assert U.superdeterminant() == 1
        vectors = []
        for (s, _), (psi, _) in zip(space.commuting, space.anticommuting, strict=True):
            vectors.append(Supermatrix(space.algebra, (([[s]], []), ([[psi]], []))))
        for first in vectors:
            for second in vectors:
                before = first.adjoint(space.conjugate) * second
                after = (U * first).adjoint(space.conjugate) * (U * second)
                assert after == before
                assert U * first != first


def test_radial_integrand_is_a_derivative():
    """So that the integral only knows the ends: -sum_k (-t)^k F^(k)/k!, for any F and n."""
    F = sp.Function("F")
    for n in (1, 2, 3, 4):
        primitive = -sum((-t) ** k * F(t).diff(t, k) / sp.factorial(k) for k in range(n))
        assert sp.simplify(primitive.diff(t) - radial_integrand(F, t, n)) == 0


def test_radial_integrand_against_the_full_integral():
    """Two pairs, every angle and both radii by sympy."""
    space = Superspace("S1:3", "psi1:3")
    for F in (lambda u: sp.exp(-2 * u), lambda u: u * sp.exp(-u)):
        assert space.integrate(space.norm.apply(F)) == localised(F)
    assert localised(lambda u: u * sp.exp(-u)) == 0


def test_change_of_variables_has_boundary_terms():
    """Localisation: in y = Phi^dagger Phi nothing odd is left to integrate, and the boundary y = 0 gives it all."""
    algebra = Algebra("psibar psi")
    bar, psi = algebra.generators
    y = sp.Symbol("y", positive=True)
    J = jacobian(algebra, [y - bar * psi], [bar, psi], [y], [bar, psi])
    assert J.superdeterminant() == 1
    moved = (J.superdeterminant() * sp.exp(-y)).integrate(bar, psi)
    assert moved == 0 != localised(lambda u: sp.exp(-u))


def test_conjugation_of_coefficients():
    space = Superspace("S", "psi")
    ((S, Sbar),) = space.commuting
    assert space.conjugate(sp.I * S**2 * Sbar * a) == -sp.I * Sbar**2 * S * a
    assert space.norm.conjugate(space.conjugate) == space.norm
    M = Supermatrix(space.algebra, (([[symbols.z]], [[0]]), ([[0]], [[sp.I]])))
    assert M.adjoint(conjugated).body() == sp.diag(symbols.zbar, -sp.I)


def test_printing():
    algebra = Algebra("sigma rho")
    sigma, rho = algebra.generators
    M = Supermatrix(algebra, (([[a]], [[sigma]]), ([[rho]], [[b]])))
    assert sp.latex(M) == r"\left(\begin{array}{c|c}a & \sigma \\ \hline \rho & b\end{array}\right)"
    assert M._repr_latex_() == rf"$\displaystyle {sp.latex(M)}$"
    assert repr(M) == "Supermatrix([a, sigma], [rho, b])"
    assert M[0, 1] == sigma


SPACE = Superspace("S", "psi")
ONE = Supermatrix.identity(SPACE.algebra, 1, 1)
PSI = SPACE.anticommuting[0][0]


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: Supermatrix(SPACE.algebra, (([[PSI]], [[0]]), ([[0]], [[1]]))), ValidationError, r"entry \(0, 0\)"),
        (lambda: Supermatrix(SPACE.algebra, (([[1]], [[1]]), ([[0]], [[1]]))), ValidationError, r"entry \(0, 1\)"),
        (lambda: Supermatrix(SPACE.algebra, (([[1, 2]], [[0]]), ([[0]], [[1]]))), ValidationError, "do not fit"),
        (lambda: ONE * Supermatrix.identity(SPACE.algebra, 2, 1), ValidationError, "cannot be multiplied"),
        (lambda: ONE + Supermatrix.identity(SPACE.algebra, 2, 1), ValidationError, "cannot be added"),
        (lambda: ONE * PSI, ValidationError, "not even"),
        (lambda: SPACE.column.supertrace(), ValidationError, "square"),
        (lambda: ONE.superdeterminant("C"), ValidationError, "'A' or 'B'"),
        (lambda: (0 * ONE).superdeterminant(), NotApplicableError, "singular"),
        (lambda: (0 * ONE).inverse(), NotApplicableError, "singular"),
        (lambda: ONE.exp(), NotApplicableError, "does not end"),
        (lambda: (2 * ONE).log(), NotApplicableError, "does not end"),
        (lambda: SPACE.gaussian(sp.eye(2)), ValidationError, "on a space of"),
        (lambda: SPACE.gaussian(sp.Matrix([[sp.I]])), NotApplicableError, "diverges"),
        (lambda: SPACE.gaussian(sp.Matrix([[-1]])), NotApplicableError, "diverges"),
        (lambda: SPACE.gaussian(sp.eye(1), sp.sin(SPACE.commuting[0][0])), NotApplicableError, "not a polynomial"),
        (lambda: radial_integrand(sp.exp, t, 0), ValidationError, "at least one"),
        (lambda: Superspace("S", "S"), ValidationError, "name of its own"),
        (lambda: SPACE.integrate(SPACE.norm), NotApplicableError, "diverges"),
        (lambda: localised(sp.exp), NotApplicableError, "to be finite"),
        (lambda: localised(sp.sin), NotApplicableError, "to be finite"),
        (lambda: localised(sp.log), NotApplicableError, "to be finite"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
