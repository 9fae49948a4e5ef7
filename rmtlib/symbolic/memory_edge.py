r"""Closed forms of the spectral edge for special laws of timescale and gain, as sympy objects.

For gains independent of the timescale the edge of an inhibitory core is :math:`d\,A(z)=1` with the drive
:math:`d = c\langle w^2\rangle\langle h^2\rangle/\ell^2` and

.. math:: A(z) = \Big\langle\frac1{|1+z\tau|^2}\Big\rangle = \frac{\operatorname{Im}[z\,G(z)]}{\operatorname{Im}z},\qquad
          G(z) = \Big\langle\frac1{1+z\tau}\Big\rangle,\qquad A(x) = \frac{d}{dx}\,[x\,G(x)]\ \text{ on the real axis},

by partial fractions: one transform of the law of tau is all that is needed, and off the axis the edge is where the *analytic*
function :math:`z\,(d\,G(z) - 1)` is real. Time is measured such that the leak is 1. Importable with sympy alone.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sympy as sp

from ..errors import ValidationError

__all__ = [
    "beta_gain_square",
    "memory_edge_symbols",
    "real_average",
    "timescale_transform",
    "transfer_average",
    "two_point_merge",
    "uniform_abscissa",
]

_S = SimpleNamespace(
    z=sp.Symbol("z"),
    x=sp.Symbol("x", real=True),
    y=sp.Symbol("y", real=True),
    d=sp.Symbol("d", positive=True),
    tau0=sp.Symbol("tau_0", positive=True),
    width=sp.Symbol("Delta", positive=True),
    tau1=sp.Symbol("tau_1", positive=True),
    tau2=sp.Symbol("tau_2", positive=True),
    p1=sp.Symbol("p_1", positive=True),
    a=sp.Symbol("a", positive=True),
    b=sp.Symbol("b", positive=True),
    h0=sp.Symbol("h_0", nonnegative=True),
    h_width=sp.Symbol("w_h", positive=True),
)

#: Symbols of the closed forms: ``tau0`` and ``width`` give the interval of tau, ``a`` and ``b`` the Beta law on it.
memory_edge_symbols = _S

_LAWS = ("constant", "two-point", "uniform", "beta")


def timescale_transform(law: str, z: Any = None) -> sp.Expr:
    r"""G(z) = < 1/(1 + z tau) > in closed form.

    ========== =========================================== ====================================================
    law        tau                                         G(z)
    ========== =========================================== ====================================================
    constant   :math:`\tau_0`                              :math:`1/(1+z\tau_0)`
    two-point  :math:`\tau_1` with :math:`p_1`, or         :math:`p_1/(1+z\tau_1)+(1-p_1)/(1+z\tau_2)`
               :math:`\tau_2`
    uniform    on :math:`[\tau_0,\tau_0+\Delta]`           :math:`[\log(1+z\tau_0+z\Delta)-\log(1+z\tau_0)]/(z\Delta)`
    beta       :math:`\tau_0+\Delta\,\mathrm{Beta}(a,b)`   :math:`{}_2F_1(1,a;a+b;-z\Delta/(1+z\tau_0))/(1+z\tau_0)`
    ========== =========================================== ====================================================

    Off the negative real axis between the ends of the bar, with principal branches: for Im z > 0 both logarithms have an
    argument in (0, pi).

    Raises
    ------
    ValidationError
        For another law.

    Examples
    --------
    >>> from rmtlib.symbolic.memory_edge import timescale_transform
    >>> timescale_transform("constant")
    1/(tau_0*z + 1)
    """
    z = _S.z if z is None else z
    first = 1 + z * _S.tau0
    if law == "constant":
        return 1 / first
    if law == "two-point":
        return _S.p1 / (1 + z * _S.tau1) + (1 - _S.p1) / (1 + z * _S.tau2)
    if law == "uniform":
        return (sp.log(first + z * _S.width) - sp.log(first)) / (z * _S.width)
    if law == "beta":
        return sp.hyper([1, _S.a], [_S.a + _S.b], -z * _S.width / first) / first
    raise ValidationError(f"no closed form for the law {law!r}; there are: {', '.join(_LAWS)}")


def transfer_average(law: str) -> sp.Expr:
    r"""A(x + iy) = < 1/|1 + z tau|^2 > = Im[z G(z)]/y, for y != 0."""
    z = _S.x + sp.I * _S.y
    if law == "uniform":  # the angle under which the segment from -1/tau_0 to -1/(tau_0 + Delta) is seen from z
        arg = lambda t: sp.atan2(_S.y * t, 1 + _S.x * t)
        return (arg(_S.tau0 + _S.width) - arg(_S.tau0)) / (_S.width * _S.y)
    return sp.im(z * timescale_transform(law, z)) / _S.y


def real_average(law: str) -> sp.Expr:
    r"""A(x) = < 1/(1 + x tau)^2 > on the real axis to the right of the bar, x > -1/tau_max.

    Uniform: :math:`1/[(1+x\tau_0)(1+x\tau_0+x\Delta)]`; Beta: :math:`{}_2F_1(2,a;a+b;-x\Delta/(1+x\tau_0))/(1+x\tau_0)^2`.

    Examples
    --------
    >>> from rmtlib.symbolic.memory_edge import real_average
    >>> real_average("uniform")
    1/((tau_0*x + 1)*(Delta*x + tau_0*x + 1))
    """
    x, first = _S.x, 1 + _S.x * _S.tau0
    if law == "beta":
        return sp.hyper([2, _S.a], [_S.a + _S.b], -x * _S.width / first) / first**2
    if law == "uniform":
        return 1 / (first * (first + x * _S.width))
    return sp.diff(x * timescale_transform(law, x), x)


def uniform_abscissa() -> sp.Expr:
    r"""Right end of the edge for tau uniform on [tau_0, tau_0 + Delta]: the larger root of (1 + x tau_0)(1 + x tau_0 + x Delta) = d."""
    tau2 = _S.tau0 + _S.width
    total, product = _S.tau0 + tau2, _S.tau0 * tau2
    return (sp.sqrt(total**2 - 4 * product * (1 - _S.d)) - total) / (2 * product)


def two_point_merge() -> tuple[sp.Expr, sp.Expr]:
    r"""Two timescales tau_1 < tau_2: the drive at which two ovals meet, and the point of the real axis where they do.

    .. math:: d_{\rm merge} = \frac{(\tau_2-\tau_1)^2}{\big(p_1^{1/3}\tau_2^{2/3}+p_2^{1/3}\tau_1^{2/3}\big)^3}

    the reciprocal of the minimum of :math:`p_1/(1+x\tau_1)^2+p_2/(1+x\tau_2)^2` between the poles.
    """
    p2, third = 1 - _S.p1, sp.Rational(1, 3)
    r1, r2 = (_S.p1 * _S.tau1) ** third, (p2 * _S.tau2) ** third  # 1 + x tau_1 : -(1 + x tau_2) = r1 : r2
    drive = (_S.tau2 - _S.tau1) ** 2 / (_S.p1**third * _S.tau2 ** (2 * third) + p2**third * _S.tau1 ** (2 * third)) ** 3
    return drive, -(r1 + r2) / (r1 * _S.tau2 + r2 * _S.tau1)


def beta_gain_square() -> sp.Expr:
    r"""<h^2> for h = h_0 + w_h Beta(a, b): :math:`h_0^2+\frac{2h_0w_ha}{a+b}+\frac{w_h^2a(a+1)}{(a+b)(a+b+1)}`.

    Examples
    --------
    >>> from rmtlib.symbolic.memory_edge import beta_gain_square, memory_edge_symbols as s
    >>> print(float(beta_gain_square().subs({s.h0: 0, s.h_width: 0.25, s.a: 2, s.b: 3})))
    0.0125
    """
    total = _S.a + _S.b
    return _S.h0**2 + 2 * _S.h0 * _S.h_width * _S.a / total + _S.h_width**2 * _S.a * (_S.a + 1) / (total * (total + 1))
