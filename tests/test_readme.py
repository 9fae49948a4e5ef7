"""The README's examples run, and its commands exist."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from scipy import stats

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_examples_run(capsys):
    import rmtlib as rmt

    names = {}
    blocks = re.findall(r"```python\n(.*?)```", README, re.S)
    assert len(blocks) == 3
    shown = []
    for block in blocks:
        exec(block, names)
        shown.append(capsys.readouterr().out.strip().splitlines())
    (abscissa, *_, departure), (limit,), (*_, height) = shown
    assert float(abscissa) == np.max(rmt.eigenvalues(names["net"]).real)
    assert 0 < float(departure) < 1
    assert float(limit) < 0
    # the rightmost of the points that draw the curve, against the rightmost point of the curve
    assert np.isclose(float(limit), max(curve.real.max() for curve in names["edge"]), rtol=1e-3)
    # the law that the example draws its arrays from
    units = [
        rmt.Population(name, part, tau=stats.uniform(10, 40), gain=stats.uniform(0.3, 0.6))
        for name, part in (("E", 0.8), ("I", 0.2))
    ]
    degrees = {"E": 32.0, "I": 8.0}
    synapses = {(a, b): rmt.Synapses(stats.norm(0, 0.1), degree=degrees[b]) for a in "EI" for b in "EI"}
    law = rmt.Ensemble(units, synapses)
    # the law measured from one sample is the law it came from, to the accuracy of 400 units
    measured = rmt.spectral_abscissa(names["like"], n=400)
    assert f"{measured}" in shown[2]
    assert measured == pytest.approx(rmt.spectral_abscissa(law, n=400), rel=0.1)
    assert float(height) == pytest.approx(float(rmt.density(law, -0.04 + 0.005j)), rel=0.1)
    # the smallest block has 640 synapses, each with (w^2)^2 = 3: three standard errors are 3 (3/640)^(1/2)
    assert np.allclose(names["like"].input_variance(), law.input_variance(), rtol=0.21)
    assert names["like"].names == law.names


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
