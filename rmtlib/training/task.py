r"""Delayed match-to-sample: hold a stimulus over a delay, then say whether the next one is the same.

A trial is a sequence of epochs, in ms,

    fixation | first stimulus | delay | second stimulus | pause | response,

with inputs u_1(t) = s_1 during the first stimulus, u_2(t) = s_2 during the second, 0 elsewhere, s_1 and s_2 each +1 or
-1 with probability 1/2, and the target z(t) = s_1 s_2 during the response, 0 before: +1 for "match", -1 for "no match".

Neither stimulus alone tells anything about the answer, so that a network that has lost the first one is right in half
of the trials. Each stimulus has an input channel of its own, as in the public code of the predecessors of the 2025 network
study (Kim, Li and Sejnowski, PNAS 116, 22811, 2019, task "xor"); with ``channels=1`` both come through the same one.

Only numpy is needed here.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ValidationError

__all__ = ["DelayedMatch", "Trials"]

FloatArray = NDArray[np.float64]

# the four trials: signs of the first and of the second stimulus
_STIMULI = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])


class Trials(NamedTuple):
    """A batch of trials: ``inputs`` (k, steps, channels), ``targets`` (k, steps), ``stimuli`` (k, 2), ``labels`` (k,)."""

    inputs: FloatArray
    targets: FloatArray
    stimuli: NDArray[np.int_]
    labels: NDArray[np.int_]


@dataclass(frozen=True)
class DelayedMatch:
    """z(t) = s_1 s_2 in the response window, after stimuli s_1, s_2 = +-1 that a delay separates.

    Parameters
    ----------
    fixation, stimulus, pause, response : float
        Durations in ms: before the first stimulus, of each stimulus, between the second stimulus and the response, of
        the response window.
    train_delay, test_delay : float
        Delay between the stimuli, in ms, in the trials of training and in those that test for working memory.
    dt : float
        Time step, ms. Every duration is a whole number of steps.
    channels : int
        2: each stimulus has its own input channel. 1: they share one.
    threshold : float
        A trial counts as correct if s_1 s_2 times the readout, averaged over the response window, exceeds this number.

    Raises
    ------
    ValidationError
        For negative durations, durations that are no multiple of dt, an empty response window.

    Notes
    -----
    A threshold above 0 is stricter than the sign of the readout: a network that guesses +-1 has 1/2, one that answers 0
    has none right. Stimuli, train delay and pause are those of the public code named above, which has a longer fixation
    (250 ms) and response window (500 ms) and counts a trial as correct when the readout passes 0.7 anywhere in that window;
    here it has to hold 0.5 on average.

    Examples
    --------
    >>> task = DelayedMatch()
    >>> task.steps(task.train_delay), task.steps(task.test_delay)
    (200, 340)
    >>> trials = task.trials(3, task.train_delay, seed=0)
    >>> trials.inputs.shape, bool(np.all(trials.labels == trials.stimuli.prod(axis=1)))
    ((3, 200, 2), True)
    """

    fixation: float = 100.0
    stimulus: float = 250.0
    train_delay: float = 50.0
    test_delay: float = 750.0
    pause: float = 50.0
    response: float = 300.0
    dt: float = 5.0
    channels: int = 2
    threshold: float = 0.5

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
                raise ValidationError(f"{field.name} of the task must be a finite number, got {value!r}")
            object.__setattr__(self, field.name, int(value) if field.name == "channels" else float(value))
        if self.dt <= 0:
            raise ValidationError(f"dt must be positive, got {self.dt} ms")
        if self.channels not in (1, 2):
            raise ValidationError(f"channels must be 1 (shared) or 2 (one for each stimulus), got {self.channels}")
        if not 0 <= self.threshold < 1:
            raise ValidationError(f"threshold must lie in [0, 1), the target being +-1, got {self.threshold}")
        for name in ("fixation", "stimulus", "train_delay", "test_delay", "pause", "response"):
            self._whole(getattr(self, name), name)
        if self.stimulus == 0 or self.response == 0:
            raise ValidationError("stimulus and response must last at least one step")

    def _whole(self, duration: float, name: str) -> int:
        steps = round(duration / self.dt)
        if duration < 0 or abs(steps * self.dt - duration) > 1e-9 * max(duration, 1.0):
            raise ValidationError(f"{name} = {duration} ms is not a whole number of steps of dt = {self.dt} ms")
        return steps

    def epochs(self, delay: float | None = None) -> dict[str, slice]:
        """Steps of each epoch of a trial with this delay (the train delay by default).

        Returns
        -------
        dict of str to slice
            "fixation", "first", "delay", "second", "pause", "response".
        """
        delay = self.train_delay if delay is None else float(delay)
        lengths = {
            "fixation": self._whole(self.fixation, "fixation"),
            "first": self._whole(self.stimulus, "stimulus"),
            "delay": self._whole(delay, "delay"),
            "second": self._whole(self.stimulus, "stimulus"),
            "pause": self._whole(self.pause, "pause"),
            "response": self._whole(self.response, "response"),
        }
        ends = np.cumsum(list(lengths.values()))
        return {name: slice(int(e) - k, int(e)) for (name, k), e in zip(lengths.items(), ends, strict=True)}

    def steps(self, delay: float | None = None) -> int:
        """Number of time steps of a trial with this delay."""
        return self.epochs(delay)["response"].stop

    def conditions(self, delay: float | None = None) -> Trials:
        """The four different trials: (+,+), (+,-), (-,+), (-,-)."""
        return self.make(_STIMULI, delay)

    def trials(self, count: int, delay: float | None = None, *, seed: int | np.random.Generator | None) -> Trials:
        """Trials with independent stimuli, +1 or -1 with probability 1/2 each."""
        if count < 1:
            raise ValidationError(f"at least one trial is needed, got {count}")
        rng = np.random.default_rng(seed)
        return self.make(_STIMULI[rng.integers(4, size=count)], delay)

    def make(self, stimuli: ArrayLike, delay: float | None = None) -> Trials:
        """Trials with the given stimuli, an array (k, 2) of +1 and -1."""
        signs = np.atleast_2d(np.asarray(stimuli))
        if signs.ndim != 2 or signs.shape[1] != 2 or not np.all(np.isin(signs, (-1, 1))):
            raise ValidationError("stimuli must be an array (k, 2) of +1 and -1: first and second stimulus of each trial")
        signs = signs.astype(int)
        when, labels = self.epochs(delay), signs.prod(axis=1)
        inputs = np.zeros((len(signs), self.steps(delay), self.channels))
        inputs[:, when["first"], 0] = signs[:, :1]
        inputs[:, when["second"], -1] = signs[:, 1:]
        targets = np.zeros(inputs.shape[:2])
        targets[:, when["response"]] = labels[:, None]
        return Trials(inputs, targets, signs, labels)

    def correct(self, outputs: ArrayLike, labels: ArrayLike, delay: float | None = None) -> NDArray[np.bool_]:
        """Which trials were answered right: labels times the mean readout in the response window exceeds the threshold.

        Parameters
        ----------
        outputs : (k, steps) array_like
            Readout in each trial.
        labels : (k,) array_like
            s_1 s_2 of each trial.
        """
        readout = np.asarray(outputs, dtype=float)
        sign = np.asarray(labels)
        if readout.ndim != 2 or readout.shape != (len(sign), self.steps(delay)):
            raise ValidationError(
                f"outputs have shape {readout.shape}, but {sign.shape[0]} trials have {self.steps(delay)} steps each"
            )
        if not np.all(np.isfinite(readout)):
            raise ValidationError("outputs hold NaN or infinite values: the simulation has diverged")
        window = readout[:, self.epochs(delay)["response"]].mean(axis=1)
        return sign * window > self.threshold
