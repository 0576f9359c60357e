"""Serve the service over HTTP with uvicorn."""

import asyncio
import socket
from collections.abc import Callable, Collection

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from sftc.service import responses
from sftc.service.app import EmbeddedService
from sftc.service.guard import AUTHORIZED
from sftc.service.limits import DEFAULT_LIMITS, ServiceLimits
from sftc.service.pages.event_stream import IS_STREAM
from sftc.service.request_origin import LOOPBACK, names_of

MAX_HEAD = 1 << 16
"""Approximate maximum size of a request head, in bytes."""


class HttpConnection(HttpToolsProtocol):
    """An HTTP connection with limits that uvicorn lacks.

    - A request head has a maximum size, and must arrive within `patience` seconds. So must the rest of
      a request that was answered before its end.
    - If there are too many connections, the one that has waited longest is closed. So a peer that is
      slow, idle or without the token does not keep others from connecting. If all of them have a
      request with the token in progress, one connection more gets the response 503.
    """

    limits = DEFAULT_LIMITS
    since = 0.0
    """The time when the connection began to wait for a request."""

    _late: asyncio.TimerHandle | None = None
    _head = 0
    _is_body = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        """Start the timeout for the first request head, and make room if there are too many connections."""
        super().connection_made(transport)
        self._begin()
        if len(self.connections) > self.limits.connections:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timeout."""
        self._end()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse received bytes, and reject a request head that is too large."""
        begins_with_body = self._is_body
        super().data_received(data)
        if self._late and not begins_with_body:
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
        self._is_body = True
        is_full = len(self.connections) > self.limits.connections
        self.app = responses.busy if is_full else self.config.loaded_app
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note the end of the body."""
        self._is_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Start the timeout for the rest of the request and the head of the next one."""
        super().on_response_complete()
        if self.cycle.response_complete:  # there is no other request in progress
            self._begin()

    def shutdown(self) -> None:
        """Begin to end the connection as the service ends: a stream has no end of its own."""
        super().shutdown()
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn sets it at the first request
        if cycle and cycle.scope["state"].get(IS_STREAM):
            self.transport.close()

    @property
    def waits(self) -> bool:
        """Whether no request with the token is in progress."""
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn sets it at the first request
        return not cycle or cycle.response_complete or not cycle.scope["state"].get(AUTHORIZED)

    def _make_room(self) -> None:
        others = [each for each in self.connections if isinstance(each, HttpConnection) and each is not self]
        if waiting := [each for each in others if each.waits]:
            longest = min(waiting, key=lambda each: each.since)
            self.connections.discard(longest)  # it would count until its transport has ended
            longest.transport.abort()

    def _begin(self) -> None:
        self._end()
        self.since = self.loop.time()
        self._late = self.loop.call_later(self.limits.patience, self.transport.abort)

    def _end(self) -> None:
        self._head = 0
        if self._late:
            self._late.cancel()
            self._late = None


def http_connection(limits: ServiceLimits) -> type[HttpConnection]:
    """Return a connection class with these limits."""

    class Connection(HttpConnection):
        pass

    Connection.limits = limits
    return Connection


def server_config(service: EmbeddedService, names: Collection[str] = LOOPBACK) -> uvicorn.Config:
    """Return how uvicorn serves a service with these host names."""
    return uvicorn.Config(
        service.app(names),
        http=http_connection(service.limits),
        ws="none",
        lifespan="on",
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=3,
    )


class _Server(uvicorn.Server):
    """A server that calls `ready` once it accepts requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(
    service: EmbeddedService,
    host: str,
    port: int,
    ready: Callable[[str], None],
    names: Collection[str] = (),
) -> None:
    """Serve requests until interrupted.

    Args:
        service: the service.
        host: the address to listen on.
        port: the port to listen on; 0 for any free port.
        ready: called with the URL once the service accepts requests.
        names: names by which clients call this machine, in addition to its own name.

    Raises:
        OSError: the service cannot listen on the address.
    """
    with socket.create_server((host, port), family=_family(host)) as listener:
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # send small responses without delay
        name = f"[{host}]" if ":" in host else host
        url = f"http://{name}:{listener.getsockname()[1]}"
        config = server_config(service, names_of(host, names))
        _Server(config, lambda: ready(url)).run(sockets=[listener])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
