"""Canonical bytes and their digest."""

import hashlib
import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

import sftc
from sftc.payload.encoding import number, to_bytes
from support.configs import open_values, toml, valid

JOB = '[job]\nmodel = "m"\n[compute]\ngpu_type = "H100"\n'


@given(st.dictionaries(st.text(max_size=6), open_values, max_size=5))
def test_every_format_has_the_same_values(payload: dict[str, Any]) -> None:
    forms = {form: to_bytes(payload, form) for form in ("pretty", "compact", "jcs")}
    # RFC 8785 writes doubles like ECMAScript, which pads large integers with zeros.
    assert all(json.loads(data, parse_int=float) == payload for data in forms.values())
    assert forms["pretty"].endswith(b"\n")
    assert forms["compact"].count(b"\n") == 1


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(1e-6, 1e-3) | st.floats(1e14, 1e18))
def test_numbers_have_the_shortest_form(value: float) -> None:
    assert float(number(value)) == value
    assert number(value) == orjson.dumps(value).decode().replace("e+", "e")


NUMBERS = (
    "0.0 -0.0 1.0 -1.5 0.1 0.00002 -0.000023 0.00001 9.9e-6 5e-6 1e-7 5e-324 "
    "123456789012345.0 9007199254740992.0 1e16 -1.5e22 1.7976931348623157e308"
)


@pytest.mark.parametrize("text", NUMBERS.split())
def test_numbers_have_a_fixed_form(text: str) -> None:
    assert to_bytes({"x": float(text)}, "compact") == f'{{"x":{text}}}\n'.encode()


@given(st.dictionaries(st.text(max_size=6), st.integers(0, 9), max_size=8))
def test_keys_are_sorted_by_code_point(payload: dict[str, Any]) -> None:
    for form in ("pretty", "compact"):
        assert list(json.loads(to_bytes(payload, form))) == sorted(payload)


def test_jcs_follows_rfc_8785() -> None:
    payload = {"z": [1e16, 1.0, -0.0, 1e22, 5e-324], "\U0001f600": 1, "\ufffd": "\u20ac\u0000\n/"}
    expected = '{"z":[10000000000000000,1,0,1e+22,5e-324],"😀":1,"�":"€\\u0000\\n/"}'
    assert to_bytes(payload, "jcs") == expected.encode()


@given(valid)
def test_the_order_of_keys_does_not_change_the_payload(config: dict[str, Any]) -> None:
    def backwards(value: Any) -> Any:
        return {k: backwards(value[k]) for k in reversed(value)} if isinstance(value, dict) else value

    one, other = (sftc.compile(toml(each).encode()) for each in (config, backwards(config)))
    assert one.to_bytes() == other.to_bytes()
    assert one.digest == other.digest


def test_the_digest_is_computed_from_jcs() -> None:
    compiled = sftc.compile(JOB)
    assert compiled.digest == "sha256:" + hashlib.sha256(compiled.to_bytes("jcs")).hexdigest()


def test_an_integer_that_no_double_represents_has_no_digest() -> None:
    assert sftc.compile(JOB + "[algorithm]\nseed = 9007199254740993\n").digest
    compiled = sftc.compile(JOB + "[data.topology]\ncontainers = 9007199254740993\n")
    assert b"9007199254740993" in compiled.to_bytes()
    assert b"9007199254740993" in compiled.to_bytes("compact")
    for ask in (lambda: compiled.to_bytes("jcs"), lambda: compiled.digest):
        with pytest.raises(sftc.ConfigError) as raised:
            ask()
        assert [(f.id, f.severity) for f in raised.value.findings] == [("integer-not-exact", "error")]
