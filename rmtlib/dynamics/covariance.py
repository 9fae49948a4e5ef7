r"""Covariances of one network, linear or nonlinear: equal time, zero frequency, effective couplings.

A linear network :math:`T\dot x = -(\ell - WH)\,x + \text{noise of strength } \nu_i` has the equal-time covariance :math:`\Sigma` and the
zero-frequency covariance :math:`C_x` with

.. math::
   A\,\Sigma + \Sigma\,A^{\mathsf T} = Q,\qquad A = T^{-1}(\ell - WH),\qquad
   C_x = \int\langle x(t)\,x(0)^{\mathsf T}\rangle\,dt = (\ell - WH)^{-1}\,\nu^2\,(\ell - WH)^{-\mathsf T}

with the noise :math:`\nu_i` inside :math:`T\dot x`; where it is outside, added to :math:`\dot x`, :math:`\tau_i\nu_i` stands in its place.

A nonlinear network acts like a linear one whose gains are mean slopes, with noise from what a straight line leaves over:
:math:`\sigma(x_i) = \text{const} + h_ix_i + r_i`, :math:`h_i = \langle\sigma'(x_i)\rangle`. When the states are nearly Gaussian and the
residuals :math:`r_i` of different units nearly uncorrelated,

.. math::
   C_\sigma = (\ell - HW)^{-1}\,(\ell^2 D + H^2\nu^2)\,(\ell - HW)^{-\mathsf T},\qquad
   C_x = (\ell - WH)^{-1}\,(W D\,W^{\mathsf T} + \nu^2)\,(\ell - WH)^{-\mathsf T}

with :math:`D` the zero-frequency variances of the residuals. For equal units and an odd activation :math:`H` is one number, and
:math:`g_{\rm eff} = g\langle\sigma'\rangle` the strength of an equivalent linear network (X. Shen and Y. Hu, arXiv:2508.05288).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy import linalg, optimize

from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..network import Network, _per_unit, _weights
from .activations import Activation, activation
from .simulate import Windows

__all__ = [
    "Decomposition",
    "Whitening",
    "decompose",
    "dimension",
    "effective_coupling",
    "equal_time",
    "equilibrium",
    "mean_slope",
    "potentials",
    "rates",
    "state_variance",
    "unbiased_moments",
    "whiten",
    "window_covariance",
    "zero_frequency",
]


def _parts(network, gain, tau, leak):
    """Dense weights, gains, timescales, leak."""
    if isinstance(network, Network):
        w = network.weights
        gain, tau, leak = network.gain if gain is None else gain, network.tau, network.leak
    else:
        w = _weights(network)
    w = w.toarray() if sp.issparse(w) else np.asarray(w)
    n = len(w)
    h, tau = _per_unit(1.0 if gain is None else gain, n, "gain"), _per_unit(tau, n, "tau")
    if (tau <= 0).any():
        raise ValidationError(f"tau must be positive, unit {int(np.argmin(tau))} has {tau.min():g}")
    if not (np.isfinite(leak) and leak >= 0):
        raise ValidationError(f"leak must be a number >= 0, got {leak}")
    return w, h, tau, float(leak)


def _inside(noise, tau, enters):
    """The noise inside T dx/dt."""
    s = _per_unit(noise, len(tau), "noise")
    if (s < 0).any():
        raise ValidationError("noise is a standard deviation and cannot be negative")
    if enters not in ("inside", "outside"):
        raise ValidationError(f"noise enters 'inside' T dx/dt or 'outside' of it (added to dx/dt), got {enters!r}")
    return s if enters == "inside" else tau * s


def _relaxation(w, h, tau, leak):
    a = (leak * np.eye(len(w)) - w * h) / tau[:, None]
    slowest = linalg.eigvals(a).real.min()
    if slowest <= 0:
        raise NotApplicableError(
            f"the linear network is unstable: its rightmost eigenvalue is {-slowest:.3g}, so that it has no stationary covariance. "
            "Lower the coupling, or simulate the nonlinear network"
        )
    return a


def equal_time(network, noise=1.0, *, gain=None, tau=1.0, leak: float = 1.0, enters: str = "inside") -> np.ndarray:
    r"""Equal-time covariance of a linear network.

    .. math:: A\,\Sigma + \Sigma\,A^{\mathsf T} = T^{-1}\nu^2T^{-1},\qquad A = T^{-1}(\ell - WH)

    Parameters
    ----------
    network : Network or matrix
        A Network brings its own timescales, leak and, unless ``gain`` is given, gains.
    noise : float or (n,) array
        Strength :math:`\nu`.
    enters : "inside" or "outside"
        Inside :math:`T\dot x`, or added to :math:`\dot x`.

    Returns
    -------
    (n, n) ndarray

    Raises
    ------
    NotApplicableError
        If the network is unstable.
    ValidationError

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import equal_time
    >>> print(equal_time(np.array([[0.0, 0.5], [0.0, 0.0]])).round(4))
    [[0.5625 0.125 ]
     [0.125  0.5   ]]
    """
    w, h, tau, leak = _parts(network, gain, tau, leak)
    a, s = _relaxation(w, h, tau, leak), _inside(noise, tau, enters) / tau
    sigma = linalg.solve_continuous_lyapunov(a, np.diag(s**2))
    return (sigma + sigma.T) / 2


def zero_frequency(
    network, noise=1.0, *, gain=None, tau=1.0, leak: float = 1.0, enters: str = "inside", of: str = "potentials"
) -> np.ndarray:
    r"""Zero-frequency covariance of a linear network, of its potentials x or its rates Hx.

    .. math:: C_x = (\ell - WH)^{-1}\nu^2(\ell - WH)^{-\mathsf T},\qquad C_{Hx} = H\,C_xH

    Parameters and errors are those of :func:`equal_time`; timescales matter only where noise enters outside.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import zero_frequency
    >>> print(zero_frequency(np.array([[0.0, 0.5], [0.0, 0.0]])))
    [[1.25 0.5 ]
     [0.5  1.  ]]
    """
    if of not in ("potentials", "rates"):
        raise ValidationError(f"of must be 'potentials' or 'rates', got {of!r}")
    w, h, tau, leak = _parts(network, gain, tau, leak)
    _relaxation(w, h, tau, leak)
    root = np.linalg.solve(leak * np.eye(len(w)) - w * h, np.diag(_inside(noise, tau, enters)))
    if of == "rates":
        root = h[:, None] * root
    return root @ root.T


def window_covariance(
    network, length: float, noise=1.0, *, gain=None, tau=1.0, leak: float = 1.0, enters: str = "inside"
) -> np.ndarray:
    r"""What windows of a finite length show of the zero-frequency covariance of a linear network.

    .. math:: C_L = M\Sigma + \Sigma M^{\mathsf T},\qquad
              M = \int_0^L\Big(1-\frac tL\Big)e^{-At}dt = A^{-1} - \frac1L\,A^{-2}\big(1-e^{-AL}\big)

    The bias is :math:`-\frac1L(A^{-2}\Sigma + \Sigma A^{-2\mathsf T})` up to exponentially small terms: large in slow directions, so
    that short windows show the largest eigenvalues too low.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import window_covariance
    >>> round(float(window_covariance(np.zeros((1, 1)), 10.0)[0, 0]), 5)     # 1 - (1 - exp(-10))/10
    0.9
    """
    if not np.isfinite(length) or length <= 0:
        raise ValidationError(f"length must be a positive number, got {length}")
    w, h, tau, leak = _parts(network, gain, tau, leak)
    a = _relaxation(w, h, tau, leak)
    sigma = equal_time(w, noise, gain=h, tau=tau, leak=leak, enters=enters)
    inverse = np.linalg.inv(a)
    half = (inverse - inverse @ inverse @ (np.eye(len(a)) - linalg.expm(-a * length)) / length) @ sigma
    return half + half.T


def effective_coupling(strength: float, slope, slope_square=None) -> dict[str, float]:
    r"""Two numbers for the strength of a nonlinear network.

    .. math:: g_{\rm eff} = g\,\langle\sigma'\rangle\quad\text{(covariance, odd activation, equal units)},\qquad
              g_{\rm frozen} = g\sqrt{\langle\sigma'^2\rangle}\quad\text{(stability of a frozen state)}

    Averages run over units and time. The first is the coupling of the linear network with the same covariance at zero frequency; the
    second is the spectral radius of :math:`WH` with the slopes as they are at one moment, 1 at the edge of a fixed point with
    :math:`\ell = 1`. They agree only where all slopes are equal.

    Parameters
    ----------
    strength : float
        :math:`g`, with weights of variance :math:`g^2/n`.
    slope, slope_square : array
        :math:`\langle\sigma'(x_i)\rangle` and :math:`\langle\sigma'(x_i)^2\rangle`; at a fixed point the second is the square of the first.

    Returns
    -------
    dict with the keys ``"covariance"`` and ``"frozen"``.

    Examples
    --------
    >>> from rmtlib.dynamics.covariance import effective_coupling
    >>> effective_coupling(2.0, [0.6, 0.8])
    {'covariance': 1.4, 'frozen': 1.4142135623730951}
    """
    slope = np.asarray(slope, dtype=float)
    square = slope**2 if slope_square is None else np.asarray(slope_square, dtype=float)
    if not (np.isfinite(slope).all() and np.isfinite(square).all() and np.isfinite(strength)):
        raise ValidationError("strength and slopes must be finite numbers")
    if (square < slope**2 - 1e-12).any():
        raise ValidationError("a mean square slope is smaller than the square of the mean")
    return {"covariance": float(strength * slope.mean()), "frozen": float(strength * np.sqrt(square.mean()))}


def _gauss(variance):
    """Nodes and weights for a standard normal number z, dense where sqrt(variance) z is of order 1."""
    a = 1 / np.sqrt(1 + variance)
    t = np.linspace(-1, 1, 2001) * np.arcsinh(10 / a)  # trapezoid in t with z = a sinh(t), up to ten standard deviations
    z = a * np.sinh(t)
    weight = np.cosh(t) * np.exp(-(z**2) / 2)
    return z, weight / weight.sum()


def mean_slope(variance: float, sigma: str | Activation = "tanh") -> float:
    r""":math:`\langle\sigma'(x)\rangle` for a Gaussian :math:`x` of mean zero.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import mean_slope
    >>> round(mean_slope(1.0, "erf"), 6), round(float(1 / np.sqrt(1 + np.pi / 2)), 6)
    (0.623686, 0.623686)
    """
    if not (np.isfinite(variance) and variance >= 0):
        raise ValidationError(f"variance must be a number >= 0, got {variance}")
    z, weight = _gauss(variance)
    return float(weight @ activation(sigma).slope(np.sqrt(variance) * z))


def state_variance(g: float, noise: float = 0.0) -> float:
    r"""Variance :math:`\Delta_0` of the state in a large tanh network with independent Gaussian weights of variance :math:`g^2/n`.

    .. math:: \tfrac12\Delta_0^2 - \tfrac18\nu^4 = g^2\,\mathrm{Var}\,\log\cosh(\sqrt{\Delta_0}\,z),\qquad z\sim\mathcal N(0,1)

    Conservation of energy in the mean-field equation :math:`\ddot\Delta = \Delta - g^2C_\sigma(\Delta)`, whose "velocity" just after zero
    is :math:`-\nu^2/2` with white noise of strength :math:`\nu`, and which ends at rest at :math:`\Delta = 0`. For :math:`\tau = \ell = 1`.

    Raises
    ------
    ValidationError
        For a negative argument.

    References
    ----------
    H. Sompolinsky, A. Crisanti, H. J. Sommers, Phys. Rev. Lett. 61, 259 (1988); with noise J. Schuecker, S. Goedeke, M. Helias,
    arXiv:1603.01880.

    Examples
    --------
    >>> from rmtlib.dynamics.covariance import state_variance
    >>> round(state_variance(1.5), 4), state_variance(0.9), state_variance(0.0, 1.0)
    (0.7477, 0.0, 0.5)
    """
    if not (g >= 0 and noise >= 0 and np.isfinite(g) and np.isfinite(noise)):
        raise ValidationError(f"g and noise must be numbers >= 0, got {g} and {noise}")
    if noise == 0 and g <= 1:
        return 0.0

    def energy(d):
        z, weight = _gauss(d)
        x = np.abs(np.sqrt(d) * z)
        phi = x + np.log1p(np.exp(-2 * x)) - np.log(2)
        return d**2 / 2 - noise**4 / 8 - g**2 * (weight @ phi**2 - (weight @ phi) ** 2)

    low = max(noise**2 / 2, 1e-6 * (g > 1))  # the free variance; for chaos a point where the energy is still negative
    if energy(low) >= 0:
        return float(low)
    high = 2 * low + 2 * g**2 + 1
    return float(optimize.brentq(energy, low, high, xtol=1e-12))


@dataclass(frozen=True)
class Decomposition:
    r"""A line through each unit's rate, and what it leaves over.

    .. math:: \sigma(x_i) = \text{const} + h_ix_i + r_i,\qquad \text{strength}_i = \ell^2D_i + h_i^2\nu_i^2

    Attributes
    ----------
    gain : (n,) ndarray
        :math:`h_i`.
    residual : (n,) ndarray
        :math:`D_i`, the zero-frequency variance of :math:`r_i`.
    noise : (n,) ndarray
        :math:`\nu_i` inside :math:`T\dot x`.
    leak : float
    """

    gain: np.ndarray
    residual: np.ndarray
    noise: np.ndarray
    leak: float = 1.0

    @property
    def strength(self) -> np.ndarray:
        return self.leak**2 * self.residual + self.gain**2 * self.noise**2

    def scalar(self) -> Decomposition:
        """One gain and one strength for all units, as for an odd activation in a homogeneous network."""
        mean = [np.full_like(v, v.mean()) for v in (self.gain, self.residual)]
        return Decomposition(*mean, np.full_like(self.noise, np.sqrt(np.mean(self.noise**2))), self.leak)


def decompose(windows: Windows, gain, noise=0.0, *, tau=1.0, leak: float = 1.0, enters: str = "inside") -> Decomposition:
    r"""Noise strengths of the equivalent linear network, from a simulation.

    .. math:: D_i = (C_\sigma)_{ii} - 2h_i\,(C_{\sigma x})_{ii} + h_i^2\,(C_x)_{ii}

    Parameters
    ----------
    windows : Windows
    gain : float or (n,) array
        Mean slopes, the ``slope`` of :class:`~rmtlib.dynamics.simulate.Moments`.
    noise, tau, leak, enters
        As in the simulation.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import decompose
    >>> from rmtlib.dynamics.simulate import Simulation, Windows
    >>> windows = Windows(10.0)
    >>> _ = Simulation(np.zeros((2, 2)), "linear", noise=1.0, trials=50).run(100, windows)
    >>> print(decompose(windows, 1.0, 1.0).residual.round(12) + 0)     # a linear unit leaves nothing over
    [0. 0.]
    """
    n = windows.x.shape[0]
    h, tau = _per_unit(gain, n, "gain"), _per_unit(tau, n, "tau")
    d = np.diag(windows.rates) - 2 * h * windows.cross + h**2 * np.diag(windows.x)
    return Decomposition(h, np.maximum(d, 0.0), _inside(noise, tau, enters), float(leak))


def _square(weights, n):
    w = _parts(weights, 1.0, 1.0, 1.0)[0]
    if len(w) != n:
        raise ValidationError(f"weights are {len(w)} x {len(w)} and there are {n} gains")
    return w


def rates(weights, parts: Decomposition) -> np.ndarray:
    r"""Zero-frequency covariance of the rates.

    .. math:: C_\sigma = (\ell - HW)^{-1}(\ell^2D + H^2\nu^2)(\ell - HW)^{-\mathsf T}
    """
    w = _square(weights, len(parts.gain))
    a = parts.leak * np.eye(len(w)) - parts.gain[:, None] * w
    root = np.linalg.solve(a, np.diag(np.sqrt(parts.strength)))
    return root @ root.T


def potentials(weights, parts: Decomposition) -> np.ndarray:
    r"""Zero-frequency covariance of the states.

    .. math:: C_x = (\ell - WH)^{-1}(WDW^{\mathsf T} + \nu^2)(\ell - WH)^{-\mathsf T}
    """
    w = _square(weights, len(parts.gain))
    a = parts.leak * np.eye(len(w)) - w * parts.gain
    half = np.linalg.solve(a, (w * parts.residual) @ w.T + np.diag(parts.noise**2))
    c = np.linalg.solve(a, half.T)
    return (c + c.T) / 2


@dataclass(frozen=True)
class Whitening:
    r"""A measured covariance as the linear form sees it: the unit matrix where the form holds.

    Attributes
    ----------
    matrix : (n, n) ndarray
        :math:`\Omega = K\,C\,K^{\mathsf T}` with :math:`K = D^{-1/2}(\ell-HW)`, D the strengths.
    floor : float
        :math:`1/\sqrt m`, what off-diagonal elements of m windows scatter by when the form is exact.
    """

    matrix: np.ndarray
    floor: float

    @property
    def off_diagonal(self) -> float:
        """Root mean square of the elements off the diagonal; at least about ``floor``."""
        n = len(self.matrix)
        return float(np.sqrt((np.sum(self.matrix**2) - np.sum(np.diag(self.matrix) ** 2)) / (n * (n - 1))))

    @property
    def diagonal(self) -> np.ndarray:
        return np.diag(self.matrix).copy()

    @property
    def spread(self) -> float:
        r"""Standard deviation of the diagonal over its mean; at least about :math:`\sqrt2` times ``floor``."""
        d = np.diag(self.matrix)
        return float(d.std() / d.mean())

    @property
    def misfit(self) -> float:
        r"""Off-diagonal part above the noise, :math:`\sqrt{\max(0,\ \text{off}^2-\text{floor}^2)}`."""
        return float(np.sqrt(max(0.0, self.off_diagonal**2 - self.floor**2)))


def whiten(covariance, weights, parts: Decomposition, windows: int) -> Whitening:
    r"""Hold a measured covariance of rates against the linear form.

    .. math:: \Omega = D^{-1/2}(\ell - HW)\,C_\sigma\,(\ell - HW)^{\mathsf T}D^{-1/2} = 1

    Parameters
    ----------
    covariance : (n, n) array
        Zero-frequency covariance of the rates.
    weights : matrix
    parts : Decomposition
    windows : int
        Independent windows behind the covariance.

    Raises
    ------
    ValidationError
        For shapes that disagree or fewer than two windows.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import Decomposition, rates, whiten
    >>> w = np.array([[0.0, 0.5], [-0.8, 0.0]])
    >>> parts = Decomposition(np.array([0.7, 0.9]), np.array([0.1, 0.2]), np.ones(2))
    >>> bool(np.allclose(whiten(rates(w, parts), w, parts, 100).matrix, np.eye(2)))
    True
    """
    c = np.asarray(covariance, dtype=float)
    n = len(parts.gain)
    if c.shape != (n, n) or not np.isfinite(c).all():
        raise ValidationError(f"covariance must be a finite {n} x {n} matrix, got shape {c.shape}")
    if windows < 2:
        raise ValidationError(f"a covariance needs two windows or more, got {windows}")
    w, d = _square(weights, n), np.sqrt(parts.strength)
    if (d == 0).any():
        raise NotApplicableError(f"unit {int(np.argmin(d))} has no noise at all: nothing to divide by")
    a = (parts.leak * np.eye(n) - parts.gain[:, None] * w) / d[:, None]
    return Whitening(a @ c @ a.T, 1 / np.sqrt(windows - 1))


def unbiased_moments(covariance, windows: int | None = None) -> tuple[float, float]:
    r""":math:`(\mathrm{tr}\,C)^2` and :math:`\mathrm{tr}\,C^2`, with the scatter of m degrees of freedom taken out.

    .. math:: \mathbb E\,\mathrm{tr}\,\hat C^2 = \Big(1+\frac1m\Big)\mathrm{tr}\,C^2 + \frac{(\mathrm{tr}\,C)^2}m,\qquad
              \mathbb E\,(\mathrm{tr}\,\hat C)^2 = (\mathrm{tr}\,C)^2 + \frac2m\,\mathrm{tr}\,C^2

    for a Wishart matrix; the two equations are solved for the true traces.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import unbiased_moments
    >>> unbiased_moments(np.diag([1.0, 2.0]))
    (9.0, 5.0)
    """
    c = np.asarray(covariance, dtype=float)
    if c.ndim != 2 or c.shape[0] != c.shape[1] or not np.isfinite(c).all():
        raise ValidationError(f"covariance must be a finite square matrix, got shape {c.shape}")
    square, second = float(np.trace(c) ** 2), float(np.sum(c * c))
    if windows is None:
        return square, second
    if windows < 3:
        raise ValidationError(f"at least three windows are needed, got {windows}")
    m = windows - 1
    return tuple(float(v) for v in np.linalg.solve([[1, 2 / m], [1 / m, 1 + 1 / m]], [square, second]))


def dimension(covariance, windows: int | None = None) -> float:
    r"""Participation ratio of the spectrum, :math:`(\mathrm{tr}\,C)^2/\mathrm{tr}\,C^2`, between 1 and n.

    For :math:`C = (1-gJ)^{-1}(1-gJ)^{-\mathsf T}` it is :math:`n(1-g^2)^2` at large n (Hu and Sompolinsky 2022).

    Parameters
    ----------
    windows : int, optional
        Windows behind a measured covariance; the bias of their finite number, which makes dimensions too small, is then removed
        (:func:`unbiased_moments`).

    Raises
    ------
    NotApplicableError
        If so few windows leave no positive estimate.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import dimension
    >>> dimension(np.eye(7)), dimension(np.diag([1.0, 0.0]))
    (7.0, 1.0)
    """
    square, second = unbiased_moments(covariance, windows)
    if second <= 0 or square <= 0:
        raise NotApplicableError("too few windows to estimate the dimension, or a covariance of zero")
    return square / second


def equilibrium(network, sigma="tanh", *, drive=0.0, leak: float = 1.0, start=None, tol: float = 1e-10) -> np.ndarray:
    r"""A fixed point, :math:`\ell x = W\sigma(x) + u`, by Newton's method from ``start`` (by default zero).

    Raises
    ------
    ConvergenceError
        If the residual stays above ``tol``; the network may have no fixed point near ``start``.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.covariance import equilibrium
    >>> x = equilibrium(np.array([[0.0, -1.0], [1.0, 0.0]]), drive=0.5)
    >>> bool(np.allclose(x, np.array([[0, -1], [1, 0]]) @ np.tanh(x) + 0.5))
    True
    """
    sigma = activation(sigma)
    w, _, _, leak = _parts(network, 1.0, 1.0, leak)
    u = _per_unit(drive, len(w), "drive")
    x0 = np.zeros(len(w)) if start is None else _per_unit(start, len(w), "start")
    got = optimize.root(
        lambda x: leak * x - w @ sigma(x) - u,
        x0,
        jac=lambda x: leak * np.eye(len(w)) - w * sigma.slope(x),
        tol=tol * 1e-2,
    )
    residual = np.abs(leak * got.x - w @ sigma(got.x) - u).max()
    if not residual < tol * (1 + np.abs(got.x).max()):
        raise ConvergenceError(f"no fixed point found: residual {residual:.2g} after {got.nfev} evaluations; start elsewhere")
    return got.x
