"""The cavity equations of one network: time and memory from 10^3 to 10^6 units, and against dense diagonalisation.

    python -m benchmarks.cavity [--json FILE]

Mean degree 8, Gaussian weights, timescales between 0.5 and 2. One point inside the bulk and one at 0.95 of the way
from its centre to the edge. Times are CPU seconds on one thread; every size runs in a process of its own, whose peak
memory includes the network. The floor is what a sweep must at least cost on this machine: the bytes that it reads and
writes once (80 a synapse) at the speed of a copy, and one gather a synapse from an array in random order.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

import rmtlib as rmt
from benchmarks.record import best, record
from rmtlib.theory import cavity

SIZES = (1_000, 10_000, 100_000, 1_000_000)
PLACES = {"bulk": 0.5, "0.95 of the edge": 0.95}
BYTES = 2 * (8 + 4 + 8 + 8) + 2 * (8 + 4)  # b^2, index, old and new message, twice; message and index of two sums


def ensemble():
    return rmt.oriented_sparse(8.0, stats.norm(0, 8**-0.5), tau=stats.beta(2, 2, loc=0.5, scale=1.5))


def point(share, centre=-0.9):
    curve = rmt.spectral_edge(ensemble())[0]
    return centre + share * (curve[len(curve) // 8] - centre)


def floor(graph):
    """Seconds of one sweep if memory were all: copies at the measured bandwidth, gathers at the measured rate."""
    source, field = graph.source, np.random.default_rng(0).random(graph.n)
    a, b = np.ones(len(source)), np.ones(len(source))
    copy = best(lambda: np.copyto(b, a), 5) / (16 * len(source))
    return BYTES * len(source) * copy + best(lambda: field.take(source, out=b), 5)


def one_size(n):
    """Both points of one network, alone in its process."""
    net = ensemble().sample(n, seed=0)
    rows = {"synapses": net.synapse_count}
    graph = cavity._Graph(net, split=True)
    rows["floor: seconds a sweep"] = floor(graph)
    rows["graph: seconds"] = best(lambda: cavity._Graph(net, split=True), 1)
    del graph
    for name, share in PLACES.items():
        z = np.array([point(share)])
        start, wall = time.process_time(), time.perf_counter()
        got = cavity.solve(net, z, "resolvent")
        rows[f"{name}: seconds"] = time.process_time() - start
        rows[f"{name}: seconds by the clock"] = time.perf_counter() - wall
        rows[f"{name}: sweeps after the onset"] = float(got.iterations[0])
        rows[f"{name}: stated error"] = float(got.error[0])
        rows[f"{name}: status"] = float(got.status[0])
    unit = 1 if sys.platform == "darwin" else 1024
    rows["peak memory, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    print(json.dumps(rows))


def sweep_time(n):
    """CPU seconds of one sweep with its share of the mixing, from runs of two lengths."""
    net, z = ensemble().sample(n, seed=0), np.array([point(0.5)])
    long, short = (
        best(lambda s=s: cavity.solve(net, z, "resolvent", tol=1e-15, sweeps=s), 2 if n < 1_000_000 else 1)
        for s in (24, 12)
    )
    return (long - short) / 12


def scaling(rows):
    for n in SIZES:
        out = subprocess.run(
            [sys.executable, "-m", "benchmarks.cavity", "--size", str(n)], check=True, capture_output=True
        )
        for name, value in json.loads(out.stdout).items():
            rows[f"{n} units, {name}"] = value
        rows[f"{n} units, sweep with mixing: seconds"] = each = sweep_time(n)
        rows[f"{n} units, sweep with mixing: nanoseconds a synapse"] = 1e9 * each / rows[f"{n} units, synapses"]
        rows[f"{n} units, sweep with mixing: time / floor"] = each / rows[f"{n} units, floor: seconds a sweep"]


def accuracy(rows, n=1000):
    """Against exact linear algebra on the same network, at eta = 0.1."""
    net, z = ensemble().sample(n, seed=0), np.array([point(s) for s in PLACES.values()])
    away = np.abs(cavity.solve(net, z, "resolvent", 0.1).value - rmt.resolvent(net, z, method="exact", eta=0.1).value)
    rows[f"{n} units, eta = 0.1: largest difference to the exact resolvent"] = float(away.max())


def diagonalisation(rows, n=4000, points=32):
    """Shares of eigenvalues in discs: contour integrals of g at eta = 0 against numpy.linalg.eigvals."""
    net = ensemble().sample(n, seed=0)
    dense = net.dense_jacobian()
    start = time.process_time()
    values = np.linalg.eigvals(dense)
    took = time.process_time() - start
    circle = np.exp(2j * np.pi * (np.arange(points) + 0.5) / points)
    discs = [(-0.9, 0.3), (-0.9 + 0.4j, 0.25), (-1.3, 0.35)]
    z = np.concatenate([c + r * circle for c, r in discs])
    start = time.process_time()
    g = cavity.solve(net, z, "resolvent", tol=1e-6).value.reshape(len(discs), -1)
    ours = time.process_time() - start
    shares = [float(np.mean(r * circle * part).real) for (_, r), part in zip(discs, g, strict=True)]
    counted = [float(np.mean(np.abs(values - c) < r)) for c, r in discs]
    rows[f"{n} units, numpy.linalg.eigvals: seconds"] = took
    rows[f"{n} units, cavity at {len(z)} points: seconds"] = ours
    rows[f"{n} units, cavity at one point: seconds"] = one = best(lambda: cavity.solve(net, z[:1], "resolvent"), 3)
    rows[f"{n} units: eigvals / cavity at one point"] = took / one
    rows[f"{n} units, shares of three discs: largest difference"] = float(np.max(np.abs(np.subtract(shares, counted))))


def main(target="benchmarks/cavity.json"):
    rows = {}
    scaling(rows)  # first: a child's peak memory counts that of its parent when it was started
    accuracy(rows)
    diagonalisation(rows)
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/cavity.json", help="where the numbers go")
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one_size(arguments.size) if arguments.size else main(arguments.json)
