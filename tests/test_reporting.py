"""The report on one network: its numbers against independent ones, its page, and odd networks."""

import json
import re
import warnings
from html.parser import HTMLParser

import numpy as np
import pytest
import scipy.sparse as sp
from scipy import stats

import rmtlib as rmt
from rmtlib import Network, NotApplicableError, ValidationError, reporting
from rmtlib.spectrum import _blocks

QUICK = {"samples": 8, "bootstrap": 20, "points": 24, "progress": False}


@pytest.fixture(scope="module")
def sampled():
    net = rmt.core_periphery().sample(300, seed=2)
    return net, rmt.report(net, name="a <net>", time_unit="ms", **QUICK)


def parts(report):
    return {key: part["status"] for key, part in report.data.items() if isinstance(part, dict)}


class Page(HTMLParser):
    """Tags that are left open, and everything that could fetch or run something."""

    void = frozenset({"meta", "br", "img", "link", "hr", "input"})

    def __init__(self, text):
        super().__init__()
        self.open, self.outside, self.ids = [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        if tag not in self.void:
            self.open.append(tag)
        self.note(tag, attrs)

    def handle_startendtag(self, tag, attrs):
        self.note(tag, attrs)

    def note(self, tag, attrs):
        if tag in ("script", "link", "iframe", "object", "embed", "base", "form"):
            self.outside.append(tag)
        for name, value in attrs:
            if name.startswith("on"):
                self.outside.append(f"{tag} {name}")
            if name in ("src", "href", "xlink:href", "srcset", "data") and not (value.startswith("#") or value.startswith("data:")):
                self.outside.append(f"{tag} {name}={value}")
            if name == "style" and re.search(r"url\((?!['\"]?#)", value):
                self.outside.append(f"{tag} {value}")
            if name == "id":
                self.ids.append(value)

    def handle_endtag(self, tag):
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag


# ------------------------------------------------------------------------------------- the numbers


def test_every_part_of_an_ordinary_network_is_there(sampled):
    assert set(parts(sampled[1]).values()) == {"ok"}
    assert "failed" not in repr(sampled[1])


def test_eigenvalues_and_abscissa_are_those_of_the_network(sampled):
    net, report = sampled
    values = np.array([complex(*z) for z in report.data["spectrum"]["eigenvalues"]])
    dense = np.linalg.eigvals(net.dense_jacobian())
    assert values.size == net.n
    assert np.isclose(values.real.max(), dense.real.max(), atol=1e-10)
    assert np.isclose(values.sum(), dense.sum(), atol=1e-9)
    row = report.data["abscissa"]
    assert row["all"]["exact"] == rmt.spectral_abscissa(net)
    core = np.linalg.eigvals(net.subnetwork(net.labels == "I").dense_jacobian())
    assert np.isclose(row["core"]["exact"], core.real.max(), atol=1e-10)
    found = rmt.fit(net, bootstrap=20, progress=False)
    assert row["core"]["fitted"] == pytest.approx(rmt.spectral_abscissa(found.ensemble, parts="bulk", n=net.n), rel=1e-12)
    assert report.data["bar" if "bar" in report.data else "theory"]["bar"]["network"] == pytest.approx(rmt.bar(net).weight)


def test_the_rank_counts_samples_further_right(sampled):
    net, report = sampled
    ens = rmt.fit(net, bootstrap=20, progress=False).ensemble
    seeds = np.random.SeedSequence(0).spawn(QUICK["samples"])
    drawn = [rmt.spectral_abscissa(ens.sample(net.n, seed=np.random.default_rng(s))) for s in seeds]
    row = report.data["abscissa"]["all"]
    assert row["samples"] == len(drawn)
    assert row["above"] == sum(x > row["exact"] for x in drawn)
    assert row["mean"] == pytest.approx(np.mean(drawn), rel=1e-8)
    assert row["pvalue"] == min(1.0, 2 * min(row["above"] + 1, len(drawn) - row["above"] + 1) / (len(drawn) + 1))


def test_structure_that_the_law_does_not_have_is_seen():
    rng = np.random.default_rng(0)
    w = np.triu(rng.normal(0, 0.25, (120, 120)) * (rng.random((120, 120)) < 0.05), 1)
    report = rmt.report(Network(w + w.T), **{**QUICK, "samples": 60, "points": 0})  # every synapse is answered by an equal one
    row = report.data["abscissa"]["all"]
    assert row["above"] == 0
    assert row["pvalue"] < 0.05
    assert "structure" in {w["code"] for w in report.data["warnings"]}


def test_the_mean_of_the_p_value_over_draws_of_the_law_is_a_half():
    ens = rmt.oriented_sparse(5.0, stats.norm(0, 0.3))
    values = [
        rmt.report(ens.sample(60, seed=seed), **{**QUICK, "samples": 19, "points": 0}).data["abscissa"]["all"]["pvalue"] for seed in range(12)
    ]
    assert 0.2 < np.mean(values) < 0.9  # sd of the mean of 12 uniform numbers: 0.083
    assert np.sum(np.array(values) < 0.05) <= 3


def test_slow_modes_are_eigenvectors(sampled):
    net, report = sampled
    jacobian = net.dense_jacobian()
    values, vectors = np.linalg.eig(jacobian)
    for mode in report.data["modes"]["modes"][:2]:
        value = complex(*mode["eigenvalue"])
        vector = vectors[:, np.argmin(np.abs(values - value))]
        weight = np.abs(vector) ** 2 / np.sum(np.abs(vector) ** 2)
        assert mode["participation"] == pytest.approx(1 / np.sum(weight**2), rel=1e-6)
        assert mode["shares"]["I"] == pytest.approx(weight[net.labels == "I"].sum(), rel=1e-6)
        assert mode["units"][0]["share"] == pytest.approx(weight.max(), rel=1e-6)
        assert mode["memory_time"] == (pytest.approx(-1 / value.real) if value.real < 0 else None)


def test_nonnormality(sampled):
    net, report = sampled
    part = report.data["nonnormality"]
    assert part["numerical_abscissa"] == pytest.approx(rmt.numerical_abscissa(net))
    assert part["henrici"] == pytest.approx(rmt.departure_from_normality(net, relative=True), rel=1e-6)


@pytest.mark.parametrize(
    "ens",
    [
        rmt.oriented_sparse(8, stats.norm(0, 0.3), tau=stats.beta(2, 2, loc=0.5, scale=1.5)),
        rmt.dale(8, 2, stats.gamma(2, scale=0.1), rmt.as_law(stats.gamma(2, scale=0.1)).scaled(-4)),
        rmt.oriented_sparse(8, stats.norm(0, 0.3), tau=stats.uniform(1, 99)),
    ],
    ids=["tau", "dale", "slow"],
)
def test_the_filter_finds_the_rightmost_eigenvalues(ens):
    block = _blocks(ens.sample(700, seed=1))[1][0]
    values, vectors = reporting._leading(block, 6)
    exact = np.linalg.eigvals(block.toarray())
    exact = exact[np.lexsort((-exact.imag, -exact.real))]
    assert np.max(np.abs(values[:5] - exact[:5])) < 1e-7  # a pair may be cut at the end
    residual = block @ vectors - vectors * values
    assert np.max(np.linalg.norm(residual, axis=0)) < 1e-6 * np.abs(block).sum(axis=1).max()


def test_a_network_too_large_for_all_eigenvalues(monkeypatch):
    net = rmt.oriented_sparse(8, stats.norm(0, 0.3), tau=stats.beta(2, 2, loc=0.5, scale=1.5)).sample(500, seed=0)
    whole = rmt.report(net, **QUICK)
    monkeypatch.setattr(reporting, "_EXACT", 200)
    monkeypatch.setattr(reporting, "_LU", 200)
    report = rmt.report(net, **QUICK)
    assert set(parts(report).values()) == {"ok"}
    assert not report.data["spectrum"]["exact"]
    assert report.data["abscissa"]["all"]["exact"] == pytest.approx(whole.data["abscissa"]["all"]["exact"], abs=1e-7)
    cut = report.data["density"]["cut"]
    close = np.array(cut["cavity"]) - np.array(cut["law"])
    assert np.max(np.abs(close)) < 0.25 * np.max(cut["law"])  # one graph of 500 units against the limit
    assert report.data["modes"]["within"] == "component"
    assert report.data["modes"]["modes"][0]["participation"] == pytest.approx(whole.data["modes"]["modes"][0]["participation"], rel=0.05)


def test_the_same_seed_gives_the_same_report(sampled):
    net, report = sampled
    again = rmt.report(net, name="a <net>", time_unit="ms", **QUICK)
    assert again.data == report.data
    assert again.html == report.html
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    rmt.report(net, **{**QUICK, "samples": 2, "points": 0})
    assert np.array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_negative_gains_leave_the_jacobian_as_it_is():
    rng = np.random.default_rng(1)
    w = rng.normal(size=(80, 80)) * (rng.random((80, 80)) < 0.1)
    gain = rng.normal(size=80)
    report = rmt.report(Network(sp.csr_array(w), gain=gain), **QUICK)
    same = rmt.report(Network(sp.csr_array(w * np.sign(gain)), gain=np.abs(gain)), **QUICK)
    assert report.data["fit"]["parameters"] == same.data["fit"]["parameters"]
    assert report.data["spectrum"]["eigenvalues"][0] == pytest.approx(same.data["spectrum"]["eigenvalues"][0])
    assert "negative gains" in {w["code"] for w in report.data["warnings"]}


# ----------------------------------------------------------------------------------------- the page


def test_the_page_stands_alone(sampled):
    html = sampled[1].html
    page = Page(html)
    assert page.open == []
    assert page.outside == []
    assert "a &lt;net&gt;" in html
    assert "<net>" not in html
    assert not re.search(r"url\(['\"]?(https?:)?//", html)
    for word in ("nan", "None", "inf"):
        assert not re.search(rf">[^<]*\b{word}\b[^<]*<", html), word
    assert "prefers-color-scheme: dark" in html
    assert "width=device-width" in html


def test_every_figure_says_what_it_shows(sampled):
    html = sampled[1].html
    figures = re.findall(r"<figure.*?</figure>", html, re.DOTALL)
    assert len(figures) >= 3
    for figure in figures:
        assert re.search(r'aria-label="[^"]{30,}"', figure)
        assert re.search(r"<figcaption>.{20,}</figcaption>", figure, re.DOTALL)
        assert "#111111" not in figure  # the page's own colours, light or dark


def test_a_browser_asks_for_nothing(sampled, tmp_path):
    playwright = pytest.importorskip("playwright.sync_api")
    import os
    from pathlib import Path

    folder = Path(__file__).parents[1] / ".vendor/chromium"
    if not (folder / "chromium").exists():
        (pytest.fail if os.environ.get("CI") else pytest.skip)("no Chromium here: python tools/vendor.py chromium")
    path = tmp_path / "page.html"
    sampled[1].save(path)
    environment = {**os.environ, "LD_LIBRARY_PATH": str(folder / "lib"), "FONTCONFIG_FILE": str(folder / "fonts.conf")}
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(
            args=["--no-sandbox", "--no-zygote", "--disable-gpu"], executable_path=str(folder / "chromium"), env=environment
        )
        for width in (1280, 390):
            tab = browser.new_page(viewport={"width": width, "height": 800})
            asked, said = [], []
            tab.on("request", lambda request, asked=asked: asked.append(request.url))
            tab.on("console", lambda message, said=said: said.append(message.text))
            tab.goto(path.as_uri())
            assert asked == [path.as_uri()]
            assert said == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= width
        browser.close()


def test_saving(sampled, tmp_path):
    report = sampled[1]
    report.save(tmp_path / "a.html")
    report.save(tmp_path / "a.json")
    assert (tmp_path / "a.html").read_text(encoding="utf-8") == report.html
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == report.data
    assert report.data["format"] == "rmtlib.report"
    assert report.data["version"] == reporting.VERSION == 1
    with pytest.raises(ValidationError, match=r"must end in .html or .json"):
        report.save(tmp_path / "a.pdf")
    with pytest.raises(FileNotFoundError):
        report.save(tmp_path / "none" / "a.html")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "a.json"]


def test_every_key_of_the_data_is_documented(sampled):
    text = reporting.__doc__
    for key, part in sampled[1].data.items():
        if isinstance(part, dict) and key not in ("fit", "marginality", "sensitivities"):
            assert f"``{key}``" in text
            for name in part.keys() - {"status"}:
                assert f"``{name}``" in text, f"{key}: {name}"


# -------------------------------------------------------------------------------------- odd networks


def _random(n=40, share=0.2, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, n)) * (rng.random((n, n)) < share)


W = _random()
ODD = {
    "one unit": Network([[0.0]]),
    "one unit with an autapse": Network([[2.0]]),
    "two units": Network([[0.0, 2.0], [0.0, 0.0]], tau=[1.0, 4.0]),
    "acyclic, all inhibitory": Network(np.triu(-np.abs(W), 1), tau=np.linspace(1, 5, 40)),
    "symmetric": Network((W + W.T) / 4),
    "all to all": rmt.ginibre(leak=1.0).sample(60, seed=1),
    "no leak": rmt.ginibre().sample(60, seed=1),
    "no synapses": Network(np.zeros((20, 20)), tau=np.linspace(1, 2, 20)),
    "no gain": Network(W, gain=0.0),
    "huge weights": Network(W * 1e150),
    "tiny times": Network(W * 1e-150, tau=1e-9),
    "a population of one": Network(W, labels=["A", "B"] + ["C"] * 38),
    "each its own population": Network(_random(8, 1.0), labels=[f"p{k}" for k in range(8)]),
    "timescales over 8 decades": Network(W * 0.3, tau=np.logspace(-4, 4, 40)),
    "unstable, with names": Network(3 * W, names=[f"<b>{k}" for k in range(40)]),
    "reciprocal only": Network((lambda m: m + 2 * m.T)(np.triu(W, 1))),
}


@pytest.mark.parametrize("name", ODD)
def test_odd_networks_have_a_report(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = rmt.report(ODD[name], name=name, **QUICK)
    json.dumps(report.data, allow_nan=False)
    page = Page(report.html)
    assert page.open == []
    assert page.outside == []
    assert "could not be drawn" not in report.html
    for part in report.data.values():
        if isinstance(part, dict) and part["status"] != "ok":
            assert part["reason"]
            assert "Traceback" not in part["reason"]
    if name not in ("huge weights", "tiny times"):
        assert "failed" not in parts(report).values()
    assert "<b>0" not in report.html


def test_everything_dropped_by_the_threshold():
    report = rmt.report(Network(W), threshold=100.0, **QUICK)
    assert {"all dropped", "threshold"} & {w["code"] for w in report.data["warnings"]} == {"all dropped"}
    assert report.data["spectrum"]["status"] == "ok"


def test_warnings_that_a_reader_needs():
    codes = lambda net: {w["code"] for w in rmt.report(net, **QUICK).data["warnings"]}
    assert {"few units", "unstable"} <= codes(Network(3 * W))
    frozen = rmt.oriented_sparse(1.6, stats.norm(0, 1)).sample(400, seed=0)
    assert "frozen" in codes(frozen)
    assert "acyclic part" in codes(rmt.core_periphery().sample(120, seed=0))


def test_below_freezing_the_bound_lies_inside_the_edge():
    net = rmt.oriented_sparse(1.6, stats.norm(0, 0.6)).sample(600, seed=0)
    part = rmt.report(net, **{**QUICK, "points": 0}).data
    assert part["freezing"]["frozen"]
    assert part["freezing"]["abscissa"] < part["theory"]["abscissa"]["bulk"]
    ens = rmt.fit(net, bootstrap=20, progress=False).ensemble
    assert rmt.support_bound(ens, part["freezing"]["abscissa"]) == pytest.approx(1.0, abs=1e-6)


def test_a_broken_part_leaves_the_others(monkeypatch):
    def broken(self):
        raise KeyError("boo")

    monkeypatch.setattr(reporting._Job, "nonnormality", broken)
    report = rmt.report(rmt.core_periphery().sample(120, seed=0), **QUICK)
    assert report.data["nonnormality"] == {"status": "failed", "reason": "KeyError: 'boo'"}
    assert "This part is missing: KeyError" in report.html
    assert "failed: nonnormality" in {w["code"] for w in report.data["warnings"]}
    assert report.data["modes"]["status"] == "ok"

    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(reporting._Job, "fit", interrupted)
    with pytest.raises(KeyboardInterrupt):
        rmt.report(rmt.core_periphery().sample(120, seed=0), **QUICK)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rmt.report(rmt.ginibre()), NotApplicableError, r"draw one, ens.sample\(n"),
        (lambda: rmt.report(np.eye(3)), ValidationError, "report takes a Network, got ndarray"),
        (lambda: rmt.report(Network(W), samples=-1), ValidationError, "samples must be an integer of at least 0"),
        (lambda: rmt.report(Network(W), bootstrap=5), ValidationError, "bootstrap must be 0 or at least 20"),
        (lambda: rmt.report(Network(W), points=2.5), ValidationError, "points must be an integer"),
        (lambda: rmt.report(Network(W), seed="x"), ValidationError, "seed"),
        (lambda: rmt.report(Network(W), populations=["a"]), ValidationError, "give 40 labels"),
    ],
)
def test_bad_arguments(call, error, message):
    with pytest.raises(error, match=message):
        call()


def warned(weights, **options):
    report = rmt.report(Network(weights), **{**QUICK, "points": 0, **options})
    return {entry["code"] for entry in report.data["warnings"]}, report


def test_an_outlier_ahead_of_the_bulk_is_the_headline():
    rng = np.random.default_rng(2)
    codes, report = warned((rng.random((300, 300)) < 0.1) * np.abs(rng.normal(0, 0.04, (300, 300))))
    near = report.data["marginality"]
    assert "outlier" in codes
    assert near["first"] == near["outlier_margin"] < 1.1 < 4 < near["margin"]
    assert f"All weights {near['first']:.4g} times as strong would make that law marginal" in report.html


def test_pieces_and_autapses_are_named():
    rng = np.random.default_rng(3)
    apart = np.kron(np.eye(2), 0.1 * (rng.random((60, 60)) < 0.1))
    assert "pieces" in warned(apart)[0]
    dense = rng.normal(0, 0.5 / 100**0.5, (100, 100))
    assert not warned(dense)[0] & {"pieces", "autapses"}
    codes, report = warned(dense + 0.4 * np.eye(100), samples=20)
    assert {"autapses", "structure"} <= codes
    assert any("autapses" in note for note in report.data["fit"]["notes"])


def test_an_autapse_off_cycles_is_not_the_bar():
    _, report = warned([[0.5]])
    assert [mode["on_bar"] for mode in report.data["modes"]["modes"]] == [False]
