r"""Fixed points of a rate network: where the dynamics stands still, and whether it can.

    tau_i dx_i/dt = -x_i + sum_j W_ij sigma(x_j) + d_i ,      F(x*) = -x* + W sigma(x*) + d = 0 .

The trained networks run in steps, x_t = (1 - dt/tau) x_{t-1} + (dt/tau) (W sigma(x_{t-1}) + d): the fixed points are the
same, the eigenvalues of a step are 1 + dt lambda with lambda those of J = T^-1 (-1 + W H), H = diag(sigma'(x*)).

Three theorems do what a small residual cannot.

* *Existence here*: Newton-Kantorovich. With A = F'(x), beta = ||A^-1||, eta = ||A^-1 F(x)|| and K = ||W|| max|sigma''|, a Lipschitz
  constant of F', the condition beta K eta <= 1/2 proves that a fixed point lies within
  (1 - sqrt(1 - 2 beta K eta))/(beta K) of x, and no other within (1 + sqrt(...))/(beta K). ``error`` and ``alone`` are these radii.
* *Absence here*: where the speed has a minimum that is not zero, Taylor's formula gives a radius within which F cannot
  vanish: ``clearance`` of a slow point. (At such a minimum J^T T^-1 F = 0: the Jacobian of *every* slow point has the eigenvalue
  zero, with the velocity as left eigenvector. It says where the point is, and nothing about the network.)
* *Existence somewhere*: for a bounded activation x -> W sigma(x) + d maps a box into itself, so that there always is a fixed point
  (Brouwer), and the indices sign det(1 - WH) of all of them add up to 1 (the degree of the map). What may be missing is a
  fixed point *where the trajectory dwells*, or some of them in a list: ``index`` tells.

References
----------
Ortega and Rheinboldt, Iterative Solution of Nonlinear Equations in Several Variables (1970), sections 6.2 and 12.6; Sussillo and
Barak, Neural Computation 25, 626 (2013), for minimising the speed of trained networks.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import least_squares, minimize
from scipy.special import expit

from ..errors import ValidationError
from ..network import Network

__all__ = ["ACTIVATIONS", "Activation", "FixedPoints", "SlowPoints", "fixed_points", "run"]

FloatArray = NDArray[np.float64]
_LARGEST = 5000  # units: dense Jacobians


@dataclass(frozen=True)
class Activation:
    """A unit's response sigma(x), its first two derivatives, and bounds on their sizes.

    ``max_slope`` bounds |sigma'| and ``max_curvature`` bounds |sigma''| on the whole line (infinite where there is no bound:
    then nothing is certified). ``bounded`` says whether sigma is, as the index theorem asks.
    """

    value: Callable[[FloatArray], FloatArray]
    slope: Callable[[FloatArray], FloatArray]
    curvature: Callable[[FloatArray], FloatArray]
    max_slope: float = np.inf
    max_curvature: float = np.inf
    bounded: bool = False


def _logistic_slope(x):
    r = expit(x)
    return r * expit(-x)


#: Activations known by name.
ACTIVATIONS: dict[str, Activation] = {
    "logistic": Activation(
        expit,
        _logistic_slope,
        lambda x: _logistic_slope(x) * (expit(-x) - expit(x)),
        max_slope=0.25,
        max_curvature=1 / (6 * np.sqrt(3)),
        bounded=True,
    ),
    "tanh": Activation(
        np.tanh,
        lambda x: 4 * _logistic_slope(2 * np.asarray(x)),
        lambda x: -8 * _logistic_slope(2 * np.asarray(x)) * np.tanh(x),
        max_slope=1.0,
        max_curvature=4 / (3 * np.sqrt(3)),
        bounded=True,
    ),
}


@dataclass(frozen=True, eq=False)
class SlowPoints:
    """Local minima of the speed that are no fixed points, slowest first.

    Attributes
    ----------
    x : (m, n) array
        States.
    speed : (m,) array
        Root mean square over units of dx/dt, in the unit of x over that of tau.
    residual : (m,) array
        max_i |F_i(x)|.
    clearance : (m,) array
        Proved: no fixed point within this Euclidean distance of x.
    abscissa : (m,) array
        Largest real part of the eigenvalues of J there. One eigenvalue is zero at every slow point, see above.
    """

    x: FloatArray
    speed: FloatArray
    residual: FloatArray
    clearance: FloatArray
    abscissa: FloatArray

    def __len__(self) -> int:
        return len(self.x)


@dataclass(frozen=True, eq=False)
class FixedPoints:
    """What :func:`fixed_points` found, stable ones first, then by abscissa.

    Attributes
    ----------
    x : (k, n) array
        The fixed points.
    residual : (k,) array
        max_i |F_i(x)|.
    error : (k,) array
        Proved: an exact fixed point within this Euclidean distance of x (rounding included); infinite where the theorem
        does not apply (a singular Jacobian, an activation without bounds).
    alone : (k,) array
        Proved: no other fixed point within this distance; 0 where the theorem does not apply.
    eigenvalues : (k, n) complex array
        Of J = T^-1 (-1 + W H), rightmost first.
    abscissa : (k,) array
        Largest real part.
    unstable : (k,) int array
        Number of eigenvalues with positive real part.
    index : (k,) int array
        sign det(1 - W H). Over *all* fixed points of a bounded activation these sum to 1.
    reached : (m,) int array
        For each start the number of the fixed point that the search ended in, -1 - s for the slow point number s, and
        m where it ended in neither (see ``failed``).
    slow : SlowPoints
        Where the search ended in a minimum of the speed that is not zero.
    failed : (f,) int array
        Starts from which neither was reached.
    """

    x: FloatArray
    residual: FloatArray
    error: FloatArray
    alone: FloatArray
    eigenvalues: NDArray[np.complex128]
    abscissa: FloatArray
    unstable: NDArray[np.int64]
    index: NDArray[np.int64]
    reached: NDArray[np.int64]
    slow: SlowPoints
    failed: NDArray[np.int64]
    weights: FloatArray
    tau: FloatArray
    activation: Activation
    labels: Any = None

    def __len__(self) -> int:
        return len(self.x)

    @property
    def stable(self) -> NDArray[np.bool_]:
        """Whether every eigenvalue has a negative real part, (k,)."""
        return self.abscissa < 0

    @property
    def gain(self) -> FloatArray:
        """Slopes h = sigma'(x*), (k, n)."""
        return self.activation.slope(self.x)

    def step_radius(self, dt: float) -> FloatArray:
        """Largest |1 + dt lambda| at each fixed point: below 1 the map in steps of dt is stable too."""
        return np.abs(1 + dt * self.eigenvalues).max(axis=1)

    def state(self, k: int) -> FloatArray:
        """Fixed point k, or slow point s for k = -1 - s: the numbers of ``reached``."""
        if isinstance(k, bool) or not isinstance(k, (int, np.integer)) or not -len(self.slow) <= k < len(self):
            raise ValidationError(
                f"there is no point {k!r}: {len(self)} fixed (0, 1, ...) and {len(self.slow)} slow ones (-1, -2, ...) were found"
            )
        return self.x[k] if k >= 0 else self.slow.x[-1 - k]

    def network(self, k: int = 0) -> Network:
        """The network linearised at :meth:`state` k: weights, timescales, gains sigma'(x)."""
        return Network(self.weights, self.tau, self.activation.slope(self.state(k)), self.labels)

    def complete(self) -> bool | None:
        """Whether the indices sum to 1, as those of all fixed points do; None where the theorem does not apply.

        True does not prove that none is missing (pairs of opposite index would not show), False proves that one is.
        """
        if not self.activation.bounded:
            return None
        return bool(np.sum(self.index) == 1)

    def __str__(self) -> str:
        lines = [f"{len(self)} fixed point(s) from {self.reached.size} start(s)"]
        for k in range(len(self)):
            kind = "stable" if self.stable[k] else f"saddle, {self.unstable[k]} unstable"
            if self.unstable[k] == self.x.shape[1]:
                kind = "source"
            proof = f"proved within {self.error[k]:.1e}" if np.isfinite(self.error[k]) else "not certified"
            lines.append(
                f"  {k}: {kind}, abscissa {self.abscissa[k]:.5g}, residual {self.residual[k]:.1e}, {proof}, "
                f"{int(np.sum(self.reached == k))} start(s)"
            )
        for k in range(len(self.slow)):
            lines.append(
                f"  slow point {k}: speed {self.slow.speed[k]:.3g}, no fixed point within {self.slow.clearance[k]:.3g}, "
                f"{int(np.sum(self.reached == -1 - k))} start(s)"
            )
        if self.failed.size:
            lines.append(f"  {self.failed.size} start(s) ended in neither")
        if self.complete() is False:
            lines.append(f"  indices sum to {int(np.sum(self.index))}, not 1: at least one fixed point is missing")
        return "\n".join(lines)


# ------------------------------------------------------------------------------------------ input


def _array(x: Any, what: str) -> FloatArray:
    try:
        array = np.asarray(x)
        if array.dtype.kind not in "fiub":
            raise TypeError(f"dtype {array.dtype}")
        array = array.astype(float)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"{what} must be real numbers: {error}") from None
    if not np.all(np.isfinite(array)):
        where = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise ValidationError(
            f"{what} holds {int(np.sum(~np.isfinite(array)))} NaN or infinite values, first at {where}: a trajectory that "
            "diverged, or a damaged file"
        )
    return array


def _dynamics(weights: Any, drive: Any, tau: Any, activation: Any):
    if isinstance(weights, Network):
        raise ValidationError("a Network is linearised already: pass the weights, as network.weights")
    if sp.issparse(weights):
        if weights.shape[0] > _LARGEST:
            raise ValidationError(f"fixed points need dense Jacobians: at most {_LARGEST} units, got {weights.shape[0]}")
        weights = weights.toarray()
    W = _array(weights, "weights")
    if W.ndim != 2 or W.shape[0] != W.shape[1] or W.size == 0:
        raise ValidationError(f"weights must be a square matrix (W[i, j] is the synapse j -> i), got shape {W.shape}")
    n = len(W)
    if n > _LARGEST:
        raise ValidationError(f"fixed points need dense Jacobians: at most {_LARGEST} units, got {n}")
    vectors = []
    for name, x in (("drive", drive), ("tau", tau)):
        vector = _array(x, name)
        if vector.shape not in ((), (n,)):
            raise ValidationError(f"{name} must be one number or {n}, one a unit; got shape {vector.shape}")
        vectors.append(np.broadcast_to(vector, (n,)).copy())
    d, T = vectors
    if np.any(T <= 0):
        raise ValidationError(f"tau must be positive, unit {int(np.argmin(T))} has {T.min():.6g}")
    if isinstance(activation, str):
        if activation not in ACTIVATIONS:
            raise ValidationError(f"no activation {activation!r}: choose one of {', '.join(ACTIVATIONS)}, or an Activation")
        activation = ACTIVATIONS[activation]
    if not isinstance(activation, Activation):
        raise ValidationError("activation must be a name or an Activation(value, slope, curvature)")
    return W, d, T, activation


def _starts(starts: Any, n: int) -> FloatArray:
    x = _array(starts, "starts")
    x = x[None] if x.ndim == 1 else x
    if x.ndim != 2 or x.shape[1] != n or len(x) == 0:
        raise ValidationError(f"starts must have shape (m, {n}), one state a row, got {x.shape}")
    return x


def run(
    weights: Any,
    drive: Any,
    start: ArrayLike,
    steps: int,
    *,
    tau: Any = 1.0,
    dt: float = 0.05,
    activation: str | Activation = "logistic",
    noise: float = 0.0,
    seed: Any = None,
    every: int | None = None,
) -> FloatArray:
    r"""Iterate x -> (1 - dt/tau) x + (dt/tau) (W sigma(x) + d) + N(0, noise).

    Parameters
    ----------
    weights, drive, tau, activation
        As for :func:`fixed_points`.
    start : (n,) or (m, n) array_like
        One state, or m trials.
    steps : int
        Number of steps.
    dt : float
        Step in the unit of tau, below the shortest of them.
    noise : float
        Variance of the noise of a step.
    seed : int, Generator or None
        For the noise.
    every : int, optional
        Keep each such step (and the start); default: the last state only.

    Returns
    -------
    array of start's shape, or with a leading axis of time

    Raises
    ------
    ValidationError
        Bad input, or a trajectory that leaves the finite numbers.

    Examples
    --------
    >>> from rmtlib.training.fixed_points import run
    >>> float(run([[0.0]], 1.5, [0.0], 400).round(6)[0])
    1.5
    """
    W, d, T, f = _dynamics(weights, drive, tau, activation)
    x = _array(start, "start")
    if x.ndim not in (1, 2) or x.shape[-1] != len(W):
        raise ValidationError(f"start must have shape ({len(W)},) or (m, {len(W)}), got {x.shape}")
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise ValidationError(f"steps must be a number of steps, got {steps!r}")
    if not (np.isfinite(dt) and dt > 0):
        raise ValidationError(f"dt must be positive, got {dt!r}")
    if dt > T.min():
        raise ValidationError(f"dt = {dt:g} is longer than the shortest timescale, {T.min():g}: steps would overshoot")
    if not (np.isfinite(noise) and noise >= 0):
        raise ValidationError(f"noise is a variance, 0 or above, got {noise!r}")
    if every is not None and (not isinstance(every, (int, np.integer)) or every < 1):
        raise ValidationError(f"every must be a positive number of steps, got {every!r}")
    rng = np.random.default_rng(seed)
    rate, sd, WT = dt / T, np.sqrt(noise), np.ascontiguousarray(W.T)
    kept = [x.copy()] if every else None
    with np.errstate(over="ignore", invalid="ignore"):
        for step in range(1, int(steps) + 1):
            x = x + rate * (f.value(x) @ WT + d - x)
            if sd:
                x = x + sd * rng.standard_normal(x.shape)
            if every and step % every == 0:
                kept.append(x)
    if not np.all(np.isfinite(x)):
        raise ValidationError("the trajectory left the finite numbers: this activation and these weights diverge")
    return np.array(kept) if every else x


# ----------------------------------------------------------------------------------------- search


class _Flow:
    """F, its derivative, and the scaled velocity G = t0 T^-1 F whose square is minimised (t0: shortest timescale)."""

    def __init__(self, W, d, T, f):
        self.W, self.d, self.T, self.f = W, d, T, f
        self.rate = T.min() / T
        self.norm = la.norm(W, 2)

    def F(self, x):
        return -x + self.W @ self.f.value(x) + self.d

    def A(self, x):
        A = self.W * self.f.slope(x)
        A[np.diag_indices_from(A)] -= 1.0
        return A

    def G(self, x):
        return self.rate * self.F(x)

    def dG(self, x):
        return self.rate[:, None] * self.A(x)

    def q(self, x):
        g = self.G(x)
        return 0.5 * g @ g

    def dq(self, x):
        return self.dG(x).T @ self.G(x)

    def ddq(self, x):
        # second derivatives of G_i are diagonal in j: rate_i W_ij sigma''(x_j)
        J = self.dG(x)
        H = J.T @ J
        H[np.diag_indices_from(H)] += self.f.curvature(x) * (self.W.T @ (self.rate * self.G(x)))
        return H

    def rounding(self, x):
        """Bound on the rounding of F in the Euclidean norm."""
        size = np.abs(self.W) @ np.abs(self.f.value(x)) + np.abs(self.d) + np.abs(x)
        return float(np.finfo(float).eps * (len(x) + 3) * la.norm(size))


def _newton(flow: _Flow, x: FloatArray, tol: float, limit: int = 30) -> FloatArray:
    """Newton's method with halving; returns the best state, whatever its residual."""
    F = flow.F(x)
    size = la.norm(F)
    for _ in range(limit):
        if size == 0:
            break
        try:
            with np.errstate(all="ignore"):
                step = np.linalg.solve(flow.A(x), -F)
        except np.linalg.LinAlgError:
            break
        if not np.all(np.isfinite(step)):
            break
        scale = 1.0
        while scale > 1e-4:
            new = x + scale * step
            with np.errstate(all="ignore"):
                F_new = flow.F(new)
            if np.all(np.isfinite(F_new)) and la.norm(F_new) < (1 - 0.1 * scale) * size:
                break
            scale /= 2
        else:
            break  # at rounding, or no descent
        small = scale == 1 and la.norm(F_new) <= 1e-3 * tol
        x, F, size = new, F_new, la.norm(F_new)
        if small:
            break
    return x


def _descend(flow: _Flow, x: FloatArray, tol: float, limit: int) -> FloatArray:
    """The minimum of the speed downhill of x."""
    with np.errstate(all="ignore"):
        found = least_squares(flow.G, x, flow.dG, method="lm", xtol=1e-14, ftol=1e-14, gtol=1e-14, max_nfev=limit)
    x = found.x if np.all(np.isfinite(found.x)) else x
    polished = _newton(flow, x, tol)
    # Newton may leave the basin of a minimum that is not zero: a polish is a small step
    if np.abs(flow.F(polished)).max() <= tol and la.norm(polished - x) <= 1e-2 * (1 + la.norm(x)):
        return polished
    if np.abs(flow.F(x)).max() > tol and np.all(np.isfinite(flow.ddq(x))):
        # Levenberg-Marquardt is slow where the minimum is not zero: finish with the exact Hessian
        better = minimize(
            flow.q, x, jac=flow.dq, hess=flow.ddq, method="trust-exact",
            options={"gtol": 1e-13 * max(1.0, flow.norm), "maxiter": 200, "initial_trust_radius": 0.1},
        ).x  # fmt: skip
        if np.all(np.isfinite(better)) and flow.q(better) <= flow.q(x):
            x = better
            polished = _newton(flow, x, tol)
            if np.abs(flow.F(polished)).max() <= tol and la.norm(polished - x) <= 1e-2 * (1 + la.norm(x)):
                return polished
    return x


def _certificate(flow: _Flow, x: FloatArray) -> tuple[float, float]:
    """Radii of existence and uniqueness by Newton-Kantorovich, (inf, 0) where the theorem does not apply."""
    if not np.isfinite(flow.f.max_curvature):
        return np.inf, 0.0
    U, s, Vh = la.svd(flow.A(x))
    if s[-1] <= len(x) * np.finfo(float).eps * s[0]:
        return np.inf, 0.0
    beta = 1.0 / s[-1] * (1 + 1e-6)
    eta = la.norm(Vh.T @ ((U.T @ flow.F(x)) / s)) + beta * flow.rounding(x)
    K = flow.norm * flow.f.max_curvature
    h = beta * K * eta
    if h > 0.5:
        return np.inf, 0.0
    if K == 0:
        return float(eta), np.inf  # linear: the only one
    root = np.sqrt(1 - 2 * h)
    return float(2 * eta / (1 + root)), float((1 + root) / (beta * K))


def _clearance(flow: _Flow, x: FloatArray) -> float:
    """Radius r within which |G| >= |G(x)| - 2 |J^T G| r/|G| - K r^2/2 > 0, or a Lipschitz bound if that is larger."""
    G, gradient = la.norm(flow.G(x)) - flow.rounding(x), la.norm(flow.dq(x))
    if G <= 0:
        return 0.0
    best = 0.0
    if np.isfinite(flow.f.max_slope):
        best = G / (flow.rate.max() * (1 + flow.norm * flow.f.max_slope))
    if np.isfinite(flow.f.max_curvature):
        K = flow.f.max_curvature * la.norm(flow.rate[:, None] * flow.W, 2)
        slope = 2 * gradient / G
        radius = (-slope + np.sqrt(slope**2 + 2 * K * G)) / K if K else (G / slope if slope else np.inf)
        if gradient:
            radius = min(radius, G**2 / (2 * gradient))
        best = max(best, radius)
    return float(best)


def fixed_points(
    weights: Any,
    drive: Any = 0.0,
    starts: ArrayLike | None = None,
    *,
    tau: Any = 1.0,
    activation: str | Activation = "logistic",
    labels: Any = None,
    tol: float = 1e-10,
    merge: float = 1e-6,
    max_evaluations: int = 400,
) -> FixedPoints:
    r"""Fixed points F(x*) = -x* + W sigma(x*) + d = 0 downhill of the given states, and slow points where there is none.

    From each start the squared speed |T^-1 F|^2 is minimised (Levenberg-Marquardt, then the exact Hessian J^T J + diag(sigma'' W^T T^-1
    dx/dt)); where it reaches zero Newton's method finishes and the Newton-Kantorovich theorem certifies, where it does not the
    minimum is kept as a *slow point*. The search goes downhill in speed, not along the flow: it finds saddles as well as
    attractors, and the one that a trajectory ends in is found by starting from its end (:func:`run`).

    Parameters
    ----------
    weights : (n, n) array_like or sparse matrix
        W[i, j] is the synapse j -> i. At most 5000 units.
    drive : float or (n,) array_like
        d = W_in u + bias, constant.
    starts : (m, n) or (n,) array_like, optional
        States to start from, for example of a trajectory; default: the state x = d.
    tau : float or (n,) array_like
        Timescales. They do not move fixed points, but weigh the speed, and enter the eigenvalues.
    activation : "logistic", "tanh" or Activation
        sigma.
    labels : (n,) sequence of str, optional
        Handed on to :meth:`FixedPoints.network`.
    tol : float
        A fixed point has max|F_i| <= tol.
    merge : float
        Ends closer than this (largest component, relative to 1 + the largest |x_i|) are one point.
    max_evaluations : int
        Limit for one start.

    Returns
    -------
    FixedPoints
        An empty list of fixed points is an answer, not an error: see ``slow`` and the proved ``clearance``.

    Raises
    ------
    ValidationError
        Weights not square, shapes that disagree, NaN, tau not positive, an unknown activation.

    Examples
    --------
    Two units that inhibit each other: each alone may win, and a saddle stands between them.

    >>> import numpy as np
    >>> from rmtlib.training.fixed_points import fixed_points
    >>> found = fixed_points([[0, -8], [-8, 0]], 4.0, [[4, -4], [-4, 4], [0.1, 0]], tau=10.0)
    >>> found.stable.tolist(), found.index.tolist(), found.complete()
    ([True, True, False], [1, 1, -1], True)
    >>> print(found.x.round(2) + 0.0)
    [[ 3.83 -3.83]
     [-3.83  3.83]
     [ 0.    0.  ]]
    """
    W, d, T, f = _dynamics(weights, drive, tau, activation)
    n = len(W)
    begin = _starts(d if starts is None else starts, n)
    if not (np.isfinite(tol) and 0 < tol < 1):
        raise ValidationError(f"tol must lie between 0 and 1, got {tol!r}")
    if not (np.isfinite(merge) and 0 < merge < 1):
        raise ValidationError(f"merge must lie between 0 and 1, got {merge!r}")
    if isinstance(max_evaluations, bool) or not isinstance(max_evaluations, (int, np.integer)) or max_evaluations < 1:
        raise ValidationError(f"max_evaluations must be a positive integer, got {max_evaluations!r}")
    if labels is not None:
        labels = Network(W, T, 1.0, labels).labels
    flow = _Flow(W, d, T, f)

    points: list[FloatArray] = []
    slow: list[FloatArray] = []
    where: list[tuple[str, int]] = []

    def place(x, known):
        for k, other in enumerate(known):
            if np.abs(x - other).max() <= merge * (1 + np.abs(x).max()):
                return k
        known.append(x)
        return len(known) - 1

    for x in begin:
        x = _descend(flow, x, tol, int(max_evaluations))
        if not np.all(np.isfinite(flow.F(x))):
            where.append(("failed", 0))
        elif np.abs(flow.F(x)).max() <= tol:
            where.append(("fixed", place(x, points)))
        else:
            # a minimum: no gradient, and no direction in which the speed falls
            scale, H = 1 + flow.norm, flow.ddq(x)  # of J: its own norm vanishes at a fold in one dimension
            flat = la.norm(flow.dq(x)) <= 1e-7 * scale * la.norm(flow.G(x))
            if flat and la.eigvalsh(H, subset_by_index=[0, 0])[0] >= -1e-8 * (la.norm(H, 2) + scale * la.norm(flow.G(x))):
                where.append(("slow", place(x, slow)))
            else:
                where.append(("failed", 0))

    values = [_eigenvalues(flow.A(x) / T[:, None]) for x in points]
    order = sorted(range(len(points)), key=lambda k: (values[k][0].real >= 0, values[k][0].real))
    rank = {k: i for i, k in enumerate(order)}
    X = np.array([points[k] for k in order]).reshape(-1, n)
    eigenvalues = np.array([values[k] for k in order]).reshape(-1, n)
    proofs = [_certificate(flow, x) for x in X]
    index = [int(np.sign(np.linalg.slogdet(-flow.A(x))[0])) for x in X]

    speed = [la.norm(flow.F(x) / T) / np.sqrt(n) for x in slow]
    slow_order = np.argsort(speed, kind="stable") if slow else []
    slow_rank = {int(k): i for i, k in enumerate(slow_order)}
    minima = [slow[k] for k in slow_order]
    reached = [
        rank[k] if kind == "fixed" else -1 - slow_rank[k] if kind == "slow" else len(begin) for kind, k in where
    ]
    return FixedPoints(
        x=X,
        residual=np.array([np.abs(flow.F(x)).max() for x in X]),
        error=np.array([p[0] for p in proofs]),
        alone=np.array([p[1] for p in proofs]),
        eigenvalues=eigenvalues.astype(complex),
        abscissa=eigenvalues[:, 0].real.astype(float) if len(X) else np.zeros(0),
        unstable=np.sum(eigenvalues.real > 0, axis=1),
        index=np.array(index, dtype=int),
        reached=np.array(reached, dtype=int),
        slow=SlowPoints(
            x=np.array(minima).reshape(-1, n),
            speed=np.array([speed[k] for k in slow_order]),
            residual=np.array([np.abs(flow.F(x)).max() for x in minima]),
            clearance=np.array([_clearance(flow, x) for x in minima]),
            abscissa=np.array([_eigenvalues(flow.A(x) / T[:, None])[0].real for x in minima]),
        ),
        failed=np.array([i for i, (kind, _) in enumerate(where) if kind == "failed"], dtype=int),
        weights=W,
        tau=T,
        activation=f,
        labels=labels,
    )


def _eigenvalues(J: FloatArray) -> NDArray[np.complex128]:
    values = np.linalg.eigvals(J).astype(complex)
    return values[np.lexsort((-values.imag, -values.real))]
