"""Networks, their files, and the input that must be refused."""

import copy
import gc
import pickle
import re
import warnings
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd
import pytest
import scipy.io
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

import rmtlib as rmt
import rmtlib.reading
from rmtlib import Network, Population, Reciprocity, Synapses, ValidationError


def example(sparse=True, labels=True):
    net = rmt.core_periphery().sample(120, seed=0)
    weights = net.weights if sparse else net.weights.toarray()
    return Network(weights, net.tau, net.gain, net.labels if labels else None, leak=0.7)


def equal(first, second):
    dense = [net.weights.toarray() if net.is_sparse else net.weights for net in (first, second)]
    labels = (first.labels is None) == (second.labels is None) and np.array_equal(first.labels, second.labels)
    return (
        labels
        and first.leak == second.leak
        and np.array_equal(dense[0], dense[1])
        and np.array_equal(first.tau, second.tau)
        and np.array_equal(first.gain, second.gain)
    )


# --------------------------------------------------------------------------------------- Jacobian


@given(st.integers(1, 8), st.integers(0, 2**31), st.floats(0.0, 2.0), st.booleans())
@settings(deadline=None, max_examples=40)
def test_jacobian(n, seed, leak, sparse):
    rng = np.random.default_rng(seed)
    w = rng.normal(size=(n, n)) * (rng.random((n, n)) < 0.5)
    tau, h = rng.uniform(1, 5, n), rng.uniform(0, 1, n)
    net = Network(sp.csr_array(w) if sparse else w, tau, h, leak=leak)
    expected = np.diag(1 / tau) @ (-leak * np.eye(n) + w @ np.diag(h))
    assert np.allclose(net.jacobian().toarray(), expected, atol=1e-14)
    assert np.allclose(net.dense_jacobian(), expected, atol=1e-14)
    again = Network.from_jacobian(net.jacobian())
    assert np.allclose(again.jacobian().toarray(), expected, atol=1e-14)


@pytest.mark.parametrize("sparse", [True, False])
def test_from_jacobian_with_timescales(sparse):
    net = Network(example(sparse).weights, example().tau)
    jacobian = net.jacobian() if sparse else net.dense_jacobian()
    again = Network.from_jacobian(jacobian, diagonal=True)
    assert np.allclose(again.tau, net.tau)
    assert np.allclose(again.jacobian().toarray(), net.jacobian().toarray(), atol=1e-13)
    assert not again.weights.diagonal().any()
    with pytest.raises(ValidationError, match=r"J\[1, 1\] = 0.5 is not negative"):
        Network.from_jacobian([[-1.0, 0.0], [0.0, 0.5]], diagonal=True)


def test_a_network_owns_its_arrays():
    w, tau = np.ones((2, 2)), np.ones(2)
    net = Network(w, tau)
    w[0, 0] = tau[0] = 7.0
    assert net.weights[0, 0] == net.tau[0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        net.weights[0, 0] = 2.0
    stored_zero = sp.csr_array((np.array([0.0, 1.0]), (np.array([0, 1]), np.array([1, 0]))), shape=(2, 2))
    assert Network(stored_zero).synapse_count == 1


def test_subnetworks():
    net = example()
    core = net.subnetwork("I")
    index = np.flatnonzero(net.labels == "I")
    assert np.array_equal(core.weights.toarray(), net.weights.toarray()[np.ix_(index, index)])
    assert equal(core, net.subnetwork(index))
    assert equal(core, net.subnetwork(net.labels == "I"))
    assert net.subnetwork([5, -1]).tau.tolist() == [net.tau[5], net.tau[-1]]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("X", "no unit has the label 'X'; labels are \\['E', 'I'\\]"),
        ([120], "must lie in 0..119"),
        ([1, 1], "once only"),
        ([], "select units by"),
        ([0.5], "select units by"),
        (np.ones(3, bool), "one entry a unit"),
    ],
)
def test_bad_selection(which, message):
    with pytest.raises(ValidationError, match=message):
        example().subnetwork(which)


# ------------------------------------------------------------------------------------------ files


@pytest.mark.parametrize("ending", ["npz", "mat"])
@pytest.mark.parametrize("sparse", [True, False])
@pytest.mark.parametrize("labels", [True, False])
def test_round_trip(tmp_path, ending, sparse, labels):
    net = example(sparse, labels)
    path = tmp_path / f"net.{ending}"
    net.save(path)
    again = rmt.load(path)
    assert equal(again, net)
    assert again.is_sparse == sparse
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert equal(pickle.loads(pickle.dumps(net)), net)


@given(st.integers(1, 6), st.integers(0, 2**31))
@settings(deadline=None, max_examples=25)
def test_round_trip_of_any_network(tmp_path_factory, n, seed):
    rng = np.random.default_rng(seed)
    w = sp.random_array((n, n), density=0.4, rng=rng, format="csr")
    net = Network(w, rng.uniform(0.1, 9, n), rng.normal(size=n), leak=rng.normal())
    path = tmp_path_factory.mktemp("any")
    for name in ("a.npz", "a.mat"):
        net.save(path / name)
        assert equal(rmt.load(path / name), net)


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "net.npz"
    example().save(path)
    before = path.read_bytes()

    def fail(file, **fields):
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez_compressed", fail)
    with pytest.raises(OSError, match="disk full"):
        example(labels=False).save(path)
    assert path.read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 1


def test_edge_lists(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text("# measured\nsource,target,weight\n0,1,0.5\n2, 0, -1.5\n")
    net = rmt.load(path, tau=3.0, n=4)
    assert net.n == 4
    assert net.weights[1, 0] == 0.5  # W[target, source]
    assert net.weights[0, 2] == -1.5
    assert net.tau.tolist() == [3.0] * 4
    path = tmp_path / "net.tsv"
    path.write_text("0\t1\t0.5\n")
    assert rmt.load(path).n == 2


def test_matlab_names(tmp_path):
    scipy.io.savemat(tmp_path / "m.mat", {"W": np.eye(3), "tau": 2.0})
    net = rmt.load(tmp_path / "m.mat", gain=0.5)
    assert net.tau.tolist() == [2.0] * 3
    assert net.gain.tolist() == [0.5] * 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "0,1\n", "line 1: expected source, target, weight; got 2 columns"),
        ("a.csv", "0,1,1\n0,x,2\n", "line 2: expected two unit numbers"),
        ("a.csv", "0,1,nan\n", "line 1: units are numbered from 0 and weights are finite"),
        ("a.csv", "0,-1,1\n", "line 1: units are numbered from 0"),
        ("a.csv", "source,target,weight\n", "lists no synapse"),
        ("a.csv", "0,1,1\n0,1,2\n", "more than once"),
        ("a.npz", "not a zip", "not a readable .npz file"),
        ("a.mat", "not matlab", "not a readable .mat file"),
        ("a.txt", "0,1,1", "expected .npz, .npy, .mat, .csv or .tsv"),
    ],
)
def test_bad_files(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValidationError, match=message):
        rmt.load(tmp_path / name)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such file"):
        rmt.load(tmp_path / "none.npz")


@pytest.mark.parametrize("part", [0.2, 0.6, 0.97])
def test_truncated_file(tmp_path, part):
    path = tmp_path / "net.npz"
    example().save(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(part * len(data))])
    with pytest.raises(ValidationError, match="truncated or damaged"):
        rmt.load(path)


def test_pickles_are_never_loaded(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (pytest.fail, ("a pickle was executed",))

    path = tmp_path / "net.npz"
    np.savez(path, weights=np.array([Bomb()], dtype=object), tau=np.ones(1))
    with pytest.raises(ValidationError, match="pickled objects, which are never loaded"):
        rmt.load(path)
    path.write_bytes(pickle.dumps(example()))
    with pytest.raises(ValidationError, match="pickled"):
        rmt.load(path)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tau": np.ones(2)}, "holds no variable 'weights'"),
        ({"weights": np.eye(2), "tau": np.array([1.0, -1.0])}, "net.npz: tau must be positive"),
        ({"weights": np.eye(2), "format": np.int64(99)}, "newer rmtlib"),
        ({"data": np.ones(1), "tau": np.ones(2)}, "lacks indices"),
        (
            {"data": np.ones(1), "indices": np.array([9]), "indptr": np.array([0, 1, 1]), "tau": np.ones(2)},
            "inconsistent sparse matrix",
        ),
    ],
)
def test_bad_contents(tmp_path, fields, message):
    np.savez(tmp_path / "net.npz", **fields)
    with pytest.raises(ValidationError, match=message):
        rmt.load(tmp_path / "net.npz")


def test_unknown_ending(tmp_path):
    with pytest.raises(ValidationError, match="must end in .npz or .mat"):
        example().save(tmp_path / "net.csv")


# ------------------------------------------------------------------------------- refused networks

W = np.array([[0.0, 1.0], [1.0, 0.0]])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network(np.ones((2, 3))), r"square matrix .* got shape \(2, 3\)"),
        (lambda: Network(sp.csr_array(np.ones((2, 3)))), "square matrix"),
        (lambda: Network(np.ones(4)), "square matrix"),
        (lambda: Network(np.zeros((0, 0))), "at least one unit"),
        (lambda: Network([[np.nan, 1], [1, np.inf]]), "weights hold 2 NaN or infinite values"),
        (lambda: Network(sp.csr_array([[np.nan, 1], [1, 0]])), "weights hold 1 NaN"),
        (lambda: Network(W + 1j), "weights must be real"),
        (lambda: Network([["a", "b"], ["c", "d"]]), "weights must be numbers"),
        (lambda: Network(W, tau=0.0), "tau must be positive, unit 0 has 0"),
        (lambda: Network(W, tau=[1.0, -2.0]), "tau must be positive, unit 1 has -2"),
        (lambda: Network(W, tau=[1.0, np.nan]), "tau holds 1 NaN or infinite values .first at unit 1"),
        (lambda: Network(W, tau=np.inf), "tau holds 2 NaN or infinite"),
        (lambda: Network(W, tau=[1.0, 2.0, 3.0]), r"tau has shape \(3,\), but the weights are 2 x 2"),
        (lambda: Network(W, gain=[1.0]), r"gain has shape \(1,\)"),
        (lambda: Network(W, gain=[np.inf, 1.0]), "gain holds 1 NaN or infinite"),
        (lambda: Network(W, labels=["a"]), r"labels have shape \(1,\), but there are 2 units"),
        (lambda: Network(W, labels=[1, 2]), "labels must be strings"),
        (lambda: Network(W, leak=np.nan), "leak must be finite"),
        (lambda: Network(W, leak="one"), "leak must be a number"),
    ],
)
def test_bad_networks(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


# ------------------------------------------------------------------------------- refused ensembles

A, B = Population("A", 0.5), Population("B", 0.5)
S = Synapses(1.0, degree=2)
GAMMA = stats.gamma(2)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Population("A", tau=0.0),
            "population 'A': the law of tau, Constant.0., has probability 1 at or below 0",
        ),
        (lambda: Population("A", tau=-3), "has probability 1 at or below 0, and a timescale must be positive"),
        (lambda: Population("A", tau=stats.norm(20, 5)), "has probability 3.17e-05 at or below 0"),
        (lambda: Population("A", tau=[1.0, -1.0]), "probability 0.5 at or below 0"),
        (lambda: Population("A", tau=np.nan), "population 'A': Constant: 1 of 1 values are NaN"),
        (lambda: Population("A", gain=-0.1), "the law of the gain, .* has probability 1 below 0"),
        (lambda: Population("A", gain=stats.norm(0.5, 1)), "use a law on non-negative numbers"),
        (lambda: Population("A", gain=np.inf), "values are NaN or infinite"),
        (lambda: Population("A", gain="big"), "population 'A': cannot read 'big' as a law"),
        (lambda: Population("A", 0.0), r"fraction must lie in \(0, 1\], got 0"),
        (lambda: Population("A", 1.2), r"fraction must lie in \(0, 1\]"),
        (lambda: Population("A", "half"), "fraction must be a number"),
        (lambda: Population("A", sign=2), "sign must be"),
        (lambda: Population(""), "non-empty string"),
        (lambda: Population("A", tau=1.0, joint=rmt.Independent(1.0, 1.0)), "not both"),
        (lambda: Population("A", joint=(1.0, 1.0)), "must be a joint law"),
        (lambda: Population("A", joint=rmt.EmpiricalJoint([1.0, 0.0], [1.0, 1.0])), "probability 0.5 at or below 0"),
        (lambda: Synapses(1.0), "give exactly one of degree"),
        (lambda: Synapses(1.0, degree=2, probability=0.1), "give exactly one of degree"),
        (lambda: Synapses(1.0, degree=-1), "degree must not be negative, got -1"),
        (lambda: Synapses(1.0, degree=np.nan), "degree must be finite"),
        (lambda: Synapses(1.0, probability=1.5), r"probability must lie in \[0, 1\], got 1.5"),
        (lambda: Synapses(np.nan, degree=1), "Synapses weight: Constant: 1 of 1 values are NaN"),
        (lambda: Synapses(stats.cauchy(), degree=1), "no finite variance"),
        (lambda: Synapses.dense(-1.0), "std must not be negative"),
        (lambda: Synapses.dense(1.0, np.inf), "mean must be finite"),
        (lambda: Synapses.dense(1.0, entries=stats.expon()), "mean 0 and variance 1, got 1 and 1"),
        (lambda: Reciprocity(1.5), r"fraction must lie in \[0, 1\]"),
        (lambda: Reciprocity(0.5, -2), r"correlation must lie in \[-1, 1\]"),
        (lambda: rmt.Ensemble([A, Population("B", 0.6)], {}), "must sum to 1, they sum to 1.1"),
        (lambda: rmt.Ensemble([A, A], {}), "different names"),
        (lambda: rmt.Ensemble([], {}), "at least one Population"),
        (lambda: rmt.Ensemble([A, B], S), "give synapses as a dict"),
        (lambda: rmt.Ensemble([A, B], [S]), "synapses must be a dict"),
        (lambda: rmt.Ensemble([A, B], {("A", "C"): S}), "unknown population 'C'; populations are"),
        (lambda: rmt.Ensemble([A, B], {"AB": S}), "keys of synapses are .target, source. pairs"),
        (lambda: rmt.Ensemble([A, B], {("A", "B"): 3.0}), "expected Synapses"),
        (lambda: rmt.Ensemble([A, B], {("A", "B"): S}, leak=np.nan), "leak must be finite"),
        (lambda: rmt.dale(2, 2, GAMMA, GAMMA), "Dale's law .sign=-1. is set for population 'I'"),
        (lambda: rmt.dale(2, 2, stats.norm(3, 1), -1.0), "Dale's law .sign=.1. is set for population 'E'"),
        (
            lambda: rmt.Ensemble(Population("A", sign=1), Synapses.dense(1.0, 5.0)),
            "weights between -inf and inf, but Dale's law",
        ),
        (lambda: rmt.Ensemble([A, B], {("A", "B"): S}, reciprocity=Reciprocity(0.5)), "no two populations"),
        (lambda: rmt.Ensemble(Population("A"), S, reciprocity=0.5), "sparse synapses need a Reciprocity"),
        (
            lambda: rmt.Ensemble(Population("A"), Synapses(GAMMA, degree=2), reciprocity=Reciprocity(0, 0.5)),
            "needs reciprocal pairs, so a fraction > 0",
        ),
        (lambda: rmt.Ensemble(Population("A"), S, reciprocity=Reciprocity(0.5, 0.5)), "laws without atoms"),
        (
            lambda: rmt.Ensemble(Population("A"), S, reciprocity={("A", "X"): Reciprocity(0.5)}),
            "unknown population 'X'",
        ),
        (lambda: rmt.elliptic(1.5), r"correlation must lie in \[-1, 1\]"),
        (
            lambda: rmt.Ensemble(Population("A"), Synapses(1.0, probability=0.8), reciprocity=Reciprocity(0.2)),
            r"need p \+ q - fraction \* min\(p, q\) <= 1, got 1.44",
        ),
        (lambda: rmt.Ensemble(Population("A"), S, balanced=True), "needs dense synapses"),
        (lambda: rmt.block([0.5, 0.5], [[1.0]]), "need std and mean of shape"),
        (lambda: rmt.rajan_abbott(1.0, 1, 1, 1, 1), r"fraction must lie in \(0, 1\], got 0"),
        (lambda: rmt.core_periphery().sample(0), "must be at least 1, got 0"),
        (lambda: rmt.core_periphery().sample(-5), "must be at least 1, got -5"),
        (lambda: rmt.core_periphery().sample(10.5), "must be an integer, got 10.5"),
        (lambda: rmt.core_periphery().sample(True), "must be an integer, got True"),
        (lambda: rmt.core_periphery().sample(20), "degree 6 exceeds the"),
        (lambda: rmt.core_periphery().sample(100, seed=-1), "seed must be a non-negative integer"),
        (lambda: rmt.core_periphery().sample(100, seed="a"), "seed must be a non-negative integer"),
        (lambda: rmt.core_periphery().sample(100, sparse="yes"), "sparse must be"),
        (lambda: rmt.ginibre().sample(10**7), "n=10000000: an all-to-all network needs about .* GB"),
        (lambda: rmt.core_periphery().sample(10**7, sparse=False), "needs about 800,000 GB"),
        (lambda: rmt.sample_many(rmt.ginibre(), 5, 0, 0, len), "number of networks, must be at least 1"),
        (lambda: rmt.ginibre().scaled_time(-1.0), "needs a positive factor"),
        (lambda: rmt.ginibre().nodes("X"), "no population 'X'"),
        (
            lambda: rmt.Ensemble(Population("A"), Synapses(1.0, probability=0.1)).input_variance(),
            "have a fixed probability, .* pass n=",
        ),
    ],
)
def test_bad_ensembles(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


# --------------------------------------------------------------------------------- sound ensembles


@given(st.lists(st.integers(1, 50), min_size=1, max_size=5), st.integers(1, 1000))
@settings(deadline=None, max_examples=60)
def test_sizes(parts, n):
    fractions = np.array(parts) / sum(parts)
    populations = [Population(str(k), f) for k, f in enumerate(fractions)]
    sizes = rmt.Ensemble(populations, {}).sizes(n)
    assert sizes.sum() == n
    assert np.all(np.abs(sizes - n * fractions) < 1)


def test_scaled_time_divides_the_spectrum():
    ens = rmt.core_periphery()
    fast, slow = ens.sample(200, seed=3), ens.scaled_time(10.0).sample(200, seed=3)
    assert np.allclose(slow.tau, 10 * fast.tau)
    assert np.allclose(rmt.eigenvalues(slow), rmt.eigenvalues(fast) / 10)


def test_pruned_columns_and_labels():
    net = rmt.core_periphery(fraction_inhibitory=0.25).sample(400, seed=0)
    assert (net.labels == "I").sum() == 100
    assert net.weights[:, :300].nnz == 0
    assert net.weights[:300][:, 300:].nnz > 0
    assert net.tau[net.labels == "I"].mean() > net.tau[net.labels == "E"].mean() + 20


def test_dale_signs():
    net = rmt.dale(4, 2, GAMMA, rmt.as_law(GAMMA).scaled(-2)).sample(200, seed=0)
    assert net.weights[:, :160].data.min() > 0
    assert net.weights[:, 160:].data.max() < 0


def test_an_ensemble_without_synapses():
    net = rmt.Ensemble(Population("A", tau=[1.0, 2.0]), {}).sample(10, seed=0)
    assert net.weights.nnz == 0
    assert set(rmt.eigenvalues(net)) <= {-1.0, -0.5}


def test_describe_names_everything():
    text = rmt.rajan_abbott(0.8, 1, -4, 1, 2, balanced=True).describe()
    for part in ("E: fraction 0.8", "I -> E: Synapses.dense(std=2, mean=-4)", "sums to zero"):
        assert part in text


def test_masked_weights_are_refused():
    masked = np.ma.masked_array(np.ones((2, 2)), mask=[[True, False], [False, False]])
    with pytest.raises(ValidationError, match="masked"):
        Network(masked)
    assert Network(np.ma.masked_array(np.ones((2, 2)))).synapse_count == 4


def test_saved_file_has_ordinary_permissions(tmp_path):
    (tmp_path / "plain").write_text("")
    for name in ("net.npz", "net.mat"):
        example().save(tmp_path / name)
        assert (tmp_path / name).stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_save_names_the_missing_directory(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such directory"):
        example().save(tmp_path / "none" / "net.npz")


def test_npz_with_a_strange_format(tmp_path):
    np.savez(tmp_path / "net.npz", format="x", weights=np.ones((2, 2)))
    with pytest.raises(ValidationError, match="format"):
        rmt.load(tmp_path / "net.npz")


def test_edge_lists_from_spreadsheets_and_databases(tmp_path):
    path = tmp_path / "net.csv"
    path.write_bytes(b"\xef\xbb\xbf0,1,2.0\n")  # byte-order mark
    assert rmt.load(path).weights.toarray().tolist() == [[0, 0], [2, 0]]
    path.write_bytes(b"0,1,2.0\n0,\xff,1.0\n")
    with pytest.raises(ValidationError, match="line 2"):
        rmt.load(path)
    path.write_text("0,1,2.0\n1,720575940600000000,1.0\n")
    with pytest.raises(ValidationError, match="identifiers"):
        rmt.load(path)


def test_a_network_is_immutable():
    net = example()
    for name in ("tau", "weights", "leak", "anything"):
        with pytest.raises(AttributeError, match=f"cannot set '{name}': a Network is immutable; make a new one"):
            setattr(net, name, -1.0)
    with pytest.raises(AttributeError, match="immutable"):
        del net.tau
    assert equal(copy.deepcopy(net), net)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Network([[1.0, 2.0], [np.nan, 1.0]]), r"first at W\[1, 0\]"),
        (lambda: Network(sp.csr_array([[1.0, 2.0], [0.0, np.inf]])), r"first at W\[1, 1\]"),
        (lambda: Network(np.ones(2), W), r"the arguments are \(weights, tau, gain\)"),
        (lambda: Network(W.astype(object)), r"dtype object: convert with .astype\(float\)"),
        (lambda: Network(W, tau=stats.gamma(2)), "tau must be numbers, got <scipy"),
        (lambda: Network(W, leak=np.ones(400)), r"leak must be a number, got an array of shape \(400,\)$"),
        (lambda: Network(rmt.ginibre()), r"an Ensemble is a law of networks.* ensemble.sample\(n, seed"),
    ],
)
def test_messages_say_what_to_do(make, message):
    with pytest.raises(ValidationError, match=message):
        make()


# file contents and W[target, source] of the two synapses 0 -> 1 (0.5) and 2 -> 0 (-1.5)
@pytest.mark.parametrize(
    "header",
    [
        "source,target,weight",
        "target,source,weight",
        "to,from,w",
        "Post,Pre,W",
        "weight,pre_id,post_id",
        "presynaptic neuron,strength,postsynaptic neuron",
        "# target,source,weight",
    ],
)
def test_a_header_decides_the_order(tmp_path, header):
    order = rmtlib.reading._columns(header.lstrip("# ").split(","))
    assert sorted(order) == [0, 1, 2]
    lines = [header]
    for values in (("0", "1", "0.5"), ("2", "0", "-1.5")):
        cells = [""] * 3
        for role, value in zip(order, values, strict=True):
            cells[role] = value
        lines.append(",".join(cells))
    path = tmp_path / "net.csv"
    path.write_text("\n".join(lines))
    assert rmt.load(path).weights.toarray().tolist() == [[0, 0, -1.5], [0.5, 0, 0], [0, 0, 0]]


def test_a_transposed_list_is_not_read_as_it_stands(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text("target,source,weight\n1,0,0.5\n")
    assert rmt.load(path).weights[1, 0] == 0.5


@pytest.mark.parametrize("header", ["i,j,w", "a,b,c", "source,source,weight", "source,weight,delay"])
def test_an_unknown_header_is_refused(tmp_path, header):
    path = tmp_path / "net.csv"
    path.write_text(f"{header}\n0,1,1\n")
    with pytest.raises(
        ValidationError, match="line 1: cannot tell from the header .* name them source, target, weight"
    ):
        rmt.load(path)


def test_headers_that_contradict_each_other(tmp_path):
    path = tmp_path / "net.csv"
    path.write_text("# target,source,weight\nsource,target,weight\n0,1,1\n")
    with pytest.raises(ValidationError, match="line 2: cannot tell"):
        rmt.load(path)


@pytest.mark.parametrize("unit", [90_000_000, 3_000_000_000, 10**30])
def test_unit_numbers_that_are_identifiers(tmp_path, unit):
    path = tmp_path / "e.csv"
    path.write_text(f"0,1,1\n0,{unit},1\n")
    with pytest.raises(ValidationError, match=rf"e.csv, line 2: unit number {unit}, but only 3 units .*np.unique"):
        rmt.load(path)


@pytest.mark.parametrize(
    ("n", "message"),
    [
        (2.5, "n, the number of units, must be an integer, got 2.5"),
        (0, "must be at least 1"),
        (True, "must be an integer"),
        (10**13, "n=10000000000000 units do not fit"),
        (10**30, "units do not fit"),
        (2, r"line 2: unit number 2, but n=2 units are numbered 0..1; is the list numbered from 1\?"),
    ],
)
def test_the_number_of_units_of_an_edge_list(tmp_path, n, message):
    path = tmp_path / "e.csv"
    path.write_text("1,1,1\n1,2,1\n")
    with pytest.raises(ValidationError, match=message):
        rmt.load(path, n=n)


def test_a_list_numbered_from_one_warns(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("1,2,1\n2,1,1\n")
    with pytest.warns(UserWarning, match="unit 0 has no synapse; is the list numbered from 1"):
        assert rmt.load(path).n == 3
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert rmt.load(path, n=3).n == 3  # said so


@pytest.mark.parametrize("kind", ["csr", "csc", "coo", "bsr", "dia"])
def test_matrices_saved_by_scipy(tmp_path, kind):
    path = tmp_path / "w.npz"
    sp.save_npz(path, sp.csr_array([[0.0, 2.0], [0.0, 3.0]]).asformat(kind))
    net = rmt.load(path, tau=4.0)
    assert net.weights.toarray().tolist() == [[0, 2], [0, 3]]
    assert net.tau.tolist() == [4, 4]


def test_a_damaged_matrix_saved_by_scipy(tmp_path):
    path = tmp_path / "w.npz"
    broken = {"indices": np.array([9]), "indptr": np.array([0, 1, 1]), "data": np.ones(1), "shape": np.array([2, 2])}
    np.savez(path, format=np.array(b"csc"), **broken)
    with pytest.raises(ValidationError, match="inconsistent sparse matrix"):
        rmt.load(path)


@pytest.mark.filterwarnings("error")
def test_damaged_and_pickled_files_are_told_apart(tmp_path):
    path = tmp_path / "net.npz"
    np.savez(path, weights=np.array([None]), tau=np.ones(1))
    with pytest.raises(ValidationError, match="pickled objects, which are never loaded") as info:
        rmt.load(path)
    assert "truncated" not in str(info.value)
    example().save(path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(ValidationError, match="truncated or damaged") as info:
        rmt.load(path)
    assert "pickle" not in str(info.value)
    gc.collect()  # an unclosed file would warn here


# ------------------------------------------------------------------------------ matrices as text

SQUARE = np.array([[0.0, 0.5, -1.0], [2.0, 0.0, 0.25], [0.0, -3.0, 1.0]])


def lines(rows, delimiter=","):
    return "\n".join(delimiter.join(str(cell) for cell in row) for row in rows) + "\n"


@pytest.mark.parametrize("size", [2, 4, 5])
@pytest.mark.parametrize("delimiter", [",", "\t"])
def test_a_matrix_of_numbers(tmp_path, size, delimiter):
    w = np.random.default_rng(size).normal(size=(size, size)).round(3)
    path = tmp_path / ("w.csv" if delimiter == "," else "w.tsv")
    path.write_text("# weights\n" + lines(w.tolist(), delimiter))
    net = rmt.load(path)
    assert np.array_equal(net.weights, w)
    assert net.names is None
    np.savetxt(path, w, delimiter=delimiter)
    assert np.array_equal(rmt.load(path, kind="matrix").weights, w)
    assert np.array_equal(rmt.load(path, transpose=True).weights, w.T)


@pytest.mark.parametrize("above", ["none", "names", "corner"])
@pytest.mark.parametrize("left", [True, False])
def test_a_matrix_with_names(tmp_path, above, left):
    names = ["A", "B", "C"]
    rows = [([name] if left else []) + row.tolist() for name, row in zip(names, SQUARE, strict=True)]
    if above != "none":
        rows.insert(0, (["" if above == "corner" else "unit"] if left else []) + names)
    path = tmp_path / "w.csv"
    path.write_text(lines(rows))
    net = rmt.load(path, kind="matrix")
    weights = net.weights.toarray() if net.is_sparse else net.weights
    assert np.array_equal(weights, SQUARE)
    assert net.names is None if above == "none" and not left else net.names.tolist() == names


def test_columns_follow_the_order_of_the_rows(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text(",C,A,B\nA,-1,0,0.5\nB,0.25,2,0\nC,1,0,-3\n")
    net = rmt.load(path)
    assert net.names.tolist() == ["A", "B", "C"]
    assert np.array_equal(net.weights, SQUARE)


def test_a_frame_written_by_pandas_comes_back(tmp_path):
    frame = pd.DataFrame(SQUARE)
    frame.to_csv(tmp_path / "plain.csv")
    net = rmt.load(tmp_path / "plain.csv")  # an empty corner: 0, 1, 2 above and on the left are names
    assert np.array_equal(net.weights, SQUARE)
    frame.to_csv(tmp_path / "bare.csv", header=False, index=False)
    assert np.array_equal(rmt.load(tmp_path / "bare.csv").weights, SQUARE)


def test_sparse_where_most_entries_are_zero(tmp_path):
    w = np.diag(np.arange(1.0, 9.0))
    np.savetxt(tmp_path / "w.csv", w, delimiter=",")
    net = rmt.load(tmp_path / "w.csv")
    assert net.is_sparse
    assert np.array_equal(net.weights.toarray(), w)


def test_what_may_be_a_matrix_or_a_list_is_refused(tmp_path):
    path = tmp_path / "w.csv"
    path.write_text("0,1,2\n1,0,3\n2,1,0\n")
    with pytest.raises(ValidationError, match="may be a 3 x 3 matrix or a list of three synapses: say kind='matrix'"):
        rmt.load(path)
    assert rmt.load(path, kind="matrix").weights.tolist() == [[0, 1, 2], [1, 0, 3], [2, 1, 0]]
    assert rmt.load(path, kind="edges").weights.toarray().tolist() == [[0, 3, 0], [2, 0, 0], [0, 0, 0]]
    path.write_text("i,j,w\n0,1,2\n1,0,3\n2,1,0\n")
    with pytest.raises(ValidationError, match="may be a 3 x 3 matrix"):
        rmt.load(path)
    path.write_text("i,j,w\n0,0.5,2\n1,0,3\n2,1,0\n")
    assert rmt.load(path).names.tolist() == ["i", "j", "w"]
    path.write_text("source,target,weight\n0,1,2\n1,0,3\n2,1,0\n")
    assert rmt.load(path).synapse_count == 2  # the header says so
    path.write_text("0,1,2\n1,0,3.5\n2,1,0\n0,2,1\n")
    assert rmt.load(path).synapse_count == 3  # four lines are no 3 x 3 matrix; a weight of 0 is no synapse
    path.write_text("0,0.5,2\n1,0,3\n2,1,0\n")
    assert rmt.load(path).weights[0, 1] == 0.5  # 0.5 is no unit


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("1,2\n3,4\n5,6\n", "expected source, target, weight; got 2 columns"),
        ("1,2,3,4\n5,6,7,8\n", "square, this one has 2 rows and 4 columns"),
        ("1,2,3,4\n5,6,7\n1,1,1,1\n1,1,1,1\n", "line 2: 3 columns, but the first row has 4"),
        ("1,2,3,x\n" * 4, "column 4 is no number: 'x'|header has|square"),
        ("1,2,3,4\n1,,3,4\n1,2,3,4\n1,2,3,4\n", "line 2: column 2 is empty: write 0 for an absent synapse"),
        ("1,2,3,nan\n" * 4, r"w.csv: weights hold 4 NaN or infinite values, first at W\[0, 3\]"),
        ("1,2,3,inf\n" * 4, "NaN or infinite"),
        (",A,B\nA,0,1\nC,1,0\n", r"name the same units, each once; not in both: \['B', 'C'\]"),
        (",A,A\nA,0,1\nA,1,0\n", "the same units, each once"),
        ("A,A,A,A\n" + "1,2,3,4\n" * 4, "two units have the name 'A'"),
        ("a,b,c,d\n", "only the header"),
        ("", "lists no synapse"),
        ("# nothing\n\n", "lists no synapse"),
        ("0;1;2\n1;2;3\n", "separated by commas"),
        ("0,1,2\0\n", "expected|zero|two unit numbers"),
        ('"0,1,2\n3,4,5\n', "."),
    ],
)
def test_bad_tables(tmp_path, content, message):
    path = tmp_path / "w.csv"
    path.write_text(content)
    with pytest.raises(ValidationError, match=message):
        rmt.load(path)
    assert [p.name for p in tmp_path.iterdir()] == ["w.csv"]


@given(st.binary(max_size=200), st.sampled_from([".csv", ".tsv", ".npz", ".npy", ".mat"]))
@settings(deadline=None, max_examples=150)
def test_no_file_ends_in_anything_but_a_network_or_a_refusal(tmp_path_factory, content, ending):
    path = tmp_path_factory.mktemp("bad") / f"w{ending}"
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            message, net = path.name, rmt.load(path)
        except ValidationError as error:
            message, net = str(error), Network([[0.0]])
    assert isinstance(net, Network)
    assert path.name in message


def test_arguments_that_do_not_belong(tmp_path):
    path = tmp_path / "w.csv"
    np.savetxt(path, np.eye(4), delimiter=",")
    for arguments, message in (
        ({"kind": "table"}, "unknown kind 'table'"),
        ({"n": 4}, "n= belongs to lists of synapses"),
        ({"repeated": "mean"}, "repeated is 'error' or 'sum'"),
        ({"kind": "named edges", "n": 3}, "n= belongs to units by number"),
    ):
        with pytest.raises(ValidationError, match=message):
            rmt.load(path, **arguments)
    example().save(tmp_path / "a.npz")
    with pytest.raises(ValidationError, match="kind= belongs to tables of text"):
        rmt.load(tmp_path / "a.npz", kind="edges")
    with pytest.raises(FileNotFoundError, match="a folder"):
        rmt.load(tmp_path)


def test_an_archive_that_unpacks_to_more_than_the_memory(tmp_path, monkeypatch):
    example().save(tmp_path / "a.npz")
    monkeypatch.setattr(rmtlib.reading, "_memory", lambda: 1000.0)
    with pytest.raises(ValidationError, match="unpacks to .* GB, more than"):
        rmt.load(tmp_path / "a.npz")


# -------------------------------------------------------------------------------------- names


@pytest.mark.parametrize("ending", ["npz", "mat"])
def test_names_are_saved(tmp_path, ending):
    net = Network(SQUARE, names=["x", "y", "z"])
    net.save(tmp_path / f"a.{ending}")
    assert rmt.load(tmp_path / f"a.{ending}").names.tolist() == ["x", "y", "z"]
    assert net.subnetwork([2, 0]).names.tolist() == ["z", "x"]
    assert copy.deepcopy(net).names.tolist() == ["x", "y", "z"]


def test_a_network_pickled_before_there_were_names():
    state = example().__getstate__()
    del state["names"]
    old = Network.__new__(Network)
    old.__setstate__(state)
    assert old.names is None


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (["a", "a", "b"], "two units have the name 'a'"),
        (["a", "b"], r"names have shape \(2,\), but there are 3 units"),
        ([1, 2, 3], "names must be strings"),
    ],
)
def test_bad_names(names, message):
    with pytest.raises(ValidationError, match=message):
        Network(SQUARE, names=names)


def test_named_edges(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("pre,post,w\nAVAL,PVCR,2\nPVCR,AVAL,-1\nADEL,AVAL,0.5\n")
    net = rmt.load(path, tau={"ADEL": 1.0, "AVAL": 2.0, "PVCR": 3.0})
    assert net.names.tolist() == ["ADEL", "AVAL", "PVCR"]
    assert net.weights.toarray().tolist() == [[0, 0, 0], [0.5, 0, -1], [0, 2, 0]]
    assert net.tau.tolist() == [1, 2, 3]
    with pytest.raises(ValidationError, match=r"e.csv: gain is missing for 2 unit\(s\), the first is 'ADEL'"):
        rmt.load(path, gain={"AVAL": 1.0})
    path.write_text("AVAL,PVCR,2\nPVCR,AVAL,-1\n")  # without a header
    assert rmt.load(path).weights.toarray().tolist() == [[0, -1], [2, 0]]
    path.write_text("a,1,2\n1,a,3\nb,a,3\n1,b,3\n")  # a name that is a number, beside others
    assert rmt.load(path, kind="named edges").names.tolist() == ["1", "a", "b"]
    for bad, message in (
        ("A,B,1\nA,,2\n", "line 2: a name is missing"),
        ("A,B,1\nA,C,nan\n", "line 2: weights are finite"),
        ("A,B,1\nA,C,x\n", "line 2: expected two names and a weight"),
        ("A,B,1\nA,B,2\n", "more than once .1 lines too many, the first pair is A -> B"),
        ("A,B,1\nA,C\n", "line 2: expected source, target, weight; got 2 columns"),
    ):
        path.write_text(bad)
        with pytest.raises(ValidationError, match=message):
            rmt.load(path)
    path.write_text("A,B,1\nA,B,2\n")
    assert rmt.load(path, repeated="sum").weights[1, 0] == 3


def test_more_columns_where_the_header_names_the_weight(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("Type,Source,Target,Weight,Reference\nchem,A,B,2,x\nchem,B,A,3,y\n")
    assert rmt.load(path).weights.toarray().tolist() == [[0, 3], [2, 0]]
    path.write_text("Type,Source,Target,Count,Reference\nchem,A,B,2,x\n")
    with pytest.raises(ValidationError, match="cannot tell from the header"):
        rmt.load(path)


def test_identifiers_are_names_if_one_says_so(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("720575940600000000,720575940600000001,1\n720575940600000001,7,2\n")
    with pytest.raises(ValidationError, match="kind='named edges'"):
        rmt.load(path)
    net = rmt.load(path, kind="named edges")
    assert net.names.tolist() == ["7", "720575940600000000", "720575940600000001"]
    assert net.weights[net.names.tolist().index("7"), net.names.tolist().index("720575940600000001")] == 2


def test_blocks_of_lines_and_single_lines_agree(tmp_path, monkeypatch):
    rng = np.random.default_rng(0)
    key = rng.permutation(900)[:400]
    rows = [f"{k // 30},{k % 30},{w:.4f}" for k, w in zip(key, rng.normal(size=400), strict=True)]
    path = tmp_path / "e.csv"
    path.write_text("\n".join(rows))
    whole = rmt.load(path, n=30)
    monkeypatch.setattr(rmtlib.reading, "_ROWS", 16)
    assert equal(rmt.load(path, n=30), whole)
    monkeypatch.setattr(rmtlib.reading, "_plain_block", lambda *_: None)
    assert equal(rmt.load(path, n=30), whole)
    monkeypatch.undo()
    monkeypatch.setattr(rmtlib.reading, "_ROWS", 16)
    for place, bad, message in (
        (300, "3,4,inf", "line 301: units are numbered"),
        (300, "3,4", "line 301: expected source"),
        (399, "3_0,4,1", "line 400: expected two unit numbers"),
        (399, "3,4,1_0", "line 400: expected two unit numbers"),
        (20, "3,4,", "line 21: expected two unit numbers"),
    ):
        path.write_text("\n".join([*rows[:place], bad, *rows[place + 1 :]]))
        with pytest.raises(ValidationError, match=message):
            rmt.load(path, n=30)
    path.write_text("\n".join([*rows[:200], "", "# a remark, with, commas", *rows[200:]]))
    assert equal(rmt.load(path, n=30), whole)


# ----------------------------------------------------------------------- values beside a network


def test_values_in_files(tmp_path):
    path = tmp_path / "e.csv"
    path.write_text("0,1,0.5\n2,0,-1.5\n")
    (tmp_path / "tau.txt").write_text("tau\n10\n20\n30\n")
    (tmp_path / "gain.csv").write_text("0.1\n0.2\n0.3\n")
    (tmp_path / "labels.tsv").write_text("# populations\nE\nE\nI\n")
    net = rmt.load(path, tau=tmp_path / "tau.txt", gain=str(tmp_path / "gain.csv"), labels=tmp_path / "labels.tsv")
    assert net.tau.tolist() == [10, 20, 30]
    assert net.gain.tolist() == [0.1, 0.2, 0.3]
    assert net.labels.tolist() == ["E", "E", "I"]
    for name, content, message in (
        ("a.txt", "10\n20\n", r"tau has shape \(2,\), but the weights are 3 x 3"),
        ("a.txt", "10\n20\nx\n", "line 3: tau is no number: 'x'"),
        ("a.csv", "10,1\n20,2\n30,3\n", "needs a header"),
        ("a.csv", "unit,gain\n0,2\n1,3\n2,3\n", "has no column for tau"),
        ("a.txt", "", "is empty"),
        ("a.npy", "", "come in .csv, .tsv or .txt"),
        ("a.txt", "10\n20\n-1\n", "tau must be positive, unit 2 has -1"),
        ("a.txt", "10\n20\nnan\n", "tau holds 1 NaN"),
    ):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValidationError, match=message):
            rmt.load(path, tau=tmp_path / name)
    with pytest.raises(FileNotFoundError, match="none.txt"):
        rmt.load(path, tau=tmp_path / "none.txt")


def test_a_table_of_units(tmp_path):
    path, units = tmp_path / "e.csv", tmp_path / "units.csv"
    path.write_text("A,B,0.5\nC,A,-1.5\n")
    units.write_text("unit,label,tau,x\nC,I,30,0.1\nB,E,20,0.2\nD,E,40,0.3\nA,E,10,0.4\n")
    net = rmt.load(path, units=units, gain=0.5)
    assert net.names.tolist() == ["C", "B", "D", "A"]  # its order, and a unit without synapses
    assert net.tau.tolist() == [30, 20, 40, 10]
    assert net.labels.tolist() == ["I", "E", "E", "E"]
    assert net.weights[3, 0] == -1.5
    assert rmt.load(path, tau=units).tau.tolist() == [10, 20, 30]  # one column, matched by name
    units.write_text("unit,tau\nA,1\nB,2\n")
    with pytest.raises(ValidationError, match=r"1 unit\(s\) with synapses are not in the list of units, the first is 'C'"):
        rmt.load(path, units=units)
    units.write_text("unit,tau\nA,1\nA,2\n")
    with pytest.raises(ValidationError, match="lists unit 'A' more than once"):
        rmt.load(path, units=units)
    units.write_text("unit,place\nA,1\n")
    with pytest.raises(ValidationError, match="names none of tau, gain, label"):
        rmt.load(path, units=units)
    # by number, in any order; identifiers become names
    path.write_text("0,1,0.5\n2,0,-1.5\n")
    units.write_text("unit,tau\n2,30\n0,10\n1,20\n3,40\n")
    net = rmt.load(path, units=units)
    assert net.tau.tolist() == [10, 20, 30, 40]
    assert net.weights[0, 2] == -1.5
    path.write_text("10,11,0.5\n12,10,-1.5\n")
    units.write_text("unit,tau\n12,30\n10,10\n11,20\n")
    net = rmt.load(path, units=units)
    assert net.names.tolist() == ["12", "10", "11"]
    assert net.weights[1, 0] == -1.5
    # a matrix: by its names, else by position
    path.write_text(",A,B\nA,0,1\nB,2,0\n")
    units.write_text("name,tau\nB,2\nA,1\n")
    assert rmt.load(path, units=units).tau.tolist() == [1, 2]
    path.write_text("0,1\n2,0\n")
    net = rmt.load(path, units=units)
    assert net.names.tolist() == ["B", "A"]
    units.write_text("tau\n1\n2\n3\n")
    with pytest.raises(ValidationError, match="has 3 rows, but there are 2 units"):
        rmt.load(path, units=units)


NAMED = "pre,post,w\nB,A,1\nC,B,2\nA,C,3\n"
HEADERS = ["", "unit", "Unit name", "unit_name", "name", "node", "index", "cell_name", "neuron_id", "body_id", "bodyId", "root_id"]
HEADERS += ["pt_root_id", "key", "Unnamed: 0", "gene"]  # the last is known to nobody: its values decide


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("place", [0, 1])
def test_units_are_found_by_name_whatever_the_header(tmp_path, header, place):
    path, units = tmp_path / "named.csv", tmp_path / "units.csv"
    path.write_text(NAMED)
    rows = [["tau", "gain", "label"], ["30", "0.3", "I"], ["10", "0.1", "E"], ["20", "0.2", "F"]]
    for row, cell in zip(rows, [header, "C", "A", "B"], strict=True):
        row.insert(place, cell)
    units.write_text(lines(rows))
    expected = {"A": (10, 0.1, "E"), "B": (20, 0.2, "F"), "C": (30, 0.3, "I")}
    net = rmt.load(path, units=units)
    found = zip(net.names.tolist(), net.tau, net.gain, net.labels.tolist(), strict=True)
    assert {name: values for name, *values in found} == {name: list(values) for name, values in expected.items()}
    assert net.weights[net.names.tolist().index("A"), net.names.tolist().index("B")] == 1
    assert rmt.load(path, tau=units).tau.tolist() == [10, 20, 30]
    net.save(tmp_path / "net.npz")  # a network whose names are its own
    assert np.array_equal(rmt.load(tmp_path / "net.npz", units=units).tau, net.tau)
    # and by number, in an order of its own
    (tmp_path / "e.csv").write_text("0,1,1\n2,0,1\n")
    units.write_text(lines(rows).replace("C", "2").replace("A", "0").replace("B", "1"))
    net = rmt.load(tmp_path / "e.csv", units=units)
    assert net.tau.tolist() == [10, 20, 30]
    assert net.labels.tolist() == ["E", "F", "I"]


def test_a_frame_of_units_written_by_pandas(tmp_path):
    path, units = tmp_path / "named.csv", tmp_path / "units.csv"
    path.write_text(NAMED)
    frame = pd.DataFrame({"tau": [30.0, 10.0, 20.0]}, index=["C", "A", "B"])
    frame.to_csv(units)
    net = rmt.load(path, units=units, gain=1.0)
    assert dict(zip(net.names.tolist(), net.tau, strict=True)) == {"A": 10, "B": 20, "C": 30}
    frame.rename_axis("cell").reset_index().to_csv(units)  # 0, 1, 2 under the empty header, names under the other
    net = rmt.load(path, units=units, gain=1.0)
    assert dict(zip(net.names.tolist(), net.tau, strict=True)) == {"A": 10, "B": 20, "C": 30}
    (tmp_path / "e.csv").write_text("0,1,1\n2,0,1\n")  # the same beside numbers: 0, 1, 2 are the order, and there are names
    net = rmt.load(tmp_path / "e.csv", units=units, gain=1.0)
    assert (net.tau.tolist(), net.names.tolist()) == ([30, 10, 20], ["C", "A", "B"])


@pytest.mark.parametrize(
    ("edges", "table", "names", "tau"),
    [  # row numbers that a program wrote give way to a column that somebody named
        ("0,1,1\n2,0,1\n", ",unit,tau\n0,2,30\n1,0,10\n2,1,20\n", None, [10, 20, 30]),
        ("0,1,1\n2,0,1\n", "index,node,tau\n2,2,30\n0,1,20\n1,0,10\n", None, [10, 20, 30]),
        ("10,11,1\n12,10,1\n", ",unit,tau\n0,12,30\n1,10,10\n2,11,20\n", ["12", "10", "11"], [30, 10, 20]),
        ("0,1,1\n2,0,1\n", ",gene_name,node,tau\n0,x,C,30\n1,y,A,10\n2,z,B,20\n", ["C", "A", "B"], [30, 10, 20]),
        (NAMED, ",id,node,tau\n1,7,C,30\n2,8,A,10\n3,9,B,20\n", ["C", "A", "B"], [30, 10, 20]),
        (NAMED, ",node,tau\n1,C,30\n2,D,10\n3,B,20\n4,A,5\n", ["C", "D", "B", "A"], [30, 10, 20, 5]),
    ],
)
def test_row_numbers_beside_units(tmp_path, edges, table, names, tau):
    (tmp_path / "e.csv").write_text(edges)
    (tmp_path / "u.csv").write_text(table)
    net = rmt.load(tmp_path / "e.csv", units=tmp_path / "u.csv", gain=1.0)
    assert net.tau.tolist() == tau
    assert names is None if net.names is None else net.names.tolist() == names


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("tau\n1\n2\n3\n", "which unit is a row about.*call that column unit .also accepted: name, neuron, cell, node"),
        ("gene,tau\nA,1\nB,2\nD,3\n", "none holds exactly the 3 names of the network"),
        ("gene,tau\nA,1\nB,2\nC,3\nD,4\n", "none holds exactly the 3 names of the network"),
        ("gene,tau\nA,1\nB,2\nA,3\n", "none holds exactly the 3 names of the network"),
        ("name,key,tau\nA,B,1\nB,C,2\nC,A,3\n", "each of the columns 'name', 'key' may say"),
        ("gene,protein,tau\nA,B,1\nB,C,2\nC,A,3\n", "each of the columns 'gene', 'protein' may say"),
        ("name,key,tau\nx,y,1\ny,z,2\nz,x,3\n", "each of the columns 'name', 'key' may say"),
        ("node,tau\nA,1\nB,2\nD,3\n", "1 unit.s. with synapses are not in the list of units, the first is 'C'"),
    ],
)
def test_a_table_that_does_not_say_which_unit_is_refused(tmp_path, table, message):
    (tmp_path / "named.csv").write_text(NAMED)
    (tmp_path / "units.csv").write_text(table)
    with pytest.raises(ValidationError, match=message):
        rmt.load(tmp_path / "named.csv", units=tmp_path / "units.csv", gain=1.0)
    square = pd.DataFrame(SQUARE, index=list("ABC"), columns=list("ABC"))
    square.to_csv(tmp_path / "w.csv")
    given = {"tau" if "," in table else "units": tmp_path / "units.csv"}  # one column would be one value a line
    with pytest.raises(ValidationError, match="units.csv: |1 unit.s. are not in the table of units, the first is 'C'"):
        rmt.load(tmp_path / "w.csv", **given)


def test_one_value_a_line_is_in_the_order_of_the_network(tmp_path):
    (tmp_path / "named.csv").write_text(NAMED)
    (tmp_path / "tau.txt").write_text("tau\n1\n2\n3\n")
    assert rmt.load(tmp_path / "named.csv", tau=tmp_path / "tau.txt").tau.tolist() == [1, 2, 3]


def test_units_by_number_in_the_order_of_rows(tmp_path):
    path, units = tmp_path / "e.csv", tmp_path / "units.csv"
    path.write_text("0,1,1\n2,0,1\n")
    units.write_text("tau,gain\n1,4\n2,5\n3,6\n")
    assert rmt.load(path, units=units).gain.tolist() == [4, 5, 6]
    units.write_text("depth,tau,gain\n0,1,4\n0,2,5\n1,3,6\n")  # no column of numbers 0, 1, 2
    assert rmt.load(path, units=units).gain.tolist() == [4, 5, 6]
    units.write_text("a,b,tau,gain\n0,2,1,4\n2,1,2,5\n1,0,3,6\n")
    with pytest.raises(ValidationError, match="each of the columns 'a', 'b' may say which unit"):
        rmt.load(path, units=units)
    # numbers from 1 that are not in order cannot be passed over
    for header in ("unit", "rank"):
        units.write_text(f"{header},tau,gain\n3,1,4\n1,2,5\n2,3,6\n")
        np.save(tmp_path / "w.npy", SQUARE)
        with pytest.raises(ValidationError, match=f"column '{header}' seems to number units from 1.* pass first=1"):
            rmt.load(tmp_path / "w.npy", units=units)
        assert rmt.load(tmp_path / "w.npy", units=units, first=1).tau.tolist() == [2, 3, 1]


def test_units_of_frames():
    edges = pd.DataFrame({"src": ["B", "C", "A"], "dst": ["A", "B", "C"], "weight": [1.0, 2.0, 3.0]})
    assert Network.from_pandas(edges).weights[0, 1] == 1  # dst is the target
    units = pd.DataFrame({"gene": ["C", "A", "B"], "tau": [30.0, 10.0, 20.0], "gain": 1.0})
    for frame in (units, units.rename(columns={"gene": "node"}), units.set_index("gene")):
        net = Network.from_pandas(edges, units=frame)
        assert dict(zip(net.names.tolist(), net.tau, strict=True)) == {"A": 10, "B": 20, "C": 30}
    with pytest.raises(ValidationError, match="the frame of units: which unit is a row about"):
        Network.from_pandas(edges, units=units.drop(columns="gene"))
    with pytest.raises(ValidationError, match="lists unit 'A' more than once"):
        Network.from_pandas(edges, units=pd.DataFrame({"unit": ["A", "A", "B", "C"], "tau": 1.0}))
    numbers = pd.DataFrame({"src": [0, 2], "dst": [1, 0], "weight": [1.0, 2.0]})
    units = pd.DataFrame({"gene": [2, 0, 1], "tau": [30.0, 10.0, 20.0], "gain": 1.0})
    assert Network.from_pandas(numbers, units=units).tau.tolist() == [10, 20, 30]
    with pytest.warns(UserWarning, match="the frame of units: column 'taus' not used; no tau in the file, taken as 1"):
        Network.from_pandas(numbers, units=pd.DataFrame({"unit": [0, 1, 2], "taus": [1.0, 5.0, 7.0], "gain": 1.0}))


# ------------------------------------------------------------------------- names that mean nothing


@pytest.mark.parametrize("ending", ["npz", "mat"])
@pytest.mark.parametrize(
    ("extra", "arguments", "said", "unsaid"),
    [
        ({"taus": 0, "g": 1}, {}, ["variables 'g', 'taus' not used", "no tau in the file, taken as 1", "no gain in"], []),
        ({"tau_ms": 0, "gain": 1}, {}, ["variable 'tau_ms' not used", "no tau in the file, taken as 1"], ["no gain"]),
        ({"tau": 0, "phi": 1}, {}, ["variable 'phi' not used", "no gain in the file, taken as 1"], ["no tau"]),
        ({"tau": 0, "phi": 1}, {"gain": 0.5}, [], []),
        ({"taus": 0, "phi": 1}, {"gain": 0.5, "tau": 2.0}, [], []),
        ({"tau": 0, "gain": 1, "loss": 0}, {}, [], []),
        ({"Tau": 0, "GAIN": 1}, {}, [], []),
        ({}, {}, [], []),
    ],
)
def test_variables_that_were_not_used(tmp_path, ending, extra, arguments, said, unsaid):
    values = ([10.0, 20.0, 30.0], [0.1, 0.2, 0.3])
    fields = {"W": SQUARE, **{name: values[k] for name, k in extra.items()}}
    path = tmp_path / f"a.{ending}"
    (np.savez if ending == "npz" else lambda path, **fields: scipy.io.savemat(path, fields))(path, **fields)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        net = rmt.load(path, **arguments)
    text = " ".join(str(w.message) for w in caught)
    assert len(caught) == bool(said)
    assert all(w.filename == __file__ for w in caught)  # points at the line of the user
    assert all(part in text for part in said), text
    assert not any(part in text for part in unsaid), text
    for k, (what, found) in enumerate((("tau", net.tau), ("gain", net.gain))):
        if what not in arguments:
            assert found.tolist() == (values[k] if {what, what.upper(), what.title()} & extra.keys() else [1, 1, 1])


@pytest.mark.parametrize("ending", ["npz", "mat"])
def test_letters_of_any_size(tmp_path, ending):
    def save(**fields):
        path = tmp_path / f"a.{ending}"
        np.savez(path, **fields) if ending == "npz" else scipy.io.savemat(path, fields)
        return path

    cells = np.array(["E", "I", "I"], dtype=object if ending == "mat" else str)
    net = rmt.load(save(Weights=SQUARE, TAU=[1.0, 2, 3], Gain=0.5, Labels=cells, Leak=0.25))
    assert np.array_equal(net.weights, SQUARE)
    assert (net.tau.tolist(), net.gain.tolist(), net.leak) == ([1, 2, 3], [0.5] * 3, 0.25)
    assert net.labels.tolist() == ["E", "I", "I"]
    assert np.array_equal(rmt.load(save(w=SQUARE), gain=1.0).weights, SQUARE)
    with pytest.warns(UserWarning, match="variable 'data' not used; no tau in the file, taken as 1"):  # theirs, not CSR
        assert np.array_equal(rmt.load(save(W=SQUARE, data=np.ones(9)), gain=1.0).weights, SQUARE)
    # a name exactly so comes first
    net = rmt.load(save(W=SQUARE, w=np.ones(3), tau=2.0, Tau=3.0, gain=1.0))
    assert np.array_equal(net.weights, SQUARE)
    assert net.tau.tolist() == [2, 2, 2]
    with pytest.raises(ValidationError, match="the variables TAU, Tau may each be tau"):
        rmt.load(save(W=SQUARE, TAU=2.0, Tau=3.0))


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("ending", ["npz", "mat"])
@pytest.mark.parametrize("sparse", [True, False])
def test_no_warning_about_what_save_writes(tmp_path, ending, sparse):
    example(sparse).save(tmp_path / f"a.{ending}")
    assert equal(rmt.load(tmp_path / f"a.{ending}"), example(sparse))
    sp.save_npz(tmp_path / "w.npz", sp.csr_array(SQUARE))
    rmt.load(tmp_path / "w.npz")


@pytest.mark.parametrize(
    ("table", "arguments", "said"),
    [
        ("unit,taus,gain\n0,5,1\n1,6,1\n2,7,1\n", {}, "units.csv: column 'taus' not used; no tau in the file, taken as 1"),
        ("unit,tau,g,h\n0,5,1,\n1,6,1,2\n2,7,1,3\n", {}, "columns 'g', 'h' not used; no gain in the file, taken as 1"),
        ("unit,taus,gain\n0,5,1\n1,6,1\n2,7,1\n", {"tau": 2.0}, None),
        ("unit,label,transmitter\n0,E,Glu\n1,E,\n2,I,GABA\n", {}, None),  # no timescale under another name
        ("rank,tau,label\n2,5,E\n0,6,E\n1,7,I\n", {}, None),  # the column of units is used
        ("unit,x,y,tau,gain\n0,1,1,5,1\n1,1,1,5,1\n2,1,1,5,1\n", {}, None),
    ],
)
def test_columns_of_units_that_were_not_used(tmp_path, table, arguments, said):
    (tmp_path / "e.csv").write_text("0,1,1\n2,0,1\n")
    (tmp_path / "units.csv").write_text(table)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rmt.load(tmp_path / "e.csv", units=tmp_path / "units.csv", **arguments)
    assert len(caught) == (said is not None)
    assert said is None or said in str(caught[0].message)


# ----------------------------------------------------------------------------- numbers from one


def test_lists_numbered_from_one(tmp_path, monkeypatch):
    path, units = tmp_path / "e.csv", tmp_path / "units.csv"
    path.write_text("1,2,0.5\n3,1,-1.5\n")
    with pytest.warns(UserWarning, match="is the list numbered from 1. Then pass first=1"):
        assert rmt.load(path).n == 4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = rmt.load(path, first=1, tau=[10, 20, 30])
        assert net.weights.toarray().tolist() == [[0, 0, -1.5], [0.5, 0, 0], [0, 0, 0]]
        assert net.names is None
        assert rmt.load(path, first=1, n=5).n == 5
        assert rmt.load(path, first=1, tau={1: 10.0, 2: 20.0, 3: 30.0}).tau.tolist() == [10, 20, 30]
        monkeypatch.setattr(rmtlib.reading, "_ROWS", 1)  # later blocks
        assert rmt.load(path, first=1).weights.toarray().tolist() == net.weights.toarray().tolist()
        monkeypatch.undo()
        for header in ("unit", "gene"):  # the table counts as the list does
            units.write_text(f"{header},tau,gain\n3,30,1\n1,10,1\n2,20,1\n")
            assert rmt.load(path, units=units, first=1).tau.tolist() == [10, 20, 30]
            assert rmt.load(path, tau=units, first=1).tau.tolist() == [10, 20, 30]
    # what becomes of it without: never a silent shift
    with pytest.warns(UserWarning, match="first=1"), pytest.raises(ValidationError, match=r"tau has shape \(3,\).*pass first=1"):
        rmt.load(path, tau=[10, 20, 30])
    with pytest.warns(UserWarning, match="first=1"), pytest.raises(ValidationError, match=r"labels have shape.*pass first=1"):
        rmt.load(path, labels=["E", "E", "I"])
    with pytest.warns(UserWarning, match="first=1"), pytest.raises(ValidationError, match=r"tau is missing for 1 unit.*pass first=1"):
        rmt.load(path, tau={1: 10.0, 2: 20.0, 3: 30.0})
    with pytest.raises(ValidationError, match="numbered 0..2; is the list numbered from 1. Then pass first=1"):
        rmt.load(path, units=units)
    units.write_text("gene,tau,gain\n1,10,1\n2,20,1\n3,30,1\n4,40,1\n")  # the last one has no synapse
    with pytest.raises(ValidationError, match="column 'gene' seems to number units from 1.*pass first=1"):
        rmt.load(path, units=units)
    assert rmt.load(path, units=units, first=1).tau.tolist() == [10, 20, 30, 40]
    # what does not belong
    for content, arguments, message in (
        ("0,1,1\n", {"first": 1}, "line 1: units are numbered from 1 and weights are finite"),
        ("1,4,1\n", {"first": 1, "n": 3}, "unit number 4, but n=3 units are numbered 1..3"),
        ("1,2,1\n1,2,1\n", {"first": 1}, "the first pair is 1 -> 2"),
        ("A,B,1\n", {"first": 1}, "first= belongs to units by number"),
        (",A,B\nA,0,1\nB,1,0\n", {"first": 1}, "first= belongs to units by number"),
        ("1,2,1\n", {"first": -1}, "first is the number of the first unit, 0 or 1 as a rule, got -1"),
        ("1,2,1\n", {"first": True}, "first is the number of the first unit"),
        ("1,2,1\n", {"first": 0.5}, "first is the number of the first unit"),
    ):
        path.write_text(content)
        with pytest.raises(ValidationError, match=message):
            rmt.load(path, **arguments)


def test_objects_numbered_from_one():
    weights = [[0, 0, -1.5], [0.5, 0, 0], [0, 0, 0]]
    net = Network.from_edges([1, 3], [2, 1], [0.5, -1.5], first=1, tau={1: 10.0, 2: 20.0, 3: 30.0})
    assert (net.weights.toarray().tolist(), net.tau.tolist()) == (weights, [10, 20, 30])
    frame = pd.DataFrame({"source": [1, 3], "target": [2, 1], "weight": [0.5, -1.5]})
    units = pd.DataFrame({"unit": [3, 2, 1], "tau": [30.0, 20.0, 10.0], "gain": 1.0})
    net = Network.from_pandas(frame, units=units, first=1)
    assert (net.weights.toarray().tolist(), net.tau.tolist()) == (weights, [10, 20, 30])
    with pytest.warns(UserWarning, match="Then pass first=1"):
        Network.from_edges([1], [2], 1.0)
    for make in (
        lambda: Network.from_edges([0], [2], 1.0, first=1),
        lambda: Network.from_edges(["a"], ["b"], 1.0, first=1),
        lambda: Network.from_pandas(frame.astype({"source": str, "target": str}), first=1),
        lambda: Network.from_pandas(pd.DataFrame(W, index=["a", "b"], columns=["a", "b"]), first=1),
    ):
        with pytest.raises(ValidationError, match="numbered from 1, got 0|belongs to units by number"):
            make()


# ------------------------------------------------------------------------ no weights, no commas


@pytest.mark.parametrize("content", ["source,target\n0,1\n1,0\n", "pre,post\nA,B\n", "source,target,size,kind\n0,1,2,x\n"])
def test_a_list_without_weights(tmp_path, content):
    path = tmp_path / "e.csv"
    path.write_text(content)
    seen = re.escape(repr(content.split("\n")[0].split(",")))
    message = f"line 1: cannot tell from the header {seen} which column is the weight: there is no column weight.*1 in each row"
    with pytest.raises(ValidationError, match=message):
        rmt.load(path)
    path.write_text("0,1\n1,2\n2,0\n")
    with pytest.raises(ValidationError, match="got 2 columns; a list without weights needs a third column, 1 in each row"):
        rmt.load(path)
    # two rows of two columns are no 2 x 2 matrix where they are called source and target
    with pytest.raises(ValidationError, match="the frame: cannot tell from the header .* there is no column weight"):
        Network.from_pandas(pd.DataFrame({"source": [0, 1], "target": [1, 0]}))


@pytest.mark.parametrize("ending", [".csv", ".tsv"])
def test_numbers_separated_by_spaces(tmp_path, ending, monkeypatch):
    path = tmp_path / f"m{ending}"
    w = np.random.default_rng(0).normal(size=(4, 4))
    np.savetxt(path, w)
    assert np.array_equal(rmt.load(path).weights, w)
    np.savetxt(path, w, header="weights of four units", fmt="%12.6f")
    assert np.allclose(rmt.load(path).weights, w, atol=1e-6)  # what was written
    edges = np.array([[0, 1, 0.5], [2, 0, -1.5], [1, 2, 1], [3, 0, 2]])
    np.savetxt(path, edges, fmt=["%d", "%d", "%g"], header="target source weight")
    for rows in (2, rmtlib.reading._ROWS):
        monkeypatch.setattr(rmtlib.reading, "_ROWS", rows)
        assert rmt.load(path).weights.toarray().tolist() == [[0, 0.5, 0, 0], [0, 0, 1, 0], [-1.5, 0, 0, 0], [2, 0, 0, 0]]
    path.write_text("a b c\n1 2 3\n4 5 6\n7 8 9\n")
    with pytest.raises(ValidationError, match=r"line 1: one column, 'a b c'.*separated by spaces.*delimiter='(,|\\t)'"):
        rmt.load(path)
    path.write_text("1 2\n3 x\n")
    with pytest.raises(ValidationError, match="line 2: column 2 is no number: 'x'"):
        rmt.load(path)
    path.write_text("1 2\n3\n")
    with pytest.raises(ValidationError, match="line 2: 1 columns, but the first row has 2"):
        rmt.load(path)


def test_arrays_saved_by_numpy(tmp_path):
    path = tmp_path / "w.npy"
    for array in (SQUARE, SQUARE.astype("float32"), np.asfortranarray(SQUARE), SQUARE.astype(int)):
        np.save(path, array)
        assert np.array_equal(rmt.load(path).weights, array)
    np.save(path, SQUARE)
    assert np.array_equal(rmt.load(path, transpose=True, tau=2.0).weights, SQUARE.T)
    content = path.read_bytes()
    assert b"(3, 3), }    " in content
    for make, message in (
        (lambda: path.write_bytes(content[:100]), "w.npy is not a readable .npy file"),
        (lambda: path.write_bytes(content[:-8]), "w.npy is not a readable .npy file"),
        (lambda: path.write_bytes(pickle.dumps(SQUARE)), "w.npy is not a readable .npy file.*pickled objects are never"),
        (lambda: np.save(path, np.array([[None]])), "w.npy holds pickled objects, which are never loaded"),
        (lambda: path.write_bytes(content.replace(b"(3, 3), }    ", b"(300000, 3), }")), "w.npy is not a readable .npy file"),
        (lambda: np.save(path, np.ones(3)), r"w.npy: weights must be a square matrix .* got shape \(3,\)"),
        (lambda: np.save(path, SQUARE + 1j), "w.npy: weights must be real"),
        (lambda: np.save(path, np.array([["a"]])), "w.npy: weights must be numbers"),
    ):
        make()
        with pytest.raises(ValidationError, match=message):
            rmt.load(path)
    for name in ("n", "kind"):
        with pytest.raises(ValidationError, match=f"{name}= belongs to tables of text"):
            rmt.load(path, **{name: {"n": 3, "kind": "matrix"}[name]})


def test_a_dict_of_arrays_is_not_weights(tmp_path):
    state = {"rnn.weight_hh_l0": SQUARE, "rnn.bias_hh_l0": np.zeros(3)}
    message = r"one array, W\[target, source\], got dict with the keys \['rnn.weight_hh_l0', 'rnn.bias_hh_l0'\]"
    with pytest.raises(ValidationError, match=message):
        Network(state)
    np.savez(tmp_path / "a.npz", W=SQUARE)
    with np.load(tmp_path / "a.npz") as file, pytest.raises(ValidationError, match=r"with the keys \['W'\]"):
        Network(file)


def test_what_the_docstrings_promise():
    for function, words in (
        (rmt.load, ["first : int", ".npy", "body_id", "separated by spaces", "letters of any size", "may be misspelt", "dst"]),
        (Network.from_edges, ["first : int"]),
        (Network.from_pandas, ["first : int", "src and dst"]),
    ):
        for word in words:
            assert word in function.__doc__, word


# --------------------------------------------------------------------- objects of other libraries


def test_from_edges():
    net = Network.from_edges([0, 2], [1, 0], [0.5, -1.5], n=4, tau=3.0)
    assert net.n == 4
    assert net.names is None
    assert net.weights[0, 2] == -1.5
    net = Network.from_edges(["a", "b"], ["b", "a"], 2.0, names=["b", "a", "c"], labels={"a": "E", "b": "I", "c": "I"})
    assert net.weights.toarray().tolist() == [[0, 2, 0], [2, 0, 0], [0, 0, 0]]
    assert net.labels.tolist() == ["I", "E", "I"]
    for arguments, message in (
        (([0], [1, 2], 1.0), "differ in length"),
        (([0], [1], [1.0, 2.0]), r"weight has shape \(2,\)"),
        (([0], [1], np.nan), "NaN or infinite"),
        (([0, 0], [1, 1], [1, 2]), "the first pair is 0 -> 1"),
        (([-1], [1], 1.0), "numbered from 0"),
        (([0.5], [1], 1.0), "must hold unit numbers or names"),
        (([], [], 1.0), "no synapse is listed"),
        (([0], [10**9], 1.0), "look like identifiers"),
    ):
        with pytest.raises(ValidationError, match=message):
            Network.from_edges(*arguments)
    assert Network.from_edges([], [], 1.0, n=3).synapse_count == 0


def test_from_pandas():
    edges = pd.DataFrame({"type": ["c", "c"], "weight": [0.5, -1.5], "post": ["B", "A"], "pre": ["A", "C"]})
    units = pd.DataFrame({"tau": [3.0, 1.0, 2.0], "label": ["I", "E", "E"]}, index=["C", "A", "B"])
    net = Network.from_pandas(edges, units=units, gain=pd.Series({"A": 1.0, "B": 2.0, "C": 3.0}))
    assert net.names.tolist() == ["C", "A", "B"]
    assert net.weights[2, 1] == 0.5
    assert net.weights[1, 0] == -1.5
    assert net.tau.tolist() == [3, 1, 2]
    assert net.gain.tolist() == [3, 1, 2]  # by the index of the Series
    square = pd.DataFrame(SQUARE, index=["A", "B", "C"], columns=["A", "B", "C"])
    assert np.array_equal(Network.from_pandas(square[["B", "C", "A"]]).weights, SQUARE)
    assert Network.from_pandas(pd.DataFrame(SQUARE), tau=[1, 2, 3]).names is None
    numbers = pd.DataFrame({"source": [0, 2], "target": [1, 0], "weight": [0.5, -1.5]})
    assert Network.from_pandas(numbers).weights[0, 2] == -1.5
    for frame, message in (
        (pd.DataFrame(np.ones((2, 3))), "neither square nor a table of synapses"),
        (pd.DataFrame({"a": ["x"]}), "must be numbers"),
        (square.rename(index={"A": "X"}), "name the same units"),
        (pd.concat([numbers, numbers]), "more than once"),
        (numbers.assign(weight=[np.nan, 1.0]), "NaN or infinite"),
        ([[1]], "takes a DataFrame"),
    ):
        with pytest.raises(ValidationError, match=message):
            Network.from_pandas(frame)


def test_from_networkx():
    graph = nx.DiGraph()
    graph.add_node("z", tau=5.0, kind="E")
    graph.add_edge("a", "z", weight=0.5)
    graph.add_edge("z", "a", weight=-2.0)
    graph.nodes["a"].update(tau=7.0, kind="I")
    net = Network.from_networkx(graph, tau="tau", labels="kind")
    assert net.names.tolist() == ["z", "a"]
    assert net.weights.toarray().tolist() == [[0, 0.5], [-2, 0]]
    assert net.tau.tolist() == [5, 7]
    assert net.labels.tolist() == ["E", "I"]
    # networkx's own adjacency matrix has sources in its rows
    assert np.array_equal(net.weights.toarray(), nx.to_numpy_array(graph).T)
    multi = nx.MultiDiGraph([("a", "b", {"weight": 1.0}), ("a", "b", {"weight": 2.0})])
    assert Network.from_networkx(multi).weights[1, 0] == 3
    assert Network.from_networkx(nx.DiGraph([(0, 1)]), weight=None).weights[1, 0] == 1
    for bad, message in (
        (nx.Graph([(0, 1)]), "undirected"),
        (nx.DiGraph([(0, 1)]), "edge 0 -> 1 has no attribute 'weight'"),
        (nx.DiGraph(), "no nodes"),
        (np.eye(2), "takes a networkx graph"),
    ):
        with pytest.raises(ValidationError, match=message):
            Network.from_networkx(bad)
    with pytest.raises(ValidationError, match="have no attribute 'size'"):
        Network.from_networkx(graph, tau="size")


def test_snippets_for_trained_networks():
    """What the page on networks says about PyTorch and JAX: its code, with a stand-in that has what PyTorch's tensors have."""

    class Tensor:
        def __init__(self, values):
            self.values = values

        def detach(self):
            return self

        def numpy(self):
            return self.values

        def __array__(self, *_, **__):
            raise RuntimeError("Can't call numpy() on Tensor that requires grad")

    text = (Path(__file__).parents[1] / "book/back/api/network.md").read_text(encoding="utf-8")
    torch_code, jax_code = (
        next(block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if word in block)
        for word in ("detach", "params")
    )
    w = np.random.default_rng(0).normal(size=(5, 5))
    rnn = type("RNN", (), {"weight_hh_l0": Tensor(w.astype("float32"))})
    space = {"rnn": rnn, "rmt": rmt, "tau": 20.0, "h": Tensor(np.full(5, 0.3))}
    exec(torch_code, space)
    assert np.allclose(space["net"].weights, w, atol=1e-6)  # h_t = W h_(t-1): rows are targets already
    jnp = pytest.importorskip("jax.numpy")
    space = {"params": {"recurrent": jnp.asarray(w), "tau": jnp.ones(5)}, "rmt": rmt, "np": np, "slope": jnp.ones(5)}
    exec(jax_code, space)
    assert np.allclose(space["net"].weights, w.T, atol=1e-6)


def test_every_public_name_and_module_is_found():
    for name in rmt.__all__:
        assert getattr(rmt, name).__module__.startswith("rmtlib.")
    for package in (rmt.theory, rmt.dynamics, rmt.symbolic, rmt.training):
        for name in package._MODULES:
            assert getattr(package, name).__name__ == f"{package.__name__}.{name}"
        with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
            _ = package.nothing
