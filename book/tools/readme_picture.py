"""Write the README's picture: the one that the front page of the book stores."""

import base64

import nbformat

from execute import BOOK

PICTURE = BOOK / "_static" / "front.png"


def front_picture() -> bytes:
    """The PNG of the first figure in book/intro.ipynb."""
    notebook = nbformat.read(BOOK / "intro.ipynb", as_version=4)
    outputs = (o for cell in notebook.cells for o in cell.get("outputs", []))
    return base64.b64decode(
        next(o.data["image/png"] for o in outputs if "image/png" in o.get("data", {}))
    )


if __name__ == "__main__":
    PICTURE.write_bytes(front_picture())
