r"""Localisation of eigenvectors at the edge of the spectrum and at outliers.

With ``psi_i = s_i/a_i``, ``a = leak + z tau``, the equation of a right eigenvector is ``s_i = sum_j W_ij h_j psi_j``. In a tree-like
network the terms are independent, and Poisson degrees make the cumulants of ``s`` sums of moments of its terms,

.. math:: \kappa_m(s_a) = \sum_b K^{[m]}_{ab} \langle s^m \rangle_b , \qquad
          K^{[m]}_{ab} = c_{ab} \langle w_{ab}^m \rangle \Big\langle \Big(\frac{h}{a}\Big)^m \Big\rangle_b

(with moduli for complex ``s``). *At the edge* ``s`` has mean 0, ``<|s|^2>`` is the Perron vector of ``K`` and

.. math:: \langle |s|^4 \rangle_a = \sum_b K^{[4]}_{ab} \langle |s|^4 \rangle_b + q\, \langle |s|^2 \rangle_a^2 , \qquad
          n\,\mathrm{IPR} = \frac{\sum_a f_a \langle |a|^{-4} \rangle_a \langle |s|^4 \rangle_a}
          {\big(\sum_a f_a \langle |a|^{-2} \rangle_a \langle |s|^2 \rangle_a\big)^2} ,

``q = 2`` at a complex point, where ``<s^2> = 0``, and 3 on the real axis. For one population

.. math:: n\,\mathrm{IPR} = \frac{\langle |a|^{-4} \rangle}{\langle |a|^{-2} \rangle^2}\,
          \frac{q}{1 - c \langle w^4 \rangle \langle h^4 |a|^{-4} \rangle} .

Left eigenvectors ``l`` of ``J`` obey ``s_j = sum_i W_ij l_i/tau_i`` with ``l_j = tau_j h_j s_j/a_j``: the same with the synapses
reversed and ``|a|^-2`` replaced by ``tau^2 h^2 |a|^-2``. *At a real outlier* ``s`` has a mean, the eigenvector of ``K^[1]``.

Sources: Metz and Neri, Phys. Rev. Lett. 126, 040604 (2021), for equal units; heterogeneous units, several populations and
left eigenvectors derived here.
"""

from __future__ import annotations

import numpy as np

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError
from ..laws import power_mean
from .dense import irreducible_classes, system
from .edge import _root

__all__ = ["edge_ipr", "local_weights", "outlier_ipr"]

_LEVEL = 96


def edge_ipr(ens: Ensemble, z, side: str = "right", population: str | None = None) -> float:
    r"""``n`` times the inverse participation ratio of an eigenvector at ``z`` on the edge, in the limit of infinite size.

    Parameters
    ----------
    ens : Ensemble
        Zero-mean structure or not: at the edge of the bulk the mean of the weights enters through ``<w^2>`` only.
    z : complex
        On the edge, ``rmt.edge_function(ens, z) = 1`` within 1e-6; real z stands for real eigenvectors.
    side : {"right", "left"}
        Eigenvectors of ``J`` or of its transpose.
    population : str, optional
        Restrict the vector to one population and normalise it there; the value is then its size times the ratio.

    Returns
    -------
    float
        2 (complex) or 3 (real) for a Gaussian vector; ``inf`` where the fourth moment diverges, in a finite network a value
        that grows with n (:func:`rmtlib.theory.tail_exponent`).

    Raises
    ------
    ValidationError
        z is not on the edge.
    NotApplicableError
        Reciprocal synapses; a population on which the vector vanishes.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> ens = rmt.oriented_sparse(20.0, stats.norm(0, 20**-0.5), leak=0.0)
    >>> print(round(rmt.edge_ipr(ens, 1j), 6), round(rmt.edge_ipr(ens, 1.0), 6))  # 2/(1 - 3/20) and 3/(1 - 3/20)
    2.352941 3.529412
    """
    model = _Model(ens, z, side, "edge_ipr")
    growth = model.kernel(2, modulus=True)
    classes = irreducible_classes(growth)
    roots = [float(_root(growth[np.ix_(c, c)][None])[0]) for c in classes]
    if not roots or not abs(max(roots) - 1) < 1e-6:
        raise ValidationError(
            f"z = {model.z:.6g} is not on the edge, where rmt.edge_function(ens, z) is 1 (it is {max(roots, default=0.0):.6g}): "
            "take a point of rmt.spectral_edge(ens)"
        )
    critical = classes[int(np.argmax(roots))]
    second = np.zeros(len(growth))
    values, vectors = np.linalg.eig(growth[np.ix_(critical, critical)])
    second[critical] = np.abs(vectors[:, np.argmax(values.real)])
    rest = np.setdiff1d(np.arange(len(growth)), critical)
    if rest.size:
        inner = np.eye(len(rest)) - growth[np.ix_(rest, rest)]
        second[rest] = np.linalg.solve(inner, growth[np.ix_(rest, critical)] @ second[critical])
    # populations on which the vector vanishes do not matter for the fourth moment
    alive = second > 1e-14 * second.max()
    second[~alive] = 0.0
    fourth = _moment(model.kernel(4, modulus=True), (2 if model.z.imag else 3) * second**2, alive)
    return model.ratio(second, fourth, population)


def outlier_ipr(ens: Ensemble, z: float, side: str = "right", population: str | None = None) -> float:
    r"""``n`` times the inverse participation ratio of the eigenvector of a real outlier ``z``.

    For one population of equal units with ``k_m = c <w^m> (h/a)^m``, ``k_1 = 1``, and ``<s> = 1``,

    .. math:: \langle s^2 \rangle = \frac{1}{1 - k_2}, \quad \langle s^3 \rangle = \frac{1 + 3 k_2 \langle s^2 \rangle}{1 - k_3}, \quad
              \langle s^4 \rangle = \frac{1 + 6 k_2 \langle s^2 \rangle + 3 k_2^2 \langle s^2 \rangle^2
              + 4 k_3 \langle s^3 \rangle}{1 - k_4} , \quad n\,\mathrm{IPR} = \frac{\langle s^4 \rangle}{\langle s^2 \rangle^2} .

    Parameters
    ----------
    ens, side, population
        As for :func:`edge_ipr`.
    z : float
        A real element of ``rmt.outliers(ens)``.

    Raises
    ------
    ValidationError
        z is not an outlier.
    NotApplicableError
        A complex outlier.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> ens = rmt.oriented_sparse(4.0, 1.0, leak=0.0)  # the adjacency matrix of a directed graph: outlier c
    >>> print(round(rmt.outlier_ipr(ens, 4.0), 6))
    2.209524
    """
    if np.imag(z) != 0:
        raise NotApplicableError(
            "the eigenvector of a complex outlier has moments that this function does not have: sample it"
        )
    model = _Model(ens, float(np.real(z)), side, "outlier_ipr")
    first, second, third, fourth = (model.kernel(m) for m in (1, 2, 3, 4))
    values, vectors = np.linalg.eig(first)
    k = int(np.argmin(np.abs(values - 1)))
    inside = max([float(_root(second[np.ix_(c, c)][None])[0]) for c in irreducible_classes(second)], default=0.0)
    if abs(values[k] - 1) > 1e-6 or inside >= 1:
        raise ValidationError(f"z = {model.z.real:.6g} is not an outlier of this ensemble: see rmt.outliers(ens)")
    mean = vectors[:, k].real
    every = np.ones(len(mean), bool)
    m2 = _moment(second, mean**2, every)
    k2 = second @ m2
    m3 = _moment(third, 3 * k2 * mean + mean**3, every)
    k3 = third @ m3
    m4 = _moment(fourth, 4 * k3 * mean + 3 * k2**2 + 6 * k2 * mean**2 + mean**4, every)
    return model.ratio(m2, m4, population)


def _moment(kernel, source, alive):
    """The solution of ``m = kernel m + source``; infinite where the iteration from 0 diverges."""
    out = np.zeros(len(source))
    at = np.flatnonzero(alive)
    inner = kernel[np.ix_(at, at)]
    if np.max(np.abs(np.linalg.eigvals(inner))) >= 1 - 1e-12:
        out[at] = np.inf
    else:
        out[at] = np.linalg.solve(np.eye(len(at)) - inner, source[at])
    return out


class _Model:
    """Moments of an ensemble at one point, for right or left eigenvectors."""

    def __init__(self, ens, z, side, what):
        if not isinstance(ens, Ensemble):
            raise ValidationError(f"{what} takes an Ensemble, got {type(ens).__name__}: for a Network, rmt.ipr(net)")
        if np.ndim(z) != 0 or not np.isfinite(z):
            raise ValidationError(f"{what} takes one finite z")
        if side not in ("right", "left"):
            raise ValidationError(f"side is 'right' or 'left', got {side!r}")
        if ens._pairs:
            raise NotApplicableError(
                f"{what}: with reciprocal synapses the terms of the sum are not independent; sample it"
            )
        self.ens, self.z, self.left = ens, complex(z), side == "left"
        self.sys = system(ens)
        self.rules = [self.sys.rule(k, _LEVEL) for k in range(len(ens.names))]
        self.gaps = [self.sys.leak + self.z * self.sys.scale * tau for tau, _, _ in self.rules]

    def average(self, k, func):
        tau, h, weight = self.rules[k]
        return float(np.sum(weight * func(tau, h, self.gaps[k])))

    def kernel(self, m, modulus=False):
        """``K^[m]``, towards the unit whose ``s`` is summed: its row."""
        size = len(self.ens.names)
        table = np.zeros((size, size))
        for (target, source), block in self.ens.synapses.items():
            a, b = self.ens.names.index(target), self.ens.names.index(source)
            if block.is_dense:  # entries of order 1/sqrt(n): only the first two moments survive
                total = {1: self.sys.mean[a, b], 2: self.sys.variance[a, b]}.get(m, 0.0)
            elif block.degree is None:
                raise NotApplicableError("synapses of fixed probability have no degree in the limit: give degree=")
            else:
                total = block.degree * power_mean(block.weight, m)
            i, j = (b, a) if self.left else (a, b)
            table[i, j] = total * (self.sys.fractions[a] / self.sys.fractions[b] if self.left else 1.0)
        for j in range(size):
            table[:, j] *= self.average(j, lambda tau, h, a: (h / np.abs(a) if modulus else np.real(h / a)) ** m)
        return table

    def ratio(self, second, fourth, population):
        def weigh(tau, h, a):
            return (tau * h / np.abs(a)) ** 2 if self.left else 1 / np.abs(a) ** 2

        names = self.ens.names
        if population is not None and population not in names:
            raise ValidationError(f"no population {population!r}; populations are {list(names)}")
        share = self.sys.fractions if population is None else np.array([float(name == population) for name in names])
        size = [self.average(k, weigh) for k in range(len(names))]
        square = [self.average(k, lambda *p: weigh(*p) ** 2) for k in range(len(names))]
        below = np.sum(share * size * second)
        if below == 0:
            raise NotApplicableError(f"the eigenvector vanishes on population {population!r}")
        used = share > 0
        return float(np.sum((share * square)[used] * fourth[used]) / below**2)


def local_weights(
    ens: Ensemble, z, side: str = "right", size: int = 100_000, sweeps: int = 100, seed=None
) -> np.ndarray:
    r"""A sample of the local weights ``|psi|^2`` of an eigenvector at ``z``, scaled to mean 1, for one population.

    Population dynamics of ``s = sum_j w_j (h_j/a_j) s_j`` with a Poisson number of terms: ``size`` values are replaced all
    at once, ``sweeps`` times, and scaled to unit mean square after each.

    Parameters
    ----------
    ens : Ensemble
        One population with sparse synapses.
    z : complex
        At the edge (real: real vectors), or an outlier.
    side : {"right", "left"}
    size, sweeps : int
    seed : int, Generator or None

    Returns
    -------
    (size,) ndarray
        Units outside the giant component weigh exactly 0.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> ens = rmt.oriented_sparse(20.0, stats.norm(0, 20**-0.5), leak=0.0)
    >>> x = rmt.local_weights(ens, 1j, size=20_000, seed=0)
    >>> print(round(x.mean(), 12), round((x**2).mean(), 1))  # n IPR = 2.35
    1.0 2.3
    """
    model = _Model(ens, z, side, "local_weights")
    block = next(iter(ens.synapses.values()), None)
    if len(ens.names) != 1 or block is None or block.degree is None:
        raise NotApplicableError("local_weights is for one population with sparse synapses of a given degree")
    rng = np.random.default_rng(seed)
    s = rng.standard_normal(size) + (1j * rng.standard_normal(size) if model.z.imag else 0.0)
    joint = ens.populations[0].joint
    for _ in range(sweeps):
        tau, h = joint.sample(size, rng)
        message = s * h / _gap(ens.leak, model.z, tau)
        degree = rng.poisson(block.degree, size)
        owner = np.repeat(np.arange(size), degree)
        terms = block.weight.sample(len(owner), rng) * message[rng.integers(size, size=len(owner))]
        s = np.bincount(owner, terms.real, size)
        if model.z.imag:
            s = s + 1j * np.bincount(owner, terms.imag, size)
        s = s / np.sqrt(np.mean(np.abs(s) ** 2))
    tau, h = joint.sample(size, rng)
    weight = np.abs(s / _gap(ens.leak, model.z, tau) * (tau * h if model.left else 1.0)) ** 2
    return weight / weight.mean()


def _gap(leak, z, tau):
    gap = leak + z * tau
    return gap if z.imag else gap.real
