r"""The tip of the spectrum: bulk abscissae of many ensembles at once, and how many slow modes lie behind it.

The right end of the bulk of one population solves ``V <h^2/(leak + x tau)^2> = 1``. Written as

.. math:: G(x) = \Big\langle \frac{h^2}{\langle h^2\rangle} (leak + x\tau)^{-2} \Big\rangle^{-1/2} = \sqrt{V \langle h^2 \rangle} ,

the left side is an increasing *concave* function (a power mean of order -2 of affine functions), linear for equal timescales. Newton's
method started left of the root rises monotonically to it. :func:`abscissa_map` does this for arrays of ensembles.

Near its tip ``alpha`` the edge is a parabola, and the density jumps there; with ``a = leak + alpha tau``,

.. math:: y^2 = \frac{2 m_1}{m_2}\,(\alpha - x), \quad m_k = \frac{\langle \tau^k h^2 a^{-2-k} \rangle}{\langle h^2 a^{-2} \rangle}, \qquad
          \rho_{tip} = \frac{1}{\pi} \frac{\langle \tau h^2 a^{-3} \rangle^2}{\langle h^4 a^{-4} \rangle}\,
          \big(1 - c \langle w^4 \rangle \langle h^4 a^{-4} \rangle\big) .

The last factor is what a finite mean degree does: it is 1 in the dense limit, and the same that bounds localisation at the edge
(``rmtlib.edge_ipr``). Symbolic counterpart: :mod:`rmtlib.symbolic.memory`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from ..ensemble import Ensemble
from ..errors import ConvergenceError, NotApplicableError, ValidationError
from . import dense as _dense
from .edge import EdgeFunction, _axis_root
from .sensitivity import _averages, _checked

__all__ = ["Tip", "abscissa_map", "tip"]


def abscissa_map(drive: ArrayLike, tau: ArrayLike, weight: ArrayLike, leak: float = 1.0) -> np.ndarray:
    r"""Bulk abscissa of one population for arrays of drives and laws of tau.

    .. math:: \frac{d}{leak^2} \sum_k p_k \Big(1 + \frac{x \tau_k}{leak}\Big)^{-2} = 1, \qquad d = V \langle h^2 \rangle .

    Parameters
    ----------
    drive : array_like
        ``V <h^2>``, positive.
    tau : array_like, shape (..., k)
        Nodes of the law of tau; the leading axes broadcast against `drive`.
    weight : array_like, shape (..., k)
        Their probabilities (not negative, sum 1); where the gain depends on tau, times ``E[h^2|tau]/<h^2>``.
    leak : float
        Positive.

    Returns
    -------
    ndarray
        In the broadcast shape, in units of 1/tau; the equation holds to 1e-12.

    Raises
    ------
    ValidationError
        NaN, a drive or tau that is not positive, weights that do not sum to 1, shapes that do not broadcast.
    ConvergenceError
        Not within 200 steps (drives below 1e-12, whose abscissa is the tip of the bar within rounding).

    Examples
    --------
    Equal timescales, where the abscissa is ``(sqrt(d) - 1)/tau``:

    >>> from rmtlib.theory.memory import abscissa_map
    >>> print(abscissa_map([0.25, 1.0, 4.0], [2.0], [1.0]))
    [-0.25  0.    0.5 ]
    """
    drive, tau, weight = (np.asarray(x, float) for x in (drive, tau, weight))
    for name, values in (("drive", drive), ("tau", tau)):
        if not (np.all(np.isfinite(values)) and np.all(values > 0)):
            raise ValidationError(f"abscissa_map: {name} must be positive and finite everywhere")
    if not np.all(weight >= 0) or not np.allclose(weight.sum(-1), 1, rtol=1e-8):
        raise ValidationError("abscissa_map: weight holds probabilities: not negative, and their sum over the last axis is 1")
    if not (np.isfinite(leak) and leak > 0):
        raise ValidationError(f"abscissa_map: leak must be positive, got {leak}")
    try:
        tau, weight = np.broadcast_arrays(tau, weight)
        shape = np.broadcast_shapes(drive.shape, tau.shape[:-1])
    except ValueError as error:
        raise ValidationError(f"abscissa_map: drive {drive.shape}, tau {tau.shape}, weight {weight.shape}: {error}") from None
    k = tau.shape[-1]
    tau = np.broadcast_to(tau, (*shape, k)).reshape(-1, k)
    weight = np.broadcast_to(weight, (*shape, k)).reshape(-1, k)
    target = np.sqrt(np.broadcast_to(drive, shape).ravel()) / leak
    mean, top = np.sum(weight * tau, -1), np.max(np.where(weight > 0, tau, 0), -1)
    # equal timescales of the same mean lie to the left (Jensen); so does the slowest node alone
    slowest = np.sum(np.where(tau == top[:, None], weight, 0), -1)
    x = np.maximum((target - 1) / mean, (target * np.sqrt(slowest) - 1) / top)
    todo = np.arange(len(x))
    for _ in range(200):
        a = 1 + x[todo, None] * tau[todo]
        power = np.sum(weight[todo] / a**2, -1)
        slope = np.sum(weight[todo] * tau[todo] / a**3, -1) * power**-1.5
        miss = target[todo] - power**-0.5
        x[todo] += miss / slope
        todo = todo[np.abs(miss) > 1e-13 * target[todo]]
        if not todo.size:
            return (leak * x).reshape(shape)
    raise ConvergenceError(f"abscissa_map: {todo.size} of {x.size} points did not converge; their drives are {target[todo][:3]**2}")


@dataclass(frozen=True)
class Tip:
    """The right end of the bulk, see :func:`tip`.

    Attributes
    ----------
    abscissa : float
    radius : float
        Radius of curvature of the edge at its tip, ``m_1/m_2``.
    density : float
        Eigenvalues per unit area just behind the tip, of all units (times n: their number); 0 where `fourth` is 1 or more.
    fourth : float
        ``c <w^4> <h^4/a^4>``; 0 for a dense block.
    loop_time : float
        ``2 m_1``.
    """

    abscissa: float
    radius: float
    density: float
    fourth: float
    loop_time: float

    def share(self, distance: ArrayLike) -> np.ndarray:
        r"""Share of all eigenvalues within `distance` behind the tip, to leading order: ``(4/3) rho_tip sqrt(2 radius) distance^(3/2)``."""
        distance = np.asarray(distance, float)
        if not np.all(distance >= 0):
            raise ValidationError("share: distances behind the tip are not negative")
        return (4 / 3 * self.density * np.sqrt(2 * self.radius) * distance**1.5)[()]


def tip(ens: Ensemble, n: int | None = None) -> Tip:
    """Shape and density of the spectrum at its right end, for a bulk that one population makes.

    Parameters
    ----------
    ens : Ensemble
        With one core population, sparse or dense, without reciprocity; others may listen to it or drive it.
    n : int, optional
        As in :func:`rmtlib.theory.spectral_abscissa`.

    Raises
    ------
    NotApplicableError
        No bulk, several populations on common cycles, reciprocity, a Network, or a bulk that ends at the tip of the bar.

    Examples
    --------
    Equal units with weights of variance 1/c: the disc of radius 1 around -1, of density ``(1 - 3/c)/pi`` at its rim.

    >>> import numpy as np, rmtlib as rmt
    >>> from scipy import stats
    >>> from rmtlib.theory.memory import tip
    >>> t = tip(rmt.oriented_sparse(8.0, stats.norm(0, 8**-0.5)))
    >>> print(round(t.radius, 6), round(np.pi * t.density, 6))
    1.0 0.625
    """
    ens, n = _checked(ens, n, "degree", "tip")
    sys = _dense.system(ens, n)
    laws = [pop.joint for pop in ens.populations]
    edge = EdgeFunction(sys, laws)
    if not sys.classes:
        raise NotApplicableError("tip: no population takes part in a cycle, so the ensemble has no bulk")
    if any(sys.has_reciprocity(members) for members in sys.classes):
        raise NotApplicableError("tip: reciprocal synapses change the density at the edge in a way that is not worked out")
    x, members = max(((_axis_root(edge, members), members) for members in sys.classes), key=lambda pair: pair[0])
    if len(members) > 1:
        raise NotApplicableError(
            f"tip: the bulk is made by {len(members)} populations together; the density at its edge is worked out for one"
        )
    b = int(members[0])
    block = ens.synapses[ens.names[b], ens.names[b]]
    at = _averages(sys, laws[b], b, x, 0.0)
    m1 = at["th2g3"] / at["phi"]
    second, fourth = _higher(sys, b, x)
    m2 = second / at["phi"]
    if not np.isfinite(m2) or abs(sys.variance[b, b] * at["phi"] - 1) > 1e-6:
        raise NotApplicableError("tip: the bulk ends at the tip of the bar, where the edge is no parabola")
    k4 = 0.0
    if not block.is_dense:
        degree = block.degree if block.degree is not None else ens._sources(ens.sizes(n), b, b) * block.probability
        k4 = float(degree * np.real(block.weight.moment(4)) * fourth)
    density = float(sys.fractions[b] * at["th2g3"] ** 2 / fourth / np.pi * max(1 - k4, 0.0)) * sys.scale**2
    return Tip(float(x / sys.scale), float(m1 / m2 / sys.scale), density, k4, float(2 * m1 * sys.scale))


def _higher(sys, b, x):
    """<tau^2 h^2/a^4> and <h^4/a^4>, refined until they agree."""
    last, size = None, 0
    for level in (24, 48, 96, 160):
        tau, h, w = sys.rule(b, level)
        a = sys.leak + x * tau
        value = np.array([w @ (tau**2 * h**2 / a**4), w @ (h**4 / a**4)])
        if last is not None and (len(w) == size or np.all(np.abs(value - last) <= 1e-9 * value)):
            break
        last, size = value, len(w)
    return float(value[0]), float(value[1])
