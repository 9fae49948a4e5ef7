"""Speed and accuracy of the dense route and the edge, in one run.

    python -m benchmarks.dense [--json FILE]

Density: a 100 x 100 grid over the support of an ensemble with independent Beta timescales and gains, with 100
points at 0.999 of the edge, against three loops, each timed on a random stratified part of the points and scaled:

* as in the literature: for each z a damped fixed-point iteration of (X, Y) at small eta with vectorised averages,
  stopped on its step, and the density by central differences. At two settings, neither of which reaches an error
  of 1e-6, so that these ratios are lower bounds;
* at equal error, point by point: eta = 0, the scalar u <- (u + u V <h^2/D>)/2 for each z, density by the analytic
  derivative, which is a stronger opponent than the loop of the literature;
* at equal error, all z at once in numpy, undamped, converged points dropped.

Equal error: the verified error is below 1e-6 of the largest density at every point that is timed. "One setting"
has the same quadrature and step tolerance everywhere, the least that suffice. "Oracle" has, at every point, the
cheapest setting that a comparison with the reference finds: nobody can run it, it bounds what adapting to each
point could gain. Neither estimates its error; rmtlib does. Times are CPU seconds on one thread.
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
            start = time.process_time()
            got = [loop_density(z, nodes, ens.input_variance()[0, 0], eta, step_tol, delta) for z in points[part]]
            took.append((time.process_time() - start) / len(part))
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


STRATA = ((0, 10_000, 300), (10_000, 100, 20))  # first point, points, points that are timed
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


def loop_time(z, rule, variance, step, damping):
    """CPU seconds a point of the loop: point by point if damped, otherwise in blocks that fit the cache of a user."""
    blocks = len(z) if damping else max(1, len(z) * len(rule[0]) // 500_000)
    begin = time.process_time()
    got = np.concatenate([fixed_point(part, rule, variance, step, damping)[0] for part in np.array_split(z, blocks)])
    return (time.process_time() - begin) / len(z), got


def equal_error_benchmark(rows, ens, points, truth, seconds, rng):
    """The loop at an error below AIM everywhere: with one setting for all points, and as cheap as an oracle can."""
    scale, variance = truth.max(), ens.input_variance()[0, 0]
    rules = {n: ens.nodes("a", n) for n in (12, 24, 48, 96)}
    ways = {"point by point, damped": 0.5, "numpy, all points at once": 0.0}
    # strata: the grid, and 0.999 of the edge, where the rate of convergence goes to 1
    strata = [(size, start + rng.choice(size, count, replace=False)) for start, size, count in STRATA]
    chosen = [cheapest(points[at], truth[at], scale, rules, variance) for _, at in strata]
    used = [SETTINGS[i] for i in np.unique(np.concatenate(chosen))]
    one = max(n for n, _ in used), min(step for _, step in used)
    rows["density at equal error: nodes of tau and of gain that suffice at every point"] = one[0]
    rows["density at equal error: step tolerance that suffices at every point"] = one[1]
    rows["density at equal error: points not resolved by any setting (of 10100)"] = float(
        sum(np.sum(c < 0) * size / len(at) for (size, at), c in zip(strata, chosen, strict=True))
    )
    for name, damping in ways.items():
        oracle, plain, worst = 0.0, 0.0, 0.0
        for (size, at), pick in zip(strata, chosen, strict=True):
            for i in np.unique(pick):
                n, step = SETTINGS[i]
                group = at[pick == i]
                some = group[: max(1, len(group) // 10)] if damping else group
                took, _ = loop_time(points[some], rules[n], variance, step, damping)
                oracle += took * len(group) / len(at) * size
            some = at[: 4 if damping else 40]
            took, got = loop_time(points[some], rules[one[0]], variance, one[1], damping)
            plain += took * size
            worst = max(worst, np.max(np.abs(got - truth[some])) / scale)
        for kind, took in (("one setting", plain), ("oracle", oracle)):
            rows[f"density at equal error, {name}, {kind}: seconds, extrapolated"] = took
            rows[f"density at equal error, {name}, {kind}: time / rmtlib"] = took / seconds
        rows[f"density at equal error, {name}, one setting: largest verified error / largest density"] = float(worst)


def main(target="benchmarks/dense.json"):
    rows = {}
    for part in (edge_benchmark, density_benchmark):
        part(rows)
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/dense.json", help="where the numbers go")
    main(parser.parse_args().json)
