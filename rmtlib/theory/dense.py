r"""The dense self-consistent equations of the Hermitized resolvent.

For population ``a`` with ``a_i = leak + z tau_i``, summed input variances ``V_ab``, reciprocal
covariances ``R_ab`` and population fractions ``f_a``, the averages over ``tau`` and gain ``h`` obey

.. math::
   X_a &= \eta + \sum_b V_{ab} \langle h^2 / D_b \rangle X_b, \qquad
   Y_a = \sum_b \frac{f_b}{f_a} V_{ba} \langle (\eta + h^2 Y_b) / D_b \rangle, \\
   \theta_a &= \sum_b R_{ab} \langle h\,(\bar a - h \tilde\theta_b) / D_b \rangle, \qquad
   \tilde\theta_a = \sum_b R_{ab} \langle h\,(a - h \theta_b) / D_b \rangle, \\
   D_b &= X_b (\eta + h^2 Y_b) + (a - h\theta_b)(\bar a - h\tilde\theta_b), \qquad
   g(z) = \sum_a f_a \langle \tau (\bar a - h \tilde\theta_a) / D_a \rangle .

For real ``eta`` the two ``theta`` are conjugate. At ``eta = 0`` the irreducible classes of the graph
``V_ab > 0`` decouple (``X -> k X, Y -> Y/k`` per class is a symmetry); outside the support ``X Y = 0``.

This module works on plain arrays; :func:`system` builds them from an ``Ensemble``. Routes:

* no reciprocity, ``eta = 0``, one population in the class: the scalar ``u = X Y`` solves
  ``<h^2/(|a|^2 + h^2 u)> = 1/V``. The reciprocal of the left side is concave and increasing in ``u``
  (a complete Bernstein function), so Newton's method from ``u = 0`` rises monotonically to the root;
* several populations: Perron vectors give the direction of ``u`` and a scalar solve its size, then
  Newton in ``log X, log Y`` with the gauge direction bordered;
* reciprocity or ``eta != 0``: damped iteration at large ``eta`` (a contraction there), continuation
  downwards, Newton on ``X, Y, theta, theta~``.

The averages are done with a sequence of quadrature rules; each point moves to the next rule until its
answer stops changing, and the change is reported as ``Solution.error``.

Sources: Ahmadian, Fumarola and Miller, Phys. Rev. E 91, 012820 (2015), eq. (2.5)-(2.7) for independent
entries; Sommers, Crisanti, Sompolinsky and Stein, Phys. Rev. Lett. 60, 1895 (1988) for reciprocity;
Aljadeff, Stern and Sharpee, Phys. Rev. Lett. 114, 088101 (2015) for several populations.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from scipy.sparse.csgraph import connected_components

from ..errors import NotApplicableError
from ..laws import Independent, Mixture
from ..solve import Solution, Status

__all__ = ["Population", "System", "irreducible_classes", "perron", "refuse_lines", "solve", "solve_system", "system"]

_EPS = np.finfo(float).eps
_CHUNK = 1_000_000  # complex numbers per temporary array: keeps a grid of any size within ~200 MB
_LEVELS = (10, 20, 40, 80, 160)  # Gauss nodes in tau, for all points at once
_SPLIT_LEVELS = (40, 80, 160, 320, 640)  # nodes a piece, rules centred on the near-pole of each point
_GAIN_MAX = 80


def irreducible_classes(coupling: np.ndarray) -> list[np.ndarray]:
    """Strongly connected components of the population graph that carry a cycle (index arrays)."""
    count, label = connected_components(coupling != 0, directed=True, connection="strong")
    classes = [np.flatnonzero(label == c) for c in range(count)]
    return [c for c in classes if np.any(coupling[np.ix_(c, c)])]


def perron(matrix: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Perron root and right and left Perron vectors (sum 1) of stacked irreducible matrices >= 0."""
    if matrix.shape[-1] == 1:
        one = np.ones(matrix.shape[:-1])
        return matrix[..., 0, 0], one, one
    root, right = _perron_right(matrix)
    return root, right, _perron_right(np.swapaxes(matrix, -1, -2))[1]


def _perron_right(matrix):
    values, vectors = np.linalg.eig(matrix)
    k = np.argmax(values.real, axis=-1)[..., None]
    root = np.take_along_axis(values.real, k, -1)[..., 0]
    vector = np.abs(np.take_along_axis(vectors, k[..., None, :], -1)[..., 0])
    return root, vector / vector.sum(-1, keepdims=True)


@dataclass(frozen=True)
class Population:
    """Law of ``(tau, gain)`` in one population, as quadrature rules.

    ``rule(n)`` returns ``(tau, gain, weight)``; ``tau_rule(n)`` returns ``(tau, weight, E[h|tau], E[h^2|tau])``.
    ``split(centres, n)``, if tau and gain are independent, returns ``(offset, weight)`` of shape
    ``(centres, nodes)``: ``tau = centre + offset``, nodes accumulating, mirrored, at the centres;
    ``gain_rule(n)`` is then the rule of the gain.
    """

    rule: Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray]]
    tau_rule: Callable[[int], tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]]
    split: Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]] | None = None
    gain_rule: Callable[[int], tuple[np.ndarray, np.ndarray]] | None = None


@dataclass
class System:
    """The dense equations as plain arrays, in units where the mean ``tau`` is ``scale``.

    Attributes
    ----------
    populations : list of Population
    fractions : ndarray, shape (K,)
    variance, mean, reciprocal : ndarray, shape (K, K)
        ``V``, ``M`` and ``R`` of the module docstring (target, source).
    leak : float
    scale : float
        Timescale by which ``z`` and ``tau`` are made dimensionless.
    """

    populations: list[Population]
    fractions: np.ndarray
    variance: np.ndarray
    mean: np.ndarray
    reciprocal: np.ndarray
    leak: float = 1.0
    scale: float = 1.0
    _cache: dict = field(default_factory=dict, repr=False)

    def __post_init__(self):
        self.classes = irreducible_classes(self.variance)
        self._any_reciprocal = bool(np.any(self.reciprocal))
        inside = np.zeros(len(self.fractions), bool)
        for c in self.classes:
            inside[c] = True
        self.trivial = np.flatnonzero(~inside)

    def rule(self, population: int, level: int):
        """Joint rule of one population, ``tau`` in units of ``scale`` (cached)."""
        key = (population, level)
        if key not in self._cache:
            tau, gain, weight = self.populations[population].rule(level)
            self._cache[key] = (np.asarray(tau, float) / self.scale, np.asarray(gain, float), np.asarray(weight, float))
        return self._cache[key]

    def tau_rule(self, population: int, level: int):
        """Rule in ``tau`` alone with the conditional moments of the gain, ``tau`` in units of ``scale`` (cached)."""
        key = (population, level, "tau")
        if key not in self._cache:
            tau, weight, h1, h2 = self.populations[population].tau_rule(level)
            self._cache[key] = (np.asarray(tau, float) / self.scale, weight, h1, h2)
        return self._cache[key]

    def split(self, population: int, z: complex, level: int, theta: complex = 0.0, gains: bool = True):
        """Rule centred, for each gain, on the ``tau`` where ``|leak - h theta + z tau|`` is least.

        Returns ``(tau, gain, weight, a)``, or the ordinary rule if the law has no such rule. Without ``gains``
        (units that couple to nothing) ``a`` is formed from the offset, so that on the real axis the mirrored
        nodes give principal values to rounding.
        """
        pop = self.populations[population]
        if pop.split is None or z == 0:
            tau, gain, weight = self.rule(population, level if pop.split is None else _LEVELS[-1])
            return tau, gain, weight, self.leak + z * tau
        gain, wg = pop.gain_rule(min(level // 2, _GAIN_MAX)) if gains else (np.zeros(1), np.ones(1))
        centre = -np.real((self.leak - gain * theta) * np.conj(z)) / abs(z) ** 2
        offset, weight = pop.split(centre * self.scale, level)
        offset = offset / self.scale
        tau = centre[:, None] + offset
        a = z * (offset - 1j * self.leak * z.imag / abs(z) ** 2)
        return tau.ravel(), np.repeat(gain, tau.shape[1]), (wg[:, None] * weight).ravel(), a.ravel()

    def has_reciprocity(self, members: np.ndarray) -> bool:
        """True if the synapses of a class are correlated in pairs."""
        return self._any_reciprocal and bool(np.any(self.reciprocal[np.ix_(members, members)]))

    def symmetry(self, members: np.ndarray) -> int:
        """+1 if the block is similar to a symmetric random matrix, -1 to an antisymmetric one, else 0."""
        ix = np.ix_(members, members)
        v, r, f = self.variance[ix], self.reciprocal[ix], self.fractions[members]
        # R = Gamma sqrt(V V^T f_b/f_a) entry by entry, with |Gamma| = 1, and V_ab/f_b symmetric up to a
        # diagonal similarity d_a/d_b, which for a product of three blocks means equal cyclic products
        full = np.sqrt(v * v.T * f[None, :] / f[:, None])
        if not np.any(r):
            return 0
        s = v / f[None, :]
        cyclic = np.einsum("ab,bc,ca->abc", s, s, s)
        if not np.allclose(cyclic, np.swapaxes(cyclic, 0, 2), rtol=1e-10):
            return 0
        for sign in (1, -1):
            if np.allclose(r, sign * full, rtol=1e-12, atol=1e-14 * full.max()):
                return sign
        return 0


def system(ensemble, n: int | None = None) -> System:
    """The dense equations of an ``Ensemble`` (``n`` is needed for blocks with a fixed probability)."""
    names = list(ensemble.names)
    populations = [
        Population(
            rule=lambda level, name=name: _joint_rule(ensemble, name, level),
            tau_rule=lambda level, name=name: ensemble.tau_nodes(name, level),
            **_split_for(ensemble.populations[k].joint),
        )
        for k, name in enumerate(names)
    ]
    fractions = np.asarray(ensemble.fractions, float)
    first = [pop.tau_rule(_LEVELS[0]) for pop in populations]
    scale = float(sum(f * np.dot(tau, weight) for f, (tau, weight, _, _) in zip(fractions, first, strict=True)))
    heard = np.array([np.dot(weight, h2) > 0 for _, weight, _, h2 in first])  # gain 0: as if it had no synapses
    return System(
        populations,
        fractions,
        np.where(heard, np.asarray(ensemble.input_variance(n), float), 0.0),
        np.where(heard, np.asarray(ensemble.input_mean(n), float), 0.0),
        np.where(heard & heard[:, None], np.asarray(ensemble.reciprocal_covariance(n), float), 0.0),
        float(ensemble.leak),
        scale,
    )


def _joint_rule(ensemble, name, level):
    joint = ensemble.populations[list(ensemble.names).index(name)].joint
    if not isinstance(joint, Independent):
        return ensemble.nodes(name, min(level, 2 * _GAIN_MAX))
    tau, wt = joint.tau.nodes(level)
    gain, wg = joint.gain.nodes(min(level, _GAIN_MAX))
    return np.repeat(tau, len(gain)), np.tile(gain, len(tau)), np.outer(wt, wg).ravel()


def _split_for(joint):
    """The rules of ``Population`` that only independent tau and gain have."""
    if not isinstance(joint, Independent):
        return {}

    def split(centre, level):
        parts = list(split_tau(joint.tau, centre, level))
        return tuple(np.concatenate(column, -1) for column in zip(*parts, strict=True))

    return {"split": split, "gain_rule": joint.gain.nodes}


def split_tau(law, centre, n):
    """Yield ``(offset, weight)``, shape (centres, n) each: tanh-sinh pieces of a tau law, mirrored at ``centre``.

    Where ``centre`` lies in the support there are pieces ``[centre - c, centre]`` and ``[centre, centre + c]``
    with mirrored nodes (so that 1/(tau - centre) gives its principal value) and the rest of the longer side.
    """
    if isinstance(law, Mixture):
        for p, part in zip(law._probs, law._laws, strict=True):
            for offset, weight in split_tau(part, centre, n):
                yield offset, p * weight
        return
    values, probs = law.atoms()
    if len(values):
        yield values - centre[:, None], np.broadcast_to(probs, (len(centre), len(probs)))
        return
    lo, hi = law.support()
    near = np.clip(centre, lo, hi)
    left, right = near - lo, hi - near
    inside = (left > 0) & (right > 0)
    core = np.where(inside, np.minimum(left, right), 0.0)
    pieces = [
        (-1, np.zeros_like(core), core),
        (1, np.zeros_like(core), core),
        (-1, core, np.maximum(left, core)),
        (1, core, np.maximum(right, core)),
    ]
    offsets, slopes = [], []
    for sign, start, stop in pieces:
        if not np.any(stop > start):
            continue
        if np.all(np.isfinite(stop)):
            distance, slope = _tanh_sinh(n)
            length = (stop - start)[:, None]
            distance, slope = start[:, None] + length * distance, length * slope
        else:  # a tail to infinity: exp-sinh
            t = np.linspace(-4.4, 3.4, n)
            grow = np.sqrt(law.var()) * np.exp(0.5 * np.pi * np.sinh(t))
            distance = start[:, None] + grow
            slope = np.broadcast_to(0.5 * np.pi * np.cosh(t) * grow * (t[1] - t[0]), distance.shape)
        offsets.append((near - centre)[:, None] + sign * distance)
        slopes.append(slope)
    offset, slope = np.concatenate(offsets, -1), np.concatenate(slopes, -1)
    with np.errstate(all="ignore"):
        pdf = law.pdf(centre[:, None] + offset)
    yield offset, np.where(np.isfinite(pdf), pdf, 0.0) * slope


@lru_cache(maxsize=32)
def _tanh_sinh(n):
    """Nodes and weights of the double-exponential rule on [0, 1]."""
    t = np.linspace(-3.6, 3.6, n)
    e = np.exp(-np.pi * np.sinh(t))
    node = 1 / (1 + e)
    return node, np.pi * np.cosh(t) * node * (e / (1 + e)) * (t[1] - t[0])


# --- one class, one rule ---------------------------------------------------------------------------


@dataclass
class _State:
    """Solution of one class at points z: X, Y, theta, theta~ of shape (points, members)."""

    x: np.ndarray
    y: np.ndarray
    theta: np.ndarray
    theta2: np.ndarray
    residual: np.ndarray
    iterations: np.ndarray

    def take(self, index):
        return _State(*(part[index] for part in vars(self).values()))

    @staticmethod
    def stack(parts):
        return _State(*(np.concatenate(p) for p in zip(*(vars(s).values() for s in parts), strict=True)))


def edge_average(sys: System, members: np.ndarray, z: np.ndarray, nodes: list, theta=None) -> np.ndarray:
    """``<h^2/|a - h theta|^2>_b`` for members of a class, shape (points, m); capped at 1e200 at a pole."""
    phi = np.empty((len(z), len(members)))
    for k, (tau, h, w) in enumerate(nodes):
        p = sys.leak + np.multiply.outer(z, tau)
        if theta is not None:
            p = p - theta[:, k, None] * h
        d = p.real**2 + p.imag**2
        with np.errstate(divide="ignore", invalid="ignore"):
            term = np.where(h * w == 0, 0.0, h**2 * w / d)
        phi[:, k] = term.sum(-1)
    return np.minimum(phi, 1e200)


def _solve_plain(sys, members, z, nodes, start):
    """eta = 0, no reciprocity: u = X Y by monotone Newton (one population) or Perron and Newton."""
    n, m = len(z), len(members)
    zero = np.zeros((n, m), complex)
    if m == 1:
        u, res, its = _solve_scalar(sys, members[0], z, nodes[0], None if start is None else (start.x * start.y)[:, 0])
        root = np.sqrt(u)[:, None]
        return _State(root + 0j, root + 0j, zero, zero, res, its)
    x, y, res, its = np.zeros((n, m)), np.zeros((n, m)), np.zeros(n), np.zeros(n, int)
    phi = edge_average(sys, members, z, nodes)
    rho, right, left = perron(sys.variance[np.ix_(members, members)] * phi[:, None, :])
    inside = np.flatnonzero(rho > 1)
    if inside.size:
        warm = None if start is None else (start.x.real[inside], start.y.real[inside])
        x[inside], y[inside], res[inside], its[inside] = _solve_classes(
            sys, members, z[inside], nodes, (phi[inside], rho[inside], right[inside], left[inside]), warm
        )
    return _State(x + 0j, y + 0j, zero, zero, res, its)


def _solve_scalar(sys, member, z, node, start):
    tau, h, w = node
    v = sys.variance[member, member]
    h2 = h**2
    a2 = sys.leak**2 + 2 * sys.leak * np.multiply.outer(z.real, tau) + np.multiply.outer(np.abs(z) ** 2, tau**2)
    a2 = np.maximum(a2, np.multiply.outer(z.imag**2, tau**2))  # rounding of the sum may not go below this
    u = np.zeros(len(z))
    res, its = np.zeros(len(z)), np.zeros(len(z), int)
    with np.errstate(divide="ignore", invalid="ignore"):
        inside = v * np.where(h2 * w == 0, 0.0, h2 * w / a2).sum(-1) > 1
    todo = np.flatnonzero(inside)
    guess = np.zeros(len(z)) if start is None else start.real
    u[todo] = np.maximum(guess[todo], 0)
    # where a node sits exactly on the pole, start just right of it
    at_pole = todo[(u[todo] == 0) & np.any(a2[todo] == 0, axis=-1)]
    u[at_pole] = v * float(np.dot(w, h2) / max(h2.max(), 1e-300)) * 1e-8
    for _ in range(80):
        if not todo.size:
            break
        its[todo] += 1
        inv = 1 / (a2[todo] + np.multiply.outer(u[todo], h2))
        phi, phi2 = inv @ (w * h2), (inv * inv) @ (w * h2**2)
        gap = v - 1 / phi
        res[todo] = np.abs(gap) / v
        step = gap * phi * phi / phi2
        new = np.maximum(u[todo] + step, u[todo] / 16)
        done = (np.abs(gap) <= 4 * _EPS * v) | (np.abs(step) <= 2 * _EPS * u[todo])
        u[todo] = new
        todo = todo[~done]
    return u, res, its


def _moments(sys, z, node, u):
    """phi = <h^2/D> and t = <h^4/D^2> of one population, D = |a|^2 + h^2 u."""
    tau, h, w = node
    a = sys.leak + np.multiply.outer(z, tau)
    inv = 1 / (a.real**2 + a.imag**2 + u[:, None] * h**2)
    return inv @ (w * h**2), (inv * inv) @ (w * h**4)


def _solve_classes(sys, members, z, nodes, edge, warm):
    n, m = len(z), len(members)
    f = sys.fractions[members]
    v = sys.variance[np.ix_(members, members)]
    if warm is not None and np.all(warm[0] > 0):
        x, y = warm[0].copy(), warm[1].copy()
    else:
        # near the edge u is s times a known direction, f phi u = right * left; s solves rho(V diag phi(s d)) = 1,
        # to a few per cent, which Newton then finishes
        phi0, rho, right, left = edge
        direction = right * left / (f * phi0)
        direction = np.clip(direction / direction.max(-1, keepdims=True), 1e-6, None)
        high = perron(v[None])[0][0] / direction.min(-1)  # phi <= 1/u, so rho <= 1 here
        low, s = np.zeros(n), high * 0.5 * np.clip(1 - 1 / rho, 1e-12, 1)
        for _ in range(40):
            phi = np.stack([_moments(sys, z, nodes[k], s * direction[:, k])[0] for k in range(m)], -1)
            root, right, left = perron(v * phi[:, None, :])
            gap = 1 / root - 1
            high, low = np.where(gap > 0, s, high), np.where(gap <= 0, s, low)
            target = 1 - 1 / rho  # 1/rho is nearly linear in s: chord through (0, 1/rho(0))
            if np.all(np.abs(gap) < 0.05 * target):
                break
            trial = s * target / (target + gap)
            inner = (trial > low) & (trial < high)
            s = np.where(inner, trial, np.where(low > 0, np.sqrt(low * high), 0.1 * high))
        x = right
        y = left / (f * phi) * (s * direction.max(-1) / np.max(right * left / (f * phi), -1))[:, None]
    res, its = np.full(n, np.inf), np.zeros(n, int)
    eye = np.arange(m)
    todo = np.arange(n)
    for _ in range(100):
        its[todo] += 1
        u = x[todo] * y[todo]
        pairs = [_moments(sys, z[todo], nodes[k], u[:, k]) for k in range(m)]
        phi, t = np.stack([p[0] for p in pairs], -1), np.stack([p[1] for p in pairs], -1)
        jac, rhs, size = _newton_log(f, v, x[todo], y[todo], phi, t)
        res[todo] = np.max(np.abs(rhs) / np.concatenate([size, size], -1), -1)
        step = np.linalg.solve(jac, rhs[..., None])[..., 0]
        peak = np.max(np.abs(step), -1)
        step *= np.minimum(1, 1.0 / np.maximum(peak, 1e-300))[:, None]
        x[todo] *= np.exp(step[:, eye])
        y[todo] *= np.exp(step[:, m + eye])
        gauge = np.sqrt(np.sum(x[todo], -1) / np.sum(y[todo], -1))[:, None]
        x[todo], y[todo] = x[todo] / gauge, y[todo] * gauge
        todo = todo[~((peak <= 1e-13) | ((res[todo] <= 4 * _EPS) & (peak <= 1e-6)))]
        if not todo.size:
            break
    return x, y, res, its


def _newton_log(f, v, x, y, phi, t):
    """Newton matrix and right side in (log X, log Y), rows scaled by m_a = f phi X Y, gauge bordered in.

    With S_ab = f_a phi_a Y_a V_ab phi_b X_b the equations read sum_b S_ab = m_a and sum_b S_ba = m_a.
    """
    s = (f * phi * y)[:, :, None] * v * (phi * x)[:, None, :]
    weight = f * phi * x * y
    kappa = t * x * y / phi
    m = x.shape[-1]
    jac = np.empty((len(x), 2 * m, 2 * m))
    eye = np.arange(m)
    st = np.swapaxes(s, -1, -2)
    jac[:, :m, :m] = s * (1 - kappa)[:, None, :]
    jac[:, :m, m:] = -s * kappa[:, None, :]
    jac[:, m:, :m] = -st * kappa[:, None, :]
    jac[:, m:, m:] = st * (1 - kappa)[:, None, :]
    jac[:, eye, eye] -= weight
    jac[:, m + eye, m + eye] -= weight
    # exact null vectors (1, -1) on both sides: adding their outer product makes the matrix regular and
    # keeps the step free of the gauge direction
    null = np.concatenate([np.ones(m), -np.ones(m)])
    jac += (weight.mean(-1))[:, None, None] * np.outer(null, null)
    rhs = np.concatenate([weight - s.sum(-1), weight - st.sum(-1)], -1)
    return jac, rhs, weight


# --- general kernel: reciprocity, finite or complex eta ---------------------------------------------


def _general(sys, members, z, eta, nodes, state, derivative=True):
    """Residual F(X, Y, theta, theta~) (points, 4m), its Jacobian, and dF/d(abar) with weight tau."""
    f = sys.fractions[members]
    ix = np.ix_(members, members)
    v, r = sys.variance[ix], sys.reciprocal[ix]
    vt = v.T * f[None, :] / f[:, None]
    n, m = state.x.shape
    out = np.empty((n, 4, m), complex)  # A1..A4: <h^2 X/D>, <Y/D>, <h q/D>, <h p/D>
    grad = np.empty((n, 4, 4, m), complex)
    bar = np.empty((n, 4, m), complex)
    for k, (tau, h, w) in enumerate(nodes):
        x, y0 = state.x[:, k, None], state.y[:, k, None]
        p = sys.leak + np.multiply.outer(z, tau)
        q = p.conj() - state.theta2[:, k, None] * h
        p = p - state.theta[:, k, None] * h
        y = eta + h**2 * y0
        inv = 1 / (x * y + p * q)
        h1, h2 = w * h, w * h**2
        out[:, 0, k] = (inv @ h2) * x[:, 0]
        out[:, 1, k] = (inv * y) @ w
        ip, iq = inv * p, inv * q
        out[:, 2, k], out[:, 3, k] = iq @ h1, ip @ h1
        if not derivative:
            continue
        iy = inv * y
        ipq = ip * iq @ h2
        iyx = -(inv * iy @ h2) * x[:, 0]
        grad[:, 0, :, k] = np.stack(
            [
                ipq,
                -(inv * inv @ (w * h**4)) * x[:, 0] ** 2,
                (inv * iq @ (w * h**3)) * x[:, 0],
                (inv * ip @ (w * h**3)) * x[:, 0],
            ],
            -1,
        )
        grad[:, 1, :, k] = np.stack([-(iy * iy @ w), ipq, iy * iq @ h1, iy * ip @ h1], -1)
        grad[:, 2, :, k] = np.stack([-(iq * iy @ h1), -(inv * iq @ (w * h**3)) * x[:, 0], iq * iq @ h2, iyx], -1)
        grad[:, 3, :, k] = np.stack([-(ip * iy @ h1), -(inv * ip @ (w * h**3)) * x[:, 0], iyx, ip * ip @ h2], -1)
        tp = ip * tau
        bar[:, 0, k] = -(inv * tp @ h2) * x[:, 0]
        bar[:, 1, k] = -(iy * tp @ w)
        bar[:, 2, k] = (inv * iy @ (h1 * tau)) * x[:, 0]
        bar[:, 3, k] = -(ip * tp @ h1)
    blocks = (v, vt, r, r)
    source = (eta, 0, 0, 0)
    old = (state.x, state.y, state.theta, state.theta2)
    value = np.stack([s + out[:, i] @ b.T for i, (b, s) in enumerate(zip(blocks, source, strict=True))], 1)
    residual = value - np.stack(old, 1)
    if not derivative:
        return value, residual, None, None
    jac = np.empty((n, 4, m, 4, m), complex)
    for i, b in enumerate(blocks):
        jac[:, i] = b[None, :, None, :] * np.swapaxes(grad[:, i], 0, 0)[:, None, :, :]
    jac = jac.reshape(n, 4 * m, 4 * m)
    jac[:, np.arange(4 * m), np.arange(4 * m)] -= 1
    dbar = np.stack([bar[:, i] @ b.T for i, b in enumerate(blocks)], 1).reshape(n, 4 * m)
    return value, residual.reshape(n, 4 * m), jac, dbar


def _border(jac, state, eta):
    """Remove the gauge null vector at eta = 0: J -> J + l^* r^* with both null vectors, J unchanged off it."""
    if eta != 0:
        return jac
    n, m = state.x.shape
    null = np.concatenate([state.x, -state.y, np.zeros((n, 2 * m))], -1)
    size = np.linalg.norm(null, axis=-1, keepdims=True)
    null = np.divide(null, size, out=np.zeros_like(null), where=size > 0)
    # any column outside the range will do; (X, -Y) itself is one since l.(X,-Y) = 2 sum f phi X Y > 0
    return jac + null[:, :, None] * null.conj()[:, None, :]


def _newton(sys, members, z, eta, nodes, state, steps, tol=1e-13):
    x, y, th, th2 = state.x.copy(), state.y.copy(), state.theta.copy(), state.theta2.copy()
    res, its = np.full(len(z), np.inf), state.iterations.copy()
    todo = np.arange(len(z))
    m = len(members)
    for _ in range(steps):
        cur = _State(x[todo], y[todo], th[todo], th2[todo], res[todo], its[todo])
        _, residual, jac, _ = _general(sys, members, z[todo], eta, nodes, cur)
        its[todo] += 1
        size = np.concatenate(
            [np.broadcast_to(np.max(np.abs(c), -1, keepdims=True), c.shape) for c in (cur.x, cur.y)], -1
        )
        top = np.maximum(
            np.max(np.abs(cur.theta), -1, keepdims=True), np.sqrt(np.max(np.abs(cur.x * cur.y), -1, keepdims=True))
        )
        size = np.concatenate([size, np.broadcast_to(top, (len(todo), 2 * m))], -1) + 1e-300
        res[todo] = np.max(np.abs(residual) / size, -1)
        jac = _border(jac, cur, eta)
        # columns and rows in relative units, so that a small X Y is not lost against theta
        step = -np.linalg.solve(jac * size[:, None, :] / size[:, :, None], (residual / size)[..., None])[..., 0]
        peak = np.max(np.abs(step), -1)
        step = step * np.minimum(1, 0.7 / np.maximum(peak, 1e-300))[:, None] * size
        dx, dy = step[:, :m], step[:, m : 2 * m]
        x[todo], y[todo] = _relative(cur.x, dx), _relative(cur.y, dy)
        th[todo], th2[todo] = cur.theta + step[:, 2 * m : 3 * m], cur.theta2 + step[:, 3 * m :]
        if np.imag(eta) == 0:  # the symmetry of the solution, which rounding would let go
            x[todo], y[todo] = x[todo].real, y[todo].real
            th[todo] = 0.5 * (th[todo] + th2[todo].conj())
            th2[todo] = th[todo].conj()
        todo = todo[(peak > tol) & np.isfinite(peak)]
        if not todo.size:
            break
    return _State(x, y, th, th2, res, its)


def _relative(value, change):
    """value + change, but never through zero: exponential where the change is of the size of the value."""
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(value == 0, 0, change / value)
    ratio = ratio * np.minimum(1, 2 / np.maximum(np.abs(ratio), 1e-300))
    return np.where(np.abs(ratio) < 0.1, value * (1 + ratio), value * np.exp(ratio))


def theta_newton(sys, members, z, nodes, theta, steps=60):
    """theta_a = sum_b R_ab <h/(a - h theta_b)>, the outside (X Y = 0) solution, from a start value."""
    r = sys.reciprocal[np.ix_(members, members)]
    m = len(members)
    theta = theta.copy()
    res = np.full(len(z), np.inf)
    todo = np.arange(len(z))
    for _ in range(steps):
        now = theta[todo]
        value, slope = np.empty((len(todo), m), complex), np.empty((len(todo), m), complex)
        with np.errstate(all="ignore"):
            for k, (tau, h, w) in enumerate(nodes):
                inv = 1 / (sys.leak + np.multiply.outer(z[todo], tau) - now[:, k, None] * h)
                value[:, k], slope[:, k] = inv @ (w * h), (inv * inv) @ (w * h**2)
        residual = value @ r.T - now
        jac = r[None] * slope[:, None, :]
        jac[:, np.arange(m), np.arange(m)] -= 1
        # of the terms, not of their sum: where correlations cancel, theta is 0 to rounding and no smaller
        scale = np.max(np.abs(now), -1) + np.max(np.abs(value) @ np.abs(r).T, -1) + 1e-300
        if m == 1:
            with np.errstate(all="ignore"):  # a point that has no solution ends as NaN and is reported
                step = -residual / jac[:, :, 0]
        else:
            jac[~np.all(np.isfinite(jac), axis=(-1, -2))] = np.eye(m)
            step = -np.linalg.solve(jac, residual[..., None])[..., 0]
        peak = np.max(np.abs(step), -1)
        step *= np.minimum(1, 0.5 * scale / np.maximum(peak, 1e-300))[:, None]
        theta[todo] = now + step
        res[todo] = np.max(np.abs(residual), -1) / scale
        todo = todo[(peak > 1e-14 * scale) & np.isfinite(peak)]
        if not todo.size:
            break
    return theta, res


def _approach(sys, members, z, eta, nodes):
    """A state near the solution at ``eta``, from the contraction at large eta downwards."""
    n, m = len(z), len(members)
    spread = np.sqrt(
        perron((sys.variance[np.ix_(members, members)] * [np.dot(w, h**2) for _, h, w in nodes])[None])[0][0]
    )
    unit = np.full((n, m), max(spread, abs(eta), 1e-300), complex)
    zero = np.zeros((n, m), complex)
    state = _State(unit, unit.copy(), zero, zero.copy(), np.zeros(n), np.zeros(n, int))
    ladder = [d * spread for d in (1.0, 0.3, 0.1, 0.03, 0.01, 0.001)]
    ladder = [d for d in ladder if d > 0.3 * np.real(eta)] or ladder[:1]
    for i, shift in enumerate(ladder):
        for _ in range(25 if i == 0 else 4):
            value, _, _, _ = _general(sys, members, z, eta + shift, nodes, state, derivative=False)
            old = (state.x, state.y, state.theta, state.theta2)
            state = _State(*(0.5 * (value[:, j] + o) for j, o in enumerate(old)), state.residual, state.iterations + 1)
        state = _newton(sys, members, z, eta + shift, nodes, state, 4, tol=1e-6)
    return state, spread


def outside_theta(sys, members, z, nodes):
    """``theta`` of the solution with X Y = 0 that continues to infinity, and its residual.

    A root with rho(K) < 1 is that solution: it extends to small eta > 0 with X, Y > 0, where there is only one
    such solution. So whatever finds it cheaply will do; only points without it are approached from large eta.
    """
    r, v = (matrix[np.ix_(members, members)] for matrix in (sys.reciprocal, sys.variance))
    if len(members) == 1 and len(nodes[0][0]) == 1:  # one value of tau and gain: h theta^2 - a theta + R h w = 0
        tau, h, w = (part[0] for part in nodes[0])
        a, product = sys.leak + z * tau, r[0, 0] * h * w
        root = np.sqrt(a * a - 4 * h * product)
        large = np.where(np.abs(a + root) < np.abs(a - root), a - root, a + root)
        theta = np.divide(2 * product, large, out=np.zeros_like(z), where=large != 0)
        return theta[:, None], np.zeros(len(z))
    theta, value = np.zeros((len(z), len(members)), complex), np.empty((len(z), len(members)), complex)
    with np.errstate(all="ignore"):
        for _ in range(12):
            for k, (tau, h, w) in enumerate(nodes):
                value[:, k] = (1 / (sys.leak + np.multiply.outer(z, tau) - theta[:, k, None] * h)) @ (w * h)
            theta = 0.5 * (theta + value @ r.T)
    theta[~np.all(np.isfinite(theta), axis=-1)] = 0.0
    theta, residual = theta_newton(sys, members, z, nodes, theta, steps=12)
    sure = (residual < 1e-10) & np.all(np.isfinite(theta), axis=-1)
    sure[sure] = perron(v * edge_average(sys, members, z[sure], nodes, theta[sure])[:, None, :])[0] < 1 - 1e-8
    rest = np.flatnonzero(~sure)
    if rest.size:
        state, _ = _approach(sys, members, z[rest], 0.0, nodes)
        theta[rest], residual[rest] = theta_newton(sys, members, z[rest], nodes, state.theta)
    return theta, residual


def cut_theta(sys, members, z, nodes):
    """``theta`` of a symmetric class in the closed upper half plane, its cut included.

    There ``theta -> R <h/(a - h theta)>`` maps the lower half plane into itself, so iteration at large Im z
    converges; Newton then follows the solution down to the cut.
    """
    r = sys.reciprocal[np.ix_(members, members)]
    reach = 1 + np.abs(z)
    theta, residual = np.zeros((len(z), len(members)), complex), None
    for shift in (1.0, 0.3, 0.1, 0.03, 0.01, 1e-3, 1e-4, 1e-6, 0.0):
        moved = z + 1j * shift * reach
        for _ in range(40 if shift == 1.0 else 0):
            average = np.empty_like(theta)
            for k, (tau, h, w) in enumerate(nodes):
                average[:, k] = (1 / (sys.leak + np.multiply.outer(moved, tau) - theta[:, k, None] * h)) @ (w * h)
            theta = 0.5 * (theta + average @ r.T)
        theta, residual = theta_newton(sys, members, moved, nodes, theta, steps=100)
    return theta, residual


def _solve_general(sys, members, z, eta, nodes, start):
    n, m = len(z), len(members)
    if eta == 0 and sys.symmetry(members) == 1:
        zero = np.zeros((n, m), complex)
        if start is None:
            theta, residual = cut_theta(sys, members, z, nodes)
        else:
            theta, residual = theta_newton(sys, members, z, nodes, start.theta, steps=100)
        return _State(zero, zero.copy(), theta, theta.conj(), residual, np.ones(n, int))
    if start is None:
        state, spread = _approach(sys, members, z, eta, nodes)
    else:
        state, spread = start, np.max(np.abs(start.x)) + 1e-3
    if eta != 0:
        return _newton(sys, members, z, eta, nodes, state, 60)
    # eta = 0: the solution with X Y = 0 where it is stable (rho < 1), otherwise the one with X Y > 0
    theta, res = theta_newton(sys, members, z, nodes, state.theta)
    rho = perron(sys.variance[np.ix_(members, members)] * edge_average(sys, members, z, nodes, theta)[:, None, :])[0]
    outside = (res < 1e-10) & (rho <= 1)
    zero = np.zeros((n, m), complex)
    final = _State(zero, zero.copy(), theta, theta.conj(), res, state.iterations + 1)
    rest = np.flatnonzero(~outside)
    if rest.size:
        begin = state.take(rest)
        floor = 1e-3 * spread  # after a rule that put the point outside
        begin.x, begin.y = (np.where(np.abs(c) > 0, c, floor) for c in (begin.x, begin.y))
        got = _newton(sys, members, z[rest], 0.0, nodes, begin, 60)
        lost = np.flatnonzero(
            ~(got.residual < 1e-10) | (np.max(np.abs(got.x * got.y), -1) < 1e-13 * np.max(np.abs(got.theta), -1) ** 2)
        )
        if lost.size:  # close to the edge, or warm from too coarse a rule: approach along finite eta
            near = _approach(sys, members, z[rest[lost]], 0.0, nodes)[0]
            for shift in (3e-4, 1e-4, 3e-5, 1e-5, 1e-6):
                near = _newton(sys, members, z[rest[lost]], shift * spread, nodes, near, 30)
            again = _newton(sys, members, z[rest[lost]], 0.0, nodes, near, 60)
            for name in vars(got):
                getattr(got, name)[lost] = getattr(again, name)
        for name in ("x", "y", "theta", "theta2", "residual", "iterations"):
            getattr(final, name)[rest] = getattr(got, name)
    return final


def _solve_class(sys, members, z, eta, nodes, start):
    if eta == 0 and not sys.has_reciprocity(members):
        return _solve_plain(sys, members, z, nodes, start)
    return _solve_general(sys, members, z, eta, nodes, start)


# --- observables ------------------------------------------------------------------------------------


def _resolvent(sys, members, z, eta, nodes, state):
    """sum_a f_a <tau q/D> of one class and the size of its terms <tau/sqrt|D|>."""
    g, size = np.zeros(len(z), complex), np.zeros(len(z))
    for k, member in enumerate(members):
        tau, h, w = nodes[k]
        p = sys.leak + np.multiply.outer(z, tau)
        q = p.conj() - state.theta2[:, k, None] * h
        p = p - state.theta[:, k, None] * h
        d = state.x[:, k, None] * (eta + h**2 * state.y[:, k, None]) + p * q
        g += sys.fractions[member] * ((q / d) @ (w * tau))
        size += sys.fractions[member] * (1 / np.sqrt(np.abs(d)) @ (w * tau))
    return g, size


def _density(sys, members, z, eta, nodes, state):
    """(1/pi) dg/dzbar of one class by implicit differentiation of its equations in zbar."""
    f = sys.fractions[members]
    n, m = state.x.shape
    out = np.zeros(n)
    inside = np.flatnonzero(np.abs(state.x[:, 0] * state.y[:, 0]) > 0)
    if not inside.size:
        return out
    z, state = z[inside], state.take(inside)
    if m == 1 and eta == 0 and not sys.has_reciprocity(members):
        tau, h, w = nodes[0]
        u = (state.x * state.y).real[:, 0]
        a = sys.leak + np.multiply.outer(z, tau)
        inv = 1 / (a.real**2 + a.imag**2 + u[:, None] * h**2)
        inv *= inv
        cross = (inv * a) @ (w * h**2 * tau)
        out[inside] = f[0] / np.pi * (u * (inv @ (w * (tau * h) ** 2)) + np.abs(cross) ** 2 / (inv @ (w * h**4)))
        return out
    _, _, jac, dbar = _general(sys, members, z, eta, nodes, state)
    size = np.concatenate([state.x, state.y, np.ones((len(z), 2 * m))], -1)
    jac = _border(jac, state, eta)
    change = -np.linalg.solve(jac * size[:, None, :] / size[:, :, None], (dbar / size)[..., None])[..., 0] * size
    change = change.reshape(len(z), 4, m)
    total = np.zeros(len(z), complex)
    for k, (tau, h, w) in enumerate(nodes):
        x, y = state.x[:, k, None], eta + h**2 * state.y[:, k, None]
        p = sys.leak + np.multiply.outer(z, tau)
        q = p.conj() - state.theta2[:, k, None] * h
        p = p - state.theta[:, k, None] * h
        inv = 1 / (x * y + p * q)
        iq, xy = inv * q, inv * inv * x * y
        dx, dy, dth, dth2 = (change[:, i, k] for i in range(4))
        part = xy @ (w * tau**2) - (inv * iq * y @ (w * tau)) * dx - (inv * iq @ (w * tau * h**2)) * x[:, 0] * dy
        total += f[k] * (part + (iq * iq @ (w * tau * h)) * dth - (xy @ (w * tau * h)) * dth2)
    out[inside] = total.real / np.pi
    return out


def solve_system(sys: System, z, quantity="resolvent", eta: complex = 0.0, tol: float = 1e-8) -> Solution:
    """Resolvent or density at the points ``z`` (1-d complex array, original units)."""
    # all laws are real: solve in the upper half plane and reflect
    flip = z.imag < 0
    points = np.where(flip, z.conj(), z) * sys.scale
    n = len(points)
    value, error = np.zeros(n, complex), np.zeros(n)
    residual, iterations, status = np.zeros(n), np.zeros(n, int), np.zeros(n, int)
    classes = list(sys.classes)
    groups = [(c, True) for c in classes]
    if sys.trivial.size:
        if eta == 0:
            groups += [(np.array([k]), False) for k in sys.trivial]
        else:  # finite eta couples everything: one system
            groups = [(np.arange(len(sys.fractions)), True)]
    elif eta != 0:
        groups = [(np.arange(len(sys.fractions)), True)]
    for members, coupled in groups if n else []:
        if not coupled and quantity == "density":
            continue  # these eigenvalues lie on the bar
        part = _refine(sys, members, points, quantity, eta, tol, coupled)
        value += part[0]
        error += part[1]
        residual = np.maximum(residual, part[2])
        iterations = np.maximum(iterations, part[3])
        status = np.maximum(status, part[4])
    unit = sys.scale if quantity == "resolvent" else sys.scale**2
    value = np.where(flip, value.conj(), value) * unit
    if quantity == "density":
        value = value.real
    return Solution(value, error * unit, residual, iterations, status, "dense")


def _refine(sys, members, z, quantity, eta, tol, coupled):
    """Solve one class with finer and finer rules until the answer at each point stops changing."""
    n = len(z)
    value, error = np.zeros(n, complex), np.full(n, np.inf)
    residual, iterations, status = np.zeros(n), np.zeros(n, int), np.full(n, int(Status.QUADRATURE))
    todo = np.arange(n)
    start, last_nodes, previous, last_change = None, None, np.full(n, np.nan, complex), np.full(n, np.nan)
    scale_of = np.zeros(n)
    for level in _LEVELS:
        nodes = _class_rule(sys, members, level, coupled)
        exact = last_nodes is not None and all(
            len(a[0]) == len(b[0]) for a, b in zip(nodes, last_nodes, strict=True)
        )  # a finite law: the rule is the law itself
        last_nodes = nodes
        if exact:
            status[todo] = Status.CONVERGED
            error[todo] = 64 * _EPS * scale_of
            break
        size = max(sum(len(r[0]) for r in nodes), 1)
        block = max(1, _CHUNK // size)
        states, values, scales = [], [], []
        for i in range(0, len(todo), block):
            at = slice(i, i + block)
            pts = z[todo[at]]
            if coupled:
                state = _solve_class(sys, members, pts, eta, nodes, None if start is None else start.take(at))
            else:
                zero = np.zeros((len(pts), len(members)), complex)
                state = _State(zero, zero, zero, zero, np.zeros(len(pts)), np.zeros(len(pts), int))
            with np.errstate(divide="ignore", invalid="ignore"):
                g, scale = _resolvent(sys, members, pts, eta, nodes, state)
            if quantity == "density":
                g = _density(sys, members, pts, eta, nodes, state) + 0j
                scale = np.abs(g) + 1e-6 * scale**2
            states.append(state)
            values.append(g)
            scales.append(scale)
        start, got, scale_of = _State.stack(states), np.concatenate(values), np.concatenate(scales)
        value[todo] = got
        residual[todo] = start.residual
        iterations[todo] += start.iterations
        change = np.abs(got - previous[todo])
        floor = _gauss_floor(sys, members, z[todo], nodes, start, level)
        done, error[todo] = _settled(change, last_change[todo], scale_of, tol, floor)
        status[todo[done]] = Status.CONVERGED
        previous[todo], last_change[todo] = got, change
        keep = ~done
        todo, start, scale_of = todo[keep], start.take(keep), scale_of[keep]
        if not todo.size:
            break
    if eta == 0:
        for j, i in enumerate(todo):
            if status[i] == Status.QUADRATURE:
                state = start.take(slice(j, j + 1))
                value[i], error[i], residual[i], more, status[i] = _refine_split(
                    sys, members, z[i], quantity, tol, coupled, state
                )
                iterations[i] += more
    status[~np.isfinite(value)] = Status.SINGULAR
    bad = residual > max(1e-10, 1e-3 * tol)
    status[bad & (status == Status.CONVERGED)] = Status.NOT_CONVERGED
    return value, error, residual, iterations, status


def _class_rule(sys, members, level, coupled):
    if coupled:
        return [sys.rule(k, level) for k in members]
    rules = [sys.tau_rule(k, level) for k in members]  # units that couple to nothing: the gain plays no part
    return [(tau, np.zeros(len(tau)), weight) for tau, weight, _, _ in rules]


def _settled(change, last_change, scale, tol, floor=0.0):
    """Where the last rules agree, and the error estimate that follows.

    Doubling a Gauss or tanh-sinh rule squares its error at best. Here it is only taken to fall by the same
    ratio as the last time, times ten, if that ratio was below 1/30; and a change below the square of the one
    before is put down to chance. Otherwise the estimate is ten changes.
    ``floor`` is what the distance of the nearest pole allows at best.
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        falling = change < last_change / 30
        least = np.maximum(change, last_change**2 / scale)
        estimate = np.maximum(np.where(falling, 10 * least**2 / last_change, 10 * change), floor * scale)
    estimate = np.where(np.isfinite(estimate), estimate, np.inf) + 64 * _EPS * scale
    return estimate <= 0.5 * tol * scale + 64 * _EPS * scale, estimate


def _gauss_floor(sys, members, z, nodes, state, level):
    """Size exp(-2 n log|zeta + sqrt(zeta^2 - 1)|) of the error of n Gauss nodes in tau, zeta the pole of 1/D.

    D vanishes where leak - h theta + z tau = i h sqrt(X Y), here at the typical gain; two rules that miss a close
    pole may agree by chance, but not to better than this.
    """
    floor = np.zeros(len(z))
    for i, k in enumerate(members):
        tau, h, w = nodes[i]
        if sys.populations[k].split is None or len(np.unique(tau)) != level:
            continue
        lo, hi = tau.min(), tau.max()
        if lo <= 0 or hi > 100 * lo:  # a long tail: no Gauss rule
            continue
        gain = np.sqrt(w @ h**2)
        width = np.sqrt(np.abs(state.x[:, i] * state.y[:, i]))
        with np.errstate(divide="ignore", invalid="ignore"):
            poles = (gain * (state.theta[:, i] + np.array([[1j], [-1j]]) * width) - sys.leak) / z
            zeta = (2 * poles - lo - hi) / (hi - lo)
            rate = np.abs(zeta + np.sqrt(zeta - 1) * np.sqrt(zeta + 1))
            rate = np.where(np.isfinite(rate), rate, np.inf).min(0)
        floor = np.maximum(floor, 0.01 * rate ** (-2.0 * level))
    return floor


def _refine_split(sys, members, z, quantity, tol, coupled, state):
    """One point next to the real axis, where ``1/|a|`` is nearly singular in tau: rules centred on the near-pole."""
    point = np.array([z])
    previous, last, got, error, its = np.nan, np.nan, np.nan, np.inf, 0
    for level in _SPLIT_LEVELS:
        rules = [sys.split(k, z, level, state.theta[0, i], coupled) for i, k in enumerate(members)]
        nodes = [r[:3] for r in rules]
        if sum(len(r[0]) for r in rules) > 4_000_000:
            break
        if coupled:
            state = _solve_class(sys, members, point, 0.0, nodes, state)
            g, scale = _resolvent(sys, members, point, 0.0, nodes, state)
            got = g[0] if quantity == "resolvent" else _density(sys, members, point, 0.0, nodes, state)[0]
            size = scale[0] if quantity == "resolvent" else abs(got) + 1e-6 * scale[0] ** 2
            its += int(state.iterations[0])
        else:
            terms = [sys.fractions[k] * r[2] * r[0] / r[3] for k, r in zip(members, rules, strict=True)]
            got = sum(np.sum(term) for term in terms)
            size = abs(got) + sum(sys.fractions[k] * np.sum(r[2] * r[0]) for k, r in zip(members, rules, strict=True))
        change = abs(got - previous)
        done, error = _settled(change, last, size, tol)
        if done:
            return got, float(error), state.residual[0], its, int(Status.CONVERGED)
        previous, last = got, change
    return got, float(error), state.residual[0], its, int(Status.QUADRATURE)


def solve(ens, z, quantity, eta=0.0, tol=1e-8, n=None) -> Solution:
    """The route ``method="dense"``; arguments as for :func:`rmtlib.theory.resolvent`, ``z`` a flat array."""
    sys = system(ens, n)
    if quantity == "density" and eta == 0:
        refuse_lines(sys, "density", "its line density is bar(x).density; or pass eta > 0")
    got = solve_system(sys, z, quantity, eta, tol)
    return _on_the_line(sys, z, got) if quantity == "resolvent" and eta == 0 else got


def refuse_lines(sys, what, instead):
    """Raise where the spectrum of a class lies on a line."""
    for members in sys.classes:
        sign = sys.symmetry(members)
        if sign == 1:
            raise NotApplicableError(
                f"{what}: reciprocal weights have correlation 1, so the matrix is similar to a symmetric one and its "
                f"spectrum lies on the real line; {instead}"
            )
        if sign == -1 and all(np.ptp(sys.rule(k, 10)[0]) == 0 for k in members):
            tau = {float(sys.rule(k, 10)[0][0]) for k in members}
            if len(tau) == 1:
                raise NotApplicableError(
                    f"{what}: reciprocal weights have correlation -1 and all timescales are equal, so the spectrum "
                    "lies on the line Re z = -leak/tau; pass eta > 0, or a correlation above -1"
                )


def _on_the_line(sys, z, got):
    """Symmetric classes at real z: the mean of the two sides of the cut."""
    from .bar import symmetric_resolvent  # bar builds on this module

    symmetric = [c for c in sys.classes if sys.symmetry(c) == 1]
    real = np.flatnonzero(z.imag == 0)
    if not symmetric or not real.size:
        return got
    if len(symmetric) > 1 or len(symmetric[0]) < len(sys.fractions):
        raise NotApplicableError(
            "resolvent on the real line of an ensemble with a symmetric block: move z off the line"
        )
    fine, coarse = (symmetric_resolvent(sys, symmetric[0], z[real].real * sys.scale, m) for m in (40, 20))
    value, error, status, residual = got.value.copy(), got.error.copy(), got.status.copy(), got.residual.copy()
    value[real] = fine.real * sys.scale
    error[real] = np.abs(fine - coarse) * sys.scale + 1e-13 * np.abs(value[real])
    residual[real] = 0.0
    status[real] = np.where(np.isfinite(fine), Status.CONVERGED, Status.NOT_CONVERGED)
    return Solution(value, error, residual, got.iterations, status, got.method)
