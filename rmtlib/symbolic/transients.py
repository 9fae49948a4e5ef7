r"""Two resolvents, the mean squared response, power spectra and linear memory as sympy objects.

Nothing is typed in but one rung of the ladder: ``W Q W^T`` averages to ``V <Q>``, the same matrix V that
:func:`~rmtlib.symbolic.equations.edge_matrix` holds. Summing the rungs gives the product of two resolvents; its homogeneous case is inverted and
diagonalised here. The numerical code in :mod:`rmtlib.theory.transients` and :mod:`rmtlib.theory.linear_memory` is tested against these objects.

``from rmtlib.symbolic import transients``; the names are not among those of ``rmtlib.symbolic`` itself.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sympy as sp

from ..errors import ValidationError
from .equations import AbsSquare, Average, edge_matrix, homogeneous
from .equations import symbols as _S

__all__ = [
    "equal_time_variance",
    "generating_function",
    "laguerre_parameters",
    "power_spectrum",
    "rung",
    "transient_symbols",
    "transport_residual",
    "two_resolvents",
    "two_time",
]

transient_symbols = SimpleNamespace(
    w=sp.Symbol("w", complex=True),
    t=sp.Symbol("t", positive=True),
    s=sp.Symbol("s", positive=True),
    g=sp.Symbol("g", positive=True),
    ell=sp.Symbol("ell", positive=True),
    b=sp.Symbol("b", positive=True),
    q=sp.Symbol("q", positive=True),
    nu0=sp.Symbol("nu_0", positive=True),
    omega=sp.Symbol("omega", real=True),
    xi=sp.Symbol("xi", positive=True),
)
"""Symbols of this module: second point w, times t and s, strength g, rate b, ratio q, first eigenvalue, frequency, a label of generating functions."""

_P = transient_symbols


def _names(populations: Any) -> list[str] | None:
    if populations == 1:
        return None
    return [str(name) for name in populations]


def _pair(expr: Any) -> Any:
    """|a(z)|^2 -> a(z) a(w)."""
    return expr.replace(lambda e: isinstance(e, AbsSquare), lambda e: e.doit().subs(_S.zbar, _P.w))


def rung(populations: Any = 1) -> sp.Matrix:
    r"""The matrix :math:`V_{ab}\langle h^2/(aa')\rangle_b` that one more pair of synapses multiplies by.

    The edge matrix with :math:`|a|^2` split into its factors at two independent points.

    Examples
    --------
    >>> from rmtlib.symbolic.transients import rung
    >>> rung()[0, 0]
    V*<h**2/((ell + tau*w)*(ell + tau*z))>
    """
    return edge_matrix(populations).applyfunc(_pair)


def _variances(populations: Any) -> sp.Matrix:
    """V alone: the edge matrix with its averages set to 1."""
    return edge_matrix(populations).applyfunc(lambda e: e.replace(lambda q: isinstance(q, Average), lambda q: sp.Integer(1)))


def two_resolvents(populations: Any = 1, noise: str = "outside") -> Any:
    r"""The response of one unit of each population at z and w to independent unit kicks of all units.

    With one population, the product :math:`\frac1n\operatorname{tr}R(z)R(w)^{\mathsf T}` (for ``noise="inside"`` without the outer T): the fixed
    point of ``phi = V <h^2 (source + phi)/(a a')>``, solved for phi.

    Returns
    -------
    Expr, or a Matrix of one column with a row for each population

    Examples
    --------
    >>> from rmtlib.symbolic import homogeneous
    >>> from rmtlib.symbolic.transients import two_resolvents
    >>> homogeneous(two_resolvents()).simplify()
    -1/(V - (ell + w)*(ell + z))
    """
    if noise not in ("inside", "outside"):
        raise ValidationError(f'noise is "inside" or "outside", got {noise!r}')
    names = _names(populations)
    power = 2 if noise == "outside" else 0
    product = (_S.ell + _S.z * _S.tau) * (_S.ell + _P.w * _S.tau)
    labels = [None] if names is None else names

    def average(f):
        return sp.Matrix([Average(f / product, *([] if name is None else [name])) for name in labels])

    source = _variances(populations) * average(_S.h**2 * _S.tau**power)
    phi = (sp.eye(len(labels)) - rung(populations)).LUsolve(source)
    value = average(_S.tau**power) + average(sp.Integer(1)).multiply_elementwise(phi)
    return value[0] if names is None else value


def two_time() -> sp.Expr:
    r"""Two-time response of a homogeneous network (tau = h = 1): :math:`e^{-\ell(t+s)}I_0(2g\sqrt{ts})`.

    From the expansion :math:`1/(pq-g^2)=\sum_kg^{2k}/(pq)^{k+1}` with p = z + ell, q = w + ell, each power inverted by
    :math:`p^{-k-1}\to t^ke^{-\ell t}/k!`; the sum is that of the Bessel function.

    Examples
    --------
    >>> from rmtlib.symbolic.transients import two_time, transient_symbols as p
    >>> two_time().subs(p.s, p.t)
    exp(-2*ell*t)*besseli(0, 2*g*t)
    """
    k = sp.Symbol("k", integer=True, nonnegative=True)
    term = _P.g ** (2 * k) * _P.t**k * _P.s**k / sp.factorial(k) ** 2
    total = sp.summation(term, (k, 0, sp.oo))
    # sympy leaves the sum as a hypergeometric or Bessel function of its own argument
    bessel = sp.besseli(0, 2 * _P.g * sp.sqrt(_P.t) * sp.sqrt(_P.s))
    if sp.simplify(sp.hyperexpand(total) - bessel) != 0:
        order = 8
        partial = sum(term.subs(k, j) for j in range(order))
        x = sp.Symbol("x", positive=True)  # x = 2 g sqrt(ts)
        series = sp.series(sp.besseli(0, x), x, 0, 2 * order).removeO().subs(x, 2 * _P.g * sp.sqrt(_P.t * _P.s))
        if sp.expand(series - partial) != 0:
            raise ValidationError("the series of the two-time response is not that of the Bessel function")
    return sp.exp(-_P.ell * (_P.t + _P.s)) * bessel


def transport_residual() -> sp.Expr:
    r""":math:`(\partial_t+\ell)(\partial_s+\ell)C-g^2C` for the two-time response; zero.

    Examples
    --------
    >>> from rmtlib.symbolic.transients import transport_residual
    >>> transport_residual()
    0
    """
    C = two_time()

    def step(f, x):
        return f.diff(x) + _P.ell * f

    return sp.simplify(sp.expand_func(step(step(C, _P.s), _P.t) - _P.g**2 * C).rewrite(sp.besseli))


def power_spectrum(populations: Any = 1, noise: str = "outside") -> Any:
    r"""The product of two resolvents at :math:`z=i\omega`, :math:`w=-i\omega`.

    Examples
    --------
    >>> from rmtlib.symbolic import homogeneous
    >>> from rmtlib.symbolic.transients import power_spectrum
    >>> homogeneous(power_spectrum()).simplify()
    1/(-V + ell**2 + omega**2)
    """
    at = {_S.z: sp.I * _P.omega, _P.w: -sp.I * _P.omega}
    value = two_resolvents(populations, noise)
    return value.subs(at)


def equal_time_variance() -> sp.Expr:
    r"""Variance of a homogeneous network under unit noise, :math:`\int\frac{d\omega}{2\pi}\frac1{\ell^2+\omega^2-g^2}`.

    Examples
    --------
    >>> from rmtlib.symbolic.transients import equal_time_variance
    >>> equal_time_variance()
    1/(2*sqrt(ell**2 - g**2))
    """
    distance = sp.Symbol("Delta", positive=True)  # ell^2 - g^2, positive for a stable network
    spectrum = sp.simplify(homogeneous(power_spectrum()).subs(_S.ell, _P.ell).subs(_S.V, _P.ell**2 - distance))
    value = sp.integrate(spectrum, (_P.omega, -sp.oo, sp.oo)) / (2 * sp.pi)
    return sp.simplify(value).subs(distance, _P.ell**2 - _P.g**2)


def generating_function(rate: Any, time: Any, label: Any) -> sp.Expr:
    r"""Generating function of the Laguerre functions, :math:`\sum_kx^ke^{-bt/2}L_k(bt)=\frac{1}{1-x}\exp\big[-\tfrac{bt}2-\frac{btx}{1-x}\big]`."""
    return sp.exp(-rate * time / 2 - rate * time * label / (1 - label)) / (1 - label)


def laguerre_parameters() -> dict[str, sp.Expr]:
    r"""Rate b, ratio q and first eigenvalue of the modes of :func:`two_time`.

    The operator maps an exponential to an exponential, :math:`\int_0^\infty ds\,e^{-ps}I_0(2g\sqrt{ts})=e^{g^2t/p}/p`. Applied to the generating
    function of the Laguerre functions it has to give :math:`\nu_0` times the same function at :math:`qx`, for every x: exponents and
    prefactors are compared and solved.

    Examples
    --------
    >>> from rmtlib.symbolic.transients import laguerre_parameters
    >>> laguerre_parameters()["b"]
    2*sqrt(ell**2 - g**2)
    """
    b, q, x, ell, g = _P.b, _P.q, _P.xi, _P.ell, _P.g
    p = ell + b / 2 + b * x / (1 - x)
    # exponent per unit of t: -ell + g^2/p on the left, -b/2 - b q x/(1 - q x) on the right
    exponent = sp.numer(sp.together(-ell + g**2 / p + b / 2 + b * q * x / (1 - q * x)))
    conditions = sp.Poly(sp.expand(exponent), x).all_coeffs()
    found = {b: 2 * sp.sqrt(ell**2 - g**2)}
    (ratio,) = sp.solve(conditions[-2].subs(found), q)
    if any(sp.simplify(c.subs(found).subs(q, ratio)) != 0 for c in conditions):
        raise ValidationError("the exponents do not agree: the modes are not Laguerre functions of this rate")
    prefactor = sp.simplify((1 / (p * (1 - x)) * (1 - q * x)).subs(found).subs(q, ratio))
    if sp.simplify(prefactor.diff(x)) != 0:
        raise ValidationError("the prefactor depends on the label: the modes are not Laguerre functions of this rate")
    return {"b": found[b], "q": sp.simplify(ratio), "nu_0": sp.simplify(prefactor.subs(x, 0))}
