"""Eigenvalues of pruned networks against numpy.linalg.eigvals, and sampling a million units.

    python -m benchmarks.networks [--json FILE]

Times are CPU seconds on one thread. Peak memory is that of a process that does nothing but import rmtlib and sample.
"""

from __future__ import annotations

import argparse
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


def eigenvalue_benchmark(rows, sizes=(1000, 4000)):
    for n in sizes:
        net = rmt.core_periphery().sample(n, seed=0)
        dense = net.jacobian().toarray()
        ours = best(lambda net=net: rmt.spectrum.eigenvalues(net), 3)
        plain = best(lambda dense=dense: np.linalg.eigvals(dense), 2 if n < 2000 else 1)
        rows[f"eigenvalues, core-periphery n = {n}, rmtlib: seconds"] = ours
        rows[f"eigenvalues, core-periphery n = {n}, numpy.linalg.eigvals: seconds"] = plain
        rows[f"eigenvalues, core-periphery n = {n}: numpy / rmtlib"] = plain / ours


def sample():
    """One million units of mean degree 10, alone in its process."""
    ens = rmt.oriented_sparse(10.0, stats.norm(0, 0.3), tau=stats.beta(2, 2, loc=0.5, scale=1.5))
    start = time.process_time()
    net = ens.sample(1_000_000, seed=0)
    seconds = time.process_time() - start
    unit = 1 if sys.platform == "darwin" else 1024
    print(seconds, net.weights.nnz, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9)


def sampling_benchmark(rows):
    out = subprocess.run([sys.executable, "-m", "benchmarks.networks", "--sample"], check=True, capture_output=True)
    seconds, synapses, memory = (float(x) for x in out.stdout.split())
    rows["sampling 1000000 units of mean degree 10: seconds"] = seconds
    rows["sampling 1000000 units of mean degree 10: synapses"] = synapses
    rows["sampling 1000000 units of mean degree 10: peak memory of the process, GB"] = memory


def main(target="benchmarks/networks.json"):
    rows = {}
    sampling_benchmark(rows)
    eigenvalue_benchmark(rows)
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/networks.json", help="where the numbers go")
    parser.add_argument("--sample", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    sample() if arguments.sample else main(arguments.json)
