"""Recipe of rightmost.json: rightmost eigenvalues of sampled networks, and the edge that each network has by itself.

    python data/rightmost.py        half an hour on one core

For every ensemble and size: real and imaginary part (>= 0) of the rightmost eigenvalue of 128 networks with seeds 0 to
127, and the point x of the real axis where the non-negative matrix W_ij^2 h_j^2/(leak + x tau_j)^2 of the network has
spectral radius 1. Chapter "Finite size" reads this file and repeats a small part of it.
"""

import json
import sys
from pathlib import Path

from scipy import stats
from tqdm import tqdm

import rmtlib as rmt
from rmtlib.theory.edge import own_edge

SIZES, SAMPLES = (250, 500, 1000, 2000, 4000), 128


def ensembles():
    tau, gain = stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, loc=0.3, scale=0.7)
    unit = rmt.Population("N", 1.0, tau=tau, gain=gain)
    return {
        "homogeneous, c = 8": rmt.oriented_sparse(8.0, stats.norm(0, 8**-0.5)),
        "heterogeneous, c = 8": rmt.Ensemble(unit, rmt.Synapses(stats.norm(0, 0.6), degree=8.0)),
        "homogeneous, c = 3": rmt.oriented_sparse(3.0, stats.norm(0, 3**-0.5)),
    }


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
                own = own_edge(net, xtol=1e-7)
                rows.append([round(float(v), 6) for v in (value.real, abs(value.imag), own)])
            table["sizes"][str(n)] = rows
        out["ensembles"][name] = table
        text = json.dumps(out).replace("]], ", "]],\n").replace('"sizes"', '\n"sizes"')
        Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
