"""Sphinx extension: what Jupyter Book adds to pages and this book does without."""


def settle(app, config):
    # sphinx-thebe puts an address of a CDN and a second configuration of Thebe on every page;
    # `make live` brings its own (tools/serve.py)
    for listeners in app.events.listeners.values():
        listeners[:] = [one for one in listeners if one.handler.__module__ != "sphinx_thebe"]
    app.registry.css_files[:] = [one for one in app.registry.css_files if one[0] != "sphinx-thebe.css"]
    # figures have a white ground; a reader can still switch the page to dark
    config.html_context.setdefault("default_mode", "light")


def setup(app):
    app.connect("config-inited", settle)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
