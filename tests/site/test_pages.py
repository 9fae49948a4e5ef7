"""Every page of the built book, on a desktop and on a phone."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

import pytest
from browsing import HTML, explorations, missing, pages
from bs4 import BeautifulSoup

pytestmark = pytest.mark.site
PAGES = pages()

# Equations that MathJax did not typeset, or typeset as an error.
EQUATIONS = """() => [
  ...[...document.querySelectorAll('.math')].filter(e => !e.querySelector('mjx-container')),
  ...document.querySelectorAll('mjx-merror, [data-mjx-error]'),
].map(e => e.textContent.trim().slice(0, 80))"""

# What sticks out of the screen on the right and cannot be scrolled in a box of its own.
OVERFLOW = """() => {
  const scrolls = e => e && e !== document.body &&
    (/auto|scroll|hidden|clip/.test(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  const wide = [...document.querySelectorAll('.bd-article *, .bd-footer *')].filter(e => {
    const box = e.getBoundingClientRect();
    return box.width > 0 && box.right > innerWidth + 1 && !scrolls(e.parentElement);
  }).map(e => e.outerHTML.slice(0, 120));
  const page = document.scrollingElement;
  return page.scrollWidth > innerWidth + 1 ? [`the page is ${page.scrollWidth} px wide`, ...wide] : wide;
}"""

PICTURES = """() => [...document.querySelectorAll('main img, main svg[role=img], main canvas')].filter(e => {
  const alt = (e.getAttribute('alt') || e.getAttribute('aria-label') || '').trim();
  return e.getAttribute('aria-hidden') !== 'true' && (alt.length < 15 || /\\.(png|svg|jpg)$/.test(alt));
}).map(e => e.outerHTML.slice(0, 160))"""


def test_there_are_pages():
    if not PAGES:
        missing("there is no built website: run `make book`")
    assert "book/index.html" in PAGES


def test_the_root_leads_to_the_book(site, visit):
    visit.page.goto(site)
    visit.page.wait_for_url("**/book/index.html")


@pytest.mark.parametrize("path", [p for p in PAGES if p != "index.html"])
def test_page(path, site, visit):
    page = visit.open(site + path)
    assert visit.faults == []
    assert page.title().strip()
    assert page.evaluate(EQUATIONS) == [], "equations not typeset"
    assert page.evaluate(OVERFLOW) == [], "wider than the screen"
    assert page.evaluate(PICTURES) == [], "pictures without a description"


def move(page, slider) -> None:
    """Move a slider as a reader does, with the keyboard."""
    slider.scroll_into_view_if_needed()
    slider.focus()
    last = slider.evaluate("e => e.value === e.max")
    page.keyboard.press("ArrowLeft" if last else "ArrowRight")


def check_sliders(page, path) -> None:
    hosts = page.locator(".rmt-explorer")
    for i in range(hosts.count()):
        host = hosts.nth(i)
        host.scroll_into_view_if_needed()
        host.locator("input[type=range]").first.wait_for(timeout=10_000)
        sliders = host.locator("input[type=range]")
        picture = host.locator("svg, canvas").first
        look = """e => e.tagName === 'CANVAS' ? e.toDataURL() : e.outerHTML"""
        assert sliders.count() > 0
        for j in range(sliders.count()):
            before = picture.evaluate(look)
            value = sliders.nth(j).input_value()
            move(page, sliders.nth(j))
            assert sliders.nth(j).input_value() != value, f"{path}: slider {j} does not move"
            page.wait_for_timeout(150)
            assert host.locator("svg, canvas").first.evaluate(look) != before, (
                f"{path}: slider {j} of exploration {i} does not change its figure"
            )


@pytest.mark.parametrize("path", explorations())
def test_sliders_change_their_figure(path, site, visit):
    page = visit.open(site + path)
    check_sliders(page, path)
    assert visit.faults == []
    assert page.evaluate(OVERFLOW) == []


@pytest.mark.parametrize("path", explorations()[:1])
def test_opened_from_disk(path, visit):
    page = visit.open((HTML / path).as_uri())
    check_sliders(page, path)
    # browsers load no fonts from disk for a page from disk; the icons are drawn by a script
    fonts = ("webfonts", "net::ERR_FAILED")
    assert [fault for fault in visit.faults if not any(word in fault for word in fonts)] == []
    assert page.evaluate(EQUATIONS) == []


def test_internal_links_resolve():
    soups = {p: BeautifulSoup((HTML / p).read_text(encoding="utf-8"), "html.parser") for p in PAGES}
    anchors = {p: {e["id"] for e in s.find_all(id=True)} for p, s in soups.items()}
    broken = []
    for path, soup in soups.items():
        for link in soup.find_all("a", href=True):
            target, anchor = urldefrag(urljoin(path, link["href"]))
            if urlsplit(target).scheme or not link["href"].strip("#"):
                continue
            target = unquote(target.partition("?")[0])
            if target.endswith("/"):
                target += "index.html"
            if not (HTML / target).is_file() or Path(target).is_absolute():
                broken.append(f"{path}: {link['href']}")
            elif anchor and target in anchors and unquote(anchor) not in anchors[target]:
                broken.append(f"{path}: {link['href']} (no such place on the page)")
    assert broken == []
