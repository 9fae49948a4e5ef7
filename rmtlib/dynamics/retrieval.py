r"""Retrieval of a stored sequence: :math:`\tau_i\dot x_i=-\ell x_i+\sum_jJ_{ij}\sigma(h_jx_j)`, overlaps :math:`m_\mu=\frac1N\xi^\mu\cdot\sigma(hx)`.

Integrated by Heun's method with a fixed step; time in the unit of tau.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import ConvergenceError, ValidationError
from .activations import activation

__all__ = ["Retrieval", "retrieve"]


@dataclass(frozen=True, eq=False)
class Retrieval:
    """Overlaps in time, after a start in pattern 0.

    Attributes
    ----------
    time : ndarray, shape (steps + 1,)
    overlap : ndarray, shape (steps + 1, P)
        Of the rates with each pattern.
    norm : ndarray, shape (steps + 1,)
        Root mean square rate.
    """

    time: np.ndarray
    overlap: np.ndarray
    norm: np.ndarray

    @property
    def cosine(self) -> np.ndarray:
        """Overlap over the root mean square rate: 1 for a pattern of +-1 reproduced up to scale."""
        return self.overlap / np.maximum(self.norm, 1e-300)[:, None]

    def length(self, threshold: float = 0.3) -> int:
        """How many successors of pattern 0 had, one after the other in order, the largest cosine and one above `threshold`."""
        best = self.cosine.argmax(1)
        reached = 0
        for k in range(len(self.time)):
            following = reached + 1
            if following < self.overlap.shape[1] and best[k] == following and self.cosine[k, following] > threshold:
                reached = following
        return reached

    def speed(self, threshold: float = 0.3) -> float:
        """Patterns per unit of time, from the first to the last pattern of :meth:`length`; ValidationError below three."""
        last = self.length(threshold)
        if last < 3:
            raise ValidationError(f"only {last} patterns were retrieved in order: no speed to measure")
        best = self.cosine.argmax(1)
        first, end = np.argmax(best == 1), np.argmax(best == last)
        return float((last - 1) / (self.time[end] - self.time[first]))


def retrieve(net, patterns, duration: float, dt: float = 0.05, sigma="tanh", amplitude: float = 1.0) -> Retrieval:
    """Start at `amplitude` times pattern 0 and integrate.

    Parameters
    ----------
    net : Network
        Dense couplings, tau, gain and leak.
    patterns : ndarray, shape (n, P)
    duration, dt : float
        In the unit of tau; dt must be below the smallest tau.

    Raises
    ------
    ValidationError
        For patterns of another length than the network, or a step that is not positive or too long.
    ConvergenceError
        If the state stops being finite.
    """
    f = activation(sigma)
    patterns = np.asarray(patterns, dtype=float)
    if patterns.ndim != 2 or patterns.shape[0] != net.n:
        raise ValidationError(f"retrieve: patterns have shape {patterns.shape}, the network has {net.n} units")
    if not 0 < dt < np.min(net.tau) or not duration > dt:
        raise ValidationError(
            f"retrieve: need 0 < dt < min(tau) = {np.min(net.tau):.3g} and duration > dt, got dt = {dt}"
        )
    W = net.weights.toarray() if hasattr(net.weights, "toarray") else np.asarray(net.weights)

    def slope(x):
        return (-net.leak * x + W @ f(net.gain * x)) / net.tau

    x = amplitude * patterns[:, 0]
    steps = int(round(duration / dt))
    overlap, norm = np.empty((steps + 1, patterns.shape[1])), np.empty(steps + 1)
    for k in range(steps + 1):
        rate = f(net.gain * x)
        overlap[k], norm[k] = rate @ patterns / net.n, np.sqrt(np.mean(rate**2))
        first = slope(x)
        x = x + 0.5 * dt * (first + slope(x + dt * first))
    if not np.isfinite(overlap).all():
        raise ConvergenceError("retrieve: the state is no longer finite; shorten dt or use a bounded activation")
    return Retrieval(dt * np.arange(steps + 1), overlap, norm)
