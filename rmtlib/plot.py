"""Figures of spectra: one style, plain arrays in, matplotlib axes out.

Nothing here knows a solver.  Every function draws on the ``ax`` it is given (or on a new figure)
and returns that ``Axes``, so that a caller can go on with plain matplotlib.

The colours have *roles* (:data:`ROLES`), the same in every figure and in the explorers of
:mod:`rmtlib.widgets`: what was sampled is blue, what theory says is black, what lies on the bar is
orange.  Roles differ in lightness and in marker or dash as well, so that a figure survives a
greyscale printer and a colour-blind reader.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from importlib import import_module, resources
from typing import Any

import matplotlib as mpl
import matplotlib.style
import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from .errors import ValidationError

__all__ = [
    "DENSITY_CMAP", "ROLES", "band", "field", "histogram", "radial_cdf", "spectrum", "stamp", "use_style",
]

#: Colour, marker and dash of each kind of thing a figure shows.
ROLES: dict[str, dict[str, Any]] = {
    "bulk": {"color": "#1f5fa8", "marker": "o", "linestyle": "-"},  # sampled eigenvalues
    "bar": {"color": "#d1570a", "marker": "|", "linestyle": "-"},  # eigenvalues -leak/tau, exactly
    "edge": {"color": "#111111", "marker": "x", "linestyle": "-"},  # theory
    "outlier": {"color": "#8c1c6a", "marker": "D", "linestyle": ":"},  # from mean structure
    "second": {"color": "#12805c", "marker": "s", "linestyle": "--"},
    "third": {"color": "#b8860b", "marker": "^", "linestyle": "-."},
    "muted": {"color": "#777777", "marker": ".", "linestyle": (0, (1, 1))},
}
#: Other words for the same roles.
ALIASES = {"sample": "bulk", "theory": "edge"}

#: Colour of a theoretical density at its maximum; ``DENSITY_CMAP`` runs to it from white, light
#: enough for sampled eigenvalues to be seen everywhere over it.
DENSITY_COLOR = "#6baed6"
DENSITY_CMAP = LinearSegmentedColormap.from_list("rmt_density", ["#ffffff", DENSITY_COLOR])

# More points than this are rasterised, so that a vector figure stays small.
_RASTERIZE_ABOVE = 1500


def role(name: str) -> dict[str, Any]:
    """Colour, marker and dash of a role; an unknown one is an error that lists the known ones."""
    name = ALIASES.get(name, name)
    if name not in ROLES:
        known = ", ".join([*ROLES, *ALIASES])
        raise ValidationError(f"unknown role {name!r}: choose one of {known}")
    return ROLES[name]


def use_style(notebook_format: str = "retina") -> None:
    """Set the style sheet of the package for all figures that follow.

    Parameters
    ----------
    notebook_format : {"retina", "png", "svg"}
        What the inline backend stores when this runs in a notebook kernel: bitmaps at twice the
        screen resolution (the default) or at that resolution, of 256 colours, or vectors.
        Elsewhere it has no effect.

    Raises
    ------
    ValidationError
        For another format.

    Examples
    --------
    >>> import matplotlib as mpl, rmtlib.plot
    >>> rmtlib.plot.use_style()
    >>> mpl.rcParams["axes.spines.top"]
    False
    """
    if notebook_format not in ("retina", "png", "svg"):
        raise ValidationError(f"notebook_format {notebook_format!r}: choose retina, png or svg")
    with resources.as_file(resources.files("rmtlib") / "rmtlib.mplstyle") as path:
        mpl.style.use(str(path))
    try:
        from IPython import get_ipython
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:
        return
    shell = get_ipython()
    if shell is None or not hasattr(shell, "kernel"):
        return
    import_module("matplotlib.pyplot")  # the backend sets its own formats when this is first imported

    set_matplotlib_formats(notebook_format)
    if notebook_format != "svg":
        # Figures of a few flat colours: a palette says all of it in a third of the bytes.
        scale = 2 if notebook_format == "retina" else 1
        shell.display_formatter.formatters["image/png"].for_type(Figure, lambda figure: _palette_png(figure, scale))


def _palette_png(figure: Figure, scale: int) -> tuple[bytes, dict[str, int]]:
    """The figure as a bitmap of 256 colours at a multiple of the screen resolution, and its size on screen."""
    from PIL import Image  # matplotlib itself needs it

    raw, small = io.BytesIO(), io.BytesIO()
    figure.savefig(raw, format="png", dpi=scale * figure.dpi)
    picture = Image.open(raw).convert("RGB")
    picture.quantize(256, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        small, format="png", optimize=True
    )
    return small.getvalue(), {"width": picture.width // scale, "height": picture.height // scale}


def _axes(ax: Axes | None, figsize: tuple[float, float] | None = None) -> Axes:
    if ax is None:
        import matplotlib.pyplot as plt  # only here: pyplot chooses a backend

        _, ax = plt.subplots(figsize=figsize)
    return ax


def _finite(values: Any, what: str, *, kind: str = "real", ndim: int | None = None) -> np.ndarray:
    """``values`` as a finite array, or an error that names it."""
    array = np.asarray(values)
    if array.dtype == object or not (
        np.issubdtype(array.dtype, np.number) or np.issubdtype(array.dtype, np.bool_)
    ):
        raise ValidationError(f"{what} must be numbers, got {array.dtype}")
    if kind == "real" and np.iscomplexobj(array):
        raise ValidationError(f"{what} must be real, got complex numbers: plot .real, .imag or abs() of them")
    if ndim is not None and array.ndim != ndim:
        raise ValidationError(f"{what} must have {ndim} dimension(s), got shape {array.shape}")
    bad = np.count_nonzero(~np.isfinite(array))
    if bad:
        raise ValidationError(f"{what} holds {bad} NaN or infinite value(s): remove them before plotting")
    return array.astype(complex if kind == "complex" else float)


def _curves(edge: Any) -> list[np.ndarray]:
    """One complex curve, or a list of them, as a list."""
    if isinstance(edge, np.ndarray) and edge.ndim == 1 and edge.dtype != object:
        edge = [edge]
    elif len(edge) and np.ndim(edge[0]) == 0:
        edge = [np.asarray(edge)]
    return [_finite(curve, "edge", kind="complex", ndim=1) for curve in edge]


def stamp(
    ax: Axes,
    n: int | Sequence[int] | None = None,
    samples: int | None = None,
    seed: int | Sequence[int] | None = None,
    extra: str | None = None,
    loc: str = "below",
) -> Axes:
    """Write on the figure what it was made of: size, number of samples and seed.

    Parameters
    ----------
    ax : Axes
        Axes to write on.
    n, samples, seed : int, optional
        Number of units, number of sampled matrices, seed; sequences are listed.
    extra : str, optional
        Something more, such as ``"mean degree 6"``.
    loc : {"below", "inside"}
        Under the axis label on the right (default), or in the lower right corner of the axes.

    Returns
    -------
    Axes
        ``ax``.

    Examples
    --------
    >>> import matplotlib.pyplot as plt
    >>> from rmtlib.plot import stamp
    >>> fig, ax = plt.subplots()
    >>> stamp(ax, n=1000, samples=3, seed=0).texts[-1].get_text()
    'n = 1000, 3 samples, seed 0'
    >>> plt.close(fig)
    """

    def listed(value: Any) -> str:
        return ", ".join(str(v) for v in value) if np.ndim(value) else str(value)

    parts = []
    if n is not None:
        parts.append(f"n = {listed(n)}")
    if samples is not None:
        parts.append(f"{samples} sample{'' if samples == 1 else 's'}")
    if seed is not None:
        parts.append(f"seed{'s' if np.ndim(seed) else ''} {listed(seed)}")
    if extra:
        parts.append(extra)
    if not parts:
        return ax
    if loc == "inside":
        xy, offset, alignment = (1.0, 0.0), (-4, 4), "bottom"
    elif loc == "below":
        xy, offset, alignment = (1.0, 0.0), (0, -30), "top"
    else:
        raise ValidationError(f"loc {loc!r}: choose below or inside")
    ax.annotate(
        ", ".join(parts), xy=xy, xycoords="axes fraction", xytext=offset, textcoords="offset points",
        ha="right", va=alignment, fontsize=7.5, color="#555555",
    )
    return ax


def field(
    z: Any, values: Any, ax: Axes | None = None, *, label: str | None = None, cmap: Any = None,
    log: bool = False, levels: Sequence[float] | None = None, vmin: float | None = None,
    vmax: float | None = None, colorbar: bool = True,
) -> Axes:
    """A real function on a rectangular grid of the complex plane, as an image or as contours.

    Parameters
    ----------
    z : (m, k) complex array
        Grid, as made by ``x[None, :] + 1j * y[:, None]``.
    values : (m, k) real array
        The function on it.
    ax : Axes, optional
        Where to draw.
    label : str, optional
        Label of the colour bar.
    cmap : colormap, optional
        Default: white to blue (``DENSITY_CMAP``).
    log : bool
        Logarithmic colours; the values must be positive.
    levels : sequence of float, optional
        Draw labelled contours at these levels instead of an image.
    vmin, vmax : float, optional
        Range of the colours; the smallest and largest value by default.
    colorbar : bool
        Whether an image gets a colour bar.

    Returns
    -------
    Axes

    Raises
    ------
    ValidationError
        If the shapes disagree, the grid is not rectangular, a value is NaN or infinite, or ``log``
        is asked for with values that are not positive.
    """
    z = _finite(z, "the grid z", kind="complex", ndim=2)
    values = _finite(values, "the values on the grid", ndim=2)
    if z.shape != values.shape:
        raise ValidationError(f"grid and values differ in shape: {z.shape} and {values.shape}")
    if min(z.shape) < 2:
        raise ValidationError(f"a grid needs at least two rows and columns, got shape {z.shape}")
    x, y = z[0].real, z[:, 0].imag
    if not (np.allclose(z.real, x[None, :]) and np.allclose(z.imag, y[:, None])):
        raise ValidationError("the grid z is not rectangular: make it as x[None, :] + 1j * y[:, None]")
    if log and values.min() <= 0:
        raise ValidationError("logarithmic colours need positive values: clip them, or pass log=False")
    ax = _axes(ax)
    norm = LogNorm(vmin, vmax) if log else mpl.colors.Normalize(vmin, vmax)
    if levels is None:
        # Steps of colour rather than a gradient: they can be read off the bar, and stay small in a file.
        low = values.min() if vmin is None else vmin
        high = values.max() if vmax is None else vmax
        if not low < high:  # a constant function still has an image
            low, high = (low / 2, low * 2) if log else (low - 0.5, low + 0.5)
        steps = np.geomspace(low, high, 13) if log else np.linspace(low, high, 13)
        drawn = ax.contourf(x, y, values, levels=steps, cmap=cmap or DENSITY_CMAP, norm=norm, extend="both", zorder=0)
        if colorbar:
            ax.figure.colorbar(
                drawn, ax=ax, label=label, shrink=0.85, aspect=26, pad=0.02, extendfrac=0,
                ticks=None if log else mpl.ticker.MaxNLocator(5),
            )
    else:
        drawn = ax.contour(
            x, y, values, levels=sorted(levels), cmap=cmap or "cividis", norm=norm, linewidths=1.1,
            zorder=1,
        )
        ax.clabel(drawn, fontsize=7, fmt=lambda level: f"{level:g}")
    _complex_plane(ax)
    return ax


def _complex_plane(ax: Axes) -> None:
    ax.set_aspect("equal", adjustable="box")
    if not ax.get_xlabel():
        ax.set_xlabel(r"Re $\lambda$")
    if not ax.get_ylabel():
        ax.set_ylabel(r"Im $\lambda$")


def spectrum(
    eigenvalues: Any = None,
    edge: Any = None,
    *,
    density: tuple[Any, Any] | None = None,
    bar: Any = None,
    outliers: Any = None,
    ax: Axes | None = None,
    title: str | None = None,
    n: int | None = None,
    samples: int | None = None,
    seed: int | None = None,
    xlim: tuple[float, float] | None = None,
    ylim: tuple[float, float] | None = None,
    label: str = "eigenvalues",
    edge_label: str = "theoretical edge",
    legend: bool = True,
    imaginary_axis: bool = False,
) -> Axes:
    """Eigenvalues in the complex plane with what theory says about them drawn over.

    Parameters
    ----------
    eigenvalues : complex array, optional
        Sampled eigenvalues, any shape (several samples may be stacked).
    edge : complex array or list of them, optional
        Closed curves bounding the support; drawn over the points.
    density : (z, values), optional
        Theoretical density on a rectangular grid, drawn as an image underneath.
    bar : real array, optional
        Shape (m,): the places of the bar eigenvalues, -leak/tau of the units they belong to.
        Eigenvalues that sit there are drawn as the bar and not as the blob.
        Shape (m, 2): segments of the real axis, drawn as thick lines.
    outliers : complex array, optional
        Predicted isolated eigenvalues, drawn as open diamonds.
    ax : Axes, optional
        Where to draw; a new figure by default.
    title, xlim, ylim : optional
        As in matplotlib.
    n, samples, seed : int, optional
        Stamped under the figure, see :func:`stamp`.
    label, edge_label : str
        Names in the legend.
    legend : bool
        Whether to draw it.
    imaginary_axis : bool
        Draw the line Re = 0, where stability is lost.

    Returns
    -------
    Axes

    Raises
    ------
    ValidationError
        If nothing is given, a value is NaN or infinite, or a shape is wrong.

    Examples
    --------
    >>> import numpy as np, matplotlib.pyplot as plt
    >>> from rmtlib.plot import spectrum
    >>> z = np.exp(2j * np.pi * np.linspace(0, 1, 200))
    >>> ax = spectrum([0.2 + 0.1j, 0.2 - 0.1j, -0.5], edge=z, n=3, samples=1, seed=0)
    >>> ax.get_aspect() in (1, 1.0)
    True
    >>> plt.close(ax.figure)
    """
    if all(given is None for given in (eigenvalues, edge, density, bar, outliers)):
        raise ValidationError("nothing to draw: pass eigenvalues, edge, density, bar or outliers")
    ax = _axes(ax, (5.6, 4.4))
    if density is not None:
        if not (isinstance(density, tuple | list) and len(density) == 2):
            raise ValidationError("density must be the pair (grid z, values on it)")
        field(*density, ax=ax, label="density", vmin=0.0)
    if bar is not None:
        bar = _finite(bar, "bar")
        if bar.ndim == 2 and bar.shape[1] == 2:
            segments = [[(lo, 0.0), (hi, 0.0)] for lo, hi in bar]
            style = role("bar")
            ax.add_collection(
                LineCollection(segments, colors=style["color"], linewidths=4, alpha=0.45, label="bar", zorder=2)
            )
            ax.update_datalim(np.column_stack([bar.ravel(), np.zeros(bar.size)]))
            ax.autoscale_view()
        elif bar.ndim != 1:
            raise ValidationError(f"bar must have shape (m,) or (m, 2), got {bar.shape}")
    if eigenvalues is not None:
        values = _finite(eigenvalues, "eigenvalues", kind="complex").ravel()
        on_bar = np.zeros(values.shape, bool)
        if bar is not None and bar.ndim == 1 and bar.size:
            on_bar = _coincide(values, bar)
        scatter(ax, values[~on_bar], "bulk", label)
        if on_bar.any():
            scatter(ax, values[on_bar], "bar", "bar")
    elif bar is not None and bar.ndim == 1:
        scatter(ax, bar.astype(complex), "bar", "bar")
    if edge is not None:
        style = role("edge")
        for i, curve in enumerate(_curves(edge)):
            closed = np.append(curve, curve[:1])
            ax.plot(
                closed.real, closed.imag, color=style["color"], linestyle="-", linewidth=1.4, zorder=4,
                label=edge_label if i == 0 else None,
            )
    if outliers is not None:
        z = _finite(outliers, "outliers", kind="complex").ravel()
        if z.size:
            style = role("outlier")
            ax.plot(
                z.real, z.imag, linestyle="none", marker=style["marker"], markersize=8,
                markerfacecolor="none", markeredgecolor=style["color"], markeredgewidth=1.5, zorder=5,
                label="predicted outlier" + ("s" if z.size > 1 else ""),
            )
    if imaginary_axis:
        ax.axvline(0.0, color=role("muted")["color"], linewidth=0.8, linestyle=role("muted")["linestyle"], zorder=1)
    _complex_plane(ax)
    if xlim is not None:
        ax.set_xlim(xlim)
    if ylim is not None:
        ax.set_ylim(ylim)
    if title:
        ax.set_title(title)
    if legend and ax.get_legend_handles_labels()[0]:
        legend_below(ax)
    return stamp(ax, n=n, samples=samples, seed=seed)


def legend_below(ax: Axes, stamped: bool = True) -> None:
    """The legend in rows under the axis label (and the stamp), where it hides no eigenvalue."""
    down = ScaledTranslation(0, -(44 if stamped else 34) / 72, ax.figure.dpi_scale_trans)
    ax.legend(
        loc="upper center", bbox_to_anchor=(0.5, 0.0), bbox_transform=ax.transAxes + down, ncols=2,
        frameon=False, borderaxespad=0, columnspacing=1.6,
    )


def _coincide(values: np.ndarray, bar: np.ndarray) -> np.ndarray:
    """Which eigenvalues sit on a given place of the real axis, to rounding error.

    The tolerance is relative to the largest value: what linear algebra can tell apart, and far
    below the spacing that a figure can show.
    """
    places = np.sort(bar)
    scale = max(np.abs(values).max(initial=0.0), np.abs(places).max(initial=0.0))
    right = np.clip(np.searchsorted(places, values.real), 1, max(places.size - 1, 1))
    near = np.minimum(
        np.abs(values.real - places[np.minimum(right, places.size - 1)]), np.abs(values.real - places[right - 1])
    )
    return (np.abs(values.imag) <= 1e-8 * scale) & (near <= 1e-8 * scale)


def scatter(ax: Axes, values: np.ndarray, name: str, label: str | None) -> None:
    """Complex numbers as markers of a role, smaller when there are more of them."""
    style = role(name)
    size = float(np.clip(90.0 / np.sqrt(max(values.size, 1)), 1.6, 4.5))
    options: dict[str, Any] = {"markersize": size, "markeredgewidth": 0.0, "alpha": 1.0}
    if style["marker"] == "|":  # ticks across the axis: dense ones still read as a bar
        options = {"markersize": 7.0, "markeredgewidth": 0.8, "alpha": 1.0}
    ax.plot(
        values.real, values.imag, linestyle="none", marker=style["marker"], color=style["color"], label=label,
        rasterized=values.size > _RASTERIZE_ABOVE, zorder=3, **options,
    )


def _theory(ax: Axes, theory: tuple[Any, Any] | None, label: str) -> None:
    if theory is None:
        return
    if not (isinstance(theory, tuple | list) and len(theory) == 2):
        raise ValidationError("theory must be the pair (x, y)")
    x, y = _finite(theory[0], "theory x", ndim=1), _finite(theory[1], "theory y", ndim=1)
    if x.shape != y.shape:
        raise ValidationError(f"theory x and y differ in shape: {x.shape} and {y.shape}")
    ax.plot(x, y, color=role("edge")["color"], linestyle="-", linewidth=1.4, label=label, zorder=4)


def radial_cdf(
    eigenvalues: Any,
    theory: tuple[Any, Any] | None = None,
    *,
    center: complex = 0.0,
    ax: Axes | None = None,
    title: str | None = None,
    n: int | None = None,
    samples: int | None = None,
    seed: int | None = None,
    label: str = "sample",
    theory_label: str = "theory",
    xlabel: str = r"radius $r$",
) -> Axes:
    """Fraction of eigenvalues within a distance of ``center``, against theory.

    Parameters
    ----------
    eigenvalues : complex array
        Shape (n,), or (samples, n): with several samples the band is the standard deviation
        between them, and the line their mean.
    theory : (r, F), optional
        The law to compare with, drawn over.
    center : complex
        Where radii are measured from.
    ax, title, n, samples, seed : optional
        See :func:`spectrum`.
    label, theory_label, xlabel : str
        Names in the legend and of the axis.

    Returns
    -------
    Axes
    """
    values = _finite(eigenvalues, "eigenvalues", kind="complex")
    if values.ndim not in (1, 2) or values.size == 0:
        raise ValidationError(f"eigenvalues must have shape (n,) or (samples, n), got {values.shape}")
    ax = _axes(ax)
    radii = np.sort(np.abs(np.atleast_2d(values) - center), axis=1)
    style = role("bulk")
    if len(radii) == 1:
        fraction = np.arange(1, radii.shape[1] + 1) / radii.shape[1]
        ax.step(radii[0], fraction, where="post", color=style["color"], linestyle="-", linewidth=1.4, label=label)
    else:
        grid = np.linspace(0.0, radii.max() * 1.02, 300)
        cdf = np.array([np.searchsorted(row, grid, side="right") / row.size for row in radii])
        mean, spread = cdf.mean(axis=0), cdf.std(axis=0, ddof=1)
        band(grid, mean, spread, ax=ax, label=f"{label}, mean and s.d.")
    _theory(ax, theory, theory_label)
    ax.set(xlabel=xlabel, ylabel="fraction of eigenvalues within", ylim=(0, 1.03))
    ax.set_xlim(left=0)
    if title:
        ax.set_title(title)
    ax.legend(loc="lower right")
    return stamp(ax, n=n, samples=samples, seed=seed)


def histogram(
    values: Any,
    bins: Any = 40,
    theory: tuple[Any, Any] | None = None,
    *,
    ax: Axes | None = None,
    title: str | None = None,
    n: int | None = None,
    samples: int | None = None,
    seed: int | None = None,
    label: str = "sample",
    theory_label: str = "theory",
    xlabel: str = "",
    ylabel: str = "density",
) -> Axes:
    r"""Normalised histogram with an error bar on each bin, against theory.

    Parameters
    ----------
    values : real array
        Shape (m,): independent values, and the bar of a bin with k of them is that of a binomial
        count, :math:`\sqrt{k(1 - k/m)}`.  Shape (samples, m): the bar is the standard error of the
        mean over samples, which stays right when the values of one sample repel each other, as
        eigenvalues do.
    bins : int or (b + 1,) array
        Number of bins, or their edges.
    theory : (x, y), optional
        The density to compare with.
    ax, title, n, samples, seed : optional
        See :func:`spectrum`.
    label, theory_label, xlabel, ylabel : str
        Names in the legend and of the axes.

    Returns
    -------
    Axes
    """
    data = _finite(values, "values")
    if data.ndim not in (1, 2) or data.size == 0:
        raise ValidationError(f"values must have shape (m,) or (samples, m) and not be empty, got {data.shape}")
    ax = _axes(ax)
    edges = np.histogram_bin_edges(data, bins)
    width = np.diff(edges)
    if data.ndim == 1:
        count, _ = np.histogram(data, edges)
        height = count / data.size / width
        error = np.sqrt(count * (1 - count / data.size)) / data.size / width
    else:
        if len(data) < 2:
            raise ValidationError("an error over samples needs at least two of them: pass a flat array for one")
        each = np.array([np.histogram(row, edges)[0] for row in data]) / data.shape[1] / width
        height, error = each.mean(axis=0), each.std(axis=0, ddof=1) / np.sqrt(len(data))
    style = role("bulk")
    ax.stairs(height, edges, fill=True, color=style["color"], alpha=0.35, label=label)
    ax.stairs(height, edges, color=style["color"], linewidth=1.0)
    middle = (edges[1:] + edges[:-1]) / 2
    ax.errorbar(middle, height, error, fmt="none", ecolor=style["color"], elinewidth=1.0, capsize=1.5)
    _theory(ax, theory, theory_label)
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.set_ylim(bottom=0)
    if title:
        ax.set_title(title)
    ax.legend()
    return stamp(ax, n=n, samples=samples, seed=seed)


def band(
    x: Any,
    y: Any,
    error: Any,
    *,
    ax: Axes | None = None,
    role_name: str = "bulk",
    label: str | None = None,
    marker: bool = False,
) -> Axes:
    """A line with a band of ``error`` around it, or points with error bars.

    Parameters
    ----------
    x, y : (m,) real arrays
        The line.
    error : (m,) array, (2, m) array or float
        Half width of the band; two rows are the widths below and above.
    ax : Axes, optional
        Where to draw.
    role_name : str
        A key of :data:`ROLES`.
    label : str, optional
        Name in the legend.
    marker : bool
        Points with error bars instead of a line with a band.

    Returns
    -------
    Axes

    Raises
    ------
    ValidationError
        If shapes disagree, a value is NaN, or an error is negative.
    """
    x, y = _finite(x, "x", ndim=1), _finite(y, "y", ndim=1)
    error = _finite(error, "error")
    if x.shape != y.shape or error.shape not in ((), x.shape, (2, *x.shape)):
        raise ValidationError(f"x, y and error do not fit: {x.shape}, {y.shape} and {error.shape}")
    if (error < 0).any():
        raise ValidationError("error must not be negative: it is a half width")
    ax = _axes(ax)
    style = role(role_name)
    below, above = error if error.ndim == 2 else (error, error)
    if marker:
        ax.errorbar(
            x, y, np.broadcast_to(np.stack([below, above]).reshape(2, -1), (2, x.size)), label=label,
            fmt=style["marker"], color=style["color"], markersize=4, elinewidth=1.0,
        )
    else:
        ax.fill_between(x, y - below, y + above, color=style["color"], alpha=0.22, linewidth=0)
        ax.plot(x, y, color=style["color"], linestyle=style["linestyle"], label=label)
    return ax
