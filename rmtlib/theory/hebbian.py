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

from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..laws import Constant, as_law
from ..network import Network
from ..solve import Solution, Status

__all__ = ["DeepHebbian", "Edge"]

_MODES = 1024


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
        (t, pt), (h, ph) = self.tau.nodes(24), self.gain.nodes(24)
        t, h = (x.ravel() for x in np.meshgrid(t, h, indexing="ij"))
        object.__setattr__(self, "_units", (t, h, np.outer(pt, ph).ravel()))

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
            raise ValidationError(f"DeepHebbian: n = {n} gives {count} patterns; needed are more than depth = {self.depth}")
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
        r = lambda x: np.reshape(x, shape)  # noqa: E731
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
        r"""z and the edge function :math:`k=\alpha\langle|L|^2/|1-LG|^2\rangle|G|^2` on the branch G, equal units only.

        :math:`z=(h\Sigma+h/G-\ell)/\tau`, :math:`\Sigma=\alpha\langle L/(1-LG)\rangle`. The branch is stable where k < 1.
        """
        if not isinstance(self.tau, Constant) or not isinstance(self.gain, Constant):
            raise NotApplicableError("edges in the G-plane need equal units; use density for laws of tau and gain")
        G = np.asarray(G, dtype=complex)
        h, tau = self.gain.mean(), self.tau.mean()
        sigma, k = np.zeros(G.shape, complex), np.zeros(G.shape)
        for L in self._theta():
            sigma += L / (1 - L * G)
            k += abs(L) ** 2 / abs(1 - L * G) ** 2
        sigma, k = self.load * sigma / _MODES, self.load * k / _MODES
        return (h * sigma + h / G - self.leak) / tau, k * abs(G) ** 2

    def edges(self, points: int = 240) -> list[Edge]:
        """Every curve where the branch without spectrum ends, outer one first: level lines k = 1 in the plane of G.

        The list holds candidates. A curve bounds the spectrum only if the branch with k < 1 beside it is the true one:
        hold :meth:`density` at both sides of it against zero.
        """
        from contourpy import contour_generator

        size = np.sqrt(np.mean(abs(self._theta()) ** 2))
        logs = np.linspace(np.log(1e-2 / (size * (1 + self.load) ** 0.5)), np.log(1e3 / size), points)
        angle = np.linspace(-np.pi, np.pi, points + 1)
        _, k = self.branch(np.exp(logs[None, :] + 1j * (angle[:, None] + 1e-9)))
        lines = contour_generator(logs, angle, np.log(k)).lines(0.0)
        found = []
        for line in lines:
            G = np.exp(line[:, 0] + 1j * line[:, 1])
            found.append(Edge(self.branch(G)[0], G))
        return sorted(found, key=lambda e: -np.max(abs(e.z)))
