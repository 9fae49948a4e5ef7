"""The single-defect approximation against direct sampling of its own definition, its derivative, and the exact theory."""

import doctest

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib.errors import NotApplicableError
from rmtlib.laws import Discrete
from rmtlib.theory import single_defect

TAU, GAIN = stats.beta(2, 2, loc=0.5, scale=1.5), stats.beta(2, 3, loc=0.3, scale=0.7)


def one(weight, degree):
    return rmt.Ensemble(rmt.Population("unit", tau=TAU, gain=GAIN), rmt.Synapses(weight, degree=degree))


def two():
    e = rmt.Population("E", 0.6, tau=stats.uniform(0.5, 1.0), gain=GAIN, sign=1)
    i = rmt.Population("I", 0.4, tau=TAU, gain=0.8, sign=-1)
    degree = {("E", "E"): 3, ("E", "I"): 4.5, ("I", "E"): 1.5, ("I", "I"): 3}
    law = {"E": Discrete([0.4, 0.9], [0.5, 0.5]), "I": -0.9}
    return rmt.Ensemble([e, i], {k: rmt.Synapses(law[k[1]], degree=c) for k, c in degree.items()})


def solve(ens, z, quantity="resolvent", **options):
    return getattr(rmt, quantity)(ens, z, method="single-defect", **options)


def test_doctests():
    assert doctest.testmod(single_defect).failed == 0


def compound(rng, degree, law, size):
    """Sums of a Poisson number of squared weights."""
    count = rng.poisson(degree, size)
    where = np.repeat(np.arange(size), count)
    return np.bincount(where, law.sample(count.sum(), rng) ** 2, minlength=size)


def test_against_its_definition_by_sampling():
    ens, z, draws, rng = two(), -0.7 + 0.5j, 400_000, np.random.default_rng(4)
    # the medium, found again by plain iteration over sampled units
    tau, gain = (np.array([getattr(p, k).sample(draws, rng) for p in ens.populations]) for k in ("tau", "gain"))
    b2 = np.abs(1 + z * tau) ** 2 / gain**2
    v = ens.input_variance()
    w = v.T * ens.fractions[None, :] / ens.fractions[:, None]
    x = y = np.ones(2)
    for _ in range(300):
        phi = np.mean(1 / (b2 + (x * y)[:, None]), -1)
        x, y = np.sqrt(x * (v @ (phi * x))), np.sqrt(y * (w @ (phi * y)))
        k = np.sqrt(x.sum() / y.sum())
        x, y = x / k, y * k
    g = 0.0
    for a, p in enumerate(ens.populations):
        self_in, self_out = np.zeros(draws), np.zeros(draws)
        for b, q in enumerate(ens.populations):
            into, out = ens.synapses[p.name, q.name], ens.synapses[q.name, p.name]
            self_in += phi[b] * x[b] * compound(rng, into.degree, into.weight, draws)
            degree = out.degree * ens.fractions[b] / ens.fractions[a]
            self_out += phi[b] * y[b] * compound(rng, degree, out.weight, draws)
        terms = tau[a] / (1 + z * tau[a]) * b2[a] / (b2[a] + self_in * self_out)
        g = g + ens.fractions[a] * terms.mean()
    # 400 000 draws of terms of size 1 scatter by 0.0016, the sampled medium by as much again
    assert abs(solve(ens, z).value - g) < 0.008


@pytest.mark.parametrize("ens", [one(stats.norm(0, 0.9), 4), two()], ids=["one population", "two populations"])
def test_density_is_the_derivative_of_the_resolvent(ens):
    z, h = -0.6 + 0.35j, 1e-3
    g = solve(ens, z + h * np.array([1, -1, 1j, -1j, 2, -2, 2j, -2j]), tol=1e-11).value
    slope = (8 * (g[0] - g[1]) - (g[4] - g[5])) / (12 * h), (8 * (g[2] - g[3]) - (g[6] - g[7])) / (12 * h)
    # fourth-order differences: h^4 times fifth derivatives, and 1e-11/h of rounding
    assert abs((slope[0] + 1j * slope[1]).real / (2 * np.pi) - solve(ens, z, "density").value) < 1e-7


def test_stated_errors_and_tolerance():
    ens = one(stats.norm(0, 0.9), 4)
    inside = np.array([-0.8 + 0.3j, -0.5 + 0.2j, -1.5 + 0.5j])
    for quantity, z in (("resolvent", np.append(inside, -0.7)), ("density", inside)):  # -0.7 lies on the bar
        rough, fine = (solve(ens, z, quantity, tol=tol) for tol in (1e-4, 1e-10))
        assert np.all(np.abs(rough.value - fine.value) <= rough.error)
        assert np.all(fine.error <= 1e-10 * 10)  # |g| and the density are below 10 here


def test_between_effective_medium_and_exact():
    z = np.array([-0.8 + 0.3j, -0.8 + 0.8j, -0.5 + 0.2j])
    for degree in (4, 10, 40):
        ens = one(stats.norm(0, 1.8 / degree**0.5), degree)
        exact = rmt.resolvent(ens, z, method="saddle").value
        medium, defect = (np.abs(rmt.resolvent(ens, z, method=m).value - exact) for m in ("dense", "single-defect"))
        assert np.all(defect < 0.7 * medium)
        # both of order 1/c: seen to lie between 0.1 and 2 over c
        assert np.max(medium) < 3 / degree


def test_outside_the_support_and_conjugation():
    ens = one(stats.norm(0, 0.9), 4)
    outside = solve(ens, [3.0, 3 + 1j])
    exact = rmt.resolvent(ens, [3.0, 3 + 1j], method="saddle").value
    assert np.max(np.abs(outside.value - exact)) < 1e-10  # analytic there: both are <tau/(1 + z tau)>
    assert np.all(solve(ens, [3.0, 3 + 1j], "density").value == 0)
    z = -0.6 + 0.35j
    assert abs(solve(ens, np.conj(z)).value - np.conj(solve(ens, z).value)) < 1e-15


def test_time_units():
    slow = one(stats.norm(0, 0.9), 4)
    fast = rmt.Ensemble(slow.populations[0].scaled_time(1e-3), slow.synapses)
    z = -0.6 + 0.35j
    # g(z/s; s tau) = s g(z; tau)
    assert abs(solve(fast, 1e3 * z).value * 1e3 - solve(slow, z).value) < 1e-12


def test_bad_input():
    ens = one(stats.norm(0, 0.9), 4)
    with pytest.raises(NotApplicableError, match="eta = 0"):
        solve(ens, 0.1, eta=0.1)
    with pytest.raises(NotApplicableError, match="leave n out"):
        solve(ens, 0.1, n=100)
    with pytest.raises(NotApplicableError, match="dense"):
        solve(rmt.ginibre(), 0.1)
