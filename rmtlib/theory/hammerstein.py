r"""The Hammerstein equation of sparse symmetric matrices, on a logarithmic grid.

With ``Omega = -i (z - self-energy)``, whose real part is positive for ``Im z > 0``, and the transform
``phi(s) = E exp(-s Sigma)`` of the sum ``Sigma`` of the messages that a vertex of a Poisson graph receives,

.. math::
   \log\varphi(s) = c\,\big\langle \mathcal K[F](s w^2) - 1 \big\rangle_w , \qquad
   F(t) = e^{i z t} \varphi(t), \qquad G(z) = -i \int_0^\infty F(t)\, dt ,

for the adjacency matrix, and for the Laplacian ``D - A``, whose message is ``1/(1/Omega - i/w)``,

.. math::
   \log\varphi(s) = c\,\big\langle e^{-i s w}\, \mathcal K\big[e^{-i w t} F\big](s w^2) - 1 \big\rangle_w ,

where ``K[E exp(-t X)](k) = E exp(-k/X)``, a Hankel transform: see :mod:`rmtlib.theory.saddle`. Here ``F`` is
complex and oscillates, ``|F| <= exp(-t Im z)``, so the grid in ``u = log t`` must resolve ``exp(i |z| t)`` until
``t`` is several times ``1/Im z``: the work grows as ``|z|/Im z``. Grids are refined until ``G`` settles.

Two precautions keep the sweeps stable. The multiplier of ``K`` delays a frequency ``f`` by ``2 log f``, so the grid is
longer on the right by that much; and what rounding leaves at its left end, where ``F' ~ -t``, is tapered, because each
sweep would multiply it by ``c``.

Source: Akara-pipattana and Evnin, arXiv:2410.00355, for the equation (in a radial variable, ``s = r^2``).
"""

from __future__ import annotations

import numpy as np
import scipy.fft

from ..laws import Continuous, Law, Mixture
from ..solve import Solution, Status, anderson
from .saddle import _powers, hankel_multiplier

__all__ = ["solve"]

_LEVELS = 6
_REACH = 4.0  # the first grid resolves F until exp(-_REACH); each level doubles it
_LARGEST = 2**19  # points of a grid
_BATCH = 2**18  # complex numbers per array


class _Grid:
    """A grid in ``u = log t`` that resolves frequencies up to ``reach`` in t, from ``t = exp(-low)``.

    Beyond ``last``, F is 0: functions are kept up to there only, and the transforms pad them.
    """

    def __init__(self, top: float, low: float, last: float = np.inf):
        self.n, length = self.size(top, low)
        self.step = length / self.n
        self.u = -low + self.step * np.arange(self.n)
        self.u = self.u[self.u <= np.log(last)]
        self.t = np.exp(self.u)
        self.omega = 2 * np.pi / length * np.fft.fftfreq(self.n, 1 / self.n)
        top_omega = np.abs(self.omega) / np.max(np.abs(self.omega))
        smooth = np.cos(0.5 * np.pi * np.clip((top_omega - 0.85) / 0.15, 0, 1)) ** 2
        # the phase puts the origin of both u and v at the first grid point
        self.kernel = hankel_multiplier(self.omega) * np.exp(2j * self.omega * low) * smooth / self.n
        with np.errstate(divide="ignore", invalid="ignore"):
            self.integrate = np.where(self.omega != 0, 1j / self.omega, 0.0)
        self.taper = np.sin(0.5 * np.pi * np.clip((self.u - self.u[0]) / 4, 0, 1)) ** 2

    @staticmethod
    def size(top: float, low: float) -> tuple[int, float]:
        """Points and length: the multiplier of K delays omega = top by 2 log(top)."""
        length = 2 * low + 6 + 2 * np.log(top)
        return 2 * scipy.fft.next_fast_len(max(256, int(length * top / (2 * np.pi)))), length

    def transform(self, slope, multiplier):
        """``K - 1`` and ``dK/dv`` for the derivative ``slope`` of F; ``multiplier`` averages over the weights."""
        hat = scipy.fft.fft(slope * self.taper, self.n, axis=-1) * (self.kernel * multiplier)
        rest, rate = (scipy.fft.fft(h, axis=-1)[..., : len(self.u)] for h in (hat * self.integrate, hat))
        return hat[..., :1] * (self.u - self.u[0]) + rest - rest[..., :1], rate

    def shift(self, log, weight):
        """``E |w|^(-2 i omega)``, which turns ``K(s)`` into ``E K(s w^2)``."""
        half = _powers(log, weight, -2 * self.omega[1], self.n // 2 + 1)
        return np.concatenate([half, half[-2:0:-1].conj()])


def _rule(law: Law, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Values and probabilities of a law: its atoms, or a fine rule in ``log |w|``."""
    if isinstance(law, Mixture):
        parts = [(p, _rule(part, count)) for p, part in zip(law._probs, law._laws, strict=True)]
        return np.concatenate([r[0] for _, r in parts]), np.concatenate([p * r[1] for p, r in parts])
    if isinstance(law, Continuous):
        log, weight = law._log_rule(count)
        return np.exp(log), weight
    return law.atoms()


def _messages(omega, values, matrix):
    """The message through a synapse of weight w: ``w^2/Omega``, or ``1/(1/Omega - i/w)`` for the Laplacian."""
    return values**2 / omega if matrix == "adjacency" else values / (values / omega - 1j)


class _Equation:
    """Right side of the Hammerstein equation.

    States: ``t dF/dt`` and, where it is needed (Laplacian), ``t F``, as real arrays (2 or 4, points, grid).
    """

    def __init__(self, grid, z, degree, law, matrix, level):
        self.grid, self.z, self.degree, self.matrix = grid, z, degree, matrix
        self.values, self.weight = law.nodes(12 * 2**level)
        if matrix == "adjacency":
            values, weight = _rule(law, 600 * 2**level)
            keep = values != 0
            self.shifts = grid.shift(np.log(np.abs(values[keep])), weight[keep])
        else:
            self.shifts = [grid.shift(np.log(np.abs([j or 1.0])), np.ones(1)) for j in self.values]

    def exponent(self, slope, area):
        """``log phi`` and its derivative in ``u``."""
        grid, c = self.grid, self.degree
        if self.matrix == "adjacency":
            total, rate = grid.transform(slope, self.shifts)
            return c * total, c * rate
        total, rate = 0.0, 0.0
        for j, p, shift in zip(self.values, self.weight, self.shifts, strict=True):
            if j == 0:  # no edge
                continue
            turn = np.exp(-1j * j * grid.t)
            k, dk = grid.transform(turn * (slope - 1j * j * area), shift)
            total = total + p * (turn * (1 + k) - 1)
            rate = rate + p * turn * (dk - 1j * j * grid.t * (1 + k))
        return c * total, c * rate

    def state(self, total, rate, z):
        """The state that belongs to ``log phi`` and its derivative."""
        t = self.grid.t
        # |phi| <= 1; rounding must not be left to grow where exp(i z t) has not yet damped it
        value = np.exp(np.minimum(total.real, 0.0) + 1j * total.imag + 1j * z[:, None] * t)
        parts = [value * (1j * z[:, None] * t + rate)]
        if self.matrix == "laplacian":
            parts.append(value * t)
        return np.stack([q for p in parts for q in (p.real, p.imag)])

    def __call__(self, state, rows):
        parts = state[::2] + 1j * state[1::2]
        return self.state(*self.exponent(parts[0], parts[-1]), self.z[rows])

    def medium(self, omega, z):
        """The state in which every neighbour has the same ``omega``: of the effective medium."""
        total, rate = 0.0, 0.0
        for j, p in zip(self.values, self.weight, strict=True):
            m = _messages(omega, j, self.matrix)[:, None] * self.grid.t
            e = np.exp(-m)
            total, rate = total + p * (e - 1), rate - p * np.where(e == 0, 0.0, m * e)
        return self.state(self.degree * total, self.degree * rate, z)

    def resolvent(self, state):
        """``-i int F dt``, by parts."""
        return 1j * self.grid.step * np.sum(self.grid.t * (state[0] + 1j * state[1]), -1)


def solve(z, degree, law, matrix, omega, tol, defect=False) -> Solution:
    """Resolvent at ``z`` (1-d complex, Im z > 0) by the Hammerstein equation, in units where weights are of order 1.

    ``omega``: the effective medium, where the iteration starts. With ``defect`` nothing is iterated: one vertex with
    its Poisson number of neighbours in that medium.
    """
    count = len(z)
    value, error, residual = np.zeros(count, complex), np.full(count, np.inf), np.zeros(count)
    sweeps, status = np.zeros(count, int), np.full(count, int(Status.QUADRATURE))
    width = np.abs(z) + degree**0.5 * law.second_moment() ** 0.5
    if matrix == "laplacian":
        width = width + np.max(np.abs(law.atoms()[0]), initial=1.0)
    previous = np.full(count, np.nan, complex)
    todo = np.arange(count)
    for level in range(_LEVELS):
        # points that need about the same grid go together
        top = 1.4 ** np.ceil(np.log(width[todo] / z[todo].imag * _REACH * 2**level) / np.log(1.4))
        for key in np.unique(top):
            group = todo[top == key]
            low = np.log(np.max(width[group]) / tol) + 3 + 1.5 * level
            if _Grid.size(key, low)[0] > _LARGEST:
                continue
            grid = _Grid(key, low, 40 / np.min(z[group].imag))
            equation = _Equation(grid, z, degree, law, matrix, level)
            for rows in np.array_split(group, -(-len(group) * grid.n // _BATCH)):
                part = z[rows]
                equation.z = part
                state = equation.medium(omega[rows], part)
                if not defect:
                    with np.errstate(all="ignore"):  # an extrapolation that overflows is taken back
                        state, residual[rows], used = anderson(equation, state, max(1e-4 * tol, 1e-13), plain=4, limit=400)
                    sweeps[rows] += used
                value[rows] = equation.resolvent(state)
                # the resolvent has a pole at every atom: what is left of the residual is amplified by up to |z|/Im z
                change = np.abs(value[rows] - previous[rows])
                rest = 3 * residual[rows] * np.abs(value[rows]) * np.minimum(width[rows] / part.imag, 100.0)
                error[rows] = np.where(np.isfinite(change), 2 * change, np.inf) + rest
                previous[rows] = value[rows]
        done = error[todo] <= tol * np.abs(value[todo])
        status[todo[done]] = Status.CONVERGED
        todo = todo[~done]
        if not todo.size:
            break
    status[todo[residual[todo] > tol]] = Status.NOT_CONVERGED
    return Solution(value, error, residual, sweeps, status, "single-defect" if defect else "hammerstein")
