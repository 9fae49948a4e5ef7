"""The stored notebooks: each is what its .md says, executed, with outputs of the code as it is now."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tools"))

import execute  # noqa: E402

CHAPTERS = [p.relative_to(ROOT).with_suffix("").as_posix() for p in execute.chapters()]


def stored(chapter: str) -> nbformat.NotebookNode:
    return nbformat.read(ROOT / f"{chapter}.ipynb", as_version=4)


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebook_is_current(chapter):
    """Same cells as the .md, every cell executed, no module of rmtlib changed since."""
    assert execute.stale(ROOT / f"{chapter}.md") is None


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_notebook_is_publishable(chapter):
    notebook = stored(chapter)
    nbformat.validate(notebook)
    assert execute.complaints(notebook) == []
    assert "widgets" not in notebook.metadata
    counts = [c.execution_count for c in notebook.cells if c.cell_type == "code" and c.source.strip()]
    assert counts == list(range(1, len(counts) + 1)), "not executed from top to bottom"


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_printed_lines_fit_the_column(chapter):
    outputs = [o for c in stored(chapter).cells for o in c.get("outputs", [])]
    printed = "".join(o.text for o in outputs if o.output_type == "stream").splitlines()
    assert [line for line in printed if len(line) > 90] == []


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_numbers_are_compared(chapter):
    """nbval compares what these cells print: at least three of them print numbers."""
    printing = [
        cell
        for cell in stored(chapter).cells
        if cell.cell_type == "code"
        and "nbval-ignore-output" not in cell.metadata.get("tags", [])
        and any(o.get("name") == "stdout" and any(map(str.isdigit, o.text)) for o in cell.outputs)
    ]
    assert len(printing) >= 3


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_explorations_hold_what_the_scene_gives(chapter):
    """Their cells are left out of nbval's comparison: the frames are checked by recomputing some of them."""
    for cell in stored(chapter).cells:
        if cell.cell_type == "code" and "rmt-explorer" in json.dumps(cell.outputs):
            assert "nbval-ignore-output" in cell.metadata.get("tags", [])


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_no_equation_is_displayed_as_a_truth_value(chapter):
    """sympy turns Eq(a, b) into True or False where it can decide: a displayed equation must not be one."""
    for cell in stored(chapter).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            assert data.get("text/plain", "").strip() not in ("True", "False"), cell.source
            for truth in (r"\text{True}", r"\text{False}"):
                assert truth not in data.get("text/latex", ""), cell.source


def test_the_table_of_contents_is_the_book():
    """Every page written is in _toc.yml, notebooks by their .ipynb, and every notebook has its .md."""
    toc = yaml.safe_load((ROOT / "_toc.yml").read_text(encoding="utf-8"))
    chapters = [c for part in toc["parts"] for c in part["chapters"]]
    chapters += [section for c in chapters for section in c.get("sections", [])]
    listed = {c["file"] for c in chapters} | {toc["root"]}
    listed = {name if name.endswith(".ipynb") else name.removesuffix(".md") + ".md" for name in listed}
    written = {p.relative_to(ROOT).as_posix() for p in execute.BOOK.rglob("*.md")}
    expected = {f"{c}.ipynb" for c in CHAPTERS} | (written - {f"{c}.md" for c in CHAPTERS})
    assert listed == expected
    notebooks = [p for p in execute.BOOK.rglob("*.ipynb") if ".ipynb_checkpoints" not in p.parts]
    assert {p.relative_to(ROOT).with_suffix("").as_posix() for p in notebooks} == set(CHAPTERS)


def test_a_change_of_code_makes_notebooks_stale(tmp_path, monkeypatch):
    code = 'def f(x):\n    """Doc."""\n    return x + 1  # why\n'
    other_words = 'def f(x):\n    """Other words,\n\n    longer."""\n\n    # another reason\n    return x + 1\n'
    assert execute.bare(code) == execute.bare(other_words)
    assert execute.bare(code) != execute.bare(code.replace("x + 1", "x + 2"))
    assert execute.bare('s = "# not a comment"') == 's = "# not a comment"'
    assert execute.bare('x = """not\n# a docstring"""') == 'x = """not\n# a docstring"""'

    package = tmp_path / "rmtlib"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "laws.py").write_text(code)
    chapter = tmp_path / "one.md"
    chapter.write_text("# One\n\n```{code-cell} ipython3\nprint(1)\n```\n")
    monkeypatch.setattr(execute, "ROOT", tmp_path)
    execute.digest.cache_clear()
    notebook = execute.source(chapter)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.execution_count = 1
    notebook.metadata["rmtlib"] = {"rmtlib.laws": execute.digest("rmtlib.laws")}
    nbformat.write(notebook, chapter.with_suffix(".ipynb"))
    assert execute.stale(chapter) is None

    (package / "laws.py").write_text(other_words)
    execute.digest.cache_clear()
    assert execute.stale(chapter) is None
    (package / "laws.py").write_text(code.replace("x + 1", "x + 2"))
    execute.digest.cache_clear()
    assert execute.stale(chapter) == "rmtlib.laws has changed"
    (package / "laws.py").unlink()
    execute.digest.cache_clear()
    assert execute.stale(chapter) == "rmtlib.laws has changed"
    execute.digest.cache_clear()


def test_main_figures_come_from_their_cells():
    """book/figures/CHAPTER.png is what the cell tagged main-figure of that chapter shows."""
    made = {Path(c).name: execute.main_figure(stored(c)) for c in CHAPTERS}
    made = {f"{name}.png": picture for name, picture in made.items() if picture is not None}
    assert made.keys() == {p.name for p in execute.FIGURES.glob("*.png")}
    for name, picture in made.items():
        assert (execute.FIGURES / name).read_bytes() == picture, name
        assert len(picture) < 200_000, f"{name} is too large for a README"
