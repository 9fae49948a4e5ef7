r"""Two points of the resolvent: mean squared response, power spectra, and the first moments of a transient.

A linear network ``T dx/dt = -leak x + W H x`` is kicked once, or driven by white noise. With ``a = leak + z tau``, ``a' = leak + w tau`` the
product of two resolvents closes on one number per population,

.. math::
   C_a(z,w) = \Big\langle\frac{\kappa_a\tau^2}{aa'}\Big\rangle_a + \Big\langle\frac1{aa'}\Big\rangle_a\varphi_a + \langle m_am_a'\rangle, \qquad
   \varphi = (1 - VP)^{-1}\,V\Big[\Big\langle\frac{\kappa h^2\tau^2}{aa'}\Big\rangle + \langle h^2mm'\rangle\Big], \qquad
   P_b = \Big\langle\frac{h^2}{aa'}\Big\rangle_b ,

where ``kappa_a`` is the variance of the kick in population ``a``, ``m = (m_0 tau + mu)/a`` the mean response to a kick of mean ``m_0`` and
``mu = (1 - Q)^{-1} M <h tau m_0/a>``. A double inverse Laplace transform gives the mean square at time t; ``w = conj z = -i omega`` the power
spectrum. For noise (or a kick) inside ``T dx/dt = ...`` the ``tau^2`` of the source is left out.

Sparse ensembles at fixed mean degree obey the same equations with ``V = c <w^2>``, the second moment, exactly as n -> infinity: on a directed
tree the inputs of a unit are independent. Mean weights act on kicks of non-zero mean (``M``) and through ``<w^2>``; their effect on random kicks,
``|M|^2/n``, vanishes as n grows at fixed M and is left out. Reciprocal synapses couple both directions and are refused.

The contour. The integrand is analytic where ``rho(V <h^2/|a|^2>) < 1`` for z and for w (Cauchy-Schwarz), that is outside the support. Closed
curves around it serve for both, and the trapezoidal rule on an ellipse converges geometrically; points cluster where it passes close to the
support. ``method="volterra"`` marches the equation in the time domain
instead and is independent of all that.

The edge of the symmetric part of J (the numerical abscissa) and the smallest singular value of ``z - J`` are the points where the smallest
non-negative solution of a vector Dyson equation with variance profile ceases to exist: :func:`numerical_abscissa`, :func:`smallest_singular_value`.

Sources: Chalker and Mehlig, Phys. Rev. Lett. 81, 3367 (1998), for homogeneous dense matrices; Tarnowski, Neri and Vivo, Phys. Rev. Research 2,
023333 (2020), for homogeneous oriented sparse ones. Symbolic counterpart: :mod:`rmtlib.symbolic.transients`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
from numpy.typing import ArrayLike
from scipy.interpolate import CubicSpline
from scipy.optimize import brentq
from scipy.sparse.linalg import expm_multiply, splu
from scipy.special import ive

from ..ensemble import Ensemble
from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..network import Network
from ..solve import Solution, Status

__all__ = [
    "equal_time_variance",
    "homogeneous_response",
    "mean_squared_response",
    "numerical_abscissa",
    "power_spectrum",
    "pseudospectral_abscissa",
    "smallest_singular_value",
    "two_resolvents",
    "two_time",
]

_NODES = (32, 48)
_LARGEST = 1536  # points on the contour


# ------------------------------------------------------------------------------------- the ensemble


@dataclass(frozen=True)
class _Unit:
    tau: np.ndarray
    weight: np.ndarray
    h1: np.ndarray
    h2: np.ndarray


@dataclass(frozen=True)
class _Linear:
    """Numbers of an ensemble: V, M, fractions, leak, and one rule in tau per population."""

    names: tuple[str, ...]
    fractions: np.ndarray
    V: np.ndarray
    M: np.ndarray
    leak: float
    units: tuple[_Unit, ...]

    def radius(self, z):
        """Spectral radius of ``V diag <h^2/|a|^2>`` at the points z."""
        with np.errstate(divide="ignore", over="ignore"):
            p = np.array(
                [(1 / np.abs(self.leak + np.multiply.outer(z, u.tau)) ** 2) @ (u.weight * u.h2) for u in self.units]
            ).T
        p = np.where(np.isfinite(p), p, 1e300)
        matrix = self.V * p[..., None, :]
        return np.abs(np.linalg.eigvals(matrix)).max(-1)


def _linear(ens: Any, n: int | None, level: int, what: str) -> _Linear:
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"{what} takes an Ensemble or a Network, got {type(ens).__name__}")
    if np.any(ens.reciprocal_covariance(n)):
        raise NotApplicableError(
            f"{what}: reciprocal synapses pair the two resolvents in ways that the ladder leaves out; sample networks and "
            "use the same function on each of them"
        )
    units = []
    for name in ens.names:
        tau, weight, h1, h2 = ens.tau_nodes(name, level)
        keep = weight > 1e-16 * weight.max()  # nodes beyond rounding may lie at absurd timescales
        units.append(_Unit(tau[keep], weight[keep], h1[keep], h2[keep]))
    if n is None:
        fractions = np.array(ens.fractions)
    else:
        fractions = ens.sizes(n) / ens.sizes(n).sum()
    return _Linear(ens.names, fractions, ens.input_variance(n), ens.input_mean(n), float(ens.leak), tuple(units))


def _per_population(given: Any, names: tuple[str, ...], what: str, default: float, negative: bool = False) -> np.ndarray:
    if given is None:
        return np.full(len(names), default)
    if isinstance(given, str):
        given = {given: 1.0}
    if isinstance(given, Mapping):
        unknown = [name for name in given if name not in names]
        if unknown:
            raise ValidationError(f"{what}: unknown population {unknown[0]!r}; populations are {list(names)}")
        given = [given.get(name, 0.0) for name in names]
    try:
        values = np.broadcast_to(np.asarray(given, float), (len(names),)).copy()
    except (TypeError, ValueError):
        raise ValidationError(f"{what} is a number, a population, or a dict of populations, got {given!r}") from None
    if not np.all(np.isfinite(values)) or (not negative and np.any(values < 0)):
        raise ValidationError(f"{what} must be finite{'' if negative else ' and not negative'}, got {values.tolist()}")
    return values


def _times(t: ArrayLike, what: str) -> np.ndarray:
    times = np.asarray(t)
    if times.dtype.kind not in "biuf":
        raise ValidationError(f"{what} must be real numbers, got an array of dtype {times.dtype}")
    times = times.astype(float)
    if times.size == 0 or not np.all(np.isfinite(times)) or np.any(times < 0):
        raise ValidationError(f"{what} must hold finite times, none negative")
    return times


def _apart(seed: Any) -> np.random.Generator:
    """A generator that shares no stream with a network sampled with the same seed: probes must be independent of the weights."""
    if seed is None or isinstance(seed, np.random.Generator):
        return np.random.default_rng(seed)
    try:
        return np.random.default_rng([int(seed), 7919])
    except (TypeError, ValueError) as error:
        raise ValidationError(f"seed must be a non-negative integer, a numpy Generator or None: {error}") from None


def _check_noise(noise: str) -> int:
    if noise not in ("inside", "outside"):
        raise ValidationError(f'noise is "inside" (T dx/dt = ... + noise) or "outside" (dx/dt = J x + noise), got {noise!r}')
    return 2 if noise == "outside" else 0


@dataclass(frozen=True)
class _Readout:
    """Which units are averaged: all, one population, or the units of one timescale in it."""

    weights: np.ndarray
    tau: float | None = None


def _read(readout: Any, sys: _Linear, what: str) -> _Readout:
    if readout is None:
        return _Readout(sys.fractions)
    name, tau = readout if isinstance(readout, tuple) and len(readout) == 2 else (readout, None)
    if name not in sys.names:
        raise ValidationError(
            f'{what}: readout is None (all units), a population, or (population, tau); got {readout!r}, populations are {list(sys.names)}'
        )
    if tau is not None and not (np.isfinite(tau) and tau > 0):
        raise ValidationError(f"{what}: a class of units has a positive timescale, got {tau!r}")
    return _Readout((np.array(sys.names) == name).astype(float), None if tau is None else float(tau))


def _two_point(sys: _Linear, z: np.ndarray, w: np.ndarray, kappa, mean, power: int, read: _Readout, pairs: bool) -> np.ndarray:
    """The readout of C(z, w): all pairs of points (``pairs``), or point by point.

    ``power`` is that of tau in the source, 2 for a kick and 0 for one inside ``T dx/dt``.
    """

    def average(u, f, left, right):
        if pairs:
            return (left * (u.weight * f)) @ right.T
        return (left * right) @ (u.weight * f)

    inv = [(1 / (sys.leak + np.multiply.outer(z, u.tau)), 1 / (sys.leak + np.multiply.outer(w, u.tau))) for u in sys.units]
    shape = (z.size, w.size) if pairs else (z.size,)
    k = len(sys.units)
    P = np.empty((*shape, k), complex)
    source = np.zeros((*shape, k), complex)
    means = None
    if np.any(mean):
        means = [_mean_source(sys, q, mean, power // 2) for q in (z, w)]
    for b, (u, (left, right)) in enumerate(zip(sys.units, inv, strict=True)):
        P[..., b] = average(u, u.h2, left, right)
        if kappa[b]:
            source[..., b] += kappa[b] * average(u, u.h2 * u.tau**power, left, right)
        if means is not None:
            l_m = left * (mean[b] * u.tau ** (power // 2) + means[0][:, b, None])
            r_m = right * (mean[b] * u.tau ** (power // 2) + means[1][:, b, None])
            source[..., b] += average(u, u.h2, l_m, r_m)
    phi = np.linalg.solve(np.eye(k) - sys.V * P[..., None, :], (source @ sys.V.T)[..., None])[..., 0]
    total = np.zeros(shape, complex)
    for b, (u, (left, right)) in enumerate(zip(sys.units, inv, strict=True)):
        if not read.weights[b]:
            continue
        if read.tau is not None:
            u = _Unit(np.array([read.tau]), np.ones(1), np.ones(1), np.ones(1))
            left, right = (1 / (sys.leak + np.multiply.outer(q, u.tau)) for q in (z, w))
        part = phi[..., b] * average(u, 1.0, left, right) + kappa[b] * average(u, u.tau**power, left, right)
        if means is not None:
            l_m = left * (mean[b] * u.tau ** (power // 2) + means[0][:, b, None])
            r_m = right * (mean[b] * u.tau ** (power // 2) + means[1][:, b, None])
            part = part + average(u, 1.0, l_m, r_m)
        total += read.weights[b] * part
    return total


def _mean_source(sys: _Linear, z: np.ndarray, mean: np.ndarray, power: int) -> np.ndarray:
    """mu(z) = (1 - M diag<h/a>)^{-1} M <h tau^power m_0/a>, shape (points, populations)."""
    q = np.empty((z.size, len(sys.units)), complex)
    drive = np.empty_like(q)
    for b, u in enumerate(sys.units):
        inverse = 1 / (sys.leak + np.multiply.outer(z, u.tau))
        q[:, b] = inverse @ (u.weight * u.h1)
        drive[:, b] = mean[b] * (inverse @ (u.weight * u.h1 * u.tau**power))
    return np.linalg.solve(np.eye(len(sys.units)) - sys.M * q[:, None, :], (drive @ sys.M.T)[..., None])[..., 0]


# ---------------------------------------------------------------------------------------- contours


def _ends(sys: _Linear) -> tuple[float, float]:
    """Left and right end, on the real axis, of what a contour must enclose."""
    rates = [-sys.leak / u.tau for u in sys.units]
    low, high = min(r.min() for r in rates), max(r.max() for r in rates)
    scale = max(abs(low), abs(high), max(1 / u.tau.min() for u in sys.units) if sys.leak == 0 else 0.0)
    ends = []
    for start, sign in ((low, -1), (high, 1)):
        step = scale
        while sys.radius(np.array([start + sign * step]))[0] > 1:
            step *= 2
            if step > 1e12 * scale:
                raise ConvergenceError("no point was found beyond which the response decays: is the summed variance finite?")
        inner, outer = 0.0, step
        for _ in range(60):
            middle = 0.5 * (inner + outer)
            inner, outer = (middle, outer) if sys.radius(np.array([start + sign * middle]))[0] > 1 else (inner, middle)
        ends.append(start + sign * outer)
    return ends[0], ends[1]


def _mean_outliers(sys: _Linear, right: float) -> float:
    """Right end including outliers of the mean part: largest real part at which det(1 - M <h/a>) may vanish."""
    reach = np.abs(sys.M)
    x = right
    step = max(abs(right), 1e-3)
    for _ in range(200):  # |<h/a>| <= <h/|a|> and |a| >= leak + Re z tau: a bound, not the outlier itself
        bound = np.array([(u.weight * u.h1) @ (1 / np.abs(sys.leak + x * u.tau)) for u in sys.units])
        if np.abs(np.linalg.eigvals(reach * bound)).max() < 0.999:
            return x
        x += step
        step *= 1.1
    raise ConvergenceError("the mean weights are so strong that no contour could be laid around their outliers")


def _ellipse(sys: _Linear, left: float, right: float):
    """Centre and semi-axes of an ellipse around the support with its tips at left and right."""
    centre, a = 0.5 * (left + right), 0.5 * (right - left)
    theta = np.linspace(0, np.pi, 201)
    allowed = max(0.9, *sys.radius(np.array([right, left])))
    b = 0.05 * a
    while np.any(sys.radius(centre + a * np.cos(theta) + 1j * b * np.sin(theta)) > allowed * (1 + 1e-9)):
        b *= 1.1
        if b > 1e6 * a:
            raise ConvergenceError("no contour was found around the spectrum")
    return centre, a, max(1.1 * b, 0.5 * a)  # on a flat ellipse the rule converges like exp(-2 size b/a)


def _invert(sys, t, s, kappa, mean, power, read, tol, pairs):
    """The double inverse Laplace transform on an ellipse, with its error; t and s 1-d."""
    if not (np.isfinite(tol) and tol > 0):
        raise ValidationError(f"tol must be a positive number, got {tol}")
    left, right = _ends(sys)
    if np.any(mean) and np.any(sys.M):
        reach = _mean_outliers(sys, right) - right
        right, left = right + reach, left - reach
    longest = max(t.max(), s.max(), 1e-12)
    margin = min((9.0 if pairs else 6.0) / longest, 0.5 * (right - left) + 1e-3 / longest)
    if np.any(mean) and np.any(sys.M):
        margin = max(margin, 0.05 * (right - left))
    if right * 2 * longest > 650:
        raise ValidationError(f"at t = {longest:.4g} the response of this unstable network exceeds the largest number: shorten the times")
    # on the left exp(zt) is small and the curve may keep its distance; on the right it passes close to the support, and points cluster there
    centre, a, b = _ellipse(sys, left - 0.5 * (right - left) - margin, right + margin)
    if np.any(mean) and np.any(sys.M):
        b = max(b, a)
    cluster = np.sqrt(min(1.0, margin / b))
    size, last = 64, None
    while size <= _LARGEST:
        phi = np.pi * ((2 * np.arange(size) + 1) / size - 1)
        theta = 2 * np.arctan2(cluster * np.sin(phi / 2), np.cos(phi / 2))
        slope = cluster / (np.cos(phi / 2) ** 2 + cluster**2 * np.sin(phi / 2) ** 2)
        z = centre + a * np.cos(theta) + 1j * b * np.sin(theta)
        dz = slope * (-a * np.sin(theta) + 1j * b * np.cos(theta)) / (1j * size)  # dz/(2 pi i) times the step
        C = _two_point(sys, z, z, kappa, mean, power, read, True)
        # the factor exp(right t) is taken out, so that growing networks do not overflow on the way
        left_wave = np.exp(np.multiply.outer(t, z - right)) * dz
        right_wave = left_wave if s is t else np.exp(np.multiply.outer(s, z - right)) * dz
        half = left_wave @ C
        value = half @ right_wave.T if pairs else np.einsum("tw,tw->t", half, right_wave)
        value = value.real
        floor = 1e-15 * np.abs(left_wave).max() * np.abs(C).max() * np.abs(right_wave).max() * size
        if last is not None:
            change = np.abs(value - last)
            scale = np.abs(value).max() if pairs else np.abs(value)
            if np.all(change <= tol * scale + floor):
                growth = np.exp(right * (np.add.outer(t, s) if pairs else t + s))
                return growth * value, growth * (change + floor), size
        last, size = value, 2 * size
    raise ConvergenceError(
        f"the contour integral did not settle with {_LARGEST} points (timescales spread over many orders, or times very long "
        'against the distance to the edge): use method="volterra", fewer or shorter times, or a larger tol'
    )


# ----------------------------------------------------------------------------------- mean square


def two_resolvents(ens: Ensemble, z: ArrayLike, w: ArrayLike, kick=None, readout=None, inside=False, n=None) -> np.ndarray:
    r"""Product of two resolvents, :math:`C(z,w)=\frac1n\mathbb E\operatorname{tr}R(z)\,\kappa\,R(w)^{\mathsf T}`, as n -> infinity.

    Parameters
    ----------
    z, w : array_like of complex
        They broadcast; both outside the support of the spectrum.
    kick, readout, inside, n
        As in :func:`mean_squared_response`; ``kappa`` is the variance of the kick.

    Raises
    ------
    NotApplicableError
        A point within the support, where the limit is another; reciprocal synapses.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.transients import two_resolvents
    >>> print(two_resolvents(rmt.ginibre(0.5, leak=1.0), 0.5, 1j).round(6))
    (0.327869-0.393443j)
    """
    points = [np.asarray(x, complex) for x in (z, w)]
    if not all(np.all(np.isfinite(x)) for x in points):
        raise ValidationError("two_resolvents: z and w must be finite")
    try:
        first, second = np.broadcast_arrays(*points)
    except ValueError as error:
        raise ValidationError(f"two_resolvents: z and w do not broadcast: {error}") from None
    sys = _linear(ens, n, _NODES[1], "two_resolvents")
    kappa, mean = _kick(ens, sys, kick, None)
    for x in (first, second):
        if np.any(sys.radius(x.ravel()) >= 1):
            raise NotApplicableError("two_resolvents: a point lies within the support of the spectrum, where the ladder does not converge")
    read = _read(readout, sys, "two_resolvents")
    got = _two_point(sys, first.ravel(), second.ravel(), kappa, mean, 0 if inside else 2, read, False)
    return got.reshape(first.shape)[()]


def two_time(ens: Ensemble, t: ArrayLike, s: ArrayLike, kick=None, mean_kick=None, readout=None, inside=False, tol=1e-8, n=None):
    r"""Mean product of the responses at two times after a kick.

    .. math:: C(t,s) = \frac1n\sum_i\mathbb E\,x_i(t)x_i(s) = \oint\!\oint\frac{dz\,dw}{(2\pi i)^2}\,e^{zt+ws}\,C(z,w) .

    Parameters
    ----------
    t, s : array_like of float, 1-d
        Times, in the unit of tau.
    kick, mean_kick, readout, inside, tol, n
        As in :func:`mean_squared_response`.

    Returns
    -------
    value, error : (len(t), len(s)) arrays of float

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy.special import iv
    >>> import numpy as np
    >>> from rmtlib.theory.transients import two_time
    >>> value, error = two_time(rmt.ginibre(0.5, leak=1.0), [1.0], [2.0])
    >>> print(round(value[0, 0], 6), round(np.exp(-3) * iv(0, 2 * 0.5 * np.sqrt(2)), 6))
    0.077971 0.077971
    """
    t, s = np.atleast_1d(_times(t, "t")), np.atleast_1d(_times(s, "s"))
    if t.ndim != 1 or s.ndim != 1:
        raise ValidationError("two_time: t and s are 1-d")
    values = []
    for level in _NODES:
        sys = _linear(ens, n, level, "two_time")
        kappa, mean = _kick(ens, sys, kick, mean_kick)
        read = _read(readout, sys, "two_time")
        value, error, _ = _invert(sys, t, s, kappa, mean, 0 if inside else 2, read, tol, True)
        values.append(value)
    return values[-1], error + np.abs(values[1] - values[0])


def _kick(ens, sys, kick, mean_kick):
    mean = _per_population(mean_kick, sys.names, "mean_kick", 0.0, negative=True)
    kappa = _per_population(kick, sys.names, "kick", 0.0 if mean_kick is not None else 1.0)
    if not np.any(kappa) and not np.any(mean):
        raise ValidationError("the kick is zero everywhere")
    if np.any(mean) and ens.balanced:
        raise NotApplicableError(
            "a kick of non-zero mean in a balanced ensemble: its random part has rows that sum to zero, which the theory of "
            "independent entries does not know; leave out mean_kick"
        )
    return kappa, mean


def homogeneous_response(t: ArrayLike, leak: float, variance: float) -> np.ndarray:
    r"""Mean squared response of a homogeneous network (tau = h = 1), dense or sparse.

    .. math:: S(t) = e^{-2\ell t} I_0(2t\sqrt V), \qquad V = c\langle w^2\rangle .

    Parameters
    ----------
    t : array_like of float
    leak : float
    variance : float
        Summed variance V of the weights a unit receives, not negative.

    Examples
    --------
    >>> from rmtlib.theory.transients import homogeneous_response
    >>> print(homogeneous_response([0.0, 1.0], 1.0, 0.25).round(6))
    [1.       0.171343]
    """
    t = _times(t, "t")
    if not (np.isfinite(variance) and variance >= 0 and np.isfinite(leak)):
        raise ValidationError(f"leak must be finite and variance finite and not negative, got {leak} and {variance}")
    g = np.sqrt(variance)
    return np.exp(-2 * (leak - g) * t) * ive(0, 2 * g * t)


def mean_squared_response(
    x: Ensemble | Network,
    t: ArrayLike,
    kick: Any = None,
    mean_kick: Any = None,
    readout: Any = None,
    inside: bool = False,
    method: str | None = None,
    tol: float = 1e-8,
    n: int | None = None,
    probes: int = 32,
    seed: Any = 0,
) -> Solution:
    r"""Mean squared state at times t after a random kick.

    .. math:: S(t) = \frac1n\,\mathbb E\,\lVert e^{tJ}x_0\rVert^2, \qquad \mathbb E\,x_0x_0^{\mathsf T} = \operatorname{diag}\kappa .

    Parameters
    ----------
    x : Ensemble or Network
    t : array_like of float, >= 0
        In the unit of tau.
    kick : None, number, population, or dict {population: variance}
        Variance ``kappa`` of the kick per unit; default 1 in all units. Populations that are not named get none.
    mean_kick : number or dict {population: amplitude}, optional
        Common kick to all units of a population, in addition (ensembles only); the default of `kick` is then 0.
    readout : None, population, or (population, tau)
        The units averaged over: all, one population, the class of units of one timescale in it (ensembles only).
    inside : bool
        The kick enters ``T dx/dt``: unit i jumps by ``x_0i / tau_i``.
    method : {"contour", "volterra"} for an ensemble, {"exact", "probes"} for a network
        Default "contour" (tol is relative), and "exact" up to 800 units. "volterra" marches the two-time equation on grids of 60, 120 and
        240 steps, anew for times below an eighth of the longest, and extrapolates. "probes" averages the squared response to random sign vectors, by sparse matrix exponentials.
    n : int, optional
        Finite size of an ensemble with blocks of fixed probability.
    probes, seed
        Number of random vectors for "probes", and their seed.

    Returns
    -------
    Solution
        In the shape of t. The error is that of quadrature and contour, or the standard error over probes; not that of finite n.

    Raises
    ------
    NotApplicableError
        Reciprocal synapses; a mean kick in a balanced ensemble.
    ConvergenceError
        The contour or the march missed `tol`.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> from rmtlib.theory.transients import mean_squared_response
    >>> ens = rmt.oriented_sparse(4.0, stats.norm(0, 0.4), tau=stats.uniform(0.5, 1))
    >>> print(mean_squared_response(ens, [0.0, 1.0, 2.0]).value.round(5))
    [1.      0.24198 0.11142]
    """
    times = _times(t, "t")
    flat = times.ravel()
    if isinstance(x, Network):
        value, error, method = _network_response(x, flat, kick, mean_kick, readout, inside, method, probes, seed)
        steps = np.full(flat.shape, probes if method == "probes" else 0)
        return _solution(times.shape, value, error, steps, method)
    if method not in (None, "contour", "volterra"):
        raise ValidationError(f'method is "contour" or "volterra" for an ensemble, got {method!r}')
    got = []
    for level in _NODES:
        sys = _linear(x, n, level, "mean_squared_response")
        kappa, mean = _kick(x, sys, kick, mean_kick)
        read = _read(readout, sys, "mean_squared_response")
        power = 0 if inside else 2
        if method == "volterra":
            got.append(_volterra(sys, flat, kappa, mean, power, read))
        else:
            got.append(_invert(sys, flat, flat, kappa, mean, power, read, tol, False))
    value, error, size = got[-1]
    error = error + np.abs(value - got[0][0])
    return _solution(times.shape, value, error, np.full(flat.shape, size), method or "contour")


def _solution(shape, value, error, steps, method):
    status = np.where(np.isfinite(value), int(Status.CONVERGED), int(Status.NOT_CONVERGED))
    if np.any(status):
        raise ConvergenceError(f"{method}: {int(np.sum(status != 0))} of {value.size} values are not finite: shorten the times")
    relative = error / np.where(value == 0, 1, np.abs(value))
    parts = (np.asarray(part).reshape(shape) for part in (value, error, relative, steps, status))
    return Solution(*parts, method=method)


def _march(sys, steps, delta, kappa, mean, power, read):
    """S on the grid 0, delta, ... by marching C_k(t, s) over antidiagonals, exponential trapezoidal in both times."""
    tau = np.concatenate([u.tau for u in sys.units])
    owner = np.repeat(np.arange(len(sys.units)), [u.tau.size for u in sys.units])
    weight = np.concatenate([u.weight * u.h2 for u in sys.units])
    rate = sys.leak / tau
    if sys.leak == 0:
        decay, A0, A1 = np.ones_like(tau), delta / (2 * tau), delta / (2 * tau)
    else:
        decay = np.exp(-rate * delta)
        mean_first = (1 - decay * (1 + rate * delta)) / (rate * delta) / sys.leak  # weight of the value at the start
        A0, A1 = mean_first, (1 - decay) / sys.leak - mean_first
    k = len(sys.units)
    gather = np.zeros((k, tau.size))
    gather[owner, np.arange(tau.size)] = weight
    plain = np.concatenate([u.weight for u in sys.units])
    out = np.zeros(tau.size)
    if read.tau is None:
        out = plain * read.weights[owner]
    start = np.array(kappa)[owner] * tau ** (power - 2)
    m = np.zeros((tau.size, steps + 1))
    if np.any(mean):
        m = _march_mean(sys, steps, decay, A0, A1, tau, owner, mean, power // 2)
    implicit = np.linalg.inv(np.eye(k) - sys.V @ (gather * A1**2) @ (np.arange(k)[:, None] == owner).T)
    grid = np.arange(steps + 1)
    border = start[:, None] * decay[:, None] ** grid
    C1 = C2 = phi1 = phi2 = None  # the last two antidiagonals, indexed by i
    result = np.empty(steps + 1)
    for d in range(2 * steps + 1):
        C = np.zeros((tau.size, steps + 1))
        phi = np.zeros((k, steps + 1))
        low, high = max(0, d - steps), min(d, steps)
        i = np.arange(low, high + 1)
        j = d - i
        edge = (i == 0) | (j == 0)
        C[:, i[edge]] = border[:, d : d + 1] if d <= steps else 0
        phi[:, i[edge]] = sys.V @ (gather @ (C[:, i[edge]] + m[:, i[edge]] * m[:, j[edge]]))
        inner = i[~edge]
        if inner.size:
            q = d - inner
            rest = decay[:, None] * (C1[:, inner - 1] + C1[:, inner]) - decay[:, None] ** 2 * C2[:, inner - 1]
            rest += (A0 * A0)[:, None] * phi2[owner][:, inner - 1]
            rest += (A0 * A1)[:, None] * (phi1[owner][:, inner - 1] + phi1[owner][:, inner])
            new = implicit @ (sys.V @ (gather @ (rest + m[:, inner] * m[:, q])))
            phi[:, inner] = new
            C[:, inner] = rest + (A1 * A1)[:, None] * new[owner]
        if d % 2 == 0:
            half = d // 2
            result[half] = out @ (C[:, half] + m[:, half] ** 2)
        C2, C1, phi2, phi1 = C1, C, phi1, phi
    return result


def _march_mean(sys, steps, decay, A0, A1, tau, owner, mean, power):
    h1 = np.concatenate([u.weight * u.h1 for u in sys.units])
    k = len(sys.units)
    gather = np.zeros((k, tau.size))
    gather[owner, np.arange(tau.size)] = h1
    spread = (np.arange(k)[:, None] == owner).T.astype(float)
    implicit = np.linalg.inv(np.eye(k) - sys.M @ (gather * A1) @ spread)
    m = np.empty((tau.size, steps + 1))
    m[:, 0] = np.array(mean)[owner] * tau ** (power - 1.0)
    last = sys.M @ (gather @ m[:, 0])
    for step in range(1, steps + 1):
        rest = decay * m[:, step - 1] + A0 * last[owner]
        last = implicit @ (sys.M @ (gather @ rest))
        m[:, step] = rest + A1 * last[owner]
    return m


def _volterra(sys, times, kappa, mean, power, read):
    """March on 60, 120 and 240 steps, extrapolate twice, interpolate between the grid points."""
    if read.tau is not None:
        raise NotApplicableError('method="volterra" averages over populations; the class of one timescale needs method="contour"')
    longest = times.max()
    if longest == 0:
        value = np.full(times.shape, _march(sys, 1, 1e-9, kappa, mean, power, read)[0])
        return value, 1e-15 * value, 1
    early = times < longest / 8
    if np.any(early) and np.any(times[early] > 0):  # a finer grid for the early ones, where the fast units still move
        value, error = np.empty_like(times), np.empty_like(times)
        value[early], error[early], _ = _volterra(sys, times[early], kappa, mean, power, read)
        value[~early], error[~early], size = _volterra(sys, times[~early], kappa, mean, power, read)
        return value, error, size
    sizes = (60, 120, 240)
    runs = [_march(sys, size, longest / size, kappa, mean, power, read) for size in sizes]
    coarse, middle, fine = runs[0], runs[1][::2], runs[2][::4]
    first, second = (4 * middle - coarse) / 3, (4 * fine - middle) / 3
    best = (16 * second - first) / 15
    if not np.all(np.isfinite(best)):
        raise ConvergenceError("the march in time did not settle: shorten the times")
    grid = np.linspace(0, longest, sizes[0] + 1)

    def between(step):  # in the logarithm, unless the units read out start from rest
        if np.all(best > 0):
            return np.exp(CubicSpline(grid[::step], np.log(best[::step]))(times))
        return CubicSpline(grid[::step], best[::step])(times)

    value = between(1)
    off = np.abs(times / grid[1] - np.round(times / grid[1])) > 1e-9
    error = 4 * np.interp(times, grid, np.abs(best - second)) + np.where(off, np.abs(value - between(2)), 0)
    return value, error, sizes[-1]


def _network_response(net, times, kick, mean_kick, readout, inside, method, probes, seed):
    if mean_kick is not None:
        raise NotApplicableError("mean_kick is for ensembles; for a network take scipy.sparse.linalg.expm_multiply with the kick itself")
    labels = np.asarray(net.labels) if net.labels is not None else np.full(net.n, "")
    names = tuple(dict.fromkeys(labels.tolist()))
    kappa = _per_population(kick, names, "kick", 1.0)
    amplitude = np.sqrt(kappa)[[names.index(label) for label in labels.tolist()]]
    if inside:
        amplitude = amplitude / np.asarray(net.tau)
    if not np.any(amplitude):
        raise ValidationError("the kick is zero everywhere")
    if isinstance(readout, tuple):
        raise NotApplicableError("a network has no class of units of one timescale: give a population as readout")
    if readout is not None and readout not in names:
        raise ValidationError(f"readout {readout!r} is none of the populations {list(names)}")
    rows = np.ones(net.n, bool) if readout is None else labels == readout
    if method not in (None, "exact", "probes"):
        raise ValidationError(f'method is "exact" or "probes" for a network, got {method!r}')
    if method is None:
        method = "exact" if net.n <= 800 else "probes"
    value = np.empty(times.size)
    order = np.argsort(times)
    gaps = np.diff(times[order], prepend=0.0)
    if method == "exact":
        J, state = net.dense_jacobian(), np.diag(amplitude)
        step, last = None, None
        for place, gap in zip(order, gaps, strict=True):
            if gap:
                if last is None or abs(gap - last) > 1e-12 * gap:
                    step, last = la.expm(gap * J), gap
                state = step @ state
            value[place] = np.sum(state[rows] ** 2) / rows.sum()
        return value, 1e-12 * value, method
    if not isinstance(probes, (int, np.integer)) or probes < 2:
        raise ValidationError(f"probes must be an integer of at least 2, got {probes!r}")
    rng = _apart(seed)
    J = sp.csr_array(net.jacobian())
    trace = float(J.diagonal().sum())
    state = amplitude[:, None] * rng.choice([-1.0, 1.0], (net.n, probes))
    error = np.empty(times.size)
    for place, gap in zip(order, gaps, strict=True):
        if gap:
            state = expm_multiply(gap * J, state, traceA=gap * trace)
        each = np.sum(state[rows] ** 2, axis=0) / rows.sum()
        value[place], error[place] = each.mean(), each.std(ddof=1) / np.sqrt(probes)
    return value, error, method


# -------------------------------------------------------------------------------- power spectrum


def power_spectrum(
    x: Ensemble | Network,
    omega: ArrayLike,
    noise: str = "outside",
    intensity: Any = None,
    readout: Any = None,
    n: int | None = None,
    probes: int = 32,
    seed: Any = 0,
) -> np.ndarray:
    r"""Mean power spectrum of a unit, two-sided, under white noise of the given intensity.

    .. math:: C_a(\omega) = \int dt\,e^{-i\omega t}\langle x(t)x(0)\rangle_a = D_a\Big\langle\frac{\tau^p}{|a|^2}\Big\rangle_a
              + \Big\langle\frac1{|a|^2}\Big\rangle_a\big[(1-VP)^{-1}V\,D\langle h^2\tau^p/|a|^2\rangle\big]_a, \quad a = \ell + i\omega\tau ,

    with p = 2 for noise outside, ``dx/dt = J x + noise``, and 0 inside ``T dx/dt = ... + noise``; ``D`` is the intensity, the noise having
    covariance ``D delta(t - t')``.

    Parameters
    ----------
    x : Ensemble or Network
    omega : array_like of float
        Angular frequencies.
    noise : {"outside", "inside"}
    intensity : number, population, or dict {population: D}
        Default 1.
    readout : None, population, or (population, tau)
        As in :func:`mean_squared_response`.
    n, probes, seed
        Size for blocks of fixed probability; random vectors for networks of more than 800 units, whose solves are sparse.

    Returns
    -------
    ndarray of float, the shape of omega.

    Raises
    ------
    ValidationError
        The ensemble (or network) is not stable, so that it has no stationary state.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.transients import power_spectrum
    >>> print(power_spectrum(rmt.ginibre(0.5, leak=1.0), [0.0, 1.0]).round(6))
    [1.333333 0.571429]
    """
    power = _check_noise(noise)
    w = np.asarray(omega, float)
    if not np.all(np.isfinite(w)):
        raise ValidationError("omega must be finite")
    if isinstance(x, Network):
        return _network_spectrum(x, w, power, intensity, readout, probes, seed)
    sys = _linear(x, n, _NODES[1], "power_spectrum")
    _check_stable(sys)
    D = _per_population(intensity, sys.names, "intensity", 1.0)
    read = _read(readout, sys, "power_spectrum")
    z = 1j * w.ravel()
    return _two_point(sys, z, -z, D, np.zeros(len(D)), power, read, False).real.reshape(w.shape)[()]


def _check_stable(sys):
    if sys.leak <= 0 or _ends(sys)[1] >= 0:
        raise ValidationError("the network is not stable (its bulk reaches the imaginary axis), so that it has no stationary state")


def _network_spectrum(net, w, power, intensity, readout, probes, seed):
    labels = np.asarray(net.labels) if net.labels is not None else np.full(net.n, "")
    names = tuple(dict.fromkeys(labels.tolist()))
    D = _per_population(intensity, names, "intensity", 1.0)
    amplitude = np.sqrt(D)[[names.index(label) for label in labels.tolist()]]
    if power == 0:
        amplitude = amplitude / np.asarray(net.tau)
    if readout is not None and readout not in names:
        raise ValidationError(f"readout {readout!r} is none of the populations {list(names)}")
    rows = np.ones(net.n, bool) if readout is None else labels == readout
    out = np.empty(w.size)
    if net.n <= 800:
        J = net.dense_jacobian()
        if np.linalg.eigvals(J).real.max() >= 0:
            raise ValidationError("the network is not stable, so that it has no stationary state")
        for k, f in enumerate(w.ravel()):
            response = np.linalg.solve(1j * f * np.eye(net.n) - J, np.diag(amplitude))
            out[k] = np.sum(np.abs(response[rows]) ** 2) / rows.sum()
        return out.reshape(w.shape)[()]
    rng = _apart(seed)
    probe = amplitude[:, None] * rng.choice([-1.0, 1.0], (net.n, probes))
    J = sp.csc_array(net.jacobian()).astype(complex)
    one = sp.eye_array(net.n, format="csc", dtype=complex)
    for k, f in enumerate(w.ravel()):
        response = splu((1j * f * one - J).tocsc()).solve(probe.astype(complex))
        out[k] = np.sum(np.abs(response[rows]) ** 2) / rows.sum() / probes
    return out.reshape(w.shape)[()]


def equal_time_variance(x: Ensemble | Network, noise="outside", intensity=None, readout=None, tol=1e-9, n=None) -> float:
    r"""Stationary variance of a unit, :math:`\int d\omega\,C(\omega)/2\pi`; for a Network from the Lyapunov equation :math:`JC+CJ^{\mathsf T}=-D`.

    Parameters
    ----------
    x, noise, intensity, readout, n
        As in :func:`power_spectrum`.
    tol : float
        Relative; the frequency integral is refined by doubling until it changes by less.

    Examples
    --------
    Homogeneous: ``1/(2 sqrt(leak^2 - V))``.

    >>> import rmtlib as rmt
    >>> from rmtlib.theory.transients import equal_time_variance
    >>> print(round(equal_time_variance(rmt.ginibre(0.8, leak=1.0)), 6))
    0.833333
    """
    power = _check_noise(noise)
    if isinstance(x, Network):
        labels = np.asarray(x.labels) if x.labels is not None else np.full(x.n, "")
        names = tuple(dict.fromkeys(labels.tolist()))
        D = _per_population(intensity, names, "intensity", 1.0)[[names.index(label) for label in labels.tolist()]]
        if power == 0:
            D = D / np.asarray(x.tau) ** 2
        J = x.dense_jacobian()
        if np.linalg.eigvals(J).real.max() >= 0:
            raise ValidationError("the network is not stable, so that it has no stationary state")
        if readout is not None and readout not in names:
            raise ValidationError(f"readout {readout!r} is none of the populations {list(names)}")
        rows = np.ones(x.n, bool) if readout is None else labels == readout
        return float(np.diagonal(la.solve_continuous_lyapunov(J, -np.diag(D)))[rows].mean())
    sys = _linear(x, n, _NODES[1], "equal_time_variance")
    _check_stable(sys)
    D = _per_population(intensity, sys.names, "intensity", 1.0)
    read = _read(readout, sys, "equal_time_variance")
    scale = float(np.exp(np.mean([u.weight @ np.log(sys.leak / u.tau) for u in sys.units])))
    size, last = 64, np.inf
    while size <= 2**15:
        angle = np.pi * (np.arange(size) + 0.5) / size  # omega = scale tan: the integrand is smooth and periodic
        w = scale * np.tan(angle - np.pi / 2)
        z = 1j * w
        value = _two_point(sys, z, -z, D, np.zeros(len(D)), power, read, False).real
        total = float(np.sum(value * scale * (1 + (w / scale) ** 2)) / (2 * size))
        if abs(total - last) <= tol * abs(total):
            return total
        last, size = total, 2 * size
    raise ConvergenceError(f"the frequency integral did not settle to {tol:g}: the network is too close to marginal, or loosen tol")


# ------------------------------------------------------------------- edges of Dyson equations


def _profile(ens, n, what, level=24):
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"{what} takes an Ensemble, got {type(ens).__name__}; for one matrix use rmtlib.{what}")
    if not ens.is_dense:
        raise NotApplicableError(
            f"{what}: at fixed mean degree the largest and smallest singular directions sit on units of exceptional degree (Lifshitz tails), "
            "and the limit n -> infinity is trivial or infinite; sample networks instead"
        )
    if np.any(ens.reciprocal_covariance(n)) or ens.balanced:
        raise NotApplicableError(f"{what}: worked out for independent entries only (no reciprocity, not balanced)")
    nodes = []
    for pop in ens.populations:
        if not (pop.joint.tau.support()[0] > 0 and np.isfinite(pop.joint.gain.support()[1])):
            raise NotApplicableError(
                f"{what}: timescales down to 0 or unbounded gains in population {pop.name!r} make the variance profile unbounded, and the "
                "edge infinite"
            )
        nodes.append(pop.joint.nodes(level))
    f = np.array(ens.fractions)
    V = ens.input_variance(n)
    return nodes, f, V, V.T * f / f[:, None], ens.input_mean(n)


def _minimal(update, size):
    """Smallest non-negative solution of y = F(y), F monotone and convex, by Newton from 0; None if there is none."""
    y = np.zeros(size)
    for _ in range(100):
        got = update(y)
        if got is None:
            return None
        value, slope = got
        if np.abs(np.linalg.eigvals(slope)).max() >= 1:
            return None
        step = np.linalg.solve(np.eye(size) - slope, value - y)
        y = y + step
        if np.all(np.abs(step) <= 1e-12 * np.abs(y) + 1e-300):
            return y
    return None


def _symmetric_update(ens, nodes, V, U, x):
    k = len(nodes)
    own = np.eye(k)

    def update(y):
        p, q = y[:k], y[k:]
        first, second = np.empty(k), np.empty(k)
        d = np.empty((2, 2, k))
        for b, (tau, h, weight) in enumerate(nodes):
            gap = x + ens.leak / tau - (p[b] / tau**2 + h**2 * q[b]) / 4
            if np.any(gap <= 0):
                return None
            first[b], second[b] = weight @ (h**2 / gap), weight @ (tau**-2 / gap)
            d[0, 0, b], d[0, 1, b] = weight @ (h**2 * tau**-2 / gap**2) / 4, weight @ (h**4 / gap**2) / 4
            d[1, 0, b], d[1, 1, b] = weight @ (tau**-4 / gap**2) / 4, weight @ (h**2 * tau**-2 / gap**2) / 4
        value = np.r_[V @ first, U @ second]
        slope = np.block([[V @ (own * d[0, 0]), V @ (own * d[0, 1])], [U @ (own * d[1, 0]), U @ (own * d[1, 1])]])
        return value, slope

    return update


def numerical_abscissa(ens: Ensemble, n: int | None = None) -> float:
    r"""Largest eigenvalue of :math:`(J+J^{\mathsf T})/2` of a dense ensemble, n -> infinity.

    .. math:: m_i = \Big(x + \frac\ell{\tau_i} - \tfrac14\big[\tau_i^{-2}p_a + h_i^2q_a\big]\Big)^{-1}, \qquad
              p_a = \sum_bV_{ab}\langle h^2m\rangle_b, \quad q_a = \sum_b\frac{f_b}{f_a}V_{ba}\langle\tau^{-2}m\rangle_b .

    Its smallest non-negative solution exists to the right of the edge only. Mean weights of order 1/n add a perturbation of rank 2K, whose
    outlier, if any, is where :math:`\tfrac12 C\Gamma(x)` has eigenvalue 1, with :math:`\Gamma` the matrix of
    :math:`f\langle(\tau^{-1},h)^{\otimes2}m\rangle` and :math:`C` the off-diagonal blocks of means.

    Returns
    -------
    float
        In the unit of 1/tau. Samples lie lower, homogeneous ones by order n^(-2/3).

    Raises
    ------
    NotApplicableError
        Sparse synapses (the largest eigenvalue grows with n without bound), reciprocity, balanced=True, timescales down to 0.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.transients import numerical_abscissa
    >>> print(round(numerical_abscissa(rmt.ginibre(0.9, leak=1.0)), 6))
    0.272792
    """
    nodes, f, V, U, M = _profile(ens, n, "numerical_abscissa")
    k = len(nodes)

    def solution(x):
        return _minimal(_symmetric_update(ens, nodes, V, U, x), 2 * k)

    low = max((-ens.leak / tau).max() for tau, _, _ in nodes)
    if not np.any(V):
        edge = low
    else:
        step = max(abs(low), max((1 / tau).max() for tau, _, _ in nodes))
        while solution(low + step) is None:
            step *= 2
        inner, outer = low, low + step
        for _ in range(60):
            middle = 0.5 * (inner + outer)
            inner, outer = (inner, middle) if solution(middle) is not None else (middle, outer)
        edge = outer
    if not np.any(M):
        return float(edge)
    coupling = np.block([[np.zeros((k, k)), M / f], [(M / f).T, np.zeros((k, k))]])  # means mu_ab = M_ab/f_b

    def largest(x):
        y = solution(x)
        gram = np.zeros((2 * k, 2 * k))
        for b, (tau, h, weight) in enumerate(nodes):
            m = weight * f[b] / (x + ens.leak / tau - (y[b] / tau**2 + h**2 * y[k + b]) / 4)
            gram[b, b], gram[k + b, k + b] = m @ tau**-2, m @ h**2
            gram[b, k + b] = gram[k + b, b] = m @ (h / tau)
        return np.linalg.eigvals(0.5 * coupling @ gram).real.max()

    start = edge + 1e-9 * max(abs(edge), step if np.any(V) else 1.0)
    if largest(start) <= 1:
        return float(edge)
    reach = max(abs(edge), 1e-3)
    while largest(edge + reach) > 1:
        reach *= 2
    inner, outer = start, edge + reach
    for _ in range(60):
        middle = 0.5 * (inner + outer)
        inner, outer = (middle, outer) if largest(middle) > 1 else (inner, middle)
    return float(outer)


def smallest_singular_value(ens: Ensemble, z: ArrayLike, n: int | None = None) -> np.ndarray:
    r"""Smallest singular value of ``z - J`` of a dense ensemble outside its support, n -> infinity; 0 inside.

    .. math:: p_a = \sum_bV_{ab}\Big\langle h^2\frac{s+\tau^{-2}p_b}{\Delta_b}\Big\rangle, \quad
              q_a = \sum_b\frac{f_b}{f_a}V_{ba}\Big\langle\tau^{-2}\frac{s+h^2q_b}{\Delta_b}\Big\rangle, \quad
              \Delta = |z+\ell/\tau|^2 - (s+\tau^{-2}p)(s+h^2q) .

    This is the Hermitized resolvent of ``z - J`` at :math:`\eta=-is`; in the gap around zero it has a smallest non-negative solution, which
    ceases to exist at the smallest singular value. Level lines of it bound the pseudospectra. Isolated singular values that mean weights
    make are not included.

    Returns
    -------
    float, or float array of z's shape

    Raises
    ------
    NotApplicableError
        As in :func:`numerical_abscissa`.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.transients import smallest_singular_value
    >>> print(smallest_singular_value(rmt.ginibre(1.0), [0.5, 1.5, 2.0]).round(5))
    [0.      0.30559 0.73802]
    """
    points = np.asarray(z, complex)
    if not np.all(np.isfinite(points)):
        raise ValidationError("z must be finite")
    nodes, f, V, U, _ = _profile(ens, n, "smallest_singular_value")
    flat = [_gap(ens, nodes, V, U, point) for point in points.ravel()]
    return np.array(flat).reshape(points.shape)[()]


def _gap(ens, nodes, V, U, z):
    k = len(nodes)
    own = np.eye(k)

    def exists(s):
        def update(y):
            p, q = y[:k], y[k:]
            first, second = np.empty(k), np.empty(k)
            d = np.empty((2, 2, k))
            for b, (tau, h, weight) in enumerate(nodes):
                P, Q = s + p[b] / tau**2, s + h**2 * q[b]
                det = np.abs(z + ens.leak / tau) ** 2 - P * Q
                if np.any(det <= 0):
                    return None
                g2, g1 = P / det, Q / det
                first[b], second[b] = weight @ (h**2 * g2), weight @ (tau**-2 * g1)
                # dP = tau^-2 dp, dQ = h^2 dq
                d[0, 0, b] = weight @ (h**2 * tau**-2 * (1 / det + P * Q / det**2))
                d[0, 1, b] = weight @ (h**4 * P**2 / det**2)
                d[1, 0, b] = weight @ (tau**-4 * Q**2 / det**2)
                d[1, 1, b] = weight @ (h**2 * tau**-2 * (1 / det + P * Q / det**2))
            value = np.r_[V @ first, U @ second]
            slope = np.block([[V @ (own * d[0, 0]), V @ (own * d[0, 1])], [U @ (own * d[1, 0]), U @ (own * d[1, 1])]])
            return value, slope

        return _minimal(update, 2 * k) is not None

    high = min(float(np.abs(z + ens.leak / tau).min()) for tau, _, _ in nodes)
    if high == 0 or not exists(1e-12 * high):
        return 0.0
    low = 0.0
    for _ in range(50):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if exists(middle) else (low, middle)
    return 0.5 * (low + high)


def pseudospectral_abscissa(ens: Ensemble, epsilon: float, n: int | None = None) -> float:
    r"""Rightmost real point with :math:`s_{\min}(x-J)=\varepsilon`, n -> infinity: how far perturbations of norm epsilon can push.

    Along the real axis; for one population without mean weights that is the rightmost point of the epsilon-pseudospectrum.

    Raises
    ------
    NotApplicableError
        As in :func:`numerical_abscissa`.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.transients import pseudospectral_abscissa
    >>> print(round(pseudospectral_abscissa(rmt.ginibre(1.0), 0.30558869), 4))
    1.5
    """
    if not (np.isfinite(epsilon) and epsilon > 0):
        raise ValidationError(f"epsilon must be positive, got {epsilon!r}")
    nodes, f, V, U, _ = _profile(ens, n, "pseudospectral_abscissa")
    low = max((-ens.leak / tau).max() for tau, _, _ in nodes)
    step = epsilon + max((1 / tau).max() for tau, _, _ in nodes)
    while _gap(ens, nodes, V, U, low + step) < epsilon:
        step *= 2
    return float(brentq(lambda x: _gap(ens, nodes, V, U, x) - epsilon, low, low + step, xtol=1e-9 * step))
