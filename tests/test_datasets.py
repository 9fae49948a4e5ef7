"""Stored data are found and verified, and what is damaged is refused."""

from __future__ import annotations

import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

from rmtlib import datasets
from rmtlib.errors import ValidationError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / "one.json").write_text(json.dumps({"value": [1.5, 2.0]}))
    np.savez(tmp_path / "two.npz", x=np.arange(3), y=np.eye(2))
    (tmp_path / "notes.txt").write_text("words")
    lines = [
        f"{hashlib.sha256((tmp_path / name).read_bytes()).hexdigest()}  {name}"
        for name in ("one.json", "two.npz", "notes.txt")
    ]
    (tmp_path / "SHA256SUMS").write_text("\n".join([*lines, "0" * 64 + "  gone.json", ""]))
    monkeypatch.setattr(datasets, "_PLACES", (tmp_path / "nowhere", tmp_path))
    return tmp_path


def test_load(folder):
    assert datasets.names() == ["gone.json", "notes.txt", "one.json", "two.npz"]
    assert datasets.load("one.json") == {"value": [1.5, 2.0]}
    arrays = datasets.load("two.npz")
    assert sorted(arrays) == ["x", "y"]
    assert np.array_equal(arrays["y"], np.eye(2))
    assert datasets.path("notes.txt").read_text() == "words"


def test_refused(folder):
    with pytest.raises(ValidationError, match="there are: gone.json"):
        datasets.load("three.json")
    with pytest.raises(ValidationError, match="neither .json nor .npz"):
        datasets.load("notes.txt")
    with pytest.raises(FileNotFoundError, match="recipe"):
        datasets.load("gone.json")
    (folder / "one.json").write_text("{}")
    with pytest.raises(ValidationError, match="not the file"):
        datasets.load("one.json")
    np.savez(folder / "two.npz", x=np.array([{}], dtype=object))  # pickled: refused by its digest already
    with pytest.raises(ValidationError, match="not the file"):
        datasets.load("two.npz")


def test_no_data(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets, "_PLACES", (tmp_path / "a", tmp_path / "b"))
    with pytest.raises(FileNotFoundError, match="Reinstall"):
        datasets.load("one.json")


def test_what_is_stored():
    """Every file listed is there, unchanged, with its recipe, and nothing is stored that is not listed."""
    for name in datasets.names():
        found = datasets.path(name)
        folder = found.parent.with_suffix(".py")  # of trained/x.npz
        stem = found.with_name(found.stem.partition("_")[0] + ".py")  # of x_part.csv
        recipe = found.with_suffix(".py") if "/" not in name else folder
        assert recipe.is_file() or stem.is_file(), f"{name} has no recipe"
    data = ROOT / "data"
    stored = {p.relative_to(data).as_posix() for kind in ("json", "npz", "csv") for p in data.glob(f"**/*.{kind}")}
    assert stored == set(datasets.names())


def test_packaged():
    """pip installs every package of the repository, and the data as package rmtlib.data."""
    table = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    modules = {".".join(p.parent.relative_to(ROOT).parts) for p in (ROOT / "rmtlib").rglob("__init__.py")}
    assert set(table["packages"]) == modules | {"rmtlib.data"}
    assert table["package-dir"]["rmtlib.data"] == "data"
    assert {"*.json", "*.npz", "*.csv", "trained/*.npz", "SHA256SUMS"} <= set(table["package-data"]["rmtlib.data"])
