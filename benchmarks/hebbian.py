"""Deep-Hebbian sequences: all edges by theory against one sampled spectrum, and the cost of a point of the density.

    python -m benchmarks.hebbian [--json FILE]

Load 0.3, c = 0.5, gamma = 1, depth 2. Times are CPU seconds on one thread.
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

from benchmarks.record import record
from rmtlib.theory import hebbian
from rmtlib.theory.hebbian import DeepHebbian


def seconds(func):
    start = time.process_time()
    got = func()
    return time.process_time() - start, got


def main(target="benchmarks/hebbian.json"):
    ens, rows = DeepHebbian(0.3, 0.5, 1.0, 2), {}
    rows["edges: seconds"], edges = seconds(lambda: hebbian.edges(ens))
    rows["edges found"] = len(edges)
    net = ens.sample(1000, 0)
    W = net.weights.toarray() if hasattr(net.weights, "toarray") else np.asarray(net.weights)
    rows["eigenvalues of 1000 units: seconds"], values = seconds(lambda: np.linalg.eigvals(W - np.eye(1000)))
    rows["abscissa, edge"], rows["abscissa, 1000 units, seed 0"] = float(max(z.real.max() for z in edges)), values.real.max()
    z = (np.linspace(-1.5, 1.9, 20)[None, :] + 1j * np.linspace(0.05, 1.9, 10)[:, None]).ravel()
    took, found = seconds(lambda: hebbian.density(ens, z, throw=False))
    rows["density, per point: seconds"] = took / z.size
    rows["density, largest stated error where converged"] = float(found.error[found.status == 0].max())
    rows["density, share of points converged"] = float(np.mean(found.status == 0))
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/hebbian.json", help="where the numbers go")
    main(parser.parse_args().json)
