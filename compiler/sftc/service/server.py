"""Serve the service over HTTP with uvicorn."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sftc.service.app import EmbeddedService
from sftc.service.limits import DEFAULT_LIMITS

MAX_HEAD = 1 << 16
"""Approximate maximum size of a request head, in bytes."""


class HttpConnection(HttpToolsProtocol):
    """An HTTP connection that limits the size and duration of request heads. uvicorn limits neither."""

    patience = DEFAULT_LIMITS.patience
    """Maximum time in seconds to receive a request head."""

    _late: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Start the timeout for the first request head."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and reject a request head that is too large."""
        super().data_received(data)
        if self._late:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Start the timeout for the head of the next request."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """Stop the timeout: the head is complete, and `uploads.pieces` limits the body."""
        self._end()
        super().on_headers_complete()

    def _begin(self) -> None:
        self._end()
        self._late = self.loop.call_later(self.patience, self.transport.close)

    def _end(self) -> None:
        self._head = 0
        if self._late:
            self._late.cancel()
            self._late = None


def http_connection(patience: float) -> type[HttpConnection]:
    """Return a connection class with a timeout of `patience` seconds for request heads."""

    class Connection(HttpConnection):
        pass

    Connection.patience = patience
    return Connection


class _Server(uvicorn.Server):
    """A server that calls `ready` once it accepts requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(service: EmbeddedService, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve requests until interrupted.

    Args:
        service: the service.
        host: the address to listen on.
        port: the port to listen on; 0 for any free port.
        ready: called with the URL once the service accepts requests.

    Raises:
        OSError: the service cannot listen on the address.
    """
    with socket.create_server((host, port), family=_family(host)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # send small responses without delay
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            service.app(),
            http=http_connection(service.limits.patience),
            ws="none",
            lifespan="on",
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=3,
        )
        _Server(config, lambda: ready(url)).run(sockets=[listener])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
