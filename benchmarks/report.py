"""Reading a list of a million synapses, and reports on networks of 1000 and of 100 000 units.

    python -m benchmarks.report [--json FILE]

CPU seconds on one thread, each in a process of its own, with its peak memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy import stats

import rmtlib as rmt
from benchmarks.record import record

TAU = stats.beta(2, 2, loc=0.5, scale=1.5)


def networks():
    gamma = rmt.as_law(stats.gamma(2, scale=0.1))
    return {
        "core-periphery, n = 1000": lambda: rmt.core_periphery().sample(1000, seed=0),
        "oriented sparse, mean degree 10, n = 1000": lambda: rmt.oriented_sparse(10, stats.norm(0, 0.3), tau=TAU).sample(1000, seed=0),
        "Dale, n = 1000": lambda: rmt.dale(8, 2, gamma, gamma.scaled(-4)).sample(1000, seed=0),
        "oriented sparse, mean degree 10, n = 100000": lambda: rmt.oriented_sparse(10, stats.norm(0, 0.3), tau=TAU).sample(100_000, seed=0),
    }


def one(name):
    """One task, alone in its process: CPU seconds, wall seconds, peak memory in GB, and which parts failed."""
    failed = []
    if name == "load":
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "edges.csv")
            rng = np.random.default_rng(0)
            key = np.unique(rng.integers(0, 10**10, 1_000_500))
            key = rng.permutation(key)[:1_000_000]
            rows = zip((key // 100_000).tolist(), (key % 100_000).tolist(), rng.normal(size=key.size).tolist(), strict=True)
            path.write_text("source,target,weight\n" + "".join(f"{a},{b},{w:.6g}\n" for a, b, w in rows))
            cpu, wall = time.process_time(), time.perf_counter()
            net = rmt.load(path)
            cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
            assert net.synapse_count == 1_000_000
    else:
        net = networks()[name]()
        cpu, wall = time.process_time(), time.perf_counter()
        made = rmt.report(net, progress=False)
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        failed = [key for key, part in made.data.items() if isinstance(part, dict) and part["status"] != "ok"]
    unit = 1 if sys.platform == "darwin" else 1024
    print(json.dumps([cpu, wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e9, len(failed)]))


def main(target="benchmarks/report.json"):
    rows = {}
    for name, title in (("load", "loading a list of 1000000 synapses"), *((key, f"report, {key}") for key in networks())):
        out = subprocess.run([sys.executable, "-m", "benchmarks.report", "--one", name], check=True, capture_output=True)
        cpu, wall, memory, failed = json.loads(out.stdout)
        rows[f"{title}: CPU seconds"] = cpu
        rows[f"{title}: seconds"] = wall
        rows[f"{title}: peak memory of the process, GB"] = memory
        if name != "load":
            rows[f"{title}: parts that failed or were skipped"] = failed
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/report.json", help="where the numbers go")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one(arguments.one) if arguments.one else main(arguments.json)
