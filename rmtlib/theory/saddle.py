r"""Functional saddle point: the exact spectrum of sparse ensembles at finite mean degree.

The equations solved, for populations ``a, b`` of one irreducible class, ``B = |leak + z tau|/h``,
``d_ab = c_ba f_b/f_a`` (in- and out-degrees) and the Laplace transforms ``f_a(s) = E exp(-s X_a)``,
``F_a(s) = E exp(-s Y_a)`` of the two cavity self-energies of a unit:

.. math::
   \log f_a(s) &= \sum_b c_{ab} \big( \langle \mathcal K[F_b H_b](s w_{ab}^2) \rangle - 1 \big), \qquad
   H_b(t) = \langle \mathcal K[f_b](t B^2) \rangle_b, \\
   \log F_a(s) &= \sum_b d_{ab} \big( \langle \mathcal K[f_b \tilde H_b](s w_{ba}^2) \rangle - 1 \big), \qquad
   \tilde H_b(t) = \langle \mathcal K[F_b](t B^2) \rangle_b, \\
   g(z) &= \sum_a f_a \Big\{ q_a \Big\langle \frac{\tau}{leak + z\tau} \Big\rangle_a
           - \int F_a \, d\Big\langle \frac{\tau}{leak + z\tau} \mathcal K[f_a](t B^2) \Big\rangle_a \Big\},

where ``K`` turns the transform of ``x`` into that of ``1/x``,

.. math:: \mathcal K[\phi](k) = E\, e^{-k/x} = 1 - \phi(0^+) - \int_0^\infty J_0(2\sqrt{kt})\, d\phi(t),

and ``q_a = f_a(inf)`` is the probability that no input comes from the giant component. Regularisation eta is 0
(its limit) and no synapse is reciprocated. ``log f`` is a limit of Poisson sums, hence exact for Erdos-Renyi graphs.

**How.** With ``t = e^u`` everything is carried by logarithmic derivatives ``phi'(u)``, which vanish at both ends.
There ``K`` is the multiplier ``Gamma(1 + i w)/Gamma(1 - i w)`` of modulus 1 followed by ``u -> -u``, and the
averages over weights and over ``B`` are the multipliers ``E |w|^(-2 i w)`` and ``E B^(-2 i w)``: Mellin moments on
the line where every law has them, on the real axis too. Laplace transforms are analytic for ``|Im u| < pi/2``, so
Fourier coefficients fall as ``exp(-pi |w|/2)`` and the grid converges exponentially; the tails, as slow as
``exp(-|u|/2)`` for Gaussian weights, set its length. Both are refined until ``g`` stops changing.

One population has ``F = f``. Several have the gauge ``f(e^k s), F(e^-k s)``, one for each class.

Sources: Fyodorov and Mirlin, J. Phys. A 24, 2219 (1991), for the functional saddle point; Neri and Metz,
Phys. Rev. Lett. 117, 224101 (2016), for the cavity form; Akara-pipattana and Evnin, arXiv:2410.00355, for the
Hermitian case; Hamilton, Mon. Not. R. Astron. Soc. 312, 257 (2000), for Hankel transforms on a logarithmic grid.
"""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np
import scipy.fft
from scipy.interpolate import CubicSpline
from scipy.special import loggamma

from ..ensemble import Ensemble, Synapses
from ..errors import NotApplicableError
from ..laws import Continuous, Discrete, Independent, Mixture
from ..solve import PointSum, Solution, Status, _gmres, anderson, newton_krylov
from . import dense as _dense
from .edge import EdgeFunction, _root

__all__ = ["hankel_multiplier", "solve"]

# (points, length in log t) of the grids, each finer and longer than the last
_GRIDS = ((256, 64.0), (512, 108.0), (1024, 186.0), (2048, 330.0), (4096, 600.0), (8192, 1100.0))
# the same where every unit has many inputs and outputs: noise of high frequency, which each sweep amplifies by the
# mean degree, asks for finer and longer grids
_LARGE_GRIDS = ((512, 108.0), (1024, 186.0), (2048, 330.0), (4096, 600.0), (8192, 1100.0))
_MANY = 16.0  # inputs and outputs
_TAU_NODES = (48, 96, 192, 384, 768, 768)  # nodes a piece, rules centred on the near-pole of each point
_JOINT_NODES = (32, 64, 96, 128, 160, 160)  # of tau and of gain, where they depend on each other
_BATCH = 40_000  # grid values per array: what stays in the cache is fastest


# --- the grid and its transforms -----------------------------------------------------------------------


def hankel_multiplier(omega: np.ndarray) -> np.ndarray:
    r"""The map ``phi -> K[phi]`` on logarithmic derivatives, in Fourier space: ``Gamma(1+i omega)/Gamma(1-i omega)``.

    .. math:: \frac{d\mathcal K}{dv}(e^v) = \int \frac{d\omega}{2\pi}\, e^{-i\omega v}\,
              \frac{\Gamma(1 + i\omega)}{\Gamma(1 - i\omega)} \int du\, e^{-i\omega u} \frac{d\phi}{du}(e^u)

    from the Mellin transform of ``J0(2 sqrt t)``, ``Gamma(i omega)/Gamma(1 - i omega)``. Modulus 1.

    Examples
    --------
    >>> print(np.abs(hankel_multiplier(np.array([0.0, 1.0, 20.0]))))
    [1. 1. 1.]
    """
    return np.exp(2j * loggamma(1 + 1j * np.asarray(omega)).imag)


class _Grid:
    """A periodic grid in ``u = log t`` with ``n`` points over ``length``, centred on 0."""

    def __init__(self, level: int, sizes=None):
        self.level = level
        self.n, self.length = (sizes or _GRIDS)[level]
        self.step = self.length / self.n
        self.u = self.step * (np.arange(self.n) - self.n // 2)
        self.omega = 2 * np.pi / self.length * np.arange(self.n // 2 + 1)
        self.kernel = hankel_multiplier(self.omega)
        self.kernel[-1] = 0.0  # the Nyquist coefficient has no sign
        with np.errstate(divide="ignore", invalid="ignore"):
            self.integrate = np.where(self.omega > 0, 1 / (1j * self.omega), 0.0)
        self.derive = 1j * self.omega
        self.derive[-1] = 0.0
        # What leaks around the end of the period would return at the other end, where f is 1 instead of q, and grow
        # by the mean degree each sweep: nothing is let through there.
        outer = np.clip((np.abs(self.u) / (0.5 * self.length) - 0.9) / 0.08, 0.0, 1.0)
        self.window = np.cos(0.5 * np.pi * outer) ** 2

    def forward(self, values):
        return scipy.fft.rfft(values, axis=-1)

    def back(self, coefficients):
        return scipy.fft.irfft(coefficients, self.n, axis=-1)

    def integral(self, coefficients, left=0.0):
        """The function that starts at ``left`` and has the derivative with these coefficients."""
        rest = self.back(coefficients * self.integrate)
        ramp = coefficients[..., :1].real / self.n * (self.u - self.u[0])
        return left + ramp + rest - rest[..., :1]


# --- one irreducible class: its degrees and the laws that it needs ------------------------------------------


class _Class:
    """Degrees, weights and (tau, gain) laws of one irreducible class, in units where mean tau is ``scale``."""

    def __init__(self, ens: Ensemble, sys, members):
        self.sys, self.members = sys, members
        self.fractions = sys.fractions[members]
        self.leak, self.scale = sys.leak, sys.scale
        size = len(members)
        self.degree, self.weight = np.zeros((size, size)), {}
        for i, a in enumerate(members):
            for j, b in enumerate(members):
                block = ens.synapses.get((ens.names[a], ens.names[b]))
                if block is not None:
                    self.degree[i, j], self.weight[i, j] = _without_zeros(block.degree, block.weight)
        self.out_degree = self.degree.T * self.fractions[None, :] / self.fractions[:, None]
        self.joints = [ens.populations[k].joint for k in members]
        self.square = [float(np.dot(h2, w)) for _, w, _, h2 in (sys.tau_rule(k, 40) for k in members)]
        self.fewest = min(self.degree.sum(1).min(), self.out_degree.sum(1).min())
        self.percolates = np.max(np.abs(np.linalg.eigvals(self.degree))) > 1
        self._cache: dict = {}
        for k, joint in zip(members, self.joints, strict=True):
            if joint.gain.cdf(0.0) > 0:
                raise NotApplicableError(
                    f"population {ens.names[k]!r}: units of gain 0 send nothing; give them a population of their own "
                    "without outgoing synapses"
                )

    def on_atom(self, z):
        """True where ``-leak/z`` is a timescale of positive probability: an eigenvalue of positive weight."""
        out = (z == 0) & (self.leak == 0)
        for joint in self.joints:
            for tau in joint.tau.atoms()[0] / self.scale:
                out |= np.abs(self.leak + z * tau) <= 8 * np.finfo(float).eps * abs(self.leak)
        return out

    def weight_multipliers(self, grid):
        """``c_ab E|w_ab|^(-2 i omega)`` and ``d_ab E|w_ba|^(-2 i omega)``, shape (target, source, omega)."""
        key = ("w", grid.length)
        if key not in self._cache:
            shape = self.degree.shape + grid.omega.shape
            table, out = np.zeros(shape, complex), np.zeros(shape, complex)
            for (i, j), law in self.weight.items():
                got = _mellin(law, grid.omega[1], len(grid.omega), -1)
                table[i, j] = self.degree[i, j] * got
                out[j, i] = self.out_degree[j, i] * got
            self._cache[key] = table * grid.kernel, out * grid.kernel
        return self._cache[key]

    def gain_multiplier(self, member, grid):
        key = ("h", member, grid.length)
        if key not in self._cache:
            self._cache[key] = _mellin(self.joints[member].gain, grid.omega[1], len(grid.omega), 1)
        return self._cache[key]

    def rule(self, member, z, level):
        """Nodes for one population at points ``z``: (tau, a = leak + z tau, log of gain or None, weight), by rows."""
        joint, law = self.joints[member], self.joints[member].tau
        if not isinstance(joint, Independent):
            tau, gain, weight = joint.nodes(_JOINT_NODES[level])
            tau = tau / self.scale
            return tau[None, :], self.leak + z[:, None] * tau, np.log(gain), np.broadcast_to(weight, (len(z), len(tau)))
        if law.atoms()[1].sum() > 1 - 1e-12:
            tau, weight = law.nodes()
            tau = tau / self.scale
            return tau[None, :], self.leak + z[:, None] * tau, None, np.broadcast_to(weight, (len(z), len(tau)))
        return self._split(member, z, level)

    def rules(self, member, z, level):
        """Groups of points with the rule of each: few Gauss nodes away from the segment where ``-leak/tau`` lies."""
        joint, law = self.joints[member], self.joints[member].tau
        lo, hi = law.support()
        gauss = np.zeros(len(z), bool)
        if isinstance(joint, Independent) and isinstance(law, Continuous) and lo > 0 and hi < 100 * lo:
            with np.errstate(all="ignore"):
                zeta = (-2 * self.leak * self.scale / z - lo - hi) / (hi - lo)
                # an ellipse around the support that leaves out the branch point of |a|^(-2 i omega) and 1/a
                rate = np.abs(zeta + np.sqrt(zeta - 1) * np.sqrt(zeta + 1))
            need = np.where(np.isfinite(rate), 18 / np.log(np.maximum(rate, 1.0001)), 0) + 12 + 6 * level
            gauss = need <= 72
            for count in (24, 48, 72):
                at = np.flatnonzero(gauss & (need <= count) & (need > count - 24))
                if at.size:
                    tau, weight = law.nodes(count)
                    tau = tau / self.scale
                    a = self.leak + z[at, None] * tau
                    yield at, (tau[None, :], a, None, np.broadcast_to(weight, a.shape))
        rest = np.flatnonzero(~gauss)
        for at in np.array_split(rest, max(1, len(rest) // 16)):
            if at.size:
                yield at, self.rule(member, z[at], level)

    def _split(self, member, z, level):
        law = self.joints[member].tau
        lo = law.support()[0]
        with np.errstate(all="ignore"):
            pole = -self.leak * self.scale / z
        # so far away that tau = pole + offset would lose digits: no need for a centre there
        far = ~(np.abs(pole) < 1e3 * (law.mean() + 10 * np.sqrt(law.var())))
        centre = np.where(far, lo, pole.real)
        parts = list(_dense.split_tau(law, centre, _TAU_NODES[level]))
        offset = np.concatenate([np.broadcast_to(o, (len(z), o.shape[-1])) for o, _ in parts], -1) / self.scale
        weight = np.concatenate([np.broadcast_to(w, (len(z), w.shape[-1])) for _, w in parts], -1)
        tau = centre[:, None] / self.scale + offset
        # formed from the offset: mirrored nodes then give principal values on the real axis
        gap = 1j * np.where(far, 0.0, pole.imag) / self.scale
        a = np.where(far[:, None], self.leak + z[:, None] * tau, z[:, None] * (offset - gap[:, None]))
        return tau, a, None, weight

    def gap_multipliers(self, z, grid):
        """``E[p B^(-2 i omega)]`` for p = 1, Re tau/a, Im tau/a, |tau/a|^2: shape (4, members, points, omega)."""
        count = len(grid.omega)
        out = np.empty((4, len(self.members), len(z), count), complex)
        for i in range(len(self.members)):
            for at, rule in self.rules(i, z, grid.level):
                tau, a, log_gain, weight = rule
                with np.errstate(all="ignore"):
                    ratio = tau / a
                    log = 2 * np.log(np.abs(a))
                if log_gain is not None:
                    log = log - 2 * log_gain
                p = np.stack([weight, weight * ratio.real, weight * ratio.imag, weight * np.abs(ratio) ** 2], 1)
                dead = (weight == 0) | ~np.isfinite(log)
                if np.any(dead):
                    p, log = np.where(dead[:, None, :], 0.0, p), np.where(dead, 0.0, log)
                got = _powers(log, p, -grid.omega[1], count).swapaxes(0, 1)
                if log_gain is None:
                    got = got * self.gain_multiplier(i, grid)
                out[:, i, at] = got
        return out

    def dense_scale(self, z):
        """``X Y`` of the dense equations with one value for all populations: where the iteration starts."""
        size = len(self.members)
        v = self.sys.variance[np.ix_(self.members, self.members)]
        rules = [self.sys.tau_rule(k, 20) for k in self.members]
        gaps = [np.abs(self.leak + z[:, None] * tau) ** 2 / self.square[i] for i, (tau, *_) in enumerate(rules)]
        low, high = np.full(len(z), -40.0), np.full(len(z), np.log(v.sum() + 1e-300) + 2)
        for _ in range(40):
            middle = 0.5 * (low + high)
            phi = [np.sum(r[1] / (b + np.exp(middle)[:, None]), -1) for r, b in zip(rules, gaps, strict=True)]
            above = _root(v * np.stack(phi, -1)[:, None, :]) > 1
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        return np.full((size, 2, len(z)), 1.0) * np.exp(0.5 * low)


def _without_zeros(degree, law):
    """Synapses of weight 0 are no synapses."""
    values, probs = law.atoms()
    zero = float(probs[values == 0.0].sum()) if len(values) else 0.0
    if zero == 0.0:
        return degree, law
    if not isinstance(law, Discrete) or zero > 1 - 1e-12:
        raise NotApplicableError(
            f"the weight law {law!r} has an atom at 0: leave those synapses out by a smaller degree "
            f"({degree * (1 - zero):.6g}) and give the law of the others"
        )
    return degree * (1 - zero), Discrete(values[values != 0], probs[values != 0] / (1 - zero))


_MELLIN: WeakKeyDictionary = WeakKeyDictionary()  # law -> {(step, count, sign): moments}


def _mellin(law, step, count, sign):
    """``E |x|^(2 i sign omega)`` at ``omega = 0, step, 2 step, ...``."""
    table = _MELLIN.setdefault(law, {})
    key = (step, count, sign)
    if key not in table:
        table[key] = _oscillating(law, 2 * sign * step, count)
    return table[key]


def _oscillating(law, step, count):
    if isinstance(law, Mixture):
        return sum(p * _oscillating(part, step, count) for p, part in zip(law._probs, law._laws, strict=True))
    if not isinstance(law, Continuous):
        values, probs = law.atoms()
        return _powers(np.log(np.abs(values)), probs, step, count)
    previous = None
    for nodes in (600, 1200, 2400, 4800, 9600):
        got = _powers(*law._log_rule(nodes), step, count)
        # high frequencies, which the rule resolves last, meet functions that fall as exp(-pi omega/2)
        fall = np.exp(-0.25 * np.pi * abs(step) * np.arange(count))
        if previous is not None and np.all(np.abs(got - previous) * fall <= 1e-12):
            break
        previous = got
    return got


def _powers(log, weight, step, count):
    """``sum weight exp(i k step log)`` for k < count, over the last axis of ``weight``: products of two short tables.

    ``log`` is (nodes,) or (rows, nodes); ``weight`` (nodes,) or (rows, parts, nodes).
    """
    side = int(np.ceil(np.sqrt(count)))
    phase = 1j * step * np.asarray(log)
    short = np.exp(phase[..., None, :] * np.arange(side)[:, None])
    long = np.exp(phase[..., None, :] * (side * np.arange(side))[:, None])
    if np.ndim(weight) == 3:
        rows, parts, nodes = weight.shape
        long = (weight[:, :, None, :] * long[:, None]).reshape(rows, parts * side, nodes)
        got = long @ short.swapaxes(-1, -2)
        return got.reshape(rows, parts, side * side)[..., :count]
    return ((weight * long) @ short.T).ravel()[:count]


# --- the map and its linearisation -----------------------------------------------------------------------


class _Map:
    """One sweep of the equations for a batch of points. States are ``d f/du``: (members, sides, points, grid).

    Sides are (f, F), or f alone for one population, where F = f.
    """

    def __init__(self, cls, grid, gaps):
        self.cls, self.grid = cls, grid
        self.gap = gaps[0][:, None] * grid.kernel  # (members, 1, points, omega)
        self.extra = gaps[1:]
        self.sides = 1 if len(cls.members) == 1 else 2
        self.couple = cls.weight_multipliers(grid)
        self._part = None

    def at(self, slope, rows):
        """The map of some of the points."""
        if len(rows) == self.gap.shape[2]:
            return self(slope)
        if self._part is None or not np.array_equal(rows, self._part[0]):  # the same for many sweeps
            self._part = rows, self.take(rows)
        return self._part[1](slope)

    def fixed_point(self, start, tol, **options):
        return anderson(self.at, start, tol, **options)

    def coupled(self, s):
        """The map with all weights multiplied by ``exp(s/2)``, as far as fixed points go: B by ``exp(-s/2)``."""
        new = self.take(slice(None))
        new.gap = self.gap * np.exp(1j * s * self.grid.omega)
        return new

    def take(self, keep):
        """The map of some of the points for good (without what the resolvent needs)."""
        new = object.__new__(_Map)
        new.__dict__.update(self.__dict__, gap=self.gap[:, :, keep], extra=None, _part=None)
        return new

    def parts(self, slope):
        """f, H and H' for the derivative ``slope`` of f."""
        grid = self.grid
        hat = grid.forward(slope)
        f = grid.integral(hat, 1.0)
        other = np.conj(hat * self.gap)
        return hat, f, grid.integral(other, 1 - f[..., -1:]), grid.back(other)

    def _mix(self, hat):
        """Sum over sources with the weight multipliers; ``hat`` of F_b H_b (side 0) and f_b H~_b (side 1)."""
        out = np.empty_like(hat)
        for side in range(hat.shape[1]):
            table = self.couple[side]
            for a in range(hat.shape[0]):
                total = 0.0
                for b in range(hat.shape[0]):
                    if self.cls.degree[(a, b) if side == 0 else (b, a)] != 0:
                        total = total + table[a, b] * hat[b, side]
                out[a, side] = total
        return np.conj(out)

    def __call__(self, slope):
        grid = self.grid
        _, f, h, dh = self.parts(slope)
        product = slope[:, ::-1] * h + f[:, ::-1] * dh
        log = self._mix(grid.forward(product))
        f = np.exp(np.minimum(grid.integral(log), 0.5))
        dlog = grid.back(log)
        new = f * dlog * grid.window
        if self.sides == 2:
            # the ends of the grid break the gauge symmetry f(e^k s), F(e^-k s) by as much as the tails that they cut
            # off; the drift that follows would keep the residual from falling, and is taken out here
            drift = self._gauge(new) - self._gauge(slope)
            drift = np.where(np.abs(drift) < 0.05, drift, 0.0)[None, None, :, None]
            new += np.array([1.0, -1.0])[:, None, None] * drift * (new * dlog + f * grid.back(log * grid.derive))
        return new

    def _gauge(self, slope):
        """Mean over populations of (centre of f' - centre of F')/2, by points."""
        centre = slope @ self.grid.u / slope.sum(-1)
        return 0.5 * np.mean(centre[:, 0] - centre[:, 1], axis=0)

    def resolvent(self, slope):
        """``sum_a f_a {q <tau/a> - int F dH}``, by points."""
        hat, f, _, _ = self.parts(slope)
        total = 0.0
        for i, fraction in enumerate(self.cls.fractions):
            side = hat[i, 0] * self.grid.kernel
            dh = self.grid.back(np.conj(side * self.extra[0, i])) + 1j * self.grid.back(
                np.conj(side * self.extra[1, i])
            )
            mean = self.extra[0, i, :, 0] + 1j * self.extra[1, i, :, 0]
            total = total + fraction * (f[i, 0, :, -1] * mean - self.grid.step * np.sum(f[i, -1] * dh, -1))
        return total


# --- the derivative ------------------------------------------------------------------------------------


class _Linear:
    """The map differentiated with respect to conj(z) at its fixed point; rows are real parts, then imaginary parts.

    ``d log B^2/d conj(z) = (tau/conj a)``, so that the source of ``dH`` is
    ``S(t) = < (tau/conj a) t d/dt K[f](t B^2) >``. ``df`` vanishes at both ends, q being the same for all z.
    """

    def __init__(self, cmap, slope):
        self.map, self.slope = cmap, slope
        grid = cmap.grid
        hat, self.f, self.h, self.dh = cmap.parts(slope)
        seed = hat * grid.kernel
        # conj(tau/a): the imaginary part changes sign
        parts = [
            np.conj(seed * cmap.extra[0][:, None]) + 0j,
            -np.conj(seed * cmap.extra[1][:, None]),
        ]
        self.source = [(grid.back(p), grid.back(p * grid.derive)) for p in parts]
        self.square = grid.back(np.conj(seed * cmap.extra[2][:, None]) * grid.derive)
        self.hat, self._kept = hat, {}

    def __call__(self, x, rows):
        count = self.f.shape[2]
        out = np.empty_like(x)
        for part in (0, 1):
            mine = (rows >= count) == bool(part)
            if np.any(mine):
                out[:, :, mine] = self._apply(x[:, :, mine], part, rows[mine] - part * count)
        return out

    def _fields(self, part, rows):
        """What the linear map multiplies with, for some of the points: the same for many sweeps."""
        kept = self._kept.get(part)
        if kept is None or not np.array_equal(rows, kept[0]):
            everything = (self.map.gap, self.f, self.h, self.dh, self.slope, *self.source[part])
            kept = self._kept[part] = rows, [p[:, :, rows] for p in everything]
        return kept[1]

    def _apply(self, x, part, rows):
        cmap, grid = self.map, self.map.grid
        gap, f, h, dh, slope, source, dsource = self._fields(part, rows)
        hat = grid.forward(x)
        df = grid.integral(hat)
        other = np.conj(hat * gap)
        h1 = grid.integral(other, -df[..., -1:]) + source
        dh1 = grid.back(other) + dsource
        product = x[:, ::-1] * h + df[:, ::-1] * dh + slope[:, ::-1] * h1 + f[:, ::-1] * dh1
        log = cmap._mix(grid.forward(product))
        return slope * grid.integral(log) + f * grid.back(log) * grid.window

    def density(self, x):
        """``Re dg/dconj(z) / pi`` and the imaginary part, which vanishes in exact arithmetic."""
        cmap, grid = self.map, self.map.grid
        count = self.f.shape[2]
        dslope = x[:, :, :count] + 1j * x[:, :, count:]
        hats = [grid.forward(p) for p in (dslope.real, dslope.imag)]
        dcap = grid.integral(hats[0][:, -1]) + 1j * grid.integral(hats[1][:, -1])
        total = 0.0
        for i, fraction in enumerate(cmap.cls.fractions):
            mean = cmap.extra[0, i] + 0j, cmap.extra[1, i] + 0j
            seed = self.hat[i, 0] * grid.kernel
            dh = grid.back(np.conj(seed * mean[0])) + 1j * grid.back(np.conj(seed * mean[1]))
            ddh = self.square[i, 0] + 0j
            for part, unit in zip(hats, (1, 1j), strict=True):
                seed = part[i, 0] * grid.kernel
                ddh = ddh + unit * (grid.back(np.conj(seed * mean[0])) + 1j * grid.back(np.conj(seed * mean[1])))
            total = total - fraction * grid.step * np.sum(dcap[i] * dh + self.f[i, -1] * ddh, -1)
        return total


# --- the solver ----------------------------------------------------------------------------------------


def _bound(cls, z):
    """Below 1: ``z`` is outside the support (:func:`rmtlib.support_bound`, here over twenty values of t)."""
    best = np.full(len(z), np.inf)
    rules = [cls.rule(i, z, 1) for i in range(len(cls.members))]
    for t in np.linspace(0.05, 1.0, 20):
        matrix = np.zeros((len(z),) + cls.degree.shape)
        key = ("t", t)
        if key not in cls._cache:
            cls._cache[key] = (
                {k: cls.degree[k] * float(law.moment(2 * t)) for k, law in cls.weight.items()},
                [float(joint.gain.moment(2 * t)) for joint in cls.joints],
            )
        weights, gains = cls._cache[key]
        for j, (_, a, log_gain, p) in enumerate(rules):
            with np.errstate(all="ignore"):
                terms = p * np.abs(a) ** (-2 * t)
                if log_gain is not None:
                    terms = terms * np.exp(2 * t * log_gain)
            terms = np.where(p > 0, terms, 0.0)
            value = np.sum(terms, -1) * (gains[j] if log_gain is None else 1.0)
            for i in range(len(cls.members)):
                if (i, j) in cls.weight:
                    matrix[:, i, j] = weights[i, j] * np.minimum(value, 1e100)
        best = np.minimum(best, _root(matrix))
    return best


def _with_degrees(ens, n):
    """The ensemble whose blocks of fixed probability have the mean degree of networks of ``n`` units."""
    if n is None or all(block.probability is None for block in ens.synapses.values()):
        return ens
    sizes, synapses = ens.sizes(n), {}
    for (target, source), block in ens.synapses.items():
        if block.probability is not None:
            sources = ens._sources(sizes, ens.names.index(target), ens.names.index(source))
            block = Synapses(block.weight, degree=block.probability * sources)
        synapses[target, source] = block
    return Ensemble(ens.populations, synapses, ens.reciprocity, leak=ens.leak)


def _classes(ens):
    if any(block.is_dense for block in ens.synapses.values()):
        mixed = "this ensemble has dense and sparse blocks" if not ens.is_dense else "all synapses are dense"
        raise NotApplicableError(
            f'{mixed}: method="saddle" is for a finite mean degree in every block; use method="dense"'
            + ("" if ens.is_dense else " (large mean degree), or a sample")
        )
    if ens._pairs:
        raise NotApplicableError(
            'reciprocal synapses need messages that are 2 x 2 matrices, which method="saddle" does not have: use '
            'method="dense" (large mean degree), or method="cavity" on a sample'
        )
    sys = _dense.system(ens)  # raises for a fixed probability: no degree in the limit
    return sys, [_Class(ens, sys, members) for members in sys.classes]


def _atom(cls):
    """q_a = exp(-sum_b c_ab (1 - q_b)), and the same for the out-degrees."""
    out = []
    for table in (cls.degree, cls.out_degree):
        q = np.zeros(len(table))
        for _ in range(10_000):
            new = np.exp(-table @ (1 - q))
            done = np.max(np.abs(new - q)) < 1e-15
            q = new
            if done:
                break
        out.append(q)
    return np.stack(out, 1)


def _rounded(z):
    """To 14 digits, so that a grid of points finds its mirror images."""
    parts = z.view(float).reshape(-1, 2)
    mantissa, exponent = np.frexp(parts)
    return np.ldexp(np.round(mantissa * 2.0**46) / 2.0**46, exponent).view(complex)[:, 0]


class _Result:
    def __init__(self, count):
        self.value, self.error = np.zeros(count, complex), np.full(count, np.inf)
        self.residual, self.iterations = np.zeros(count), np.zeros(count, int)
        self.status = np.full(count, int(Status.QUADRATURE))

    def replace(self, k, single):
        """Put what a solve of point ``k`` alone gave, if it converged."""
        self.iterations[k] += single.iterations[0]
        if single.status[0] == Status.CONVERGED:
            for name in ("value", "error", "residual", "status"):
                getattr(self, name)[k] = getattr(single, name)[0]


def _estimate(change, scale, level):
    """Error of the finer of two grids: a tail or coefficient cut off at ``r`` of the length leaves ``error^r``.

    The lengths grow by 1.7; the exponent is taken to be 1.5, and the result multiplied by five.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        predicted = 5 * scale * (change / scale) ** 1.5
    estimate = np.where(change < 1e-3 * scale, np.minimum(predicted, 10 * change), 10 * change)
    return np.where(np.isfinite(estimate), estimate, np.inf)


def _solve_class(cls, z, quantity, tol, patient=False):
    """``g`` (contribution of the class) or its density at dimensionless points inside the support.

    A point whose iteration ends poorly on two grids in a row is given up; a patient solve tries every grid.
    """
    count, size = len(z), len(cls.members)
    sides = 1 if size == 1 else 2
    res = _Result(count)
    atoms = _atom(cls)[:, :sides]
    start = cls.dense_scale(z)[:, :sides]
    bound = _size_of(cls, z, start[0, 0] ** 2)
    slopes, changes = {}, {}  # states of the last grid, and their derivatives with respect to conj(z)
    lost_before = np.zeros(count, bool)
    todo, previous = np.arange(count), np.full(count, np.nan, complex)
    sizes = _LARGE_GRIDS if cls.fewest > _MANY else _GRIDS
    grids = [_Grid(level, sizes) for level in range(len(sizes))]
    for level, grid in enumerate(grids):
        batch = max(2, _BATCH // (size * sides * grid.n))
        got, scale = np.empty(len(todo), complex), np.empty(len(todo))
        for low in range(0, len(todo), batch):
            rows = todo[low : low + batch]
            cmap = _Map(cls, grid, cls.gap_multipliers(z[rows], grid))
            cold = _guess(cls, grid, start[:, :, rows], atoms)
            first = cold if level == 0 else _interpolate(grids[level - 1], [slopes[r] for r in rows], grid)
            if level == 0:  # the first grid only feeds the second
                x, residual, sweeps = cmap.fixed_point(first, 1e-7, plain=4, limit=60)
            else:
                x, residual, sweeps = _settle(cmap, first, cold, min(1e-12, max(1e-4 * tol, 1e-14)))
            for j, r in enumerate(rows):
                slopes[r] = x[:, :, j]
            lost = np.max(np.abs(1 + grid.step * x.sum(-1) - atoms[:, :, None]), axis=(0, 1)) > 1e-3
            at = slice(low, low + len(rows))
            if quantity == "resolvent":
                got[at], scale[at] = cmap.resolvent(x), bound[rows]
            else:
                linear = _Linear(cmap, x)
                goal = min(1e-11, max(1e-4 * tol, 1e-13)) if level else 1e-7
                if level == 0:
                    guess = np.zeros((size, sides, 2 * len(rows), grid.n))
                else:
                    guess = _interpolate(grids[level - 1], [changes[r][k] for k in (0, 1) for r in rows], grid)
                dx, more, extra = anderson(linear, guess, tol=goal, plain=0)
                again = np.flatnonzero(~(more < _GOOD)) if level else np.zeros(0, int)
                if again.size:  # noise of the interpolation, amplified by a large degree, or next to the edge
                    dx[:, :, again], more[again], calls = _by_gmres(linear, dx[:, :, again], again, goal)
                    extra[again] += calls
                got[at] = linear.density(dx) / np.pi
                for j, r in enumerate(rows):
                    changes[r] = dx[:, :, j], dx[:, :, len(rows) + j]
                scale[at] = np.abs(got[at].real) + 1e-6 * bound[rows] ** 2
                residual = np.maximum(residual, np.maximum(more[: len(rows)], more[len(rows) :]))
                sweeps = sweeps + extra[: len(rows)]
            res.residual[rows] = np.where(lost | ~np.isfinite(got[at]) & (level > 0), np.inf, residual)
            res.iterations[rows] += sweeps
        change = np.abs(got - previous[todo])
        # what the iteration left, amplified by its slowest mode
        rest = 1e3 * res.residual[todo] * scale
        res.value[todo] = got
        res.error[todo] = _estimate(change, scale, level) + np.where(np.isfinite(rest), rest, np.inf)
        if quantity == "density":
            res.error[todo] += np.abs(got.imag)
        done = (res.error[todo] <= tol * scale) & (level > 0)
        res.status[todo[done]] = Status.CONVERGED
        poor = ~(res.residual[todo] < 1e-9)
        failed = poor & lost_before[todo] & (level > 2) & (not patient)
        lost_before[todo] = poor
        res.status[todo[failed & ~done]] = Status.NOT_CONVERGED
        previous[todo] = got
        for r in todo[done | failed]:
            slopes.pop(r, None), changes.pop(r, None)
        todo = todo[~(done | failed)]
        if not todo.size:
            break
    return res


def _interpolate(coarse, slopes, grid):
    """States of the last grid, listed by point, on the next."""
    got = CubicSpline(coarse.u, np.stack(slopes, 2), axis=-1, extrapolate=False)(grid.u)
    return np.where(np.isnan(got), 0.0, got)


_RETRIES = 20  # lost points that are tried again alone
_GOOD = 1e-10  # residual beyond which more is tried


def _settle(cmap, first, cold, tol):
    """The fixed point from the state of the last grid; if need be from the cold start, by Newton, by continuation."""
    x, residual, sweeps = cmap.fixed_point(first, tol, plain=0, limit=80)
    for attempt in (_by_newton, _from_cold, _from_inside)[: 3 if cmap.grid.n <= 1024 else 2]:
        again = np.flatnonzero(~(residual < _GOOD))
        if not again.size:
            break
        own = cmap.take(again)
        got, new, more = attempt(own, x[:, :, again], cold[:, :, again], tol)
        sweeps[again] += more
        better = new < residual[again]
        x[:, :, again[better]], residual[again[better]] = got[:, :, better], new[better]
    return x, residual, sweeps


def _by_newton(cmap, x, cold, tol):
    return newton_krylov(cmap.at, x, tol)


def _from_cold(cmap, x, cold, tol):
    """Next to the edge the coarse grid may have an answer of its own, far from the true one."""
    x, _, sweeps = cmap.fixed_point(cold, tol, depth=10, plain=4, limit=60)
    x, residual, calls = newton_krylov(cmap.at, x, tol)
    return x, residual, sweeps + calls


def _from_inside(cmap, x, cold, tol):
    """Weights stronger by ``exp(s/2)`` put the point well inside the support; from there ``s`` goes to 0."""
    x, previous, last = cold, None, None
    total = np.zeros(cold.shape[2], int)
    for s in [*(0.5 * 0.75 ** np.arange(20)), 0.0]:
        stronger = cmap.coupled(s)
        if last is None:
            got, _, sweeps = stronger.fixed_point(x, tol, depth=10, plain=4, limit=60)
            total += sweeps
        else:
            got = x if previous is None else x + (x - previous[0]) * ((s - last) / (last - previous[1]))
        got, residual, calls = newton_krylov(stronger.at, got, tol, basis=150, forcing=1e-4)
        total += calls
        previous, x, last = (None if last is None else (x, last)), got, s
        if np.all(residual > 1e-4):  # lost
            break
    return x, residual, total


def _by_gmres(linear, start, rows, tol):
    """The fixed point of an affine map: corrections by GMRES until they no longer help."""
    shift, x, calls = linear(np.zeros_like(start), rows), start, 0
    axes = (0, 1, 3)
    for _ in range(5):
        r = linear(x, rows) - x
        residual = np.max(np.abs(r), axes) / (np.max(np.abs(x), axes) + 1e-300)
        if np.all(residual <= tol):
            break
        step, used = _gmres(lambda v: v - linear(v, rows) + shift, r, 120, 1e-8)
        x, calls = x + step, calls + used
    return x, residual, calls


def _guess(cls, grid, scale, atoms):
    """Gamma laws of the self-energies: mean ``scale``, the shape growing with the degree, an atom q at 0."""
    shape = 1 + 0.25 * np.stack([cls.degree.sum(1), cls.out_degree.sum(1)], 1)[:, : scale.shape[1], None, None]
    e = np.exp(grid.u) * scale[..., None]
    return -(1 - atoms[:, :, None, None]) * e * np.exp(-(shape + 1) * np.log1p(e / shape)) * grid.window


def _size_of(cls, z, u):
    """``sum_a f_a <tau/sqrt(|a|^2 + h^2 u)>``, an upper bound of |g| as the dense equations see it."""
    total = np.zeros(len(z))
    for i, k in enumerate(cls.members):
        tau, w, _, h2 = cls.sys.tau_rule(k, 20)
        gap = np.abs(cls.leak + z[:, None] * tau) ** 2 + h2 * u[:, None]
        total += cls.fractions[i] * np.sum(w * tau / np.sqrt(gap), -1)
    return total


def solve(ens: Ensemble, z, quantity: str, eta: complex = 0.0, tol: float | None = None, n=None) -> Solution:
    """The route ``method="saddle"``; arguments as for :func:`rmtlib.theory.resolvent`, ``z`` a flat complex array.

    Parameters
    ----------
    ens : Ensemble
        All synapses sparse, none reciprocated, gains and weights that are not 0. Given ``n``, a block of fixed
        probability p has degree p times the possible sources of a unit (Poisson for binomial numbers of synapses:
        an error of relative order p); blocks of fixed degree do not change.
    quantity : {"resolvent", "density"}
    eta : 0
    tol : float, optional
        For the resolvent relative to ``<tau/sqrt(|leak + z tau|^2 + h^2 u)>``, ``u`` the dense estimate of ``X Y``
        (default 1e-8); for the density relative to the density (default 1e-6).

    Returns
    -------
    Solution
        ``error`` estimates what refining the grid, the nodes in tau and the iteration would still change. Outside
        the support ``g = sum_a f_a <tau/(leak + z tau)>`` and the density is 0. On the bar inside the support the
        planar density is infinite (``Status.SINGULAR``; :func:`rmtlib.theory.divergence.divergence` says how); the resolvent there is the mean
        of its two sides.

    Raises
    ------
    NotApplicableError
        eta other than 0, dense blocks, reciprocal synapses, gains or weights with an atom at 0.
    ValidationError
        Blocks of fixed probability without ``n``.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> ens = rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5), leak=0.0)
    >>> print(rmt.resolvent(ens, [0.5j, 2.0]).value.round(6) + 0.0)
    [0. -0.842352j 0.5+0.j      ]
    >>> print((np.pi * rmt.density(ens, [0.5j, 2.0]).value).round(6))
    [1.064035 0.      ]
    """
    if eta != 0:
        raise NotApplicableError(
            'method="saddle" is the limit eta -> 0; for another eta use method="population-dynamics", or the cavity '
            "equations of a sample"
        )
    tol = (1e-8 if quantity == "resolvent" else 1e-6) if tol is None else tol
    ens = _with_degrees(ens, n)
    sys, classes = _classes(ens)
    # all laws are real: mirror images are one point
    upper = z.real + 1j * np.abs(z.imag)
    _, first, which = np.unique(_rounded(upper), return_index=True, return_inverse=True)
    scaled = upper[first] * sys.scale
    count = len(scaled)
    total = PointSum(count)
    edge = EdgeFunction(sys, [pop.joint for pop in ens.populations])
    for cls in classes:
        inside = np.zeros(count, bool)
        if cls.percolates:
            inside = edge.of_class(cls.members, scaled, 1e-10) > 1
            if np.any(inside):
                inside[inside] = _bound(cls, scaled[inside]) > 1
        infinite = cls.on_atom(scaled)
        if quantity == "density":
            infinite |= inside & np.any([edge._on_bar(k, scaled) for k in cls.members], axis=0)
        rows = np.flatnonzero(inside & ~infinite)
        if rows.size:
            with np.errstate(all="ignore"):  # a point that overflows gets its status, not a warning
                got = _solve_class(cls, scaled[rows], quantity, tol)
                # The points of a batch share the sizes of their Krylov spaces, and next to the edge rounding decides
                # whether the coarse grids lead to the solution: a few lost points are tried again, each alone.
                again = np.flatnonzero(got.status == Status.NOT_CONVERGED)
                for k in again[: _RETRIES if len(rows) > 1 else 0]:
                    got.replace(k, _solve_class(cls, scaled[rows[[k]]], quantity, tol, patient=True))
            total.add(rows, got.value, got.error, got.residual, got.iterations, got.status)
        total.status[infinite] = Status.SINGULAR
        rows = np.flatnonzero(~inside)
        if rows.size and quantity == "resolvent":
            for k in cls.members:
                total.add(rows, *_dense._refine(sys, np.array([k]), scaled[rows], "resolvent", 0.0, tol, False))
    if quantity == "resolvent":
        for k in sys.trivial:
            total.add(slice(None), *_dense._refine(sys, np.array([k]), scaled, "resolvent", 0.0, tol, False))
    value, error, status = total.value, total.error, total.status
    lost = ~np.isfinite(value)
    value[lost], status[lost] = 0.0, Status.SINGULAR
    unit = sys.scale if quantity == "resolvent" else sys.scale**2
    singular = status == Status.SINGULAR
    value, error = np.where(singular, np.inf, value * unit), np.where(singular, np.inf, error * unit)
    value = value.real[which] if quantity == "density" else np.where(z.imag < 0, value[which].conj(), value[which])
    return Solution(value, error[which], total.residual[which], total.iterations[which], status[which], "saddle")
