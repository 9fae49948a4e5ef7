"""Simulation of rate networks: steps per second beside a plain numpy loop, dense and sparse.

    python -m benchmarks.dynamics [--json FILE]

Euler-Maruyama with tanh and noise, step 0.05, no statistics; then the same with windowed integrals and moments every 20 steps. The plain
loop is what one would write: one trial, x = x + dt * (-x + W @ np.tanh(x)) + s * np.sqrt(dt) * rng.standard_normal(n). Rates count one
unit of one trial advanced by one step, in millions per CPU second, one thread. Accuracy: the error of the population variance at step 0.05
that the comparison on one Brownian path states, beside the step a tolerance of 1% leads to.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy.sparse as sp

from benchmarks.record import record
from rmtlib.dynamics.simulate import Moments, Simulation, Windows, choose_step, step_error

SIZES = (200, 1000, 4000)
DEGREE = 20


def dense(n):
    return 1.2 * np.random.default_rng(0).standard_normal((n, n)) / np.sqrt(n)


def sparse(n):
    rng = np.random.default_rng(0)
    w = sp.random_array((n, n), density=DEGREE / n, rng=rng, data_sampler=lambda size: rng.standard_normal(size))
    return sp.csr_array(w * 1.2 / np.sqrt(DEGREE))


def plain(w, steps, seed=0):
    rng, n, dt = np.random.default_rng(seed), w.shape[0], 0.05
    x = np.zeros(n)
    for _ in range(steps):
        x = x + dt * (-x + w @ np.tanh(x)) + np.sqrt(dt) * rng.standard_normal(n)
    return x


def seconds(func):
    start = time.process_time()
    func()
    return time.process_time() - start


def main(target="benchmarks/dynamics.json"):
    rows = {}
    for kind, make in (("dense", dense), ("sparse, mean degree 20", sparse)):
        for n in SIZES:
            w = make(n)
            budget = 4e8 if kind == "dense" else 4e8 * n / 200  # multiply-adds, so that each timing takes about a second
            work = n * (n if kind == "dense" else 200)
            steps = max(20, int(min(budget, 2e9) / work))
            rate = n * steps / seconds(lambda w=w, steps=steps: plain(w, steps)) / 1e6
            rows[f"{kind}, {n} units, plain loop: 1e6 unit-steps/s"] = rate
            for trials in (1, 64):
                count = max(20, steps // (1 if trials == 1 else 16))
                sim = Simulation(w, noise=1.0, trials=trials, step=0.05)
                took = seconds(lambda sim=sim, count=count: sim.run(count * 0.05))
                ours = n * trials * count / took / 1e6
                rows[f"{kind}, {n} units, {trials} trials: 1e6 unit-steps/s"] = ours
                rows[f"{kind}, {n} units, {trials} trials / plain loop"] = ours / rate
            if n <= 1000:
                statistics = (Windows(10.0), Moments(1.0))
                sim = Simulation(w, noise=1.0, trials=64, step=0.05)
                count = 400
                took = seconds(lambda sim=sim, count=count, s=statistics: sim.run(count * 0.05, *s))
                rows[f"{kind}, {n} units, 64 trials with covariances: 1e6 unit-steps/s"] = n * 64 * count / took / 1e6
    sim = Simulation(dense(200), noise=1.0, trials=32, step=0.05, seed=1).run(20)
    rows["error of the variance at step 0.05, stated"] = step_error(sim, 20, 0.05, trials=32).variance
    rows["step for a tolerance of 1%"] = choose_step(sim, 0.01, 20, trials=32).step
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/dynamics.json", help="where the numbers go")
    main(parser.parse_args().json)
