"""What every solver returns, and the iterations that the solvers share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from .errors import ConvergenceError

__all__ = ["Solution", "Status", "anderson", "bracketed_root", "finish", "newton_krylov"]


class Status(IntEnum):
    """How the solve of one point ended; :attr:`message` gives likely causes and remedies."""

    CONVERGED = 0
    NOT_CONVERGED = 1
    QUADRATURE = 2
    SINGULAR = 3
    STATISTICS = 4

    @property
    def message(self) -> str:
        """One sentence: what happened, and what to do about it."""
        return _MESSAGES[self]


_MESSAGES = {
    Status.CONVERGED: "residual and quadrature error below the tolerance",
    Status.NOT_CONVERGED: (
        "the iteration stopped with a residual above the tolerance: usually a point within rounding "
        "of the spectral edge, or strong negative reciprocity; move the point, loosen tol, or use eta > 0"
    ),
    Status.QUADRATURE: (
        "the average over tau and gain still changes when the quadrature is refined: usually a point on or "
        "very near the real segment where -leak/tau lies; move off the real axis or loosen tol"
    ),
    Status.SINGULAR: (
        "the resolvent is infinite here: the point is an eigenvalue of the matrix or, for an ensemble, an atom of the "
        "spectrum (-leak/tau of units whose tau law has an atom); move the point. The planar density of a sparse "
        "ensemble is infinite, though integrable, on all of the bar inside the support: move off the real axis"
    ),
    Status.STATISTICS: (
        "the statistical error is above the tolerance, or averages do not settle: allow more sweeps= or loosen tol; next "
        "to the spectral edge relaxation is slow, and on the bar and at low degree the laws are broad: use "
        'method="saddle" or move the point'
    ),
}


@dataclass(frozen=True, eq=False)
class Solution(np.lib.mixins.NDArrayOperatorsMixin):
    """The result of a solver, point by point.

    ``.value`` holds the array. In arithmetic, comparisons and numpy functions a solution acts as
    that array, and the result is a plain one: ``abs(s)``, ``2 * s - 1``, ``np.max(s)``.

    Attributes
    ----------
    value : ndarray
        The answer, in the shape of the argument ``z``. ``numpy.asarray(solution)`` gives it too.
    error : ndarray of float
        Estimate of the absolute error of ``value`` (quadrature and iteration together; it does not
        include what the limit of infinite size leaves out).
    residual : ndarray of float
        Largest relative residual of the self-consistency equations.
    iterations : ndarray of int
        Iterations spent on each point.
    status : ndarray of int
        A :class:`Status` for each point.
    method : str
        The route that produced it.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib import Solution
    >>> s = Solution(np.array([1.0, 2.0]), np.zeros(2), np.zeros(2), np.ones(2, int), np.zeros(2, int), "dense")
    >>> np.asarray(s).sum(), s.shape, s.ok
    (np.float64(3.0), (2,), True)
    >>> s[1].value
    np.float64(2.0)
    >>> 2 * s + 1, f"{s[1]:.3f}"
    (array([3., 5.]), '2.000')
    """

    value: np.ndarray
    error: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray
    status: np.ndarray
    method: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of ``value``."""
        return np.shape(self.value)

    @property
    def ok(self) -> bool:
        """True where every point converged."""
        return bool(np.all(np.asarray(self.status) == Status.CONVERGED))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.value, dtype=dtype, copy=copy)

    def __array_ufunc__(self, ufunc, method, *inputs, out=None, **options):
        if out is not None:
            if any(isinstance(target, Solution) for target in out):
                return NotImplemented  # s += 1 would leave the error estimates behind
            options["out"] = out
        return getattr(ufunc, method)(*(x.value if isinstance(x, Solution) else x for x in inputs), **options)

    def __format__(self, spec: str) -> str:
        return format(self.value, spec) if spec else repr(self)

    def __len__(self) -> int:
        return len(self.value)

    def __complex__(self) -> complex:
        return complex(self.value)

    def __float__(self) -> float:
        return float(self.value)

    def __getitem__(self, key) -> Solution:
        parts = (
            np.asarray(part)[key] for part in (self.value, self.error, self.residual, self.iterations, self.status)
        )
        return Solution(*parts, method=self.method)

    def __repr__(self) -> str:
        worst = float(np.max(self.error)) if np.size(self.error) else 0.0
        bad = int(np.sum(np.asarray(self.status) != Status.CONVERGED))
        state = "converged" if not bad else f"{bad} of {np.size(self.status)} points not converged"
        shown = f"value={self.value!r}" if np.size(self.value) <= 4 else f"shape={self.shape}"
        return f"Solution({shown}, error<={worst:.1e}, {state}, method={self.method!r})"


class PointSum:
    """What classes of units contribute to ``count`` points: values, errors and iterations add up, the worst residual and
    status stay."""

    def __init__(self, count: int):
        self.value, self.error = np.zeros(count, complex), np.zeros(count)
        self.residual, self.iterations = np.zeros(count), np.zeros(count, int)
        self.status = np.full(count, int(Status.CONVERGED))

    def add(self, rows, value, error, residual, iterations, status) -> None:
        """One class at the points ``rows`` (an index or slice)."""
        self.value[rows] += value
        self.error[rows] += error
        self.residual[rows] = np.maximum(self.residual[rows], residual)
        self.iterations[rows] += iterations
        self.status[rows] = np.maximum(self.status[rows], status)


def finish(solution: Solution, throw: bool) -> Solution:
    """Return ``solution``; if a point failed and ``throw``, raise ``ConvergenceError`` carrying it."""
    if throw and not solution.ok:
        status = np.ravel(solution.status)
        kinds = [Status(code) for code in np.unique(status) if code != Status.CONVERGED]
        why = "; ".join(f"{int(np.sum(status == kind))} x {kind.name}: {kind.message}" for kind in kinds)
        raise ConvergenceError(
            f"{int(np.sum(status != Status.CONVERGED))} of {status.size} points did not converge "
            f"(method={solution.method!r}). {why}. The exception's .solution holds every point; "
            "throw=False returns it instead.",
            solution,
        )
    return solution


def bracketed_root(
    func: Callable[[np.ndarray], np.ndarray], low: np.ndarray, high: np.ndarray, rtol: float = 4e-16, steps: int = 100
) -> np.ndarray:
    """Roots of a scalar function in many brackets at once (Chandrupatla's method).

    Finds ``x`` with ``func(x) = 0`` for each bracket ``[low, high]`` at whose ends ``func`` has
    opposite signs; inverse quadratic interpolation where it is safe, bisection elsewhere, so a bracket
    never loses its root.

    Parameters
    ----------
    func : callable
        Maps an array of arguments (same shape as the brackets) to values, element by element.
    low, high : ndarray
        Ends of the brackets.
    rtol : float
        Brackets are shrunk to this width relative to their ends.

    References
    ----------
    T. R. Chandrupatla, Advances in Engineering Software 28, 145 (1997).

    Examples
    --------
    >>> import numpy as np
    >>> bracketed_root(lambda x: x**2 - np.array([2.0, 9.0]), np.zeros(2), np.array([2.0, 4.0]))
    array([1.41421356, 3.        ])
    """
    a, b = np.array(low, float), np.array(high, float)
    fa, fb = func(a), func(b)
    c, fc = a.copy(), fa.copy()
    t = np.full(a.shape, 0.5)
    for _ in range(steps):
        x = a + t * (b - a)
        fx = func(x)
        same = np.sign(fx) == np.sign(fa)
        c, fc = np.where(same, a, b), np.where(same, fa, fb)
        b, fb = np.where(same, b, a), np.where(same, fb, fa)
        a, fa = x, fx
        best = np.where(np.abs(fa) < np.abs(fb), a, b)
        width = np.abs(b - a)
        limit = rtol * np.abs(best) + np.finfo(float).tiny
        if np.all((width <= 2 * limit) | (fa == 0) | (fb == 0)):
            break
        with np.errstate(all="ignore"):
            xi = (a - b) / (c - b)
            phi = (fa - fb) / (fc - fb)
            inverse = fa / (fb - fa) * fc / (fb - fc) + (c - a) / (b - a) * fa / (fc - fa) * fb / (fc - fb)
            safe = (phi**2 < xi) & ((1 - phi) ** 2 < 1 - xi) & np.isfinite(inverse)
            edge = np.minimum(0.5, limit / width)
        t = np.clip(np.where(safe, inverse, 0.5), edge, 1 - edge)
        t = np.where((width <= 2 * limit) | (fa == 0), 0.0, t)
    return best


def anderson(func, start, tol=1e-12, depth=6, limit=300, plain=3, patience=20):
    r"""Solve ``x = func(x)`` for many independent problems at once by Anderson acceleration.

    Each sweep replaces ``x_k`` by the combination of the last images that least squares says is closest to
    fixed, :math:`\min_\gamma \|r_k - \sum_j \gamma_j (r_{k-j+1} - r_{k-j})\|`, with ``r = func(x) - x``.

    Parameters
    ----------
    func : callable
        ``func(x, rows)``: images of the problems ``rows`` (index array) at ``x``; problems are on axis -2, the
        unknowns of a problem on all other axes.
    start : ndarray
    tol : float
        A problem stops when ``max|func(x) - x| <= tol max|x|``.
    depth, limit, plain, patience : int
        Images kept, sweeps allowed, sweeps without mixing at the start, sweeps without halving the residual after
        which a problem is given up.

    Returns
    -------
    x, residual, sweeps : ndarrays
        The last two by problem. Nothing is raised: judge by the residual.

    References
    ----------
    Anderson, J. ACM 12, 547 (1965); Walker and Ni, SIAM J. Numer. Anal. 49, 1715 (2011).

    Examples
    --------
    >>> x, residual, sweeps = anderson(lambda x, rows: np.cos(x), np.ones((2, 1)))
    >>> print(x.ravel().round(8))
    [0.73908513 0.73908513]
    """
    count = start.shape[-2]
    axes = tuple(i for i in range(start.ndim) if i != start.ndim - 2)
    answer, best_image, residual = np.array(start), np.array(start), np.full(count, np.inf)
    mark, since = np.full(count, np.inf), np.zeros(count, int)
    sweeps, rows = np.zeros(count, int), np.arange(count)
    x, xs, rs = np.array(start), [], []
    previous, fresh, gram = None, np.zeros(count, bool), np.zeros((count, depth, depth))

    def inner(p, q):
        return np.einsum(p, list(range(p.ndim)), q, list(range(p.ndim)), [p.ndim - 2])

    for sweep in range(limit):
        image = func(x, rows)
        with np.errstate(invalid="ignore", over="ignore"):
            r = image - x
            size = np.max(np.abs(r), axis=axes) / (np.max(np.abs(x), axis=axes) + 1e-300)
        size = np.where(np.isfinite(size), size, np.inf)
        better = size <= residual[rows]
        at = rows[better]
        answer[..., at, :], best_image[..., at, :] = x[..., better, :], image[..., better, :]
        residual[at] = size[better]
        sweeps[rows] = sweep + 1
        halved = size < 0.5 * mark[rows]
        mark[rows[halved]], since[rows[halved]] = size[halved], sweep
        keep = (residual[rows] > tol) & (sweep - since[rows] < patience)
        if not np.all(keep):
            rows, size, x, r, image = rows[keep], size[keep], x[..., keep, :], r[..., keep, :], image[..., keep, :]
            xs, rs = [p[..., keep, :] for p in xs], [p[..., keep, :] for p in rs]
            previous = None if previous is None else tuple(p[..., keep, :] for p in previous)
            fresh, gram = fresh[keep], gram[keep]
            if not rows.size:
                break
        # an extrapolation that led astray: back to the best state and on from there without a memory
        astray = (size > 20 * residual[rows]) & (sweep > plain)
        if previous is not None:
            linked = np.where(astray | fresh, 0.0, 1.0)[:, None]
            with np.errstate(invalid="ignore"):
                xs.append(np.where(linked, image - previous[0], 0.0))
                rs.append(np.where(linked, r - previous[1], 0.0))
            if len(rs) > depth:
                xs, rs = xs[1:], rs[1:]
                gram[:, :-1, :-1] = gram[:, 1:, 1:].copy()
            m = len(rs)
            for i in range(m):
                gram[:, m - 1, i] = gram[:, i, m - 1] = inner(rs[-1], rs[i])
        if np.any(astray):
            lost = rows[astray]
            image[..., astray, :] = 0.5 * (best_image[..., lost, :] + answer[..., lost, :])
            r[..., astray, :] = 0.0
            for p in (*xs, *rs):
                p[..., astray, :] = 0.0
            gram[astray] = 0.0
        fresh = astray
        previous = (image, r)
        x = image
        if sweep < plain:
            x = 0.5 * (x + image - r)  # damped: where the map alternates, as X -> V/X does
        elif rs:
            m = len(rs)
            right = np.stack([inner(p, r) for p in rs], -1)
            scale = np.sqrt(np.einsum("rii->ri", gram[:, :m, :m])) + 1e-150
            # the matrix is singular where unknowns are few or all alike
            table = gram[:, :m, :m] / scale[:, :, None] / scale[:, None, :] + 1e-12 * np.eye(m)
            gamma = np.linalg.solve(table, (right / scale)[..., None])[..., 0] / scale
            for i in range(m):
                x = x - gamma[:, i, None] * xs[i]
    return answer, residual, sweeps


def newton_krylov(func, start, tol=1e-12, steps=25, basis=120, forcing=1e-3):
    r"""Solve ``x = func(x)`` for many independent problems at once by Newton's method, each step by GMRES.

    The step ``d`` of :math:`(1 - F'(x))\,d = F(x) - x` is sought in the Krylov space of the residual, with
    :math:`F'(x) v \approx (F(x + \epsilon v) - F(x))/\epsilon`, and halved until the residual falls. Where
    :func:`anderson` crawls, because an eigenvalue of ``F'`` is near 1, it still converges quadratically.

    Parameters
    ----------
    func : callable
        As for :func:`anderson`.
    start : ndarray
        Problems are on axis -2.
    tol : float
        A problem stops when ``max|func(x) - x| <= tol max|x|``.
    steps, basis : int
        Newton steps allowed, and size of the Krylov space.
    forcing : float
        Relative residual to which each linear system is solved.

    Returns
    -------
    x, residual, calls : ndarrays
        As for :func:`anderson`; ``calls`` counts evaluations of ``func``.

    References
    ----------
    Knoll and Keyes, J. Comput. Phys. 193, 357 (2004).

    Examples
    --------
    >>> x, residual, calls = newton_krylov(lambda x, rows: np.cos(x), np.ones((2, 1)))
    >>> print(x.ravel().round(8))
    [0.73908513 0.73908513]
    """
    axes = tuple(i for i in range(start.ndim) if i != start.ndim - 2)

    def residual_of(x, rows):
        r = func(x, rows) - x
        with np.errstate(invalid="ignore", over="ignore"):
            size = np.max(np.abs(r), axis=axes) / (np.max(np.abs(x), axis=axes) + 1e-300)
        return r, np.where(np.isfinite(size), size, np.inf)

    count = start.shape[-2]
    x, calls, stuck = np.array(start), np.ones(count, int), np.zeros(count, bool)
    r, residual = residual_of(x, np.arange(count))
    for _ in range(steps):
        rows = np.flatnonzero((residual > tol) & np.isfinite(residual) & ~stuck)
        if not rows.size:
            break
        at, rhs = x[..., rows, :], r[..., rows, :]
        reach = 1e-8 * np.max(np.abs(at), axis=axes)

        def apply(v, at=at, rhs=rhs, rows=rows, reach=reach):
            eps = (reach / (np.max(np.abs(v), axis=axes) + 1e-300))[:, None]
            return v - (func(at + eps * v, rows) - at - rhs) / eps

        step, used = _gmres(apply, rhs, basis, forcing)
        calls[rows] += used
        todo, factor = np.arange(len(rows)), 1.0
        while todo.size and factor > 1e-2:
            new = at[..., todo, :] + factor * step[..., todo, :]
            new_r, new_size = residual_of(new, rows[todo])
            calls[rows[todo]] += 1
            good = new_size < (1 - 0.1 * factor) * residual[rows[todo]]
            put = rows[todo[good]]
            x[..., put, :], r[..., put, :], residual[put] = new[..., good, :], new_r[..., good, :], new_size[good]
            todo, factor = todo[~good], 0.5 * factor
        stuck[rows[todo]] = True
    return x, residual, calls


def _gmres(apply, rhs, basis, forcing):
    """Solutions of ``apply(v) = rhs`` (problems on axis -2) in a Krylov space, and the number of products."""
    axes = list(range(rhs.ndim))
    count = rhs.shape[-2]

    def inner(p, q):
        return np.einsum(p, axes, q, axes, [rhs.ndim - 2])

    norm = np.sqrt(inner(rhs, rhs))
    vectors = [rhs / (norm[:, None] + 1e-300)]
    hess = np.zeros((count, basis + 1, basis))
    for j in range(basis):
        v = apply(vectors[j])
        for i in range(j + 1):
            hess[:, i, j] = inner(v, vectors[i])
            v = v - hess[:, i, j, None] * vectors[i]
        hess[:, j + 1, j] = np.sqrt(inner(v, v))
        vectors.append(v / (hess[:, j + 1, j, None] + 1e-300))
        if j % 5 == 4 or j == basis - 1:
            q, triangle = np.linalg.qr(hess[:, : j + 2, : j + 1])
            target = norm[:, None] * q[:, 0, :]
            left = np.sqrt(np.maximum(norm**2 - np.sum(target**2, -1), 0))
            if np.all(~(left > forcing * norm)) or j == basis - 1:
                break
    m = j + 1
    scale = np.max(np.abs(triangle), axis=(1, 2)) + 1e-300
    triangle = triangle + 1e-15 * scale[:, None, None] * np.eye(m)
    y = np.linalg.solve(triangle, target[..., None])[..., 0]
    return sum(y[:, i, None] * vectors[i] for i in range(m)), m
