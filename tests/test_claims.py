"""Claims tables: a false claim raises, and the page shows what was measured."""

import math

import pytest

from pwgf_core.claims import ClaimError, Claims, number


@pytest.mark.parametrize("value", [1.2, 0.8, math.nan, math.inf])
def test_a_false_claim_raises_and_says_which(value: float) -> None:
    with pytest.raises(ClaimError, match="the answer is 1"):
        Claims().check("the answer is 1", value, 1.0, tolerance=0.1)


def test_the_table_shows_every_claim_and_escapes_its_text() -> None:
    claims = Claims()
    claims.check("a < b", 1.05, 1.0, tolerance=0.1)
    claims.check("zero", 0.0, 0.0, tolerance=0.0)
    html = claims._repr_html_()
    assert html.count("<tr>") == 3
    assert "a &lt; b" in html
    assert number(1.05, 0.01) in html
    assert repr(claims) == "2 of 2 claims hold"
    assert repr(claims[-1:]) == "1 of 1 claims hold"
