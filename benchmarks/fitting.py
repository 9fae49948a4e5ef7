"""From a network to its ensemble: time and memory of `fit`, beside scipy.stats.fit block by block; and what it costs in accuracy.

    python -m benchmarks.fitting [--json FILE]

Excitatory and inhibitory units under Dale's law, mean degree 10, gamma and lognormal weights, Beta laws of timescale and gain. Times are
CPU seconds on one thread; every size runs in a process of its own, whose peak memory includes the network. What one would run
instead: for every block and every population the `fit` of the same families in scipy.stats, without errors or tests; 200
bootstrap replicates are that 200 times. Accuracy: the fitted ensemble's abscissa beside that of the ensemble drawn from.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
import warnings

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

import rmtlib as rmt
from benchmarks.record import record
from rmtlib.fitting import shuffle

SIZES = (1_000, 10_000, 100_000)


def ensemble():
    return rmt.dale(
        8,
        2,
        stats.gamma(2, scale=0.05),
        rmt.as_law(stats.lognorm(0.5, scale=0.35)).scaled(-1),
        tau=stats.beta(2, 2, loc=20, scale=30),
        gain=stats.beta(2, 3),
    )


def seconds(func):
    start = time.process_time()
    got = func()
    return time.process_time() - start, got


def with_scipy(net):
    """The same families by scipy.stats, one pass."""
    labels, out = net.labels, []
    for a in "EI":
        for b in "EI":
            w = np.abs(net.weights[labels == a][:, labels == b].data)
            out += [stats.gamma.fit(w, floc=0), stats.lognorm.fit(w, floc=0), stats.halfnorm.fit(w, floc=0)]
        for x in (net.tau[labels == a], net.gain[labels == a]):
            out += [stats.beta.fit(x), stats.gamma.fit(x, floc=0), stats.lognorm.fit(x, floc=0)]
    return out


def one_size(n):
    ens = ensemble()
    net = ens.sample(n, seed=0)
    rows = {"synapses": net.synapse_count}
    if n < SIZES[-1]:
        took, _ = seconds(lambda: rmt.fit(net, tests=False, progress=False))
        rows["fit, 200 replicates, no tests of structure: seconds"] = took
    rows["fit, 200 replicates, all tests: seconds"], found = seconds(lambda: rmt.fit(net, progress=False))
    rows["abscissa, fitted"], rows["abscissa, error"] = found.abscissa, found.abscissa_error
    rows["abscissa, of the ensemble drawn from"] = rmt.spectral_abscissa(ens, n=n)
    rows["tests that reject at 1%"] = sum(t.rejected for t in found.tests)
    rows["tests"] = len(found.tests)
    for what in ("weights", "synapses", "degrees"):
        rows[f"shuffle of {what}: seconds"], _ = seconds(lambda what=what: shuffle(net, what, 1))
    unit = 1 if sys.platform == "darwin" else 1024
    rows["peak memory, GB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9
    print(json.dumps(rows))


def main(target="benchmarks/fitting.json"):
    rows = {}
    for n in SIZES:
        command = [sys.executable, "-m", "benchmarks.fitting", "--size", str(n)]
        out = subprocess.run(command, check=True, capture_output=True)
        for name, value in json.loads(out.stdout).items():
            rows[f"{n} units, {name}"] = value
    for n in SIZES[:2]:
        net = ensemble().sample(n, seed=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scipy's Beta fit overflows on its way
            took, _ = seconds(lambda net=net: with_scipy(net))
        rows[f"{n} units, the same laws by scipy.stats, one pass: seconds"] = took
        ours = rows[f"{n} units, fit, 200 replicates, no tests of structure: seconds"]
        rows[f"{n} units, 200 passes of scipy.stats / fit"] = 200 * took / ours
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/fitting.json", help="where the numbers go")
    parser.add_argument("--size", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one_size(arguments.size) if arguments.size else main(arguments.json)
