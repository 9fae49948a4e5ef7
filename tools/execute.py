"""Execute chapters: book/**/x.md (what is written) -> book/**/x.ipynb (what is published and tested).

    python tools/execute.py                  the chapters whose stored outputs are stale
    python tools/execute.py book/front/tour  these chapters, stale or not
    python tools/execute.py --all            every chapter
    python tools/execute.py --check          execute nothing; exit 1 and name the stale chapters, if any

A notebook is stale when its cells differ from the .md, when a cell was not executed, or when a module
of rmtlib that it had loaded, or a file of data/ or benchmarks/ that it had read, has changed since: the
notebook's metadata holds a digest of each of these (of modules the code, without comments and docstrings),
so no output of older code or data is ever published.

Each chapter runs in a fresh kernel on one thread, with a fixed hash seed. What differs from run to run
(timings, cell ids) is left out, so executing twice gives the same bytes.
"""

from __future__ import annotations

import argparse
import ast
import base64
import hashlib
import io
import json
import os
import re
import sys
import time
import tokenize
from functools import cache
from pathlib import Path

import jupytext
import nbformat
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
BOOK = ROOT / "book"
FIGURES = BOOK / "figures"

ENVIRONMENT = {
    **dict.fromkeys(["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"], "1"),
    "PYTHONHASHSEED": "0",
    "TQDM_DISABLE": "1",
    "RMTLIB_FRAMES": str(BOOK / "explorers"),
}

# Run in the chapter's kernel before its first cell and after its last.
WATCH = "import sys as _sys; _read = set(); _sys.addaudithook(lambda e, a: _read.add(str(a[0])) if e == 'open' else None)"
LOADED = "print(*(n for n in _sys.modules if n.partition('.')[0] == 'rmtlib'), sep='\\n')"
READ = "print(*(n for n in _read if n.endswith(('.json', '.csv', '.npz'))), sep='\\n')"


def chapters() -> list[Path]:
    """The .md files under book/ that hold code cells."""
    return sorted(p for p in BOOK.rglob("*.md") if "{code-cell}" in p.read_text(encoding="utf-8"))


def source(md: Path) -> nbformat.NotebookNode:
    """The notebook that an .md file describes, without outputs."""
    notebook = jupytext.read(md, fmt="md:myst")
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number:03d}"
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        }
    )
    return notebook


def execute(md: Path) -> nbformat.NotebookNode:
    """Run a chapter in a fresh kernel; raises nbclient's CellExecutionError at the first error."""
    notebook = source(md)
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    environment = {**os.environ, **ENVIRONMENT, "PYTHONPATH": os.pathsep.join(paths)}
    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        coalesce_streams=True,  # how prints fall into messages is a matter of timing
        resources={"metadata": {"path": str(md.parent)}},
    )
    with client.setup_kernel(env=environment):
        aside(client, WATCH)
        for index, cell in enumerate(notebook.cells):
            client.execute_cell(cell, index)
        modules, opened = (aside(client, code).splitlines() for code in (LOADED, READ))
    notebook.metadata["rmtlib"] = {name: digest(name) for name in sorted(modules)}
    notebook.metadata["data"] = {name: contents(name) for name in sorted(filter(None, map(kept, opened)))}
    normalise(notebook)
    nbformat.validate(notebook)
    return notebook


def aside(client: NotebookClient, code: str) -> str:
    """Run code in the chapter's kernel without a trace in the notebook; what it prints."""
    cell = nbformat.v4.new_code_cell(code)
    client.nb.cells.append(cell)
    client.execute_cell(cell, len(client.nb.cells) - 1, store_history=False)
    client.nb.cells.pop()
    return "".join(o.get("text", "") for o in cell.outputs)


def kept(path: str) -> str | None:
    """The name of a file of data/ or benchmarks/ in the repository, None for any other path."""
    whole = Path(path).resolve()
    if whole.suffix in {".json", ".csv", ".npz"} and {ROOT / "data", ROOT / "benchmarks"} & set(whole.parents):
        return whole.relative_to(ROOT).as_posix()
    return None


@cache
def contents(name: str) -> str | None:
    """Digest of a stored file; None when there is no such file."""
    path = ROOT / name
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16] if path.is_file() else None


def normalise(notebook: nbformat.NotebookNode) -> None:
    notebook.metadata.pop("widgets", None)
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        for output in cell.get("outputs", []):
            output.get("data", {}).pop("application/vnd.jupyter.widget-view+json", None)


def complaints(notebook: nbformat.NotebookNode) -> list[str]:
    """What must not be stored: it would differ on another machine, or spoil the page."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        first = cell.source.strip().partition("\n")[0]
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"`{first}` ... raises {output.ename}")
            if output.get("name") == "stderr":
                found.append(f"`{first}` ... writes to stderr: {output.text.strip()[-200:]}")
            data = output.get("data", {})
            text = output.get("text", "") + "".join(
                v if isinstance(v, str) else json.dumps(v) for k, v in data.items() if k.startswith("text/")
            )
            if match := re.search(r"\b0x[0-9a-f]{6,}\b", text):
                found.append(f"`{first}` ... prints a memory address ({match.group()})")
            if match := re.search(r"(/(home|root|work|tmp|Users|usr|opt)/|[A-Z]:\\\\)\S*", text):
                found.append(f"`{first}` ... prints a path of one machine ({match.group()})")
            if any("widget" in kind for kind in data):
                found.append(f"`{first}` ... stores a widget: a reader without a kernel cannot see it")
    return found


def main_figure(notebook: nbformat.NotebookNode) -> bytes | None:
    """The picture made by the cell tagged main-figure: stored as book/figures/CHAPTER.png for the README."""
    for cell in notebook.cells:
        if "main-figure" in cell.metadata.get("tags", []):
            for output in cell.outputs:
                if "image/png" in output.get("data", {}):
                    return base64.b64decode(output["data"]["image/png"])
    return None


@cache
def digest(module: str) -> str | None:
    """Digest of a module's code; None when there is no such module."""
    path = ROOT.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not path.is_file():
        return None
    text = bare(path.read_text(encoding="utf-8"))
    if path.name == "plot.py":  # the style sheet is read, not imported
        text += "".join(p.read_text(encoding="utf-8") for p in sorted(path.parent.rglob("*.mplstyle")))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def bare(code: str) -> str:
    """Python source without comments, docstrings and blank lines: what can change an output."""
    lines = code.splitlines(keepends=True)
    cuts = []  # (first line, column, last line, column), lines from 1, columns in characters
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            cuts.append((*token.start, *token.end))
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            first = node.body[0] if node.body else None
            if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
                # ast counts columns in bytes
                start = len(lines[first.lineno - 1].encode()[: first.col_offset].decode())
                end = len(lines[first.end_lineno - 1].encode()[: first.end_col_offset].decode())
                cuts.append((first.lineno, start, first.end_lineno, end))
    for row, column, last, end in sorted(cuts, reverse=True):
        tail = lines[last - 1][end:]
        lines[row - 1 : last] = [lines[row - 1][:column] + tail] + [""] * (last - row)
    return "\n".join(line.rstrip() for line in lines if line.strip())


def stale(md: Path) -> str | None:
    """Why the stored notebook of a chapter may not be published, or None."""
    ipynb = md.with_suffix(".ipynb")
    if not ipynb.is_file():
        return "never executed"
    stored, wanted = nbformat.read(ipynb, as_version=4), source(md)
    if [identity(c) for c in stored.cells] != [identity(c) for c in wanted.cells]:
        return f"{md.name} has changed"
    if any(c.cell_type == "code" and c.source.strip() and c.execution_count is None for c in stored.cells):
        return "cells not executed"
    for name, value in stored.metadata.get("rmtlib", {}).items():
        if digest(name) != value:
            return f"{name} has changed"
    for name, value in stored.metadata.get("data", {}).items():
        if contents(name) != value:
            return f"{name} has changed"
    return None


def identity(cell: nbformat.NotebookNode) -> tuple:
    return cell.cell_type, cell.source, json.dumps(cell.metadata, sort_keys=True)


def find(name: str) -> Path:
    path = Path(name).with_suffix(".md")
    for candidate in (path, ROOT / path, BOOK / path):
        if candidate.is_file():
            return candidate.resolve()
    sys.exit(f"{name}: no such chapter. Chapters: " + ", ".join(str(c.relative_to(ROOT)) for c in chapters()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("chapters", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    chosen = [find(name) for name in arguments.chapters] or chapters()
    reasons = {md: stale(md) for md in chosen}
    if arguments.check:
        for md, reason in reasons.items():
            if reason:
                print(f"{md.relative_to(ROOT)}: {reason}")
        sys.exit(any(reasons.values()))
    failed = False
    for md, reason in reasons.items():
        if not (reason or arguments.all or arguments.chapters):
            continue
        start = time.perf_counter()
        print(f"{md.relative_to(ROOT)} ({reason or 'up to date'}) ...", end=" ", flush=True)
        try:
            notebook = execute(md)
        except Exception as error:  # the next chapter can still run
            print(f"failed\n{error}", flush=True)
            failed = True
            continue
        found = complaints(notebook)
        text = nbformat.writes(notebook) + "\n"
        if not found:
            md.with_suffix(".ipynb").write_text(text, encoding="utf-8")
            if (picture := main_figure(notebook)) is not None:
                FIGURES.mkdir(exist_ok=True)
                (FIGURES / f"{md.stem}.png").write_bytes(picture)
        failed |= bool(found)
        print(f"{time.perf_counter() - start:.1f} s, {len(text) / 1000:.0f} kB", *found, sep="\n  ", flush=True)
    sys.exit(failed)


if __name__ == "__main__":
    main()
