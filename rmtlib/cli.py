r"""The command line: ``rmtlib report``, ``rmtlib info``, ``rmtlib eigenvalues``.

Each reads one network as :func:`~rmtlib.network.load` does (a ``.npz``, ``.npy``, ``.mat``, ``.csv`` or ``.tsv`` file, with timescales, gains and labels in
it or beside it) and answers

.. math:: \alpha(J) = \max_i \mathrm{Re}\, \lambda_i(J), \qquad J = T^{-1}(-leak + W H),

with more or less around it. ``python -m rmtlib`` is the same program.

Exit codes: 0 done; 1 refused, with one line on stderr that says why; 2 a command line that cannot be read; 130
interrupted. Files are written whole or not at all, when everything else is done; without ``-o`` the page goes to the
current folder, not beside the network. Progress goes to stderr, results to stdout. Messages name the options of the
command line where the package names arguments.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import __version__
from .errors import RmtError, ValidationError

__all__ = ["main", "parser"]

_NETWORK = """The network is a file of one of these kinds:
  .npz   written by Network.save or scipy.sparse.save_npz
  .npy   a matrix of numbers, written by numpy.save
  .mat   MATLAB up to v7.2, with a variable weights or W, and optionally tau, gain, labels
  .csv   a list of synapses, one a line: source,target,weight (units by number from 0, by number from 1
         with --first 1, or by name), or a square matrix of numbers: one row per target,
         one column per source
  .tsv   the same, separated by tabs
W[i, j] is the synapse from j to i. A matrix with sources in its rows needs --transpose."""

_EXAMPLES = """examples:
  rmtlib info connectome.csv
  rmtlib report connectome.csv --units neurons.csv --time-unit ms -o connectome.html
  rmtlib report trained.npz --threshold auto --json trained.json
  rmtlib eigenvalues weights.csv --tau 20 -k 10"""


def _number_or_file(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return text


def _threshold(text: str) -> Any:
    if text == "auto":
        return text
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"a number or auto, not {text!r}") from None


def parser() -> argparse.ArgumentParser:
    """The parser of the command line."""
    raw = argparse.RawDescriptionHelpFormatter
    top = argparse.ArgumentParser(
        prog="rmtlib", formatter_class=raw, epilog=_EXAMPLES,
        description="Random matrix theory of one network: its spectrum, the law behind it, what makes it slow or unstable.",
    )  # fmt: skip
    top.add_argument("--version", action="version", version=f"rmtlib {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)

    source = argparse.ArgumentParser(add_help=False)
    source.add_argument("network", metavar="NETWORK", help="file with the weights")
    own = source.add_argument_group("what belongs to the units")
    own.add_argument("--tau", type=_number_or_file, metavar="NUMBER|FILE", help="timescales: one for all, or a file with one a line (default: those of the network file, else 1)")  # fmt: skip
    own.add_argument("--gain", type=_number_or_file, metavar="NUMBER|FILE", help="gains, likewise")
    own.add_argument("--labels", metavar="FILE", help="population of each unit, one name a line")
    own.add_argument("--units", metavar="FILE", help="all of these in one table: a header with unit (or neuron, node, id, ...), tau, gain, label")
    own.add_argument("--leak", type=float, metavar="NUMBER", help="leak of all units (default 1)")
    how = source.add_argument_group("how the file is read")
    how.add_argument("--kind", choices=("edges", "named edges", "matrix"), help="what a .csv or .tsv holds, where that is in doubt")
    how.add_argument("--transpose", action="store_true", help="the file has sources in its rows, targets in its columns")
    how.add_argument("--sum-repeated", action="store_true", help="add the weights of pairs that a list names more than once")
    how.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first unit: 1 if the file, and that of --units, number from 1 (default 0)")  # fmt: skip
    how.add_argument("-n", type=int, metavar="UNITS", help="number of units of a list of synapses, if the last have none")

    report = commands.add_parser(
        "report", parents=[source], formatter_class=raw, help="write a page about the network",
        description="Write one page of HTML about the network: spectrum, fitted law, distance to marginality,\nwhat moves it, tests and warnings. It opens in any browser, also without a network connection.\n\n" + _NETWORK,
    )  # fmt: skip
    out = report.add_argument_group("output")
    out.add_argument("-o", "--output", metavar="HTML", help="where the page goes (default: NETWORK-report.html in the current folder, not beside NETWORK); an older one is replaced")  # fmt: skip
    out.add_argument("--json", metavar="JSON", help="also write all numbers here")
    out.add_argument("--name", help="title of the page (default: the name of the file)")
    out.add_argument("--time-unit", default="", metavar="UNIT", help="unit of the timescales, such as ms")
    work = report.add_argument_group("computation")
    work.add_argument("--threshold", type=_threshold, metavar="NUMBER|auto", help="synapses with |weight| up to this are pruned ones; auto looks for a gap")  # fmt: skip
    work.add_argument("--samples", type=int, help="networks drawn from the fitted law (default: 200 for small networks to 4 for huge ones)")
    work.add_argument("--bootstrap", type=int, help="replicates for the errors of the fit (default 200, fewer for huge networks)")
    work.add_argument("--points", type=int, default=None, help="points for the density of the fitted law; 0 leaves it out")
    work.add_argument("--seed", type=int, default=0, help="the same seed gives the same report (default 0)")
    work.add_argument("-q", "--quiet", action="store_true", help="no progress bar, no closing lines")

    commands.add_parser(
        "info", parents=[source], formatter_class=raw, help="print what the file holds",
        description="Print units, synapses, populations, degrees and cycles. Fast, for any size.\n\n" + _NETWORK,
    )  # fmt: skip
    values = commands.add_parser(
        "eigenvalues", parents=[source], formatter_class=raw, help="print eigenvalues of the Jacobian",
        description="Print the rightmost eigenvalues of J = T^-1 (-leak + W H), one a line: real part, imaginary part.\n\n" + _NETWORK,
    )  # fmt: skip
    values.add_argument("-k", type=int, default=6, help="how many (default 6)")
    values.add_argument("--all", action="store_true", help="all of them, by dense linear algebra")
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code.

    Examples
    --------
    >>> main(["eigenvalues", "nowhere.csv"])
    1
    """
    given = parser().parse_args(arguments)
    run = {"report": _report, "info": _info, "eigenvalues": _eigenvalues}[given.command]
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
        try:
            run(given)
            sys.stdout.flush()
        except KeyboardInterrupt:
            _say("interrupted; nothing was written")
            return 130
        except BrokenPipeError:  # the reader has seen enough: | head
            sys.stdout = None  # type: ignore[assignment]
            return 0
        except (RmtError, OSError, MemoryError) as error:
            _say(f"error: {error or type(error).__name__}")
            return 1
    return 0


def _say(text: str) -> None:
    print("rmtlib: " + " ".join(text.split()), file=sys.stderr)


def _load(given: argparse.Namespace) -> Any:
    from .network import load
    from .reading import _SPEECH

    speech = _SPEECH.set("options")
    try:
        return load(
            given.network, tau=given.tau, gain=given.gain, labels=given.labels, leak=given.leak, n=given.n, kind=given.kind,
            units=given.units, transpose=given.transpose, repeated="sum" if given.sum_repeated else "error", first=given.first,
        )  # fmt: skip
    finally:
        _SPEECH.reset(speech)


def _target(path: str, endings: tuple[str, ...], *taken: Path) -> Path:
    """Where a file will be written; refused before the work, not after it."""
    target = Path(path)
    if target.suffix.lower() not in endings:
        raise ValidationError(f"{target}: the name must end in {' or '.join(endings)}")
    if not target.parent.is_dir():
        raise FileNotFoundError(f"no such folder: {target.parent}")
    if target.is_dir():
        raise ValidationError(f"{target} is a folder")
    if target.resolve() in [other.resolve() for other in taken]:
        raise ValidationError(f"{target} is the network itself, or given twice: choose another name")
    return target


def _report(given: argparse.Namespace) -> None:
    from .reporting import report

    network = Path(given.network)
    page = _target(given.output or f"{network.stem}-report.html", (".html", ".htm"), network)
    numbers = None if given.json is None else _target(given.json, (".json",), network, page)
    net = _load(given)
    extra = {} if given.points is None else {"points": given.points}
    made = report(
        net, threshold=given.threshold, name=given.name or network.stem, samples=given.samples, bootstrap=given.bootstrap,
        time_unit=given.time_unit, seed=given.seed, progress=not given.quiet, **extra,
    )  # fmt: skip
    made.save(page)
    if numbers is not None:
        made.save(numbers)
    if given.quiet:
        return
    row = made.data["abscissa"].get("all", {})
    if row.get("exact") is not None:
        law = "" if row["fitted"] is None else f"; of its fitted law {row['fitted']:.5g}"
        print(f"rightmost eigenvalue {row['exact']:.5g}{law}")
    for warning in made.data["warnings"]:
        print(f"{warning['level']}: {warning['text']}")
    print(f"written: {page}" + ("" if numbers is None else f", {numbers}"))


def _info(given: argparse.Namespace) -> None:
    import numpy as np
    import scipy.sparse as sp

    from .spectrum import components

    net = _load(given)
    weights = sp.csr_array(net.weights)
    into, out = np.diff(weights.indptr), np.bincount(weights.indices, minlength=net.n)
    sizes = components(net)[1]
    print(f"units        {net.n}")
    print(f"synapses     {weights.nnz} ({'sparse' if net.is_sparse else 'dense'}; mean degree {weights.nnz / net.n:.4g})")
    print(f"on cycles    {int(sizes[sizes > 1].sum())} units, {int(np.sum(sizes > 1))} strongly connected component(s)")
    print(f"leak         {net.leak:.6g}")
    if net.names is not None:
        print(f"names        {', '.join(net.names[:3].tolist())}{', ...' if net.n > 3 else ''}")
    print(f"\n{'population':<16s} {'units':>8s} {'in-degree':>10s} {'out-degree':>10s} {'tau':>20s} {'gain':>20s}")
    labels = np.full(net.n, "all") if net.labels is None else net.labels
    for name in dict.fromkeys(labels.tolist()):
        which = labels == name
        spans = [f"{x[which].min():.4g} to {x[which].max():.4g}" for x in (net.tau, net.gain)]
        print(f"{name:<16s} {which.sum():8d} {into[which].mean():10.4g} {out[which].mean():10.4g} {spans[0]:>20s} {spans[1]:>20s}")


def _eigenvalues(given: argparse.Namespace) -> None:
    from .spectrum import eigenvalues, leading_eigenvalues

    net = _load(given)
    values = eigenvalues(net) if given.all else leading_eigenvalues(net, k=min(given.k, net.n) if given.k > 0 else given.k)
    for value in values:
        print(f"{value.real:.10g} {value.imag:.10g}")
