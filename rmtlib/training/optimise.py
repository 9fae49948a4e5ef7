r"""Training: minimise the squared error of the readout by Adam, for several seeds side by side.

    L = < (o_t - z_t)^2 >  over the trials of a batch and the steps of the response window,

or, with ``loss="trial"``, < (sum_t (o_t - z_t)^2)^(1/2) > over all steps of a trial, with z = 0 before the response;
with fresh noise in each update, gradients through time (:func:`rmtlib.training.rnn.integrate`) and an early stop: as
soon as more than the stated share of held-out trials is answered right. What the numbers depend on are the recipe and
the seed: a run that was interrupted and resumed from its checkpoint ends in the same bits as one that was not.

This module needs the extra ``rmtlib[training]``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ..errors import ConvergenceError, ValidationError
from . import rnn
from ._extra import jax, optax
from .recipe import Recipe, initialise
from .trained import TrainedNetwork, read_npz, write_npz

jnp = jax.numpy

__all__ = ["loss", "train"]

_FORMAT = 1
# streams of random numbers that belong to one seed
_TRAIN, _HELD_OUT, _FINAL_TRAIN, _FINAL_TEST = range(4)


def _conditions(recipe: Recipe, delay: float) -> tuple[Any, Any]:
    trials = recipe.task.conditions(delay)
    return trials.inputs.astype(np.float32), trials.labels.astype(np.float32)


def loss(trained: Any, fixed: Any, key: Any, recipe: Recipe) -> Any:
    """What an update lowers, for ``recipe.batch`` trials with the train delay: see ``loss`` of the recipe.

    "response": mean of (o_t - z_t)^2 over trials and response window; "trial": mean over trials of
    (sum_t (o_t - z_t)^2)^(1/2), over all steps, with z = 0 before the response.
    """
    inputs, labels = _conditions(recipe, recipe.task.train_delay)
    kind = np.arange(recipe.batch) % 4
    if recipe.batch % 4:
        draw, key = jax.random.split(key)
        kind = jax.random.randint(draw, (recipe.batch,), 0, 4)
        inputs, labels = jnp.asarray(inputs), jnp.asarray(labels)
    readout = rnn.run(trained, fixed, inputs[kind].astype(trained["theta"].dtype), key, recipe)
    window = recipe.task.epochs(recipe.task.train_delay)["response"]
    if recipe.loss == "response":
        return jnp.mean((readout[:, window] - labels[kind, None]) ** 2)
    inside = np.zeros(readout.shape[1], np.float32)
    inside[window] = 1.0
    return jnp.mean(jnp.sqrt(jnp.sum((readout - labels[kind, None] * inside) ** 2, axis=1)))


@lru_cache(maxsize=4)
def _compiled(recipe: Recipe):
    """The compiled parts of a run: optimiser, a chunk of updates, right answers among held-out trials at the two delays."""
    adam = optax.adam(recipe.learning_rate)

    def update(trained, fixed, memory, key):
        value, gradient = jax.value_and_grad(loss)(trained, fixed, key, recipe)
        change, memory = adam.update(gradient, memory)
        return optax.apply_updates(trained, change), memory, value

    @jax.jit
    def chunk(trained, fixed, memory, keys, first, active):
        def body(carry, iteration):
            old_trained, old_memory = carry
            now = jax.vmap(jax.random.fold_in, (0, None))(keys, iteration)
            new_trained, new_memory, value = jax.vmap(update)(old_trained, fixed, old_memory, now)

            def keep(new, old):  # a seed that has reached its accuracy stays as it is
                return jnp.where(active.reshape((-1,) + (1,) * (new.ndim - 1)), new, old)

            new = jax.tree.map(keep, (new_trained, new_memory), (old_trained, old_memory))
            return new, value

        (trained, memory), values = jax.lax.scan(body, (trained, memory), first + jnp.arange(recipe.check_every))
        return trained, memory, values.mean(axis=0)

    def counter(delay):
        @jax.jit
        @jax.vmap
        def count(trained, fixed, key):
            inputs, labels = _conditions(recipe, delay)
            kind = np.arange(recipe.held_out) % 4
            readout = rnn.run(trained, fixed, inputs[kind], key, recipe)
            window = recipe.task.epochs(delay)["response"]
            return jnp.sum(labels[kind] * jnp.mean(readout[:, window], axis=1) > recipe.task.threshold)

        return count

    return adam, chunk, counter(recipe.task.train_delay), counter(recipe.task.test_delay)


def _stack(parts):
    return jax.tree.map(lambda *leaves: jnp.stack([jnp.asarray(x, jnp.float32) for x in leaves]), *parts)


class _Run:
    """State of a run: what a checkpoint holds."""

    def __init__(self, recipe: Recipe, seeds: tuple[int, ...]):
        self.recipe, self.seeds = recipe, seeds
        trained, fixed = zip(*(initialise(recipe, seed) for seed in seeds), strict=True)
        self.trained, self.fixed = _stack(trained), _stack(fixed)
        self.memory = jax.vmap(_compiled(recipe)[0].init)(self.trained)
        self.iteration = 0
        self.stopped = np.zeros(len(seeds), dtype=np.int64)  # the update after which each seed stopped, 0 while it runs
        self.best = np.zeros(len(seeds))  # last share of held-out trials

    def keys(self, *path: int):
        """One key for each seed, folded along a path of whole numbers: a stream, a part of it."""
        return jnp.stack([reduce(jax.random.fold_in, path, jax.random.key(seed)) for seed in self.seeds])

    def save(self, path: Path) -> None:
        leaves = jax.tree.leaves((self.trained, self.memory))
        arrays = {f"leaf{k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}
        arrays |= {
            "format": np.array(_FORMAT),
            "recipe": np.array(json.dumps(self.recipe.to_dict())),
            "seeds": np.array(self.seeds),
            "iteration": np.array(self.iteration),
            "stopped": self.stopped,
            "share": self.best,
        }
        write_npz(path, arrays)

    def resume(self, path: Path) -> None:
        stored = read_npz(path)
        try:
            recipe, seeds = json.loads(str(stored["recipe"])), tuple(int(s) for s in stored["seeds"])
            if int(stored["format"]) != _FORMAT:
                raise ValidationError(f"{path} has format {int(stored['format'])}, this version reads {_FORMAT}")
            # more iterations may be asked for than the first time
            limit = {"max_iterations": self.recipe.max_iterations}
            if recipe | limit != self.recipe.to_dict() or seeds != self.seeds:
                raise ValidationError(
                    f"{path} is the checkpoint of another run (other recipe or seeds): resume with the same, or take "
                    "another file"
                )
            leaves, form = jax.tree.flatten((self.trained, self.memory))
            new = [stored[f"leaf{k}"] for k in range(len(leaves))]
            if any(a.shape != b.shape or a.dtype != b.dtype for a, b in zip(new, leaves, strict=True)):
                raise ValidationError(f"{path} holds arrays of other shapes: it was written by another version")
            self.trained, self.memory = jax.tree.unflatten(form, [jnp.asarray(a) for a in new])
            self.iteration = int(stored["iteration"])
            self.stopped, self.best = stored["stopped"], stored["share"]
        except (KeyError, json.JSONDecodeError, ValueError) as error:
            if isinstance(error, ValidationError):
                raise
            raise ValidationError(f"{path} is not a checkpoint: {error!r}") from None

    def networks(self) -> tuple[TrainedNetwork, ...]:
        recipe = self.recipe
        _, _, *count = _compiled(recipe)
        parts = recipe.evaluation // recipe.held_out
        right = np.zeros((2, len(self.seeds)), dtype=int)
        for row, at_delay, stream in zip(right, count, (_FINAL_TRAIN, _FINAL_TEST), strict=True):
            for part in range(parts):
                row += np.asarray(at_delay(self.trained, self.fixed, self.keys(stream, part)))
        result = []
        for k, seed in enumerate(self.seeds):
            trained, fixed = (jax.tree.map(lambda leaf, k=k: leaf[k], part) for part in (self.trained, self.fixed))
            accuracy = {
                "train": float(right[0, k] / recipe.evaluation),
                "test": float(right[1, k] / recipe.evaluation),
                "trials": recipe.evaluation,
            }
            result.append(
                TrainedNetwork(
                    weights=rnn.effective_weights(trained["weights"], fixed["sign"]) + 0.0,  # no negative zeros
                    input_weights=fixed["input_weights"],
                    readout=trained["readout"],
                    readout_bias=float(trained["bias"]),
                    tau=rnn.timescales(trained["theta"], recipe.tau_min, recipe.tau_max),
                    labels=recipe.labels,
                    recipe=recipe.to_dict(),
                    seed=seed,
                    accuracy=accuracy,
                    iterations=int(self.stopped[k] or self.iteration),
                )
            )
        return tuple(result)


def train(
    recipe: Recipe,
    seeds: int | Sequence[int] = 0,
    checkpoint: str | os.PathLike | None = None,
    progress: bool = True,
    throw: bool = True,
) -> tuple[TrainedNetwork, ...]:
    """Lower :func:`loss` by Adam until more than ``recipe.accuracy`` of held-out trials are right.

    Parameters
    ----------
    recipe : Recipe
    seeds : int or sequence of int
        One network for each; they are trained side by side, in one vectorised run.
    checkpoint : path of an .npz, optional
        Written after each ``recipe.check_every`` updates, as a whole or not at all. If it exists, the run goes on from
        there and ends in the same bits as one that was not interrupted.
    progress : bool
        A bar on standard error.
    throw : bool
        If False, networks that did not reach the accuracy are returned as well; their ``accuracy`` says so.

    Returns
    -------
    tuple of TrainedNetwork
        In the order of the seeds. ``accuracy`` is measured on new trials after the stop, separately for the two delays.

    Raises
    ------
    ValidationError
        For a recipe or seeds that cannot be right, a checkpoint of another run.
    ConvergenceError
        If a seed has not reached the accuracy after ``recipe.max_iterations``, or its loss is no longer finite. Its
        attribute ``solution`` is what ``throw=False`` returns (None after a loss that is not finite). A checkpoint
        stays: with larger ``max_iterations`` the run goes on.

    Notes
    -----
    Seeds that are trained side by side share one matrix product per step and need not agree in the last digits with the
    same seeds trained one by one. A seed that has reached its accuracy stays as it is while the others go on.

    Examples
    --------
    >>> train(Recipe(n=20, accuracy=1.0))
    Traceback (most recent call last):
    rmtlib.errors.ValidationError: accuracy must be below 1: training stops when more than this share is right
    """
    if not isinstance(recipe, Recipe):
        raise ValidationError(f"recipe must be a Recipe, got {type(recipe).__name__}")
    chosen = (seeds,) if isinstance(seeds, (int, np.integer)) else tuple(seeds)
    if not chosen or len(set(chosen)) != len(chosen):
        raise ValidationError(f"seeds must be one or several different whole numbers, got {seeds!r}")
    run = _Run(recipe, tuple(int(s) for s in chosen))
    path = None if checkpoint is None else Path(checkpoint)
    if path is not None:
        if path.suffix != ".npz" or not path.parent.is_dir():
            raise ValidationError(f"checkpoint must be an .npz in an existing folder, got {str(path)!r}")
        if path.exists():
            run.resume(path)
    _, chunk, count, _ = _compiled(recipe)
    keys = run.keys(_TRAIN)
    with tqdm(
        total=recipe.max_iterations, initial=run.iteration, disable=not progress, desc="training", unit="update"
    ) as bar:
        while run.iteration < recipe.max_iterations and not np.all(run.stopped):
            active = run.stopped == 0
            run.trained, run.memory, values = chunk(run.trained, run.fixed, run.memory, keys, run.iteration, active)
            values = np.asarray(values)
            if not np.all(np.isfinite(values[active])):
                bad = [s for s, v, a in zip(run.seeds, values, active, strict=True) if a and not np.isfinite(v)]
                raise ConvergenceError(
                    f"the loss of seed {bad[0]} is not finite after {run.iteration} updates: lower the learning rate"
                )
            run.iteration += recipe.check_every
            share = np.asarray(count(run.trained, run.fixed, run.keys(_HELD_OUT, run.iteration))) / recipe.held_out
            run.best = np.where(active, share, run.best)
            run.stopped = np.where(active & (share > recipe.accuracy), run.iteration, run.stopped)
            if path is not None:
                run.save(path)
            bar.update(recipe.check_every)
            bar.set_postfix(loss=f"{values[active].mean():.3f}", right=" ".join(f"{s:.2f}" for s in run.best))
    networks = run.networks()
    missed = [seed for seed, stop in zip(run.seeds, run.stopped, strict=True) if not stop]
    if missed and throw:
        shares = ", ".join(f"seed {s}: {b:.2f}" for s, b in zip(run.seeds, run.best, strict=True) if s in missed)
        raise ConvergenceError(
            f"after {run.iteration} updates the share of right answers is not above {recipe.accuracy} ({shares}): allow "
            "more updates (max_iterations), or ask for less noise or a shorter delay",
            solution=networks,
        )
    return networks
