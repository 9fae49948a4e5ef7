"""Explorations: one declarative scene, live with a kernel, precomputed without one.

A chapter writes *one* function of the parameters that returns a *scene*, a plain dictionary of
layers.  :func:`explorer` then

* with a kernel shows ipywidgets sliders and redraws the scene with matplotlib, all combinations of
  the parameters being free;
* when the book is executed for storage (environment variable ``RMTLIB_FRAMES`` set to a directory)
  computes frames, one parameter at a time around a base point, and writes them as JSON to
  ``RMTLIB_FRAMES/NAME.json``; the stored output of the cell is only a ``<div>`` that the script
  ``explorer.js`` of the book's pages fills.

How to add an explorer, in ten lines::

    from rmtlib import widgets as w

    def scene(std, correlation):
        ens = rmt.elliptic(correlation, std)
        lam = rmt.eigenvalues(ens.sample(300, seed=0))
        return w.complex_plane(
            [w.points(lam, label="eigenvalues, n = 300, seed 0"),
             w.curve(rmt.spectral_edge(ens), role="edge", label="theoretical edge")],
            xlim=(-2.2, 2.2), ylim=(-2.2, 2.2), readout={"Spectral abscissa, sample": lam.real.max()})

    w.explorer("elliptic", scene, [
        w.Slider("std", "Standard deviation σ", [0.4, 0.6, 0.8, 1.0], base=0.8),
        w.Slider("correlation", "Reciprocal correlation Γ", [-0.8, -0.4, 0.0, 0.4, 0.8], base=0.0)])

Rules: the cell is tagged ``nbval-ignore-output`` and the explorer is its last expression.  At most
60 frames over all sliders (the base frame counts once), at most 400 kB: conjugate pairs of
eigenvalues are stored once, curves are thinned below what a screen shows, images hold 8 bits a
pixel (48 x 48 is plenty), layers that do not change are stored once.  Give ``xlim`` and ``ylim`` so
that the axes stand still.  Labels are plain text (``Re λ``, not ``$\\mathrm{Re}\\,\\lambda$``): no
TeX runs in a slider.  The scene must be deterministic: fix the seed inside it.

Environment variables, both absolute paths: ``RMTLIB_FRAMES``, where frames are written; and
``RMTLIB_FRAMES_CHECK``, where stored frames lie that must agree with what the scene gives now
(three of them are recomputed; disagreement raises, so the cell and its test fail).
"""

from __future__ import annotations

import base64
import html
import io
import json
import math
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import ValidationError

__all__ = [
    "Explorer", "Slider", "band", "bars", "complex_plane", "curve", "draw", "explorer", "hline", "image",
    "panel", "points", "row", "text", "vline",
]

MAX_FRAMES = 60
MAX_BYTES = 400_000
FORMAT = 1

# Roles of rmtlib.plot, repeated as names only: a scene is made without matplotlib.
_ROLES = ("bulk", "bar", "edge", "outlier", "second", "third", "muted")
_ALIASES = {"sample": "bulk", "theory": "edge"}


# --------------------------------------------------------------------------------------- layers


def _role(name: str) -> str:
    name = _ALIASES.get(name, name)
    if name not in _ROLES:
        raise ValidationError(f"unknown role {name!r}: choose one of {', '.join([*_ROLES, *_ALIASES])}")
    return name


def _array(values: Any, what: str) -> np.ndarray:
    array = np.asarray(values)
    if array.dtype == object or not np.issubdtype(array.dtype, np.number):
        raise ValidationError(f"{what} must be numbers, got {array.dtype}")
    if np.iscomplexobj(array):
        raise ValidationError(f"{what} must be real, got complex numbers")
    array = array.astype(float)
    bad = np.count_nonzero(~np.isfinite(array))
    if bad:
        raise ValidationError(f"{what} holds {bad} NaN or infinite value(s): leave those out of the scene")
    return array


def _plain(label: str | None, what: str) -> str | None:
    if label is not None and "$" in label:
        raise ValidationError(f"{what} {label!r} holds TeX: write plain text, for example Re λ, τ, σ², ⟨w²⟩")
    return label


def _xy(z: Any, y: Any, what: str) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates given as complex numbers, or as x and y."""
    if y is None:
        z = np.asarray(z).ravel()
        if z.size and not np.iscomplexobj(z):
            z = z.astype(complex)
        x, y = _array(z.real, what), _array(z.imag, what)
    else:
        x, y = _array(z, f"x of {what}").ravel(), _array(y, f"y of {what}").ravel()
    if x.shape != y.shape:
        raise ValidationError(f"{what}: x and y differ in length, {x.size} and {y.size}")
    return x, y


def _layer(kind: str, label: str | None, role: str, **data: Any) -> dict[str, Any]:
    layer = {"type": kind, "role": _role(role), **data}
    if label:
        layer["label"] = _plain(label, "label")
    return layer


def points(z: Any, y: Any = None, *, label: str | None = None, role: str = "bulk", error: Any = None) -> dict:
    """Points at complex ``z``, or at ``(z, y)``; ``error`` gives vertical error bars (half lengths)."""
    what = f"points {label!r}" if label else "points"
    x, y = _xy(z, y, what)
    data: dict[str, Any] = {"x": x, "y": y}
    if error is not None:
        data["error"] = np.broadcast_to(_array(error, f"error of {what}"), x.shape)
    return _layer("points", label, role, **data)


def curve(
    z: Any, y: Any = None, *, label: str | None = None, role: str = "edge", closed: bool | None = None,
    dashed: bool = False,
) -> dict:
    """A line through complex ``z``, or through ``(z, y)``; a list of complex arrays gives several.

    ``closed`` joins the last point to the first; by default a list of complex arrays, which is what
    ``spectral_edge`` returns, is closed and anything else is not.
    """
    what = f"curve {label!r}" if label else "curve"
    several = y is None and isinstance(z, list | tuple) and len(z) > 0 and np.ndim(z[0]) > 0
    pieces = [_xy(part, None, what) for part in z] if several else [_xy(z, y, what)]
    if several if closed is None else closed:
        pieces = [(np.append(px, px[:1]), np.append(py, py[:1])) for px, py in pieces]
    return _layer("curve", label, role, pieces=pieces, dashed=bool(dashed))


def band(x: Any, low: Any, high: Any, *, label: str | None = None, role: str = "bulk") -> dict:
    """The region between ``low(x)`` and ``high(x)``."""
    what = f"band {label!r}" if label else "band"
    x, low, high = (_array(v, what).ravel() for v in (x, low, high))
    if not x.shape == low.shape == high.shape:
        raise ValidationError(f"{what}: x, low and high differ in length, {x.size}, {low.size} and {high.size}")
    return _layer("band", label, role, x=x, low=low, high=high)


def bars(edges: Any, heights: Any, *, label: str | None = None, role: str = "bulk", error: Any = None) -> dict:
    """A histogram: k + 1 bin ``edges``, k ``heights``, and optionally error bars (half lengths)."""
    what = f"bars {label!r}" if label else "bars"
    edges, heights = _array(edges, what).ravel(), _array(heights, what).ravel()
    if edges.size != heights.size + 1:
        raise ValidationError(f"{what}: {heights.size} heights need {heights.size + 1} edges, got {edges.size}")
    data: dict[str, Any] = {"edges": edges, "heights": heights}
    if error is not None:
        data["error"] = np.broadcast_to(_array(error, f"error of {what}"), heights.shape)
    return _layer("bars", label, role, **data)


def image(
    values: Any, xlim: Sequence[float], ylim: Sequence[float], *, label: str | None = None,
    vmin: float = 0.0, vmax: float | None = None,
) -> dict:
    """A non-negative function such as a density, as an image over a rectangle.

    ``values[i, j]`` belongs to the j-th of equal columns over ``xlim`` and the i-th of equal rows
    over ``ylim``, lowest row first.  ``vmin`` is drawn as background and ``vmax`` (default: the
    largest value) as full colour; values outside are clipped.
    """
    what = f"image {label!r}" if label else "image"
    values = _array(values, what)
    if values.ndim != 2 or min(values.shape) < 2:
        raise ValidationError(f"{what}: values must have two dimensions, got shape {values.shape}")
    top = float(values.max()) if vmax is None else float(vmax)
    if not vmin < top:
        top = vmin + 1.0  # a function that is nowhere above vmin is drawn as background
    extent = _array([*xlim, *ylim], f"limits of {what}")
    return _layer("image", label, "bulk", values=values, extent=extent, vmin=float(vmin), vmax=top)


def hline(y: float, *, label: str | None = None, role: str = "muted") -> dict:
    """A horizontal line across the axes."""
    return _layer("hline", label, role, at=float(_array(y, "hline")))


def vline(x: float, *, label: str | None = None, role: str = "muted") -> dict:
    """A vertical line across the axes."""
    return _layer("vline", label, role, at=float(_array(x, "vline")))


def text(x: float, y: float, string: str, *, role: str = "edge", anchor: str = "start") -> dict:
    """Words at a place; ``anchor`` is start, middle or end."""
    if anchor not in ("start", "middle", "end"):
        raise ValidationError(f"anchor {anchor!r}: choose start, middle or end")
    return _layer(
        "text", None, role, x=float(_array(x, "x of text")), y=float(_array(y, "y of text")),
        text=_plain(string, "text"), anchor=anchor,
    )


def panel(
    layers: Iterable[Mapping[str, Any]], *, xlim: Sequence[float] | None = None,
    ylim: Sequence[float] | None = None, xlabel: str = "", ylabel: str = "", title: str = "",
    equal: bool = False, xscale: str = "linear", yscale: str = "linear",
    readout: Mapping[str, Any] | None = None,
) -> dict:
    """A scene: axes, the layers in them from back to front, and numbers to read off.

    Parameters
    ----------
    layers : list
        What :func:`points`, :func:`curve`, :func:`band`, :func:`bars`, :func:`image`,
        :func:`hline`, :func:`vline` and :func:`text` return.
    xlim, ylim : (float, float), optional
        Limits of the axes; without them, what holds every frame.
    xlabel, ylabel, title : str
        Plain text.
    equal : bool
        Same scale on both axes, for the complex plane.
    xscale, yscale : {"linear", "log"}
        Scales of the axes.
    readout : dict, optional
        Names and values (numbers or short strings) shown under the figure.

    Returns
    -------
    dict
        ``{"axes": ..., "layers": [...], "readout": [[name, value], ...]}``.
    """
    layers = [dict(layer) for layer in layers]
    for layer in layers:
        if "type" not in layer:
            raise ValidationError("a layer has no type: make layers with points(), curve(), image(), ...")
    for what, scale in (("xscale", xscale), ("yscale", yscale)):
        if scale not in ("linear", "log"):
            raise ValidationError(f"{what} {scale!r}: choose linear or log")
    axes: dict[str, Any] = {"equal": bool(equal), "xscale": xscale, "yscale": yscale}
    for key, label in (("xlabel", xlabel), ("ylabel", ylabel), ("title", title)):
        axes[key] = _plain(label, key)
    for key, limits in (("xlim", xlim), ("ylim", ylim)):
        if limits is not None:
            low, high = _array(limits, key)
            if not low < high:
                raise ValidationError(f"{key} must be increasing, got ({low:g}, {high:g})")
            axes[key] = (float(low), float(high))
    pairs = []
    for name, value in (readout or {}).items():
        if not isinstance(value, str):
            value = float(_array(value, f"readout {name!r}"))
        pairs.append([_plain(name, "readout"), value])
    return {"axes": axes, "layers": layers, "readout": pairs}


def complex_plane(layers: Iterable[Mapping[str, Any]], **options: Any) -> dict:
    """A :func:`panel` of the complex plane: equal axes named Re λ and Im λ."""
    return panel(layers, **{"equal": True, "xlabel": "Re λ", "ylabel": "Im λ", **options})


def row(*panels: Mapping[str, Any]) -> dict:
    """Panels beside each other (under each other on a narrow screen), with all their readouts."""
    if not panels:
        raise ValidationError("row() needs at least one panel")
    return {
        "panels": [{"axes": p["axes"], "layers": p["layers"]} for p in panels],
        "readout": [pair for p in panels for pair in p.get("readout", [])],
    }


def _normal(scene: Any) -> dict[str, Any]:
    """A scene in the form with a list of panels, or an error saying what a scene is."""
    if not isinstance(scene, Mapping) or not ("panels" in scene or {"axes", "layers"} <= scene.keys()):
        raise ValidationError(
            f"the scene function returned {type(scene).__name__}: return what panel(), complex_plane() or row() gives"
        )
    return dict(scene) if "panels" in scene else row(scene)


# -------------------------------------------------------------------------------------- sliders


@dataclass(frozen=True)
class Slider:
    """One parameter of an exploration.

    Parameters
    ----------
    name : str
        Keyword under which the scene receives the value.
    label : str
        What the reader sees, in plain text.
    values : sequence of numbers or strings
        The places of the slider, in order.
    base : number or string, optional
        Its place at the base point; the middle one by default.
    format : str
        How a number is written, as in ``format(value, ...)``.
    unit : str
        Written after the value.

    Raises
    ------
    ValidationError
        If there are fewer than two values, two are equal, one is NaN, or ``base`` is not among them.

    Examples
    --------
    >>> Slider("c", "Mean degree", [2, 4, 6]).base
    4
    """

    name: str
    label: str
    values: Sequence[Any]
    base: Any = None
    format: str = ".4g"
    unit: str = ""

    def __post_init__(self) -> None:
        where = f"slider {self.name!r}"
        if not (isinstance(self.name, str) and self.name.isidentifier()):
            raise ValidationError(f"{where}: the name must be a Python identifier")
        _plain(self.label, "label of " + where)
        values = []
        for value in self.values:
            if not isinstance(value, str):
                number = float(_array(value, f"values of {where}"))
                value = int(number) if number.is_integer() and not isinstance(value, float | np.floating) else number
            values.append(value)
        if len(values) < 2 or len(set(values)) < len(values):
            raise ValidationError(f"{where}: it needs at least two values, all different, got {values}")
        base = values[len(values) // 2] if self.base is None else self.base
        if base not in values:
            raise ValidationError(f"{where}: the base {base!r} is not among its values {values}")
        object.__setattr__(self, "values", tuple(values))
        object.__setattr__(self, "base", values[values.index(base)])

    def shown(self, value: Any) -> str:
        """The value as the reader sees it."""
        written = value if isinstance(value, str) else format(value, self.format)
        return f"{written} {self.unit}".strip()


# --------------------------------------------------------------------------------- stored frames


def _number(value: float, quantum: float = 0.0) -> float | int:
    """Four significant digits, and nothing finer than ``quantum``."""
    value = float(f"{value:.4g}")
    if quantum:
        value = round(value, max(0, -math.floor(math.log10(quantum)))) if quantum < 1 else value
    return int(value) if value == int(value) else value


def _numbers(values: np.ndarray, quantum: float = 0.0) -> list[float | int]:
    return [_number(v, quantum) for v in values]


def _thin(x: np.ndarray, y: np.ndarray, tolerance: Sequence[float]) -> tuple[np.ndarray, np.ndarray]:
    """Fewer vertices, the line staying within a tolerance (Douglas and Peucker's algorithm)."""
    if x.size < 3:
        return x, y
    u = np.column_stack([x / tolerance[0], y / tolerance[1]])
    keep = np.zeros(x.size, bool)
    keep[[0, -1]] = True
    stack = [(0, x.size - 1)]
    while stack:
        first, last = stack.pop()
        if last - first < 2:
            continue
        away = _distance(u[first + 1 : last], u[first : last + 1 : last - first])
        worst = int(np.argmax(away))
        if away[worst] > 1.0:
            middle = first + 1 + worst
            keep[middle] = True
            stack += [(first, middle), (middle, last)]
    return x[keep], y[keep]


def _distance(p: np.ndarray, line: np.ndarray) -> np.ndarray:
    """Distance of each of the points ``p`` (m, 2) from a polyline (k, 2)."""
    if len(line) == 1:
        return np.hypot(*(p - line[0]).T)
    a, d = line[:-1], np.diff(line, axis=0)
    length = np.maximum((d**2).sum(axis=1), 1e-300)
    along = np.clip(((p[:, None] - a) * d).sum(axis=2) / length, 0, 1)
    return np.sqrt((((p[:, None] - a) - along[..., None] * d) ** 2).sum(axis=2)).min(axis=1)


def _mirrored(x: np.ndarray, y: np.ndarray) -> bool:
    """Whether points come in complex-conjugate pairs, so that half of them say it all."""
    upper, lower = y > 0, y < 0
    if not upper.any() or upper.sum() != lower.sum():
        return False
    up, down = (np.column_stack([x[s], np.abs(y[s])]) for s in (upper, lower))
    up, down = (v[np.lexsort(np.round(v, 9).T)] for v in (up, down))
    return bool(np.allclose(up, down, rtol=0, atol=1e-8 * np.abs(up).max()))


def _extent(layer: Mapping[str, Any]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """The x and the y values that the axes must hold."""
    kind = layer["type"]
    if kind == "points":
        error = layer.get("error", 0.0)
        return [layer["x"]], [layer["y"] - error, layer["y"] + error]
    if kind == "curve":
        return [p[0] for p in layer["pieces"]], [p[1] for p in layer["pieces"]]
    if kind == "band":
        return [layer["x"]], [layer["low"], layer["high"]]
    if kind == "bars":
        return [layer["edges"]], [np.zeros(1), layer["heights"] + layer.get("error", 0.0)]
    if kind == "image":
        return [layer["extent"][:2]], [layer["extent"][2:]]
    if kind == "text":
        return [np.array([layer["x"]])], [np.array([layer["y"]])]
    at = [np.array([layer["at"]])]
    return (at, []) if kind == "vline" else ([], at)


def _limits(panels: Sequence[Mapping[str, Any]]) -> tuple[tuple[float, float], tuple[float, float]]:
    """Limits of the axes that hold these panels, as given or from the data."""
    result = []
    for i, key in enumerate(("xlim", "ylim")):
        given = [p["axes"][key] for p in panels if key in p["axes"]]
        data = [v for p in panels for layer in p["layers"] for v in _extent(layer)[i] if v.size]
        if given:
            low, high = min(g[0] for g in given), max(g[1] for g in given)
        elif not data:
            low, high = 0.0, 1.0
        else:
            log = panels[0]["axes"][f"{key[0]}scale"] == "log"
            data = [v[v > 0] if log else v for v in data]
            if not any(v.size for v in data):
                raise ValidationError(f"a logarithmic {key[0]} axis has no positive value to show")
            low, high = min(v.min() for v in data if v.size), max(v.max() for v in data if v.size)
            if log:
                pad = (high / low) ** 0.04 if high > low else 2.0
                low, high = low / pad, high * pad
            else:
                pad = 0.04 * (high - low) or 0.5 * abs(high) or 0.5
                low, high = low - pad, high + pad
        result.append((float(low), float(high)))
    return result[0], result[1]


def _encode(layer: Mapping[str, Any], axes: Mapping[str, Any]) -> dict[str, Any]:
    """A layer as it is stored: rounded, thinned, half of a symmetric cloud, images as bytes."""
    kind = layer["type"]
    out = {key: layer[key] for key in ("type", "role", "label", "text", "anchor") if key in layer}
    # What a screen cannot show need not be stored: 1/2000 of a linear axis, rounded down to a power of ten.
    qx, qy = (
        10.0 ** math.floor(math.log10((axes[k + "lim"][1] - axes[k + "lim"][0]) / 2000))
        if axes[k + "scale"] == "linear" else 0.0
        for k in "xy"
    )
    if kind == "points":
        x, y, error = layer["x"], layer["y"], layer.get("error")
        if error is None:
            if _mirrored(x, y):
                out["mirror"] = True
                x, y = x[y >= 0], y[y >= 0]
            order = np.lexsort((y, x))
            x, y = x[order], y[order]
        else:
            out["error"] = _numbers(error, qy)
        out |= {"x": _numbers(x, qx), "y": _numbers(y, qy)}
    elif kind == "curve":
        out |= {"x": [], "y": []}
        if layer["dashed"]:
            out["dashed"] = True
        for x, y in layer["pieces"]:
            if qx and qy:
                x, y = _thin(x, y, [(axes[k][1] - axes[k][0]) / 2000 for k in ("xlim", "ylim")])
            if out["x"]:  # null separates the pieces
                out["x"].append(None)
                out["y"].append(None)
            out["x"] += _numbers(x, qx)
            out["y"] += _numbers(y, qy)
    elif kind == "band":
        out |= {"x": _numbers(layer["x"], qx), "low": _numbers(layer["low"], qy), "high": _numbers(layer["high"], qy)}
    elif kind == "bars":
        out |= {"edges": _numbers(layer["edges"], qx), "heights": _numbers(layer["heights"], qy)}
        if "error" in layer:
            out["error"] = _numbers(layer["error"], qy)
    elif kind == "image":
        scaled = np.clip((layer["values"] - layer["vmin"]) / (layer["vmax"] - layer["vmin"]), 0, 1)
        data = np.round(255 * scaled).astype(np.uint8)
        out |= {
            "extent": _numbers(layer["extent"]), "shape": list(data.shape), "vmin": _number(layer["vmin"]),
            "vmax": _number(layer["vmax"]), "data": base64.b64encode(data.tobytes()).decode(),
        }
    elif kind == "text":
        out |= {"x": _number(layer["x"]), "y": _number(layer["y"])}
    elif kind in ("hline", "vline"):
        out["at"] = _number(layer["at"])
    else:
        raise ValidationError(f"unknown layer type {kind!r}: make layers with points(), curve(), image(), ...")
    return out


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))


@dataclass(eq=False)
class Explorer:
    """What :func:`explorer` returns: it shows itself in a notebook and can be asked for its frames.

    Attributes
    ----------
    name, scene, parameters, title, alt
        As given to :func:`explorer`.
    """

    name: str
    scene: Callable[..., Mapping[str, Any]]
    parameters: tuple[Slider, ...]
    title: str = ""
    alt: str = ""
    _computed: dict[tuple, dict] = field(default_factory=dict, repr=False)

    @property
    def base(self) -> dict[str, Any]:
        """The base point."""
        return {p.name: p.base for p in self.parameters}

    def points(self) -> list[tuple[int | None, int | None, dict[str, Any]]]:
        """All frames' parameters: (index of the slider, index of its value, values); base first."""
        base = self.base
        frames: list[tuple[int | None, int | None, dict[str, Any]]] = [(None, None, base)]
        for i, p in enumerate(self.parameters):
            frames += [(i, j, {**base, p.name: v}) for j, v in enumerate(p.values) if v != p.base]
        return frames

    def at(self, **values: Any) -> dict[str, Any]:
        """The scene at the base point with some parameters changed, with its list of panels."""
        unknown = values.keys() - self.base.keys()
        if unknown:
            raise ValidationError(f"explorer {self.name!r} has no parameter {', '.join(sorted(unknown))}")
        point = {**self.base, **values}
        try:
            return _normal(self.scene(**point))
        except ValidationError as error:
            where = ", ".join(f"{k} = {v}" for k, v in point.items())
            raise ValidationError(f"explorer {self.name!r} at {where}: {error}") from error

    def payload(self) -> dict[str, Any]:
        """Everything that is stored: parameters, the distinct layers, and the frames made of them."""
        places = self.points()
        scenes = [self.at(**point) for _, _, point in places]
        if len({len(s["panels"]) for s in scenes}) > 1:
            raise ValidationError(f"explorer {self.name!r}: the number of panels changes between frames")
        panels = []
        for k in range(len(scenes[0]["panels"])):
            every = [s["panels"][k] for s in scenes]
            xlim, ylim = _limits(every)
            panels.append({**every[0]["axes"], "xlim": xlim, "ylim": ylim})
        store: dict[str, int] = {}
        frames = []
        for (which, value, _), scene in zip(places, scenes, strict=True):
            drawn = []
            for axes, shown in zip(panels, scene["panels"], strict=True):
                encoded = (_compact(_encode(layer, axes)) for layer in shown["layers"])
                drawn.append([store.setdefault(layer, len(store)) for layer in encoded])
            readout = [[k, v if isinstance(v, str) else _number(v)] for k, v in scene["readout"]]
            frames.append({"slider": which, "value": value, "panels": drawn, "readout": readout})
        for axes in panels:
            axes["xlim"], axes["ylim"] = _numbers(axes["xlim"]), _numbers(axes["ylim"])
        return {
            "format": FORMAT, "name": self.name, "title": self.title, "alt": self.alt,
            "parameters": [
                {
                    "name": p.name, "label": p.label, "values": list(p.values),
                    "shown": [p.shown(v) for v in p.values], "base": p.values.index(p.base),
                }
                for p in self.parameters
            ],
            "axes": panels, "layers": [json.loads(layer) for layer in store], "frames": frames,
        }

    def encode(self) -> str:
        """:meth:`payload` as JSON text of at most 400 kB."""
        payload = self.payload()
        written = _compact(payload)
        size = len(written.encode())
        if size > MAX_BYTES:
            share: dict[str, int] = {}
            for layer in payload["layers"]:
                key = f"{layer['type']} {layer.get('label', '')!r}"
                share[key] = share.get(key, 0) + len(_compact(layer).encode())
            worst = ", ".join(f"{k} {v // 1000} kB" for k, v in sorted(share.items(), key=lambda kv: -kv[1])[:3])
            raise ValidationError(
                f"explorer {self.name!r} needs {size // 1000} kB, more than {MAX_BYTES // 1000}: {worst}. "
                "Show fewer points, a coarser image, or fewer values of a slider"
            )
        return written + "\n"

    def save(self, directory: str | os.PathLike[str]) -> Path:
        """Write ``NAME.json`` into a directory, all or nothing; returns its path."""
        folder = Path(directory)
        written = self.encode()
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / f"{self.name}.json"
        with tempfile.NamedTemporaryFile(
            "w", encoding="utf-8", dir=folder, prefix=f".{self.name}.", delete=False
        ) as temporary:
            temporary.write(written)
        try:
            Path(temporary.name).chmod(0o644)
            Path(temporary.name).replace(target)
        except OSError:
            Path(temporary.name).unlink(missing_ok=True)
            raise
        return target

    def check(self, directory: str | os.PathLike[str]) -> None:
        """Compare stored frames with what the scene gives now, at the base and two other points.

        Raises
        ------
        ValidationError
            If the file is missing or says something else: the chapter was not executed after a
            change.
        """
        path = Path(directory) / f"{self.name}.json"
        if not path.is_file():
            raise ValidationError(f"explorer {self.name!r}: no stored frames at {path}: execute the chapter")
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored.get("format") != FORMAT:
            raise ValidationError(f"{path} has format {stored.get('format')!r}, not {FORMAT}: execute the chapter")
        asked = [{"name": p.name, "values": list(p.values), "base": p.values.index(p.base)} for p in self.parameters]
        if [{k: p[k] for k in ("name", "values", "base")} for p in stored["parameters"]] != asked:
            raise ValidationError(f"{path} was made with other sliders: execute the chapter")
        places = self.points()
        for i in sorted({0, len(places) // 2, len(places) - 1}):
            where = ", ".join(f"{k} = {v}" for k, v in places[i][2].items())
            problem = _differs(self.at(**places[i][2]), stored, stored["frames"][i])
            if problem:
                raise ValidationError(f"{path} is stale at {where}: {problem}. Execute the chapter again")

    # What a notebook shows.

    def _ipython_display_(self) -> None:
        from IPython.display import display

        if "RMTLIB_FRAMES" not in os.environ and _has_kernel():
            try:
                display(self.widget())
                return
            except ImportError:
                pass  # no ipywidgets: say what there would be
        display({"text/html": self.html(), "text/plain": repr(self)}, raw=True)

    def __repr__(self) -> str:
        sliders = "; ".join(
            f"{p.label}: {p.shown(p.values[0])} to {p.shown(p.values[-1])}, base {p.shown(p.base)}"
            for p in self.parameters
        )
        return f"Explorer {self.name!r}, {len(self.points())} frames. {sliders}"

    def html(self) -> str:
        """The stored output: a place for the script to draw in, and words for readers without one."""
        title, alt = html.escape(self.title or self.name), html.escape(self.alt)
        sliders = "".join(
            f"<li>{html.escape(p.label)}: {html.escape(', '.join(p.shown(v) for v in p.values))} "
            f"(base {html.escape(p.shown(p.base))})</li>"
            for p in self.parameters
        )
        return (
            f'<div class="rmt-explorer" data-frames="{self.name}.json" role="group" aria-label="{title}">\n'
            f"<p><strong>Interactive figure: {title}.</strong> {alt}</p>\n<ul>{sliders}</ul>\n"
            "<p>It is drawn by a script on the website; in a notebook, run this cell for live sliders.</p>\n</div>"
        )

    def widget(self) -> Any:
        """Sliders and figure of ipywidgets: all combinations are free, each drawn when asked for."""
        import ipywidgets as widgets

        sliders = {
            p.name: widgets.SelectionSlider(
                options=[(p.shown(v), v) for v in p.values], value=p.base, description=p.label,
                continuous_update=False, style={"description_width": "14em"},
                layout=widgets.Layout(width="36em", max_width="100%"),
            )
            for p in self.parameters
        }
        picture = widgets.Image(format="png", layout=widgets.Layout(max_width="100%", object_fit="contain"))
        words = widgets.HTML()
        reset = widgets.Button(description="Back to the base point", layout=widgets.Layout(width="auto"))

        def redraw(_change: Any = None) -> None:
            if hold:
                return
            point = {name: slider.value for name, slider in sliders.items()}
            try:
                picture.value, words.value = self._render(point)
            except Exception as error:  # a callback's traceback would be lost: show the reason in place
                if _change is None:
                    raise
                words.value = f"<p role='alert'>No figure here: {html.escape(str(error))}</p>"

        def back(_button: Any) -> None:
            hold.append(True)
            for p in self.parameters:
                sliders[p.name].value = p.base
            hold.clear()
            redraw("reset")

        hold: list[bool] = []
        for slider in sliders.values():
            slider.observe(redraw, names="value")
        reset.on_click(back)
        redraw()
        return widgets.VBox([*sliders.values(), reset, picture, words])

    def _render(self, point: Mapping[str, Any]) -> tuple[bytes, str]:
        from matplotlib.figure import Figure

        key = tuple(point.values())
        if key not in self._computed:
            self._computed[key] = self.at(**point)
        scene = self._computed[key]
        wide = 5.6 * min(len(scene["panels"]), 2)
        figure = Figure(figsize=(wide, 4.4), layout="constrained")
        draw(scene, figure)
        if self.title:
            figure.suptitle(self.title, fontsize=11)
        data = io.BytesIO()
        figure.savefig(data, format="png", dpi=130)
        rows = "".join(
            f"<tr><td>{html.escape(k)}</td><td><b>{html.escape(_written(v))}</b></td></tr>" for k, v in scene["readout"]
        )
        return data.getvalue(), f"<table>{rows}</table>"


def _written(value: Any) -> str:
    return value if isinstance(value, str) else format(value, ".4g")


def _has_kernel() -> bool:
    try:
        from IPython import get_ipython
    except ImportError:
        return False
    return hasattr(get_ipython(), "kernel")


def explorer(
    name: str,
    scene: Callable[..., Mapping[str, Any]],
    parameters: Sequence[Slider],
    base: Mapping[str, Any] | None = None,
    *,
    title: str = "",
    alt: str = "",
) -> Explorer:
    """An exploration: sliders over a scene, live with a kernel and precomputed without one.

    Parameters
    ----------
    name : str
        Name of the file of frames, unique in the book: lower-case letters, digits, ``-`` and ``_``.
    scene : callable
        ``scene(**parameters)`` returns what :func:`panel`, :func:`complex_plane` or :func:`row` gives.
    parameters : list of Slider
        The sliders, in order.
    base : dict, optional
        Base values that replace those of the sliders.
    title : str
        Heading of the figure.
    alt : str
        What the figure shows, for readers who do not see it.

    Returns
    -------
    Explorer
        As the last expression of a cell it shows itself.

    Raises
    ------
    ValidationError
        If a name is unfit or used twice, a base value is not among a slider's values, there would
        be more than 60 frames, or (when frames are stored or checked) a layer holds NaN, the file
        would exceed 400 kB or the stored frames are stale.

    Examples
    --------
    >>> from rmtlib import widgets as w
    >>> def scene(r):
    ...     return w.complex_plane([w.curve(r * np.exp(1j * np.linspace(0, 6.28, 50)))], readout={"Radius": r})
    >>> w.explorer("disc", scene, [w.Slider("r", "Radius", [0.5, 1.0, 1.5])])
    Explorer 'disc', 3 frames. Radius: 0.5 to 1.5, base 1
    """
    if not (isinstance(name, str) and re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name)):
        raise ValidationError(f"explorer name {name!r}: use lower-case letters, digits, - and _")
    if not callable(scene):
        raise ValidationError(f"explorer {name!r}: scene must be a function of the parameters")
    sliders = list(parameters)
    if not sliders or not all(isinstance(p, Slider) for p in sliders):
        raise ValidationError(f"explorer {name!r}: parameters must be a non-empty list of Slider")
    names = [p.name for p in sliders]
    if len(set(names)) < len(names):
        raise ValidationError(f"explorer {name!r}: two sliders have the same name, {names}")
    unknown = (base or {}).keys() - set(names)
    if unknown:
        raise ValidationError(f"explorer {name!r}: base names no slider: {', '.join(sorted(unknown))}")
    for i, p in enumerate(sliders):
        if base and p.name in base:
            sliders[i] = Slider(p.name, p.label, p.values, base[p.name], p.format, p.unit)
    frames = 1 + sum(len(p.values) - 1 for p in sliders)
    if frames > MAX_FRAMES:
        each = ", ".join(f"{p.name} {len(p.values)}" for p in sliders)
        raise ValidationError(
            f"explorer {name!r} needs {frames} frames, more than {MAX_FRAMES}: give fewer values ({each})"
        )
    for what, words in (("title", title), ("alt", alt)):
        _plain(words, f"{what} of explorer {name!r}:")
    result = Explorer(name, scene, tuple(sliders), title, alt)
    for variable, action in (("RMTLIB_FRAMES", result.save), ("RMTLIB_FRAMES_CHECK", result.check)):
        directory = os.environ.get(variable)
        if directory:
            if not Path(directory).is_absolute():
                raise ValidationError(
                    f"{variable} is {directory!r}: give an absolute path, for a notebook runs in its own directory"
                )
            action(directory)
    return result


# ------------------------------------------------------------------------- checking what is stored


def _differs(scene: Mapping[str, Any], stored: Mapping[str, Any], frame: Mapping[str, Any]) -> str | None:
    """What a stored frame says otherwise than a scene, beyond rounding; None if nothing."""
    old = frame["readout"]
    if [k for k, _ in old] != [k for k, _ in scene["readout"]]:
        return "the readout has other entries"
    for (name, value), (_, was) in zip(scene["readout"], old, strict=True):
        if isinstance(value, str) != isinstance(was, str) or (
            value != was if isinstance(value, str) else not math.isclose(value, was, rel_tol=6e-4, abs_tol=1e-9)
        ):
            return f"{name} is {_written(value)}, stored {_written(was)}"
    if len(scene["panels"]) != len(frame["panels"]):
        return "another number of panels"
    for shown, indices, axes in zip(scene["panels"], frame["panels"], stored["axes"], strict=True):
        layers = [stored["layers"][i] for i in indices]
        if [layer["type"] for layer in shown["layers"]] != [layer["type"] for layer in layers]:
            return "other layers"
        for new, was in zip(shown["layers"], layers, strict=True):
            if not _same(_encode(new, axes), was, axes):
                return f"{was['type']} {was.get('label', '')!r} changed"
    return None


def _same(new: Mapping[str, Any], was: Mapping[str, Any], axes: Mapping[str, Any]) -> bool:
    if {k: v for k, v in new.items() if isinstance(v, str | bool) and k != "data"} != {
        k: v for k, v in was.items() if isinstance(v, str | bool) and k != "data"
    }:
        return False
    if new["type"] == "image":
        now, then = (np.frombuffer(base64.b64decode(layer["data"]), np.uint8).astype(int) for layer in (new, was))
        near = new["shape"] == was["shape"] and np.abs(now - then).max(initial=0) <= 2
        return bool(near and np.allclose([new["vmin"], new["vmax"]], [was["vmin"], was["vmax"]], rtol=1e-3))
    def unit(values: Any, k: str) -> np.ndarray:
        """Where values lie along an axis, 0 to 1 within it: what a reader sees of them."""
        (low, high), v = axes[k + "lim"], np.asarray(values, float)
        if axes[k + "scale"] == "log":
            low, high, v = np.log(low), np.log(high), np.log(np.maximum(v, low * 1e-3))
        return (v - low) / (high - low)

    # Order and thinning may differ by rounding: compare points and curves as sets in the plane.
    if new["type"] in ("points", "curve"):
        mine, other = (
            [np.column_stack([unit(x, "x"), unit(y, "y")]) for x, y in (zip(*part, strict=True) for part in _pieces(layer))]
            for layer in (new, was)
        )
        if len(mine) != len(other):
            return False
        if not mine:
            return True
        if new["type"] == "points":
            away = np.hypot(*(mine[0][:, None] - other[0][None]).transpose(2, 0, 1))
            if len(mine[0]) != len(other[0]) or max(away.min(axis=0).max(), away.min(axis=1).max()) > 4e-3:
                return False
        elif not all(
            np.min([_distance(p, line) for line in second], axis=0).max() < 4e-3
            for first, second in ((mine, other), (other, mine)) for p in first
        ):
            return False
    for key in ("x", "y", "low", "high", "edges", "heights", "error", "at"):
        if key in new and not (key in "xy" and new["type"] in ("points", "curve")):
            if key not in was or np.shape(new[key]) != np.shape(was[key]):
                return False
            along = "x" if key in ("x", "edges") or new["type"] == "vline" else "y"
            if np.abs(unit(new[key], along) - unit(was[key], along)).max(initial=0) > 2e-3:
                return False
    return True


def _pieces(layer: Mapping[str, Any]) -> list[list[tuple[float, float]]]:
    pieces: list[list[tuple[float, float]]] = [[]]
    for x, y in zip(layer["x"], layer["y"], strict=True):
        if x is None:
            pieces.append([])
        else:
            pieces[-1].append((x, y))
    return [p for p in pieces if p]


# ------------------------------------------------------------------------- drawing with matplotlib


def draw(scene: Mapping[str, Any], figure: Any = None) -> Any:
    """Draw a scene with matplotlib, as the script on the page does.

    Parameters
    ----------
    scene : dict
        What the scene function returns.
    figure : matplotlib Figure, optional
        Where to draw; a new one of pyplot by default.

    Returns
    -------
    Figure
    """
    from . import plot

    scene = _normal(scene)
    count = len(scene["panels"])
    if figure is None:
        import matplotlib.pyplot as plt

        figure = plt.figure(figsize=(5.6 * min(count, 2), 4.4), layout="constrained")
    columns = min(count, 2)
    for k, shown in enumerate(scene["panels"]):
        ax = figure.add_subplot(-(-count // columns), columns, k + 1)
        axes = shown["axes"]
        ax.set(xscale=axes["xscale"], yscale=axes["yscale"], xlabel=axes["xlabel"], ylabel=axes["ylabel"])
        if axes["title"]:
            ax.set_title(axes["title"])
        for layer in shown["layers"]:
            _draw_layer(ax, layer, plot)
        xlim, ylim = _limits([shown])
        ax.set(xlim=xlim, ylim=ylim)
        if axes["equal"]:
            ax.set_aspect("equal", adjustable="box")
        if ax.get_legend_handles_labels()[0]:
            plot.legend_below(ax, stamped=False)
    return figure


def _draw_layer(ax: Any, layer: Mapping[str, Any], plot: Any) -> None:
    kind, label, style = layer["type"], layer.get("label"), plot.role(layer["role"])
    color = style["color"]
    if kind == "points":
        if "error" in layer:
            ax.errorbar(layer["x"], layer["y"], layer["error"], fmt="none", ecolor=color, elinewidth=1.0)
        plot.scatter(ax, layer["x"] + 1j * layer["y"], layer["role"], label)
    elif kind == "curve":
        for i, (x, y) in enumerate(layer["pieces"]):
            ax.plot(
                x, y, color=color, linewidth=1.5, linestyle="--" if layer["dashed"] else "-",
                label=label if i == 0 else None,
            )
    elif kind == "band":
        ax.fill_between(layer["x"], layer["low"], layer["high"], color=color, alpha=0.22, linewidth=0, label=label)
    elif kind == "bars":
        ax.stairs(layer["heights"], layer["edges"], fill=True, color=color, alpha=0.4, label=label)
        if "error" in layer:
            middle = (layer["edges"][1:] + layer["edges"][:-1]) / 2
            ax.errorbar(middle, layer["heights"], layer["error"], fmt="none", ecolor=color, elinewidth=1.0)
    elif kind == "image":
        drawn = ax.imshow(
            layer["values"], extent=layer["extent"], origin="lower", vmin=layer["vmin"], vmax=layer["vmax"],
            cmap=plot.DENSITY_CMAP, interpolation="bilinear", aspect="auto",
        )
        ax.figure.colorbar(drawn, ax=ax, label=label, shrink=0.8)
    elif kind == "hline":
        ax.axhline(layer["at"], color=color, linewidth=0.9, linestyle=style["linestyle"], label=label)
    elif kind == "vline":
        ax.axvline(layer["at"], color=color, linewidth=0.9, linestyle=style["linestyle"], label=label)
    elif kind == "text":
        align = {"start": "left", "middle": "center", "end": "right"}[layer["anchor"]]
        ax.text(layer["x"], layer["y"], layer["text"], color=color, ha=align, fontsize=9)
    else:
        raise ValidationError(f"unknown layer type {kind!r}: make layers with points(), curve(), image(), ...")
