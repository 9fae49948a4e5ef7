"""Sensitivities of the edge and distances to marginality: against finite differences, closed forms and samples."""

from __future__ import annotations

import json

import numpy as np
import pytest
import sympy as sp
from scipy import stats

import rmtlib as rmt
from rmtlib import symbolic
from rmtlib.errors import NotApplicableError, ValidationError
from rmtlib.laws import Independent, Law
from rmtlib.symbolic import memory as eqs
from rmtlib.symbolic import symbols as S
from rmtlib.theory import memory

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


def two(more=()):
    E = rmt.Population("E", 0.7, tau=stats.uniform(10, 20), gain=stats.beta(2, 3, loc=0.05, scale=0.5))
    I = rmt.Population("I", 0.3, tau=stats.beta(2, 2, loc=20, scale=60), gain=stats.uniform(0.1, 0.5))
    synapses = {
        ("E", "E"): rmt.Synapses(stats.norm(0.3, 0.5), degree=5),
        ("E", "I"): rmt.Synapses(stats.norm(-0.9, 1.2), degree=4),
        ("I", "E"): rmt.Synapses(stats.uniform(0.3, 0.9), degree=6),
        ("I", "I"): rmt.Synapses(rmt.Discrete([-1.0, -0.2], [0.4, 0.6]), degree=3),
        **dict(more),
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
    "dense block": (two(), None),
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


@pytest.mark.parametrize("wiring", ["degree", "probability"])
def test_fractions_at_finite_size(wiring):
    """Sizes are integers: one unit more and one less of 6000 leaves an error of the third order, 1e-6 relative."""
    n, weight = 6000, stats.norm(-0.4, 0.9)

    def law(inhibitory):
        f = inhibitory / n
        pops = [rmt.Population("E", 1 - f, tau=1.0, gain=0.6), rmt.Population("I", f, tau=stats.uniform(1, 2), gain=0.8)]
        grow = {"E": (1 - f) / 0.75, "I": f / 0.25} if wiring == "probability" else {"E": 1.0, "I": 1.0}
        syn = {(a, b): rmt.Synapses(weight, degree=3.0 * grow[b]) for a in "EI" for b in "EI" if (a, b) != ("E", "I")}
        # an autapse is not possible: at fixed probability the degree within a population is p (N - 1)
        if wiring == "probability":
            size = {"E": n - inhibitory, "I": inhibitory}
            full = {"E": 0.75 * n, "I": 0.25 * n}
            for a in "EI":
                p = 3.0 / (full[a] - 1)
                syn[a, a] = rmt.Synapses(weight, degree=p * (size[a] - 1))
        return rmt.Ensemble(pops, {**syn, ("E", "I"): rmt.Synapses.dense(std=2.0)})

    got = rmt.sensitivities(law(1500), n=n, wiring=wiring)["fraction[I]"].derivative
    ends = [rmt.spectral_abscissa(law(1500 + k), "bulk", n=n) for k in (-1, 1)]
    assert got == pytest.approx((ends[1] - ends[0]) * n / 2, rel=1e-4)


def test_fixed_probability():
    unit = rmt.Population("N", tau=stats.uniform(1, 2), gain=0.8)
    ens = rmt.Ensemble(unit, rmt.Synapses(stats.norm(-0.05, 0.07), probability=0.2))
    s = rmt.sensitivities(ens, n=400)
    assert [row.parameter for row in s][0] == "probability[N<-N]"

    def alpha(p):
        return rmt.spectral_abscissa(rmt.Ensemble(unit, rmt.Synapses(stats.norm(-0.05, 0.07), probability=p)), "bulk", n=400)

    assert s["probability[N<-N]"].value == pytest.approx(0.2)
    assert s["probability[N<-N]"].derivative == pytest.approx((alpha(0.2 + 1e-4) - alpha(0.2 - 1e-4)) / 2e-4, rel=1e-6)
    m = rmt.marginality(ens, n=400)["probability[N<-N]"]
    assert alpha(m.marginal) == pytest.approx(0, abs=1e-9)
    with pytest.raises(ValidationError, match="pass n="):
        rmt.sensitivities(ens)


@pytest.mark.parametrize(
    "ens",
    [
        rmt.elliptic(0.4, std=0.7, leak=1.0),
        rmt.Ensemble(
            rmt.Population("N", tau=stats.uniform(1, 2), gain=stats.uniform(0.5, 0.6)),
            rmt.Synapses.dense(std=0.8),
            reciprocity=0.3,
        ),
        rmt.Ensemble(
            rmt.Population("N", tau=stats.uniform(1, 2), gain=stats.uniform(0.5, 0.6)),
            rmt.Synapses(stats.norm(0.1, 0.3), degree=9.0),
            reciprocity=rmt.Reciprocity(0.5, 0.4),
        ),
        rmt.Ensemble(
            [rmt.Population("A", 0.6, tau=1.0, gain=0.8), rmt.Population("B", 0.4, tau=2.5, gain=0.6)],
            {(a, b): rmt.Synapses.dense(std=0.9 if a == b else 0.6) for a in "AB" for b in "AB"},
            reciprocity={("A", "B"): 0.5, ("A", "A"): 0.2},
        ),
    ],
    ids=["elliptic", "dense", "sparse", "two"],
)
def test_with_reciprocity(ens):
    """The traced edge has an error of about 1e-8, so that differences of its ends know about five digits; one parameter of each kind."""
    got, seen = rmt.sensitivities(ens), set()
    for row in reversed(list(got)):
        kind = row.parameter.split("[")[0]
        if kind in seen or kind in ("all weights", "all tau") or row.value < 1e-12:
            continue  # one of each kind: a trace takes a second
        seen.add(kind)
        step = 1e-2 * abs(row.value)
        ends = [rmt.spectral_abscissa(change(ens, row.parameter, k * step), "bulk") for k in (-1, 1)]
        scale = abs(got.abscissa / row.value)
        assert row.derivative == pytest.approx((ends[1] - ends[0]) / (2 * step), rel=1e-3, abs=1e-4 * scale), row.parameter


def test_known_closed_forms():
    """Equal units: alpha = (sqrt(V) h - 1)/tau and everything by hand."""
    V, h, tau = 6 * (0.5**2 + 1.0**2), 0.3, 2.0
    ens = rmt.Ensemble(rmt.Population("N", tau=tau, gain=h), rmt.Synapses(stats.norm(-0.5, 1.0), degree=6.0))
    s = rmt.sensitivities(ens)
    root = np.sqrt(V) * h
    assert s.abscissa == pytest.approx((root - 1) / tau, rel=1e-12)
    expected = {
        "degree[N<-N]": root / tau / 12,
        "weight mean[N<-N]": root / tau * -0.5 / 1.25,
        "weight sd[N<-N]": root / tau * 1.0 / 1.25,
        "tau mean[N]": -s.abscissa / tau,
        "tau sd[N]": 0.0,
        "gain mean[N]": np.sqrt(V) / tau,
        "all weights": root / tau,
        "all tau": -s.abscissa,
    }
    for name, value in expected.items():
        assert s[name].derivative == pytest.approx(value, rel=1e-11, abs=1e-13), name
    assert s.loop_time == pytest.approx(2 * tau / root, rel=1e-12)  # 2 tau/(1 + alpha tau)


def test_the_tip_of_the_bar():
    """Where the density of tau vanishes fast and the coupling is weak, the bulk ends at -1/max(tau)."""
    tau = stats.beta(2, 6, loc=1, scale=3)
    ens = rmt.Ensemble(rmt.Population("N", tau=tau, gain=0.5), rmt.Synapses(stats.norm(0, 0.3), degree=4.0))
    s = rmt.sensitivities(ens)
    assert s.abscissa == pytest.approx(-1 / 4, rel=1e-12)
    moving = {row.parameter for row in s if row.derivative}
    assert moving == {"tau mean[N]", "tau sd[N]", "all tau"}
    for name in moving - {"all tau"}:
        ends = [rmt.spectral_abscissa(change(ens, name, k * 1e-4), "bulk") for k in (-1, 1)]
        assert s[name].derivative == pytest.approx((ends[1] - ends[0]) / 2e-4, rel=1e-6)


def with_value(ens, parameter, value, now):
    """The ensemble at a given value; the gains of E stay positive for the changes made here."""
    return change(ens, parameter, value - now)


@pytest.mark.parametrize("case", ["core", "core at n", "two", "two at n", "mixed", "dense block", "three"])
def test_marginal_values(case):
    """At the value returned, with all others held, rho(K(0)) = 1 and the bulk ends at 0."""
    ens, n = CASES[case]
    m = rmt.marginality(ens, n=n)
    assert m.edge_at_zero == pytest.approx(float(rmt.edge_function(ens, 0.0, n=n)), rel=1e-10)
    assert m.margin == pytest.approx(m.edge_at_zero**-0.5)
    assert m.memory_time == pytest.approx(-1 / rmt.spectral_abscissa(ens, "bulk", n=n))
    found = 0
    for row in m:
        if row.marginal is None:
            assert row.reason
            assert row.relative is None
            continue
        if row.parameter.startswith("gain sd") or (row.parameter.startswith("gain mean") and case == "three"):
            continue  # stretched or shifted that far these laws leave the positive numbers: next test
        try:
            there = with_value(ens, row.parameter, row.marginal, row.value)
        except ValidationError:
            assert row.parameter.startswith("gain mean")  # a shift to negative gains
            continue
        assert float(rmt.edge_function(there, 0.0, n=n)) == pytest.approx(1, abs=1e-9), row.parameter
        found += 1
    assert found >= 3
    timescales = [row for row in m if "tau" in row.parameter]
    assert timescales
    assert all(row.marginal is None for row in timescales)
    singles = [r for r in m if r.relative is not None and not r.parameter.startswith("all ")]
    assert m.nearest == min(singles, key=lambda r: abs(r.relative))


def test_marginal_gains_are_moments():
    """Any law of the gain with the mean and s.d. that are asked for makes the bulk marginal."""
    m = rmt.marginality(core())
    mean, sd = m["gain mean[I]"].value, m["gain sd[I]"].value
    for a, b in ((m["gain mean[I]"].marginal, sd), (mean, m["gain sd[I]"].marginal)):
        ens = core(gain=stats.gamma((a / b) ** 2, scale=b**2 / a))
        assert float(rmt.edge_function(ens, 0.0)) == pytest.approx(1, abs=1e-9)


def test_marginal_fraction():
    """A dense network whose I units are the strong ones: the fraction at which it becomes marginal."""

    def law(f):
        pops = [rmt.Population("E", 1 - f, tau=1.0, gain=0.7), rmt.Population("I", f, tau=2.0, gain=0.9)]
        syn = {(a, b): rmt.Synapses.dense(std=0.6 if b == "E" else 1.9) for a in "EI" for b in "EI"}
        return rmt.Ensemble(pops, {**syn, ("E", "I"): rmt.Synapses.dense(std=1.2)})

    row = rmt.marginality(law(0.2))["fraction[I]"]
    assert 0.2 < row.marginal < 1
    assert float(rmt.edge_function(law(row.marginal), 0.0)) == pytest.approx(1, abs=1e-9)
    assert rmt.marginality(law(0.2))["fraction[E]"].marginal == pytest.approx(1 - row.marginal)


def test_unstable_without():
    """Where a loop is unstable by itself, no change elsewhere helps, and the reason says so."""
    ens = two({("E", "E"): rmt.Synapses(stats.norm(0, 3.0), degree=5)})
    m = rmt.marginality(ens)
    assert m.edge_at_zero > 1
    assert m.memory_time == np.inf
    assert m["degree[I<-I]"].marginal is None
    assert "unstable without" in m["degree[I<-I]"].reason
    assert 0 < m["degree[E<-E]"].marginal < 5
    assert m.to_dict()["memory_time"] is None


def test_near_criticality_the_memory_time_is_the_loop_time_over_the_distance():
    ens = two()
    zero = rmt.marginality(ens).edge_at_zero

    def scaled(target):
        return change(ens, "all weights", np.sqrt(target / zero) - 1)

    loop = rmt.sensitivities(scaled(1.0)).loop_time
    miss = [abs(rmt.marginality(scaled(1 - e)).memory_time * e / loop - 1) for e in (1e-2, 1e-3)]
    assert miss[1] < 0.15 * miss[0] < 0.01  # the correction is of first order in the distance


def test_tables_and_json():
    s, m = rmt.sensitivities(two()), rmt.marginality(two())
    assert len(s) == len(list(s)) == len(s.to_dict()["parameters"])
    assert len(m) == len(list(m)) == len(m.to_dict()["parameters"])
    assert [r.parameter for r in s] == [r.parameter for r in m]
    json.dumps([s.to_dict(), m.to_dict()], allow_nan=False)
    assert "degree[E<-I]" in str(s)
    assert "never" in str(m)
    with pytest.raises(ValidationError, match="there are"):
        s["degree[I<-X]"]


def test_refusals():
    ens = core()
    for what in (rmt.sensitivities, rmt.marginality):
        with pytest.raises(NotApplicableError, match="fit"):
            what(ens.sample(50, seed=0))
        with pytest.raises(ValidationError, match="takes an Ensemble"):
            what(3.0)
        with pytest.raises(ValidationError, match="wiring"):
            what(ens, wiring="fixed")
    with pytest.raises(NotApplicableError, match="symmetric"):
        rmt.sensitivities(rmt.wigner())
    with pytest.raises(NotApplicableError, match="no bulk"):
        rmt.sensitivities(rmt.Ensemble(rmt.Population("N"), {}))
    with pytest.raises(NotApplicableError, match="leak"):
        rmt.marginality(rmt.ginibre())
    with pytest.raises(NotApplicableError, match="reciprocal"):
        rmt.marginality(rmt.elliptic(0.3, leak=1.0))
    pair = rmt.Ensemble(
        two().populations, {key: rmt.Synapses(stats.norm(0, 0.4), degree=4) for key in two().synapses},
        reciprocity=rmt.Reciprocity(0.5, 0.2),
    )  # fmt: skip
    with pytest.raises(NotApplicableError, match="minimum over the two directions"):
        rmt.sensitivities(pair)
    none = rmt.marginality(rmt.Ensemble(rmt.Population("N"), {}))
    assert none.edge_at_zero == 0
    assert none.nearest is None
    json.dumps(none.to_dict(), allow_nan=False)


# --- maps and the tip ----------------------------------------------------------------------------------


def test_map_against_the_general_routine():
    tau = stats.beta(2, 2, loc=20, scale=105)
    nodes, p = rmt.as_law(tau).nodes(200)
    drives = np.array([[0.3, 0.9], [1.0, 3.0]])
    got = memory.abscissa_map(drives, nodes, p)
    for d, x in zip(drives.ravel(), got.ravel(), strict=True):
        ens = rmt.Ensemble(rmt.Population("N", tau=tau), rmt.Synapses(stats.norm(0, np.sqrt(d / 5)), degree=5))
        assert x == pytest.approx(rmt.spectral_abscissa(ens, "bulk"), rel=1e-8, abs=1e-12)
    assert abs(got[1, 0]) < 1e-14
    scaled = memory.abscissa_map(drives, 10 * nodes, p)  # time scales
    np.testing.assert_allclose(10 * scaled, got, rtol=1e-10, atol=1e-13)
    np.testing.assert_allclose(memory.abscissa_map(4 * drives, nodes, p, leak=2.0), 2 * got, rtol=1e-10, atol=1e-13)


def test_newton_climbs_to_the_abscissa(monkeypatch):
    """The power mean is increasing and concave in x, and no iterate of the map's Newton method lies right of the root."""
    rng, seen = np.random.default_rng(3), []
    add = np.sum

    class Spy:
        """numpy for the module, with the points at which its power mean is evaluated recorded."""

        def __getattr__(self, name):
            return getattr(np, name)

        def sum(self, array, *rest, **kind):
            seen.append(np.array(array))
            return add(array, *rest, **kind)

    monkeypatch.setattr(memory, "np", Spy())
    for _ in range(20):
        tau, p, drive = rng.uniform(0.5, 20, 5), rng.dirichlet(np.ones(5)), rng.uniform(0.05, 3)
        seen.clear()
        root = float(memory.abscissa_map(drive, tau, p))
        x = np.linspace(-1 / tau.max(), root + 1, 400)[1:]
        mean = (p / (1 + np.multiply.outer(x, tau)) ** 2).sum(-1) ** -0.5
        assert np.all(np.diff(mean) > 0)
        assert np.all(np.diff(mean, 2) < 1e-12)
        terms = [s.ravel() for s in seen if s.shape == (1, 5) and np.all(s > 0)]
        # the terms p/(1 + x tau)^2 of each step give x; the first sums of the map are of p tau and p
        points = [(np.sqrt(p / s) - 1) / tau for s in terms]
        points = [v.mean() for v in points if np.ptp(v) < 1e-9 * (1 + np.abs(v).max())]
        assert len(points) >= 2
        assert np.all(np.diff(points) > -1e-12 * (1 + abs(root)))
        assert max(points) <= root + 1e-12 * (1 + abs(root))


@pytest.mark.parametrize("bad", [{"drive": -1.0}, {"tau": [0.0]}, {"weight": [0.5]}, {"leak": 0.0}, {"drive": np.nan}])
def test_map_refuses(bad):
    with pytest.raises(ValidationError):
        memory.abscissa_map(**{"drive": 1.0, "tau": [1.0], "weight": [1.0], **bad})


def test_density_at_the_tip():
    """The full saddle point next to the edge. It approaches its value there as a fractional power of the depth, for which
    Aitken's extrapolation is made; the rest is the next power, a few per cent at this depth."""
    unit = rmt.Population("N", tau=stats.beta(2, 2, loc=0.5, scale=1.5), gain=stats.beta(2, 3, loc=0.3, scale=0.7))
    ens = rmt.Ensemble(unit, rmt.Synapses(stats.norm(0, 0.6), degree=8.0))
    t = memory.tip(ens)
    depth = np.array([0.02, 0.01, 0.005])
    far, near, nearest = rmt.density(ens, t.abscissa - depth, tol=1e-5).value
    limit = nearest - (nearest - near) ** 2 / (nearest - 2 * near + far)
    assert limit == pytest.approx(t.density, rel=0.03)
    assert far > near > nearest > t.density
    assert t.fourth > 0.4  # so that the dense density would be off by 80 %
    assert t.loop_time == pytest.approx(rmt.sensitivities(ens).loop_time, rel=1e-9)


def test_shape_of_the_tip():
    ens = core()
    t = memory.tip(ens)
    x = t.abscissa - 1e-3 * t.radius
    y = np.sqrt(2 * t.radius * (t.abscissa - x))
    assert float(rmt.edge_function(ens, x + 1j * y)) == pytest.approx(1, abs=1e-5)
    dense = memory.tip(rmt.ginibre(leak=1.0))
    assert dense.density == pytest.approx(1 / np.pi)
    assert dense.fourth == 0
    assert dense.share(0.0) == 0
    whole = memory.tip(rmt.core_periphery())
    alone = rmt.core_periphery().populations[1]
    alone = memory.tip(
        rmt.Ensemble(rmt.Population("I", joint=alone.joint), rmt.core_periphery().synapses["I", "I"])
    )
    assert whole.density == pytest.approx(0.2 * alone.density)  # density counts all units


def test_tip_refuses():
    with pytest.raises(NotApplicableError, match="populations together"):
        memory.tip(two())
    with pytest.raises(NotApplicableError, match="reciprocal"):
        memory.tip(rmt.elliptic(0.3))
    with pytest.raises(ValidationError, match="not negative"):
        memory.tip(core()).share(-1.0)


# --- the same equations as sympy objects ---------------------------------------------------------------


def test_kernel_is_the_symbolic_derivative():
    """Two populations with atoms for laws: -d det/dp : d det/dx of the symbolic edge matrix."""
    atoms = {"E": [(1.0, 0.5, 0.4), (2.0, 0.9, 0.6)], "I": [(3.0, 0.7, 0.5), (1.5, 0.4, 0.5)]}
    values = {("E", "E"): 0.4, ("E", "I"): 0.8, ("I", "E"): 1.1, ("I", "I"): 0.3}
    pops = [
        rmt.Population(
            name, 0.5, joint=rmt.EmpiricalJoint(np.repeat([t for t, _, _ in law], [round(10 * p) for _, _, p in law]),
                                                np.repeat([h for _, h, _ in law], [round(10 * p) for _, _, p in law])),
        )
        for name, law in atoms.items()
    ]  # fmt: skip
    ens = rmt.Ensemble(pops, {key: rmt.Synapses(stats.norm(0, np.sqrt(v / 2)), degree=2.0) for key, v in values.items()})
    s = rmt.sensitivities(ens)
    K = eqs.edge_on_axis(("E", "I"))
    table = {sp.Symbol(f"V_{a}{b}", nonnegative=True): v for (a, b), v in values.items()}
    table |= {S.ell: 1, S.x: s.abscissa, eqs.memory_symbols.delta: 0, eqs.memory_symbols.s: 1}

    def number(expr):
        return float(symbolic.evaluate(expr, atoms).subs(table))

    for (a, b), v in values.items():
        by_v = number(eqs.implicit_derivative(K, sp.Symbol(f"V_{a}{b}", nonnegative=True)))
        assert s[f"degree[{a}<-{b}]"].derivative == pytest.approx(by_v * v / 2, rel=1e-10)
        assert s[f"weight sd[{a}<-{b}]"].derivative == pytest.approx(by_v * 4 * np.sqrt(v / 2), rel=1e-10)
    for b in "EI":
        for kind in ("tau", "gain"):
            law = getattr(ens.population(b).joint, kind)
            moved = eqs.moved(K, kind, sp.Float(law.mean(), 17), b)
            shift, stretch = (number(eqs.implicit_derivative(moved, x)) for x in (eqs.memory_symbols.delta, eqs.memory_symbols.s))
            assert s[f"{kind} mean[{b}]"].derivative == pytest.approx(shift, rel=1e-9)
            assert s[f"{kind} sd[{b}]"].derivative == pytest.approx(stretch / np.sqrt(law.var()), rel=1e-9)


@pytest.mark.parametrize("n", [None, 60])
def test_marginal_values_are_the_symbolic_ones(n):
    mu, sigma, c, mean, sd, leak = -0.7, 1.1, 4.0, 0.3, 0.1, 1.2
    unit = rmt.Population("N", tau=2.0, gain=rmt.Discrete([mean - sd, mean + sd], [0.5, 0.5]))
    ens = rmt.Ensemble(unit, rmt.Synapses(stats.norm(mu, sigma), degree=c), leak=leak)
    m, P = rmt.marginality(ens, n=n), eqs.memory_symbols
    table = {S.mu: mu, S.sigma: sigma, S.c: c, P.h1: mean, P.hsd: sd, S.ell: leak, P.S: 60 - 1}
    for name, expr in eqs.marginal_values(finite=n is not None).items():
        value = complex(expr.subs(table).evalf())
        row = m[{"degree": "degree[N<-N]", "all weights": "all weights"}.get(name, f"{name.removesuffix(' squared')}"
                + ("[N<-N]" if name.startswith("weight") else "[N]"))]  # fmt: skip
        if name.endswith("squared"):
            if value.real < 0:
                assert row.marginal is None
            else:
                assert row.marginal**2 == pytest.approx(value.real, rel=1e-10), name
        elif abs(value.imag) > 1e-12 or value.real > 59:
            assert row.marginal is None
            assert "not enough" in row.reason
        else:
            assert row.marginal == pytest.approx(value.real, rel=1e-10), name


def test_tip_is_the_symbolic_one():
    atoms = [(1.0, 0.5, 0.4), (2.0, 0.9, 0.6)]
    joint = rmt.EmpiricalJoint(np.repeat([1.0, 2.0], [2, 3]), np.repeat([0.5, 0.9], [2, 3]))
    ens = rmt.Ensemble(rmt.Population("N", joint=joint), rmt.Synapses(stats.norm(0.1, 0.2), degree=12.0))
    t, weight = memory.tip(ens), rmt.as_law(stats.norm(0.1, 0.2))
    expr = symbolic.evaluate(eqs.tip_density(), atoms)
    expr = expr.subs({S.z: t.abscissa, S.zbar: t.abscissa, S.ell: 1, S.c: 12})
    expr = expr.replace(lambda e: isinstance(e, symbolic.SynapseAverage), lambda e: sp.Float(weight.moment(4)))
    assert float(expr.doit()) == pytest.approx(t.density, rel=1e-6)
    P = eqs.memory_symbols
    m1, m2 = (
        sum(p * tau**k * h**2 / (1 + t.abscissa * tau) ** (2 + k) for tau, h, p in atoms)
        / sum(p * h**2 / (1 + t.abscissa * tau) ** 2 for tau, h, p in atoms)
        for k in (1, 2)
    )
    assert t.radius == pytest.approx(m1 / m2, rel=1e-10)
    share = eqs.tip_share().subs({P.m1: m1, P.m2: m2, S.rho: t.density, sp.Symbol("delta", positive=True): 0.03})
    assert float(share) == pytest.approx(t.share(0.03), rel=1e-10)


def test_an_outlier_ahead_of_the_bulk_is_named():
    """Excitation with a mean: one real eigenvalue of the mean structure leads, where M <h> = leak + z tau."""
    tau, gain, mean = 2.0, 0.5, 4.0
    pop = rmt.Population("E", tau=tau, gain=gain)
    ens = rmt.Ensemble(pop, rmt.Synapses(stats.norm(mean / 10, 0.1), degree=10.0))
    m = rmt.marginality(ens)
    assert m.outlier == pytest.approx((mean * gain - 1) / tau)
    assert m.outlier.real > m.abscissa
    assert m.to_dict()["outlier"] == [m.outlier.real, 0.0]
    assert "to its right, at 0.5" in str(m)
    assert rmt.marginality(rmt.core_periphery()).outlier is None


def mean_driven(kind, factor=1.0):
    """Ensembles whose outlier is marginal before the bulk: one that drifts, one that oscillates; all weights times a factor."""
    if kind == "drift":
        unit = rmt.Population("E", 1.0, tau=stats.uniform(0.5, 1.0))
        return rmt.Ensemble(unit, rmt.Synapses(stats.norm(0.04 * factor, 0.03 * factor), degree=20.0))
    units = [rmt.Population("E", 0.8, tau=1.0), rmt.Population("I", 0.2, tau=stats.uniform(2, 1))]
    means = {("E", "E"): 2.0, ("E", "I"): -3.0, ("I", "E"): 3.0, ("I", "I"): -0.5}
    return rmt.Ensemble(units, {k: rmt.Synapses.dense(mean=m * factor, std=0.3 * factor) for k, m in means.items()})


@pytest.mark.parametrize("kind", ["drift", "oscillation"])
def test_outlier_margin(kind):
    found = rmt.marginality(mean_driven(kind))
    assert found.first == found.outlier_margin < found.margin
    for factor, sign in ((0.99, -1), (1.01, 1)):
        ahead = rmt.outliers(mean_driven(kind, factor * found.outlier_margin))
        assert sign * ahead.real.max() > 0
    touching = rmt.outliers(mean_driven(kind, found.outlier_margin))
    assert abs(touching.real.max()) < 1e-9
    assert (np.abs(touching.imag).max() > 0.1) == (kind == "oscillation")
    assert "before the bulk" in str(found)
    assert found.to_dict()["first"] == found.first


def test_no_outlier_margin_without_means():
    found = rmt.marginality(rmt.ginibre(0.5, leak=1.0))
    assert found.outlier_margin == np.inf
    assert found.first == found.margin
    assert found.to_dict()["outlier_margin"] is None


def test_a_critical_fraction_where_the_edge_matrix_has_rank_one():
    """Inputs from units drawn at random: V = c (f_E <w_E^2> + f_I <w_I^2>) <h^2> for every target, linear in the fraction."""

    def mixed(f):
        pops = [rmt.Population("E", 1 - f, gain=0.3), rmt.Population("I", f, gain=0.3)]
        size, share = {"E": 0.5, "I": 1.5}, {"E": 1 - f, "I": f}
        return rmt.Ensemble(pops, {(a, b): rmt.Synapses(stats.norm(0, size[b]), degree=20 * share[b]) for a in "EI" for b in "EI"})

    change = rmt.marginality(mixed(0.2), wiring="probability")["fraction[I]"]
    expected = (1 / (20 * 0.09) - 0.25) / 2.0
    assert change.marginal == pytest.approx(expected, rel=1e-12)
    assert rmt.marginality(mixed(expected)).edge_at_zero == pytest.approx(1, rel=1e-12)
