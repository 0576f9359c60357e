"""Limits on request sizes and waiting times."""

from typing import Final, NamedTuple


class ServiceLimits(NamedTuple):
    """The limits of a service. Tests use smaller ones.

    Attributes:
        upload: the maximum size of an upload request, in bytes.
        job: the maximum size of a job request, in bytes.
        patience: the maximum time between two pieces of a request, in seconds.
        connections: the maximum number of connections.
        retry: the delay before failed background work is retried, in seconds.
    """

    upload: int = 64 << 30
    job: int = 1 << 20
    patience: float = 30.0
    connections: int = 128
    retry: float = 5.0


DEFAULT_LIMITS: Final = ServiceLimits()
