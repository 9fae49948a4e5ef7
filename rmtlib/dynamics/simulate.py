r"""Rate networks in time: stochastic and deterministic integration, with statistics that are gathered on the way.

.. math::
   \tau_i\,\dot x_i = -\ell\,x_i + \sum_j W_{ij}\,\sigma(x_j) + u_i + \nu_i\,\xi_i(t)

with independent white noise, :math:`\langle\xi_i(t)\xi_j(t')\rangle = \delta_{ij}\,\delta(t-t')`. Noise that enters ``"inside"``
:math:`T\dot x` stands as written; noise ``"outside"`` is added to :math:`\dot x_i` itself, :math:`\dot x_i = \dots/\tau_i +
\nu_i\,\xi_i`. The scheme is that of Euler and Maruyama,

.. math::
   x(t+\delta) = x(t) + \delta\,T^{-1}\big(-\ell x + W\sigma(x) + u\big) + (T^{-1})\,\nu\,\sqrt\delta\,\mathcal N(0, 1)

For noise that does not depend on the state it converges with order 1 in the step :math:`\delta`, along each path and in the
statistics (Kloeden and Platen, Numerical Solution of Stochastic Differential Equations, Springer 1992, section 10.3).
"""

from __future__ import annotations

import json
import os
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from scipy.integrate import solve_ivp
from tqdm import tqdm

from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..network import Network, _per_unit, _weights
from .activations import Activation, activation

__all__ = [
    "Autocorrelation",
    "Moments",
    "Simulation",
    "StepError",
    "Trace",
    "Windows",
    "choose_step",
    "integrate",
    "step_error",
]

_LIMIT = 1e8  # a state beyond this is taken to diverge


@contextmanager
def _deferred() -> Iterator[list[bool]]:
    """A first Ctrl-C fills the list instead of breaking a step, a second one breaks; nothing in other threads or under other handlers."""
    pressed: list[bool] = []

    def note(*_):
        if pressed:
            raise KeyboardInterrupt
        pressed.append(True)

    ours = threading.current_thread() is threading.main_thread() and signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if ours:
        signal.signal(signal.SIGINT, note)
    try:
        yield pressed
    finally:
        if ours:
            signal.signal(signal.SIGINT, signal.default_int_handler)


class _Statistic:
    """What a simulation feeds at every step; arrays in ``_keep`` are what is saved."""

    _keep: tuple[str, ...] = ()
    _options: tuple[str, ...] = ()

    def __getattr__(self, name):
        if name in self._keep:  # made by start()
            raise NotApplicableError(f"{type(self).__name__} has seen no simulation yet: pass it to Simulation.run")
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r}")

    def __str__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={np.asarray(getattr(self, k)).tolist()}' for k in self._options)})"

    def _fits(self, have: tuple[int, ...], want: tuple[int, ...]) -> None:
        if have != want:
            raise ValidationError(
                f"this {type(self).__name__} holds sums of shape {have} from another simulation, and this one needs {want}: "
                "take a new one for each network and number of trials"
            )

    def start(self, sim: Simulation) -> None:
        raise NotImplementedError

    def step(self, x: np.ndarray, rate: np.ndarray, dt: float) -> None:
        raise NotImplementedError

    def state(self) -> dict[str, np.ndarray]:
        return {name: np.asarray(getattr(self, name)) for name in self._keep}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        for name in self._keep:
            value = state[name]
            setattr(self, name, value.item() if value.ndim == 0 else np.array(value))


def _interval(every: float, dt: float, what: str) -> int:
    if not np.isfinite(every) or every < dt * (1 - 1e-9):
        raise ValidationError(f"{what} = {every:g} must be at least one step, {dt:g}")
    return max(1, round(every / dt))


class Moments(_Statistic):
    r"""Means and equal-time covariances, :math:`\langle x_ix_j\rangle-\langle x_i\rangle\langle x_j\rangle`, and mean slopes.

    Parameters
    ----------
    every : float
        Time between samples; each costs :math:`n^2` operations per trial for the covariances.
    covariance : bool
        Whether the matrices are wanted, or only their diagonal.

    Attributes
    ----------
    count : int
        Samples (trials count separately; they are correlated in time).
    slope, slope_square : ndarray
        :math:`\langle\sigma'(x_i)\rangle` and :math:`\langle\sigma'(x_i)^2\rangle`.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.simulate import Moments, Simulation
    >>> moments = Moments(every=0.5)
    >>> sim = Simulation(np.zeros((3, 3)), noise=1.0, trials=200, step=0.01, seed=1).run(5)
    >>> _ = sim.run(20, moments)
    >>> bool(np.allclose(np.diag(moments.x), 0.5, rtol=0.05))
    True
    """

    _options = ("every", "covariance")
    _keep = ("count", "_x", "_r", "_xx", "_rr", "_xr", "_s", "_s2", "_tick", "_x0", "_r0")

    def __init__(self, every: float = 0.5, covariance: bool = True):
        self.every, self.covariance, self.count, self._tick = every, covariance, 0, 0

    def start(self, sim):
        self._skip, self._slope = _interval(self.every, sim.dt, "every"), sim.sigma.slope
        if "_x" in self.__dict__:
            self._fits(self._x.shape, (sim.n,))
        else:
            n = sim.n
            shape = (n, n) if self.covariance else (n,)
            self._x, self._r, self._s, self._s2, self._xr, self._x0, self._r0 = (np.zeros(n) for _ in range(7))
            self._xx, self._rr = np.zeros(shape), np.zeros(shape)

    def step(self, x, rate, dt):
        self._tick += 1
        if self._tick % self._skip:
            return
        slope = self._slope(x)
        if not self.count:  # sums of squares lose digits where the mean is far from zero
            self._x0, self._r0 = x.mean(0), rate.mean(0)
        x, rate = x - self._x0, rate - self._r0
        self.count += len(x)
        self._x += x.sum(0)
        self._r += rate.sum(0)
        self._xr += np.einsum("ti,ti->i", x, rate)
        self._s += slope.sum(0)
        self._s2 += np.einsum("ti,ti->i", slope, slope)
        if self.covariance:
            self._xx += x.T @ x
            self._rr += rate.T @ rate
        else:
            self._xx += np.einsum("ti,ti->i", x, x)
            self._rr += np.einsum("ti,ti->i", rate, rate)

    def _need(self):
        if not self.count:
            raise NotApplicableError("no sample yet: run the simulation for at least every = " + f"{self.every:g}")
        return self.count

    @property
    def mean(self) -> np.ndarray:
        return self._x0 + self._x / self._need()

    @property
    def rate(self) -> np.ndarray:
        """Mean rates."""
        return self._r0 + self._r / self._need()

    def _central(self, square, total):
        square, mean = square / self._need(), total / self.count
        return square - (np.outer(mean, mean) if self.covariance else mean**2)

    @property
    def x(self) -> np.ndarray:
        """Covariance of the states (diagonal only without ``covariance``)."""
        return self._central(self._xx, self._x)

    @property
    def rates(self) -> np.ndarray:
        """Covariance of the rates."""
        return self._central(self._rr, self._r)

    @property
    def slope(self) -> np.ndarray:
        return self._s / self._need()

    @property
    def slope_square(self) -> np.ndarray:
        return self._s2 / self._need()

    @property
    def regression(self) -> np.ndarray:
        r""":math:`\mathrm{cov}(\sigma(x_i), x_i)/\mathrm{var}(x_i)`: equal to the mean slope for a Gaussian state."""
        n, var = self._need(), np.diag(self.x) if self.covariance else self.x
        return (self._xr / n - self._x / n * self._r / n) / var


class Windows(_Statistic):
    r"""Covariance at zero frequency, from integrals over consecutive windows.

    .. math::
       C_L = \frac1L\,\mathrm{cov}\Big(\int_0^L x_i\,dt,\ \int_0^L x_j\,dt\Big)
           = \int_{-L}^{L}\Big(1-\frac{|t|}L\Big)\,C_{ij}(t)\,dt\ \to\ \int C_{ij}(t)\,dt

    It is low by :math:`\frac1L\int|t|\,C(t)\,dt`: see :func:`~rmtlib.dynamics.covariance.window_covariance`, which computes the bias of a
    linear network, and :attr:`extrapolated`.

    Parameters
    ----------
    length : float
        Window :math:`L`.
    pairs : bool
        Gather windows of twice the length as well, for :attr:`extrapolated`.

    Attributes
    ----------
    count : int
        Windows so far, trials together; minus one they are the degrees of freedom of the estimate.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.simulate import Simulation, Windows
    >>> windows = Windows(20.0)
    >>> sim = Simulation(np.zeros((2, 2)), noise=1.0, trials=500, step=0.05, seed=1).run(10)
    >>> _ = sim.run(100, windows)
    >>> windows.count, bool(abs(windows.x[0, 0] - (1 - 1 / 20)) < 0.1)
    (2500, True)
    """

    _options = ("length", "pairs")
    _keep = ("count", "_n", "_sum", "_square", "_double", "_sum2", "_square2", "_half", "_tick", "_int", "_origin")

    def __init__(self, length: float, pairs: bool = False):
        self.length, self.pairs, self.count, self._tick, self._n = length, pairs, 0, 0, 0

    def start(self, sim):
        self._steps = _interval(self.length, sim.dt, "length")
        if "_int" in self.__dict__:
            self._fits(self._int.shape, (sim.trials, 2 * sim.n))
        else:
            n = 2 * sim.n
            self._int, self._half = np.zeros((sim.trials, n)), np.zeros((sim.trials, n))
            self._sum, self._square = np.zeros(n), np.zeros((n, n))
            self._sum2, self._square2, self._double = np.zeros(n), np.zeros((n, n)), 0
            self._origin = np.zeros(n)

    @property
    def _units(self) -> int:
        return len(self._sum) // 2

    def step(self, x, rate, dt):
        n = self._units
        self._int[:, :n] += x
        self._int[:, n:] += rate
        self._tick += 1
        if self._tick % self._steps:
            return
        y = self._int * dt
        if not self.count:
            self._origin = y.mean(0)  # sums of squares lose digits where the mean is far from zero
        y -= self._origin
        self._sum += y.sum(0)
        self._square += y.T @ y
        self.count += len(y)
        if self.pairs:
            if self._tick % (2 * self._steps):
                self._half[:] = y
            else:
                z = self._half + y
                self._sum2 += z.sum(0)
                self._square2 += z.T @ z
                self._double += len(z)
        self._int[:] = 0

    def _matrix(self, total, square, count, length):
        if count < 2:
            raise NotApplicableError(f"no covariance yet from {count} windows of length {length:g}: run longer")
        return (square - np.outer(total, total) / count) / (count - 1) / length

    def joint(self, double: bool = False) -> np.ndarray:
        """Covariance of the 2n integrals, states first and then rates; of doubled windows on request."""
        if double:
            if not self.pairs:
                raise NotApplicableError("doubled windows were not gathered: Windows(length, pairs=True)")
            return self._matrix(self._sum2, self._square2, self._double, 2 * self.length)
        return self._matrix(self._sum, self._square, self.count, self.length)

    @property
    def x(self) -> np.ndarray:
        """Of the states."""
        return self.joint()[: self._units, : self._units]

    @property
    def rates(self) -> np.ndarray:
        """Of the rates."""
        return self.joint()[self._units :, self._units :]

    @property
    def cross(self) -> np.ndarray:
        """Of the rate of a unit with its own state, unit by unit."""
        return np.diag(self.joint()[self._units :, : self._units]).copy()

    @property
    def extrapolated(self) -> np.ndarray:
        r""":math:`2C_{2L}-C_L` of the 2n integrals: the bias :math:`\propto1/L` cancels, the noise grows."""
        return 2 * self.joint(double=True) - self.joint()


class Autocorrelation(_Statistic):
    r"""Mean autocovariance of the states, :math:`\frac1n\sum_i\langle x_i(t)\,x_i(t+k\,\delta)\rangle`, means not removed.

    Parameters
    ----------
    lags : int
        Number of lags after zero.
    every : float
        Spacing of the lags, in time.

    Attributes
    ----------
    time, value, error : ndarray
        Lags, their autocovariance, and its standard error over the trials (NaN with a single one).
    """

    _options = ("lags", "every")
    _keep = ("_ring", "_rows", "_seen", "_tick", "_total", "_pairs", "_spacing")

    def __init__(self, lags: int, every: float):
        if int(lags) < 1:
            raise ValidationError(f"lags must be at least 1, got {lags}")
        self.lags, self.every, self._seen, self._tick = int(lags), every, 0, 0

    def start(self, sim):
        self._skip = _interval(self.every, sim.dt, "every")
        self._spacing = self._skip * sim.dt
        if "_ring" in self.__dict__:
            self._fits(self._ring.shape, (self.lags + 1, sim.trials, sim.n))
        else:
            self._ring = np.zeros((self.lags + 1, sim.trials, sim.n))
            self._total, self._pairs = np.zeros((self.lags + 1, sim.trials)), np.zeros(self.lags + 1)
            self._rows = self.lags + 1

    def step(self, x, rate, dt):
        self._tick += 1
        if self._tick % self._skip:
            return
        at = self._seen % self._rows
        self._ring[at] = x
        self._seen += 1
        k = min(self._seen, self._rows)
        dots = np.einsum("kti,ti->kt", self._ring[:k], x) / x.shape[1]
        lag = (at - np.arange(k)) % self._rows
        self._total[lag] += dots
        self._pairs[lag] += 1

    @property
    def time(self) -> np.ndarray:
        return self._spacing * np.arange(self.lags + 1)

    def _per_trial(self):
        if not self._seen > self.lags:
            raise NotApplicableError(f"{self._seen} samples do not reach lag {self.lags}: run longer")
        return self._total / self._pairs[:, None]

    @property
    def value(self) -> np.ndarray:
        return self._per_trial().mean(1)

    @property
    def error(self) -> np.ndarray:
        got = self._per_trial()
        return got.std(1, ddof=1) / got.shape[1] ** 0.5 if got.shape[1] > 1 else np.full(len(got), np.nan)


class Trace(_Statistic):
    """States of some units of the first trial, for a picture.

    Attributes
    ----------
    time, x : ndarray
        Times, and states of shape (times, units).
    """

    _options = ("units", "every")
    _keep = ("_times", "_values", "_tick")

    def __init__(self, units: Sequence[int] = (0, 1, 2), every: float = 0.1):
        self.units, self.every, self._tick = np.atleast_1d(units), every, 0
        self._times, self._values = [], []

    def start(self, sim):
        self._skip, self._sim = _interval(self.every, sim.dt, "every"), sim
        if not self.units.size:
            raise ValidationError("units is empty: name at least one unit to record")
        if self.units.max() >= sim.n or self.units.min() < 0:
            raise ValidationError(f"units {self.units.tolist()} do not all exist: the network has {sim.n}")
        self._times, self._values = list(self._times), [np.asarray(v) for v in self._values]

    def step(self, x, rate, dt):
        self._tick += 1
        if self._tick % self._skip == 0:
            self._times.append(self._sim.time)
            self._values.append(x[0, self.units].copy())

    @property
    def time(self) -> np.ndarray:
        return np.array(self._times)

    @property
    def x(self) -> np.ndarray:
        return np.array(self._values)


def warn_of_gains(network: Network, stacklevel: int = 3) -> None:
    """Say that gains play no part where activations have slopes of their own."""
    if np.any(network.gain != 1):
        warnings.warn(
            "the gains of this network are not used: they are slopes at an equilibrium, and here the activation has slopes of its own. Where they "
            "are part of the coupling, pass Network(W * gain, tau, leak=leak)",
            stacklevel=stacklevel,
        )


class Simulation:
    r"""One network in time, several trials at once.

    .. math:: T\,dx = \big(-\ell x + W\sigma(x) + u\big)\,dt + \nu\,d\beta\quad\text{(inside)},\qquad
              dx = T^{-1}\big(-\ell x + W\sigma(x) + u\big)\,dt + \nu\,d\beta\quad\text{(outside)}

    Parameters
    ----------
    network : Network or matrix
        Weights, dense or sparse, ``W[i, j]`` from j to i. A :class:`~rmtlib.network.Network` brings its timescales and leak; its gains
        are slopes at an equilibrium and are not used here, where the activation has slopes of its own: gains other than 1 are met with
        a warning. Where they are part of the coupling, simulate ``Network(W * gain, tau)``.
    sigma : str or Activation
        Activation function.
    tau, leak : float or (n,) array, float
        For a matrix; the unit of time is that of ``tau``.
    drive, noise : float or (n,) array
        Constant input :math:`u`, strength of the noise :math:`\nu`.
    enters : "inside" or "outside"
        Where noise enters (above).
    trials : int
        Independent copies; states have the shape (trials, n).
    step : float, optional
        :math:`\delta`; without one, a twentieth of the shortest ``tau/leak`` (of ``tau`` without leak). :func:`choose_step` finds one
        for a tolerance.
    start : float or array
        Initial states, of shape (n,) or (trials, n); a number is the standard deviation of random ones.
    seed : int or Generator

    Attributes
    ----------
    x : ndarray
        Current states, (trials, n).
    time, dt : float
    interrupted : bool
        Whether the last :meth:`run` was stopped from the keyboard. Nothing is lost: states and statistics are those of the last
        complete step, and :meth:`run` goes on from there.

    Raises
    ------
    ValidationError
        For shapes that disagree, negative ``tau`` or ``noise``, NaN, or a step at which the leak alone makes the scheme unstable.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.simulate import Simulation
    >>> sim = Simulation(np.array([[0.0, -2.0], [2.0, 0.0]]), start=np.ones(2), step=1e-3).run(10)
    >>> sim.x.shape, round(sim.time, 6), bool(abs(sim.x).max() < 1e-3)
    ((1, 2), 10.0, True)
    """

    def __init__(
        self,
        network,
        sigma: str | Activation = "tanh",
        *,
        tau=1.0,
        leak: float = 1.0,
        drive=0.0,
        noise=0.0,
        enters: str = "inside",
        trials: int = 1,
        step: float | None = None,
        start=0.0,
        seed=0,
    ):
        if isinstance(network, Network):
            weights, tau, leak = network.weights, network.tau, network.leak
            warn_of_gains(network)
        else:
            weights = _weights(network)
        self.weights, self.n, self.leak = weights, weights.shape[0], float(leak)
        self.sigma = activation(sigma)
        self.tau, self.drive, self.noise = (
            _per_unit(v, self.n, name) for v, name in ((tau, "tau"), (drive, "drive"), (noise, "noise"))
        )
        if (self.tau <= 0).any():
            raise ValidationError(f"tau must be positive, unit {int(np.argmin(self.tau))} has {self.tau.min():g}")
        if (self.noise < 0).any():
            raise ValidationError("noise is a standard deviation and cannot be negative")
        if not np.isfinite(self.leak) or self.leak < 0:
            raise ValidationError(f"leak must be a number >= 0, got {leak}")
        if enters not in ("inside", "outside"):
            raise ValidationError(f"noise enters 'inside' T dx/dt or 'outside' of it (added to dx/dt), got {enters!r}")
        if isinstance(trials, bool) or int(trials) != trials or trials < 1:
            raise ValidationError(f"trials must be a positive integer, got {trials}")
        self.enters, self.trials = enters, int(trials)
        slowest = self.tau.min() / max(self.leak, 1e-6 if self.leak else 1.0)
        self.dt = float(slowest / 20 if step is None else step)
        if not np.isfinite(self.dt) or self.dt <= 0:
            raise ValidationError(f"step must be a positive number, got {step}")
        if self.leak and self.dt >= 2 * slowest:
            raise ValidationError(
                f"step {self.dt:g} is too large: with the leak alone the scheme is unstable from 2 tau/leak = "
                f"{2 * slowest:g} on; take a tenth of that or less"
            )
        self.rng = np.random.default_rng(seed)
        start = np.asarray(start, dtype=float)
        if start.ndim == 0:
            self.x = float(start) * self.rng.standard_normal((self.trials, self.n)) if start else np.zeros((trials, self.n))
        elif start.shape in ((self.n,), (self.trials, self.n)):
            self.x = np.array(np.broadcast_to(start, (self.trials, self.n)))
        else:
            raise ValidationError(f"start has shape {start.shape}: ({self.n},) or ({self.trials}, {self.n}) is needed")
        if not np.isfinite(self.x).all():
            raise ValidationError("start holds NaN or infinite values")
        self.steps, self.interrupted = 0, False
        self._sparse = sp.issparse(weights)
        # trials @ W^T for dense weights; W @ trials^T for sparse ones
        self._w = sp.csr_array(weights) if self._sparse else np.ascontiguousarray(np.asarray(weights).T)

    @property
    def time(self) -> float:
        return self.steps * self.dt

    def input(self, rate: np.ndarray) -> np.ndarray:
        """:math:`W r` for rates of shape (trials, n)."""
        return (self._w @ rate.T).T if self._sparse else rate @ self._w

    def drift(self, x: np.ndarray) -> np.ndarray:
        r""":math:`T^{-1}(-\ell x + W\sigma(x) + u)`."""
        return (self.input(self.sigma(x)) - self.leak * x + self.drive) / self.tau

    def kick(self) -> np.ndarray:
        """Noise strength in dx, unit by unit."""
        return self.noise / self.tau if self.enters == "inside" else self.noise

    def run(self, duration: float, *statistics: _Statistic, progress: bool = False) -> Simulation:
        """Advance by ``duration``, rounded to whole steps, feeding the statistics at every step; returns the simulation itself.

        Raises
        ------
        ConvergenceError
            If a state diverges (NaN, infinite or beyond 1e8): when, and which unit.
        ValidationError
            For a negative duration or one that rounds to no step; for statistics of another shape.
        """
        if not np.isfinite(duration) or duration < 0:
            raise ValidationError(f"duration must be a number >= 0, got {duration}")
        count = round(duration / self.dt)
        if duration > 0 and not count:
            raise ValidationError(f"duration {duration:g} is less than half a step of {self.dt:g}: nothing would happen")
        for s in statistics:
            if not isinstance(s, _Statistic):
                raise ValidationError(f"statistics are Moments, Windows, Autocorrelation or Trace objects, got {s!r}")
            s.start(self)
        keep, push = 1 - self.dt * self.leak / self.tau, self.dt / self.tau
        kick, constant = self.kick() * np.sqrt(self.dt), self.drive * self.dt / self.tau
        noisy, driven = bool(kick.any()), bool(constant.any())
        uniform = bool(np.all(push == push[0]))
        push = push[0] if uniform else push
        keep = keep[0] if uniform else keep
        kick = kick[0] if np.all(kick == kick[0]) else kick
        x, noise, total = self.x, np.empty_like(self.x), np.empty_like(self.x)
        rate = np.asarray(self.sigma(x))
        self.interrupted = False
        bar = tqdm(total=count, disable=not progress, unit="step", mininterval=1.0)
        try:
            with np.errstate(over="ignore", invalid="ignore"), _deferred() as pressed:
                for k in range(count):
                    if self._sparse:
                        total = np.ascontiguousarray((self._w @ rate.T).T)
                    else:
                        np.matmul(rate, self._w, out=total)
                    total *= push
                    total += keep * x
                    if driven:
                        total += constant
                    if noisy:
                        self.rng.standard_normal(out=noise)
                        noise *= kick
                        total += noise
                    rate = np.asarray(self.sigma(total))
                    x, total = total, x  # from here on the step is complete
                    self.x, self.steps = x, self.steps + 1
                    for s in statistics:
                        s.step(x, rate, self.dt)
                    if k % 256 == 255 or k == count - 1:
                        self._alive()
                        bar.update(k + 1 - bar.n)
                    if pressed:
                        self.interrupted = True
                        break
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            bar.close()
        return self

    def _alive(self):
        peak = np.abs(self.x).max()
        if not peak < _LIMIT:  # NaN fails too
            bad = int(np.argmax(~(np.abs(self.x) < _LIMIT).all(0)))
            raise ConvergenceError(
                f"the state diverges: unit {bad} has left +-{_LIMIT:g} by time {self.time:g} (step {self.dt:g}). Either the network "
                "itself runs away (an activation without bound at a strong coupling), or the step is too large for its fastest mode: "
                "halve it and see whether that helps"
            )

    def save(self, path: str | os.PathLike[str], *statistics: _Statistic) -> None:
        """Write states, time, random generator and statistics to an ``.npz`` file without pickled objects."""
        parts = {"x": self.x, "steps": np.array(self.steps), "dt": np.array(self.dt)}
        parts["rng"] = np.array(json.dumps(self.rng.bit_generator.state))
        for k, s in enumerate(statistics):
            parts[f"s{k}"] = np.array(str(s))
            parts.update({f"s{k}.{name}": value for name, value in s.state().items()})
        with open(path, "wb") as file:
            np.savez(file, **parts)

    def resume(self, path: str | os.PathLike[str], *statistics: _Statistic) -> Simulation:
        """Continue what :meth:`save` wrote, with a simulation and statistics made by the same arguments.

        Raises
        ------
        ValidationError
            If the file is none of :meth:`save`; if shapes, step or statistics do not agree.
        """
        try:
            parts = np.load(path, allow_pickle=False)
        except ValueError:
            parts = None
        if not hasattr(parts, "files") or not {"x", "steps", "dt", "rng"} <= set(parts.files):
            raise ValidationError(f"{os.path.basename(path)} is not a file that Simulation.save wrote")
        with parts:
            held = [str(parts[f"s{k}"]) for k in range(len(parts.files)) if f"s{k}" in parts]
            if held[: len(statistics)] != [str(s) for s in statistics]:
                raise ValidationError(
                    f"the file holds the statistics [{', '.join(held)}], and [{', '.join(map(str, statistics))}] are to be "
                    "restored: pass the same kinds with the same options, in the same order"
                )
            if parts["x"].shape != self.x.shape or not np.isclose(float(parts["dt"]), self.dt, rtol=1e-12):
                raise ValidationError(
                    f"the file holds states of shape {parts['x'].shape} at step {float(parts['dt']):g}; this simulation has "
                    f"{self.x.shape} and {self.dt:g}"
                )
            self.x, self.steps = np.array(parts["x"]), int(parts["steps"])
            self.rng.bit_generator.state = json.loads(str(parts["rng"]))
            for k, s in enumerate(statistics):
                s.restore({name: parts[f"s{k}.{name}"] for name in s._keep})
        return self


def integrate(network, sigma="tanh", *, duration, start, times=None, rtol=1e-8, atol=1e-10, method="DOP853", **options):
    r"""The network without noise, as an ordinary differential equation (``scipy.integrate.solve_ivp``).

    .. math:: \tau_i\,\dot x_i = -\ell x_i + \sum_jW_{ij}\,\sigma(x_j) + u_i

    Parameters
    ----------
    network, sigma : as for :class:`Simulation`; so are ``tau``, ``leak`` and ``drive`` in ``options``
    duration : float
    start : (n,) array
    times : array, optional
        Where states are wanted; without them, at 201 equal times.
    rtol, atol, method
        For the solver, whose steps keep the local error below ``atol + rtol |x|``.

    Returns
    -------
    times : (m,) ndarray
    x : (m, n) ndarray

    Raises
    ------
    ValidationError, ConvergenceError
        For bad input; when the solver gives up or the state diverges.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.simulate import integrate
    >>> t, x = integrate(np.array([[0.0, -1.0], [1.0, 0.0]]), "linear", leak=0, duration=np.pi, start=np.array([1.0, 0.0]))
    >>> print(x[-1].round(6) + 0)
    [-1.  0.]
    """
    sim = Simulation(network, sigma, start=start, **options)
    if sim.trials != 1 or sim.noise.any():
        raise NotApplicableError("integrate() is for one trial without noise; Simulation does the rest")
    if not np.isfinite(duration) or duration <= 0:
        raise ValidationError(f"duration must be a positive number, got {duration}")
    times = np.linspace(0, duration, 201) if times is None else np.atleast_1d(np.asarray(times, dtype=float))
    inside = times.ndim == 1 and times.size and np.isfinite(times).all() and times[0] >= 0 and times[-1] <= duration
    if not inside or (np.diff(times) <= 0).any():
        raise ValidationError(f"times must increase within [0, {duration:g}], the duration")

    def away(t, x):
        return _LIMIT - np.abs(x).max()

    away.terminal = True
    got = solve_ivp(
        lambda t, x: sim.drift(x[None])[0],
        (0, float(duration)),
        sim.x[0],
        method=method,
        t_eval=times,
        rtol=rtol,
        atol=atol,
        events=away,
    )
    if got.status != 0 or not np.isfinite(got.y).all():
        why = f"a state has left +-{_LIMIT:g}" if got.status == 1 else got.message
        raise ConvergenceError(f"integration stopped at time {got.t[-1] if got.t.size else 0:g} of {duration:g}: {why}")
    return got.t, got.y.T


@dataclass(frozen=True)
class StepError:
    r"""What a step costs in accuracy: two runs on one Brownian path, with :math:`\delta` and :math:`\delta/2`.

    At order 1 the difference of the two is half the error of the coarser one; all errors are twice the difference.

    Attributes
    ----------
    step : float
        :math:`\delta`, the coarser one.
    strong : float
        Root mean square error of a state at the end of the run, relative to the standard deviation of states.
    variance, slope : float
        Relative error of the population variance, and error of the mean slope.
    noise : float
        Standard error over trials of the larger of these two: what the number of trials can resolve.
    """

    step: float
    strong: float
    variance: float
    slope: float
    noise: float

    @property
    def statistics(self) -> float:
        """The larger error of the statistics."""
        return max(abs(self.variance), abs(self.slope))


def _clone(sim: Simulation, dt: float, trials: int, seed) -> Simulation:
    other = Simulation(
        sim.weights,
        sim.sigma,
        tau=sim.tau,
        leak=sim.leak,
        drive=sim.drive,
        noise=sim.noise,
        enters=sim.enters,
        trials=trials,
        step=dt,
        seed=seed,
    )
    other.x = sim.x[np.arange(trials) % sim.trials].copy()
    return other


def _check_simulation(sim, what: str) -> None:
    if not isinstance(sim, Simulation):
        raise ValidationError(f"{what} takes a Simulation, got {type(sim).__name__}: make one first, Simulation(network, sigma, noise=...)")


def step_error(sim: Simulation, duration: float, step: float | None = None, *, trials: int = 16, seed=0) -> StepError:
    r"""Compare runs with steps :math:`\delta` and :math:`\delta/2` that are driven by the same Brownian path.

    .. math:: \Delta\beta_\delta = \Delta\beta^{(1)}_{\delta/2} + \Delta\beta^{(2)}_{\delta/2}

    Both start from the present states of ``sim``, which is left as it is. Statistics are averages over the second half of the run. In
    a chaotic network the two paths part exponentially: the strong error then speaks of this time horizon alone, while errors of the
    statistics keep their meaning.

    Raises
    ------
    ValidationError, ConvergenceError
        For a duration of fewer than four steps; when a run diverges.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.simulate import Simulation, step_error
    >>> sim = Simulation(np.zeros((5, 5)), noise=1.0, trials=50, seed=2).run(5)
    >>> found = step_error(sim, 40.0, 0.2, trials=50)
    >>> 0.05 < found.variance < 0.2          # of a leaky integrator: step/2 to leading order
    True
    """
    _check_simulation(sim, "step_error")
    step = sim.dt if step is None else float(step)
    if not np.isfinite(duration):
        raise ValidationError(f"duration must be a finite number, got {duration}")
    coarse, fine = _clone(sim, step, trials, 0), _clone(sim, step / 2, trials, 0)
    count = round(duration / step)
    if count < 4:
        raise ValidationError(f"duration {duration:g} is less than four steps of {step:g}")
    rng, kick = np.random.default_rng(seed), sim.kick() * np.sqrt(step / 2)
    x, y = coarse.x, fine.x
    sums = np.zeros((2, 3, trials))
    taken = 0
    with np.errstate(over="ignore", invalid="ignore"):
        for k in range(count):
            first, second = kick * rng.standard_normal((2, *x.shape))
            x = x + step * coarse.drift(x) + first + second
            y = y + step / 2 * fine.drift(y) + first
            y = y + step / 2 * fine.drift(y) + second
            if k >= count // 2:
                taken += 1
                for i, state in enumerate((x, y)):
                    sums[i] += (state.mean(1), (state**2).mean(1), sim.sigma.slope(state).mean(1))
    coarse.x, fine.x, coarse.steps, fine.steps = x, y, count, 2 * count
    coarse._alive()
    fine._alive()
    sums /= taken
    spread = np.sqrt(max(float((y**2).mean() - y.mean() ** 2), 1e-300))
    strong = 2 * float(np.sqrt(((x - y) ** 2).mean())) / spread
    power = float(sums[1, 1].mean()) or 1.0  # second moment about zero: what trials share is kept
    per_trial = 2 * np.stack([(sums[0, 1] - sums[1, 1]) / power, sums[0, 2] - sums[1, 2]])
    mean, error = per_trial.mean(1), per_trial.std(1, ddof=1) / trials**0.5 if trials > 1 else np.full(2, np.nan)
    return StepError(step, strong, float(mean[0]), float(mean[1]), float(error[np.argmax(np.abs(mean))]))


def choose_step(
    sim: Simulation, tol: float, duration: float = 20.0, *, trials: int = 16, strong: bool = False, seed=0, halvings: int = 12
) -> StepError:
    r"""The largest step, up to a factor below two, whose statistics are within ``tol``; ``sim`` gets it.

    From a fifth of the shortest ``tau/leak`` downwards; order 1 says how far: :math:`\delta\to0.8\,\delta\,\mathrm{tol}/\mathrm{error}`.

    Parameters
    ----------
    tol : float
        For :attr:`StepError.statistics`, or with ``strong=True`` for the error along the path.
    duration, trials, seed
        Of each comparison, as for :func:`step_error`.

    Returns
    -------
    StepError
        Of the step chosen, which is also ``sim.dt`` from now on.

    Raises
    ------
    ConvergenceError
        If ``halvings`` comparisons do not reach ``tol``; if the error cannot be told from the noise of the comparison at a level
        above ``tol``.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.dynamics.simulate import Simulation, choose_step
    >>> sim = Simulation(np.zeros((5, 5)), noise=1.0, trials=50, seed=2).run(5)
    >>> found = choose_step(sim, 0.02, 40.0, trials=50)
    >>> 0.01 < sim.dt < 0.06, found.step == sim.dt
    (True, True)
    """
    if not np.isfinite(tol) or tol <= 0:
        raise ValidationError(f"tol must be a positive number, got {tol}")
    _check_simulation(sim, "choose_step")
    step, why = sim.tau.min() / (sim.leak or 1.0) / 5, ""
    for _ in range(halvings):
        try:
            found = step_error(sim, duration, step, trials=trials, seed=seed)
        except ConvergenceError:
            step, why = step / 4, "the coarser run diverges"
            continue
        error = found.strong if strong else found.statistics
        slack = 0.0 if strong or not np.isfinite(found.noise) else found.noise
        if slack > tol:
            raise ConvergenceError(
                f"the comparison cannot resolve tol = {tol:g}: its own noise is {slack:.2g}; use more trials or a longer duration"
            )
        if error + slack <= tol:
            sim.steps, sim.dt = round(sim.time / step), float(step)
            return found
        why = f"error {error:.2g} at step {step:.2g}"
        step = max(step / 8, min(step / 1.25, 0.8 * step * tol / (error + slack)))
    raise ConvergenceError(f"no step reached tol = {tol:g} in {halvings} comparisons ({why}); loosen it or shorten the duration")
