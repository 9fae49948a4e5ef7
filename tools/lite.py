"""JupyterLite with the chapters that need sympy alone: they run in the reader's browser, with no server behind them.

Everything lies beside the pages: JupyterLite itself, Pyodide (tools/vendor.json), and as pure wheels sympy, IPython
(tools/wheels.txt) and rmtlib. No request leaves the site. The numerical chapters would need numpy and
scipy compiled to WebAssembly, which no package registry carries.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email import message_from_string
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent
WHEELS = ROOT / ".vendor/wheels"
PART = "book/superspace"  # its chapters import sympy and rmtlib.symbolic only
PLUGIN = "@jupyterlite/pyodide-kernel-extension:kernel"


def chapters() -> list[Path]:
    """The notebooks that are offered, in the order of the table of contents."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    files = [chapter["file"] for part in toc["parts"] for chapter in part["chapters"]]
    return [ROOT / file for file in files if file.startswith(PART + "/") and file.endswith(".ipynb")]


def fetch() -> None:
    """The wheels, by hash."""
    wanted = (ROOT / "tools/wheels.txt").read_text()
    stamp = WHEELS / "stamp"
    if stamp.is_file() and stamp.read_text() == wanted:
        return
    shutil.rmtree(WHEELS, ignore_errors=True)
    print("Fetching the wheels of the kernel in the browser", flush=True)
    target = ["--python-version", "3.14", "--implementation", "py", "--abi", "none", "--platform", "any"]
    checked = ["--no-deps", "--require-hashes", "--only-binary", ":all:", *target]
    command = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", *checked]
    subprocess.run([*command, "-d", WHEELS, "-r", ROOT / "tools/wheels.txt"], check=True)
    stamp.write_text(wanted)


def alone(notebook: dict) -> dict:
    """References to equations of other chapters name the chapter: a notebook in JupyterLite knows only its own."""
    label = re.compile(r"(?:\$\$ \(|:label: )(eq-[\w-]+)")
    homes = {}
    for page in (ROOT / "book").rglob("*.md"):
        homes |= dict.fromkeys(label.findall(page.read_text(encoding="utf-8")), page.relative_to(ROOT / "book"))
    text = [cell for cell in notebook["cells"] if cell["cell_type"] == "markdown"]
    own = {name for cell in text for name in label.findall("".join(cell["source"]))}

    def chapter(match):
        if match[1] in own:
            return match[0]
        return f"({{doc}}`../{homes[match[1]].with_suffix('').as_posix()}`)"

    for cell in text:
        cell["source"] = re.sub(r"\{eq\}`(eq-[\w-]+)`", chapter, "".join(cell["source"]))
    return notebook


def build(target: Path) -> None:
    """Write the JupyterLite site into ``target``."""
    shutil.rmtree(target, ignore_errors=True)
    fetch()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for path in chapters():
            copy = work / "files" / path.relative_to(ROOT / "book")
            copy.parent.mkdir(parents=True, exist_ok=True)
            notebook = alone(json.loads(path.read_text(encoding="utf-8")))
            notebook["metadata"]["kernelspec"] = {"name": "python", "display_name": "Python (Pyodide)"}
            copy.write_text(json.dumps(notebook), encoding="utf-8")
        for path in (ROOT / PART).glob("*.svg"):  # figures that chapters show
            shutil.copy(path, work / "files" / path.relative_to(ROOT / "book"))
        # every cell in the page, also those out of sight: a chapter is short, and readers search in it
        tracker = {"@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"}}
        (work / "overrides.json").write_text(json.dumps(tracker))
        arguments = ["--lite-dir", work, "--contents", work / "files", "--output-dir", target, "--apps", "notebooks"]
        command = [sys.executable, "-m", "jupyterlite_core", "build", *arguments]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"JupyterLite was not built:\n{done.stdout}{done.stderr}")
        pyodide = target / "static/pyodide"
        shutil.copytree(ROOT / ".vendor/pyodide", pyodide)
        source = work / "source"  # setuptools leaves its traces where it builds
        for name in ("rmtlib", "data"):
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("pyproject.toml", "README.md", "LICENSE"):
            shutil.copy(ROOT / name, source)
        wheel = [sys.executable, "-m", "pip", "wheel", "-qq", "--no-deps", "--no-build-isolation", "-w", work]
        subprocess.run([*wheel, "--disable-pip-version-check", source], check=True)
        extension = target / "extensions/@jupyterlite/pyodide-kernel-extension/static/pypi"
        own = [p for p in extension.glob("*.whl") if not p.name.startswith("widgetsnbextension")]
        lock = json.loads((ROOT / ".vendor/pyodide/pyodide-lock.json").read_text())
        lock["packages"] = dict(entry(p, pyodide) for p in [*WHEELS.glob("*.whl"), *work.glob("rmtlib-*.whl"), *own])
        (pyodide / "pyodide-lock.json").write_text(json.dumps(lock))
    settings(target / "jupyter-lite.json", sorted(lock["packages"]))
    for path in target.rglob("*.map"):  # 40 MB for those who debug JupyterLite
        path.unlink()


def settings(path: Path, packages: list[str]) -> None:
    """Pyodide and its packages are taken from beside the page, all of them when the kernel starts."""
    config = json.loads(path.read_text(encoding="utf-8"))
    config["jupyter-config-data"]["litePluginSettings"] = {
        PLUGIN: {
            "pyodideUrl": "./static/pyodide/pyodide.mjs",
            "disablePyPIFallback": True,
            "loadPyodideOptions": {
                "lockFileURL": "./static/pyodide/pyodide-lock.json",
                "packages": packages,
                # as in tools/execute.py: the order of sets decides how long sympy takes, from one minute to many
                "env": {"HOME": "/home/pyodide", "PYTHONHASHSEED": "0"},
            },
        }
    }
    path.write_text(json.dumps(config), encoding="utf-8")


def entry(wheel: Path, target: Path) -> tuple[str, dict]:
    """Copy a wheel; its entry in Pyodide's list of packages."""
    shutil.copy(wheel, target)
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        (about,) = [n for n in names if n.endswith(".dist-info/METADATA")]
        meta = message_from_string(archive.read(about).decode())
    name = meta["Name"].lower().replace("_", "-")
    imports = sorted({n.partition("/")[0].removesuffix(".py") for n in names if n.endswith(".py")})
    return name, {
        "name": name,
        "version": meta["Version"],
        "file_name": wheel.name,
        "install_dir": "site",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "package_type": "package",
        "unvendored_tests": False,
        "imports": [n for n in imports if "." not in n],
        "depends": [],  # every one is loaded when the kernel starts
    }


if __name__ == "__main__":
    build(ROOT / "_build/html/lite")
