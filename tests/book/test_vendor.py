"""The vendored files are those that the manifest lists."""

import json

from vendor import PACKAGES, VENDOR, vendored_files

MANIFEST = json.loads((VENDOR / "manifest.json").read_text())


def test_files_are_listed_and_unchanged() -> None:
    assert vendored_files() == MANIFEST["files"]


def test_versions() -> None:
    assert MANIFEST["packages"] == PACKAGES


def test_every_package_has_a_licence() -> None:
    text = (VENDOR / "LICENSES.txt").read_text()
    for name in ("MathJax", "RequireJS", "@jupyter-widgets/html-manager", "Font Awesome"):
        assert name in text
