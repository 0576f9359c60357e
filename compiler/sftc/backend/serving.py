"""The service on a port of this machine."""

import socket
from collections.abc import Callable

import uvicorn

from sftc.backend.app import Service


class _Server(uvicorn.Server):
    """A server that tells when it takes requests."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()


def serve(service: Service, host: str, port: int, ready: Callable[[str], None]) -> None:
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
            service.app(), log_level="warning", access_log=False, timeout_graceful_shutdown=3, lifespan="on"
        )
        _Server(config, lambda: ready(url)).run(sockets=[listener])


def _family(host: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in host else socket.AF_INET
