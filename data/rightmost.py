"""Recipe of rightmost.json: rightmost eigenvalues of sampled networks, and the edge that each network has by itself.

    python data/rightmost.py        half an hour on one core

For every ensemble and size: real and imaginary part (>= 0) of the rightmost eigenvalue of 128 networks with seeds 0 to
127, and the point x of the real axis where the non-negative matrix W_ij^2 h_j^2/(leak + x tau_j)^2 of the network has
spectral radius 1. Chapter "Finite size" reads this file and repeats a small part of it.
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy import stats
from scipy.optimize import brentq
from tqdm import tqdm

import rmtlib as rmt

SIZES, SAMPLES = (250, 500, 1000, 2000, 4000), 128


def ensembles():
    tau, gain = stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, loc=0.3, scale=0.7)
    unit = rmt.Population("N", 1.0, tau=tau, gain=gain)
    return {
        "homogeneous, c = 8": rmt.oriented_sparse(8.0, stats.norm(0, 8**-0.5)),
        "heterogeneous, c = 8": rmt.Ensemble(unit, rmt.Synapses(stats.norm(0, 0.6), degree=8.0)),
        "homogeneous, c = 3": rmt.oriented_sparse(3.0, stats.norm(0, 3**-0.5)),
    }


def spectral_radius(matrix, weight, sweeps=400):
    """Of matrix times diag(weight), both non-negative, by power iteration."""
    vector, value = np.ones(len(weight)), 0.0
    for _ in range(sweeps):
        image = matrix @ (weight * vector)
        new = np.linalg.norm(image) / np.linalg.norm(vector)
        vector = image / np.linalg.norm(image)
        if abs(new - value) < 1e-8 * new:
            break
        value = new
    return new


def own_edge(net, low, high):
    square = net.weights.multiply(net.weights).tocsr()

    def excess(x):
        return spectral_radius(square, net.gain**2 / (net.leak + x * net.tau) ** 2) - 1

    return brentq(excess, low, high, xtol=1e-6)


def main():
    out = {"samples": SAMPLES, "ensembles": {}}
    for name, ens in ensembles().items():
        edge = rmt.spectral_abscissa(ens, parts=("bulk",))
        table = {"edge": round(float(edge), 8), "sizes": {}}
        for n in SIZES:
            rows = []
            for seed in tqdm(range(SAMPLES), desc=f"{name}, n = {n}", file=sys.stderr):
                net = ens.sample(n, seed=seed)
                value = rmt.leading_eigenvalues(net, k=2)[0]
                own = own_edge(net, edge - 0.45, edge + 1.5)
                rows.append([round(float(v), 6) for v in (value.real, abs(value.imag), own)])
            table["sizes"][str(n)] = rows
        out["ensembles"][name] = table
        text = json.dumps(out).replace("]], ", "]],\n").replace('"sizes"', '\n"sizes"')
        Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
