"""A port that stays a test's own while its server is down: given to another process, the server could not come back."""

import socket


def hold_port() -> tuple[socket.socket, int]:
    """Bound and not listened at: who connects is refused, and who listens with `reuse_port` gets the calls."""
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    held.bind(("127.0.0.1", 0))
    return held, held.getsockname()[1]
