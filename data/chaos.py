"""Simulated chaotic networks against mean-field theory: data/chaos.json. About four minutes on one thread.

    python data/chaos.py
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats
from storing import rounded, write

import rmtlib as rmt
from rmtlib.dynamics.activations import Activation
from rmtlib.dynamics.lyapunov import lyapunov_exponents, lyapunov_sample
from rmtlib.dynamics.meanfield import PopulationAutocovariance
from rmtlib.dynamics.simulate import Moments, Simulation

TWO = rmt.Discrete([0.3, 3.0], [0.5, 0.5])
POSITIVE = Activation("1 + tanh(x)", lambda x: 1 + np.tanh(x), lambda x: 1 - np.tanh(x) ** 2)
DRIVE = {"E": 12.0, "I": 8.0}


def dense(g, tau=1.0):
    return rmt.Ensemble(rmt.Population("all", tau=tau), rmt.Synapses.dense(std=g))


def sparse(g, tau=1.0, degree=10):
    return rmt.oriented_sparse(degree, stats.norm(0, g / degree**0.5), tau=tau)


def excitation_and_inhibition():
    """Dale's law, every fifth possible synapse present, weights uniform between 0 and twice their mean."""
    populations = [rmt.Population("E", 0.8, sign=1), rmt.Population("I", 0.2, sign=-1)]
    weights = {("E", "E"): 0.12, ("E", "I"): -0.7, ("I", "E"): 0.15, ("I", "I"): -0.5}
    return rmt.Ensemble(
        populations, {k: rmt.Synapses(weight=stats.uniform(min(2 * w, 0), abs(2 * w)), probability=0.2) for k, w in weights.items()}
    )


def exponent(ens, n, networks, seed, duration=100, step=0.1, **options):
    found = lyapunov_sample(ens, n, networks, seed, duration=duration, settle=40, step=step, progress=False, **options)
    return {
        "n": n, "networks": networks, "seed": seed, "duration": duration, "step": step, "exponents": found.exponents[:, 0].tolist(),
        "within": found.within[:, 0].tolist(), "drift": found.drift[:, 0].tolist(),
    }  # fmt: skip


def onset(ens, n, seed, duration=120):
    net = ens.sample(n, seed)
    sim = Simulation(net, start=1.0, step=0.1 if np.ptp(net.tau) == 0 else 0.06, seed=[seed, 1]).run(60)
    moments = Moments(1.0, covariance=False)
    sim.run(duration, moments)
    return float(np.mean(moments.x + moments.mean**2))


def populations(ens, n, seed, lags=40, every=0.3, duration=100):
    net = ens.sample(n, seed)
    drive = np.array([DRIVE[name] for name in net.labels])
    sim = Simulation(net, POSITIVE, drive=drive, start=1.0, step=0.1, seed=[seed, 1]).run(40)
    found = PopulationAutocovariance(net.labels, lags, every)
    sim.run(duration, found)
    return {"n": n, "seed": seed, "mean": found.mean.tolist(), "delta": found.delta.tolist(), "time": found.time.tolist()}


def population_exponent(ens, n, seed):
    net = ens.sample(n, seed)
    drive = np.array([DRIVE[name] for name in net.labels])
    found = lyapunov_exponents(net, POSITIVE, duration=60, settle=40, step=0.1, drive=drive, seed=[seed, 2], progress=False)
    return {"n": n, "seed": seed, "exponent": float(found.exponents[0]), "within": float(found.error[0]), "drift": float(found.drift[0])}


def main():
    rows = {}
    keep = rows.__setitem__
    ens = excitation_and_inhibition()
    keep("populations", [populations(ens, n, seed) for n, many in ((1000, 6), (2000, 6)) for seed in range(many)])
    keep("population exponents", [population_exponent(ens, 2000, seed) for seed in range(4)])
    sizes = ((200, 6), (400, 4), (800, 3))
    keep("noise", [{"g": g, "noise": noise} | exponent(dense(g), 400, 6, 100, noise=noise)
                   for noise in (0.5, 1.0) for g in (1.0, 1.4, 1.7, 2.0, 2.4, 3.0)])  # fmt: skip
    keep("onset", [
        {"family": name, "g": g, "n": n, "variance": [onset(f(g), n, seed) for seed in range(networks)]}
        for name, f, n, networks in (
            ("dense, equal", dense, 800, 3), ("sparse, equal", sparse, 3200, 6),
            ("dense, two", lambda g: dense(g, TWO), 800, 3), ("sparse, two", lambda g: sparse(g, TWO), 3200, 6))
        for g in (0.8, 0.95, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0, 2.3)
    ])  # fmt: skip
    keep("degree", [{"degree": c, "g": g, "n": 3200, "variance": [onset(sparse(g, degree=c), 3200, 50 + seed) for seed in range(8)]}
                    for c in (10, 20, 40, 80) for g in (1.5, 2.0)])  # fmt: skip
    keep("quiet", [{"g": g} | exponent(dense(g), n, m, 200) for g in (1.5, 2.0, 3.0) for n, m in sizes])
    keep("timescales", [{"g": g} | exponent(dense(g, TWO), n, m, 300, step=0.2) for g in (2.5, 4.0) for n, m in sizes])
    write(Path(__file__).with_suffix(".json"), json.dumps(rounded(rows)).replace("}, {", "},\n{") + "\n")


if __name__ == "__main__":
    main()
