"""The chapter on one's own network: its code for arrays of other frameworks, and statements on which its text rests."""

from __future__ import annotations

import re
import warnings
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

import rmtlib as rmt
from rmtlib import datasets
from rmtlib.fitting import shuffle

CHAPTER = Path(__file__).resolve().parents[1] / "book" / "memory" / "own_network.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```$", CHAPTER.read_text(encoding="utf-8"), re.M | re.S)


def snippet(word: str) -> str:
    (found,) = [text for text in SNIPPETS if word in text]
    return found


def test_jax_snippet():
    """W is transposed where the state is a row: the Jacobian of the package is the derivative of the step."""
    jax = pytest.importorskip("jax")
    rng = np.random.default_rng(0)
    recurrent, x, tau = rng.normal(size=(5, 5)), rng.normal(size=5), rng.uniform(1, 2, 5)

    def flow(state):
        return (-state + jax.numpy.tanh(state) @ recurrent) / tau

    names = {"np": np, "rmt": rmt, "params": {"recurrent": recurrent}, "tau": tau, "slope": 1 / np.cosh(x) ** 2}
    exec(snippet("params"), names)
    exact = np.asarray(jax.jacfwd(flow)(x), float)
    np.testing.assert_allclose(names["net"].dense_jacobian(), exact, atol=2e-6)  # jax computes in single precision


def test_torch_snippet():
    torch = pytest.importorskip("torch")
    rnn = torch.nn.RNN(3, 4, bias=False)
    names = {"np": np, "rmt": rmt, "rnn": rnn, "tau": 1.0, "slope": 1.0}
    exec(snippet("rnn"), names)
    state = torch.full((1, 1, 4), 1e-3)
    _, after = rnn(torch.zeros(1, 1, 3), state)  # tanh(W_hh state), nearly linear
    expected = names["net"].weights @ np.full(4, 1e-3)
    np.testing.assert_allclose(after.detach().numpy().ravel(), expected, atol=1e-8)


@pytest.fixture(scope="module")
def worm():
    counts = rmt.load(datasets.path("celegans.csv"), units=datasets.path("celegans_neurons.csv"))
    lines = datasets.path("celegans_neurons.csv").read_text(encoding="utf-8").splitlines()[2:]
    sign = np.array([-1.0 if line.split(",")[2].startswith("GABA") else 1.0 for line in lines])
    signed = counts.weights.toarray() * sign
    strongest = np.linalg.eigvals(signed).real.max()
    return rmt.Network(signed, gain=0.9 / strongest, labels=counts.labels)


def test_the_table_of_neurons_is_read_without_a_word():
    """Its column of transmitters holds no numbers, so that it is no timescale under another name."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = rmt.load(datasets.path("celegans.csv"), units=datasets.path("celegans_neurons.csv"))
    rows = [line.split(",") for line in datasets.path("celegans_neurons.csv").read_text(encoding="utf-8").splitlines()[2:]]
    assert dict(zip(net.names.tolist(), net.labels.tolist(), strict=True)) == {row[0]: row[1] for row in rows}


def test_a_state_dict_is_refused_with_its_keys():
    state = OrderedDict(weight_ih_l0=np.ones((4, 3)), weight_hh_l0=np.ones((4, 4)))  # as torch.nn.RNN.state_dict() is
    with pytest.raises(rmt.ValidationError, match=r"got OrderedDict with the keys \['weight_ih_l0', 'weight_hh_l0'\]"):
        rmt.Network(state)


def distances(net):
    return np.sort(np.abs(rmt.eigenvalues(net) + 1) / net.gain[0])


def test_density_needs_the_graph_and_not_only_its_moments(worm):
    """Share within half the radius: cavity equations on the graph are right to 0.05, the Poisson ensemble misses by 0.4."""
    law = rmt.fit(worm, np.full(worm.n, "all"), bootstrap=0, tests=False, progress=False).ensemble
    radius = 6.0
    exact = np.mean(distances(worm) < radius)
    turn = np.exp(1j * np.pi * (np.arange(16) + 0.5) / 16)
    z = radius * worm.gain[0] * turn
    cavity = np.mean((rmt.resolvent(worm, z - 1, tol=1e-4).value * z).real)
    poisson = np.mean((rmt.resolvent(law, z[:1] - 1, tol=1e-4).value * z[:1]).real)
    assert abs(cavity - exact) < 0.05
    assert exact - poisson > 0.35
    # and that is no fluctuation: a network drawn from the law agrees with it
    drawn = np.mean(distances(law.sample(worm.n, seed=0)) < radius)
    assert abs(drawn - poisson) < 0.08


def test_edge_encloses_all_but_a_few(worm):
    law = rmt.fit(worm, np.full(worm.n, "all"), bootstrap=0, tests=False, progress=False).ensemble
    radius = (1 + rmt.spectral_abscissa(law, parts="bulk", n=worm.n)) / worm.gain[0]
    own = np.sqrt(np.abs(np.linalg.eigvals(worm.weights**2)).max())
    assert abs(radius / own - 1) < 0.1
    assert np.sum(distances(worm) > own) <= 6


def test_answered_connections_stretch_the_support(worm):
    """Along the real axis well beyond the edge that ignores pairs, along the imaginary one not up to it."""
    own = np.sqrt(np.abs(np.linalg.eigvals(worm.weights**2)).max())
    radius = worm.gain[0] * np.array([1.2 * own, 1.6 * own, 0.7j * own, 0.9j * own])
    inside = rmt.density(worm, radius - 1, tol=1e-2).value * worm.gain[0] ** 2 > 1e-9
    assert inside.tolist() == [True, False, True, False]
    rightmost = (np.sort(rmt.eigenvalues(worm).real)[::-1] + 1) / worm.gain[0]
    assert rightmost[1] > 1.6 * own > 1.2 * own > rightmost[2]  # two outliers


def test_the_stricter_control_does_not_explain_the_outlier(worm):
    """Degrees kept: within one population the worm is typical, within three it is far outside."""

    def top(net):
        return np.linalg.eigvals(net.dense_jacobian()).real.max()

    loose, strict = (
        np.array([top(shuffle(worm, "degrees", seed, groups)) for seed in range(10)])
        for groups in (np.full(worm.n, "all"), worm.labels)
    )
    assert abs(-0.1 - loose.mean()) < 1.5 * loose.std(ddof=1)
    assert -0.1 - strict.mean() > 3 * strict.std(ddof=1)


def test_answers_make_the_outlier(worm):
    """Without the weaker connection of each reciprocal pair (6% of the synapses) the rightmost eigenvalue is that of the Poisson
    ensemble with so many synapses; without as many random ones that are not answered it stays."""
    counts = np.abs(worm.weights)
    pairs = np.triu((counts > 0) & (counts.T > 0))
    i, j = np.nonzero(pairs)
    weaker = np.where(counts[i, j] < counts[j, i], [i, j], [j, i])
    without = worm.weights.copy()
    without[tuple(weaker)] = 0
    top = np.linalg.eigvals(without).real.max()
    poisson = without.sum() / worm.n
    assert abs(top / poisson - 1) < 0.1
    assert np.linalg.eigvals(worm.weights).real.max() > 1.3 * worm.weights.sum() / worm.n
    lost = counts[tuple(weaker)].sum()
    assert lost / counts.sum() < 0.07
    free = np.argwhere((counts > 0) & (counts.T == 0))
    other = worm.weights.copy()
    chosen = np.random.default_rng(0).permutation(free)[: i.size]
    other[tuple(chosen.T)] = 0
    assert counts[tuple(chosen.T)].sum() > lost  # even more synapses
    assert np.linalg.eigvals(other).real.max() > 0.9 * np.linalg.eigvals(worm.weights).real.max()


def test_timescales_do_not_move_a_real_critical_point(worm):
    """det J = det(T)^-1 det(-1 + W H): zero at one strength for all T."""
    critical = worm.gain[0] / 0.9
    for seed in range(3):
        tau = np.random.default_rng(seed).lognormal(0, 0.8, worm.n)
        net = rmt.Network(worm.weights, tau, critical)
        assert abs(np.linalg.eigvals(net.dense_jacobian()).real.max()) < 1e-10


def test_outliers_belong_to_sums_of_twins(worm):
    """Between neurons with a twin only: what is its own mirror image would be symmetric in any network."""
    names = rmt.load(datasets.path("celegans.csv"), units=datasets.path("celegans_neurons.csv")).names.tolist()
    twin = [names.index(x[:-1] + {"L": "R", "R": "L"}[x[-1]]) if x[-1] in "LR" and x[:-1] + {"L": "R", "R": "L"}[x[-1]] in names
            else i for i, x in enumerate(names)]  # fmt: skip
    left = [i for i, j in enumerate(twin) if i < j]
    assert len(left) == 92
    right = [twin[i] for i in left]

    def edges(one, other):
        return [np.abs(np.linalg.eigvals((b @ worm.weights @ b.T) ** 2)).max() ** 0.5
                for b in ((np.eye(worm.n)[one] + a * np.eye(worm.n)[other]) / 2**0.5 for a in (1, -1))]  # fmt: skip

    plus, minus = edges(left, right)
    assert plus > 2 * minus
    basis = (np.eye(worm.n)[left] - np.eye(worm.n)[right]) / 2**0.5
    own = np.sqrt(np.abs(np.linalg.eigvals(worm.weights**2)).max())
    assert np.linalg.eigvals(basis @ worm.weights @ basis.T).real.max() < own
    order = np.random.default_rng(0).permutation(left + right)  # neurons that are no twins
    plus, minus = edges(order[:92], order[92:])
    assert plus < 1.5 * minus


def test_answers_are_more_than_degrees_explain(worm):
    present = worm.weights != 0
    expected = np.outer(present.sum(axis=1), present.sum(axis=0)) / present.sum()
    by_degrees = (expected * expected.T).sum() / expected.sum()
    answered = (present & present.T).sum() / present.sum()
    assert answered > 3 * by_degrees
    assert by_degrees > 1.5 * present.sum() / worm.n / (worm.n - 1)
