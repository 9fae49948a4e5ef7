r"""Boundaries of deep-Hebbian spectra by continuation: closed curves on which :math:`E = 1`, voids included.

.. math::
   \Sigma = \alpha\Big\langle\frac{L}{1-LG}\Big\rangle_\vartheta, \qquad
   G = \Big\langle\frac{h}{\ell+z\tau-h\Sigma}\Big\rangle, \qquad
   E = \alpha\Big\langle\frac{|L|^2}{|1-LG|^2}\Big\rangle_\vartheta\Big\langle\frac{h^2}{|\ell+z\tau-h\Sigma|^2}\Big\rangle = 1 .

These are three real equations for the four real numbers in :math:`(z,\Sigma)`: curves. Two solutions at the same z differ by

.. math::
   1 = \alpha\Big\langle\frac{L^2}{(1-LG_1)(1-LG_2)}\Big\rangle_\vartheta
   \Big\langle\frac{h^2}{(\ell+z\tau-h\Sigma_1)(\ell+z\tau-h\Sigma_2)}\Big\rangle \le \sqrt{E_1E_2},

so that at most one of them has :math:`E<1`. It is the one without spectrum, and every curve E = 1 bounds the spectrum: no branch has to be
chosen. Sources: E for equal units Jiang, Chen, Hou and Huang, arXiv:2208.11411; the inequality is derived in the chapter on deep-Hebbian sequences.

Averages over :math:`\vartheta` are exact: with the roots :math:`x_j` of :math:`1 - G L(x)`, :math:`x = e^{-i\vartheta}`,

.. math::
   \Big\langle\frac1{1-LG}\Big\rangle = \sum_{|x_j|>1}\frac1{G\,x_jL'(x_j)}, \qquad
   \Big\langle\frac1{|1-LG|^2}\Big\rangle = \frac{1}{|\gamma G|^2\prod_{|x_j|>1}|x_j|^2\prod_m(1-|k_m|^2)},

where the :math:`k_m` are the reflection coefficients of the polynomial with its outer roots mirrored at the unit circle (Levinson's recursion).
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..errors import ConvergenceError, NotApplicableError, ValidationError

__all__ = ["Boundary", "circle_averages", "in_spectrum", "trace_edges"]

_TURN = 0.12  # radians between neighbouring tangents at which a step is neither shortened nor lengthened
_NODES = (12, 24, 48, 96)  # Gauss nodes in tau and in gain: traced with one, settled with the next
_MIRROR = np.array([1.0, -1.0, 1.0, -1.0])
_MINORS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])
_PINCH = 4e-3  # 1/G below this, in units of the largest |L|, is crossed in one step where L has a zero


@dataclass(frozen=True, eq=False)
class Boundary:
    r"""One closed curve on which the spectrum ends.

    Attributes
    ----------
    z : (k,) complex ndarray
        Points of the curve, last = first; the side without spectrum is on the left.
    sigma : (k,) complex ndarray
        Self-energy at the points.
    residual : float
        Largest |Sigma equation| (in units of the size of W) and |log E| over the points.
    error : float
        Largest distance, in z in units of the size of W over tau, by which the curve moved in the last refinement of the averages over units.
    share : float
        Share of all eigenvalues that the curve encloses, :math:`\oint g\,dz/2\pi i`, by the trapezoidal sum over the points; nan for a curve
        that runs through the atom, as it does where L has a zero.
    encloses_void : bool
        Whether the spectrum lies outside of the curve, next to it.
    """

    z: NDArray[np.complex128]
    sigma: NDArray[np.complex128]
    residual: float
    error: float
    share: float
    encloses_void: bool


def circle_averages(c: float, gamma: float, depth: int, G: ArrayLike):
    r""":math:`\langle 1/(1-LG)\rangle` and :math:`\langle 1/|1-LG|^2\rangle` over the circle, and the distance of the next root from it.

    Parameters
    ----------
    c, gamma, depth : float, float, int
        Of the symbol :math:`L = c + \gamma\sum_{r\le d}e^{-ir\vartheta}`.
    G : array_like of complex
        Not 0.

    Returns
    -------
    (first, second, gap) : arrays of the shape of G
        gap is the smallest :math:`|\log|x_j||`; the second average diverges as it goes to 0.

    Examples
    --------
    >>> from rmtlib.theory.hebbian_edges import circle_averages
    >>> first, second, gap = circle_averages(0.0, 1.0, 1, [0.5, 2.0])
    >>> print(first.real, second.round(6))  # 1 and 0; 1/|1 - |G|^2|
    [1. 0.] [1.333333 0.333333]
    """
    G = np.asarray(G, complex)
    if gamma == 0:
        one = 1 / (1 - c * G)
        return one, np.abs(one) ** 2, np.full(G.shape, np.inf)
    constant = (c - 1 / G) / gamma
    if depth == 1:
        roots = -constant[..., None]
    elif depth == 2:
        half = np.sqrt(0.25 - constant)
        half = np.where(half.real < 0, -half, half)
        far = -0.5 - half  # no cancellation in this one; the product of both is the constant
        roots = np.stack([far, constant / far], -1)
    else:
        companion = np.zeros((*G.shape, depth, depth), complex)
        companion[..., np.arange(1, depth), np.arange(depth - 1)] = 1
        companion[..., :, -1] = -1
        companion[..., 0, -1] = -constant
        roots = np.linalg.eigvals(companion)
    size = np.abs(roots)
    outer = size > 1
    slope = gamma * sum(r * roots ** (r - 1) for r in range(1, depth + 1))
    first = np.where(outer, 1 / (G[..., None] * roots * slope), 0).sum(-1)
    mirrored = np.where(outer, 1 / roots.conj(), roots)
    second = 1 / (np.abs(gamma * G) ** 2 * np.where(outer, size, 1).prod(-1) ** 2)
    poly = [np.ones(G.shape, complex)] + [np.zeros(G.shape, complex)] * depth
    for j in range(depth):
        poly = [poly[0]] + [poly[i] - mirrored[..., j] * poly[i - 1] for i in range(1, depth + 1)]
    for m in range(depth, 0, -1):
        k = poly[m]
        rest = 1 - np.abs(k) ** 2
        second = second / rest
        poly = [(poly[i] - k * poly[m - i].conj()) / rest for i in range(m)]
    return first, second, np.abs(np.log(size)).min(-1)


class _Surface:
    """The equations at points (z, Sigma), with their derivatives; z in units of scale/tau, Sigma in units of scale/h."""

    def __init__(self, ens, mix=1.0, nodes=_NODES[0]):
        self.ring = ens.c, ens.gamma, ens.depth
        self.load, self.leak, self.scale = ens.load, ens.leak, ens.scale
        tau, h, w = ens.units.joint.nodes(nodes)
        keep = h > 0
        mean_tau, mean_h = ens.units.joint.tau.mean(), ens.units.joint.gain.mean()
        self.tau, self.h = (mean_tau + mix * (tau - mean_tau))[keep], (mean_h + mix * (h - mean_h))[keep]
        self.w = w[keep]
        self.unit_z, self.unit_s = self.scale / mean_tau, self.scale / mean_h

    def split(self, x):
        return (x[..., 0] + 1j * x[..., 1]) * self.unit_z, (x[..., 2] + 1j * x[..., 3]) * self.unit_s

    def join(self, z, sigma):
        z, sigma = z / self.unit_z, sigma / self.unit_s
        return np.stack([z.real, z.imag, sigma.real, sigma.imag], -1)

    def ring_part(self, G):
        """alpha <L/(1 - L G)> and log of alpha <|L|^2/|1 - L G|^2>, and the gap."""
        first, second, gap = circle_averages(*self.ring, G)
        with np.errstate(all="ignore"):
            return self.load * (first - 1) / G, np.log(self.load * (second - 2 * first.real + 1) / np.abs(G) ** 2), gap

    def at(self, x):
        """Residuals (..., 3) and Jacobian (..., 3, 4)."""
        z, sigma = self.split(x)
        b = self.leak + z[..., None] * self.tau - self.h * sigma[..., None]
        inverse = self.h / b
        G = inverse @ self.w
        square = np.abs(inverse) ** 2
        Q = square @ self.w
        _, _, gap = circle_averages(*self.ring, G)
        step = np.abs(G) * 1e-4 * np.minimum(gap, 0.1)
        image, kappa, _ = self.ring_part(np.stack([G, G + step, G - step, G + 1j * step, G - 1j * step]))
        dimage = (image[1] - image[2]) / (2 * step)
        dkappa = ((kappa[1] - kappa[2]) - 1j * (kappa[3] - kappa[4])) / (2 * step)  # d kappa = Re(dkappa dG)
        r = (image[0] - sigma) / self.unit_s
        residual = np.stack([r.real, r.imag, kappa[0] + np.log(Q)], -1)
        jac = np.empty((*x.shape[:-1], 3, 4))
        for j, (db, ds) in enumerate(((self.tau, 0), (1j * self.tau, 0), (-self.h, 1), (-1j * self.h, 1j))):
            unit = self.unit_z if j < 2 else self.unit_s
            change = db / b
            dG = -(inverse * change) @ self.w * unit
            dr = dimage * dG / self.unit_s - ds
            jac[..., 0, j], jac[..., 1, j] = dr.real, dr.imag
            jac[..., 2, j] = (dkappa * dG).real - 2 * ((square * change.real) @ self.w) * unit / Q
        return residual, jac

    def correct(self, x, sweeps=12, tol=1e-12):
        """Gauss-Newton steps of least length onto the curve; x, largest residual, Jacobian there. Many points at once."""
        for _ in range(sweeps):
            with np.errstate(all="ignore"):
                residual, jac = self.at(x)
            size = np.abs(residual).max(-1)
            if np.all((size <= tol) | ~np.isfinite(size)):
                break
            good = np.isfinite(residual).all(-1) & np.isfinite(jac).all((-1, -2))
            rows = np.linalg.norm(jac, axis=-1)
            A = np.where(good[..., None, None], jac / rows[..., None], np.eye(3, 4))
            r = np.where(good[..., None], residual / rows, 0.0)
            inner = A @ np.swapaxes(A, -1, -2) + 1e-14 * np.eye(3)
            move = -(np.swapaxes(A, -1, -2) @ np.linalg.solve(inner, r[..., None]))[..., 0]
            length = np.linalg.norm(move, axis=-1)
            x = x + move * np.minimum(1, 0.2 / np.maximum(length, 1e-300))[..., None]
        return x, size, jac

    def green(self, z, sigma):
        """G and its derivative with respect to z."""
        inverse = self.h / (self.leak + z * self.tau - self.h * sigma)
        return inverse @ self.w, -(inverse**2 * self.tau / self.h) @ self.w

    def zeros(self):
        """Angles at which L is 0."""
        c, gamma, depth = self.ring
        if gamma == 0:
            return np.empty(0)
        x = np.roots([1.0] * depth + [c / gamma])
        return -np.angle(x[np.abs(np.abs(x) - 1) < 1e-9])

    def narrow(self):
        """|1/G| below which an edge is not followed but crossed."""
        return _PINCH * np.max(np.abs(self.symbol(np.linspace(0, np.pi, 50))[0])) if len(self.zeros()) else 0.0

    def symbol(self, theta):
        """L and its derivative."""
        c, gamma, depth = self.ring
        waves = [(r, np.exp(-1j * r * theta)) for r in range(1, depth + 1)]
        return c + gamma * sum(e for _, e in waves), -1j * gamma * sum(r * e for r, e in waves)

    def across(self, x, before):
        """Beyond a zero of L: the edge of the same void on the other side of the point 1/G = 0, at the same distance from it.

        The curve L runs through that point, once for each of its zeros, and the spectrum is a band about it whose width falls with the square
        of the distance: steps along its edge would shrink for ever. Arrived with the void on the left, the edge leaves along the next arm of
        L in clockwise order.
        """
        z, sigma = self.split(np.stack([x, before]))
        w = np.array([1 / self.green(*pair)[0] for pair in zip(z, sigma, strict=True)])
        zeros = self.zeros()
        slopes = self.symbol(zeros)[1]
        arms = [(k, sign, sign * slopes[k]) for k in range(len(zeros)) for sign in (1, -1)]
        k_in, sign_in, slope_in = min(arms, key=lambda arm: abs(np.angle(arm[2] / w[0])))
        turn = [np.angle(slope_in / arm[2]) % (2 * np.pi) for arm in arms]
        k, sign, slope = min((t, arm) for t, arm in zip(turn, arms, strict=True) if 1e-9 < t < 2 * np.pi - 1e-9)[1]
        guess = zeros[k_in] + sign_in * abs(w[0] / slope_in)
        for _ in range(5):  # the nearest point of L
            L, d = self.symbol(guess)
            guess = guess + ((w[0] - L) / d).real
        L, _ = self.symbol(guess)
        L_out, d_out = self.symbol(zeros[k] + sign * abs(guess - zeros[k_in]) * abs(slope_in / slope))
        new = L_out + 1j * sign * d_out / abs(d_out) * abs(w[0] - L) * abs(slope_in / slope)
        sigma_new = self.ring_part(1 / new)[0]
        z_new = z[0] + (z[0] - z[1]) / (w[0] - w[1]) * (new - w[0])
        for _ in range(20):
            G, dG = self.green(z_new, sigma_new)
            z_new = z_new + (1 / G - new) * G**2 / dG
        return self.join(z_new, sigma_new)

    def z_of_w(self, w):
        """Sigma, z and log E as functions of 1/G, for equal units."""
        sigma, kappa, _ = self.ring_part(1 / w)
        tau, h = self.tau[0], self.h[0]
        return (h * (w + sigma) - self.leak) / tau, sigma, kappa - 2 * np.log(np.abs(w))

    def resolvent(self, x):
        z, sigma = self.split(x)
        # units of gain 0, left out of the nodes, add their poles: see share
        return (self.tau / (self.leak + z[..., None] * self.tau - self.h * sigma[..., None])) @ self.w


def _tangent(jac):
    """Unit vector along the curve, E < 1 on its left in the plane of z: the sign of the determinant fixes it on the whole curve."""
    t = np.linalg.det(np.moveaxis(jac[..., _MINORS], -2, -3)) * [-1, 1, -1, 1]
    return t / np.linalg.norm(t, axis=-1, keepdims=True)


def _trace(surface, start, longest, limit=20_000):
    """The closed curve through a point of it, by predictor and corrector."""
    x, residual, jac = surface.correct(start[None])
    x, t = x[0], _tangent(jac[0])
    first, first_t, points, step = x, t, [x], 0.2 * longest
    half = np.abs(x[[1, 3]]).max() < 1e-9  # a curve that crosses the real axis is its own mirror image
    narrow = surface.narrow()
    w_old = np.inf
    for _ in range(limit):
        w = 1 / abs(surface.green(*surface.split(x))[0]) if narrow else np.inf
        if w < min(narrow, w_old) and len(points) > 1:
            new, residual, jac = surface.correct(surface.across(x, points[-2])[None])
            tn = _tangent(jac[0])
            ahead = 1 / abs(surface.green(*surface.split(new[0] + 0.1 * w / surface.scale * tn))[0])
            if residual[0] > 1e-8 or not w / 3 < 1 / abs(surface.green(*surface.split(new[0]))[0]) < min(3 * w, ahead):
                raise ConvergenceError(f"the edge could not be followed through z = {surface.split(x)[0]:.6g}, where G is infinite", None)
            new, w_old = new[0], 0.0
            if half and new[1] * points[1][1] <= 0:
                return _whole(points)
            points.append(new)
            x, t = new, tn
            continue
        w_old = w
        guess = x + step * t
        if narrow:
            step = min(step, max(0.5 * w / surface.scale, 1e-6))
            guess = x + step * t
        new, residual, jac = surface.correct(guess[None], sweeps=6)
        new = new[0]
        ok = residual[0] < 1e-9 and np.linalg.norm(new - guess) < 0.3 * step
        if ok:
            tn = _tangent(jac[0])
            turn = np.arccos(np.clip(tn @ t, -1, 1))
            ok = turn < 2.5 * _TURN
        if not ok:
            step *= 0.5
            if step < 1e-8:
                raise ConvergenceError(f"the edge could not be followed beyond z = {surface.split(x)[0]:.6g}: the steps became too short", None)
            continue
        if half and len(points) > 2 and new[1] * points[1][1] <= 0:
            real = (x + (new - x) * x[1] / (x[1] - new[1])) * [1, 0, 1, 0]
            real, residual, _ = surface.correct(real[None])  # by symmetry it stays real
            ok = residual[0] < 1e-9 and np.linalg.norm(real[0] - x) < 2 * step
            return _whole([*points, *(real if ok else [])], ok)
        if len(points) > 3 and np.linalg.norm(new - first) < 2 * step and (x - first) @ first_t < 0 <= (new - first) @ first_t and tn @ first_t > 0.5:
            return np.array([*points, first])
        points.append(new)
        x, t = new, tn
        step = min(longest, step * np.clip(_TURN / max(turn, 1e-9), 0.5, 1.5))
    raise ConvergenceError(f"an edge did not close in {limit} steps, last point z = {surface.split(x)[0]:.6g}", None)


def _whole(points, ends=False):
    """Half a curve, from the real axis to the real axis (its last point lies there if `ends`), and its mirror image."""
    side = np.array(points)
    return np.concatenate([side, (side[:-1] if ends else side)[:0:-1] * _MIRROR, side[:1]])


def _on(curve, x, t):
    """Which points x with tangents t lie on a traced curve: next to one of its chords, and in its direction."""
    a, d = curve[:-1], np.diff(curve, axis=0)
    length = np.linalg.norm(d, axis=1)
    found = np.zeros(len(x), bool)
    for k in range(len(x)):
        along = np.clip(np.sum((x[k] - a) * d, 1) / length**2, 0, 1)
        far = np.linalg.norm(x[k] - a - along[:, None] * d, axis=1)
        found[k] = np.any((far < 0.06 * length + 1e-7) & (d @ t[k] > 0.85 * length))
    return found


def _seeds_equal(surface, points):
    """Sign changes of log E on a grid in the plane of 1/G and on rays that leave the curve L (where E is infinite)."""
    c, gamma, depth = surface.ring
    theta = np.pi * (np.arange(2 * points) + 0.37) / (2 * points)
    L = c + gamma * sum(np.exp(-1j * r * theta) for r in range(1, depth + 1))
    dL = gamma * sum(-1j * r * np.exp(-1j * r * theta) for r in range(1, depth + 1))
    reach = 1.2 * np.max(np.abs(L)) * (1 + np.sqrt(max(surface.load, 1.0)))
    axis = reach * (np.arange(points) + 0.5 - points / 2) / (points / 2)
    w = axis[None, :] + 1j * axis[axis > 0][:, None]
    pairs = [(w[:, :-1], w[:, 1:]), (w[:-1], w[1:])]
    if gamma:
        normal = 1j * dL / np.maximum(np.abs(dL), 1e-300)
        s = reach * np.geomspace(1e-7, 1, 60)
        for side in (1, -1):
            ray = L[:, None] + side * normal[:, None] * s
            pairs.append((ray[:, :-1], ray[:, 1:]))
    ends = (c + gamma * depth, c + gamma * sum((-1) ** r for r in range(1, depth + 1)), 0.0)
    real = np.unique(np.concatenate([axis, *(e + sign * reach * np.geomspace(1e-7, 1, 60) for e in ends for sign in (1, -1))]))
    starts = []
    for a, b in [(real[:-1] + 0j, real[1:] + 0j), *pairs]:
        a, b = a.ravel(), b.ravel()
        with np.errstate(all="ignore"):
            fa, fb = surface.z_of_w(a)[2], surface.z_of_w(b)[2]
        change = np.isfinite(fa) & np.isfinite(fb) & ((fa < 0) != (fb < 0))
        a, b, low = a[change], b[change], fa[change] < 0
        for _ in range(40):
            mid = 0.5 * (a + b)
            same = (surface.z_of_w(mid)[2] < 0) == low
            a, b = np.where(same, mid, a), np.where(same, b, mid)
        starts.append(0.5 * (a + b))
    w = np.concatenate(starts)
    z, sigma, _ = surface.z_of_w(w)
    return surface.join(z, sigma)


def _collect(surface, starts, longest):
    """All closed curves through the starting points, each once."""
    x, residual, jac = surface.correct(starts)
    w = 1 / np.abs([surface.green(*surface.split(start))[0] for start in x])
    good = (residual < 1e-9) & (w > 2 * surface.narrow())
    x, t = x[good], _tangent(jac[good])
    curves = []
    while len(x):
        curve = _trace(surface, x[0], longest)
        curves.append(curve)
        left = ~_on(curve, x, t)
        left[0] = False
        mirrored = curve * _MIRROR
        if not _on(curve, mirrored[:1], _chord(mirrored)[None])[0]:
            curves.append(mirrored[::-1])
            left &= ~_on(mirrored[::-1], x, t)
        x, t = x[left], t[left]
    return curves


def _chord(curve):
    d = curve[0] - curve[1]  # direction of the mirrored curve, which runs backwards
    return d / np.linalg.norm(d)


def trace_edges(ens, points: int = 120, complete: bool = True) -> list[Boundary]:
    r"""All boundaries of the spectrum that a search grid meets, each a closed curve: outer boundary, voids, islands.

    Equal units: z is a function of 1/G, and starts are sign changes of log E in that plane. Units that differ: starts are the curves of
    equal units, carried along while the laws spread, and the border of the spectrum on a grid in the plane of z and on the real axis.
    Whether a curve was missed shows in the shares: what a void's curve encloses are atoms and the islands found inside. Not so a void that
    holds nothing, nor where L has a zero, so that curves run through the atom.

    Parameters
    ----------
    ens : DeepHebbian
    points : int
        Lines of the search grids; curves are traced with steps of 6/points or less, in units of the size of W over tau.
    complete : bool
        Raise where the shares do not add up, so that a curve is missing.

    Returns
    -------
    list of Boundary
        The one that reaches furthest right first.

    Raises
    ------
    ValidationError
        Another ensemble, fewer than 20 points.
    NotApplicableError
        gamma = 0, with a real spectrum.
    ConvergenceError
        A curve that cannot be followed, does not close, or still moves with the quadrature over units; shares that do not add up.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian
    >>> from rmtlib.theory.hebbian_edges import trace_edges
    >>> for b in trace_edges(DeepHebbian(load=0.5, c=0.0, gamma=1.0), points=60):
    ...     print(round(b.z.real.max(), 3), b.encloses_void, round(b.share, 3))
    0.225 False 0.999
    -0.646 True 0.499
    """
    from . import hebbian

    hebbian._points(ens, 0.0)
    if points < 20:
        raise ValidationError(f"a grid of {points} points sees nothing; use at least 20")
    if ens.gamma == 0:
        raise NotApplicableError("gamma = 0: the couplings are symmetric and the spectrum is real, without an area that an edge could bound")
    law, longest = ens.units.joint, 6.0 / points
    equal = _Surface(ens, 0.0)
    starts = _seeds_equal(equal, points)
    if law.tau.var() == 0 and law.gain.var() == 0:
        found = [_finish(equal, curve) for curve in _collect(equal, starts, longest)]
        return _sorted(ens, found, points, complete)
    starts = np.concatenate([curve[:: max(len(curve) // 16, 1)] for curve in _collect(equal, starts, 3 * longest)])
    for mix in np.linspace(0, 1, 11)[1:]:
        starts, residual, _ = _Surface(ens, mix).correct(starts)
        starts = starts[residual < 1e-9]
    starts = np.concatenate([starts, _seeds_grid(ens, _Surface(ens), starts, points // 3)])
    for nodes, finer in pairwise(_NODES):
        try:
            curves = _collect(_Surface(ens, nodes=nodes), starts, longest)
            found = [_finish(_Surface(ens, nodes=finer), curve, 1e-3 if finer == _NODES[-1] else 1e-6) for curve in curves]
        except ConvergenceError as error:
            last = error
        else:
            return _sorted(ens, found, points, complete)
    raise ConvergenceError(
        f"with up to {_NODES[-2]} Gauss nodes in tau and in gain the edges do not settle. At small loads they run close to the segment "
        f"where -leak/tau lies: raise the load, or give tau as a discrete law. Last attempt: {last}",
        None,
    )


def _seeds_grid(ens, surface, starts, points):
    """Points between neighbours of a grid in the plane of z of which one has spectrum and one not, with Sigma of the latter."""
    from . import hebbian

    points = int(np.clip(np.sqrt(4e5 / len(hebbian._angles(ens, 0))), 12, points))  # for the time and memory that angles take at small loads
    z, _ = surface.split(starts)
    low, high, top = z.real.min(), z.real.max(), np.abs(z.imag).max()
    width, top = 0.1 * (high - low) + 1e-3 * surface.unit_z, 1.15 * top + 1e-3 * surface.unit_z
    x, y = np.linspace(low - width, high + width, points), top * (np.arange(points // 2) + 0.5) / (points // 2)
    z = x[None, :] + 1j * y[:, None]
    last = hebbian._solve(ens, z, levels=1)[1][-1]
    void, sigma = ((last.u == 0) & (last.e < 1) & last.found).reshape(z.shape), last.sigma.reshape(z.shape)
    starts = []
    for a, b in ((np.s_[:, :-1], np.s_[:, 1:]), (np.s_[:-1], np.s_[1:])):
        change = void[a] != void[b]
        middle = 0.5 * (z[a] + z[b])[change]
        starts.append(surface.join(middle, np.where(void[a], sigma[a], sigma[b])[change]))
    starts.append(_seeds_real(ens, surface, low - width, high + width))
    return np.concatenate(starts)


def _seeds_real(ens, surface, low, high):
    """The same on the real axis, denser towards -leak/tau: islands of units of one timescale are thinner than any cell of the grid."""
    from . import hebbian

    count = int(np.clip(2e5 / len(hebbian._angles(ens, 0)), 50, 200))
    near = [-ens.leak / tau for tau in _atoms(ens)[0][:6]]
    away = surface.unit_z * np.geomspace(1e-4, 0.3, count // 5)
    x = np.unique(np.concatenate([np.linspace(low, high, count), *(a + sign * away for a in near for sign in (1, -1))]))
    last = hebbian._solve(ens, x + 0j, levels=1)[1][-1]
    void = (last.u == 0) & (last.e < 1) & last.found
    change = void[1:] != void[:-1]
    sigma = np.where(void[:-1], last.sigma[:-1], last.sigma[1:]).real
    return surface.join(0.5 * (x[1:] + x[:-1])[change] + 0j, sigma[change] + 0j)


def _atoms(ens):
    """Timescales that a finite share of the units has, and the shares of eigenvalues at -leak/tau: of w n such units, P see a pattern each."""
    tau, h, w = ens.units.joint.nodes(_NODES[0])
    values = np.asarray(ens.units.joint.tau.atoms()[0], float)
    same = np.isclose(tau, values[:, None], rtol=1e-12)
    return values, np.array([w[k].sum() - min(ens.load, w[k & (h > 0)].sum()) for k in same], float)


def _sorted(ens, found, points, complete):
    """The curves by their right ends, after the shares have been added up."""
    tau, weight = _atoms(ens)
    at = -ens.leak / tau
    inside = np.array([[_winds(a, b.z[0]) and a is not b for b in found] for a in found], bool).reshape(len(found), len(found))
    void = np.array([b.encloses_void for b in found], bool)
    share = np.array([b.share for b in found])
    holds = np.array([[_winds(b, a) for a in at] for b in found], bool).reshape(len(found), len(at))
    off = [share[~void & ~inside[void].any(0)].sum() + weight[~holds.any(0)].sum() - 1]  # outermost curves and atoms outside of them
    off.append(weight[in_spectrum(found, at)].sum())  # about an atom there is a void
    for k in np.flatnonzero(void):  # an island or an atom belongs to the innermost void around it
        deeper = void & inside[k]
        off.append(weight[holds[k]].sum() + share[~void & inside[k] & ~inside[deeper].any(0)].sum() - share[k])
    off = np.abs(off) if np.isfinite(share).all() else np.zeros(1)  # a curve through the atom has no share
    limit = max(0.01, 72 / points**2)  # of the trapezoidal sums, whose error falls as the square of the steps; 0.012 was seen at 60 points
    if complete and off.max() > limit:
        raise ConvergenceError(
            f"a curve is missing: those found leave out {off.max():.3g} of the eigenvalues. Take more than {points} points, or complete=False "
            "for the curves that were found",
            None,
        )
    return sorted(found, key=lambda b: -b.z.real.max())


def _winds(boundary, z):
    away = boundary.z - z
    with np.errstate(all="ignore"):
        return bool(abs(np.angle(away[1:] / away[:-1]).sum()) > np.pi)


def _finish(surface, curve, within=1e-6):
    traced = curve
    curve, residual, _ = surface.correct(curve)
    worst, moved = residual.max(), np.abs(curve - traced).max()
    if not (worst < 1e-8 and moved < within):
        what = f"an edge moves by {moved:.2g} and misses its equations by {worst:.2g} when the quadrature over units is refined"
        raise ConvergenceError(what, None)
    z, sigma = surface.split(curve)
    z[-1], sigma[-1] = z[0], sigma[0]
    area = 0.5 * np.sum((z[:-1].conj() * z[1:]).imag)
    void = bool(area > 1e-9 * surface.unit_z**2)  # a symmetric matrix has an interval, which encloses nothing
    g = surface.resolvent(curve)
    raw = float((np.sum(0.5 * (g[1:] + g[:-1]) * np.diff(z)) / (2j * np.pi)).real)
    w = np.array([1 / surface.green(*pair)[0] for pair in zip(z, sigma, strict=True)])
    pinched = np.abs(w).min() < surface.narrow()  # where L has no zeros the right side is 0
    return Boundary(z, sigma, float(worst), float(moved), np.nan if pinched else (raw if void else -raw), void)


def in_spectrum(boundaries: list[Boundary], z: ArrayLike) -> NDArray[np.bool_]:
    r"""Whether points lie where the curves say that there is spectrum: void is on their left, so their winding numbers add up to -1 there.

    Examples
    --------
    >>> from rmtlib.theory.hebbian import DeepHebbian
    >>> from rmtlib.theory.hebbian_edges import in_spectrum, trace_edges
    >>> in_spectrum(trace_edges(DeepHebbian(0.5, 0.0, 1.0, leak=0.0), 40), [0.2, 0.8, 3.0])
    array([False,  True, False])
    """
    z = np.asarray(z, complex)
    total = np.zeros(z.shape)
    for b in boundaries:
        away = b.z - z[..., None]
        total += np.angle(away[..., 1:] / away[..., :-1]).sum(-1) / (2 * np.pi)
    return np.rint(total) == -1
