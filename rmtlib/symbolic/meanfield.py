r"""Mean-field theory of a large random rate network as sympy objects.

Typed in are three things: Newton's equation :math:`\ddot\Delta=\ell^2\Delta-g^2C(\Delta)`, the equation of growth
:math:`(\ell+\partial_t)(\ell+\partial_s)P=g^2D(t-s)P`, and the generating function of a Gaussian pair. The potential, its energy, the Schrödinger operator, the condition of
chaos under noise and the expansion at the transition are derived from them. The numerical code in :mod:`rmtlib.dynamics.meanfield` is tested
against these objects.

``from rmtlib.symbolic import meanfield``; the names are not among those of ``rmtlib.symbolic`` itself. Sources: Sompolinsky, Crisanti and Sommers, Phys. Rev.
Lett. 61, 259 (1988); with noise Schuecker, Goedeke and Helias, Phys. Rev. X 8, 041029 (2018).
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import sympy as sp

from ..errors import ValidationError

__all__ = [
    "chaos_condition",
    "critical_expansion",
    "critical_levels",
    "critical_newton",
    "energy_condition",
    "exponent_of_level",
    "first_integral",
    "green_function",
    "gaussian_pair",
    "growth_residual",
    "instability",
    "level_of_exponent",
    "meanfield_symbols",
    "newton",
    "polynomial_correlation",
    "population_equations",
    "potential",
    "price_residual",
    "zero_mode_residual",
]

meanfield_symbols = SimpleNamespace(
    t=sp.Symbol("t", positive=True),
    theta=sp.Symbol("theta", real=True),
    T=sp.Symbol("T", real=True),
    g=sp.Symbol("g", positive=True),
    ell=sp.Symbol("ell", positive=True),
    nu=sp.Symbol("nu", nonnegative=True),
    D=sp.Symbol("Delta", positive=True),
    D0=sp.Symbol("Delta_0", positive=True),
    lam=sp.Symbol("lambda", real=True),
    E=sp.Symbol("E", real=True),
    epsilon=sp.Symbol("epsilon", positive=True),
    C=sp.Function("C"),
    delta=sp.Function("Delta"),
)
"""Symbols of this module: lag t or theta, sum of times T, coupling g, leak ell, noise nu, autocovariance Delta, variance Delta_0, exponent, level, g - 1."""

_S = meanfield_symbols
_TANH = {1: sp.Integer(1), 3: -sp.Rational(1, 3), 5: sp.Rational(2, 15)}


def gaussian_pair(a: int, b: int) -> sp.Expr:
    r""":math:`\langle x^ay^b\rangle` of a Gaussian pair with variance Delta_0 and covariance Delta, from its generating function.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import gaussian_pair
    >>> gaussian_pair(1, 3)
    3*Delta*Delta_0
    """
    if a < 0 or b < 0 or int(a) != a or int(b) != b:
        raise ValidationError(f"powers must be integers >= 0, got {a!r} and {b!r}")
    u, v = sp.symbols("u v", real=True)
    value = sp.exp((_S.D0 * u**2 + 2 * _S.D * u * v + _S.D0 * v**2) / 2)
    for symbol, order in ((u, a), (v, b)):
        value = value.diff(symbol, order) if order else value
    return sp.expand(value.subs({u: 0, v: 0}))


def polynomial_correlation(coefficients: dict[int, Any], order: int | None = None) -> sp.Expr:
    r""":math:`C=\langle\sigma(x)\sigma(y)\rangle` for :math:`\sigma(x)=\sum_kc_kx^k`, terms of total power up to `order`.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import polynomial_correlation
    >>> polynomial_correlation({1: 1, 2: 1})
    2*Delta**2 + Delta + Delta_0**2
    """
    pairs = ((a, p, b, q) for a, p in coefficients.items() for b, q in coefficients.items())
    return sp.expand(sum(p * q * gaussian_pair(a, b) for a, p, b, q in pairs if order is None or a + b <= order))


def price_residual(coefficients: dict[int, Any]) -> sp.Expr:
    r""":math:`\partial_\Delta\langle\sigma(x)\sigma(y)\rangle-\langle\sigma'(x)\sigma'(y)\rangle` for a polynomial; zero (Price's theorem).

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import price_residual
    >>> price_residual({0: 2, 1: 1, 3: -1, 4: 5})
    0
    """
    slope = {k - 1: k * c for k, c in coefficients.items() if k}
    return sp.expand(polynomial_correlation(coefficients).diff(_S.D) - polynomial_correlation(slope))


def green_function() -> dict[str, sp.Expr]:
    r"""Green's function of :math:`\ell^2-\partial_t^2` that decays, and the kink that white noise leaves in Delta.

    Solved from the exponential ansatz: away from 0 the equation, at 0 a jump of the slope by -1.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import green_function
    >>> green_function()["green"], green_function()["kink"]
    (exp(-ell*t)/(2*ell), -nu**2/2)
    """
    amplitude, rate = sp.symbols("A r", positive=True)
    ansatz = amplitude * sp.exp(-rate * _S.t)
    (found,) = sp.solve(sp.simplify((_S.ell**2 * ansatz - ansatz.diff(_S.t, 2)) / ansatz), rate)
    ansatz = ansatz.subs(rate, found)
    jump = sp.limit(ansatz.diff(_S.t), _S.t, 0) - sp.limit(-ansatz.diff(_S.t), _S.t, 0)
    (height,) = sp.solve(jump + 1, amplitude)
    green = ansatz.subs(amplitude, height)
    # an even Delta with (ell^2 - d^2) Delta = smooth + nu^2 delta(t) jumps by -nu^2 in its slope, half of it on each side
    return {"green": green, "kink": _S.nu**2 * jump.subs(amplitude, height) / 2}


def newton() -> sp.Equality:
    r"""Newton's equation for the autocovariance, :math:`\ddot\Delta=\ell^2\Delta-g^2C(\Delta)`, for t > 0.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import newton
    >>> newton().rhs
    ell**2*Delta(t) - g**2*C(Delta(t))
    """
    d = _S.delta(_S.t)
    return sp.Eq(d.diff(_S.t, 2), _S.ell**2 * d - _S.g**2 * _S.C(d))


def potential(correlation: Any = None) -> sp.Expr:
    r"""Potential :math:`U(\Delta)=-\int_0^\Delta` of the force of :func:`newton`.

    Parameters
    ----------
    correlation : sympy expression in Delta, optional
        C(Delta); without one it stays an unknown function, and its integral unevaluated.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import potential, meanfield_symbols as p
    >>> potential(p.D)  # linear units
    -Delta**2*ell**2/2 + Delta**2*g**2/2
    """
    x = sp.Symbol("x", positive=True)
    force = newton().rhs.subs(_S.delta(_S.t), x)
    if correlation is not None:
        force = force.subs(_S.C(x), sp.sympify(correlation).subs(_S.D, x))
    pieces = [sp.integrate(term, (x, 0, _S.D)) if not term.has(_S.C) else sp.Integral(term, (x, 0, _S.D)) for term in sp.Add.make_args(sp.expand(force))]
    return sp.expand(-sum(pieces)) if correlation is not None else -sum(pieces)


def first_integral() -> sp.Expr:
    r""":math:`\frac d{dt}\big(\frac12\dot\Delta^2+U(\Delta)\big)` along :func:`newton`; zero.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import first_integral
    >>> first_integral()
    0
    """
    d, equation = _S.delta(_S.t), newton()
    force = -potential().diff(_S.D).subs(_S.D, d)  # the derivative of an integral by its upper end
    change = d.diff(_S.t) * d.diff(_S.t, 2) - force * d.diff(_S.t)
    return sp.simplify(change.subs(equation.lhs, equation.rhs))


def energy_condition() -> sp.Equality:
    r"""The equation of the variance, :math:`U(\Delta_0)=-\nu^4/8`: energy at the start, with the kink's velocity, is that of rest at 0.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import energy_condition
    >>> energy_condition().rhs
    -nu**4/8
    """
    return sp.Eq(sp.Function("U")(_S.D0), -green_function()["kink"] ** 2 / 2)


def level_of_exponent() -> sp.Expr:
    r"""Level E of the Schrödinger operator that belongs to a growth of :math:`P` like :math:`e^{\lambda T}`: :math:`\ell^2-(\ell+\lambda)^2`.

    Separates :math:`P=e^{\lambda T}\psi(\theta)`, T = t + s, theta = t - s, in the equation of growth and reads E off.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import level_of_exponent, meanfield_symbols as p
    >>> sorted(level_of_exponent().subs(p.ell, 1).as_poly(p.lam).all_coeffs())
    [-2, -1, 0]
    """
    psi = sp.Function("psi")(_S.theta)
    slopes = sp.Function("D")(_S.theta)
    P = sp.exp(_S.lam * _S.T) * psi
    first = _S.ell * P + P.diff(_S.T) + P.diff(_S.theta)  # d/dt = d/dT + d/dtheta
    both = _S.ell * first + first.diff(_S.T) - first.diff(_S.theta)  # d/ds = d/dT - d/dtheta
    equation = sp.expand((both - _S.g**2 * slopes * P) * sp.exp(-_S.lam * _S.T))
    # -psi'' + (ell^2 - g^2 D) psi - E psi, solved for E
    operator = -psi.diff(_S.theta, 2) + (_S.ell**2 - _S.g**2 * slopes) * psi
    return sp.expand(sp.simplify((operator - equation) / psi))


def exponent_of_level() -> sp.Expr:
    r"""The root of :func:`level_of_exponent` above -ell: :math:`\lambda=-\ell+\sqrt{\ell^2-E}`.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import exponent_of_level
    >>> exponent_of_level()
    -ell + sqrt(-E + ell**2)
    """
    roots = sp.solve(level_of_exponent() - _S.E, _S.lam)
    return max(roots, key=lambda r: r.subs({_S.ell: 1, _S.E: 0}))


def growth_residual(rate: Any) -> sp.Expr:
    r"""Symbol of one filter in :func:`level_of_exponent` at a timescale: :math:`(\ell+\lambda\tau)^2+\omega^2\tau^2` less what is given; zero if it agrees.

    With timescales :math:`(\ell+\tau\partial_t)(\ell+\tau\partial_s)` acts on :math:`e^{\lambda T+i\omega\theta}` as this number, whose inverse is the filter in
    :meth:`rmtlib.dynamics.meanfield.EnsembleMeanField.lyapunov`.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic.meanfield import growth_residual, meanfield_symbols as p
    >>> tau, omega = sp.symbols("tau omega", real=True)
    >>> growth_residual((p.ell + p.lam * tau) ** 2 + omega**2 * tau**2)
    0
    """
    tau, omega = sp.symbols("tau omega", real=True)
    wave = sp.exp(_S.lam * _S.T + sp.I * omega * _S.theta)
    first = _S.ell * wave + tau * (wave.diff(_S.T) + wave.diff(_S.theta))
    both = _S.ell * first + tau * (first.diff(_S.T) - first.diff(_S.theta))
    return sp.expand(sp.simplify(both / wave) - rate)


def zero_mode_residual() -> sp.Expr:
    r"""The Schrödinger operator at E = 0 applied to :math:`\dot\Delta`, with D = C' (Price) and :func:`newton` differentiated once; zero.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import zero_mode_residual
    >>> zero_mode_residual()
    0
    """
    d = _S.delta(_S.t)
    equation = newton()
    third = sp.diff(equation.rhs, _S.t)
    slopes = sp.diff(_S.C(_S.D), _S.D).subs(_S.D, d).doit()
    value = -third + (_S.ell**2 - _S.g**2 * slopes) * d.diff(_S.t)
    return sp.simplify(value.doit())


def chaos_condition() -> sp.Expr:
    r"""Slope at 0+ of :math:`\psi=-\dot\Delta`, :math:`g^2C(\Delta_0)-\ell^2\Delta_0`: a noise-driven network is chaotic where it is positive.

    psi solves the equation at E = 0 for t > 0 (:func:`zero_mode_residual`) and has no node there. Continued evenly it is the ground state if its slope at 0
    vanishes; a positive slope is what a level above the ground state has.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import chaos_condition
    >>> chaos_condition()
    -Delta_0*ell**2 + g**2*C(Delta_0)
    """
    return sp.expand(-newton().rhs.subs(_S.delta(_S.t), _S.D0))


def instability(correlation: Any = None) -> sp.Expr:
    r"""Curvature of the potential at rest, :math:`g^2C'(0)-\ell^2`: with :math:`C'(0)=\langle\sigma'\rangle^2` a state at rest is unstable where it is positive.

    For :math:`\Delta_0\to0`, :math:`C'(0)\to\sigma'(0)^2`: the transition is at :math:`g\,\sigma'(0)=\ell`.

    Examples
    --------
    >>> import sympy as sp
    >>> from rmtlib.symbolic.meanfield import instability, polynomial_correlation, meanfield_symbols as p
    >>> c = sp.Symbol("c", positive=True)  # slope at 0
    >>> sp.factor(instability(polynomial_correlation({1: c, 3: -1})).subs(p.D0, 0))
    (c*g - ell)*(c*g + ell)
    """
    if correlation is None:
        return _S.g**2 * sp.Symbol("C'_0", positive=True) - _S.ell**2
    return sp.expand(potential(correlation).diff(_S.D, 2).subs(_S.D, 0))


def critical_expansion(coefficients: dict[int, Any] | None = None) -> tuple[sp.Expr, sp.Expr]:
    r"""Coefficients a_1, a_2 of :math:`\Delta_0=a_1\epsilon+a_2\epsilon^2+\dots`, epsilon = g - 1, without noise, from :func:`energy_condition`.

    Parameters
    ----------
    coefficients : dict, optional
        Taylor coefficients of sigma up to the fifth power, slope 1 at 0, odd; of tanh without them.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import critical_expansion
    >>> critical_expansion()
    (1, 7/6)
    """
    series = _TANH if coefficients is None else coefficients
    if any(k % 2 == 0 for k in series) or series.get(1) != 1:
        raise ValidationError("the activation must be odd with slope 1 at 0")
    U = potential(polynomial_correlation(series, 6)).subs(_S.ell, 1)
    a1, a2 = sp.symbols("a_1 a_2")
    e = _S.epsilon
    height = sp.expand(sp.expand(U.subs(_S.D, _S.D0)).subs({_S.D0: a1 * e + a2 * e**2, _S.g: 1 + e}) / e**2)
    first = [r for r in sp.solve(height.coeff(e, 1), a1) if r != 0]
    second = sp.solve(height.coeff(e, 2).subs(a1, first[0]), a2)
    return first[0], second[0]


def critical_newton() -> sp.Equality:
    r"""Newton's equation to leading order above the transition, for tanh: :math:`\ddot\Delta=\frac13\epsilon^2\Delta-\frac23\Delta^3`.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import critical_newton
    >>> critical_newton().rhs
    epsilon**2*Delta(t)/3 - 2*Delta(t)**3/3
    """
    e, d = _S.epsilon, _S.delta(_S.t)
    x = sp.Symbol("x")
    force = newton().rhs.subs(d, _S.D).subs({_S.C(_S.D): polynomial_correlation(_TANH, 6), _S.ell: 1})
    a1, a2 = critical_expansion()
    scaled = sp.expand(force.subs({_S.D: e * x, _S.D0: a1 * e + a2 * e**2, _S.g: 1 + e}))
    leading = scaled.coeff(e, 3)  # lower orders vanish
    if scaled.coeff(e, 1) != 0 or scaled.coeff(e, 2) != 0:
        raise ValidationError("the expansion does not cancel the lower orders")
    return sp.Eq(d.diff(_S.t, 2), sp.expand(e**3 * leading.subs(x, d / e)))


def critical_levels() -> dict[str, sp.Expr]:
    r"""Autocovariance, well, levels and exponent to leading order above the transition, for tanh.

    :math:`\Delta=\epsilon\,\mathrm{sech}(kt)` with :math:`k=\epsilon/\sqrt3` makes the well :math:`k^2(1-6\,\mathrm{sech}^2kt)`, which has two bound states: sech^2 at
    :math:`-3k^2` and :math:`\dot\Delta` at 0. Every statement is checked here before it is returned.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import critical_levels
    >>> found = critical_levels()
    >>> found["ground"], found["exponent"]
    (-epsilon**2, epsilon**2/2)
    """
    e, t = _S.epsilon, _S.t
    k = e / sp.sqrt(3)
    solution = e / sp.cosh(k * t)
    equation = critical_newton()
    gap = (equation.rhs - equation.lhs).subs(_S.delta(t), solution).doit()
    if sp.simplify(gap.rewrite(sp.exp)) != 0:
        raise ValidationError("the soliton does not solve the equation")
    well = sp.diff(equation.rhs.subs(_S.delta(t), _S.D), _S.D).subs(_S.D, solution)
    levels = []
    for psi in (1 / sp.cosh(k * t) ** 2, solution.diff(t)):
        level = sp.simplify(((-psi.diff(t, 2) + well * psi) / psi).rewrite(sp.exp))
        if level.has(t):
            raise ValidationError("not an eigenfunction")
        levels.append(level)
    exponent = sp.series(exponent_of_level().subs({_S.ell: 1, _S.E: levels[0]}), e, 0, 4).removeO()
    return {"delta": solution, "well": well, "ground": levels[0], "excited": levels[1], "exponent": exponent}


def population_equations() -> dict[str, sp.Equality]:
    r"""Several populations: equations of the means and of the spectrum, as functions with indices a and b.

    Examples
    --------
    >>> from rmtlib.symbolic.meanfield import population_equations
    >>> population_equations()["mean"].lhs
    ell*m[a]
    """
    a, b, N = sp.symbols("a b N", integer=True, positive=True)
    omega, tau = sp.Symbol("omega", real=True), sp.Symbol("tau", positive=True)
    m, u, phi, M, V = (sp.IndexedBase(name) for name in ("m", "u", "phi", "M", "V"))
    spectrum, rates = sp.Function("S"), sp.Function("Chat")
    mean = sp.Eq(_S.ell * m[a], sp.Sum(M[a, b] * phi[b], (b, 1, N)) + u[a])
    power = sp.Eq(spectrum(a, omega), (sp.Sum(V[a, b] * rates(b, omega), (b, 1, N)) + _S.nu**2) / (_S.ell**2 + omega**2 * tau**2))
    return {"mean": mean, "spectrum": power}
