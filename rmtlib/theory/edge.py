r"""Where the planar spectrum ends, its rightmost point, and the outliers of mean structure.

The planar support is the set where the solution with ``X Y = 0`` is unstable, that is where the
spectral radius of

.. math:: K_{ab}(z) = V_{ab} \Big\langle \frac{h^2}{|leak + z\tau - h\theta_b|^2} \Big\rangle_b

exceeds 1; without reciprocity ``theta = 0``. Outliers solve

.. math:: \det\Big(1 - M_{ab} \Big\langle \frac{h}{leak + z\tau - h\theta_b} \Big\rangle_b\Big) = 0

outside the support. ``V`` and ``M`` are the summed variance (second moment for sparse blocks) and mean of
the inputs of a unit. For sparse ensembles both hold at any mean degree well above the freezing
transition; with reciprocity they are the large-degree approximation.

Sources: Neri and Metz, Phys. Rev. Lett. 117, 224101 (2016); Ahmadian, Fumarola and Miller,
Phys. Rev. E 91, 012820 (2015), eq. (2.6); Rajan and Abbott, Phys. Rev. Lett. 97, 188104 (2006).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from scipy.interpolate import make_interp_spline
from scipy.optimize import brentq, minimize_scalar
from scipy.sparse.linalg import ArpackError, eigs
from scipy.special import ndtri

from ..errors import ConvergenceError, NotApplicableError, ValidationError
from ..laws import GaussianCopula, Independent
from ..network import Network
from ..solve import bracketed_root
from .dense import System, outside_theta, split_tau, theta_newton

__all__ = ["EdgeFunction", "own_edge"]

_LEVELS = (12, 24, 48, 96, 192)
_SPLIT = (40, 80, 160, 320)
_BIG = 1e100


def _root(matrix: np.ndarray) -> np.ndarray:
    """Spectral radius of stacked small matrices with entries >= 0."""
    if matrix.shape[-1] == 1:
        return matrix[..., 0, 0]
    if matrix.shape[-1] == 2:
        a, b, c, d = matrix[..., 0, 0], matrix[..., 0, 1], matrix[..., 1, 0], matrix[..., 1, 1]
        return 0.5 * (a + d + np.hypot(a - d, 2 * np.sqrt(b * c)))
    return np.max(np.linalg.eigvals(matrix).real, axis=-1)


class EdgeFunction:
    """``rho(K(z))`` on arrays of ``z`` (dimensionless: ``z * system.scale``), evaluated to ``rtol``.

    Parameters
    ----------
    system : System
    laws : list of joint laws or None
        Per population; with independent tau and gain, or joined by a Gaussian copula, they allow rules centred on the near-pole.
    """

    def __init__(self, system: System, laws: list):
        self.sys, self.laws = system, laws

    def __call__(self, z: np.ndarray, rtol: float = 1e-13) -> np.ndarray:
        """Largest over the irreducible classes; ``inf`` on the bar of a coupled population."""
        z = np.asarray(z, complex)
        out = np.zeros(z.shape)
        for members in self.members():
            out = np.maximum(out, self.of_class(members, z.ravel(), rtol).reshape(z.shape))
        return out

    def of_class(self, members: np.ndarray, z: np.ndarray, rtol: float, plan=None) -> np.ndarray:
        """The same for one class; ``plan`` names the rule of each population and point (see :meth:`fixed`)."""
        if self.sys.has_reciprocity(members):
            return self._with_reciprocity(members, z, rtol)[0]
        v = self.sys.variance[np.ix_(members, members)]
        phi = np.stack([self._average(k, z, rtol, None if plan is None else plan[k]) for k in members], -1)
        return _root(v * np.minimum(phi, _BIG)[:, None, :])

    def fixed(self, *samples: np.ndarray):
        """The edge function for root finding next to some sample arguments.

        At each point it keeps the rule that the hardest of the samples needs, and starts ``theta`` from the
        sample furthest out. The function returned evaluates only the points that moved since its last call.
        """
        parts = [self._fixed(members, samples) for members in self.members()]
        last, value = np.full(samples[0].shape, np.nan, complex), np.zeros(samples[0].shape)

        def evaluate(z):
            at = np.flatnonzero(z != last)
            if at.size:
                last[at], value[at] = z[at], np.max([part(z[at], at) for part in parts], axis=0)
            return value.copy()

        return evaluate

    def members(self):
        """The classes it ranges over."""
        return self.sys.classes

    def _fixed(self, members, samples):
        if self.sys.has_reciprocity(members):
            got = [self._with_reciprocity(members, z, 1e-12) for z in samples]
            value = np.stack([g[0] for g in got])
            theta = np.take_along_axis(np.stack([g[1] for g in got]), np.argmin(value, 0)[None, :, None], 0)[0]
            nodes = [self.sys.rule(k, max(g[2] for g in got)) for k in members]
            if len(members) == 1 and len(nodes[0][0]) == 1:  # theta in closed form: no branch to follow
                return lambda z, at: self._at_theta(members, z, nodes, outside_theta(self.sys, members, z, nodes)[0])
            near = theta.copy()

            def value(z, at):
                got, residual = theta_newton(self.sys, members, z, nodes, near[at])
                lost = ~(residual < 1e-10)
                if np.any(lost):
                    got[lost], residual[lost] = theta_newton(self.sys, members, z[lost], nodes, theta[at[lost]])
                near[at] = np.where((residual < 1e-9)[:, None], got, theta[at])
                # no solution with X Y = 0, as on a cut: inside the support
                return np.where(residual < 1e-9, self._at_theta(members, z, nodes, got), _BIG)

            return value
        plan = {}
        for k in members:
            used = np.zeros((len(samples), len(samples[0])), int)
            self._average(k, np.ravel(samples), 1e-13, None, used.reshape(-1))
            plan[k] = used.max(0)
            centred = (plan[k] >= len(_LEVELS)) & (plan[k] < len(_LEVELS) + len(_SPLIT))
            if np.any(centred):  # one of these rules for all the points that need any: few calls of the pdf
                plan[k][centred] = plan[k][centred].max()
        return lambda z, at: self.of_class(members, z, 1e-13, {k: rules[at] for k, rules in plan.items()})

    def on_grid(self, x, y):
        """Values to about a per cent on the grid ``x + i y``, shape (len(y), len(x)), y increasing from 0."""
        z = x[None, :] + 1j * y[:, None]
        out = np.zeros(z.shape)
        for members in self.members():
            if not self.sys.has_reciprocity(members):
                out = np.maximum(out, self.of_class(members, z.ravel(), 1e-2).reshape(z.shape))
                continue
            # follow theta from the top row, outside the support, downwards
            nodes = [self.sys.rule(k, 20) for k in members]
            coarse = [self.sys.rule(k, 10) for k in members]
            theta = outside_theta(self.sys, members, z[-1], nodes)[0]
            for j in range(len(y) - 1, -1, -1):
                theta, residual = theta_newton(self.sys, members, z[j], nodes, theta)
                lost = ~(residual < 1e-9)
                if np.any(lost):  # a branch point inside the support lies above
                    begin = outside_theta(self.sys, members, z[j, lost], coarse)[0]
                    theta[lost], residual[lost] = theta_newton(self.sys, members, z[j, lost], nodes, begin)
                value = self._at_theta(members, z[j], nodes, theta)
                out[j] = np.maximum(out[j], np.where(residual < 1e-9, value, _BIG))
        return out

    def _at_theta(self, members, z, nodes, theta):
        phi = [_sum(self.sys.leak, z, t, h**2 * w, theta[:, i, None] * h) for i, (t, h, w) in enumerate(nodes)]
        phi = np.stack(phi, -1)
        phi = np.where(np.isfinite(phi), np.minimum(phi, _BIG), _BIG)
        return _root(self.sys.variance[np.ix_(members, members)] * phi[:, None, :])

    def _average(self, k, z, rtol, plan=None, used=None):
        """<h^2/|leak + z tau|^2> of one population: rules refined until they agree, or as planned."""
        # doubling a Gauss or tanh-sinh rule squares its relative error, up to a factor: a change of sqrt(rtol)/30
        # between two rules leaves less than rtol in the finer one
        accept = np.sqrt(rtol) / 30 if rtol < 1e-3 else rtol
        out = np.empty(len(z))
        on_bar = self._on_bar(k, z)
        out[on_bar] = _BIG
        todo = np.flatnonzero(~on_bar)
        if used is not None:
            used[on_bar] = len(_LEVELS) + 2 if self._centred(k) else len(_LEVELS) - 1
        if plan is not None:
            for i in np.unique(plan[todo]):
                at = todo[plan[todo] == i]
                out[at] = self._rule_sum(k, i, z[at])[0]
            return out
        split = self._centred(k)
        last, size = np.full(len(z), np.nan), 0
        for i in range(len(_LEVELS) + len(_SPLIT) * split):
            if i == len(_LEVELS) and rtol >= 1e-3:
                # good enough to place grid points: next to the axis pi pdf(tau*) <h^2>/(leak Im z) takes over
                out[todo] = np.maximum(out[todo], np.minimum(self._near_axis(k, z[todo]), _BIG))
                break
            got, count = self._rule_sum(k, i, z[todo])
            out[todo] = got
            keep = ~(np.abs(got - last[todo]) <= accept * got)
            if i == len(_LEVELS):  # the first rule of another family: agreement says nothing about its own error
                keep[:] = True
            if used is not None:
                used[todo] = np.maximum(used[todo], i - (count == size))
            if count == size:  # a finite law is its own rule
                break
            last[todo] = got
            todo, size = todo[keep], count
            if not todo.size:
                break
        return out

    def _rule_sum(self, k, index, z):
        """The average by rule number ``index``, and the number of nodes."""
        if index < len(_LEVELS):
            tau, w, _, h2 = self.sys.tau_rule(k, _LEVELS[index])
            return _sum(self.sys.leak, z, tau, w * h2), len(tau)
        law, level = self.laws[k], _SPLIT[index - len(_LEVELS)]
        z = np.where(z == 0, 1e-300, z)
        size = np.abs(z) ** 2
        gap = self.sys.leak * z.imag / size
        centre = -self.sys.leak * z.real / size * self.sys.scale
        lo, hi = law.tau.support()
        beyond = (centre <= lo) | (centre >= hi)
        total = np.zeros(len(z))
        if np.any(beyond):  # nearest to an end of the support: one rule, dense at both ends, for all points
            key = (k, level, "ends")
            if key not in self.sys._cache:
                parts = [(o[0] + lo, w[0]) for o, w in split_tau(law.tau, np.array([lo]), 2 * level)]
                parts = [(tau, w * self._gain_square(k, tau)) for tau, w in parts]
                self.sys._cache[key] = tuple(np.concatenate(p) for p in zip(*parts, strict=True))
            tau, weight = self.sys._cache[key]
            total[beyond] = _sum(self.sys.leak, z[beyond], tau / self.sys.scale, weight) * size[beyond]
        at = ~beyond
        if np.any(at):
            for offset, weight in split_tau(law.tau, centre[at], level):
                weight = weight * self._gain_square(k, centre[at, None] + offset)
                distance = (offset / self.sys.scale) ** 2 + gap[at, None] ** 2
                # at the end of a law both the weight and the distance may underflow to 0
                total[at] += np.sum(np.divide(weight, distance, out=np.zeros(distance.shape), where=weight > 0), -1)
        return total / size, -level

    def _centred(self, k):
        """Whether there are rules centred on the near-pole: the law of the gain given tau is known."""
        law = self.laws[k]
        return isinstance(law, Independent) or (isinstance(law, GaussianCopula) and not law.tau.atoms()[0].size)

    def _gain_square(self, k, tau):
        """<h^2 | tau>; for a Gaussian copula an interpolation of degree 7 in the latent normal of tau."""
        key, law = (k, "gain"), self.laws[k]
        if key not in self.sys._cache:
            if isinstance(law, Independent):
                self.sys._cache[key] = law.gain.second_moment()
            else:
                count = 241
                self.sys._cache[key] = make_interp_spline(law._normal_rule(count)[0], law.tau_nodes(count)[3], k=7)
        known = self.sys._cache[key]
        if isinstance(law, Independent):
            return known
        latent = ndtri(np.clip(law.tau.cdf(tau), 1e-17, 1 - 1e-16))
        return known(np.clip(latent, -8.5, 8.5))

    def _near_axis(self, k, z):
        law = self.laws[k]
        with np.errstate(divide="ignore", invalid="ignore"):
            tau = -self.sys.leak * z.real / np.abs(z) ** 2 * self.sys.scale
            near = np.pi * law.tau.pdf(tau) * self.sys.scale * self._gain_square(k, tau) / (self.sys.leak * z.imag)
        return np.where(near > 0, near, 0.0)

    def _on_bar(self, k, z):
        """True where z is real and -leak/z lies where the tau law has a density (the average diverges there)."""
        out = (z.imag == 0) & (z.real < 0) & (self.laws[k] is not None) & (self.sys.leak > 0)
        if np.any(out):
            law = self.laws[k].tau
            if law.atoms()[1].sum() > 1 - 1e-12:
                return np.zeros(len(z), bool)
            out[out] = law.pdf(-self.sys.leak / z.real[out] * self.sys.scale) > 0
        return out

    def _with_reciprocity(self, members, z, rtol):
        """Values, theta, and the level of the rule that was fine enough."""
        out, last = np.empty(len(z)), np.full(len(z), np.nan)
        theta = np.zeros((len(z), len(members)), complex)
        todo, sizes, level = np.arange(len(z)), None, 10
        for level in (10, 20, 40, 80):
            nodes = [self.sys.rule(k, level) for k in members]
            if [len(n[0]) for n in nodes] == sizes:
                break
            sizes = [len(n[0]) for n in nodes]
            up = np.where(z[todo].imag < 0, z[todo].conj(), z[todo])
            if level == 10:
                got_theta, residual = outside_theta(self.sys, members, up, nodes)
            else:  # from the coarser rule
                warm = np.where((z[todo].imag < 0)[:, None], theta[todo].conj(), theta[todo])
                got_theta, residual = theta_newton(self.sys, members, up, nodes, warm)
                lost = ~(residual < 1e-9)
                if np.any(lost):
                    got_theta[lost], residual[lost] = outside_theta(self.sys, members, up[lost], nodes)
            # no solution with X Y = 0, as on a cut: inside the support
            got = np.where(residual < 1e-9, self._at_theta(members, up, nodes, got_theta), _BIG)
            out[todo], theta[todo] = got, np.where((z[todo].imag < 0)[:, None], got_theta.conj(), got_theta)
            keep = ~(np.abs(got - last[todo]) <= np.sqrt(rtol) / 30 * got)
            last[todo] = got
            todo = todo[keep]
            if not todo.size or sum(sizes) == len(sizes):
                break
        return out, theta, level


def _sum(leak, z, tau, weight, shift=None):
    a = leak + np.multiply.outer(z, tau)
    if shift is not None:
        a = a - shift
    with np.errstate(divide="ignore"):
        return np.minimum(1 / (a.real**2 + a.imag**2), _BIG) @ weight


# --- tracing -----------------------------------------------------------------------------------------


def trace(edge: EdgeFunction, points: int = 300) -> list[np.ndarray]:
    """Closed curves where ``edge`` is 1 (dimensionless): vertices on it to rounding, but for jumps at cusps."""
    xs, ys = _grid(edge, points)
    curves = []
    for line in _lines(edge, xs, ys):
        if len(line) < points // 6:  # an oval smaller than the cells of the grid: trace it on its own
            x0, x1, y1 = line.real.min(), line.real.max(), line.imag.max()
            i0, i1 = max(np.searchsorted(xs, x0) - 2, 0), min(np.searchsorted(xs, x1) + 2, len(xs) - 1)
            top = ys[min(np.searchsorted(ys, y1) + 1, len(ys) - 1)]
            low = 0.0 if line.imag.min() < ys[1] else max(2 * line.imag.min() - y1, 0.0)
            pad = 0.1 * (x1 - x0) + 1e-12 * abs(x0)
            fine_x = np.linspace(max(xs[i0], x0 - pad), min(xs[i1], x1 + pad), points // 4)
            fine_y = low + (min(top, y1 + 0.1 * (y1 - low)) - low) * np.linspace(0, 1, points // 8) ** 1.5
            again = _lines(edge, fine_x, fine_y)
            if again:
                line = max(again, key=len)
        curves.append(line)
    out = []
    for line in curves:
        if line[0] == line[-1]:  # closed in the upper half plane: its mirror image is a second curve
            out += [line, line.conj()]
        else:
            mirror = line[::-1].conj()
            skip = 1 if line[-1].imag == 0 else 0
            whole = np.concatenate([line, mirror[skip:]])
            out.append(whole if whole[0] == whole[-1] else np.append(whole, whole[0]))
    out.sort(key=lambda c: -c.real.max())
    return [c if _area(c) > 0 else c[::-1] for c in out]


def _area(c):
    return float(np.sum(np.imag(c[:-1].conj() * c[1:])))


def _grid(edge, points):
    """Grid lines (x, y >= 0) that see every scale of the support: linear, and clustered at -leak/tau."""
    sys = edge.sys
    coupled = np.concatenate(sys.classes)
    tau, weight, spread = [], [], 0.0
    for members in sys.classes:
        m2 = [sys.tau_rule(k, _LEVELS[1]) for k in members]
        spread = max(
            spread, np.sqrt(_root((sys.variance[np.ix_(members, members)] * [w @ h2 for _, w, _, h2 in m2])[None])[0])
        )
    for k in coupled:
        t, w, _, _ = sys.tau_rule(k, _LEVELS[1])
        tau.append(t)
        weight.append(w)
    reps = np.unique(np.concatenate([_quantiles(t, w) for t, w in zip(tau, weight, strict=True)]))
    centre, radius = -sys.leak / reps, spread / reps
    factor = np.array([0.0, 0.05, 0.2, 0.45, 0.75, 1.0])
    x = np.concatenate([(centre[:, None] + radius[:, None] * s * factor).ravel() for s in (1, -1)])
    lo, hi = x.min(), x.max()
    top = 1.3 * radius.max()
    if any(sys.has_reciprocity(c) for c in sys.classes):
        lo, hi, top = lo - 1.2 * radius.max(), hi + 1.2 * radius.max(), 2.4 * radius.max()
    else:
        # along the axis beyond the bar, and upwards at any x, rho falls monotonically: widen until it is below 1
        for _ in range(60):
            if edge(np.array([hi + 0j]), 1e-3)[0] < 1:
                break
            hi += radius.max()
        limit = -sys.leak / np.concatenate(tau).min() - 20 * radius.max()
        for _ in range(60):
            if edge(np.array([lo + 0j]), 1e-3)[0] < 1 or lo < limit:
                break
            lo -= radius.max()
        for _ in range(60):
            if np.all(edge(np.linspace(lo, hi, 33) + 1j * top, 1e-3) < 1):
                break
            top *= 1.5
    count = max(points // 6, 24)
    x = np.unique(np.concatenate([np.linspace(lo, hi, count), x[(x > lo) & (x < hi)]]))
    x = x[np.concatenate([[True], np.diff(x) > 1e-9 * (hi - lo)])]
    if any(sys.has_reciprocity(c) for c in sys.classes):
        # negative correlation cuts the solution outside along Re z = -leak/tau: no grid line on the cut
        x = x + 1e-6 * (hi - lo)
    small = 0.02 * radius.min()
    y = np.unique(np.concatenate([[0.0], np.geomspace(small, top, 10), np.linspace(0, top, count // 2)]))
    return x, y


def _quantiles(tau, weight, count=7):
    """A few representative values of tau (all of them if there are few)."""
    if len(tau) <= 12:
        return tau
    order = np.argsort(tau)
    mid = np.cumsum(weight[order]) - 0.5 * weight[order]
    return np.interp(np.linspace(0.01, 0.99, count), mid, tau[order])


def _lines(edge, xs, ys):
    """Level lines of rho = 1 in the upper half plane; every vertex moved along its grid edge onto the level set."""
    from contourpy import contour_generator

    grid = edge.on_grid(xs, ys)
    value = 1 / np.maximum(grid, 1 / _BIG)  # smooth through the poles of rho
    lines = contour_generator(xs, ys, value, name="serial").lines(1.0)
    lines = [line for line in lines if len(line) > 1]
    if not lines:
        return []
    x, y = np.concatenate(lines).T
    i, j = np.clip(np.searchsorted(xs, x), 1, len(xs) - 1), np.clip(np.searchsorted(ys, y), 1, len(ys) - 1)
    dx = np.minimum(np.abs(x - xs[i]), np.abs(x - xs[i - 1])) / (xs[i] - xs[i - 1])
    dy = np.minimum(np.abs(y - ys[j]), np.abs(y - ys[j - 1])) / (ys[j] - ys[j - 1])
    along_x = dy < dx  # the vertex sits on a horizontal grid line
    nearest_x = np.where(np.abs(x - xs[i]) < np.abs(x - xs[i - 1]), xs[i], xs[i - 1])
    nearest_y = np.where(np.abs(y - ys[j]) < np.abs(y - ys[j - 1]), ys[j], ys[j - 1])
    low = np.where(along_x, xs[i - 1], ys[j - 1])
    high = np.where(along_x, xs[i], ys[j])

    def place(s):
        return np.where(along_x, s, nearest_x) + 1j * np.where(along_x, nearest_y, s)

    quick = edge.fixed(place(low), place(high))

    def height(s):
        return 1 / np.maximum(quick(place(s)), 1 / _BIG) - 1

    bracket = np.sign(height(low)) != np.sign(height(high))
    s = bracketed_root(height, low, high, rtol=1e-14)
    off = np.flatnonzero(bracket & (np.abs(edge(place(s)) - 1) > 1e-12))
    for attempt in range(2):  # where the rule chosen at the ends of the bracket was too coarse inside it
        if not off.size:
            break

        def part(t, off=off):
            full = s.copy()
            full[off] = t
            return place(full)[off]

        # first the rule that the point found needs, then as fine as each trial needs
        careful = edge.fixed(part(low[off]), part(high[off]), part(s[off])) if attempt == 0 else edge

        def error(t, careful=careful, part=part):
            return 1 / np.maximum(careful(part(t)), 1 / _BIG) - 1

        left, right = low[off], high[off]
        if attempt == 0:  # the first root is off by no more than the coarse rule was
            near = 1e-4 * (right - left)
            closer, further = np.maximum(s[off] - near, left), np.minimum(s[off] + near, right)
            inside = np.sign(error(closer)) != np.sign(error(further))
            left, right = np.where(inside, closer, left), np.where(inside, further, right)
        s[off] = bracketed_root(error, left, right, rtol=1e-14, steps=20)
        off = off[np.abs(edge(part(s[off])) - 1) > 1e-12]
    vertex = np.where(bracket, place(s), x + 1j * y)
    out, start = [], 0
    for line in lines:
        piece = vertex[start : start + len(line)]
        keep = bracket[start : start + len(line)]
        start += len(line)
        if keep.sum() > 2:
            closed = np.all(line[0] == line[-1])
            piece = piece[keep]
            out.append(np.append(piece, piece[0]) if closed and piece[0] != piece[-1] else piece)
    return out


# --- rightmost points ----------------------------------------------------------------------------------


def bulk_abscissa(edge: EdgeFunction) -> float:
    """Rightmost point of the planar support (dimensionless)."""
    sys = edge.sys
    best = -np.inf
    for members in sys.classes:
        if sys.has_reciprocity(members):
            if sys.symmetry(members):
                raise NotApplicableError("a symmetric or antisymmetric block has no planar support")
            sub = _Restricted(edge, members)
            best = max(best, max(_rightmost(sub, c) for c in trace(sub)))
        else:
            best = max(best, _axis_root(edge, members))
    return best


class _Restricted(EdgeFunction):
    """The edge function of one class on its own."""

    def __init__(self, edge, members):
        super().__init__(edge.sys, edge.laws)
        self._members = members

    def members(self):
        return [self._members]


def _axis_root(edge, members):
    # |leak + z tau| >= |leak + Re z tau|: the rightmost point is on the real axis
    sys = edge.sys
    ends = []
    for k in members:
        law = edge.laws[k]
        hi = law.tau.support()[1] / sys.scale if law is not None else sys.tau_rule(k, _LEVELS[-1])[0].max()
        ends.append(-sys.leak / hi if np.isfinite(hi) else 0.0)
    tip = max(ends)
    reach = np.sqrt(_root(sys.variance[np.ix_(members, members)][None])[0])

    def height(x):
        return 1 / np.maximum(edge.of_class(members, x + 0j, 1e-13), 1 / _BIG) - 1

    step = max(reach, 1e-3)
    for _ in range(200):
        if height(np.array([tip + step]))[0] > 0:
            break
        step *= 2
    else:
        raise ConvergenceError("no rightmost point of the bulk was found: rho(K(x)) stays above 1 on the real axis")
    low = tip + 1e-12 * max(abs(tip), step)
    if height(np.array([low]))[0] >= 0:
        return tip  # the support narrows to the end of the bar
    return float(bracketed_root(height, np.array([low]), np.array([tip + step]))[0])


def _rightmost(edge, curve):
    """Rightmost point of one level curve: bounded maximisation in y of its right end, around the rightmost vertex."""
    k = int(np.argmax(curve.real))
    spread = np.ptp(curve.real) + np.ptp(curve.imag)
    last = len(curve) - 1
    around = np.abs(curve[[(k - 1) % last, k % last, (k + 1) % last]].imag)
    y0, y1 = float(np.min(around)), float(np.max(around))
    if np.any(curve.imag[[(k - 1) % last, (k + 1) % last]] * curve.imag[k] < 0) or curve[k].imag == 0:
        y0 = 0.0
    start = curve[k].real + 1j * abs(curve[k].imag)
    quick = edge.fixed(np.array([start + 1e-3 * spread]), np.array([start]))
    low, high = np.array([start.real - 0.02 * spread]), np.array([start.real + 0.02 * spread])

    def right(y):
        for value in (quick, edge):

            def height(x, value=value):
                return 1 / np.maximum(value(x + 1j * y), 1 / _BIG) - 1

            if height(low)[0] <= 0 <= height(high)[0]:
                return float(bracketed_root(height, low, high, rtol=1e-14)[0])
        return float(low[0])  # the support is not met at this height

    best = max(curve.real[k], right(0.0) if y0 == 0 else -np.inf)
    if y1 - y0 > 1e-12 * spread:
        got = minimize_scalar(lambda y: -right(y), bounds=(y0, y1), method="bounded", options={"xatol": 1e-8 * spread})
        best = max(best, -float(got.fun))
    return best


# --- outliers -----------------------------------------------------------------------------------------


def find_outliers(edge: EdgeFunction) -> np.ndarray:
    """Isolated eigenvalues of the mean structure outside the bulk and off the bar (dimensionless)."""
    sys = edge.sys
    if not np.any(sys.mean):
        return np.zeros(0, complex)
    found = np.zeros(0, complex)
    for level in (_LEVELS[1], _LEVELS[2]):
        found = _mean_eigenvalues(sys, level)
        found = found[found.imag >= -1e-12 * np.abs(found)]
        found = found[_clear(edge, found, margin=1e-3)]
    if np.any(sys.reciprocal):
        found = _continue_outliers(edge, found)
    else:
        found = np.array([_polish(edge, z) for z in found], complex).ravel()
    found = found[np.isfinite(found)]
    found = found[_clear(edge, found, margin=0.0)] if found.size else found
    found = np.where(np.abs(found.imag) < 1e-10 * np.abs(found), found.real, found)
    keep: list[complex] = []
    for z in found:
        if all(abs(z - other) > 1e-8 * abs(z) for other in keep):
            keep.append(z)
    full = np.array(keep, complex)
    full = np.concatenate([full, full[full.imag > 0].conj()])
    return full[np.lexsort((full.imag, -full.real))]


def _mean_eigenvalues(sys, level):
    """Eigenvalues of T^-1(-leak + M H) on the nodes: the same determinant, as a finite matrix."""
    rules = [_merged(sys.tau_rule(k, level), 4 * level) for k in range(len(sys.fractions))]
    tau = np.concatenate([r[0] for r in rules])
    row = np.repeat(np.arange(len(rules)), [len(r[0]) for r in rules])
    weight = np.concatenate([r[1] * r[2] for r in rules])
    matrix = sys.mean[row][:, row] * weight[None, :]
    matrix[np.arange(len(tau)), np.arange(len(tau))] -= sys.leak
    return np.linalg.eigvals(matrix / tau[:, None]).astype(complex)


def _merged(rule, most):
    """(tau, weight, gain) of a rule with at most that many nodes: those of a measured law merged by neighbours.

    It gives starting points only; :func:`_polish` uses the rule itself.
    """
    tau, weight, gain = rule[:3]
    if len(tau) <= most:
        return tau, weight, gain
    order = np.argsort(tau)
    first = np.linspace(0, len(tau), most + 1).astype(int)[:-1]
    weight_of, tau_of, gain_of = (
        np.add.reduceat(x[order], first) for x in (weight, weight * tau, weight * gain)
    )
    return tau_of / weight_of, weight_of, gain_of / weight_of


def _clear(edge, z, margin):
    """True for points outside the bulk and off the real segments where -leak/tau lies."""
    if not len(z):
        return np.zeros(0, bool)
    sys = edge.sys
    outside = edge(z, 1e-6) < 1 if sys.classes else np.ones(len(z), bool)
    clear = outside.copy()
    for k in range(len(sys.fractions)):
        tau = sys.tau_rule(k, _LEVELS[-1])[0]
        law = edge.laws[k]
        lo, hi = law.tau.support() if law is not None else (tau.min() * sys.scale, tau.max() * sys.scale)
        a, b = (-sys.leak * sys.scale / end if end > 0 else -np.inf for end in (lo, hi))
        width = abs(b - a) if np.isfinite(a) else abs(b)
        # nearest point of the segment [a, b]; eigenvalues of the rule lie between its nodes on it
        near = np.abs(z - np.clip(z.real, a, b))
        clear &= near > max(margin * width, 1e-9 * max(abs(b), 1e-3))
    return clear


def _determinant(sys, z, level, theta=None, strength=1.0):
    k = len(sys.fractions)
    avg = np.empty(k, complex)
    for b in range(k):
        if theta is None:
            tau, w, h1, _ = sys.tau_rule(b, level)
            avg[b] = np.sum(w * h1 / (sys.leak + z * tau))
        else:
            tau, h, w = sys.rule(b, level)
            avg[b] = np.sum(w * h / (sys.leak + z * tau - theta[b] * h))
    return np.linalg.det(np.eye(k) - sys.mean * avg[None, :])


def _theta_at(sys, z, level, strength):
    """theta of every class at z for reciprocity scaled by ``strength``."""
    theta = np.zeros(len(sys.fractions), complex)
    upper = np.array([z if z.imag >= 0 else np.conj(z)])
    scaled = System(
        sys.populations,
        sys.fractions,
        sys.variance,
        sys.mean,
        strength * sys.reciprocal,
        sys.leak,
        sys.scale,
        sys._cache,
    )
    for members in sys.classes:
        if scaled.has_reciprocity(members):
            got = outside_theta(scaled, members, upper, [sys.rule(k, level) for k in members])[0][0]
            theta[members] = got if z.imag >= 0 else got.conj()
    return theta


def _secant(func, z, tol=1e-13, steps=60):
    """A complex root of an analytic function near z (secant), nan if the iteration leaves."""
    z0, z1 = z, z * (1 + 1e-4) + 1e-6j * (z.imag != 0)
    f0, f1 = func(z0), func(z1)
    for _ in range(steps):
        if f1 == f0:
            return z1 if abs(f1) < 1e-9 else np.nan  # a flat stretch, as at infinity, is no root
        z2 = z1 - f1 * (z1 - z0) / (f1 - f0)
        if not np.isfinite(z2):
            return np.nan
        z0, f0, z1 = z1, f1, z2
        f1 = func(z1)
        if abs(z1 - z0) <= tol * abs(z1):
            return z1
    return np.nan


def _polish(edge, z):
    previous = np.nan
    for level in _LEVELS[1:]:
        z = _secant(lambda s, level=level: _determinant(edge.sys, s, level), z)
        if not np.isfinite(z) or abs(z - previous) <= 1e-12 * abs(z):
            return z
        previous = z
    return z


def _continue_outliers(edge, start):
    sys = edge.sys
    level = 20
    out = []
    for z in start:
        for strength in (0.1, 0.25, 0.4, 0.55, 0.7, 0.85, 1.0):
            z = _secant(
                lambda s, strength=strength: _determinant(sys, s, level, _theta_at(sys, complex(s), level, strength)),
                z,
                1e-11,
            )
            if not np.isfinite(z):
                break
        if np.isfinite(z):
            z = _secant(lambda s: _determinant(sys, s, 40, _theta_at(sys, complex(s), 40, 1.0)), z, 1e-11)
        out.append(z)
    return np.array(out, complex).ravel()


# --- the edge of one network ---------------------------------------------------------------------------


def own_edge(net: Network, xtol: float = 1e-8) -> float:
    r"""Rightmost point of the edge that one network has by itself, from its own weights, timescales and gains.

    .. math:: \varrho\big(K^{net}(x)\big) = 1, \qquad K^{net}_{ij}(x) = \frac{W_{ij}^2 h_j^2}{(leak + x\tau_j)^2},
              \qquad x > \max_j (-leak/\tau_j),

    the cavity equations of the network linearised around ``X = Y = 0``. Nothing is averaged: where
    :func:`~rmtlib.theory.spectral_abscissa` of an ensemble uses variances, this uses the squares of the weights at hand.
    Answers from the target (reciprocal pairs with correlated weights) are not taken into account.

    Parameters
    ----------
    net : Network
    xtol : float
        Absolute error of x, in units of 1/tau.

    Returns
    -------
    float
        In the unit of the Jacobian, 1/tau.

    Raises
    ------
    NotApplicableError
        The spectral radius is below 1 everywhere right of the bar, as for a network without cycles.
    ConvergenceError
        The Arnoldi iteration for the spectral radius failed.

    Source: theory chapter "Finite size"; the matrix is that of Neri and Metz, Phys. Rev. Lett. 117, 224101 (2016).

    Examples
    --------
    A ring, whose eigenvalues w exp(2 pi i k/n) - 1 reach w - 1:

    >>> import numpy as np
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.edge import own_edge
    >>> print(round(own_edge(rmt.Network(0.8 * np.roll(np.eye(50), 1, axis=0))), 6))
    -0.2
    """
    if not isinstance(net, Network):
        raise ValidationError(f"own_edge takes a Network, got {type(net).__name__}; an Ensemble has spectral_abscissa")
    square = sp.csr_array(net.weights)
    square = square.multiply(square).tocsr()
    pole = np.max(-net.leak / net.tau)

    def excess(x):
        return _perron(square @ sp.diags_array(net.gain**2 / (net.leak + x * net.tau) ** 2)) - 1

    scale = 1 / net.tau.max()
    step, low = scale, None
    while excess(pole + step) > 0:
        low, step = pole + step, 2 * step
    if low is None:
        high, step = pole + step, 0.5 * step
        while excess(pole + step) < 0:
            high, step = pole + step, 0.5 * step
            if step < 1e-6 * scale:
                raise NotApplicableError(
                    "the spectral radius of W_ij^2 h_j^2/(leak + x tau_j)^2 stays below 1 right of the bar: too few or "
                    "too weak cycles for a cloud that reaches beyond it"
                )
        low = pole + step
    else:
        high = pole + step
    return float(brentq(excess, low, high, xtol=xtol))


def _perron(matrix) -> float:
    """Spectral radius of a sparse matrix with entries >= 0: its rightmost eigenvalue."""
    n = matrix.shape[0]
    if n <= 32:
        return float(np.max(np.abs(np.linalg.eigvals(matrix.toarray()))))
    try:  # the start is positive, as the eigenvector is
        values = eigs(matrix, 1, which="LR", v0=np.ones(n), tol=1e-11, return_eigenvectors=False)
    except ArpackError as error:
        raise ConvergenceError(f"Arnoldi iteration for a spectral radius did not converge: {error}") from None
    return float(values[0].real)
