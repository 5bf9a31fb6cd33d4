"""The pages' Content-Security-Policy: what it admits, that every page has it, and that it works."""

import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from playwright.sync_api import Browser

from content_policy import RULES, policy, protect, sums

PAGE = """<!DOCTYPE html><html><head><title>t</title></head><body>
<script>document.title = "own";</script><script type="application/json">{"a": 1}</script>
<button onclick="document.title = &quot;pressed&quot;">b</button></body></html>"""


def read(page: Path) -> str:
    """The policy that a page states."""
    tag = BeautifulSoup(page.read_text(encoding="utf-8"), "html.parser").find(
        "meta", attrs={"http-equiv": "Content-Security-Policy"}
    )
    assert tag is not None, page
    return str(tag["content"])


def test_the_policy_lists_what_a_page_runs() -> None:
    text = policy(PAGE)
    assert sums({'document.title = "own";'})[0] in text
    assert sums({'document.title = "pressed"'})[0] in text
    assert text.count("sha256-") == 2  # data are not run
    assert "'unsafe-hashes'" not in policy(PAGE.replace("onclick", "data-x"))
    for name, value in RULES.items():
        assert f"{name} {value}" in text


def test_a_page_is_protected_once(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(PAGE)
    protect(path)
    first = path.read_text()
    protect(path)
    assert path.read_text() == first
    assert read(path) == policy(PAGE)


def test_every_page_has_the_policy_of_its_scripts(page: str, site: Path) -> None:
    """No script but listed ones, no code from text, nothing of another host, no plug-ins."""
    if page == "index.html":  # Jupyter Book's redirection, which runs nothing
        assert "<script" not in (site / page).read_text(encoding="utf-8")
        return
    rules = dict(rule.split(" ", 1) for rule in read(site / page).split("; "))
    scripts = rules["script-src"].split()
    assert rules["default-src"] == "'self'"
    assert not {"'unsafe-inline'", "'unsafe-eval'"} & set(scripts)
    assert all(s in ("'self'", "'unsafe-hashes'") or s.startswith("'sha256-") for s in scripts)
    assert re.findall(r"https?:", " ".join(rules.values())) == []


@pytest.mark.browser
def test_the_browser_keeps_to_it(browser: Browser, tmp_path: Path) -> None:
    """Own scripts and handlers run; a script that came later, and code from text, do not."""
    path = tmp_path / "page.html"
    path.write_text(PAGE)
    protect(path)
    with browser.new_context() as context:
        tab = context.new_page()
        tab.goto(path.as_uri())
        assert tab.title() == "own"
        tab.locator("button").click()
        assert tab.title() == "pressed"
        tab.evaluate("""() => {
            const script = document.createElement("script");
            script.textContent = 'document.title = "foreign"';
            document.body.append(script);
        }""")
        assert tab.title() == "pressed"
        assert (
            tab.evaluate(
                "() => new Promise(done => { const i = new Image();"
                " i.onerror = () => done('blocked'); i.onload = () => done('loaded');"
                " i.src = 'http://127.0.0.1:9/x.png'; })"
            )
            == "blocked"
        )
