"""Messages over a pipe: a length in eight bytes, then JSON."""

import json
import os
import select
import time
from typing import Any

LARGEST = 2**25


def _exactly(fd: int, size: int, end: float | None) -> bytes:
    data = b""
    while len(data) < size:
        if end is not None and not select.select([fd], [], [], max(0.0, end - time.monotonic()))[0]:
            raise TimeoutError
        part = os.read(fd, min(size - len(data), 2**20))
        if not part:
            raise EOFError
        data += part
    return data


def receive(fd: int, end: float | None = None) -> dict[str, Any]:
    """The next message.

    Raises `EOFError` at the end of the pipe, `TimeoutError` when the clock `time.monotonic()` has
    reached `end`, `ValueError` for what is not a message of at most LARGEST bytes.
    """
    size = int.from_bytes(_exactly(fd, 8, end))
    if size > LARGEST:
        raise ValueError(f"a message must have at most {LARGEST} bytes, got {size}")
    message = json.loads(_exactly(fd, size, end))
    if not isinstance(message, dict):
        raise ValueError(f"a message must be an object, got {type(message).__name__}")
    return message


def send(fd: int, message: dict[str, Any]) -> None:
    """Write one message."""
    text = json.dumps(message).encode()
    data = len(text).to_bytes(8) + text
    while data:
        data = data[os.write(fd, data) :]
