"""Recipe of memory_edge.json: rightmost eigenvalues of sampled inhibitory cores.

    python data/memory_edge.py        a quarter of an hour on one core

The core of `rmt.core_periphery()`, and the same with tau and gain tied by a Gaussian copula of correlation -0.9 and 0.9: real and
imaginary part (>= 0), in 1/ms, of the rightmost eigenvalue of 240 cores (seeds 0 to 239) of 100, 200, 400 and 800 units
(tied: 200 units). The right end of the theoretical edge is stored beside. Chapter "The spectral edge with timescales and gains"
reads this file and repeats a part of it.
"""

import json
import sys
from pathlib import Path

from tqdm import tqdm

import rmtlib as rmt

SAMPLES = 240


def core(correlation):
    ens = rmt.core_periphery()
    unit, weight = ens.population("I"), ens.synapses["I", "I"].weight
    joint = rmt.GaussianCopula(unit.tau, unit.gain, correlation) if correlation else unit.joint
    return rmt.Ensemble(rmt.Population("I", joint=joint), rmt.Synapses(weight, degree=6.0))


def main():
    out = {"samples": SAMPLES, "cores": {}}
    for correlation, sizes in ((0.0, (100, 200, 400, 800)), (-0.9, (200,)), (0.9, (200,))):
        ens = core(correlation)
        entry = {"edge": round(float(rmt.spectral_abscissa(ens, parts=("bulk",))), 10), "sizes": {}}
        for n in sizes:
            rows = []
            for seed in tqdm(range(SAMPLES), desc=f"correlation {correlation}, {n} units", file=sys.stderr):
                value = rmt.eigenvalues(ens.sample(n, seed=seed))[0]
                rows.append([round(float(value.real), 8), round(float(abs(value.imag)), 8)])
            entry["sizes"][str(n)] = rows
        out["cores"][str(correlation)] = entry
    text = json.dumps(out).replace("]], ", "]],\n").replace('"sizes"', '\n"sizes"')
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
