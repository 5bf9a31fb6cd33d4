"""Frames made in advance, moved by a slider and chosen by menus: no kernel is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import ipywidgets as w

Frames: TypeAlias = Sequence[bytes]
Choices: TypeAlias = "Mapping[str, Frames | Choices]"


def player(frames: Frames, description: str = "frame", interval: int = 300) -> w.VBox:
    """A slider and a Play button over PNG frames made in advance.

    The three are linked in the browser, so that no kernel is needed. `interval` is the time
    between frames in milliseconds.

    Raises `ValueError` without frames.

    >>> box = player([b"first", b"second"], "time")
    >>> controls, stack = box.children
    >>> controls.children[1].max, len(stack.children)
    (1, 2)
    """
    film = _film(frames)
    return w.VBox([_clock([film], description, interval), film])


def chooser(
    choices: Choices, menus: Sequence[str], description: str = "frame", interval: int = 300
) -> w.VBox:
    """Menus over several films, and one slider with a Play button that moves the film chosen.

    `choices` maps the entries of the first menu to films, that is sequences of PNG frames, or to
    the entries of a next menu, and so on; `menus` labels the menus. All films have the same
    number of frames, and the slider stays where it is when the film changes.

    Raises `ValueError` for a menu without entries or without a label, and for films without frames
    or of different lengths.

    >>> films = {"heat": {"D = 1": [b"a", b"b"], "D = 2": [b"c", b"d"]}, "gas": [b"e", b"f"]}
    >>> menus, clock, pictures = chooser(films, ["equation", "parameter"], "time").children
    >>> menus.children[0].options, clock.children[1].max, len(pictures.children)
    (('heat', 'gas'), 1, 2)
    """
    films: list[w.Stack] = []
    controls, pictures = _menu(choices, menus, films)
    lengths = sorted({len(film.children) for film in films})
    if len(lengths) > 1:
        raise ValueError(f"all films must have the same number of frames, got {lengths}")
    return w.VBox([controls, _clock(films, description, interval), pictures])


def _film(frames: Frames) -> w.Stack:
    """The frames, of which one is seen."""
    if not frames:
        raise ValueError("frames must hold at least one picture, got none")
    images = [w.Image(value=f, format="png", layout={"max_width": "100%"}) for f in frames]
    return w.Stack(images, selected_index=0)


def _clock(films: Sequence[w.Stack], description: str, interval: int) -> w.HBox:
    """A Play button and a slider, which move all films alike."""
    last = len(films[0].children) - 1
    slider = w.IntSlider(value=0, min=0, max=last, description=description)
    play = w.Play(value=0, min=0, max=last, interval=interval)
    w.jslink((play, "value"), (slider, "value"))
    for film in films:
        w.jslink((slider, "value"), (film, "selected_index"))
    return w.HBox([play, slider])


def _menu(choices: Choices, menus: Sequence[str], films: list[w.Stack]) -> tuple[w.Box, w.Stack]:
    """The menu of `choices` with those below it, and the pictures; adds the films to `films`."""
    if not choices:
        raise ValueError("choices must hold at least one entry for each menu, got none")
    if not menus:
        raise ValueError(f"menus must label each menu, got no label for {list(choices)}")
    below, pictures = [], []
    for part in choices.values():
        if isinstance(part, Mapping):
            control, picture = _menu(part, menus[1:], films)
        else:
            control, picture = w.HBox(), _film(part)
            films.append(picture)
        below.append(control)
        pictures.append(picture)
    menu = w.Dropdown(options=list(choices), index=0, description=menus[0])
    stacks = w.Stack(below, selected_index=0), w.Stack(pictures, selected_index=0)
    for stack in stacks:
        w.jslink((menu, "index"), (stack, "selected_index"))
    return w.VBox([menu, stacks[0]]), stacks[1]
