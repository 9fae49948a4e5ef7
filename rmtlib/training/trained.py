r"""Trained networks: what training leaves behind, simulated, stored and loaded with numpy alone.

    x_t = (1 - dt/tau) x_{t-1} + (dt/tau) (W r_{t-1} + W_in u_{t-1}) + sqrt(noise) xi_t,   r = 1/(1 + exp(-x)),
    o_t = w_out . r_t + b,

the dynamics of :mod:`rmtlib.training.rnn`, written a second time and without jax: a stored network can be used, and
its stated accuracy checked, where jax is not installed. Around a state x the linearised dynamics are those of
:meth:`TrainedNetwork.network`, a :class:`~rmtlib.network.Network` with gains r'(x).
"""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit

from .. import datasets
from ..errors import ValidationError
from ..network import Network
from .recipe import Recipe, initialise
from .task import DelayedMatch

__all__ = ["Simulation", "TrainedNetwork", "initial", "load", "names"]

FloatArray = NDArray[np.float64]
_FORMAT = 1
_FOLDER = "trained/"
INITIAL_STATE = 0.01  # standard deviation of x_0, in training and here


class Simulation(NamedTuple):
    """``states`` x (trials, steps, n) and ``outputs`` o (trials, steps)."""

    states: FloatArray
    outputs: FloatArray


def _array(x: Any, what: str, shape: tuple[int, ...]) -> FloatArray:
    try:
        array = np.array(x, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"{what} of a trained network cannot be read as numbers: {error}") from None
    if array.shape != shape:
        raise ValidationError(f"{what} of a trained network must have shape {shape}, got {array.shape}")
    if not np.all(np.isfinite(array)):
        raise ValidationError(f"{what} of a trained network holds NaN or infinite values")
    array.setflags(write=False)
    return array


@dataclass(frozen=True, eq=False)
class TrainedNetwork:
    """x_t = (1 - dt/tau) x_{t-1} + (dt/tau) (W r(x_{t-1}) + W_in u_{t-1}) + noise, with W = relu(W0) D as trained.

    Parameters
    ----------
    weights : (n, n) array_like
        Effective W, ``weights[i, j]`` from unit j to unit i; a column of an "E" unit has no negative entry, one of an
        "I" unit no positive one.
    input_weights : (n, channels) array_like
    readout : (n,) array_like
    readout_bias : float
    tau : (n,) array_like
        Timescales, ms.
    labels : (n,) array_like of str
        "E" or "I".
    recipe : dict
        :meth:`Recipe.to_dict <rmtlib.training.recipe.Recipe.to_dict>` of the run.
    seed : int
    accuracy : dict
        "train" and "test": share of trials answered right at the two delays, with the noise of the recipe;
        "trials": number of trials of each. Empty for a network that was not trained.
    iterations : int
        Updates until training stopped.

    Attributes
    ----------
    n : int
    dt, noise : float
        Time step in ms and variance of the noise, from the recipe.
    task : DelayedMatch

    Raises
    ------
    ValidationError
        For shapes that disagree, NaN, a column whose signs break Dale's law, timescales shorter than dt.

    Examples
    --------
    >>> net = load(names()[0])
    >>> trials = net.task.conditions(net.task.train_delay)
    >>> out = net.simulate(trials.inputs, seed=0)
    >>> out.states.shape == (4, net.task.steps(net.task.train_delay), net.n)
    True
    """

    weights: FloatArray
    input_weights: FloatArray
    readout: FloatArray
    readout_bias: float
    tau: FloatArray
    labels: NDArray[np.str_]
    recipe: dict[str, Any]
    seed: int
    accuracy: dict[str, Any]
    iterations: int

    def __post_init__(self) -> None:
        recipe = Recipe.from_dict(self.recipe)
        n, put = recipe.n, object.__setattr__
        put(self, "recipe", recipe.to_dict())
        put(self, "weights", _array(self.weights, "weights", (n, n)))
        put(self, "input_weights", _array(self.input_weights, "input_weights", (n, recipe.task.channels)))
        put(self, "readout", _array(self.readout, "readout", (n,)))
        put(self, "readout_bias", float(_array(self.readout_bias, "readout_bias", ())))
        put(self, "tau", _array(self.tau, "tau", (n,)))
        labels = np.array(self.labels, dtype=str)
        if labels.shape != (n,) or not np.all(np.isin(labels, ("E", "I"))):
            raise ValidationError(f"labels of a trained network must be {n} times 'E' or 'I'")
        labels.setflags(write=False)
        put(self, "labels", labels)
        if np.min(self.tau) < recipe.task.dt:
            raise ValidationError(f"tau must be at least dt = {recipe.task.dt} ms, got {np.min(self.tau):.3g} ms")
        wrong = np.flatnonzero(np.any(self.weights * np.where(labels == "I", -1.0, 1.0) < 0, axis=0))
        if wrong.size:
            raise ValidationError(
                f"{wrong.size} columns of the weights break Dale's law, first that of unit {wrong[0]} "
                f"({labels[wrong[0]]}): a column of an E unit is not negative, one of an I unit not positive"
            )
        if isinstance(self.seed, bool) or not isinstance(self.seed, (int, np.integer)) or self.seed < 0:
            raise ValidationError(f"seed must be a whole number, at least 0, got {self.seed!r}")
        if not isinstance(self.iterations, (int, np.integer)) or self.iterations < 0:
            raise ValidationError(f"iterations must be a whole number, at least 0, got {self.iterations!r}")
        put(self, "seed", int(self.seed))
        put(self, "iterations", int(self.iterations))
        stated = self.accuracy
        if not isinstance(stated, Mapping) or (stated and set(stated) != {"train", "test", "trials"}):
            raise ValidationError("accuracy must be a dict with 'train', 'test' and 'trials', or empty")
        if stated and not (0 <= stated["train"] <= 1 and 0 <= stated["test"] <= 1 and stated["trials"] >= 1):
            raise ValidationError(f"accuracy must hold shares in [0, 1] and a number of trials, got {dict(stated)}")
        put(self, "accuracy", dict(stated))

    @property
    def n(self) -> int:
        """Number of units."""
        return len(self.tau)

    @property
    def task(self) -> DelayedMatch:
        """The task that it was trained on."""
        return DelayedMatch(**self.recipe["task"])

    @property
    def dt(self) -> float:
        """Time step, ms."""
        return float(self.recipe["task"]["dt"])

    @property
    def noise(self) -> float:
        """Variance of the noise in each step."""
        return float(self.recipe["noise"])

    def network(self, x: ArrayLike) -> Network:
        """J = T^-1 (-1 + W H) at the state x: gains h_j = r'(x_j) = r (1 - r), timescales in ms.

        Parameters
        ----------
        x : (n,) array_like
            A state, a fixed point for instance.

        Returns
        -------
        Network
            With the labels "E" and "I".
        """
        rate = expit(_array(x, "state", (self.n,)))
        return Network(self.weights, tau=self.tau, gain=rate * (1 - rate), labels=self.labels)

    def _steps(self, inputs, seed, noise, start):
        """States, one step after the other."""
        u = np.asarray(inputs, dtype=float)
        channels = self.input_weights.shape[1]
        if u.ndim != 3 or u.shape[2] != channels or 0 in u.shape:
            raise ValidationError(f"inputs must have shape (trials, steps, {channels}), got {u.shape}")
        if not np.all(np.isfinite(u)):
            raise ValidationError("inputs hold NaN or infinite values")
        variance = self.noise if noise is None else float(noise)
        if not 0 <= variance < np.inf:
            raise ValidationError(f"noise is a variance, at least 0, got {noise!r}")
        rng = np.random.default_rng(seed)
        shape = (len(u), self.n)
        if start is None:
            x = INITIAL_STATE * rng.standard_normal(shape)
        else:
            x = np.array(np.broadcast_to(np.asarray(start, dtype=float), shape))
            if not np.all(np.isfinite(x)):
                raise ValidationError("start holds NaN or infinite values")
        leak = self.dt / self.tau
        recurrent, feed = (self.weights * leak[:, None]).T, (self.input_weights * leak[:, None]).T
        yield x
        for t in range(u.shape[1] - 1):
            x = (1 - leak) * x + expit(x) @ recurrent + u[:, t] @ feed
            if variance > 0:
                x += np.sqrt(variance) * rng.standard_normal(shape)
            yield x

    def simulate(
        self,
        inputs: ArrayLike,
        seed: int | np.random.Generator | None,
        noise: float | None = None,
        start: ArrayLike | None = None,
    ) -> Simulation:
        """States and readout for given inputs.

        Parameters
        ----------
        inputs : (trials, steps, channels) array_like
            u; :meth:`DelayedMatch.conditions <rmtlib.training.task.DelayedMatch.conditions>` makes those of the task.
        seed : int, numpy.random.Generator or None
            Of the initial states and of the noise.
        noise : float or None
            Variance, that of the training by default; 0 for the noiseless dynamics.
        start : (n,) or (trials, n) array_like, optional
            x_0; by default N(0, 0.01^2), as in training.

        Returns
        -------
        Simulation
            ``states`` (trials, steps, n), the first of them x_0, and ``outputs`` (trials, steps).
        """
        states = np.stack(list(self._steps(inputs, seed, noise, start)), axis=1)
        return Simulation(states, expit(states) @ self.readout + self.readout_bias)

    def outputs(
        self, inputs: ArrayLike, seed: int | np.random.Generator | None, noise: float | None = None
    ) -> FloatArray:
        """The readout alone, (trials, steps), without keeping the states in memory."""
        steps = self._steps(inputs, seed, noise, None)
        return np.stack([expit(x) @ self.readout + self.readout_bias for x in steps], axis=1)

    def evaluate(self, delay: float, trials: int, seed: int, noise: float | None = None) -> float:
        """Share of trials answered right at a delay (ms), each of the four kinds of trial equally often.

        Parameters
        ----------
        delay : float
        trials : int
            A multiple of 4.
        seed : int
        noise : float or None
            Variance, that of the training by default.
        """
        if trials < 4 or trials % 4:
            raise ValidationError(f"trials must be a positive multiple of 4, got {trials}")
        task = self.task
        batch = task.make(np.tile(task.conditions(delay).stimuli, (trials // 4, 1)), delay)
        return float(np.mean(task.correct(self.outputs(batch.inputs, seed, noise), batch.labels, delay)))

    def save(self, path: str | os.PathLike) -> None:
        """Write an .npz without pickled objects: synapses as a list, numbers in single precision, recipe as JSON.

        The file appears under its name only when it is complete. Networks come out of training in single precision, so
        that nothing is lost.
        """
        target = Path(path)
        if target.suffix != ".npz":
            raise ValidationError(f"a trained network is stored as .npz, got {target.name!r}")
        row, column = np.nonzero(self.weights)
        index = np.uint16 if self.n <= 2**16 else np.uint32
        arrays = {
            "format": np.array(_FORMAT),
            "row": row.astype(index),
            "column": column.astype(index),
            "weight": self.weights[row, column].astype(np.float32),
            "input_weights": self.input_weights.astype(np.float32),
            "readout": self.readout.astype(np.float32),
            "readout_bias": np.float32(self.readout_bias),
            "tau": self.tau.astype(np.float32),
            "labels": self.labels,
            "recipe": np.array(json.dumps(self.recipe)),
            "seed": np.array(self.seed),
            "accuracy": np.array(json.dumps(self.accuracy)),
            "iterations": np.array(self.iterations),
        }
        write_npz(target, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike) -> TrainedNetwork:
        """Read what :meth:`save` wrote.

        Raises
        ------
        ValidationError
            For a file that is damaged, not of this kind, or of a later format.
        FileNotFoundError
        """
        arrays = read_npz(path)
        try:
            if int(arrays["format"]) != _FORMAT:
                raise ValidationError(f"{path} has format {int(arrays['format'])}, this version reads {_FORMAT}")
            n = len(arrays["tau"])
            weights = np.zeros((n, n))
            weights[arrays["row"], arrays["column"]] = arrays["weight"]
            return cls(
                weights=weights,
                input_weights=arrays["input_weights"],
                readout=arrays["readout"],
                readout_bias=float(arrays["readout_bias"]),
                tau=arrays["tau"],
                labels=arrays["labels"],
                recipe=json.loads(str(arrays["recipe"])),
                seed=int(arrays["seed"]),
                accuracy=json.loads(str(arrays["accuracy"])),
                iterations=int(arrays["iterations"]),
            )
        except (KeyError, IndexError, TypeError, json.JSONDecodeError) as error:
            raise ValidationError(f"{path} is not a stored trained network: {error!r}") from None

    def __repr__(self) -> str:
        stated = ", ".join(f"{self.accuracy[key]:.3f} at the {key} delay" for key in ("train", "test") if self.accuracy)
        return f"TrainedNetwork(n={self.n}, noise={self.noise:g}, seed={self.seed}, right: {stated or 'not measured'})"


def write_npz(target: Path, arrays: Mapping[str, Any]) -> None:
    """An .npz that appears under its name only when it is complete."""
    handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.", suffix=".part")
    try:
        with os.fdopen(handle, "wb") as file:
            np.savez_compressed(file, **arrays)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(temporary, 0o666 & ~umask)  # mkstemp is for the owner's eyes only
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_npz(path: str | os.PathLike) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz, none of them pickled."""
    try:
        with np.load(path, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise ValidationError(f"{path} cannot be read as an .npz without pickled objects: {error}") from None


def initial(recipe: Recipe, seed: int) -> TrainedNetwork:
    """The network that a run starts from, untrained: its accuracy is empty."""
    trained, fixed = initialise(recipe, seed)
    tau = recipe.tau_min + (recipe.tau_max - recipe.tau_min) * expit(trained["theta"])
    return TrainedNetwork(
        weights=trained["weights"] * fixed["sign"],
        input_weights=fixed["input_weights"],
        readout=trained["readout"],
        readout_bias=float(trained["bias"]),
        tau=tau,
        labels=recipe.labels,
        recipe=recipe.to_dict(),
        seed=seed,
        accuracy={},
        iterations=0,
    )


def names() -> list[str]:
    """Names of the stored networks, sorted.

    Raises
    ------
    FileNotFoundError
        If the package was installed without its data.
    """
    stored = (Path(name) for name in datasets.names() if name.startswith(_FOLDER))
    return [path.stem for path in stored if path.suffix == ".npz"]


def load(name: str) -> TrainedNetwork:
    """A stored network, after its digest was compared with the one that ``data/SHA256SUMS`` lists.

    Parameters
    ----------
    name : str
        As in :func:`names`.

    Raises
    ------
    ValidationError
        For a name that is not listed, or a file that is damaged.
    FileNotFoundError
        For data that are not there.
    """
    known = names()
    if name not in known:
        raise ValidationError(f"no stored network {name!r}; there are: {', '.join(known) or 'none'}")
    return TrainedNetwork.load(datasets.path(f"{_FOLDER}{name}.npz"))
