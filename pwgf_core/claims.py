"""Claims of a chapter: each a number, what it should be, and how far off it may be."""

from __future__ import annotations

import html
import math
from dataclasses import dataclass, field
from typing import Any

from .errors import check_count, check_not_negative, refuse


def number(value: float, repeat: float, digits: int = 3) -> str:
    """HTML of a computed number that a repeated run may miss by `repeat`.

    Raises `ValueError` for a value that is no number, a negative `repeat` or `digits` below 1.

    The notebook checks compare such numbers within that distance and all other text exactly.

    >>> number(0.12345, 0.01)
    '<data class="number" data-repeat="0.01">0.123</data>'
    """
    value = _single("value", value)
    check_not_negative("repeat", repeat)
    check_count("digits", digits)
    return f'<data class="number" data-repeat="{repeat:.3g}">{value:.{digits}g}</data>'


def _single(name: str, given: Any) -> float:
    """A number, also the only one of a tensor or an array."""
    if isinstance(given, str):
        refuse(name, given, "a number")
    try:
        return float(given)
    except (TypeError, ValueError, RuntimeError):
        refuse(name, given, "a number")


@dataclass(frozen=True, repr=False)
class Claim:
    """A statement, the measured value, and the bound it must keep."""

    statement: str
    value: float
    reference: float
    tolerance: float
    repeat: float

    @property
    def holds(self) -> bool:
        """Whether |value − reference| ≤ tolerance."""
        return math.isfinite(self.value) and abs(self.value - self.reference) <= self.tolerance

    def __repr__(self) -> str:
        return f"Claim({self.statement!r}, holds={self.holds})"

    def _repr_html_(self) -> str:
        return (
            f"<p>{'✓' if self.holds else '✗'} {html.escape(self.statement)}: "
            f"{number(self.value, self.repeat)} (reference {self.reference:.4g}, "
            f"tolerance {self.tolerance:.2g})</p>"
        )


class ClaimError(AssertionError):
    """A claim of the page is false."""


@dataclass(repr=False)
class Claims:
    """The closing table of a chapter. `check` raises `ClaimError` at once if a claim is false.

    >>> claims = Claims()
    >>> claims.check("2 + 2 is 4", 2 + 2, 4, tolerance=0)
    Claim('2 + 2 is 4', holds=True)
    >>> claims
    1 of 1 claims hold
    >>> claims.check("π is 3", 3.14159, 3, tolerance=0.1)  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    pwgf_core.claims.ClaimError: π is 3: value 3.14159, reference 3, tolerance 0.1 (claims are ...
    """

    claims: list[Claim] = field(default_factory=list)

    def check(
        self,
        statement: str,
        value: float,
        reference: float,
        tolerance: float,
        repeat: float | None = None,
    ) -> Claim:
        """Add the claim |value − reference| ≤ tolerance, and return it to be shown.

        `repeat` is how far the value may move when the page is run on another machine, by
        default a tenth of the tolerance.
        """
        value, reference = _single("value", value), _single("reference", reference)
        tolerance = _single("tolerance", tolerance)
        check_not_negative("tolerance", tolerance)
        repeat = tolerance / 10 if repeat is None else _single("repeat", repeat)
        check_not_negative("repeat", repeat)
        claim = Claim(statement, value, reference, tolerance, repeat)
        self.claims.append(claim)
        if not claim.holds:
            raise ClaimError(
                f"{statement}: value {claim.value:.6g}, reference {claim.reference:.6g}, "
                f"tolerance {claim.tolerance:.3g} (claims are about the settings of the "
                "page: after a change of yours this can be as it should be)"
            )
        return claim

    def __getitem__(self, part: slice) -> Claims:
        """Some of the claims, to be shown: `claims[-2:]` the last two."""
        return Claims(self.claims[part])

    def __repr__(self) -> str:
        return f"{sum(c.holds for c in self.claims)} of {len(self.claims)} claims hold"

    def _repr_html_(self) -> str:
        head = "".join(
            f"<th>{name}</th>" for name in ("claim", "value", "reference", "tolerance", "verdict")
        )
        rows = "".join(
            f"<tr><td>{html.escape(c.statement)}</td><td>{number(c.value, c.repeat)}</td>"
            f"<td>{c.reference:.4g}</td><td>{c.tolerance:.2g}</td>"
            f"<td>{'holds' if c.holds else 'fails'}</td></tr>"
            for c in self.claims
        )
        return f'<table class="claims"><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>'
