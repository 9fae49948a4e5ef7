r"""The Hermitized resolvent of one matrix by dense linear algebra.

With ``B(z) = leak + z T - W H``, at ``eta = 0`` from the eigenvalues, otherwise from the singular values:

.. math::
   g(z) = \frac1n \sum_i \frac1{z - \lambda_i}, \qquad
   g(z, \eta) = \frac1n \mathrm{tr}\; T (\eta^2 + B^\dagger B)^{-1} B^\dagger .
"""

from __future__ import annotations

import numpy as np
import scipy.linalg

from ..errors import NotApplicableError
from ..network import Network
from ..solve import Solution, Status

__all__ = ["solve"]


def solve(net: Network, z, quantity, eta=0.0, tol=1e-8, n=None) -> Solution:
    """The route ``method="exact"``; arguments as for :func:`rmtlib.theory.resolvent`, ``z`` a flat array."""
    if quantity == "density" and eta == 0:
        raise NotApplicableError(
            "the spectrum of one Network is a set of points and has no density: pass eta > 0 for a regularised "
            "one, or use eigenvalues"
        )
    value, error = np.zeros(len(z), complex), np.zeros(len(z))
    if eta == 0:
        from ..spectrum import eigenvalues

        values = eigenvalues(net)
        with np.errstate(divide="ignore", invalid="ignore"):
            for i, point in enumerate(z):
                terms = 1 / (point - values)
                value[i] = terms.mean()
                # eigenvalues are known to about eps |J|; their condition numbers are not included
                error[i] = (
                    16 * np.finfo(float).eps * (np.mean(np.abs(terms) ** 2) * np.max(np.abs(values)) + abs(value[i]))
                )
    else:
        weights = net.weights.toarray() if hasattr(net.weights, "toarray") else np.asarray(net.weights)
        coupling = weights * net.gain[None, :]
        tau = net.tau
        for i, point in enumerate(z):
            b = np.diag(net.leak + point * tau) - coupling
            u, s, vh = scipy.linalg.svd(b)
            if quantity == "resolvent":
                # tau_i [(eta^2 + B^+ B)^-1 B^+]_ii
                value[i] = np.mean(tau * np.einsum("ki,k,ik->i", vh.conj(), s / (eta**2 + s**2), u.conj()))
            else:
                # (1/pi n) eta^2 tr[T (eta^2 + B^+ B)^-1 T (eta^2 + B B^+)^-1]
                left = (vh.conj().T * (1 / (eta**2 + s**2))) @ vh
                right = (u * (1 / (eta**2 + s**2))) @ u.conj().T
                value[i] = eta**2 * np.sum(tau[:, None] * left * tau[None, :] * right.T).real / (np.pi * net.n)
            error[i] = 1e-13 * abs(value[i]) * max(1.0, s[0] / max(abs(eta), s[-1]))
    status = np.where(np.isfinite(value), Status.CONVERGED, Status.SINGULAR)
    zero = np.zeros(len(z))
    value = value.real if quantity == "density" else value
    return Solution(value, error, zero, np.ones(len(z), int), status, "exact")
