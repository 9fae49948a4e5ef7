"""Part III in the reader's browser: JupyterLite runs every cell with what lies on the site, and gets what is stored."""

from __future__ import annotations

import json

import lite
import pytest
from browsing import Visit, missing

pytestmark = pytest.mark.site
CHAPTERS = [path.relative_to(lite.ROOT / "book").as_posix() for path in lite.chapters()]

# Per code cell of the notebook on screen: its number, the text it printed, and whether it failed.
CELLS = """() => [...document.querySelectorAll('.jp-Notebook .jp-CodeCell')].map(cell => ({
  prompt: cell.querySelector('.jp-InputPrompt').innerText,
  printed: [...cell.querySelectorAll('.jp-OutputArea-output[data-mime-type$="stdout"]')].map(e => e.innerText).join(''),
  failed: [...cell.querySelectorAll('[data-mime-type$="stderr"], [data-mime-type$="error"]')].map(e => e.innerText),
}))"""


def stored(path: str) -> list[dict]:
    cells = json.loads((lite.ROOT / "book" / path).read_text(encoding="utf-8"))["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    streams = [[o for o in cell["outputs"] if o["output_type"] == "stream"] for cell in code]
    return ["".join("".join(o["text"]) for o in outputs) for outputs in streams]


def test_chapters_are_offered():
    if not CHAPTERS:
        missing(f"no notebook of {lite.PART} in _toc.yml")


@pytest.mark.parametrize("path", CHAPTERS)
def test_runs_in_the_browser(path, site, browser):
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    visit = Visit(context.new_page())
    page = visit.page
    page.set_default_timeout(120_000)
    try:
        page.goto(f"{site}book/{path.removesuffix('.ipynb')}.html")
        page.click("p.run-here a")  # as a reader gets there
        page.wait_for_selector(".jp-Notebook .jp-CodeCell")
        for status in ("unknown", "idle"):  # the kernel is being started, then ready
            page.wait_for_selector(f".jp-Notebook-ExecutionIndicator[data-status={status}]", state="attached")
        page.click("text=Run")
        page.click("text=Run All Cells")
        expected = stored(path)
        page.wait_for_function(
            """count => {
              const prompts = [...document.querySelectorAll('.jp-Notebook .jp-CodeCell .jp-InputPrompt')];
              return prompts.length >= count && prompts.every(e => /\\d/.test(e.innerText));
            }""",
            arg=len(expected),
            timeout=600_000,  # sympy in a browser; the order of its sets differs from run to run, and with it the time
        )
        cells = page.evaluate(CELLS)
        assert [cell["failed"] for cell in cells if cell["failed"]] == []
        assert [cell["printed"].strip() for cell in cells] == [text.strip() for text in expected]
        assert visit.faults == []
    finally:
        context.close()
