"""What counts as the same picture and the same notebook."""

import io

import matplotlib.pyplot as plt
import numpy as np
import pytest
from nbformat import NotebookNode, v4
from numpy.typing import NDArray
from PIL import Image

from compare import differences, image_difference, source_differences, value_difference
from execute import stabilise, widget_models

RNG = np.random.default_rng(0)


def png(image: NDArray[np.float64]) -> bytes:
    """An RGB picture with values in 0..255, as a PNG file."""
    file = io.BytesIO()
    Image.fromarray(image.clip(0, 255).round().astype(np.uint8)).save(file, format="png")
    return file.getvalue()


def curve(rate: float) -> NDArray[np.float64]:
    """The pixels of a plot of exp(-rate x)."""
    fig, ax = plt.subplots(figsize=(4, 3))
    x = np.linspace(0, 3, 200)
    ax.plot(x, np.exp(-rate * x))
    ax.set(ylim=(0, 1))
    file = io.BytesIO()
    fig.savefig(file, format="png")
    plt.close(fig)
    return np.asarray(Image.open(file).convert("RGB"), dtype=float)


def test_same_picture() -> None:
    assert image_difference(png(curve(1)), png(curve(1))) is None


def test_antialiasing_passes() -> None:
    """Small changes where there is ink: what another version of a font or renderer gives."""
    image = curve(1)
    ink = image.min(axis=2, keepdims=True) < 255
    noise = RNG.uniform(-40, 40, size=image.shape)
    assert image_difference(png(image), png(image + ink * noise)) is None


def test_wrong_curve_fails() -> None:
    """The mean difference of these two pictures is small: about 2 of 255."""
    assert image_difference(png(curve(1)), png(curve(2))) is not None


def test_slightly_wrong_curve_fails() -> None:
    """By at most two pixels."""
    assert image_difference(png(curve(1)), png(curve(1.04))) is not None


def test_a_line_may_move_to_the_next_pixel() -> None:
    """What rounding on another processor does to a line, up and down alike."""
    image = curve(1)
    for axis in (0, 1):
        moved = np.roll(image, 1, axis)
        assert image_difference(png(image), png(moved)) is None
        assert image_difference(png(moved), png(image)) is None


@pytest.mark.parametrize(("shade", "same"), [(250.0, True), (235.0, False)])
def test_faint_patch(shade: float, same: bool) -> None:
    """A 16 x 16 block may change by 12 in the mean, however little each pixel changes."""
    white = np.full((40, 70, 3), 255.0)
    patched = white.copy()
    patched[16:32, 48:64] = shade
    assert (image_difference(png(white), png(patched)) is None) == same


def test_few_pixels_fail() -> None:
    """More than 0.02 % of the pixels: 3 of 10 000."""
    white = np.full((100, 100, 3), 255.0)
    dotted = white.copy()
    dotted[[3, 40, 90], [5, 50, 70]] = 0
    assert image_difference(png(white), png(dotted)) is not None
    dotted[40, 50] = 255
    assert image_difference(png(white), png(dotted)) is None


def test_other_size_fails() -> None:
    image = curve(1)
    assert "size" in str(image_difference(png(image), png(image[:-1])))


def notebook(*texts: str, count: int | None = 1) -> NotebookNode:
    """One executed code cell that wrote `texts` to stdout."""
    outputs = [v4.new_output("stream", name="stdout", text=text) for text in texts]
    cell = v4.new_code_cell("f()", id="a-000", execution_count=count, outputs=outputs)
    return v4.new_notebook(cells=[cell])


def with_widget(stored: NotebookNode, model_id: str, value: int) -> NotebookNode:
    """Add one widget model to a notebook."""
    state = {
        "model_name": "IntSliderModel",
        "model_module": "@jupyter-widgets/controls",
        "state": {"value": value},
    }
    stored.metadata["widgets"] = {
        "application/vnd.jupyter.widget-state+json": {"state": {model_id: state}}
    }
    return stored


def test_where_a_stream_is_cut_does_not_matter() -> None:
    assert differences(notebook("a", "b"), notebook("ab"), {}) == []


def test_changed_text_fails() -> None:
    assert differences(notebook("0.1"), notebook("0.2"), {})


def test_patterns_are_not_compared() -> None:
    assert differences(notebook("<f at 0x12>"), notebook("<f at 0x34>"), {r"0x\d+": "0x"}) == []


@pytest.mark.parametrize("count", [None, 2])
def test_cell_not_executed_in_order_fails(count: int | None) -> None:
    assert differences(notebook(count=count), notebook(), {})


def test_missing_extra_and_changed_widgets_fail() -> None:
    plain = notebook()
    slider = with_widget(notebook(), "0" * 32, 1)
    assert "no longer made" in differences(slider, plain, {})[0]
    assert "not stored" in differences(plain, slider, {})[0]
    assert "state" in differences(slider, with_widget(notebook(), "1" * 32, 2), {})[0]
    assert differences(slider, with_widget(notebook(), "1" * 32, 1), {}) == []


def test_model_ids_do_not_depend_on_the_run() -> None:
    first, second = (with_widget(notebook(), digit * 32, 1) for digit in "ab")
    assert widget_models(stabilise(first)) == widget_models(stabilise(second))


def test_missing_cell_fails(tmp_path) -> None:
    source = tmp_path / "a.md"
    source.write_text("# A title\n")
    assert "1 in a.md" in "".join(source_differences(v4.new_notebook(), source))


def claim(value: str, repeat: str = "0.01", word: str = "holds") -> str:
    return f'<td><data class="number" data-repeat="{repeat}">{value}</data></td><td>{word}</td>'


@pytest.mark.parametrize("fresh", ["0.105", "0.1", "0.0901"])
def test_a_computed_number_may_move_within_its_repeat(fresh: str) -> None:
    assert value_difference("text/html", claim("0.1"), claim(fresh), {}) is None


@pytest.mark.parametrize(
    "fresh", [claim("0.12"), claim("nan"), claim("0.1", "0.02"), claim("0.1", word="fails")]
)
def test_a_computed_number_may_not_move_further(fresh: str) -> None:
    assert value_difference("text/html", claim("0.1"), fresh, {})
