"""The page of a report: HTML that stands alone, from the data of :mod:`rmtlib.reporting`.

Figures are drawn by matplotlib as vectors. Their colours are replaced by the colours of the page, so that they can be read on
a light and on a dark one. Nothing on the page is fetched from elsewhere, and nothing runs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Sequence
from html import escape
from importlib import resources
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from scipy.ndimage import distance_transform_edt

from .laws import Discrete, Independent
from .plot import ROLES, _curves, scatter

__all__ = ["page"]

# colours of the figures and the variables of the page that stand for them
_COLORS = {ROLES[name]["color"]: f"var(--{name})" for name in ("bulk", "bar", "outlier", "second", "third", "muted")}
_COLORS |= {"#111111": "var(--ink)", "#000000": "var(--ink)", "#555555": "var(--soft)"}

_STYLE = """
:root { color-scheme: light dark; --paper: #fff; --ink: #16191d; --soft: #5a626b; --line: #d9dde2; --wash: #f4f6f8;
  --bulk: #1f5fa8; --bar: #d1570a; --outlier: #8c1c6a; --second: #12805c; --third: #b8860b; --muted: #777; --alarm: #9c2b00; }
@media (prefers-color-scheme: dark) { :root { --paper: #14181d; --ink: #e6e9ed; --soft: #a3acb6; --line: #363d46;
  --wash: #1d232a; --bulk: #6aa9ea; --bar: #f08a45; --outlier: #dd7abf; --second: #4fc39b; --third: #dfb13f;
  --muted: #9aa1a9; --alarm: #ff9a6b; }
  svg image { filter: brightness(1.6); } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif; }
main { max-width: 860px; margin: 0 auto; padding: 28px 20px 60px; }
h1 { font-size: 1.7rem; line-height: 1.2; margin: 0 0 .4em; overflow-wrap: anywhere; }
h2 { font-size: 1.2rem; margin: 2.2em 0 .5em; padding-top: .6em; border-top: 1px solid var(--line); }
h3 { font-size: 1rem; margin: 1.4em 0 .3em; }
p { margin: .5em 0; max-width: 70ch; }
.kicker { color: var(--soft); font-size: .85rem; letter-spacing: .04em; margin: 0 0 .3em; }
.lede { font-size: 1.1rem; }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 10px; margin: 1.2em 0; padding: 0; }
.facts div { background: var(--wash); border-radius: 8px; padding: 10px 12px; }
.facts dt { color: var(--soft); font-size: .8rem; }
.facts dd { margin: 0; font-size: 1.12rem; font-variant-numeric: tabular-nums; }
.facts small { color: var(--soft); font-size: .78rem; }
.warnings { margin: .5em 0; padding: 0; list-style: none; }
.warnings li { border-left: 3px solid var(--alarm); padding: .2em .8em; margin: .5em 0; background: var(--wash); max-width: 75ch; }
.warnings b { color: var(--alarm); }
.warnings .note { border-color: var(--line); } .warnings .note b { color: var(--soft); }
.missing { color: var(--soft); border-left: 3px solid var(--line); padding-left: .8em; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; margin: .6em 0; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 10px; border-bottom: 1px solid var(--line); vertical-align: top; white-space: nowrap; }
th { color: var(--soft); font-weight: 600; }
th:first-child, td:first-child { text-align: left; padding-left: 0; position: sticky; left: 0; background: var(--paper); }
th.words { text-align: left; }
td.words { text-align: left; min-width: 16em; max-width: 46ch; white-space: normal; }
figure { margin: 1.1em 0; }
figure svg { display: block; width: 100%; max-width: 680px; height: auto; }
figure svg text { fill: var(--ink); }
figcaption { color: var(--soft); font-size: .86rem; max-width: 75ch; margin-top: .3em; }
.narrow svg { max-width: 480px; }
.small { font-size: .9rem; color: var(--soft); max-width: 75ch; }
code { font-size: .92em; overflow-wrap: anywhere; }
pre { background: var(--wash); padding: 10px 12px; border-radius: 8px; overflow-x: auto; font-size: .82rem; line-height: 1.45; white-space: pre-wrap; }
i.m { font-family: "Latin Modern Math", "STIX Two Math", Cambria, Georgia, serif; }
footer { margin-top: 3em; border-top: 1px solid var(--line); color: var(--soft); font-size: .86rem; }
"""


# ------------------------------------------------------------------------------------------- text


def number(x: Any, digits: int = 4) -> str:
    """A number for reading: a few digits, a true minus sign."""
    if x is None:
        return "–"
    if isinstance(x, (list, tuple)):  # a complex number
        re_, im = x
        if not im:
            return number(re_, digits)
        sign = "+" if im > 0 else "−"
        return f"{number(re_, digits)} {sign} {number(abs(im), digits)}i"
    if isinstance(x, int):
        return f"{x:,}".replace(",", "\u202f").replace("-", "−")
    text = f"{x:.{digits}g}"
    if "e" in text:
        mantissa, power = text.split("e")
        text = f"{mantissa}·10<sup>{int(power)}</sup>".replace("-", "−")
    return text.replace("-", "−")


def parameter(name: str) -> str:
    """The name of a parameter, with arrows."""
    return escape(name.replace("<->", " ↔ ").replace("<-", " ← ").replace("[", " [")).replace("  [", " [")


def share(x: Any) -> str:
    """A fraction as a percentage."""
    return "–" if x is None else f"{100 * x:.3g}%"


def _p(text: str, cls: str = "") -> str:
    return f'<p class="{cls}">{text}</p>' if cls else f"<p>{text}</p>"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], words: Sequence[int] = ()) -> str:
    top = "".join(f'<th class="words">{cell}</th>' if k in words else f"<th>{cell}</th>" for k, cell in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f'<td class="words">{c}</td>' if k in words else f"<td>{c}</td>" for k, c in enumerate(row)) + "</tr>"
        for row in rows
    )
    return f'<div class="scroll"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


def _count(k: int, one: str, many: str | None = None) -> str:
    return f"{number(k)} {one if k == 1 else many or one + 's'}"


# ---------------------------------------------------------------------------------------- figures


def _figure(draw: Callable[[Figure], None], size: tuple[float, float], alt: str, caption: str, narrow: bool = False) -> str:
    """A drawing as inline SVG in the colours of the page."""
    with resources.as_file(resources.files("rmtlib") / "rmtlib.mplstyle") as sheet, mpl.rc_context(fname=str(sheet)):
        fig = Figure(figsize=size)
        draw(fig)
        text = io.StringIO()
        fig.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None}, dpi=160)
    svg = text.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r' id="(figure|axes|patch|line2d|text|matplotlib\.axis|xtick|ytick|legend|PathCollection|QuadContourSet|LineCollection|FillBetweenPolyCollection|StepPatch|ax|_)[^"]*_?\d*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    for color, variable in _COLORS.items():
        svg = re.sub(color, variable, svg, flags=re.IGNORECASE)
    svg = svg.replace("<svg", f'<svg role="img" aria-label="{escape(alt, quote=True)}"', 1)
    cls = ' class="narrow"' if narrow else ""
    return f"<figure{cls}>{svg}<figcaption>{caption}</figcaption></figure>"


def _plane(ax: Any, window: tuple[float, float, float, float] | None, unit: str) -> None:
    ax.set_aspect("equal", adjustable="box")
    if window:
        ax.set_xlim(window[:2])
        ax.set_ylim(window[2:])
    tail = f" (1/{unit})" if unit else ""
    ax.set(xlabel=rf"Re $\lambda${tail}", ylabel=rf"Im $\lambda${tail}")
    low, high = ax.get_xlim()
    if low < 0 < high:
        ax.axvline(0.0, color="#555555", linewidth=0.7, linestyle=(0, (3, 3)), zorder=0)


def _shade(ax: Any, z: np.ndarray, values: np.ndarray, edge: Any) -> None:
    """The density inside the edge; cells next to it, where it is not computed, take the value of the nearest one."""
    known = np.isfinite(values) & (values > 0)
    if not known.any():
        return
    nearest = distance_transform_edt(~np.pad(known, 1), return_distances=False, return_indices=True)
    filled = np.pad(values, 1)[tuple(nearest)]
    x, y = (np.pad(axis, 1, mode="reflect", reflect_type="odd") for axis in (z[0].real, z[:, 0].imag))
    y, filled = np.concatenate([-y[:0:-1], y[1:]]), np.concatenate([filled[:0:-1], filled[1:]])  # row 0 mirrors row 1
    shades = LinearSegmentedColormap.from_list("wash", [(*mpl.colors.to_rgb("#4a90d9"), a) for a in (0.08, 0.5)])
    top = filled.max()
    drawn = ax.contourf(x, y, filled, levels=np.linspace(0, 1.0001 * top, 9), cmap=shades, zorder=0)
    curves = [Path(np.column_stack([c.real, c.imag]), closed=True) for c in _curves(edge)]
    drawn.set_clip_path(PathPatch(Path.make_compound_path(*curves), transform=ax.transData))


def _draw_spectrum(ax: Any, job: Any, image: bool = True) -> None:
    if image and job.density_image is not None and len(job.edge):
        _shade(ax, *job.density_image, job.edge)
    core, bar = job.core, np.asarray(job.simple, dtype=complex)
    if core.size:
        scatter(ax, core, "bulk", "eigenvalues of units on cycles")
    if bar.size:
        scatter(ax, bar, "bar", "bar: units on no cycle")
    for k, curve in enumerate(_curves(job.edge) if len(job.edge) else []):
        ax.plot(curve.real, curve.imag, color="#111111", linewidth=1.3, label="edge of the fitted law" if k == 0 else None, zorder=4)
    if job.outliers is not None and len(job.outliers):
        ax.plot(
            job.outliers.real, job.outliers.imag, linestyle="none", marker="D", markersize=7, markerfacecolor="none",
            markeredgecolor=ROLES["outlier"]["color"], markeredgewidth=1.4, label="outliers of the fitted law", zorder=5,
        )  # fmt: skip


def _spectrum_figures(data: dict[str, Any], job: Any) -> str:
    points = np.concatenate([job.eigenvalues, *job.edge] if len(job.edge) else [job.eigenvalues])
    if job.outliers is not None:
        points = np.concatenate([points, job.outliers])
    x, y = points.real, points.imag
    wide, high = max(np.ptp(x), 1e-9 + 1e-3 * np.abs(points).max()), max(np.ptp(y), 1e-9)
    unit = data["time_unit"]
    ratio = float(np.clip(high / wide, 0.25, 1.1))
    pad = 0.04 * max(wide, high)
    window = (x.min() - pad, x.max() + pad, min(y.min(), -0.1 * wide) - pad, max(y.max(), 0.1 * wide) + pad)

    def draw(fig):
        ax = fig.add_subplot()
        _draw_spectrum(ax, job)
        _plane(ax, window, unit)
        if ax.get_legend_handles_labels()[0]:
            fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)

    what = "All eigenvalues" if job.exact else f"The {_count(job.eigenvalues.size, 'rightmost eigenvalue')}"
    shade = " Shaded: the density of the fitted law, continued to the edge." if job.density_image is not None and np.any(job.density_image[1] > 0) else ""
    line = " The curve is the edge of the fitted law, from second moments." if len(job.edge) else ""
    if line and data["freezing"].get("frozen"):
        line += " Below the freezing degree the eigenvalues end further inside."
    caption = f"{what} of the network (n = {number(data['network']['n'])}).{line}{shade} Dashed: Re λ = 0."
    alt = f"{what} in the complex plane, {number(job.eigenvalues.size)} points, with the edge of the fitted law."
    out = _figure(draw, (5.6, 5.6 * ratio * 0.82 + 1.1), alt, caption)

    # what is nearest to instability, where the whole picture is too coarse to show it
    right = job.eigenvalues[0].real
    near = 0.12 * wide
    if job.exact and job.eigenvalues.size >= 30 and high > 0:
        low = right - near
        top = 0.35 * near
        inside = job.eigenvalues[job.eigenvalues.real > low]
        top = max(top, min(1.1 * np.abs(inside.imag).max(initial=0.0), 0.3 * near))
        bulk = max((c.real.max() for c in job.edge), default=right)
        window2 = (low, max(right, min(bulk, right + near)) + 0.12 * near, -top, top)
        if bulk > low and np.sum(np.abs(inside.imag) < top) >= 8 and (np.ptp(y) > 2.4 * top or wide > 2 * near):

            def closer(fig):
                ax = fig.add_subplot()
                _draw_spectrum(ax, job, image=False)
                _plane(ax, window2, unit)

            out += _figure(
                closer, (5.6, 3.6), "The rightmost part of the same spectrum, enlarged.", "The right end of the same picture, enlarged."
            )
    return out


def _abscissa_figure(data: dict[str, Any], job: Any) -> str:
    key = "core" if np.isfinite(job.samples[1]).any() and job.core.size else "all"
    values = job.samples[1 if key == "core" else 0]
    values = values[np.isfinite(values)]
    if values.size < 4:
        return ""
    row = data["abscissa"][key]

    def draw(fig):
        ax = fig.add_subplot()
        bins = int(np.clip(np.sqrt(values.size) * 1.6, 6, 24))
        count, edges = np.histogram(values, bins if np.ptp(values) > 0 else 1)
        ax.stairs(count, edges, fill=True, color=ROLES["bulk"]["color"], alpha=0.45, label=f"{values.size} sampled networks")
        if row["fitted"] is not None:
            ax.axvline(row["fitted"], color="#111111", linewidth=1.4, label="edge of the fitted law")
            if row["error"]:
                ax.axvspan(row["fitted"] - row["error"], row["fitted"] + row["error"], color="#111111", alpha=0.13, linewidth=0)
        if row["exact"] is not None:
            ax.axvline(row["exact"], color=ROLES["bar"]["color"], linewidth=2, linestyle="--", label="this network")
        ax.set(xlabel=r"Re $\lambda$ of the rightmost eigenvalue" + (" of the core" if key == "core" else ""), ylabel="networks")
        fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)

    error = " The band is its bootstrap error." if row["error"] else ""
    caption = (
        f"Rightmost eigenvalue of {values.size} networks sampled from the fitted law (n = {number(data['network']['n'])}, seed "
        f"{data['seed']}), of this network, and the edge of the law itself.{error}"
    )
    alt = "Histogram of the rightmost eigenvalue of sampled networks, with lines for this network and for the fitted law."
    return _figure(draw, (5.6, 3.0), alt, caption)


def _law_curve(ax: Any, law: Any, low: float, high: float) -> None:
    if isinstance(law, Discrete):
        return
    x = np.linspace(low, high, 300)
    with np.errstate(all="ignore"):
        y = np.asarray(law.pdf(x), dtype=float)
    y[~np.isfinite(y)] = np.nan
    ax.plot(x, y, color="#111111", linewidth=1.3)


def _histogram(ax: Any, values: np.ndarray, law: Any, name: str) -> None:
    low, high = float(values.min()), float(values.max())
    if high - low <= 1e-9 * max(abs(high), 1e-300):
        ax.axvline(low, color=ROLES[name]["color"], linewidth=3)
        ax.set_xlim(low - 0.5 * (abs(low) or 1), low + 0.5 * (abs(low) or 1))
        ax.set_yticks([])
    else:
        low, high = (float(np.quantile(values, q)) for q in (0.0005, 0.9995)) if values.size > 4000 else (low, high)
        bins = int(np.clip(np.sqrt(values.size), 8, 40))
        height, edges = np.histogram(values, np.linspace(low, high, bins + 1))
        height = height / values.size / np.diff(edges)
        ax.stairs(height, edges, fill=True, color=ROLES[name]["color"], alpha=0.45)
        _law_curve(ax, law, low, high)
        if np.isfinite(height).all() and height.max() > 0:
            ax.set_ylim(0, 1.25 * height.max())
        ax.set_yticks([])
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))


def _laws_figure(data: dict[str, Any], job: Any) -> str:
    ens, net = job.ens, job.found.network
    names = list(job.groups)[:4]
    blocks = sorted(ens.synapses, key=lambda key: -ens.synapses[key].degree if ens.synapses[key].degree else -1e9)[:4]
    rows = [[("tau", name) for name in names], [("gain", name) for name in names], [("weight", key) for key in blocks]]
    columns = max(map(len, rows))
    coo = net.weights.tocoo() if net.is_sparse else None
    member = np.empty(net.n, dtype=int)
    order = {name: k for k, name in enumerate(job.groups)}
    for name, index in job.groups.items():
        member[index] = order[name]

    def draw(fig):
        axes = fig.subplots(3, columns, squeeze=False)
        for line, axs in zip(rows, axes, strict=True):
            for ax in axs[len(line) :]:
                ax.set_axis_off()
            for (what, key), ax in zip(line, axs, strict=False):
                if what == "weight":
                    target, source = key
                    if coo is not None:
                        i, j = coo.coords
                        use = (member[i] == order[target]) & (member[j] == order[source])
                        values = coo.data[use]
                    else:
                        values = net.weights[np.ix_(job.groups[target], job.groups[source])].ravel()
                        values = values[values != 0]
                    law = ens.synapses[key].weight
                    ax.set_xlabel(f"weights {source} → {target}" if len(order) > 1 else "weights", fontsize=8.5)
                    color = "second"
                else:
                    values = (net.tau if what == "tau" else net.gain)[job.groups[key]]
                    law = getattr(ens.population(key), what) if isinstance(ens.population(key).joint, Independent) else None
                    law = getattr(ens.population(key).joint, what, None) if law is None else law
                    label = {"tau": "timescale", "gain": "gain"}[what]
                    ax.set_xlabel(f"{label} of {key}" if len(order) > 1 else label, fontsize=8.5)
                    color = "bulk" if what == "tau" else "third"
                if values.size:
                    _histogram(ax, values, law, color)
                ax.tick_params(labelsize=7.5)

    more = "" if len(job.groups) <= 4 and len(ens.synapses) <= 4 else " The first four populations, and the four blocks of most synapses."
    caption = f"Timescales, gains and weights of the network (filled) and the laws fitted to them (lines); a line alone is one value for all units.{more}"
    return _figure(draw, (max(4.2, 1.6 * columns), 4.8), "Histograms of timescales, gains and weights with the fitted densities.", caption, columns < 3)


def _cut_figure(data: dict[str, Any]) -> str:
    cut = data["density"].get("cut")
    if not cut or len(cut["x"]) < 3:
        return ""

    def draw(fig):
        ax = fig.add_subplot()
        ax.plot(cut["x"], cut["law"], color="#111111", label="fitted law")
        ax.plot(cut["x"], cut["cavity"], linestyle="none", marker="o", markersize=5, color=ROLES["bulk"]["color"], label="cavity equations on this graph")
        ax.set(xlabel=r"Re $z$", ylabel="density of eigenvalues")
        ax.set_ylim(bottom=0)
        fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)

    caption = (
        f"Density along Im z = {number(cut['y'])}: from the cavity equations, unit by unit on the graph of this network, and of the fitted "
        "law. Where they differ, the graph has structure that the law does not know of."
    )
    return _figure(draw, (5.6, 3.0), "Density of eigenvalues along a cut, from the graph and from the fitted law.", caption)


# --------------------------------------------------------------------------------------- sections


def _network(data: dict[str, Any], job: Any) -> str:
    net = data["network"]
    unit = f" ({escape(data['time_unit'])})" if data["time_unit"] else ""
    text = _p(
        f"{_count(net['n'], 'unit')} and {_count(net['synapses'], 'synapse')}: a unit receives {number(net['mean_degree'])} on average. "
        f"{_count(net['core'], 'unit lies', 'units lie')} on cycles of synapses; any other contributes exactly −leak/τ (with an autapse: (−leak + W<sub>ii</sub>h)/τ). The "
        f"variance of in-degrees is {_times(net['degree_variance']['in'])} that of a random graph of this mean degree, of out-degrees {_times(net['degree_variance']['out'])}. "
        f"{_count(net['reciprocal_pairs'], 'pair')} of units {'is' if net['reciprocal_pairs'] == 1 else 'are'} connected both ways."
    )
    head = ["population", "units", "in-degree", "out-degree", "excitatory", "inhibitory", f"timescale{unit}", "gain"]
    rows = [
        [
            escape(p["name"]), number(p["n"]), number(p["in_degree"]), number(p["out_degree"]), number(p["excitatory"]), number(p["inhibitory"]),
            f"{number(p['tau']['mean'])} ± {number(p['tau']['sd'], 2)}", f"{number(p['gain']['mean'])} ± {number(p['gain']['sd'], 2)}",
        ]
        for p in net["populations"]
    ]  # fmt: skip
    text += _table(head, rows)
    mixed = sum(p["mixed"] for p in net["populations"])
    text += _p(
        "Degrees are mean numbers of synapses per unit; excitatory and inhibitory count outgoing synapses; timescales and gains are mean ± "
        "standard deviation. " + ("Every unit keeps one sign (Dale’s law)." if not mixed else f"{_count(mixed, 'unit has', 'units have')} outgoing synapses of both signs.")
    )
    return text


def _times(x: Any) -> str:
    return "–" if x is None else f"{x:.2f} times" if x < 10 else f"{x:.0f} times"


def _spectrum(data: dict[str, Any], job: Any) -> str:
    found, theory = data["spectrum"], data["theory"]
    out = _spectrum_figures(data, job)
    if theory["status"] != "ok":
        return out + _missing(theory, "The edge of a fitted law is not drawn")
    bar = theory["bar"]
    words = []
    if bar["network"] is not None:
        law = f"; in the fitted law {share(bar['law'])}" if bar["law"] is not None else ""
        words.append(f"On real segments, exactly at −leak/τ, lie {share(bar['network'])} of the eigenvalues (the bar{law}).")
    if found.get("beyond_edge") is not None and job.edge:
        words.append(f"{_count(found['beyond_edge'], 'eigenvalue')} of the core {'lies' if found['beyond_edge'] == 1 else 'lie'} outside the curve.")
    if theory["outliers"]:
        places = ", ".join(number(z) for z in theory["outliers"][:6])
        words.append(f"The mean of the weights makes isolated eigenvalues in the fitted law, at {places}.")
    elif theory["outliers"] is not None:
        words.append("The fitted law has no isolated eigenvalues.")
    density = data["density"]
    if density["status"] == "ok" and density["lost"]:
        words.append(f"At {_count(density['lost'], 'point')} the density did not converge; the shading is empty there.")
    if density["status"] == "failed":
        words.append(f"The density is not drawn: {escape(density['reason'])}.")
    out += _p(" ".join(words))
    return out + (_cut_figure(data) if density["status"] == "ok" else "")


def _abscissa(data: dict[str, Any], job: Any) -> str:
    found = data["abscissa"]
    head = ["rightmost eigenvalue", "this network", "fitted law", "± (fit)", "sampled, mean", "± (spread)", "further right", "p"]
    rows = []
    for key, label in (("all", "of all"), ("core", "of the core")):
        row = found[key]
        if row["exact"] is None:
            continue
        above = "–" if row["above"] is None else f"{row['above']} of {row['samples']}"
        rows.append([label, number(row["exact"]), number(row["fitted"]), number(row["error"], 2), number(row["mean"]), number(row["sd"], 2), above, number(row["pvalue"], 2)])
    out = _table(head, rows)
    row = found["core"] if found["core"]["exact"] is not None else found["all"]
    if row["pvalue"] is not None and row["samples"] < 40:  # two-sided 5% needs 40
        out += _p(f"{_count(row['samples'], 'sampled network')}: they show the spread, but are too few for a rank that could be surprising.")
    elif row["pvalue"] is not None:
        verdict = (
            "The network lies within the spread of networks of the fitted law."
            if row["pvalue"] >= 0.05
            else "The network lies at the margin of, or outside, the spread of networks of the fitted law: its rightmost eigenvalue owes something to "
            "structure that the law does not have."
        )
        out += _p(verdict)
    out += _p(
        "The core are the units on cycles; the bar matches by construction, since the timescales are fitted. The edge of the fitted law is a limit of many units, and "
        "the rightmost eigenvalue of one network strays to either side of it. <i>p</i> is two-sided, from the rank among the samples, and cannot be below 2/(samples + 1)."
    )
    if found["lost"]:
        out += _p(f"{_count(found['lost'], 'sample')} could not be solved and {'is' if found['lost'] == 1 else 'are'} left out.")
    return out + _abscissa_figure(data, job)


def _freezing(data: dict[str, Any], job: Any) -> str:
    found = data["freezing"]
    text = f"The mean degree (spectral radius of the mean degrees between populations) is {number(found['degree'])}, the freezing degree of the fitted law {number(found['freezing_degree'])}. "
    if not found["frozen"]:
        return _p(text + "Above it the edge from second moments is where a large network ends.")
    text += "Below it the edge from second moments is made by paths of synapses so strong and rare that a typical network has none of them."
    if found["abscissa"] is not None:
        text += f" The bound of the support crosses the real axis at {number(found['abscissa'])}."
    return _p(text)


def _marginality(data: dict[str, Any], job: Any) -> str:
    found = data["marginality"]
    unit = f" {escape(data['time_unit'])}" if data["time_unit"] else ""
    margin, edge = found.get("margin"), found.get("edge_at_zero")
    words = []
    if edge is not None:
        words.append(f"At z = 0 the edge function is <i>ρ</i>(K(0)) = {number(edge)}; it is 1 where the bulk touches the imaginary axis.")
    if margin is not None:
        change = "stronger" if margin > 1 else "weaker"
        words.append(f"All weights {number(margin)} times as strong ({share(abs(margin - 1))} {change}) make the bulk of the fitted law marginal.")
    ahead = found.get("outlier_margin")
    if ahead is not None and (margin is None or ahead < margin):
        words.append(f"<b>At {number(ahead)} times, before the bulk, an isolated eigenvalue of its mean weights is marginal.</b> The table is about the bulk.")
    if found.get("memory_time") is not None:
        words.append(f"The memory time of its bulk, −1/abscissa, is {number(found['memory_time'])}{unit}.")
    if data["freezing"].get("frozen"):
        words.append("Below the freezing degree (see below) a typical network is further from marginality than these second moments say.")
    words.append("Timescales do not enter K(0): slow units crowd the bulk towards zero but cannot carry it across.")
    out = _p(" ".join(words))
    rows, never = [], {}
    for change in found["parameters"]:
        if change["marginal"] is None:
            never.setdefault(change["reason"], []).append(parameter(change["parameter"]))
            continue
        relative = change["relative"]
        percent = "–" if relative is None else f"{'+' if relative > 0 else ''}{share(relative)}".replace("-", "−")
        rows.append([parameter(change["parameter"]), number(change["value"]), number(change["marginal"]), percent])
    if rows:
        out += "<h3>Which single change makes the bulk marginal</h3>"
        if found["nearest"]:
            out += _p(f"The smallest relative change is that of <b>{parameter(found['nearest'])}</b>.")
        out += _table(["parameter", "now", "marginal at", "relative change"], rows)
    if never:
        words = "; ".join(f"{', '.join(names)} ({escape(reason)})" if reason else ", ".join(names) for reason, names in never.items())
        out += _p(f"Not one of these alone makes the bulk marginal: {words}.", "small")
    return out


def _sensitivities(data: dict[str, Any], job: Any) -> str:
    rows = [row for row in data["sensitivities"]["parameters"] if row["derivative"]]
    still = [parameter(row["parameter"]) for row in data["sensitivities"]["parameters"] if not row["derivative"]]
    out = _p(
        "How far the abscissa of the bulk moves when one parameter of the fitted law changes, in closed form. The elasticity is d log|abscissa| / d log(parameter): "
        "the relative change of the one for a relative change of the other."
    )
    out += _table(
        ["parameter", "value", "derivative", "elasticity"],
        [[parameter(r["parameter"]), number(r["value"]), number(r["derivative"]), number(r["elasticity"])] for r in rows],
    )
    return out + (_p(f"Without effect: {', '.join(still)}.", "small") if still else "")


def _fit(data: dict[str, Any], job: Any) -> str:
    found = data["fit"]
    out = _laws_figure(data, job)
    out += _table(
        ["parameter", "value", "± (bootstrap)"],
        [[parameter(p["name"]), number(p["value"]), number(p["error"], 2)] for p in found["parameters"]],
    )
    dropped = found["dropped"]
    if dropped["synapses"]:
        out += _p(f"Dropped by the threshold {number(dropped['threshold'])}: {number(dropped['synapses'])} of {_count(dropped['of'], 'synapse')}, {share(dropped['share'])} of the squared weights.")
    out += f"<details><summary>The law in words</summary><pre>{escape(chr(10).join(found['ensemble']))}</pre></details>"
    if found["notes"]:
        out += "<h3>What was decided on the way</h3><ul>" + "".join(f"<li>{escape(note)}</li>" for note in found["notes"]) + "</ul>"
    return out


def _tests(data: dict[str, Any], job: Any) -> str:
    tests = data["fit"]["tests"]
    if not tests:
        return _p("No test applies.")
    out = _p(
        f"{_count(len(tests), 'test')} of what the law assumes, each at 1%; by chance {number(0.01 * len(tests), 2)} of them would reject. "
        "A test that rejects says which assumption fails and what follows."
    )
    return out + _table(
        ["assumption", "statistic", "p", "verdict", "what its failure means"],
        [[parameter(t["name"]), number(t["statistic"]), number(t["pvalue"], 2), escape(t["verdict"]), "" if t["verdict"] == "holds" else escape(t["meaning"])] for t in tests],
        words=(4,),
    )


def _nonnormality(data: dict[str, Any], job: Any) -> str:
    found = data["nonnormality"]
    value = found["numerical_abscissa"]
    text = f"The numerical abscissa, the largest eigenvalue of (J + J<sup>T</sup>)/2, is {number(value)}: "
    text += "some disturbances grow at this rate before they decay or are taken over by the slowest mode." if value > 0 else "every disturbance shrinks from the start."
    if found["henrici"] is not None:
        text += f" Of the Frobenius norm of J, {share(found['henrici'])} is not in the eigenvalues (Henrici’s departure from normality; 0 for a normal matrix)."
    return _p(text)


def _modes(data: dict[str, Any], job: Any) -> str:
    unit = f" ({escape(data['time_unit'])})" if data["time_unit"] else ""
    names = [p["name"] for p in data["network"]["populations"]][:4]
    head = ["eigenvalue", f"memory time{unit}", f"period{unit}", "units that take part", *(f"share in {escape(n)}" for n in names if len(names) > 1), "strongest units"]
    rows = []
    for mode in data["modes"]["modes"]:
        top = ", ".join(f"{escape(u['name'] if u['name'] is not None else str(u['unit']))} ({share(u['share'])})" for u in mode["units"][:3] if u["share"] > 1e-6)
        label = number(mode["eigenvalue"]) + (" (bar)" if mode["on_bar"] else "")
        rows.append([label, number(mode["memory_time"]), number(mode["period"]), number(mode["participation"], 3), *(share(mode["shares"][n]) for n in names if len(names) > 1), top])
    return _p("The slowest modes, from their right eigenvectors: how the units take part is the participation number 1/Σ|v|⁴, which is 1 for a mode of a single unit. Conjugate pairs are listed once." + (" For a network of this size the eigenvectors are those of its largest strongly connected component, without the units it drives." if data["modes"]["within"] == "component" else "")) + _table(head, rows)


def _missing(part: dict[str, Any], lead: str = "This part is missing") -> str:
    return _p(f"{lead}: {escape(part['reason'])}", "missing")


_SECTIONS: tuple[tuple[str, str, str, Callable[..., str]], ...] = (
    ("network", "network", "The network", _network),
    ("spectrum", "spectrum", "The spectrum", _spectrum),
    ("abscissa", "abscissa", "The rightmost eigenvalue, and that of networks like it", _abscissa),
    ("marginality", "marginality", "Distance to marginality", _marginality),
    ("sensitivities", "sensitivities", "What moves it", _sensitivities),
    ("freezing", "freezing", "Is second-moment theory enough?", _freezing),
    ("fit", "fit", "The fitted law", _fit),
    ("tests", "fit", "Does the law fit?", _tests),
    ("modes", "modes", "The slowest modes", _modes),
    ("nonnormality", "nonnormality", "Growth before decay", _nonnormality),
)


def _lede(data: dict[str, Any]) -> str:
    found, unit = data["spectrum"], f" {escape(data['time_unit'])}" if data["time_unit"] else ""
    if found["status"] != "ok":
        return _p(f"The eigenvalues could not be computed: {escape(found['reason'])}", "lede")
    value = found["eigenvalues"][0][0]
    text = (
        f"The fixed point is <b>stable</b>: the rightmost eigenvalue has real part {number(value)}, so the slowest disturbance decays in {number(-1 / value)}{unit}."
        if value < 0
        else f"The fixed point is <b>not stable</b>: the rightmost eigenvalue has real part {number(value)}."
    )
    core = data["abscissa"].get("core") if data["abscissa"]["status"] == "ok" else None
    if core and core["exact"] is not None and core["fitted"] is not None:
        text += f" Units on cycles reach {number(core['exact'])}; a random network of the same statistics, {number(core['fitted'])}"
        text += f" (sampled networks: {number(core['mean'])} ± {number(core['sd'], 2)})." if core["sd"] is not None else "."
    margin = data["marginality"].get("first")
    if margin is not None and not data["freezing"].get("frozen"):
        text += f" All weights {number(margin)} times as strong would make that law marginal."
    return _p(text, "lede")


def _facts(data: dict[str, Any]) -> str:
    net, unit = data["network"], f" {escape(data['time_unit'])}" if data["time_unit"] else ""
    cards = [("units", number(net["n"]), f"{number(net['core'])} on cycles"), ("synapses", number(net["synapses"]), f"mean degree {number(net['mean_degree'], 3)}")]
    if data["abscissa"]["status"] == "ok":
        row = data["abscissa"]["all"]
        cards.append(("rightmost eigenvalue", number(row["exact"]), f"memory time {number(-1 / row['exact'], 3)}{unit}" if row["exact"] and row["exact"] < 0 else "unstable"))
        core = data["abscissa"]["core"]
        if core["fitted"] is not None:
            cards.append(("edge of the fitted law", number(core["fitted"]), f"± {number(core['error'], 2)}" if core["error"] else ""))
    near = data["marginality"]
    if near.get("first") is not None and not data["freezing"].get("frozen"):
        bulk = f"bulk: × {number(near['margin'])}" if near["margin"] is None or near["first"] < near["margin"] else ""
        cards.append(("weights, to be marginal", f"× {number(near['first'])}", bulk))
    body = "".join(f"<div><dt>{label}</dt><dd>{value}</dd><small>{extra}</small></div>" for label, value, extra in cards)
    return f'<dl class="facts">{body}</dl>'


def page(data: dict[str, Any], job: Any) -> str:
    """The whole page.

    Parameters
    ----------
    data : dict
        As in ``Report.data``.
    job : object
        With the arrays that the figures draw.

    Returns
    -------
    str
    """
    title = escape(data["name"])
    warnings = "".join(f"<li class='{w['level']}'><b>{escape(w['code'])}.</b> {escape(w['text'])}</li>" for w in data["warnings"])
    body = [
        '<header><p class="kicker">rmtlib report</p>', f"<h1>{title}</h1>", _lede(data), _facts(data), "</header>",
        f'<section id="warnings"><h2>Read with care</h2><ul class="warnings">{warnings}</ul></section>' if warnings else "",
    ]  # fmt: skip
    for anchor, part, heading, render in _SECTIONS:
        found = data[part]
        if found["status"] == "ok":
            try:
                inner = render(data, job)
            except Exception as error:  # a section that cannot be drawn leaves the others
                inner = _missing({"reason": f"{type(error).__name__}: {error}"}, "This part could not be drawn")
        else:
            inner = _missing(found)
        body.append(f'<section id="{anchor}"><h2>{heading}</h2>{inner}</section>')
    unit = escape(data["time_unit"])
    body.append(
        "<footer><p>J = T<sup>−1</sup>(−leak + W H), with W<sub>ij</sub> the synapse from j to i, T the timescales, H the gains. Eigenvalues are in "
        f"{'1/' + unit if unit else 'the inverse of the unit of the timescales'}. The edge is where the spectral radius of K<sub>ab</sub>(z) = c<sub>ab</sub> ⟨w²⟩<sub>ab</sub> "
        f"⟨h²/|leak + zτ|²⟩<sub>b</sub> is 1.</p><p>Made by rmtlib {escape(data['rmtlib'])} with seed {data['seed']}; the same network, seed and version give the same "
        "numbers.</p></footer>"
    )
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title} – rmtlib report</title><style>{_STYLE}</style></head>\n<body><main>" + "\n".join(body) + "</main></body></html>\n"
    )


