"""Figures show what they are given, in colours that everyone can tell apart."""

import re
import subprocess
import sys
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.colors import to_rgb

from rmtlib import ValidationError, plot, widgets


@pytest.fixture(autouse=True)
def style():
    with mpl.rc_context():
        plot.use_style()
        yield
    plt.close("all")


def drawn(ax, label):
    """The line of a figure with a label in the legend, as complex numbers."""
    (line,) = [line for line in ax.lines if line.get_label() == label]
    return line.get_xdata() + 1j * np.asarray(line.get_ydata())


CIRCLE = np.exp(2j * np.pi * np.arange(100) / 100)


def test_spectrum_shows_every_eigenvalue_once_and_the_edge_over_them():
    values = np.array([0.1 + 0.2j, 0.1 - 0.2j, -0.3])
    ax = plot.spectrum(values, CIRCLE, n=3, samples=1, seed=0)
    np.testing.assert_array_equal(drawn(ax, "eigenvalues"), values)
    edge = drawn(ax, "theoretical edge")
    np.testing.assert_allclose(edge, np.append(CIRCLE, CIRCLE[0]))  # closed
    zorder = {line.get_label(): line.zorder for line in ax.lines}
    assert zorder["theoretical edge"] > zorder["eigenvalues"]
    assert ax.get_aspect() == 1.0
    assert "n = 3, 1 sample, seed 0" in [t.get_text() for t in ax.texts]


def test_eigenvalues_on_the_bar_are_told_from_the_blob():
    bar = np.array([-0.5, -0.25, -2.0])
    blob = np.array([-0.5 + 0.1j, -0.5 - 0.1j, -0.4, -0.2500001])  # near the bar is not on it
    # rounding of linear algebra must not matter
    ax = plot.spectrum(np.concatenate([blob, bar + 1e-13]), bar=bar)
    np.testing.assert_allclose(drawn(ax, "bar"), bar, atol=1e-12)
    np.testing.assert_allclose(drawn(ax, "eigenvalues"), blob)
    markers = {line.get_label(): line.get_marker() for line in ax.lines}
    assert markers["bar"] != markers["eigenvalues"]


def test_bar_of_one_place_and_bar_of_segments():
    assert drawn(plot.spectrum([-1.0, 0.3 + 1j], bar=[-1.0]), "bar") == [-1.0]
    ax = plot.spectrum([0.3 + 1j], bar=[[-2.0, -1.0], [-0.5, -0.2]])
    assert [len(c.get_segments()) for c in ax.collections] == [2]


def test_several_edges_and_outliers():
    ax = plot.spectrum(edge=[CIRCLE, 2 * CIRCLE + 5], outliers=[3.0, 1j])
    assert len([line for line in ax.lines if line.get_linestyle() == "-"]) == 2
    np.testing.assert_array_equal(drawn(ax, "predicted outliers"), [3.0, 1j])


def test_density_is_an_image_under_the_points():
    z = np.linspace(-1, 1, 12)[None, :] + 1j * np.linspace(-1, 1, 9)[:, None]
    ax = plot.spectrum([0.1j], density=(z, np.abs(z)))
    assert ax.collections[0].zorder < ax.lines[0].zorder
    assert ax.collections[0].get_clim()[0] == 0.0
    plot.field(z, np.ones(z.shape))  # a constant function has an image too
    plot.field(z, 1 + np.abs(z), log=True)
    plot.field(z, np.abs(z), levels=[1.0, 0.5])


def test_radial_cdf_of_a_known_law():
    radii = np.array([0.5, 0.1, 0.3])
    ax = plot.radial_cdf(2 + radii * np.exp(1j * np.arange(3)), center=2)
    (line,) = ax.lines
    np.testing.assert_allclose(line.get_xdata(), [0.1, 0.3, 0.5])
    np.testing.assert_allclose(line.get_ydata(), [1 / 3, 2 / 3, 1])


def test_histogram_error_bars_are_those_of_the_samples():
    rng = np.random.default_rng(0)
    data = rng.uniform(size=(400, 50))
    ax = plot.histogram(data, bins=np.linspace(0, 1, 6), theory=([0, 1], [1, 1]))
    (segments,) = [c.get_segments() for c in ax.collections if hasattr(c, "get_segments")]
    half = np.array([np.diff(s[:, 1])[0] / 2 for s in segments])
    # k of m independent values fall in a bin of probability 1/5
    expected = np.sqrt(0.2 * 0.8 / data.size) / 0.2
    np.testing.assert_allclose(half, expected, rtol=0.15)
    flat = plot.histogram(data.ravel(), bins=np.linspace(0, 1, 6))
    (segments,) = [c.get_segments() for c in flat.collections if hasattr(c, "get_segments")]
    np.testing.assert_allclose([np.diff(s[:, 1])[0] / 2 for s in segments], expected, rtol=0.05)


def test_band_is_where_it_should_be():
    ax = plot.band([0.0, 1.0], [2.0, 3.0], [[0.5, 0.5], [1.0, 1.0]])
    y = ax.collections[0].get_paths()[0].vertices[:, 1]
    assert (y.min(), y.max()) == (1.5, 4.0)
    plot.band([0.0, 1.0], [2.0, 3.0], 0.5, marker=True)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: plot.spectrum(), "nothing to draw"),
        (lambda: plot.spectrum([1.0, np.nan]), "eigenvalues holds 1 NaN"),
        (lambda: plot.spectrum(edge=[np.array([1j, np.inf])]), "edge holds 1 NaN"),
        (lambda: plot.spectrum([1.0], bar=[1j]), "bar must be real"),
        (lambda: plot.spectrum([1.0], bar=np.zeros((2, 3))), "bar must have shape"),
        (lambda: plot.spectrum([1.0], density=np.zeros((2, 2))), "pair"),
        (lambda: plot.spectrum(["a"]), "must be numbers"),
        (lambda: plot.field(np.zeros((3, 3), complex), np.zeros((3, 4))), "differ in shape"),
        (lambda: plot.field(np.array([[0, 1], [1j, 2j]]), np.zeros((2, 2))), "not rectangular"),
        (lambda: plot.field(np.array([[0, 1], [1j, 1 + 1j]]), np.zeros((2, 2)), log=True), "positive"),
        (lambda: plot.histogram([]), "not be empty"),
        (lambda: plot.histogram([[1.0, 2.0]]), "at least two"),
        (lambda: plot.histogram([1.0], theory=([0, 1], [1])), "differ in shape"),
        (lambda: plot.radial_cdf([]), "shape"),
        (lambda: plot.band([0, 1], [0, 1], -0.1), "negative"),
        (lambda: plot.band([0, 1], [0, 1, 2], 0.1), "do not fit"),
        (lambda: plot.band([0, 1], [0, 1], 0.1, role_name="blue"), "unknown role"),
        (lambda: plot.use_style("gif"), "retina"),
        (lambda: plot.stamp(plt.gca(), n=1, loc="above"), "below or inside"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValidationError, match=says):
        call()


# Severe dichromacy as a linear map of linear RGB: Machado, Oliveira and Fernandes (2009), table for
# severity 1.0.
DICHROMATS = {
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def lab(color, seen_by=None):
    """CIELAB (D65) of a colour as seen by someone."""
    rgb = np.array(to_rgb(color))
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    if seen_by:
        linear = np.clip(np.array(DICHROMATS[seen_by]) @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ linear
    t = xyz / [0.9505, 1.0, 1.089]
    f = np.where(t > (6 / 29) ** 3, np.cbrt(t), t / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


CSS = (Path(__file__).parent.parent / "book/_static/explorer.css").read_text(encoding="utf-8")


def page_colors(theme):
    """The colours of the explorers on a light or a dark page."""
    start = {"light": r"^\.rmt-explorer \{", "dark": r'^html\[data-theme="dark"\] \.rmt-explorer \{'}[theme]
    block = re.search(start + r"(.*?)\}", CSS, re.DOTALL | re.MULTILINE).group(1)
    return dict(re.findall(r"--rmt-(\w+): (#[0-9a-f]{6});", block))


def test_explorers_on_a_light_page_have_the_colours_of_the_figures():
    colors = page_colors("light")
    assert {n: colors[n] for n in plot.ROLES} == {n: style["color"] for n, style in plot.ROLES.items()}
    assert colors["density"] == plot.DENSITY_COLOR
    assert page_colors("dark").keys() == colors.keys()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("seen_by", [None, *DICHROMATS])
def test_blob_bar_edge_and_outliers_differ_for_every_reader(seen_by, theme):
    names = ["bulk", "bar", "edge", "outlier"]
    seen = {n: lab(page_colors(theme)[n], seen_by) for n in names}
    for i, a in enumerate(names):
        for b in names[i + 1 :]:
            # 2.3 is a just noticeable difference; markers differ on top of it
            assert np.linalg.norm(seen[a] - seen[b]) > 15, (a, b)
    assert len({plot.ROLES[n]["marker"] for n in names}) == len(names)


def test_points_stand_out_from_the_fullest_density_in_greyscale():
    background = lab(plot.DENSITY_COLOR)[0]
    for name in ("bulk", "bar", "edge"):
        assert background - lab(plot.ROLES[name]["color"])[0] > 15, name


def test_explorers_know_the_same_roles():
    assert set(widgets._ROLES) == set(plot.ROLES)
    assert widgets._ALIASES == plot.ALIASES


def test_style_file_is_read_without_a_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plot.use_style()
    assert mpl.rcParams["svg.hashsalt"] == "rmtlib"


def test_a_stored_figure_is_small():
    rng = np.random.default_rng(0)
    z = np.linspace(-1.2, 1.2, 80)[None, :] + 1j * np.linspace(-1.2, 1.2, 80)[:, None]
    points = np.sqrt(rng.uniform(size=1000)) * np.exp(2j * np.pi * rng.uniform(size=1000))
    ax = plot.spectrum(points, CIRCLE, density=(z, np.maximum(0, 1 - np.abs(z))), n=1000, samples=1, seed=0)
    data, size = plot._palette_png(ax.figure, 2)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    assert len(data) < 110_000  # base64 in a notebook: < 150 kB
    assert 300 < size["width"] < 700


def test_style_needs_nothing_else_to_be_imported():
    run = subprocess.run(
        [sys.executable, "-c", "import rmtlib; rmtlib.plot.use_style()"], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
