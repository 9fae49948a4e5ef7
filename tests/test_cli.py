"""The command line: what it prints, what it writes, what it refuses, and what it leaves behind."""

import json
import os
import re
import subprocess
import sys
import warnings

import numpy as np
import pytest

import rmtlib as rmt
from rmtlib import cli

QUICK = ["--samples", "4", "--bootstrap", "20", "--points", "0"]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rmt.core_periphery().sample(120, seed=0).save(tmp_path / "net.npz")
    return tmp_path


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_report_writes_a_page_and_numbers(folder, capsys):
    assert cli.main(["report", "net.npz", "--json", "out.json", "--time-unit", "ms", *QUICK]) == 0
    assert names(folder) == ["net-report.html", "net.npz", "out.json"]
    data = json.loads((folder / "out.json").read_text(encoding="utf-8"))
    assert data["name"] == "net"
    assert data["time_unit"] == "ms"
    assert data["abscissa"]["all"]["exact"] == rmt.spectral_abscissa(rmt.load("net.npz"))
    out, err = capsys.readouterr()
    assert f"rightmost eigenvalue {data['abscissa']['all']['exact']:.5g}" in out
    assert "written: net-report.html, out.json" in out
    assert "report" in err  # the progress bar


def test_quiet_says_nothing(folder, capsys):
    assert cli.main(["report", "net.npz", "-q", "-o", "page.html", *QUICK]) == 0
    out, err = capsys.readouterr()
    assert out == err == ""
    assert names(folder) == ["net.npz", "page.html"]


def test_what_belongs_to_the_units(folder):
    (folder / "w.csv").write_text("A,B,0.5\nC,A,-1.5\n")
    (folder / "units.csv").write_text("unit,tau,gain,label\nA,10,0.5,E\nB,20,0.5,E\nC,30,1,I\n")
    (folder / "tau.txt").write_text("1\n2\n4\n")
    assert cli.main(["report", "w.csv", "--units", "units.csv", "--tau", "tau.txt", "--gain", "0.25", "--json", "o.json", "-q", *QUICK]) == 0
    populations = json.loads((folder / "o.json").read_text(encoding="utf-8"))["network"]["populations"]
    assert [(p["name"], p["n"]) for p in populations] == [("E", 2), ("I", 1)]
    assert populations[0]["tau"]["mean"] == 1.5
    assert populations[0]["gain"]["mean"] == 0.25


def test_info(folder, capsys):
    assert cli.main(["info", "net.npz"]) == 0
    out = capsys.readouterr().out
    net = rmt.load("net.npz")
    assert f"units        {net.n}" in out
    assert f"synapses     {net.synapse_count}" in out
    assert "on cycles    24 units" in out


def test_eigenvalues(folder, capsys):
    net = rmt.load("net.npz")
    for arguments, expected in ((["-k", "3"], rmt.leading_eigenvalues(net, 3)), (["--all"], rmt.eigenvalues(net))):
        assert cli.main(["eigenvalues", "net.npz", *arguments]) == 0
        table = np.loadtxt(capsys.readouterr().out.splitlines())
        assert np.allclose(table[:, 0] + 1j * table[:, 1], expected, atol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["info", "none.npz"], "error: no such file: none.npz"),
        (["info", "bad.npz"], "error: bad.npz is not a readable .npz file"),
        (["report", "bad.npz"], "not a readable .npz file"),
        (["report", "net.npz", "--tau", "none.txt"], "no such file: none.txt"),
        (["report", "net.npz", "--tau", "-1"], "tau must be positive"),
        (["report", "net.npz", "--tau", "nan"], "tau holds 120 NaN"),
        (["report", "net.npz", "-o", "x.pdf"], "the name must end in .html or .htm"),
        (["report", "net.npz", "-o", "none/x.html"], "no such folder: none"),
        (["report", "net.npz", "--json", "net.npz"], "the name must end in .json"),
        (["report", "net.npz", "--bootstrap", "3"], "bootstrap must be 0 or at least 20"),
        (["report", "net.npz", "--samples", "-1"], "samples must be an integer of at least 0"),
        (["report", "net.npz", "--seed", "-1"], "seed"),
        (["report", "net.npz", "--kind", "matrix"], "--kind belongs to tables of text"),
        (["eigenvalues", "net.npz", "-k", "0"], "k must be an integer between 1"),
        (["info", "."], "a folder, not a file"),
    ],
)
def test_refusals_are_one_line_and_leave_nothing(folder, capsys, arguments, message):
    (folder / "bad.npz").write_bytes(b"PK no archive")
    before = names(folder)
    assert cli.main(arguments) == 1
    out, err = capsys.readouterr()
    lines = [line for line in err.splitlines() if line.startswith("rmtlib: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert "Traceback" not in err
    assert out == ""
    assert names(folder) == before


def test_output_is_refused_before_the_work(folder, capsys, monkeypatch):
    monkeypatch.setattr(rmt.reporting, "report", lambda *_, **__: pytest.fail("it went to work"))
    assert cli.main(["report", "net.npz", "-o", "none/x.html"]) == 1
    (folder / "net.html").write_text("0")
    assert cli.main(["report", "net.html", "-o", "net.html"]) == 1
    assert "the network itself" in capsys.readouterr().err


def test_interruption_leaves_nothing(folder, capsys, monkeypatch):
    def interrupted(self):
        raise KeyboardInterrupt

    monkeypatch.setattr(rmt.reporting._Job, "modes", interrupted)
    assert cli.main(["report", "net.npz", *QUICK]) == 130
    assert "interrupted; nothing was written" in capsys.readouterr().err
    assert names(folder) == ["net.npz"]


def test_warnings_are_lines_too(folder, capsys):
    (folder / "e.csv").write_text("1,2,1\n2,1,1\n")
    assert cli.main(["info", "e.csv"]) == 0
    assert capsys.readouterr().err == "rmtlib: warning: e.csv: unit 0 has no synapse; is the list numbered from 1? Then pass --first 1\n"


PYTHON = re.compile(r"\b(kind|repeated|first|units|n|transpose)=")


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("0,1,2\n1,0,3\n2,1,0\n", [], "say --kind matrix or --kind edges"),
        ("0,1,2\n0,1,3\n", [], "merge repeated lines first, or pass --sum-repeated"),
        ("0,1,2\n0,x,3\n", [], 'units may have names, with --kind "named edges"'),
        ("0,1,1\n1,90000000,1\n", [], 'take them as names with --kind "named edges", or pass -n if'),
        ("1,2,1\n2,3,1\n", ["--units", "units.csv"], "is the list numbered from 1? Then pass --first 1"),
        ("1,2,1\n3,2,1\n", ["--tau", "tau.txt"], "if the list numbers its units from 1, pass --first 1"),
        ("A,B,1\n", ["--first", "1"], "--first belongs to units by number"),
        ("A,B,1\n", ["--kind", "named edges", "-n", "3"], "-n belongs to units by number, these have names; list units without synapses in --units"),
        ("1,2,3,4\n" * 4, ["-n", "4"], "-n belongs to lists of synapses"),
        ("source,target\n0,1\n", [], "there is no column weight"),
    ],
)
def test_messages_name_options(folder, capsys, content, arguments, message):
    (folder / "e.csv").write_text(content)
    (folder / "units.csv").write_text("rank,tau,gain\n1,1,1\n2,1,1\n3,1,1\n")
    (folder / "tau.txt").write_text("1\n2\n3\n")
    assert cli.main(["info", "e.csv", *arguments]) == 1
    (error,) = [line for line in capsys.readouterr().err.splitlines() if "error:" in line]
    assert message in error
    assert not PYTHON.search(error.replace("n=3 units", "").replace("return_inverse=True", ""))
    given = dict(zip(arguments[::2], arguments[1::2], strict=True))  # and in Python again what Python takes
    names = {"--units": "units", "--tau": "tau", "--first": "first", "-n": "n", "--kind": "kind"}
    values = {names[key]: int(value) if value.isdigit() else value for key, value in given.items()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(rmt.ValidationError) as info:
            rmt.load("e.csv", **values)
    assert "--" not in str(info.value)


def test_the_way_out_of_each(folder, capsys):
    (folder / "e.csv").write_text("1,2,1\n2,3,1\n2,3,1\n")
    (folder / "tau.txt").write_text("1\n2\n4\n")
    assert cli.main(["info", "e.csv", "--first", "1", "--sum-repeated", "--kind", "edges", "--tau", "tau.txt"]) == 0
    out, err = capsys.readouterr()
    assert "units        3" in out
    assert "1 to 4" in out
    assert err == ""


def test_unused_names_are_said(folder, capsys):
    np.savez(folder / "a.npz", W=np.eye(3), taus=np.ones(3))
    assert cli.main(["info", "a.npz", "--gain", "0.5"]) == 0
    assert "rmtlib: warning: a.npz: variable 'taus' not used; no tau in the file, taken as 1" in capsys.readouterr().err


def test_the_page_goes_to_the_current_folder(folder, capsys):
    (folder / "data").mkdir()
    (folder / "net.npz").rename(folder / "data" / "net.npz")
    assert cli.main(["report", "data/net.npz", "-q", *QUICK]) == 0
    assert names(folder) == ["data", "net-report.html"]
    assert names(folder / "data") == ["net.npz"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["--version"], 0, rmt.__version__),
        (["--help"], 0, "rmtlib report connectome.csv"),
        (["report", "--help"], 0, "W[i, j] is the synapse from j to i"),
        (["info", "--help"], 0, "NETWORK"),
        (["report", "--help"], 0, "NETWORK-report.html in the current folder, not beside NETWORK"),
        (["info", "--help"], 0, "--first NUMBER"),
        ([], 2, "COMMAND"),
        (["report"], 2, "NETWORK"),
        (["draw", "x"], 2, "invalid choice"),
        (["report", "x.npz", "--threshold", "low"], 2, "a number or auto"),
    ],
)
def test_help_and_usage(capsys, arguments, code, said):
    with pytest.raises(SystemExit) as stop:
        cli.main(arguments)
    assert stop.value.code == code
    out, err = capsys.readouterr()
    assert said in " ".join((out + err).split())


def test_as_a_module_and_into_a_pipe(folder):
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = subprocess.run([sys.executable, "-m", "rmtlib", "info", "net.npz"], capture_output=True, text=True, env=environment)
    assert run.returncode == 0
    assert "units        120" in run.stdout
    piped = subprocess.run(
        f"{sys.executable} -m rmtlib eigenvalues net.npz --all | head -n 1", shell=True, capture_output=True, text=True, env=environment
    )
    assert len(piped.stdout.split()) == 2
    assert piped.stderr == ""
