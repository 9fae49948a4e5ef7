r"""Marginality, sensitivities and the tip of the spectrum as sympy objects.

Nothing is typed in here but how a law is moved (shifted, or stretched about its mean), what a few quantities are called, and the
message of a synapse. The edge comes from :func:`~rmtlib.symbolic.equations.edge_matrix`; derivatives, marginal values, the parabola
at the tip and the density there are worked out from it. The numerical code in :mod:`rmtlib.theory.sensitivity` and
:mod:`rmtlib.theory.memory` is tested against these objects.

``from rmtlib.symbolic import memory``; the names are not among those of ``rmtlib.symbolic`` itself.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sympy as sp

from ..errors import ValidationError
from .equations import AbsSquare, Average, edge_matrix
from .equations import symbols as _S
from .sparse_edge import fractional_kernel, poisson_moment

__all__ = [
    "edge_on_axis",
    "entry_at_marginality",
    "implicit_derivative",
    "loop_time",
    "marginal_values",
    "memory_symbols",
    "moved",
    "sparse_core",
    "tip_density",
    "tip_parabola",
    "tip_share",
]

memory_symbols = SimpleNamespace(
    delta=sp.Symbol("delta", real=True),
    s=sp.Symbol("s", positive=True),
    S=sp.Symbol("S", positive=True),
    h1=sp.Symbol(r"\bar{h}", positive=True),
    hsd=sp.Symbol("sigma_h", nonnegative=True),
    t1=sp.Symbol(r"\bar{\tau}", positive=True),
    m1=sp.Symbol("m_1", positive=True),
    m2=sp.Symbol("m_2", positive=True),
    xi=sp.Symbol("xi", real=True),
    K4=sp.Symbol("k_4", nonnegative=True),
    u=sp.Symbol("u", nonnegative=True),
)
"""Symbols of this module: shift delta, stretch s, number of possible sources S, moments of the gain and of the weighted tau."""

_P = memory_symbols


def edge_on_axis(populations: Any = 1) -> sp.Matrix:
    r"""The edge matrix at a real point, :math:`K_{ab}(x)=V_{ab}\langle h^2/(\ell+x\tau)^2\rangle_b`.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import edge_on_axis
    >>> edge_on_axis()[0, 0]
    V*<h**2/(ell + tau*x)**2>
    """
    matrix = edge_matrix(populations)
    return matrix.applyfunc(lambda e: e.replace(lambda q: isinstance(q, AbsSquare), lambda q: q.doit())).subs(
        {_S.z: _S.x, _S.zbar: _S.x}
    )


def moved(expr: Any, kind: str, mean: Any, population: str | None = None) -> Any:
    r"""Every average with the law of tau or of the gain moved: :math:`\tau\to\bar\tau+\delta+s(\tau-\bar\tau)`.

    Parameters
    ----------
    expr : Expr or Matrix
    kind : {"tau", "gain"}
    mean : Expr
        Mean of the law, a number to sympy.
    population : str, optional
        Only the averages of this population.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import edge_on_axis, memory_symbols as p, moved
    >>> moved(edge_on_axis()[0, 0], "tau", p.t1).diff(p.delta).subs({p.delta: 0, p.s: 1})
    -2*V*x*<h**2/(ell + tau*x)**3>
    """
    if kind not in ("tau", "gain"):
        raise ValidationError(f"kind is 'tau' or 'gain', got {kind!r}")
    old = _S.tau if kind == "tau" else _S.h
    new = mean + _P.delta + _P.s * (old - mean)

    def one(average):
        if population is not None and str(average.population) != population:
            return average
        return Average(average.integrand.xreplace({old: new}), *average.args[1:])

    def put(e):
        return e.replace(lambda q: isinstance(q, Average), one)

    return expr.applyfunc(put) if isinstance(expr, sp.MatrixBase) else put(expr)


def implicit_derivative(matrix: sp.Matrix, parameter: sp.Symbol) -> sp.Expr:
    r"""How the root x of :math:`\det(1-K(x,p))=0` moves with p: :math:`-\partial_p\det/\partial_x\det`.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import edge_on_axis, implicit_derivative
    >>> from rmtlib.symbolic import symbols as s
    >>> implicit_derivative(edge_on_axis(), s.V)
    <h**2/(ell + tau*x)**2>/(2*V*<h**2*tau/(ell + tau*x)**3>)
    """
    det = (sp.eye(matrix.rows) - matrix).det(method="berkowitz")
    return -det.diff(parameter) / det.diff(_S.x)


def loop_time(populations: Any = 1) -> sp.Expr:
    r"""Minus the derivative of log rho(K(x)) for one population, :math:`2\langle\tau h^2/a^3\rangle/\langle h^2/a^2\rangle`.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import loop_time
    >>> loop_time()
    2*<h**2*tau/(ell + tau*x)**3>/<h**2/(ell + tau*x)**2>
    """
    (entry,) = edge_on_axis(populations)
    return -entry.diff(_S.x) / entry


def sparse_core(finite: bool = False) -> sp.Expr:
    r"""Summed variance of a sparse block, :math:`c(\mu^2+\sigma^2)`; with S possible sources :math:`c(\mu^2+\sigma^2-c\mu^2/S)`.

    From the variance of a present-or-absent synapse times its weight, at probability c/S.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import sparse_core
    >>> sparse_core()
    c*(mu**2 + sigma**2)
    """
    p = _S.c / _P.S
    second, first = p * (_S.mu**2 + _S.sigma**2), p * _S.mu
    variance = sp.expand(_P.S * (second - first**2))
    return sp.factor(variance if finite else sp.limit(variance, _P.S, sp.oo))


def marginal_values(finite: bool = False) -> dict[str, sp.Expr]:
    r"""For one core population, the value of each parameter that alone makes ``K(0) = 1``.

    Solved from :math:`V\langle h^2\rangle=\ell^2` with :math:`\langle h^2\rangle=\bar h^2+\sigma_h^2`; squares for the means and spreads,
    whose sign is free. With ``finite`` the degree is the smaller root of a quadratic.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import marginal_values, memory_symbols as p
    >>> marginal_values()["weight sd squared"].subs({p.h1: 1, p.hsd: 0}).expand()
    -mu**2 + ell**2/c
    """
    excess = sparse_core(finite) * (_P.h1**2 + _P.hsd**2) - _S.ell**2
    out = {}
    square = sp.Symbol("q")
    for name, symbol in (
        ("weight mean squared", _S.mu), ("weight sd squared", _S.sigma), ("gain mean squared", _P.h1), ("gain sd squared", _P.hsd)
    ):  # fmt: skip
        (root,) = sp.solve(sp.expand(excess).subs(symbol**2, square), square)
        out[name] = sp.simplify(root)
    roots = sp.solve(excess, _S.c)
    out["degree"] = sp.simplify(min(roots, key=lambda r: sp.N(r.subs(_SAMPLE))))
    factor = sp.Symbol("factor", positive=True)
    out["all weights"] = sp.solve(
        excess.subs({_S.mu: factor * _S.mu, _S.sigma: factor * _S.sigma}, simultaneous=True), factor
    )[-1]
    return out


_SAMPLE = {_S.mu: -0.7, _S.sigma: 1.1, _P.S: 500, _S.ell: 1, _P.h1: 0.3, _P.hsd: 0.1}


def entry_at_marginality(size: int, a: int, b: int) -> sp.Expr:
    r"""The entry ``K_ab`` that makes :math:`\det(1-K)=0` with all others held: :math:`1/[(1-Q)^{-1}]_{ba}`, Q = K without it.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import entry_at_marginality
    >>> entry_at_marginality(2, 0, 1)
    (K_00 - 1)*(K_11 - 1)/K_10
    """
    K = sp.Matrix(size, size, lambda i, j: sp.Symbol(f"K_{i}{j}", nonnegative=True))
    (root,) = sp.solve((sp.eye(size) - K).det(), K[a, b])
    return sp.factor(root)


def tip_parabola() -> sp.Eq:
    r"""The edge next to its tip ``alpha``, at ``z = alpha + xi + i y``: :math:`y^2 = -2\xi m_1/m_2`.

    ``m_k`` are the moments :math:`\langle\tau^kh^2a^{-2-k}\rangle/\langle h^2a^{-2}\rangle` at the tip.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import tip_parabola
    >>> tip_parabola()
    Eq(y**2, -2*m_1*xi/m_2)
    """
    eps, r = sp.symbols("epsilon r", positive=True)
    # |a + (xi + i y) tau|^-2 in units of a^-2, r = tau/a; xi is of the order of y^2
    factor = 1 / ((1 + eps**2 * _P.xi * r) ** 2 + (eps * _S.y * r) ** 2)
    second = sp.expand(sp.series(factor, eps, 0, 3).removeO().coeff(eps, 2))
    averaged = second.coeff(r, 1) * _P.m1 + second.coeff(r, 2) * _P.m2
    return sp.Eq(_S.y**2, sp.solve(averaged, _S.y**2)[0], evaluate=False)


def tip_density(sparse: bool = True) -> sp.Expr:
    r"""Density just inside the edge of one population.

    .. math:: \rho = \frac1\pi \frac{|\langle\tau h^2a/|a|^4\rangle|^2}{\langle h^4/|a|^4\rangle}
              \big(1 - c\langle w^4\rangle\langle h^4/|a|^4\rangle\big)

    Inside, self-energies are small; a message is ``w^2 (X/b^2 - X^2 Y/b^4)`` to the order needed, so that their means obey
    ``<X> = V (<X><b^-2> - <X^2><Y><b^-4>)``. With ``<X^2>/<X>^2 = 1/(1 - k_4)`` for a Poisson sum on the edge, the
    product ``u = <X><Y>`` follows, and from it the resolvent and its derivative.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import tip_density
    >>> from rmtlib.symbolic import homogeneous, symbols as s
    >>> homogeneous(tip_density(sparse=False)).subs({s.ell: 0, s.z: 1, s.zbar: 1})
    1/pi
    """
    w, b, X, Y, small = sp.symbols("w b X Y epsilon", positive=True)
    message = sp.series((w**2 / (Y + b**2 / X)).subs({X: small * X, Y: small * Y}), small, 0, 4).removeO()
    first, third = (sp.Poly(message.coeff(small, k).subs(b, 1 / b), w, X, Y, b).monoms() for k in (1, 3))
    (_, _, _, low), (_, square, once, high) = first[0], third[0]  # powers of 1/b, and of X and Y in the correction
    # on the edge <X> = K_1 <X> with K_1 = 1: the second moment of a Poisson sum in units of <X>^2
    kappa, ratio = sp.symbols("kappa_1:3"), sp.Symbol("ratio")
    fluctuation = sp.solve(ratio - poisson_moment(2).subs({kappa[0]: 1, kappa[1]: _P.K4 * ratio}), ratio)[0]
    a = _S.ell + _S.z * _S.tau
    inverse_b2 = _S.h**2 / AbsSquare(a)
    excess = _S.V * Average(inverse_b2 ** (low // 2)) - 1
    # excess * <X> = V <b^-4> <X^2> <Y>
    damping = _S.V * Average(inverse_b2 ** (high // 2)) * (fluctuation if sparse and (square, once) == (2, 1) else 1)
    # g = <tau abar/(|a|^2 + h^2 X Y)>: its change is -<tau abar h^2/|a|^4> <X><Y>
    abar = _S.ell + _S.zbar * _S.tau
    kick = -Average(_S.tau * abar * _S.h**2 / AbsSquare(a) ** 2)
    # u = excess/damping, and on the edge excess = 0: only its derivative counts
    density = kick * excess.diff(_S.zbar) / damping / sp.pi
    if not sparse:
        return density
    return sp.together(density).subs(_P.K4, fractional_kernel(2))


def tip_share() -> sp.Expr:
    r"""Share of eigenvalues within ``delta`` behind the tip, to leading order: the area of the parabola times the density.

    Examples
    --------
    >>> from rmtlib.symbolic.memory import tip_share
    >>> tip_share()
    4*sqrt(2)*delta**(3/2)*sqrt(m_1)*rho/(3*sqrt(m_2))
    """
    distance = sp.Symbol("delta", positive=True)
    depth = sp.Symbol("d", positive=True)
    half_width = sp.sqrt(tip_parabola().rhs.subs(_P.xi, -depth))
    return sp.simplify(_S.rho * sp.integrate(2 * half_width, (depth, 0, distance)))

