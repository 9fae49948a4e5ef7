"""One update of training against what one would write instead, and the time that a whole network takes.

    python -m benchmarks.training [--json FILE]

Times are CPU seconds on one thread. An update is the gradient of the loss for 8 trials of 200 steps, 200 units, noise included. "Plain
loop" is back-propagation through time written in numpy, trial after trial; "autodiff" is jax differentiating the loop by itself.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")

import numpy as np
from scipy.special import expit

from benchmarks.record import best, record
from rmtlib import training
from rmtlib.training import Recipe, optimise, rnn
from rmtlib.training._extra import jax
from rmtlib.training.recipe import initialise

jnp = jax.numpy


def plain_update(trained, fixed, recipe, rng):
    """Gradients of weights, theta, readout and bias by back-propagation through time in numpy, one trial at a time."""
    task = recipe.task
    trials, window = task.conditions(), task.epochs()["response"]
    tau = recipe.tau_min + (recipe.tau_max - recipe.tau_min) * expit(trained["theta"])
    leak = (task.dt / tau).astype(np.float32)
    w = (np.maximum(trained["weights"], 0) * fixed["sign"]).astype(np.float32)
    w_in, out = fixed["input_weights"].astype(np.float32), trained["readout"].astype(np.float32)
    steps, n = task.steps(), recipe.n
    grad = {"weights": np.zeros((n, n)), "leak": np.zeros(n), "readout": np.zeros(n), "bias": 0.0}
    count = recipe.batch * (window.stop - window.start)
    for k in range(recipe.batch):
        u = trials.inputs[k % 4].astype(np.float32)
        noise = (np.sqrt(recipe.noise) * rng.standard_normal((steps, n))).astype(np.float32)
        x, r, drive = (np.zeros((steps, n), np.float32) for _ in range(3))
        x[0] = 0.01 * rng.standard_normal(n)
        r[0] = expit(x[0])
        for t in range(1, steps):
            drive[t] = w @ r[t - 1] + w_in @ u[t - 1]
            x[t] = (1 - leak) * x[t - 1] + leak * drive[t] + noise[t]
            r[t] = expit(x[t])
        error = np.zeros(steps, np.float32)
        error[window] = 2 * (r[window] @ out + float(trained["bias"]) - trials.labels[k % 4]) / count
        grad["readout"] += error @ r
        grad["bias"] += error.sum()
        later = np.zeros(n, np.float32)
        for t in range(steps - 1, 0, -1):
            direct = error[t] * out + w.T @ (leak * later)
            later = (1 - leak) * later + r[t] * (1 - r[t]) * direct
            grad["weights"] += np.outer(leak * later, r[t - 1])
            grad["leak"] += later * (drive[t] - x[t - 1])
    grad["weights"] *= fixed["sign"] * (trained["weights"] > 0)
    return grad


def autodiff_run(trained, fixed, inputs, key, recipe):
    """The same readout, with a loop that jax differentiates by itself."""
    leak = recipe.task.dt / rnn.timescales(trained["theta"], recipe.tau_min, recipe.tau_max)
    recurrent = (rnn.effective_weights(trained["weights"], fixed["sign"]) * leak[:, None]).T
    feed = (fixed["input_weights"] * leak[:, None]).T
    first, rest = jax.random.split(key)
    start = rnn.INITIAL_STATE * jax.random.normal(first, (len(inputs), recipe.n))

    def step(x, now):
        u, key = now
        noise = np.sqrt(recipe.noise) * jax.random.normal(key, x.shape)
        x = (1 - leak) * x + jax.nn.sigmoid(x) @ recurrent + u @ feed + noise
        return x, jax.nn.sigmoid(x) @ trained["readout"] + trained["bias"]

    drive = jnp.moveaxis(jnp.asarray(inputs), 1, 0)[:-1]
    _, readout = jax.lax.scan(step, start, (drive, jax.random.split(rest, len(drive))))
    return jnp.concatenate([jnp.zeros((1, len(inputs))), readout]).T


def main(target="benchmarks/training.json"):
    rows, recipe = {}, Recipe(noise=0.01)
    trained, fixed = initialise(recipe, 0)
    single = [jax.tree.map(lambda a: jnp.asarray(a, jnp.float32), part) for part in (trained, fixed)]
    rng, key = np.random.default_rng(0), jax.random.key(0)

    ours = jax.jit(jax.grad(lambda p, k: optimise.loss(p, single[1], k, recipe)))
    inputs, kind, window = recipe.task.conditions(), np.arange(recipe.batch) % 4, recipe.task.epochs()["response"]

    def auto_loss(p, k):
        readout = autodiff_run(p, single[1], inputs.inputs[kind].astype(np.float32), k, recipe)
        return jnp.mean((readout[:, window] - inputs.labels[kind, None]) ** 2)

    auto = jax.jit(jax.grad(auto_loss))
    # the same gradient up to the noise, which differs: without noise they agree
    quiet = Recipe(noise=0.0)
    exact = jax.grad(lambda p: optimise.loss(p, single[1], key, quiet))(single[0])["weights"]
    plain = plain_update(trained, fixed, quiet, rng)["weights"]
    rows["gradient of the weights, plain loop against rmtlib: largest difference / largest entry"] = float(
        np.max(np.abs(plain - np.asarray(exact))) / np.max(np.abs(plain))
    )
    for name, function in (("rmtlib", ours), ("autodiff", auto)):
        jax.block_until_ready(function(single[0], key))
        rows[f"one update, {name}: seconds"] = best(lambda f=function: jax.block_until_ready(f(single[0], key)))
    rows["one update, plain loop: seconds"] = best(lambda: plain_update(trained, fixed, recipe, rng), 3)
    for name in ("autodiff", "plain loop"):
        rows[f"one update: {name} / rmtlib"] = rows[f"one update, {name}: seconds"] / rows["one update, rmtlib: seconds"]
    start, wall = time.process_time(), time.perf_counter()
    (net,) = training.train(recipe, 0, progress=False)
    rows["one network, n = 200, noise 0.01, compilation and test included: CPU seconds"] = time.process_time() - start
    rows["one network, n = 200, noise 0.01: seconds on the wall"] = time.perf_counter() - wall
    rows["one network: updates"] = net.iterations
    rows["one network: share right at the train delay"] = net.accuracy["train"]
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/training.json", help="where the numbers go")
    main(parser.parse_args().json)
