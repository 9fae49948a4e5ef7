"""Explorations: what is stored is small, rounded, one parameter at a time, and says what the scene says."""

import base64
import json
import re

import matplotlib as mpl
import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

mpl.use("Agg")

from rmtlib import ValidationError
from rmtlib import widgets as w

ANGLE = np.linspace(0, 2 * np.pi, 400, endpoint=False)


def disc(radius, shift=0.0):
    """A disc of points in conjugate pairs, its edge, and a density."""
    r, t = np.sqrt((np.arange(40) + 0.5) / 40), 2.4 * np.arange(40) + 0.1
    upper = shift + radius * r * np.exp(1j * np.abs(np.angle(np.exp(1j * t))))
    x = np.linspace(-2, 2, 20)
    return w.complex_plane(
        [
            w.image((np.hypot(*np.meshgrid(x, x)) < radius) / (np.pi * radius**2), (-2, 2), (-2, 2), label="density"),
            w.points(np.concatenate([upper, upper.conj()]), label="eigenvalues"),
            w.curve([shift + radius * np.exp(1j * ANGLE)], role="edge", label="edge"),
            w.vline(0),
        ],
        xlim=(-3, 3),
        ylim=(-2, 2),
        readout={"Radius": radius * (1 + 1e-9), "Law": "circular"},
    )


SLIDERS = [
    w.Slider("radius", "Radius R", [0.5, 1.0, 1.5], base=1.0),
    w.Slider("shift", "Shift", [-1.0, -0.5, 0.0, 0.5, 1.0], base=0.0),
]


@pytest.fixture(autouse=True)
def nothing_asked_for(monkeypatch):
    monkeypatch.delenv("RMTLIB_FRAMES", raising=False)
    monkeypatch.delenv("RMTLIB_FRAMES_CHECK", raising=False)


@pytest.fixture
def example():
    return w.explorer("disc", disc, SLIDERS, title="A disc", alt="Points fill a disc.")


def numbers(value):
    """All numbers in a JSON value."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from numbers(item)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield value


def layer(payload, frame, kind, panel=0):
    (found,) = [x for i in frame["panels"][panel] if (x := payload["layers"][i])["type"] == kind]
    return found


# ------------------------------------------------------------------------------------------ frames


def test_frames_move_one_parameter_at_a_time_around_one_base_frame(example):
    payload = example.payload()
    base, *others = payload["frames"]
    assert (base["slider"], base["value"]) == (None, None)
    places = {(f["slider"], f["value"]) for f in others}
    assert len(places) == len(others) == 2 + 4
    for i, p in enumerate(payload["parameters"]):
        assert p["values"][p["base"]] == SLIDERS[i].base
        # every place of every slider but the base has its frame, and the base has one for all
        assert {v for s, v in places if s == i} == set(range(len(p["values"]))) - {p["base"]}
    # the scene was asked with the other parameters at their base
    for frame in others:
        value = payload["parameters"][frame["slider"]]["values"][frame["value"]]
        radius, shift = (value, 0.0) if frame["slider"] == 0 else (1.0, value)
        edge = layer(payload, frame, "curve")
        assert max(edge["x"]) == pytest.approx(shift + radius, abs=3e-3)
        assert dict(frame["readout"])["Radius"] == radius


def test_a_base_other_than_the_sliders_own(example):
    moved = w.explorer("disc", disc, SLIDERS, base={"radius": 1.5})
    assert moved.base == {"radius": 1.5, "shift": 0.0}
    assert moved.payload()["frames"][0]["readout"][0] == ["Radius", 1.5]
    assert SLIDERS[0].base == 1.0


def test_shared_layers_are_stored_once(example):
    payload = example.payload()
    used = [i for f in payload["frames"] for i in f["panels"][0]]
    assert len(used) == 4 * len(payload["frames"])
    assert set(used) == set(range(len(payload["layers"])))
    # three radii have three images, five shifts only one; the vertical line is one for all
    assert [x["type"] for x in payload["layers"]].count("image") == 3
    assert [x["type"] for x in payload["layers"]].count("vline") == 1


def test_numbers_are_rounded_and_the_file_is_strict_json(example, tmp_path):
    path = example.save(tmp_path)
    text = path.read_text(encoding="utf-8")

    def refuse(constant):
        raise AssertionError(constant)

    payload = json.loads(text, parse_constant=refuse)
    for number in numbers([payload["layers"], payload["frames"], payload["axes"]]):
        digits = re.sub(r"e.*", "", repr(number)).replace(".", "").replace("-", "").strip("0")
        assert len(digits) <= 4, number
    assert path.stat().st_size < w.MAX_BYTES
    assert [p.name for p in tmp_path.iterdir()] == ["disc.json"]


def test_saving_twice_gives_the_same_bytes(example, tmp_path):
    first = example.save(tmp_path).read_bytes()
    again = w.explorer("disc", disc, SLIDERS, title="A disc", alt="Points fill a disc.")
    assert again.save(tmp_path).read_bytes() == first


def test_conjugate_pairs_are_stored_once_and_nothing_is_lost(example):
    payload = example.payload()
    cloud = layer(payload, payload["frames"][0], "points")
    shown = example.at()["panels"][0]["layers"][1]
    assert cloud["mirror"] is True
    assert len(cloud["x"]) == 40
    stored = np.array([[x, s * y] for x, y in zip(cloud["x"], cloud["y"], strict=True) for s in (1, -1)])
    given = np.column_stack([shown["x"], shown["y"]])
    away = np.hypot(*(given[:, None] - stored[None]).transpose(2, 0, 1)).min(axis=1)
    assert len(stored) == len(given)
    assert away.max() < 2e-3  # of an axis 6 wide

    lopsided = w.panel([w.points([1 + 1j, 2 - 1j])], xlim=(0, 3), ylim=(-2, 2))
    assert "mirror" not in w.explorer("x", lambda a: lopsided, [w.Slider("a", "a", [1, 2])]).payload()["layers"][0]


def test_a_real_eigenvalue_is_not_doubled():
    scene = w.panel([w.points(np.array([0.5, 0.2 + 1j, 0.2 - 1j]))], xlim=(0, 3), ylim=(-2, 2))
    cloud = w.explorer("x", lambda a: scene, [w.Slider("a", "a", [1, 2])]).payload()["layers"][0]
    assert cloud["mirror"] is True
    assert sorted(zip(cloud["x"], cloud["y"], strict=True)) == [(0.2, 1), (0.5, 0)]


def test_curves_are_thinned_below_what_a_screen_shows(example):
    payload = example.payload()
    edge = layer(payload, payload["frames"][0], "curve")
    assert len(edge["x"]) < 120 < ANGLE.size
    line = np.column_stack([edge["x"], edge["y"]])
    exact = np.column_stack([np.cos(ANGLE), np.sin(ANGLE)])
    assert w._distance(exact, line).max() < 6 / 1000  # a thousandth of the axis
    assert line[0] == pytest.approx(line[-1])  # closed


def test_pieces_of_a_curve_stay_apart():
    circle = np.exp(1j * ANGLE)
    made = w.explorer("x", lambda a: w.panel([w.curve([circle, 3 + circle])]), [w.Slider("a", "a", [1, 2])])
    edge = made.payload()["layers"][0]
    assert edge["x"].count(None) == edge["y"].count(None) == 1


def test_images_hold_eight_bits_a_pixel_from_the_bottom_row_up():
    values = np.arange(12.0).reshape(3, 4)
    scene = w.panel([w.image(values, (0, 4), (0, 3), vmax=10.0)])
    stored = w.explorer("x", lambda a: scene, [w.Slider("a", "a", [1, 2])]).payload()["layers"][0]
    pixels = np.frombuffer(base64.b64decode(stored["data"]), np.uint8).reshape(stored["shape"])
    np.testing.assert_array_equal(pixels, np.round(25.5 * np.minimum(values, 10)))
    assert (stored["vmin"], stored["vmax"]) == (0, 10)


def test_axes_without_limits_hold_every_frame():
    made = w.explorer("x", lambda a: w.panel([w.curve([0, 1], [0, a])]), [w.Slider("a", "a", [1, 5, 10])])
    (axes,) = made.payload()["axes"]
    assert axes["ylim"][0] <= 0
    assert axes["ylim"][1] >= 10
    log = w.panel([w.points([1.0, 100.0], [0.0, 3.0])], xscale="log", yscale="log")
    with np.errstate(all="raise"):
        (axes,) = w.explorer("x", lambda a: log, [w.Slider("a", "a", [1, 2])]).payload()["axes"]
    assert axes["xlim"][0] > 0
    assert axes["ylim"][0] > 0


def test_every_layer_and_two_panels_go_through(tmp_path):
    x = np.linspace(0, 1, 5)

    def scene(a):
        left = w.panel(
            [
                w.bars(x, a * np.ones(4), error=0.1, label="sample"), w.band(x, x - 0.1, x + 0.1, label="band"),
                w.hline(0.5, label="level"), w.text(0.2, 0.3, "here", anchor="middle"),
                w.points(x, x, error=0.05 * x, role="second"), w.curve(x, x, dashed=True, role="theory"),
            ],
            readout={"a": a},
        )
        return w.row(left, disc(0.5))

    made = w.explorer("all", scene, [w.Slider("a", "a", [1, 2])])
    payload = json.loads(made.save(tmp_path).read_text())
    assert [len(f["panels"]) for f in payload["frames"]] == [2, 2]
    assert payload["frames"][0]["readout"] == [["a", 2], ["Radius", 0.5], ["Law", "circular"]]
    made.check(tmp_path)

    def wider(a):
        result = scene(a)
        result["panels"][0]["layers"][4]["error"] = 0.07 * x
        return result

    with pytest.raises(ValidationError, match="points '' changed"):
        w.explorer("all", wider, [w.Slider("a", "a", [1, 2])]).check(tmp_path)
    figure = w.draw(made.at())
    assert len(figure.axes) == 3  # two panels and the colour bar of the density
    mpl.pyplot.close(figure)


# ------------------------------------------------------------------------------- stored and checked


def test_stored_output_is_a_place_for_the_script_and_words(example):
    out = example.html()
    assert 'data-frames="disc.json"' in out
    assert "Points fill a disc." in out
    assert "-1, -0.5, 0, 0.5, 1 (base 0)" in out
    assert "<script" not in out
    assert len(out) < 2000
    assert repr(example) == (
        "Explorer 'disc', 7 frames. Radius R: 0.5 to 1.5, base 1; Shift: -1 to 1, base 0"
    )


def test_title_and_labels_are_escaped():
    made = w.explorer("x", disc, [w.Slider("radius", "<b> & \"", [1.0, 2.0])], title="<i>", alt="a < b")
    assert "<b>" not in made.html()
    assert "<i>" not in made.html()
    assert "a &lt; b" in made.html()


def test_frames_are_written_only_when_asked_for(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    w.explorer("disc", disc, SLIDERS)
    assert list(tmp_path.iterdir()) == []
    monkeypatch.setenv("RMTLIB_FRAMES", str(tmp_path / "frames"))
    w.explorer("disc", disc, SLIDERS)
    assert [p.name for p in (tmp_path / "frames").iterdir()] == ["disc.json"]
    monkeypatch.setenv("RMTLIB_FRAMES", "frames")
    with pytest.raises(ValidationError, match="absolute path"):
        w.explorer("disc", disc, SLIDERS)


def test_a_failed_save_leaves_what_was_there(example, monkeypatch, tmp_path):
    before = example.save(tmp_path).read_bytes()
    monkeypatch.setattr(w, "MAX_BYTES", 100)
    with pytest.raises(ValidationError, match="kB"):
        example.save(tmp_path)
    monkeypatch.undo()
    monkeypatch.setattr(w.Path, "replace", lambda *a: (_ for _ in ()).throw(OSError("disk")))
    with pytest.raises(OSError, match="disk"):
        example.save(tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["disc.json"]
    assert (tmp_path / "disc.json").read_bytes() == before


def test_check_on_a_logarithmic_axis_sees_small_values(tmp_path):
    def scene(a, factor=1.0):
        y = np.array([100.0, 1e-2, factor * 1e-4])
        layers = [w.curve([0, 1, 2], y), w.points([0, 1, 2], y), w.band([0, 1, 2], y, 2 * y)]
        return w.panel(layers, yscale="log", readout={"a": a})

    slider = [w.Slider("a", "a", [1, 2])]
    w.explorer("log", scene, slider).save(tmp_path)
    w.explorer("log", lambda a: scene(a, 1 + 1e-6), slider).check(tmp_path)
    with pytest.raises(ValidationError, match="curve '' changed"):
        w.explorer("log", lambda a: scene(a, 1.2), slider).check(tmp_path)


def test_check_accepts_rounding_and_refuses_change(example, tmp_path, monkeypatch):
    example.save(tmp_path)
    example.check(tmp_path)

    def noisy(radius, shift):  # another machine: the last digits differ, and so does the order
        scene = disc(radius * (1 + 1e-9), shift + 1e-9)
        cloud = scene["layers"][1]
        cloud["x"], cloud["y"] = cloud["x"][::-1], cloud["y"][::-1]
        return scene

    w.explorer("disc", noisy, SLIDERS).check(tmp_path)

    def changed(kind, change):
        def scene(radius, shift):
            result = disc(radius, shift)
            for layer in result["layers"]:
                if layer["type"] == kind:
                    change(layer)
            return result

        return scene

    for kind, change in [
        ("points", lambda layer: layer.update(x=layer["x"] + 0.05)),
        ("points", lambda layer: layer.update(x=layer["x"][:-2], y=layer["y"][:-2])),
        ("points", lambda layer: layer.update(label="others")),
        ("curve", lambda layer: layer.update(pieces=[(1.02 * x, y) for x, y in layer["pieces"]])),
        ("image", lambda layer: layer.update(values=0.9 * layer["values"])),
        ("vline", lambda layer: layer.update(at=0.1)),
    ]:
        with pytest.raises(ValidationError, match=f"stale at .*: {kind} .*changed"):
            w.explorer("disc", changed(kind, change), SLIDERS).check(tmp_path)

    def other_number(radius, shift):
        scene = disc(radius, shift)
        scene["readout"][0][1] *= 1.01
        return scene

    with pytest.raises(ValidationError, match="Radius is 1.01, stored 1"):
        w.explorer("disc", other_number, SLIDERS).check(tmp_path)
    with pytest.raises(ValidationError, match="other sliders"):
        w.explorer("disc", disc, [SLIDERS[0], w.Slider("shift", "Shift", [0.0, 1.0])]).check(tmp_path)
    with pytest.raises(ValidationError, match="no stored frames"):
        w.explorer("other", disc, SLIDERS).check(tmp_path)
    monkeypatch.setenv("RMTLIB_FRAMES_CHECK", str(tmp_path))
    w.explorer("disc", disc, SLIDERS)
    with pytest.raises(ValidationError, match="stale"):
        w.explorer("disc", other_number, SLIDERS)


# -------------------------------------------------------------------------------------------- live


def test_live_sliders_redraw_any_combination(example):
    box = example.widget()
    radius, shift, reset, picture, words = box.children
    first = picture.value
    assert first[:8] == b"\x89PNG\r\n\x1a\n"
    radius.value = 1.5
    second = picture.value
    shift.value = -1.0  # radius stays: all combinations are free
    third = picture.value
    assert len({first, second, third}) == 3
    assert "<b>1.5</b>" in words.value
    reset.click()
    assert picture.value == first
    assert (radius.value, shift.value) == (1.0, 0.0)


def test_a_live_scene_that_fails_says_why():
    def scene(a):
        if a > 1:
            raise ValueError("no such <place>")
        return disc(a)

    a, _, picture, words = w.explorer("x", scene, [w.Slider("a", "a", [0.5, 1.0, 2.0])]).widget().children
    a.value = 2.0
    assert "no such &lt;place&gt;" in words.value
    a.value = 0.5
    assert "0.5" in words.value


def test_in_a_kernel_the_environment_decides_what_is_shown(tmp_path):
    cells = [
        f"import os; os.environ['RMTLIB_FRAMES'] = {str(tmp_path)!r}\n"
        "from rmtlib import widgets as w\n"
        "def scene(a):\n    return w.panel([w.curve([0, 1], [0, a])])\n"
        "show = w.explorer('line', scene, [w.Slider('a', 'a', [1, 2])])\nshow",
        "del os.environ['RMTLIB_FRAMES']\nshow",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3").execute()
    (stored,), (live,) = (cell.outputs for cell in notebook.cells)
    assert stored.data.keys() == {"text/html", "text/plain"}
    assert 'class="rmt-explorer"' in stored.data["text/html"]
    assert stored.data["text/plain"] == "Explorer 'line', 2 frames. a: 1 to 2, base 2"
    assert (tmp_path / "line.json").is_file()
    assert "application/vnd.jupyter.widget-view+json" in live.data


# --------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: w.Slider("a", "a", [1, 2, 3], base=2.5), "base 2.5 is not among its values"),
        (lambda: w.Slider("a", "a", [1]), "at least two values"),
        (lambda: w.Slider("a", "a", [1, 2, 1]), "all different"),
        (lambda: w.Slider("a", "a", [1, np.nan]), "NaN"),
        (lambda: w.Slider("a b", "a", [1, 2]), "identifier"),
        (lambda: w.Slider("a", r"$\tau$", [1, 2]), "plain text"),
        (lambda: w.explorer("a/b", disc, SLIDERS), "lower-case"),
        (lambda: w.explorer("x", disc(1.0), SLIDERS), "must be a function"),
        (lambda: w.explorer("x", disc, []), "non-empty list"),
        (lambda: w.explorer("x", disc, [("radius", [1, 2])]), "list of Slider"),
        (lambda: w.explorer("x", disc, [SLIDERS[0], SLIDERS[0]]), "same name"),
        (lambda: w.explorer("x", disc, SLIDERS, base={"size": 1}), "no slider: size"),
        (lambda: w.explorer("x", disc, SLIDERS, base={"radius": 7}), "base 7 is not among"),
        (
            lambda: w.explorer("x", disc, [w.Slider("radius", "R", range(1, 32)), w.Slider("shift", "S", range(31))]),
            r"61 frames, more than 60.*radius 31, shift 31",
        ),
        (lambda: w.points([1.0, np.nan], label="cloud"), "points 'cloud' holds 1 NaN"),
        (lambda: w.points([1.0 + 1j * np.inf]), "NaN or infinite"),
        (lambda: w.points([1.0, 2.0], [1.0]), "differ in length"),
        (lambda: w.curve([0.0, 1.0], [1j, 0]), "must be real"),
        (lambda: w.curve([1j], role="blue"), "unknown role 'blue'"),
        (lambda: w.band([0, 1], [0, 1], [0]), "differ in length"),
        (lambda: w.bars([0, 1], [1, 2]), "2 heights need 3 edges"),
        (lambda: w.image([1, 2], (0, 1), (0, 1)), "two dimensions"),
        (lambda: w.image([[1, np.nan], [0, 0]], (0, 1), (0, 1)), "NaN"),
        (lambda: w.hline(np.nan), "NaN"),
        (lambda: w.text(0, 0, "$x$"), "plain text"),
        (lambda: w.text(0, 0, "x", anchor="left"), "start, middle or end"),
        (lambda: w.panel([], xlim=(1, 0)), "increasing"),
        (lambda: w.panel([], xscale="square"), "linear or log"),
        (lambda: w.panel([], readout={"a": np.nan}), "readout 'a' holds 1 NaN"),
        (lambda: w.panel([{"x": 1}]), "no type"),
        (lambda: w.row(), "at least one panel"),
        (lambda: w.draw({"layers": []}), "scene function returned"),
    ],
)
def test_bad_input_is_named(call, says):
    with pytest.raises(ValidationError, match=says):
        call()


def test_a_nan_in_one_frame_names_the_explorer_and_the_place():
    def scene(a):
        return w.panel([w.points([a, np.log(2 - a)], [0, 0], label="cloud")])

    made = w.explorer("bad", scene, [w.Slider("a", "a", [0.0, 1.0, 2.0])])
    with np.errstate(divide="ignore"), pytest.raises(ValidationError, match=r"'bad' at a = 2.0: x of points 'cloud'"):
        made.payload()


def test_a_scene_of_something_else_and_unknown_parameters(example):
    with pytest.raises(ValidationError, match="returned NoneType"):
        w.explorer("x", lambda radius: None, SLIDERS[:1]).at()
    with pytest.raises(ValidationError, match="no parameter size"):
        example.at(size=1)
    with pytest.raises(ValidationError, match="number of panels changes"):
        w.explorer(
            "x", lambda a: disc(1.0) if a == 1 else w.row(disc(1.0), disc(2.0)), [w.Slider("a", "a", [1, 2])]
        ).payload()


def test_too_large_says_which_layers(tmp_path):
    rng = np.random.default_rng(0)

    def scene(a):
        return w.panel([w.points(rng.normal(size=(2, 6000)).T @ [1, 1j], label="cloud")])

    with pytest.raises(ValidationError, match=r"kB, more than 400: points 'cloud' \d+ kB.*fewer points"):
        w.explorer("x", scene, [w.Slider("a", "a", range(10))]).save(tmp_path)
    assert list(tmp_path.iterdir()) == []
