"""How the recipes beside this file store what they found: rounded numbers, and a file that is complete or not there."""

from __future__ import annotations

import os
from pathlib import Path


def rounded(x):
    """Floats to six significant digits, in lists and dictionaries of any depth."""
    if isinstance(x, dict):
        return {key: rounded(value) for key, value in x.items()}
    if isinstance(x, list):
        return [rounded(value) for value in x]
    return float(f"{x:.6g}") if isinstance(x, float) else x


def write(path: Path, text: str) -> None:
    """All of it or nothing: an interrupted run leaves the stored file as it was."""
    temporary = path.with_suffix(".part")
    temporary.write_text(text, encoding="utf-8")
    os.replace(temporary, path)
