"""Files that are whole or absent: atomic writing, and tensors with a record under a checksum."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from . import __version__

SCHEMA = "2"
SEAL = re.compile(rb'"sha256":"([0-9a-f]{64})"')
NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP)  # file systems that write folders at once


def write_atomically(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that at any moment it is the old one or the new one, on the disk too.

    Makes the folder. Raises `OSError` if it cannot be written; the old file then stays.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise
    if os.name == "posix":
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        except OSError as error:
            if error.errno not in NO_FOLDER_SYNC:
                raise
        finally:
            os.close(folder)


def write_checkpoint(
    path: str | os.PathLike[str], tensors: dict[str, Tensor], record: dict[str, Any]
) -> None:
    """Write one safetensors file with `record` as JSON in its header, atomically; no pickle.

    The header also holds the schema, the versions, and the SHA-256 of the whole file with zeros in
    the place of that checksum. Raises `OSError` as `write_atomically` does.
    """
    meta = {
        "schema": SCHEMA,
        "written_by": f"pwgf_core {__version__}, torch {torch.__version__}",
        "sha256": "0" * 64,
        "run": json.dumps(record),
    }
    content = bytearray(save({k: v.contiguous() for k, v in tensors.items()}, meta))
    place = _seal(content)
    assert place is not None
    content[place] = hashlib.sha256(content).hexdigest().encode()
    write_atomically(path, bytes(content))


def read_checkpoint(
    path: str | os.PathLike[str], device: str = "cpu"
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The tensors and the record of a file of `write_checkpoint`.

    Nothing is parsed before the checksum is found right. Raises `ValueError` for a folder, a file
    of another kind, of another schema, cut off or changed in any byte, `OSError` if it cannot be
    read.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} holds no run: it is a folder")
    content = bytearray(path.read_bytes())
    place = _seal(content)
    if place is None:
        raise ValueError(
            f"{path} holds no run of schema {SCHEMA}: it is of another kind, damaged, or from an "
            "older version of pwgf_core"
        )
    checksum = bytes(content[place])
    content[place] = b"0" * 64
    if hashlib.sha256(content).hexdigest().encode() != checksum:
        raise ValueError(f"{path} is damaged: its checksum is not that of its content")
    try:
        meta = json.loads(content[8 : _end(content)])["__metadata__"]
        schema, by = meta["schema"], meta["written_by"]
        if schema != SCHEMA:
            raise ValueError(
                f"it has schema {schema} ({by}), and pwgf_core {__version__} reads schema {SCHEMA}"
            )
        tensors = {k: v.to(device) for k, v in load(bytes(content)).items()}
        record = json.loads(meta["run"])
    except (SafetensorError, ValueError, TypeError, LookupError, RecursionError) as error:
        raise ValueError(f"{path} holds no run: {_line(error)}") from None
    if not isinstance(record, dict):
        raise ValueError(f"{path} holds no run: its record is no table of names")
    return tensors, record


def _end(content: bytearray) -> int:
    """Where the header ends: the file starts with its length, 8 bytes, and the header."""
    return 8 + int.from_bytes(content[:8], "little")


def _seal(content: bytearray) -> slice | None:
    """Where the checksum is; None in files without one, or with less than their header."""
    end = _end(content)
    if not 8 < end <= len(content):
        return None
    found = SEAL.search(content, 8, end)
    return slice(*found.span(1)) if found else None


def _line(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".splitlines()[0]
