"""Retrieval and largest Lyapunov exponent of deep-Hebbian networks against gain, load and depth: data/sequences.json. About ten minutes on one thread.

    python data/sequences.py
    python data/sequences.py more   # only the second set of networks, added to the stored file

The second set, with other seeds, was drawn after the first had been looked at: it repeats the comparison of lengths for 30 networks a case, and
the exponent at load 0.3.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from storing import rounded, write

from rmtlib import Network
from rmtlib.dynamics.lyapunov import lyapunov_exponents
from rmtlib.dynamics.retrieval import retrieve
from rmtlib.theory import hebbian
from rmtlib.theory.hebbian import DeepHebbian

N, SEEDS, DURATION, SETTLE = 500, 6, 100.0, 40.0
EDGES = (0.9, 1.0, 1.1, 1.25, 1.5, 2.0, 3.0, 5.0)  # right end of the spectrum of J: 1 is marginal
CASES = ((0.05, 0.0, 1), (0.1, 0.0, 1), (0.3, 0.0, 1), (0.05, 0.0, 2), (0.05, 0.0, 3), (0.05, 0.5, 1))


def case(load, ratio, depth):
    """Couplings are scaled so that the spectrum of J ends at each of EDGES; c is `ratio` times gamma."""
    unit = hebbian.abscissa(DeepHebbian(load, ratio, 1.0, depth, leak=0.0))
    rows = []
    for edge in EDGES:
        gamma = edge / unit
        law = DeepHebbian(load, ratio * gamma, gamma, depth)
        length, exponent, error, rate = [], [], [], []
        for seed in range(SEEDS):
            patterns = law.patterns(N, seed)
            net = Network(law.couplings(patterns))
            run = retrieve(net, patterns, 40.0, dt=0.2)
            found = lyapunov_exponents(net, duration=DURATION, settle=SETTLE, step=0.1, start=patterns[:, 0], seed=seed, progress=False)
            length.append(run.length())
            exponent.append(float(found.exponents[0]))
            error.append(float(found.error[0]))
            rate.append(float(np.sqrt(np.mean(np.tanh(found.state) ** 2))))
        rows.append({"edge": edge, "gamma": gamma, "length": length, "exponent": exponent, "error": error, "rate": rate})
        print(load, ratio, depth, edge, np.mean(length), np.round(np.mean(exponent), 4), flush=True)
    return {"load": load, "c over gamma": ratio, "depth": depth, "rows": rows}


MORE = range(100, 130)


def more():
    """Lengths at the right ends 1 to 1.25 and 2 to 5 (6 numbers a network), and the exponent at load 0.3 and ends 2, 3, 5."""
    ends, cases, exponents = [e for e in EDGES if 1 <= e <= 1.25 or e >= 2], [], {}
    for load, ratio, depth in CASES:
        gamma = 1 / hebbian.abscissa(DeepHebbian(load, ratio, 1.0, depth, leak=0.0))
        law = DeepHebbian(load, ratio * gamma, gamma, depth)
        length = []
        for seed in MORE:
            patterns = law.patterns(N, seed)
            W = law.couplings(patterns)
            length.append([retrieve(Network(e * W), patterns, 40.0, dt=0.2).length() for e in ends])
            for e in (2.0, 3.0, 5.0) if load == 0.3 else ():
                options = {"duration": 150.0, "settle": 60.0, "step": 0.1, "start": patterns[:, 0], "seed": seed, "progress": False}
                found = lyapunov_exponents(Network(e * W), **options)
                exponents.setdefault(str(e), []).append([float(found.exponents[0]), float(found.error[0])])
        cases.append({"load": load, "c over gamma": ratio, "depth": depth, "length": length})
    return {"seeds": list(MORE), "edges": ends, "cases": cases, "exponents at load 0.3, with errors": exponents}


def main():
    path = Path(__file__).with_suffix(".json")
    if "more" in sys.argv[1:]:
        found = json.loads(path.read_text(encoding="utf-8"))
    else:
        cases = [case(*parameters) for parameters in CASES]
        found = {"n": N, "seeds": SEEDS, "duration": DURATION, "settle": SETTLE, "cases": cases}
    found["more"] = more()
    write(path, json.dumps(rounded(found), indent=1) + "\n")


if __name__ == "__main__":
    main()
