r"""What lies on real segments: the part of the spectrum with a line density or atoms.

Three sources:

* **units on no cycle**: the Jacobian is block triangular in the strongly connected components, and a
  component of one unit contributes exactly ``-leak/tau_i``. All units of a population that takes part in no
  cycle of populations; in a sparse core, units outside the giant strongly connected component, a share

  .. math:: 1 - (1 - q_a)(1 - \tilde q_a), \qquad q_a = e^{-\sum_b c_{ab}(1 - q_b)}, \quad
            \tilde q_a = e^{-\sum_b d_{ab}(1 - \tilde q_b)}, \quad d_{ab} = c_{ba} f_b / f_a

  (``q_a``: no infinite past, ``q~_a``: no infinite future, both within the class);
* **timescales of positive probability in a sparse core**: an atom at ``-leak/t`` that the giant component feeds too,
  as units that no set of disjoint cycles can use (:mod:`rmtlib.theory.multiplicity`);
* **units of gain 0**, whose column of the Jacobian is diagonal;
* **symmetric ensembles** (Wigner): the whole spectrum is real, with line density
  :math:`-\frac{1}{\pi} \mathrm{Im}\, g(x + i0)`.

Real eigenvalues of the planar part (of order sqrt(n) at finite n) are not counted here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import scipy.sparse as sp

from ..errors import NotApplicableError, ValidationError
from ..laws import EmpiricalJoint, Independent
from .dense import System, cut_theta, irreducible_classes
from .multiplicity import atom_mass, units_left_out

__all__ = ["Bar"]


@dataclass(frozen=True)
class Bar:
    """The real part of a spectrum.

    Attributes
    ----------
    weight : float
        Share of all eigenvalues, line density and atoms together.
    segments : list of (float, float)
        Intervals that carry the line density, one per contributing population (they may overlap).
    atoms : tuple of two ndarrays
        Positions, and the share of all eigenvalues at each.
    error : float
        Bound of the numerical error of ``weight`` and of each mass; 0 for a Network, which is counted.
    """

    weight: float
    segments: list[tuple[float, float]]
    atoms: tuple[np.ndarray, np.ndarray]
    _density: Callable[[np.ndarray], np.ndarray] | None = field(default=None, repr=False)
    error: float = 0.0

    def __repr__(self) -> str:
        # one network has an atom for each of its units on no cycle: say how many, not which
        parts = [f"weight={self.weight:.6g}"]
        if self.segments:
            parts.append("segments=[" + ", ".join(f"({lo:.6g}, {hi:.6g})" for lo, hi in self.segments[:4]))
            parts[-1] += f", ... {len(self.segments)} in all]" if len(self.segments) > 4 else "]"
        where, mass = self.atoms
        if len(where) > 4:
            parts.append(f"{len(where)} atoms in [{np.min(where):.6g}, {np.max(where):.6g}]")
        elif len(where):
            parts.append("atoms at " + ", ".join(f"{x:.6g} ({p:.6g})" for x, p in zip(where, mass, strict=True)))
        return f"Bar({', '.join(parts)})"

    def density(self, x) -> np.ndarray:
        """Line density at real ``x`` (it integrates to ``weight`` minus the mass of the atoms).

        Raises
        ------
        NotApplicableError
            For the bar of one network, which is a list of atoms.
        """
        x = np.asarray(x)
        if x.dtype.kind not in "biufc":
            raise ValidationError(f"x must be numbers, got an array of dtype {x.dtype}")
        if np.iscomplexobj(x) and np.any(x.imag):
            raise ValidationError("the bar lies on the real axis: pass real x")
        x = x.real.astype(float)
        if not np.all(np.isfinite(x)):
            raise ValidationError("x holds NaN or infinite values")
        if self._density is None:
            raise NotApplicableError(
                "one network has atoms, not a line density: use .atoms, or a histogram of .atoms[0]"
            )
        return self._density(x)


def _image(law, leak, share):
    """Density of -leak/tau, its hull, and its atoms, for a tau law that carries ``share`` of the units."""
    values, probs = law.atoms()
    atoms = [(-leak / v, share * p) for v, p in zip(values, probs, strict=True)]
    continuous = 1 - float(np.sum(probs))
    if leak == 0:
        return None, None, [(0.0, share)]
    if continuous < 1e-12:
        return None, None, atoms
    lo, hi = law.support()
    segment = (-leak / lo if lo > 0 else -np.inf, -leak / hi if np.isfinite(hi) else 0.0)

    def density(x):
        with np.errstate(divide="ignore", invalid="ignore"):
            out = share * law.pdf(-leak / x) * leak / x**2
        return np.where((x < segment[0]) | (x > segment[1]) | ~np.isfinite(out), 0.0, out)

    return density, segment, atoms


def _extinction(mean: np.ndarray) -> np.ndarray:
    """Smallest solution in [0, 1] of q_a = exp(-sum_b mean_ab (1 - q_b)): infinite entries allowed."""
    q = np.zeros(len(mean))
    for _ in range(100_000):
        with np.errstate(invalid="ignore"):
            new = np.exp(-np.nansum(mean * (1 - q)[None, :], axis=1))
        if np.max(np.abs(new - q)) < 1e-15:
            break
        q = new
    # the iteration is slow near criticality: Newton from its end (q rises monotonically to the root)
    for _ in range(50):
        finite = np.where(np.isfinite(mean), mean, 0.0)
        p = np.where(np.any(np.isinf(mean) & (q < 1)[None, :], axis=1), 0.0, np.exp(-finite @ (1 - q)))
        jac = np.eye(len(q)) - p[:, None] * finite
        if abs(np.linalg.det(jac)) < 1e-12:
            break
        step = np.linalg.solve(jac, p - q)
        q = np.clip(q + step, 0, 1)
        if np.max(np.abs(step)) < 1e-15:
            break
    return q


def _degrees(ensemble) -> np.ndarray:
    """Mean number of non-zero synapses c_ab; infinite for dense blocks and fixed probability."""
    names = list(ensemble.names)
    out = np.zeros((len(names), len(names)))
    for (target, source), block in ensemble.synapses.items():
        a, b = names.index(target), names.index(source)
        values, probs = block.weight.atoms()
        alive = 1 - float(np.sum(np.asarray(probs)[np.asarray(values) == 0])) if len(values) else 1.0
        if block.is_dense:
            out[a, b] = np.inf if block.std > 0 else 0.0
        elif block.probability is not None:
            out[a, b] = np.inf if block.probability * alive > 0 else 0.0
        else:
            out[a, b] = block.degree * alive
    return out


def bar_shares(ensemble) -> np.ndarray:
    """Share of each population that lies on no cycle (in the limit of infinite size)."""
    c = _degrees(ensemble)
    f = np.asarray(ensemble.fractions, float)
    share = np.ones(len(f))
    for members in irreducible_classes(c):
        ix = np.ix_(members, members)
        inside = c[ix]
        outward = inside.T * f[members][None, :] / f[members][:, None]
        past, future = _extinction(inside), _extinction(outward)
        share[members] = 1 - (1 - past) * (1 - future)
    share[share < 1e-14] = 0.0
    return share


def _silent(population):
    """Probability that the gain is exactly 0, and the law of tau given that (None: independent of the gain)."""
    joint = population.joint
    if isinstance(joint, EmpiricalJoint):
        tau, gain, weight = joint.nodes()
        off = gain == 0
        return float(weight[off].sum()), (tau[off], weight[off] / max(weight[off].sum(), 1e-300))
    values, probs = joint.gain.atoms()
    return float(np.sum(np.asarray(probs)[np.asarray(values) == 0])) if len(values) else 0.0, None


def ensemble_bar(ensemble, sys: System) -> Bar:
    """The bar of an ensemble (see :func:`rmtlib.bar`)."""
    leak = sys.leak
    names = list(ensemble.names)
    shares = bar_shares(ensemble)
    degrees = _degrees(ensemble)
    pieces, segments, atoms = [], [], []
    weight = 0.0
    handled = set()
    for members in sys.classes:
        if sys.symmetry(members) == 1:
            got = _symmetric(sys, members)
            pieces.append(got[0])
            segments += got[1]
            weight += float(np.sum(sys.fractions[members]))
            handled |= set(members.tolist())
    for k, name in enumerate(names):
        if k in handled:
            continue
        population = ensemble.populations[k]
        off, conditional = _silent(population)
        in_cycle = shares[k] < 1
        sparse_core = in_cycle and np.any(np.isfinite(degrees[k]) & (degrees[k] > 0))
        if sparse_core and _has_reciprocity(ensemble, names, k):
            raise NotApplicableError(
                f"population {name!r}: in a sparse core with reciprocal synapses the share of units on no cycle is not "
                "that of independent synapses; count it in samples with bar(ensemble.sample(n))"
            )
        if in_cycle and off > 0 and sparse_core:
            raise NotApplicableError(
                f"population {name!r} has units of gain 0 in a sparse core: their synapses are as good as absent, "
                "which this formula leaves out; thin the degree by the probability of gain 0, or use "
                "bar(ensemble.sample(n))"
            )
        share = off if in_cycle and not sparse_core else shares[k]
        if share <= 0:
            continue
        total = float(sys.fractions[k] * share)
        if conditional is not None and in_cycle:
            atoms += [(-leak / t, total * p) for t, p in zip(*conditional, strict=True)]
            continue
        if in_cycle and off > 0 and not isinstance(population.joint, Independent):
            raise NotApplicableError(f"population {name!r}: units of gain 0 in a joint law; use EmpiricalJoint")
        density, segment, points = _image(population.tau, leak, total)
        atoms += [] if sparse_core else points  # those of a core come with the giant component's, below
        if density is not None:
            pieces.append(density)
            segments.append(segment)
            weight += total * (1 - float(np.sum(population.tau.atoms()[1])))
    error = 0.0
    for members in irreducible_classes(degrees):
        for position, (mass, uncertain) in _core_atoms(ensemble, degrees, members):
            atoms.append((position, mass))
            error += uncertain
    where, mass = _merge(atoms)
    weight = min(weight + float(np.sum(mass)), 1.0)
    return Bar(weight, segments, (where, mass), lambda x: sum((p(x) for p in pieces), np.zeros(np.shape(x))), error)


def _core_atoms(ensemble, degrees, members):
    """Positions with (mass, error) of the atoms of one class of populations, where it is sparse."""
    inside = degrees[np.ix_(members, members)]
    if not np.any(np.isfinite(inside) & (inside > 0)):
        return
    laws = [dict(zip(*ensemble.populations[k].tau.atoms(), strict=True)) for k in members]
    if ensemble.leak == 0:
        table = {0.0: tuple(1.0 for _ in members)}
    else:
        times = sorted({float(t) for law in laws for t in law})
        table = {-ensemble.leak / t: tuple(float(law.get(t, 0.0)) for law in laws) for t in times}
    if table and not np.all(np.isfinite(inside)):
        raise NotApplicableError(
            f"populations {[ensemble.names[k] for k in members]} share sparse and dense synapses, and a tau law has "
            "atoms: the mass at -leak/tau is known where all degrees are finite; use bar(ensemble.sample(n))"
        )
    fractions = np.asarray(ensemble.fractions, float)[members]
    known = {share: atom_mass(inside, fractions, share) for share in sorted(set(table.values()))}
    for position, share in table.items():
        yield position, known[share]


def _has_reciprocity(ensemble, names, k):
    return any(
        names[k] in ((a, b) if isinstance(a, str) else (names[a], names[b])) and value.fraction > 0
        for (a, b), value in ensemble._pairs.items()
    )


def _merge(atoms):
    if not atoms:
        return np.zeros(0), np.zeros(0)
    where, inverse = np.unique([a for a, _ in atoms], return_inverse=True)
    return where, np.bincount(inverse, weights=[m for _, m in atoms])


# --- symmetric ensembles: the resolvent's cut ----------------------------------------------------------


def symmetric_resolvent(sys: System, members: np.ndarray, x: np.ndarray, level: int) -> np.ndarray:
    """Boundary value g(x + i0) of a symmetric class at real x (dimensionless)."""
    nodes = [sys.rule(k, level) for k in members]
    x = np.asarray(x, float)
    theta, residual = cut_theta(sys, members, x + 0j, nodes)
    g = np.zeros(len(x), complex)
    for i, k in enumerate(members):
        tau, h, w = nodes[i]
        a = sys.leak + np.multiply.outer(x, tau) - theta[:, i, None] * h
        g += sys.fractions[k] * ((1 / a) @ (w * tau))
    g[residual > 1e-9] = np.nan
    return np.where(g.imag > 0, g.conj(), g)


def _symmetric(sys, members):
    def density(x, level):
        g = symmetric_resolvent(sys, members, np.ravel(x) * sys.scale, level)
        rho = -g.imag / np.pi * sys.scale
        return np.where(np.abs(g.imag) < 1e-9 * np.abs(g), 0.0, rho)

    # the support, by scanning for a density and bisecting its ends
    tau = np.concatenate([sys.rule(k, 40)[0] for k in members])
    gain = np.concatenate([sys.rule(k, 40)[1] for k in members])
    reach = 2 * np.sqrt(np.max(np.linalg.eigvals(sys.variance[np.ix_(members, members)]).real)) * gain.max() / tau.min()
    lo, hi = -sys.leak / tau.min() - 1.05 * reach, -sys.leak / tau.max() + 1.05 * reach
    grid = np.linspace(lo, hi, 801) / sys.scale
    level = 40

    def inside(x):
        value = density(x, level)
        return np.isfinite(value) & (value > 0)

    on = inside(grid)
    change = np.flatnonzero(on[1:] != on[:-1])
    a, b, state = grid[change], grid[change + 1], on[change]
    for _ in range(50):
        middle = 0.5 * (a + b)
        same = inside(middle) == state
        a, b = np.where(same, middle, a), np.where(same, b, middle)
    ends = 0.5 * (a + b)
    segments = list(zip(ends[::2].tolist(), ends[1::2].tolist(), strict=True))

    def full(x):
        shape = np.shape(x)
        x = np.ravel(x)
        out = np.zeros(len(x))
        todo, last = np.arange(len(x)), np.full(len(x), np.nan)
        for lev in (20, 40, 80):
            if todo.size:
                got = density(x[todo], lev)
                out[todo] = got
                keep = ~(np.abs(got - last[todo]) <= 1e-9 * np.abs(got))
                last[todo] = got
                todo = todo[keep]
        outside = np.ones(len(x), bool)
        for s in segments:
            outside &= (x < s[0]) | (x > s[1])
        out[outside] = 0.0
        if not np.all(np.isfinite(out)):
            raise NotApplicableError("the line density did not converge at an end of the support: move x by a rounding")
        return out.reshape(shape)

    return full, segments


# --- one network ---------------------------------------------------------------------------------------


def network_bar(net, components) -> Bar:
    """Units that are a strongly connected component of their own, and equal timescales in the larger components."""
    labels, sizes = components
    weights = sp.csr_array(net.weights)
    loop = weights.diagonal() * net.gain != 0
    alone = (sizes[labels] == 1) & ~loop
    values = -net.leak / net.tau
    atoms = [(x, 1) for x in values[alone]]
    inside = np.flatnonzero(~alone)
    for label in np.unique(labels[inside]):
        units = inside[labels[inside] == label]
        where, inverse, counts = np.unique(values[units], return_inverse=True, return_counts=True)
        if not np.any(counts > 1):
            continue  # each unit is on a cycle
        block = weights[units][:, units] @ sp.diags_array(net.gain[units])
        block.eliminate_zeros()
        for k in np.flatnonzero(counts > 1):
            count = units_left_out(block, inverse == k)
            if count:
                atoms.append((where[k], count))
    where, mass = _merge(atoms)
    mass = mass / net.n
    segments = [(float(where[0]), float(where[-1]))] if len(where) else []
    return Bar(float(mass.sum()), segments, (where, mass), None)
