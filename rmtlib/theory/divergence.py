r"""How the planar density of a sparse ensemble diverges on the real axis, where units lie at ``-leak/tau``."""

from __future__ import annotations

import numpy as np
from scipy.integrate import quad

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError
from ..laws import Independent
from . import saddle as _saddle
from .edge import EdgeFunction, _root

__all__ = ["divergence"]


def divergence(ens: Ensemble, x, n=None) -> np.ndarray:
    r"""How the planar density diverges at points of the bar inside the support.

    A unit without live outputs passes ``X w^2/B^2`` on, and ``B = |leak + z tau|/h`` has on the real axis no inverse
    first moment: the self-energies get power tails ``P(X > k) ~ k^-gamma``, with ``gamma < 1/2`` the smallest for which

    .. math:: \rho(U) = 1, \qquad U_{ab} = c_{ab}\, \tilde q_b\, \langle |w_{ab}|^{2\gamma} \rangle
              \langle B^{-2\gamma} \rangle_b

    or the same holds for ``Y`` (``d_ab, q_b``), or for small ``X`` or ``Y`` (``q_a`` and ``-gamma`` instead of
    ``q~_b`` and ``gamma``: chains of units with one live input). A large ``Y`` makes the ``X`` of the targets small, so
    that the density, of order ``E (X Y)^(-1/2)`` with the singularity cut off at ``|Im z|``, grows as

    .. math:: \varrho(x + iy) \sim |y|^{-(1 - 2\gamma)}, \qquad y \to 0 ,

    up to powers of ``log(1/|y|)``. It is integrable, and for large mean degree its amplitude and exponent are small.

    Parameters
    ----------
    ens : Ensemble
    x : array_like of float
        Real points.
    n : int, optional
        Network size, for blocks of fixed probability.

    Returns
    -------
    ndarray of float
        The exponent ``1 - 2 gamma``; 0 where the density is finite: where no coupled population has timescales of
        positive density at ``-leak/x``, and outside the support. At an atom of a tau law the limit is another.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from scipy import stats
    >>> ens = rmt.oriented_sparse(2.0, 1.0, tau=stats.uniform(0.5, 1.0))
    >>> from rmtlib.theory.divergence import divergence
    >>> print(divergence(ens, [-1.0, -0.4]).round(4))
    [0.5537 0.    ]
    """
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"divergence takes an Ensemble, got {type(ens).__name__}")
    x = np.asarray(x, float)
    ens = _saddle._with_degrees(ens, n)
    sys, classes = _saddle._classes(ens)
    edge = EdgeFunction(sys, [pop.joint for pop in ens.populations])
    z = x.ravel() * sys.scale + 0j
    out = np.zeros(len(z))
    for cls in classes:
        on_bar = np.any([edge._on_bar(k, z) for k in cls.members], axis=0) & cls.percolates
        if np.any(on_bar):
            on_bar[on_bar] = _saddle._bound(cls, z[on_bar]) > 1
        at = np.flatnonzero(on_bar)
        if at.size:
            if not all(isinstance(joint, Independent) for joint in cls.joints):
                raise NotApplicableError("divergence needs timescales and gains that are independent of each other")
            out[at] = np.maximum(out[at], [1 - 2 * _tail(cls, point.real) for point in z[at]])
    return out.reshape(x.shape)[()]


def _tail(cls, x):
    """gamma of :func:`divergence` at one point, by bisection: the radius is below 1 at 0 and infinite at 1/2."""
    q = _saddle._atom(cls)

    def radius(gamma):
        tables = np.zeros((4,) + cls.degree.shape)
        for k, power in ((0, gamma), (2, -gamma)):
            gaps = [_inverse(joint, cls, x, power) * joint.gain.moment(2 * power) for joint in cls.joints]
            for (i, j), law in cls.weight.items():
                w = _moment(law, 2 * power)
                tables[k, i, j] = cls.degree[i, j] * w * gaps[j] * (q[j, 1] if k == 0 else q[i, 0])
                tables[k + 1, j, i] = cls.out_degree[j, i] * w * gaps[i] * (q[i, 0] if k == 0 else q[j, 1])
        return np.max(_root(tables))

    low, high = 0.0, 0.5 - 1e-9
    for _ in range(40):
        middle = 0.5 * (low + high)
        low, high = (low, middle) if radius(middle) > 1 else (middle, high)
    return low


def _moment(law, power):
    try:
        return float(law.moment(power))
    except ValidationError:  # infinite: weights of positive density at 0, power near -1
        return 1e100


def _inverse(joint, cls, x, gamma):
    """``< |leak + x tau|^(-2 gamma) >`` at a real point whose pole may lie within the law of tau."""
    law = joint.tau
    values, probs = law.atoms()
    total = float(np.sum(probs * np.abs(cls.leak + x * values / cls.scale) ** (-2 * gamma)))
    if probs.sum() > 1 - 1e-12:
        return total
    pole, tail = -cls.leak * cls.scale / x, -2 * gamma
    lo, hi = law.ppf(np.array([1e-12, 1 - 1e-12]))
    for sign, reach in ((1, hi - pole), (-1, pole - lo)):
        if reach > 0:
            got = quad(lambda t, sign=sign: law.pdf(pole + sign * t), 0, reach, weight="alg", wvar=(tail, 0))[0]
            total += np.abs(x / cls.scale) ** tail * got
    return total
