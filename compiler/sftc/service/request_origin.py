"""Decides whether a request is meant for this service, by its headers `Host` and `Origin`.

A web page can make a browser send requests to this machine. If the name of its own host resolves to
this machine (DNS rebinding), the browser even shows it the responses. But `Host` then has that name,
and `Origin` names the page.
"""

import re
import socket
from collections.abc import Collection
from ipaddress import ip_address
from typing import Final

LOOPBACK: Final = frozenset({"localhost"})

_AUTHORITY: Final = re.compile(r"(?:\[(?P<six>[0-9a-f:.]+)\]|(?P<name>[\w.-]+))(?::\d{1,5})?", re.ASCII)
_ORIGIN: Final = re.compile(r"https?://(?P<authority>[^/]+)")


def names_of(host: str, others: Collection[str] = ()) -> frozenset[str]:
    """Return the names of a service that listens on the address `host`, and has `others` as well."""
    return LOOPBACK | {name.lower() for name in (host, socket.gethostname(), *others)}


def is_ours(host: str, names: Collection[str]) -> bool:
    """Return whether the value of a `Host` header is one of `names` or an IP address, with any port.

    An IP address is not a name that somebody else could let resolve to this machine.
    """
    found = _AUTHORITY.fullmatch(host.lower())
    if not found:
        return False
    name = (found["six"] or found["name"]).rstrip(".")
    try:
        ip_address(name)
    except ValueError:
        return name in names
    return True


def is_foreign(origin: str, host: str | None) -> bool:
    """Return whether an `Origin` header is not that of a page of the service that `Host` names."""
    found = _ORIGIN.fullmatch(origin.lower())
    return not found or host is None or found["authority"] != host.lower()
