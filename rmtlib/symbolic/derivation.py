r"""The steps of the supersymmetric derivation, computed at finite size with Grassmann variables.

The chapters of Part III derive formulas on the page and hold each against what this module *computes*: Berezin
integrals by expansion, Gaussian integrals over commuting variables by Wick's theorem, saddle points by
differentiation. :func:`accept` compares the two and stops the chapter when they differ.

**Supervectors.** Site ``i`` has two, :math:`L_i` and :math:`R_i`, each with a commuting and an anticommuting
component, :math:`L_i = (S^L_i, \chi^L_i)`. A commuting component and its conjugate are two symbols, as are ``z`` and
``zbar`` elsewhere. Measure: :math:`\int d^2S/\pi` for a commuting pair and :math:`\int d\bar\chi\,d\chi` for an
anticommuting one, so that :math:`\int e^{-\Phi^\dagger\Phi} = 1` for a supervector.

**The generating function.** Of all equations the source is

.. math:: \mathcal Z = \mathbb E\,\frac{\det M(\hat z,\hat\eta)}{\det M(z,\eta)}
          = \mathbb E\int d\Phi\; e^{-\Phi^\dagger M\Phi},\qquad
          g(z) = \frac1n\,\partial_{\hat z}\mathcal Z\big|_{\hat z = z,\,\hat\eta=\eta\to0},

in which the anticommuting components carry :math:`\hat z, \hat\eta`. It is 1 at equal arguments.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from types import SimpleNamespace
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from ..errors import RmtError, ValidationError
from .equations import AbsSquare, Average, _Labels
from .equations import symbols as _S
from .grassmann import Algebra, Element

__all__ = [
    "DerivationError",
    "accept",
    "dense_action",
    "dense_saddle",
    "gaussian_integral",
    "ginibre_action",
    "ginibre_averaged",
    "ginibre_direct",
    "ginibre_flux",
    "hatted",
    "hermitized_form",
    "integrate_out",
    "matrix_field",
    "overlap",
    "supermatrix_fields",
    "supermatrix_integrand",
    "supervectors",
]


class DerivationError(RmtError, AssertionError):
    """A step of a derivation that computer algebra does not confirm."""


# ---------------------------------------------------------------- the check
def _distributed(expr: sp.Expr) -> sp.Expr:
    """Products of sums multiplied out, exponents left as they are."""
    return sp.Add(*(sp.expand_mul(term, deep=False) for term in sp.Add.make_args(expr)))


def _refuted(expr: sp.Expr) -> bool:
    """Whether the value at some point is not zero: a quick no. Anything that has no value there is no answer."""
    free = sorted(expr.free_symbols, key=str)
    point = {v: sp.Rational(37 + 11 * i, 71 + 7 * i) for i, v in enumerate(free)}
    if any(not isinstance(v, sp.Symbol) or v.is_integer for v in free) or expr.has(
        Average, sp.Sum, sp.Integral, sp.Derivative, sp.Subs, AppliedUndef
    ):
        return False
    value = expr.subs(point, simultaneous=True).evalf(30)
    # 30 digits against sums of numbers of order 1: what is zero cancels far below this
    return bool(value.is_number and value.is_finite and value.is_comparable is not None and abs(value) > 1e-12)


def _zero(expr: Any) -> bool:
    expr = sp.sympify(expr)
    if expr.has(AbsSquare):
        expr = expr.replace(lambda e: isinstance(e, AbsSquare), lambda e: e.doit())
    if _refuted(expr):
        return False
    for attempt in (_distributed, sp.expand, lambda e: sp.cancel(sp.together(e)), sp.simplify):
        if attempt(expr) == 0:
            return True
    return False


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, Element):
        return list(value.terms.items())
    if isinstance(value, sp.Equality):
        return [value.lhs, value.rhs]
    if isinstance(value, sp.MatrixBase):
        return [sp.Tuple(*value.shape), *value]
    return list(value)


def _refused(step: str, difference: sp.Expr) -> DerivationError:
    text = str(difference)
    return DerivationError(f"{step}: {text if len(text) < 300 else text[:300] + ' ...'} is not zero")


def accept(derived: Any, claimed: Any, step: str = "step") -> Any:
    """Stop unless two expressions are identically equal; what is claimed is returned.

    Parameters
    ----------
    derived, claimed : sympy expressions, equations, matrices, Grassmann elements, or sequences of these
    step : str
        What is being checked, for the message.

    Raises
    ------
    DerivationError
        If the difference is not recognised as zero. A true identity that sympy cannot see is refused as well.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic import accept
    >>> x = sp.Symbol("x")
    >>> accept((x + 1) ** 2, x**2 + 2 * x + 1)
    x**2 + 2*x + 1
    >>> accept(sp.sin(x), -sp.sin(x), "odd function")
    Traceback (most recent call last):
        ...
    rmtlib.symbolic.derivation.DerivationError: odd function: 2*sin(x) is not zero
    """
    if isinstance(derived, Element) or isinstance(claimed, Element):
        difference = derived - claimed
        for coefficient in difference.terms.values():
            if not _zero(coefficient):
                raise _refused(step, coefficient)
    elif isinstance(derived, (Sequence, sp.MatrixBase, sp.Equality, sp.Tuple)):
        left, right = list(_parts(derived)), list(_parts(claimed))
        if len(left) != len(right):
            raise DerivationError(f"{step}: {len(left)} against {len(right)} parts")
        for a, b in zip(left, right, strict=True):
            accept(a, b, step)
    elif not _zero(sp.sympify(derived) - sp.sympify(claimed)):
        raise _refused(step, sp.sympify(derived) - sp.sympify(claimed))
    return claimed


# ---------------------------------------------------------------- commuting variables
def gaussian_integral(
    exponent: Any, variables: Sequence[tuple[sp.Symbol, sp.Symbol]], factor: Any = 1
) -> tuple[sp.Expr, sp.Expr]:
    r"""Integral of a polynomial times a complex Gaussian, as (prefactor, exponent).

    .. math:: \int\prod_k\frac{d^2r_k}{\pi}\,P(r,\bar r)\,e^{-\bar r A r + \bar r u + \bar v r + e_0}
        = \frac{1}{\det A}\Big[e^{\sum_{kl}(A^{-1})_{kl}\,\partial_{r_k}\partial_{\bar r_l}}P\Big]_{r = A^{-1}u,\;
        \bar r = \bar vA^{-1}}\; e^{\bar vA^{-1}u + e_0}

    The exponential of derivatives is Wick's theorem; on a polynomial it ends.

    Parameters
    ----------
    exponent : Expr
        Of first order in the ``r`` and in the ``rbar``.
    variables : sequence of (r, rbar)
    factor : Expr
        The polynomial ``P``.

    Raises
    ------
    ValidationError
        The exponent is of higher order, or holds r r without a conjugate.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic import gaussian_integral
    >>> r, rbar, A = sp.symbols("r rbar A")
    >>> gaussian_integral(-A * r * rbar, [(r, rbar)], (r * rbar) ** 2)
    (2/A**3, 0)
    """
    r, rbar = [v[0] for v in variables], [v[1] for v in variables]
    poly = sp.Poly(sp.expand(exponent), *r, *rbar)
    count = len(r)
    A, u, v, rest = sp.zeros(count), sp.zeros(count, 1), sp.zeros(1, count), sp.S.Zero
    for powers, c in poly.terms():
        left, right = powers[:count], powers[count:]
        if sum(left) > 1 or sum(right) > 1:
            raise ValidationError("the exponent has to be linear in the variables and linear in their conjugates")
        if sum(left) and sum(right):
            A[right.index(1), left.index(1)] -= c
        elif sum(right):
            u[right.index(1)] += c
        elif sum(left):
            v[left.index(1)] += c
        else:
            rest += c
    det = sp.expand(A.det(method="berkowitz"))
    if u.is_zero_matrix and v.is_zero_matrix and not sp.sympify(factor).has(*r, *rbar):
        return factor / det, rest
    C = A.adjugate(method="berkowitz") / det
    means = {**dict(zip(r, C * u, strict=True)), **dict(zip(rbar, v * C, strict=True))}
    pairs = [(r[k], rbar[m], C[k, m]) for k in range(count) for m in range(count) if C[k, m] != 0]
    term, total, order = sp.sympify(factor), sp.S.Zero, 0
    while term != 0:
        total += term / sp.factorial(order)
        order += 1
        term = sp.expand(sp.Add(*(c * sp.diff(term, a, b) for a, b, c in pairs)))
    prefactor = total.subs(means, simultaneous=True) / det
    return sp.factor(sp.cancel(sp.together(prefactor))), sp.factor(sp.cancel((v * C * u)[0] + rest))


# ---------------------------------------------------------------- supervectors
_HAT = {_S.z: sp.Symbol("zhat", complex=True), _S.zbar: sp.Symbol("zhatbar", complex=True),
        _S.eta: sp.Symbol("etahat", nonnegative=True)}  # fmt: skip


def hatted(expr: Any) -> Any:
    """The same expression for the anticommuting components: ``z, zbar, eta`` become ``zhat, zhatbar, etahat``.

    Examples
    --------
    >>> from rmtlib.symbolic import hatted, symbols as s
    >>> hatted(s.eta**2 + s.z * s.zbar)
    etahat**2 + zhat*zhatbar
    """
    return sp.sympify(expr).xreplace(_HAT)


def supervectors(n: int, *extra: str) -> SimpleNamespace:
    r"""Supervectors :math:`L_i, R_i` of ``n`` sites over one Grassmann algebra.

    Returns
    -------
    namespace
        ``L``, ``Lbar``, ``R``, ``Rbar``: lists of pairs (commuting, anticommuting) of Elements; ``algebra``;
        ``bosons``, the pairs of symbols, those of L first; ``extra``: further supervectors by name, (vector, conjugate).

    Examples
    --------
    >>> from rmtlib.symbolic import overlap, supervectors
    >>> f = supervectors(1)
    >>> overlap(f.Lbar[0], f.R[0])
    S_R1*Sbar_L1 + chibar_L1*chi_R1
    """
    sites = [f"{side}{i + 1}" for side in "LR" for i in range(n)]
    algebra = Algebra.complex([f"chi_{s}" for s in sites] + [f"chi_{name}" for name in extra])

    def vector(tag: str) -> tuple[tuple, tuple, tuple]:
        S, bar = sp.Symbol(f"S_{tag}"), sp.Symbol(f"Sbar_{tag}")
        return (algebra(S), algebra[f"chi_{tag}"]), (algebra(bar), algebra[f"chibar_{tag}"]), (S, bar)

    made = [vector(tag) for tag in sites]
    more = {name: vector(name) for name in extra}
    left, right = made[:n], made[n:]
    return SimpleNamespace(
        algebra=algebra,
        L=[v[0] for v in left], Lbar=[v[1] for v in left], R=[v[0] for v in right], Rbar=[v[1] for v in right],
        bosons=[v[2] for v in made], generators=[v[0][1] for v in made],
        extra={name: v[:2] for name, v in more.items()}, extra_bosons={name: v[2] for name, v in more.items()},
    )  # fmt: skip


def overlap(bar: tuple[Element, Element], vector: tuple[Element, Element]) -> Element:
    r"""The invariant :math:`\Phi^\dagger\Psi = \bar S_\Phi S_\Psi + \bar\chi_\Phi\chi_\Psi` of two supervectors."""
    return bar[0] * vector[0] + bar[1] * vector[1]


def hermitized_form(fields: SimpleNamespace, B: Any, Bdagger: Any, eta: Any = _S.eta) -> Element:
    r"""The form :math:`\Phi^\dagger M\Phi = \eta\sum_i(L_i^\dagger L_i + R_i^\dagger R_i)
    + i\sum_{ij}(L_i^\dagger B_{ij}R_j + R_i^\dagger (B^\dagger)_{ij}L_j)`.

    ``B`` and ``Bdagger`` are matrices in ``z`` and ``zbar``; the anticommuting components take their :func:`hatted`
    version. ``Bdagger`` is given separately as nothing is assumed about which symbols are real.
    """
    n = len(fields.L)
    B, Bdagger = sp.Matrix(B), sp.Matrix(Bdagger)
    if B.shape != (n, n) or Bdagger.shape != (n, n):
        raise ValidationError(f"B and Bdagger have to be {n} by {n}, one row a site; got {B.shape} and {Bdagger.shape}")
    total = fields.algebra(0)
    for part, change in ((0, lambda e: e), (1, hatted)):
        for i in range(n):
            L, R, Lbar, Rbar = (getattr(fields, name)[i][part] for name in ("L", "R", "Lbar", "Rbar"))
            total = total + change(sp.sympify(eta)) * (Lbar * L + Rbar * R)
            for j in range(n):
                total = total + sp.I * change(B[i, j]) * Lbar * fields.R[j][part]
                total = total + sp.I * change(Bdagger[i, j]) * Rbar * fields.L[j][part]
    return total.expand()


def integrate_out(exponent: Element, fields: SimpleNamespace, keep: Sequence[tuple] = ()) -> tuple[Any, sp.Expr]:
    r"""Integral of ``exp(exponent)`` over all anticommuting, then over the commuting components not in ``keep``.

    Returns
    -------
    (prefactor, exponent)
        Of the exponential that is left. The prefactor is an Element if ``extra`` generators are left over.
    """
    soul = exponent.soul.exp()
    grassmann = soul.integrate_pairs(*fields.generators)
    variables = [pair for pair in fields.bosons if pair not in list(keep)]
    if set(grassmann.terms) <= {0}:
        return gaussian_integral(exponent.body, variables, grassmann.body)
    parts = {blade: gaussian_integral(exponent.body, variables, c) for blade, c in grassmann.terms.items()}
    (left,) = {e for _, e in parts.values()}
    return Element(fields.algebra, {blade: p for blade, (p, _) in parts.items()}), left


# ---------------------------------------------------------------- Ginibre at finite size
def matrix_field(n: int) -> tuple[sp.Matrix, sp.Matrix, list[tuple[sp.Symbol, sp.Symbol]]]:
    """Symbols of a complex ``n`` by ``n`` matrix W, of its adjoint, and the list of pairs (entry, conjugate)."""
    W = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"W{i + 1}{j + 1}"))
    Wbar = sp.Matrix(n, n, lambda i, j: sp.Symbol(f"Wbar{i + 1}{j + 1}"))
    return W, Wbar.T, list(zip(W, Wbar, strict=True))


_LENGTH = sp.Symbol("s", positive=True)  # the length of L, later the superinvariant


def _aligned(fields: SimpleNamespace) -> dict[sp.Symbol, Any]:
    """Commuting components of L along the first site, of squared length s: invariance under L -> UL, R -> UR."""
    n = len(fields.L)
    length = sp.sqrt(_LENGTH)
    return {symbol: (length if k == 0 else 0) for k, pair in enumerate(fields.bosons[:n]) for symbol in pair}


def ginibre_averaged(n: int, coupling: Any = None) -> tuple[sp.Expr, sp.Expr]:
    r"""The averaged superintegral of the Ginibre ensemble, all but the length of L integrated.

    .. math:: \int dL\,dR\; e^{-\eta(\cdot) - iz\sum L_i^\dagger R_i - i\bar z\sum R_i^\dagger L_i
              - \kappa\sum_{ij}(L_i^\dagger R_j)(R_j^\dagger L_i)},\qquad \kappa = \sigma^2/n

    Returns
    -------
    (prefactor, exponent)
        Their exponential form is a function of :math:`s = \sum|S^L_i|^2`, to be integrated over
        :math:`\int_0^\infty ds\,s^{n-1}/(n-1)!`.

    Parameters
    ----------
    n : int
    coupling : Expr, optional
        :math:`\kappa`.
    """
    kappa = _S.sigma**2 / n if coupling is None else sp.sympify(coupling)
    fields = supervectors(n)
    exponent = -hermitized_form(fields, _S.z * sp.eye(n), _S.zbar * sp.eye(n))
    for i in range(n):
        for j in range(n):
            exponent -= kappa * overlap(fields.Lbar[i], fields.R[j]) * overlap(fields.Rbar[j], fields.L[i])
    return integrate_out(exponent.expand().subs(_aligned(fields)), fields, keep=fields.bosons[:n])


def ginibre_direct(n: int) -> tuple[sp.Expr, sp.Expr]:
    r"""The same function of s as :func:`ginibre_averaged`, averaged over the matrix W without any Grassmann variable.

    .. math:: \frac{1}{\det M} = \frac1{\eta^n}\int\prod_i\frac{d^2S_i}{\pi}\,e^{-\eta|S|^2 - S^\dagger BB^\dagger S/\eta},
              \qquad \det\hat M = \det(\hat\eta^2 + \hat B\hat B^\dagger),

    and the entries of W are independent complex Gaussians, so that each power of them is a Wick sum. S points along
    the first site, as W and UWU* have the same law.
    """
    W, Wdagger, entries = matrix_field(n)
    B, Bdagger = _S.z * sp.eye(n) - W, _S.zbar * sp.eye(n) - Wdagger
    determinant = hatted((_S.eta**2 * sp.eye(n) + B * Bdagger).det())
    weight = n / _S.sigma**2
    exponent = -_S.eta * _LENGTH - _LENGTH / _S.eta * (B * Bdagger)[0, 0] - weight * (W * Wdagger).trace()
    prefactor, rest = gaussian_integral(exponent, entries, sp.expand(determinant))
    return sp.factor(prefactor * weight ** (n * n) / _S.eta**n), rest


@cache
def supermatrix_fields() -> SimpleNamespace:
    r"""The two supermatrices of the Hubbard-Stratonovich transformation.

    .. math:: \mathcal X = \begin{pmatrix}x & \alpha\\ \alpha' & q\end{pmatrix},\qquad
              \mathcal Y = \begin{pmatrix}y & \beta\\ \beta' & \bar q\end{pmatrix},

    ``x >= 0``, ``y`` on a line parallel to the imaginary axis, ``q`` complex, Greek letters anticommuting.

    Returns
    -------
    namespace
        Elements ``x``, ``y``, ``q``, ``qbar``, ``alpha``, ``alphap``, ``beta``, ``betap``; ``symbols``, the commuting
        four; ``strace``, :math:`\mathrm{Str}\,\mathcal{XY}`; ``sdet``, the superdeterminant of the matrix with the
        diagonal blocks :math:`\eta + \mathcal X`, :math:`\eta + \mathcal Y` and the others
        :math:`i\mathcal Z`, :math:`i\bar{\mathcal Z}`, :math:`\mathcal Z = \mathrm{diag}(z, \hat z)`.
    """
    algebra = Algebra("alpha alphaprime beta betaprime")
    alpha, alphap, beta, betap = algebra.generators
    x, y = sp.symbols("x y", positive=True)
    q, qbar = sp.symbols("q qbar")
    strace = (x * y - q * qbar) + alpha * betap - alphap * beta
    # rows and columns: (L, R) commuting first, then (L, R) anticommuting
    A = sp.Matrix([[_S.eta + x, sp.I * _S.z], [sp.I * _S.zbar, _S.eta + y]])
    F = hatted(sp.Matrix([[_S.eta + q, sp.I * _S.z], [sp.I * _S.zbar, _S.eta + qbar]]))
    det, D = A.det(), sp.Symbol("D")
    adjugate, upper, lower = A.adjugate(), (alpha, beta), (alphap, betap)
    schur = [[F[i, j] - lower[i] * upper[j] * (adjugate[i, j] / D) for j in range(2)] for i in range(2)]
    numerator = (schur[0][0] * schur[1][1] - schur[0][1] * schur[1][0]).expand()  # Sdet = D/numerator
    sdet = (numerator.subs({D: det}) / det).map(sp.cancel).inverse().map(sp.factor)
    return SimpleNamespace(
        algebra=algebra, symbols=(x, y, q, qbar), alpha=alpha, alphap=alphap, beta=beta, betap=betap,
        strace=strace, sdet=sdet, numerator=numerator, det=(D, det),
    )  # fmt: skip


def supermatrix_integrand(n: int, weight: Any = None) -> tuple[sp.Expr, sp.Expr]:
    r"""The supermatrix integral, all but ``x`` integrated.

    .. math:: \int d\mathcal X\,d\mathcal Y\; e^{k\,\mathrm{Str}\,\mathcal{XY}}\,
              \mathrm{Sdet}^{-n}\begin{pmatrix}\eta + \mathcal X & i\mathcal Z\\ i\bar{\mathcal Z} & \eta + \mathcal Y
              \end{pmatrix},\qquad k = n/\sigma^2 .

    Greek letters by Berezin integration, ``q`` by Wick's theorem, ``y`` by the residue of its only pole,
    :math:`y_0 = -\eta - z\bar z/(\eta + x)`, to the left of the line of integration.

    Returns
    -------
    (prefactor, exponent)
        To be integrated over :math:`k\int_0^\infty dx`.
    """
    k = n / _S.sigma**2 if weight is None else sp.sympify(weight)
    fields = supermatrix_fields()
    x, y, q, qbar = fields.symbols
    D, det = fields.det
    y0, u, inverse = -_S.eta - _S.z * _S.zbar / (_S.eta + x), sp.Symbol("u"), sp.Symbol("inverse")
    accept(det, (_S.eta + x) * (y - y0), "pole in y")
    power = fields.numerator.map(lambda c: sp.expand(c.subs(D, 1 / inverse))) ** n
    soul = (k * fields.strace.soul).exp()
    measure = (fields.alpha, fields.betap, fields.alphap, fields.beta)
    berezin = sp.expand((power * soul).integrate(*measure).body / soul.integrate(*measure).body)
    polynomial = gaussian_integral(-k * q * qbar, [(q, qbar)], berezin)[0] * k
    # residue of e^{kxy} polynomial(y, 1/D) / D^n, D = (eta + x) u, u = y - y0
    residue = sp.S.Zero
    for (j, m), c in sp.Poly(sp.expand(polynomial).subs(y, u + y0), u, inverse).terms():
        order = n + m - 1 - j
        if order >= 0:
            residue += c * (k * x) ** order / sp.factorial(order) / (_S.eta + x) ** (n + m)
    return sp.factor(sp.cancel(residue)), sp.factor(k * x * y0)


def ginibre_flux(n: int, integrand: tuple[sp.Expr, sp.Expr] | None = None) -> sp.Expr:
    r"""Mean fraction of the eigenvalues of an n by n Ginibre matrix within radius :math:`\sigma\sqrt t`.

    .. math:: F_n(t) = z\,g(z) = \lim_{\eta\to0}\frac zn\,\partial_{\hat z}\mathcal Z\big|_{\hat z=z},
              \qquad x = \frac{\eta v}{1-v},\ 0<v<1,\qquad t = \frac{|z|^2}{\sigma^2},

    from the supermatrix integral at size n. Its derivative is the density in :math:`t`,
    :math:`e^{-nt}\sum_{k<n}(nt)^k/k!`.

    Parameters
    ----------
    n : int
    integrand : (prefactor, exponent), optional
        :func:`supermatrix_integrand` of n.

    References
    ----------
    J. Ginibre, J. Math. Phys. 6, 440 (1965).

    Examples
    --------
    >>> from rmtlib.symbolic import ginibre_flux
    >>> ginibre_flux(1)
    1 - exp(-t)
    """
    prefactor, exponent = supermatrix_integrand(n) if integrand is None else integrand
    x = supermatrix_fields().symbols[0]
    v, t = sp.symbols("v t", positive=True)
    back = {new: old for old, new in _HAT.items()}
    slope = sp.diff(prefactor, _HAT[_S.z]).subs(back, simultaneous=True) * n / _S.sigma**2 / n  # k dx, 1/n
    path = _S.eta * v / (1 - v)
    measure = sp.diff(path, v)
    rest = sp.cancel(sp.together((slope * _S.z).subs(x, path) * measure)).subs(_S.eta, 0)
    power = sp.cancel(exponent.subs(x, path)).subs(_S.eta, 0)
    plane = {_S.zbar: t * _S.sigma**2 / _S.z}
    rest, power = sp.cancel(rest.subs(plane)), sp.cancel(power.subs(plane))
    rate, flux = sp.cancel(-power / v), sp.S.Zero
    for (j,), c in sp.Poly(rest, v).terms():
        # int_0^1 v^j e^{-av} dv = j!/a^{j+1} (1 - e^{-a} sum_{i<=j} a^i/i!)
        tail = sp.exp(-rate) * sp.Add(*(rate**i / sp.factorial(i) for i in range(j + 1)))
        flux += c * sp.factorial(j) / rate ** (j + 1) * (1 - tail)
    return sp.expand(flux)


# ---------------------------------------------------------------- large n
def ginibre_action() -> tuple[Element, SimpleNamespace]:
    r"""The exponent per unit of the supermatrix integral.

    .. math:: \mathcal F = \frac{1}{\sigma^2}\,\mathrm{Str}\,\mathcal{XY}
              - \log\mathrm{Sdet}\begin{pmatrix}\eta + \mathcal X & i\mathcal Z\\ i\bar{\mathcal Z} & \eta + \mathcal Y
              \end{pmatrix}

    Returns
    -------
    (Element, namespace)
        The second as :func:`supermatrix_fields`.
    """
    fields = supermatrix_fields()
    return fields.strace / _S.sigma**2 - fields.sdet.log(), fields


def dense_action(populations: Any = 1, reciprocity: bool = False, eta: Any = _S.eta) -> SimpleNamespace:
    r"""The commuting part of the action for a variance profile, timescales and gains.

    .. math:: S = \sum_a f_a\varrho_a Y_a - \sum_a f_a\big\langle\log D_a\big\rangle_a,\qquad
        D_a = |\ell + z\tau|^2 + X_a(\eta + h^2Y_a),\qquad X_a = \eta + \sum_b V_{ab}\varrho_b .

    With reciprocity :math:`a` becomes :math:`A = \ell + z\tau - h\theta_a` and
    :math:`-\tfrac12\sum_{ab}f_aR_{ab}(t_at_b + \bar t_a\bar t_b) - i\sum_af_a(\theta_at_a + \bar\theta_a\bar t_a)` is
    added; :math:`f_aR_{ab}` is symmetric.

    Returns
    -------
    namespace
        ``S``, with ``X`` as symbols of their own; ``X``: their definition in ``varrho``; lists of symbols ``varrho``,
        ``Y``, ``Xs``, and with reciprocity ``theta``, ``thetabar``, ``t``, ``tbar``; ``labels``.
    """
    labels = _Labels(populations)
    names = labels.names
    if labels.general:
        raise ValidationError("the action is written for an explicit list of populations: name them")

    def each(name: str) -> list[sp.Symbol]:
        return [labels(name, a) for a in names]

    out = SimpleNamespace(labels=labels, varrho=each("varrho"), Y=each("Y"), Xs=each("X"), f=each("f"))
    out.X = [eta + sp.Add(*(labels("V", a, b) * r for b, r in zip(names, out.varrho, strict=True))) for a in names]
    theta = each("theta") if reciprocity else [0] * len(names)
    thetabar = [sp.Symbol(s.name.replace("theta", "thetabar"), complex=True) for s in theta] if reciprocity else theta
    out.S = sp.S.Zero
    for k, a in enumerate(names):
        gap = _S.ell + _S.z * _S.tau - _S.h * theta[k]
        D = AbsSquare(gap, _S.ell + _S.zbar * _S.tau - _S.h * thetabar[k]) + out.Xs[k] * (eta + _S.h**2 * out.Y[k])
        out.S += out.f[k] * (out.varrho[k] * out.Y[k] - Average(sp.log(D), a))
    if reciprocity:
        out.theta, out.thetabar, out.t, out.tbar = theta, thetabar, each("t"), each("tbar")
        for t, th in ((out.t, out.theta), (out.tbar, out.thetabar)):
            for k, a in enumerate(names):
                out.S -= sp.I * out.f[k] * th[k] * t[k] + out.f[k] * labels("R", a, a) * t[k] ** 2 / 2
                for m in range(k):
                    out.S -= out.f[m] * labels("R", names[m], a) * t[m] * t[k]
    return out


def dense_saddle(populations: Any = 1, reciprocity: bool = False, eta: Any = _S.eta, action: Any = None) -> tuple:
    r"""Stationarity of :func:`dense_action`, solved for X, Y (and theta) in the order of ``dense_self_consistency``.

    :math:`\partial S/\partial Y_a = 0` gives :math:`\varrho_a`, hence :math:`X_a`;
    :math:`\partial S/\partial\varrho_a = 0` gives :math:`Y_a`; :math:`\partial S/\partial\theta_a = 0` gives
    :math:`t_a`, and :math:`\partial S/\partial t_a = 0` then :math:`\theta_a`.

    Returns
    -------
    tuple of Eq
    """
    act = dense_action(populations, reciprocity, eta) if action is None else action
    labels, names = act.labels, act.labels.names
    count = len(names)
    varrho = {r: sp.solve(act.S.diff(y), r)[0] for r, y in zip(act.varrho, act.Y, strict=True)}
    X = [sp.Eq(x, rhs.subs(varrho), evaluate=False) for x, rhs in zip(act.Xs, act.X, strict=True)]
    Y = []
    for k in range(count):
        slope = act.S.diff(act.varrho[k])
        slope += sp.Add(*(act.S.diff(x) * rhs.diff(act.varrho[k]) for x, rhs in zip(act.Xs, act.X, strict=True)))
        Y.append(sp.Eq(act.Y[k], act.Y[k] - sp.expand(slope / act.f[k]), evaluate=False))
    if not reciprocity:
        return (*X, *Y)
    symmetric = {
        labels("R", names[k], names[m]): act.f[m] * labels("R", names[m], names[k]) / act.f[k]
        for k in range(count)
        for m in range(k)
    }
    t = {s: sp.solve(act.S.diff(th), s)[0] for s, th in zip(act.t, act.theta, strict=True)}
    theta = []
    for k in range(count):
        slope = act.S.diff(act.t[k]) / (-sp.I * act.f[k])
        right = sp.expand((act.theta[k] - slope).subs(t))
        theta.append(sp.Eq(act.theta[k], right, evaluate=False))
    return tuple(sp.Eq(e.lhs, e.rhs.subs(symmetric), evaluate=False) for e in (*X, *Y, *theta))
