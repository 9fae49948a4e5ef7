"""Trained networks against theory. Recipe of trained_comparison.json: `python data/trained_comparison.py [name ...]`, from the root.

    about ten seconds a network on one core; networks that the file holds already are kept unless named

For every stored network: the delay, its fixed and slow points; the Jacobian at the point of each remembered stimulus; what the
synapses, timescales and gains look like, beside the network before training; the spectrum against the ensemble fitted to it, for the whole
network and for the inhibitory core alone; shuffles; thresholds. Chapter "Trained networks against theory" reads this file.
"""

import json
import os
import pathlib
import sys

import numpy as np
from matplotlib.path import Path
from scipy import stats
from tqdm import tqdm

import rmtlib as rmt
from rmtlib.fitting import controls, shuffle, threshold_scan
from rmtlib.training.compare import cloud_test, matching_distance, rank_test
from rmtlib.training.memory import delay_states
from rmtlib.training.recipe import Recipe
from rmtlib.training.trained import initial

TARGET = pathlib.Path(__file__).with_suffix(".json")
SAMPLES, CLOUDS, SHUFFLES, SEED = 200, 100, 20, 20261127
KINDS = ("weights", "synapses", "degrees", "tau", "gain", "tau+gain")
RANKS = (0, 1, 2, 3, 5, 10)
THRESHOLDS = (0.0, 0.1, 0.2, 0.4, 0.7, 1.0)  # of the root mean square synapse
IN_FULL = (0,)  # seeds of the networks with tests of the fit, shuffles, thresholds and removed parts


def digits(x, count=6):
    """Nested numbers with this many significant digits; infinite ones as None."""
    if isinstance(x, dict):
        return {key: digits(value, count) for key, value in x.items()}
    if isinstance(x, (list, tuple, np.ndarray)):
        return [digits(value, count) for value in x]
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    if isinstance(x, (float, np.floating)):
        return float(f"{x:.{count}g}") if np.isfinite(x) else None
    return x


def pairs(z):
    return [[v.real, v.imag] for v in np.ravel(z)]


def structure(weights, tau, labels):
    """What the wiring and the timescales look like, by population."""
    e = labels == "E"
    squares = weights**2
    strength = np.abs(weights).sum(axis=0)
    out = {
        "share of squared weight from E": squares[:, e].sum() / squares.sum(),
        "synapses": {"E": int(np.count_nonzero(weights[:, e])), "I": int(np.count_nonzero(weights[:, ~e]))},
        "column norm": {p: np.sqrt(squares[:, m].sum(axis=0)).mean() for p, m in (("E", e), ("I", ~e))},
        "column strength": {p: strength[m].mean() for p, m in (("E", e), ("I", ~e))},
        "tau mean": {p: tau[m].mean() for p, m in (("E", e), ("I", ~e))},
        "tau sd": {p: tau[m].std(ddof=1) for p, m in (("E", e), ("I", ~e))},
    }
    blocks = {}
    for a, target in (("E", e), ("I", ~e)):
        for b, source in (("E", e), ("I", ~e)):
            w = weights[np.ix_(target, source)]
            w = w[w != 0]
            blocks[f"{a}<-{b}"] = {
                "degree": w.size / target.sum(), "mean": w.mean() if w.size else 0.0, "sd": w.std() if w.size else 0.0
            }  # fmt: skip
    return {**out, "blocks": blocks}


def off_the_bar(net, lam):
    """Eigenvalues that are not exactly -1/tau of a unit on no cycle."""
    bar = -net.leak / net.tau
    return lam[np.abs(lam[:, None] - bar).min(axis=1) > 1e-9 * np.abs(lam)]


def against(net, seed, tests=False, clouds=True):
    """The spectrum of a network against the ensemble fitted to it; with errors and tests of the fit, and clouds, if asked."""
    fitted = rmt.fit(net, laws="beta", bootstrap=20 if tests else 0, seed=seed, progress=False, tests=tests)
    ens, n = fitted.ensemble, net.n
    lam = rmt.eigenvalues(net)
    draws = rmt.sample_many(ens, n, SAMPLES, seed, lambda other: (rmt.eigenvalues(other), other), progress=False)
    spectra = [values for values, _ in draws]
    # outside the edge: in an even number of its closed curves
    curves = [Path(np.column_stack([c.real, c.imag])) for c in rmt.spectral_edge(ens, n=n, points=200)]

    def share_outside(other, values):
        z = off_the_bar(other, values)
        if not z.size:
            return 0.0  # a network without cycles: all of it is bar
        within = sum(c.contains_points(np.column_stack([z.real, z.imag])) for c in curves) % 2
        return float(np.mean(within == 0))

    outside = [share_outside(net, lam), *(share_outside(other, values) for values, other in draws)]
    bulk = rmt.spectral_abscissa(ens, parts=("bulk",), n=n)
    beyond = [int(np.sum(values.real > bulk)) for values in spectra]
    cloud = own = None
    if clouds:
        cloud = vars(cloud_test(lam, spectra[:CLOUDS]))
        # the same weights, and the units' own timescales and gains in another order
        others = [rmt.eigenvalues(shuffle(net, "tau+gain", seed=[seed, k])) for k in range(CLOUDS)]
        own = vars(cloud_test(lam, others))
    misfit = {  # Kolmogorov's distance of the timescales from their fitted Beta law, and its p-value (too large: the law was fitted)
        p.name: list(stats.kstest(net.tau[net.labels == p.name], p.tau.cdf)) for p in ens.populations
    }  # fmt: skip
    top = rank_test(lam[0].real, [values[0].real for values in spectra])
    out = rank_test(outside[0], outside[1:])
    spread = rank_test(float(np.mean(np.abs(lam - lam.mean()) ** 2)),
                       [float(np.mean(np.abs(v - v.mean()) ** 2)) for v in spectra])  # fmt: skip
    count = rank_test(int(np.sum(lam.real > bulk)), beyond)
    rows = [{"name": t.name, "statistic": t.statistic, "pvalue": t.pvalue} for t in fitted.tests]
    return {
        "parameters": {p.name: [p.value, p.error] for p in fitted.parameters},
        "bulk abscissa": bulk,
        "bulk abscissa error": fitted.abscissa_error,
        "outliers": pairs(rmt.outliers(ens, n=n)),
        "abscissa": vars(top),
        "edge function at the leading eigenvalue": float(rmt.edge_function(ens, lam[:1], n=n)[0]),
        "cloud": cloud,
        "cloud of own units": own,
        "misfit of tau": misfit,
        "outside": vars(out),
        "right of the bulk": vars(count),
        "spread": vars(spread),
        "tests": rows,
    }


def without(net, ranks=RANKS):
    """Abscissa when the k strongest singular parts of the weights minus their block means are taken out."""
    weights, e = np.array(net.weights), net.labels == "E"
    means = np.zeros_like(weights)
    for a in (e, ~e):
        for b in (e, ~e):
            means[np.ix_(a, b)] = weights[np.ix_(a, b)].mean()
    u, s, v = np.linalg.svd(weights - means)
    out = [rmt.spectral_abscissa(rmt.Network(weights - (u[:, :k] * s[:k]) @ v[:k], net.tau, net.gain)) for k in ranks]
    return out, s[:10], rmt.spectral_abscissa(rmt.Network(means, net.tau, net.gain))


def low_rank(net, seed):
    """The same for shuffles that keep the degrees."""
    values, singular, means = without(net)
    others = [without(shuffle(net, "degrees", seed=[seed, k])) for k in range(SHUFFLES // 2)]
    curves, spectra = np.array([x[0] for x in others]), np.array([x[1] for x in others])
    return {
        "rank": list(RANKS), "abscissa": values, "shuffled": curves.mean(axis=0), "shuffled sd": curves.std(axis=0, ddof=1),
        "singular values": singular, "shuffled singular values": spectra.mean(axis=0),
        "shuffled singular values sd": spectra.std(axis=0, ddof=1), "abscissa of the means": means,
    }  # fmt: skip


def jacobian(net, held, seed, first, full):
    """All about the Jacobian of one remembered stimulus, the `first` or the other; tests, shuffles, thresholds, parts if `full`."""
    e = net.labels == "E"
    values, right, left = rmt.eigenvectors(net)
    weights = net.weights
    power = (weights * net.gain) ** 2
    core = net.subnetwork("I")
    bar_and_core = np.concatenate([-1 / net.tau[e], rmt.eigenvalues(core)])
    difference = held.states[0] - held.states[1]  # (times, n)

    def cosine(a, b):
        return float(np.abs(np.vdot(a, b)) / np.linalg.norm(a) / np.linalg.norm(b))

    out = {
        "eigenvalues": pairs(values),
        "core eigenvalues": pairs(rmt.eigenvalues(core)),
        "leading": pairs(values[:6]),
        "numerical abscissa": rmt.numerical_abscissa(net),
        "gain mean": {p: net.gain[m].mean() for p, m in (("E", e), ("I", ~e))},
        "gain sd": {p: net.gain[m].std(ddof=1) for p, m in (("E", e), ("I", ~e))},
        "share of h-weighted square from E": power[:, e].sum() / power.sum(),
        "bar and core": {
            "abscissa": float(bar_and_core.real.max()),
            "matching distance": matching_distance(values, bar_and_core),
            "spread": float(np.sqrt(np.mean(np.abs(values - values.mean()) ** 2))),
        },
        "leading mode": {
            "n ipr": net.n * float(rmt.ipr(right[:, 0])),
            "weight on I": float(np.sum(np.abs(right[~e, 0]) ** 2)),
            "cosine with memory": [cosine(right[:, 0], d) for d in difference],
            "memory read": [float(np.abs(np.vdot(left[:, 0], d)) / np.linalg.norm(d)) for d in difference],
            "overlap": float(np.linalg.norm(left[:, 0]) * np.linalg.norm(right[:, 0])),
        },
        "whole": against(net, seed, tests=full, clouds=first),
        "core": against(core, seed, tests=full),
    }
    if full:
        grid = [t * np.sqrt(np.mean(weights[weights != 0] ** 2)) for t in THRESHOLDS]
        scan, core_scan = (threshold_scan(x, grid, progress=False) for x in (net, core))
        out["low rank"] = low_rank(net, seed)
        for name, x in (("controls", net), ("core controls", core)):
            out[name] = controls(x, kinds=KINDS, count=SHUFFLES, seed=seed, progress=False).rows
        out["scan"] = {
            "threshold": list(THRESHOLDS), "unit": grid[-1] / THRESHOLDS[-1], "synapses": scan.synapses, "degree": scan.degree,
            "fitted": scan.fitted, "exact": scan.exact,
            "core degree": core_scan.degree, "core fitted": core_scan.fitted, "core exact": core_scan.exact,
        }  # fmt: skip
    return out


def study(trained, initial, task, seed=SEED):
    """One network."""
    times = sorted({task.train_delay, 250.0, task.test_delay})
    held = delay_states(trained, times, fixation=task.fixation, stimulus=task.stimulus, seed=seed)
    points = held.points
    labels = np.asarray(trained.labels)
    out = {
        "noise": float(trained.noise),
        "trained": structure(np.asarray(trained.weights), np.asarray(trained.tau), labels),
        "initial": structure(np.asarray(initial.weights), np.asarray(initial.tau), labels),
        "delay": {
            "times": times,
            "separation": held.separation,
            "scatter": held.scatter,
            "shift of the mean": np.sqrt(np.mean((held.mean - held.states) ** 2, axis=2)),
            "drift after 20 s": held.drift,
            "wander": held.wander,
            "separation of the ends": float(np.sqrt(np.mean((held.ends[0] - held.ends[1]) ** 2))),
            "ends": held.last,
        },
        "points": [
            {"residual": points.residual[k], "error": points.error[k], "abscissa": points.abscissa[k],
             "unstable": points.unstable[k], "index": points.index[k]} for k in range(len(points))
        ],
        "slow points": [
            {"speed": points.slow.speed[k], "clearance": points.slow.clearance[k], "abscissa": points.slow.abscissa[k]}
            for k in range(len(points.slow))
        ],
        "complete": points.complete(),
        "stimuli": [],
    }  # fmt: skip
    done = {}
    for s in range(2):
        k = held.point(s)
        entry = {"stimulus": int(held.stimuli[s]), "point": k, "kind": "none" if k is None else "fixed" if k >= 0 else "slow"}
        if k is not None:
            entry["distance"] = held.distance(s, k)
        if entry["kind"] == "fixed" and k in done:
            entry["jacobian of"] = done[k]  # the other stimulus ends at the same point
        else:
            entry["jacobian"] = jacobian(
                held.network(s), held, seed, first=not done, full=not done and trained.seed in IN_FULL
            )
            done[k if entry["kind"] == "fixed" else f"state {s}"] = s
        out["stimuli"].append(entry)
    return out


def control(initial, task, seed=SEED):
    """The network before training, at its fixed point."""
    held = delay_states(initial, (task.test_delay,), fixation=task.fixation, stimulus=task.stimulus, seed=seed)
    net = held.network(0)
    e = net.labels == "E"
    power = (net.weights * net.gain) ** 2
    return {
        "points": len(held.points), "stable": int(np.sum(held.points.stable)), "kind": "fixed" if (held.point(0) or 0) >= 0 else "slow",
        "separation": held.separation, "same point": bool(held.point(0) == held.point(1)),
        "eigenvalues": pairs(rmt.eigenvalues(net)),
        "share of h-weighted square from E": power[:, e].sum() / power.sum(),
        "whole": against(net, seed, clouds=False),
    }  # fmt: skip


def write(table):
    text = json.dumps(digits(table), allow_nan=False, separators=(",", ":")).replace(',"', ',\n"').replace("\n\"pvalue", '"pvalue')
    temporary = TARGET.with_suffix(".part")
    temporary.write_text(text + "\n", encoding="utf-8")
    os.replace(temporary, TARGET)


def main(chosen):
    table = json.loads(TARGET.read_text(encoding="utf-8")) if TARGET.exists() else {"networks": {}, "single": {}, "initial": {}}
    table.update(samples=SAMPLES, clouds=CLOUDS, shuffles=SHUFFLES, seed=SEED)
    for name in tqdm(chosen or [n for n in rmt.training.names() if n not in {*table["networks"], *table["single"]}]):
        trained = rmt.training.load(name)
        recipe = Recipe.from_dict(trained.recipe)
        before = initial(recipe, trained.seed)
        if str(trained.seed) not in table["initial"]:  # the noise is no part of the start
            table["initial"][str(trained.seed)] = control(before, trained.task)
        found = study(trained, before, trained.task)
        family = "single" if name.startswith("single") else "networks"
        table[family][name] = {"seed": trained.seed, "accuracy": trained.accuracy, "updates": trained.iterations, **found}
        write(table)


if __name__ == "__main__":
    main(sys.argv[1:])
