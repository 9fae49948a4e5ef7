r"""Sparse disorder in superspace: the average, the functional saddle point, and its radial form.

A sparse law of the entries is a sum of plane waves in the invariants
:math:`u_{ij} = L_i^\dagger R_j + R_j^\dagger L_i`,

.. math:: \mathbb E\,e^{i\sum_{ij}W_{ij}h_ju_{ij}} = \prod_{ij}\big[1 + p\,k_{ij}\big],\qquad
          k_{ij} = \langle e^{iwh_ju_{ij}}\rangle_w - 1 ,

so that finite systems are finite sums of Gaussian superintegrals, done here by Berezin integration and compared with
determinants. For large systems the functions that solve the saddle point are Laplace transforms; mixtures of
exponentials, on which every step is exact algebra, stand for all of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from ..errors import ValidationError
from .derivation import _distributed, gaussian_integral, hatted, hermitized_form, integrate_out, overlap, supervectors
from .equations import AbsSquare, Average, _tidy, conjugated, dense_resolvent, dense_u_equation, evaluate
from .equations import symbols as _S
from .grassmann import Element
from .sparse import Kernel, SynapseAverage, functional_saddle_point
from .sparse import sparse_symbols as _P

__all__ = [
    "SparseLaw",
    "bessel_exponent",
    "cavity_series",
    "degree_correction",
    "enumerated_average",
    "inverse_kernel",
    "linearised_saddle",
    "radial_integral",
    "saddle_exponent",
    "saddle_series",
    "site_integral",
    "site_moment",
    "superintegral_average",
]

_p = _S.p


# ---------------------------------------------------------------- finite size
def _units(n: int, units: Sequence[tuple]) -> tuple[sp.Matrix, sp.Matrix, sp.Matrix]:
    if len(units) != n:
        raise ValidationError(f"{n} sites need {n} pairs (tau, h); got {len(units)}")
    tau, gain = (sp.diag(*(u[k] for u in units)) for k in (0, 1))
    return _S.ell * sp.eye(n) + _S.z * tau, _S.ell * sp.eye(n) + _S.zbar * tau, gain


def enumerated_average(
    n: int, weights: Sequence[tuple], units: Sequence[tuple], values: Mapping, law: str = "bernoulli", order: int = 2
) -> sp.Expr:
    r"""The generating function of n sites by enumeration of all adjacency configurations.

    .. math:: \mathbb E\,\frac{\det M(\hat z,\hat\eta)}{\det M(z,\eta)},\qquad
              \det M = \det(\eta^2 + BB^\dagger),\quad B = \ell + zT - WH,

    with determinants of numbers; no Grassmann variable.

    Parameters
    ----------
    n : int
    weights : list of (weight, probability)
        The law of a synapse that is present.
    units : list of (tau, h)
        One pair a site.
    values : mapping
        Numbers for ``ell, z, zbar, eta`` and their hatted versions.
    law : {"bernoulli", "poisson"}
        Each entry is present with probability p, or the number of synapses of a pair is Poisson of mean p.
    order : int
        Poisson only: highest power of p that is kept.

    Returns
    -------
    Expr
        A polynomial in ``p``.
    """
    a, abar, H = _units(n, units)
    if law == "bernoulli":
        cases = [(sp.S.Zero, 1 - _p)] + [(sp.sympify(w), _p * q) for w, q in weights]
    elif law == "poisson":
        cases = []
        for m in range(order + 1):
            for chosen in itertools.product(weights, repeat=m):
                weight = sp.Add(*(w for w, _ in chosen))
                cases.append((weight, sp.exp(-_p) * _p**m / sp.factorial(m) * sp.Mul(*(q for _, q in chosen))))
    else:
        raise ValidationError(f"law {law!r}: 'bernoulli' or 'poisson'")
    total = sp.S.Zero
    for entries in itertools.product(cases, repeat=n * n):
        weight = sp.Mul(*(q for _, q in entries))
        if law == "poisson" and sp.degree(weight / sp.exp(-n * n * _p), _p) > order:
            continue
        W = sp.Matrix(n, n, [w for w, _ in entries])
        det = (_S.eta**2 * sp.eye(n) + (a - W * H) * (abar - H * W.T)).det()
        total += weight * sp.expand(hatted(det).subs(values)) / sp.expand(det.subs(values))
    if law == "poisson":
        total = sp.series(total, _p, 0, order + 1).removeO()
    return sp.expand(total, complex=True)


def superintegral_average(
    n: int,
    weights: Sequence[tuple],
    units: Sequence[tuple],
    values: Mapping,
    law: str = "bernoulli",
    order: int = 2,
    phase: Any = sp.I,
) -> sp.Expr:
    r"""The same polynomial in p from the averaged superintegral.

    .. math:: \int d\Phi\; e^{-\Phi^\dagger M_0\Phi}\prod_{ij}(1 + p\,k_{ij})
              \quad\text{or}\quad \int d\Phi\; e^{-\Phi^\dagger M_0\Phi}\,e^{p\sum_{ij}k_{ij}},

    the product or the exponential expanded in plane waves :math:`e^{i\sum\omega_{ij}u_{ij}}`, each of which leaves a
    Gaussian superintegral over n pairs of supervectors; these are done by Berezin integration and Wick's theorem.

    Parameters
    ----------
    n, weights, units, values, law, order
        As for :func:`enumerated_average`.
    phase : Expr
        What multiplies ``w h u`` in the plane waves, :math:`+i`.
    """
    # plane waves: tuple of the n*n frequencies -> coefficient, a polynomial in p
    zero = (sp.S.Zero,) * (n * n)

    def times(f: dict, g: dict) -> dict:
        out: dict = {}
        for (u, c), (v, d) in itertools.product(f.items(), g.items()):
            key = tuple(x + y for x, y in zip(u, v, strict=True))
            out[key] = out.get(key, sp.S.Zero) + c * d
        if law == "poisson":
            out = {k: sp.Poly(c, _p) for k, c in out.items()}
            out = {k: sp.Add(*(v * _p**m for (m,), v in c.terms() if m <= order)) for k, c in out.items()}
        return {k: c for k, c in out.items() if sp.expand(c) != 0}

    waves = {zero: sp.S.One}
    for position in range(n * n):
        k = {zero: -sp.S.One}
        for w, q in weights:
            key = tuple(sp.sympify(w) if m == position else sp.S.Zero for m in range(n * n))
            k[key] = k.get(key, sp.S.Zero) + q
        pk = {u: _p * c for u, c in k.items()}
        factor, term = {zero: sp.S.One}, {zero: sp.S.One}
        for m in range(1, 2 if law == "bernoulli" else order + 1):
            term = {u: c / m for u, c in times(term, pk).items()}
            for u, c in term.items():
                factor[u] = factor.get(u, sp.S.Zero) + c
        waves = times(waves, factor)
    fields = supervectors(n)
    a, abar, H = _units(n, units)
    bare = (-hermitized_form(fields, a, abar)).map(lambda c: c.subs(values))
    total = sp.S.Zero
    for frequencies, coefficient in waves.items():
        exponent = bare
        for (i, j), w in zip(itertools.product(range(n), repeat=2), frequencies, strict=True):
            if w != 0:
                u = overlap(fields.Lbar[i], fields.R[j]) + overlap(fields.Rbar[j], fields.L[i])
                exponent = exponent + phase * w * H[j, j] * u
        total += coefficient * integrate_out(exponent.expand(), fields)[0]
    return sp.expand(total, complex=True)


# ---------------------------------------------------------------- one site
def _site_exponent(X: Any, Y: Any, extra: tuple[str, ...] = ()) -> tuple[Element, Any]:
    fields = supervectors(1, *extra)
    (L,), (Lbar,), (R,), (Rbar,) = fields.L, fields.Lbar, fields.R, fields.Rbar
    a = _S.ell + _S.z * _S.tau
    form = X * overlap(Lbar, L) + Y * overlap(Rbar, R)
    form = form + sp.I * a * overlap(Lbar, R) + sp.I * conjugated(a) * overlap(Rbar, L)
    return -form, fields


def site_integral(coupling: Any = None, X: Any = _S.X, Y: Any = None, at: str = "R") -> tuple[Element, Element]:
    r"""The integral over one site with a supervector K as source, and K itself squared.

    .. math:: \int dL\,dR\; e^{-X L^\dagger L - Y'R^\dagger R - iaL^\dagger R - i\bar aR^\dagger L
              + i\omega(K^\dagger R + R^\dagger K)},\qquad Y' = \eta + h^2Y,\ \omega = wh .

    Returns
    -------
    (integral, square)
        The integral and :math:`K^\dagger K`, as elements over the anticommuting component of K.

    Parameters
    ----------
    coupling : Expr, optional
        What multiplies :math:`K^\dagger R + R^\dagger K`.
    X, Y : Expr, optional
        The coefficients of :math:`L^\dagger L` and :math:`R^\dagger R`.
    at : {"R", "L"}
        Which supervector the source couples to.
    """
    omega = sp.Symbol("w", real=True) * _S.h
    coupling = sp.I * omega if coupling is None else coupling
    exponent, fields = _site_exponent(X, _S.eta + _S.h**2 * _S.Y if Y is None else Y, ("K",))
    (K, Kbar), (V,), (Vbar,) = fields.extra["K"], getattr(fields, at), getattr(fields, at + "bar")
    exponent = exponent + coupling * (overlap(Kbar, V) + overlap(Vbar, K))
    prefactor, rest = integrate_out(exponent.expand(), fields)
    return fields.algebra(prefactor) * sp.exp(rest), overlap(Kbar, K)


def site_moment(X: Any = _S.X, Y: Any = None) -> sp.Expr:
    r"""What a site contributes to the resolvent: the mean of :math:`-i\tau\,\bar\chi^L\chi^R`.

    That is the derivative of the weight in :math:`\hat z`, which multiplies :math:`\bar\chi^L\chi^R` alone.
    """
    exponent, fields = _site_exponent(X, _S.eta + _S.h**2 * _S.Y if Y is None else Y)
    insertion = -sp.I * _S.tau * fields.Lbar[0][1] * fields.R[0][1]
    soul = (exponent.soul.exp() * insertion).integrate_pairs(*fields.generators)
    return gaussian_integral(exponent.body, fields.bosons, soul.body)[0]


# ---------------------------------------------------------------- the functional saddle point
class SparseLaw:
    r"""A sparse ensemble with laws of finitely many values, on which the derivation is exact algebra.

    Parameters
    ----------
    weights : mapping
        ``{(a, b): [(w, probability), ...]}``, target ``a`` and source ``b``; leave out pairs without synapses.
    units : mapping
        ``{a: [(tau, h, probability), ...]}``.
    fractions : mapping, optional
        ``{a: f_a}``; symbols ``f_a`` by default.
    degree : mapping, optional
        ``{(a, b): c_ab}``; symbols ``c_ab`` by default.

    Examples
    --------
    >>> from rmtlib.symbolic import SparseLaw
    >>> law = SparseLaw({("I", "I"): [(1, 1)]}, {"I": [(1, 1, 1)]})
    >>> law.names, law.c["I", "I"], law.d["I", "I"]
    (('I',), c_II, c_II)
    """

    def __init__(
        self, weights: Mapping, units: Mapping, fractions: Mapping | None = None, degree: Mapping | None = None
    ):
        self.names = tuple(units)
        unknown = {x for pair in weights for x in pair} - set(self.names)
        if unknown:
            raise ValidationError(f"weights name the populations {sorted(unknown)}, which have no units")
        for what, law in (*weights.items(), *units.items()):
            total = sp.Add(*(entry[-1] for entry in law))
            if sp.simplify(total - 1) != 0:
                raise ValidationError(f"the probabilities of {what} sum to {total}, not to 1")
        self.weights, self.units = dict(weights), dict(units)
        single = len(self.names) == 1
        self.f = dict(fractions or {a: sp.S.One if single else sp.Symbol(f"f_{a}", positive=True) for a in self.names})
        self.c = dict(degree or {(a, b): sp.Symbol(f"c_{a}{b}", positive=True) for a, b in weights})
        self.d = {(b, a): self.c[a, b] * self.f[a] / self.f[b] for a, b in self.c}

    def moment(self, a: str, b: str, t: Any) -> sp.Expr:
        """The mean of ``(w**2)**t``."""
        return sp.Add(*(q * (sp.sympify(w) ** 2) ** t for w, q in self.weights[a, b]))


def saddle_exponent(law: SparseLaw, a: str, f: Mapping, ftilde: Mapping, s: Any, side: str = "in") -> sp.Expr:
    r"""The right-hand side of the functional saddle point, for mixtures of exponentials.

    .. math:: \log f_a(s) = \sum_bc_{ab}\Big(\big\langle\textstyle\int dL\,dR\;e^{iwh(K^\dagger R + R^\dagger K)}\,P_b(L,R)
              \big\rangle - 1\Big),\qquad s = K^\dagger K,

    with the weight :math:`P_b = e^{-\eta(\cdot) - ia L^\dagger R - i\bar aR^\dagger L}f_b(L^\dagger L)\tilde
    f_b(h^2R^\dagger R)` of a site. For :math:`f_b(s) = \sum_kp_ke^{-sX_k}` each term is :func:`site_integral`.

    Parameters
    ----------
    law : SparseLaw
    a : str
    f, ftilde : mapping
        ``{b: [(X, probability), ...]}`` and ``{b: [(Y, probability), ...]}``: the exponents of the mixtures.
    s : Expr
        The superinvariant.
    side : {"in", "out"}
        ``"out"``: :math:`\log\tilde f_a`, with degrees :math:`d_{ab}`, weights of (b, a) and the source at L.
    """
    if side not in ("in", "out"):
        raise ValidationError(f"side {side!r}: 'in' or 'out'")
    total = sp.S.Zero
    for b in law.names:
        pair = (a, b) if side == "in" else (b, a)
        if pair not in law.weights:
            continue
        mean = sp.S.Zero
        for (w, p1), (tau, h, p2), (X, p3), (Y, p4) in itertools.product(
            law.weights[pair], law.units[b], f[b], ftilde[b]
        ):
            x, y = _S.eta + X, _S.eta + sp.sympify(h) ** 2 * Y
            gap = (_S.ell + _S.z * tau) * (_S.ell + _S.zbar * tau)
            rate = sp.sympify(w) ** 2 * (sp.sympify(h) ** 2 * x if side == "in" else y) / (gap + x * y)
            mean += p1 * p2 * p3 * p4 * sp.exp(-s * sp.factor(rate))
        total += (law.c if side == "in" else law.d)[a, b] * (mean - 1)
    return total


def cavity_series(law: SparseLaw, a: str, f: Mapping, ftilde: Mapping, s: Any, order: int) -> sp.Expr:
    r"""Laplace transform of the cavity self-energy, as a sum over numbers of synapses up to ``order``.

    .. math:: E\,e^{-sX_a},\qquad X_a = \sum_{j=1}^{m}w_j^2h_j^2\,g_{2,j},\quad
              g_2 = \frac{\eta + X}{|a|^2 + (\eta + X)(\eta + h^2Y)},\qquad m\sim\mathrm{Poisson}(c_{ab})

    Every synapse, unit and cavity self-energy is drawn from its law by enumeration. Powers of the degrees above ``order``
    are dropped, which also expands :math:`e^{-c}`.
    """
    powers = [sp.S.One] + [sp.S.Zero] * order  # of the degrees
    for b in law.names:
        if (a, b) not in law.weights:
            continue
        synapses = []
        for (w, p1), (tau, h, p2), (X, p3), (Y, p4) in itertools.product(
            law.weights[a, b], law.units[b], f[b], ftilde[b]
        ):
            D = (_S.ell + _S.z * tau) * (_S.ell + _S.zbar * tau) + (_S.eta + X) * (_S.eta + h**2 * Y)
            synapses.append((sp.factor(w**2 * h**2 * (_S.eta + X) / D), p1 * p2 * p3 * p4))
        arrivals = []
        for m in range(order + 1):
            terms = (
                sp.Mul(*(chance for _, chance in chosen)) * sp.Mul(*(sp.exp(-s * X_j) for X_j, _ in chosen))
                for chosen in itertools.product(synapses, repeat=m)
            )
            arrivals.append(law.c[a, b] ** m / sp.factorial(m) * sp.Add(*terms))
        empty = [(-law.c[a, b]) ** m / sp.factorial(m) for m in range(order + 1)]
        for factor in (arrivals, empty):
            powers = [sp.Add(*(powers[j] * factor[m - j] for j in range(m + 1))) for m in range(order + 1)]
    return _distributed(sp.Add(*powers))


def saddle_series(law: SparseLaw, a: str, f: Mapping, ftilde: Mapping, s: Any, order: int) -> sp.Expr:
    """The exponential of :func:`saddle_exponent` (side "in"), expanded in the degrees up to ``order``."""
    exponent = _distributed(saddle_exponent(law, a, f, ftilde, s))
    total = term = sp.S.One
    for m in range(1, order + 1):  # each term of the exponent is of first order in the degrees
        term = _distributed(term * exponent / m)
        total += term
    return _distributed(total)


def linearised_saddle(law: SparseLaw, t: Any) -> sp.Matrix:
    r"""The functional saddle point linearised at f = 1, acting on powers of s.

    .. math:: f_a = 1 - \varphi_a:\qquad \varphi_a(s) = \sum_bc_{ab}\Big\langle\varphi_b\Big(s\,\frac{w^2h^2}{|a|^2}\Big)
              \Big\rangle,\qquad \varphi_b = \phi_bs^t:\quad
              K^{(t)}_{ab} = c_{ab}\,\langle|w|^{2t}\rangle\Big\langle\frac{h^{2t}}{|\ell + z\tau|^{2t}}\Big\rangle_b

    Returns
    -------
    Matrix
        :math:`K^{(t)}`, with :class:`~rmtlib.symbolic.equations.AbsSquare` for the modulus.
    """

    def entry(a: str, b: str) -> sp.Expr:
        if (a, b) not in law.weights:
            return sp.S.Zero
        inner = Average((_S.h**2 / AbsSquare(_S.ell + _S.z * _S.tau)) ** t, b)
        return law.c[a, b] * law.moment(a, b, t) * evaluate(inner, {b: law.units[b]})

    return sp.Matrix([[entry(a, b) for b in law.names] for a in law.names])


# ---------------------------------------------------------------- radial integrals
def radial_integral(function: Any = None, phase: Any = sp.I) -> tuple[sp.Expr, sp.Expr]:
    r"""Berezin part of the Fourier transform of a function of the superinvariant.

    .. math:: \int dR\;F(R^\dagger R)\,e^{i(K^\dagger R + R^\dagger K)} = \int\frac{d^2S}{\pi}\,
              e^{i(\bar\kappa S + \bar S\kappa)}\,\big[A(t) + C(t)\,\bar\psi\psi\big],\qquad
              t = |S|^2,\ K = (\kappa, \psi)

    Returns
    -------
    (A, C)
        In terms of F(t) and its derivative.

    Parameters
    ----------
    function : callable, optional
        F, an undefined function by default.
    phase : Expr
        The factor of :math:`K^\dagger R + R^\dagger K`.
    """
    F = sp.Function("F") if function is None else function
    t = sp.Symbol("t", positive=True)
    fields = supervectors(1, "K")
    (R,), (Rbar,), (K, Kbar) = fields.R, fields.Rbar, fields.extra["K"]
    radial = (fields.algebra(t) + Rbar[1] * R[1]).apply(F)
    wave = (phase * (Kbar[1] * R[1] + Rbar[1] * K[1])).exp()
    left = (radial * wave).integrate_pairs(R[1])
    return left.body, left.coefficient(Kbar[1], K[1])


def inverse_kernel(x: Any, k: Any, order: int) -> sp.Expr:
    r"""Series in k of the radial integral of an exponential,

    .. math:: \int_0^\infty J_0(2\sqrt{kt})\,x\,e^{-xt}\,dt
              = \sum_m\frac{(-k)^m}{m!^2}\,x\int_0^\infty t^me^{-xt}\,dt ,

    each integral done by sympy. It is the series of :math:`e^{-k/x}`.
    """
    t = sp.Symbol("t", positive=True)
    series = sp.S.Zero
    for m in range(order + 1):
        # the series of J0(2 sqrt(kt)): the average of the plane wave over the angle
        wave = (2 * sp.I) ** (2 * m) / sp.factorial(2 * m) * sp.binomial(2 * m, m) / 4**m * (k * t) ** m
        series += sp.integrate(wave * x * sp.exp(-x * t), (t, 0, sp.oo))
    return series


def _kernel_on_mixture(phi: sp.Expr, k: Any) -> sp.Expr:
    """:class:`~rmtlib.symbolic.sparse.Kernel` of a sum of exponentials in t, by :func:`inverse_kernel` to all orders."""
    total = 1 - phi.subs(_P.t, 0)
    for term in sp.Add.make_args(_distributed(phi)):
        rate = sp.factor(-sp.diff(term, _P.t) / term)
        if rate.has(_P.t):
            raise ValidationError(f"{term} is not an exponential in {_P.t}")
        if rate != 0:
            total += term.subs(_P.t, 0) * sp.exp(-sp.factor(k / rate))
    return total


def bessel_exponent(law: SparseLaw, a: str, f: Mapping, ftilde: Mapping, s: Any, side: str = "in") -> sp.Expr:
    r"""The right-hand side of the Bessel form of the saddle point, for mixtures of exponentials.

    That of :func:`~rmtlib.symbolic.sparse.functional_saddle_point`, the equation which the package solves, with
    :math:`\hat f_b(t) = \sum_kp_ke^{-tX_k}`, :math:`\tilde f_b` likewise and
    :math:`\mathcal K[e^{-xt}](k) = e^{-k/x}`. It has to agree with :func:`saddle_exponent` at ``eta = 0``.

    Parameters
    ----------
    law, a, f, ftilde, s, side
        As for :func:`saddle_exponent`. One population has one function: ``f`` and ``ftilde`` must agree.
    """
    names = law.names
    single = len(names) == 1
    if single and f != ftilde:
        raise ValidationError("one population has ftilde = f in the Bessel form")
    own, half = ("fhat", "Hhat") if side == "in" or single else ("ftilde", "Htilde")

    def label(name: str, b: str) -> str:
        return name if single else f"{name}_{b}"

    known = {
        label(name, b): sp.Add(*(q * sp.exp(-X * _P.t) for X, q in table[b]))
        for name, table in (("fhat", f), ("ftilde", ftilde))
        for b in names
    }
    sides = {str((e.lhs.args[0] if e.lhs.func == sp.log else e.lhs).func): e.rhs for e in functional_saddle_point(
        1 if single else names)}  # fmt: skip

    def evaluated(expr: sp.Expr, k: Any) -> sp.Expr:
        """The kernel of an expression in the known functions."""
        return _kernel_on_mixture(expr.replace(lambda e: isinstance(e, sp.core.function.AppliedUndef),
                                               lambda e: known[str(e.func)]), k)  # fmt: skip

    for b in names:
        (kernel,) = sides[label(half, b)].atoms(Kernel)
        mean = sp.S.Zero
        for tau, h, q in law.units[b]:
            at = {_S.tau: tau, _S.h: h}
            mean += q * evaluated(kernel.phi, kernel.args[1].doit().xreplace(at))
        known[label(half, b)] = mean
    total = sides[label(own, a)]
    for node in total.atoms(SynapseAverage):
        pair = (
            (names[0],) * 2
            if single
            else next(p for p in itertools.product(names, repeat=2) if "".join(p) == node.label)
        )
        kernel = node.args[0]
        value = sp.Add(
            *(q * evaluated(kernel.phi, kernel.args[1].subs({_P.w: w, _P.s: s})) for w, q in law.weights.get(pair, ()))
        )
        total = total.xreplace({node: value})
    empty = {sp.Symbol(f"c_{x}{y}", positive=True): law.c.get((x, y), 0) for x, y in itertools.product(names, repeat=2)}
    fractions = {sp.Symbol(f"f_{b}", positive=True): law.f[b] for b in names}
    if single:
        empty = {_S.c: law.c[names[0], names[0]]}
    return total.subs(empty | fractions, simultaneous=True)


# ---------------------------------------------------------------- expansions
_kappa = sp.Symbol("kappa", positive=True)


def _averages_of_powers(expr: sp.Expr) -> sp.Expr:
    """One population in the symmetric gauge X = Y = sqrt(u)."""
    return expr.subs({_S.X: sp.sqrt(_S.u), _S.Y: sp.sqrt(_S.u)})


def degree_correction() -> tuple[sp.Eq, sp.Eq]:
    r"""The first correction in 1/c to the dense law, one population.

    At :math:`c\to\infty` with :math:`V = c\langle w^2\rangle` fixed the self-energies have mean
    :math:`V\langle\varphi\rangle`, :math:`\varphi = h^2X/D`, and variance
    :math:`\tfrac{\kappa}{c}V^2\langle\varphi^2\rangle`, :math:`\kappa=\langle w^4\rangle/\langle w^2\rangle^2`;
    higher cumulants are of higher order. Expanding the mean to second order in the deviations, with
    :math:`D = |\ell + z\tau|^2 + h^2u` and u the solution of the dense equation,

    .. math:: u_1 = \kappa V^2u\Big\langle\frac{h^4(h^2u - |\ell+z\tau|^2)}{D^3}\Big\rangle,\qquad
              g_1 = -u_1\Big\langle\frac{\tau h^2(\ell+\bar z\tau)}{D^2}\Big\rangle
              + 2\kappa V^2u^2\Big\langle\frac{h^4}{D^2}\Big\rangle
                \Big\langle\frac{\tau h^4(\ell+\bar z\tau)}{D^3}\Big\rangle,

    so that :math:`g = g_0 + g_1/c + O(c^{-2})`.

    Returns
    -------
    (Eq, Eq)
        For :math:`u_1` and :math:`g_1`.

    See Also
    --------
    rmtlib.symbolic.equations.dense_u_equation : the equation of u.
    """
    gap = AbsSquare(_S.ell + _S.z * _S.tau)
    D = gap + _S.h**2 * _S.X * _S.Y
    phi, site = _S.h**2 * _S.X / D, _S.tau * (_S.ell + _S.zbar * _S.tau) / D

    def curvature(expr: sp.Expr) -> sp.Expr:
        second = expr.diff(_S.X, 2) + expr.diff(_S.Y, 2)
        return _tidy(Average(_distributed(_averages_of_powers(second) / sp.sqrt(_S.u))))

    variance = _kappa * _S.V**2 * Average(_averages_of_powers(phi**2))  # c times it
    # mean: sqrt(u) = V <phi> + variance/(2c) V curvature; the dense equation has the first term alone
    shift = _S.V * variance * curvature(phi) / 2
    slope = dense_u_equation().lhs.diff(_S.u)
    u1 = -shift / _tidy(slope)
    g1 = _tidy(dense_resolvent().rhs.diff(_S.u)) * sp.Symbol("u_1") + variance * curvature(site) * sp.sqrt(_S.u) / 2
    return sp.Eq(sp.Symbol("u_1"), u1, evaluate=False), sp.Eq(sp.Symbol("g_1"), g1, evaluate=False)
