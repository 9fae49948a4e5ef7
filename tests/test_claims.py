"""The claims table names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
PAGE = TESTS.parent / "book" / "back" / "claims.md"
NAMED = sorted(set(re.findall(r"`(\w+)::(\w+)`", PAGE.read_text(encoding="utf-8"))))


@pytest.mark.parametrize("module, test", NAMED)
def test_guard_exists(module, test):
    assert re.search(rf"^ *def test_{test}\(", (TESTS / f"test_{module}.py").read_text(encoding="utf-8"), re.M)


def test_every_claim_has_a_guard():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "---" not in line]
    claims = [row.split(" | ") for row in rows if not row.startswith("| claim")]
    assert len(claims) > 50
    guards = [row[3] if len(row) == 5 else row[1] for row in claims]
    assert {len(row) for row in claims} == {2, 5}
    assert [g for g in guards if "::" not in g and "cells" not in g] == []
