"""A connection to a service on which any bytes can be sent."""

from __future__ import annotations

import socket

_PATIENCE = 60


class Wire:
    """A bare connection, on which any bytes can be sent."""

    def __init__(self, program):
        self.socket = socket.create_connection(("127.0.0.1", program.port), timeout=_PATIENCE)
        self.read = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def until(self, mark: bytes) -> bytes:
        """What has come, once ``mark`` is in it."""
        while mark not in self.read:
            more = self.socket.recv(1 << 16)
            assert more, self.read
            self.read += more
        return self.read

    def close(self) -> None:
        self.socket.close()
