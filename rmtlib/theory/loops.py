r"""Modes of single loops: eigenvalues beyond the edge whose number does not depend on the size of the network.

A sparse directed graph has :math:`c^k/k` directed loops of length k on average, at every size. On a tree a loop is alone:
it has a real eigenvalue to the right of x if the product of its effective weights :math:`w h/(\ell + x\tau)` exceeds 1. The
expected number of such loops of two units or more is, with Mellin's integral for the step at 1 and the sum over lengths done,

.. math:: N(x) = \frac{1}{4\pi i}\int_{s-i\infty}^{s+i\infty}\frac{dp}{p}\Big[-\log\det\big(1 - K_p\big) - \operatorname{tr}K_p
          - \log\det\big(1 - \tilde K_p\big) - \operatorname{tr}\tilde K_p\Big],

.. math:: (K_p)_{ab} = c_{ab}\,\langle|w|^p\rangle_{ab}\Big\langle\frac{h^p}{(\ell + x\tau)^p}\Big\rangle_b,\qquad
          (\tilde K_p)_{ab}:\ \langle\operatorname{sgn}(w)\,|w|^p\rangle\ \text{instead of}\ \langle|w|^p\rangle,

for any real s at which the spectral radius of :math:`K_s` is below 1. These are the matrices of fractional moments of
:mod:`rmtlib.theory.freezing`, :math:`K_p = K^{(p/2)}`. The number of loops is a Poisson variable, so that a network has no such
eigenvalue with probability :math:`e^{-N(x)}`, whatever its size.
"""

from __future__ import annotations

import numpy as np

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError

__all__ = ["loops_beyond"]


def loops_beyond(ens: Ensemble, x: float, points: int = 801) -> float:
    r"""Expected number N(x) of directed loops of a sparse ensemble with a real eigenvalue to the right of ``x``.

    Parameters
    ----------
    ens : Ensemble
        Sparse blocks of fixed degree without reciprocity; weights with a density.
    x : float
        To the right of all :math:`-\ell/\tau`; units of 1/tau.
    points : int
        Of the trapezoidal rule, which converges exponentially for smooth laws.

    Returns
    -------
    float

    Raises
    ------
    ValidationError
        Not an Ensemble; x not a finite number to the right of the bar.
    NotApplicableError
        Dense blocks, a fixed probability, reciprocity, weights with atoms; or no s with a spectral radius below 1,
        as inside the edge: there long loops are too many.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> from rmtlib.theory.loops import loops_beyond
    >>> print(round(loops_beyond(rmt.core_periphery(), 0.0), 4))
    0.052
    """
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"loops_beyond takes an Ensemble, got {type(ens).__name__}")
    x = float(x)
    slowest = max(pop.tau.support()[1] for pop in ens.populations)
    if not np.isfinite(x) or not np.isfinite(slowest) or ens.leak + x * slowest <= 0:
        raise ValidationError(f"x = {x:.6g} must be finite and to the right of all -leak/tau")
    if ens.reciprocity is not None:
        raise NotApplicableError("loops_beyond: with reciprocal synapses most loops have two units; not covered")
    for key, block in ens.synapses.items():
        if block.degree is None:
            raise NotApplicableError(f"loops_beyond needs a fixed degree, which block {key} has not")
        if block.weight.atoms()[0].size:
            raise NotApplicableError(f"loops_beyond needs weights with a density; those of block {key} have atoms")
    s = _abscissa(ens, x)
    # the integrand falls like the transform of a smooth density: cut where it is below rounding
    top = 8.0
    while top < 400 and np.abs(_integrand(ens, x, np.array([s + 1j * top])))[0] > 1e-14:
        top *= 1.5
    omega = np.linspace(0.0, top, points)
    return float(np.trapezoid(_integrand(ens, x, s + 1j * omega).real, omega) / (2 * np.pi))


def _matrices(ens, x, p):
    """K_p and its signed version, shape (len(p), K, K) each."""
    size = len(ens.names)
    through = []
    for pop in ens.populations:
        tau, gain, weight = pop.joint.nodes(64)
        keep = gain > 0
        level = np.log(gain[keep]) - np.log(ens.leak + x * tau[keep])
        through.append(np.exp(np.multiply.outer(p, level)) @ weight[keep])
    plain, signed = np.zeros((2, len(p), size, size), complex)
    for (a, b), block in ens.synapses.items():
        i, j = ens.names.index(a), ens.names.index(b)
        above, below = _one_sided(block.weight, p)
        plain[:, i, j] = block.degree * (above + below) * through[j]
        signed[:, i, j] = block.degree * (above - below) * through[j]
    return plain, signed


def _one_sided(law, p):
    """<|w|^p; w > 0> and <|w|^p; w < 0>, by the trapezoidal rule in log |w|."""
    far = max(abs(float(law.ppf(1e-14))), abs(float(law.isf(1e-14))))
    v = np.linspace(np.log(far) - 30.0, np.log(far) + 0.7, 1501)
    size = np.exp(v)
    kernel = np.exp(np.multiply.outer(p, v))
    return tuple(np.trapezoid(kernel * (law.pdf(sign * size) * size), v, axis=-1) for sign in (1, -1))


def _abscissa(ens, x):
    """The s with the smallest spectral radius of K_s."""
    grid = np.geomspace(0.2, 12.0, 40)
    radius = np.max(np.abs(np.linalg.eigvals(_matrices(ens, x, grid.astype(complex))[0])), axis=-1)
    if not np.min(radius) < 1:
        raise NotApplicableError(
            f"no moment has a spectral radius below 1 at x = {x:.6g}: the point is inside the edge, or the ensemble is frozen"
        )
    return float(grid[np.argmin(radius)])


def _integrand(ens, x, p):
    total = np.zeros(len(p), complex)
    for matrix in _matrices(ens, x, p):
        values = np.linalg.eigvals(matrix)
        total += np.sum(-np.log(1 - values) - values, axis=-1)
    return total / p
