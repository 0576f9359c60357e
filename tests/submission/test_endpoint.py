"""The URL of the service and the API key."""

from pathlib import Path

import httpx
import pytest
from hypothesis import HealthCheck, example, given, reject, settings
from hypothesis import strategies as st

from sftc.submission.endpoint import ApiKey, Backend, SettingsError, backend_at, base_url, environment
from support.environment import KEY

HOSTS = st.text("aA0.-_[]:@ %é\\\t", min_size=1, max_size=8)
SOUND = st.sampled_from(["example.org", "example.org:8443", "127.0.0.1", "[::1]:80"])
PATHS = st.text("a/?#%&;= \\\n", max_size=8)


@pytest.mark.parametrize(
    ("named", "variable", "url"),
    [
        (None, None, "local"),
        (None, "", "local"),
        ("local", "https://example.org", "local"),
        (None, "local", "local"),
        (None, "https://example.org", "https://example.org/api"),
        ("https://example.org", "https://example.com", "https://example.org/api"),
        ("https://example.org/", None, "https://example.org/api"),
        ("https://example.org/api", None, "https://example.org/api"),
        ("https://example.org/api//", None, "https://example.org/api"),
        ("https://example.org/v1", None, "https://example.org/v1/api"),
        ("https://example.org/v1/api/", None, "https://example.org/v1/api"),
        ("https://example.org/notapi", None, "https://example.org/notapi/api"),
        ("https://example.org/api/v1", None, "https://example.org/api/v1/api"),
        ("https://api", None, "https://api/api"),
        ("http://127.0.0.1:8000", None, "http://127.0.0.1:8000/api"),
        ("http://[::1]:8000/", None, "http://[::1]:8000/api"),
    ],
)
def test_the_url_ends_with_api(named: str | None, variable: str | None, url: str) -> None:
    assert base_url(named, {} if variable is None else {"BACKEND_BASE_URL": variable}) == url


@pytest.mark.parametrize(
    "url",
    [
        "example.org",
        "//example.org",
        "ftp://example.org",
        "file:///etc",
        "https://",
        "https:///api",
        "http://[::1",
        "https://example.org:99999",
        "https://example.org:port",
        "https://user@example.org",
        "https://user:word@example.org",
        "https://:word@example.org",
        "https://example.org?a=1",
        "https://example.org?",
        "https://example.org#a",
        "https://example.org#",
        "https://exam ple.org",
        "https://example.org/a\nb",
        "https://exam\tple.org",
        " https://example.org",
        "https://example.org/\x7f",
        "https://ex\x00ample.org",
        "https://exämple.org",
        "https://a..b",
        f"https://{'a' * 64}.org",
        "https://example.org:0",
        "https://example.org:",
        "https://[::g]",
        "https://example.org/%zz",
        "https://example.org\\api",
        "/",
    ],
)
def test_invalid_service_urls_are_refused(url: str) -> None:
    for named, variables in ((url, {}), (None, {"BACKEND_BASE_URL": url})):
        with pytest.raises(SettingsError, match="is not a valid service URL"):
            base_url(named, variables)


@pytest.mark.parametrize("url", ["https://user:word@example.org", "https://:word@example.org", "//:word@a"])
def test_a_password_in_a_url_is_not_shown(url: str) -> None:
    with pytest.raises(SettingsError, match="it contains a user or a password") as refused:
        base_url(url, {})
    assert "word@" not in str(refused.value)


@settings(suppress_health_check=[HealthCheck.filter_too_much])  # most random URLs are invalid
@given(
    st.builds(
        "{}://{}{}".format,
        st.sampled_from(["http", "https", "HTTPS"]),
        HOSTS | SOUND,
        PATHS | st.sampled_from(["", "/", "/api", "/a/b/"]),
    )
)
@example("https://exam ple.org")
@example("https://example.org/%zz?")
def test_accepted_urls_work_for_requests(url: str) -> None:
    try:
        taken = base_url(url, {})
    except SettingsError:
        reject()
    parts = httpx.URL(taken)
    assert parts.host
    assert parts.path.endswith("/api")
    assert (parts.query, parts.fragment, parts.userinfo) == (b"", "", b"")


def test_the_environment_overrides_the_env_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text(
        "# the service\nexport SYNTH_API_KEY='key-of-file'\nBACKEND_BASE_URL=https://example.org\n"
    )
    monkeypatch.delenv("SYNTH_API_KEY", raising=False)
    monkeypatch.delenv("BACKEND_BASE_URL", raising=False)
    variables = environment(str(file))
    url = base_url(None, variables)
    assert url == "https://example.org/api"
    assert backend_at(url, variables, allow_insecure=False).key.secret == "key-of-file"  # noqa: S105  not a real key
    monkeypatch.setenv("SYNTH_API_KEY", f" {KEY}\n")
    monkeypatch.setenv("BACKEND_BASE_URL", "https://example.com")
    for variables in (environment(str(file)), environment(None)):
        url = base_url(None, variables)
        assert url == "https://example.com/api"
        assert backend_at(url, variables, allow_insecure=False).key.secret == KEY


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_an_env_file_may_begin_with_a_byte_order_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoding: str, end: str
) -> None:
    for name in ("SYNTH_API_KEY", "BACKEND_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / ".env"
    lines = ["SYNTH_API_KEY=key-of-file", 'BACKEND_BASE_URL="https://example.org"', ""]
    file.write_bytes(end.join(lines).encode(encoding))
    variables = environment(str(file))
    assert (variables["SYNTH_API_KEY"], base_url(None, variables)) == (
        "key-of-file",
        "https://example.org/api",
    )


def test_an_unreadable_env_file_is_reported(tmp_path: Path) -> None:
    (tmp_path / "latin").write_bytes(b"SYNTH_API_KEY=\xe9\n")
    for name in ("absent", "latin", "."):
        with pytest.raises(SettingsError, match="cannot be read"):
            environment(str(tmp_path / name))


@pytest.mark.parametrize("length", range(1, 60))
def test_a_printed_key_shows_at_most_its_first_four_and_last_two_characters(length: int) -> None:
    secret = (KEY * 2)[:length]
    key = ApiKey(secret)
    service = Backend("https://example.org/api", key)
    assert repr(key) in {"...", f"{secret[:4]}...{secret[-2:]}"}
    assert length > 6 or repr(key) == "..."
    for shown in (
        f"{key}",
        f"{key!r}",
        f"{service}",
        repr([service]),
        repr({"key": key}),
        f"{service!s:>200}",
    ):
        assert secret not in shown or length < 4
        assert repr(key) in shown


@pytest.mark.parametrize("variables", [{}, {"SYNTH_API_KEY": ""}, {"SYNTH_API_KEY": " \n"}])
def test_the_error_for_a_missing_key_says_how_to_set_it(variables: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match=r"SYNTH_API_KEY.*--env-file"):
        backend_at("https://example.org/api", variables, allow_insecure=False)


@pytest.mark.parametrize("odd", ["\r\nX-Header: 1", "\x00", "é", "\x7f", "\u202e"])
def test_a_key_that_does_not_fit_in_a_header_is_refused_and_not_shown(odd: str) -> None:
    with pytest.raises(SettingsError) as refused:
        backend_at("https://example.org/api", {"SYNTH_API_KEY": f"{KEY}{odd}k"}, allow_insecure=False)
    assert KEY not in str(refused.value)


@pytest.mark.parametrize(
    "host",
    [
        "example.org",
        "localhost.example.org",
        "127.0.0.1.example.org",
        "0.0.0.0",  # noqa: S104  nothing listens here
        "192.168.0.1",
        "[::2]",
    ],
)
def test_the_key_is_sent_over_plain_http_only_to_this_machine(host: str) -> None:
    url, variables = f"http://{host}:8000/api", {"SYNTH_API_KEY": KEY}
    with pytest.raises(SettingsError, match="--allow-insecure") as refused:
        backend_at(url, variables, allow_insecure=False)
    assert KEY not in str(refused.value)
    assert backend_at(url, variables, allow_insecure=True).url == url
    assert backend_at(f"https://{host}/api", variables, allow_insecure=False).key.secret == KEY


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST", "[::1]"])
def test_plain_http_to_this_machine_is_accepted(host: str) -> None:
    url = base_url(f"http://{host}:8000", {})
    assert backend_at(url, {"SYNTH_API_KEY": KEY}, allow_insecure=False).url == url


def test_different_services_and_keys_have_different_identities() -> None:
    urls, keys = ("https://example.org/api", "https://example.com/api"), (KEY, f"{KEY}2")
    assert len({Backend(url, ApiKey(key)).identity for url in urls for key in keys}) == 4
