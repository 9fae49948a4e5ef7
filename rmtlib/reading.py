r"""Networks from files and from the objects of other libraries: ``W[target, source]`` from what others call it.

Everything here ends in a :class:`~rmtlib.network.Network`, whose public doors are :func:`~rmtlib.network.load`,
``Network.from_edges``, ``Network.from_pandas`` and ``Network.from_networkx``. Two rules hold throughout: what can be read in two
ways is refused with both readings named, and a matrix has the target of a synapse in its rows, the source in its columns.

Text is read without pandas, in blocks: a block that is not plain is read again line by line, which finds the line to
blame. Nothing is ever unpickled.
"""

from __future__ import annotations

import csv
import os
import re
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse as sp
from numpy.typing import NDArray

from .errors import ValidationError
from .network import _FORMAT, Network, _memory, _real_array, _short

__all__ = ["KINDS", "from_edges", "from_networkx", "from_pandas", "load"]

#: What a table of text may hold.
KINDS = ("edges", "named edges", "matrix")

# Largest unit number an edge list may have without n=: units may lack synapses, but where most do, the
# numbers are identifiers, and arrays of their size would fill the memory.
_FREE_NUMBERS, _NUMBERS_PER_UNIT = 1_000_000, 100
_BYTES_PER_UNIT = 64  # what Network holds for a unit without synapses, with the copies of loading
_ROWS = 65_536  # rows read at a time

_SOURCE = {"source", "src", "pre", "presynaptic", "from"}
_TARGET = {"target", "tgt", "dst", "dest", "destination", "post", "postsynaptic", "to"}
_WEIGHT = {"weight", "weights", "w", "strength"}
_FIELDS = {  # of a table of units, and of arrays in a file
    "tau": {"tau", "timescale"},
    "gain": {"gain", "slope"},
    "labels": {"label", "labels", "population"},
}
# The column of a table that says which unit a row is about. An empty header: pandas writes an index so.
_UNIT = {"", "unit", "units", "name", "names", "id", "ids", "index", "key", "neurons", "cells", "nodes", "unnamed0"} | {
    thing + what
    for thing in ("unit", "neuron", "cell", "node", "body", "root", "ptroot", "segment")
    for what in ("", "name", "id", "index", "number", "key")
} - {"body", "root", "ptroot", "segment"}
_ROW_NUMBER = {"", "index", "unnamed0"}  # weaker than the others: programs write these without being asked
_UNIT_WORDS = "name, neuron, cell, node, id, index, key, unit_name, neuron_id, body_id, root_id, an empty header"

#: Whether messages name arguments of Python or options of the command line, which sets this.
_SPEECH: ContextVar[str] = ContextVar("rmtlib_speech", default="python")


def _option(name: str, value: Any = None) -> str:
    """How the reader of a message says this: ``kind='edges'`` or ``--kind edges``."""
    if _SPEECH.get() == "python":
        return f"{name}=" if value is None else f"{name}={value!r}"
    if name == "repeated":
        return "--sum-repeated"
    option = "-n" if name == "n" else f"--{name}"
    return option if value is None else f'{option} "{value}"' if " " in str(value) else f"{option} {value}"


def load(
    path: Any, tau: Any = None, gain: Any = None, labels: Any = None, leak: float | None = None,
    n: int | None = None, kind: str | None = None, units: Any = None, transpose: bool = False,
    repeated: str = "error", first: int = 0,
) -> Network:
    """See :func:`~rmtlib.network.load`."""
    path = Path(path)
    n, first = _checked_size(n), _checked_first(first)
    if kind is not None and kind not in KINDS:
        raise ValidationError(f"unknown kind {kind!r}; kinds of tables: {', '.join(KINDS)}")
    _check_repeated(repeated)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}" if not path.is_dir() else f"a folder, not a file: {path}")
    table = None if units is None else _unit_table(Path(units))
    ending = path.suffix.lower()
    readers = {".npz": _read_npz, ".npy": _read_npy, ".mat": _read_mat}
    if ending in readers:
        for given, name in ((n, "n"), (kind, "kind")):
            if given is not None:
                raise ValidationError(f"{_option(name)} belongs to tables of text; {path.name} has its own size and form")
        fields = readers[ending](path)
    elif ending in (".csv", ".tsv"):
        fields = _read_table(path, "," if ending == ".csv" else "\t", n, kind, table, repeated, first)
    else:
        raise ValidationError(f"cannot load {path.name!r}: expected .npz, .npy, .mat, .csv or .tsv")
    unused, from_one = fields.pop("unused", []), fields.pop("from one", False)
    try:
        if transpose:
            weights = fields["weights"]
            fields["weights"] = weights.T.tocsr() if sp.issparse(weights) else np.transpose(weights)
        names = fields.get("names")
        size = np.shape(fields["weights"])[0] if np.ndim(fields["weights"]) else 0
        if first and names is not None:
            raise ValidationError(f"{_option('first')} belongs to units by number, but the units of this network have names")
        if table is not None:
            fields |= _match_units(table, names, size, first, from_one)
            names = fields.get("names", names)
        for what, given in (("tau", tau), ("gain", gain), ("labels", labels)):
            if given is not None:
                fields[what] = _given(given, what, names, size, first)
        if leak is not None:
            fields["leak"] = leak
        network = Network(**fields)
    except ValidationError as error:
        length = re.search(r"(tau|gain) has shape|labels have shape|is missing for", str(error))
        hint = f" (if the list numbers its units from 1, pass {_option('first', 1)})" if from_one and length else ""
        raise ValidationError(f"{path.name}: {error}{hint}") from None
    _warn_unused(path.name, "variable", unused, fields)
    if table is not None:
        _warn_unused(table.where, "column", table.unused(), fields)
    return network


def _warn_unused(where: str, kind: str, unused: list[str], fields: dict[str, Any]) -> None:
    """A word about names that mean nothing here, where a value that one of them may have meant was taken as 1."""
    missing = [what for what in ("tau", "gain") if fields.get(what) is None]
    if unused and missing:
        listed = ", ".join(repr(name) for name in unused[:8]) + (", ..." if len(unused) > 8 else "")
        words = ["weights", "W", *_FIELDS, "leak", "names"]
        if kind == "column":
            words = ["unit", *(word for what, accepted in _FIELDS.items() for word in sorted(accepted, key=lambda word: (word != what, word)))]
        warnings.warn(
            f"{where}: {kind}{'s' if len(unused) > 1 else ''} {listed} not used; "
            + "; ".join(f"no {what} in the file, taken as 1" for what in missing)
            + f" (what is read: {', '.join(words)})",
            stacklevel=4,
        )


def _checked_first(first: Any) -> int:
    if isinstance(first, (bool, np.bool_)) or not isinstance(first, (int, np.integer)) or first < 0:
        raise ValidationError(f"first is the number of the first unit, 0 or 1 as a rule, got {_short(first)}")
    return int(first)


def _checked_size(n: Any) -> int | None:
    if n is None:
        return None
    from .ensemble import _size

    return _size(n)


def _check_repeated(repeated: Any) -> None:
    if repeated not in ("error", "sum"):
        raise ValidationError(f"repeated is 'error' or 'sum', got {_short(repeated)}")


# ------------------------------------------------------------------------------ arrays in a file


def _read_npz(path: Path) -> dict[str, Any]:
    with open(path, "rb") as stream:  # numpy would leave a damaged file open
        if stream.read(2) != b"PK":
            raise ValidationError(
                f"{path.name} is not a readable .npz file: it is no zip archive (and pickled objects are never loaded)"
            )
        stream.seek(0)
        try:
            with zipfile.ZipFile(stream) as archive:
                size = sum(entry.file_size for entry in archive.infolist())
            if size > _memory():
                raise ValidationError(
                    f"{path.name} unpacks to {1e-9 * size:,.0f} GB, more than the {1e-9 * _memory():,.0f} GB of this machine"
                )
            stream.seek(0)
            with np.load(stream, allow_pickle=False) as file:
                fields = {name: file[name] for name in file.files}
        except ValidationError:
            raise
        except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
            raise ValidationError(
                f"{path.name} is not a readable .npz file: it is truncated or damaged ({error})"
            ) from None
        except MemoryError:
            raise ValidationError(f"{path.name} does not fit in the memory of this machine") from None
        except Exception as error:
            if "allow_pickle" in str(error):  # numpy advises to switch the protection off
                raise ValidationError(
                    f"{path.name} holds pickled objects, which are never loaded: save arrays of numbers and strings"
                ) from None
            raise ValidationError(
                f"{path.name} is not a readable .npz file: it is truncated or damaged ({error})"
            ) from None
    if {"format", "shape", "data"} <= fields.keys() and fields["format"].dtype.kind in "SU":
        return {"weights": _read_scipy(path)}
    version = fields.pop("format", np.int64(_FORMAT))
    if version.dtype.kind not in "iu" or version.size != 1:
        raise ValidationError(f"{path.name} was not written by Network.save: its format is {version!r}, not an integer")
    if int(version) > _FORMAT:
        raise ValidationError(f"{path.name} was written by a newer rmtlib (format {int(version)}): update rmtlib")
    if "data" in fields and not {name.lower() for name in fields} & {"weights", "w"}:
        if not {"indices", "indptr", "tau"} <= fields.keys():
            raise ValidationError(f"{path.name} lacks indices, indptr or tau: it was not written by Network.save")
        n = fields["tau"].size
        try:
            matrix = sp.csr_array(tuple(fields.pop(k) for k in ("data", "indices", "indptr")), shape=(n, n))
            matrix.check_format(full_check=True)
        except (ValueError, IndexError) as error:
            raise ValidationError(f"{path.name} holds an inconsistent sparse matrix: {error}") from None
        fields["weights"] = matrix
    return _known_fields(path, fields)


def _read_npy(path: Path) -> dict[str, Any]:
    try:
        mapped = np.lib.format.open_memmap(path, mode="r")  # nothing is read, or believed about its size, before this works
        if mapped.nbytes > _memory():
            raise MemoryError
        array = np.array(mapped)
    except MemoryError:
        raise ValidationError(f"{path.name} does not fit in the memory of this machine") from None
    except Exception as error:
        if "Python objects" in str(error):
            raise ValidationError(
                f"{path.name} holds pickled objects, which are never loaded: save an array of numbers"
            ) from None
        raise ValidationError(
            f"{path.name} is not a readable .npy file: it is truncated, damaged or something else ({error}; and pickled "
            "objects are never loaded)"
        ) from None
    return {"weights": array}


def _read_scipy(path: Path) -> sp.csr_array:
    try:
        matrix = sp.load_npz(path)
        if hasattr(matrix, "check_format"):
            matrix.check_format(full_check=True)  # before compiled code follows its indices
        matrix = sp.csr_array(matrix)
        matrix.check_format(full_check=True)
    except Exception as error:
        raise ValidationError(f"{path.name} holds an inconsistent sparse matrix: {error}") from None
    return matrix


def _read_mat(path: Path) -> dict[str, Any]:
    try:
        raw = scipy.io.loadmat(path)
    except NotImplementedError:
        raise ValidationError(f"{path.name} is a MATLAB v7.3 file: save it with '-v7' instead") from None
    except Exception as error:
        raise ValidationError(f"{path.name} is not a readable .mat file ({error})") from None
    fields = _known_fields(path, {name: value for name, value in raw.items() if not name.startswith("__")})
    for name in ("tau", "gain", "leak"):
        if name in fields:  # MATLAB knows no 1-d arrays and no scalars
            fields[name] = fields[name].ravel()[0] if fields[name].size == 1 else fields[name].ravel()
    for name in ("labels", "names"):
        if name in fields:
            cells = fields[name].ravel()
            fields[name] = np.array([str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in cells])
    return fields


def _known_fields(path: Path, variables: dict[str, Any]) -> dict[str, Any]:
    """What is called like a part of a network, in letters of any size; and "unused", the names of the others."""
    fields, left = {}, dict(variables)
    for what in ("weights", "tau", "gain", "labels", "leak", "names"):
        spellings = [[what], [name for name in variables if name.lower() == what]]
        if what == "weights":
            spellings[1:1] = [["W"]]
            spellings.append(["w"])
        best = next((spelling for spelling in spellings if set(spelling) & variables.keys()), [])
        if len(best) > 1:
            raise ValidationError(f"{path.name}: the variables {', '.join(best)} may each be {what}: keep one of them")
        if best:
            fields[what] = left.pop(best[0])
    if "weights" not in fields:
        raise ValidationError(f"{path.name} holds no variable 'weights' (or 'W'), only {sorted(variables)}")
    return fields | {"unused": sorted(left)}


# ------------------------------------------------------------------------------- tables of text


class _Lines:
    """Rows of cells of a text file, in blocks."""

    def __init__(self, path: Path, delimiter: str):
        self.path, self.delimiter, self.line = path, delimiter, 0
        self.spaces: bool | None = None  # whether numbers are separated by spaces; None until a row says so

    def __enter__(self) -> _Lines:
        # utf-8-sig: spreadsheets put a byte-order mark in front
        self.file = open(self.path, newline="", encoding="utf-8-sig", errors="replace")
        self.reader = csv.reader(self.file, delimiter=self.delimiter)
        return self

    def __exit__(self, *_: Any) -> None:
        self.file.close()

    def block(self) -> tuple[int, list[list[str]]]:
        """Line number of the first row, and the rows; none at the end of the file."""
        first = self.line + 1
        try:
            rows = list(islice(self.reader, _ROWS))
        except csv.Error as error:
            raise ValidationError(
                f"{self.path.name}, near line {self.reader.line_num}: not a table of text ({error})"
            ) from None
        self.line += len(rows)
        if self.spaces is None:
            row = next((row for row in rows if any(map(str.strip, row)) and not row[0].lstrip().startswith("#")), None)
            if row is not None:
                self.spaces, self.width = _spaced(row), len(row[0].split())
        if self.spaces:
            rows = [self._split(row) for row in rows]
        return first, rows

    def _split(self, row: list[str]) -> list[str]:
        """A row at its spaces; a comment only if it may name the columns."""
        parts = row[0].split() if len(row) == 1 else row
        if parts and parts[0].startswith("#"):
            words = row[0].lstrip().lstrip("#").split()
            return [f"# {words[0]}", *words[1:]] if len(row) == 1 and len(words) == self.width else row
        return parts


def _spaced(row: list[str]) -> bool:
    """Whether this is a row of numbers with spaces between them, as numpy.savetxt writes it by default."""
    parts = row[0].split(" ") if len(row) == 1 else []
    parts = [part for part in parts if part]
    return len(parts) > 1 and all(map(_is_number, parts)) and not any(c in row[0].strip() for c in "\t\v\f")


def _clean(rows: list[list[str]], first: int) -> list[tuple[int, list[str]]]:
    """Rows with stripped cells and their line numbers, without empty lines and comments."""
    stripped = ((number, [cell.strip() for cell in row]) for number, row in enumerate(rows, start=first))
    return [(number, cells) for number, cells in stripped if any(cells) and not cells[0].startswith("#")]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return "_" not in text


def _is_unit(text: str) -> bool:
    digits = text[1:] if text[:1] == "-" else text  # a negative number is a mistake, not a name
    return digits.isascii() and digits.isdigit()


def _roles(header: list[str]) -> tuple[list[int], list[int], list[int]]:
    """Columns that are called source, target, weight."""
    words = [set(re.findall(r"[a-z]+", cell.lower())) for cell in header]
    source, target, weight = ([k for k, w in enumerate(words) if w & names] for names in (_SOURCE, _TARGET, _WEIGHT))
    return source, target, weight


def _columns(header: list[str]) -> tuple[int, int, int] | None:
    """Columns of source, target and weight, or None if the header does not name them."""
    source, target, weight = _roles(header)
    if len(header) < 3 or len(source) != 1 or len(target) != 1 or source == target:
        return None
    if len(header) == 3:
        return source[0], target[0], 3 - source[0] - target[0]
    weight = [k for k in weight if k not in (source[0], target[0])]
    return (source[0], target[0], weight[0]) if len(weight) == 1 else None


def _commented(rows: list[list[str]]) -> tuple[int, int, int] | None:
    """Columns named in a comment above the first row: numpy.savetxt writes headers so."""
    for row in rows:
        cells = [cell.strip() for cell in row]
        if any(cells) and not cells[0].startswith("#"):
            break
        columns = _columns([cells[0].lstrip("# "), *cells[1:]]) if any(cells) else None
        if columns is not None:
            return columns
    return None


def _read_table(
    path: Path, delimiter: str, n: int | None, kind: str | None, table: _Units | None, repeated: str, base: int
) -> dict[str, Any]:
    with _Lines(path, delimiter) as lines:
        first, rows = lines.block()
        body = _clean(rows, first)
        whole = len(rows) < _ROWS
        if not body and whole:
            raise ValidationError(f"{path.name} lists no synapse")
        if kind is None:
            kind = _kind_of(path, rows, body, whole)
            if kind == "edges" and table is not None and not table.numbers(base):
                kind = "named edges"  # the numbers are identifiers
        if kind == "matrix":
            if n is not None:
                raise ValidationError(f"{path.name}: {_option('n')} belongs to lists of synapses; a matrix has its own size")
            while len(rows) == _ROWS:
                first, rows = lines.block()
                body += _clean(rows, first)
            return _read_matrix(path, body)
        return _read_edges(path, lines, first, rows, n, kind == "named edges", table, repeated, base)


def _kind_of(path: Path, rows: list[list[str]], body: list[tuple[int, list[str]]], whole: bool) -> str:
    """Matrix or list of synapses, where nothing speaks for the other."""
    number, top = body[0]
    if len(top) == 1 and any(mark in top[0] for mark in ";\t|"):
        raise ValidationError(
            f"{path.name}, line {number}: one column, {_short(top[0])}: .csv files are separated by commas, "
            ".tsv files by tabs"
        )
    if len(top) == 1 and len(top[0].split()) > 1:
        mark = "','" if path.suffix.lower() == ".csv" else r"'\t'"
        raise ValidationError(
            f"{path.name}, line {number}: one column, {_short(top[0])}: its parts seem separated by spaces, which is read "
            f"only where all of them are numbers; write the file with delimiter={mark}"
        )
    header = not any(map(_is_number, top))
    columns = _commented(rows) or (_columns(top) if header else None)
    below = [cells for _, cells in (body[1:] if header else body)]
    if columns is not None:
        return _edges_with(below, columns)
    source, target, _ = _roles(top) if header else ([], [], [])
    if source and target:
        return "edges"  # whose reader says what is wrong with the header
    if len(top) == 3:
        square = whole and len(below) == 3 and all(len(r) == 3 and all(map(_is_number, r)) for r in below)
        if square and all(_is_unit(cell) for row in below for cell in row[:2]):
            raise ValidationError(
                f"{path.name} may be a 3 x 3 matrix or a list of three synapses: say {_option('kind', 'matrix')} or "
                f"{_option('kind', 'edges')} (or give a list the header source,target,weight)"
            )
        named_above = header and whole and len(below) == 2 and (
            top[0] == "" or all(r[0] == name for r, name in zip(below, top[1:], strict=True))
        )
        if square or named_above or (not header and _is_number(top[0]) and not _is_unit(top[0])):
            return "matrix"
        if not header and _is_number(top[0]) != _is_number(top[1]):
            return "edges" if _is_number(top[0]) else "matrix" if whole and len(below) == 2 else "named edges"
        return "edges" if header else _edges_with(below, (0, 1, 2))
    if len(top) == 2 and not (whole and len(below) == 2 and all(map(_is_number, below[0]))):
        return "edges"
    return "matrix"


def _edges_with(below: list[list[str]], columns: tuple[int, int, int]) -> str:
    if not below or len(below[0]) <= max(columns):
        return "edges"
    return "edges" if any(_is_unit(below[0][k]) for k in columns[:2]) else "named edges"


def _are_positions(units: list[str], base: int) -> bool:
    """Whether these are the numbers of all units, the first of which is base, in some order."""
    return all(map(_is_unit, units)) and sorted(map(int, units)) == list(range(base, base + len(units)))


# ------------------------------------------------------------------------------ lists of synapses


def _read_edges(
    path: Path, lines: _Lines, first: int, rows: list[list[str]], n: int | None, named: bool,
    table: _Units | None, repeated: str, base: int,
) -> dict[str, Any]:
    for given, name in ((n is not None, "n"), (base, "first")):
        if named and given:
            also = f"; list units without synapses in {_option('units')}" if name == "n" else ""
            raise ValidationError(f"{path.name}: {_option(name)} belongs to units by number, these have names{also}")
    columns, width, started = _commented(rows), 3, False
    parts: list[tuple[Any, Any, NDArray]] = []
    largest, line = -1, 0  # largest unit number, and where it is
    while rows:
        block = _plain_block(rows, columns or (0, 1, 2), width, named, base) if started else None
        if block is None:  # one line after the other: the first block, and one with something unusual in it
            edges = []
            for number, cells in _clean(rows, first):
                if not started:
                    started = True
                    if not any(map(_is_number, cells)):
                        columns, width = _header(f"{path.name}, line {number}", cells, columns), len(cells)
                        continue
                edges.append(_edge(f"{path.name}, line {number}", cells, columns or (0, 1, 2), width, named, base))
                if not named and max(edges[-1][:2]) > largest:
                    largest, line = max(edges[-1][:2]), number
            if edges:
                one, two, weights = zip(*edges, strict=True)
                if not named:  # beyond any size: the message has the true number
                    one, two = ([min(unit, 2**62) for unit in units] for units in (one, two))
                block = list(one), list(two), np.array(weights, dtype=float)
        elif not named:
            top = np.maximum(block[0], block[1])
            if top.max() > largest:
                largest, line = int(top.max()), first + int(np.argmax(top))
        if block is not None:
            parts.append(block)
        first, rows = lines.block()
    if not parts:
        raise ValidationError(f"{path.name} lists no synapse")
    weight = np.concatenate([part[2] for part in parts])
    if named:
        source, target = ([name for part in parts for name in part[k]] for k in (0, 1))
        order = None if table is None else table.names({name for ends in (source, target) for name in ends})
        names, source, target = _numbers_of_names(np.array(source), np.array(target), order, path.name)
        return {"weights": _matrix(source, target, weight, len(names), repeated, path.name, names), "names": names}
    source, target = (np.concatenate([np.asarray(part[k], dtype=np.int64) for part in parts]) for k in (0, 1))
    if table is not None and n is None:
        n = table.rows
    n = _number_of_units(source, target, n, largest, path.name, line, base)
    from_one = not (base or np.any(source == 0) or np.any(target == 0))
    return {"weights": _matrix(source, target, weight, n, repeated, path.name, None, base), "from one": from_one}


def _header(where: str, cells: list[str], commented: tuple[int, int, int] | None) -> tuple[int, int, int]:
    columns = _columns(cells)
    _check_weight_column(cells, where)
    if columns is None or commented not in (None, columns):
        raise ValidationError(
            f"{where}: cannot tell from the header {cells} which column is which: name them source, target, "
            "weight (or pre, post; from, to), or remove the header if this is their order"
        )
    return columns


def _check_weight_column(header: list[str], where: str) -> None:
    """Refuse columns for source and target, and none, or more than one that may be it, for the weight."""
    if _columns(header) is not None:
        return
    source, target, weight = _roles(header)
    if len(source) == len(target) == 1 and source != target and (len(header) == 2 or not weight):
        raise ValidationError(
            f"{where}: cannot tell from the header {_short(header, 200)} which column is the weight: there is no column "
            "weight. Name one so, or add a column weight with 1 in each row if synapses are only there or not"
        )


def _edge(
    where: str, cells: list[str], columns: tuple[int, int, int], width: int, named: bool, base: int
) -> tuple[Any, Any, float]:
    """One synapse, with all that can be wrong with it."""
    if len(cells) != width:
        also = "; a list without weights needs a third column, 1 in each row" if len(cells) == 2 == width - 1 else ""
        raise ValidationError(f"{where}: expected source, target, weight; got {len(cells)} columns{also}")
    one, two, weight = (cells[k] for k in columns)
    if not _is_number(weight) or not (named or (_is_unit(one) and _is_unit(two))):
        expected = "two names and a weight" if named else "two unit numbers and a weight"
        hint = "" if named or not _is_number(weight) else f" (units may have names, with {_option('kind', 'named edges')})"
        raise ValidationError(f"{where}: expected {expected}, got {cells}{hint}")
    if named:
        if not (one and two):
            raise ValidationError(f"{where}: a name is missing, got {cells}")
        if not np.isfinite(float(weight)):
            raise ValidationError(f"{where}: weights are finite, got {cells}")
        return one, two, float(weight)
    if min(int(one), int(two)) < base or not np.isfinite(float(weight)):
        raise ValidationError(f"{where}: units are numbered from {base} and weights are finite, got {cells}")
    return int(one), int(two), float(weight)


def _plain_block(
    rows: list[list[str]], columns: tuple[int, int, int], width: int, named: bool, base: int
) -> tuple[Any, Any, NDArray] | None:
    """A block in which every row is a synapse, or None."""
    if set(map(len, rows)) != {width}:
        return None
    one, two, weight = ([row[k] for row in rows] for k in columns)
    try:
        values = np.fromiter(map(float, weight), dtype=float, count=len(rows))
        if not np.all(np.isfinite(values)) or "_" in "".join(weight):
            return None
        if named:
            one, two = ([cell.strip() for cell in cells] for cells in (one, two))
            plain = all(one) and all(two) and not any(row[0].lstrip().startswith("#") for row in rows)
            return (one, two, values) if plain else None
        if "_" in "".join(one) or "_" in "".join(two):
            return None
        one, two = (np.fromiter(map(int, cells), dtype=np.int64, count=len(rows)) for cells in (one, two))
    except (ValueError, OverflowError):
        return None
    return (one, two, values) if min(one.min(), two.min()) >= base else None


def _numbers_of_names(source: NDArray, target: NDArray, order: Any, where: str) -> tuple[NDArray, NDArray, NDArray]:
    """Names in their order (sorted, unless it is given), and the positions of sources and targets in it."""
    found, position = np.unique(np.concatenate([source, target]), return_inverse=True)
    names = found
    if order is not None:
        names = np.array(order, dtype=str)
        place = {name: k for k, name in enumerate(names.tolist())}
        unknown = [name for name in found.tolist() if name not in place]
        if unknown:
            raise ValidationError(
                f"{where}: {len(unknown)} unit(s) with synapses are not in the list of units, the first is {unknown[0]!r}"
            )
        position = np.array([place[name] for name in found.tolist()])[position]
    position = position.ravel()
    return names, position[: len(source)], position[len(source) :]


def _number_of_units(
    source: NDArray, target: NDArray, n: int | None, largest: int, name: str, line: int = 0, base: int = 0
) -> int:
    """n, or what the largest number implies, unless the numbers are identifiers."""
    where = f"{name}, line {line}: unit number {largest}" if line else f"{name}: unit number {largest}"
    zero = bool(np.any(source == 0) or np.any(target == 0))
    if n is None:
        if largest >= _FREE_NUMBERS:  # counting is slow, and this needs it rarely
            units = np.unique(np.concatenate([source, target])).size
            if largest >= _NUMBERS_PER_UNIT * units:
                raise ValidationError(
                    f"{where}, but only {units} units have a synapse, so these look like identifiers; units are "
                    "numbered 0..n-1: renumber them, e.g. with np.unique(ids, return_inverse=True), take them as names "
                    f"with {_option('kind', 'named edges')}, or pass {_option('n')} if there are that many"
                )
        n = largest + 1 - base
        if not (zero or base):
            warnings.warn(
                f"{name}: unit 0 has no synapse; is the list numbered from 1? Then pass {_option('first', 1)}",
                stacklevel=6 if line else 4,  # load is two calls further away
            )
    elif largest >= n + base:
        hint = f"; is the list numbered from 1? Then pass {_option('first', 1)}" if largest == n and not (zero or base) else ""
        raise ValidationError(f"{where}, but n={n} units are numbered {base}..{n + base - 1}{hint}")
    if _BYTES_PER_UNIT * n > _memory():
        raise ValidationError(f"{name}: n={n} units do not fit in the {1e-9 * _memory():,.0f} GB of this machine")
    return n


def _matrix(
    source: NDArray, target: NDArray, weight: NDArray, n: int, repeated: str, where: str, names: Any, base: int = 0
) -> sp.csr_array:
    source, target = source - base, target - base
    matrix = sp.coo_array((weight, (target, source)), shape=(n, n)).tocsr()
    if matrix.nnz != len(weight) and repeated == "error":
        order = np.lexsort((source, target))
        again = np.flatnonzero((np.diff(target[order]) == 0) & (np.diff(source[order]) == 0))
        a, b = int(source[order[again[0]]]), int(target[order[again[0]]])
        pair = f"{a + base} -> {b + base}" if names is None else f"{names[a]} -> {names[b]}"
        raise ValidationError(
            f"{where} lists some synapse more than once ({len(weight) - matrix.nnz} lines too many, the first pair is "
            f"{pair}): merge repeated lines first, or pass {_option('repeated', 'sum')}"
        )
    return matrix


# -------------------------------------------------------------------------------------- matrices


def _read_matrix(path: Path, body: list[tuple[int, list[str]]]) -> dict[str, Any]:
    number, top = body[0]
    header = None
    if top[0] == "" or not all(map(_is_number, top[1:])) or (len(top) == 1 and not _is_number(top[0])):
        header, body = top, body[1:]
    if not body:
        raise ValidationError(f"{path.name}: a matrix needs rows of numbers, there is only the header")
    left = (header is not None and header[0] == "" and len(header) == len(body[0][1])) or not _is_number(body[0][1][0])
    width = len(body[0][1])
    rows, values = [], []
    for number, cells in body:
        if len(cells) != width:
            raise ValidationError(f"{path.name}, line {number}: {len(cells)} columns, but the first row has {width}")
        if left:
            rows.append(cells[0])
        try:
            values.append(np.fromiter(map(float, cells[left:]), dtype=float, count=width - left))
        except ValueError:
            bad = next(k for k, cell in enumerate(cells[left:], start=1 + left) if not _is_number(cell))
            text = cells[bad - 1]
            what = "is empty: write 0 for an absent synapse" if text == "" else f"is no number: {_short(text)}"
            raise ValidationError(f"{path.name}, line {number}: column {bad} {what}") from None
    weights = np.array(values)
    if weights.shape[0] != weights.shape[1]:
        raise ValidationError(
            f"{path.name}: a matrix of weights is square, this one has {weights.shape[0]} rows and {weights.shape[1]} "
            "columns of numbers (a header and a first column are names only where they are no numbers, or under an "
            "empty corner)"
        )
    columns = None if header is None else header[1:] if len(header) == width and left else header
    if columns is not None and len(columns) != weights.shape[1]:
        raise ValidationError(f"{path.name}: the header has {len(columns)} names for {weights.shape[1]} columns")
    names, weights = _aligned_names(rows if left else None, columns, weights, path.name)
    if np.count_nonzero(weights) < 0.25 * weights.size:
        weights = sp.csr_array(weights)
    return {"weights": weights} if names is None else {"weights": weights, "names": names}


def _aligned_names(rows: Any, columns: Any, weights: NDArray, where: str) -> tuple[NDArray | None, NDArray]:
    """One list of names for rows and columns, and the columns in its order."""
    if rows is None or columns is None:
        names = rows if columns is None else columns
        return (None if names is None else np.array(names, dtype=str)), weights
    place = {name: k for k, name in enumerate(columns)}
    if len(place) < len(columns) or set(place) != set(rows) or len(set(rows)) < len(rows):
        odd = sorted(set(place) ^ set(rows))
        raise ValidationError(
            f"{where}: rows and columns of a matrix of weights name the same units, each once"
            + (f"; not in both: {_short(odd)}" if odd else "")
        )
    return np.array(rows, dtype=str), weights[:, [place[name] for name in rows]]


# ------------------------------------------------------------------- what belongs to the units


@dataclass
class _Units:
    """A table of units: values in the order of its rows, and the columns that may say which unit a row is about."""

    where: str
    rows: int
    fields: dict[str, Any] = field(default_factory=dict)  # tau, gain, labels
    known: list[tuple[str, list[str]]] = field(default_factory=list)  # columns called like units
    other: list[tuple[str, list[str]]] = field(default_factory=list)  # columns called like nothing known
    taken: Any = None  # header of the one that was taken from the others

    def numbers(self, base: int) -> bool:
        """Whether its units may be those of a list by number."""
        strong = self._strong(self.known)
        if not self.known or any(_are_positions(column, base) for _, column in strong):
            return True
        identifiers = any(all(map(_is_unit, column)) for _, column in strong)  # which the numbers of a list may be
        return not identifiers and any(_are_positions(column, base) for _, column in self.known)

    @staticmethod
    def _strong(columns: list[tuple[str, list[str]]]) -> list[tuple[str, list[str]]]:
        """Without row numbers that a program wrote, if there is anything else."""
        return [pair for pair in columns if _word(pair[0]) not in _ROW_NUMBER] or columns

    def unused(self) -> list[str]:
        """Columns of numbers that nobody asked for: one of them may be a timescale or a gain under another name."""
        return [head for head, cells in self.other if head != self.taken and _all_numbers(cells)]

    def names(self, wanted: set[str]) -> list[str]:
        """The column with the names of units; where headers do not say which, the one that holds exactly these names."""
        same = [(head, column) for head, column in self.known + self.other if len(column) == len(wanted) and set(column) == wanted]
        if len(same) > 1:  # one that is called so before one that is not
            same = self._strong([pair for pair in same if pair in self.known] or same)
        if not same:
            known = self._strong(self.known)
            same = known if len(known) == 1 else [pair for pair in known if wanted <= set(pair[1])]
            if not same and not self.known:
                raise ValidationError(
                    f"{self.where}: which unit is a row about? No column is called like units, and none holds exactly the "
                    f"{len(wanted)} names of the network; call that column unit (also accepted: {_UNIT_WORDS})"
                )
        self._check_one(same)
        self.taken, column = same[0]
        if len(set(column)) < len(column):
            twice = next(name for k, name in enumerate(column) if name in column[:k])
            raise ValidationError(f"{self.where} lists unit {twice!r} more than once")
        return column

    def _check_one(self, found: list[tuple[str, list[str]]]) -> None:
        if not found or any(column != found[0][1] for _, column in found):
            heads = ", ".join(repr(head) for head, _ in found or self.known)
            raise ValidationError(f"{self.where}: each of the columns {heads} may say which unit a row is about: keep one of them")

    def order(self, base: int, from_one: bool) -> tuple[Any, list[str] | None]:
        """For units without names: the rows in the order of unit numbers, and names if there is a column of them."""
        numbers = [pair for pair in self.known if _are_positions(pair[1], base)]
        named = [pair for pair in self._strong(self.known) if pair not in numbers]
        if not self.known:
            numbers = [pair for pair in self.other if _are_positions(pair[1], base)]
        if len(self.known) > 1:  # a second one is of use only if it tells units apart
            named = [pair for pair in named if len(set(pair[1])) == len(pair[1])]
        if numbers:
            numbers = self._strong(numbers)
            self._check_one(numbers)
            self.taken = numbers[0][0]
            place = np.argsort([int(unit) for unit in numbers[0][1]])
            return place, [named[0][1][k] for k in place] if len(named) == 1 else None
        for head, column in self._strong(self.known) or self.other:
            if base == 0 and _are_positions(column, 1) and (from_one or sorted(column, key=int) != column):
                raise ValidationError(
                    f"{self.where}: the column {head!r} seems to number units from 1: if it does, pass {_option('first', 1)}; "
                    "if it is something else, leave it out"
                )
        if self.known:
            self._check_one(named)
            return np.arange(self.rows), self.names(set(named[0][1]))
        return np.arange(self.rows), None


def _word(header: str) -> str:
    """A header without spelling: "Unit name" and unit_name are one; of other signs alone nothing is made."""
    word = re.sub(r"[^a-z0-9]+", "", header.lower())
    return word if word or not header.strip() else header.strip()


def _all_numbers(cells: list[str]) -> bool:
    filled = [cell for cell in cells if cell]
    return bool(filled) and all(map(_is_number, filled))


def _sort_columns(table: _Units, header: list[str], columns: list[Any]) -> None:
    for head, column in zip(header, columns, strict=True):
        (what,) = [name for name, words in _FIELDS.items() if head.strip().lower() in words] or [None]
        if what is not None:
            if what in table.fields:
                raise ValidationError(f"{table.where}: two columns of the header {header} may be {what}")
            table.fields[what] = column
        else:
            (table.known if _word(head) in _UNIT else table.other).append((head, [str(cell) for cell in column]))


def _unit_table(path: Path) -> _Units:
    """The columns of a table of units."""
    header, body = _small_table(path)
    if header is None:
        raise ValidationError(f"{path.name}: a table of units needs a header, with unit, tau, gain or label")
    table = _Units(path.name, len(body))
    _sort_columns(table, header, [[cells[k] for _, cells in body] for k in range(len(header))])
    if not table.fields:
        raise ValidationError(f"{path.name}: the header {header} names none of tau, gain, label")
    for what in ("tau", "gain"):
        if what in table.fields:
            table.fields[what] = _numbers(path, what, table.fields[what], body)
    return table


def _small_table(path: Path) -> tuple[list[str] | None, list[tuple[int, list[str]]]]:
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    if path.suffix.lower() not in (".csv", ".tsv", ".txt"):
        raise ValidationError(f"cannot read {path.name!r}: values of units come in .csv, .tsv or .txt")
    body: list[tuple[int, list[str]]] = []
    with _Lines(path, "," if path.suffix.lower() == ".csv" else "\t") as lines:
        lines.spaces = False
        first, rows = lines.block()
        while rows:
            body += _clean(rows, first)
            first, rows = lines.block()
    if not body:
        raise ValidationError(f"{path.name} is empty")
    width = len(body[0][1])
    for number, cells in body:
        if len(cells) != width:
            raise ValidationError(f"{path.name}, line {number}: {len(cells)} columns, but the first row has {width}")
    known = set().union(*_FIELDS.values(), _UNIT)
    top = body[0][1]
    if not any(map(_is_number, top)) and (width > 1 or top[0].lower() in known or _word(top[0]) in known or _is_number(body[-1][1][0])):
        return top, body[1:]
    return None, body


def _numbers(path: Path, what: str, cells: list[str], body: list[tuple[int, list[str]]]) -> NDArray:
    for (number, _), cell in zip(body, cells, strict=True):
        if not _is_number(cell):
            raise ValidationError(f"{path.name}, line {number}: {what} is no number: {_short(cell)}")
    return np.array(cells).astype(float)


def _match_units(table: _Units, names: Any, n: int, base: int, from_one: bool = False) -> dict[str, Any]:
    """Columns of a table of units, in the order of the units of the network."""
    out: dict[str, Any] = {}
    if names is not None:
        units = table.names(set(names.tolist()))
        place = {name: k for k, name in enumerate(units)}
        missing = [name for name in names.tolist() if name not in place]
        if missing:
            raise ValidationError(f"{len(missing)} unit(s) are not in the table of units, the first is {missing[0]!r}")
        order: Any = [place[name] for name in names.tolist()]
    else:
        if table.rows != n:
            raise ValidationError(f"the table of units has {table.rows} rows, but there are {n} units")
        order, units = table.order(base, from_one)
        if units is not None:
            out["names"] = units
    return out | {what: np.array(column)[order] for what, column in table.fields.items()}


def _given(x: Any, what: str, names: Any, n: int, base: int = 0) -> Any:
    """tau, gain or labels as an array or a number: from a file, a mapping, or a Series with the names of units."""
    if isinstance(x, (str, os.PathLike)):
        return _from_file(Path(x), what, names, n, base)
    if isinstance(x, Mapping):
        return _by_name(x, what, names, n, base)
    if hasattr(x, "to_numpy") and hasattr(x, "index"):  # a pandas Series: the index decides where it can
        index = [str(key) for key in x.index]
        if names is not None and set(index) & set(names.tolist()):
            return _by_name(dict(zip(index, x.to_numpy(), strict=True)), what, names, n, base)
        return x.to_numpy()
    return x


def _by_name(mapping: Mapping, what: str, names: Any, n: int, base: int) -> list[Any]:
    keys = list(range(base, base + n)) if names is None else names.tolist()
    text = {str(key): value for key, value in mapping.items()}
    missing = [key for key in keys if str(key) not in text]
    if missing:
        raise ValidationError(f"{what} is missing for {len(missing)} unit(s), the first is {missing[0]!r}")
    return [text[str(key)] for key in keys]


def _from_file(path: Path, what: str, names: Any, n: int, base: int) -> Any:
    header, body = _small_table(path)
    if len(body[0][1] if body else header or []) == 1 and (header is None or _word(header[0]) not in _UNIT):
        cells = [cells[0] for _, cells in body]
        return np.array(cells) if what == "labels" else _numbers(path, what, cells, body)
    table = _unit_table(path)
    if what not in table.fields:
        raise ValidationError(f"{path.name}: the header {header} has no column for {what}")
    return _match_units(table, names, n, base)[what]


# ------------------------------------------------------------------------ objects of other libraries


def from_edges(
    source: Any, target: Any, weight: Any, tau: Any = None, gain: Any = None, labels: Any = None,
    leak: float = 1.0, n: int | None = None, names: Any = None, repeated: str = "error", first: int = 0,
) -> Network:  # fmt: skip
    """See :meth:`rmtlib.Network.from_edges`."""
    n, first = _checked_size(n), _checked_first(first)
    _check_repeated(repeated)
    source, target = _end(source, "source"), _end(target, "target")
    if source.shape != target.shape:
        raise ValidationError(f"source and target differ in length: {source.size} and {target.size}")
    weight = _real_array(weight, "weight")
    weight = np.full(source.shape, float(weight)) if weight.ndim == 0 else weight
    if weight.shape != source.shape:
        raise ValidationError(f"weight has shape {weight.shape}, but there are {source.size} synapses")
    bad = np.flatnonzero(~np.isfinite(weight))
    if bad.size:
        raise ValidationError(f"{bad.size} weights are NaN or infinite, the first is that of synapse {bad[0]}")
    if source.size == 0 and n is None and names is None:
        raise ValidationError("no synapse is listed, so there are no units: pass n= or names=")
    numbers = source.dtype.kind == "i" and target.dtype.kind == "i"
    if names is not None:
        names = np.array([str(name) for name in names])
        if n is not None and n != names.size:
            raise ValidationError(f"n={n}, but there are {names.size} names")
        n = names.size
    if numbers:
        if source.size and min(source.min(), target.min()) < first:
            raise ValidationError(f"units are numbered from {first}, got {min(source.min(), target.min())}")
        largest = int(max(source.max(), target.max())) if source.size else -1
        n = _number_of_units(source, target, n, largest, "edges", base=first)
    else:
        if first:
            raise ValidationError("first= belongs to units by number, these have names")
        if n is not None and names is None:
            raise ValidationError("n= belongs to units by number; list units without synapses in names=")
        names, source, target = _numbers_of_names(source.astype(str), target.astype(str), names, "edges")
        n = names.size
    matrix = _matrix(source, target, weight, n, repeated, "the list", names, first)
    return _network(matrix, tau, gain, labels, leak, names, first)


def _end(x: Any, what: str) -> NDArray:
    """Units at one end of the synapses: integers, or text."""
    array = np.asarray(x)
    if array.ndim != 1:
        raise ValidationError(f"{what} must be a list of units, got shape {array.shape}")
    if array.size == 0:
        return array.astype(np.int64)
    if array.dtype.kind in "iu":
        return array.astype(np.int64)
    if array.dtype.kind == "U":
        return array
    if array.dtype.kind == "O":
        kinds = {type(value) for value in array.tolist()}
        if kinds <= {str, int} or all(issubclass(t, (str, int)) and t is not bool for t in kinds):
            return array.astype(np.int64) if kinds == {int} else np.array([str(value) for value in array.tolist()])
    raise ValidationError(f"{what} must hold unit numbers or names, got an array of dtype {array.dtype}")


def _network(weights: Any, tau: Any, gain: Any, labels: Any, leak: float, names: Any, base: int = 0) -> Network:
    n = np.shape(weights)[0] if np.ndim(weights) else 0
    values = [_given(x, what, names, n, base) for x, what in ((tau, "tau"), (gain, "gain"), (labels, "labels"))]
    tau, gain = (1.0 if x is None else x for x in values[:2])
    return Network(weights, tau, gain, values[2], leak, names)


def from_pandas(
    frame: Any, tau: Any = None, gain: Any = None, labels: Any = None, leak: float = 1.0, units: Any = None,
    repeated: str = "error", first: int = 0,
) -> Network:  # fmt: skip
    """See :meth:`rmtlib.Network.from_pandas`."""
    if not (hasattr(frame, "columns") and hasattr(frame, "to_numpy")):
        raise ValidationError(f"from_pandas takes a DataFrame, got {type(frame).__name__}")
    first = _checked_first(first)
    table, from_one = _frame_units(units), False
    header = [str(name) for name in frame.columns]
    columns = _columns(header) if len(header) >= 3 else None
    if columns is None:
        _check_weight_column(header, "the frame")
        if frame.shape[0] != frame.shape[1]:
            raise ValidationError(
                f"a frame of {frame.shape[0]} rows and the columns {_short(header)} is neither square nor a table of "
                "synapses: name its columns source, target, weight"
            )
        rows = [str(name) for name in frame.index]
        positions = rows == [str(k) for k in range(len(rows))]  # no names: the index that pandas makes
        names, weights = _aligned_names(
            None if positions else rows, None if header == [str(k) for k in range(len(rows))] else header,
            _real_array(frame.to_numpy(), "the frame"), "the frame",
        )  # fmt: skip
        network = _network(weights, None, None, None, leak, names)
    else:
        source, target, weight = (frame.iloc[:, k].to_numpy() for k in columns)
        source, target = _end(source, "source"), _end(target, "target")
        text = "U" in (source.dtype.kind, target.dtype.kind)
        n = names = None
        if table is not None and (text or not table.numbers(first)):
            source, target = source.astype(str), target.astype(str)
            names = table.names(set(source.tolist()) | set(target.tolist()))
        elif table is not None:
            n = table.rows
            from_one = first == 0 and not (np.any(source == 0) or np.any(target == 0))
        network = from_edges(source, target, weight, leak=leak, n=n, names=names, repeated=repeated, first=first)
    if first and network.names is not None:
        raise ValidationError("first= belongs to units by number, these have names")
    fields = {} if table is None else _match_units(table, network.names, network.n, first, from_one)
    names = fields.pop("names", network.names)
    given = {"tau": tau, "gain": gain, "labels": labels}
    fields |= {key: value for key, value in given.items() if value is not None}
    names = None if names is None else np.array(names)
    made = _network(network.weights, *(fields.get(key) for key in given), leak, names, first)
    if table is not None:
        _warn_unused(table.where, "column", table.unused(), fields)
    return made


def _frame_units(units: Any) -> _Units | None:
    if units is None:
        return None
    if not (hasattr(units, "columns") and hasattr(units, "to_numpy")):
        raise ValidationError(f"units must be a DataFrame, got {type(units).__name__}")
    table = _Units("the frame of units", len(units))
    _sort_columns(table, [str(name) for name in units.columns], [units.iloc[:, k].to_numpy() for k in range(units.shape[1])])
    if "labels" in table.fields:
        table.fields["labels"] = [str(x) for x in table.fields["labels"]]
    index = [str(name) for name in units.index]
    if not table.known and index != [str(k) for k in range(len(index))]:  # not the index that pandas makes
        table.known.append(("index", index))
    return table


def from_networkx(
    graph: Any, weight: str | None = "weight", tau: Any = None, gain: Any = None, labels: Any = None,
    leak: float = 1.0,
) -> Network:  # fmt: skip
    """See :meth:`rmtlib.Network.from_networkx`."""
    if not (hasattr(graph, "is_directed") and hasattr(graph, "edges")):
        raise ValidationError(f"from_networkx takes a networkx graph, got {type(graph).__name__}")
    if not graph.is_directed():
        raise ValidationError(
            "the graph is undirected: graph.to_directed() makes two synapses of each edge, if that is what it stands for"
        )
    nodes = list(graph.nodes)
    if not nodes:
        raise ValidationError("the graph has no nodes")
    place = {node: k for k, node in enumerate(nodes)}
    source, target, values = [], [], []
    for u, v, data in graph.edges(data=True):
        if weight is not None and weight not in data:
            raise ValidationError(f"edge {u!r} -> {v!r} has no attribute {weight!r}: set it, or pass weight=None for 1")
        source.append(place[u])
        target.append(place[v])
        values.append(1.0 if weight is None else data[weight])
    values = _real_array(values if values else np.zeros(0), "the edge weights")
    repeated = "sum" if graph.is_multigraph() else "error"
    names = np.array([str(node) for node in nodes])
    given = {}
    for what, x in (("tau", tau), ("gain", gain), ("labels", labels)):
        if isinstance(x, str):
            lacking = [node for node in nodes if x not in graph.nodes[node]]
            if lacking:
                raise ValidationError(f"{len(lacking)} node(s) have no attribute {x!r}, the first is {lacking[0]!r}")
            x = [graph.nodes[node][x] for node in nodes]
        given[what] = x
    return from_edges(np.array(source, int), np.array(target, int), values, leak=leak, names=names, repeated=repeated, **given)
