r"""What weak synapses out of a pruned population do to the bar.

Let the columns of a population P (for periphery) carry ``s`` times the weights they have, the other units, C, the core. With
``a_i = leak + z tau_i`` and the Schur complement of the core, the eigenvalues of J are those of C at ``s = 0`` and
the zeros of

.. math:: \det\big(a - s\,\Sigma(z) H_P\big), \qquad
          \Sigma(z) = W_{PP} + W_{PC} H_C \big(\mathrm{leak} + zT_C - W_{CC}H_C\big)^{-1} W_{CP} .

At ``s = 0`` these are the ``-leak/tau_i``. Two questions are answered: where they move in one network
(:func:`bar_shifts`), and how wide the segment of an ensemble becomes (:func:`bar_half_width`).
"""

from __future__ import annotations

import numpy as np

from ..ensemble import Ensemble
from ..errors import NotApplicableError, ValidationError
from ..network import Network

__all__ = ["bar_half_width", "bar_shifts", "self_coupling"]


def bar_shifts(net: Network, population: str = "E") -> tuple[np.ndarray, np.ndarray]:
    r"""First and second derivative terms of the bar eigenvalues in the strength of their columns.

    .. math:: \lambda_i = -\frac{\ell}{\tau_i} + s\,\lambda_i^{(1)} + s^2\lambda_i^{(2)} + O(s^3), \qquad
              \lambda_i^{(1)} = \frac{h_i}{\tau_i}\Sigma_{ii}, \qquad
              \lambda_i^{(2)} = \frac{h_i}{\tau_i}\Big[\Sigma'_{ii}\lambda_i^{(1)}
              + \sum_{j\ne i}\frac{\Sigma_{ij}h_j\Sigma_{ji}}{\ell(1-\tau_j/\tau_i)}\Big]

    with :math:`\Sigma` and its derivative at :math:`z=-\ell/\tau_i`; ``s`` multiplies the columns of ``population``.

    Parameters
    ----------
    net : Network
        With labels; its columns of ``population`` are those at ``s = 1``.
    population : str
        The population whose columns are weak.

    Returns
    -------
    first, second : (m,) float arrays
        In the order of the units of ``population`` in ``net``; units of 1/tau.

    Raises
    ------
    ValidationError
        No such label; two units of the population with the same tau, for which the expansion is not that of single
        eigenvalues.
    NotApplicableError
        Some :math:`-\ell/\tau_i` is an eigenvalue of the core to working precision.

    Examples
    --------
    One unit with a loop through a core of one unit: (1 + 2z)(1 + z) = s w w' h h'.

    >>> import numpy as np, rmtlib as rmt
    >>> from rmtlib.theory import periphery
    >>> W = np.array([[0.0, 3.0], [0.5, 0.0]])
    >>> net = rmt.Network(W, tau=[2.0, 1.0], gain=[0.2, 0.4], labels=["E", "I"])
    >>> first, second = periphery.bar_shifts(net)
    >>> s = 0.01
    >>> exact = rmt.eigenvalues(rmt.Network(W * [s, 1], net.tau, net.gain, net.labels))[0].real
    >>> print(f"{exact:.9f} {-0.5 + s * first[0] + s**2 * second[0]:.9f}")
    -0.498802866 -0.498802880
    """
    if not isinstance(net, Network):
        raise ValidationError(f"bar_shifts takes a Network, got {type(net).__name__}")
    if net.labels is None or not np.any(net.labels == population):
        raise ValidationError(f"no unit has the label {population!r}: give the network labels")
    weak = np.asarray(net.labels == population)
    tau, h, leak = net.tau[weak], net.gain[weak], net.leak
    ordered = np.sort(tau)
    if np.any(np.diff(ordered) <= 1e-12 * ordered[1:]):
        raise ValidationError("two units of the population share a tau: perturb each tau, or count multiplicities with bar()")
    W = np.asarray(net.weights.toarray() if hasattr(net.weights, "toarray") else net.weights, dtype=float)
    inner = W[np.ix_(weak, weak)]
    out, back = W[np.ix_(weak, ~weak)] * net.gain[~weak], W[np.ix_(~weak, weak)]
    core, core_tau = W[np.ix_(~weak, ~weak)] * net.gain[~weak], net.tau[~weak]
    first, second = np.empty(tau.size), np.empty(tau.size)
    for i, t in enumerate(tau):
        B = np.diag(leak - leak / t * core_tau) - core
        try:
            into = np.linalg.solve(B, back)  # B^-1 W_CP
            towards = np.linalg.solve(B.T, out[i])  # row i of W_PC H_C B^-1
        except np.linalg.LinAlgError:
            into = np.full(back.shape, np.inf)
        if not np.all(np.isfinite(into)) or np.abs(into).max(initial=0) > 1e12 * (1 + np.abs(back).max(initial=0)):
            raise NotApplicableError(f"-leak/tau = {-leak / t:.6g} is an eigenvalue of the core to working precision")
        row, column = inner[i] + out[i] @ into, inner[:, i] + out @ into[:, i]
        slope = -towards @ (core_tau * into[:, i])
        first[i] = h[i] / t * row[i]
        gap = leak * (1 - tau / t)
        gap[i] = np.inf
        second[i] = h[i] / t * (slope * first[i] + np.sum(row * h * column / gap))
    return first, second


def self_coupling(ens: Ensemble, z, population: str = "E", n: int | None = None) -> np.ndarray:
    r"""Summed variance that a unit of the periphery receives from its own population, directly and through the core.

    .. math:: S(z) = V_{PP} + \sum_{ab} V_{Pa}\,\phi_a\,\big[(1 - V_{CC}\,\phi)^{-1}\big]_{ab} V_{bP}, \qquad
              \phi_a = \Big\langle\frac{h^2}{|\ell + z\tau|^2}\Big\rangle_a

    Outside the blob of the core the edge of the whole network is where :math:`S(z)\,\phi_P(z) = 1`.

    Parameters
    ----------
    ens : Ensemble
        With the weak columns as they are.
    z : array_like of complex
    population : str
    n : int, optional
        Network size, for blocks of fixed probability.

    Returns
    -------
    float ndarray
        In the shape of ``z``; infinite inside the blob, where the core amplifies without bound.

    Raises
    ------
    ValidationError
        No such population; NaN in ``z``.
    NotApplicableError
        Reciprocal synapses.
    """
    if not isinstance(ens, Ensemble):
        raise ValidationError(f"self_coupling takes an Ensemble, got {type(ens).__name__}")
    if population not in ens.names:
        raise ValidationError(f"no population {population!r}; the ensemble has {', '.join(ens.names)}")
    if ens.reciprocity is not None:
        raise NotApplicableError("self_coupling: with reciprocal synapses the edge matrix needs theta; see edge_function")
    z = np.asarray(z, dtype=complex)
    if np.any(np.isnan(z)):
        raise ValidationError("z holds NaN")
    V, p = ens.input_variance(n), ens.names.index(population)
    core = [k for k in range(len(ens.names)) if k != p]
    phi = np.stack([_gain_through(ens.populations[k], ens.leak, z) for k in core], -1)
    flow = V[np.ix_(core, core)] * phi[..., None, :]
    radius = np.max(np.linalg.eigvals(flow).real, axis=-1)
    outside = radius < 1
    step = np.eye(len(core)) - np.where(outside[..., None, None], flow, 0.0)
    arrive = np.linalg.solve(step, np.broadcast_to(V[core, p][:, None], step.shape[:-1] + (1,)))[..., 0]
    total = V[p, p] + np.sum(V[p, core] * phi * arrive, axis=-1)
    return np.where(outside, total, np.inf)


def bar_half_width(ens: Ensemble, x, population: str = "E", n: int | None = None) -> np.ndarray:
    r"""Half width of the lens into which weak columns open the bar, to leading order in their variance.

    .. math:: y(x) = \pi\,\langle h^2\rangle_P\; \frac{1}{\ell}\; p_\tau\!\Big(\frac{\ell}{|x|}\Big)\, S(x)
                   = \frac{\pi}{\ell^2}\,\langle h^2\rangle_P\;x^2\rho_{\rm bar}(x)\,S(x)

    where :math:`p_\tau` is the density of the law of tau, :math:`\rho_{\rm bar}` that of :math:`-\ell/\tau`, and S
    is :func:`self_coupling`, proportional to the square of the strength of the columns. It holds where
    y is small against the distance over which the density changes, at real x outside the blob, and
    for mean degrees at which the edge follows second moments (:func:`~rmtlib.theory.support_bound`).

    Parameters
    ----------
    ens : Ensemble
        Independent tau and gain in ``population``; tau with a density.
    x : array_like of float
        Negative.
    population, n
        As for :func:`self_coupling`.

    Returns
    -------
    float ndarray
        In the shape of ``x``; infinite inside the blob, 0 off the bar.

    Raises
    ------
    ValidationError, NotApplicableError
        As for :func:`self_coupling`; x not negative; a law of tau with atoms, or one that depends on the gain.
    """
    x = np.asarray(x, dtype=float)
    if np.any(~(x < 0)):
        raise ValidationError("x must be negative: the bar lies at -leak/tau")
    coupling = self_coupling(ens, x, population, n)
    law = ens.population(population)
    if not hasattr(law.joint, "tau") or getattr(law.joint, "correlation", 0.0) != 0.0:
        raise NotApplicableError("bar_half_width needs tau and gain that are independent in the periphery")
    if law.tau.atoms()[0].size:
        raise NotApplicableError("bar_half_width needs a law of tau with a density, without atoms")
    density = law.tau.pdf(ens.leak / np.abs(x))
    with np.errstate(invalid="ignore"):  # 0 times infinity: off the bar, in the blob
        return np.where(density > 0, np.pi * law.gain.second_moment() / ens.leak * density * coupling, 0.0)


def _gain_through(population, leak, z):
    """<h^2/|leak + z tau|^2>; rules refined until they agree."""
    last = None
    for level in (24, 48, 96, 192):
        tau, weight, _, square = population.joint.tau_nodes(level)
        with np.errstate(divide="ignore"):
            value = np.sum(weight * square / np.abs(leak + z[..., None] * tau) ** 2, axis=-1)
        if last is not None and np.all(np.abs(value - last) <= 1e-9 * value):
            break
        last = value
    return value
