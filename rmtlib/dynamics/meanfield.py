r"""Mean-field theory of large random rate networks: autocovariance, order parameters, largest Lyapunov exponent.

For :math:`\tau_i\,dx_i = (-\ell x_i + \sum_j W_{ij}\sigma(x_j) + u_i)\,dt + \nu\,d\beta_i` with independent weights the input of a unit becomes a
Gaussian process of a self-consistent covariance. With populations :math:`a`, variances :math:`V_{ab}` and means :math:`M_{ab}` of summed inputs,

.. math::
   \ell\,m_a = \sum_b M_{ab} \langle\sigma\rangle_b + u_a, \qquad
   \hat\Delta_{a,\tau}(\omega) = \frac{\sum_b V_{ab}\, \hat C_b(\omega) + \nu^2}{\ell^2 + \omega^2\tau^2}, \qquad
   C_b(t) = \big\langle \sigma(x_0)\,\sigma(x_t) \big\rangle_{b,\tau},

where :math:`(x_0, x_t)` is Gaussian with mean :math:`m_b`, variance :math:`\Delta_{b,\tau}(0)` and covariance :math:`\Delta_{b,\tau}(t)`, averaged over the law of
:math:`\tau` in the population. For one population with one timescale and an odd :math:`\sigma` this is Newton's equation in a potential,

.. math:: \tau^2 \ddot\Delta = \ell^2\Delta - g^2 C(\Delta), \qquad \dot\Delta(0^+) = -\nu^2/2\tau^2, \qquad \Delta(\infty) = 0 .

Sources: Sompolinsky, Crisanti and Sommers, Phys. Rev. Lett. 61, 259 (1988); with noise Schuecker, Goedeke and Helias, Phys. Rev. X 8, 041029
(2018); populations and means Kadmon and Sompolinsky, Phys. Rev. X 5, 041030 (2015), Mastrogiuseppe and Ostojic, PLoS Comput. Biol. 13, e1005498 (2017).
The same equations as sympy objects: :mod:`rmtlib.symbolic.meanfield`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.fft import dct
from scipy.integrate import cumulative_simpson
from scipy.interpolate import CubicHermiteSpline, CubicSpline
from scipy.linalg import eigh_tridiagonal
from scipy.optimize import brentq
from scipy.signal import lfilter
from scipy.sparse.linalg import ArpackNoConvergence, LinearOperator, eigs

from ..ensemble import Ensemble
from ..errors import ConvergenceError, NotApplicableError, ValidationError
from .activations import Activation, activation
from .simulate import _interval, _Statistic

__all__ = ["EnsembleMeanField", "MeanField", "PopulationAutocovariance", "mean_field", "potential", "solve_ensemble"]

_END = 1e-6  # Delta(t)/Delta(0) at the last lag
_CLOSE = 1e-4  # relative distance to the transition below which rounding spoils the quadrature of time
_HERMITE = 400  # terms of the expansion in Hermite polynomials


@lru_cache(maxsize=1)
def _nodes():
    """Equal nodes on [-13, 13], normal weights, and orthonormal Hermite polynomials times sqrt(weight), (terms, nodes), by their recurrence.

    On equal steps sums of smooth functions are exact to rounding as soon as the step resolves them, here down to features of a width of 1/30: units
    that are switches, seen on the scale of their states, need that, and Gauss nodes of the same number do not give it.
    """
    z = np.linspace(-13, 13, 2601)
    w = np.exp(-0.5 * z**2)
    w /= w.sum()
    table = np.zeros((_HERMITE, z.size))
    table[0] = np.sqrt(w)
    table[1] = z * table[0]
    for k in range(1, _HERMITE - 1):
        table[k + 1] = (z * table[k] - np.sqrt(k) * table[k - 1]) / np.sqrt(k + 1)
    return z, w, table


def _mean(f, mean, variance):
    """<f(x)> for a normal x."""
    z, w, _ = _nodes()
    return float(w @ np.asarray(f(mean + np.sqrt(variance) * z), float))


def _series(f, mean, variance):
    r"""Squares a_k^2 of the Hermite coefficients of f: <f(x) f(y)> = sum a_k^2 rho^k at correlation rho (Mehler).

    What the terms left out amount to at rho = 1, where the sum is <f^2>, is given to the last one.
    """
    z, w, table = _nodes()
    values = np.asarray(f(mean + np.sqrt(variance) * z), float)
    squares = (table @ (np.sqrt(w) * values)) ** 2
    squares[-1] += max(float(w @ values**2) - float(squares.sum()), 0.0)
    return squares


def _slopes(sigma, variance, mean=0.0):
    r"""<sigma'(x) sigma'(y)> as a function of the correlation, with its Hermite series.

    The Hermite series converges slowly near rho = 1 where the states exceed the width of the slope by far. There x and y share a normal part of variance
    rho and have parts of variance 1 - rho of their own: sigma' is smoothed over the latter by Fourier transform, and its square averaged over the former.
    """
    series = _series(sigma.slope, mean, variance)
    if series[-20:].sum() < 1e-9 * series.sum():
        return series, lambda rho: _at(series, rho)
    top = np.log1p(0.1 * variance)
    u = np.linspace(0, top, 200)
    own = np.expm1(u)  # variance (1 - rho)
    reach = 11 * np.sqrt(variance)
    y = np.arange(-reach, reach, 0.1)
    omega = 2 * np.pi * np.fft.rfftfreq(y.size, 0.1)
    smooth = np.fft.irfft(np.fft.rfft(np.asarray(sigma.slope(mean + y), float)) * np.exp(-0.5 * np.multiply.outer(own, omega**2)), y.size, axis=1)
    shared = np.exp(-0.5 * y**2 / (variance - own)[:, None])
    near = CubicSpline(u, (shared * smooth**2).sum(1) / shared.sum(1))

    def value(rho):
        rho = np.clip(rho, 0, 1)
        out = np.empty_like(rho)
        far = rho < 0.9  # the last term of the series counts for 1e-18 of itself
        out[far], out[~far] = _at(series, rho[far]), near(np.log1p(variance * (1 - rho[~far])))
        return out

    return series, value


def _at(series, rho):
    used = np.flatnonzero(series > 1e-15 * series.sum())  # what is left out is below rounding
    series = series[: used[-1] + 1] if used.size else series[:1]
    return np.polynomial.polynomial.polyval(np.clip(rho, -1, 1), series)


@dataclass(frozen=True, eq=False)
class MeanField:
    """Solution for one population with one timescale.

    Attributes
    ----------
    time : (k,) ndarray
        Lags, from 0, in the unit of tau.
    delta : (k,) ndarray
        Autocovariance of the state at these lags.
    variance : float
        Delta(0).
    rates : (k,) ndarray
        Autocovariance C of the rates.
    mean_slope, mean_square_slope : float
        <sigma'> and <sigma'^2>.
    coupling : float
        g <sigma'>, the effective coupling of the fluctuations.
    lyapunov : float
        Largest Lyapunov exponent, in inverse units of tau.
    level : float
        Lowest level E_0 of the operator that gives it; the edge of the continuum where nothing is bound (linear units, rest).
    residual : float
        Largest violation of the mean-field equation on the lags, relative to the variance: the solution filtered once more less itself.
    g, noise, leak : float
    sigma : Activation
    """

    time: NDArray
    delta: NDArray
    variance: float
    rates: NDArray
    mean_slope: float
    mean_square_slope: float
    coupling: float
    lyapunov: float
    level: float
    residual: float
    g: float
    noise: float
    leak: float
    sigma: Activation

    @property
    def acceleration(self) -> float:
        r"""Second derivative :math:`\ddot\Delta(0^+) = \ell^2\Delta_0 - g^2\langle\sigma^2\rangle`: negative if and only if the network is chaotic."""
        return float(self.leak**2 * self.variance - self.g**2 * self.rates[0])


def potential(g: float, variance: float, delta, sigma: str | Activation = "tanh", leak: float = 1.0):
    r"""Potential of Newton's equation, :math:`V(\Delta) = -\tfrac12\ell^2\Delta^2 + g^2 \int_0^\Delta C(\Delta')\,d\Delta'`, at a fixed variance.

    Parameters
    ----------
    g, variance : float
    delta : array_like
        Between -variance and variance.

    Examples
    --------
    >>> from rmtlib.dynamics.meanfield import potential
    >>> print(potential(2.0, 1.9248, [0.0, 1.0]).round(4), abs(potential(2.0, 1.9248, 1.9248)) < 1e-4)  # back to rest at the same height
    [ 0.   -0.02] True
    """
    delta = np.asarray(delta, float)
    series = _series(activation(sigma), 0.0, variance)
    whole = np.polynomial.polynomial.polyint(series)
    return -0.5 * leak**2 * delta**2 + g**2 * variance * _at(whole, delta / variance)


def mean_field(
    g: float, sigma: str | Activation = "tanh", noise: float = 0.0, leak: float = 1.0, points: int = 400
) -> MeanField:
    r"""Solve the mean-field equation of a homogeneous network, weights of variance g^2/n and mean 0, tau = 1.

    .. math:: \ddot\Delta = \ell^2\Delta - g^2 C(\Delta), \qquad \dot\Delta(0^+) = -\nu^2/2, \qquad \Delta(\infty) = 0

    Energy is conserved, so that the variance is the largest root of :math:`V(\Delta_0) = -\nu^4/8`, and time is a quadrature over Delta.

    Parameters
    ----------
    g : float
        Standard deviation of the weights times sqrt(n), at least 0.
    sigma : str or Activation
        Odd.
    noise : float
        nu.
    leak : float
        Positive.
    points : int
        Lags returned.

    Raises
    ------
    ValidationError
        Numbers that are negative or not finite.
    NotApplicableError
        An activation that is not odd: its mean is not 0 and a part of Delta may not decay; use :func:`solve_ensemble`.
    NotApplicableError
        Without noise, g sigma'(0) above the leak by less than 1e-4 of it: rounding spoils the quadrature; for tanh the expansion at the transition
        (:func:`rmtlib.symbolic.meanfield.critical_expansion`) holds to three digits there.
    ConvergenceError
        No stationary state: the activation grows too fast for this g.

    Examples
    --------
    >>> from rmtlib.dynamics.meanfield import mean_field
    >>> m = mean_field(1.5)
    >>> print(f"{m.variance:.4f} {m.coupling:.4f} {m.lyapunov:.4f}", m.residual < 1e-5)
    0.7477 0.9869 0.0467 True
    >>> mean_field(0.8).variance, round(mean_field(0.0, noise=1.0).variance, 6)
    (0.0, 0.5)
    """
    sigma = activation(sigma)
    for name, value in (("g", g), ("noise", noise)):
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise ValidationError(f"{name} must be a number, got {type(value).__name__}; for an Ensemble use rmtlib.dynamics.meanfield.solve_ensemble")
        if not (np.isfinite(value) and value >= 0):
            raise ValidationError(f"{name} must be a number >= 0, got {value}")
    if not (np.isfinite(leak) and leak > 0):
        raise ValidationError(f"leak must be positive, got {leak}")
    if not sigma.odd:
        raise NotApplicableError(f"{sigma.name} is not odd: use solve_ensemble, which finds the mean and the static part as well")

    def energy(variance):
        series = _series(sigma, 0.0, variance)  # of the potential at its end, where the correlation is 1
        return float(-0.5 * (leak * variance) ** 2 + g**2 * variance * (series / np.arange(1, len(series) + 1)).sum()) + noise**4 / 8

    slope = float(sigma.slope(np.zeros(1))[0])
    excess = g * abs(slope) / leak - 1
    if noise == 0 and 0 < excess < _CLOSE:
        raise NotApplicableError(
            f"g = {g:.9g} lies above the transition by less than {_CLOSE:g} of it: rounding spoils the quadrature. For tanh use the expansion "
            "Delta_0 = (g - 1) + 7/6 (g - 1)^2, lambda = (g - 1)^2/2"
        )
    # the energy starts at noise^4/8 >= 0 and ends negative: the largest root, from above
    lowest = min(1e-5, 0.1 * excess) if excess > 0 else 1e-5
    lowest = min(lowest, 0.1 * noise**2 / leak) if noise else lowest  # with noise the variance is at least nu^2/2 leak
    grid = np.geomspace(lowest, 1e4, 200)
    heights = np.array([energy(v) for v in grid])
    if heights[-1] >= 0:
        raise ConvergenceError(f"no stationary state at g = {g:g}: {sigma.name} grows too fast for the leak {leak:g}", None)
    change = np.flatnonzero((heights[:-1] > 0) & (heights[1:] <= 0))
    if not change.size:
        if excess > 0 or noise:
            raise ConvergenceError(f"no root of the energy between variances {lowest:.1e} and 1e4 at g = {g:g}, noise = {noise:g}", None)
        quiet = np.linspace(0, 10 / leak, points)
        return MeanField(
            quiet, np.zeros(points), 0.0, np.zeros(points), slope, slope**2, g * slope, g * abs(slope) - leak, leak**2 - (g * slope) ** 2,
            0.0, g, noise, leak, sigma,
        )  # fmt: skip
    k = change[-1]
    variance = brentq(energy, grid[k], grid[k + 1], xtol=1e-14 * grid[k], rtol=1e-13)

    # time as a function of Delta: dt = dDelta/sqrt(2 (E - V)), E = 0; Delta = variance (1 - s^2) takes the root at the start
    tail = np.geomspace(_END, 0.5, 600)[::-1]
    s = np.concatenate([np.linspace(0, np.sqrt(0.5), 600)[:-1], np.sqrt(1 - tail)])
    delta = variance * np.concatenate([1 - s[:599] ** 2, tail])
    kinetic = np.maximum(-2 * potential(g, variance, delta, sigma, leak), 0)
    with np.errstate(all="ignore"):
        speed = np.sqrt(kinetic)
        slow = 2 * variance * s / speed  # dt/ds
    series, (slopes, products) = _series(sigma, 0.0, variance), _slopes(sigma, variance)
    if noise == 0:  # 0/0 at the start: kinetic = 2 variance s^2 (g^2 C - l^2 Delta)
        slow[0] = 2 * variance / np.sqrt(2 * variance * (g**2 * series.sum() - leak**2 * variance))
    head = cumulative_simpson(slow[:599], x=s[:599], initial=0.0)
    # in the tail Delta falls exponentially: the logarithm of Delta is the better variable
    rest = cumulative_simpson(variance * tail / speed[599:], x=-np.log(tail), initial=0.0)
    joint = head[-1] + 0.5 * (slow[598] + slow[599]) * (s[599] - s[598])
    time = np.concatenate([head, joint + rest])
    if not np.isfinite(time).all() or np.any(np.diff(time) <= 0):
        raise ConvergenceError(
            f"the quadrature of time fails at g = {g:g}, noise = {noise:g}: so close to the transition rounding decides the speed; move away from it",
            None,
        )
    curve = CubicHermiteSpline(time, delta, -speed)

    def on(t):
        d = np.clip(curve(t), 0, variance)
        return d, _at(series, d / variance)

    lags = np.linspace(0, time[-1], points)
    fine = np.linspace(0, time[-1], _PANELS + 1)
    d, rates = on(fine)
    coupling = g * _mean(sigma.slope, 0.0, variance)
    level = _ground_state(
        lambda t: leak**2 - g**2 * products(np.clip(curve(t), 0, variance) / variance), time[-1], leak**2 - g**2 * slopes[0]
    )
    return MeanField(
        lags, on(lags)[0], float(variance), on(lags)[1], coupling / g if g else _mean(sigma.slope, 0.0, variance), float(slopes.sum()),
        coupling, float(np.sqrt(leak**2 - level) - leak), level, _residual(fine, d, rates, g, noise, leak) / variance, g, noise, leak, sigma,
    )  # fmt: skip


_PANELS = 2000


def _residual(t, delta, rates, g, noise, leak):
    r"""Delta(t) = (1/2 l) int exp(-l |t - s|) (g^2 C(s) + nu^2 delta(s)) ds, evaluated on equal lags; largest difference.

    The source is interpolated by a cubic spline and each panel integrated in closed form, so that a step longer than the leak costs nothing.
    """
    h = t[1] - t[0]
    c = CubicSpline(t, g**2 * rates).c  # powers of s - t_k, highest first
    moments = [-np.expm1(-leak * h) / leak]  # int_0^h exp(-l (h - s)) s^k ds and its mirror image
    for k in (1, 2, 3):
        moments.append((h**k - k * moments[-1]) / leak)
    mirror = [moments[0]]
    for k in (1, 2, 3):
        mirror.append((k * mirror[-1] - h**k * np.exp(-leak * h)) / leak)
    past, future = (sum(c[3 - k] * m[k] for k in range(4)) for m in (moments, mirror))
    decay = np.exp(-leak * h)
    tail = g**2 * rates[-1] / (leak + max(-np.log(rates[-1] / rates[-2]) / h, 0.0)) if rates[-1] > 0 else 0.0
    after = np.concatenate([lfilter([1], [1, -decay], future[::-1], zi=[decay * tail])[0][::-1], [tail]])
    before = np.concatenate([[after[0]], lfilter([1], [1, -decay], past, zi=[decay * after[0]])[0]])  # even: the past of 0 is its future
    whole = (before + after + noise**2 * np.exp(-leak * t)) / (2 * leak)
    return float(np.max(np.abs(whole - delta)))


def _ground_state(well, end, far):
    r"""Lowest level of :math:`-d^2/dt^2 + w(t)` on the line, w even and constant, `far`, beyond `end`; `far` itself where nothing is bound.

    The even solution is carried from 0 to `end` by Magnus steps of fourth order, each an exponential of a 2 x 2 matrix, and met by the decaying one,
    :math:`\psi'/\psi = -\sqrt{w_\infty - E}`. No box: the continuum needs no wall. Below the ground state the mismatch is positive, above it negative.
    """
    grid = end * np.sinh(6 * np.linspace(0, 1, _PANELS + 1)) / np.sinh(6)  # fine at the start, where switches make a narrow well
    h = np.diff(grid)
    node = grid[:-1, None] + h[:, None] * (0.5 + np.sqrt(3) / 6 * np.array([-1, 1]))
    w = well(node.ravel()).reshape(_PANELS, 2)
    skew = np.sqrt(3) / 12 * h**2 * (w[:, 0] - w[:, 1])
    mean = w.mean(1)

    def mismatch(energy):
        q = h * (mean - energy)
        square = skew**2 + h * q
        root = np.sqrt(square.astype(complex))
        even = np.cosh(root).real
        ratio = np.where(np.abs(square) > 1e-8, (np.sinh(root) / np.where(root == 0, 1, root)).real, 1 + square / 6)
        steps = np.array([[even + ratio * skew, ratio * h], [ratio * q, even - ratio * skew]]).transpose(2, 0, 1)
        while len(steps) > 1:  # products of neighbours, later ones to the left; only signs are needed, so sizes are divided out
            odd = steps[-1:] if len(steps) % 2 else steps[:0]
            steps = np.concatenate([steps[1::2] @ steps[: 2 * (len(steps) // 2) : 2], odd])
            steps /= np.abs(steps).max((1, 2), keepdims=True)
        psi, slope = steps[0][:, 0]
        return slope + np.sqrt(max(far - energy, 0.0)) * psi

    # an upper bound from a wall at the end, by finite differences; their error is added
    coarse = np.linspace(0, end, 801)
    step = coarse[1]
    off = np.full(799, -1 / step**2)
    off[0] *= np.sqrt(2)  # even: the first point has two equal neighbours, and half the weight
    table = well(coarse[:-1])
    wall = float(eigh_tridiagonal(2 / step**2 + table, off, select="i", select_range=(0, 0), eigvals_only=True)[0])
    low, high = float(min(w.min(), table.min())), min(wall + 0.02 * (far - table.min()) + 1e-14, far)
    low -= 1e-12 * (1 + abs(low))
    if mismatch(high) >= 0:  # the wall was no bound, or nothing is bound
        below = [e for e in np.linspace(low, far, 65)[1:] if mismatch(e) < 0]
        if not below:
            return float(far)
        high = below[0]
    return float(brentq(mismatch, low, high, xtol=1e-15, rtol=1e-14))


# --- several populations, timescales that differ ---------------------------------------------------------


@dataclass(frozen=True, eq=False)
class EnsembleMeanField:
    """Solution for an ensemble, by population.

    Attributes
    ----------
    time : (k,) ndarray
        Lags, in the unit of tau.
    names : tuple of str
    tau : list of (nodes,) ndarray
        Timescales at which each population was solved, with ``weight`` their probabilities.
    weight : list of (nodes,) ndarray
    mean : (populations,) ndarray
        Mean state.
    delta : list of (nodes, k) ndarray
        Autocovariance of the states of one population and timescale, its static part included.
    rates : (populations, k) ndarray
        C_b(t), average of the product of two rates of one unit.
    mean_rate, mean_slope : (populations,) ndarray
    residual : float
        Largest change by one more sweep, relative to C(0).
    error : float
        Estimate of the error of the variances from the grid of lags: the change from half as many, a third of it.
    iterations : int
    input_variance, input_mean : (populations, populations) ndarray
        V and M with which it was solved.
    sigma : Activation
    leak, noise : float
    """

    time: NDArray
    names: tuple[str, ...]
    tau: list[NDArray]
    weight: list[NDArray]
    mean: NDArray
    delta: list[NDArray]
    rates: NDArray
    mean_rate: NDArray
    mean_slope: NDArray
    residual: float
    error: float
    iterations: int
    input_variance: NDArray
    input_mean: NDArray
    sigma: Activation
    leak: float
    noise: float

    def variance(self, population: int = 0) -> float:
        """Of the states of a population, averaged over its timescales."""
        return float(self.weight[population] @ self.delta[population][:, 0])

    def autocovariance(self, population: int = 0) -> NDArray:
        """Delta(t) of a population, averaged over its timescales."""
        return self.weight[population] @ self.delta[population]

    @property
    def static(self) -> NDArray:
        """Part of the variance of each population that does not decay, (populations,): the autocovariance at the last lag."""
        return np.array([self.autocovariance(a)[-1] for a in range(len(self.names))])

    @property
    def mean_rates(self) -> NDArray:
        """Growth rates of a small shift of all units of a population at fixed variances: eigenvalues of T^-1 (-leak + M <sigma'>), with mean timescales."""
        tau = np.array([t @ w for t, w in zip(self.tau, self.weight, strict=True)])
        return np.linalg.eigvals((-self.leak * np.eye(len(tau)) + self.input_mean * self.mean_slope) / tau[:, None])

    @property
    def square_slope(self) -> NDArray:
        """<sigma'^2> of each population, averaged over its timescales."""
        parts = zip(self.mean, self.delta, self.weight, strict=True)

        def square(x):
            return np.asarray(self.sigma.slope(x), float) ** 2

        return np.array([sum(w * _mean(square, m, max(d[0], 0.0)) for d, w in zip(rows, weight, strict=True)) for m, rows, weight in parts])

    @property
    def frozen_radius(self) -> float:
        """Spectral radius of W diag(sigma') at an instant, the square root of that of V <sigma'^2>; above the leak a frozen state is unstable."""
        return float(np.sqrt(np.max(np.abs(np.linalg.eigvals(self.input_variance * self.square_slope)))))

    def lyapunov(self) -> float:
        r"""Largest Lyapunov exponent of the fluctuations, with any number of populations and timescales.

        .. math:: q_a(\theta) = \Big\langle D_{a,\tau}(\theta) \int d\theta'\,
                  \frac{e^{-(\ell+\lambda\tau)|\theta-\theta'|/\tau}}{2\tau(\ell+\lambda\tau)} \sum_b V_{ab}\,q_b(\theta') \Big\rangle_\tau,
                  \qquad D_{a,\tau}(\theta) = \langle\sigma'(x_0)\,\sigma'(x_\theta)\rangle_{a,\tau}

        The operator on the right is positive and falls as lambda grows: the exponent is where its largest eigenvalue is 1. With one timescale this is
        the lowest level of the Schrödinger operator in another form. Shifts of a whole population are another matter, see :attr:`mean_rates`.

        Returns
        -------
        float
            In inverse units of tau. Against :func:`mean_field`, where both apply, within 1e-4 on the default lags.

        Raises
        ------
        ConvergenceError
            The eigenvalue was not found.

        Examples
        --------
        >>> import rmtlib as rmt
        >>> from rmtlib.dynamics.meanfield import mean_field, solve_ensemble
        >>> ens = rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=2.0))
        >>> print(f"{solve_ensemble(ens, grid_error=False).lyapunov():.4f} {mean_field(2.0).lyapunov:.4f}")
        0.1125 0.1125
        """
        points, count = len(self.time), len(self.names)
        omega = np.pi * np.arange(points) / self.time[-1]
        products = []
        for m, rows in zip(self.mean, self.delta, strict=True):
            of = [(_slopes(self.sigma, max(d[0], 1e-300), m)[1], d / max(d[0], 1e-300)) for d in rows]
            products.append(np.array([f(np.clip(rho, 0, 1)) for f, rho in of]))

        def perron(rate):
            filters = [1 / ((self.leak + rate * tau)[:, None] ** 2 + np.multiply.outer(tau, omega) ** 2) for tau in self.tau]

            def apply(q):
                driven = dct(self.input_variance @ q.reshape(count, points), type=1, axis=1)
                out = np.empty((count, points))
                for a in range(count):
                    psi = dct(driven[a] * filters[a], type=1, axis=1) / (2 * (points - 1))
                    out[a] = self.weight[a] @ (products[a] * psi)
                return out.ravel()

            operator = LinearOperator((count * points, count * points), apply, dtype=float)
            try:
                value = eigs(operator, k=1, which="LR", v0=np.tile(np.exp(-self.time / self.time[-1] * 20), count), tol=1e-10, return_eigenvectors=False)
            except ArpackNoConvergence as error:
                raise ConvergenceError(f"the largest eigenvalue at the rate {rate:.4g} was not found: {error}", None) from None
            return float(value[0].real)

        slowest = max(float(tau.max()) for tau in self.tau)
        low, high = -self.leak / slowest * (1 - 1e-6), 0.1 * self.leak / slowest
        if not np.any(self.input_variance) or perron(low) < 1:
            return -self.leak / slowest
        while perron(high) > 1:
            low, high = high, 2 * high
        return float(brentq(lambda rate: np.log(perron(rate)), low, high, xtol=1e-9))


def solve_ensemble(
    ens: Ensemble,
    sigma: str | Activation = "tanh",
    noise: float = 0.0,
    drive: float | NDArray = 0.0,
    n: int | None = None,
    span: float | None = None,
    points: int = 1025,
    nodes: int = 10,
    tol: float = 1e-8,
    sweeps: int = 3000,
    start: float = 1.0,
    grid_error: bool = True,
) -> EnsembleMeanField:
    r"""Solve the mean-field equations of an ensemble by iteration in the frequency domain.

    Products in time are averages over a Gaussian pair, by Hermite series; the filter :math:`1/(\ell^2 + \omega^2\tau^2)` is applied by a
    cosine transform on a window that is repeated periodically, so that `span` must be several correlation times. White noise is filtered in
    closed form. Activations need not be odd; a part of the autocovariance that does not decay is the static variance.

    Parameters
    ----------
    ens : Ensemble
        Without reciprocity, gains 1 (slopes come from the activation). For sparse blocks the equations are the limit of large degree.
    sigma : str or Activation
    noise : float
        nu, inside T dx.
    drive : float or (populations,) array
        Constant input u.
    n : int, optional
        For blocks of fixed probability.
    span : float, optional
        Largest lag; 80 mean timescales over the leak without one.
    points, nodes : int
        Lags; nodes of the law of tau.
    tol : float
        Residual at which the iteration stops.
    sweeps : int
    start : float
        Variance of the rates from which the iteration starts.
    grid_error : bool
        Solve on half the lags as well, for `error`.

    Raises
    ------
    NotApplicableError
        Reciprocity, gains other than 1, no leak.
    ValidationError
        Numbers out of range.
    ConvergenceError
        The residual stays above `tol`: near the transition the iteration is slow, and an unstable mean may grow.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.dynamics.meanfield import mean_field, solve_ensemble
    >>> ens = rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=2.0))
    >>> found = solve_ensemble(ens)
    >>> print(f"{found.variance():.4f} {mean_field(2.0).variance:.4f}")
    1.9248 1.9248
    """
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"solve_ensemble needs an Ensemble, got {type(ens).__name__}; of one network take samples")
    if not ens.leak > 0:
        raise NotApplicableError("without a leak the states do not become stationary")
    if np.any(ens.reciprocal_covariance(n)):
        raise NotApplicableError("reciprocal synapses feed a unit's own past back to it: these equations leave that out")
    for pop in ens.populations:
        law = pop.joint
        if law.gain.var() > 0 or abs(law.gain.mean() - 1) > 1e-12:
            raise NotApplicableError(f"population {pop.name!r}: gains must be 1, the activation has slopes of its own; scale the weights")
    for name, value in (("noise", noise), ("tol", tol), ("start", start)):
        if not (np.isfinite(value) and value >= 0):
            raise ValidationError(f"{name} must be a number >= 0, got {value}")
    if points < 65 or nodes < 1 or sweeps < 1:
        raise ValidationError("points must be at least 65, nodes and sweeps at least 1")
    sigma, leak, count = activation(sigma), ens.leak, len(ens.populations)
    variance, mean_weight = ens.input_variance(n), ens.input_mean(n)
    drive = np.broadcast_to(np.asarray(drive, float), (count,))
    if not np.isfinite(drive).all():
        raise ValidationError("drive must be finite")
    rules = []
    for pop in ens.populations:
        law = pop.joint.tau
        rules.append(law.nodes(nodes) if law.var() > 0 else (np.array([law.mean()]), np.ones(1)))
    typical = float(np.mean([t @ w for t, w in rules]))
    span = 80 * typical / leak if span is None else float(span)
    t = np.linspace(0, span, points)
    omega = np.pi * np.arange(points) / span
    spread = [np.full(len(r[0]), start) for r in rules]  # variances by timescale

    def averages(f, mean, spread):
        pairs = zip(mean, spread, rules, strict=True)
        return np.array([sum(w * _mean(f, m, max(v, 0.0)) for v, w in zip(variances, weight, strict=True)) for m, variances, (_, weight) in pairs])

    def level(mean, spread):
        """Means at given variances, by Newton's method: an iteration would diverge where inhibition is strong, though the state is stable."""
        if not np.any(mean_weight):
            return drive / leak
        for _ in range(60):
            slopes = averages(sigma.slope, mean, spread)
            miss = leak * mean - mean_weight @ averages(sigma, mean, spread) - drive
            change = np.linalg.lstsq(leak * np.eye(count) - mean_weight * slopes, miss, rcond=None)[0]
            mean = mean - change * min(1.0, 2.0 / max(np.max(np.abs(change)), 1e-300))  # no leap beyond 2, about the width of an activation
            if np.max(np.abs(change)) < 1e-12 * (1 + np.max(np.abs(mean))):
                return mean
        raise ConvergenceError("solve_ensemble: no mean activity solves the equation of the means at these variances; start from another one", None)

    def sweep(mean, rates):
        driven = dct(variance @ rates, type=1, axis=1)
        deltas, new = [], np.empty_like(rates)
        for a, (tau, _) in enumerate(rules):
            filtered = driven[a] / (leak**2 + np.multiply.outer(tau, omega) ** 2)
            delta = dct(filtered, type=1, axis=1) / (2 * (points - 1))
            delta += noise**2 / (2 * leak * tau[:, None]) * np.exp(-leak * t / tau[:, None])
            deltas.append(delta)
        mean = level(mean, [d[:, 0] for d in deltas])
        for a, (_, weight) in enumerate(rules):
            new[a] = sum(
                w * _at(_series(sigma, mean[a], max(d[0], 0.0)), d / max(d[0], 1e-300)) for d, w in zip(deltas[a], weight, strict=True)
            )
        return mean, new, deltas

    # rates start as white as the window allows, with a little that does not decay
    mean = level(np.zeros(count), spread)
    rates = averages(sigma, mean, spread)[:, None] ** 2 + start * np.exp(-t * leak / typical) + 1e-3 * start
    used = 0
    while used < sweeps:
        used += 1
        new_mean, new, deltas = sweep(mean, rates)
        size = np.max(np.abs(new[:, :1])) + np.max(np.abs(new_mean)) + 1e-12
        residual = (np.max(np.abs(new - rates)) + np.max(np.abs(new_mean - mean))) / size
        mean, rates = new_mean, 0.3 * rates + 0.7 * new
        if not np.isfinite(residual) or residual < tol or size < 1e-10:
            break
    if not residual < tol and not size < 1e-10:
        raise ConvergenceError(
            f"solve_ensemble: residual {residual:.1e} after {used} sweeps. Near the transition give more sweeps; where the mean "
            "activity is unstable start from another drive, or use a bounded activation",
            None,
        )
    spread = [d[:, 0] for d in deltas]
    mean_rate, slopes = averages(sigma, mean, spread), averages(sigma.slope, mean, spread)
    error = np.nan
    if grid_error:
        half = solve_ensemble(ens, sigma, noise, drive, n, span, (points + 1) // 2, nodes, tol, sweeps, start, grid_error=False)
        error = max(abs(w @ d[:, 0] - half.variance(a)) for a, ((_, w), d) in enumerate(zip(rules, deltas, strict=True))) / 3
    return EnsembleMeanField(
        t, ens.names, [r[0] for r in rules], [r[1] for r in rules], mean, deltas, rates, mean_rate, slopes,
        0.0 if size < 1e-10 else float(residual), float(error), used, variance, mean_weight, sigma, leak, float(noise),
    )  # fmt: skip


class PopulationAutocovariance(_Statistic):
    r"""What a simulation shows of the mean field: mean and autocovariance of each group of units.

    .. math:: m_a = \frac1{n_a}\sum_{i\in a}\langle x_i\rangle, \qquad
              \Delta_a(t) = \frac1{n_a}\sum_{i\in a}\langle x_i(s)\,x_i(s+t)\rangle - m_a^2

    The mean that is taken off is that of the group, not of the unit, so that the scatter of means from unit to unit stays in as the part that does not
    decay. Give it to :meth:`rmtlib.dynamics.simulate.Simulation.run`.

    Parameters
    ----------
    groups : (n,) array
        A label for each unit, as in ``net.labels``.
    lags : int
        Number of lags after zero.
    every : float
        Spacing of the lags, in time.

    Attributes
    ----------
    names : ndarray
        Labels, sorted; rows below are in this order.
    time : (lags + 1,) ndarray
    mean : (groups,) ndarray
    delta : (groups, lags + 1) ndarray

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.meanfield import PopulationAutocovariance
    >>> from rmtlib.dynamics.simulate import Simulation
    >>> found = PopulationAutocovariance(["E"] * 150 + ["I"] * 50, 4, 0.5)
    >>> sim = Simulation(np.zeros((200, 200)), noise=1.0, step=0.02, seed=1).run(5)
    >>> _ = sim.run(40, found)
    >>> print(found.names, np.allclose(found.delta[0], 0.5 * np.exp(-found.time), atol=0.05))
    ['E' 'I'] True
    """

    _options = ("lags", "every")
    _keep = ("_ring", "_sum", "_total", "_pairs", "_count", "_seen", "_tick", "_spacing")

    def __init__(self, groups, lags: int, every: float):
        if int(lags) < 1:
            raise ValidationError(f"lags must be at least 1, got {lags}")
        self.names, self._of = np.unique(np.asarray(groups), return_inverse=True)
        self.lags, self.every, self._seen, self._tick = int(lags), every, 0, 0

    def start(self, sim):
        if self._of.shape != (sim.n,):
            raise ValidationError(f"groups must be of shape ({sim.n},), a label for each unit; got {self._of.shape}")
        self._skip = _interval(self.every, sim.dt, "every")
        self._spacing = self._skip * sim.dt
        if "_ring" in self.__dict__:
            self._fits(self._ring.shape, (self.lags + 1, sim.trials, sim.n))
        else:
            self._ring = np.zeros((self.lags + 1, sim.trials, sim.n))
            self._sum, self._total = np.zeros(sim.n), np.zeros((self.lags + 1, sim.n))
            self._pairs, self._count = np.zeros(self.lags + 1), 0

    def step(self, x, rate, dt):
        self._tick += 1
        if self._tick % self._skip:
            return
        at = self._seen % (self.lags + 1)
        self._ring[at] = x
        self._seen += 1
        k = min(self._seen, self.lags + 1)
        lag = (at - np.arange(k)) % (self.lags + 1)
        self._total[lag] += np.einsum("kti,ti->ki", self._ring[:k], x)
        self._pairs[lag] += len(x)
        self._sum += x.sum(0)
        self._count += len(x)

    def _by_group(self, values):
        return np.array([values[..., self._of == a].mean(-1) for a in range(len(self.names))])

    def _need(self):
        if not self._seen > self.lags:
            raise NotApplicableError(f"{self._seen} samples do not reach lag {self.lags}: run longer")

    @property
    def time(self) -> NDArray:
        return self._spacing * np.arange(self.lags + 1)

    @property
    def mean(self) -> NDArray:
        self._need()
        return self._by_group(self._sum / self._count)

    @property
    def delta(self) -> NDArray:
        self._need()
        return self._by_group(self._total / self._pairs[:, None]) - self.mean[:, None] ** 2
