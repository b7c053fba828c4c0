"""Addresses on which servers of ours listen: who reaches them, and what those on this machine call them."""

from __future__ import annotations

import ipaddress
import socket

BACKLOG = 128
"""Connections that may wait to be accepted."""


def is_loopback(host: str) -> bool:
    """Tell whether an address is reached from this machine only."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def local_url(host: str, port: int) -> str:
    """Return the address of a server for those on this machine, as in http://127.0.0.1:4200."""
    host = "127.0.0.1" if host in ("0.0.0.0", "::") else host
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


def listening_socket(host: str, port: int, *, server: str) -> socket.socket:
    """Return a socket that listens for what is called `server` in the error of one that cannot.

    Raises:
        ValueError: the port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # Named as TCP, or else asyncio leaves Nagle's algorithm on, and a short page waits 40 ms for its last packet.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise ValueError(
            f"{host} port {port} cannot be listened on: {error.strerror}. If another {server} is there, "
            "stop it or choose another --port"
        ) from error
    return listener
