"""Finds the way to a service: the proxy to use, and the certificates to trust.

httpx would read the same environment variables. But it stops at any that it cannot use, whichever
service a request is for, and its message does not name the variable.
"""

import os
import re
import ssl
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import Final, NamedTuple
from urllib.request import getproxies

import httpx

from sftc.submission.endpoint import LOOPBACK, SettingsError

_FILE: Final = "SSL_CERT_FILE"
_FOLDER: Final = "SSL_CERT_DIR"
_KEY_LOG: Final = "SSLKEYLOGFILE"
_ENTRY: Final = re.compile(
    r"(?:[a-z]+://)?(?:\[(?P<six>[^]]+)\]|(?:\*?\.)?(?P<name>[\w-]+(?:\.[\w-]+)*))\.?(?::(?P<port>\d{1,5}))?/?",
    re.ASCII,
)
"""An entry of NO_PROXY: a host or a domain, and perhaps a port."""

_PORTS: Final = {"http": 80, "https": 443}


class Route(NamedTuple):
    """The way to a service.

    Attributes:
        certificates: the certificates to trust.
        trusted: where they are from, for messages.
        proxy: the proxy, or `None` for a direct connection.
        via: an addition to messages, which names the variable of the proxy.
    """

    certificates: ssl.SSLContext
    trusted: str
    proxy: httpx.Proxy | None = None
    via: str = ""

    def explained(self, reason: str) -> str:
        """Return the reason why a request failed, with the variable that may be the cause."""
        if "CERTIFICATE_VERIFY_FAILED" in reason:
            return f"{reason} (the trusted certificates are those {self.trusted})"
        return reason


def route_to(url: httpx.URL) -> Route:
    """Return the way to the service at `url`.

    No proxy is used for this machine: it would get the API key.

    Raises:
        SettingsError: a variable that applies to this service cannot be used.
    """
    if url.host in LOOPBACK:
        if url.scheme == "http":
            return Route(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), "of nobody")
        return Route(*_certificates())
    proxies = getproxies()
    scheme = url.scheme if proxies.get(url.scheme) else "all"
    is_exempt = [_exempts(entry, url) for entry in re.split(r"[\s,]+", proxies.get("no", "")) if entry]
    if not (proxy := proxies.get(scheme)) or any(is_exempt):
        return Route(*_certificates())
    name = _variable(scheme)
    return Route(*_certificates(), _proxy(name, proxy), f" through the proxy in {name}")


def _variable(scheme: str) -> str:
    names = (f"{scheme}_proxy", f"{scheme.upper()}_PROXY")
    return next((name for name in names if os.environ.get(name)), "the settings of this system")


def _proxy(name: str, text: str) -> httpx.Proxy:
    """Return the proxy at the URL `text`, which may lack a scheme and may contain a password."""
    try:
        proxy = httpx.Proxy(text if "://" in text else f"http://{text}")
        is_one = bool(proxy.url.host) and (proxy.url.port or 0) < 1 << 16
    except (ValueError, httpx.InvalidURL):
        is_one = False
    if not is_one:
        raise SettingsError(
            f"{name} is not the URL of a proxy: use the form http://proxy.example.org:3128, https:// or"
            " socks5://, or unset it"
        )
    if proxy.url.scheme.startswith("socks") and not find_spec("socksio"):
        raise SettingsError(
            f"{name} names a SOCKS proxy, which needs another package: pip install 'httpx[socks]', or unset"
            " it"
        )
    return proxy


def _exempts(entry: str, url: httpx.URL) -> bool:
    """Return whether an entry of NO_PROXY covers the host of `url`.

    Raises:
        SettingsError: it is not an entry.
    """
    if entry == "*":
        return True
    found = _ENTRY.fullmatch(entry.lower())
    name, port = (found["six"] or found["name"], found["port"]) if found else (entry, None)
    try:
        is_same = _is_in(url.host, name)
    except ValueError:
        if not found or found["six"]:
            raise SettingsError(
                f"{_variable('no')} has the entry {entry!r}, which is not a host, a domain or a network:"
                " correct or remove it"
            ) from None
        is_same = url.host == name or url.host.endswith(f".{name}")
    return is_same and port in (None, str(url.port or _PORTS.get(url.scheme)))


def _is_in(host: str, network: str) -> bool:
    """Return whether `host` is an IP address in `network`.

    Raises:
        ValueError: `network` is neither a network nor an IP address.
    """
    addresses = ip_network(network, strict=False)
    try:
        return ip_address(host) in addresses
    except ValueError:
        return False


def _certificates() -> tuple[ssl.SSLContext, str]:
    """Return the certificates to trust, and where they are from.

    Raises:
        SettingsError: the place that a variable names has no certificates.
    """
    name = next((name for name in (_FILE, _FOLDER) if os.environ.get(name)), None)
    path = os.environ[name] if name else None
    try:
        if not path:
            context = httpx.create_ssl_context(trust_env=False)
            return context, f"of the package certifi: {_FILE} names others"
        if name == _FILE:
            return ssl.create_default_context(cafile=path), f"in {name}"
        if not any(map(os.path.isdir, path.split(os.pathsep))):
            os.listdir(path)  # OpenSSL ignores a folder that does not exist
        return ssl.create_default_context(capath=path), f"in {name}"
    except OSError as error:
        if (log := os.environ.get(_KEY_LOG)) and error.filename == log:
            name, path = _KEY_LOG, log
        reason = error.strerror or error.args[-1]
        raise SettingsError(
            f"{name} names {path}, which cannot be used ({reason}): correct or unset it"
        ) from error
