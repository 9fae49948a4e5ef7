r"""Covariance spectra of linear networks: eigenvalues of the zero-frequency covariance

.. math::
   C = (\ell - WH)^{-1}\,\Sigma\,(\ell - WH)^{-T}, \qquad B = \Sigma^{-1/2}(\ell - WH), \qquad C = (B^T B)^{-1},

of ``T dx/dt = -leak x + W H x + noise``: the integral over all lags of the covariance of x, with white noise of unit
strength. ``noise="inside"`` puts it where the synapses are (``Sigma = 1``; no timescale enters), ``noise="outside"`` into
dx/dt itself (``Sigma = T^2``). An eigenvalue c belongs to the singular value ``s = c^(-1/2)`` of B, so that

.. math::
   \Phi(\eta) = \frac1n \log\det\begin{pmatrix}\eta & iB\\ iB^T & \eta P\end{pmatrix}
   = \mathrm{const} + \frac1n\sum_k \log(1 + \eta^2 c_k), \qquad \eta = -i c^{-1/2} + 0,

has all that is needed: ``Im Phi`` counts eigenvalues and ``Q = dPhi/deta`` has their density as its real part,

.. math::
   F(c) = 1 + \frac{\mathrm{Im}\,\Phi}{\pi f}, \qquad p(c) = \frac{\mathrm{Re}\,Q}{2\pi f\,c^{3/2}} .

``P`` is 1 on the units that are observed, a share f of all, and 0 on the others: with it the same formulas give the
spectrum of a part of C. Every unit has its own 2 x 2 block, ``A_i`` and self-energies as in
:mod:`~rmtlib.theory.cavity`, here at z = 0 and *complex* eta, where nothing can be absorbed into one another:

.. math::
   X &= \eta + r^2 X_a, \qquad Y = \eta p + h^2 Y_a, \qquad A = r\,(\ell - h\theta_a), \qquad D = A^2 + XY, \\
   X_a &= \sum_b V_{ab} \langle h^2 X/D \rangle_b, \quad
   Y_a = \sum_b \frac{f_b}{f_a} V_{ba} \langle r^2 Y/D\rangle_b, \quad
   \theta_a = \sum_b R_{ab} \langle r h A/D \rangle_b, \\
   \Phi &= \sum_a f_a \Big[\langle\log D\rangle_a - \sum_b V_{ab} \langle r^2 Y/D\rangle_a \langle h^2 X/D \rangle_b
   + \sum_b R_{ab}\langle rhA/D\rangle_a\langle rhA/D\rangle_b\Big], \qquad Q = \sum_a f_a\langle (Y + pX)/D \rangle_a ,

with ``r`` the inverse of the noise, h the gain, p = 1 or 0. Phi is stationary in X, Y and theta, which is why
``Q`` has no other terms. All blocks ((X, iA), (iA, Y)) have a positive Hermitian part, ``Re X Re Y > (Im A)^2``, which picks
the solution, and makes every logarithm a principal one.

**Finite time.** From ``n f/alpha`` independent samples the estimated covariance has the resolvent of ``C`` at a
shifted point (Silverstein and Choi, J. Multivariate Anal. 54, 295, 1995). In the variables above

.. math:: c = -\frac1{\eta^2} + \frac{\alpha}{\eta}\,\frac{Q}{2f}, \qquad \kappa_T = 1 - \alpha\eta\frac{Q}{2f}, \qquad
          F(c) = 1 + \frac1\pi\mathrm{Im}\Big[\frac{\Phi}{f} - \frac{\log\kappa_T - \kappa_T}{\alpha}\Big], \qquad
          p(c) = -\frac1{\pi c}\,\mathrm{Im}\,\frac{\eta Q}{2f} ,

an equation for eta that is solved together with the others.

**Moments.** ``Q/2 = eta f m_1 - eta^3 f m_2 + ...`` for real eta. The first orders are linear equations. For one population
with noise inside and ``v = V<h^2>/leak^2`` they give (leak = 1)

.. math:: m_1 = \frac{1}{1 - v}, \qquad
          \frac{m_1^2}{m_2} = \frac{(1 - v)^2\,(1 - c\langle w^4\rangle\langle h^4\rangle)}{1 + V^2\,\mathrm{Var}(h^2)} ,

where the second bracket is 1 for dense synapses and, for sparse ones of mean degree c, what their number does.

**Routes.** ``"dense"``: the equations above, Newton's method for all points together, from large imaginary parts of c
down to the real axis; quadrature of the laws refined until it no longer matters; equal units by the roots of a polynomial. ``"population-dynamics"``: sparse ensembles, the cavity equations by
sampling at ``eta = width - i c^(-1/2)``. ``"cavity"``: the same on the graph of one network. ``"exact"``: singular values.
The last three give the density *broadened by* ``width`` in s: a Lorentzian about every singular value.

Sources: Hu and Sompolinsky, PLoS Comput. Biol. 18, e1010327 (2022), for dense networks, reciprocal motifs, rank-one additions
and sampling in time and space; the equations for heterogeneous and sparse networks are those of this package.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.linalg
import scipy.sparse as sp
import scipy.sparse.linalg as spla
from tqdm import tqdm

from ..ensemble import Ensemble, _generator, _size
from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..laws import Independent
from ..network import Network
from ..solve import Solution, Status, finish
from . import dense as _dense

__all__ = [
    "CovarianceMoments",
    "covariance_cdf",
    "covariance_density",
    "covariance_dimension",
    "covariance_eigenvalues",
    "covariance_moments",
    "covariance_outliers",
    "covariance_sampled",
    "covariance_support",
]

_LEVELS = (16, 32, 64, 128, 256, 512)
_CHUNK = 400_000
_METHODS = {Ensemble: ("dense", "population-dynamics"), Network: ("cavity", "exact")}


# --- what is asked --------------------------------------------------------------------------------------


def _subject(x):
    if isinstance(x, (Ensemble, Network)):
        return x
    raise ValidationError(
        f"expected an Ensemble or a Network, got {type(x).__name__}: a weight matrix belongs in a Network(W, tau, gain)"
    )


def _positive(c) -> np.ndarray:
    try:
        c = np.asarray(c, dtype=float)
    except (TypeError, ValueError) as error:
        raise ValidationError(f"c, the eigenvalues of the covariance, cannot be read as numbers: {error}") from None
    bad = ~np.isfinite(c) | (c <= 0)
    if np.any(bad):
        at = int(np.flatnonzero(bad.ravel())[0])
        raise ValidationError(
            f"c must be finite and positive, {int(bad.sum())} values are not (first at index {at}: {c.ravel()[at]}): "
            "a covariance with noise in every unit has no eigenvalue at or below 0"
        )
    return c


def _share(value, what, low=0.0, high=1.0):
    try:
        value = float(value)
    except (TypeError, ValueError):
        raise ValidationError(f"{what} must be one number, got {value!r}") from None
    if not low < value <= high:
        raise ValidationError(f"{what} must lie in ({low:g}, {high:g}], got {value}")
    return value


def _observed(x: Ensemble, observed) -> np.ndarray:
    """Share of the units of each population that are observed."""
    if observed is None:
        return np.ones(len(x.names))
    if isinstance(observed, dict):
        unknown = sorted(set(observed) - set(x.names))
        if unknown:
            raise ValidationError(f"observed names {unknown}; populations are {list(x.names)}")
        share = np.array([float(observed.get(name, 0.0)) for name in x.names])
        if np.any(~((share >= 0) & (share <= 1))) or not np.any(share > 0):
            raise ValidationError(f"observed must hold shares between 0 and 1, not all 0, got {observed}")
        return share
    return np.full(len(x.names), _share(observed, "observed, the share of units that are observed,"))


def _noise(noise):
    if noise not in ("inside", "outside"):
        raise ValidationError(f'noise is "inside" (T dx/dt = ... + noise) or "outside" (dx/dt = ... + noise), got {noise!r}')
    return noise


def _route(x, method):
    known = _METHODS[type(x)]
    if method is None:
        return "population-dynamics" if isinstance(x, Ensemble) and x.synapses and not x.is_dense else known[0]
    if method not in sum(_METHODS.values(), ()):
        raise ValidationError(f"unknown method {method!r}; methods: {', '.join(sum(_METHODS.values(), ()))}")
    if method not in known:
        raise NotApplicableError(
            f"method {method!r} does not apply to an object of type {type(x).__name__}; use {' or '.join(known)}"
        )
    return method


def _require_stable(x, n=None):
    """A stationary covariance exists if all eigenvalues of J have negative real parts."""
    if isinstance(x, Network):
        from ..spectrum import leading_eigenvalues

        top = float(leading_eigenvalues(x, 1)[0].real)
        what = "this network is"
    elif _plainly_stable(x, n):
        return
    else:
        from . import spectral_abscissa

        try:
            top = float(spectral_abscissa(x, n=n))
        except NotApplicableError:  # a bulk on a line has no curve around it
            sys = _dense.system(x, n)
            if not (len(sys.classes) == 1 and len(sys.classes[0]) == len(x.names) and sys.symmetry(sys.classes[0]) == -1):
                raise
            # W H is similar to an antisymmetric matrix: x^T H T x decays at the rate of the leak
            top = max(-x.leak / pop.joint.tau.support()[1] for pop in x.populations)
        what = "networks of this ensemble are"
    if not top < 0:
        more = ": the named dense ensembles have leak 0 unless leak=1 is passed" if x.leak == 0 else ""
        raise NotApplicableError(
            f"{what} unstable (rightmost eigenvalue {top:.4g}, not below 0) and {'has' if what[0] == 't' else 'have'} no "
            f"stationary covariance; reduce the weights or the gains{more}"
        )


def _plainly_stable(x: Ensemble, n) -> bool:
    """Two cases that need no edge: no mean and no reciprocity (timescales play no part), or equal units."""
    if not x.leak > 0 or np.any(x.input_mean(n)):
        return False
    if x._pairs:
        equal = _equal_units(x, "outside", n)
        # semi-axes of the ellipse: sqrt(V) (1 +- R/V)
        return equal is not None and equal.v > 0 and (equal.v + equal.r) / equal.v**0.5 < 1
    v = np.asarray(x.input_variance(n), float)
    h2 = np.array([pop.joint.gain.second_moment() for pop in x.populations])
    return bool(np.max(np.abs(np.linalg.eigvals(v * h2))) < x.leak**2)


def _reciprocal(x: Ensemble, n) -> np.ndarray:
    """R_ab; without the quadrature over a Gaussian copula where both weights are Gaussian."""
    if not x._pairs:
        return np.zeros((len(x.names),) * 2)
    block = next(iter(x.synapses.values())) if len(x.names) == 1 and x.is_dense else None
    if block is not None and getattr(getattr(getattr(block.weight, "_dist", None), "dist", None), "name", "") == "norm":
        return np.array([[x._pairs[0, 0].correlation * block.std**2]])
    return np.asarray(x.reciprocal_covariance(n), float)


@dataclass
class _Equal:
    """One population of equal units: C is that of leak, gain and noise 1, with v and r, divided by `scale`."""

    v: float
    r: float
    scale: float


def _equal_units(x: Ensemble, noise, n) -> _Equal | None:
    law = x.populations[0].joint
    if len(x.names) > 1 or not x.leak > 0 or not isinstance(law, Independent) or law.gain.var() != 0:
        return None
    if noise == "outside" and law.tau.var() != 0:
        return None
    r2 = 1.0 if noise == "inside" else law.tau.mean() ** -2.0
    unit = (law.gain.mean() / x.leak) ** 2
    v = float(np.asarray(x.input_variance(n))[0, 0] * unit)
    return _Equal(v, float(_reciprocal(x, n)[0, 0] * unit), x.leak**2 * r2)


# --- the dense equations --------------------------------------------------------------------------------


@dataclass
class _Nodes:
    """Units by quadrature node: population, r^2, r h^..., p, weight (sum 1 in each population)."""

    pop: np.ndarray
    r2: np.ndarray
    h: np.ndarray
    p: np.ndarray
    w: np.ndarray
    v: np.ndarray  # V_ab
    vt: np.ndarray  # V_ba f_b/f_a
    rc: np.ndarray  # R_ab
    f: np.ndarray
    leak: float
    fourth: np.ndarray  # c <w^4>, (target, source)

    @property
    def share(self):
        """Fraction of all units that are observed."""
        return float(np.sum(self.f[self.pop] * self.w * self.p))

    @property
    def table(self):
        """(nodes, populations): weights, to average over each population."""
        out = np.zeros((len(self.pop), len(self.f)))
        out[np.arange(len(self.pop)), self.pop] = self.w
        return out


def _rules(x: Ensemble, noise, level):
    """(tau or None, gain, weight) of each population."""
    for pop in x.populations:
        if noise == "inside":
            if isinstance(pop.joint, Independent):
                gain, weight = pop.joint.gain.nodes(level)
            else:
                _, gain, weight = pop.joint.nodes(min(level, 64))
            yield np.ones(len(gain)), np.asarray(gain, float), np.asarray(weight, float)
        elif isinstance(pop.joint, Independent):
            (tau, wt), (gain, wg) = pop.joint.tau.nodes(level), pop.joint.gain.nodes(min(level, 32))
            yield np.repeat(tau, len(gain)), np.tile(gain, len(tau)), np.outer(wt, wg).ravel()
        else:
            yield tuple(np.asarray(part, float) for part in pop.joint.nodes(min(level, 64)))


def _nodes(x: Ensemble, noise, observed, n, level) -> _Nodes:
    f = np.asarray(x.fractions, float)
    v = np.asarray(x.input_variance(n), float)
    fourth = np.zeros_like(v)
    for a, target in enumerate(x.names):
        for b, source in enumerate(x.names):
            block = x.synapses.get((target, source))
            if block is not None and not block.is_dense and block.degree:
                fourth[a, b] = block.degree * float(np.real(block.weight.moment(4.0)))
    rows = []
    for a, (tau, gain, weight) in enumerate(_rules(x, noise, level)):
        for seen, part in ((1.0, observed[a]), (0.0, 1 - observed[a])):
            if part > 0:
                rows.append((np.full(len(tau), a), tau**-2.0, gain, np.full(len(tau), seen), weight * part))
    pop, r2, h, p, w = (np.concatenate(column) for column in zip(*rows, strict=True))
    keep = w > 0
    ratio = f[None, :] / f[:, None]
    rc = _reciprocal(x, n)
    return _Nodes(pop[keep], r2[keep], h[keep], p[keep], w[keep], v, v.T * ratio, rc, f, float(x.leak), fourth)


def _orders(nodes: _Nodes, sparse: bool):
    """Q/2 = eta q1 - eta^3 q3 + ...: the expansion of the module docstring, and X_a, Y_a, theta_a at lowest order."""
    t, k = nodes.table, len(nodes.f)
    h, h2, r2, p, at = nodes.h, nodes.h**2, nodes.r2, nodes.p, nodes.pop
    fourth = nodes.fourth if sparse else np.zeros_like(nodes.v)
    theta, eye = np.zeros(k), np.eye(k)
    if np.any(nodes.rc):  # theta = R <h/(leak - h theta)>, from weak synapses on: the branch that starts at 0
        # with one population the right side is monotone and convex in |theta|: Newton from 0 stays on that branch
        for scale in np.linspace(0.05, 1, 20) if k > 1 else (1.0,):
            for _ in range(60):
                gap = nodes.leak - h * theta[at]
                rhs = scale * nodes.rc @ ((h / gap) @ t) - theta
                step = np.linalg.solve(eye - scale * nodes.rc @ np.diag((h2 / gap**2) @ t), rhs)
                theta = theta + step
                if np.max(np.abs(step)) < 1e-14 * np.max(np.abs(theta)):
                    break
    gap = nodes.leak - h * theta[at]
    a2 = r2 * gap**2
    vx, vy = nodes.v, nodes.vt
    mx, my = eye - vx @ np.diag((h2 * r2 / a2) @ t), eye - vy @ np.diag((h2 * r2 / a2) @ t)
    x0 = np.linalg.solve(mx, vx @ ((h2 / a2) @ t))
    y0 = np.linalg.solve(my, vy @ ((r2 * p / a2) @ t))
    up_x, up_y = 1 + r2 * x0[at], p + h2 * y0[at]
    q1 = 0.5 * np.sum(nodes.f * (((up_y + p * up_x) / a2) @ t))
    # second moments of X_a and Y_a: those of sums over a random number of synapses
    dx = fourth @ np.diag((h2**2 * r2**2 / a2**2) @ t)
    dy = (fourth.T * nodes.f[None, :] / nodes.f[:, None]) @ np.diag((h2**2 * r2**2 / a2**2) @ t)
    if max(np.abs(np.linalg.eigvals(m)).max() for m in (dx, dy)) >= 1:
        return q1, np.inf, (x0, y0, theta)
    flat_x = fourth @ ((h2**2 * (1 + 2 * r2 * x0[at]) / a2**2) @ t)
    flat_y = (fourth.T * nodes.f[None, :] / nodes.f[:, None]) @ ((r2**2 * (p + 2 * p * h2 * y0[at]) / a2**2) @ t)
    x2 = np.linalg.solve(eye - dx, x0**2 + flat_x)
    y2 = np.linalg.solve(eye - dy, y0**2 + flat_y)
    xx, yy = 1 + 2 * r2 * x0[at] + r2**2 * x2[at], p + 2 * p * h2 * y0[at] + h2**2 * y2[at]
    d = up_x * up_y
    theta2 = np.linalg.solve(
        eye - nodes.rc @ np.diag((r2 * h2 / a2) @ t), -nodes.rc @ ((r2 * h * gap * d / a2**2) @ t)
    )
    shift = 2 * r2 * h * gap * theta2[at]
    ex, ey = up_y * xx - shift * up_x, up_x * yy - shift * up_y  # E[X e], E[Y e]
    x3 = np.linalg.solve(mx, -vx @ ((h2 * ex / a2**2) @ t))
    y3 = np.linalg.solve(my, -vy @ ((r2 * ey / a2**2) @ t))
    q3 = 0.5 * np.sum(nodes.f * (((h2 * y3[at] + p * r2 * x3[at]) / a2 - (ey + p * ex) / a2**2) @ t))
    return q1, -q3, (x0, y0, theta)


def _equations(nodes: _Nodes, u, eta, jacobian=True):
    """F(u) - u, its derivative in (u, eta), and Q with its derivative; u = (X_a, Y_a, theta_a) by point."""
    k, at, t = len(nodes.f), nodes.pop, nodes.table
    r2, h, p = nodes.r2, nodes.h, nodes.p
    h2 = h * h
    x = eta[:, None] + r2 * u[:, at]
    y = eta[:, None] * p + h2 * u[:, k + at]
    gap = nodes.leak - h * u[:, 2 * k + at]
    a2 = r2 * gap * gap
    inv = 1 / (a2 + x * y)
    full = y + p * x
    flow = [(h2 * x * inv) @ t, (r2 * y * inv) @ t, (r2 * h * gap * inv) @ t]
    maps = (nodes.v, nodes.vt, nodes.rc)
    residual = np.concatenate([part @ m.T for part, m in zip(flow, maps, strict=True)], 1) - u
    q = ((full * inv) @ t) @ nodes.f
    if not jacobian:
        return residual, q, flow
    inv2 = inv * inv
    slope = 2 * r2 * h * gap  # -dD/dtheta
    grads = (
        (h2 * r2 * a2 * inv2, -(h2 * x) ** 2 * inv2, h2 * x * slope * inv2),
        (-((r2 * y) ** 2) * inv2, r2 * h2 * a2 * inv2, r2 * y * slope * inv2),
        (-r2 * r2 * h * gap * y * inv2, -r2 * h * gap * h2 * x * inv2, r2 * h2 * (a2 - x * y) * inv2),
    )
    n = len(u)
    jac = np.empty((n, 3 * k, 3 * k + 1), complex)
    for i, (row, m) in enumerate(zip(grads, maps, strict=True)):
        for j, part in enumerate(row):
            jac[:, i * k : (i + 1) * k, j * k : (j + 1) * k] = m[None] * (part @ t)[:, None, :]
    other = (h2 * inv - h2 * x * full * inv2, r2 * p * inv - r2 * y * full * inv2, -r2 * h * gap * full * inv2)
    for i, (part, m) in enumerate(zip(other, maps, strict=True)):
        jac[:, i * k : (i + 1) * k, -1] = (part @ t) @ m.T
    jac[:, np.arange(3 * k), np.arange(3 * k)] -= 1
    fx = np.concatenate(
        [
            ((p * r2 * inv - full * r2 * y * inv2) @ t) * nodes.f,
            ((h2 * inv - full * h2 * x * inv2) @ t) * nodes.f,
            ((full * slope * inv2) @ t) * nodes.f,
            ((((2 * p * inv) - full * full * inv2) @ t) @ nodes.f)[:, None],
        ],
        1,
    )
    return residual, q, jac, fx


def _linear(matrix, rhs):
    """Solutions of stacked systems; one that is singular or not finite gives NaN or a useless step, not an exception."""
    lost = ~np.all(np.isfinite(matrix), axis=(1, 2))
    matrix[lost] = np.eye(matrix.shape[-1])
    try:
        step = np.linalg.solve(matrix, rhs[..., None])[..., 0]
    except np.linalg.LinAlgError:
        step = (np.linalg.pinv(matrix) @ rhs[..., None])[..., 0]
    step[lost] = np.nan
    return step


def _newton(nodes, u, eta, z, alpha, steps, tol):
    """Solve the equations and ``-1/eta^2 + alpha Q/(2 f eta) = z`` for (u, eta), all points together."""
    u, eta = u.copy(), eta.copy()
    size, share = np.full(len(z), np.inf), nodes.share
    todo, its = np.arange(len(z)), np.zeros(len(z), int)
    for _ in range(steps):
        v, e = u[todo], eta[todo]
        residual, q, jac, dq = _equations(nodes, v, e)
        m = v.shape[1]
        rhs = np.empty((len(todo), m + 1), complex)
        rhs[:, :m] = residual
        whole = np.empty((len(todo), m + 1, m + 1), complex)
        whole[:, :m] = jac
        strength = alpha / (2 * share)
        # eta^2 z + 1 - alpha eta Q/2f = 0
        rhs[:, m] = e * e * z[todo] + 1 - strength * e * q
        whole[:, m, :m] = -strength * e[:, None] * dq[:, :m]
        whole[:, m, m] = 2 * e * z[todo] - strength * (q + e * dq[:, m])
        scale = np.concatenate([np.abs(v) + np.abs(e)[:, None], np.abs(e)[:, None]], 1)
        whole *= scale[:, None, :]
        step = -_linear(whole, rhs)
        peak = np.max(np.abs(step), 1)
        its[todo] += 1
        size[todo] = peak
        step *= scale * np.minimum(1, 0.5 / np.maximum(peak, 1e-300))[:, None]
        u[todo], eta[todo] = v + step[:, :m], e + step[:, m]
        todo = todo[(peak > tol) & np.isfinite(peak)]
        if not todo.size:
            break
    return u, eta, size, its


def _ladder(c, q1, q3, steps):
    """Imaginary parts of the points, relative to c: from where the lowest order in eta holds down to 0."""
    top = np.maximum(300.0, 100 * q3 / (q1 * c))  # eta^2 m_2 << m_1
    return [*(top * (0.02 / top) ** (i / (steps - 1)) for i in range(steps)), 3e-3, 1e-4, 0.0]


def _solve(nodes: _Nodes, c, alpha=0.0, width=0.0, start=None):
    """State at the points c: u, eta, last relative Newton step, iterations."""
    k = len(nodes.f)
    ladder = [0.0]
    if start is None:
        q1, q3, (x0, y0, theta) = _orders(nodes, sparse=False)
        ladder = _ladder(c, q1, q3, 16)
        eta = np.sqrt(-1 / (c * (1 - 1j * ladder[0])))  # in the fourth quadrant
        eta = np.where(eta.real < 0, -eta, eta)
        u = np.concatenate([eta[:, None] * x0, eta[:, None] * y0, np.broadcast_to(theta, (len(c), k))], 1) + 0j
    else:
        u, eta = start
    total = np.zeros(len(c), int)
    for i, shift in enumerate(ladder):
        last = i == len(ladder) - 1
        z = -1 / (width - 1j * c**-0.5) ** 2 if width > 0 and last else c * (1 - 1j * shift)
        u, eta, size, its = _newton(nodes, u, eta, z, alpha, 60 if last else 8, 1e-14 if last else 1e-3)
        total += its
    return u, eta, size, total


def _potential(nodes: _Nodes, u, eta):
    """Phi at the solution, with the logarithms of blocks of positive real part."""
    k, at, t = len(nodes.f), nodes.pop, nodes.table
    x = eta[:, None] + nodes.r2 * u[:, at]
    y = eta[:, None] * nodes.p + nodes.h**2 * u[:, k + at]
    a2 = nodes.r2 * (nodes.leak - nodes.h * u[:, 2 * k + at]) ** 2
    logs = np.log(x) + np.log(y + a2 / x)
    _, q, flow = _equations(nodes, u, eta, jacobian=False)
    first = np.einsum("a,ab,pa,pb->p", nodes.f, nodes.v, flow[1], flow[0])
    second = np.einsum("a,ab,pa,pb->p", nodes.f, nodes.rc, flow[2], flow[2])
    return (logs @ t) @ nodes.f - first + second, q


def _off_sheet(nodes: _Nodes, u, eta):
    """Where a block ((X, iA), (iA, Y)) has a Hermitian part that is not positive, rounding apart."""
    k, at = len(nodes.f), nodes.pop
    x = eta[:, None] + nodes.r2 * u[:, at]
    y = eta[:, None] * nodes.p + nodes.h**2 * u[:, k + at]
    gap = nodes.leak - nodes.h * u[:, 2 * k + at]
    room = x.real * y.real - nodes.r2 * gap.imag**2
    good = (x.real > -1e-6 * np.abs(x)) & (y.real > -1e-6 * np.abs(y))
    return ~np.all(good & (room > -1e-6 * np.abs(nodes.r2 * gap * gap + x * y)), axis=1)


def _read(nodes, u, eta, c, alpha, quantity):
    phi, q = _potential(nodes, u, eta)
    f = nodes.share
    half = eta * q / (2 * f)
    if quantity == "density":
        return -half.imag / (np.pi * c) if alpha > 0 else q.real / (2 * np.pi * f * c**1.5)
    if alpha > 0:
        kappa = 1 - alpha * half
        # real and negative between the atom at 0 and the bulk (alpha > 1): its logarithm is the limit from above
        kappa = np.where(kappa.imag < 1e-12 * np.abs(kappa), kappa.real + 0j, kappa)
        return 1 + (phi / f - (np.log(kappa) - kappa) / alpha).imag / np.pi
    return 1 + phi.imag / (np.pi * f)


def _equal_edges(v, r):
    """Support for equal units: where eta^2 as a function of t = 1/D turns."""
    if v == 0:
        return 1.0, 1.0
    if v + r == 0:  # antisymmetric: the upper edge is a pole of the density
        return 1 / (1 + 4 * v), 1.0
    t = np.polynomial.Polynomial([0, 1])
    p, q = 1 - v * t, 1 + r * t
    if r < -v / 2:  # three roots meet as r goes to -v: the unknown is p, with v + r apart
        p, t = t, (1 - t) / v
        q = p + (v + r) * t
    roots = (p * q**2 * (r * t - 1) - 2 * (v + r) * t * (q * q - t)).roots()
    roots = roots[np.abs(roots.imag) < 1e-7 * (1 + np.abs(roots.real))].real
    at = t(roots)
    first = (2 / (1 + np.sqrt(1 - 4 * r))) ** 2  # t at eta = 0: (1 + rt)^2 = t
    # above the support t lies between that and the next critical point, below it between 0 and the one before
    upper = at > first * (1 + 1e-12)
    lower = (at < 0) & (at > -1 / r if r > 0 else True)
    picked = roots[lower][np.argmax(at[lower])], roots[upper][np.argmin(at[upper])]
    return tuple(float(t(z) * q(z) ** 2 / (p(z) ** 2 * (t(z) - q(z) ** 2))) for z in picked)


def _quartic(v, r, s):
    """D^4 + b D^3 + c D^2 + d D + e = 0 for D = 1/t, at real s = eta^2."""
    return -(1 + 2 * v - 2 * r) - s, (v - r) ** 2 + 2 * v - 2 * r * (v + s), -v * (v - 2 * r * (v - r)) - r * r * s, (r * v) ** 2


def _inside(v, r, s):
    """Within the support: t = 1/D, of a pair of complex roots the one with a positive imaginary part."""
    b, c, d, e = _quartic(v, r, s)
    if r == 0:  # cubic: x = D + b/3
        shift = b / 3
        p, q = c - b * shift, 2 * shift**3 - shift * c + d
        root = np.sqrt(np.maximum(q * q / 4 + p**3 / 27, 0))
        first, second = np.cbrt(root - q / 2), np.cbrt(-root - q / 2)
        return 1 / (-(first + second) / 2 - shift - 0.5j * 3**0.5 * np.abs(first - second))
    if v + r == 0:  # the double root D = v taken out
        return 1 / (0.5 * (1 + 2 * v + s) - 0.5j * np.sqrt(np.maximum(4 * v * v - (1 + 2 * v + s) ** 2, 0)))
    # Ferrari, with the largest root of the resolvent, which is real
    b4 = b / 4
    p = c - 6 * b4 * b4
    q = d - 2 * b4 * c + 8 * b4**3
    z0 = e - b4 * d + b4 * b4 * c - 3 * b4**4
    big, small = -p * p / 3 - 4 * z0, -2 * p**3 / 27 + 8 * p * z0 / 3 - q * q
    disc = small * small / 4 + big**3 / 27
    root = np.sqrt(np.maximum(disc, 0))
    z = np.cbrt(root - small / 2) + np.cbrt(-root - small / 2)
    three = np.flatnonzero(disc < 0)
    if three.size:
        m = np.sqrt(-big[three] / 3)
        z[three] = 2 * m * np.cos(np.arccos(np.clip(-small[three] / (2 * m**3), -1, 1)) / 3)
    z = np.maximum(z - 2 * p / 3, 1e-300)
    w = np.sqrt(z)
    side = np.where(q > 0, 1.0, -1.0)
    # twice the imaginary parts of the two pairs, squared, where positive
    first, second = z + 2 * p + 2 * np.abs(q) / w, z + 2 * p - 2 * np.abs(q) / w
    t = 1 / (0.5 * side * w - b4 - 0.5j * np.sqrt(np.maximum(first, 0)))
    both = np.flatnonzero(second > 0)
    if both.size:
        other = 1 / (-0.5 * (side * w)[both] - b4[both] - 0.5j * np.sqrt(second[both]))
        eta = -1j * np.sqrt(-s[both])
        t[both] = np.where(_margin(v, r, other, eta) > _margin(v, r, t[both], eta), other, t[both])
    return t


def _margin(v, r, t, eta):
    """Of the block ((X, iA), (iA, X)): the smaller eigenvalue of its Hermitian part, over abs X; positive on the right sheet."""
    x, gap = eta / (1 - v * t), 1 / (1 + r * t)
    return (x.real - np.abs(gap.imag)) / np.abs(x)


def _by_eigenvalues(v, r, eta):
    """All roots of the quartic as eigenvalues of companion matrices, and the one with positive real parts."""
    s = eta * eta
    parts = np.broadcast_arrays(*_quartic(v, r, s))
    matrix = np.zeros((len(s), 4, 4), complex)
    matrix[:, 1:, :-1] = np.eye(3)
    for i, part in enumerate(parts[::-1]):
        matrix[:, i, 3] = -part
    with np.errstate(all="ignore"):
        t = 1 / np.linalg.eigvals(matrix)
        for _ in range(4):
            t, _, _ = _polish(v, r, t, s[:, None], 1, 0.0)
        good = _margin(v, r, t, eta[:, None])
    return t[np.arange(len(t)), np.argmax(np.where(np.isfinite(good), good, -np.inf), 1)]


def _one_node(equal: _Equal, c, width, quantity):
    """Equal units, everything seen, all of the time: one unknown t = 1/D, and eta^2 a rational function of it."""
    v, r = equal.v, equal.r
    c = c * equal.scale
    width = width / np.sqrt(equal.scale)
    eta = width - 1j * c**-0.5
    low, high = (0.0, np.inf) if width else _equal_edges(v, r)
    within = (c > low) & (c < high)
    whole = bool(np.all(within))
    at = slice(None) if whole else np.flatnonzero(within)
    eta = eta[at]
    square = eta * eta
    t = _by_eigenvalues(v, r, eta) if width else _inside(v, r, square.real)
    # steps are quadratic: below 1e-11 the next one is rounding
    t, size, its = _polish(v, r, t, square, 8, 1e-11)
    margin = _margin(v, r, t, eta)
    wrong = ~((margin > 0) & (size < 1e-9))
    if np.any(wrong) and not width:
        again = np.flatnonzero(wrong)
        t[again], size[again], _ = _polish(v, r, _by_eigenvalues(v, r, eta[again]), square[again], 8, 1e-14)
        margin = _margin(v, r, t, eta)
    x = eta / (1 - v * t)
    if quantity == "density":
        value = equal.scale * (x * t).real / (np.pi * c[at] ** 1.5)
    else:  # the imaginary part of log X + log(X + A^2/X) - v (Xt)^2 + r (At)^2
        phase = -v * ((x * t) ** 2).imag
        if r:
            gap = 1 / (1 + r * t)
            phase += np.angle(x + gap * gap / x) + r * ((gap * t) ** 2).imag
        else:
            phase += np.angle(x + 1 / x)
        value = 1 + (np.angle(x) + phase) / np.pi
    # the other sheet; rounding decides the sign of parts that are zero at an edge
    lost = ~(margin > -1e-6)
    size = np.where(lost, np.inf, np.minimum(size, 1.0))
    value = np.where(lost, np.nan, value)
    if whole:
        return value, size, np.full(len(c), its)
    full = [np.zeros(len(c)) if quantity == "density" else np.where(c >= high, 1.0, 0.0), np.zeros(len(c))]
    full[0][at], full[1][at] = value, size
    return *full, np.full(len(c), its)


def _polish(v, r, t, square, steps, tol):
    """Newton's method for t at given eta^2: t, last relative step, steps."""
    for count in range(1, steps + 1):  # noqa: B007  (returned)
        p, q = 1 - v * t, 1 + r * t
        gap, tq = q * q - t, square * q
        value = p * p * gap - t * q * tq
        slope = p * (p * (2 * r * q - 1) - 2 * v * gap) - tq * (q + 2 * r * t)
        step = value / slope
        ratio = np.abs(step) / np.abs(t)
        if np.all(ratio < 0.5):
            t = t - step
        else:
            t = t - step * np.minimum(1, 0.5 / np.maximum(ratio, 1e-300))
        if np.all(~(ratio > tol)):
            break
    return t, ratio, count


def _dense_solution(x, c, quantity, noise, observed, alpha, n, width, tol):
    share = _observed(x, observed)
    count = len(c)
    equal = _equal_units(x, noise, n) if not alpha and np.all(share == 1) else None
    if equal is not None:
        with np.errstate(all="ignore"):
            value, residual, its = _one_node(equal, c, width, quantity)
        status = np.where(residual < 1e-6, int(Status.CONVERGED), int(Status.NOT_CONVERGED))
        error = 1e-13 * (1 + np.abs(value)) + np.where(residual > 1e-10, residual, 0.0)
        return Solution(value, error, residual, its, status, "dense")
    value, error = np.full(count, np.nan), np.full(count, np.inf)
    residual, its, status = np.full(count, np.inf), np.zeros(count, int), np.full(count, int(Status.QUADRATURE))
    todo, previous, start, size_before = np.arange(count), np.full(count, np.nan), None, -1
    for level in _LEVELS:
        nodes = _nodes(x, noise, share, n, level)
        if len(nodes.pop) == size_before:  # finite laws: the rule is the law
            error[todo] = 1e-13 * (1 + np.abs(value[todo]))
            status[todo] = Status.CONVERGED
            break
        size_before = len(nodes.pop)
        block = max(1, _CHUNK // len(nodes.pop))
        parts = []
        for low in range(0, len(todo), block):
            at = slice(low, low + block)
            if start is None:
                parts.append(_solve(nodes, c[todo[at]], alpha, width))
                continue
            # from a real solution (outside the support of the coarser rule) there is no way to a complex one
            got = [p.copy() for p in _solve(nodes, c[todo[at]], alpha, width, (start[0][at], start[1][at]))]
            half = start[1][at] * start[2][at]
            cold = np.flatnonzero((np.abs(half.imag) < 1e-3 * np.abs(half)) | ~(got[2] < 1e-10))
            if cold.size:
                for part, new in zip(got, _solve(nodes, c[todo[at]][cold], alpha, width), strict=True):
                    part[cold] = new
            parts.append(tuple(got))
        u, eta, last, used = (np.concatenate(p) for p in zip(*parts, strict=True)) if parts else (np.zeros(0),) * 4
        if not parts:
            break
        got = _read(nodes, u, eta, c[todo], alpha, quantity)
        last = np.where(_off_sheet(nodes, u, eta), np.inf, last)
        change = np.abs(got - previous[todo])
        value[todo], residual[todo], previous[todo] = got, last, got
        its[todo] += used
        sizes = 1 + np.abs(got)
        error[todo] = change + 1e-13 * sizes
        done = change <= tol * sizes
        status[todo[done]] = Status.CONVERGED
        q = _equations(nodes, u, eta, jacobian=False)[1]
        todo, start = todo[~done], (u[~done], eta[~done], q[~done])
        if not todo.size:
            break
    small = np.abs(value) < 1e-7  # outside the support, where rounding is amplified next to the edge
    if quantity == "density":
        value = np.where(small & (value < 0), 0.0, value)
    bad = ~(residual < 1e-6) | ~np.isfinite(value) | (value < -1e-6)
    error = np.where(residual > 1e-12, error + residual * (1 + np.abs(value)), error)
    status[bad] = Status.NOT_CONVERGED
    return Solution(value, error, residual, its, status, "dense")


# --- sparse ensembles: population dynamics ---------------------------------------------------------------


class _Sampler:
    """Populations of (X_a, Y_a) at several eta: arrays (units, points) for each population of the ensemble."""

    def __init__(self, x: Ensemble, eta, noise, share, size, rng, start):
        self.x, self.eta, self.noise, self.share, self.size, self.rng = x, eta, noise, share, size, rng
        self.f = np.asarray(x.fractions, float)
        self.state = [[np.full((size, len(eta)), v, complex) for v in (start, start)] for _ in x.names]

    def _blocks(self, of, degree):
        for (target, source), block in self.x.synapses.items():
            a, b = self.x.names.index(target), self.x.names.index(source)
            if block.degree:
                yield a, b, block, block.degree if degree == "in" else block.degree * self.f[a] / self.f[b]

    def _layer(self, mean, weight, values):
        """Sums of w^2 values over Poisson numbers of units picked at random."""
        count = self.rng.poisson(mean, self.size)
        start = np.append(0, np.cumsum(count))
        pick = self.rng.integers(self.size, size=start[-1])
        w2 = weight.sample(len(pick), self.rng) ** 2
        matrix = sp.csr_array((w2, pick, start), shape=(self.size, self.size))
        return (matrix @ np.ascontiguousarray(values).view(float)).view(complex)

    def sweep(self, observe=True):
        """Replace every unit; returns Q and Phi of the units before."""
        q, phi = 0.0, 0.0
        left, right = [], []  # r^2 Y/D and h^2 X/D
        for a, pop in enumerate(self.x.populations):
            tau, h = pop.joint.sample(self.size, self.rng)
            r2 = np.ones((self.size, 1)) if self.noise == "inside" else tau[:, None] ** -2.0
            h2 = h[:, None] ** 2
            p = np.ones((self.size, 1))
            if self.share[a] < 1:
                p = (self.rng.random((self.size, 1)) < self.share[a]).astype(float)
            x = self.eta + r2 * self.state[a][0]
            y = self.eta * p + h2 * self.state[a][1]
            a2 = r2 * self.x.leak**2
            inv = 1 / (a2 + x * y)
            if observe:
                q = q + self.f[a] * np.mean((y + p * x) * inv, 0)
                phi = phi + self.f[a] * np.mean(np.log(x) + np.log(y + a2 / x), 0)
            left.append(r2 * y * inv)
            right.append(h2 * x * inv)
        for part in self.state:
            part[0][...] = part[1][...] = 0.0
        for a, b, block, degree in self._blocks("in", "in"):
            self.state[a][0] += self._layer(degree, block.weight, right[b])
            if observe:
                w2 = block.weight.sample(self.size, self.rng)[:, None] ** 2
                pair = right[b][self.rng.permutation(self.size)]
                # both factors have positive real parts, so that the principal branch is the right one
                phi = phi - self.f[a] * degree * np.mean(np.log(1 + left[a] * w2 * pair), 0)
        for a, b, block, degree in self._blocks("out", "out"):
            self.state[b][1] += self._layer(degree, block.weight, left[a])
        return q, phi


def _sampled_solution(x, c, quantity, noise, observed, alpha, n, width, tol, population, sweeps, seed, progress):
    for (target, source), block in x.synapses.items():
        if block.degree is None:
            raise NotApplicableError(
                f"synapses from {source!r} to {target!r} have no finite mean degree: use method=\"dense\""
            )
    if x._pairs:
        raise NotApplicableError('reciprocal sparse synapses: only method="dense" (large degree) treats them')
    if n is not None:
        raise NotApplicableError('method="population-dynamics" is a limit of infinite size: leave n out')
    share = _observed(x, observed)
    f = float(np.sum(share * x.fractions))
    rng = _generator(seed)
    eta = width - 1j * c**-0.5
    value, error = np.zeros(len(c)), np.zeros(len(c))
    apart = np.zeros(len(c))
    with tqdm(total=2 * sweeps * -(-len(c) // 64), disable=not progress, unit="sweep") as bar:
        for low in range(0, len(c), 64):
            at = slice(low, low + 64)
            runs = []
            for stream, start in zip(rng.spawn(2), (1.0, 0.1), strict=True):
                sampler = _Sampler(x, eta[at], noise, share, population, stream, start)
                kept = []
                for i in range(sweeps):
                    observe = i >= sweeps // 3
                    got = sampler.sweep(observe)
                    if observe:
                        q, phi = got
                        if quantity == "density":
                            kept.append(q.real / (2 * np.pi * f * c[at] ** 1.5))
                        else:
                            kept.append(1 + phi.imag / (np.pi * f))
                    bar.update()
                runs.append(kept)
            blocks = np.array([[np.mean(b, 0) for b in np.array_split(np.array(r), 8)] for r in runs])
            value[at] = blocks.mean((0, 1))
            deviation = blocks.reshape(16, -1).std(0, ddof=1) / 4
            apart[at] = np.abs(blocks[0].mean(0) - blocks[1].mean(0))
            drift = np.maximum(0.25 * apart[at] ** 2 - 2 * deviation**2, 0)
            error[at] = 2 * np.sqrt(deviation**2 + drift) + 0.5 * np.abs(value[at]) / population
    scale = np.max(np.abs(value)) if len(value) else 1.0
    status = np.where(error <= tol * scale, Status.CONVERGED, Status.STATISTICS)
    return Solution(value, error, apart, np.full(len(c), sweeps), status, "population-dynamics")


# --- a finite number of samples of any population law ---------------------------------------------------------


def _shrink(values, weights, c, alpha):
    """Solve ``c = w - alpha w sum_k p_k x_k/(x_k - w)`` for w in the lower half plane: w, sum, its last step, steps."""
    mean, second = weights @ values, weights @ values**2
    top = np.maximum(300.0, 100 * second / (mean * c))
    w = c * (1 - 1j * top)
    ladder = [*(top * (0.02 / top) ** (i / 23) for i in range(24)), 3e-3, 3e-4, 0.0]
    size, total = np.full(len(c), np.inf), np.zeros(len(c), int)

    def half(w):
        part = values / (values - w[:, None])
        return part @ weights, (part / (values - w[:, None])) @ weights

    with np.errstate(all="ignore"):
        for shift in ladder:
            last = np.ndim(shift) == 0 and shift == 0
            target, todo = c * (1 - 1j * shift), np.arange(len(c))
            for _ in range(80 if last else 12):
                at = w[todo]
                total_half, slope = half(at)
                step = (at - alpha * at * total_half - target[todo]) / (1 - alpha * (total_half + at * slope))
                ratio = np.abs(step) / np.abs(at)
                w[todo] = at - step * np.minimum(1, 0.5 / np.maximum(ratio, 1e-300))
                size[todo] = ratio
                total[todo] += 1
                todo = todo[~(ratio < (1e-13 if last else 1e-3))]
                if not todo.size:
                    break
    return w, half(w)[0], size, total


def covariance_sampled(values, c, sampling, weights=None, quantity="cdf", throw=True) -> Solution:
    r"""Spectrum of a covariance estimated from finitely many samples, given that of the covariance itself,

    .. math:: c = \omega - \alpha\,\omega\sum_k \frac{p_k x_k}{x_k-\omega}, \qquad
              p(c) = -\frac1{\pi c}\,\mathrm{Im}\sum_k\frac{p_kx_k}{x_k-\omega} ,

    with :math:`\omega = -1/\eta^2` in the lower half plane; the distribution function is that of
    :mod:`rmtlib.theory.covariance`. Eigenvalues x_k of any kind: of one network, of a law by its quantiles.

    Parameters
    ----------
    values : array_like of float
        Eigenvalues x_k > 0 of the covariance.
    c : array_like of float
        Points, > 0.
    sampling : float
        alpha, the number of units per independent Gaussian sample, > 0.
    weights : array_like of float, optional
        p_k >= 0, normalised here; default equal.
    quantity : {"cdf", "density"}
        The distribution function has an atom of weight 1 - 1/alpha at 0 if alpha > 1, included.
    throw : bool
        Raise if a point does not converge.

    Returns
    -------
    Solution
        ``.value`` in the shape of c. ``.error`` is that of the equation; what atoms instead of a density do is not
        included: 100 quantiles of the density for g = 0.6 give the distribution to 0.0001 at alpha = 0.1, to 0.0005 at 0.02.

    Raises
    ------
    ValidationError
        Values or points not positive, weights negative or of another shape.
    ConvergenceError
        With ``.solution``, if ``throw``.

    References
    ----------
    Silverstein and Choi, J. Multivariate Anal. 54, 295 (1995).

    Examples
    --------
    >>> from rmtlib.theory.covariance import covariance_sampled
    >>> print(covariance_sampled([1.0], [0.5, 1.0, 2.0], 0.25).value.round(6))  # Marchenko and Pastur
    [0.186378 0.55339  0.96563 ]
    """
    values, points = np.ravel(_positive(values)), _positive(c)
    if not values.size:
        raise ValidationError("values is empty: eigenvalues of a covariance are needed")
    alpha = _share(sampling, "sampling, units per sample in time,", 0, 1e6)
    if quantity not in ("cdf", "density"):
        raise ValidationError(f'quantity is "cdf" or "density", got {quantity!r}')
    weights = np.ones(len(values)) if weights is None else np.ravel(np.asarray(weights, dtype=float))
    if weights.shape != values.shape or not np.all(weights >= 0) or not 0 < weights.sum() < np.inf:
        raise ValidationError(f"weights must be {len(values)} numbers >= 0, not all 0, one for each of the values")
    weights = weights / weights.sum()
    flat = points.ravel()
    parts = []
    block = max(1, _CHUNK // len(values))
    for low in range(0, len(flat), block):
        at = flat[low : low + block]
        w, half, size, its = _shrink(values, weights, at, alpha)
        if quantity == "density":
            value = np.maximum(-half.imag, 0) / (np.pi * at)
        else:
            kappa = 1 - alpha * half
            kappa = np.where(kappa.imag < 1e-12 * np.abs(kappa), kappa.real + 0j, kappa)
            ratio = 1 - values / w[:, None]  # below the real axis, or on it: then the limit from below
            phase = np.arctan2(-np.abs(ratio.imag), ratio.real)
            value = 1 + (phase @ weights - (np.log(kappa) - kappa).imag / alpha) / np.pi
        lost = (w.imag > 1e-6 * np.abs(w)) | (half.imag > 1e-6 * np.abs(half))
        parts.append((value, np.where(lost, np.inf, size), its))
    value, size, its = (np.concatenate(part) for part in zip(*parts, strict=True)) if parts else (np.zeros(0),) * 3
    status = np.where(size < 1e-6, int(Status.CONVERGED), int(Status.NOT_CONVERGED))
    error = (1e-13 + np.minimum(size, 1.0)) * (1 + np.abs(value))
    parts = (p.reshape(points.shape)[()] for p in (value, error, size, its.astype(int), status))
    return finish(Solution(*parts, "dense"), throw)


def _recorded(x, c, quantity, noise, observed, alpha, n, width, tol, settings):
    """Sparse ensembles at finite time: quantiles of the law of C by population dynamics, then :func:`covariance_sampled`."""
    nodes = _nodes(x, noise, _observed(x, observed), n, 48)
    mean = _orders(nodes, sparse=True)[0] / nodes.share

    def law(grid, **more):
        return _sampled_solution(x, grid, "cdf", noise, observed, 0.0, n, width, tol, **{**settings, **more})

    grid = mean * np.geomspace(1e-3, 1e3, 40)
    rough = law(grid, population=max(200, settings["population"] // 4), sweeps=24, progress=False).value
    low, high = (mean * 1e-3, mean * 1e3)
    if np.any(rough < 2e-3):
        low = grid[np.flatnonzero(rough < 2e-3)[-1]]
    if np.any(rough > 1 - 2e-3):
        high = grid[np.flatnonzero(rough > 1 - 2e-3)[0]]
    grid = np.geomspace(low, high, 160)
    found = law(grid)

    def transformed(share):
        share = np.clip(np.maximum.accumulate(share), 0, 1)
        atoms = np.r_[grid[0], np.sqrt(grid[1:] * grid[:-1]), grid[-1]]
        weights = np.r_[share[0], np.diff(share), 1 - share[-1]]
        if weights[-1] > 0:  # what lies beyond the grid, where it gives the right mean
            atoms[-1] = max(grid[-1], (mean - weights[:-1] @ atoms[:-1]) / weights[-1])
        return covariance_sampled(atoms, c, alpha, weights, quantity, throw=False)

    got = transformed(found.value)
    # the distribution at finite time is monotone in that of C
    spread = 0.5 * np.abs(transformed(found.value + found.error).value - transformed(found.value - found.error).value)
    scale = np.max(np.abs(got.value)) if len(c) else 1.0
    error = got.error + spread
    status = np.where(error <= tol * scale, got.status, np.maximum(got.status, int(Status.STATISTICS)))
    return Solution(got.value, error, got.residual, got.iterations, status, "population-dynamics")


# --- one network ------------------------------------------------------------------------------------------


def _couplings(net: Network, noise):
    """B = (leak - W H)/noise as a CSR array."""
    b = sp.csr_array(net.weights, dtype=float)
    row = np.repeat(np.arange(net.n), np.diff(b.indptr))
    scale = np.ones(net.n) if noise == "inside" else 1 / net.tau
    data = -b.data * net.gain[b.indices] * scale[row]
    b = sp.csr_array((data, b.indices.copy(), b.indptr.copy()), shape=b.shape)
    return (b + sp.diags_array(net.leak * scale, format="csr")).tocsr()


def _mask(net, observed):
    if observed is None:
        return None
    if isinstance(observed, dict):
        raise NotApplicableError("for a Network observed= names the units: a mask or indices")
    mask = np.asarray(observed)
    if mask.dtype == bool and mask.shape == (net.n,):
        mask = np.flatnonzero(mask)
    if mask.dtype.kind not in "iu" or mask.ndim != 1 or not mask.size or mask.min() < 0 or mask.max() >= net.n:
        raise ValidationError(f"observed must be a mask of {net.n} units or indices of them")
    return mask


def covariance_eigenvalues(net: Network, k: int | None = None, noise="inside", observed=None, check=True) -> np.ndarray:
    r"""Eigenvalues of the covariance :math:`C = (B^TB)^{-1}` of one network, in ascending order.

    Parameters
    ----------
    net : Network
    k : int, optional
        Only the k largest, by Lanczos iteration with a sparse factorisation of B: time and memory are those of that
        factorisation. Default: all, from the singular values of B.
    noise : {"inside", "outside"}
        Where the white noise enters; "outside" gives eigenvalues in units of tau^2.
    observed : mask or indices, optional
        Units whose covariance it is; default all.
    check : bool
        Refuse an unstable network (costs an eigenvalue computation).

    Returns
    -------
    ndarray of float

    Raises
    ------
    NotApplicableError
        The network is unstable.
    ValidationError
        Not a Network; k or observed out of range.

    Examples
    --------
    >>> from rmtlib import Network
    >>> from rmtlib.theory.covariance import covariance_eigenvalues
    >>> print(covariance_eigenvalues(Network([[0.0, 0.5], [0.0, 0.0]])).round(4))
    [0.6096 1.6404]
    """
    if not isinstance(net, Network):
        raise ValidationError(f"covariance_eigenvalues is for one Network, got {type(net).__name__}")
    _noise(noise)
    index = _mask(net, observed)
    if check:
        _require_stable(net)
    b = _couplings(net, noise)
    if k is None:
        if index is None:
            return np.sort(scipy.linalg.svdvals(b.toarray()) ** -2.0)
        inverse = np.linalg.inv(b.toarray())[index]
        return np.sort(scipy.linalg.svdvals(inverse)[: len(index)] ** 2)
    size = net.n if index is None else len(index)
    k = _size(k, "k")
    if k >= size:
        raise ValidationError(f"k must be below the number of observed units, {size}; leave it out for all eigenvalues")
    lu = spla.splu(b.tocsc())

    def product(v):
        v = np.ravel(v)
        if index is not None:
            full = np.zeros(net.n)
            full[index] = v
            v = full
        out = lu.solve(lu.solve(v, trans="T"))
        return out if index is None else out[index]

    operator = spla.LinearOperator((size, size), matvec=product, dtype=float)
    start = np.random.default_rng(0).standard_normal(size)
    return np.sort(spla.eigsh(operator, k, v0=start, return_eigenvectors=False))


def _exact_solution(net, c, quantity, noise, observed, width):
    values = covariance_eigenvalues(net, None, noise, observed, check=False)
    s, at = values**-0.5, c**-0.5
    if quantity == "cdf":
        if width:
            # share of broadened singular values below s, mirrored at 0 as the real part of Q is
            low = (np.arctan((at[:, None] - s) / width) + np.arctan((at[:, None] + s) / width)) / np.pi
            value = 1 - np.mean(low, 1)
        else:
            value = np.searchsorted(values, c, side="right") / len(values)
    else:
        if not width:
            raise NotApplicableError(
                "the spectrum of one Network is a set of points and has no density: pass width > 0, or use "
                "covariance_eigenvalues"
            )
        eta = width - 1j * at
        value = np.array([np.mean(2 * e / (e**2 + s**2)).real for e in eta]) / (2 * np.pi * c**1.5)
    zero = np.zeros(len(c))
    return Solution(value, 1e-12 * (1 + np.abs(value)), zero, np.ones(len(c), int), zero.astype(int), "exact")


def _cavity_solution(net, c, quantity, noise, observed, width, tol, progress):
    from . import cavity

    if quantity != "density":
        raise NotApplicableError('method="cavity" gives the density; the distribution of one network is method="exact"')
    if observed is not None:
        raise NotApplicableError('observed= of a Network needs method="exact"')
    if noise == "outside":
        b = _couplings(net, noise)
        net = Network(sp.csr_array(sp.diags_array(np.full(net.n, net.leak)) - b), leak=net.leak)
    else:
        net = Network(net.weights, gain=net.gain, leak=net.leak)
    parts = []
    for point in tqdm(c, disable=not progress, unit="point"):
        got = cavity.local(net, 0.0, eta=complex(width, -(point**-0.5)), tol=min(1e-6, tol), throw=False)
        s = got.solution
        q = np.mean(got.g1 + got.g2)
        # the last change of the mean resolvent and the residual, both relative, carried over to Q
        error = np.abs(q) * (float(s.error) / max(abs(complex(s.value)), 1e-300) + float(s.residual))
        parts.append((q.real, error, s.residual, s.iterations, s.status))
    q, error, residual, its, status = (np.array(p) for p in zip(*parts, strict=True)) if parts else (np.zeros(0),) * 5
    scale = 2 * np.pi * c**1.5
    return Solution(q / scale, error / scale, residual, its.astype(int), status.astype(int), "cavity")


# --- public -----------------------------------------------------------------------------------------------


def _answer(x, c, quantity, method, noise, observed, sampling, width, tol, throw, n, options):
    x, points, noise = _subject(x), _positive(c), _noise(noise)
    method = _route(x, method)
    alpha = 0.0 if sampling is None else _share(sampling, "sampling, observed units per sample in time,", 0, 1e6)
    if width is not None and not (np.isfinite(width) and width >= 0):
        raise ValidationError(f"width must be a number >= 0, got {width}")
    if isinstance(x, Network) and alpha:
        raise NotApplicableError("sampling= is for an Ensemble; for a Network: covariance_sampled(its eigenvalues, c, sampling)")
    known = {"population-dynamics": {"population", "sweeps", "seed", "progress"}, "cavity": {"progress"}}.get(method, set())
    unknown = sorted(set(options) - known)
    if unknown:
        raise ValidationError(f"unknown options {unknown}: method {method!r} takes {', '.join(sorted(known)) or 'none'}")
    _require_stable(x, n)
    flat = points.ravel()
    if method == "dense":
        if width and alpha:
            raise NotApplicableError("width and sampling cannot be given together")
        got = _dense_solution(x, flat, quantity, noise, observed, alpha, n, width or 0.0, 1e-7 if tol is None else tol)
    elif method == "population-dynamics":
        settings = {"population": 4000, "sweeps": 150, "seed": 0, "progress": False, **options}
        settings["population"] = _size(settings["population"], "population")
        settings["sweeps"] = _size(settings["sweeps"], "sweeps")
        if settings["sweeps"] < 24:
            raise ValidationError(f"sweeps must be at least 24, got {settings['sweeps']}")
        tol = 0.05 if tol is None else tol
        if alpha:
            got = _recorded(x, flat, quantity, noise, observed, alpha, n, 0.003 if width is None else width, tol, settings)
        else:
            width = 0.01 if width is None else width
            got = _sampled_solution(x, flat, quantity, noise, observed, alpha, n, width, tol, **settings)
    elif method == "cavity":
        got = _cavity_solution(
            x, flat, quantity, noise, observed, 0.01 if width is None else width, 1e-6 if tol is None else tol,
            options.get("progress", False),
        )  # fmt: skip
    else:
        got = _exact_solution(x, flat, quantity, noise, observed, width or 0.0)
    parts = (p.reshape(points.shape)[()] for p in (got.value, got.error, got.residual, got.iterations, got.status))
    return finish(Solution(*parts, method), throw)


def covariance_density(
    x, c, method=None, noise="inside", observed=None, sampling=None, width=None, tol=None, throw=True, n=None, **options
) -> Solution:
    r"""Density of the eigenvalues of the zero-frequency covariance :math:`C = (\ell-WH)^{-1}\Sigma(\ell-WH)^{-T}`,

    .. math:: p(c) = \frac{\mathrm{Re}\,Q(-i c^{-1/2} + w)}{2\pi f c^{3/2}}, \qquad Q = \partial\Phi/\partial\eta ,

    with the equations of :mod:`rmtlib.theory.covariance`.

    Parameters
    ----------
    x : Ensemble or Network
        Stable.
    c : array_like of float
        Eigenvalues, > 0; dimensionless for noise inside, units of tau^2 for noise in the rate.
    method : {None, "dense", "population-dynamics", "cavity", "exact"}
        ``"dense"``: default for dense ensembles; for sparse ones the limit of large degree. ``"population-dynamics"``:
        default for sparse ensembles. For a Network ``"cavity"`` (default; its graph as if it were a tree) or ``"exact"``.
    noise : {"inside", "outside"}
        White noise in T dx/dt or in dx/dt.
    observed : float, dict {population: share}, or (exact) mask or indices of units
        Only these units are observed: the spectrum of that part of C. Default all.
    sampling : float, optional
        Observed units per independent sample in time: the spectrum of the estimated covariance of an ensemble. For one
        network :func:`covariance_sampled` of its eigenvalues.
    width : float, optional
        Half width in s = c^(-1/2) of the Lorentzian by which the density is broadened. Default 0 for dense ensembles,
        0.01 for the cavity method and population dynamics; "exact" needs it.
    tol : float, optional
        Dense: of the quadrature, relative to 1 + value (1e-7). Population dynamics: statistical error over the largest value
        (0.05).
    throw : bool
        Raise if a point fails; otherwise see ``.status``.
    n : int, optional
        Network size, for blocks with a fixed probability.
    **options
        Population dynamics: population (4000), sweeps (150), seed (0), progress. Cavity: progress.

    Returns
    -------
    Solution
        ``.value`` in the shape of c. ``.error``: quadrature and iteration (of the cavity method from its last step and
        residual), or two standard errors; the broadening is not an error, and what loops of a graph do is not included.

    Raises
    ------
    NotApplicableError
        An unstable network or ensemble; a method that does not apply.
    ValidationError
        c not positive or not finite, unknown names.
    ConvergenceError
        With ``.solution``, if ``throw``.

    References
    ----------
    Hu and Sompolinsky, PLoS Comput. Biol. 18, e1010327 (2022), eq. (5) for independent entries.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.covariance import covariance_density
    >>> print(covariance_density(rmt.ginibre(0.5, leak=1), [0.2, 0.5, 1.0, 5.0]).value.round(6))
    [0.       1.112408 0.455623 0.019114]
    """
    return _answer(x, c, "density", method, noise, observed, sampling, width, tol, throw, n, options)


def covariance_cdf(
    x, c, method=None, noise="inside", observed=None, sampling=None, width=None, tol=None, throw=True, n=None, **options
) -> Solution:
    r"""Share of the eigenvalues of the covariance up to c, :math:`F(c) = 1 + \mathrm{Im}\,\Phi(-ic^{-1/2})/\pi f`.

    No integral is taken: Phi is a function of the solution at c alone. Parameters, exceptions and methods are those of
    :func:`covariance_density` (without ``"cavity"``); ``sampling > 1`` has an atom of weight 1 - 1/sampling at c = 0,
    which is included. For a Network the default is ``"exact"``.

    Returns
    -------
    Solution

    Raises
    ------
    NotApplicableError, ValidationError, ConvergenceError
        As for :func:`covariance_density`.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.covariance import covariance_cdf
    >>> print(covariance_cdf(rmt.ginibre(0.5, leak=1), [0.2, 0.5, 1.0, 5.0, 9.0]).value.round(6))
    [0.       0.192625 0.556483 0.977428 1.      ]
    """
    if isinstance(x, Network) and method is None:
        method = "exact"
    return _answer(x, c, "cdf", method, noise, observed, sampling, width, tol, throw, n, options)


@dataclass(frozen=True)
class CovarianceMoments:
    """Moments of the covariance spectrum, from :func:`covariance_moments`.

    Attributes
    ----------
    mean, second : float
        tr C/n and tr C^2/n; ``second`` is infinite where the tail of the density is too heavy.
    mean_error, second_error : float
        Two standard errors where they were estimated by random probes, else 0.
    dimension : float
        Participation dimension over the number of units, mean^2/second.
    """

    mean: float
    second: float
    mean_error: float = 0.0
    second_error: float = 0.0

    @property
    def dimension(self) -> float:
        return 0.0 if np.isinf(self.second) else self.mean**2 / self.second


def covariance_moments(x, method=None, noise="inside", observed=None, sampling=None, n=None, probes=64, seed=0):
    r"""Mean and second moment of the covariance spectrum, by linear equations; no density is computed.

    .. math:: \tfrac12 Q(\eta) = f\,(\eta\,m_1 - \eta^3 m_2 + \dots), \qquad
              m_2^{\rm sampled} = m_2 + \alpha\,m_1^2 .

    For an Ensemble exact in the limit of infinite size: dense from the self-consistent equations; sparse from the cavity
    equations, whose third order contains the second moments of X and Y over units, sums over Poisson numbers of
    synapses. ``method="dense"`` leaves the latter out. For a Network exact up to 4000 units, beyond by ``probes``
    random vectors and sparse solves.

    Returns
    -------
    CovarianceMoments

    Raises
    ------
    NotApplicableError
        Unstable; reciprocal sparse synapses without ``method="dense"``.
    ValidationError
        Unknown names.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.covariance import covariance_moments
    >>> got = covariance_moments(rmt.ginibre(0.5, leak=1))
    >>> print(round(got.mean, 6), round(got.dimension, 6))
    1.333333 0.5625
    """
    x, noise = _subject(x), _noise(noise)
    alpha = 0.0 if sampling is None else _share(sampling, "sampling, observed units per sample in time,", 0, 1e6)
    _require_stable(x, n)
    if isinstance(x, Network):
        if alpha:
            raise NotApplicableError("sampling= is for an Ensemble; a Network is sampled by simulating it")
        index = _mask(x, observed)
        if x.n <= 4000:
            values = covariance_eigenvalues(x, None, noise, observed, check=False)
            return CovarianceMoments(float(np.mean(values)), float(np.mean(values**2)))
        return _probe(x, noise, index, _size(probes, "probes"), _generator(seed))
    method = _route(x, method)
    if method == "population-dynamics" and x._pairs:
        raise NotApplicableError('reciprocal sparse synapses: only method="dense" (large degree) treats them')
    share = _observed(x, observed)
    equal = _equal_units(x, noise, n) if method == "dense" and np.all(share == 1) else None
    if equal is not None:
        root = np.sqrt(1 - 4 * equal.r)
        t = (2 / (1 + root)) ** 2
        mean, dimension = t / (1 - equal.v * t) / equal.scale, root * (1 - equal.v * t) ** 2
        return CovarianceMoments(float(mean), float(mean**2 * (1 / dimension + alpha)))
    nodes = _nodes(x, noise, share, n, 96 if noise == "inside" else 48)
    q1, q3, _ = _orders(nodes, sparse=method != "dense")
    mean, second = q1 / nodes.share, q3 / nodes.share
    return CovarianceMoments(float(mean), float(second + alpha * mean**2))


def _probe(net, noise, index, probes, rng):
    lu = spla.splu(_couplings(net, noise).tocsc())
    size = net.n if index is None else len(index)
    full = np.zeros((net.n, probes))
    signs = rng.choice([-1.0, 1.0], (size, probes))
    full[slice(None) if index is None else index] = signs
    image = lu.solve(lu.solve(full, trans="T"))
    if index is not None:
        image = image[index]
    first, second = np.sum(signs * image, 0) / size, np.sum(image**2, 0) / size
    error = [2 * part.std(ddof=1) / np.sqrt(probes) for part in (first, second)]
    return CovarianceMoments(float(first.mean()), float(second.mean()), float(error[0]), float(error[1]))


def covariance_dimension(x, method=None, noise="inside", observed=None, sampling=None, n=None) -> float:
    r"""Participation dimension over the number of observed units, :math:`D/n = (\mathrm{tr}\,C/n)^2/(\mathrm{tr}\,C^2/n)`.

    Parameters as for :func:`covariance_moments`.

    Raises
    ------
    NotApplicableError, ValidationError
        As for :func:`covariance_moments`.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.covariance import covariance_dimension
    >>> print(round(covariance_dimension(rmt.elliptic(0.3, 0.4, leak=1)), 6))
    0.608114
    """
    return covariance_moments(x, method, noise, observed, sampling, n).dimension


def covariance_support(x: Ensemble, noise="inside", observed=None, sampling=None, n=None, points=400) -> np.ndarray:
    r"""Intervals that hold the eigenvalues of the covariance (dense equations), shape (k, 2).

    Of equal units from a polynomial. Otherwise the density is found on a logarithmic grid and each edge by bisection, and then
    as the point where the solution turns, by Newton's method: to about 1e-10 of its value, and to the accuracy of a quadrature
    with 64 nodes of the gains (24 of the timescales). Where the density diverges at an edge (reciprocal correlation -1)
    there is no such point; its inverse square is extrapolated to 0, to about 1e-9. Gaps narrower than the grid are not seen. For sparse ensembles these are the edges at
    large degree: at finite degree there is a tail beyond.

    Raises
    ------
    NotApplicableError
        A Network; an unstable ensemble.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.covariance import covariance_support
    >>> print(covariance_support(rmt.ginibre(0.5, leak=1)).round(6))
    [[0.322767 7.343899]]
    """
    if not isinstance(x, Ensemble):
        raise NotApplicableError("covariance_support is for an Ensemble; a Network has eigenvalues")
    alpha = 0.0 if sampling is None else _share(sampling, "sampling, observed units per sample in time,", 0, 1e6)
    _require_stable(x, n)
    share = _observed(x, observed)
    equal = _equal_units(x, _noise(noise), n) if not alpha and np.all(share == 1) else None
    if equal is not None:
        return np.array([_equal_edges(equal.v, equal.r)]) / equal.scale
    nodes = _nodes(x, noise, share, n, 64 if noise == "inside" else 24)
    q1 = _orders(nodes, sparse=False)[0] / nodes.share

    def solved(c):
        """eta Q/2f, whose imaginary part is -pi c times the density, and the solution."""
        block = max(1, _CHUNK // len(nodes.pop))
        parts = []
        for low in range(0, len(c), block):
            u, eta, _, _ = _solve(nodes, c[low : low + block], alpha)
            parts.append((eta * _potential(nodes, u, eta)[1] / (2 * nodes.share), u, eta))
        return tuple(np.concatenate(part) for part in zip(*parts, strict=True))

    def visible(c):
        half = solved(c)[0]
        return -half.imag > 1e-5 * np.abs(half)

    step = 1e10 ** (1 / (points - 1))
    wide = q1 * np.geomspace(1e-4, 1e6, points)
    mask = visible(wide)
    if not np.any(mask):
        raise ConvergenceError("no eigenvalue density was found between 1e-4 and 1e6 times the mean")
    while mask[0] and alpha != 1 and wide[0] > 1e-14 * q1:
        wide = np.r_[wide[0] * step ** np.arange(-40, 0), wide]
        mask = np.r_[visible(wide[:40]), mask]
    while mask[-1] and wide[-1] < 1e16 * q1:
        wide = np.r_[wide, wide[-1] * step ** np.arange(1, 41)]
        mask = np.r_[mask, visible(wide[-40:])]
    if mask[-1] or (mask[0] and alpha != 1):
        raise ConvergenceError("the support does not end between 1e-14 and 1e16 times the mean: the ensemble is too critical")
    change = np.flatnonzero(mask[1:] != mask[:-1])
    low, high, up = wide[change].copy(), wide[change + 1].copy(), mask[change + 1]
    for _ in range(50):
        middle = np.sqrt(low * high)
        got = visible(middle) == up
        low, high = np.where(got, low, middle), np.where(got, middle, high)
        if np.all(high / low - 1 < 1e-11):
            break
    edges = np.sqrt(low * high)
    inward = np.where(up, 1.0, -1.0)
    _, u, eta = solved(edges * (1 + 1e-7 * inward))
    for i, edge in enumerate(edges):
        edges[i] = _turn(nodes, u[i], eta[i], edge, alpha)
    # no turn: the density diverges at the edge, as an inverse square root, and its inverse square is linear
    poles = np.flatnonzero(np.isnan(edges))
    if poles.size:
        edges[poles] = np.sqrt(low * high)[poles]
        steps = 1e-4 * np.arange(1, 4)
        found = np.array([solved(edges[poles] * (1 + inward[poles] * step))[0].imag ** -2.0 for step in steps])
        for i, column in zip(poles, found.T, strict=True):
            edges[i] *= 1 + inward[i] * np.polyfit(column, steps, 2)[-1]
    if mask[0]:  # as many samples as units: down to 0
        edges = np.r_[0.0, edges]
    return edges.reshape(-1, 2)


def _turn(nodes, u, eta, z, alpha):
    """Where z turns as a function of the solution: the equations and a singular derivative, by Newton's method; or NaN.

    With left and right singular vectors l, r of the derivative M, ``g`` in ``((M, l), (r*, 0)) (phi, g) = (0, 1)`` vanishes
    where M is singular.
    """
    m = len(u)
    strength = alpha / (2 * nodes.share)

    def whole(state):
        """Equations and M at states (points, m + 2)."""
        v, e, c = state[:, :m], state[:, m], state[:, m + 1]
        residual, q, jac, dq = _equations(nodes, v, e)
        last = e * e * c + 1 - strength * e * q
        matrix = np.empty((len(state), m + 1, m + 1), complex)
        matrix[:, :m] = jac
        matrix[:, m, :m] = -strength * e[:, None] * dq[:, :m]
        matrix[:, m, m] = 2 * e * c - strength * (q + e * dq[:, m])
        return np.concatenate([residual, last[:, None]], 1), matrix

    state = np.r_[u, eta, z + 0j]
    _, matrix = whole(state[None])
    left, _, right = np.linalg.svd(matrix[0])

    def test(matrix):
        border = np.zeros((len(matrix), m + 2, m + 2), complex)
        border[:, :-1, :-1] = matrix
        border[:, :-1, -1], border[:, -1, :-1] = left[:, -1], right[-1].conj()
        return np.linalg.inv(border)[:, -1, -1]

    first = z
    size = np.maximum(np.abs(state), 1e-3 * abs(eta))
    try:
        for _ in range(30):
            near = np.vstack([state, state + np.diag(1e-6 * size), state - np.diag(1e-6 * size)])
            equations, matrix = whole(near)
            full = np.concatenate([equations, test(matrix)[:, None]], 1)
            slope = (full[1 : m + 3] - full[m + 3 :]).T / (2e-6)
            step = np.linalg.solve(slope, -full[0])
            state = state + step * size
            if not np.all(np.isfinite(state)) or abs(state[-1] / first - 1) > 1e-2:
                return np.nan
            if np.max(np.abs(step)) < 1e-11:
                break
        else:
            return np.nan
    except np.linalg.LinAlgError:
        return np.nan
    return float(state[-1].real) if abs(state[-1].imag) < 1e-9 * abs(state[-1]) else np.nan


def covariance_outliers(std, strength, overlap=0.0, correlation=0.0) -> np.ndarray:
    r"""Isolated eigenvalues of the covariance when ``a u v^T`` is added to dense weights, u and v unit vectors.

    With ``V = std^2``, ``R = correlation V`` and the solution ``t(c)`` outside the support of

    .. math:: \frac1c = -\frac{(1-Vt)^2\,[(1+Rt)^2-t]}{t\,(1+Rt)^2}, \qquad
              \Big(1 - \frac{a\,(u\cdot v)\,t}{1+Rt}\Big)^2 = \frac{a^2 t^2}{c\,(1-Vt)^2} .

    Parameters
    ----------
    std : float
        sqrt(n) times the standard deviation of the entries.
    strength : float
        a.
    overlap : float
        u.v; u and v are independent of the random part.
    correlation : float
        Of W_ij and W_ji.

    Returns
    -------
    ndarray of float, ascending; empty if a is too weak.

    Raises
    ------
    ValidationError
        Numbers out of range.
    NotApplicableError
        The random part alone, or with the addition (an eigenvalue of a u.v beyond 1), is unstable.

    References
    ----------
    Hu and Sompolinsky, PLoS Comput. Biol. 18, e1010327 (2022), section on low-rank connectivity, for overlap 0 and
    correlation 0.

    Examples
    --------
    >>> from rmtlib.theory.covariance import covariance_outliers
    >>> print(covariance_outliers(0.4, 4.03).round(4))
    [ 0.054  26.3546]
    """
    values = {"std": std, "strength": strength, "overlap": overlap, "correlation": correlation}
    for name, value in values.items():
        if not np.isscalar(value) or not np.isfinite(value):
            raise ValidationError(f"{name} must be one finite number, got {value!r}")
    if std < 0 or abs(overlap) > 1 or abs(correlation) > 1:
        raise ValidationError("std must be >= 0, overlap and correlation in [-1, 1]")
    v, a, rho = float(std) ** 2, float(strength), float(overlap)
    r = correlation * v
    # eigenvalue of J = 1 - a u.v t/(1 + R t) = 0 with t at z = 0: it has crossed the imaginary axis
    if std * (1 + correlation) >= 1:
        raise NotApplicableError("the random part alone is unstable: there is no stationary covariance")
    poly = np.polynomial.Polynomial
    t, one = poly([0, 1]), poly([1])
    vt, rt = one - v * t, one + r * t
    top, bottom = vt**2 * (rt**2 - t), t * rt**2  # -1/c = top/bottom
    critical = (top.deriv() * bottom - top * bottom.deriv()).roots()
    critical = np.sort(critical[np.abs(critical.imag) < 1e-9 * (1 + np.abs(critical.real))].real)
    first = (rt**2 - t).roots()
    first = np.min(first[np.abs(first.imag) < 1e-12].real)  # t at c = infinity: D = A^2
    if 1 - a * rho * first / (1 + r * first) <= 1e-12:
        raise NotApplicableError("the addition makes the network unstable: a u.v is too large")
    above = critical[critical > first * (1 + 1e-12)]
    upper = above.min() if above.size else (1 / v if v else np.inf)
    upper = min(upper, 1 / v if v else np.inf)
    below = critical[critical < 0]
    lower = below.max() if below.size else -np.inf
    if r > 0:
        lower = max(lower, -1 / r)
    # (1 + Rt - a rho t)^2 t = -a^2 t^2 [(1+Rt)^2 - t]
    roots = ((rt - a * rho * t) ** 2 + a**2 * t * (rt**2 - t)).roots()
    roots = roots[np.abs(roots.imag) < 1e-9 * (1 + np.abs(roots.real))].real
    keep = roots[((roots > first) & (roots < upper)) | ((roots < 0) & (roots > lower))]
    return np.sort(-bottom(keep) / top(keep))
