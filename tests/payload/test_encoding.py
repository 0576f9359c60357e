"""Canonical bytes, and the digest of them."""

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
def test_every_form_says_the_same(payload: dict[str, Any]) -> None:
    forms = {form: to_bytes(payload, form) for form in ("pretty", "compact", "jcs")}
    # RFC 8785 writes doubles as ECMAScript does, large ones with digits that are not theirs.
    assert all(json.loads(data, parse_int=float) == payload for data in forms.values())
    assert forms["pretty"].endswith(b"\n")
    assert forms["compact"].count(b"\n") == 1


@given(st.floats(allow_nan=False, allow_infinity=False) | st.floats(1e-6, 1e-3) | st.floats(1e14, 1e18))
def test_numbers_are_as_short_as_can_be(value: float) -> None:
    assert float(number(value)) == value
    assert number(value) == orjson.dumps(value).decode().replace("e+", "e")


NUMBERS = (
    "0.0 -0.0 1.0 -1.5 0.1 0.00002 -0.000023 0.00001 9.9e-6 5e-6 1e-7 5e-324 "
    "123456789012345.0 9007199254740992.0 1e16 -1.5e22 1.7976931348623157e308"
)


@pytest.mark.parametrize("text", NUMBERS.split())
def test_numbers_are_the_same_whatever_writes_the_rest(text: str) -> None:
    assert to_bytes({"x": float(text)}, "compact") == f'{{"x":{text}}}\n'.encode()


@given(st.dictionaries(st.text(max_size=6), st.integers(0, 9), max_size=8))
def test_keys_are_sorted_by_code_point(payload: dict[str, Any]) -> None:
    for form in ("pretty", "compact"):
        assert list(json.loads(to_bytes(payload, form))) == sorted(payload)


def test_jcs_is_rfc_8785() -> None:
    payload = {"z": [1e16, 1.0, -0.0, 1e22, 5e-324], "\U0001f600": 1, "\ufffd": "\u20ac\u0000\n/"}
    expected = '{"z":[10000000000000000,1,0,1e+22,5e-324],"😀":1,"�":"€\\u0000\\n/"}'
    assert to_bytes(payload, "jcs") == expected.encode()


@given(valid)
def test_the_order_of_keys_makes_no_difference(config: dict[str, Any]) -> None:
    def backwards(value: Any) -> Any:
        return {k: backwards(value[k]) for k in reversed(value)} if isinstance(value, dict) else value

    one, other = (sftc.compile(toml(each).encode()) for each in (config, backwards(config)))
    assert one.to_bytes() == other.to_bytes()
    assert one.digest == other.digest


def test_the_digest_is_that_of_the_jcs_form() -> None:
    compiled = sftc.compile(JOB)
    assert compiled.digest == "sha256:" + hashlib.sha256(compiled.to_bytes("jcs")).hexdigest()


def test_an_integer_beyond_doubles_has_bytes_but_no_digest() -> None:
    assert sftc.compile(JOB + "[algorithm]\nseed = 9007199254740993\n").digest
    compiled = sftc.compile(JOB + "[data.topology]\nseed = 9007199254740993\n")
    assert b"9007199254740993" in compiled.to_bytes()
    assert b"9007199254740993" in compiled.to_bytes("compact")
    for ask in (lambda: compiled.to_bytes("jcs"), lambda: compiled.digest):
        with pytest.raises(sftc.ConfigError) as raised:
            ask()
        assert [(f.id, f.severity) for f in raised.value.findings] == [("integer-not-exact", "error")]
