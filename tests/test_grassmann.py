"""The Grassmann algebra: identities on random elements, conventions, and that a wrong sign is noticed.

Coefficients are exact, so that no test has a tolerance.
"""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy.combinatorics import Permutation

from rmtlib.errors import NotApplicableError, ValidationError
from rmtlib.symbolic import Algebra, Element, graded_commutator, grassmann

FOUR = Algebra("theta1:5")
PAIRS = {kind: Algebra.complex("psi1:3", kind) for kind in (1, 2)}
x, y = sp.symbols("x y", real=True)


def elements(algebra=FOUR, parity=None, body=True):
    """Random elements with small integer coefficients, on any of the blades or on those of one parity."""
    blades = [b for b in range(2 ** len(algebra.names)) if parity is None or b.bit_count() % 2 == parity]
    blades = blades if body else [b for b in blades if b]
    coefficients = st.dictionaries(st.sampled_from(blades), st.integers(-3, 3), max_size=8)
    return coefficients.map(lambda terms: Element(algebra, {b: sp.Integer(c) for b, c in terms.items()}))


def draw(rng, algebra=FOUR, parity=None):
    """One dense random element, for checks that run outside hypothesis."""
    blades = [b for b in range(2 ** len(algebra.names)) if parity is None or b.bit_count() % 2 == parity]
    return Element(algebra, {b: sp.Integer(rng.choice([-3, -2, -1, 1, 2, 3])) for b in blades})


def determinant_integral(n, rng):
    """The integral over pairs of exp(-psibar A psi), and A."""
    algebra = Algebra.complex(f"psi1:{n + 1}")
    bar, psi = algebra.generators[::2], algebra.generators[1::2]
    A = sp.Matrix(n, n, lambda i, j: rng.randint(-4, 4) + sp.Symbol(f"a{i}{j}"))
    action = sum((bar[i] * A[i, j] * psi[j] for i in range(n) for j in range(n)), algebra(0))
    return (-action).exp().integrate_pairs(), A


# --- checks that are also run on a broken algebra, below -----------------------------------------------------


def check_products_of_generators(rng):
    """The sign of a product is that of the permutation that sorts it."""
    for order in itertools.permutations(range(4)):
        product = FOUR(1)
        for i in order:
            product = product * FOUR.generators[i]
        assert product.terms == {15: sp.Integer(Permutation(list(order)).signature())}


def check_associative(rng):
    f, g, h = (draw(rng) for _ in range(3))
    assert (f * g) * h == f * (g * h)


def check_graded_commutative(rng):
    for p, q in itertools.product((0, 1), repeat=2):
        f, g = draw(rng, parity=p), draw(rng, parity=q)
        assert f * g == (-1) ** (p * q) * g * f
        assert f * g != 0


def check_leibniz(rng):
    for parity, theta in itertools.product((0, 1), FOUR.generators):
        f, g = draw(rng, parity=parity), draw(rng)
        assert (f * g).diff(theta) == f.diff(theta) * g + (-1) ** parity * f * g.diff(theta)


def check_order_of_the_measure(rng):
    a, b = FOUR.generators[:2]
    assert (b * a).integrate(a, b) == 1
    f = draw(rng)
    assert f.integrate(a, b) == f.integrate(b).integrate(a)


def check_determinant(rng):
    for n in (1, 2, 3):
        integral, A = determinant_integral(n, rng)
        assert integral == A.det(method="berkowitz")


def check_exponential(rng):
    f, g = draw(rng, parity=0).soul, draw(rng, parity=0).soul
    assert (f + g).exp() == f.exp() * g.exp()
    assert f.exp() == 1 + f + f**2 / 2  # the third power has six generators, of four
    assert f.exp().log() == f


def check_inverse(rng):
    f = draw(rng)
    assert f * f.inverse() == 1
    assert f.inverse() * f == 1


def check_taylor(rng):
    f, g = draw(rng, parity=0), draw(rng, parity=0)
    assert f.apply(lambda t: t**3 - 2 * t) == f**3 - 2 * f
    assert FOUR(x**2 * y**2).subs({x: f, y: g}) == f**2 * g**2


def check_conjugation(rng):
    for kind, algebra in PAIRS.items():
        bar, psi = algebra.generators[:2]
        f, g = draw(rng, algebra), draw(rng, algebra)
        swapped = (f * g).conjugate()
        assert swapped == (f.conjugate() * g.conjugate() if kind == 2 else g.conjugate() * f.conjugate())
        assert f.conjugate().conjugate() == (f.even - f.odd if kind == 2 else f)
        assert (bar * psi).conjugate() == bar * psi


def check_substitution(rng):
    """Linear changes of variables: the integral is divided by, hence the measure is multiplied by, 1/det."""
    A = sp.Matrix(4, 4, lambda i, j: rng.randint(-2, 2)) + 5 * sp.eye(4)
    theta = FOUR.generators
    new = [sum((A[i, j] * theta[j] for j in range(4)), FOUR(0)) for i in range(4)]
    f, g = draw(rng), draw(rng)
    moved = f.subs(zip(theta, new, strict=True))
    assert moved.integrate(*theta) == A.det() * f.integrate(*theta)
    assert (f * g).subs(zip(theta, new, strict=True)) == moved * g.subs(zip(theta, new, strict=True))


CHECKS = {name.removeprefix("check_"): f for name, f in globals().items() if name.startswith("check_")}


@pytest.mark.parametrize("name", CHECKS)
@pytest.mark.parametrize("seed", range(3))
def test_identity(name, seed):
    CHECKS[name](random.Random(seed))


def forward(self, *measure):
    for generator in measure:
        self = self.diff(generator)
    return self


def unsigned_diff(self, variable):
    bit = 1 << self.algebra._position(variable)
    return Element(self.algebra, {b ^ bit: c for b, c in self.terms.items() if b & bit})


def first_order(self):
    return self.algebra(sp.exp(self.body)) * (1 + self.soul)


def no_factorial(coefficient, values, algebra):
    (new,) = values.values() if values else [algebra(0)]
    ((old, _),) = values.items() if values else [(x, 0)]
    terms = (algebra(coefficient.diff(old, k).subs(old, new.body)) * new.soul**k for k in range(5))
    return sum(terms, algebra(0)) if values else algebra(coefficient)


def plain_conjugate(self, scalar=sp.conjugate):
    values = [(g, self.algebra.conjugate_of(g)) for g in self.algebra.generators]
    return self.map(scalar).subs(values)


MUTATIONS = {  # what is broken: (object, attribute, replacement), and the checks that have to notice
    "no signs": (grassmann, "_swaps", lambda a, b: 0, "products_of_generators graded_commutative determinant"),
    "all signs": (grassmann, "_swaps", lambda a, b: a and b and 1, "products_of_generators graded_commutative"),
    "sign by comparing bitmaps": (grassmann, "_swaps", lambda a, b: a > b, "products_of_generators associative"),
    "neighbours only": (grassmann, "_swaps", lambda a, b: (a >> 1 & b).bit_count(), "products_of_generators leibniz"),
    "derivative without sign": (Element, "diff", unsigned_diff, "leibniz"),
    "measure read from the other end": (Element, "integrate", forward, "order_of_the_measure determinant"),
    "exponential cut": (Element, "exp", first_order, "exponential determinant"),
    "Taylor series without factorials": (grassmann, "_taylor", no_factorial, "taylor"),
    "inverse of the body only": (Element, "inverse", lambda f: f.algebra(1 / f.body), "inverse"),
    "conjugation without signs or order": (Element, "conjugate", plain_conjugate, "conjugation"),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATIONS)
def test_a_mutation_is_noticed(name, monkeypatch):
    where, attribute, broken, noticed = MUTATIONS[name]
    monkeypatch.setattr(where, attribute, broken)
    for check in noticed.split():
        with pytest.raises(AssertionError):
            CHECKS[check](random.Random(0))


# --- laws, on random elements ------------------------------------------------------------------------------


@settings(max_examples=40, deadline=None)
@given(elements(), elements(), elements())
def test_ring(f, g, h):
    assert (f * g) * h == f * (g * h)
    assert f * (g + h) == f * g + f * h
    assert (f + g) * h == f * h + g * h
    assert f - f == 0
    assert graded_commutator(f, g) == 0
    assert f.odd * f.odd == 0


@settings(max_examples=40, deadline=None)
@given(elements(), elements(), st.integers(0, 3), st.integers(0, 3))
def test_derivatives(f, g, i, j):
    a, b = FOUR.generators[i], FOUR.generators[j]
    assert f.diff(a).diff(b) == -f.diff(b).diff(a)
    reflected = f.even - f.odd
    assert (f * g).diff(a) == f.diff(a) * g + reflected * g.diff(a)
    assert f.diff(a).integrate(a) == 0  # a derivative has no integral


@settings(max_examples=40, deadline=None)
@given(elements(), elements(Algebra("theta1:5 xi"), parity=1))
def test_berezin_integral_is_invariant_under_shifts(f, shift):
    """Theta_1 is shifted by an odd element that does not contain it."""
    wide = shift.algebra
    shift = shift - wide["theta1"] * shift.diff(wide["theta1"])
    f = f.subs([(name, wide[name]) for name in FOUR.names])
    theta = wide["theta1"]
    assert f.subs({"theta1": theta + shift}).integrate(theta) == f.integrate(theta)


@settings(max_examples=25, deadline=None)
@given(elements(parity=0, body=False), elements(parity=0, body=False), st.sampled_from([sp.Integer(2), x, sp.exp(x)]))
def test_functions(f, g, body):
    assert (f + g).exp() == f.exp() * g.exp()
    assert (body + f).exp() == (body + f).apply(sp.exp)
    assert (body + f).inverse() == (body + f).apply(lambda t: 1 / t) == 1 / (body + f) == (body + f) ** -1
    assert (1 + f).log() + (1 + g).log() == ((1 + f) * (1 + g)).log()
    assert (body + f) ** sp.Rational(1, 2) * (body + f) ** sp.Rational(1, 2) == body + f


def test_real_gaussian_is_a_pfaffian():
    """int dtheta exp(-theta A theta/2) squared is det A, for an antisymmetric A."""
    entries = sp.symbols("a:6")
    theta = FOUR.generators
    form = sum(
        (a * theta[i] * theta[j] for a, (i, j) in zip(entries, itertools.combinations(range(4), 2), strict=True)),
        FOUR(0),
    )
    A = sp.zeros(4)
    for a, (i, j) in zip(entries, itertools.combinations(range(4), 2), strict=True):
        A[i, j], A[j, i] = a, -a
    pfaffian = (-form).exp().integrate(*theta).body
    assert sp.expand(pfaffian**2 - A.det()) == 0
    assert sp.expand(pfaffian - (entries[0] * entries[5] - entries[1] * entries[4] + entries[2] * entries[3])) == 0


def test_replacements_may_contain_what_they_replace():
    a, b = FOUR.generators[:2]
    assert FOUR(x * y**2).subs({x: y + a * b, y: x - a * b}) == (y + a * b) * (x - a * b) ** 2
    assert (x * a).subs([(a, b), (x, y)]) == y * b
    F = sp.Function("F")
    assert (x + a * b).apply(F) == F(x) + F(x).diff(x) * a * b


def test_elements_of_another_algebra():
    other = Algebra("eta1 eta2")
    eta = other.generators
    moved = (FOUR["theta1"] * FOUR["theta2"]).subs({"theta1": eta[1], "theta2": eta[0]})
    assert moved.algebra == other
    assert moved == -eta[0] * eta[1]
    assert FOUR["theta1"] != eta[0]
    for operation in (lambda: FOUR["theta1"] + eta[0], lambda: FOUR["theta1"] * eta[0]):
        with pytest.raises(ValidationError, match="does not belong"):
            operation()
    with pytest.raises(ValidationError, match="theta2 has no replacement"):
        (FOUR["theta1"] * FOUR["theta2"]).subs({"theta1": eta[1]})


def test_equality_simplifies():
    a, b = FOUR.generators[:2]
    assert (sp.sin(x) ** 2 + sp.cos(x) ** 2) * a == a
    assert (x + 1) ** 2 * a == (x**2 + 2 * x + 1) * a
    assert sp.sqrt(5 + 2 * sp.sqrt(6)) * a == (sp.sqrt(2) + sp.sqrt(3)) * a
    assert a != b
    assert FOUR(3) == 3 != a
    assert ((x - 1) * (x + 1) - x**2 + 1 + a).parity == 1  # an even part that is a zero in disguise


def test_parts():
    a, b, c, _ = FOUR.generators
    f = x + 2 * a + 3 * a * b + a * b * c
    assert (f.body, f.parity) == (x, None)
    assert f.soul + f.body == f.even + f.odd == sum((f.grade(k) for k in range(4)), FOUR(0)) == f
    assert (f.even.parity, f.odd.parity, FOUR(0).parity) == (0, 1, 0)
    assert f.coefficient(b, a) == -3
    assert f.coefficient() == x
    assert f.diff(x) == 1


def test_numbers_of_any_kind_multiply_from_both_sides():
    a = FOUR["theta1"]
    for number in (2, sp.Integer(2), np.int64(2), np.float64(2)):
        assert number * a == a * number == 2 * a
        assert number + a == a + number
        assert number - a == -(a - number)
    assert x * a / x == a
    with pytest.raises(TypeError):
        a * [1]
    with pytest.raises(TypeError):
        a + object()


def test_printing():
    bar, psi = Algebra.complex("psi").generators
    f = 2 + (x + 1) * psi - bar * psi / 2
    assert str(f) == "2 + (x + 1)*psi - psibar*psi/2"
    assert sp.latex(f) == r"2 + \left(x + 1\right) \psi - \frac{\bar{\psi} \psi}{2}"
    assert f._repr_latex_() == rf"$\displaystyle {sp.latex(f)}$"
    assert sp.pretty(bar * psi, use_unicode=False) == "psibar*psi"
    assert str(psi - psi) == "0"
    assert repr(psi.algebra) == "Algebra('psibar psi')"


@pytest.mark.parametrize(
    "call, error, words",
    [
        (lambda: Algebra("a a"), ValidationError, "name of its own"),
        (lambda: Algebra("a b", kind=3), ValidationError, "kind of conjugation"),
        (lambda: Algebra("a b", {"a": "c"}), ValidationError, "two different generators"),
        (lambda: Algebra("a b", {"a": "a"}), ValidationError, "two different generators"),
        (lambda: FOUR["eta"], ValidationError, "no generator 'eta'"),
        (lambda: FOUR(sp.Symbol("n", commutative=False)), ValidationError, "commuting"),
        (lambda: FOUR("1 +"), ValidationError, "not a coefficient"),
        (lambda: FOUR["theta1"].conjugate(), NotApplicableError, "has no conjugate"),
        (lambda: FOUR["theta1"].exp(), NotApplicableError, "not even"),
        (lambda: FOUR["theta1"].apply(sp.sin), NotApplicableError, "not even"),
        (lambda: FOUR["theta1"].inverse(), NotApplicableError, "body is zero"),
        (lambda: FOUR(0).log(), NotApplicableError, "body is zero"),
        (lambda: FOUR(1).diff(2 * FOUR["theta1"]), ValidationError, "not a generator"),
        (lambda: FOUR(1).integrate_pairs(FOUR["theta1"]), ValidationError, "first generator of a pair"),
        (lambda: FOUR(1).coefficient(FOUR["theta1"], FOUR["theta1"]), ValidationError, "twice"),
        (lambda: FOUR(1).subs({"theta1": FOUR(1)}), ValidationError, "odd and cannot become"),
        (lambda: FOUR(x).subs({x: FOUR["theta1"]}), ValidationError, "even and cannot become"),
        (lambda: FOUR(x).subs({x**2: 1}), ValidationError, "cannot be replaced"),
    ],
)
def test_bad_input(call, error, words):
    with pytest.raises(error, match=words):
        call()
