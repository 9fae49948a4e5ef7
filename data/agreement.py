"""Do the routes agree? Recipe of agreement.json: `python data/agreement.py [routes] [samples] [degrees]`, from the root.

routes   saddle point against population dynamics at points of 16 ensembles, each point with draws of its own
samples  fractions of sampled eigenvalues in discs about CENTRE, network by network, against contour integrals of g
degrees  saddle point minus dense law as the mean degree grows, against its 1/c expansion
"""

import json
import sys
from pathlib import Path

import numpy as np
from scipy import stats

import rmtlib as rmt
from rmtlib.laws import Discrete

TARGET = Path(__file__).with_suffix(".json")
SEED = 20261124
CENTRE = -1.0
SIZES = {500: 8, 1000: 4, 2000: 2, 4000: 1}  # units: networks, 4000 eigenvalues of each size

TAU, GAIN = stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, loc=0.3, scale=0.7)


def one(weight, degree):
    return rmt.Ensemble(rmt.Population("unit", tau=TAU, gain=GAIN), rmt.Synapses(weight, degree=degree))


def two(degree, first, second):
    """Two populations, no block pruned."""
    e = rmt.Population("E", 0.6, tau=stats.uniform(0.5, 1.0), gain=GAIN)
    i = rmt.Population("I", 0.4, tau=TAU, gain=0.8)
    degrees = {("E", "E"): degree, ("E", "I"): 1.5 * degree, ("I", "E"): 0.5 * degree, ("I", "I"): degree}
    synapses = {k: rmt.Synapses(first if k[1] == "E" else second, degree=c) for k, c in degrees.items()}
    return rmt.Ensemble([e, i], synapses)


ENSEMBLES = {
    "Gaussian, c = 1.5": one(stats.norm(0, 1.8), 1.5),
    "Gaussian, c = 4": one(stats.norm(0, 0.9), 4),
    "Gaussian, c = 50": one(stats.norm(0, 0.25), 50),
    "two values, c = 1.5": one(Discrete([-1.8, 1.8], [0.5, 0.5]), 1.5),
    "two values, c = 3": one(Discrete([-0.5, 1.3], [0.5, 0.5]), 3),
    "two values, c = 20": one(Discrete([-0.4, 0.4], [0.5, 0.5]), 20),
    "lognormal, c = 2": one(stats.lognorm(0.8, scale=0.9), 2),
    "lognormal, c = 8": one(stats.lognorm(0.8, scale=0.4), 8),
    "exponential, c = 4": one(stats.expon(0, 0.7), 4),
    "exponential, c = 30": one(stats.expon(0, 0.25), 30),
    "E and I, Gaussian": two(4, stats.norm(0.3, 0.3), stats.norm(-0.6, 0.5)),
    "E and I, lognormal": two(2, stats.lognorm(0.5, scale=0.6), stats.norm(-1, 0.8)),
    "E and I, two values": two(3, Discrete([0.4, 0.9], [0.5, 0.5]), -0.9),
    "E and I, exponential": two(6, stats.expon(0, 0.3), Discrete([-0.4, -0.9], [0.5, 0.5])),
    "E and I, low degree": two(1.2, stats.norm(1, 0.4), stats.norm(-1.5, 0.5)),
    "E and I, high degree": two(20, stats.expon(0, 0.2), stats.norm(-0.3, 0.2)),
}
SAMPLED = ("two values, c = 1.5", "Gaussian, c = 4", "E and I, lognormal", "E and I, Gaussian")
DEGREES = (10, 20, 40, 80, 160, 320)


def inside(ens, count, seed):
    """Points of the support, up to linear stability 1.3 (the edge is at 1), off the real axis."""
    rng = np.random.default_rng(seed)
    z = rng.uniform(-2, 0.5, 1000) + 1j * rng.uniform(0.05, 1.5, 1000)
    return z[rmt.theory.edge_function(ens, z) > 1.3][:count]


def routes(names=tuple(ENSEMBLES), points=3, population=8000, sweeps=128, seed=SEED):
    """Both routes at a few points of each ensemble."""
    rows = []
    for k, name in enumerate(names):
        ens = ENSEMBLES[name]
        z = inside(ens, points, seed + k)
        exact = rmt.resolvent(ens, z, method="saddle", tol=1e-7)
        for i, point in enumerate(z):
            got = rmt.resolvent(
                ens,
                [point],
                method="population-dynamics",
                tol=1e-9,  # out of reach: the length of the run is fixed
                population=population,
                sweeps=sweeps,
                seed=seed + 100 * k + i,
                throw=False,
            )
            rows.append(
                {
                    "ensemble": name,
                    "z": [point.real, point.imag],
                    "saddle": [exact.value[i].real, exact.value[i].imag],
                    "sampled": [got.value[0].real, got.value[0].imag],
                    # the statistical part of the stated error, one standard deviation
                    "deviation": float(got.error[0] - 0.5 * abs(got.value[0]) / population) / 2,
                }
            )
            print(name, point.round(3), abs(got.value[0] - exact.value[i]) / rows[-1]["deviation"], flush=True)
    return rows


def in_discs(ens, radii, nodes=24, method="saddle", **options):
    r"""Share of the spectrum with \|z - CENTRE\| < r, (1/2 pi i) times the contour integral of g; and its error.

    Gauss rules over the upper half: g jumps across the real axis, where the contour crosses the bar.
    """
    x, w = np.polynomial.legendre.leggauss(nodes)
    arc = np.exp(0.5j * np.pi * (x + 1))
    z = CENTRE + np.multiply.outer(radii, arc)
    got = rmt.resolvent(ens, z, method=method, throw=False, **options)
    # points next to the edge that miss the tolerance enter with the error that they state
    if not np.all(got.error < 0.2 * np.abs(got.value)):
        raise RuntimeError(f"points of the contours were not solved: errors up to {np.max(got.error):.1e}")
    return 0.5 * (got.value * (z - CENTRE)).real @ w, 0.5 * np.abs(got.error * (z - CENTRE)) @ w


def radii_of(ens):
    """Twenty radii up to the outermost point of the support, those next to it left out."""
    far = max(np.max(np.abs(curve - CENTRE)) for curve in rmt.spectral_edge(ens))
    return np.round(far * np.arange(1, 21) / 21, 4)


def shares(net, radii):
    return np.mean(np.abs(rmt.eigenvalues(net)[:, None] - CENTRE) < radii, axis=0)


def samples(stored):
    for name in SAMPLED:
        ens = ENSEMBLES[name]
        radii = radii_of(ens)
        theory, error = in_discs(ens, radii, tol=1e-5)
        coarse, _ = in_discs(ens, radii, nodes=16, tol=1e-5)
        stored[name] = {
            "radii": radii.tolist(),
            "theory": theory.round(7).tolist(),
            "error": (error + np.abs(theory - coarse)).round(7).tolist(),
            "networks": {},
        }
        print(name, "error of the theory up to", max(stored[name]["error"]), flush=True)
        yield
    for n, count in SIZES.items():
        for k, name in enumerate(SAMPLED):
            radii = np.array(stored[name]["radii"])
            seeds = [SEED + 10_000 * k + n + j for j in range(count)]
            got = [shares(ENSEMBLES[name].sample(n, seed=s), radii).round(7).tolist() for s in seeds]
            stored[name]["networks"][str(n)] = {"seeds": seeds, "shares": got}
            off = np.max(np.abs(np.array(got) - stored[name]["theory"]), axis=1)
            print(name, n, "largest difference", off.round(4), flush=True)
            yield


def slope(z, strength, kurtosis, nodes=200):
    r"""A in g = g_dense + A/c + O(1/c^2): one population, c <w^2> = strength, kurtosis = <w^4>/<w^2>^2.

    X and Y of a unit fluctuate with variance V/c, V = kurtosis strength^2 m^2 <1/D^2>, about m = sqrt(u), u the dense
    solution of strength <1/D> = 1, D = u + b^2, b = |1 + z tau|/h. To second order in these fluctuations

        A = kurtosis strength^2 u { 2 u <1/D^2> <(tau/a) b^2/D^3> - <(u - b^2)/D^3> <(tau/a) b^2/D^2> }.
    """
    tau, gain, p = ENSEMBLES["Gaussian, c = 4"].populations[0].joint.nodes(60)
    out = []
    for point in np.atleast_1d(z):
        a = 1 + point * tau
        b2 = np.abs(a / gain) ** 2
        low, high = 0.0, strength
        for _ in range(nodes):
            u = 0.5 * (low + high)
            low, high = (u, high) if strength * p @ (1 / (u + b2)) > 1 else (low, u)
        d, r = u + b2, tau / a
        first = 2 * u * (p @ d**-2.0) * (p @ (r * b2 / d**3))
        out.append(kurtosis * strength**2 * u * (first - (p @ ((u - b2) / d**3)) * (p @ (r * b2 / d**2))))
    return np.array(out)


# law of unit second moment, its fourth moment
WEIGHTS = {"uniform": (stats.uniform(-(3**0.5), 2 * 3**0.5), 1.8), "Gaussian": (stats.norm(), 3.0)}
POINTS = np.array([-0.8 + 0.3j, -0.5 + 0.5j, -1.3 + 0.4j])
STRENGTH = 2.5


def degrees(cs=DEGREES):
    """Saddle point minus dense law at POINTS for growing mean degree, and the predicted slope."""
    out = {"degrees": list(cs), "z": [[z.real, z.imag] for z in POINTS], "strength": STRENGTH, "weights": {}}
    limit = rmt.resolvent(one(stats.norm(0, np.sqrt(STRENGTH / 10)), 10), POINTS, method="dense").value
    for name, (law, kurtosis) in WEIGHTS.items():
        law = rmt.laws.as_law(law)
        off = [rmt.resolvent(one(law.scaled(np.sqrt(STRENGTH / c)), c), POINTS).value - limit for c in cs]
        predicted = slope(POINTS, STRENGTH, kurtosis)
        out["weights"][name] = {
            "difference": [[[v.real, v.imag] for v in row] for row in off],
            "slope": [[v.real, v.imag] for v in predicted],
        }
        print(name, predicted.round(4), (np.array(off) * np.array(cs)[:, None]).round(4), sep="\n", flush=True)
    return out


def main(parts):
    data = json.loads(TARGET.read_text()) if TARGET.is_file() else {"seed": SEED}

    def write():
        TARGET.write_text(json.dumps(data, separators=(",", ":")) + "\n", encoding="utf-8")

    if "degrees" in parts:
        data["degrees"] = degrees()
        write()
    if "routes" in parts:
        data["routes"] = routes()
        write()
    if "samples" in parts:
        data["samples"] = {}
        for _ in samples(data["samples"]):
            write()


if __name__ == "__main__":
    main(sys.argv[1:] or ("degrees", "routes", "samples"))
