"""Speed and accuracy of the dense route and the edge, in one run.

    python -m benchmarks.dense [--json FILE]

Density: a 100 x 100 grid over the support of an ensemble with independent Beta timescales and gains, with 100
points at 0.999 of the edge, against three loops, each timed on a random stratified part of the points and scaled:

* as in the literature: for each z a damped fixed-point iteration of (X, Y) at small eta with vectorised averages,
  stopped on its step, and the density by central differences. At two settings, neither of which reaches an error
  of 1e-6, so that these ratios are lower bounds;
* at equal error, point by point: eta = 0, the scalar u <- (u + u V <h^2/D>)/2 for each z, density by the analytic
  derivative. Quadrature and step tolerance are, at every point, the cheapest of a list whose error against the
  reference is below 1e-6 of the largest density: an oracle that no user has, so these ratios are lower bounds too;
* at equal error, all z at once in numpy, undamped, converged points dropped, with the same oracle.

Times depend on the load of the machine, which is recorded; ratios much less.
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
    equal_error_benchmark(rows, ens, points, truth.value, seconds, rng)


def edge_benchmark(rows):
    for name, ens in (("one Beta population", ensemble()), ("core-periphery", rmt.core_periphery())):
        rmt.spectral_edge(ens)
        rows[f"edge curve, {name}: seconds"] = best(lambda ens=ens: rmt.spectral_edge(ens), 10)
        error = max(np.max(np.abs(rmt.edge_function(ens, c) - 1)) for c in rmt.spectral_edge(ens))
        rows[f"edge curve, {name}: largest |edge function - 1|"] = float(error)


def fixed_point(z, nodes, variance, step_tol, damping, limit=200_000):
    """Density at all z at once by u <- damping u + (1 - damping) u V <h^2/D>: (values, converged)."""
    tau, h, w = nodes
    h2 = h**2
    a = 1 + np.multiply.outer(z, tau)
    a2 = a.real**2 + a.imag**2
    inside = variance * ((1 / a2) @ (h2 * w)) > 1
    u = np.where(inside, 1.0, 0.0)
    todo = np.flatnonzero(inside)
    part = a2[todo]
    for _ in range(limit):
        if not todo.size:
            break
        new = u[todo] * (damping + (1 - damping) * variance * ((1 / (part + u[todo, None] * h2)) @ (h2 * w)))
        going = np.abs(new - u[todo]) > step_tol * new
        u[todo] = new
        if not np.all(going):
            todo, part = todo[going], part[going]
    inv = 1 / (a2 + u[:, None] * h2) ** 2
    cross = (inv * a) @ (h2 * tau * w)
    rho = u * (inv @ (tau**2 * h2 * w)) + np.abs(cross) ** 2 / (inv @ (h2**2 * w))
    return np.where(inside, rho / np.pi, 0.0), todo.size == 0


SETTINGS = [(n, step) for n in (12, 24, 48, 96) for step in (1e-5, 1e-7, 1e-9, 1e-11)]


def cheapest(z, truth, scale, rules, variance):
    """Index of the first of SETTINGS that meets AIM at each point, or -1."""
    chosen = np.full(len(z), -1)
    for i, (n, step) in enumerate(SETTINGS):
        left = np.flatnonzero(chosen < 0)
        if left.size:
            value = fixed_point(z[left], rules[n], variance, step, 0.0)[0]
            chosen[left[np.abs(value - truth[left]) <= AIM * scale]] = i
    return chosen


def equal_error_benchmark(rows, ens, points, truth, seconds, rng):
    """The loop that gets everything right, made as cheap as an oracle can."""
    scale, variance = truth.max(), ens.input_variance()[0, 0]
    rules = {n: ens.nodes("a", n) for n in (12, 24, 48, 96)}
    total, missed, worst = {"point by point, damped": 0.0, "numpy, all points at once": 0.0}, 0, 0.0
    # strata: the grid, and 0.999 of the edge, where the rate of convergence goes to 1
    for start, stop, count in ((0, 10_000, 300), (10_000, 10_100, 20)):
        at = start + rng.choice(stop - start, count, replace=False)
        chosen = cheapest(points[at], truth[at], scale, rules, variance)
        missed += np.sum(chosen < 0) * (stop - start) / count
        for i in np.unique(chosen):
            n, step = SETTINGS[i]
            group = at[chosen == i]
            for name, damping in (("numpy, all points at once", 0.0), ("point by point, damped", 0.5)):
                some = group if damping == 0 else group[: max(1, len(group) // 10)]
                parts = np.array_split(some, len(some) if damping else max(1, len(some) * len(rules[n][0]) // 500_000))
                begin = time.perf_counter()
                got = [fixed_point(points[p], rules[n], variance, step, damping)[0] for p in parts]
                took = (time.perf_counter() - begin) / len(some)
                total[name] += took * len(group) / count * (stop - start)
                if i >= 0 and damping == 0:
                    worst = max(worst, np.max(np.abs(np.concatenate(got) - truth[some])) / scale)
    rows["density at equal error: largest verified error of the loop / largest density"] = float(worst)
    rows["density at equal error: points the loop does not resolve with 96 x 96 nodes (of 10100)"] = float(missed)
    for name, took in total.items():
        rows[f"density at equal error, {name}: seconds, extrapolated"] = took
        rows[f"density at equal error, {name}: time / rmtlib"] = took / seconds


def main(target="benchmarks/dense.json"):
    rows = {}
    for part in (edge_benchmark, density_benchmark):
        part(rows)
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/dense.json", help="where the numbers go")
    main(parser.parse_args().json)
