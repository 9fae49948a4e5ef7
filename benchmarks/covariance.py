"""Covariance spectra: 1000 points of density and distribution, and the dimension, beside roots point by point and quadrature.

    python -m benchmarks.covariance [--json FILE]

The other side is written here in the way that is usual for these spectra (closed form for independent entries; with reciprocal
pairs the roots of a quartic by numpy.roots at each point, of which the physical one is chosen; integrals between points by
scipy.integrate.quad; moments by quad over the support, which is given to it). Times are CPU seconds of the best of a few calls on one
thread and include the check of stability. For the dimension of equal units both we and the literature have a closed form (rows
"closed form"), so that quadrature is no fair rival; with random gains there is none, and we solve linear equations. Nor is point
by point quadrature the best that a closed form can do: "Gauss points" integrates all intervals in one call. Errors are of the distribution function, at all 1000 points, against 30 digits
(mpmath: the cubic's root in the potential). For heterogeneous gains there is no closed form to compare with.
"""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")

import mpmath as mp
import numpy as np
from scipy import stats
from scipy.integrate import quad

import rmtlib as rmt
from benchmarks.record import best, record
from rmtlib.theory import covariance as cov

POINTS = 1000


def closed_form(x, g):
    a = (g**2 - 1) * x
    p, q = a - 1 / 3, x + a / 3 - 2 / 27
    r = np.sqrt(np.maximum(q**2 / 4 + p**3 / 27, 0))
    return 3**0.5 / (2 * np.pi * g**2 * x**2) * (np.cbrt(q / 2 + r) - np.cbrt(q / 2 - r))


def physical(t, x, v, r):
    """Of four roots the one whose 2 x 2 block ((X, iA), (iA, X)) has a positive Hermitian part."""
    field, gap = -1j * x**-0.5 / (1 - v * t), 1 / (1 + r * t)
    return t[np.argmax((field.real - np.abs(gap.imag)) / np.abs(field))]


def by_roots(x, v, r):
    """Density from the quartic in t at each point."""
    out = np.empty(np.size(x))
    for i, point in enumerate(np.ravel(x)):
        coefficients = [
            r**2 * v**2 * point,
            -2 * r**2 * v * point + r**2 + 2 * r * v**2 * point - v**2 * point,
            r**2 * point - 4 * r * v * point + 2 * r + v**2 * point + 2 * v * point,
            2 * r * point - 2 * v * point - point + 1,
            point,
        ]
        t = physical(np.roots(coefficients), point, v, r)
        out[i] = (-1j * t / (1 - v * t)).real / np.pi / point**2
    return out if np.ndim(x) else out[0]


def cumulative(density, x, low):
    """Integrals from point to point; accuracy 1e-6 in all is asked for."""
    parts = [quad(density, a, b, epsabs=1e-9, epsrel=1e-9)[0] for a, b in zip(np.r_[low, x[:-1]], x, strict=True)]
    return np.cumsum(parts)


def by_gauss(density, x, low):
    """The same by four Gauss points between neighbours, all in one call: the quickest we know with a closed form."""
    nodes, weights = np.polynomial.legendre.leggauss(4)
    ends = np.r_[low, x]
    half = 0.5 * np.diff(ends)[:, None]
    at = ends[:-1, None] + half * (1 + nodes)
    return np.cumsum((density(at.ravel()).reshape(at.shape) * half) @ weights)


def dimension(density, low, high):
    first, second = (quad(lambda x, k=k: x**k * density(x), low, high, epsrel=1e-8, limit=200)[0] for k in (1, 2))
    return first**2 / second


def published(g, gamma):
    """Dimension by Hu and Sompolinsky."""
    th = g**2 * (1 + gamma)
    if gamma == 0:
        return (1 - g**2) ** 2
    mu = (2 * th - 1 + np.sqrt(1 + 4 * (g**2 - th))) / (2 * (g**2 - th**2))
    return (mu * (2 * g**2 * mu + 1) - 2 * th * mu * (th * mu + 1)) / ((th * mu + 1) ** 2 * (g**2 * mu + 1))


def reference(x, v, r):
    """F to 30 digits, from a root in multiple precision and the stationary potential."""
    out = []
    with mp.workdps(30):
        v, r = mp.mpf(v), mp.mpf(r)
        for point in x:
            p = mp.mpf(point)
            guess = np.roots(
                [float(c) for c in (
                    r**2 * v**2 * p, -2 * r**2 * v * p + r**2 + 2 * r * v**2 * p - v**2 * p,
                    r**2 * p - 4 * r * v * p + 2 * r + v**2 * p + 2 * v * p, 2 * r * p - 2 * v * p - p + 1, p)]
            )  # fmt: skip
            t = mp.mpmathify(complex(physical(guess, point, float(v), float(r))))
            t = mp.findroot(lambda t, p=p: (1 - v * t) ** 2 * ((1 + r * t) ** 2 - t) + t * (1 + r * t) ** 2 / p, t)
            eta = mp.mpc(0, -1) / mp.sqrt(p)
            field, gap = eta / (1 - v * t), 1 / (1 + r * t)
            phi = mp.log(field) + mp.log(field + gap**2 / field) - v * (field * t) ** 2 + r * (gap * t) ** 2
            out.append(float(1 + phi.imag / mp.pi))
    return np.array(out)


def main(target="benchmarks/covariance.json"):
    rows = {}
    cases = {"independent, g = 0.6": (0.6, 0.0), "reciprocal, g = 0.45, Gamma = 0.4": (0.45, 0.4)}
    for name, (g, gamma) in cases.items():
        ens, v, r = rmt.elliptic(gamma, g, leak=1), g**2, gamma * g**2
        low, high = cov.covariance_support(ens)[0]
        x = np.geomspace(low, high, POINTS + 2)[1:-1]

        def density(y, g=g, gamma=gamma, v=v, r=r):
            return by_roots(y, v, r) if gamma else closed_form(y, g)

        ours = best(lambda ens=ens, x=x: cov.covariance_density(ens, x), 7)
        theirs = best(lambda x=x, density=density: density(x), 3)
        both = best(lambda ens=ens, x=x: cov.covariance_cdf(ens, x), 7)
        steps = best(lambda x=x, low=low, density=density: cumulative(density, x, low), 1)
        exact = reference(x, v, r)
        gauss = best(lambda x=x, low=low, density=density: by_gauss(density, x, low), 3)
        rows[f"{name}: distribution, Gauss points, seconds"] = gauss
        rows[f"{name}: distribution, Gauss points, error"] = np.max(np.abs(by_gauss(density, x, low) - exact))
        rows[f"{name}: distribution, Gauss points / rmtlib"] = gauss / both
        rows[f"{name}: density at 1000 points, seconds"] = ours
        rows[f"{name}: density, {'roots point by point' if gamma else 'closed form'}, seconds"] = theirs
        rows[f"{name}: density, that / rmtlib"] = theirs / ours
        rows[f"{name}: distribution at 1000 points, seconds"] = both
        rows[f"{name}: distribution, quadrature, seconds"] = steps
        rows[f"{name}: distribution, that / rmtlib"] = steps / both
        rows[f"{name}: distribution, error"] = np.max(np.abs(cov.covariance_cdf(ens, x) - exact))
        rows[f"{name}: distribution, quadrature, error"] = np.max(np.abs(cumulative(density, x, low) - exact))
        rows[f"{name}: dimension, seconds"] = best(lambda ens=ens: cov.covariance_dimension(ens), 7)
        rows[f"{name}: dimension, quadrature, seconds"] = best(
            lambda low=low, high=high, density=density: dimension(density, low, high), 3
        )
        rows[f"{name}: dimension, that / rmtlib"] = (
            rows[f"{name}: dimension, quadrature, seconds"] / rows[f"{name}: dimension, seconds"]
        )
        rows[f"{name}: dimension, relative difference"] = abs(
            dimension(density, low, high) / cov.covariance_dimension(ens) - 1
        )
        rows[f"{name}: dimension, closed form of the literature, seconds"] = best(lambda g=g, gamma=gamma: published(g, gamma), 7)
        rows[f"{name}: of each call, check of stability, seconds"] = best(lambda ens=ens: cov._require_stable(ens), 7)
    gains = rmt.Ensemble(rmt.Population("a", gain=stats.beta(2, 3)), rmt.Synapses.dense(1.4))
    low, high = cov.covariance_support(gains)[0]
    x = np.geomspace(low, high, POINTS + 2)[1:-1]
    rows["random gains: distribution at 1000 points, seconds"] = best(lambda: cov.covariance_cdf(gains, x), 3)
    rows["random gains: largest stated error"] = float(np.max(cov.covariance_cdf(gains, x).error))
    rows["random gains: dimension, seconds"] = best(lambda: cov.covariance_dimension(gains), 3)
    angle = (np.arange(400) + 0.5) * np.pi / 800
    spots = low * (high / low) ** (np.sin(angle) ** 2)
    steps = spots * np.sin(2 * angle) * np.pi / 800 * np.log(high / low)

    def by_points():
        mass = cov.covariance_density(gains, spots).value * steps
        return np.sum(mass * spots) ** 2 / np.sum(mass * spots**2)

    rows["random gains: dimension, 400 points of our density, seconds"] = best(by_points, 2)
    rows["random gains: dimension, 400 points, relative difference"] = abs(by_points() / cov.covariance_dimension(gains) - 1)
    rows["random gains: dimension, that / linear equations"] = (
        rows["random gains: dimension, 400 points of our density, seconds"] / rows["random gains: dimension, seconds"]
    )
    net = rmt.oriented_sparse(10, stats.norm(0, 0.2)).sample(1000, seed=0)
    rows["one sparse network, n = 1000: all eigenvalues, seconds"] = best(
        lambda: cov.covariance_eigenvalues(net, check=False), 2
    )
    rows["one sparse network, n = 1000: cavity density, 50 points, seconds"] = best(
        lambda: cov._cavity_solution(net, np.geomspace(0.2, 8, 50), "density", "inside", None, 0.02, 1e-6, False), 1
    )
    record(target, rows)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", default="benchmarks/covariance.json", help="where the numbers go")
    main(parser.parse_args().json)
