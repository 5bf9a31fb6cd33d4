"""Fetch the JavaScript and fonts that make the book work without a network.

Usage: `python book/tools/vendor.py` (needs npm). Writes book/_static/vendor/ and its manifest of
versions and SHA-256 sums. LICENSES.txt there is written by hand.
"""

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

VENDOR = Path(__file__).parents[1] / "_static" / "vendor"

PACKAGES = {
    "@jupyter-widgets/html-manager": "1.0.15",
    "mathjax": "3.2.2",
    "requirejs": "2.3.8",
}

ICON_FONTS = [
    "1551f4f60c37af51121f.woff2",
    "7a3337626410ca2f4071.woff2",
    "d878b0a6a1144760244f.woff2",
]

# (package, file or folder in it, place under vendor/). The icon fonts are asked for at two
# addresses, because the widget bundle defines its modules under two names.
FILES = [
    ("requirejs", "require.js", "require.js"),
    ("mathjax", "LICENSE", "mathjax/LICENSE"),
    ("mathjax", "es5/tex-mml-chtml.js", "mathjax/tex-mml-chtml.js"),
    ("mathjax", "es5/input/tex/extensions", "mathjax/input/tex/extensions"),
    ("mathjax", "es5/output/chtml/fonts/woff-v2", "mathjax/output/chtml/fonts/woff-v2"),
    ("@jupyter-widgets/html-manager", "dist/embed-amd.js", "embed-amd.js"),
    *(
        ("@jupyter-widgets/html-manager", f"dist/{font}", f"{place}/{font}")
        for font in ICON_FONTS
        for place in ("@jupyter-widgets", "@jupyter-widgets/html-manager/dist")
    ),
]


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def vendored_files() -> dict[str, str]:
    """Path relative to vendor/ and SHA-256 of every file except the manifest."""
    files = sorted(path for path in VENDOR.rglob("*") if path.is_file())
    return {
        path.relative_to(VENDOR).as_posix(): sha256(path)
        for path in files
        if path.name != "manifest.json"
    }


def fetch(name: str, version: str, folder: Path) -> Path:
    """Unpack one npm package under `folder` and return its root."""
    target = folder / name.replace("/", "-")
    target.mkdir()
    subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], cwd=target, check=True)
    (archive,) = target.glob("*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(target, filter="data")
    return target / "package"


def main() -> None:
    """Replace the vendored files and write the manifest."""
    if shutil.which("npm") is None:
        raise SystemExit("npm not found: install Node.js (Debian: apt-get install npm)")
    with tempfile.TemporaryDirectory() as folder:
        roots = {name: fetch(name, PACKAGES[name], Path(folder)) for name in PACKAGES}
        for old in VENDOR.iterdir():
            if old.is_dir():
                shutil.rmtree(old)
            elif old.name != "LICENSES.txt":
                old.unlink()
        for package, source, place in FILES:
            path, target = roots[package] / source, VENDOR / place
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir():
                shutil.copytree(path, target)
            else:
                shutil.copyfile(path, target)
    for path in VENDOR.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    manifest = {"packages": PACKAGES, "files": vendored_files()}
    (VENDOR / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
    print(f"{len(manifest['files'])} files under {VENDOR}")


if __name__ == "__main__":
    main()
