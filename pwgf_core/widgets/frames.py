"""Frames made in advance, moved by a slider: no kernel is needed."""

from __future__ import annotations

from collections.abc import Sequence

import ipywidgets as w


def player(frames: Sequence[bytes], description: str = "frame", interval: int = 300) -> w.VBox:
    """A slider and a Play button over PNG frames made in advance.

    The three are linked in the browser, so that no kernel is needed. `interval` is the time
    between frames in milliseconds.

    Raises `ValueError` without frames.

    >>> box = player([b"first", b"second"], "time")
    >>> controls, stack = box.children
    >>> controls.children[1].max, len(stack.children)
    (1, 2)
    """
    if not frames:
        raise ValueError("frames must hold at least one picture, got none")
    last = len(frames) - 1
    images = [w.Image(value=f, format="png", layout={"max_width": "100%"}) for f in frames]
    stack = w.Stack(images, selected_index=0)
    slider = w.IntSlider(value=0, min=0, max=last, description=description)
    play = w.Play(value=0, min=0, max=last, interval=interval)
    w.jslink((play, "value"), (slider, "value"))
    w.jslink((slider, "value"), (stack, "selected_index"))
    return w.VBox([w.HBox([play, slider]), stack])
