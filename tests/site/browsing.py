"""Pages of the built site, and what went wrong while one was shown."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))

import serve  # noqa: E402

HTML = serve.HTML
HERE = ("http://localhost:", "http://127.0.0.1:", "data:", "blob:", "file:")


def missing(what: str):
    """Under CI nothing is skipped."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def pages() -> list[str]:
    skip = {"_static", "_sources", "mathjax", "lite"}
    found = (p.relative_to(HTML) for p in HTML.rglob("*.html"))
    return sorted(p.as_posix() for p in found if p.parts[0] not in skip)


def explorations() -> list[str]:
    return [p for p in pages() if 'class="rmt-explorer"' in (HTML / p).read_text(encoding="utf-8")]


class Visit:
    """A page in the browser; `faults` collects errors, failed requests and requests that leave the machine."""

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
        if route.request.url.startswith(HERE):
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
