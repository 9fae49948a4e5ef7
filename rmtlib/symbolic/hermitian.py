r"""Equations of sparse symmetric matrices: messages, the Hammerstein equation, and their limits.

A vertex has :math:`G_{ii} = -i/\Omega_i`, with :math:`\Omega` in the right half plane for
:math:`\operatorname{Im}z>0`. The weight of an edge is ``w``. Averages over it are sums over atoms, ``weights`` being a
list of pairs (value, probability); the default is one weight ``w``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from ..errors import ValidationError
from .equations import symbols as _S

__all__ = [
    "hammerstein_equation",
    "hammerstein_series",
    "kesten_mckay_law",
    "reciprocal_transform",
    "semicircle_correction",
    "tree_moments",
    "vertex_message",
]

_w = sp.Symbol("w", real=True)
_Omega = sp.Symbol("Omega")
_s, _t = sp.symbols("s t", positive=True)
_phi = sp.Function("varphi")


def _check(matrix: str) -> None:
    if matrix not in ("adjacency", "laplacian"):
        raise ValidationError(f"matrix must be 'adjacency' or 'laplacian', got {matrix!r}")


def vertex_message(matrix: str = "adjacency", omega: Any = _Omega, w: Any = _w) -> sp.Expr:
    r"""What a neighbour with cavity value :math:`\Omega` sends through an edge of weight ``w``.

    Examples
    --------
    >>> from rmtlib.symbolic import vertex_message
    >>> vertex_message(), vertex_message("laplacian")
    (w**2/Omega, 1/(-I/w + 1/Omega))
    """
    _check(matrix)
    return w**2 / omega if matrix == "adjacency" else 1 / (1 / omega - sp.I / w)


def reciprocal_transform(F: Any, k: Any) -> sp.Expr:
    r"""The transform of 1/X from that of X, :math:`F(t)=\mathbb E\,e^{-tX}`:

    .. math:: \mathcal K[F](k) = \mathbb E\,e^{-k/X} = 1 - \int_0^\infty\sqrt{k/t}\;J_1(2\sqrt{kt})\,F(t)\,dt .

    ``F`` is a callable. The integral is left undone.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic import reciprocal_transform
    >>> k = sp.Symbol("k", positive=True)
    >>> reciprocal_transform(lambda t: sp.exp(-t), k).doit().simplify()
    exp(-k)
    """
    return 1 - sp.Integral(sp.sqrt(k / _t) * sp.besselj(1, 2 * sp.sqrt(k * _t)) * F(_t), (_t, 0, sp.oo))


def hammerstein_equation(matrix: str = "adjacency", weights: Sequence[tuple] = ((_w, 1),)) -> sp.Eq:
    r"""The equation of :math:`\varphi(s)=\mathbb E\,e^{-s\Sigma}`, the sum of the messages to a vertex of a Poisson graph.

    .. math:: \log\varphi(s) = c\,\big\langle\mathcal K[e^{izt}\varphi(t)](sw^2) - 1\big\rangle_w ,

    and for the Laplacian :math:`e^{-isw}\,\mathcal K[e^{i(z-w)t}\varphi(t)](sw^2)` in the place of
    :math:`\mathcal K`.

    Examples
    --------
    >>> from rmtlib.symbolic import hammerstein_equation
    >>> hammerstein_equation().lhs
    log(varphi(s))
    """
    _check(matrix)
    total = sp.S.Zero
    for w, p in weights:
        if matrix == "adjacency":
            term = reciprocal_transform(lambda t: sp.exp(sp.I * _S.z * t) * _phi(t), _s * w**2)
        else:
            inner = reciprocal_transform(lambda t, w=w: sp.exp(sp.I * (_S.z - w) * t) * _phi(t), _s * w**2)
            term = sp.exp(-sp.I * _s * w) * inner
        total += p * (term - 1)
    return sp.Eq(sp.log(_phi(_s)), _S.c * total)


def hammerstein_series(matrix: str, order: int, omega: Any = _Omega) -> sp.Expr:
    r"""Series in ``s`` of the right side :math:`\log\varphi(s)/c` when every neighbour has the same :math:`\Omega`.

    There :math:`e^{izt}\varphi(t) = e^{-t\Omega}`, and the Bessel integral is done term by term,
    :math:`\sqrt{k/t}\,J_1(2\sqrt{kt}) = \sum_m(-1)^mk^{m+1}t^m/(m!\,(m+1)!)`. It is the series of
    :math:`e^{-s\,m(w,\Omega)} - 1`.
    """
    _check(matrix)
    shifted = omega if matrix == "adjacency" else omega + sp.I * _w
    k, total = _s * _w**2, sp.S.One
    for m in range(order):
        moment = sp.factorial(m) / shifted ** (m + 1)  # int t^m exp(-t X) dt, Re X > 0
        total -= (-1) ** m * k ** (m + 1) / (sp.factorial(m) * sp.factorial(m + 1)) * moment
    turn = 1 if matrix == "adjacency" else sp.exp(-sp.I * _s * _w)
    return sp.series(turn * total, _s, 0, order + 1).removeO() - 1


def kesten_mckay_law() -> sp.Eq:
    r"""Density of the adjacency matrix of random regular graphs of degree ``d``, weights ``+-w``.

    It follows from the cavity equation with ``d - 1`` messages at its fixed point, then ``d`` of them at the vertex, and
    :math:`\rho=\operatorname{Re}(1/\Omega)/\pi`.

    Examples
    --------
    >>> from rmtlib.symbolic import kesten_mckay_law
    >>> kesten_mckay_law().rhs
    d*sqrt(w**2*(4*d - 4) - x**2)/(2*pi*(d**2*w**2 - x**2))
    """
    d, x = sp.Symbol("d", positive=True), _S.x
    return sp.Eq(_S.rho, d * sp.sqrt(4 * (d - 1) * _w**2 - x**2) / (2 * sp.pi * (d**2 * _w**2 - x**2)))


def semicircle_correction() -> sp.Eq:
    r"""Wigner's equation with its first correction in the mean degree, :math:`\kappa=\langle w^4\rangle/\langle w^2\rangle^2`:

    .. math:: z = \frac1G + VG + \frac{\kappa}{c}\,V^2G^3 + O(c^{-2}), \qquad V = c\,\langle w^2\rangle .

    Its moments are those of :func:`tree_moments` to first order in 1/c.

    Examples
    --------
    >>> from rmtlib.symbolic import semicircle_correction
    >>> semicircle_correction().rhs
    G**3*V**2*kappa/c + G*V + 1/G
    """
    G, kappa = sp.Symbol("G"), sp.Symbol("kappa", positive=True)
    return sp.Eq(_S.z, 1 / G + _S.V * G + kappa * _S.V**2 * G**3 / _S.c)


def tree_moments(order: int) -> list[sp.Expr]:
    r"""Moments :math:`m_2, m_4, \dots` of the adjacency matrix of a sparse Erdos-Renyi graph, up to ``order``.

    From the cavity equation itself: with :math:`g = 1/(z-S)`, :math:`S = \sum_kw_k^2g_k` compound Poisson, the cumulants of
    S are :math:`c\langle w^{2j}\rangle\,\mathbb E\,g^j`, and :math:`\mathbb E\,g^j` is a series in the moments of S.
    In the symbols ``c`` and ``M_2, M_4, ...``, the moments of a weight.

    Examples
    --------
    >>> from rmtlib.symbolic import tree_moments
    >>> tree_moments(4)
    [M_2*c, 2*M_2**2*c**2 + M_4*c]
    """
    half = order // 2
    u = sp.Symbol("u")  # 1/z^2
    c = _S.c
    moment = [sp.Symbol(f"M_{2 * j}", positive=True) for j in range(half + 1)]

    def cut(expr, degree):
        p = sp.Poly(sp.expand(expr), u)
        return sum(coefficient * u**k for (k,), coefficient in p.terms() if k <= degree)

    # e_j = z^j E g^j and b_n = z^n E S^n, polynomials in u; S is of order 1/z
    e = dict.fromkeys(range(1, half + 1), sp.S.One)
    for _ in range(half):
        cumulant = {j: cut(c * moment[j] * u**j * e[j], half) for j in range(1, half + 1)}
        b = [sp.S.One]
        for n in range(1, half + 1):
            b.append(cut(sum(sp.binomial(n - 1, j - 1) * cumulant[j] * b[n - j] for j in range(1, n + 1)), half))
        e = {j: cut(sum(sp.binomial(n + j - 1, n) * b[n] for n in range(half + 1)), half) for j in e}
    series = sp.Poly(e[1], u)
    return [sp.expand(series.coeff_monomial(u**k)) for k in range(1, half + 1)]
