"""Recipe of phases.json: rightmost eigenvalues of sampled networks at a few points of each phase diagram.

    python data/phases.py        two minutes on one core

Four maps, for each of its points (two parameters) the real parts of the rightmost eigenvalue of 64 networks of 200 units (seeds 0 to
63) and of 16 networks of 600 units (seeds 0 to 15), in 1/s. In three of the maps the network is the inhibitory core of
`rmt.core_periphery()` alone, since the periphery only adds its bar; in the map "balance" excitatory and inhibitory units both send.
Chapter "Phase diagrams of near-marginality" reads this file, repeats a part of it, and draws the theory.
"""

import json
from pathlib import Path

import numpy as np
from scipy import stats
from tqdm import tqdm

import rmtlib as rmt

SIZES = {200: 64, 600: 16}

POINTS = {
    "wiring": [(4.0, 3.2), (6.0, 3.2), (8.0, 3.2), (6.0, 2.0), (10.0, 1.5), (3.0, 4.5), (1.5, 5.5)],
    "balance": [(0.3, 10.0), (0.3, 20.0), (0.2, 24.0), (0.5, 12.0), (0.1, 14.0), (0.07, 20.0)],
    "timescales": [(72.5, 105.0), (72.5, 10.0), (40.0, 60.0), (100.0, 190.0), (18.0, 20.0)],
    "gains": [(0.1, 0.05), (0.06, 0.05), (0.1, 0.02), (0.12, 0.08), (0.14, 0.03)],
}


def core(degree=6.0, spread=3.2, tau_mean=72.5, tau_width=105.0, gain_mean=0.1, gain_sd=0.05):
    """The inhibitory core of rmt.core_periphery(), ms; both Beta laws are given by mean and width or s.d."""
    m = gain_mean / 0.25
    nu = m * (1 - m) / (gain_sd / 0.25) ** 2 - 1
    tau = stats.beta(2, 2, loc=tau_mean - tau_width / 2, scale=tau_width)
    unit = rmt.Population("I", tau=tau, gain=stats.beta(m * nu, (1 - m) * nu, scale=0.25))
    return rmt.Ensemble(unit, rmt.Synapses(stats.norm(-1.5, spread), degree=degree))


def balance(inhibitory=0.2, inputs=20.0):
    """Every unit hears `inputs` units drawn at random, E of mean weight 1 and I of mean weight -3."""
    gain = stats.beta(2, 3, scale=0.25)
    pops = [
        rmt.Population("E", 1 - inhibitory, tau=stats.uniform(20, 30), gain=gain, sign=1),
        rmt.Population("I", inhibitory, tau=stats.beta(2, 2, loc=20, scale=105), gain=gain, sign=-1),
    ]
    weight = {"E": rmt.as_law(stats.gamma(4, scale=1 / 4)), "I": rmt.as_law(stats.gamma(4, scale=3 / 4)).scaled(-1)}
    share = {"E": 1 - inhibitory, "I": inhibitory}
    return rmt.Ensemble(pops, {(a, b): rmt.Synapses(weight[b], degree=inputs * share[b]) for a in "EI" for b in "EI"})


def ensemble(name, point):
    if name == "wiring":
        return core(degree=point[0], spread=point[1])
    if name == "balance":
        return balance(*point)
    if name == "timescales":
        return core(spread=1.6, tau_mean=point[0], tau_width=point[1])
    return core(gain_mean=point[0], gain_sd=point[1])


def rightmost(net):
    return float(rmt.eigenvalues(net).real.max())


def main():
    out = {}
    jobs = [(name, point, n) for name, points in POINTS.items() for point in points for n in SIZES]
    for name, point, n in tqdm(jobs):
        ens = ensemble(name, point)
        values = [round(1000 * rightmost(ens.sample(n, seed=s)), 5) for s in range(SIZES[n])]
        entry = out.setdefault(name, [])
        if not entry or entry[-1]["point"] != list(point):
            entry.append({"point": list(point), "rightmost": {}})
        entry[-1]["rightmost"][str(n)] = values
    path = Path(__file__).with_suffix(".json")
    path.write_text(json.dumps({"sizes": SIZES, "maps": out}, separators=(",", ":")) + "\n", encoding="utf-8")
    print(path, path.stat().st_size, "bytes; seeds", {n: f"0..{k - 1}" for n, k in SIZES.items()}, np.__version__)


if __name__ == "__main__":
    main()
