r"""Deep-Hebbian sequences: :math:`J=\frac1N\Xi\,C\,\Xi^T` with a circulant :math:`C` of symbol :math:`L(\theta)`.

Hermitized, with :math:`a=\ell+z\tau`, :math:`E=|a-h\sigma|^2+(\eta+s_1)(\eta+h^2s_2)`,
:math:`D=|1-qL|^2+pr|L|^2` and averages over units and over :math:`\theta`,

.. math::

    s_1=\alpha r\Big\langle\frac{|L|^2}{D}\Big\rangle,\quad s_2=\alpha p\Big\langle\frac{|L|^2}{D}\Big\rangle,\quad
    \sigma=\alpha\Big\langle\frac{L-\bar q|L|^2}{D}\Big\rangle,

    p=\Big\langle\frac{\eta+h^2s_2}{E}\Big\rangle,\quad r=\Big\langle\frac{h^2(\eta+s_1)}{E}\Big\rangle,\quad
    q=\Big\langle\frac{h\,\overline{(a-h\sigma)}}{E}\Big\rangle,\qquad
    g=\Big\langle\frac{\tau\,\overline{(a-h\sigma)}}{E}\Big\rangle,\quad \varrho=\frac1\pi\partial_{\bar z}g .

The ensemble is that of Jiang, Chen, Hou and Huang (arXiv:2208.11411); :math:`z` is in inverse units of :math:`\tau`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import ConvergenceError, ValidationError
from ..laws import Constant, as_law
from ..network import Network
from ..solve import Solution, Status

__all__ = ["DeepHebbian", "Edge"]

_MODES = 1024
_MOST = 8  # more pieces than this are a sign of a grid too coarse, not of so many curves


@dataclass(frozen=True, eq=False)
class Edge:
    """One closed curve where the branch without spectrum becomes unstable.

    Attributes
    ----------
    z, G : ndarray of complex
        Points of the curve, and the branch of G on it.
    """

    z: np.ndarray
    G: np.ndarray


@dataclass(frozen=True, eq=False)
class DeepHebbian:
    r""":math:`J=\frac1N\sum_\mu\big(c\,\xi^\mu+\gamma\sum_{r=1}^d\xi^{\mu+r}\big)(\xi^\mu)^T`, :math:`P=\alpha N` cyclic patterns.

    Parameters
    ----------
    load : float
        Patterns per unit, alpha > 0.
    c, gamma : float
        Strength of a pattern with itself and with each of the next `depth` patterns.
    depth : int
        d >= 1.
    tau, gain : law
        Independent laws of the timescale (positive) and of the gain, anything that :func:`~rmtlib.laws.as_law` reads.
    leak : float
        The Jacobian is (-leak + J diag(gain)) / tau, rows divided by their timescale.

    Raises
    ------
    ValidationError
        For a number that is not finite, or a load, depth or timescale that is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> from rmtlib.theory.hebbian import DeepHebbian
    >>> chain = DeepHebbian(0.5, c=0.0, gamma=1.0, depth=1, leak=0.0)
    >>> [round(float(abs(curve.z).mean()), 3) for curve in chain.edges()]
    [1.225, 0.354]
    """

    load: float
    c: float
    gamma: float
    depth: int = 1
    tau: Any = 1.0
    gain: Any = 1.0
    leak: float = 1.0

    def __post_init__(self):
        for name in ("load", "c", "gamma", "leak"):
            value = getattr(self, name)
            if not np.isscalar(value) or not np.isreal(value) or not np.isfinite(value):
                raise ValidationError(f"DeepHebbian: {name} must be a finite real number, got {value!r}")
        if self.load <= 0:
            raise ValidationError(f"DeepHebbian: load must be positive, got {self.load}")
        if int(self.depth) != self.depth or self.depth < 1:
            raise ValidationError(f"DeepHebbian: depth must be a whole number >= 1, got {self.depth!r}")
        if self.c == 0 and self.gamma == 0:
            raise ValidationError("DeepHebbian: c and gamma are both 0: there are no synapses")
        object.__setattr__(self, "tau", as_law(self.tau))
        object.__setattr__(self, "gain", as_law(self.gain))
        if self.tau.support()[0] <= 0:
            raise ValidationError("DeepHebbian: timescales must be positive")
        for name, count in (("_units", 24), ("_few_units", 10)):
            (t, pt), (h, ph) = self.tau.nodes(count), self.gain.nodes(count)
            t, h = (x.ravel() for x in np.meshgrid(t, h, indexing="ij"))
            object.__setattr__(self, name, (t, h, np.outer(pt, ph).ravel()))

    # ------------------------------------------------------------------ samples

    def symbol(self, theta):
        r""":math:`L(\theta)=c+\gamma\sum_{r=1}^de^{-ir\theta}`, complex, shape of `theta`."""
        theta = np.asarray(theta, dtype=float)
        return self.c + self.gamma * sum(np.exp(-1j * r * theta) for r in range(1, int(self.depth) + 1))

    def patterns(self, n: int, seed=None, kind: str = "binary"):
        """Patterns, one a column: shape (n, round(load n)), entries +-1 or standard normal (`kind`)."""
        rng = np.random.default_rng(seed)
        count = round(self.load * n)
        if n < 1 or count <= self.depth:
            raise ValidationError(
                f"DeepHebbian: n = {n} gives {count} patterns; needed are more than depth = {self.depth}"
            )
        if kind == "binary":
            return rng.choice([-1.0, 1.0], size=(n, count))
        if kind == "gaussian":
            return rng.standard_normal((n, count))
        raise ValidationError(f'DeepHebbian: kind must be "binary" or "gaussian", got {kind!r}')

    def couplings(self, patterns):
        """J of given patterns, shape (n, n)."""
        successors = self.c * patterns
        for r in range(1, int(self.depth) + 1):
            successors = successors + self.gamma * np.roll(patterns, -r, axis=1)
        return successors @ patterns.T / patterns.shape[0]

    def sample(self, n: int, seed=None, kind: str = "binary") -> Network:
        """A :class:`~rmtlib.network.Network` with dense couplings."""
        rng = np.random.default_rng(seed)
        weights = self.couplings(self.patterns(n, rng, kind))
        return Network(weights, tau=self.tau.sample(n, rng), gain=self.gain.sample(n, rng), leak=self.leak)

    # ------------------------------------------------------------------ Hermitized equations

    def _theta(self):
        return self.symbol(2 * np.pi * np.arange(_MODES) / _MODES)

    def _gap(self, z, sigma):
        t, h, _ = self._units
        return self.leak + z[:, None] * t - h * sigma[:, None]

    def _map(self, x, z, eta):
        """One round of the equations of the module: (s1, s2, sigma) -> the same, and g."""
        s1, s2, sigma = x[0], x[1], x[2] + 1j * x[3]
        t, h, w = self._units
        b = self._gap(z, sigma)
        top, bottom = eta + h**2 * s2[:, None], eta + s1[:, None]
        E = abs(b) ** 2 + top * bottom
        p, r = (top / E) @ w, (h**2 * bottom / E) @ w
        q, g = (h * b.conj() / E) @ w, (t * b.conj() / E) @ w
        L = self._theta()
        D = abs(1 - q[:, None] * L) ** 2 + (p * r)[:, None] * abs(L) ** 2
        m = self.load * (abs(L) ** 2 / D).mean(1)
        s = self.load * (L / D).mean(1) - q.conj() * m
        return np.array([r * m, p * m, s.real, s.imag]), g

    def _solve(self, z, eta, tol, rounds):
        scale = self.load**0.5 * np.sqrt(np.mean(abs(self._theta()) ** 2))
        x = np.array([np.full(z.size, scale), np.full(z.size, scale), 0 * z.real, 0 * z.real])
        residual, used = np.full(z.size, np.inf), np.zeros(z.size, int)
        active = np.arange(z.size)
        for k in range(rounds):
            new, _ = self._map(x[:, active], z[active], eta)
            if k > 60 and k % 20 == 0:  # Newton on four real unknowns, kept where it helps
                new = self._newton(x[:, active], z[active], eta, new)
            else:
                new = 0.5 * (new + x[:, active])
            x[:, active] = new
            if k % 20 == 0:
                again = self._map(new, z[active], eta)[0]
                residual[active] = np.max(abs(again - new) / (abs(again) + 1e-3 * scale), axis=0)
                used[active] = k + 1
                active = np.flatnonzero(residual > tol)
                if not active.size:
                    break
        return x, residual, used

    def _jacobian(self, x, z, eta):
        columns, step = [], 1e-6
        for k in range(4):
            size = step * (abs(x[k]) if k < 2 else 1 + abs(x[k]))
            up, down = x.copy(), x.copy()
            up[k] += size
            down[k] -= size
            columns.append((np.array(self._flat(up, z, eta)) - np.array(self._flat(down, z, eta))) / (2 * size))
        return np.array(columns)  # [unknown, output, point]

    def _flat(self, x, z, eta):
        new, g = self._map(x, z, eta)
        return [*new, g.real, g.imag]

    def _newton(self, x, z, eta, new):
        J = self._jacobian(x, z, eta)[:, :4].transpose(2, 1, 0)
        with np.errstate(all="ignore"):
            delta = np.linalg.solve(np.eye(4) - J + 1e-15 * np.eye(4), (new - x).T[..., None])[..., 0].T
        trial = x + delta
        good = np.isfinite(trial).all(0) & (trial[0] > 0) & (trial[1] > 0)
        trial = np.where(good, trial, new)
        before = np.max(abs(new - x), axis=0)
        after = np.max(abs(self._map(trial, z, eta)[0] - trial), axis=0)
        return np.where(good & (after < before), trial, 0.5 * (x + new))

    def _points(self, z, eta):
        z = np.asarray(z, dtype=complex)
        if not np.isfinite(z).all():
            raise ValidationError("DeepHebbian: z has a NaN or an infinity")
        if not eta > 0 or not np.isfinite(eta):
            raise ValidationError(f"DeepHebbian: the regulariser eta must be positive and finite, got {eta}")
        return z

    def _finish(self, value, residual, used, shape, tol, strict):
        status = np.where(residual <= tol, int(Status.CONVERGED), int(Status.NOT_CONVERGED))
        if strict and status.any():
            raise ConvergenceError(
                f"DeepHebbian: {np.count_nonzero(status)} of {status.size} points did not converge, largest residual "
                f"{residual.max():.1e}; raise eta or rounds, or pass strict=False to look at them"
            )
        r = lambda x: np.reshape(x, shape)
        return Solution(r(value), r(residual * (1 + abs(value))), r(residual), r(used), r(status), "deep-hebbian")

    def resolvent(self, z, eta=1e-3, tol=1e-8, rounds=4000, strict=True) -> Solution:
        """g(z) at regulariser `eta`, in the shape of `z`; the stated error is the residual carried to g, without eta."""
        z = self._points(z, eta)
        x, residual, used = self._solve(z.ravel(), eta, tol, rounds)
        return self._finish(self._map(x, z.ravel(), eta)[1], residual, used, z.shape, tol, strict)

    def density(self, z, eta=1e-3, tol=1e-8, rounds=4000, strict=True) -> Solution:
        """Density of eigenvalues per unit area at regulariser `eta`, by differentiating the equations implicitly.

        In a void it is of order eta squared: two values of eta tell a void from a low density.
        """
        z = self._points(z, eta)
        flat = z.ravel()
        x, residual, used = self._solve(flat, eta, tol, rounds)
        J = self._jacobian(x, flat, eta)
        A = np.eye(4) - J[:, :4].transpose(2, 1, 0)
        g_x = J[:, 4:]
        slope = []
        for direction in (1, 1j):
            step = 1e-6 * direction * (1 + abs(flat))
            change = np.array(self._flat(x, flat + step, eta)) - np.array(self._flat(x, flat - step, eta))
            change = change / (2 * abs(step))
            dx = np.linalg.solve(A, change[:4].T[..., None])[..., 0].T
            dg = change[4:] + np.einsum("kip,kp->ip", g_x, dx)
            slope.append(dg[0] + 1j * dg[1])
        rho = (0.5 * (slope[0] + 1j * slope[1]) / np.pi).real
        return self._finish(rho, residual, used, z.shape, tol, strict)

    # ------------------------------------------------------------------ edges

    def branch(self, G):
        r"""z and the edge function :math:`k=\alpha\langle|L|^2/|1-LG|^2\rangle\langle h^2/|a-h\Sigma|^2\rangle` on the branch G.

        :math:`\Sigma=\alpha\langle L/(1-LG)\rangle`, and z solves :math:`G=\langle h/(a-h\Sigma)\rangle`. With equal units it is
        explicit, :math:`z=(h\Sigma+h/G-\ell)/\tau`. Otherwise it is the root that Newton's method reaches as the laws are widened from
        their means in ten steps; other roots may exist. NaN, in both, where that path breaks off.
        """
        G = np.asarray(G, dtype=complex)
        shape, G = G.shape, G.ravel()
        sigma, m = np.zeros(G.shape, complex), np.zeros(G.shape)
        modes = _MODES // 2 if self.load >= 0.2 else _MODES
        for L in self.symbol(2 * np.pi * np.arange(modes) / modes):
            sigma += L / (1 - L * G)
            m += abs(L) ** 2 / abs(1 - L * G) ** 2
        sigma, m = self.load * sigma / modes, self.load * m / modes
        t, h, w = self._few_units
        t0, h0 = t @ w, h @ w
        z = (h0 * sigma + h0 / G - self.leak) / t0
        equal = isinstance(self.tau, Constant) and isinstance(self.gain, Constant)
        with np.errstate(all="ignore"):  # paths that break off become NaN below
            for s in () if equal else np.linspace(0.1, 1.0, 10):
                ts, hs = t0 + s * (t - t0), h0 + s * (h - h0)
                for _ in range(6):
                    b = self.leak + z[:, None] * ts - hs * sigma[:, None]
                    z = z + ((hs / b) @ w - G) / ((hs * ts / b**2) @ w)
            b = self.leak + z[:, None] * t - h * sigma[:, None]
            k = m * ((h**2 / abs(b) ** 2) @ w)
            lost = ~(abs((h / b) @ w - G) < 1e-9 * abs(G))
        z[lost], k[lost] = np.nan, np.nan
        return z.reshape(shape), k.reshape(shape)

    def edges(self, points: int = 300) -> list[Edge]:
        """Every curve where the branch without spectrum ends, outer one first: level lines k = 1 in the plane of G.

        The list holds candidates. A curve bounds the spectrum only if the branch with k < 1 beside it is the true one:
        hold :meth:`density` at both sides of it against zero.
        """
        from contourpy import contour_generator

        L = abs(self._theta())
        low, high = 0.95 / (L.max() * (1 + self.load**0.5)), 1e2 / L.max()  # k < 1 below the first for equal units
        if self.load < 1 and L.min() > 0:  # and, for load < 1, above this
            high = min(max(high, 1e3 / L.max()), 1.05 / (L.min() * (1 - self.load**0.5)))
        if not isinstance(self.tau, Constant) or not isinstance(self.gain, Constant):
            low, points = low / 3, min(points, 120)
        logs = np.linspace(np.log(low), np.log(high), points)
        angle = np.linspace(-np.pi, np.pi, points + 1)
        _, k = self.branch(np.exp(logs[None, :] + 1j * (angle[:, None] + 1e-9)))
        lines = contour_generator(logs, angle, np.ma.masked_invalid(np.log(k))).lines(0.0)
        found = []
        for line in lines:
            G = np.exp(line[:, 0] + 1j * line[:, 1])
            z = self.branch(G)[0]
            if np.isfinite(z).any():
                found.append(Edge(z[np.isfinite(z)], G[np.isfinite(z)]))
        if not found or len(found) > _MOST:
            raise ConvergenceError(
                f"DeepHebbian: {len(found)} level lines at points = {points}. At small load, or where L almost vanishes, they run "
                "closer together than the grid resolves: raise points, or use density"
            )
        return sorted(found, key=lambda e: -np.max(abs(e.z)))

    def mismatch(self, edge: Edge, eta: float = 1e-4) -> float:
        """Median of |q - G| / |G| along a curve, q from the Hermitized equations at `eta`.

        It tends to 0 with `eta` on a curve that bounds the spectrum, where q is continuous, and not on one that lies on a
        false branch. The approach is slow, as a fractional power of eta: compare two values.
        """
        some = np.linspace(0, edge.z.size - 1, min(15, edge.z.size)).round().astype(int)
        z = self._points(edge.z[some], eta)
        x, residual, used = self._solve(z, eta, 1e-8, 4000)
        self._finish(residual, residual, used, z.shape, 1e-8, True)
        t, h, w = self._units
        b = self._gap(z, x[2] + 1j * x[3])
        E = abs(b) ** 2 + (eta + x[0])[:, None] * (eta + h**2 * x[1][:, None])
        q = (h * b.conj() / E) @ w
        return float(np.median(abs(q - edge.G[some]) / abs(edge.G[some])))

    def abscissa(self, points: int = 300) -> float:
        """Largest real part on the outermost edge; in inverse units of tau. Outliers are not in it."""
        return float(max(e.z.real.max() for e in self.edges(points)))
