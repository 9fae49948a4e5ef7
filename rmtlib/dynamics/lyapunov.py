r"""Lyapunov exponents of rate networks: growth rates of small differences between two runs.

.. math::
   \dot Q = J(x(t))\,Q, \qquad J(x) = T^{-1}\big(-\ell + W \operatorname{diag}\sigma'(x)\big), \qquad
   \lambda_k = \lim_{t\to\infty} \frac1t \sum \log R_{kk}

with :math:`Q R` the QR decomposition of the propagated frame, renewed at intervals. The sum of all exponents is the mean of
:math:`\operatorname{tr}J`; of a motion that does not end in a fixed point one exponent is 0.

Sources: Benettin, Galgani, Giorgilli and Strelcyn, Meccanica 15, 9 (1980); for rate networks Engelken, Wolf and Abbott,
arXiv:2006.02427.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from ..errors import ConvergenceError, ValidationError
from ..network import Network
from .activations import Activation, activation

__all__ = ["Lyapunov", "lyapunov_exponents"]


@dataclass(frozen=True, eq=False)
class Lyapunov:
    """Exponents of one run.

    Attributes
    ----------
    exponents : (k,) ndarray
        Largest first, in inverse units of tau.
    error : (k,) ndarray
        Standard error from ten blocks of the run.
    history : (blocks, k) ndarray
        Exponents of the blocks.
    mean_trace : float
        Mean of tr J over the run: the sum of all n exponents.
    state : (n,) ndarray
        Last state.
    """

    exponents: NDArray
    error: NDArray
    history: NDArray
    mean_trace: float
    state: NDArray

    @property
    def dimension(self) -> float:
        """Kaplan and Yorke's dimension; nan if the exponents computed do not suffice, 0 for a stable fixed point.

        A largest exponent that is zero within two errors counts as zero: a cycle has dimension 1.
        """
        exponents = self.exponents.copy()
        if abs(exponents[0]) <= 2 * self.error[0] + 1e-9:
            exponents[0] = 0.0
        total = np.cumsum(exponents)
        if exponents[0] < 0:
            return 0.0
        below = np.flatnonzero(total < 0)
        if not below.size:
            return float("nan")
        k = below[0]
        return float(k + (total[k - 1] if k else 0.0) / abs(exponents[k]))

    @property
    def entropy_rate(self) -> float:
        """Sum of the positive exponents, an upper bound of the entropy rate (Ruelle)."""
        return float(self.exponents[self.exponents > 0].sum())


def lyapunov_exponents(
    net: Network,
    sigma: str | Activation = "tanh",
    count: int = 1,
    duration: float = 200.0,
    settle: float = 100.0,
    step: float = 0.05,
    renew: int = 10,
    start: ArrayLike | None = None,
    drive: float | NDArray = 0.0,
    seed: Any = 0,
    progress: bool = True,
) -> Lyapunov:
    r"""Largest Lyapunov exponents of :math:`T\dot x = -\ell x + W\sigma(x) + u`, by fourth-order Runge-Kutta steps of state and frame.

    Parameters
    ----------
    net : Network
        Its gains are slopes at an equilibrium and are not used.
    sigma : str or Activation
    count : int
        k, how many exponents; n for the whole spectrum.
    duration, settle : float
        Time over which is averaged, and before, in units of the mean tau.
    step : float
        In units of the smallest tau.
    renew : int
        Steps between two decompositions.
    start : (n,) array, optional
        Initial state; normal numbers without one.
    drive : float or (n,) array
    seed : int or numpy.random.Generator
        Of the start and the frame.
    progress : bool

    Raises
    ------
    ValidationError
        Numbers out of range, a start of another shape.
    ConvergenceError
        The state stops being finite.

    Examples
    --------
    >>> import numpy as np, rmtlib as rmt
    >>> from rmtlib.dynamics.lyapunov import lyapunov_exponents
    >>> net = rmt.Network(np.diag([0.5, -1.0]), tau=[1.0, 2.0])
    >>> found = lyapunov_exponents(net, "linear", count=2, duration=20, settle=20, progress=False)
    >>> print(found.exponents.round(6))  # (0.5 - 1)/1, (-1 - 1)/2
    [-0.5 -1. ]
    """
    if not isinstance(net, Network):
        raise ValidationError(f"lyapunov_exponents needs a Network, got {type(net).__name__}")
    sigma, n = activation(sigma), net.n
    if isinstance(count, bool) or int(count) != count or not 1 <= count <= n:
        raise ValidationError(f"count must be an integer from 1 to {n}, got {count!r}")
    for name, value in (("duration", duration), ("step", step)):
        if not (np.isfinite(value) and value > 0):
            raise ValidationError(f"{name} must be positive, got {value}")
    if not (np.isfinite(settle) and settle >= 0) or renew < 1:
        raise ValidationError("settle must be at least 0 and renew at least 1")
    rng = np.random.default_rng(seed)
    x = rng.standard_normal(n) if start is None else np.array(start, float)
    drive = np.broadcast_to(np.asarray(drive, float), (n,))
    if x.shape != (n,) or not np.isfinite(x).all() or not np.isfinite(drive).all():
        raise ValidationError(f"start and drive must be finite and of shape ({n},)")
    weights = sp.csr_array(net.weights) if sp.issparse(net.weights) else np.asarray(net.weights)
    tau, leak, h = net.tau, net.leak, step * float(net.tau.min())
    unit = float(net.tau.mean())
    self_weight = weights.diagonal()

    def flow(x, frame):
        # one product for both: reading the weights is what takes the time
        received = weights @ np.column_stack([sigma(x), sigma.slope(x)[:, None] * frame])
        return (-leak * x + received[:, 0] + drive) / tau, (-leak * frame + received[:, 1:]) / tau[:, None]

    def advance(x, frame):
        a, A = flow(x, frame)
        b, B = flow(x + 0.5 * h * a, frame + 0.5 * h * A)
        c, C = flow(x + 0.5 * h * b, frame + 0.5 * h * B)
        d, D = flow(x + h * c, frame + h * C)
        return x + h / 6 * (a + 2 * b + 2 * c + d), frame + h / 6 * (A + 2 * B + 2 * C + D)

    frame = np.linalg.qr(rng.standard_normal((n, count)))[0]
    rounds = [max(int(np.ceil(time * unit / (h * renew))), low) for time, low in ((settle, 0), (duration, 10))]
    blocks, trace = np.zeros((10, count)), 0.0
    bar = tqdm(total=sum(rounds), disable=not progress, desc="Lyapunov exponents", leave=False)
    with bar:
        for part, total in enumerate(rounds):
            for k in range(total):
                for _ in range(renew):
                    with np.errstate(over="ignore", invalid="ignore"):
                        x, frame = advance(x, frame)
                if not (np.isfinite(x).all() and np.isfinite(frame).all()):
                    raise ConvergenceError(f"the state is not finite after {k * renew} steps: shorten step, or bound the activation", None)
                frame, triangle = np.linalg.qr(frame)
                if part:
                    blocks[10 * k // total] += np.log(np.abs(np.diag(triangle)))
                    trace += float(np.sum((-leak + self_weight * sigma.slope(x)) / tau)) / total
                bar.update()
    size = np.array([np.sum(10 * np.arange(rounds[1]) // rounds[1] == b) for b in range(10)]) * renew * h
    history = blocks / size[:, None]
    exponents = blocks.sum(0) / size.sum()
    order = np.argsort(-exponents, kind="stable")
    return Lyapunov(exponents[order], history.std(0, ddof=1)[order] / np.sqrt(10), history[:, order], trace, x)
