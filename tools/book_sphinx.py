"""Sphinx extension of this book: what Jupyter Book adds and we do without, and formulas in docstrings."""

import re
from pathlib import Path

import lite

RUN = """<p class="run-here"><a href="{}">Run this chapter in your browser</a> (JupyterLite; nothing to install, no server;
the first start fetches about 30 MB and takes half a minute).</p>"""


def settle(app, config):
    # sphinx-thebe puts an address of a CDN and a second configuration of Thebe on every page;
    # `make live` brings its own (tools/serve.py)
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [one for one in app.registry.css_files if one[0] != "sphinx-thebe.css"]
    # figures have a white ground; a reader can still switch the page to dark
    config.html_context.setdefault("default_mode", "light")


def name_once(app, pagename, templatename, context, doctree):
    """The landing page is called what the book is called: its title names it once."""
    if pagename == app.config.root_doc:
        context["docstitle"] = ""


def offer_to_run(app, pagename, templatename, context, doctree):
    """Chapters that JupyterLite carries say so under their title."""
    if Path(lite.ROOT, pagename).with_suffix(".ipynb") in lite.chapters():
        address = f"lite/notebooks/index.html?path={pagename.removeprefix('book/')}.ipynb"
        link = context["pathto"](address, resource=True)
        context["body"] = context["body"].replace("</h1>", "</h1>" + RUN.format(link), 1)


def keep_bars(app, what, name, obj, options, lines):
    """Docstrings are written to be read as they are: |x| is a modulus, not a substitution of reST."""
    block = None  # indentation of the line that opened a literal or math block
    for number, line in enumerate(lines):
        indent = len(line) - len(line.lstrip())
        if block is not None and line.strip() and indent <= block:
            block = None
        if block is None and not line.lstrip().startswith((">>>", "...", "| ")):
            lines[number] = re.sub(r"(`+[^`]*`+)|\|", lambda m: m[1] or r"\|", line)
        if block is None and line.rstrip().endswith("::"):
            block = indent


def setup(app):
    app.connect("config-inited", settle)
    app.connect("html-page-context", name_once, priority=900)
    app.connect("html-page-context", offer_to_run)
    app.connect("autodoc-process-docstring", keep_bars, priority=900)  # after numpydoc
    return {"parallel_read_safe": True, "parallel_write_safe": True}
