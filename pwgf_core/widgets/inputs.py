"""Inputs of a panel: anything can be typed, and is read with an error that names the input."""

from __future__ import annotations

import math

import ipywidgets as w

LIMITS = {"samples": 100_000, "layers": 1000, "seed": 2**31 - 1}  # what a notebook can bear

Value = float | int | str | None
Default = Value | list[str]


class Input:
    """A labelled control for the value called `name`.

    The type of `default` is that of the value: a number, an integer, a text, one text of a list
    whose first entry is the default, or, with None, an integer that may be left out.

    >>> h = Input("h", 0.1, "time step")
    >>> h.read()
    0.1
    >>> h.control.value = "small"
    >>> h.read()
    Traceback (most recent call last):
        ...
    ValueError: h must be a finite number, got 'small'
    """

    def __init__(self, name: str, default: Default, text: str, label: str | None = None) -> None:
        self.name, self.default = name, default
        look = {
            "description": label or name,
            "tooltip": text,
            "disabled": True,
            "style": {"description_width": "6em"},
            "layout": {"width": "15em"},
        }
        if isinstance(default, list):
            self.control = w.Dropdown(options=default, **look)
        else:
            shown = "" if default is None else str(default)
            hint = "default" if default is None else ""
            self.control = w.Text(value=shown, placeholder=hint, **look)

    def read(self) -> Value:
        """The value typed. Raises `ValueError` for what is no such value or above its limit."""
        text = str(self.control.value)
        if isinstance(self.default, list | str):
            return text
        if isinstance(self.default, float):
            return self._number(text)
        if self.default is None and not text.strip():
            return None
        return self._integer(text)

    def _number(self, text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"{self.name} must be a finite number, got {text!r}")
        return value

    def _integer(self, text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise ValueError(f"{self.name} must be an integer, got {text!r}") from None
        if value > (most := LIMITS.get(self.name, value)):
            raise ValueError(f"{self.name} must be at most {most} in a panel, got {value}")
        return value
