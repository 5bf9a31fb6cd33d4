"""Compare a stored notebook with a fresh execution: text exactly, pictures by their pixels."""

import base64
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from nbformat import NotebookNode
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from scipy.ndimage import maximum_filter, minimum_filter

from execute import ordered_models, read_source, stabilise, widget_models

# Fonts and antialiasing differ a little between machines, and rounding moves a line to the next
# pixel; a wrong curve is elsewhere.
PIXEL_DIFFERENCE, PIXEL_SHARE = 48, 0.0002
BLOCK, BLOCK_DIFFERENCE = 16, 12

# A computed number of a page and how far a repeated run may miss it: `pwgf_core.claims.number`.
NUMBER = re.compile(r'(<data class="number" data-repeat="([^"]+)">)([^<]*)')

# Regular expressions and what replaces them, as in nbval.cfg.
Patterns = Mapping[str, str]


def pixels(data: bytes) -> NDArray[np.float64]:
    """RGBA values, shape (height, width, 4)."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGBA"), dtype=np.float64)


def block_means(image: NDArray[np.float64]) -> NDArray[np.float64]:
    """Means over 16 x 16 blocks; the last row and column of blocks may be smaller."""
    rows, columns = (range(0, size, BLOCK) for size in image.shape[:2])
    ones = np.ones((*image.shape[:2], 1))
    total, count = (
        np.add.reduceat(np.add.reduceat(a, rows, axis=0), columns, axis=1) for a in (image, ones)
    )
    return total / count


def outside(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far the values of `a` are from the range of `b` in the 3 x 3 pixels around."""
    around = (3, 3, 1)
    return np.maximum(a - maximum_filter(b, around), minimum_filter(b, around) - a)


def image_difference(stored: bytes, fresh: bytes) -> str | None:
    """What makes two pictures different, or None where they show the same.

    They differ when more than 0.02 % of the pixels of one differ by more than 48 of 255 in a
    channel from what the other shows there or one pixel aside, or when the mean over a 16 x 16
    block differs by more than 12.
    """
    if stored == fresh:
        return None
    a, b = pixels(stored), pixels(fresh)
    if a.shape != b.shape:
        return f"size {a.shape[1]}x{a.shape[0]} stored, {b.shape[1]}x{b.shape[0]} now"
    apart = np.maximum(outside(a, b), outside(b, a))
    share = float((apart.max(axis=2) > PIXEL_DIFFERENCE).mean())
    block = float(np.abs(block_means(a - b)).max())
    if share > PIXEL_SHARE or block > BLOCK_DIFFERENCE:
        return f"{share:.2%} of the pixels changed, largest change of a block's mean {block:.0f}"
    return None


def bytes_difference(stored: str, fresh: str) -> str | None:
    """Like `image_difference`, for base64 text that need not be a picture."""
    a, b = base64.b64decode(stored), base64.b64decode(fresh)
    try:
        return image_difference(a, b)
    except UnidentifiedImageError:
        return "other bytes"


def shorten(value: Any) -> str:
    """A value in at most 300 characters."""
    text = value.strip() if isinstance(value, str) else json.dumps(value, sort_keys=True)
    return text if len(text) <= 300 else text[:300] + "..."


def number_difference(stored: str, fresh: str) -> str | None:
    """The first computed number that a repeated run misses by more than it may."""
    for x, y in zip(NUMBER.finditer(stored), NUMBER.finditer(fresh), strict=False):
        if not abs(float(x[3]) - float(y[3])) <= float(x[2]) * (1 + 1e-9):  # decimal fractions
            return f"number {x[3]} stored, {y[3]} now, may differ by {x[2]}"
    return None


def value_difference(key: str, stored: Any, fresh: Any, patterns: Patterns) -> str | None:
    """What differs between two outputs of one kind."""
    if key in ("image/png", "image/jpeg"):
        return bytes_difference(stored, fresh)
    if isinstance(stored, str) and isinstance(fresh, str):
        if difference := number_difference(stored, fresh):
            return difference
        stored, fresh = (NUMBER.sub(r"\1", text) for text in (stored, fresh))
        for pattern, replacement in patterns.items():
            stored, fresh = (re.sub(pattern, replacement, text) for text in (stored, fresh))
    if stored == fresh:
        return None
    return f"other text\n    stored: {shorten(stored)}\n    now:    {shorten(fresh)}"


def flat(output: NotebookNode) -> dict[str, Any]:
    """The fields of an output that are compared, the MIME bundle flattened into them."""
    ignored = {"data", "execution_count", "traceback"}
    return {k: v for k, v in output.items() if k not in ignored} | output.get("data", {})


def source_differences(notebook: NotebookNode, source: Path) -> Iterator[str]:
    """Cells of `notebook` that are not those of its MyST source."""
    expected = read_source(source).cells
    if len(notebook.cells) != len(expected):
        yield f"{len(notebook.cells)} cells, but {len(expected)} in {source.name}"
        return
    for i, (cell, other) in enumerate(zip(notebook.cells, expected, strict=True)):
        if any(cell.get(k) != other.get(k) for k in ("cell_type", "source", "metadata", "id")):
            yield f"cell {i} is not the one in {source.name}"


def output_differences(
    stored: NotebookNode, fresh: NotebookNode, patterns: Patterns
) -> Iterator[str]:
    """Cells that were not executed in order, and outputs that are not those of `fresh`."""
    count = 0
    for i, (cell, other) in enumerate(zip(stored.cells, fresh.cells, strict=True)):
        if cell.cell_type != "code":
            continue
        count += 1
        if cell.execution_count is None:
            yield f"cell {i} was never executed"
        elif cell.execution_count != count:
            yield f"cell {i} was not executed in order: count {cell.execution_count}, not {count}"
        if len(cell.outputs) != len(other.outputs):
            yield f"cell {i}: {len(cell.outputs)} outputs stored, {len(other.outputs)} now"
            continue
        for x, y in zip(map(flat, cell.outputs), map(flat, other.outputs), strict=True):
            if x.keys() != y.keys():
                yield f"cell {i}: output has {sorted(x)} stored, {sorted(y)} now"
                continue
            for key in x:
                if difference := value_difference(key, x[key], y[key], patterns):
                    yield f"cell {i}: {key}: {difference}"


def widget_differences(stored: NotebookNode, fresh: NotebookNode) -> Iterator[str]:
    """Widget models that are missing, new or changed, frames of pictures included."""
    a, b = widget_models(stored), widget_models(fresh)
    for model_id in a.keys() - b.keys():
        yield f"widget {a[model_id]['model_name']} is stored and no longer made"
    for model_id in b.keys() - a.keys():
        yield f"widget {b[model_id]['model_name']} is made and not stored"
    for position, model_id in enumerate(ordered_models(stored)):
        if model_id not in b:
            continue
        x, y = dict(a[model_id]), dict(b[model_id])
        name = f"widget {position} ({x['model_name']})"
        frames, others = x.pop("buffers", []), y.pop("buffers", [])
        if x != y:
            yield f"{name}: state {shorten(x['state'])} stored, {shorten(y['state'])} now"
        if [frame["path"] for frame in frames] != [frame["path"] for frame in others]:
            yield f"{name}: other buffers"
            continue
        for frame, other in zip(frames, others, strict=True):
            if difference := bytes_difference(frame["data"], other["data"]):
                yield f"{name}: {'.'.join(map(str, frame['path']))}: {difference}"


def differences(stored: NotebookNode, fresh: NotebookNode, patterns: Patterns) -> list[str]:
    """Everything in which `stored` is not what the execution `fresh` of its cells gives."""
    stored, fresh = stabilise(stored), stabilise(fresh)
    return [*output_differences(stored, fresh, patterns), *widget_differences(stored, fresh)]
