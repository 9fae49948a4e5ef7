r"""Covariance spectra as sympy objects: dense networks with reciprocal motifs, their dimension, outliers, finite time.

Nothing is typed in but the equations of one unit at z = 0, with equal gains and a leak of 1:

.. math::
   G = \frac XD, \qquad X = \eta + VG, \qquad A = 1 - \frac{RA}{D}, \qquad D = A^2 + X^2 .

Everything is expressed by ``t = 1/D``: then ``A = 1/(1 + Rt)``, ``G = eta t/(1 - Vt)``, and eta^2 is a *rational function* of t.
Edges, cubic and quartic, outliers, moments and the equation at finite time follow from that function. The numerical code in
:mod:`rmtlib.theory.covariance` is tested against these objects.

``from rmtlib.symbolic import covariance``; the names are not among those of ``rmtlib.symbolic`` itself.
"""

from __future__ import annotations

from types import SimpleNamespace

import sympy as sp

__all__ = [
    "covariance_symbols",
    "critical_polynomial",
    "dimension",
    "eta_squared",
    "field_equations",
    "gain_dimension",
    "iid_density",
    "iid_edges",
    "moments",
    "outlier_condition",
    "outlier_threshold",
    "outliers",
    "polynomial",
    "sampled_polynomial",
    "tail",
]

covariance_symbols = SimpleNamespace(
    t=sp.Symbol("t"),
    x=sp.Symbol("x", positive=True),
    g=sp.Symbol("g", positive=True),
    V=sp.Symbol("V", positive=True),
    R=sp.Symbol("R", real=True),
    eta=sp.Symbol("eta"),
    G=sp.Symbol("G"),
    a=sp.Symbol("a", positive=True),
    q=sp.Symbol("q", real=True),
    alpha=sp.Symbol("alpha", positive=True),
    v=sp.Symbol("v", positive=True),
    h2=sp.Symbol("h_2", positive=True),
    h4=sp.Symbol("h_4", positive=True),
    w4=sp.Symbol("w_4", nonnegative=True),
    chi=sp.Symbol("chi", positive=True),
)
"""Symbols: t = 1/D; x an eigenvalue of C; V, R summed variance and reciprocal covariance; a, q strength and overlap of a rank-one
addition; alpha units per sample; v = V<h^2>; h2, h4 moments of the gain; w4 = c<w^4>; chi a response."""

_S = covariance_symbols


def field_equations() -> dict[str, sp.Expr]:
    """A, G and X in terms of t = 1/D and eta.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import field_equations
    >>> field_equations()["G"]
    -eta*t/(V*t - 1)
    """
    A, X = sp.symbols("A X")
    gap = sp.solve(sp.Eq(A, 1 - _S.R * A * _S.t), A)[0]
    field = sp.solve(sp.Eq(X, _S.eta + _S.V * X * _S.t), X)[0]
    return {"A": sp.factor(gap), "X": sp.simplify(field), "G": sp.simplify(field * _S.t)}


def eta_squared() -> sp.Expr:
    r"""eta^2 as a function of t, from D = A^2 + X^2; an eigenvalue x of C belongs to eta^2 = -1/x.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import covariance_symbols as s, eta_squared
    >>> sp.factor(eta_squared().subs(s.R, 0))
    -(t - 1)*(V*t - 1)**2/t
    """
    parts = field_equations()
    square = sp.Symbol("square")
    equation = 1 / _S.t - parts["A"] ** 2 - parts["X"] ** 2
    return sp.factor(sp.solve(sp.together(equation.subs(_S.eta, sp.sqrt(square))), square)[0])


def polynomial() -> sp.Poly:
    """The polynomial in t at an eigenvalue x: cubic for R = 0, else quartic."""
    numerator = sp.numer(sp.together(eta_squared() + 1 / _S.x))
    return sp.Poly(sp.expand(numerator), _S.t)


def critical_polynomial() -> sp.Poly:
    """Its roots are the t at which d eta^2/dt = 0: edges of the support are among them."""
    numerator = sp.numer(sp.together(sp.diff(eta_squared(), _S.t)))
    parts = [p for p, _ in sp.factor_list(numerator, _S.t)[1] if p.has(_S.t)]
    # the linear factors 1 - Vt and 1 + Rt are zeros and poles of eta^2, not edges
    keep = [p for p in parts if sp.degree(p, _S.t) > 1]
    return sp.Poly(sp.prod(keep), _S.t)


def iid_edges() -> list[sp.Expr]:
    r"""Edges for independent entries, V = g^2: lower and upper.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import covariance_symbols as s, iid_edges
    >>> [e.subs(s.g, sp.Rational(1, 2)).evalf(6) for e in iid_edges()]
    [0.322767, 7.34390]
    """
    square = eta_squared().subs({_S.R: 0, _S.V: _S.g**2})
    roots = sp.solve(2 * _S.g**2 * _S.t**2 - _S.g**2 * _S.t - 1, _S.t)
    edges = [sp.simplify(-1 / square.subs(_S.t, root)) for root in roots]
    return sorted(edges, key=lambda e: float(e.subs(_S.g, sp.Rational(1, 2))))


def iid_density() -> sp.Expr:
    r"""Density for independent entries by Cardano's formula for the cubic, valid within the edges.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import covariance_symbols as s, iid_density
    >>> round(float(iid_density().subs({s.g: sp.Rational(1, 2), s.x: 1})), 6)
    0.455623
    """
    x, g = _S.x, _S.g
    A = (g**2 - 1) * x
    P, Q = A - sp.Rational(1, 3), x + A / 3 - sp.Rational(2, 27)
    root = sp.sqrt(Q**2 / 4 + P**3 / 27)
    difference = sp.real_root(Q / 2 + root, 3) - sp.real_root(Q / 2 - root, 3)
    return sp.sqrt(3) / (2 * sp.pi * g**2 * x**2) * difference


def moments() -> tuple[sp.Expr, sp.Expr]:
    r"""tr C/n and tr C^2/n with reciprocal motifs, from ``G = eta m1 - eta^3 m2 + ...``; in terms of t at eta = 0.

    Returns ``(m1, m2)`` as functions of t0, V and R, where t0 solves ``t0 = (1 + R t0)^2``.
    """
    t, V = _S.t, _S.V
    square = eta_squared()
    # t = t0 + t1 eta^2: invert eta^2 = S'(t0) (t - t0), with S(t0) = 0
    slope = sp.diff(square, t)
    t1 = 1 / slope
    first = t / (1 - V * t)
    return sp.factor(first), sp.factor(-sp.diff(first, t) * t1)


def dimension() -> sp.Expr:
    r"""m1^2/m2 in terms of t at eta = 0, where 1 + Rt = sqrt t.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import covariance_symbols as s, dimension
    >>> sp.factor(dimension().subs(s.R, 0).subs(s.t, 1))
    (V - 1)**2
    """
    first, second = moments()
    return sp.factor(first**2 / second)


def gain_dimension() -> sp.Expr:
    r"""Dimension of one population with random gains and, if sparse, a random number of synapses; leak 1.

    ``X = eta xi + ...`` and ``Y = eta (1 + h^2 upsilon) + ...``; the orders eta and eta^3 of the equations of X and Y are solved here. The mean of
    ``upsilon^2`` is that of a sum over a Poisson number of synapses: the square of the mean and ``w4 <(1 + h^2 upsilon)^2>``.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import gain_dimension
    >>> gain_dimension()
    (V*h_2 - 1)**2*(h_4*w_4 - 1)/(V**2*h_2**2 - V**2*h_4 - 1)
    """
    V, h2, h4, w4 = _S.V, _S.h2, _S.h4, _S.w4
    xi, ups, ups2, square, y3 = sp.symbols("xi upsilon upsilon_2 U y_3")
    mean = sp.solve([sp.Eq(xi, 1 + V * h2 * xi), sp.Eq(ups, V * (1 + h2 * ups))], [xi, ups], dict=True)[0]
    # U = <(1 + h^2 upsilon)^2>
    second = sp.solve(
        [sp.Eq(ups2, ups**2 + w4 * square), sp.Eq(square, 1 + 2 * h2 * ups + h4 * ups2)], [ups2, square], dict=True
    )[0]
    U = second[square].subs(mean)
    # order eta^3 of Y = eta + V <Y/D>: 1/D = 1 - eta^2 xi (1 + h^2 upsilon), Y = eta (1 + h^2 upsilon) + eta^3 h^2 y3
    third = sp.solve(sp.Eq(y3, V * (h2 * y3 - U * mean[xi])), y3)[0]
    m1 = 1 + h2 * mean[ups]
    m2 = -(h2 * third - U * mean[xi])
    return sp.factor(sp.simplify(m1**2 / m2))


def outlier_condition() -> sp.Expr:
    r"""det of the 2 x 2 matrix whose zeros are outliers when ``a u v^T`` is added; q = u.v. In terms of t and eta.

    With ``E = (u, 0), (0, v)`` and the diagonal blocks ``G = t (Y, -iA; -iA, X)`` of the resolvent it is
    ``det(1 - i a K E^T G E)``, K the exchange matrix.
    """
    parts = field_equations()
    cross = -sp.I * parts["A"] * _S.t * _S.q
    block = sp.Matrix([[parts["G"], cross], [cross, parts["G"]]])
    exchange = sp.Matrix([[0, 1], [1, 0]])
    return sp.factor((sp.eye(2) - sp.I * _S.a * exchange * block).det())


def outliers() -> list[sp.Expr]:
    r"""Positions of the two outliers for orthogonal u, v and independent entries (V = g^2), lower and upper.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import covariance_symbols as s, outliers
    >>> [e.subs({s.g: 0.4, s.a: 4.03}).evalf(4) for e in outliers()]
    [0.05398, 26.35]
    """
    case = {_S.R: 0, _S.V: _S.g**2, _S.q: 0}
    square = eta_squared().subs(case)
    condition = outlier_condition().subs(case)
    condition = sp.factor(sp.expand(sp.together(condition)).subs(_S.eta**2, square))
    roots = sp.solve(sp.numer(sp.together(sp.simplify(condition.subs(_S.eta, sp.sqrt(square))))), _S.t)
    places = {sp.simplify(-1 / square.subs(_S.t, root)) for root in roots if sp.simplify(square.subs(_S.t, root)) != 0}
    return sorted(places, key=lambda e: float(e.subs({_S.g: 0.4, _S.a: 4.03})))


def outlier_threshold() -> sp.Expr:
    r"""The strength a beyond which the upper outlier exists: its t lies between 1 and the edge.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import covariance_symbols as s, outlier_threshold
    >>> round(float(outlier_threshold().subs(s.g, 0.4)), 4)
    0.6889
    """
    edge = sp.solve(2 * _S.g**2 * _S.t**2 - _S.g**2 * _S.t - 1, _S.t)
    edge = max(edge, key=lambda e: float(e.subs(_S.g, 0.5)))
    return sp.simplify(1 / sp.sqrt(edge * (edge - 1)))


def tail() -> sp.Expr:
    r"""Leading density at g = 1 and large x: ``sqrt(3)/(2 pi) x^(-5/3)``.

    Examples
    --------
    >>> from rmtlib.symbolic.covariance import tail
    >>> tail()
    sqrt(3)/(2*pi*x**(5/3))
    """
    density = iid_density().subs(_S.g, 1)
    big = sp.Symbol("b", positive=True)
    return sp.simplify(sp.limit(density.subs(_S.x, big**3) * big**5, big, sp.oo) / _S.x ** sp.Rational(5, 3))


def sampled_polynomial() -> sp.Poly:
    r"""Polynomial in chi = eta G for independent entries at finite time: ``x = -1/eta^2 + alpha G/eta``.

    ``chi`` runs from 0; with alpha -> 0 it is the cubic in another variable. The density is ``Im chi/(pi x)`` up to sign.
    """
    V, chi, alpha, x = _S.V, _S.chi, _S.alpha, _S.x
    # x eta^2 = -(1 - alpha chi); G = eta t/(1 - Vt) gives chi = eta^2 t/(1 - Vt)
    square = -(1 - alpha * chi) / x
    t = sp.solve(sp.Eq(chi * (1 - V * _S.t), square * _S.t), _S.t)[0]
    equation = sp.together(square - eta_squared().subs(_S.R, 0).subs(_S.t, t))
    factors = [p for p, _ in sp.factor_list(sp.numer(equation), chi)[1] if p.has(chi)]
    return sp.Poly(max(factors, key=lambda p: sp.degree(p, chi)), chi)
