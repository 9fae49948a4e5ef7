"""One network: weights, timescales, gains, and its Jacobian.

A :class:`Network` is a single matrix with what belongs to it, whether sampled from an
:class:`~rmtlib.ensemble.Ensemble`, trained, or measured. Conventions: ``W[i, j]`` is the weight of
the synapse from unit j to unit i, and

    J = T^-1 (-leak + W H),   T = diag(tau),   H = diag(gain).
"""

from __future__ import annotations

import csv
import os
import re
import tempfile
import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import scipy.io
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray

from .errors import ValidationError

__all__ = ["Network", "load"]

FloatArray = NDArray[np.float64]
_FORMAT = 1
# Largest unit number an edge list may have without n=: units may lack synapses, but where most do, the
# numbers are identifiers, and arrays of their size would fill the memory.
_FREE_NUMBERS, _NUMBERS_PER_UNIT = 1_000_000, 100
_BYTES_PER_UNIT = 64  # what Network holds for a unit without synapses, with the copies of loading


def _memory() -> float:
    """Memory of this machine in bytes, infinite where the system does not tell."""
    try:
        return float(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))
    except (AttributeError, ValueError, OSError):
        return np.inf


def _real_array(x: Any, what: str) -> FloatArray:
    if np.ma.is_masked(x):
        raise ValidationError(
            f"{what} has masked entries: fill them (0 for an absent synapse) or leave these units out"
        )
    try:
        array = np.asarray(x)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"{what} cannot be read as an array: {error}") from None
    if array.dtype.kind == "c":
        raise ValidationError(f"{what} must be real, got complex numbers")
    if array.dtype.kind == "O":
        if array.ndim == 0:
            raise ValidationError(f"{what} must be numbers, got {_short(x)}")
        raise ValidationError(
            f"{what} must be numbers, got an array of dtype object: convert with .astype(float), which also shows "
            "an entry that is no number"
        )
    if array.dtype.kind not in "fiub":
        raise ValidationError(f"{what} must be numbers, got an array of dtype {array.dtype}")
    return array.astype(float)  # a copy: the network owns its arrays


def _short(x: Any, length: int = 60) -> str:
    """What was passed, on one short line."""
    text = f"an array of shape {x.shape}" if isinstance(x, np.ndarray) and x.ndim else " ".join(repr(x).split())
    return text if len(text) <= length else text[: length - 3] + "..."


def _per_unit(x: Any, n: int, what: str) -> FloatArray:
    array = _real_array(x, what)
    if array.ndim == 0:
        array = np.full(n, float(array))
    if array.shape != (n,):
        raise ValidationError(
            f"{what} has shape {array.shape}, but the weights are {n} x {n}: pass one number or {n} of them"
        )
    bad = np.flatnonzero(~np.isfinite(array))
    if bad.size:
        raise ValidationError(
            f"{what} holds {bad.size} NaN or infinite values (first at unit {bad[0]}): remove or repair these units"
        )
    return array


def _weights(x: Any) -> FloatArray | sp.csr_array:
    if hasattr(x, "populations"):
        raise ValidationError("an Ensemble is a law of networks, not one: draw one with ensemble.sample(n, seed=...)")
    if sp.issparse(x):
        if x.dtype.kind == "c":
            raise ValidationError("weights must be real, got complex numbers")
        if x.ndim != 2:
            raise ValidationError(f"weights must be a square matrix, got shape {x.shape}")
        matrix = sp.csr_array(x, dtype=float, copy=True)
        matrix.sum_duplicates()
        matrix.eliminate_zeros()  # a stored zero is not a synapse
        shape, values = matrix.shape, matrix.data
    else:
        matrix = _real_array(x, "weights")
        shape, values = matrix.shape, matrix
    if len(shape) != 2 or shape[0] != shape[1]:
        hint = "" if len(shape) == 2 else "; the arguments are (weights, tau, gain), in this order"
        raise ValidationError(
            f"weights must be a square matrix (W[i, j] is the synapse j -> i), got shape {shape}{hint}"
        )
    if shape[0] == 0:
        raise ValidationError("weights are empty: a network needs at least one unit")
    bad = ~np.isfinite(values)
    if np.any(bad):
        i, j = (
            (int(x[np.flatnonzero(bad)[0]]) for x in matrix.tocoo().coords)
            if sp.issparse(matrix)
            else (int(k) for k in np.argwhere(bad)[0])
        )
        raise ValidationError(
            f"weights hold {int(np.sum(bad))} NaN or infinite values, first at W[{i}, {j}]: set absent synapses to 0, "
            "repair the others"
        )
    return matrix


class Network:
    """Weights, timescales and gains of one network, with Jacobian J = T^-1 (-leak + W H).

    A network is immutable: its arrays are read-only copies and its attributes cannot be assigned.

    Parameters
    ----------
    weights : (n, n) array_like or scipy.sparse matrix
        ``weights[i, j]`` is the synapse from unit j to unit i. Sparse input is kept as CSR without
        stored zeros, dense input as an ndarray.
    tau : float or (n,) array_like
        Timescales, > 0. Their unit sets that of time; eigenvalues come in its inverse.
    gain : float or (n,) array_like
        Slopes h_j = sigma'(x*_j) of the activation at the equilibrium, dimensionless. Any finite
        numbers: a measured slope may be negative, where a :class:`~rmtlib.ensemble.Population` asks for gains >= 0.
    labels : (n,) sequence of str, optional
        Name of the population of each unit.
    leak : float
        1 for a rate network; 0 puts the spectrum of a bare random matrix at the origin. Any finite
        number (below 0, units grow on their own).

    Raises
    ------
    ValidationError
        Weights not square, empty, complex or not finite; tau not positive; shapes that disagree.

    Examples
    --------
    >>> from rmtlib import Network
    >>> net = Network([[0.0, 2.0], [0.0, 0.0]], tau=[1.0, 4.0])
    >>> net.jacobian().toarray().tolist()
    [[-1.0, 2.0], [0.0, -0.25]]
    """

    __slots__ = ("gain", "labels", "leak", "tau", "weights")
    weights: Any  # ndarray or scipy.sparse.csr_array
    tau: FloatArray
    gain: FloatArray
    labels: Any  # ndarray of str, or None
    leak: float

    def __init__(
        self,
        weights: Any,
        tau: ArrayLike = 1.0,
        gain: ArrayLike = 1.0,
        labels: Any = None,
        leak: float = 1.0,
    ):
        matrix = _weights(weights)
        n = matrix.shape[0]
        self._fill(matrix, _per_unit(tau, n, "tau"), _per_unit(gain, n, "gain"), labels, leak)

    @classmethod
    def _own(cls, weights: Any, tau: FloatArray, gain: FloatArray, labels: Any, leak: float) -> Network:
        """For samplers: takes arrays over without a copy (they are checked all the same)."""
        net = cls.__new__(cls)
        values = weights.data if sp.issparse(weights) else weights
        if not np.all(np.isfinite(values)):
            raise ValidationError("the law of the weights produced NaN or infinite values")
        if not (np.all(np.isfinite(tau)) and np.all(np.isfinite(gain))):
            raise ValidationError("the law of tau or of the gain produced NaN or infinite values")
        net._fill(weights, tau, gain, labels, leak)
        return net

    def _fill(self, weights: Any, tau: FloatArray, gain: FloatArray, labels: Any, leak: float) -> None:
        bad = np.flatnonzero(tau <= 0)
        if bad.size:
            raise ValidationError(
                f"tau must be positive, unit {bad[0]} has {tau[bad[0]]:.6g} ({bad.size} such units): "
                "a timescale of 0 or below has no dynamics"
            )
        if labels is not None:
            labels = np.asarray(labels)
            if labels.dtype.kind == "O" and all(isinstance(label, str) for label in labels.ravel()):
                labels = labels.astype(str)
            if labels.dtype.kind != "U":
                raise ValidationError(f"labels must be strings, got dtype {labels.dtype}")
            if labels.shape != tau.shape:
                raise ValidationError(f"labels have shape {labels.shape}, but there are {tau.size} units")
        try:
            leak = float(leak)
        except (TypeError, ValueError):
            raise ValidationError(f"leak must be a number, got {_short(leak)}") from None
        if not np.isfinite(leak):
            raise ValidationError(f"leak must be finite, got {leak}")
        arrays = [weights.data, weights.indices, weights.indptr] if sp.issparse(weights) else [weights]
        for array in (*arrays, tau, gain, *([] if labels is None else [labels])):
            array.setflags(write=False)
        self.__setstate__({"weights": weights, "tau": tau, "gain": gain, "labels": labels, "leak": leak})

    def __setattr__(self, name: str, value: Any) -> None:
        # an assignment would go past every check above
        raise AttributeError(
            f"cannot set {name!r}: a Network is immutable; make a new one, Network(weights, tau, gain, labels, leak)"
        )

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete {name!r}: a Network is immutable")

    # pickling and copying: __slots__ without __dict__
    def __getstate__(self):
        return {name: getattr(self, name) for name in self.__slots__}

    def __setstate__(self, state):
        for name, value in state.items():
            object.__setattr__(self, name, value)

    @property
    def n(self) -> int:
        """Number of units."""
        return self.tau.size

    @property
    def is_sparse(self) -> bool:
        """Whether the weights are stored as CSR."""
        return sp.issparse(self.weights)

    @property
    def synapse_count(self) -> int:
        """Number of non-zero weights."""
        return int(self.weights.nnz if self.is_sparse else np.count_nonzero(self.weights))

    def jacobian(self) -> sp.csr_array:
        """J = T^-1 (-leak + W H) as a scipy.sparse CSR array, (n, n), in units of 1/tau."""
        rate = sp.diags_array(-self.leak / self.tau, format="csr")
        weights = sp.csr_array(self.weights)
        row = np.repeat(np.arange(self.n), np.diff(weights.indptr))
        data = weights.data * self.gain[weights.indices] / self.tau[row]
        jacobian = sp.csr_array((data, weights.indices.copy(), weights.indptr.copy()), shape=weights.shape)
        return (jacobian + rate).tocsr()

    def dense_jacobian(self) -> FloatArray:
        """J as an ndarray (n, n); needs 8 n^2 bytes."""
        weights = self.weights.toarray() if self.is_sparse else self.weights
        jacobian = weights * self.gain / self.tau[:, None]
        jacobian[np.diag_indices(self.n)] -= self.leak / self.tau
        return jacobian

    def subnetwork(self, which: Any) -> Network:
        """The network of some units and the synapses among them.

        Parameters
        ----------
        which : str, boolean mask or integer indices
            A string takes all units with that label.

        Raises
        ------
        ValidationError
            Unknown label, no unit selected, or an index out of range.
        """
        if isinstance(which, str):
            known = [] if self.labels is None else sorted(set(self.labels.tolist()))
            if which not in known:
                raise ValidationError(f"no unit has the label {which!r}; labels are {known}")
            index = np.flatnonzero(self.labels == which)
        else:
            index = np.asarray(which)
            if index.dtype == bool:
                if index.shape != (self.n,):
                    raise ValidationError(f"a mask must have one entry a unit ({self.n}), got shape {index.shape}")
                index = np.flatnonzero(index)
            if index.ndim != 1 or index.size == 0 or index.dtype.kind not in "iu":
                raise ValidationError("select units by a label, a mask, or a non-empty 1-d array of integers")
            if index.min() < -self.n or index.max() >= self.n:
                raise ValidationError(f"unit indices must lie in 0..{self.n - 1}, got up to {index.max()}")
            index = index % self.n
            if np.unique(index).size != index.size:
                raise ValidationError("each unit can be selected once only")
        weights = self.weights[index][:, index] if self.is_sparse else self.weights[np.ix_(index, index)]
        labels = None if self.labels is None else self.labels[index]
        return Network(weights, self.tau[index], self.gain[index], labels, self.leak)

    @classmethod
    def from_jacobian(cls, jacobian: Any, diagonal: bool = False) -> Network:
        """The network whose Jacobian is the given matrix.

        Parameters
        ----------
        jacobian : (n, n) array_like or scipy.sparse matrix
            Real.
        diagonal : bool
            False (default): tau = gain = 1, leak = 0, weights = J, which is always possible.
            True: read timescales from the diagonal, tau_i = -1/J_ii and W_ij = tau_i J_ij, with
            leak 1 and no autapses; every J_ii must be negative.

        Examples
        --------
        >>> Network.from_jacobian([[-0.5, 0.2], [0.0, -0.1]], diagonal=True).tau.tolist()
        [2.0, 10.0]
        """
        net = cls(jacobian, leak=0.0)
        if not diagonal:
            return net
        rates = -(net.weights.diagonal() if net.is_sparse else np.diagonal(net.weights))
        if np.any(rates <= 0):
            bad = int(np.flatnonzero(rates <= 0)[0])
            raise ValidationError(
                f"diagonal=True reads tau_i = -1/J_ii, but J[{bad}, {bad}] = {-rates[bad]:.6g} is not negative: "
                "use diagonal=False"
            )
        tau = 1.0 / rates
        if net.is_sparse:
            weights = sp.diags_array(tau) @ (net.weights + sp.diags_array(rates))
            weights = sp.lil_array(weights)
            weights.setdiag(0.0)
        else:
            weights = net.weights * tau[:, None]
            np.fill_diagonal(weights, 0.0)
        return cls(weights, tau=tau)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to ``.npz`` or ``.mat``, whole or not at all.

        The file is written beside its destination under a temporary name and renamed when complete.

        Raises
        ------
        ValidationError
            Any other file ending.
        """
        path = Path(path)
        fields: dict[str, Any] = {"tau": self.tau, "gain": self.gain, "leak": np.float64(self.leak)}
        if path.suffix == ".npz":
            fields["format"] = np.int64(_FORMAT)
            if self.labels is not None:
                fields["labels"] = self.labels
            if self.is_sparse:
                fields |= {"data": self.weights.data, "indices": self.weights.indices, "indptr": self.weights.indptr}
            else:
                fields["weights"] = self.weights
            with _replacing(path) as temporary, open(temporary, "wb") as file:
                np.savez_compressed(file, **fields)
        elif path.suffix == ".mat":
            if self.labels is not None:
                fields["labels"] = self.labels.astype(object)
            fields["weights"] = sp.csc_array(self.weights) if self.is_sparse else self.weights
            with _replacing(path) as temporary, open(temporary, "wb") as file:
                scipy.io.savemat(file, fields, do_compression=True, oned_as="column")
        else:
            raise ValidationError(f"cannot save to {path.name!r}: the file name must end in .npz or .mat")

    def __repr__(self) -> str:
        kind = "sparse" if self.is_sparse else "dense"
        return f"Network(n={self.n}, {kind}, {self.synapse_count} synapses)"


@contextmanager
def _replacing(path: Path) -> Iterator[str]:
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no such directory: {path.parent}")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        yield temporary
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # a temporary file is private; the saved one is like any other
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


# --------------------------------------------------------------------------------------- loading


def load(
    path: str | os.PathLike[str],
    tau: ArrayLike | None = None,
    gain: ArrayLike | None = None,
    labels: Any = None,
    leak: float | None = None,
    n: int | None = None,
) -> Network:
    """Read a network from ``.npz``, ``.mat``, or an edge list in ``.csv`` or ``.tsv``.

    Parameters
    ----------
    path : path
        ``.npz`` as written by :meth:`Network.save` (never unpickled), or a matrix of weights as
        written by ``scipy.sparse.save_npz``; ``.mat`` (MATLAB up to v7.2) with a variable ``weights``
        or ``W`` and optionally ``tau``, ``gain``, ``labels``, ``leak``; an edge list in UTF-8 with one
        synapse a line, ``source, target, weight``, units numbered from 0, and ``#`` comments. A header
        line (also as a comment above the first synapse) that names the columns decides their order:
        source, pre or from; target, post or to; the third column is the weight.
    tau, gain, labels, leak : optional
        Replace what the file holds; where it holds none of them: 1, 1, None, 1.
    n : int, optional
        Number of units of an edge list, when the last ones have no synapse.

    Raises
    ------
    ValidationError
        A file that is truncated, pickled, of an unknown kind, or describes no valid network; an
        edge list under a header that does not say which column is the source, or whose unit numbers
        look like identifiers.
    FileNotFoundError
        No such file.

    Warns
    -----
    UserWarning
        No synapse of an edge list touches unit 0: its units may be numbered from 1.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.csv")
    ...     lines = path.write_text("pre,post,w" + chr(10) + "0,1,0.5")
    ...     net = load(path, tau=[10.0, 20.0])
    >>> net.weights.toarray().tolist()
    [[0.0, 0.0], [0.5, 0.0]]
    """
    path = Path(path)
    if n is not None:
        from .ensemble import _size

        n = _size(n)
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    readers = {".npz": _read_npz, ".mat": _read_mat}
    if path.suffix in readers:
        if n is not None:
            raise ValidationError("n= belongs to edge lists; the file has its own size")
        fields = readers[path.suffix](path)
    elif path.suffix in (".csv", ".tsv"):
        fields = {"weights": _read_edges(path, "," if path.suffix == ".csv" else "\t", n)}
    else:
        raise ValidationError(f"cannot load {path.name!r}: expected .npz, .mat, .csv or .tsv")
    given = {"tau": tau, "gain": gain, "labels": labels, "leak": leak}
    fields |= {name: value for name, value in given.items() if value is not None}
    try:
        return Network(**fields)
    except ValidationError as error:
        raise ValidationError(f"{path.name}: {error}") from None


def _read_npz(path: Path) -> dict[str, Any]:
    with open(path, "rb") as stream:  # numpy would leave a damaged file open
        if stream.read(2) != b"PK":
            raise ValidationError(
                f"{path.name} is not a readable .npz file: it is no zip archive (and pickled objects are never loaded)"
            )
        stream.seek(0)
        try:
            with np.load(stream, allow_pickle=False) as file:
                fields = {name: file[name] for name in file.files}
        except (zipfile.BadZipFile, EOFError, OSError, zlib.error) as error:
            raise ValidationError(
                f"{path.name} is not a readable .npz file: it is truncated or damaged ({error})"
            ) from None
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
    if "data" in fields and "weights" not in fields:
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
    fields = {name: value for name, value in raw.items() if not name.startswith("__")}
    for name in ("tau", "gain", "leak"):
        if name in fields:  # MATLAB knows no 1-d arrays and no scalars
            fields[name] = fields[name].ravel()[0] if fields[name].size == 1 else fields[name].ravel()
    if "labels" in fields:
        cells = fields["labels"].ravel()
        fields["labels"] = np.array([str(np.ravel(cell)[0]) if np.size(cell) else "" for cell in cells])
    return _known_fields(path, fields)


def _known_fields(path: Path, fields: dict[str, Any]) -> dict[str, Any]:
    if "weights" not in fields and "W" in fields:
        fields["weights"] = fields.pop("W")
    if "weights" not in fields:
        raise ValidationError(f"{path.name} holds no variable 'weights' (or 'W'), only {sorted(fields)}")
    return {name: fields[name] for name in ("weights", "tau", "gain", "labels", "leak") if name in fields}


def _read_edges(path: Path, delimiter: str, n: int | None) -> sp.csr_array:
    source: list[int] = []
    target: list[int] = []
    weight: list[float] = []
    columns: tuple[int, int, int] | None = None
    largest, line = -1, 0  # largest unit number, and where it is
    # utf-8-sig: spreadsheets put a byte-order mark in front
    with open(path, newline="", encoding="utf-8-sig", errors="replace") as file:
        for number, row in enumerate(csv.reader(file, delimiter=delimiter), start=1):
            cells = [cell.strip() for cell in row]
            if not any(cells):
                continue
            if cells[0].startswith("#"):
                if columns is None and not source:
                    columns = _columns([cells[0].lstrip("# "), *cells[1:]])  # numpy.savetxt writes headers so
                continue
            where = f"{path.name}, line {number}"
            if len(cells) != 3:
                raise ValidationError(f"{where}: expected source, target, weight; got {len(cells)} columns")
            if not source and not any(_is_number(cell) for cell in cells):
                named = _columns(cells)
                if named is None or columns not in (None, named):
                    raise ValidationError(
                        f"{where}: cannot tell from the header {row} which column is which: name them source, target, "
                        "weight (or pre, post; from, to), or remove the header if this is their order"
                    )
                columns = named
                continue
            a, b, c = columns or (0, 1, 2)
            try:
                edge = int(cells[a]), int(cells[b]), float(cells[c])
            except ValueError:
                raise ValidationError(f"{where}: expected two unit numbers and a weight, got {row}") from None
            if min(edge[:2]) < 0 or not np.isfinite(edge[2]):
                raise ValidationError(f"{where}: units are numbered from 0 and weights are finite, got {row}")
            source.append(edge[0])
            target.append(edge[1])
            weight.append(edge[2])
            if max(edge[:2]) > largest:
                largest, line = max(edge[:2]), number
    if not source:
        raise ValidationError(f"{path.name} lists no synapse")
    units = set(source) | set(target)
    where = f"{path.name}, line {line}: unit number {largest}"
    if n is None:
        if largest >= max(_FREE_NUMBERS, _NUMBERS_PER_UNIT * len(units)):
            raise ValidationError(
                f"{where}, but only {len(units)} units have a synapse, so these look like identifiers; units are "
                "numbered 0..n-1: renumber them, e.g. with np.unique(ids, return_inverse=True), or pass n= if there "
                "are that many"
            )
        n = largest + 1
        if 0 not in units:
            warnings.warn(f"{path.name}: unit 0 has no synapse; is the list numbered from 1?", stacklevel=3)
    elif largest >= n:
        hint = "; is the list numbered from 1?" if largest == n and 0 not in units else ""
        raise ValidationError(f"{where}, but n={n} units are numbered 0..{n - 1}{hint}")
    if _BYTES_PER_UNIT * n > _memory():
        raise ValidationError(f"{path.name}: n={n} units do not fit in the {1e-9 * _memory():,.0f} GB of this machine")
    matrix = sp.coo_array((weight, (target, source)), shape=(n, n)).tocsr()
    if matrix.nnz != len(weight):
        raise ValidationError(f"{path.name} lists some synapse more than once: merge repeated lines first")
    return matrix


_SOURCE = {"source", "src", "pre", "presynaptic", "from"}
_TARGET = {"target", "tgt", "post", "postsynaptic", "to"}


def _columns(header: list[str]) -> tuple[int, int, int] | None:
    """Columns of source, target and weight, or None if the header does not name the first two."""
    words = [set(re.findall(r"[a-z]+", cell.lower())) for cell in header]
    source = [k for k, name in enumerate(words) if name & _SOURCE]
    target = [k for k, name in enumerate(words) if name & _TARGET]
    if len(header) != 3 or len(source) != 1 or len(target) != 1 or source == target:
        return None
    return source[0], target[0], 3 - source[0] - target[0]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
