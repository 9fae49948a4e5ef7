"""One network: weights, timescales, gains, and its Jacobian.

A :class:`Network` is a single matrix with what belongs to it, whether sampled from an
:class:`~rmtlib.ensemble.Ensemble`, trained, or measured. Conventions: ``W[i, j]`` is the weight of
the synapse from unit j to unit i, and

    J = T^-1 (-leak + W H),   T = diag(tau),   H = diag(gain).
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
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
    if isinstance(x, Mapping):
        raise ValidationError(
            f"weights must be one array, W[target, source], got {type(x).__name__} with the keys "
            f"{_short([str(key) for key in x], 200)}: pass the one of these that holds the recurrent weights"
        )
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


def _strings(x: Any, n: int, what: str) -> Any:
    if x is None:
        return None
    array = np.array(x)  # a copy: the network owns its arrays
    if array.dtype.kind == "O" and all(isinstance(label, str) for label in array.ravel()):
        array = array.astype(str)
    if array.dtype.kind != "U":
        raise ValidationError(f"{what} must be strings, got dtype {array.dtype}")
    if array.shape != (n,):
        raise ValidationError(f"{what} have shape {array.shape}, but there are {n} units")
    return array


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
    names : (n,) sequence of str, optional
        Name of each unit, no two alike, such as those of an edge list. No computation uses them.

    Raises
    ------
    ValidationError
        Weights not square, empty, complex or not finite; tau not positive; shapes that disagree; two
        units of one name.

    Examples
    --------
    >>> from rmtlib import Network
    >>> net = Network([[0.0, 2.0], [0.0, 0.0]], tau=[1.0, 4.0])
    >>> net.jacobian().toarray().tolist()
    [[-1.0, 2.0], [0.0, -0.25]]
    """

    __slots__ = ("gain", "labels", "leak", "names", "tau", "weights")
    weights: Any  # ndarray or scipy.sparse.csr_array
    tau: FloatArray
    gain: FloatArray
    labels: Any  # ndarray of str, or None
    leak: float
    names: Any  # ndarray of str, or None

    def __init__(
        self,
        weights: Any,
        tau: ArrayLike = 1.0,
        gain: ArrayLike = 1.0,
        labels: Any = None,
        leak: float = 1.0,
        names: Any = None,
    ):
        matrix = _weights(weights)
        n = matrix.shape[0]
        self._fill(matrix, _per_unit(tau, n, "tau"), _per_unit(gain, n, "gain"), labels, leak, names)

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

    def _fill(
        self, weights: Any, tau: FloatArray, gain: FloatArray, labels: Any, leak: float, names: Any = None
    ) -> None:
        bad = np.flatnonzero(tau <= 0)
        if bad.size:
            raise ValidationError(
                f"tau must be positive, unit {bad[0]} has {tau[bad[0]]:.6g} ({bad.size} such units): "
                "a timescale of 0 or below has no dynamics"
            )
        labels, names = _strings(labels, tau.size, "labels"), _strings(names, tau.size, "names")
        if names is not None:
            kinds, count = np.unique(names, return_counts=True)
            if kinds.size < names.size:
                raise ValidationError(
                    f"two units have the name {str(kinds[np.argmax(count > 1)])!r}: names tell units apart (populations "
                    "belong in labels)"
                )
        try:
            leak = float(leak)
        except (TypeError, ValueError):
            raise ValidationError(f"leak must be a number, got {_short(leak)}") from None
        if not np.isfinite(leak):
            raise ValidationError(f"leak must be finite, got {leak}")
        arrays = [weights.data, weights.indices, weights.indptr] if sp.issparse(weights) else [weights]
        for array in (*arrays, tau, gain, *(x for x in (labels, names) if x is not None)):
            array.setflags(write=False)
        self.__setstate__(
            {"weights": weights, "tau": tau, "gain": gain, "labels": labels, "leak": leak, "names": names}
        )

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
        for name, value in {"names": None, **state}.items():  # there were no names in version 0.1
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
        labels, names = (None if x is None else x[index] for x in (self.labels, self.names))
        return Network(weights, self.tau[index], self.gain[index], labels, self.leak, names)

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

    @classmethod
    def from_edges(
        cls, source: Any, target: Any, weight: Any, tau: Any = None, gain: Any = None, labels: Any = None,
        leak: float = 1.0, n: int | None = None, names: Any = None, repeated: str = "error", first: int = 0,
    ) -> Network:
        """The network of a list of synapses: ``W[target[k] - first, source[k] - first] = weight[k]``.

        Parameters
        ----------
        source, target : (m,) array_like of int or str
            Units by number, 0..n-1 (first..first+n-1), or by name.
        weight : float or (m,) array_like
        tau, gain, labels : optional
            As for :class:`Network`, or a mapping from the name (the number) of each unit; default 1, 1, None.
        leak : float
        n : int, optional
            Number of units, when the last ones have no synapse (units by number).
        names : sequence of str, optional
            All units in their order. By default the names in ``source`` and ``target``, sorted.
        repeated : {"error", "sum"}
            What to do with several weights for one pair.
        first : int
            Number of the first unit; 1 for lists made in MATLAB, Julia or R. Mappings go by these numbers too.

        Raises
        ------
        ValidationError
            Lengths that disagree, a name that ``names`` does not have, numbers that look like identifiers,
            repeated pairs.

        Examples
        --------
        >>> net = Network.from_edges(["a", "c"], ["b", "b"], [0.5, -1.0], tau={"a": 1.0, "b": 2.0, "c": 3.0})
        >>> net.names.tolist(), net.weights.toarray()[1].tolist(), net.tau.tolist()
        (['a', 'b', 'c'], [0.5, 0.0, -1.0], [1.0, 2.0, 3.0])
        """
        from . import reading

        return reading.from_edges(source, target, weight, tau, gain, labels, leak, n, names, repeated, first)

    @classmethod
    def from_pandas(
        cls, frame: Any, tau: Any = None, gain: Any = None, labels: Any = None, leak: float = 1.0,
        units: Any = None, repeated: str = "error", first: int = 0,
    ) -> Network:
        """The network of a pandas frame: a table of synapses, or a square table of weights.

        Parameters
        ----------
        frame : pandas.DataFrame
            With columns ``source``, ``target``, ``weight`` (or pre and post, from and to, src and dst, as in a
            file): one synapse a row. Otherwise square: rows are targets, columns sources, and where index and columns are
            names they must be the same ones; columns are put into the order of the rows.
        tau, gain, labels : optional
            As for :meth:`from_edges`; a Series is matched by its index where that holds the names.
        leak : float
        units : pandas.DataFrame, optional
            One row a unit, with a column ``unit`` (or called as :func:`load` says under ``units``; else an index
            other than 0, 1, 2, ... is taken), and any of ``tau``, ``gain``, ``label``. It sets the order of the units.
        repeated : {"error", "sum"}
            As for :meth:`from_edges`.
        first : int
            As for :meth:`from_edges`.

        Raises
        ------
        ValidationError
            A frame of neither form; columns for source and target without one for the weight; a frame of units that
            does not say which unit a row is about.

        Warns
        -----
        UserWarning
            A column of numbers in ``units`` was not used, and there is no ``tau`` or no ``gain``.

        Examples
        --------
        >>> import pandas as pd
        >>> synapses = pd.DataFrame({"pre": ["a", "c"], "post": ["b", "b"], "w": [0.5, -1.0]})
        >>> Network.from_pandas(synapses).weights.toarray()[1].tolist()
        [0.5, 0.0, -1.0]
        """
        from . import reading

        return reading.from_pandas(frame, tau, gain, labels, leak, units, repeated, first)

    @classmethod
    def from_networkx(
        cls, graph: Any, weight: str | None = "weight", tau: Any = None, gain: Any = None, labels: Any = None,
        leak: float = 1.0,
    ) -> Network:
        """The network of a networkx digraph: an edge u -> v is a synapse from u to v.

        Parameters
        ----------
        graph : networkx.DiGraph
            Units in the order of ``graph.nodes``, with ``str(node)`` for names. Of a MultiDiGraph the weights of
            parallel edges are summed. An undirected graph is refused: say ``graph.to_directed()``.
        weight : str or None
            Edge attribute that holds the weight; each edge must have it. None: 1 for every edge.
        tau, gain, labels : optional
            As for :meth:`from_edges` (mappings go from nodes), or the name of a node attribute.
        leak : float

        Raises
        ------
        ValidationError
            An undirected graph, an edge without the weight, a node without the attribute.

        Examples
        --------
        >>> import networkx as nx
        >>> graph = nx.DiGraph()
        >>> graph.add_edge("a", "b", weight=0.5)
        >>> net = Network.from_networkx(graph, tau=10.0)
        >>> net.names.tolist(), float(net.weights[1, 0])
        (['a', 'b'], 0.5)
        """
        from . import reading

        return reading.from_networkx(graph, weight, tau, gain, labels, leak)

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
            fields |= {key: x for key, x in (("labels", self.labels), ("names", self.names)) if x is not None}
            if self.is_sparse:
                fields |= {"data": self.weights.data, "indices": self.weights.indices, "indptr": self.weights.indptr}
            else:
                fields["weights"] = self.weights
            with _replacing(path) as temporary, open(temporary, "wb") as file:
                np.savez_compressed(file, **fields)
        elif path.suffix == ".mat":
            both = (("labels", self.labels), ("names", self.names))
            fields |= {key: x.astype(object) for key, x in both if x is not None}
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
    tau: Any = None,
    gain: Any = None,
    labels: Any = None,
    leak: float | None = None,
    n: int | None = None,
    kind: str | None = None,
    units: Any = None,
    transpose: bool = False,
    repeated: str = "error",
    first: int = 0,
) -> Network:
    """Read a network from ``.npz``, ``.npy``, ``.mat``, or from a table in ``.csv`` or ``.tsv``.

    Parameters
    ----------
    path : path
        ``.npz`` as written by :meth:`Network.save` (never unpickled), or a matrix of weights as
        written by ``scipy.sparse.save_npz``; ``.npy``: one array of numbers, the weights; ``.mat`` (MATLAB up
        to v7.2). Variables of ``.npz`` and ``.mat`` are ``weights`` or ``W``, and optionally ``tau``, ``gain``,
        ``labels``, ``names``, ``leak``, in letters of any size (a name exactly so comes first). A table of text is
        in UTF-8, see ``kind``, with ``#`` comments; numbers separated by spaces are read too, as
        ``numpy.savetxt`` writes them by default.
    tau, gain, labels : optional
        Replace what the file holds; where it holds none of them: 1, 1, None. One value a unit, a single
        number, a mapping from the names (numbers) of units, or the path of a file: one value a line (``.csv``,
        ``.tsv``, ``.txt``), or a table as for ``units`` of which that column is taken.
    leak : float, optional
        Likewise; default 1.
    n : int, optional
        Number of units of a list of synapses, when the last ones have none.
    kind : {None, "edges", "named edges", "matrix"}
        What a table holds. *Edges*: one synapse a line, ``source, target, weight``. Units are numbered from
        0 (see ``first``), or have names (also numbers, with "named edges"): these become ``names``, sorted, unless ``units``
        says the order. A header line (also as a comment above the first synapse) that names the columns
        decides their order: source, src, pre or from; target, dst, post or to; the weight is the third column, or of
        several the one called weight. *Matrix*: rows of numbers, one per target, one column per source,
        with names of units above, or on the left, or both. By default the table must leave no doubt.
    units : path, optional
        A table with one row a unit and a header: ``unit`` (the name or number), and any of ``tau`` (or
        timescale), ``gain`` (slope), ``label`` (population). The column of units may also be called name,
        neuron, cell, node, id, index, key, or unit_name, neuron_id, body_id, root_id and the like, in any
        spelling, or have an empty header, as pandas writes an index. If no header says so, units with names
        take the one column that holds exactly these names (none: an error), units by number the one column
        that holds each number once, else the order of rows.
    transpose : bool
        The file has ``W[source, target]``.
    repeated : {"error", "sum"}
        What to do with several weights for one pair in a list of synapses.
    first : int
        Number of the first unit in the file, in ``units`` and in mappings; 1 for what MATLAB, Julia or R number.
        Unit ``k`` there is row ``k - first`` here.

    Raises
    ------
    ValidationError
        A file that is truncated, pickled, of an unknown kind, or describes no valid network; a table
        that may be read in two ways, an edge list under a header that does not say which column is the
        source or the weight, or whose unit numbers look like identifiers; a table of units that does not say
        which unit a row is about.
    FileNotFoundError
        No such file.

    Warns
    -----
    UserWarning
        No synapse of an edge list touches unit 0: its units may be numbered from 1 (``first=1``). A variable of
        the file, or a column of numbers in ``units``, was not used, and no ``tau`` or no ``gain`` was found or
        given, so that it is 1: the name may be misspelt.

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
    from . import reading

    return reading.load(path, tau, gain, labels, leak, n, kind, units, transpose, repeated, first)
