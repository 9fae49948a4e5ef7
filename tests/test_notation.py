"""The table of symbols: each symbol of the equations has one row, and no symbol has two."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest
import sympy as sp

from rmtlib.symbolic import symbols

PAGE = Path(__file__).resolve().parents[1] / "book" / "front" / "notation.md"


def listed() -> Counter:
    text = PAGE.read_text(encoding="utf-8").split("## Symbols")[1].split("## The equations")[0]
    cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| $")]
    assert len(cells) > 40
    return Counter(name for cell in cells for name in re.findall(r"\$([^$]+)\$", cell))


@pytest.mark.parametrize("name", sorted(vars(symbols)))
def test_listed_once(name):
    latex = re.sub(r"\{(\w)\}", r" \1", sp.latex(getattr(symbols, name)))  # \bar{z} -> \bar z
    plain = latex.replace(r"\bar{\theta}", r"\bar\theta")
    assert listed()[plain] == 1, f"{plain} is not in the table of symbols exactly once"


def test_no_symbol_twice():
    assert [name for name, count in listed().items() if count > 1] == []
