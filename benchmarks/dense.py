"""Speed and accuracy of the dense route, the edge and the eigenvalues of pruned networks, in one run.

    python benchmarks/dense.py [--json FILE]

Density: a 100 x 100 grid over the support of an ensemble with independent Beta timescales and gains, with 100
points at 0.999 of the edge, against the plain loop: for each z a damped fixed-point iteration of (X, Y) at small
eta with vectorised averages over the same kind of quadrature nodes, stopped on its step, and the density by
central differences of the resolvent. That loop is timed
on a random part of the points and scaled up. It is run at two settings, neither of which reaches an error of
1e-6 (its error falls like eta in the bulk and slower at the edge), so the ratio of times is a lower bound of the
ratio at equal error. Times depend on the load of the machine, which is recorded; ratios much less.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import scipy
from scipy import stats

import rmtlib as rmt

AIM = 1e-6


def ensemble():
    tau, gain = stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, loc=0.3, scale=0.7)
    return rmt.Ensemble(rmt.Population("a", tau=tau, gain=gain), rmt.Synapses.dense(1.4))


def loop_resolvent(z, nodes, variance, eta, step_tol, limit):
    """One point: damped iteration of X and Y, then g."""
    tau, h, w = nodes
    h2w, a2 = h**2 * w, np.abs(1 + z * tau) ** 2
    x = y = 1.0
    for _ in range(limit):
        d = a2 + x * (eta + h**2 * y)
        new_x = 0.5 * (x + eta + variance * x * np.sum(h2w / d))
        new_y = 0.5 * (y + variance * np.sum((eta + h**2 * y) * w / d))
        if abs(new_x - x) + abs(new_y - y) < step_tol * (x + y):
            break
        x, y = new_x, new_y
    return np.sum(w * tau * np.conj(1 + z * tau) / (a2 + x * (eta + h**2 * y)))


def loop_density(z, nodes, variance, eta, step_tol, delta, limit=20_000):
    g = lambda point: loop_resolvent(point, nodes, variance, eta, step_tol, limit)
    dx, dy = g(z + delta) - g(z - delta), g(z + 1j * delta) - g(z - 1j * delta)
    return (dx + 1j * dy).real / (4 * delta * np.pi)


def best(func, repeat=5):
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        func()
        times.append(time.perf_counter() - start)
    return min(times)


def density_benchmark(rows):
    ens = ensemble()
    curve = rmt.spectral_edge(ens)[0]
    x = np.linspace(curve.real.min(), curve.real.max(), 100)
    y = np.linspace(curve.imag.min(), curve.imag.max(), 100)
    near = -0.9 + 0.999 * (curve[np.linspace(0, len(curve) - 2, 100).astype(int)] + 0.9)
    points = np.concatenate([(x[:, None] + 1j * y).ravel(), near])
    truth = rmt.density(ens, points, tol=1e-12, throw=False)
    ours = rmt.density(ens, points, tol=AIM)
    scale = truth.value.max()
    error = np.max(np.abs(ours.value - truth.value)) / scale
    seconds = best(lambda: rmt.density(ens, points, tol=AIM), 3)
    rows["density, rmtlib: seconds"] = seconds
    rows["density, rmtlib: largest error / largest density"] = error
    rows["density, rmtlib: largest stated error of the reference"] = float(np.max(truth.error) / scale)

    rng = np.random.default_rng(0)
    grid = rng.choice(10_000, 12, replace=False)
    edge = 10_000 + rng.choice(100, 3, replace=False)
    nodes = ens.nodes("a", 24)
    for eta, step_tol, delta in ((1e-3, 1e-6, 1e-3), (1e-5, 1e-9, 1e-4)):
        took, wrong = [], []
        for part in (grid, edge):
            start = time.perf_counter()
            got = [loop_density(z, nodes, ens.input_variance()[0, 0], eta, step_tol, delta) for z in points[part]]
            took.append((time.perf_counter() - start) / len(part))
            wrong.append(np.abs(np.array(got) - truth.value[part]) / scale)
        total = took[0] * 10_000 + took[1] * 100
        name = f"density, plain loop (eta {eta:g}, step {step_tol:g})"
        rows[f"{name}: seconds, extrapolated from {len(grid) + len(edge)} points"] = total
        rows[f"{name}: median error on the grid"] = float(np.median(wrong[0]))
        rows[f"{name}: largest error, 0.999 of the edge"] = float(np.max(wrong[1]))
        rows[f"{name}: time / rmtlib"] = total / seconds


def edge_benchmark(rows):
    for name, ens in (("one Beta population", ensemble()), ("core-periphery", rmt.core_periphery())):
        rmt.spectral_edge(ens)
        rows[f"edge curve, {name}: seconds"] = best(lambda ens=ens: rmt.spectral_edge(ens), 10)
        error = max(np.max(np.abs(rmt.edge_function(ens, c) - 1)) for c in rmt.spectral_edge(ens))
        rows[f"edge curve, {name}: largest |edge function - 1|"] = float(error)


def eigenvalue_benchmark(rows):
    net = rmt.core_periphery().sample(1000, seed=0)
    dense = net.jacobian().toarray()
    ours, plain = best(lambda: rmt.spectrum.eigenvalues(net), 3), best(lambda: np.linalg.eigvals(dense), 2)
    rows["eigenvalues, core-periphery n = 1000, rmtlib: seconds"] = ours
    rows["eigenvalues, core-periphery n = 1000, numpy.linalg.eigvals: seconds"] = plain
    rows["eigenvalues: numpy / rmtlib"] = plain / ours


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/dense.json", help="where the numbers go")
    target = parser.parse_args().json
    rows = {}
    for part in (edge_benchmark, eigenvalue_benchmark, density_benchmark):
        part(rows)
    machine = {
        "processor": platform.processor() or platform.machine(),
        "cpus": os.cpu_count(),
        "load_1min": os.getloadavg()[0],
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "threads": os.environ["OMP_NUM_THREADS"],
    }
    for name, value in rows.items():
        print(f"{name:88s} {value:10.3g}")
    print(machine)
    with open(target, "w") as file:
        json.dump({"machine": machine, "results": rows}, file, indent=1)


if __name__ == "__main__":
    main()
