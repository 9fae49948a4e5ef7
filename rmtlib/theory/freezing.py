r"""Fractional moments of the linearised cavity equations: freezing of the edge, and tails of eigenvectors.

Outside the support and on its edge the self-energy of a unit obeys ``X_i = sum_j w_ij^2 X_j / B_j^2``, ``B = |leak + z tau|/h``:
a sum over the tree of inputs of products along its paths. Its moments of order ``t`` are ruled by

.. math:: K^{(t)}_{ab}(z) = c_{ab} \langle |w_{ab}|^{2t} \rangle \Big\langle \Big(\frac{h}{|leak + z\tau|}\Big)^{2t} \Big\rangle_b ,
          \qquad \varphi(t) = \log \rho(K^{(t)}) ,

a convex function of ``t`` (a spectral radius of entries whose logarithms are convex). ``phi(1) = 0`` is the mean-based
edge. Where the minimum of ``phi`` lies at ``t < 1``, the mean is made by paths so rare that a typical network has none of
them, and the support ends further inside, at ``min phi = 0``. A second root ``t* > 1`` is the exponent of the tail of ``X``.

Sources: Durrett and Liggett, Z. Wahrscheinlichkeitstheorie verw. Gebiete 64, 275 (1983), for the sums; Derrida and
Spohn, J. Stat. Phys. 51, 817 (1988), for the freezing of such sums.
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError
from . import saddle as _saddle
from .edge import EdgeFunction, _root, bulk_abscissa

__all__ = ["freezing_degree", "support_bound", "tail_exponent"]

_ORDERS = 0.5 * (1 - np.cos(np.pi * np.arange(1, 49) / 48))  # in (0, 1], denser at the ends


def support_bound(ens: Ensemble, z) -> np.ndarray:
    r"""Bound of the support at any mean degree: where it is below 1, ``z`` lies outside.

    .. math:: \min_{0 < t \le 1} \rho\big(K^{(t)}(z)\big), \qquad
              K^{(t)}_{ab} = c_{ab} \langle |w_{ab}|^{2t} \rangle \Big\langle \Big(\frac{h}{|leak + z\tau|}\Big)^{2t} \Big\rangle_b ,

    from ``1/(Y + B^2/X) <= X/B^2`` and ``(x + y)^t <= x^t + y^t``: the moment of order ``t`` of a self-energy cannot grow
    from unit to unit. At ``t = 1`` stands :func:`rmtlib.theory.edge_function`. Above the freezing degree both are 1 on the same
    curve; below it this one is 1 further inside. The minimum over 48 values of ``t`` is improved by a parabola.

    Parameters
    ----------
    ens : Ensemble
        All synapses sparse with a mean degree, none reciprocated.
    z : array_like of complex

    Returns
    -------
    ndarray of float, in the shape of ``z``; 0 where no class of populations percolates.

    Raises
    ------
    NotApplicableError
        Dense or reciprocal synapses.
    ValidationError
        NaN in ``z``; something that is not an Ensemble.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> ens = rmt.oriented_sparse(1.3, stats.norm(0, 1), leak=0.0)
    >>> print(rmt.support_bound(ens, [1.03, 1.05]).round(3), rmt.edge_function(ens, [1.03, 1.05]).round(3))
    [1.006 0.988] [1.225 1.179]
    """
    points, sys, classes = _start(ens, z, "support_bound")
    out = np.zeros(points.size)
    for cls in classes:
        if cls.percolates:
            log = _log_radius(cls, points.ravel() * sys.scale, _ORDERS)
            out = np.maximum(out, np.exp(_lowest(_ORDERS, log)))
    return out.reshape(points.shape)[()]


def freezing_degree(ens: Ensemble, z=None) -> float:
    r"""Mean degree below which the edge at ``z`` leaves the mean-based edge.

    .. math:: \log c^* = \langle x \log x \rangle , \qquad x = \frac{w^2 h^2/|leak + z\tau|^2}
              {\langle w^2 \rangle \langle h^2/|leak + z\tau|^2 \rangle}

    for one population: there the minimum of ``phi`` (see the module) leaves ``t = 1``. For several, all degrees are scaled by a
    common factor, ``log factor = phi'(1) - phi(1)``, and the value is that factor times the spectral radius of ``c_ab``. The laws
    of weights, tau and gain enter through their shapes, not their scales.

    Parameters
    ----------
    ens : Ensemble
    z : complex, optional
        Default: the rightmost point of the mean-based edge.

    Returns
    -------
    float
        1 for fixed ``|w|`` and equal units: such a network never freezes.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> for w in (stats.norm(0, 1), stats.expon(), rmt.Discrete([-1.0, 1.0], [0.5, 0.5])):
    ...     print(round(rmt.freezing_degree(rmt.oriented_sparse(2.0, w)), 3))
    2.074
    3.166
    1.0
    """
    if z is None:
        _, sys, classes = _start(ens, 0.0, "freezing_degree")
        z = bulk_abscissa(EdgeFunction(sys, [pop.joint for pop in ens.populations])) / sys.scale if classes else 0.0
    points, sys, classes = _start(ens, z, "freezing_degree")
    if points.size != 1:
        raise ValidationError("freezing_degree takes one z")
    if not classes:
        raise NotApplicableError("no population takes part in a cycle: there is no planar support to freeze")
    at = points.ravel() * sys.scale
    cls = max(classes, key=lambda c: _log_radius(c, at, np.ones(1))[0, 0])
    step = 0.01 * np.arange(-2, 3)
    phi = _log_radius(cls, at, 1 + step)[:, 0]
    slope = (8 * (phi[3] - phi[1]) - (phi[4] - phi[0])) / (12 * 0.01)
    return float(np.exp(slope - phi[2]) * _root(cls.degree[None])[0])


def tail_exponent(ens: Ensemble, z, largest: float = 40.0) -> float:
    r"""Exponent of the tail of local weights of an eigenvector at ``z`` on the edge: the root ``t* > 1`` of ``phi(t) = 0``.

    .. math:: P(|\psi_i|^2 > x) \sim x^{-t^*}, \qquad \rho\big(K^{(t^*)}(z)\big) = 1 .

    At ``t* = 2`` the fourth moment diverges and with it ``n IPR``, which for ``1 < t* < 2`` grows as ``n^(2/t* - 1)``; at
    ``t* = 1`` the edge freezes.

    Parameters
    ----------
    ens : Ensemble
    z : complex
        On the mean-based edge (``rmt.edge_function(ens, z) = 1``, within 1e-6).
    largest : float
        Where the search ends.

    Returns
    -------
    float
        ``inf`` if there is no root up to ``largest``; 1 if the edge at ``z`` is frozen.

    Raises
    ------
    ValidationError
        ``z`` is not on the edge.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> for degree in (2.5, 3.0, 8.0):
    ...     print(round(rmt.tail_exponent(rmt.oriented_sparse(degree, stats.norm(0, degree**-0.5), leak=0.0), 1.0), 3))
    1.45
    2.0
    8.049
    """
    points, sys, classes = _start(ens, z, "tail_exponent")
    if points.size != 1:
        raise ValidationError("tail_exponent takes one z")
    at = points.ravel() * sys.scale

    def phi(cls, t):
        try:
            return float(_log_radius(cls, at, np.array([t]))[0, 0])
        except ValidationError:  # the moment of a weight or gain is infinite
            return np.inf

    cls = max(classes, key=lambda c: phi(c, 1.0), default=None)
    if cls is None or not abs(phi(cls, 1.0)) < 1e-6:
        raise ValidationError(
            f"z = {complex(points.ravel()[0]):.6g} is not on the edge: rmt.edge_function(ens, z) must be 1 (take a point "
            "of rmt.spectral_edge(ens))"
        )
    if phi(cls, 1.001) > 1e-6:
        return 1.0
    low, high = 1.001, 1.5
    while phi(cls, high) < 0:
        low, high = high, 1.5 * high
        if low > largest:
            return np.inf
    while not np.isfinite(phi(cls, high)):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if phi(cls, middle) > 0 else (middle, high)
        if high - low < 1e-6:
            return high  # the moments end before phi returns to 0: the tail of the weights themselves
    return float(brentq(lambda t: phi(cls, t), low, high, xtol=1e-10))


def _start(ens, z, what):
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"{what} takes an Ensemble, got {type(ens).__name__}")
    points = np.asarray(z)
    if points.dtype.kind not in "biufc" or not np.all(np.isfinite(points)):
        raise ValidationError("z must hold finite numbers only")
    return points.astype(complex), *_saddle._classes(ens)


def _log_radius(cls, z, orders):
    """``log rho(K^(t)(z))``, shape (orders, points)."""
    size = len(cls.members)
    matrix = np.zeros((len(orders), len(z), size, size))
    weights = {k: cls.degree[k] * np.real(law.moment(2 * orders)) for k, law in cls.weight.items()}
    for j, joint in enumerate(cls.joints):
        _, a, log_gain, p = cls.rule(j, z, 2)
        with np.errstate(all="ignore"):
            log = -2 * np.log(np.abs(a))
        log = np.where(p > 0, log if log_gain is None else log + 2 * log_gain, 0.0)
        moment = np.stack([np.minimum(np.sum(p * np.exp(np.minimum(t * log, 230)), -1), 1e100) for t in orders])
        if log_gain is None:
            moment = moment * np.real(joint.gain.moment(2 * orders))[:, None]
        for i in range(size):
            if (i, j) in weights:
                matrix[:, :, i, j] = weights[i, j][:, None] * moment
    with np.errstate(divide="ignore"):
        return np.log(_root(matrix))


def _lowest(t, value):
    """The minimum over the first axis, improved by the parabola through it and its neighbours."""
    k = np.clip(np.argmin(value, 0), 1, len(t) - 2)
    at = np.arange(value.shape[1])
    left, middle, right = value[k - 1, at], value[k, at], value[k + 1, at]
    first, second = t[k] - t[k - 1], t[k + 1] - t[k]
    with np.errstate(all="ignore"):
        bend = ((right - middle) / second - (middle - left) / first) / (first + second)
        slope = (right - middle) / second - bend * second
        better = middle - slope**2 / (4 * bend)
        shift = -slope / (2 * bend)
    inside = (bend > 0) & (shift > -first) & (shift < second)
    return np.where(inside, np.minimum(better, middle), np.min(value, 0))
