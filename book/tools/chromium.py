"""Find a Chromium for the browser tests; run as a script, print it or fail."""

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

HELP = (
    "no Chromium found: set CHROMIUM to one, install your system's (Debian: apt-get install "
    "chromium), or run `.venv/bin/python -m playwright install chromium`"
)


def find() -> str | None:
    """The path in $CHROMIUM, else a Chromium on PATH, else playwright's own."""
    if named := os.environ.get("CHROMIUM"):
        return named
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    with sync_playwright() as playwright:
        path = playwright.chromium.executable_path
    return path if Path(path).exists() else None


if __name__ == "__main__":
    sys.exit(None if find() else HELP)
