"""`make live`: cells and sliders of a page run in a kernel on this machine, and nothing leaves it."""

from __future__ import annotations

import threading

import pytest
from browsing import Visit, explorations, missing, serve

pytestmark = pytest.mark.site

CELLS = [
    "print(6 * 7)",
    "import sympy; sympy.Eq(sympy.Symbol('x'), sympy.sqrt(2))",
    """
import numpy as np, matplotlib.pyplot as plt
from rmtlib import widgets as w
def scene(radius):
    return w.complex_plane([w.points(radius * np.exp(1j * np.arange(20)), label="points")],
                           xlim=(-2, 2), ylim=(-2, 2))
w.explorer("live", scene, [w.Slider("radius", "Radius", [0.5, 1.0, 1.5], base=1.0)])
""",
]


@pytest.fixture
def live(browser):
    port = serve.free_port()
    process, injected = serve.kernels(port)
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        with serve.server(port, injected) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield Visit(context.new_page()), f"http://localhost:{port}/"
            server.shutdown()
    finally:
        context.close()
        process.terminate()
        process.wait()


def test_cells_and_sliders_run(live):
    visit, address = live
    if not explorations():
        missing("no chapter with an exploration in the built website")
    page = visit.page
    page.set_default_timeout(120_000)
    page.goto(address + explorations()[0])
    page.wait_for_selector("html[data-kernel=ready]")
    cells = page.locator("div.cell:has(> .cell_input .thebe-cell)")  # not those that are folded away
    answers = []
    for i, code in enumerate(CELLS):  # any cells of the page, with our own code in them
        cells.nth(i).locator(".CodeMirror").evaluate("(e, code) => e.CodeMirror.setValue(code)", code)
        cells.nth(i).locator("button.thebe-run-button").dispatch_event("click")
        answers.append(cells.nth(i).locator(".live_output"))
        answers[i].locator(".jp-OutputArea-child").first.wait_for(state="attached")
    assert answers[0].text_content().strip() == "42"
    answers[1].locator("mjx-container").wait_for(state="attached")

    picture = answers[2].locator("img")
    picture.wait_for(state="attached")
    before = picture.get_attribute("src")
    handle = answers[2].locator(".noUi-handle, input[type=range]").first
    handle.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function(
        "([e, before]) => e.querySelector('img') && e.querySelector('img').src !== before",
        arg=[answers[2].element_handle(), before],
    )
    assert visit.faults == []
