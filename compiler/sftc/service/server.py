"""The service on a port of this machine."""

import asyncio
import socket
from collections.abc import Callable

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sftc.service.app import EmbeddedService
from sftc.service.limits import DEFAULT_LIMITS

MAX_HEAD = 1 << 16
"""The most bytes that the head of a request may have, about."""


class HttpConnection(HttpToolsProtocol):
    """A connection whose client has to come to the end of a head: uvicorn would wait and read for ever."""

    patience = DEFAULT_LIMITS.patience
    """Seconds that a client may take for a head."""

    _late: asyncio.TimerHandle | None = None
    _head = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Wait for the head of a request."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait no more."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take bytes; while they are all of a head there may not be too many."""
        super().data_received(data)
        if self._late:
            self._head += len(data)
            if self._head > MAX_HEAD and not self.transport.is_closing():
                self.send_400_response("The head of the request is too large.")

    def on_message_begin(self) -> None:
        """Wait for the head of another request, which begins."""
        super().on_message_begin()
        self._begin()

    def on_headers_complete(self) -> None:
        """Wait no more: what comes now is for `uploads` to wait for."""
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
    """Return the connections whose clients may take so many seconds for a head."""

    class Connection(HttpConnection):
        pass

    Connection.patience = patience
    return Connection


class _Server(uvicorn.Server):
    """A server that tells when it takes requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(service: EmbeddedService, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Serve until interrupted; `ready` is told the URL once requests are taken.

    Args:
        service: the service.
        host: the address to listen on.
        port: the port; 0 takes a free one.
        ready: is called with the URL.

    Raises:
        OSError: the address cannot be listened on.
    """
    with socket.create_server((host, port), family=_family(host)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an answer does not wait for more
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
