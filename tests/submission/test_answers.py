"""What answers of services say at the places of their tables."""

from math import inf
from typing import Any

import pytest

from sftc.contract.service_table import MetricFacts
from sftc.contract.versions import PACKAGED
from sftc.submission.answers import first, listed, moment, money, points_of, reason, word


def metrics(name: str) -> MetricFacts:
    service = PACKAGED.target(name).service
    assert service
    assert service.metrics
    return service.metrics


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ({"currencyCode": "USD", "units": "12", "nanos": 500000000}, "USD 12.50"),
        ({"units": 1234}, "1,234.00"),
        ({"nanos": -750000000, "units": "-1", "currencyCode": "EUR"}, "EUR -1.75"),
        ({"units": "many"}, None),
        ({"units": inf}, None),
        ({"units": []}, "0.00"),
        ("USD 7", None),
        (None, None),
    ],
)
def test_amounts_are_shown_if_they_are_amounts(amount: Any, text: str | None) -> None:
    assert money(amount) == text


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("1970-01-02T00:00:00Z", 86400.0), ("yesterday", 0.0), (None, 0.0), (7, 0.0), ("9999-99-99", 0.0)],
)
def test_a_time_that_is_none_is_0(text: object, seconds: float) -> None:
    assert moment(text) == seconds


def test_metrics_are_points_in_either_form() -> None:
    named: list[dict[str, Any]] = [
        {"name": "train.loss", "step": 1, "value": 2.0},
        {"name": 7, "step": 1},
        {"name": "x", "step": "1"},
    ]
    assert [*points_of(named, metrics("sft-offline"))] == [named[0]]
    rows: list[dict[str, Any]] = [
        {
            "train/global_step": 3.0,
            "train/loss": 2.5,
            "eval/loss": 3,
            "epoch": 1,
            "eval/step": 9,
            "a_step": 1,
        },
        {"train/global_step": 4, "train/loss": "low", "train/on": True},
        {"train/global_step": inf, "train/loss": 1.0},
        {"train/loss": 1.0},
    ]
    found = [(each["name"], each["step"], each["value"]) for each in points_of(rows, metrics("together"))]
    assert found == [("train.loss", 3, 2.5), ("eval.loss", 3, 3)]


def test_places_are_read_in_order() -> None:
    body = {"a": {"b": ""}, "c": {"d": {"message": "m"}}, "e": [1, {"x": 1}, None], "f": "g" * 2000}
    assert first(body, [("a", "b"), ("c", "d")]) == {"message": "m"}
    assert reason(body, [("c", "d"), ("c", "d", "message")]) == "m"
    assert reason(body, [("f",)]) == "g" * 1000
    assert first(body, [("a", "b", "c"), ("nothing",)]) is None
    assert listed(body, [("a",), ("e",)]) == [{"x": 1}]
    assert listed(body, [("a",)]) is None


@pytest.mark.parametrize(
    ("status", "plain"), [("JOB_STATE_RE_QUEUEING", "re_queueing"), (" Timed Out ", "timed_out"), (7, "7")]
)
def test_statuses_are_compared_as_words(status: object, plain: str) -> None:
    assert word(status) == plain
