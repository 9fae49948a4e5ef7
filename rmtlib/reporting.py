r"""A report on one network: what its spectrum is, what a random network of its statistics would have, and what moves it.

For a network with Jacobian ``J = T^-1 (-leak + W H)`` the report holds side by side

.. math::
   \alpha(J) = \max_i \mathrm{Re}\,\lambda_i(J)
   \qquad\text{and}\qquad
   \alpha^* = \max \{\mathrm{Re}\,z : \rho(K(z)) \ge 1\}, \quad
   K_{ab}(z) = c_{ab} \langle w^2 \rangle_{ab} \Big\langle \frac{h^2}{|leak + z\tau|^2} \Big\rangle_b ,

the rightmost eigenvalue of the matrix itself and the rightmost point of the bulk of its fitted law, with the error of the fit,
the spread over networks that are sampled from that law, and the rank of the real one among them.

:func:`report` returns a :class:`Report`: ``.data`` is a dictionary of plain numbers, ``.html`` one page that loads nothing from
elsewhere and runs no script. Every part of it may fail on an odd network; the part then says why, and the others stand.

**Schema of the data**, version 1 (key ``"version"``; keys may be added within a version, not renamed or removed). A number that
does not exist is null. A complex number is a pair ``[re, im]``. Each part is an object with a ``"status"`` of ``"ok"``, ``"failed"`` or
``"skipped"``, the latter two with a ``"reason"``:

``network``
    ``n``, ``synapses``, ``mean_degree``, ``leak``, ``stored``, ``populations`` (per population ``name``, ``n``, ``in_degree``,
    ``out_degree``, ``excitatory``, ``inhibitory``, and mean, sd, least and greatest of ``tau`` and ``gain``), ``degrees`` (mean number of synapses,
    rows are targets), ``core`` (units on a cycle, in ``components`` strongly connected
    components), ``reciprocal_pairs``, ``autapses``, ``degree_variance`` (in and out, over its Poisson value).
``fit``
    what ``FitResult.to_dict`` gives.
``theory``
    ``abscissa`` (``bulk``, ``bar``, ``outliers``, ``all``), ``edge`` (list of curves), ``outliers``, ``bar`` (share of the eigenvalues, of the law and
    of the network), ``missing`` (what does not exist, and why).
``spectrum``
    ``exact`` (whether ``eigenvalues`` holds all of them or the leading ones), ``bar`` (those on no cycle), ``real`` (how many
    are), ``beyond_edge`` (how many of the core lie outside the edge of the law).
``abscissa``
    ``all`` and ``core``: ``exact``, ``fitted``, ``error``, ``samples``, ``mean``, ``sd``, ``above`` (samples further right than the network),
    ``pvalue``; ``lost`` (samples that could not be solved).
``freezing``
    ``degree``, ``freezing_degree``, ``frozen``, ``abscissa`` (of the bound, where frozen).
``density``
    ``law`` on the grid ``x`` by ``y`` (null near the edge and at the ``lost`` points); for networks too large for all eigenvalues
    ``cut``: ``x``, ``y``, ``cavity`` (on the graph) and ``law`` along a line.
``marginality``, ``sensitivities``
    what ``to_dict`` of :func:`~rmtlib.theory.sensitivity.marginality` and :func:`~rmtlib.theory.sensitivity.sensitivities` gives.
``nonnormality``
    ``numerical_abscissa``, ``henrici`` (relative departure from normality).
``modes``
    ``modes``, the slowest, ``within`` the network or its largest component: ``eigenvalue``, ``memory_time``, ``period``, ``participation``, ``shares``, ``units``.
``warnings``
    list of ``level`` ("warning" or "note"), ``code`` and ``text``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg as la
import scipy.sparse as sp
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.sparse import csgraph
from scipy.sparse.linalg import ArpackError, LinearOperator, eigs
from tqdm import tqdm

from . import __version__
from .ensemble import Ensemble, _generator
from .errors import ConvergenceError, NotApplicableError, RmtError, ValidationError
from .network import Network, _replacing
from .spectrum import _blocks, _dense_eigenvalues, _sorted, components, numerical_abscissa

__all__ = ["VERSION", "Report", "report"]

#: Version of the schema of ``Report.data``.
VERSION = 1

_EXACT = 2500  # units of the largest component up to which all eigenvalues are computed
_DENSE = 250  # units up to which LAPACK finds the rightmost eigenvalue sooner than ARPACK
_LEADING = 8  # eigenvalues of a larger network
_LU = 1200  # units up to which eigenvectors come from LU factors
_MODES = 4
_FEW = 50  # units below which a limit of large networks says little


@dataclass(frozen=True)
class Report:
    """What :func:`report` found.

    Attributes
    ----------
    name : str
        Of the network.
    data : dict
        Everything as plain numbers, text, lists and dictionaries, ready for JSON; schema in :mod:`rmtlib.reporting`.
    html : str
        One page with its figures, for any browser, without scripts or requests.
    """

    name: str
    data: dict[str, Any]
    html: str

    def json(self) -> str:
        """The data as text."""
        return json.dumps(self.data, indent=1, allow_nan=False, ensure_ascii=False) + "\n"

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the page (``.html``, ``.htm``) or the data (``.json``), whole or not at all.

        Raises
        ------
        ValidationError
            Any other file ending.
        FileNotFoundError
            No such directory.
        """
        path = Path(path)
        ending = path.suffix.lower()
        if ending not in (".html", ".htm", ".json"):
            raise ValidationError(f"cannot save a report to {path.name!r}: the file name must end in .html or .json")
        text = self.json() if ending == ".json" else self.html
        with _replacing(path) as temporary:
            Path(temporary).write_text(text, encoding="utf-8")

    def __repr__(self) -> str:
        failed = [key for key, part in self.data.items() if isinstance(part, dict) and part.get("status") == "failed"]
        tail = f", without {', '.join(failed)}" if failed else ""
        return f"Report({self.name!r}, n={self.data['network']['n']}{tail})"


def report(
    net: Any,
    populations: Any = None,
    threshold: Any = None,
    name: str | None = None,
    *,
    laws: str = "auto",
    weights: str = "auto",
    points: int = 180,
    samples: int | None = None,
    bootstrap: int | None = None,
    time_unit: str = "",
    seed: int = 0,
    progress: bool = True,
) -> Report:
    r"""Everything this package can say about one network, as a page and as data.

    The rightmost eigenvalue :math:`\alpha(J)` of the network is set against the abscissa :math:`\alpha^*` of its fitted law,
    ``rho(K(alpha*)) = 1`` (see :mod:`rmtlib.reporting` for the equation and for the schema of the data).

    Parameters
    ----------
    net : Network
    populations : optional
        A label for each unit, or a dictionary from names to indices; default: the labels of the network, else one population.
    threshold : float, "auto" or None
        Synapses with :math:`|W_{ij}|` up to it are taken for pruned and dropped (as in :func:`~rmtlib.fitting.fit`).
    name : str, optional
        Title of the page.
    laws, weights : str
        Which laws :func:`~rmtlib.fitting.fit` may choose from.
    points : int
        Points at which the density of the fitted law is computed (none very near the edge); 0 leaves it out.
    samples : int, optional
        Networks drawn from the fitted law, for the spread of their rightmost eigenvalue. Default: 200 up to 400 units, 60
        up to 2000, 20 up to 20 000, 4 beyond.
    bootstrap : int, optional
        Replicates for the errors of the fit. Default: 200 up to 20 000 units, 40 beyond.
    time_unit : str
        Unit of tau, such as ``"ms"``; only printed.
    seed : int
        The same seed gives the same report.
    progress : bool
        Show a progress bar on stderr.

    Returns
    -------
    Report

    Raises
    ------
    ValidationError
        Something that is no network, populations that do not fit, options out of range.

    Notes
    -----
    All eigenvalues are computed where the largest strongly connected component has at most 2500 units. Beyond, the
    rightmost ones by sparse methods, and the density from the cavity equations on the graph along a cut.

    Examples
    --------
    >>> import rmtlib as rmt
    >>> net = rmt.core_periphery().sample(200, seed=0)
    >>> found = rmt.report(net, samples=10, bootstrap=20, points=0, progress=False)
    >>> found.data["spectrum"]["status"], found.data["network"]["synapses"] == net.synapse_count
    ('ok', True)
    """
    if isinstance(net, Ensemble):
        raise NotApplicableError("report takes one network; an Ensemble is a law: draw one, ens.sample(n, seed=...)")
    if not isinstance(net, Network):
        raise ValidationError(
            f"report takes a Network, got {type(net).__name__}: rmt.Network(W, tau, gain, labels), or rmt.load(path)"
        )
    for what, value, least in (("points", points, 0), ("samples", samples, 0), ("bootstrap", bootstrap, 0)):
        if value is not None and (isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < least):
            raise ValidationError(f"{what} must be an integer of at least {least}, got {value!r}")
    if bootstrap is not None and 0 < bootstrap < 20:
        raise ValidationError(f"bootstrap must be 0 or at least 20, got {bootstrap}: an error from fewer replicates is none")
    _generator(seed)  # refuses a bad one before the work
    job = _Job(net, populations, threshold, laws, weights, points, samples, bootstrap, seed, progress)
    title = name or "Network"
    data = {
        "format": "rmtlib.report", "version": VERSION, "rmtlib": __version__, "name": title, "seed": int(seed),
        "time_unit": time_unit, **job.run(),
    }  # fmt: skip
    data = _plain(data)
    from .reportpage import page

    return Report(title, data, page(data, job))


def _plain(x: Any) -> Any:
    """Numbers, text, lists and dictionaries only; what is not finite becomes null."""
    if isinstance(x, dict):
        return {str(key): _plain(value) for key, value in x.items()}
    if isinstance(x, np.ndarray):
        x = x.tolist()
    if isinstance(x, (list, tuple)):
        return [_plain(value) for value in x]
    if isinstance(x, (bool, np.bool_)):
        return bool(x)
    if isinstance(x, (int, np.integer)):
        return int(x)
    if isinstance(x, (complex, np.complexfloating)):
        return [_plain(x.real), _plain(x.imag)]
    if isinstance(x, (float, np.floating)):
        return float(x) if np.isfinite(x) else None
    return x if x is None else str(x)


class _Skipped(Exception):
    """A part that has nothing to say about this network, and why."""


class _Job:
    """The parts of a report, one method each, in an order in which later ones use what earlier ones found."""

    parts = (
        "network", "fit", "theory", "spectrum", "abscissa", "freezing", "density", "marginality", "sensitivities",
        "nonnormality", "modes",
    )  # fmt: skip

    def __init__(self, net, populations, threshold, laws, weights, points, samples, bootstrap, seed, progress):
        self.net, self.threshold, self.laws, self.weights = net, threshold, laws, weights
        self.groups = _groups(net, populations)
        self.points, self.seed, self.progress = points, seed, progress
        n = net.n
        self.sample_count = (200 if n <= 400 else 60 if n <= 2000 else 20 if n <= 20_000 else 4) if samples is None else samples
        self.bootstrap = (200 if n <= 20_000 else 40) if bootstrap is None else bootstrap
        self.warnings: list[dict[str, str]] = []
        self.done: dict[str, dict[str, Any]] = {}
        self.found: Any = None  # FitResult
        self.ens: Ensemble | None = None
        self.samples: tuple[NDArray, NDArray] = (np.zeros(0), np.zeros(0))
        self.density_image: tuple[NDArray, NDArray] | None = None
        self.edge: list[NDArray] = []
        self.outliers: NDArray | None = None
        self.vectors: tuple[NDArray, NDArray] | None = None
        self.exact, self.simple, self.core = True, np.zeros(0), np.zeros(0, complex)

    def run(self) -> dict[str, Any]:
        with tqdm(total=len(self.parts) + self.sample_count, desc="report", disable=not self.progress, leave=False) as bar:
            self.bar = bar
            for part in self.parts:
                bar.set_description(f"report: {part}")
                self.done[part] = self._part(getattr(self, part))
                bar.update()
        self._conclusions()
        return {**self.done, "warnings": self.warnings}

    def _part(self, method: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        try:
            with np.errstate(all="ignore"):
                return {"status": "ok", **method()}
        except (_Skipped, NotApplicableError) as why:  # a question that this network, or its law, has no answer to
            return {"status": "skipped", "reason": str(why)}
        except RmtError as error:
            return {"status": "failed", "reason": str(error)}
        except Exception as error:  # a part of a report must not take the others with it
            return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}

    def warn(self, code: str, text: str, level: str = "warning") -> None:
        self.warnings.append({"level": level, "code": code, "text": text})

    def law(self) -> Ensemble:
        if self.ens is None:
            raise _Skipped("there is no fitted law (see the fit)")
        return self.ens

    # ------------------------------------------------------------------------------ parts

    def network(self) -> dict[str, Any]:
        net = self.net
        weights = sp.csr_array(net.weights)
        into, out = np.diff(weights.indptr), np.bincount(weights.indices, minlength=net.n)
        names = list(self.groups)
        member = np.empty(net.n, dtype=int)
        for k, index in enumerate(self.groups.values()):
            member[index] = k
        row = np.repeat(np.arange(net.n), into)
        counts = np.zeros((len(names), len(names)))
        np.add.at(counts, (member[row], member[weights.indices]), 1)
        sizes = np.bincount(member, minlength=len(names))
        positive = np.bincount(weights.indices[weights.data > 0], minlength=net.n)
        negative = out - positive
        populations = []
        for k, index in enumerate(self.groups.values()):
            populations.append(
                {
                    "name": names[k], "n": int(sizes[k]), "in_degree": into[index].mean(), "out_degree": out[index].mean(),
                    "excitatory": int(positive[index].sum()), "inhibitory": int(negative[index].sum()),
                    "mixed": int(np.sum((positive[index] > 0) & (negative[index] > 0))),
                    "tau": _moments(net.tau[index]), "gain": _moments(net.gain[index]),
                }  # fmt: skip
            )
        self.component, self.component_sizes = components(net)
        core = int(self.component_sizes[self.component_sizes > 1].sum())
        pattern = sp.csr_array((np.ones(weights.nnz, dtype=np.int8), weights.indices, weights.indptr), shape=weights.shape)
        autapses = int(np.count_nonzero(weights.diagonal()))
        both = int(pattern.multiply(pattern.T).nnz) - autapses
        own = float(np.sum(weights.diagonal() ** 2) / max(np.sum(weights.data**2), np.finfo(float).tiny))
        strong = float(np.max(np.abs(weights.diagonal() * net.gain)))
        # all-to-all with ordinary weights on the diagonal has a share of 1/n; a few strong ones matter whatever their share
        if own > max(0.01, min(0.5, 5 / net.n)) or strong > 0.5 * abs(net.leak) > 0:
            self.warn(
                "autapses", f"{autapses} synapses of units onto themselves carry {own:.0%} of the squared weight. The fitted law leaves them out: they "
                "change the leak of their units to leak - W_ii h_i. Divide such a row of W, without W_ii, and its tau by the ratio of that leak to leak to have "
                "them in the law; one above leak makes the network unstable by itself."
            )  # fmt: skip
        mean = into.mean()
        share = mean / max(net.n - 1, 1)
        poisson = mean * (1 - share)
        if net.n < _FEW:
            self.warn(
                "few units", f"The network has {net.n} unit{'s' if net.n > 1 else ''}. The theory is that of large networks: take its numbers as "
                "orders of magnitude and rely on the eigenvalues."
            )  # fmt: skip
        if weights.nnz == 0:
            self.warn("no synapses", "There are no synapses: every eigenvalue is -leak/tau of one unit.")
        if np.any(net.gain < 0):
            self.warn(
                "negative gains", f"{int(np.sum(net.gain < 0))} gains are negative. A law of gains is on numbers >= 0, so the signs "
                "were moved into the weights of the outgoing synapses, which leaves the Jacobian as it is."
            )  # fmt: skip
        if core < net.n and weights.nnz:
            self.warn(
                "acyclic part", f"{net.n - core} of {net.n} units lie on no cycle through others. Each contributes one eigenvalue exactly, -leak/tau, or "
                "(-leak + W_ii h_i)/tau where it has an autapse; the former make the bar. A dense eigenvalue routine blurs them: here they are "
                "taken from the components.", level="note"
            )  # fmt: skip
        pieces = np.bincount(csgraph.connected_components(pattern, directed=False)[1])
        if np.sum(pieces > 1) > 1:
            self.warn(
                "pieces", f"The network falls into {int(np.sum(pieces > 1))} pieces that share no synapse (of {', '.join(map(str, np.sort(pieces)[::-1][:3]))} "
                "units, and so on): it is several networks, each with a spectrum of its own. One fitted law mixes them; report them one by one."
            )  # fmt: skip
        return {
            "n": net.n, "synapses": int(weights.nnz), "mean_degree": mean, "leak": net.leak,
            "stored": "sparse" if net.is_sparse else "dense", "populations": populations,
            "degrees": counts / sizes[:, None], "core": core, "components": int(np.sum(self.component_sizes > 1)),
            "reciprocal_pairs": both // 2, "autapses": autapses,
            "degree_variance": {
                "in": into.var() / poisson if poisson > 0 else None, "out": out.var() / poisson if poisson > 0 else None,
            },
        }  # fmt: skip

    def fit(self) -> dict[str, Any]:
        from .fitting import fit

        net = self.net
        if np.any(net.gain < 0):
            sign = np.where(net.gain < 0, -1.0, 1.0)
            signed = sp.csr_array(net.weights @ sp.diags_array(sign)) if net.is_sparse else net.weights * sign
            net = Network(signed, net.tau, np.abs(net.gain), net.labels, net.leak, net.names)
        found = fit(
            net, populations=self.groups, threshold=self.threshold, laws=self.laws, weights=self.weights,
            bootstrap=self.bootstrap, seed=self.seed, progress=self.progress,
        )  # fmt: skip
        self.found, self.ens = found, found.ensemble
        return found.to_dict()

    def theory(self) -> dict[str, Any]:
        from . import theory

        ens, n = self.law(), self.net.n
        missing: dict[str, str] = {}

        def known(what: str, func: Callable[[], Any]) -> Any:
            try:
                return func()
            except Exception as error:  # one of these that a law does not have leaves the others
                missing[what] = str(error)
                return None

        abscissa = {
            part: known(part, lambda part=part: theory.spectral_abscissa(ens, parts=part, n=n)) for part in ("bulk", "bar", "outliers")
        }
        values = [x for x in abscissa.values() if x is not None and np.isfinite(x)]
        self.edge = known("edge", lambda: theory.spectral_edge(ens, n=n, points=240)) or []
        self.outliers = known("isolated eigenvalues", lambda: theory.outliers(ens, n=n))
        of_law = known("bar of the law", lambda: theory.bar(ens).weight)
        of_network = known("bar of the network", lambda: theory.bar(self.net).weight)
        return {
            "abscissa": {**abscissa, "all": max(values) if values else None},
            "edge": self.edge, "outliers": self.outliers, "bar": {"law": of_law, "network": of_network}, "missing": missing,
        }  # fmt: skip

    def spectrum(self) -> dict[str, Any]:
        from .theory import edge_function

        net = self.net
        simple, blocks = _blocks(net)
        largest = blocks[0].shape[0] if blocks else 0
        self.exact = largest <= _EXACT
        self.simple = simple
        if self.exact:
            self.core = _sorted(np.concatenate([_dense_eigenvalues(b.toarray()) for b in blocks])) if blocks else np.zeros(0, complex)
        else:
            found = []
            for block in blocks:
                if block.shape[0] <= _EXACT:
                    found.append(_dense_eigenvalues(block.toarray()))
                else:
                    values, vectors = _leading(block, _LEADING)
                    found.append(values)
                    if block.shape[0] == largest:
                        self.vectors = values, vectors
            self.core = _sorted(np.concatenate(found))
            cut = self.core[min(_LEADING, self.core.size) - 1].real
            self.core, self.simple = self.core[self.core.real >= cut], simple[simple >= cut]
        self.eigenvalues = _sorted(np.concatenate([self.core, self.simple]))
        out: dict[str, Any] = {
            "exact": self.exact, "eigenvalues": self.eigenvalues, "bar": np.sort(self.simple)[::-1],
            "real": int(np.sum(np.abs(self.eigenvalues.imag) <= 1e-12 * np.abs(self.eigenvalues).max())),
        }  # fmt: skip
        if self.ens is not None and self.core.size:
            try:
                out["beyond_edge"] = int(np.sum(edge_function(self.ens, self.core, n=net.n) < 1))
            except RmtError:
                out["beyond_edge"] = None
        return out

    def abscissa(self) -> dict[str, Any]:
        if self.done["spectrum"]["status"] != "ok":
            raise _Skipped("the eigenvalues are not known (see the spectrum)")
        net = self.net
        real = self.eigenvalues[0].real, (self.core[0].real if self.core.size else -np.inf)
        theory = self.done["theory"].get("abscissa") or {}
        bulk = [x for x in (theory.get("bulk"), theory.get("outliers")) if x is not None and np.isfinite(x)]
        fitted = theory.get("all"), (max(bulk) if bulk else None)
        every, core, lost = [], [], 0
        if self.ens is not None and self.sample_count:
            for seed in np.random.SeedSequence(self.seed).spawn(self.sample_count):
                try:
                    one, two = _rightmost(self.ens.sample(net.n, seed=np.random.default_rng(seed)))
                    every.append(one)
                    core.append(two)
                except (ConvergenceError, NotApplicableError, ValidationError) as error:
                    lost += 1
                    reason = str(error)
                self.bar.update()
            if not every:
                raise ConvergenceError(f"no network could be sampled and solved: {reason}")
        self.samples = np.array(every), np.array(core)
        error = getattr(self.found, "abscissa_error", None)
        out = {}
        for key, value, law, drawn in zip(("all", "core"), real, fitted, self.samples, strict=True):
            drawn = drawn[np.isfinite(drawn)]
            above = int(np.sum(drawn > value))
            out[key] = {
                "exact": value, "fitted": law, "error": error, "samples": drawn.size,
                "mean": drawn.mean() if drawn.size else None, "sd": drawn.std(ddof=1) if drawn.size > 1 else None,
                "above": above if drawn.size else None,
                "pvalue": min(1.0, 2 * min(above + 1, drawn.size - above + 1) / (drawn.size + 1)) if drawn.size else None,
            }  # fmt: skip
        out["lost"] = lost
        return out

    def freezing(self) -> dict[str, Any]:
        from . import theory
        from .theory import saddle as _saddle

        ens = self.law()
        if ens.is_dense:
            raise _Skipped("the synapses are all-to-all, and freezing concerns sparse ones")
        ens = _saddle._with_degrees(ens, self.net.n)
        if not self.edge:
            raise _Skipped("the fitted law has no planar bulk that could freeze")
        limit = theory.freezing_degree(ens)
        degree = self.done["network"]["degrees"]
        radius = float(np.max(np.abs(np.linalg.eigvals(degree))))
        frozen = limit > radius
        out = {"degree": radius, "freezing_degree": limit, "frozen": frozen, "abscissa": None}
        bulk = self.done["theory"].get("abscissa", {}).get("bulk")
        if frozen and bulk is not None and np.isfinite(bulk):
            left = max(-ens.leak / float(p.tau.support()[1]) for p in ens.populations)
            bound = lambda x: float(theory.support_bound(ens, x)) - 1.0
            start = left + 1e-6 * abs(bulk - left)
            if bulk > left and bound(bulk) < 0 < bound(start):
                out["abscissa"] = brentq(bound, start, bulk, rtol=1e-8)
        return out

    def density(self) -> dict[str, Any]:
        from . import theory

        ens = self.law()
        if not self.edge:
            raise _Skipped("the fitted law has no planar bulk")
        if self.points == 0:
            raise _Skipped("not asked for (points=0)")
        curve = np.concatenate(self.edge)
        low, high, top = curve.real.min(), curve.real.max(), np.abs(curve.imag).max()
        columns = max(4, int(np.sqrt(2 * self.points)))
        rows = max(3, self.points // columns)
        x = np.linspace(low, high, columns + 1)[:-1] + 0.5 * (high - low) / columns
        y = (np.arange(rows) + 0.5) * top / rows
        grid = x[None, :] + 1j * y[:, None]
        level = theory.edge_function(ens, grid, n=self.net.n)
        inside = level > 1.1  # nearer to the edge the equations converge slowly, and the density is small
        values = np.where(level > 1, np.nan, 0.0)
        got = theory.density(ens, grid[inside], tol=1e-3, throw=False, **self._size_for_density())
        ok = np.ravel(got.status) == 0
        filled = np.where(ok, got.value, np.nan)
        values[inside] = filled
        self.density_image = grid, values
        out = {"x": x, "y": y, "law": values, "lost": int(np.sum(~ok))}
        if not getattr(self, "exact", True):
            height = y[0]
            cut = np.linspace(low, high, 14)[1:-1] + 1j * height
            on_graph = theory.density(self.net, cut, tol=1e-3, throw=False)
            of_law = theory.density(ens, cut, tol=1e-3, throw=False, **self._size_for_density())
            keep = (np.ravel(on_graph.status) == 0) & (np.ravel(of_law.status) == 0)
            out["cut"] = {"x": cut.real[keep], "y": height, "cavity": on_graph.value[keep], "law": of_law.value[keep]}
        return out

    def _size_for_density(self) -> dict[str, Any]:
        fixed = all(block.probability is None for block in self.ens.synapses.values())
        return {} if fixed and not self.ens.is_dense else {"n": self.net.n}

    def marginality(self) -> dict[str, Any]:
        from .theory.sensitivity import marginality

        return marginality(self.law(), n=self.net.n).to_dict()

    def sensitivities(self) -> dict[str, Any]:
        from .theory.sensitivity import sensitivities

        return sensitivities(self.law(), n=self.net.n).to_dict()

    def nonnormality(self) -> dict[str, Any]:
        out: dict[str, Any] = {"numerical_abscissa": numerical_abscissa(self.net), "henrici": None}
        if self.done["spectrum"]["status"] == "ok" and self.exact:
            square = float(np.sum(self.net.jacobian().data ** 2))
            if square > 0:
                out["henrici"] = float(np.sqrt(max(square - float(np.sum(np.abs(self.eigenvalues) ** 2)), 0.0) / square))
        return out

    def modes(self) -> dict[str, Any]:
        if self.done["spectrum"]["status"] != "ok":
            raise _Skipped("the eigenvalues are not known (see the spectrum)")
        net = self.net
        chosen = self.eigenvalues[self.eigenvalues.imag >= 0][:_MODES]
        rows = []
        for value, vector in self._eigenvectors(chosen):
            row = {
                "eigenvalue": value, "memory_time": -1 / value.real if value.real < 0 else None,
                "period": 2 * np.pi / abs(value.imag) if value.imag else None,
                "participation": None,
                "on_bar": bool(value.imag == 0 and np.any(self.simple == value.real) and np.any(-net.leak / net.tau == value.real)),
                "shares": dict.fromkeys(self.groups), "units": [],
            }  # fmt: skip
            if vector is not None:
                weight = np.abs(vector) ** 2
                weight /= weight.sum()
                row["participation"] = 1 / np.sum(weight**2)
                row["shares"] = {name: weight[index].sum() for name, index in self.groups.items()}
                row["units"] = [
                    {"unit": int(k), "name": None if net.names is None else str(net.names[k]), "share": weight[k]}
                    for k in np.argsort(-weight, kind="stable")[:5]
                ]
            rows.append(row)
        return {"modes": rows, "within": "network" if net.n <= _LU else "component"}

    def _eigenvectors(self, values: NDArray) -> list[tuple[complex, NDArray | None]]:
        """Right eigenvectors: of J, or for larger networks of its largest component (None for an eigenvalue elsewhere)."""
        net = self.net
        if net.n <= _LU:
            return _by_inverse_iteration(net.jacobian(), values)
        inside = np.flatnonzero(self.component == 0)
        if self.vectors is None:
            block = _blocks(net)[1][0] if inside.size > 1 else None
            if block is None:
                return [(complex(value), None) for value in values]
            if block.shape[0] <= _LU:
                known = [v for v in values if np.any(np.abs(self.core - v) == 0)]
                pairs = _by_inverse_iteration(block, np.array(known))
                self.vectors = np.array([v for v, _ in pairs]), np.array([x for _, x in pairs]).T
            else:
                self.vectors = _leading(block, 2 * _MODES)
        known, vectors = self.vectors
        scale = np.abs(known).max(initial=0.0)
        out: list[tuple[complex, NDArray | None]] = []
        for value in values:
            vector = None
            if known.size and np.abs(known - value).min() <= 1e-6 * scale:
                vector = np.zeros(net.n, complex)
                vector[inside] = vectors[:, int(np.argmin(np.abs(known - value)))]
            out.append((complex(value), vector))
        return out

    # ---------------------------------------------------------------------- conclusions

    def _conclusions(self) -> None:
        """Warnings that need several parts."""
        done = self.done
        spectrum, abscissa = done["spectrum"], done["abscissa"]
        if spectrum["status"] == "ok" and self.eigenvalues[0].real >= 0:
            self.warn(
                "unstable", f"The rightmost eigenvalue has real part {self.eigenvalues[0].real:.4g}: the fixed point is not stable, and "
                "a disturbance grows until the nonlinearity, which J does not know of, stops it."
            )  # fmt: skip
        fit = done["fit"]
        if fit["status"] == "ok":
            dropped = fit["dropped"]
            if dropped["synapses"] and dropped["synapses"] == dropped["of"]:
                self.warn("all dropped", "The threshold drops every synapse: lower it.")
            elif dropped["share"] > 0.01:
                self.warn(
                    "threshold", f"The threshold drops {dropped['share']:.1%} of the squared weights. The spectrum here is that of all "
                    "synapses, the fitted law that of the rest."
                )  # fmt: skip
            rejected = [test for test in fit["tests"] if test["verdict"] == "rejected"]
            for test in rejected:
                self.warn(f"test: {test['name']}", test["meaning"])
        if done["freezing"].get("frozen"):
            self.warn(
                "frozen", f"The mean degree {done['freezing']['degree']:.3g} lies below the freezing degree {done['freezing']['freezing_degree']:.3g}: the "
                "edge from second moments is made by rare paths that a typical network does not have, and eigenvalues end further inside."
            )  # fmt: skip
        near = done["marginality"]
        if near["status"] == "ok" and near["outlier_margin"] is not None and near["outlier_margin"] < (near["margin"] or np.inf):
            self.warn(
                "outlier", f"An isolated eigenvalue of the mean weights goes ahead of the bulk: it reaches the imaginary axis at "
                f"{near['outlier_margin']:.4g} times all weights, the bulk at {near['margin'] or np.inf:.4g}. Marginal values and sensitivities "
                "of single parameters are those of the bulk."
            )  # fmt: skip
        core = abscissa.get("core") if abscissa["status"] == "ok" else None
        if core and core["pvalue"] is not None and np.isfinite(core["exact"] or np.nan):
            side = "right" if core["above"] < core["samples"] / 2 else "left"
            # a rank among few samples cannot be rare: then the distance in standard deviations decides
            far = core["samples"] >= 10 and core["sd"] and abs(core["exact"] - core["mean"]) > 4 * core["sd"]
        if core and core["pvalue"] is not None and np.isfinite(core["exact"] or np.nan) and (core["pvalue"] < 0.05 or far):
            self.warn(
                "structure", f"The rightmost eigenvalue of the core lies further {side} than in nearly all of {core['samples']} networks "
                "sampled from the fitted law: the matrix has structure that these laws do not know of."
            )  # fmt: skip
        for part in self.parts:
            if done[part]["status"] == "failed":
                self.warn(f"failed: {part}", f"The part “{part}” is missing: {done[part]['reason']}")


# ------------------------------------------------------------------------------------------- helpers


def _groups(net: Network, populations: Any) -> dict[str, NDArray[np.int64]]:
    from .fitting import _units

    return _units(net, populations)


def _moments(values: NDArray) -> dict[str, float]:
    return {"mean": values.mean(), "sd": values.std(), "least": values.min(), "greatest": values.max()}


def _rightmost(net: Network) -> tuple[float, float]:
    """Real part of the rightmost eigenvalue, of all and of those on cycles."""
    simple, blocks = _blocks(net)
    best = -np.inf
    for block in blocks:
        if block.shape[0] <= _DENSE:
            best = max(best, float(np.max(_dense_eigenvalues(block.toarray()).real)))
            continue
        try:
            best = max(best, float(_leading(block, 2)[0][0].real))
        except ConvergenceError:
            if block.shape[0] > _EXACT:
                raise
            best = max(best, float(np.max(_dense_eigenvalues(block.toarray()).real)))
    return max([best, *([float(np.max(simple))] if simple.size else [])]), best


def _by_inverse_iteration(jacobian: sp.csr_array, values: NDArray) -> list[tuple[complex, NDArray]]:
    """Right eigenvectors of given eigenvalues, with a residual that is small, or an error."""
    n = jacobian.shape[0]
    scale = float(np.abs(jacobian).sum(axis=1).max()) or 1.0
    dense = jacobian.toarray()
    out = []
    for value in values:
        vector = np.random.default_rng(0).standard_normal(n)
        z = value.real if value.imag == 0 else value
        factors = la.lu_factor(dense - (z + 1e-10 * scale) * np.eye(n))
        for _ in range(3):
            vector = la.lu_solve(factors, vector)
            vector = vector / np.linalg.norm(vector)
        miss = np.linalg.norm(jacobian @ vector - value * vector)
        if not miss <= 1e-6 * scale:
            raise ConvergenceError(f"the eigenvector of {value:.4g} has residual {miss:.3g}")
        out.append((complex(value), vector))
    return out


def _hull(matrix: sp.csr_array, steps: int = 30) -> tuple[float, float]:
    """Centre and radius of a disc about the eigenvalues, from the Ritz values of a short Arnoldi process."""
    n = matrix.shape[0]
    basis, ritz = np.zeros((steps + 1, n)), np.zeros((steps + 1, steps))
    vector = np.random.default_rng(0).standard_normal(n)
    basis[0] = vector / np.linalg.norm(vector)
    for j in range(steps):
        image = matrix @ basis[j]
        for _ in range(2):  # twice is enough
            overlap = basis[: j + 1] @ image
            image -= overlap @ basis[: j + 1]
            ritz[: j + 1, j] += overlap
        ritz[j + 1, j] = np.linalg.norm(image)
        if ritz[j + 1, j] == 0:
            steps = j + 1
            break
        basis[j + 1] = image / ritz[j + 1, j]
    values = np.linalg.eigvals(ritz[:steps, :steps])
    centre = 0.5 * (values.real.min() + values.real.max())
    return float(centre), float(np.abs(values - centre).max()) or 1.0


def _leading(matrix: sp.csr_array, k: int, tol: float = 1e-6, reach: float = 60.0) -> tuple[NDArray, NDArray]:
    r"""The k rightmost eigenvalues of a large sparse matrix and their right vectors, by Arnoldi on a filter.

    The eigenvalues of largest modulus of ``q(A)``, ``q(z) = sum_j (t (z - c))^j / j!`` cut beyond ``t r``, are those of largest real
    part of A: an exponential with the matrix in it, of which ``c`` is the centre and ``r`` the radius. At the edge of a
    cloud the rightmost eigenvalues are close to each other, and Arnoldi steps with ``A`` itself spend most of their time
    keeping the basis orthogonal; here one such step comes with a hundred products. Rayleigh quotients give the
    eigenvalues of A, and residuals are checked against A.
    """
    centre, radius = _hull(matrix)
    order, t = int(np.ceil(1.6 * reach + 12)), reach / radius
    damping = np.exp(-reach)

    def filtered(x: NDArray) -> NDArray:
        term = np.asarray(x, dtype=float).ravel()
        out = term.copy()
        for j in range(1, order + 1):
            image = matrix @ term
            image -= centre * term
            image *= t / j
            out += image
            term = image
        return out * damping

    n = matrix.shape[0]
    operator = LinearOperator((n, n), matvec=filtered, dtype=float)
    start = np.random.default_rng(0).standard_normal(n)
    try:
        vectors = eigs(operator, k, which="LM", ncv=max(3 * k, 16), v0=start, tol=0.1 * tol, maxiter=300)[1]
    except ArpackError as error:
        raise ConvergenceError(f"the rightmost eigenvalues of a component of {n} units were not found: {error}") from None
    images = matrix @ vectors
    values = np.sum(vectors.conj() * images, axis=0)
    miss = np.linalg.norm(images - values * vectors, axis=0)
    scale = float(np.abs(matrix).sum(axis=1).max())
    if not np.all(miss <= tol * scale):
        raise ConvergenceError(f"an eigenpair of a component of {n} units has residual {miss.max():.3g}: above {tol * scale:.3g}")
    values = np.where(np.abs(values.imag) < 1e-9 * scale, values.real, values)
    order_ = np.lexsort((-values.imag, -values.real))
    return values[order_], vectors[:, order_]
