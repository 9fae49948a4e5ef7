"""Serve _build/html on loopback, on http://localhost:8000 or the port named with --port.

With --live a Jupyter server runs beside it, also on loopback, and Thebe turns the code cells of each
page into editors: `run` computes a cell, `run all` the page, with sliders where a cell makes them.
Nothing is added to the files in _build/html.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import secrets
import socket
import subprocess
import sys
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build/html"
THEBE = ROOT / ".vendor/thebe"
REQUIREJS = "https://cdnjs.cloudflare.com/ajax/libs/require.js/2.3.6/require.min.js"


class Handler(SimpleHTTPRequestHandler):
    """Files of the site; with `injected`, pages get it before </head> and Thebe lies under /.thebe/."""

    def __init__(self, *arguments, injected: str = "", quiet: bool = True, **options):
        self.injected, self.quiet = injected, quiet
        super().__init__(*arguments, directory=str(HTML), **options)

    def translate_path(self, path):
        if self.injected and path.startswith("/.thebe/"):
            return str(THEBE / Path(unquote(urlsplit(path).path)).name)
        return super().translate_path(path)

    def send_head(self):
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() and self.path.endswith("/") else path
        if self.injected and path.is_file() and path.suffix == ".html":
            return self.answer(path, "text/html", "</head>", self.injected)
        if self.injected and path == THEBE / "index.js":  # its widgets ask a CDN for RequireJS
            return self.answer(path, "text/javascript", REQUIREJS, "/.thebe/require.js")
        return super().send_head()

    def answer(self, path: Path, kind: str, old: str, new: str):
        """The headers, and a file with one thing replaced."""
        body = path.read_text(encoding="utf-8").replace(old, new, 1).encode()
        self.send_response(200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        return io.BytesIO(body)

    def log_message(self, *arguments):
        if not self.quiet:
            super().log_message(*arguments)


def server(port: int = 0, injected: str = "") -> ThreadingHTTPServer:
    """The site on loopback; port 0 takes a free one (`.server_port` says which)."""
    if not (HTML / "index.html").is_file():
        sys.exit("There is no built book in _build/html: run `make book` first.")
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, injected=injected))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def kernels(site_port: int) -> tuple[subprocess.Popen, str]:
    """Start a Jupyter server that answers this site only; its process and what pages need to reach it."""
    port, token = free_port(), secrets.token_hex(16)
    options = {
        "IdentityProvider.token": token,
        "ServerApp.ip": "127.0.0.1",
        "ServerApp.port": port,
        "ServerApp.port_retries": 0,
        "ServerApp.open_browser": False,
        "ServerApp.root_dir": str(ROOT / "book"),
        "ServerApp.allow_origin_pat": rf"http://(localhost|127\.0\.0\.1):{site_port}",
        "ServerApp.terminals_enabled": False,
        "ServerApp.log_level": "ERROR",
        "MappingKernelManager.cull_idle_timeout": 1200,
        "MappingKernelManager.cull_interval": 60,
    }
    command = [sys.executable, "-m", "jupyter_server", *(f"--{k}={v}" for k, v in options.items())]
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        command.append("--allow-root")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    environment.pop("RMTLIB_FRAMES", None)
    process = subprocess.Popen(command, env=environment)
    for _ in range(600):  # until it answers
        with socket.socket() as probe:
            if process.poll() is not None:
                sys.exit("The Jupyter server did not start.")
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.1)
    settings = {
        "requestKernel": True,
        "useBinder": False,
        "selector": "div.cell .cell_input pre",
        "outputSelector": ".live_output",
        "mountRunButton": True,
        "mountRunAllButton": True,
        "mountRestartButton": True,
        "mountRestartAllButton": False,
        # no typesetter of Thebe's own: live.html hands equations to the page's MathJax
        "mathjaxUrl": "/mathjax/tex-chtml-full.js",
        "mathjaxConfig": "",
        "kernelOptions": {"kernelName": "python3"},
        "serverSettings": {
            "baseUrl": f"http://localhost:{port}/",
            "wsUrl": f"ws://localhost:{port}/",
            "token": token,
            "appendToken": True,
        },
    }
    page = (ROOT / "tools/live.html").read_text(encoding="utf-8")
    return process, page.replace("SETTINGS", json.dumps(settings)) + "</head>"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--port", type=int, default=8000)
    arguments = parser.parse_args()
    process, injected = kernels(arguments.port) if arguments.live else (None, "")
    try:
        with server(arguments.port, injected) as site:
            print(f"The book is on http://localhost:{site.server_port}/ (Ctrl-C stops it).", flush=True)
            site.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        if process:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    main()
