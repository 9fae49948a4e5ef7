"""Arguments that were once taken silently for something else, and what cannot be changed afterwards."""

import concurrent.futures
import copy
import pickle

import numpy as np
import pytest
from scipy import stats

import rmtlib as rmt
from rmtlib import Population, Synapses, ValidationError, as_law

DENSE = rmt.ginibre()
SPARSE = rmt.Ensemble(
    [Population("A", 0.5), Population("B", 0.5)],
    {("A", "B"): Synapses(1.0, degree=2), ("B", "A"): Synapses(1.0, degree=2)},
    reciprocity={("A", "B"): rmt.Reciprocity(0.5)},
)


@pytest.mark.parametrize("name", ["populations", "names", "fractions", "leak", "synapses", "reciprocity", "balanced"])
def test_an_ensemble_is_immutable(name):
    before = getattr(SPARSE, name)
    with pytest.raises(AttributeError, match=f"an Ensemble is immutable, {name!r} cannot be changed"):
        setattr(SPARSE, name, before)
    with pytest.raises(AttributeError, match="immutable"):
        delattr(SPARSE, name)
    assert getattr(SPARSE, name) is before or getattr(SPARSE, name) == before


def test_the_dicts_of_an_ensemble_are_its_own():
    synapses, pairs = {("A", "A"): Synapses(1.0, degree=2)}, {("A", "A"): rmt.Reciprocity(0.5)}
    ens = rmt.Ensemble(Population("A"), synapses, pairs)
    synapses.clear()
    pairs.clear()
    with pytest.raises(TypeError):
        ens.synapses["A", "A"] = Synapses(5.0, degree=2)
    with pytest.raises(TypeError):
        ens.reciprocity["A", "A"] = rmt.Reciprocity(0.1)
    assert ens.input_variance() == 2.0
    assert ens.scaled_time(2.0).reciprocal_covariance() == 1.0


@pytest.mark.parametrize("clone", [copy.copy, copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))])
@pytest.mark.parametrize("ens", [DENSE, SPARSE, rmt.elliptic(0.3)])
def test_an_immutable_ensemble_can_be_copied(clone, ens):
    twin = clone(ens)
    assert twin.describe() == ens.describe()
    first, second = (x.sample(30, seed=1, sparse=False).weights for x in (ens, twin))
    assert np.array_equal(first, second)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Synapses(1.0, degree=4, std=2.0), r"made by Synapses.dense\(std=, mean=\)"),
        (lambda: Synapses(stats.norm(), std=2.0), r"made by Synapses.dense\(std=, mean=\)"),
        (lambda: Synapses(1.0, degree=4, mean=2.0), r"made by Synapses.dense\(std=, mean=\)"),
        (lambda: Synapses(1.0, degree="4"), "degree must be a number, got '4'"),
        (lambda: Synapses(1.0, probability="0.5"), "probability must be a number, got '0.5'"),
        (lambda: Synapses.dense("1"), "std must be a number, got '1'"),
        (lambda: Synapses.dense(1.0, b"1"), "mean must be a number, got b'1'"),
        (lambda: Population("E", "0.5"), "fraction must be a number, got '0.5'"),
        (lambda: Population("E", tau=(20, 30)), r"population 'E': cannot read the tuple \(20, 30\) as a law"),
        (lambda: Population("E", tau=stats.uniform), r"uniform has free parameters: freeze it, as in stats.uniform"),
        (lambda: Population("E", tau=["10", "20"]), "cannot read list"),
        (lambda: as_law((1.0,)), "for an interval stats.uniform"),
        (lambda: as_law(stats.norm), "freeze it, as in stats.norm"),
        (lambda: as_law(stats.planck), "free parameters"),
        (lambda: as_law(np.ma.masked_invalid([1.0, np.nan])), "masked"),
        (lambda: rmt.Empirical(["1", "2"]), "must be real numbers .got strings"),
        (lambda: rmt.EmpiricalJoint(["1", "2"], [1.0, 1.0]), "EmpiricalJoint tau: values must be real numbers"),
        (lambda: rmt.EmpiricalJoint(np.ma.array([1.0, 2.0], mask=[0, 1]), [1.0, 1.0]), "some values are masked"),
        (lambda: rmt.ginibre(1e200), "std must be below 1e150"),
        (lambda: rmt.ginibre(10**400), "std must be finite"),
        (lambda: Synapses(1e200, degree=1), "second moment of Constant.1e.200. overflows"),
        (lambda: DENSE.population("X"), r"^no population 'X'; populations are \['all'\]"),
        (
            lambda: rmt.Ensemble(Population("A", sign=1), Synapses.dense(1.0, 5.0)),
            "use sparse Synapses .entries of order",
        ),
        (lambda: rmt.Ensemble(Population("A", sign=1), Synapses.dense(0.0, -5.0)), "use a mean of that sign"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


def test_a_long_wrong_number_is_not_printed_whole():
    with pytest.raises(ValidationError, match="leak must be a number") as caught:
        rmt.ginibre(leak=np.ones(400))
    assert len(str(caught.value)) < 200


def test_what_still_is_a_law():
    assert as_law([20, 30]).mean() == 25.0
    table = stats.rv_discrete(name="table", values=([1, 3], [0.25, 0.75]))
    assert as_law(table).mean() == pytest.approx(2.5)
    histogram = stats.rv_histogram(np.histogram([0.0, 1.0], bins=1), density=False)
    assert as_law(histogram).mean() == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ens": rmt.Network(np.eye(2))}, "draws from an Ensemble, got Network"),
        ({"func": None}, "func must be a function of one Network, got None"),
        ({"executor": 4}, r"executor must be a concurrent.futures.Executor, e.g. ProcessPoolExecutor\(4\), got 4"),
        ({"executor": concurrent.futures.ThreadPoolExecutor}, "executor must be"),
        ({"n": 0}, "n, the number of units, must be at least 1"),
        ({"count": "3"}, "count, the number of networks, must be an integer"),
    ],
)
def test_arguments_of_sample_many(change, message):
    arguments = {"ens": DENSE, "n": 5, "count": 2, "seed": 0, "func": len, "progress": False}
    with pytest.raises(ValidationError, match=message):
        rmt.sample_many(**{**arguments, **change})


def test_points_and_parts_that_mean_nothing():
    with pytest.raises(ValidationError, match="z cannot be read as an array"):
        rmt.resolvent(DENSE, [[1.0, 2.0], [3.0]])
    with pytest.raises(ValidationError, match="parts is empty"):
        rmt.spectral_abscissa(DENSE, parts=())


def test_resolvent_at_an_eigenvalue():
    with pytest.raises(rmt.ConvergenceError, match="the point is an eigenvalue of the matrix"):
        rmt.resolvent(np.diag([1.0, 2.0]), 1.0)


def test_a_solution_is_an_array_in_arithmetic():
    g = rmt.resolvent(DENSE, [2.0, 4.0j])
    for got, expected in [
        (2 * g - 1, 2 * g.value - 1),
        (1 / g, 1 / g.value),
        (np.arange(2) + g, np.arange(2) + g.value),
        (g - g, np.zeros(2)),
        (abs(g), abs(g.value)),
        (np.conj(g), g.value.conj()),
        (np.sum(g), g.value.sum()),
        (g == g.value, [True, True]),
    ]:
        assert not isinstance(got, rmt.Solution)
        assert np.array_equal(got, expected)
    total = np.zeros(2, complex)
    total += g
    assert np.array_equal(total, g.value)
    with pytest.raises(TypeError):
        g += 1  # the error estimates would no longer belong to the value
    density = rmt.density(DENSE, [0.1, 0.2])
    assert np.max(density) == density.value.max()
    assert f"{density[0]:.4f}" == "0.3183"
    assert f"{density}" == repr(density)
