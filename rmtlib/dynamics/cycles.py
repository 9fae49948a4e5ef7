r"""Skew-symmetric and partly skew couplings: what decays, what oscillates, and how large a cycle is.

For :math:`T\dot x = -\ell x + W\sigma(x) + u`, an activation that increases, and any fixed point :math:`x^*`, the energy

.. math::
   E(x) = \sum_i\tau_i\int_{x^*_i}^{x_i}\big(\sigma(y)-\sigma(x^*_i)\big)\,dy \ge 0,\qquad
   \dot E = -\ell\,(x-x^*)^{\mathsf T}(\sigma-\sigma^*) + (\sigma-\sigma^*)^{\mathsf T}\,\frac{W+W^{\mathsf T}}2\,(\sigma-\sigma^*)

sees only the symmetric part of W. Without it, :math:`\dot E<0` with a leak (everything decays to the one fixed point) and :math:`E` is
conserved without one. With slopes of at most :math:`m` everything still decays while the largest eigenvalue of
:math:`(W+W^{\mathsf T})/2` is below :math:`\ell/m`.

A cycle :math:`x_i\approx\operatorname{Re}\,(c_i\,e^{i\omega t})` of a network with an odd activation solves, to first harmonic,

.. math::
   (\ell + i\omega\tau_i)\,c_i = \sum_jW_{ij}\,N(|c_j|)\,c_j,\qquad N(a) = \frac1{\pi a}\int_0^{2\pi}\sigma(a\cos\theta)\cos\theta\,d\theta
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy import linalg, optimize
from scipy.integrate import solve_ivp

from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..network import _per_unit, _weights
from .activations import Activation, activation
from .simulate import Simulation

__all__ = [
    "Behaviour",
    "Cycle",
    "Pair",
    "behaviour",
    "describing_function",
    "energy",
    "energy_rate",
    "first_harmonic",
    "harmonic_balance",
    "leading_pair",
    "symmetric_abscissa",
    "thresholds",
]


def _dense(weights):
    w = _weights(weights)
    return w.toarray() if sp.issparse(w) else np.asarray(w)


def _states(x, at, n):
    x = np.asarray(x, dtype=float)
    if x.shape[-1] != n or not np.isfinite(x).all():
        raise ValidationError(f"x must hold finite states of {n} units in its last axis, got shape {x.shape}")
    return x, _per_unit(at, n, "at")


def energy(x, sigma: str | Activation = "tanh", *, tau=1.0, at=0.0) -> np.ndarray:
    r"""Energy above a fixed point.

    .. math:: E = \sum_i\tau_i\int_{x^*_i}^{x_i}\big(\sigma(y)-\sigma(x^*_i)\big)\,dy

    Parameters
    ----------
    x : (..., n) array
    tau, at : float or (n,) array
        Timescales, and the fixed point :math:`x^*`.

    Returns
    -------
    (...) ndarray
        By Gauss-Legendre quadrature with 64 nodes per unit: exact to rounding for smooth activations and states of a few units.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.cycles import energy
    >>> float(energy(np.array([1.0, -2.0])).round(6)), float(np.log(np.cosh([1, 2])).sum().round(6))
    (1.758784, 1.758784)
    """
    x = np.asarray(x, dtype=float)
    n = x.shape[-1]
    x, at = _states(x, at, n)
    f, tau = activation(sigma), _per_unit(tau, n, "tau")
    node, weight = np.polynomial.legendre.leggauss(64)
    node, weight = (node + 1) / 2, weight / 2
    d = x - at
    values = f(at[..., None] + d[..., None] * node) - f(at)[..., None]
    return np.sum(tau * d * (values @ weight), axis=-1)


def energy_rate(weights, x, sigma: str | Activation = "tanh", *, leak: float = 1.0, at=0.0) -> np.ndarray:
    r"""Its time derivative along the motion.

    .. math:: \dot E = -\ell\,(x-x^*)^{\mathsf T}(\sigma-\sigma^*) + (\sigma-\sigma^*)^{\mathsf T}W(\sigma-\sigma^*)

    ``at`` has to be a fixed point (zero, for an odd activation without input).

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.cycles import energy_rate
    >>> skew = np.array([[0.0, -3.0], [3.0, 0.0]])
    >>> float(energy_rate(skew, np.array([0.3, 1.0]), leak=0))
    0.0
    """
    w = _dense(weights)
    x, at = _states(x, at, len(w))
    f = activation(sigma)
    r = f(x) - f(at)
    return -leak * np.sum((x - at) * r, axis=-1) + np.sum(r * (r @ w.T), axis=-1)


def symmetric_abscissa(weights) -> float:
    r"""Largest eigenvalue of :math:`(W+W^{\mathsf T})/2`: below ``leak/slope`` every motion decays to one fixed point.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.cycles import symmetric_abscissa
    >>> symmetric_abscissa(np.array([[0.0, -3.0], [3.0, 0.0]]))
    0.0
    """
    w = _dense(weights)
    return float(linalg.eigvalsh((w + w.T) / 2)[-1])


def thresholds(correlation: float, leak: float = 1.0, slope: float = 1.0) -> dict[str, float]:
    r"""Strengths g at which a large elliptic network loses its guarantees.

    .. math:: g_{\rm all} = \frac{\ell}{m\sqrt{2(1+\Gamma)}},\qquad g_{\rm linear} = \frac{\ell}{m\,(1+\Gamma)}

    Below the first, every motion decays (energy argument: the symmetric part of W has the edge :math:`g\sqrt{2(1+\Gamma)}`); beyond the
    second, the quiet state is unstable (the spectrum of W has the edge :math:`g(1+\Gamma)`). In between small perturbations decay, and no
    general statement on large ones is made. The two meet at :math:`\Gamma = 1`, and both are infinite at :math:`\Gamma = -1`.

    Parameters
    ----------
    correlation : float
        :math:`\Gamma` between -1 and 1.
    leak, slope : float
        :math:`\ell` and the largest slope m, that at the fixed point.

    Examples
    --------
    >>> from rmtlib.dynamics.cycles import thresholds
    >>> thresholds(-0.5)
    {'all motions': 1.0, 'linear': 2.0}
    """
    if not -1 <= correlation <= 1:
        raise ValidationError(f"correlation must lie in [-1, 1], got {correlation}")
    if not (leak >= 0 and slope > 0):
        raise ValidationError(f"leak must be >= 0 and slope positive, got {leak} and {slope}")
    one = 1 + correlation
    if one == 0:
        return {"all motions": np.inf, "linear": np.inf}
    return {"all motions": float(leak / (slope * np.sqrt(2 * one))), "linear": leak / (slope * one)}


def describing_function(sigma: str | Activation, amplitude) -> np.ndarray:
    r"""Slope that a sinusoidal state of a given amplitude sees, to first harmonic.

    .. math:: N(a) = \frac1{\pi a}\int_0^{2\pi}\sigma(a\cos\theta)\cos\theta\,d\theta,\qquad N(0) = \sigma'(0)

    Raises
    ------
    NotApplicableError
        For an activation that is not odd: its mean would shift.

    Examples
    --------
    >>> from rmtlib.dynamics.cycles import describing_function
    >>> print(describing_function("tanh", [0.0, 1.0, 100.0]).round(4))      # 4/(pi a) when saturated
    [1.     0.8117 0.0127]
    """
    f = activation(sigma)
    if not f.odd:
        raise NotApplicableError(f"the describing function of {f.name} needs a mean as well: only odd activations are treated")
    a = np.asarray(amplitude, dtype=float)
    if not np.isfinite(a).all() or (a < 0).any():
        raise ValidationError("amplitudes must be finite and not negative")
    # a quarter period is enough for an odd function; Gauss-Legendre in the angle
    node, weight = np.polynomial.legendre.leggauss(96)
    theta = (node + 1) * np.pi / 4
    safe = np.where(a > 1e-6, a, 1.0)[..., None]
    value = f(safe * np.cos(theta)) * np.cos(theta) @ (weight * np.pi / 4) * 4 / (np.pi * safe[..., 0])
    return np.where(a > 1e-6, value, f.slope(np.zeros_like(a)))


@dataclass(frozen=True)
class Pair:
    r"""The eigenvalue of :math:`J = T^{-1}(-\ell+W)` with the largest real part, and its vectors.

    Attributes
    ----------
    value : complex
        :math:`\lambda`, with imaginary part >= 0.
    right, left : (n,) ndarray
        :math:`JR=\lambda R`, :math:`L^\dagger J=\lambda L^\dagger`, :math:`|R|=1`, :math:`L^\dagger R=1`.
    """

    value: complex
    right: np.ndarray
    left: np.ndarray


def leading_pair(weights, *, tau=1.0, leak: float = 1.0, slope: float = 1.0) -> Pair:
    """The leading eigenvalue at the quiet state, whose slopes are ``slope``.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.cycles import leading_pair
    >>> print(leading_pair(np.array([[0.0, -3.0], [3.0, 0.0]])).value.round(6))
    (-1+3j)
    """
    w = _dense(weights)
    tau = _per_unit(tau, len(w), "tau")
    values, left, right = linalg.eig((slope * w - leak * np.eye(len(w))) / tau[:, None], left=True)
    k = max(range(len(w)), key=lambda i: (round(values[i].real, 10), values[i].imag))
    r, l = right[:, k] / np.linalg.norm(right[:, k]), left[:, k]
    return Pair(values[k], r, l / np.conj(np.vdot(l, r)))


@dataclass(frozen=True)
class Cycle:
    r"""A cycle to first harmonic, :math:`x_i\approx\operatorname{Re}\,c_ie^{i\omega t}`.

    Attributes
    ----------
    frequency : float
        :math:`\omega`, radians per unit of time.
    component : (n,) ndarray of complex
        :math:`c_i`.
    residual : float
        Largest violation of the balance, relative to the largest :math:`|c_i|`.
    """

    frequency: float
    component: np.ndarray
    residual: float

    @property
    def amplitude(self) -> float:
        r"""Root mean square over units, :math:`\sqrt{\langle|c_i|^2\rangle/2}`: that of the states in time."""
        return float(np.sqrt(np.mean(np.abs(self.component) ** 2) / 2))

    @property
    def period(self) -> float:
        return 2 * np.pi / self.frequency


def first_harmonic(weights, sigma: str | Activation = "tanh", *, tau=1.0, leak: float = 1.0) -> Cycle:
    r"""Amplitude and frequency from the leading pair alone: the shape of the cycle is that of the eigenvector, :math:`c = aR`.

    .. math:: L^\dagger W N(a|R|)R\cdot\frac{1}{L^\dagger T R} - \frac{\ell}{L^\dagger TR} = i\omega

    Real part zero gives a; the imaginary part is the frequency. L is the left eigenvector of :math:`W` with :math:`T` (of the pencil).

    Raises
    ------
    NotApplicableError
        If the quiet state is stable, the leading eigenvalue is real, or the activation is not odd.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.cycles import first_harmonic
    >>> found = first_harmonic(np.array([[1.1, -3.0], [3.0, 1.1]]))
    >>> round(found.frequency, 3), round(found.amplitude, 3)       # N = 1/1.1: frequency 3/1.1
    (2.727, 0.455)
    """
    f = activation(sigma)
    describing_function(f, 0.0)  # refuses an activation that is not odd
    w = _dense(weights)
    n = len(w)
    tau = _per_unit(tau, n, "tau")
    pair = leading_pair(w, tau=tau, leak=leak, slope=float(f.slope(np.zeros(1))[0]))
    if pair.value.real <= 0:
        raise NotApplicableError(f"the quiet state is stable (leading eigenvalue {pair.value:.3g}): no cycle starts from it")
    if abs(pair.value.imag) < 1e-9:
        raise NotApplicableError(f"the leading eigenvalue {pair.value.real:.3g} is real: fixed points start from it, not a cycle")
    r, left = pair.right, pair.left / tau  # J = T^-1(...): L^dagger T^-1 acts on the bracket
    weight, shape = np.conj(left) @ w, np.abs(r)

    def rate(a):
        return weight @ (describing_function(f, a * shape) * r) - leak * np.sum(np.conj(left) * r)

    low, high = 0.0, 1.0
    while rate(high).real > 0:
        low, high = high, 2 * high
        if high > 1e6:
            raise ConvergenceError("no amplitude balances the leading pair: the activation does not saturate enough")
    a = optimize.brentq(lambda a: rate(a).real, low, high, xtol=1e-12)
    omega, c = rate(a).imag, a * r
    return Cycle(float(omega), c, _imbalance(w, f, tau, leak, omega, c))


def _imbalance(w, f, tau, leak, omega, c):
    amount = np.abs(c)
    return float(np.abs(w @ (describing_function(f, amount) * c) - (leak + 1j * omega * tau) * c).max() / amount.max())


def harmonic_balance(
    weights, sigma: str | Activation = "tanh", *, tau=1.0, leak: float = 1.0, start: Cycle | None = None, tol: float = 1e-8
) -> Cycle:
    r"""The cycle to first harmonic, with a shape of its own.

    .. math:: (\ell + i\omega\tau_i)\,c_i = \sum_jW_{ij}\,N(|c_j|)\,c_j,\qquad \operatorname{Im}\sum_i\bar R_ic_i = 0

    Solved by Newton's method from ``start``, by default :func:`first_harmonic`.

    Raises
    ------
    ConvergenceError
        If the balance is not reached, or only by the quiet state.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.cycles import harmonic_balance
    >>> found = harmonic_balance(np.array([[1.3, -3.0], [2.5, 1.1]]))
    >>> found.residual < 1e-8, round(found.frequency, 2)
    (True, 2.28)
    """
    f = activation(sigma)
    w = _dense(weights)
    n = len(w)
    tau = _per_unit(tau, n, "tau")
    start = first_harmonic(w, f, tau=tau, leak=leak) if start is None else start
    reference, size = np.conj(start.component) / np.linalg.norm(start.component), np.abs(start.component).max()

    def unpack(v):
        return v[:n] + 1j * v[n : 2 * n], v[-1]

    def balance(v):
        c, omega = unpack(v)
        b = w @ (describing_function(f, np.abs(c)) * c) - (leak + 1j * omega * tau) * c
        return np.concatenate([b.real, b.imag, [np.imag(reference @ c)]])

    def jacobian(v):
        c, omega = unpack(v)
        a = np.maximum(np.abs(c), 1e-9)
        step = 1e-5 * (1 + a)
        m = describing_function(f, a)
        slope = (describing_function(f, a + step) - describing_function(f, np.maximum(a - step, 0))) / (
            step + np.minimum(step, a)
        )
        x, y = c.real, c.imag
        rr, ri, ii = m + slope * x * x / a, slope * x * y / a, m + slope * y * y / a
        out = np.zeros((2 * n + 1, 2 * n + 1))
        out[:n, :n] = w * rr - leak * np.eye(n)
        out[:n, n:-1] = w * ri + np.diag(omega * tau)
        out[n:-1, :n] = w * ri - np.diag(omega * tau)
        out[n:-1, n:-1] = w * ii - leak * np.eye(n)
        out[:n, -1], out[n:-1, -1] = tau * y, -tau * x
        out[-1, :n], out[-1, n:-1] = reference.imag, reference.real
        return out

    v = np.concatenate([start.component.real, start.component.imag, [start.frequency]])
    value = balance(v)
    for _ in range(60):
        if np.abs(value).max() < 0.1 * tol * size:
            break
        move = np.linalg.lstsq(jacobian(v), -value, rcond=None)[0]
        factor = 1.0
        while factor > 1e-4:
            new = balance(v + factor * move)
            if np.linalg.norm(new) < (1 - 0.2 * factor) * np.linalg.norm(value):
                break
            factor /= 2
        v = v + factor * move
        value = balance(v)
    c, omega = unpack(v)
    if np.abs(c).max() < 1e-3 * size or not np.abs(value).max() < tol * size:
        raise ConvergenceError(
            f"harmonic balance not reached: residual {np.abs(value).max() / size:.2g} (amplitude {np.abs(c).max():.2g}). Far above "
            "threshold other modes take part: follow the cycle from a weaker coupling with start="
        )
    return Cycle(float(omega), c, _imbalance(w, f, tau, leak, omega, c))


@dataclass(frozen=True)
class Behaviour:
    """What a network settles into from one start.

    Attributes
    ----------
    kind : str
        "quiet" (all states zero), "fixed point", "cycle", "chaos" (a positive Lyapunov exponent), or "undecided" (neither closed nor clearly
        chaotic in the time given: a torus, a long transient or a cycle of a long period).
    period : float
        Of a cycle, else NaN.
    amplitude : float
        Root mean square of the states over time and units, mean over time removed.
    first : float
        Of a cycle: share of this variance in the first harmonic.
    exponent : float
        Largest Lyapunov exponent where it was needed, else NaN.
    """

    kind: str
    period: float = np.nan
    amplitude: float = 0.0
    first: float = np.nan
    exponent: float = np.nan


def _exponent(sim, x, duration, dt, seed):
    """Largest Lyapunov exponent by a tangent vector; fourth-order Runge-Kutta for both."""
    w, n = _dense(sim.weights), sim.n
    v = np.random.default_rng(seed).standard_normal(n)
    v /= np.linalg.norm(v)

    def both(x, v):
        slope = sim.sigma.slope(x)
        return np.array([w @ sim.sigma(x) - sim.leak * x + sim.drive, w @ (slope * v) - sim.leak * v]) / sim.tau

    total, count = 0.0, int(duration / dt)
    for k in range(count):
        a = both(x, v)
        b = both(x + dt / 2 * a[0], v + dt / 2 * a[1])
        c = both(x + dt / 2 * b[0], v + dt / 2 * b[1])
        d = both(x + dt * c[0], v + dt * c[1])
        step = dt / 6 * (a + 2 * b + 2 * c + d)
        x, v = x + step[0], v + step[1]
        size = np.linalg.norm(v)
        v /= size
        if k >= count // 5:  # the vector has turned by then
            total += np.log(size)
    return total / (dt * (count - count // 5))


def behaviour(
    network,
    sigma: str | Activation = "tanh",
    *,
    settle: float = 300.0,
    longest: float = 100.0,
    start=1.0,
    seed=0,
    tol: float = 1e-3,
    **options,
) -> Behaviour:
    r"""Integrate from one start and say what the motion is.

    After ``settle`` the speed tells a fixed point; a cycle is a return to within ``tol`` (relative to the spread of the motion) at a
    crossing of the plane :math:`v^{\mathsf T}(x-x_0) = 0`, v the velocity at :math:`x_0`, within the time ``longest``; else the largest
    Lyapunov exponent over a time ``settle`` decides, with 0.01 as the level of chaos.

    Parameters
    ----------
    network, sigma : as for :class:`~rmtlib.dynamics.simulate.Simulation`, as are ``tau``, ``leak`` and ``drive`` in ``options``
    start : float or array
        Initial state, or the standard deviation of a random one.

    Returns
    -------
    Behaviour

    Raises
    ------
    ConvergenceError
        If the integration fails or diverges.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.cycles import behaviour
    >>> behaviour(np.array([[0.0, -3.0], [3.0, 0.0]])).kind, behaviour(np.array([[1.1, -3.0], [3.0, 1.1]])).kind
    ('quiet', 'cycle')
    """
    sim = Simulation(network, sigma, start=start, seed=seed, **options)
    if sim.trials != 1 or sim.noise.any():
        raise NotApplicableError("behaviour() is for one trial without noise")

    def flow(t, x):
        return sim.drift(x[None])[0]

    def run(x, duration, **more):
        got = solve_ivp(flow, (0, duration), x, rtol=1e-7, atol=1e-9, method="DOP853", **more)
        if got.status < 0 or not np.abs(got.y[:, -1]).max() < 1e8:
            raise ConvergenceError(f"the integration failed or the state diverges: {got.message}")
        return got

    if not (np.isfinite(settle) and settle > 0):
        raise ValidationError(f"settle must be a positive time, got {settle}")
    x0 = run(sim.x[0], settle).y[:, -1]
    velocity = flow(0, x0)
    scale = np.abs(x0).max()
    if np.abs(velocity).max() < 1e-6 * (1 + scale):
        return Behaviour("quiet" if scale < 1e-4 else "fixed point")

    def plane(t, x):
        return velocity @ (x - x0) + (-1e-12 if t == 0 else 0.0)

    plane.direction = 1
    times = np.linspace(0, longest, max(int(longest / (0.1 * sim.tau.min())), 400))
    got = run(x0, longest, events=plane, t_eval=times)
    spread = np.sqrt(np.mean((got.y - got.y.mean(1, keepdims=True)) ** 2))
    if spread < 1e-4 and scale < 1e-2:  # still on its way to zero
        return Behaviour("quiet")
    crossings = [
        (t, np.sqrt(np.mean((y - x0) ** 2)) / spread)
        for t, y in zip(got.t_events[0], got.y_events[0], strict=True)
        if t > 0.05 * sim.tau.min()
    ]
    for t, distance in crossings:
        if distance < tol:
            theta = np.arange(256) / 256
            x = run(x0, t, t_eval=theta * t).y
            x = x - x.mean(1, keepdims=True)
            first = 2 * np.abs(x @ np.exp(-2j * np.pi * theta) / 256) ** 2
            power = np.mean(x**2)
            return Behaviour("cycle", float(t), float(np.sqrt(power)), float(first.mean() / power))
    value = _exponent(sim, got.y[:, -1], settle, 0.05 * sim.tau.min(), seed)
    return Behaviour("chaos" if value > 0.01 else "undecided", amplitude=float(spread), exponent=float(value))
