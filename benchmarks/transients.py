"""Mean squared response of a sparse core with periphery: theory beside sampling and matrix exponentials, at equal error.

    python -m benchmarks.transients [--json FILE]

The ensemble is that of the chapter on transients (means -1.5, spreads 2.4, Beta timescales); the quantity S(t) of the core after a random
kick at t = 50, 150 and 300 ms. Times are CPU seconds on one thread. Sampling means networks of 1000 units, drawn, with 16 random probes by
scipy.sparse.linalg.expm_multiply; its relative error falls as the root of the number of networks, and the cost of reaching 1% and 0.1% is
extrapolated from the scatter of 20 networks (it leaves out what finite n adds). The theory's error is the one that it states, and its distance
to the march in time.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

import rmtlib as rmt
from benchmarks.record import best, record
from rmtlib.theory.linear_memory import laguerre_modes, memory_curve
from rmtlib.theory.transients import mean_squared_response

TIMES = np.array([50.0, 150.0, 300.0])


def seconds(func):
    start = time.process_time()
    got = func()
    return time.process_time() - start, got


def main(target="benchmarks/transients.json"):
    ens = rmt.core_periphery(weight=stats.norm(-1.5, 2.4))
    rows = {}

    def theory(**options):
        return mean_squared_response(ens, TIMES, kick="I", readout="I", **options)

    for name, options in (("contour", {}), ("march", {"method": "volterra"})):
        rows[f"{name}: seconds"] = best(lambda options=options: theory(**options), 3)
        got = theory(**options)
        rows[f"{name}: stated relative error"] = float(np.max(got.error / got.value))
    reference = theory(tol=1e-12).value
    rows["contour: relative distance to a tighter contour"] = float(np.max(np.abs(theory().value / reference - 1)))
    rows["march: relative distance to the contour"] = float(np.max(np.abs(theory(method="volterra").value / reference - 1)))

    def one(seed):
        net = ens.sample(1000, seed=seed)
        return mean_squared_response(net, TIMES, kick="I", readout="I", method="probes", probes=16, seed=seed).value

    took, values = seconds(lambda: np.array([one(seed) for seed in range(20)]))
    scatter = values.std(axis=0, ddof=1) / values.mean(axis=0)
    for t, s, v, r in zip(TIMES, scatter, values.mean(axis=0), reference, strict=True):
        rows[f"samples at {t:g} ms: scatter of one network, relative"] = float(s)
        rows[f"samples at {t:g} ms: mean of 20 over theory"] = float(v / r)
        for level in (1e-2, 1e-3):
            rows[f"samples at {t:g} ms: seconds to reach {level:g}"] = float(took / 20 * (s / level) ** 2)
    rows["one network of 1000 units, 16 probes: seconds"] = took / 20
    net = ens.sample(500, seed=0)
    rows["one network of 500 units, dense exponentials: seconds"], _ = seconds(
        lambda: mean_squared_response(net, TIMES, kick="I", readout="I", method="exact")
    )
    g = rmt.ginibre(0.9, leak=1.0)
    rows["memory capacity at g = 0.9, noise 0.01: closed form: seconds"] = best(lambda: laguerre_modes(1.0, 0.81).capacity(0.01))
    rows["the same: two-time response on a grid: seconds"], curve = seconds(lambda: memory_curve(g, [0.0], 0.01))
    rows["the same: relative distance to the closed form"] = abs(curve.capacity / laguerre_modes(1.0, 0.81).capacity(0.01) - 1)
    rows["the same: one network of 400 units: seconds"], _ = seconds(lambda: memory_curve(g.sample(400, seed=1), [0.0], 0.01))
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/transients.json", help="where the numbers go")
    main(parser.parse_args().json)
