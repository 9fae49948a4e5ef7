r"""Population dynamics: the cavity equations of a sparse ensemble solved by sampling.

On a sparse random digraph the neighbourhood of a unit is a tree, and the self-energies ``X`` (from its in-neighbours)
and ``Y`` (from its out-neighbours) of a unit of population ``a`` are sums over branches that are independent:

.. math::
   X &\overset{d}{=} \eta + \sum_b \sum_{k=1}^{Poisson(c_{ab})} w_{ab}^2\, h_k^2\, \frac{X_k}{D_k}, \qquad
   Y \overset{d}{=} \eta + h^2 \sum_b \sum_{k=1}^{Poisson(d_{ab})} w_{ba}^2\, \frac{Y_k}{D_k}, \\
   D &= |leak + z\tau|^2 + X Y, \qquad d_{ab} = c_{ba} f_b / f_a , \qquad
   g(z) = \sum_a f_a \Big\langle \frac{\tau\,(leak + \bar z\tau)}{D} \Big\rangle_a ,

with ``w`` a weight, ``(tau, h)`` drawn anew for every unit and ``X_k, Y_k`` independent copies in population ``b``.
The equations are those of the saddle point, but neither Laplace transforms nor quadrature are used here: the two
routes share nothing of what solves them, and ``eta`` may be positive or complex.

**How.** Each law is represented by ``population`` units. A sweep draws a sparse random matrix for each block, with
Poisson rows and sources picked at random, and replaces all units at once. All ``z`` share these draws: a batch costs
little more than one point, its curves are smooth, and the errors of its points are correlated.

* *Gauge.* At ``eta = 0`` the map ``X -> k X, Y -> Y/k`` changes nothing, and at small ``eta`` almost nothing: an
  iteration wanders along it for thousands of sweeps. The trace identity :math:`\langle g_1\rangle = \langle g_2\rangle`
  with ``g1 = Y/D, g2 = X/D`` fixes ``k`` in every sweep. At ``eta = 0`` the irreducible classes of populations decouple
  and each has its own gauge.
* *Units on no cycle* have ``X Y = 0`` exactly at ``eta = 0``. Their ``tau`` is independent of that, so their share of
  ``g`` is the exact mean of ``tau/(leak + z tau)``: otherwise those with ``leak + z tau`` near 0 dominate the noise.
* *Density.* :math:`\partial/\partial\bar z` of the equations is propagated with the units (``dX, dY``, complex). In the
  bulk their variance is finite. Near the edge at low mean degree, where :math:`c\langle w^4\rangle\langle h^4\lvert leak +
  z\tau\rvert^{-4}\rangle > 1`, few units carry it and it may be infinite.

**Errors.** Four populations evolve independently, two from self-energies above any solution and two from close to 0.
The first quarter of each run is dropped, the rest cut into 16 blocks. ``error`` is *two* standard errors of the 64 block
means, widened by the correlation of successive blocks and by a difference of the two starts (``residual``) that chance
does not explain, plus an allowance of ``0.5/population``, relative, for the bias of a finite population. Runs
are doubled until ``error`` is below the tolerance. A point is not converged if ``sweeps`` is reached first, if the two starts
still differ by three standard deviations, if one block in 64 carries a third of the variance, or if ``X Y`` dies out within
the edge of linear stability: next to the edge, where the iteration slows down, and where laws are too broad for averages
to settle or the units that carry ``X Y`` are too few.

Sources: Abou-Chacra, Thouless and Anderson, J. Phys. C 6, 1734 (1973), and Mezard and Parisi, Eur. Phys. J. B 20, 217
(2001), for the method; Rogers and Perez Castillo, Phys. Rev. E 79, 012101 (2009), for sparse non-Hermitian matrices.
"""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp
from tqdm import tqdm

from ..ensemble import Ensemble, _generator, _size
from ..errors import NotApplicableError, ValidationError
from ..solve import Solution, Status
from . import dense as _dense
from .edge import EdgeFunction

__all__ = ["solve"]

_REPLICAS = 4  # half of them start from large self-energies, half from small ones
_BLOCKS = 16  # per replica
_FIRST = 128  # sweeps before the first look at the error
_BATCH = 16  # points that share their draws
_BIAS = 0.5  # of a finite population, times its size, relative: 0.1 to 0.5 in the bulk
_DOMINANT = 1 / 3  # share of one block in the variance; Gaussian blocks stay below 0.25


class _Group:
    """Populations that are solved together: one irreducible class, or all of them at ``eta != 0``."""

    def __init__(self, ens: Ensemble, members, scale: float):
        self.members = [int(k) for k in members]
        self.scale, self.leak = scale, float(ens.leak)
        self.share = np.asarray(ens.fractions, float)[self.members]
        self.joints = [ens.populations[k].joint for k in self.members]
        self.blocks = {}
        for i, a in enumerate(self.members):
            for j, b in enumerate(self.members):
                block = ens.synapses.get((ens.names[a], ens.names[b]))
                if block is not None and block.degree > 0:
                    self.blocks[i, j] = block
        strength = np.zeros((len(self.members),) * 2)
        for (i, j), block in self.blocks.items():
            strength[i, j] = block.degree * block.weight.second_moment()
        # dense equations: X Y never exceeds the largest summed variance of inputs or outputs
        self.large = np.sqrt(max(strength.sum(0).max(), strength.sum(1).max(), 1e-300))


class _Replica:
    """One population per member, at several points; arrays are (units, points)."""

    def __init__(self, group, z, eta, size, rng, start, alone, density):
        self.group, self.z, self.eta = group, z, eta
        self.size, self.rng, self.density = size, rng, density
        self.alone = alone  # mean of tau/(leak + z tau), (members, points), where eta = 0
        kind = complex if np.iscomplexobj(eta) else float
        shape = (len(group.members), size, len(z))
        # y is the out-sum before the factor h^2 of its unit
        self.x, self.y = np.full(shape, start, kind), np.full(shape, start, kind)
        if density:  # d log X = d log Y = 1 in one half of the runs, 0 in the other
            slope = start if start > group.large else 0.0
            self.dx, self.dy = np.full(shape, slope, complex), np.full(shape, slope, complex)

    def take(self, keep):
        """Go on with some of the points."""
        self.z, self.x, self.y = self.z[keep], self.x[..., keep], self.y[..., keep]
        if self.alone is not None:
            self.alone = self.alone[:, keep]
        if self.density:
            self.dx, self.dy = self.dx[..., keep], self.dy[..., keep]

    def _layer(self, mean, weight):
        """A sparse matrix of squared weights: Poisson rows, each entry in a column picked at random."""
        count = self.rng.poisson(mean, self.size)
        start = np.append(0, np.cumsum(count)).astype(np.int32)
        pick = self.rng.integers(self.size, size=start[-1], dtype=np.int32)
        return sp.csr_array((weight.sample(len(pick), self.rng) ** 2, pick, start), shape=(self.size, self.size))

    def sweep(self):
        """Replace every unit; returns g (or the density) of the units before, and a bound of |g|."""
        group, size = self.group, self.size
        value, bound = 0.0, 0.0
        g1, g2, d1, d2 = [], [], [], []
        trace = np.zeros((4, len(self.z)), complex)  # of g1, g2 and their derivatives
        for i, share in enumerate(group.share):
            tau, gain = group.joints[i].sample(size, self.rng)
            tau, h2 = tau[:, None] / group.scale, gain[:, None] ** 2
            a = group.leak + tau * self.z
            x, y = self.eta + self.x[i], self.eta + h2 * self.y[i]
            inverse = 1 / (a.real**2 + a.imag**2 + x * y)
            left, right = y * inverse, x * inverse
            trace[0] += share * left.mean(0)
            trace[1] += share * right.mean(0)
            bound = bound + share * np.mean(tau * np.sqrt(np.abs(inverse)), 0)
            g1.append(left)
            g2.append(h2 * right)
            if not self.density:
                terms = tau * a.conj() * inverse
                if self.alone is not None:
                    terms = np.where(self.x[i] * self.y[i] == 0, self.alone[i], terms)
                value = value + share * terms.mean(0)
                continue
            dx, dy = self.dx[i], h2 * self.dy[i]
            product = x * dy + y * dx
            value = value + share * np.mean(tau * (tau * (x * y) - a.conj() * product) * inverse**2, 0) / np.pi
            dgap = (a * tau + product) * inverse
            left, right = (dy - y * dgap) * inverse, (dx - x * dgap) * inverse
            trace[2] += share * left.mean(0)
            trace[3] += share * right.mean(0)
            d1.append(left)
            d2.append(h2 * right)
        self._replace(g1, g2, d1, d2)
        self._fix_gauge(trace)
        return value, bound

    def _replace(self, g1, g2, d1, d2):
        share = self.group.share
        for state in (self.x, self.y) + ((self.dx, self.dy) if self.density else ()):
            state[...] = 0.0
        for (i, j), block in self.group.blocks.items():
            inward = self._layer(block.degree, block.weight)
            outward = self._layer(block.degree * share[i] / share[j], block.weight)
            self.x[i] += inward @ g2[j]
            self.y[j] += outward @ g1[i]
            if self.density:
                self.dx[i] += inward @ d2[j]
                self.dy[j] += outward @ d1[i]

    def _fix_gauge(self, trace):
        """Make <g1> = <g2>, and the same for their derivatives: at eta = 0 nothing else is changed by it."""
        alive = np.all(np.abs(trace[:2]) > 1e-60, axis=0)
        trace[:2, ~alive] = 1.0
        k = np.sqrt(np.abs(trace[0] / trace[1]))
        self.x *= np.where(alive, k, 0.0)  # below: the sums have died out, z is outside the support
        self.y *= np.where(alive, 1 / k, 0.0)
        if self.density:
            shift = 0.5 * (trace[3] / trace[1] - trace[2] / trace[0])
            self.dx *= np.where(alive, k, 0.0)
            self.dy *= np.where(alive, 1 / k, 0.0)
            self.dx -= shift * self.x
            self.dy += shift * self.y


def _statistics(record):
    """Mean, standard error, difference of the two starts, share of the largest block: (replicas, sweeps, points) in."""
    keep = record.shape[1] - record.shape[1] // 4
    length = keep // _BLOCKS
    blocks = record[:, -length * _BLOCKS :].reshape(_REPLICAS, _BLOCKS, length, -1).mean(2)
    mean = blocks.mean((0, 1))
    off = blocks - mean
    square = np.abs(off) ** 2
    total = np.maximum(square.sum((0, 1)), 1e-300)
    # blocks that follow each other resemble an autoregressive process
    correlation = (off[:, 1:] * off[:, :-1].conj()).real.sum((0, 1)) / total * _BLOCKS / (_BLOCKS - 1)
    correlation = np.clip(correlation, 0.0, 0.95)
    count = _REPLICAS * _BLOCKS
    error = np.sqrt(total / (count - 1) / count * (1 + correlation) / (1 - correlation))
    half = _REPLICAS // 2
    apart = np.abs(blocks[:half].mean((0, 1)) - blocks[half:].mean((0, 1)))
    return mean, error, apart, square.max((0, 1)) / total


def _run(group, z, quantity, eta, tol, size, sweeps, rng, alone, inside, bar):
    """One group at a batch of points, in runs that are doubled: value, error, residual, sweeps, status by point.

    ``inside``: points at which linear stability says that X Y > 0.
    """
    density = quantity == "density"
    starts = np.where(np.arange(_REPLICAS) < _REPLICAS // 2, 2.0, 0.05) * group.large
    replicas = [
        _Replica(group, z, eta, size, stream, start, alone, density)
        for stream, start in zip(rng.spawn(_REPLICAS), starts, strict=True)
    ]
    value, error, residual = np.zeros(len(z), complex), np.zeros(len(z)), np.zeros(len(z))
    used, status = np.zeros(len(z), int), np.full(len(z), int(Status.STATISTICS))
    todo, record = np.arange(len(z)), np.zeros((_REPLICAS, 0, len(z)), complex)
    target = min(_FIRST, sweeps)
    while True:
        fresh = np.empty((_REPLICAS, target - record.shape[1], len(todo)), complex)
        for replica, row in zip(replicas, fresh, strict=True):
            for t in range(len(row)):
                row[t], bound = replica.sweep()
                bar.update()
        record = np.concatenate([record, fresh.real if density else fresh], 1)
        mean, deviation, apart, largest = _statistics(record)
        silent = deviation <= 1e-12 * bound
        if density:
            mean = np.where(silent, 0.0, mean)
            bound = np.abs(mean) + 1e-6 * bound**2
        value[todo], used[todo], residual[todo] = mean, target, apart / bound
        # chance alone makes the two halves differ by 2 deviations, root mean square
        drift = np.maximum(0.25 * apart**2 - 2 * deviation**2, 0.0)
        error[todo] = 2 * np.sqrt(deviation**2 + drift) + _BIAS * bound / size
        # a finite population dies out where the last units that carry X Y > 0 are rare
        settled = np.where(silent, ~inside[todo], (apart <= 6 * deviation) & (largest < _DOMINANT))
        done = settled & (error[todo] <= tol * bound)
        status[todo[done]] = Status.CONVERGED
        if target >= sweeps or np.all(done):
            return value, error, residual, used, status
        for replica in replicas:
            replica.take(~done)
        todo, record = todo[~done], record[..., ~done]
        target = min(2 * target, sweeps)


def _check(ens):
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"population dynamics is for an Ensemble, got {type(ens).__name__}")
    for (target, source), block in ens.synapses.items():
        if block.degree is None:
            kind = "dense" if block.is_dense else "of a fixed probability (their degree grows with n)"
            raise NotApplicableError(
                f"synapses from {source!r} to {target!r} are {kind}: population dynamics is for a finite mean degree; "
                'use method="dense"'
            )
    if ens._pairs:
        raise NotApplicableError("reciprocal synapses need 2 x 2 matrix messages, which this route does not have")


def solve(
    x: Ensemble,
    z: np.ndarray,
    quantity: str = "resolvent",
    eta: complex = 0.0,
    tol: float = 1e-2,
    n: int | None = None,
    *,
    population: int | None = None,
    sweeps: int = 4096,
    seed=0,
    progress: bool = False,
) -> Solution:
    r"""The route ``method="population-dynamics"`` of :func:`~rmtlib.theory.resolvent` and :func:`~rmtlib.theory.density`.

    Parameters
    ----------
    x : Ensemble
        All synapses sparse with a mean degree, none reciprocated; any laws, atoms at 0 included.
    z : ndarray of complex, shape (m,)
        Units of 1/tau.
    quantity : {"resolvent", "density"}
    eta : float or complex
        0, or a regulariser of positive real part, for which all populations are coupled. Real for the density.
    tol : float
        Statistical error that is asked for, relative to ``<tau/sqrt|D|>``, a bound of ``|g|``; for the density relative
        to itself.
    n : None
        The limit of infinite size is all there is.
    population : int, optional
        Units that represent each population. Default ``max(4000, 2/tol)``: cost and memory are proportional to it, and
        its bias to its inverse.
    sweeps : int
        Replacements of all units at most, in each of four independent runs.
    seed : int, numpy.random.Generator or None
        Fixed by default, so that a repeated call repeats its answer.
    progress : bool
        Show a progress bar on standard error.

    Returns
    -------
    Solution
        ``value`` complex (density: real), shape (m,), units of tau (tau^2). ``error``: two standard errors and the
        allowance for bias; ``iterations``: sweeps of each run.

    Raises
    ------
    NotApplicableError
        Dense blocks, blocks of fixed probability, reciprocal synapses; ``n`` given.
    ValidationError
        A network instead of an ensemble; sizes that are not positive integers.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> ens = rmt.oriented_sparse(5.0, stats.norm(0, 5**-0.5), leak=0.0)
    >>> exact = rmt.resolvent(ens, [0.5j, 0.3 + 0.4j], method="saddle")
    >>> sampled = rmt.resolvent(ens, [0.5j, 0.3 + 0.4j], method="population-dynamics", tol=0.01)
    >>> bool((abs(sampled - exact) < sampled.error).all()), bool((sampled.error < 0.01 * 1.2).all())
    (True, True)
    """
    _check(x)
    if n is not None:
        raise NotApplicableError('method="population-dynamics" is a limit of infinite size: leave n out')
    size = max(4000, int(np.ceil(2 / tol))) if population is None else _size(population, "population")
    sweeps = _size(sweeps, "sweeps")
    if sweeps < 2 * _BLOCKS:
        raise ValidationError(f"sweeps must be at least {2 * _BLOCKS}, to be cut into blocks, got {sweeps}")
    rng = _generator(seed)
    sys = _dense.system(x)
    points = np.asarray(z, complex) * sys.scale
    count = len(points)
    value, error, residual = np.zeros(count, complex), np.zeros(count), np.zeros(count)
    iterations, status = np.zeros(count, int), np.full(count, int(Status.CONVERGED))

    def free(k, at):
        """Population k without its synapses, f <tau/(leak + z tau)>: value, error, residual, iterations, status."""
        return _dense._refine(sys, np.array([k]), points[at], "resolvent", 0.0, 1e-8, False)

    def add(at, part):
        value[at] += part[0]
        error[at] += part[1]
        residual[at] = np.maximum(residual[at], part[2])
        iterations[at] = np.maximum(iterations[at], part[3])
        status[at] = np.maximum(status[at], part[4])

    edge = EdgeFunction(sys, [pop.joint for pop in x.populations])
    groups = sys.classes if eta == 0 else [np.arange(len(sys.fractions))]
    with tqdm(disable=not progress, unit="sweep", desc="population dynamics") as bar, np.errstate(all="ignore"):
        for members in groups:
            group = _Group(x, members, sys.scale)
            for low in range(0, count, _BATCH):
                at = slice(low, low + _BATCH)
                alone = None
                if eta == 0 and quantity == "resolvent":
                    parts = zip(group.members, group.share, strict=True)
                    alone = np.stack([free(k, at)[0] / share for k, share in parts])
                inside = np.ones(len(points[at]), bool)
                if eta == 0:
                    inside = edge.of_class(members, points[at], 1e-10) > 1
                add(at, _run(group, points[at], quantity, eta, tol, size, sweeps, rng, alone, inside, bar))
        if eta == 0 and quantity == "resolvent":
            for k in sys.trivial:
                add(slice(None), free(k, slice(None)))
    if eta == 0:
        for pop in x.populations:
            for tau in pop.joint.tau.atoms()[0] / sys.scale:
                status[np.abs(sys.leak + points * tau) <= 1e-15 * abs(sys.leak)] = Status.SINGULAR
    status[~np.isfinite(value)] = Status.SINGULAR
    singular = status == Status.SINGULAR
    unit = sys.scale if quantity == "resolvent" else sys.scale**2
    value, error = np.where(singular, np.inf, value * unit), np.where(singular, np.inf, error * unit)
    if quantity == "density":
        value = value.real
    return Solution(value, error, residual, iterations, status, "population-dynamics")
