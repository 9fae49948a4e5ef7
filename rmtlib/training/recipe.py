r"""What a training run is made of, and the network it starts from. Only numpy is needed here.

    W0_ij = |N(0, 1)| g/sqrt(n p) on an Erdos-Renyi mask of density p,   theta_i ~ N(0, 1),   W_in ~ N(0, 1).

A recipe and a seed determine the trained network, on one machine and one version of jax to the last bit.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ValidationError
from .task import DelayedMatch

__all__ = ["Recipe", "initialise"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True)
class Recipe:
    """Network, task and optimiser of one training run.

    Parameters
    ----------
    n : int
        Units.
    inhibitory : float
        Share of inhibitory units (the last ones).
    probability : float
        p, the density of synapses at the start.
    gain : float
        g, the scale of the weights at the start.
    tau_min, tau_max : float
        Bounds of the timescales, ms.
    noise : float
        Variance of the noise that is added to each unit in each step, in training as in every test.
    learning_rate : float
        Of Adam.
    batch : int
        Trials in each update. A multiple of 4 holds each of the four kinds of trial equally often, otherwise the kinds
        are drawn.
    loss : {"response", "trial"}
        "response": the mean squared difference of readout and target in the response window; before it, nothing is asked
        of the readout. "trial": the root of the squared difference summed over all steps of a trial, where the target
        before the response is 0, averaged over the batch.
    max_iterations : int
        Updates after which a run that has not reached its accuracy is given up.
    check_every : int
        Updates between two tests on held-out trials.
    held_out : int
        Held-out trials in such a test, with the train delay; noise and initial states are new each time.
    accuracy : float
        Training stops when more than this share of them is answered right.
    evaluation : int
        Trials of each delay, a multiple of ``held_out``, on which the accuracy is measured that the trained network states. They are drawn after
        training has stopped, so that they do not share the luck of the test that stopped it.
    task : DelayedMatch

    Raises
    ------
    ValidationError
        For a value that cannot be right.

    Notes
    -----
    The bounds of tau, 20 and 125 ms, are those of the ensemble of the 2025 network study. The public code of its
    predecessors (:mod:`rmtlib.training.task`) has ``loss="trial"`` and ``batch=1``; that takes ten times as many updates, and leads
    to other networks: see ``data/README.md``.

    Examples
    --------
    >>> recipe = Recipe(noise=0.05)
    >>> recipe.n, recipe.learning_rate, Recipe.from_dict(recipe.to_dict()) == recipe
    (200, 0.01, True)
    """

    n: int = 200
    inhibitory: float = 0.2
    probability: float = 0.2
    gain: float = 1.5
    tau_min: float = 20.0
    tau_max: float = 125.0
    noise: float = 0.01
    learning_rate: float = 0.01
    batch: int = 8
    loss: str = "response"
    max_iterations: int = 3000
    check_every: int = 25
    held_out: int = 200
    accuracy: float = 0.95
    evaluation: int = 1000
    task: DelayedMatch = field(default_factory=DelayedMatch)

    def __post_init__(self) -> None:
        if not isinstance(self.task, DelayedMatch):
            raise ValidationError(f"task must be a DelayedMatch, got {type(self.task).__name__}")
        whole = ("n", "batch", "max_iterations", "check_every", "held_out", "evaluation")
        for f in fields(self):
            if f.name in ("task", "loss"):
                continue
            value = getattr(self, f.name)
            if isinstance(value, bool) or not isinstance(value, (int, float, np.number)) or not np.isfinite(value):
                raise ValidationError(f"{f.name} of the recipe must be a finite number, got {value!r}")
            if f.name in whole and (value != int(value) or value < 1):
                raise ValidationError(f"{f.name} must be a whole number, at least 1, got {value!r}")
            object.__setattr__(self, f.name, int(value) if f.name in whole else float(value))
        for name in ("inhibitory", "probability", "accuracy"):
            value = getattr(self, name)
            if not 0 <= value <= 1:
                raise ValidationError(f"{name} is a share, in [0, 1], got {value}")
        if self.probability == 0 or self.gain <= 0:
            raise ValidationError("probability and gain must be positive: a network without synapses cannot be trained")
        if self.accuracy == 1:
            raise ValidationError("accuracy must be below 1: training stops when more than this share is right")
        if not 0 < self.task.dt <= self.tau_min <= self.tau_max:
            raise ValidationError(
                f"timescales must satisfy dt <= tau_min <= tau_max, got dt = {self.task.dt}, tau_min = {self.tau_min}, "
                f"tau_max = {self.tau_max} ms"
            )
        if self.noise < 0:
            raise ValidationError(f"noise is a variance, at least 0, got {self.noise}")
        if self.learning_rate <= 0:
            raise ValidationError(f"learning_rate must be positive, got {self.learning_rate}")
        if self.loss not in ("response", "trial"):
            raise ValidationError(f"loss must be 'response' or 'trial', got {self.loss!r}")
        for name in ("held_out", "evaluation"):
            if getattr(self, name) % 4:
                raise ValidationError(f"{name} must be a multiple of 4, the number of kinds of trial, got {getattr(self, name)}")
        if self.evaluation % self.held_out:
            raise ValidationError(f"evaluation must be a multiple of held_out = {self.held_out}, got {self.evaluation}")
        if not 0 < round(self.inhibitory * self.n) < self.n:
            raise ValidationError("a network needs at least one excitatory and one inhibitory unit")

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """The inverse of :meth:`to_dict`."""
        known = {f.name for f in fields(cls)}
        if not isinstance(values, dict) or not set(values) <= known:
            unknown = sorted(set(values) - known) if isinstance(values, dict) else type(values).__name__
            raise ValidationError(f"not a recipe: {unknown} is unknown")
        parts = dict(values)
        task = parts.pop("task", {})
        if not isinstance(task, DelayedMatch):
            try:
                task = DelayedMatch(**task)
            except TypeError as error:
                raise ValidationError(f"not a recipe: its task is wrong ({error})") from None
        return cls(**parts, task=task)

    @property
    def labels(self) -> NDArray[np.str_]:
        """"E" or "I" for each unit."""
        return np.where(np.arange(self.n) < self.n - round(self.inhibitory * self.n), "E", "I")


def initialise(recipe: Recipe, seed: int) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """W0 = |N(0, 1)| g/sqrt(n p) on the mask, theta ~ N(0, 1), w_out ~ N(0, 1)/100, b = 0; W_in ~ N(0, 1) and signs.

    Parameters
    ----------
    recipe : Recipe
    seed : int

    Returns
    -------
    trained : dict
        ``weights`` W0 (n, n), not negative, ``theta`` (n,), ``readout`` (n,), ``bias`` ().
    fixed : dict
        ``sign`` (n,) of the columns, ``input_weights`` (n, channels).

    Notes
    -----
    numpy draws these numbers, so that they do not depend on the version of jax. A unit may have a synapse onto itself.
    """
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed < 2**31:
        raise ValidationError(f"a seed is a whole number from 0 to 2^31 - 1, got {seed!r}")
    rng = np.random.default_rng([20, int(seed)])
    n = recipe.n
    mask = rng.random((n, n)) < recipe.probability
    weights = np.abs(rng.standard_normal((n, n))) * recipe.gain / np.sqrt(n * recipe.probability)
    trained = {
        "weights": np.where(mask, weights, 0.0),
        "theta": rng.standard_normal(n),
        "readout": rng.standard_normal(n) / 100,
        "bias": np.zeros(()),
    }
    fixed = {
        "sign": np.where(recipe.labels == "I", -1.0, 1.0),
        "input_weights": rng.standard_normal((n, recipe.task.channels)),
    }
    return trained, fixed
