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

from ..errors import ConvergenceError, NotApplicableError
from ..laws import Independent
from ..solve import bracketed_root
from .dense import System, outside_theta, split_tau

__all__ = ["EdgeFunction"]

_LEVELS = (20, 40, 80, 160)
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
        Per population; with independent tau and gain they allow rules centred on the near-pole.
    """

    def __init__(self, system: System, laws: list):
        self.sys, self.laws = system, laws

    def __call__(self, z: np.ndarray, rtol: float = 1e-13) -> np.ndarray:
        """Largest over the irreducible classes; ``inf`` on the bar of a coupled population."""
        z = np.asarray(z, complex)
        out = np.zeros(z.shape)
        for members in self.sys.classes:
            out = np.maximum(out, self.of_class(members, z.ravel(), rtol).reshape(z.shape))
        return out

    def of_class(self, members: np.ndarray, z: np.ndarray, rtol: float) -> np.ndarray:
        """The same for one class."""
        if self.sys.has_reciprocity(members):
            return self._with_reciprocity(members, z, rtol)
        v = self.sys.variance[np.ix_(members, members)]
        phi = np.stack([self._average(k, z, rtol) for k in members], -1)
        with np.errstate(invalid="ignore"):
            return _root(v * np.minimum(phi, _BIG)[:, None, :])

    def _average(self, k, z, rtol):
        """<h^2/|leak + z tau|^2> of one population."""
        out = np.empty(len(z))
        todo, last, size = np.arange(len(z)), np.full(len(z), np.nan), 0
        on_bar = (z.imag == 0) & self._on_bar(k, z.real)
        out[on_bar] = _BIG
        todo = todo[~on_bar]
        for level in _LEVELS:
            if not todo.size:
                return out
            tau, w, _, h2 = self.sys.tau_rule(k, level)
            got = _sum(self.sys.leak, z[todo], tau, w * h2)
            out[todo] = got
            if len(tau) == size:  # a finite law is its own rule
                return out
            with np.errstate(invalid="ignore"):
                keep = ~(np.abs(got - last[todo]) <= rtol * got)
            last[todo] = got
            todo, size = todo[keep], len(tau)
        law = self.laws[k]
        if not todo.size or not isinstance(law, Independent):
            return out
        zt = z[todo]
        ok = zt != 0
        todo, zt = todo[ok], zt[ok]
        h2 = law.gain.second_moment()
        for level in _SPLIT:
            centre = -self.sys.leak * zt.real / np.abs(zt) ** 2 * self.sys.scale
            got = np.zeros(len(zt))
            for offset, weight in split_tau(law.tau, centre, level):
                x = offset / self.sys.scale
                got += np.sum(weight / (x**2 + (self.sys.leak * zt.imag / np.abs(zt) ** 2)[:, None] ** 2), -1)
            got *= h2 / np.abs(zt) ** 2
            out[todo] = got
            keep = ~(np.abs(got - last[todo]) <= rtol * got)
            last[todo] = got
            todo, zt = todo[keep], zt[keep]
            if not todo.size:
                break
        return out

    def _on_bar(self, k, x):
        """True where -leak/x lies where the tau law has a density (the average diverges there)."""
        if self.laws[k] is None or self.sys.leak == 0:
            return np.zeros(len(x), bool)
        with np.errstate(divide="ignore", invalid="ignore"):
            tau = np.where(x < 0, -self.sys.leak / x, np.nan) * self.sys.scale
            values, probs = self.laws[k].tau.atoms()
            if len(values) and probs.sum() > 1 - 1e-12:
                return np.zeros(len(x), bool)
            pdf = self.laws[k].tau.pdf(np.where(np.isnan(tau), -1.0, tau))
        return pdf > 0

    def _with_reciprocity(self, members, z, rtol):
        v = self.sys.variance[np.ix_(members, members)]
        flip = z.imag < 0
        z = np.where(flip, z.conj(), z)
        out, last = np.empty(len(z)), np.full(len(z), np.nan)
        todo, sizes = np.arange(len(z)), None
        for level in (10, 20, 40, 80):
            nodes = [self.sys.rule(k, level) for k in members]
            with np.errstate(all="ignore"):
                theta, _ = outside_theta(self.sys, members, z[todo], nodes)
                phi = np.stack(
                    [
                        _sum(self.sys.leak, z[todo], tau, h**2 * w, theta[:, i, None] * h)
                        for i, (tau, h, w) in enumerate(nodes)
                    ],
                    -1,
                )
            phi = np.where(np.isfinite(phi), phi, _BIG)
            got = _root(v * np.minimum(phi, _BIG)[:, None, :])
            out[todo] = got
            keep = ~(np.abs(got - last[todo]) <= max(rtol, 1e-11) * got)
            last[todo] = got
            if [len(n[0]) for n in nodes] == sizes:
                break
            sizes = [len(n[0]) for n in nodes]
            todo = todo[keep]
            if not todo.size or sum(sizes) == len(sizes):
                break
        return out


def _sum(leak, z, tau, weight, shift=None):
    a = leak + np.multiply.outer(z, tau)
    if shift is not None:
        a = a - shift
    with np.errstate(divide="ignore"):
        return np.minimum(1 / (a.real**2 + a.imag**2), _BIG) @ weight


# --- tracing -----------------------------------------------------------------------------------------


def trace(edge: EdgeFunction, points: int = 300) -> list[np.ndarray]:
    """Closed curves where ``edge`` is 1 (dimensionless), each vertex on the level set to rounding."""
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
    factor = np.array([0.0, 0.03, 0.1, 0.2, 0.35, 0.5, 0.7, 0.9, 1.0, 1.15])
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
    count = max(points // 5, 24)
    x = np.unique(np.concatenate([np.linspace(lo, hi, count), x[(x > lo) & (x < hi)]]))
    x = x[np.concatenate([[True], np.diff(x) > 1e-9 * (hi - lo)])]
    small = 0.02 * radius.min()
    y = np.unique(np.concatenate([[0.0], np.geomspace(small, top, 14), np.linspace(0, top, count // 2)]))
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

    grid = edge(xs[None, :] + 1j * ys[:, None], 1e-2)
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

    def height(s):
        return 1 / np.maximum(edge(place(s)), 1 / _BIG) - 1

    bracket = np.sign(height(low)) != np.sign(height(high))
    s = bracketed_root(height, low, high)
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
        self.members = members

    def __call__(self, z, rtol=1e-13):
        z = np.asarray(z, complex)
        return self.of_class(self.members, z.ravel(), rtol).reshape(z.shape)


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
    from scipy.optimize import minimize_scalar

    k = int(np.argmax(curve.real))
    spread = np.ptp(curve.real) + np.ptp(curve.imag)
    around = curve[[(k - 1) % (len(curve) - 1), k, (k + 1) % (len(curve) - 1)]]
    y0, y1 = np.min(around.imag), np.max(around.imag)

    def right(y):
        def height(x):
            return 1 / np.maximum(edge(x + 1j * y), 1 / _BIG) - 1

        low, high = np.array([curve.real[k] - 0.02 * spread]), np.array([curve.real[k] + 0.02 * spread])
        if height(low)[0] > 0 or height(high)[0] < 0:
            return -np.inf
        return float(bracketed_root(height, low, high)[0])

    on_axis = right(0.0) if y0 <= 0 <= y1 else -np.inf
    if y1 - y0 > 1e-14:
        got = minimize_scalar(lambda y: -right(y), bounds=(max(y0, 0.0), y1), method="bounded", options={"xatol": 1e-9})
        return max(on_axis, curve.real[k], -float(got.fun))
    return max(on_axis, curve.real[k])


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
    keep = []
    for z in found:
        if all(abs(z - other) > 1e-8 * abs(z) for other in keep):
            keep.append(z)
    full = np.array(keep, complex)
    full = np.concatenate([full, full[full.imag > 0].conj()])
    return full[np.lexsort((full.imag, -full.real))]


def _mean_eigenvalues(sys, level):
    """Eigenvalues of T^-1(-leak + M H) on the nodes: the same determinant, as a finite matrix."""
    rules = [sys.tau_rule(k, level) for k in range(len(sys.fractions))]
    tau = np.concatenate([r[0] for r in rules])
    row = np.repeat(np.arange(len(rules)), [len(r[0]) for r in rules])
    weight = np.concatenate([r[1] * r[2] for r in rules])
    matrix = sys.mean[row][:, row] * weight[None, :]
    matrix[np.arange(len(tau)), np.arange(len(tau))] -= sys.leak
    return np.linalg.eigvals(matrix / tau[:, None]).astype(complex)


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
        with np.errstate(divide="ignore"):
            a, b = -sys.leak / (lo / sys.scale), -sys.leak / (hi / sys.scale)
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
            return z1
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
