r"""What a linear network remembers of its input: Fisher memory, memory curve and capacity.

White noise ``s(t)`` of intensity 1 drives ``dx/dt = J x + v s(t)`` along a unit vector v, and a linear readout reconstructs ``s`` a time t ago. With
the noise covariance ``N`` of the state and ``C_s`` that of the signal, ``J C_s + C_s J^T = -v v^T``,

.. math::
   F(t) = v^{\mathsf T}e^{J^{\mathsf T}t}N^{-1}e^{Jt}v, \qquad
   m(t) = v^{\mathsf T}e^{J^{\mathsf T}t}(C_s+N)^{-1}e^{Jt}v, \qquad
   \mathcal C = \int_0^\infty m\,dt = \operatorname{tr}C_s(C_s+N)^{-1} .

``F`` is the Fisher memory, ``m`` the memory curve (a density: of one delay in an interval dt the share m dt of the variance is recovered), the
capacity a number of delays. Two kinds of noise: on the readout, ``N = epsilon``; or in the state, ``J N + N J^T = -epsilon`` (times ``T^{-2}``
inside ``T dx/dt``).

With readout noise both are determined by the two-time response ``C(t, s)`` alone: with ``K = C/epsilon`` as an operator on functions of the
delay, ``F(t) = K(t,t)``, ``m(t) = [K(1+K)^{-1}](t,t)``, and for large random networks ``C(t,s)`` comes from
:func:`~rmtlib.theory.transients.two_time`. For homogeneous networks, dense or sparse, K has Laguerre functions as eigenfunctions,

.. math::
   e^{-\ell(t+s)}I_0(2g\sqrt{ts}) = \sum_k\nu_0q^k\psi_k(t)\psi_k(s), \quad \psi_k = \sqrt b\,e^{-bt/2}L_k(bt), \quad
   b = 2\sqrt{\ell^2-g^2}, \quad q = \frac{\ell-b/2}{\ell+b/2}, \quad \nu_0 = \frac1{\ell+b/2} .

Sources, all in discrete time: White, Lee and Sompolinsky, arXiv:cond-mat/0402452 (2004); Ganguli, Huh and Sompolinsky, PNAS 105, 18970
(2008). Symbolic counterpart: :mod:`rmtlib.symbolic.transients`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as la
from numpy.typing import ArrayLike

from ..ensemble import Ensemble
from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..network import Network
from .transients import _apart, _check_stable, _ends, _invert, _kick, _linear, _Readout, _times

__all__ = ["LaguerreModes", "MemoryCurve", "kernel_memory", "laguerre_modes", "memory_curve"]


@dataclass(frozen=True)
class MemoryCurve:
    """What :func:`memory_curve` returns.

    Attributes
    ----------
    times : ndarray
    memory, fisher : ndarray
        m(t) and F(t), per unit of time.
    capacity : float
        Integral of m, a number of delays.
    fisher_total : float
        Integral of F.
    error : float
        Estimated error of the capacity by quadrature; 0 for a Network, whose formulas are exact.
    """

    times: np.ndarray
    memory: np.ndarray
    fisher: np.ndarray
    capacity: float
    fisher_total: float
    error: float

    def __repr__(self) -> str:
        return f"MemoryCurve({self.times.size} delays, capacity={self.capacity:.6g}, error={self.error:.1g}, fisher_total={self.fisher_total:.6g})"


def _noise(noise: Any) -> float:
    if not (isinstance(noise, (int, float, np.integer, np.floating)) and np.isfinite(noise) and noise > 0):
        raise ValidationError(f"noise is a positive number, got {noise!r}")
    return float(noise)


@dataclass(frozen=True)
class LaguerreModes:
    r"""Eigenvalues :math:`\nu_0q^k` of the two-time response of a homogeneous network; see :func:`laguerre_modes`.

    Attributes
    ----------
    first : float
        Largest eigenvalue, a time.
    ratio : float
        q, in [0, 1); it tends to 1 at the edge of stability.
    rate : float
        b, twice the geometric mean of the distances of the two ends of the spectrum from zero.
    """

    first: float
    ratio: float
    rate: float

    def capacity(self, noise: float) -> float:
        r""":math:`\sum_k\nu_0q^k/(\epsilon+\nu_0q^k)`."""
        noise = _noise(noise)
        if self.ratio == 0:
            return self.first / (noise + self.first)
        terms = int(np.ceil((36 + max(0.0, np.log(self.first / noise))) / -np.log(self.ratio))) + 1
        values = self.first * self.ratio ** np.arange(terms)
        return float(np.sum(values / (noise + values)))

    def memory(self, t: ArrayLike, noise: float) -> np.ndarray:
        r"""m(t): :math:`\sum_k\frac{\nu_k}{\epsilon+\nu_k}\psi_k(t)^2`, by the recursion of the Laguerre functions."""
        t, noise = _times(t, "t"), _noise(noise)
        x = self.rate * t
        before, now, log = np.zeros_like(x), np.full_like(x, np.sqrt(self.rate)), -x / 2  # psi = now exp(log): no underflow
        total, value, k = np.zeros_like(x), self.first, 0
        while value / noise > 1e-15:
            total += value / (noise + value) * (now * np.exp(log)) ** 2
            before, now = now, ((2 * k + 1 - x) * now - k * before) / (k + 1)
            factor = np.where(np.abs(now) > 1e100, 1e-100, 1.0)
            before, now, log = before * factor, now * factor, log - np.log(factor)
            value, k = value * self.ratio, k + 1
        return total


def laguerre_modes(leak: float, variance: float) -> LaguerreModes:
    r"""The modes of :math:`e^{-\ell(t+s)}I_0(2g\sqrt{ts})`, with :math:`g^2` the summed variance of the inputs of a unit and tau = h = 1.

    Raises
    ------
    ValidationError
        Not ``0 <= variance < leak^2``: the network is not stable.

    Examples
    --------
    >>> from rmtlib.theory.linear_memory import laguerre_modes
    >>> modes = laguerre_modes(1.0, 0.64)
    >>> print(round(modes.first, 6), round(modes.ratio, 6), round(modes.rate, 6), round(modes.capacity(0.01), 4))
    0.625 0.25 1.2 3.4882
    """
    if not (np.isfinite(leak) and np.isfinite(variance) and leak > 0 and 0 <= variance < leak**2):
        raise ValidationError(f"a stable homogeneous network has 0 <= variance < leak^2, got leak {leak}, variance {variance}")
    rate = 2 * np.sqrt(leak**2 - variance)
    ratio = variance / (leak + rate / 2) ** 2
    return LaguerreModes(float((1 - ratio) / rate), float(ratio), float(rate))


def kernel_memory(kernel: Callable, times: ArrayLike, noise: float, horizon: float, nodes: int = 60, tol: float = 1e-6) -> MemoryCurve:
    r"""Memory under readout noise from a two-time response: :math:`m = \operatorname{diag}K(1+K)^{-1}`, :math:`K = C/\epsilon`.

    The operator is made a matrix on Gauss-Legendre points in ``sqrt(t)``.

    Parameters
    ----------
    kernel : callable
        ``kernel(t, s)`` for 1-d arrays gives the matrix C(t_i, s_j).
    times : array_like
    noise : float
    horizon : float
        Longest delay that counts; C(horizon, horizon) must be far below the noise.
    nodes : int
        Points; the capacity is compared with that from half as many more, and the number doubled, at most to 960, until it changes by `tol`.

    Raises
    ------
    ConvergenceError
        No agreement, or a horizon that is too short.
    """
    t, noise = np.atleast_1d(_times(times, "times")), _noise(noise)
    if not (np.isfinite(horizon) and horizon > 0):
        raise ValidationError(f"horizon must be positive, got {horizon!r}")
    size, last = int(nodes), None
    while size <= 960:
        x, w = np.polynomial.legendre.leggauss(size)
        root = np.sqrt(horizon) * (x + 1) / 2
        grid, weight = root**2, np.sqrt(horizon) * w * root
        C = kernel(grid, grid) / noise
        half = np.sqrt(weight)
        K = half[:, None] * (C + C.T) / 2 * half
        values = np.linalg.eigvalsh(K)
        values = values[values > 0]
        capacity = float(np.sum(values / (1 + values)))
        if last is not None and abs(capacity - last) <= tol * capacity:
            break
        last, size = capacity, int(1.5 * size)
    else:
        raise ConvergenceError(f"the memory capacity did not settle to {tol:g} with {size} points: a shorter horizon, more noise, or a larger tol")
    both = np.concatenate([t, [horizon]])
    ends = np.diagonal(kernel(both, both)) / noise
    left, fisher = float(abs(ends[-1])), ends[:-1].copy()
    if left * horizon > 1e-3 * capacity:
        raise ConvergenceError(f"at the horizon {horizon:.4g} the response still is {left:.2g} times the noise: take a longer one")
    across = kernel(t, grid) / noise * half
    memory = fisher - np.einsum("tk,tk->t", across, np.linalg.solve(np.eye(len(K)) + K, across.T).T)
    return MemoryCurve(t, memory, fisher, capacity, float(np.sum(values)), abs(capacity - last) + left * horizon)


def memory_curve(
    x: Ensemble | Network,
    times: ArrayLike,
    noise: float = 0.01,
    where: str = "readout",
    v: ArrayLike | None = None,
    inside: bool = False,
    drive: Any = None,
    seed: Any = 0,
    n: int | None = None,
    tol: float = 1e-6,
) -> MemoryCurve:
    r"""Fisher memory F(t), memory curve m(t) and capacity, for one input channel of unit norm.

    Parameters
    ----------
    x : Ensemble or Network
        For an ensemble the limit n -> infinity at fixed noise, for a random input vector.
    times : array_like of float, 1-d
        Delays, in the unit of tau.
    noise : float
        epsilon: the variance of the readout noise of each unit, or the intensity of the noise in the state, over that of the input. The
        input vector has norm 1, so that an input of order one *per unit* means dividing the noise by n.
    where : {"readout", "state"}
        Where the noise enters. "state" is for networks only: the theory of an ensemble would need the inverse of a covariance matrix
        together with the propagator.
    v : (n,) array_like, optional
        Input vector of a Network; it is normalised. Default: random, from `seed`, in a stream apart from that of a network sampled with it.
    inside : bool
        Input (and noise in the state) enter ``T dx/dt``.
    drive : population, or dict {population: variance}, optional
        Ensembles: which units receive the input (variances with population mean 1 over all units).
    n : int, optional
        Size, for ensembles with blocks of fixed probability.

    Raises
    ------
    ValidationError
        Not stable; a noise that is not positive; a vector of the wrong shape.
    NotApplicableError
        State noise of an ensemble; reciprocal synapses of an ensemble.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.linear_memory import laguerre_modes, memory_curve
    >>> curve = memory_curve(rmt.ginibre(0.8, leak=1.0), [0.0, 1.0], noise=0.01)
    >>> print(curve.memory.round(4), round(curve.capacity, 4), round(laguerre_modes(1.0, 0.64).capacity(0.01), 4))
    [4.1858 0.6198] 3.4882 3.4882
    """
    t, noise = np.atleast_1d(_times(times, "times")), _noise(noise)
    if where not in ("readout", "state"):
        raise ValidationError(f'where is "readout" or "state", got {where!r}')
    if isinstance(x, Network):
        return _network_memory(x, t, noise, where, v, inside, seed)
    if where == "state":
        raise NotApplicableError(
            'noise in the state of an ensemble is not worked out; take where="readout", or average over sampled networks'
        )
    if v is not None:
        raise ValidationError("v is for networks; an ensemble takes drive=")
    sys = _linear(x, n, 48, "memory_curve")
    _check_stable(sys)
    kappa, mean = _kick(x, sys, drive, None)
    read = _Readout(sys.fractions)
    abscissa = _ends(sys)[1]
    horizon = (np.log(1e8) + max(0.0, -np.log(noise * -abscissa))) / (-2 * abscissa)

    def kernel(a, b):
        return _invert(sys, a, b, kappa, mean, 0 if inside else 2, read, 1e-8, True)[0]

    return kernel_memory(kernel, t, noise, horizon, tol=tol)


def _abscissa(triangle):
    """Largest real part of the eigenvalues of a real Schur form: 2 x 2 blocks have equal diagonals."""
    return float(np.diagonal(triangle).max())


def _lyapunov(triangle, basis, D):
    """C with J C + C J^T = -D, from one Schur form."""
    got, scale, info = la.lapack.dtrsyl(triangle, triangle, basis.T @ (-D) @ basis, tranb="T")
    if info < 0:
        raise ConvergenceError(f"the Lyapunov equation could not be solved (argument {-info})")
    return basis @ (got / scale) @ basis.T


def _network_memory(net, t, noise, where, v, inside, seed):
    if v is None:
        v = _apart(seed).standard_normal(net.n)
    v = np.asarray(v, float)
    if v.shape != (net.n,) or not np.all(np.isfinite(v)) or not np.any(v):
        raise ValidationError(f"v must be {net.n} finite numbers, not all zero; got an array of shape {v.shape}")
    v = v / np.linalg.norm(v)
    J = net.dense_jacobian()
    triangle, basis = la.schur(J, output="real")
    if _abscissa(triangle) >= 0:
        raise ValidationError("the network is not stable, so that it has no stationary memory")
    rate = 1 / np.asarray(net.tau) if inside else np.ones(net.n)
    v = rate * v
    signal = _lyapunov(triangle, basis, np.outer(v, v))
    if where == "readout":
        N = noise * np.eye(net.n)
    else:
        N = _lyapunov(triangle, basis, noise * np.diag(rate**2))
        N = (N + N.T) / 2
    signal = (signal + signal.T) / 2
    trace = np.empty((t.size, net.n))
    try:
        inverse, total = la.cho_factor(N), la.cho_factor(signal + N)
    except la.LinAlgError:
        raise NotApplicableError(
            "the covariance of the noise in the state is singular to working precision: the network amplifies so strongly from unit to unit that "
            "sixteen digits do not hold it; take fewer units or weaker weights"
        ) from None
    order, state, now = np.argsort(t), v, 0.0
    step, gap = None, None
    for k in order:
        if t[k] > now:
            if gap is None or abs(t[k] - now - gap) > 1e-12 * gap:
                gap = t[k] - now
                step = la.expm(gap * J)
            state, now = step @ state, t[k]
        trace[k] = state
    fisher = np.einsum("ti,it->t", trace, la.cho_solve(inverse, trace.T))
    memory = np.einsum("ti,it->t", trace, la.cho_solve(total, trace.T))
    capacity = float(np.trace(la.cho_solve(total, signal)))
    return MemoryCurve(t, memory, fisher, capacity, float(np.trace(la.cho_solve(inverse, signal))), 0.0)
