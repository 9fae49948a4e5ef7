"""Speed and accuracy of the routes for sparse ensembles.

    python -m benchmarks.sparse [--json FILE]

Functional saddle point: 100 random points inside the support of one population with independent Beta timescales and
gains (Gaussian weights, mean degree 4) in one call, a 60 x 60 map of the planar density of two populations with a bar,
and a line of 200 points. Errors are verified against a solve with tolerance 1e-10 (1e-8 for the density) on grids twice as fine.
Population dynamics solves the same points to the error that it reaches in seconds; the saddle point is asked for
that error too. Times are CPU seconds on one thread.
"""

from __future__ import annotations

import argparse
import os
from functools import partial

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

import rmtlib as rmt
from benchmarks.record import best, record
from rmtlib.theory import saddle

LAWS = {"tau": stats.beta(2, 2, loc=0.5, scale=1.5), "gain": stats.beta(2, 3, loc=0.3, scale=0.7)}
FINER = ((512, 110.0), (1024, 200.0), (2048, 380.0), (4096, 700.0), (8192, 1300.0))


def one():
    return rmt.Ensemble(rmt.Population("a", **LAWS), rmt.Synapses(stats.norm(0, 0.9), degree=4))


def two():
    pops = [rmt.Population("E", 0.6, tau=stats.uniform(0.5, 1), gain=LAWS["gain"]), rmt.Population("I", 0.4, **LAWS)]
    weights = {"E": stats.norm(0.3, 0.3), "I": stats.norm(-0.6, 0.5)}
    degrees = {("E", "E"): 4, ("E", "I"): 6, ("I", "E"): 2, ("I", "I"): 4}
    return rmt.Ensemble(pops, {k: rmt.Synapses(weights[k[1]], degree=c) for k, c in degrees.items()})


def inside(ens, count, seed):
    rng = np.random.default_rng(seed)
    z = rng.uniform(-2, 0.2, 10 * count) + 1j * rng.uniform(0.02, 1.2, 10 * count)
    return z[rmt.edge_function(ens, z) > 1.05][:count]


def reference(question, ens, z, tol):
    """A solve on finer grids."""
    kept = saddle._GRIDS
    saddle._GRIDS = FINER
    try:
        return question(ens, z, tol=tol, throw=False)
    finally:
        saddle._GRIDS = kept


def points_benchmark(rows):
    ens = one()
    z = inside(ens, 100, 0)
    for question, tol in ((rmt.resolvent, 1e-8), (rmt.density, 1e-8), (rmt.density, 1e-6)):
        name = f"{question.__name__}, one population, tol {tol:g}, 100 points"
        got, truth = question(ens, z, tol=tol), reference(question, ens, z, 0.01 * tol)
        true = np.abs(got.value - truth.value)
        rows[f"{name}: ms a point"] = 10 * best(partial(question, ens, z, tol=tol), 3)
        rows[f"{name}: largest true error"] = float(np.max(true))
        rows[f"{name}: largest stated error"] = float(np.max(got.error))
        kept = np.mean(true <= got.error + truth.error)
        rows[f"{name}: share of points with true error below the stated"] = float(kept)
    line = -0.8 + 0.02j + np.linspace(-0.6, 0.6, 200)
    for tol in (1e-3, 1e-6):
        name = f"density on a line of 200 points, tol {tol:g}: ms"
        rows[name] = 1e3 * best(partial(rmt.density, ens, line, tol=tol), 3)


def map_benchmark(rows):
    ens = two()
    curve = rmt.spectral_edge(ens)[0]
    x, y = (np.linspace(part.min(), part.max(), 60) for part in (curve.real, curve.imag))
    z = x + 1j * y[:, None]
    answers = []
    seconds = best(lambda: answers.append(rmt.density(ens, z, throw=False)), 1)
    got = answers[0]
    rows["density map 60 x 60, two populations with bar, tol 1e-06: seconds"] = seconds
    rows["density map 60 x 60, two populations with bar: points inside"] = float(np.sum(rmt.edge_function(ens, z) > 1))
    rows["density map 60 x 60, two populations with bar: points not converged"] = float(np.sum(got.status != 0))
    rows["density map 60 x 60, two populations with bar: weight of the bar"] = rmt.bar(ens).weight
    some = np.random.default_rng(0).choice(np.flatnonzero((got.value.ravel() > 0) & (got.status.ravel() == 0)), 60)
    truth = reference(rmt.density, ens, z.ravel()[some], 1e-8)
    rows["density map 60 x 60, two populations with bar: largest true error of 60 / density"] = float(
        np.max(np.abs(truth.value / got.value.ravel()[some] - 1))
    )


def population_benchmark(rows):
    ens = one()
    z = inside(ens, 16, 1)  # one batch that shares its draws
    truth = reference(rmt.resolvent, ens, z, 1e-10).value
    tol = 1e-2
    sampled = []
    seconds = best(lambda: sampled.append(rmt.resolvent(ens, z, method="population-dynamics", tol=tol)), 1) / len(z)
    wrong = np.abs(sampled[0].value - truth)
    rows["population dynamics, 16 points, tol 0.01: ms a point"] = 1e3 * seconds
    rows["population dynamics, 16 points, tol 0.01: root mean square error"] = float(np.sqrt(np.mean(wrong**2)))
    ours = best(lambda: rmt.resolvent(ens, z, tol=tol), 3) / len(z)
    rows["saddle point, the same points, tol 0.01: ms a point"] = 1e3 * ours
    error = np.abs(rmt.resolvent(ens, z, tol=tol).value - truth)
    rows["saddle point, the same points, tol 0.01: root mean square error"] = float(np.sqrt(np.mean(error**2)))
    rows["population dynamics / saddle point, time at tol 0.01"] = seconds / ours


def main(target="benchmarks/sparse.json"):
    rows = {}
    for part in (points_benchmark, population_benchmark, map_benchmark):
        part(rows)
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/sparse.json", help="where the numbers go")
    main(parser.parse_args().json)
