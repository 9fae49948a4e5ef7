r"""Sparse symmetric matrices: adjacency and Laplacian spectra of weighted random graphs.

A graph has weights ``A_ij = A_ji``, of any real law; its Laplacian is ``L = D - A`` with ``D_ii = sum_j A_ij``.
On a tree, removing vertex ``i`` cuts its neighbours apart, and the Schur complement gives the resolvent
``G_ii = -i/Omega_i`` in terms of messages from the neighbours, for ``Im z > 0``:

.. math::
   \Omega_i = -i z + \sum_{k \sim i} m_{k \to i}, \qquad
   m_{k \to i} = \frac{A_{ik}^2}{\Omega_{k \setminus i}} \;\text{(adjacency)}, \qquad
   m_{k \to i} = \frac{1}{1/\Omega_{k \setminus i} - i/A_{ik}} \;\text{(Laplacian)},

where ``Omega_{k\i}`` leaves out the message from ``i``. Its real part is positive. On an Erdos-Renyi graph of mean
degree ``c`` the number of messages is Poisson with or without ``i``, and in law

.. math::
   \Omega \overset{d}{=} -i z + \sum_{k=1}^{\mathrm{Poisson}(c)} m(w_k, \Omega_k), \qquad
   \varrho(x) = \lim_{\eta \to 0} \frac1\pi \mathrm{Re}\, E\, \frac{1}{\Omega}\Big|_{z = x + i\eta} .

Routes, independent of each other: :func:`cavity` on one graph; in :func:`resolvent` and :func:`density` the
distributional equation by populations of samples (``"population-dynamics"``) or through its Laplace transform
(``"hammerstein"``, see :mod:`rmtlib.theory.hammerstein`), and two approximations, ``"effective-medium"``
(``Omega = -i z + c <m(w, Omega)>``; Wigner's semicircle for the adjacency matrix) and ``"single-defect"`` (one vertex with
its Poisson number of neighbours in that medium). The two are a reconstruction; see
:mod:`rmtlib.theory.single_defect`.

**Regularisation.** The limiting spectrum holds atoms on a dense set (finite trees hang off the giant component
and float beside it), so its density does not exist at ``eta = 0``. What is returned is the spectrum convolved with a
Lorentzian of half width ``eta``, and ``eta`` must be positive. An atom of mass ``m`` shows as a peak of height ``m/(pi eta)``;
:func:`atom_at_zero` gives the mass of the largest.

Sources: Rodgers and Bray, Phys. Rev. B 37, 3557 (1988); Rogers, Perez Castillo, Kuehn and Takeda,
Phys. Rev. E 78, 031116 (2008), for the cavity form; Kuehn, J. Phys. A 41, 295002 (2008), for the population
dynamics and the Laplacian; Akara-pipattana and Evnin, arXiv:2410.00355; Kesten, Trans. Am. Math. Soc. 92, 336 (1959)
and McKay, Linear Algebra Appl. 40, 203 (1981), for regular graphs.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy import optimize

from ..ensemble import _generator, _number, _size
from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..laws import as_law
from ..solve import Solution, Status, anderson
from . import hammerstein as _hammerstein

__all__ = ["atom_at_zero", "cavity", "density", "kesten_mckay", "laplacian", "resolvent", "sample"]

_MATRICES = ("adjacency", "laplacian")
_METHODS = ("hammerstein", "population-dynamics", "effective-medium", "single-defect")


# --- graphs --------------------------------------------------------------------------------------------------


def sample(n: int, degree, weight=1.0, seed=None, regular: bool = False) -> sp.csr_array:
    """Symmetric matrix of weights of one random graph without loops or double edges.

    Parameters
    ----------
    n : int
        Number of vertices.
    degree : float
        Mean degree of an Erdos-Renyi graph (each pair joined with probability ``degree/(n - 1)``), or, if
        `regular`, the degree of every vertex: an integer, ``n * degree`` even.
    weight : law
        Of the weight of an edge; anything :func:`~rmtlib.laws.as_law` reads.
    seed : int, numpy Generator or None
    regular : bool
        Pairing of half-edges with switches that remove loops and double edges: uniform up to O(1/n).

    Returns
    -------
    scipy.sparse.csr_array, shape (n, n)

    Raises
    ------
    ValidationError
        A degree that such a graph cannot have.

    Examples
    --------
    >>> from rmtlib.theory import hermitian
    >>> graph = hermitian.sample(1000, 4, seed=0)
    >>> print(graph.shape, round(graph.sum() / 1000, 1))
    (1000, 1000) 4.1
    """
    n, law, rng = _size(n), as_law(weight), _generator(seed)
    degree = _number(degree, "degree")
    if not 0 <= degree <= n - 1:
        raise ValidationError(f"degree must lie between 0 and n - 1 = {n - 1}, got {degree:.6g}")
    if regular:
        if degree != int(degree) or (n * int(degree)) % 2:
            raise ValidationError(f"a regular graph needs an integer degree and n * degree even, got {degree:.6g}, n={n}")
        rows, cols = _regular_edges(n, int(degree), rng)
    else:
        rows, cols = _random_edges(n, degree, rng)
    values = law.sample(len(rows), rng)
    matrix = sp.coo_array((values, (rows, cols)), shape=(n, n))
    return sp.csr_array(matrix + matrix.T)


def _random_edges(n, degree, rng):
    pairs = n * (n - 1) // 2
    count = rng.binomial(pairs, degree / (n - 1)) if n > 1 else 0
    if pairs < 10_000_000 or count > pairs // 4:
        code = rng.choice(pairs, count, replace=False)
    else:
        code = np.unique(rng.integers(pairs, size=count))
        while len(code) < count:
            code = np.unique(np.append(code, rng.integers(pairs, size=count - len(code))))
    # pair (i, j) with i > j has the number i (i - 1)/2 + j
    i = ((1 + np.sqrt(1 + 8.0 * code)) / 2).astype(np.int64)
    i -= i * (i - 1) // 2 > code
    i += i * (i + 1) // 2 <= code
    return i, code - i * (i - 1) // 2


def _regular_edges(n, degree, rng):
    ends = rng.permutation(np.repeat(np.arange(n), degree)).reshape(-1, 2)
    for _ in range(1000):
        low, high = ends.min(1), ends.max(1)
        code = low.astype(np.int64) * n + high
        first = np.zeros(len(code), bool)
        first[np.unique(code, return_index=True)[1]] = True
        bad = np.flatnonzero((low == high) | ~first)
        if not bad.size:
            return ends[:, 0], ends[:, 1]
        partner = rng.choice(len(ends), len(bad), replace=False)
        for a, b in zip(bad, partner, strict=True):
            if a != b:
                ends[a, 1], ends[b, 1] = ends[b, 1], ends[a, 1]
    raise ValidationError(f"no simple graph of degree {degree} on {n} vertices was found: use a larger n")


def laplacian(graph) -> sp.csr_array:
    """``D - A`` with ``D_ii = sum_j A_ij``; its rows sum to 0.

    Examples
    --------
    >>> from rmtlib.theory import hermitian
    >>> hermitian.laplacian([[0, 2.0], [2.0, 0]]).toarray().tolist()
    [[2.0, -2.0], [-2.0, 2.0]]
    """
    graph = _graph(graph)
    return sp.csr_array(sp.diags_array(graph.sum(axis=1)) - graph)


def _graph(graph) -> sp.csr_array:
    try:
        matrix = sp.csr_array(graph).astype(float)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"the graph must be a square symmetric matrix of weights: {error}") from None
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValidationError(f"the graph must be a square symmetric matrix of weights, got shape {matrix.shape}")
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    if not np.all(np.isfinite(matrix.data)):
        raise ValidationError("the graph holds NaN or infinite weights")
    if np.any(matrix.diagonal() != 0):
        raise ValidationError("the graph has loops (a non-zero diagonal), for which the messages are not written")
    if abs(matrix - matrix.T).max() > 0:
        raise ValidationError("the graph is not symmetric: for directed ones see rmt.resolvent with a Network")
    return matrix


# --- arguments -----------------------------------------------------------------------------------------------


def _energies(x) -> np.ndarray:
    try:
        x = np.asarray(x)
        if x.dtype.kind not in "biuf":
            raise TypeError(f"dtype {x.dtype}")
    except (TypeError, ValueError) as error:
        raise ValidationError(f"x must be real numbers: {error}") from None
    if not np.all(np.isfinite(x)):
        raise ValidationError("x holds NaN or infinite values")
    return x.astype(float)


def _width(eta) -> float:
    eta = _number(eta, "eta")
    if not eta > 0:
        raise ValidationError(
            f"eta must be positive, got {eta:.6g}: the spectrum has atoms on a dense set, so that only its convolution "
            "with a Lorentzian of half width eta is a function"
        )
    return eta


def _check(matrix, method=None):
    if matrix not in _MATRICES:
        raise ValidationError(f"matrix must be one of {', '.join(_MATRICES)}, got {matrix!r}")
    if method is not None and method not in _METHODS:
        raise ValidationError(f"unknown method {method!r}; methods: {', '.join(_METHODS)}")


def _accuracy(tol, default):
    tol = default if tol is None else _number(tol, "tol")
    if not 0 < tol < 1:
        raise ValidationError(f"tol must lie between 0 and 1, got {tol:.6g}")
    return tol


def _finish(solution, throw):
    if throw and not solution.ok:
        bad = np.ravel(solution.status) != Status.CONVERGED
        remedy = {
            "population-dynamics": "use more replicas, a larger population or more sweeps",
            "cavity": "use a larger eta: next to the eigenvalues of loops the messages hardly converge",
        }.get(solution.method, "use a larger eta (the grid that is needed grows as |z|/eta) or loosen tol")
        raise ConvergenceError(
            f"{int(bad.sum())} of {bad.size} points missed the tolerance (method={solution.method!r}): {remedy}. The "
            "exception's .solution holds every point; throw=False returns it instead.",
            solution,
        )
    return solution


# --- ensembles -----------------------------------------------------------------------------------------------


def resolvent(
    z, degree, weight=1.0, matrix="adjacency", method="hammerstein", tol=None, throw=True, **options
) -> Solution:
    r"""``G(z) = lim (1/n) tr (z - M)^-1`` of a large Erdos-Renyi graph with independent weights.

    Parameters
    ----------
    z : array_like of complex
        ``Im z > 0``.
    degree : float
        Mean degree ``c > 0``.
    weight : law
        Of the weight of an edge.
    matrix : {"adjacency", "laplacian"}
    method : {"hammerstein", "population-dynamics", "effective-medium", "single-defect"}
        The first two are exact up to their stated error; the first takes any weights for the adjacency matrix
        and weights of a few values for the Laplacian.
    tol : float, optional
        Relative tolerance; default 1e-4 (0.1 for population dynamics). Work grows as ``|z|/Im z``, hardly with ``tol``.
    throw : bool
        Raise if a point fails; otherwise see ``Solution.status``.
    **options
        Of population dynamics: ``population`` (2000), ``replicas`` (8), ``sweeps`` (150; the first third is
        discarded), ``seed`` (0). Its error is the 95% interval of the mean over replicas.

    Returns
    -------
    Solution
        Complex, in the shape of ``z``; units of 1/weight.

    Raises
    ------
    ValidationError
        A point with ``Im z <= 0``, an unknown method, matrix or option.
    NotApplicableError
        ``"hammerstein"`` for a Laplacian whose weights have a density, or more than 24 values.
    ConvergenceError
        With ``.solution``, if ``throw``.

    Examples
    --------
    >>> from rmtlib.theory import hermitian
    >>> print(hermitian.resolvent([2j, 1 + 0.5j], 4.0).value.round(4) + 0)
    [0.    -0.3178j 0.1489-0.4312j]
    """
    _check(matrix, method)
    points = np.asarray(z)
    if points.dtype.kind not in "biufc" or not np.all(np.isfinite(points)):
        raise ValidationError("z must hold finite numbers")
    points = points.astype(complex)
    if np.any(points.imag <= 0):
        raise ValidationError("z must lie in the upper half plane; below it, G(conj z) = conj G(z)")
    degree, law = _number(degree, "degree"), as_law(weight)
    if not degree > 0:
        raise ValidationError(f"degree must be positive, got {degree:.6g}")
    scale = float(np.sqrt(law.second_moment()))
    if not scale > 0:
        raise ValidationError("all weights are 0: the spectrum is one atom at 0")
    tol = _accuracy(tol, 0.1 if method == "population-dynamics" else 1e-4)
    law, flat = law.scaled(1 / scale), points.ravel() / scale
    known = ("population", "replicas", "sweeps", "seed") if method == "population-dynamics" else ()
    unknown = sorted(set(options) - set(known))
    if unknown:
        raise ValidationError(f"unknown options {unknown}: method {method!r} takes {', '.join(known) or 'none'}")
    if method == "population-dynamics":
        got = _populations(flat, degree, law, matrix, tol, **options)
    else:
        omega, residual, steps = _medium(flat, degree, law, matrix)
        if method == "effective-medium":
            error = 10 * residual * np.abs(omega) / flat.imag + 1e-15
            status = np.where(error <= tol, Status.CONVERGED, Status.NOT_CONVERGED)
            got = Solution(-1j / omega, error / np.abs(omega), residual, steps, status, method)
        else:
            defect = method == "single-defect"
            if matrix == "laplacian" and not defect and not 0 < len(law.atoms()[0]) <= 24:
                raise NotApplicableError(
                    "the Hammerstein equation of a Laplacian costs one Hankel transform per value of the weights: for a "
                    'law with a density or many values use method="population-dynamics"'
                )
            got = _hammerstein.solve(flat, degree, law, matrix, omega, tol, defect)
    parts = (got.value / scale, got.error / scale, got.residual, got.iterations, got.status)
    return _finish(Solution(*(p.reshape(points.shape)[()] for p in parts), method), throw)


def density(
    x, degree, weight=1.0, matrix="adjacency", method="hammerstein", eta=0.05, tol=None, throw=True, **options
) -> Solution:
    r"""Density of eigenvalues at resolution ``eta``, the convolution of the spectrum with a Lorentzian:

    .. math:: \varrho_\eta(x) = -\frac1\pi \mathrm{Im}\, G(x + i\eta)
                              = \int d\mu(\lambda)\, \frac{\eta/\pi}{(x - \lambda)^2 + \eta^2} .

    Parameters
    ----------
    x : array_like of float
    eta : float
        Half width, in units of the weights. Work grows as ``|x|/eta``.
    degree, weight, matrix, method, tol, throw, options
        As for :func:`resolvent`; ``tol`` is relative to ``|G|``.

    Returns
    -------
    Solution
        Real, in the shape of ``x``; ``error`` is absolute.

    Raises
    ------
    ValidationError, ConvergenceError
        As for :func:`resolvent`; also for ``eta <= 0``.

    Examples
    --------
    >>> from rmtlib.theory import hermitian
    >>> print(hermitian.density([0.0, 1.0, 3.0], 4.0, eta=0.1).value.round(4))
    [0.2564 0.1516 0.0867]
    """
    x, eta = _energies(x), _width(eta)
    got = resolvent(x + 1j * eta, degree, weight, matrix, method, tol, throw, **options)
    parts = (-got.value.imag / np.pi, got.error / np.pi, got.residual, got.iterations, got.status)
    return Solution(*parts, method)


def _medium(z, degree, law, matrix):
    """``Omega`` of the effective medium, residual and sweeps."""
    zeta = -1j * z
    omega = 0.5 * (zeta + np.sqrt(zeta**2 + 4 * degree * law.second_moment()))
    if matrix == "adjacency":
        return omega, np.full(len(z), 1e-16), np.ones(len(z), int)
    values, weight = law.nodes(200)
    keep = values != 0
    values, weight = values[keep], weight[keep]

    # damped iteration stays in the right half plane, where it contracts; extrapolation may leave it
    residual, steps = np.ones(len(z)), 0
    while np.any(residual > 1e-14) and steps < 20_000:
        image = zeta + degree * (_hammerstein._messages(omega[:, None], values, matrix) @ weight)
        residual, steps = np.abs(image - omega) / np.abs(omega), steps + 1
        omega = 0.5 * (omega + image)
    return omega, residual, np.full(len(z), steps)


def _populations(z, degree, law, matrix, tol, population=2000, replicas=8, sweeps=150, seed=0):
    """The distributional equation by independent populations, each member redrawn in every sweep."""
    population, sweeps = _size(population, "population"), _size(sweeps, "sweeps")
    replicas = _size(replicas, "replicas")
    if replicas < 2 or sweeps < 3:
        raise ValidationError("population dynamics needs at least 2 replicas, for its error, and 3 sweeps")
    size, first = population * replicas, sweeps // 3
    offset = np.repeat(np.arange(replicas) * population, population)
    value, error = np.empty(len(z), complex), np.empty(len(z))
    draws = _generator(seed).integers(2**63)
    for at, zeta in enumerate(-1j * z):
        rng = np.random.default_rng(draws)  # the same for all points, so that a curve is smooth
        omega = np.full(size, 0.5 * (zeta + np.sqrt(zeta**2 + 4 * degree)))
        total = np.zeros(replicas, complex)
        for sweep in range(sweeps):
            count = rng.poisson(degree, size)
            target = np.repeat(np.arange(size), count)
            source = offset[target] + rng.integers(population, size=len(target))
            weight = law.sample(len(target), rng)
            live = weight != 0
            message = np.zeros(len(target), complex)
            message[live] = _hammerstein._messages(omega[source[live]], weight[live], matrix)
            omega = zeta + np.bincount(target, message.real, size) + 1j * np.bincount(target, message.imag, size)
            if sweep >= first:
                total += np.mean(1 / omega.reshape(replicas, population), axis=1)
        means = -1j * total / (sweeps - first)
        value[at] = means.mean()
        spread = np.sqrt(np.sum(np.abs(means - value[at]) ** 2) / (replicas * (replicas - 1)))
        # 95% interval of Student's t, whose quantile falls from 12.7 at 1 degree of freedom to 1.96
        error[at] = (1.96 + 10.7 / (replicas - 1) ** 1.7) * spread
    status = np.where(error <= tol * np.abs(value), Status.CONVERGED, Status.NOT_CONVERGED)
    return Solution(value, error, np.zeros(len(z)), np.full(len(z), sweeps), status, "population-dynamics")


# --- one graph -----------------------------------------------------------------------------------------------


def cavity(graph, x, eta=0.05, matrix="adjacency", local: bool = False, tol=1e-8, throw=True) -> Solution:
    r"""Density of one given graph by message passing on its edges; exact on a tree.

    .. math:: \varrho_\eta(x) = \frac{1}{\pi n} \sum_i \mathrm{Re}\, \frac{1}{\Omega_i}, \qquad z = x + i\eta,

    with the messages at the head of this module. Time and memory are linear in the number of edges.

    Parameters
    ----------
    graph : matrix, dense or sparse
        Symmetric weights without loops.
    x : array_like of float
    eta : float
        Half width of the Lorentzian, as for :func:`density`.
    matrix : {"adjacency", "laplacian"}
        The matrix of this graph whose spectrum is asked for.
    local : bool
        Return the local densities ``Re(1/Omega_i)/pi``, one per vertex: where the eigenvectors near ``x`` live.
    tol : float
        Largest relative change of the messages at which the iteration stops.
    throw : bool
        Raise if a point fails; otherwise see ``Solution.status``.

    Returns
    -------
    Solution
        In the shape of ``x``, with a last axis of vertices if ``local``. ``error`` is that of the iteration; what loops of
        the graph do is not in it (:func:`~rmtlib.spectrum.eigenvalues` is exact).

    Raises
    ------
    ValidationError
        A graph that is not symmetric, or has loops.
    ConvergenceError
        With ``.solution``, if ``throw``.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.theory import hermitian
    >>> path = np.diag([1.0, 1.0], 1) + np.diag([1.0, 1.0], -1)
    >>> values = np.linalg.eigvalsh(path)
    >>> exact = np.mean(0.1 / np.pi / ((0.5 - values) ** 2 + 0.1**2))
    >>> bool(abs(hermitian.cavity(path, 0.5, eta=0.1).value - exact) < 1e-12)
    True
    """
    _check(matrix)
    graph, x, eta, tol = _graph(graph), _energies(x), _width(eta), _accuracy(tol, 1e-8)
    n, weight = graph.shape[0], graph.data
    rows = np.repeat(np.arange(n), np.diff(graph.indptr))
    # the messages are stored as the entries of the matrix are: entry (i, k) holds k -> i
    gather = sp.csr_array((np.ones(len(weight)), np.arange(len(weight)), graph.indptr), shape=(n, len(weight)))
    reverse = np.lexsort((rows, graph.indices))
    zeta = eta - 1j * x.ravel()

    def image(state, at):
        # Self-energies have a positive real part. The equations have solutions without that too, to which an
        # extrapolation can lead; reflected, those are no fixed points.
        message = np.abs(state[0]) + 1j * state[1]
        total = zeta[at, None] + (gather @ message.T).T
        omega = total[:, graph.indices] - message[:, reverse]
        new = _hammerstein._messages(omega, weight, matrix)
        return np.stack([new.real, new.imag])

    count = zeta.size
    value, error = np.empty((count, n) if local else count), np.empty(count)
    residual, sweeps = np.full(count, np.inf if len(weight) else 0.0), np.zeros(count, int)
    step = max(1, 2_000_000 // max(1, len(weight)))
    for low in range(0, count, step):
        at = np.arange(low, min(low + step, count))
        message = np.zeros((len(at), len(weight)), complex)
        if len(weight):
            medium = np.sqrt(1 + np.mean(weight**2) * len(weight) / n) * np.ones(len(at)) + zeta[at]
            begin = _hammerstein._messages(medium[:, None], weight, matrix)
            state = np.stack([begin.real, begin.imag])
            for options in ({"patience": 100}, {"plain": 3000, "patience": 3000}):
                # the second time by damped sweeps alone: slow, but the map is a contraction of the half-plane
                rows = at[~(residual[at] <= tol)]
                if rows.size:
                    own = rows - low
                    got = anderson(lambda s, r, rows=rows: image(s, rows[r]), state[:, own], 0.1 * tol, limit=3000, **options)
                    state[:, own], residual[rows] = got[:2]
                    sweeps[rows] += got[2]
            message = state[0] + 1j * state[1]
        inverse = 1 / (zeta[at, None] + (gather @ message.T).T)
        value[at] = inverse.real / np.pi if local else inverse.real.mean(1) / np.pi
        # a change r of the messages is amplified by up to |Omega|/eta
        size = np.max(np.abs(message), axis=1, initial=0.0) * np.max(np.abs(inverse), axis=1)
        error[at] = 10 * residual[at] * np.minimum(size, 1e3) * np.mean(np.abs(inverse), axis=1) + 1e-14 / eta
    status = np.where(residual <= tol, Status.CONVERGED, Status.NOT_CONVERGED)
    if local:
        error, residual, sweeps, status = (
            np.broadcast_to(p[:, None], value.shape) for p in (error, residual, sweeps, status)
        )
    shape = x.shape + ((n,) if local else ())
    return _finish(Solution(*(p.reshape(shape)[()] for p in (value, error, residual, sweeps, status)), "cavity"), throw)


# --- closed forms --------------------------------------------------------------------------------------------


def kesten_mckay(x, degree: int, weight: float = 1.0, eta: float = 0.0) -> np.ndarray:
    r"""Density of the adjacency matrix of random regular graphs, weights ``+w`` or ``-w`` in any proportion:

    .. math:: \varrho(x) = \frac{d \sqrt{4 (d - 1) w^2 - x^2}}{2\pi (d^2 w^2 - x^2)}, \qquad |x| \le 2 w \sqrt{d - 1} .

    The signs drop out because on a tree they can be absorbed in the signs of the vertices. With ``eta > 0`` the
    convolution with a Lorentzian, as the other functions of this module give it.

    Parameters
    ----------
    x : array_like of float
    degree : int
        At least 2.
    weight : float
        ``w``, the absolute value of the weights.
    eta : float

    Returns
    -------
    ndarray

    Raises
    ------
    ValidationError
        A degree that is not an integer of at least 2.

    References
    ----------
    Kesten (1959); McKay (1981).

    Examples
    --------
    >>> from rmtlib.theory import hermitian
    >>> print(hermitian.kesten_mckay([0.0, 2.0, 3.0], 3).round(6))
    [0.150053 0.190986 0.      ]
    """
    x, weight = _energies(x), abs(_number(weight, "weight"))
    if degree != int(degree) or degree < 2:
        raise ValidationError(f"a regular tree has an integer degree of at least 2, got {degree!r}")
    if weight == 0:
        raise ValidationError("weight must not be 0")
    eta = _number(eta, "eta")
    if eta > 0:
        zeta = eta - 1j * x
        omega = 0.5 * (zeta + np.sqrt(zeta**2 + 4 * (degree - 1) * weight**2))
        return (1 / (zeta + degree * weight**2 / omega)).real / np.pi
    inside = np.maximum(4 * (degree - 1) * weight**2 - x**2, 0.0)
    gap = np.where(inside > 0, (degree * weight) ** 2 - x**2, 1.0)
    return degree * np.sqrt(inside) / (2 * np.pi * gap)


def atom_at_zero(degree, matrix="adjacency") -> float:
    r"""Fraction of eigenvalues that are exactly 0 in a large Erdos-Renyi graph.

    Adjacency, with weights of any law without an atom at 0: the vertices that a largest matching leaves out,

    .. math:: m = u + v + c\,u v - 1, \qquad u = e^{-c v} , \qquad v = e^{-c u} \;\text{(smallest } v\text{)},

    and ``u = v`` for ``c <= e``. Laplacian: one for each finite tree, ``m = q (1 - c q/2)`` with ``q = e^{-c(1-q)}``.

    Parameters
    ----------
    degree : float
    matrix : {"adjacency", "laplacian"}

    Returns
    -------
    float

    References
    ----------
    Karp and Sipser (1981); Bauer and Golinelli, J. Stat. Phys. 103, 301 (2001); Bordenave, Lelarge and Salez,
    Ann. Probab. 39, 1097 (2011).

    Examples
    --------
    >>> from rmtlib.theory import hermitian
    >>> print(round(hermitian.atom_at_zero(2.0), 6), round(hermitian.atom_at_zero(2.0, "laplacian"), 6))
    0.216074 0.161903
    """
    _check(matrix)
    c = _number(degree, "degree")
    if not c > 0:
        raise ValidationError(f"degree must be positive, got {c:.6g}")
    if matrix == "laplacian":
        q = 1.0 if c <= 1 else optimize.brentq(lambda q: q - np.exp(-c * (1 - q)), 0.0, 1 - 1e-9 * (c - 1))
        return float(q * (1 - 0.5 * c * q))
    v = 0.0
    for _ in range(100_000):  # from below: the smallest root; slow only at c = e
        new = np.exp(-c * np.exp(-c * v))
        if new - v < 1e-16:
            break
        v = new
    u = np.exp(-c * v)
    return float(u + v + c * u * v - 1)
