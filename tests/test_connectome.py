"""The stored connectome: counts that were published, what its recipe says, and what rmtlib reads from it."""

from __future__ import annotations

import csv
import importlib.util
import sys
from collections import Counter
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

import rmtlib as rmt
from rmtlib import datasets

ROOT = Path(__file__).resolve().parents[1]


def rows(name: str) -> list[list[str]]:
    lines = datasets.path(name).read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")  # says whose data these are
    return list(csv.reader(lines[2:]))


@pytest.fixture(scope="module")
def worm():
    return rmt.load(datasets.path("celegans.csv"), units=datasets.path("celegans_neurons.csv"))


def test_counts_are_the_published_ones(worm):
    """Varshney et al. (2011): 279 neurons, 2194 directed connections, 890 gap junctions on 514 pairs; they count 6393 chemical
    synapses, the table 6394 (README)."""
    assert (worm.n, worm.synapse_count) == (279, 2194)
    assert worm.weights.sum() == 6394
    junctions = [(one, other, int(number)) for one, other, number in rows("celegans_electrical.csv")]
    assert sum(number for *_, number in junctions) == 890
    assert sum(one != other for one, other, _ in junctions) == 514
    assert len({frozenset(pair[:2]) for pair in junctions}) == len(junctions)


def test_components(worm):
    """One strong component of 237 neurons, as published; rmtlib and networkx agree."""
    _, size = rmt.components(worm)
    graph = nx.from_scipy_sparse_array(worm.weights.T.tocsr(), create_using=nx.DiGraph)
    others = Counter(map(len, nx.strongly_connected_components(graph)))
    assert others == Counter(size.tolist()) == {237: 1, 2: 1, 1: 40}


def test_known_neurons(worm):
    """Hubs that are always named, orientation by connections that anatomy fixes, no autapse, names in order."""
    names, weights = worm.names.tolist(), worm.weights
    assert names == sorted(names)
    assert not np.any(weights.diagonal())
    k_in = np.diff(weights.indptr)
    assert {names[i] for i in np.argsort(-k_in)[:4]} == {"AVAL", "AVAR", "AVBL", "AVBR"}
    at = {name: i for i, name in enumerate(names)}
    for source, target in (("ASHL", "AVAL"), ("AVAL", "VA8"), ("AVBL", "AVAR"), ("AWCL", "AIYL")):
        assert weights[at[target], at[source]] > 0  # sensory to command, command to motor neurons
    assert weights[at["AVAL"], at["VA8"]] == 0


def test_table_of_neurons(worm):
    table = rows("celegans_neurons.csv")
    assert [row[0] for row in table] == worm.names.tolist()
    assert Counter(row[1] for row in table) == {"sensory": 83, "inter": 81, "motor": 115}
    main = {row[0]: row[2].split("+")[0] for row in table}
    # motor neurons of the ventral cord: D inhibit, the others excite
    for name, transmitter in main.items():
        if name[:2] in ("DD", "VD"):
            assert transmitter == "GABA"
        if name[:2] in ("DA", "DB", "VA", "VB", "AS") and name[2:].isdigit():
            assert transmitter == "ACh"
    assert set(main.values()) == {"ACh", "Glu", "GABA", "DA", "OA", ""}
    assert sum(value == "GABA" for value in main.values()) == 31
    for one, other, _ in rows("celegans_electrical.csv"):
        assert {one, other} <= main.keys()


def test_recipe_reproduces_the_files(tmp_path, monkeypatch):
    """Where the package cect and what reads its tables are installed: the recipe writes the same bytes."""
    found = importlib.util.find_spec("cect")
    if found is None or any(importlib.util.find_spec(name) is None for name in ("xlrd", "openpyxl")):
        pytest.skip("cect, xlrd and openpyxl are not installed (data/celegans.py says how)")
    recipe = load_recipe()
    monkeypatch.setattr(recipe, "HERE", tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    recipe.main(Path(found.submodule_search_locations[0]).parent)
    for name in ("celegans.csv", "celegans_electrical.csv", "celegans_neurons.csv"):
        assert (tmp_path / name).read_bytes() == datasets.path(name).read_bytes()


def load_recipe():
    spec = importlib.util.spec_from_file_location("celegans_recipe", ROOT / "data" / "celegans.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_recipe_refuses_other_tables(tmp_path, monkeypatch):
    recipe = load_recipe()
    monkeypatch.setattr(recipe, "HERE", tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    for name in recipe.SOURCES:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("another table")
    with pytest.raises(SystemExit, match="is not the file of cect"):
        recipe.main(tmp_path)
    assert not list(tmp_path.glob("*.csv"))
    assert [recipe.plain(x) for x in ("VB01", "DB1/3", "avfr", "VA10", "I1L")] == ["VB1", "DB1", "AVFR", "VA10", "I1L"]
