"""The README's examples run, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_examples_run(capsys):
    rng = np.random.default_rng(1)
    n = 60
    names = {
        "W": rng.normal(scale=0.8 / np.sqrt(n), size=(n, n)),
        "tau": rng.uniform(10, 30, n),
        "gain": np.ones(n),
    }
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, names)
    abscissa, *rest, departure, limit = capsys.readouterr().out.strip().splitlines()
    import rmtlib as rmt

    assert float(abscissa) == np.max(rmt.eigenvalues(names["net"]).real)
    assert 0 < float(departure) < 1
    assert float(limit) < 0
    # the rightmost of the points that draw the curve, against the rightmost point of the curve
    assert np.isclose(float(limit), max(curve.real.max() for curve in names["edge"]), rtol=1e-3)


def test_commands_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.M))
    named = set(re.findall(r"make ([a-z]+)", re.sub(r"```python.*?```", "", README, flags=re.S)))
    assert named <= targets
    for script in re.findall(r"tools/\w+\.py", README):
        assert (ROOT / script).is_file()


def test_versions_agree():
    import rmtlib

    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == rmtlib.__version__
    assert f"## {rmtlib.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
