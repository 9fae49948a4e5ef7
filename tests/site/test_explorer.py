"""The script that draws explorations, on a page of its own: every layer, keyboard, touch, dark, from disk."""

from __future__ import annotations

import re
import shutil
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from rmtlib import widgets as w

pytestmark = pytest.mark.site
STATIC = Path(__file__).resolve().parents[2] / "book/_static"

PAGE = """<!doctype html><html lang="en" data-theme="light"><head><meta charset="utf-8"><title>t</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<link rel="stylesheet" href="../../_static/explorer.css"><script src="../../_static/explorer.js"></script></head>
<body><main id="cell">{}</main></body></html>"""


def scene(radius, shift, law):
    t = 2 * np.pi * (np.arange(60) + 0.5) / 60
    x = np.linspace(0, 1, 6)
    left = w.complex_plane(
        [
            w.image(np.hypot(*np.meshgrid(x, x)), (-1, 1), (-1, 1), label="density"),
            w.points(np.append(shift + radius * np.exp(1j * t), [0.0]), label="eigenvalues"),
            w.points([-1.5, -1.2], [0, 0], role="bar", label="bar"),
            w.points([1.5 + 0.5j], role="outlier", label="outlier"),
            w.curve([shift + radius * np.exp(1j * t)], label="edge"),
            w.vline(0),
        ],
        xlim=(-2, 2),
        ylim=(-2, 2),
        readout={"Radius": -radius, "Law": law},
    )
    right = w.panel(
        [
            w.bars(x, radius * x[1:], error=0.1, label="sample"),
            w.band(x, x, x + 0.2, label="band"),
            w.hline(0.5),
            w.text(0.1, 1.5, "here <b>", role="second"),
            w.points(x, x, error=0.1, role="third"),
            w.curve(x, x, dashed=True),
        ],
        xlabel="x",
        ylabel="y",
        ylim=(0, 2),
    )
    return w.row(left, right)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    root = tmp_path_factory.mktemp("site") / "sub/path"  # a book need not lie at the root of its host
    (root / "book/part").mkdir(parents=True)
    shutil.copytree(STATIC, root / "_static")
    made = w.explorer(
        "example", scene,
        [
            w.Slider("radius", "Radius R", [0.5, 1.0, 1.5], base=1.0),
            w.Slider("shift", "Shift", [-0.5, 0.0, 0.5, 0.75], base=0.0),
            w.Slider("law", "Law of τ", ["uniform", "Beta(2, 2)"], base="uniform"),
        ],
        title="Example", alt="Points on a circle.",
    )  # fmt: skip
    path = made.save(root / "book/explorers")
    path.with_suffix(".js").write_text(f'rmtExplorers["example"] = {path.read_text()}', encoding="utf-8")
    (root / "book/part/page.html").write_text(PAGE.format(made.html()), encoding="utf-8")
    missing = made.html().replace("example.json", "missing.json")
    (root / "book/part/missing.html").write_text(PAGE.format(missing), encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def address(folder):
    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder.parents[1]))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/sub/path/book/part/"
        server.shutdown()


def ready(page):
    page.locator(".rmt-explorer[data-state=ready]").wait_for(timeout=10_000)
    return page


def values(page):
    return [page.locator("input[type=range]").nth(i).input_value() for i in range(3)]


def place(page, axis, value):
    """Pixel of a value of the first panel, read from the labels of its axis."""
    at = page.evaluate(
        """axis => [...document.querySelector('.rmt-panels svg').querySelectorAll('text')]
            .filter(t => /^[−0-9.]+$/.test(t.textContent))
            .filter(t => (t.getAttribute('text-anchor') === 'middle') === (axis === 'x'))
            .map(t => [t.textContent.replace('−', '-'), t.getAttribute(axis) - (axis === 'y' ? 4 : 0)])
            .map(pair => pair.map(Number))""",
        axis,
    )
    ticks, pixels = np.array(sorted(at)).T
    return np.interp(value, ticks, pixels)


def path_of(page, kind, nth=0):
    d = page.locator(f".rmt-panels svg >> nth=0 >> g[data-layer={kind}] >> nth={nth} >> path").get_attribute("d")
    return np.array([[float(a), float(b)] for a, b in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", d)])


def test_the_figure_is_where_the_numbers_are(visit, address):
    page = ready(visit.open(address + "page.html"))
    circle = path_of(page, "curve")
    assert circle.min(axis=0) == pytest.approx([place(page, "x", -1), place(page, "y", 1)], abs=1)
    assert circle.max(axis=0) == pytest.approx([place(page, "x", 1), place(page, "y", -1)], abs=1)
    # both halves of conjugate pairs, and the real eigenvalue once
    points = path_of(page, "points")
    assert len(points) == 61
    assert points.min(axis=0) == pytest.approx(circle.min(axis=0), abs=1.5)
    assert points.max(axis=0) == pytest.approx(circle.max(axis=0), abs=1.5)
    assert path_of(page, "vline")[0, 0] == pytest.approx(place(page, "x", 0), abs=0.2)
    assert page.locator(".rmt-readout").inner_text().split() == ["Radius:", "−1", "Law:", "uniform"]
    assert visit.faults == []


def test_every_layer_draws_something(visit, address):
    page = ready(visit.open(address + "page.html"))
    drawn = page.evaluate(
        """() => [...document.querySelectorAll('[data-layer]')].map(g => [g.dataset.layer,
            [...g.children].every(e => e.getAttribute('d') || e.getAttribute('href') || e.textContent)
            && g.children.length > 0 && g.getBoundingClientRect().width + g.getBoundingClientRect().height > 0])"""
    )
    assert {kind for kind, _ in drawn} == {"points", "curve", "band", "bars", "image", "hline", "vline", "text"}
    assert all(seen for _, seen in drawn), drawn
    assert page.locator(".rmt-panels text", has_text="here <b>").count() == 1
    names = page.locator(".rmt-legend li").all_inner_texts()
    assert [n.strip() for n in names[:2]] == ["density (0 to 1.414)", "eigenvalues"]
    assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth")


def test_one_parameter_at_a_time_with_the_keyboard(visit, address):
    page = ready(visit.open(address + "page.html"))
    host, sliders = page.locator(".rmt-explorer"), page.locator("input[type=range]")
    assert values(page) == ["1", "1", "0"]
    assert host.get_attribute("data-frame") == "base"
    assert page.get_by_role("button").is_disabled()
    page.get_by_label("Radius R").focus()
    page.keyboard.press("ArrowRight")
    assert values(page) == ["2", "1", "0"]
    assert host.get_attribute("data-frame") == "radius=1.5"
    assert sliders.nth(0).get_attribute("aria-valuetext") == "1.5"
    assert path_of(page, "curve")[:, 0].max() == pytest.approx(place(page, "x", 1.5), abs=1)
    # moving another takes the first back to its base
    page.get_by_label("Shift").focus()
    page.keyboard.press("End")
    assert values(page) == ["1", "3", "0"]
    assert path_of(page, "curve")[:, 0].max() == pytest.approx(place(page, "x", 1.75), abs=1)
    assert "0.75 (base 0)" in page.locator("output").nth(1).inner_text()
    page.get_by_label("Law of τ").focus()
    page.keyboard.press("ArrowRight")
    assert "Beta(2, 2)" in page.locator(".rmt-readout").inner_text()
    page.get_by_role("button").click()
    assert values(page) == ["1", "1", "0"]
    assert host.get_attribute("data-frame") == "base"
    assert "one parameter at a time around a base point" in host.inner_text()
    assert visit.faults == []


def test_from_disk(visit, folder):
    page = ready(visit.open((folder / "book/part/page.html").as_uri()))
    page.get_by_label("Radius R").focus()
    page.keyboard.press("ArrowLeft")
    assert page.locator(".rmt-explorer").get_attribute("data-frame") == "radius=0.5"
    assert visit.faults == []


@pytest.mark.parametrize("where", ["served", "disk"])
def test_missing_numbers_are_said_and_the_words_stay(visit, address, folder, where):
    start = address if where == "served" else (folder / "book/part").as_uri() + "/"
    page = visit.page
    page.goto(start + "missing.html")
    page.get_by_role("alert").wait_for(timeout=10_000)
    assert "This figure is missing" in page.get_by_role("alert").inner_text()
    assert "Points on a circle." in page.locator(".rmt-explorer").inner_text()


def test_an_output_rebuilt_by_a_live_page_works_again(visit, address):
    page = ready(visit.open(address + "page.html"))
    page.evaluate("() => { const cell = document.getElementById('cell'); cell.innerHTML = String(cell.innerHTML) }")
    page.locator("input[type=range]").first.wait_for()
    page.wait_for_timeout(300)
    assert page.locator("input[type=range]").count() == 3
    page.get_by_label("Shift").focus()
    page.keyboard.press("Home")
    assert page.locator(".rmt-explorer").get_attribute("data-frame") == "shift=-0.5"


def test_dark_pages_get_light_ink(visit, address):
    page = ready(visit.open(address + "page.html"))
    look = """() => ({ edge: getComputedStyle(document.querySelector('[data-layer=curve] path')).stroke,
                       image: document.querySelector('image').getAttribute('href') })"""
    light = page.evaluate(look)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.wait_for_timeout(200)
    dark = page.evaluate(look)
    assert (light["edge"], dark["edge"]) == ("rgb(17, 17, 17)", "rgb(255, 255, 255)")
    assert light["image"] != dark["image"]


def test_a_tap_moves_a_slider_on_a_phone(browser, address):
    context = browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(address + "page.html")
    ready(page)
    box = page.get_by_label("Radius R").bounding_box()
    assert box["height"] >= 24  # what accessibility guidelines ask of a target
    page.touchscreen.tap(box["x"] + box["width"] - 4, box["y"] + box["height"] / 2)
    assert page.locator(".rmt-explorer").get_attribute("data-frame") == "radius=1.5"
    # beside each other on a desk, under each other on a phone
    tops = page.evaluate("[...document.querySelectorAll('.rmt-panels svg')].map(e => e.getBoundingClientRect().top)")
    assert tops[1] > tops[0] + 100
    context.close()


def test_the_script_is_small_and_asks_nobody():
    text = (STATIC / "explorer.js").read_text(encoding="utf-8")
    assert len(text.encode()) < 25_000
    assert "https://" not in text
    assert "innerHTML" not in text  # text of a scene is never markup
