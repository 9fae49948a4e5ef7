"""Exact linear algebra of one network.

Every function takes a :class:`~rmtlib.network.Network`, or a real square matrix (dense or sparse)
that is itself the Jacobian J. "Exact" means up to rounding: nothing here knows the theory.

Networks with pruned columns have reducible Jacobians. Dense eigenvalue routines peel off units that
only send or only receive, but not the acyclic parts between two cycles, whose defective eigenvalues
they blur by as much as eps^(1/m) for a chain of m units. Eigenvalues are therefore found one strongly
connected component at a time, which is exact there, and faster.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csgraph
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, eigs, eigsh

from .errors import ConvergenceError, NotApplicableError, ValidationError
from .network import Network, _memory

__all__ = [
    "components",
    "departure_from_normality",
    "eigenvalues",
    "eigenvectors",
    "ipr",
    "leading_eigenvalues",
    "numerical_abscissa",
    "overlaps",
    "propagator_norm",
    "pseudospectrum",
]

FloatArray = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

# components up to this size are diagonalised densely by leading_eigenvalues
_DENSE_SIZE = 1500

# norm of tJ up to which propagator_norm takes exp(tJ): its scaling must be a representable power of 2
_LONGEST = 1e30


def _network(x: Any, what: str) -> Network:
    if hasattr(x, "populations"):
        raise NotApplicableError(
            f"{what}: an Ensemble is a law of networks, and this belongs to one matrix; draw one first: "
            f"{what}(ens.sample(n, seed=...))"
        )
    return x if isinstance(x, Network) else Network.from_jacobian(x)


def _dense(x: Any, what: str) -> FloatArray:
    net = _network(x, what)
    _check_memory(net.n, what)
    return net.dense_jacobian()


def _check_memory(n: int, what: str) -> None:
    # matrix, factorisation and workspace: about four copies
    memory = _memory()
    if 32.0 * n * n > memory:
        raise NotApplicableError(
            f"{what} works on a dense {n} x {n} matrix, which needs about {32e-9 * n * n:,.0f} GB and this machine has "
            f"{1e-9 * memory:,.0f} GB; leading_eigenvalues works on sparse networks of any size"
        )


def _sorted(values: NDArray) -> ComplexArray:
    """By decreasing real part, then decreasing imaginary part."""
    values = np.asarray(values, dtype=complex)
    return values[np.lexsort((-values.imag, -values.real))]


# ------------------------------------------------------------------------------------ components


def components(x: Any) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Strongly connected components of the directed graph of synapses.

    Two units are in one component when each reaches the other. In the order of the components J is
    block triangular, so its eigenvalues are those of the diagonal blocks.

    Returns
    -------
    labels : (n,) int array
        Component of each unit, numbered from the largest (0) to the smallest.
    sizes : int array
        Units of each component, not increasing.

    Examples
    --------
    >>> from rmtlib import components
    >>> labels, sizes = components([[0, 1, 0], [1, 0, 0], [1, 0, 0]])
    >>> labels.tolist(), sizes.tolist()
    ([0, 0, 1], [2, 1])
    """
    return _components(sp.csr_array(_network(x, "components").weights))


def _components(matrix: sp.csr_array) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    count, raw = csgraph.connected_components(matrix, directed=True, connection="strong")
    sizes = np.bincount(raw, minlength=count)
    order = np.argsort(-sizes, kind="stable")
    rank = np.empty(count, dtype=np.int64)
    rank[order] = np.arange(count)
    return rank[raw], sizes[order]


def _diagonal(net: Network) -> FloatArray:
    """Diagonal of J: exactly -leak/tau where there is no autapse."""
    return (np.asarray(net.weights.diagonal()) * net.gain - net.leak) / net.tau


def _blocks(net: Network) -> tuple[FloatArray, list[sp.csr_array]]:
    """Eigenvalues of the components of one unit, and the Jacobians of the larger components."""
    labels, sizes = components(net)
    trivial = sizes[labels] == 1
    large = int(np.sum(sizes > 1))
    if large == 0:
        return _diagonal(net)[trivial], []
    # keep synapses within components of two units or more, sorted by component
    order = np.flatnonzero(~trivial)
    order = order[np.argsort(labels[order], kind="stable")]
    inner = net.jacobian()[order][:, order].tocoo()
    member = labels[order]
    row, column = inner.coords
    same = member[row] == member[column]
    inner = sp.csr_array((inner.data[same], (row[same], column[same])), shape=inner.shape)
    start = np.append(0, np.cumsum(sizes[:large]))
    if large == 1:
        return _diagonal(net)[trivial], [inner]
    blocks = []
    for k in range(large):
        lo, hi = start[k], start[k + 1]
        # rows of one component hold nothing outside its columns: no general indexing needed
        a, b = inner.indptr[lo], inner.indptr[hi]
        parts = (inner.data[a:b], inner.indices[a:b] - lo, inner.indptr[lo : hi + 1] - a)
        blocks.append(sp.csr_array(parts, shape=(hi - lo, hi - lo)))
    return _diagonal(net)[trivial], blocks


def _dense_eigenvalues(matrix: FloatArray) -> NDArray:
    if np.array_equal(matrix, matrix.T):
        return np.linalg.eigvalsh(matrix)
    return np.linalg.eigvals(matrix)


# ----------------------------------------------------------------------------------- eigenvalues


def eigenvalues(x: Any) -> ComplexArray:
    """All n eigenvalues of J, through strongly connected components.

    A unit alone in its component (on no cycle of synapses) contributes J_ii, exactly -leak/tau_i
    without autapse. Other components are diagonalised one by one with LAPACK, symmetric ones by the
    symmetric routine.

    Returns
    -------
    (n,) complex array
        Sorted by decreasing real part, then decreasing imaginary part.

    Raises
    ------
    NotApplicableError
        The largest component does not fit in the memory of this machine: see
        :func:`leading_eigenvalues`.

    Examples
    --------
    >>> from rmtlib import Network, eigenvalues
    >>> eigenvalues(Network([[0, 3.0, 0], [0, 0, 3.0], [0, 0, 0]], tau=[1, 2, 4])).tolist()
    [(-0.25+0j), (-0.5+0j), (-1+0j)]
    """
    net = _network(x, "eigenvalues")
    if not net.is_sparse:
        synapses = np.count_nonzero(net.weights) - np.count_nonzero(np.diagonal(net.weights))
        if synapses == net.n * (net.n - 1):  # all to all: one component
            return _sorted(_dense_eigenvalues(_dense(net, "eigenvalues")))
    simple, blocks = _blocks(net)
    if blocks:
        _check_memory(blocks[0].shape[0], "eigenvalues")
    found = [simple.astype(complex)]
    k = 0
    while k < len(blocks):
        size = blocks[k].shape[0]
        if size > 16:
            found.append(_dense_eigenvalues(blocks[k].toarray()).astype(complex))
            k += 1
            continue
        stack = []  # many small components of one size: one batched call
        while k < len(blocks) and blocks[k].shape[0] == size:
            stack.append(blocks[k].toarray())
            k += 1
        found.append(np.linalg.eigvals(np.array(stack)).astype(complex).ravel())
    return _sorted(np.concatenate(found))


def leading_eigenvalues(x: Any, k: int = 6, tol: float = 1e-8, max_products: int = 200_000) -> ComplexArray:
    """The k rightmost eigenvalues of J, with sparse methods.

    Components of up to 1500 units are diagonalised densely, units on no cycle contribute J_ii
    exactly, and the rightmost eigenvalues of a larger component come from ARPACK (implicitly
    restarted Arnoldi) with a fixed start vector. Every pair it returns is checked,
    |J v - lambda v| <= tol |J|_F-scale; no Krylov method can prove that nothing lies further right.

    Parameters
    ----------
    k : int
        Number of eigenvalues, 1 <= k <= n. A conjugate pair cut in the middle keeps the member of
        positive imaginary part.
    tol : float
        Largest relative residual.
    max_products : int
        Limit on products with J for one component.

    Returns
    -------
    (k,) complex array
        Sorted as by :func:`eigenvalues`.

    Raises
    ------
    ConvergenceError
        ARPACK did not converge within `max_products`, or a residual missed `tol`.
    """
    net = _network(x, "leading_eigenvalues")
    if (
        not isinstance(k, (int, float, np.integer, np.floating))
        or isinstance(k, bool)
        or k != k // 1
        or not 1 <= k <= net.n
    ):
        raise ValidationError(f"k must be an integer between 1 and the number of units, {net.n}; got {k!r}")
    k = int(k)
    simple, blocks = _blocks(net)
    found = [_sorted(simple)[:k]]
    for block in blocks:
        if block.shape[0] <= max(_DENSE_SIZE, k + 2):
            found.append(_sorted(_dense_eigenvalues(block.toarray()))[:k])
        else:
            found.append(_arnoldi(block, k, tol, max_products))
    return _sorted(np.concatenate(found))[:k]


def _arnoldi(matrix: sp.csr_array, k: int, tol: float, max_products: int) -> ComplexArray:
    n = matrix.shape[0]
    # a few more than asked for, so that one slow eigenvalue at the end does not decide
    wanted = min(k + 2, n - 2)
    subspace = min(n, max(4 * wanted, 80))
    start = np.random.default_rng(0).standard_normal(n)
    try:
        values, vectors = eigs(
            matrix, wanted, which="LR", ncv=subspace, v0=start, tol=0.1 * tol, maxiter=max(1, max_products // subspace)
        )
    except ArpackNoConvergence as error:
        values, vectors = error.eigenvalues, error.eigenvectors
        rightmost = _sorted(values)[:k]
        if rightmost.size < k:
            raise ConvergenceError(
                f"ARPACK found {rightmost.size} of {k} rightmost eigenvalues of a component of {n} units in "
                f"{max_products} products: ask for fewer, or raise max_products",
                solution=rightmost,
            ) from None
    except ArpackError as error:
        raise ConvergenceError(f"ARPACK failed on a component of {n} units: {error}") from None
    residual = np.linalg.norm(matrix @ vectors - vectors * values, axis=0)
    scale = sp.linalg.norm(matrix, ord=np.inf)
    if np.any(residual > tol * scale):
        raise ConvergenceError(
            f"an eigenpair of a component of {n} units has residual {residual.max():.3g}, above tol * |J| = "
            f"{tol * scale:.3g}: raise tol or max_products",
            solution=_sorted(values)[:k],
        )
    return _sorted(values)[:k]


# ---------------------------------------------------------------------------------- eigenvectors


def eigenvectors(x: Any) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Eigenvalues, right and left eigenvectors of J, biorthonormal.

    J R = R diag(lambda), L^dagger J = diag(lambda) L^dagger, L^dagger R = 1, columns of R of norm 1.

    Returns
    -------
    values, right, left : (n,), (n, n), (n, n) complex arrays
        Sorted as by :func:`eigenvalues`.

    Raises
    ------
    NotApplicableError
        J has no full set of eigenvectors to working precision (defective, as acyclic networks of
        equal timescales are).
    """
    jacobian = _dense(x, "eigenvectors")
    if np.array_equal(jacobian, jacobian.T):
        values, right = np.linalg.eigh(jacobian)
        left = right
    else:
        values, right = np.linalg.eig(jacobian)
        with np.errstate(all="ignore"):
            try:
                left = np.linalg.inv(right).conj().T
            except np.linalg.LinAlgError:
                left = np.full_like(right, np.inf)
        size = np.linalg.norm(left) if np.all(np.isfinite(left)) else np.inf
        if not size * np.linalg.norm(right) < 1e13:
            raise NotApplicableError(
                "J is defective to working precision: it has no full set of eigenvectors, so left and right ones "
                "cannot be normalised against each other; take a strongly connected component (net.subnetwork)"
            )
    order = np.lexsort((-np.imag(values), -np.real(values)))
    return (values[order].astype(complex), right[:, order].astype(complex), left[:, order].astype(complex))


def ipr(vectors: ArrayLike) -> Any:
    """Inverse participation ratio sum |v_i|^4 / (sum |v_i|^2)^2 of each column.

    1 for a vector on one unit, 1/n for one spread evenly; n IPR tends to 3 for real and 2 for
    complex Gaussian vectors.

    Parameters
    ----------
    vectors : (n,) or (n, m) array_like, or Network
        A Network stands for its right eigenvectors, sorted as by :func:`eigenvalues`.

    Examples
    --------
    >>> from rmtlib import ipr
    >>> ipr([1.0, 1.0, 0.0, 0.0])
    0.5
    """
    if isinstance(vectors, Network) or hasattr(vectors, "populations"):
        vectors = eigenvectors(_network(vectors, "ipr"))[1]
    array = np.asarray(vectors)
    if array.ndim not in (1, 2) or array.size == 0 or array.dtype.kind not in "fciu":
        raise ValidationError(
            f"ipr takes a vector or a matrix of columns, got an array of dtype {array.dtype} and shape {array.shape}"
        )
    weight = np.abs(array.astype(complex)) ** 2
    norm = weight.sum(axis=0)
    if not np.all(np.isfinite(norm)) or np.any(norm == 0):
        raise ValidationError("ipr is defined for finite vectors other than 0")
    ratio = np.sum((weight / norm) ** 2, axis=0)
    return float(ratio) if array.ndim == 1 else ratio


def overlaps(x: Any) -> tuple[ComplexArray, FloatArray]:
    """Eigenvalues and self-overlaps O_i = <l_i|l_i><r_i|r_i> with <l_i|r_i> = 1.

    O_i >= 1 is the square of the condition number of eigenvalue i: a perturbation of J of norm
    epsilon moves it by at most epsilon sqrt(O_i) to first order. All are 1 for a normal matrix, of
    order n in the bulk of a Ginibre matrix (Chalker and Mehlig, PRL 81, 3367, 1998).

    Returns
    -------
    values, overlaps : (n,) complex and (n,) float arrays
        Sorted as by :func:`eigenvalues`.
    """
    values, right, left = eigenvectors(_network(x, "overlaps"))
    return values, np.sum(np.abs(left) ** 2, axis=0) * np.sum(np.abs(right) ** 2, axis=0)


# --------------------------------------------------------------------------------- non-normality


def numerical_abscissa(x: Any) -> float:
    """Largest eigenvalue of (J + J^T)/2: the initial growth rate of |exp(tJ)| at t = 0+.

    It bounds the real parts of the eigenvalues from above, with equality for normal J.

    Parameters
    ----------
    x : Network, (n, n) real matrix, or Ensemble
        A matrix is itself the Jacobian J. For an Ensemble: :func:`rmtlib.theory.transients.numerical_abscissa`.

    Returns
    -------
    float
        In the unit of J, 1/tau.

    Raises
    ------
    ConvergenceError
        The Lanczos iteration, used for sparse networks of more than 1500 units, did not converge.

    Examples
    --------
    >>> from rmtlib import numerical_abscissa
    >>> round(numerical_abscissa([[-1.0, 4.0], [0.0, -1.0]]), 12)
    1.0
    """
    if hasattr(x, "populations"):
        from .theory.transients import numerical_abscissa as of_law

        return of_law(x)
    net = _network(x, "numerical_abscissa")
    if net.n <= _DENSE_SIZE or not net.is_sparse:
        jacobian = _dense(net, "numerical_abscissa")
        return float(la.eigvalsh(0.5 * (jacobian + jacobian.T), subset_by_index=[net.n - 1, net.n - 1])[0])
    jacobian = net.jacobian()
    symmetric = 0.5 * (jacobian + jacobian.T)
    start = np.random.default_rng(0).standard_normal(net.n)
    try:
        return float(eigsh(symmetric, 1, which="LA", v0=start, tol=1e-10, return_eigenvectors=False)[0])
    except ArpackError as error:
        raise ConvergenceError(f"Lanczos iteration for the numerical abscissa did not converge: {error}") from None


def departure_from_normality(x: Any, relative: bool = False) -> float:
    """Henrici's number sqrt(|J|_F^2 - sum |lambda_i|^2), which vanishes for normal matrices only.

    The difference cancels: values below about 1e-7 |J|_F are rounding. Symmetric J give 0.

    Parameters
    ----------
    relative : bool
        Divide by |J|_F.

    Examples
    --------
    >>> from rmtlib import departure_from_normality
    >>> round(departure_from_normality([[-1.0, 4.0], [0.0, -1.0]]), 12)
    4.0
    """
    net = _network(x, "departure_from_normality")
    jacobian = net.jacobian()
    if (jacobian != jacobian.T).nnz == 0:
        return 0.0
    norm = float(np.sum(jacobian.data**2))
    square = max(norm - float(np.sum(np.abs(eigenvalues(net)) ** 2)), 0.0)
    return float(np.sqrt(square / norm) if relative and norm else np.sqrt(square))


def pseudospectrum(x: Any, z: ArrayLike) -> Any:
    """Smallest singular value of z - J at each point.

    The epsilon-pseudospectrum is where it is below epsilon: eigenvalues of some J + E, |E| <
    epsilon. One Schur decomposition J = Q T Q^dagger serves all points; at each, Lanczos iteration
    on (z - T)^-dagger (z - T)^-1 with two triangular solves a step (Trefethen and Embree 2005,
    chapter 39), to a relative accuracy of 1e-8, and a full SVD where that is not reached.

    Parameters
    ----------
    z : array_like of complex
        In the unit of J, 1/tau.

    Returns
    -------
    float array of z's shape
    """
    points = np.asarray(z)
    if points.dtype.kind not in "biufc":
        raise ValidationError(f"z must be numbers, got an array of dtype {points.dtype}")
    points = points.astype(complex)
    if not np.all(np.isfinite(points)):
        raise ValidationError(f"z holds {int(np.sum(~np.isfinite(points)))} NaN or infinite points")
    jacobian = _dense(x, "pseudospectrum")
    triangle = la.schur(jacobian, output="complex")[0]
    start = np.random.default_rng(0).standard_normal((2, triangle.shape[0]))
    flat = np.array([_smallest_singular(triangle, point, start[0] + 1j * start[1]) for point in points.ravel()])
    return float(flat[0]) if points.ndim == 0 else flat.reshape(points.shape)


def _smallest_singular(triangle: ComplexArray, z: complex, start: ComplexArray) -> float:
    shifted = -triangle
    shifted[np.diag_indices_from(shifted)] += z
    n = shifted.shape[0]
    floor = np.finfo(float).eps * np.abs(shifted).max()
    if n < 40 or np.abs(np.diagonal(shifted)).min() <= floor:
        return float(la.svdvals(shifted)[-1])
    vector, before = start / np.linalg.norm(start), np.zeros(n)
    alpha: list[float] = []
    beta: list[float] = []
    previous, last = 0.0, 0.0
    for step in range(60):
        image = la.solve_triangular(shifted, vector, check_finite=False)
        image = la.solve_triangular(shifted, image, trans="C", check_finite=False)
        alpha.append(float(np.real(np.vdot(vector, image))))
        image -= alpha[-1] * vector + last * before
        last = float(np.linalg.norm(image))
        ritz = la.eigh_tridiagonal(alpha, beta, eigvals_only=True)[-1] if step else alpha[0]
        if not np.isfinite(ritz):
            break
        if step > 1 and abs(ritz - previous) <= 1e-9 * ritz:
            return float(1.0 / np.sqrt(ritz))
        previous = ritz
        if last == 0.0:
            return float(1.0 / np.sqrt(ritz))
        beta.append(last)
        before, vector = vector, image / last
    return float(la.svdvals(shifted)[-1])


def propagator_norm(x: Any, t: ArrayLike) -> Any:
    """Spectral norm |exp(tJ)| at each time: the largest growth of any initial condition.

    Parameters
    ----------
    t : array_like of float, >= 0
        In the unit of tau.

    Returns
    -------
    float, or float array of t's shape
        Infinite where the norm exceeds the largest float, about 1.8e308. The relative error grows
        as t |J| times the machine precision.

    Raises
    ------
    ValidationError
        A time that is negative or not finite, or so long that the entries of tJ overflow.

    Examples
    --------
    >>> from rmtlib import propagator_norm
    >>> round(propagator_norm([[-2.0, 0.0], [0.0, -1.0]], 1.0), 6)
    0.367879
    """
    times = np.asarray(t)
    if times.dtype.kind not in "biuf":
        raise ValidationError(f"t must be real numbers, got an array of dtype {times.dtype}")
    times = times.astype(float)
    if not np.all(np.isfinite(times)) or np.any(times < 0):
        raise ValidationError("t must hold finite times, none negative")
    jacobian = _dense(x, "propagator_norm")
    largest = np.abs(jacobian).sum(axis=0).max()
    if times.size and largest * times.max() > _LONGEST:
        raise ValidationError(
            f"t={times.max():.6g} is too long for exp(tJ): |tJ| = {largest * times.max():.3g} exceeds {_LONGEST:.0e}"
        )
    norms = np.array([_expm_norm(jacobian, time) for time in times.ravel()])
    return float(norms[0]) if times.ndim == 0 else norms.reshape(times.shape)


def _expm_norm(jacobian: FloatArray, time: float) -> float:
    with np.errstate(all="ignore"):
        propagator = la.expm(time * jacobian)
        if np.all(np.isfinite(propagator)):
            return float(np.linalg.norm(propagator, 2))
        # Overflow on the way says little about the end of it: |exp(tJ)| = exp(ta) |exp(t(J - a))|, where with
        # a = max Re lambda the second factor neither grows exponentially nor falls below 1.
        shift = float(np.linalg.eigvals(jacobian).real.max())
        propagator = la.expm(time * (jacobian - shift * np.eye(len(jacobian))))
        if not np.all(np.isfinite(propagator)):
            return np.inf
        growth = max(float(np.linalg.norm(propagator, 2)), 1.0)  # below 1 by rounding only
        return float(np.exp(time * shift + np.log(growth)))
