"""Covariances of simulated nonlinear networks against the linear form: data/nonlinear.json. Half an hour on one thread.

    python data/nonlinear.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from storing import rounded, write
from tqdm import tqdm

from rmtlib.dynamics.activations import activation, shifted
from rmtlib.dynamics.covariance import (
    decompose,
    dimension,
    effective_coupling,
    mean_slope,
    potentials,
    rates,
    state_variance,
    whiten,
)
from rmtlib.dynamics.simulate import Moments, Simulation, Windows

STEP = 0.05
NETWORKS = (100, 12), (200, 8), (400, 5)  # size, how many


def couplings(n, seed):
    return np.random.default_rng(seed).standard_normal((n, n)) / np.sqrt(n)


def case(sigma, g, noise, n, seed, windows, length, trials, equal_time=False):
    W = g * couplings(n, seed)
    sim = Simulation(W, sigma, noise=noise, trials=trials, start=1.0, step=STEP, seed=seed)
    sim.run(100)
    gathered = Windows(length)
    moments = Moments(2.0 if equal_time else 1.0, covariance=equal_time)
    sim.run(np.ceil(windows / trials) * length, gathered, moments)
    parts = decompose(gathered, moments.slope, noise)
    row = {"activation": activation(sigma).name, "g": g, "noise": noise, "n": n, "seed": seed}
    row |= {"windows": gathered.count, "length": length, "trials": trials, "step": STEP}
    coupling = effective_coupling(g, moments.slope, moments.slope_square)
    row |= {"g_eff": coupling["covariance"], "g_frozen": coupling["frozen"]}
    row["slopes: spread over units"] = float(moments.slope.std() / moments.slope.mean())
    if activation(sigma).name == "tanh":
        d = state_variance(g, noise)
        row |= {"g_eff, mean field": g * mean_slope(d), "variance": float(np.mean(moments.x if not equal_time else np.diag(moments.x)))}
        row["variance, mean field"] = d
    for name, p in (("per unit", parts), ("one number", parts.scalar())):
        white = whiten(gathered.rates, W, p, gathered.count)
        row[name] = {"off-diagonal": white.off_diagonal, "floor": white.floor, "misfit": white.misfit, "spread": white.spread}
        row[name]["dimension"] = dimension(rates(W, p))
        row[name]["largest"] = float(np.linalg.eigvalsh(rates(W, p))[-1])
        row[name]["dimension of potentials"] = dimension(potentials(W, p))
    row["dimension"] = dimension(gathered.rates, gathered.count)
    row["dimension of potentials"] = dimension(gathered.x, gathered.count)
    row["largest"] = float(np.linalg.eigvalsh(gathered.rates)[-1])
    if equal_time:
        row["dimension, equal time"] = dimension(moments.rates)
    return row


def main():
    rows = {"long": [case("tanh", 1.2, 1.0, 200, 1, 50_000, 30.0, 250)]}
    rows["activations"] = [
        case(sigma, g, 1.0, 100, 2, 20_000, 30.0, 200)
        for sigma, g in (("tanh", 1.2), (shifted("tanh", 0.7), 1.2), ("relu", 0.9))
    ]
    cases = [
        ("tanh", g, noise, n, 10 + seed, 1600, length, 50)
        for noise, strengths, length in ((1.0, (0.6, 1.2, 1.8, 2.5), 30.0), (0.0, (1.5, 2.0, 3.0), 60.0))
        for g in strengths
        for n, networks in NETWORKS
        for seed in range(networks)
    ]
    rows["sizes"] = [case(*c, equal_time=True) for c in tqdm(cases, desc="networks")]
    path = Path(__file__).with_suffix(".json")
    write(path, json.dumps(rounded(rows)).replace("}, {", "},\n{") + "\n")


if __name__ == "__main__":
    main()
