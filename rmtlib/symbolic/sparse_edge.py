r"""Edge, atoms and localisation of sparse networks as sympy objects.

Typed in are: a synapse's message in the linear regime, the sum rule of Poisson degrees, and what a reciprocal synapse adds to a
self-energy. Moments of order ``t``, the expansion in reciprocal motifs, the exponents at an atom and the participation ratios are
worked out from these.

* ``R``, ``v``, ``r`` are moments of reciprocal pairs, ``c`` times ``<w w'>``, ``<w^2 w'^2>``, ``<w^3 w'>``.
* ``F(k)`` and ``G(k)`` are the probabilities that the exponents of ``X`` and ``Y`` are at least ``k``.
"""

from __future__ import annotations

from types import SimpleNamespace

import sympy as sp

from .equations import AbsSquare, Average
from .equations import symbols as _S
from .sparse import SynapseAverage, sparse_symbols

__all__ = [
    "degree_edge",
    "edge_fourth_moment",
    "edge_participation",
    "edge_symbols",
    "exponent_equations",
    "exponent_message",
    "fractional_kernel",
    "freezing_condition",
    "motif_edge_condition",
    "motif_resolvent",
    "outlier_moments",
    "poisson_moment",
]

edge_symbols = SimpleNamespace(
    G=sp.Symbol("G"),
    Gbar=sp.Symbol(r"\bar{G}"),
    R=sp.Symbol("R", real=True),
    V=sp.Symbol("V", positive=True),
    v=sp.Symbol("v", nonnegative=True),
    r=sp.Symbol("r", real=True),
    eps=sp.Symbol("varepsilon", positive=True),
    k=sp.Symbol("k", integer=True),
    p=sp.Symbol("p", nonnegative=True),
    xi=sp.Symbol("xi", real=True),
    ups=sp.Symbol("upsilon", real=True),
    kin=sp.Symbol("k_in", nonnegative=True),
    kout=sp.Symbol("k_out", nonnegative=True),
)
"""Symbols of this module that the others do not have."""

_P = edge_symbols
_W = sparse_symbols
_a = _S.ell + _S.z * _S.tau


def fractional_kernel(t: sp.Expr | int = _W.t) -> sp.Expr:
    r"""Growth of the moment of order t of a self-energy, one population.

    .. math:: K^{(t)}(z) = c\,\langle |w|^{2t}\rangle \Big\langle\Big(\frac{h^2}{|\ell + z\tau|^2}\Big)^t\Big\rangle

    Examples
    --------
    >>> from rmtlib.symbolic import fractional_kernel
    >>> fractional_kernel(1)
    c*<w**2>_w*<h**2/|ell + tau*z|^2>
    """
    return _S.c * SynapseAverage((_W.w**2) ** t) * Average((_S.h**2 / AbsSquare(_a)) ** t)


def freezing_condition() -> sp.Eq:
    r"""Mean degree at which the minimum of ``log K^(t)`` over t leaves t = 1, for a factor x per synapse.

    .. math:: \log c^* = \frac{\langle x\log x\rangle}{\langle x\rangle} - \log\langle x\rangle

    from ``phi(t) = log c + log <x^t>``, ``phi(1) = 0`` (the edge) and ``phi'(1) = 0``.

    Examples
    --------
    >>> from rmtlib.symbolic import freezing_condition
    >>> freezing_condition().lhs
    log(c)
    """
    first = sp.Symbol(r"\langle x\rangle", positive=True)
    entropy = sp.Symbol(r"\langle x\log x\rangle", real=True)  # d<x^t>/dt at t = 1
    degree, scale = sp.symbols("log_c a", real=True)  # x is multiplied by e^a to put the point on the edge
    edge = degree + sp.log(first) + scale  # phi(1)
    turn = entropy / first + scale  # phi'(1)
    solved = sp.solve([edge, turn], [degree, scale], dict=True)[0]
    return sp.Eq(sp.log(_S.c), sp.expand(solved[degree]), evaluate=False)


def degree_edge() -> sp.Eq:
    r"""Edge where degrees depend on each other: a synapse leads to a unit with probability proportional to ``k_out``.

    .. math:: \frac{\langle k_{in}k_{out}\rangle}{\langle k_{out}\rangle}\,\langle w^2\rangle
              \Big\langle\frac{h^2}{|\ell + z\tau|^2}\Big\rangle = 1

    Examples
    --------
    >>> from rmtlib.symbolic import degree_edge
    >>> degree_edge().rhs
    1
    """
    mean = lambda x: sp.Symbol(rf"\langle {sp.latex(x)}\rangle", positive=True)
    branching = mean(_P.kin * _P.kout) / mean(_P.kout)
    return sp.Eq(fractional_kernel(1).subs(_S.c, branching), 1, evaluate=False)


# ---------------------------------------------------------------- reciprocal motifs
def motif_resolvent() -> sp.Eq:
    r"""Equal units outside the support, to first order in 1/c: :math:`z = 1/G + RG + vG^3`.

    ``1/(z - T)`` is averaged over ``T = R G + delta`` with ``<delta> = 0`` and ``<delta^2> = v G^2``, a sum of c terms of order
    1/c each.

    Examples
    --------
    >>> from rmtlib.symbolic import motif_resolvent
    >>> motif_resolvent()
    Eq(z, G**3*v + G*R + 1/G)
    """
    eps, delta, start = _P.eps, sp.Symbol("delta"), sp.Symbol("G_0")
    series = sp.series(1 / (1 / start - eps * delta), eps, 0, 3).removeO()
    mean = series.coeff(eps, 0) + eps**2 * series.coeff(eps, 2).subs(delta**2, _P.v * _P.G**2)
    # G = mean: 1/G_0 = z - R G in terms of G, to the same order
    inverse = sp.series(1 / mean, eps, 0, 3).removeO().subs(eps, 1)
    correction = sp.expand(inverse - 1 / start).subs(start, _P.G)
    return sp.Eq(_S.z, 1 / _P.G - correction + _P.R * _P.G, evaluate=False)


def motif_edge_condition() -> sp.Eq:
    r"""Edge of equal units with reciprocal motifs: :math:`V|G|^2(1 + v|G|^4) + 2r|G|^2\,\mathrm{Re}\,G^2 = 1`.

    A step along a path has the mean factor ``V <|G'|^2>``, ``G'`` being without the branch followed; its motif, the loop back,
    adds ``c <w^2 (2 Re w w' G' G)> |G'|^2``.

    Examples
    --------
    >>> from rmtlib.symbolic import motif_edge_condition, edge_symbols as p
    >>> motif_edge_condition().lhs.subs({p.v: 0, p.r: 0})
    G*V*\bar{G}
    """
    eps, delta, delta_bar = _P.eps, *sp.symbols("delta deltabar")
    start, start_bar = sp.symbols("G_0 Gbar_0")

    def averaged(expr):
        """Second moments of the fluctuations; the first vanish."""
        expr = sp.expand(sp.series(expr, eps, 0, 3).removeO())
        table = {
            delta**2: _P.v * start**2,
            delta_bar**2: _P.v * start_bar**2,
            delta * delta_bar: _P.v * start * start_bar,
        }
        second = sp.expand(expr.coeff(eps, 2))
        return expr.coeff(eps, 0) + eps**2 * sum(
            second.coeff(delta, i).coeff(delta_bar, 2 - i) * delta_moment
            for i, delta_moment in ((2, table[delta**2]), (0, table[delta_bar**2]), (1, table[delta * delta_bar]))
        )

    full = start / (1 - eps * start * delta)
    full_bar = start_bar / (1 - eps * start_bar * delta_bar)
    square, mean, mean_bar = averaged(full * full_bar), averaged(full), averaged(full_bar)
    ratio = sp.series(square / (mean * mean_bar), eps, 0, 3).removeO().subs(eps, 1)
    ratio = sp.factor(ratio.subs({start: _P.G, start_bar: _P.Gbar}))
    size = _P.G * _P.Gbar
    # |G'/(1 - w w' G' G)|^2 to first order in w w'
    loop = size * (_P.G**2 + _P.Gbar**2)
    return sp.Eq(_P.V * size * ratio + _P.r * loop, 1, evaluate=False)


# ---------------------------------------------------------------- atoms
def exponent_message(kappa: int) -> sp.Expr:
    r"""Exponent of ``w^2/(Y + B^2/X)`` for ``B -> 0``: ``max(-upsilon, xi - kappa)``.

    With ``X = B^(2 xi)``, ``Y = B^(2 upsilon)`` a sum goes with its smallest exponent.

    Examples
    --------
    >>> from rmtlib.symbolic import exponent_message
    >>> exponent_message(1)
    Max(-upsilon, xi - 1)
    """
    return sp.Max(-_P.ups, -(kappa - _P.xi))  # minus the smaller exponent of the two terms below the line


def exponent_equations() -> tuple[sp.Eq, sp.Eq]:
    r"""The laws of the exponents of X and Y, one population with a share p of the units at the atom.

    .. math:: \log F(k) = -c\,G(1-k)\,[1 - pF(k+1) - (1-p)F(k)], \qquad F \leftrightarrow G .

    A minimum over Poisson(c) messages is at least k if all of them are, and ``max(-upsilon, xi - kappa) < k`` if both are.

    Examples
    --------
    >>> from rmtlib.symbolic import exponent_equations
    >>> exponent_equations()[0].lhs
    log(F(k))
    """
    F, G, k = sp.Function("F"), sp.Function("G"), _P.k
    out = []
    for own, other in ((F, G), (G, F)):
        # P(-upsilon < k) = P(upsilon >= 1 - k); P(xi - kappa < k) = 1 - P(xi >= k + kappa)
        below = sum(share * other(1 - k) * (1 - own(k + kappa)) for kappa, share in ((1, _P.p), (0, 1 - _P.p)))
        message = 1 - below
        out.append(sp.Eq(sp.log(own(k)), -_S.c * sp.factor(sp.expand(1 - message)), evaluate=False))
    return out[0], out[1]


# ---------------------------------------------------------------- localisation
def poisson_moment(order: int) -> sp.Expr:
    r"""Moment of a sum of Poisson(c) independent terms, in the cumulants ``kappa_m = c <y^m>``.

    Examples
    --------
    >>> from rmtlib.symbolic import poisson_moment
    >>> poisson_moment(3)
    kappa_1**3 + 3*kappa_1*kappa_2 + kappa_3
    """
    u, kappa = sp.Symbol("u"), sp.symbols(f"kappa_1:{order + 1}")
    generating = sp.exp(sum(kappa[m - 1] * u**m / sp.factorial(m) for m in range(1, order + 1)))
    return sp.expand(sp.diff(generating, u, order).subs(u, 0))


def edge_fourth_moment(real: bool = False) -> sp.Eq:
    r"""Fourth moment of ``s`` at the edge where ``<|s|^2> = 1``, with ``K4 = c <w^4> <h^4/|a|^4>``: q/(1 - K4).

    q, the number of ways to pair two equal terms, is 3 for real and 2 for complex vectors (``<s^2> = 0``).

    Examples
    --------
    >>> from rmtlib.symbolic import edge_fourth_moment
    >>> edge_fourth_moment(real=True).rhs
    -3/(K_4 - 1)
    """
    fourth, K4 = sp.Symbol("S_4", positive=True), sp.Symbol("K_4", positive=True)
    kappa = sp.symbols("kappa_1:5")
    pairs = poisson_moment(4).coeff(kappa[1], 2)  # 3
    moment = K4 * fourth + (pairs if real else pairs - 1)  # of the three pairings one has <s^2>
    return sp.Eq(fourth, sp.solve(fourth - moment, fourth)[0], evaluate=False)


def edge_participation(side: str = "right", real: bool = False) -> sp.Expr:
    r"""``n IPR`` at the edge of one population.

    .. math:: n\,\mathrm{IPR} = \frac{\langle|a|^{-4}\rangle}{\langle|a|^{-2}\rangle^2}\,
              \frac{q}{1 - c\langle w^4\rangle\langle h^4|a|^{-4}\rangle}

    for right eigenvectors; for left ones with ``tau^2 h^2 |a|^-2`` in the place of ``|a|^-2`` in the first factor.

    Examples
    --------
    >>> from rmtlib.symbolic import edge_participation
    >>> edge_participation().is_Mul
    True
    """
    local = 1 / AbsSquare(_a) if side == "right" else _S.tau**2 * _S.h**2 / AbsSquare(_a)
    K4 = fractional_kernel(2)
    moment = edge_fourth_moment(real).rhs.subs(sp.Symbol("K_4", positive=True), K4)
    return Average(local**2) / Average(local) ** 2 * sp.simplify(moment)


def outlier_moments() -> dict[int, sp.Expr]:
    r"""Moments of ``s`` at a real outlier with ``<s> = 1``, in ``k_m = c <w^m> <(h/a)^m>`` (``k_1 = 1``).

    Examples
    --------
    >>> from rmtlib.symbolic import outlier_moments
    >>> outlier_moments()[2]
    -1/(k_2 - 1)
    """
    k, kappa = sp.symbols("k_1:5"), sp.symbols("kappa_1:5")
    moments = {1: sp.Integer(1)}
    for m in (2, 3, 4):
        unknown = sp.Symbol("S")
        values = {
            kappa[0]: 1,
            **{kappa[j - 1]: k[j - 1] * moments[j] for j in range(2, m)},
            kappa[m - 1]: k[m - 1] * unknown,
        }
        moments[m] = sp.factor(sp.solve(unknown - poisson_moment(m).subs(values), unknown)[0])
    return moments
