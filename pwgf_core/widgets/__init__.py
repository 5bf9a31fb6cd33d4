"""Widgets of the book: they work on a page without a kernel, and live in JupyterLab."""

from .frames import chooser, player
from .inputs import Input
from .live import Panel, panel

__all__ = ["Input", "Panel", "chooser", "panel", "player"]
