r"""What a trained network holds during the delay: trajectories, their fixed points, and the Jacobians there.

After the first stimulus the input is off and the state obeys tau dx/dt = -x + W sigma(x) from a start that remembers the
stimulus. :func:`delay_states` follows it without noise, for each stimulus, averages the noisy dynamics beside it, lets it run
on until it settles or is seen not to, and searches for fixed points downhill of all these states, between the two ends, and on both
sides of every saddle whose index is -1: two more fixed points belong to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ValidationError
from ..network import Network
from .fixed_points import FixedPoints, fixed_points, run

__all__ = ["DelayStates", "delay_states"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DelayStates:
    """The delay of a trained network, stimulus by stimulus. What :func:`delay_states` returns.

    Attributes
    ----------
    stimuli : (s,) array
        Signs of the first stimulus, +1 and -1.
    times : (t,) array
        Times since its end, ms.
    states : (s, t, n) array
        Noise-free states.
    mean : (s, t, n) array
        Means of the noisy dynamics over ``trials`` trials; the states themselves if the network has no noise.
    scatter : (s, t) array
        Root mean square over units and trials of the deviation of a noisy state from its mean.
    ends : (s, n) array
        Noise-free states after the long run.
    drift : (s,) array
        Speed there, root mean square of dx/dt, 1/ms. Not small: a limit cycle or a very slow passage.
    wander : (s,) array
        Root mean square over units and the second half of the long run of the deviation from its mean: 0 where the run
        has settled, the amplitude of a cycle where it has not.
    points : FixedPoints
        Found from all states, the long run, and between its ends.
    own : (s, t) int array
        Number of the point (of ``points``, slow ones negative) downhill of each state.
    last : (s,) int array
        The same for the ends.
    """

    stimuli: NDArray[np.int64]
    times: FloatArray
    states: FloatArray
    mean: FloatArray
    scatter: FloatArray
    ends: FloatArray
    drift: FloatArray
    wander: FloatArray
    points: FixedPoints
    own: NDArray[np.int64]
    last: NDArray[np.int64]

    @property
    def separation(self) -> FloatArray:
        """Root mean square difference between the states of the first two stimuli at each time, (t,)."""
        return np.sqrt(np.mean((self.states[0] - self.states[1]) ** 2, axis=1))

    def point(self, s: int) -> int | None:
        """The point downhill of the last delay state of stimulus s; None where that search failed."""
        k = int(self.own[s, -1])
        return None if k == self.points.reached.size else k

    def distance(self, s: int, k: int) -> FloatArray:
        """Root mean square distance of the states of stimulus s to point k at each time, (t,)."""
        return np.sqrt(np.mean((self.states[s] - self.points.state(k)) ** 2, axis=1))

    def network(self, s: int) -> Network:
        """The network linearised at the fixed point downhill of the last delay state, or at that state where there is none.

        Not at a slow point: there J^T T^-1 F = 0, the condition for a minimum of the speed, makes an eigenvalue of J exactly
        zero whatever the network (:mod:`~rmtlib.training.fixed_points`).
        """
        k = self.point(s)
        if k is not None and k >= 0:
            return self.points.network(k)
        found = self.points
        return Network(found.weights, found.tau, found.activation.slope(self.states[s, -1]), found.labels)


def _unstable_direction(net: Network) -> FloatArray:
    """Eigenvector of the largest real eigenvalue, root mean square 1."""
    values, vectors = np.linalg.eig(net.dense_jacobian())
    real = np.abs(values.imag) <= 1e-12 * np.abs(values).max()
    v = vectors[:, np.argmax(np.where(real, values.real, -np.inf))].real
    return v / np.sqrt(np.mean(v**2))


def delay_states(
    net: Any,
    times: Any = (50.0, 250.0, 750.0),
    *,
    fixation: float | None = None,
    stimulus: float | None = None,
    settle: float = 20_000.0,
    trials: int = 64,
    between: int = 5,
    seed: Any = 0,
) -> DelayStates:
    r"""Trajectories of the delay after each stimulus, and the fixed points that they belong to.

    Parameters
    ----------
    net : TrainedNetwork
        Anything with ``weights``, ``input_weights``, ``tau``, ``labels``, ``dt`` and ``noise``.
    times : sequence of float
        Times in the delay, ms, increasing: each a whole number of steps. The last one gives the operating point.
    fixation, stimulus : float, optional
        Duration of what precedes, ms; default: as in the network's ``task``, 250 ms each if it has none.
    settle : float
        Length of the long run, ms.
    trials : int
        Trials for the mean of the noisy dynamics.
    between : int
        Starts on the segment between the two ends, where saddles are.
    seed : int
        For the noise.

    Returns
    -------
    DelayStates

    Raises
    ------
    ValidationError
        Times that do not increase or are no whole number of steps; weights and timescales that disagree.

    Examples
    --------
    A pair of units that excite themselves and inhibit each other remembers which of them was driven:

    >>> import numpy as np
    >>> from types import SimpleNamespace
    >>> pair = SimpleNamespace(weights=np.array([[6.0, -6.0], [-6.0, 6.0]]), input_weights=np.array([[3.0], [-3.0]]),
    ...     tau=np.array([20.0, 20.0]), labels=np.array(["A", "B"]), dt=5.0, noise=0.0)
    >>> held = delay_states(pair)
    >>> held.points.stable.tolist(), held.points.complete(), sorted(held.last.tolist())
    ([True, True, False], True, [0, 1])
    >>> held.network(0).labels.tolist()
    ['A', 'B']
    """
    dt = float(net.dt)
    task = getattr(net, "task", None)
    fixation = getattr(task, "fixation", 250.0) if fixation is None else fixation
    stimulus = getattr(task, "stimulus", 250.0) if stimulus is None else stimulus
    t = np.asarray(times, float).ravel()
    if t.size == 0 or not np.all(np.isfinite(t)) or np.any(np.diff(t) <= 0) or t[0] < 0:
        raise ValidationError(f"times must increase from 0 or above, got {times!r}")

    def steps(duration: float, what: str) -> int:
        count = round(duration / dt)
        if not np.isfinite(duration) or duration < 0 or abs(count * dt - duration) > 1e-9 * max(duration, 1.0):
            raise ValidationError(f"{what} = {duration} ms is not a whole number of steps of dt = {dt:g} ms")
        return count

    marks = [steps(x, "a time of the delay") for x in t]
    W, tau = np.asarray(net.weights, float), np.asarray(net.tau, float)
    n = len(W)
    inputs = np.asarray(net.input_weights, float)
    if inputs.ndim != 2 or inputs.shape[0] != n:
        raise ValidationError(f"input_weights must have shape ({n}, channels), got {inputs.shape}")
    stimuli = np.array([1, -1])
    common = {"tau": tau, "dt": dt}
    rng = np.random.default_rng(seed)

    def follow(start, noise, sign):
        x = run(W, 0.0, start, steps(fixation, "fixation"), noise=noise, seed=rng, **common)
        x = run(W, inputs[:, 0] * sign, x, steps(stimulus, "stimulus"), noise=noise, seed=rng, **common)
        kept, before = [], 0
        for mark in marks:
            x = run(W, 0.0, x, mark - before, noise=noise, seed=rng, **common)
            kept.append(x)
            before = mark
        return np.array(kept)

    states = np.array([follow(np.zeros(n), 0.0, s) for s in stimuli])
    if net.noise > 0:
        noisy = [follow(np.zeros((trials, n)), float(net.noise), s) for s in stimuli]
        mean = np.array([x.mean(axis=1) for x in noisy])
        scatter = np.array([np.sqrt(np.mean(np.var(x, axis=1, ddof=1), axis=-1)) for x in noisy])
    else:
        mean, scatter = states.copy(), np.zeros(states.shape[:2])
    length = steps(settle, "settle")
    path = run(W, 0.0, states[:, -1], length, every=max(1, length // 200), **common)
    ends, late = path[-1], path[len(path) // 2 :]
    after = run(W, 0.0, ends, 1, **common)
    drift = np.sqrt(np.mean(((after - ends) / dt) ** 2, axis=1))
    wander = np.sqrt(np.mean(np.var(late, axis=0), axis=-1))
    share = (np.arange(between) + 1.0) / (between + 1.0)
    # between the ends lie saddles, within a cycle the point it goes round, and on the way what the run passes slowly
    starts = np.concatenate(
        [states.reshape(-1, n), ends, ends[0] + share[:, None] * (ends[1] - ends[0]), late.mean(axis=0),
         *(path[k] for k in (len(path) // 40, len(path) // 8, len(path) // 2))]
    )  # fmt: skip
    points = fixed_points(W, 0.0, starts, tau=tau, labels=net.labels)
    if np.any(points.index < 0):  # two more fixed points belong to it: look on both sides along its unstable direction
        failed = points.reached.size
        ends_of = [x if k == failed else points.state(k) for x, k in zip(starts, points.reached, strict=True)]
        beside = []
        for k in np.flatnonzero(points.index < 0):
            direction = _unstable_direction(points.network(k))
            beside += [points.x[k] + a * direction for a in (-0.8, -0.4, -0.2, -0.1, 0.1, 0.2, 0.4, 0.8)]
        points = fixed_points(W, 0.0, np.array(ends_of + beside), tau=tau, labels=net.labels)
    count = states.shape[0] * states.shape[1]
    return DelayStates(
        stimuli=stimuli,
        times=t,
        states=states,
        mean=mean,
        scatter=scatter,
        ends=ends,
        drift=drift,
        wander=wander,
        points=points,
        own=points.reached[:count].reshape(states.shape[:2]),
        last=points.reached[count : count + 2],
    )
