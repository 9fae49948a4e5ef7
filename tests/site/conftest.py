"""The built website in a headless Chromium. `make test` builds the one and installs the other first."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import serve  # noqa: E402

HTML = serve.HTML
WIDTHS = {1280: 900, 390: 844}


def missing(what: str):
    """Under CI nothing is skipped."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def pages() -> list[str]:
    skip = {"_static", "_sources", "mathjax"}
    found = (p.relative_to(HTML) for p in HTML.rglob("*.html"))
    return sorted(p.as_posix() for p in found if p.parts[0] not in skip)


@pytest.fixture(scope="session")
def site():
    if not (HTML / "index.html").is_file():
        missing("there is no built website: run `make book`")
    with serve.server() as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://localhost:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def browser():
    from playwright.sync_api import Error, sync_playwright

    folder = ROOT / ".vendor/chromium"
    options: dict = {"args": ["--no-sandbox", "--no-zygote", "--disable-gpu"]}
    if named := os.environ.get("CHROMIUM"):
        options["executable_path"] = named
    elif (folder / "chromium").is_file():
        options["executable_path"] = str(folder / "chromium")
        options["env"] = {
            **os.environ,
            "LD_LIBRARY_PATH": str(folder / "lib"),
            "FONTCONFIG_FILE": str(folder / "fonts.conf"),
        }
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(**options)
        except Error as error:
            missing(f"no Chromium: run `python tools/vendor.py chromium`, or name one in CHROMIUM.\n{error}")
        yield browser
        browser.close()


class Visit:
    """A page of the site in the browser, and what went wrong while it loaded."""

    def __init__(self, page):
        self.page = page
        self.faults: list[str] = []
        page.on("pageerror", lambda error: self.faults.append(f"script error: {error}"))
        page.on("console", self._console)
        page.on("requestfailed", lambda r: self.faults.append(f"request failed: {r.url}"))
        page.on("response", self._response)
        page.route("**/*", self._route)

    def _console(self, message):
        if message.type == "error":
            self.faults.append(f"console: {message.text}")

    def _response(self, response):
        if response.status >= 400:
            self.faults.append(f"{response.status}: {response.url}")

    def _route(self, route):
        if route.request.url.startswith(("http://localhost:", "http://127.0.0.1:", "data:", "blob:", "file:")):
            route.continue_()
        else:
            self.faults.append(f"left this machine: {route.request.url}")
            route.abort()

    def open(self, address: str):
        self.page.goto(address, wait_until="load")
        # MathJax says itself when it has typeset the page
        self.page.evaluate("async () => { if (window.MathJax?.startup) await MathJax.startup.promise }")
        self.page.wait_for_load_state("networkidle")
        return self.page


@pytest.fixture(params=WIDTHS, ids=lambda w: f"{w}px")
def visit(browser, request):
    context = browser.new_context(viewport={"width": request.param, "height": WIDTHS[request.param]})
    yield Visit(context.new_page())
    context.close()
