"""Sensitivities of the edge and distances to marginality: against finite differences, closed forms and samples."""

from __future__ import annotations


import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.errors import NotApplicableError, ValidationError
from rmtlib.laws import Independent, Law

# Laws are rebuilt from (mean, sd) by the shift or stretch that the derivative is defined by.


def moved(law: Law, shift: float = 0.0, stretch: float = 1.0):
    """x -> m + shift + stretch (x - m), as a law of the same kind."""
    law = rmt.as_law(law)
    m = law.mean()
    if law.atoms()[0].size:
        values, probs = law.atoms()
        return rmt.Discrete(m + shift + stretch * (values - m), probs)
    dist = law._dist
    if not hasattr(dist, "dist"):
        raise TypeError(dist)
    shapes, loc, scale = dist.dist._parse_args(*dist.args, **dist.kwds)
    return dist.dist(*shapes, loc=m + shift + stretch * (loc - m), scale=stretch * scale)


def change(ens, parameter, amount):
    """The ensemble with one parameter of `sensitivities` changed by `amount`."""
    pops, syn = list(ens.populations), dict(ens.synapses)
    if parameter.startswith("all "):
        if parameter == "all tau":
            return ens.scaled_time(1 + amount)
        for key, block in syn.items():
            if block.is_dense:
                syn[key] = rmt.Synapses.dense((1 + amount) * block.std, block.mean)
            else:
                law = block.weight.scaled(1 + amount)
                syn[key] = rmt.Synapses(law, degree=block.degree, probability=block.probability)
        return rmt.Ensemble(pops, syn, ens.reciprocity, ens.leak)
    kind, inside = parameter[:-1].split("[")
    if "<-" in inside:
        key = tuple(inside.split("<-"))
        block = syn[key]
        if block.is_dense:
            grow = amount if kind == "weight sd" else 0.0
            syn[key] = rmt.Synapses.dense(block.std + grow, block.mean + (amount if kind == "weight mean" else 0.0))
        elif kind == "degree":
            syn[key] = rmt.Synapses(block.weight, degree=block.degree + amount)
        elif kind == "probability":
            syn[key] = rmt.Synapses(block.weight, probability=block.probability + amount)
        else:
            sd = np.sqrt(block.weight.var())
            law = moved(block.weight, amount) if kind == "weight mean" else moved(block.weight, 0, 1 + amount / sd)
            syn[key] = rmt.Synapses(law, degree=block.degree, probability=block.probability)
        return rmt.Ensemble(pops, syn, ens.reciprocity, ens.leak)
    b = ens.names.index(inside)
    if kind == "fraction":
        f = ens.fractions - amount * ens.fractions / (1 - ens.fractions[b])
        f[b] = ens.fractions[b] + amount
        pops = [rmt.Population(p.name, x, joint=p.joint) for p, x in zip(pops, f, strict=True)]
        return rmt.Ensemble(pops, syn, ens.reciprocity, ens.leak)
    which, moment = kind.split()
    joint = pops[b].joint
    law = getattr(joint, which)
    shift, stretch = (amount, 1.0) if moment == "mean" else (0.0, 1 + amount / np.sqrt(law.var()))
    if isinstance(joint, Independent):
        new = {"tau": joint.tau, "gain": joint.gain, which: moved(law, shift, stretch)}
        pops[b] = rmt.Population(inside, pops[b].fraction, tau=new["tau"], gain=new["gain"])
    elif isinstance(joint, rmt.GaussianCopula):
        new = {"tau": joint.tau, "gain": joint.gain, which: moved(law, shift, stretch)}
        pops[b] = rmt.Population(inside, pops[b].fraction, joint=rmt.GaussianCopula(**new, correlation=joint.correlation))
    else:
        new = {"tau": joint._tau, "gain": joint._gain}
        new[which] = law.mean() + shift + stretch * (new[which] - law.mean())
        pops[b] = rmt.Population(inside, pops[b].fraction, joint=rmt.EmpiricalJoint(**new))
    return rmt.Ensemble(pops, syn, ens.reciprocity, ens.leak)


def core(**kind):
    unit = {"tau": stats.beta(2, 2, loc=20, scale=105), "gain": stats.beta(2, 3, loc=0.02, scale=0.2), **kind}
    return rmt.core_periphery(degree=5, weight=stats.norm(-1.2, 2.9), tau_i=unit["tau"], gain_i=unit["gain"], gain_e=0.1)


def two(**more):
    E = rmt.Population("E", 0.7, tau=stats.uniform(10, 20), gain=stats.beta(2, 3, loc=0.05, scale=0.5))
    I = rmt.Population("I", 0.3, tau=stats.beta(2, 2, loc=20, scale=60), gain=stats.uniform(0.1, 0.5))
    synapses = {
        ("E", "E"): rmt.Synapses(stats.norm(0.3, 0.5), degree=5),
        ("E", "I"): rmt.Synapses(stats.norm(-0.9, 1.2), degree=4),
        ("I", "E"): rmt.Synapses(stats.uniform(0.3, 0.9), degree=6),
        ("I", "I"): rmt.Synapses(rmt.Discrete([-1.0, -0.2], [0.4, 0.6]), degree=3),
        **more,
    }
    return rmt.Ensemble([E, I], synapses)


def three():
    """A cycle of three populations, one of them with tau and gain tied together, and a fourth that only listens."""
    rng = np.random.default_rng(5)
    tau = rng.uniform(1, 3, 40)
    pops = [
        rmt.Population("A", 0.4, tau=2.0, gain=stats.uniform(0.5, 0.5)),
        rmt.Population("B", 0.3, joint=rmt.EmpiricalJoint(tau, 0.2 + 0.3 * tau + 0.1 * rng.random(40))),
        rmt.Population("C", 0.2, joint=rmt.GaussianCopula(stats.uniform(1, 3), stats.uniform(0.3, 0.6), -0.6)),
        rmt.Population("D", 0.1, tau=stats.uniform(1, 1), gain=0.5),
    ]
    w = stats.norm(0.2, 0.6)
    keys = [("A", "B"), ("B", "C"), ("C", "A"), ("A", "A"), ("D", "A")]
    return rmt.Ensemble(pops, {key: rmt.Synapses(w, degree=2.5) for key in keys}, leak=1.3)


CASES = {
    "core": (core(), None),
    "core at n": (core(), 300),
    "two": (two(), None),
    "two at n": (two(), 200),
    "dense block": (two(**{}), None),
    "mixed": (two(), None),
    "three": (three(), None),
}
CASES["mixed"] = (
    rmt.Ensemble(two().populations, {**two().synapses, ("I", "I"): rmt.Synapses.dense(1.5), ("E", "I"): rmt.Synapses.dense(2.0)}),
    None,
)
CASES["dense block"] = (
    rmt.Ensemble(two().populations, {key: rmt.Synapses.dense(std=1.0 + 0.3 * i) for i, key in enumerate(two().synapses)}),
    None,
)


@pytest.mark.parametrize("case", CASES)
def test_against_finite_differences(case):
    """Richardson-extrapolated central differences of spectral_abscissa; the step leaves about 1e-9 of rounding."""
    ens, n = CASES[case]
    got = rmt.sensitivities(ens, n=n)
    assert got.abscissa == pytest.approx(rmt.spectral_abscissa(ens, parts="bulk", n=n), rel=1e-12)

    def alpha(parameter, amount):
        return rmt.spectral_abscissa(change(ens, parameter, amount), parts="bulk", n=n)

    for row in got:
        if row.parameter.startswith("fraction") and n is not None:
            continue  # sizes are integers there: next test
        if row.parameter.startswith(("tau sd", "gain sd", "weight sd")) and row.value == 0:
            assert row.derivative == 0  # nothing to stretch
            continue
        step = 2e-3 * (abs(row.value) or 1.0)
        coarse = (alpha(row.parameter, step) - alpha(row.parameter, -step)) / (2 * step)
        fine = (alpha(row.parameter, step / 2) - alpha(row.parameter, -step / 2)) / step
        scale = abs(got.abscissa / (row.value or 1.0))
        assert row.derivative == pytest.approx((4 * fine - coarse) / 3, rel=1e-6, abs=1e-7 * scale), row.parameter
