"""Environment variables about proxies and certificates: for this machine, and for other services."""

import os
from pathlib import Path

import httpx
import pytest

from sftc.submission.client import Patience, ServiceClient
from sftc.submission.endpoint import ApiKey, Backend, SettingsError
from sftc.submission.failures import UnreachableError
from sftc.submission.network import route_to
from support.backends import Answer, nothing_listens, odd_service
from support.environment import KEY
from support.program import Program

HOSTED = "https://example.org/api"
NO_FILE = "/nowhere/certificates.pem"

UNUSABLE = [
    ("ALL_PROXY", "socks5://127.0.0.1:1080", "pip install 'httpx[socks]'"),
    ("all_proxy", "socks5h://127.0.0.1:1080", "ALL_PROXY"),
    ("HTTPS_PROXY", "gopher://127.0.0.1", "http://proxy.example.org:3128"),
    ("https_proxy", "http://[::1", "http://proxy.example.org:3128"),
    ("HTTPS_PROXY", "http://", "http://proxy.example.org:3128"),
    ("HTTPS_PROXY", "://", "http://proxy.example.org:3128"),
    ("HTTPS_PROXY", "http://127.0.0.1:99999", "http://proxy.example.org:3128"),
    ("HTTPS_PROXY", "http://user:word@[::1", "http://proxy.example.org:3128"),
    ("NO_PROXY", "http://[::1", "'http://[::1'"),
    ("no_proxy", "localhost,[::g]", "'[::g]'"),
    ("NO_PROXY", "localhost;127.0.0.1", "'localhost;127.0.0.1'"),
    ("SSL_CERT_FILE", NO_FILE, "No such file or directory"),
    ("SSL_CERT_FILE", "rows.jsonl", "no certificate"),
    ("SSL_CERT_DIR", "/nowhere", "No such file or directory"),
    ("SSLKEYLOGFILE", "/nowhere/keys", "No such file or directory"),
]
FILES = {"rows.jsonl": "{}\n"}


def client(url: str, tries: int = 1) -> ServiceClient:
    return ServiceClient(Backend(url, ApiKey(KEY)), lambda _: None, Patience(tries, 0.001))


@pytest.mark.parametrize(("name", "value", "said"), UNUSABLE)
def test_an_unusable_variable_is_named_for_other_services_and_ignored_for_this_machine(
    name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with odd_service([Answer({"done": True})]) as service, client(service.url) as near:
        assert near.get("jobs") == {"done": True}
    with pytest.raises(SettingsError) as refused:
        client(HOSTED)
    assert name.lower() in str(refused.value).lower()
    assert said.lower() in str(refused.value).lower()
    assert "word" not in str(refused.value)


def test_an_unusable_variable_stops_no_command_on_this_machine(
    sftc_program: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (
        ("ALL_PROXY", "socks5://127.0.0.1:9"),
        ("NO_PROXY", "[::g]"),
        ("SSL_CERT_FILE", NO_FILE),
    ):
        monkeypatch.setenv(name, value)
    code, out, errors = Program(sftc_program)("jobs", "list", "--backend", "local")
    assert (code, out) == (0, "no jobs\n"), errors
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("SSL_CERT_FILE")
    code, out, errors = Program(sftc_program)("jobs", "list", "--backend", HOSTED)
    assert (code, out) == (2, "")
    assert "Error: ALL_PROXY names a SOCKS proxy" in errors


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_requests_to_this_machine_take_no_proxy(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert route_to(httpx.URL(f"http://{host}:8000")).proxy is None
    assert route_to(httpx.URL(f"https://{host}")).proxy is None


@pytest.mark.parametrize(
    ("url", "entries", "is_direct"),
    [
        ("https://example.org", "", False),
        ("https://example.org", "*", True),
        ("https://example.org", "localhost, example.org", True),
        ("https://example.org", "localhost example.org", True),
        ("https://EXAMPLE.org", "Example.ORG", True),
        ("https://api.example.org", "example.org", True),
        ("https://api.example.org", ".example.org", True),
        ("https://api.example.org", "*.example.org", True),
        ("https://myexample.org", "example.org", False),
        ("https://example.org", "example.org:443", True),
        ("https://example.org:8443", "example.org:443", False),
        ("https://example.org", "https://example.org", True),
        ("https://10.1.2.3", "10.0.0.0/8", True),
        ("https://10.1.2.3", "10.1.2.3:443", True),
        ("https://11.1.2.3", "10.0.0.0/8,::1,[::1],[::1]:8000,fe80::/10", False),
        ("https://[fe80::1]", "fe80::/10", True),
        ("https://[fe80::1]", "[fe80::1]", True),
        ("https://[fe80::1]", "[fe80::1]:8000", False),
        ("https://example.org", "10.0.0.0/8", False),
    ],
)
def test_no_proxy_lists_hosts_domains_and_networks(
    url: str, entries: str, monkeypatch: pytest.MonkeyPatch, *, is_direct: bool
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "proxy.example.org:3128")
    monkeypatch.setenv("NO_PROXY", entries)
    proxy = route_to(httpx.URL(url)).proxy
    assert (proxy and str(proxy.url)) == (None if is_direct else "http://proxy.example.org:3128")


def test_a_proxy_that_cannot_be_reached_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with nothing_listens() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.removesuffix("/api"))
        with client(HOSTED) as service, pytest.raises(UnreachableError) as silent:
            service.get("jobs")
    assert str(silent.value).startswith(f"no valid response from {HOSTED} through the proxy in HTTPS_PROXY: ")


def test_a_request_to_another_service_goes_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    with odd_service([Answer({"done": True})]) as proxy:
        monkeypatch.setenv("http_proxy", proxy.root)
        with client("http://service.example.org/api") as service:
            assert service.get("jobs") == {"done": True}
    assert [asked.path for asked in proxy.asked] == ["http://service.example.org/api/learning/jobs"]


@pytest.mark.parametrize("name", ["SSL_CERT_FILE", "SSL_CERT_DIR"])
def test_certificates_are_read_from_the_place_that_a_variable_names(
    name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import certifi

    place = certifi.where() if name == "SSL_CERT_FILE" else f"/nowhere{os.pathsep}{folder}"
    monkeypatch.setenv(name, place)
    route = route_to(httpx.URL(HOSTED))
    assert bool(route.certificates.get_ca_certs()) == (name == "SSL_CERT_FILE")
    assert name in route.explained("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed")
    assert route.explained("timed out") == "timed out"
