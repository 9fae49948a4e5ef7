"""What partly skew networks settle into, and their cycles against the balance of the first harmonic: data/cycles.json.

    python data/cycles.py         about four minutes on one thread

Elliptic couplings, n = 100, tanh, leak 1, each network scaled so that the real part of its leading eigenvalue, leak included, is `excess`.
One start of standard deviation 0.1 for each.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np

import rmtlib as rmt
from rmtlib.dynamics.cycles import behaviour, first_harmonic, harmonic_balance, leading_pair
from rmtlib.errors import ConvergenceError, NotApplicableError

UNITS, NETWORKS = 100, 16


def scaled(correlation, excess, seed, n=UNITS):
    weights = np.asarray(rmt.elliptic(correlation, leak=1.0).sample(n, seed=seed).dense_jacobian()) + np.eye(n)
    return weights * (1 + excess) / np.linalg.eigvals(weights).real.max()


def rounded(value):
    return float(f"{value:.6g}") if np.isfinite(value) else None


def one(correlation, excess, seed):
    w = scaled(correlation, excess, seed)
    found, pair = behaviour(w, start=0.1, seed=seed), leading_pair(w)
    row = {"correlation": correlation, "excess": excess, "seed": seed, "kind": found.kind}
    row |= {"angle": rounded(pair.value.imag), "period": rounded(found.period), "amplitude": rounded(found.amplitude)}
    row |= {"first": rounded(found.first), "exponent": rounded(found.exponent)}
    for name, method in (("eigenpair", first_harmonic), ("balance", harmonic_balance)):
        try:
            cycle = method(w)
            row[name] = [rounded(cycle.period), rounded(cycle.amplitude)]
        except (ConvergenceError, NotApplicableError):
            row[name] = None
    return row


def main():
    rows = [
        one(correlation, excess, seed)
        for correlation in (-0.95, -0.8, -0.5, 0.0)
        for excess in (0.05, 0.2, 0.5, 1.0)
        for seed in range(NETWORKS)
    ]
    text = json.dumps({"units": UNITS, "networks": NETWORKS, "rows": rows}).replace("}, {", "},\n{")
    Path(__file__).with_suffix(".json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
