r"""Lyapunov exponents of rate networks: growth rates of small differences between two runs.

.. math::
   \dot Q = J(x(t))\,Q, \qquad J(x) = T^{-1}\big(-\ell + W \operatorname{diag}\sigma'(x)\big), \qquad
   \lambda_k = \lim_{t\to\infty} \frac1t \sum \log R_{kk}

Under noise, :math:`T\,dx = (-\ell x + W\sigma(x) + u)\,dt + \nu\,d\beta`, the two runs feel the same path of the noise; being additive it drops out of their
difference, and only the trajectory :math:`x(t)` along which J is read changes. Here :math:`Q R` the QR decomposition of the propagated frame, renewed at intervals. The sum of all exponents is the mean of
:math:`\operatorname{tr}J`; of a motion that does not end in a fixed point one exponent is 0.

Sources: Benettin, Galgani, Giorgilli and Strelcyn, Meccanica 15, 9 (1980); for rate networks Engelken, Wolf and Abbott,
Phys. Rev. Research 5, 043044 (2023); under noise Schuecker, Goedeke and Helias, Phys. Rev. X 8, 041029 (2018).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from tqdm import tqdm

from ..ensemble import Ensemble
from ..errors import ConvergenceError, ValidationError
from ..network import Network
from .activations import Activation, activation
from .simulate import warn_of_gains

__all__ = ["Lyapunov", "LyapunovSample", "lyapunov_exponents", "lyapunov_sample"]

_BLOCKS = 10


@dataclass(frozen=True, eq=False)
class Lyapunov:
    """Exponents of one run.

    Attributes
    ----------
    exponents : (k,) ndarray
        Largest first, in inverse units of tau.
    error : (k,) ndarray
        Standard error of the mean over time of this network: scatter of ten blocks of the run over the square root of ten. It is an estimate with nine
        degrees of freedom, and holds for blocks longer than the correlation time.
    history : (blocks, k) ndarray
        Exponents of the blocks.
    mean_trace : float
        Mean of tr J over the run: the sum of all n exponents.
    state : (n,) ndarray
        Last state.
    block : float
        Length of a block, in units of the mean tau.
    """

    exponents: NDArray
    error: NDArray
    history: NDArray
    mean_trace: float
    state: NDArray
    block: float = np.nan

    def __repr__(self) -> str:
        return f"Lyapunov({self.statement})"

    @property
    def drift(self) -> NDArray:
        """Second half of the run less the first, in its own standard errors: well above 2, the run was not settled or too short."""
        half = len(self.history) // 2
        first, second = self.history[:half], self.history[half:]
        scale = np.sqrt(first.var(0, ddof=1) / len(first) + second.var(0, ddof=1) / len(second))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(scale > 1e-12, (second.mean(0) - first.mean(0)) / scale, 0.0)

    @property
    def statement(self) -> str:
        """What the error of the largest exponent is and is not."""
        return (
            f"{self.exponents[0]:.4f} ± {self.error[0]:.4f}: one network of {len(self.state)} units, standard error over {len(self.history)} blocks "
            f"of {self.block:.3g} mean timescales, second half less first {self.drift[0]:+.1f} errors; scatter between networks not included"
        )

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
    noise: float | NDArray = 0.0,
    seed: Any = 0,
    progress: bool = True,
) -> Lyapunov:
    r"""Largest Lyapunov exponents of :math:`T\,dx = (-\ell x + W\sigma(x) + u)\,dt + \nu\,d\beta`.

    State and frame take fourth-order Runge-Kutta steps of the drift; between two of them the state alone is kicked by
    :math:`T^{-1}\nu\sqrt\delta\,\mathcal N(0,1)`. A kick does not depend on the state, so that the frame passes it unchanged. The splitting is symmetric up
    to half a kick at both ends, and so of second order in the step for the statistics of the path and for the exponents.

    Parameters
    ----------
    net : Network
        Its gains are slopes at an equilibrium and are not used (a warning says so where they are not 1).
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
    noise : float or (n,) array
        nu, inside T dx, at least 0.
    seed : int or numpy.random.Generator
        Of the start, the frame and the noise.
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
    warn_of_gains(net)
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
    try:
        drive, noise = (np.broadcast_to(np.asarray(v, float), (n,)) for v in (drive, noise))
    except ValueError:
        raise ValidationError(f"drive and noise must be numbers or of shape ({n},)") from None
    if not (np.isfinite(noise).all() and np.all(noise >= 0)):
        raise ValidationError("noise must be finite and at least 0")
    if x.shape != (n,) or not np.isfinite(x).all() or not np.isfinite(drive).all():
        raise ValidationError(f"start and drive must be finite and of shape ({n},)")
    weights = sp.csr_array(net.weights) if sp.issparse(net.weights) else np.asarray(net.weights)
    tau, leak, h = net.tau, net.leak, step * float(net.tau.min())
    unit = float(net.tau.mean())
    self_weight = weights.diagonal()
    kick, noisy = noise / tau * np.sqrt(h), bool(noise.any())

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
    blocks, trace = np.zeros((_BLOCKS, count)), 0.0
    bar = tqdm(total=sum(rounds), disable=not progress, desc="Lyapunov exponents", leave=False)
    with bar:
        for part, total in enumerate(rounds):
            for k in range(total):
                for _ in range(renew):
                    with np.errstate(over="ignore", invalid="ignore"):
                        x, frame = advance(x, frame)
                        before = x
                        if noisy:
                            x = x + kick * rng.standard_normal(n)
                if not (np.isfinite(x).all() and np.isfinite(frame).all()):
                    raise ConvergenceError(f"the state is not finite after {k * renew} steps: shorten step, or bound the activation", None)
                frame, triangle = np.linalg.qr(frame)
                if part:
                    blocks[_BLOCKS * k // total] += np.log(np.abs(np.diag(triangle)))
                    slope = 0.5 * (sigma.slope(before) + sigma.slope(x))  # ends of two neighbouring steps, on the two sides of a kick
                    trace += float(np.sum((-leak + self_weight * slope) / tau)) / total
                bar.update()
    size = np.array([np.sum(_BLOCKS * np.arange(rounds[1]) // rounds[1] == b) for b in range(_BLOCKS)]) * renew * h
    history = blocks / size[:, None]
    exponents = blocks.sum(0) / size.sum()
    order = np.argsort(-exponents, kind="stable")
    error = history.std(0, ddof=1)[order] / np.sqrt(_BLOCKS)
    return Lyapunov(exponents[order], error, history[:, order], trace, x, float(size.mean() / unit))


@dataclass(frozen=True, eq=False)
class LyapunovSample:
    r"""Exponents of several networks of one ensemble.

    .. math:: \bar\lambda = \frac1m\sum_i\lambda_i, \qquad \text{error}^2 = \frac1{m(m-1)}\sum_i(\lambda_i-\bar\lambda)^2
              = \frac1m\big(\text{spread}^2+\text{time}^2\big)

    Attributes
    ----------
    exponents : (networks, k) ndarray
    within : (networks, k) ndarray
        Errors over time of each network, ``Lyapunov.error``.
    n : int
    block : float
        Length of a block of time, in units of the mean tau.
    drift : (networks, k) ndarray
        :attr:`Lyapunov.drift` of each network.
    """

    exponents: NDArray
    within: NDArray
    n: int
    block: float
    drift: NDArray

    def __repr__(self) -> str:
        return f"LyapunovSample({self.statement})"

    @property
    def mean(self) -> NDArray:
        """Over networks, (k,)."""
        return self.exponents.mean(0)

    @property
    def error(self) -> NDArray:
        """Standard error over networks, (k,): both the finite time and the choice of the network are in it."""
        return self.exponents.std(0, ddof=1) / np.sqrt(len(self.exponents))

    @property
    def time(self) -> NDArray:
        """Root mean square of the errors over time, (k,)."""
        return np.sqrt((self.within**2).mean(0))

    @property
    def spread(self) -> NDArray:
        """Scatter from network to network once that of finite time is taken off, (k,); 0 where the latter explains all."""
        return np.sqrt(np.maximum(self.exponents.var(0, ddof=1) - self.time**2, 0.0))

    @property
    def statement(self) -> str:
        """The largest exponent with its error, and where that comes from."""
        return (
            f"{self.mean[0]:.4f} ± {self.error[0]:.4f}: {len(self.exponents)} networks of {self.n} units, standard error over networks; scatter "
            f"between networks {self.spread[0]:.4f}, of one network over {_BLOCKS} blocks of {self.block:.3g} mean timescales {self.time[0]:.4f}"
        )


def lyapunov_sample(ens: Ensemble, n: int, networks: int = 4, seed: Any = 0, **options) -> LyapunovSample:
    r"""Largest Lyapunov exponents of several networks, with an error over networks and one over time.

    .. math:: \bar\lambda = \frac1m\sum_i\lambda_i

    Parameters
    ----------
    ens : Ensemble
    n, networks : int
        Units of a network; how many networks, at least 2.
    seed : int or numpy.random.SeedSequence
        Network i and its run have children of this seed of their own.
    **options
        For :func:`lyapunov_exponents`: sigma, count, duration, settle, step, renew, drive, noise, progress. `drive` and `noise` must be numbers
        where populations are mixed.

    Raises
    ------
    ValidationError
        Fewer than two networks, no ensemble, and what :func:`lyapunov_exponents` refuses.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.dynamics.lyapunov import lyapunov_sample
    >>> ens = rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=0.5))
    >>> found = lyapunov_sample(ens, 60, networks=3, duration=60, settle=30, progress=False)
    >>> print(found.exponents.shape, bool(abs(found.mean[0] + 0.5) < 0.1))  # at rest: the rightmost eigenvalue, near 0.5 - 1
    (3, 1) True
    """
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"lyapunov_sample needs an Ensemble, got {type(ens).__name__}; for one network use lyapunov_exponents")
    if isinstance(networks, bool) or int(networks) != networks or networks < 2:
        raise ValidationError(f"networks must be an integer of at least 2, got {networks!r}: a scatter needs two")
    root = seed if isinstance(seed, np.random.SeedSequence) else np.random.SeedSequence(seed)
    runs = []
    for child in root.spawn(int(networks)):
        first, second = child.spawn(2)
        runs.append(lyapunov_exponents(ens.sample(n, np.random.default_rng(first)), seed=np.random.default_rng(second), **options))
    return LyapunovSample(
        np.array([r.exponents for r in runs]), np.array([r.error for r in runs]), int(n), runs[0].block, np.array([r.drift for r in runs])
    )
