"""Raw requests to the service that no HTTP library would send."""

import socket

from support.services import TOKEN, Client

AUTHORIZED = b"Authorization: Bearer " + TOKEN.encode()
FORM = b"Content-Type: multipart/form-data; boundary=b"
UPLOAD = b"POST /api/learning/files"


def connected(client: Client) -> socket.socket:
    """Return a new connection to the service."""
    assert client.origin.port
    return socket.create_connection((client.origin.host, client.origin.port), timeout=60)


def head(line: bytes, *headers: bytes) -> bytes:
    """Return the head of a request, after which the service closes the connection."""
    return b"\r\n".join([line + b" HTTP/1.1", *headers, b"Connection: close", b"", b""])


def exchange(client: Client, sent: bytes) -> bytes:
    """Send raw bytes, and return the whole response."""
    with connected(client) as link:
        link.sendall(sent)
        return answered(link)


def answered(link: socket.socket) -> bytes:
    """Return everything received until the service closes the connection."""
    answer = b""
    while piece := link.recv(1 << 16):
        answer += piece
    return answer


def status(answer: bytes) -> int:
    """Return the status of the only response."""
    assert answer.count(b"HTTP/1.1 ") == 1, answer
    return int(answer.split(b" ")[1])
