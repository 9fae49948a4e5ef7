"""Mean-field theory: the potential against iteration in frequency and against a population of sampled trajectories.

    python -m benchmarks.meanfield [--json FILE]

CPU seconds on one thread, and the error of the variance at g = 2 without noise; reference: energy conservation with the variance of
log cosh by adaptive quadrature.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import rmtlib as rmt
from benchmarks.record import best, record
from rmtlib.dynamics.covariance import state_variance
from rmtlib.dynamics.meanfield import mean_field, solve_ensemble


def sampled(g, count=4000, span=60.0, step=0.1, rounds=12, seed=0):
    """What is often done: draw inputs with the covariance of the last round, run units, measure the covariance of the rates."""
    rng = np.random.default_rng(seed)
    steps = int(span / step)
    lags = np.minimum(np.arange(2 * steps), 2 * steps - np.arange(2 * steps)) * step
    rates = np.exp(-lags)
    for _ in range(rounds):
        power = np.maximum(np.fft.rfft(g**2 * rates).real, 0)
        noise = np.fft.rfft(rng.standard_normal((count, 2 * steps)), axis=1) * np.sqrt(power)
        omega = 2 * np.pi * np.fft.rfftfreq(2 * steps, step)
        x = np.fft.irfft(noise / (1 + 1j * omega), 2 * steps, axis=1)
        spectrum = np.mean(np.abs(np.fft.rfft(np.tanh(x), axis=1)) ** 2, 0) / (2 * steps)
        rates = np.fft.irfft(spectrum, 2 * steps)
    return float(np.var(x))


def main(target="benchmarks/meanfield.json"):
    rows, truth = {}, state_variance(2.0)
    ens = rmt.Ensemble(rmt.Population("all"), rmt.Synapses.dense(std=2.0))
    for name, func in (
        ("potential", lambda: mean_field(2.0).variance),
        ("iteration in frequency", lambda: solve_ensemble(ens, grid_error=False).variance()),
    ):
        rows[f"{name}: seconds"] = best(func, 3)
        rows[f"{name}: error of the variance"] = abs(func() - truth)
    start = time.process_time()
    value = sampled(2.0)
    rows["sampled trajectories, 4000 units, 12 rounds: seconds"] = time.process_time() - start
    rows["sampled trajectories: error of the variance"] = abs(value - truth)
    rows["sampled trajectories / potential, time"] = rows["sampled trajectories, 4000 units, 12 rounds: seconds"] / rows["potential: seconds"]
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/meanfield.json", help="where the numbers go")
    main(parser.parse_args().json)
