"""The built website in a headless Chromium. `make test` builds the one and installs the other first."""

from __future__ import annotations

import os
import threading

import pytest
from browsing import HTML, ROOT, Visit, missing, serve

WIDTHS = {1280: 900, 390: 844}


@pytest.fixture(scope="session")
def site():
    """Address of the site, served on loopback."""
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


@pytest.fixture(params=WIDTHS, ids=lambda width: f"{width}px")
def visit(browser, request):
    """A fresh page, as wide as a desktop's and as a phone's."""
    context = browser.new_context(viewport={"width": request.param, "height": WIDTHS[request.param]})
    yield Visit(context.new_page())
    context.close()
