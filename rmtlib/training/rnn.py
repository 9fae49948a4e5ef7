r"""The rate network that is trained, in JAX: Dale's law, a timescale of its own for each unit, noise.

    x_t = (1 - dt/tau) x_{t-1} + (dt/tau) (W r_{t-1} + W_in u_{t-1}) + sqrt(noise) xi_t,   r = 1/(1 + exp(-x)),
    W = relu(W0) D,   tau = tau_min + (tau_max - tau_min)/(1 + exp(-theta)),   o_t = w_out . r_t + b.

D is +1 for excitatory and -1 for inhibitory columns. Trained are W0, theta, w_out and b; W_in and D stay. The noise is
added outside dt/tau: with variance s^2 at each step a unit that nothing else drives has the stationary variance
s^2/(1 - (1 - dt/tau)^2), about s^2 tau/(2 dt), so that slow units average their inputs over longer but carry more noise.

An absent synapse has W0 = 0, and relu is flat there: it gets no gradient and stays absent. A synapse that an update
carries below zero is pruned in the same way, and stays pruned once the optimiser's momentum has gone.

This module needs the extra ``rmtlib[training]``; :mod:`rmtlib.training.trained` runs the same dynamics in numpy.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ._extra import jax

jnp = jax.numpy

__all__ = ["effective_weights", "integrate", "run", "timescales"]

INITIAL_STATE = 0.01  # standard deviation of x_0


def effective_weights(weights: Any, sign: Any) -> Any:
    """W = relu(W0) D: the sign of a column is the sign of its unit."""
    return jax.nn.relu(weights) * sign


def timescales(theta: Any, tau_min: float, tau_max: float) -> Any:
    """tau = tau_min + (tau_max - tau_min) logistic(theta), ms."""
    return tau_min + (tau_max - tau_min) * jax.nn.sigmoid(theta)


@jax.custom_vjp
def _integrate(keep, recurrent, drive, start):
    def step(x, d):
        new = keep * x + jax.nn.sigmoid(x) @ recurrent.T + d
        return new, new

    return jax.lax.scan(step, start, drive)[1]


def _forward(keep, recurrent, drive, start):
    states = _integrate(keep, recurrent, drive, start)
    return states, (keep, recurrent, start, states)


def _backward(saved, outer):
    keep, recurrent, start, states = saved
    rates = jax.nn.sigmoid(states)
    slope = rates * (1 - rates)

    def step(later, now):
        direct, gain = now
        new = direct + keep * later + gain * (later @ recurrent)
        return new, new

    last, adjoint = jax.lax.scan(step, jnp.zeros_like(start), (outer, slope), reverse=True)
    before = jnp.concatenate([start[None], states[:-1]])
    r = jax.nn.sigmoid(before)
    first = keep * last + (r[0] * (1 - r[0])) * (last @ recurrent)
    n = keep.shape[0]
    return (
        jnp.sum(adjoint * before, axis=(0, 1)),
        adjoint.reshape(-1, n).T @ r.reshape(-1, n),
        adjoint,
        first,
    )


_integrate.defvjp(_forward, _backward)


def integrate(keep: Any, recurrent: Any, drive: Any, start: Any) -> Any:
    r"""States x_t = keep x_{t-1} + R logistic(x_{t-1}) + d_t for t = 1, ..., steps - 1.

    Its derivative is the adjoint recursion, from the last step to the first,

        lambda_t = dL/dx_t + keep lambda_{t+1} + r'(x_t) (R^T lambda_{t+1}),

    after which dL/dR = sum_t lambda_t r(x_{t-1})^T is one product of large matrices. Automatic differentiation of the
    loop adds up an n x n matrix at each step instead, and takes 1.5 to 3 times as long (benchmarks/training.py).

    Parameters
    ----------
    keep : (n,) array
        1 - dt/tau.
    recurrent : (n, n) array
        R = diag(dt/tau) W.
    drive : (steps - 1, trials, n) array
    start : (trials, n) array
        x_0.

    Returns
    -------
    (steps - 1, trials, n) array
    """
    return _integrate(keep, recurrent, drive, start)


def run(trained: Any, fixed: Any, inputs: Any, key: Any, recipe: Any) -> Any:
    """Readout o (trials, steps) for inputs (trials, steps, channels), with fresh noise from ``key``.

    The first step is the initial state, x_0 ~ N(0, 0.01^2).
    """
    trials, steps, _ = inputs.shape
    leak = recipe.task.dt / timescales(trained["theta"], recipe.tau_min, recipe.tau_max)
    recurrent = effective_weights(trained["weights"], fixed["sign"]) * leak[:, None]
    first, rest = jax.random.split(key)
    start = INITIAL_STATE * jax.random.normal(first, (trials, recipe.n), dtype=recurrent.dtype)
    drive = leak * (jnp.moveaxis(inputs, 1, 0)[:-1] @ fixed["input_weights"].T)
    if recipe.noise > 0:
        drive = drive + np.sqrt(recipe.noise) * jax.random.normal(rest, drive.shape, dtype=drive.dtype)
    states = jnp.concatenate([start[None], integrate(1 - leak, recurrent, drive, start)])
    return (jax.nn.sigmoid(states) @ trained["readout"] + trained["bias"]).T
