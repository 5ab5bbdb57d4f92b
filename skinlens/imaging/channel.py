"""Messages between a program and the processes that decode for it: JSON by pipe, long content by shared memory."""

import json
import os
import struct
from typing import Any

_LENGTHS = struct.Struct(">IQ")
# Shared memory beyond this is given back after each image: an image of 24 megapixels should find it ready.
_KEPT_BYTES = 80 * 2**20


class Channel:
    """One end of the connection.

    Content goes through memory that both ends share where the platform has files in memory (Linux), and through the
    pipe after its message elsewhere. An end sends only after it has received all that the other one sent, so the
    memory has one writer at a time.

    Args:
        incoming: File descriptor of the pipe to read from.
        outgoing: File descriptor of the pipe to write to.
        shared: File descriptor of the shared memory, or None.
    """

    def __init__(self, incoming: int, outgoing: int, shared: int | None) -> None:
        self._incoming, self._outgoing, self._shared = incoming, outgoing, shared

    def send(self, message: dict[str, Any], content: memoryview | bytes = b"") -> None:
        """Send a message with its content.

        Args:
            message: Anything that JSON holds.
            content: Bytes, or an array's buffer.

        Raises:
            OSError: If the other end is gone, or there is no memory for the content.
        """
        text = json.dumps(message).encode("ascii")
        # Bytes, whatever the array's own type, so that lengths are in bytes.
        view = memoryview(content).cast("B")
        if self._shared is not None:
            done = 0
            while done < len(view):
                done += os.pwrite(self._shared, view[done:], done)
        _write(self._outgoing, memoryview(_LENGTHS.pack(len(text), len(view)) + text))
        if self._shared is None:
            _write(self._outgoing, view)

    def receive(self) -> tuple[dict[str, Any], int]:
        """Wait for a message.

        Returns:
            The message, and the size of its content in bytes, which is to be received next.

        Raises:
            EOFError: If the other end is gone.
        """
        length, size = _LENGTHS.unpack(_read(self._incoming, _LENGTHS.size))
        return json.loads(_read(self._incoming, length)), size

    def content(self, size: int) -> bytes:
        """Receive the content of the last message.

        Raises:
            EOFError: If the other end is gone.
        """
        if self._shared is None:
            return _read(self._incoming, size)
        content = os.pread(self._shared, size, 0)
        if len(content) != size:
            raise EOFError
        return content

    def content_into(self, view: memoryview) -> None:
        """Receive the content of the last message.

        Args:
            view: A buffer of its size.

        Raises:
            EOFError: If the other end is gone.
        """
        if self._shared is None:
            view[:] = _read(self._incoming, len(view))
        elif os.preadv(self._shared, [view], 0) != len(view):
            raise EOFError

    def tidy(self) -> None:
        """Give shared memory back after a large image; to be called when both ends have received everything."""
        if self._shared is not None and os.fstat(self._shared).st_size > _KEPT_BYTES:
            os.ftruncate(self._shared, 0)


def shared_memory() -> int | None:
    """Return the descriptor of a new file in memory, which the caller closes; None where there are no such files."""
    return os.memfd_create("skinlens-images") if hasattr(os, "memfd_create") else None


def _write(pipe: int, view: memoryview) -> None:
    while view:
        view = view[os.write(pipe, view) :]


def _read(pipe: int, size: int) -> bytes:
    content = bytearray()
    while len(content) < size:
        # A pipe gives what it has, often less than was asked for.
        piece = os.read(pipe, min(size - len(content), 2**20))
        if not piece:
            raise EOFError
        content += piece
    return bytes(content)
