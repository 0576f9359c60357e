"""How much a client may send, and how many seconds the service waits."""

from typing import Final, NamedTuple


class ServiceLimits(NamedTuple):
    """ServiceLimits of one service; tests make them small.

    Attributes:
        upload: the most bytes that the body of an upload may have.
        job: the most bytes that the body of a job may have.
        patience: seconds that a client may take for the next piece of a request.
        retry: seconds until background work that failed is tried again.
    """

    upload: int = 64 << 30
    job: int = 1 << 20
    patience: float = 30.0
    retry: float = 5.0


DEFAULT_LIMITS: Final = ServiceLimits()
