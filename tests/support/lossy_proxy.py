"""A proxy between a client and a service that can lose, double and damage requests."""

import re
import socket
import socketserver
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BufferedIOBase
from typing import BinaryIO
from urllib.parse import urlsplit

from support.backends import Threads

Stream = BinaryIO | BufferedIOBase


def request(head: bytes) -> str:
    """Return the method, path and query in the head of a request, with an `ID` in place of each id."""
    first = head.decode("latin-1").split("\r\n")[0].removesuffix(" HTTP/1.1")
    return re.sub(r"(file|job)-[0-9a-f]{32}", "ID", first)


class Passing:
    """A request on its way through the proxy. `number` counts from 1."""

    def __init__(self, number: int, head: bytes, client: Stream, port: int) -> None:
        self.number = number
        self.head = head
        self._client = client
        self._service = ("127.0.0.1", port)
        self._rest: bytes | None = None

    @property
    def request(self) -> str:
        """The method and path, with `ID` in place of each id."""
        return request(self.head).partition("?")[0]

    def whole(self) -> bytes:
        """Return the complete request."""
        if self._rest is None:
            self._rest = _body(self._client, self.head) or b""
        return self.head + self._rest

    def ask(self, request: bytes | None = None) -> bytes:
        """Send the request, or another one, to the service, and return its response."""
        with socket.create_connection(self._service) as there, there.makefile("rb") as answer:
            there.sendall(self.whole() if request is None else request)
            head = _head(answer)
            body = _body(answer, head)
            return head + (answer.read() if body is None else body)

    def send(self, part: bytes) -> None:
        """Send a part of a request to the service, and end the connection."""
        with socket.create_connection(self._service) as there:
            there.sendall(part)


def _head(source: Stream) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n") and (line := source.readline()):
        head += line
    return head


def _body(source: Stream, head: bytes) -> bytes | None:
    found = re.search(rb"(?im)^content-length: *(\d+)", head)
    return source.read(int(found[1])) if found else None


class Line(Threads):
    """A TCP proxy. `carry` returns the response to a request, or `None` to close the connection."""

    def __init__(self, port: int, carry: Callable[[Passing], bytes | None]) -> None:
        super().__init__(("127.0.0.1", 0), _Carries)
        self.url = f"http://127.0.0.1:{self.port}/api"
        self.service = port
        self.carry = carry
        self.heads: list[bytes] = []

    @property
    def requests(self) -> list[str]:
        """The requests so far, with `ID` in place of each id."""
        return [request(head) for head in self.heads]


class _Carries(socketserver.StreamRequestHandler):
    server: Line

    def handle(self) -> None:
        while (head := _head(self.rfile)).endswith(b"\r\n\r\n"):
            self.server.heads.append(head)
            passing = Passing(len(self.server.heads), head, self.rfile, self.server.service)
            answer = self.server.carry(passing)
            if answer is None:
                return
            self.wfile.write(answer)
            found = re.search(rb"(?i)\r\ncontent-length: (\d+)\r\n(?:.*\r\n)*?\r\n", answer)
            if not found or len(answer) != found.end() + int(found[1]):
                return  # the response was incomplete


@contextmanager
def line(url: str, carry: Callable[[Passing], bytes | None] = Passing.ask) -> Iterator[Line]:
    """Run a proxy for the service at `url`."""
    service = Line(urlsplit(url).port or 0, carry)
    with service.running():
        yield service
