"""Reads answers of a service, at the places that its table names."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

from sftc.contract.service_table import FileFacts, JobFacts, MetricFacts, Pointer
from sftc.text.keys import ABSENT, look_up

_PREFIX: Final = re.compile(r"^(?:(?:job|file)_)?(?:state|status)_")

_REASON: Final = 1000
"""The characters of a reason that are shown."""


def word(status: object) -> str:
    """Return a status in the form of the tables: `JOB_STATE_TIMED OUT` becomes `timed_out`."""
    plain = "_".join(re.split(r"[\s_-]+", str(status).strip().lower()))
    return _PREFIX.sub("", plain)


def first(body: Any, places: Iterable[Pointer]) -> Any:
    """Return the first value at one of `places` that is neither empty, null, false nor 0, or `None`."""
    return next(_values(body, places), None)


def reason(body: Any, places: Iterable[Pointer]) -> str | None:
    """Return the first text at one of `places`, or `None`. An object is not a text, its parts may be."""
    found = next((each for each in _values(body, places) if not isinstance(each, dict)), None)
    return None if found is None else str(found)[:_REASON]


def listed(body: Any, places: Iterable[Pointer]) -> list[dict[str, Any]] | None:
    """Return the objects of the list at the first of `places` that has a list, or `None`."""
    lists = (look_up(body, place) for place in places)
    found = next((each for each in lists if isinstance(each, list)), None)
    return None if found is None else [each for each in found if isinstance(each, dict)]


def _values(body: Any, places: Iterable[Pointer]) -> Iterator[Any]:
    found = (look_up(body, place) for place in places)
    return (each for each in found if each and each is not ABSENT)


def job_id_of(body: Any, facts: JobFacts) -> str | None:
    """Return the id of the job that `body` describes, or `None`.

    If ids are chosen here, the service shows them as the last part of a path.
    """
    id = first(body, facts.id)
    if not isinstance(id, str):
        return None
    return id.rpartition("/")[2] if facts.chosen else id


def file_state(body: Any, facts: FileFacts) -> str | None:
    """Return the status of the file that `body` describes, as a word, or `None` if it has none."""
    status = first(body, facts.status)
    return facts.absent if status is None else word(status)


def file_fault(body: Any, facts: FileFacts) -> str | None:
    """Return the code because of which the file that `body` describes cannot be used, or `None`."""
    code = first(body, [facts.fault] if facts.fault else [])
    return None if code is None or word(code) == "ok" else word(code)


def moment(text: object) -> float:
    """Return a time in seconds since the epoch, or 0 if `text` is not a time."""
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return 0.0


def money(value: Any) -> str | None:
    """Return an amount of `units` and `nanos` as text: `USD 12.50`; `None` if `value` is not an amount.

    The units are a text, since JSON has no exact integers of 64 bits.
    """
    try:
        amount = int(value.get("units") or 0) + int(value.get("nanos") or 0) / 1e9
    except (AttributeError, ValueError, TypeError, OverflowError):
        return None
    return f"{value.get('currencyCode') or ''} {amount:,.2f}".strip()


def points_of(entries: Iterable[dict[str, Any]], facts: MetricFacts) -> Iterator[dict[str, Any]]:
    """Yield the points of entries of metrics, each with `name`, `step` and `value`.

    An entry without a name has a metric in each of its keys: `{"train/loss": 2.1, "step": 3}` is the point
    `train.loss`.
    """
    for entry in entries:
        step = entry.get(facts.step)
        if isinstance(step, float) and step.is_integer():
            step = int(step)
        if not isinstance(step, int):
            continue
        if facts.name and facts.value:
            if isinstance(entry.get(facts.name), str):
                yield {**entry, "name": entry[facts.name], "step": step, "value": entry.get(facts.value)}
            continue
        for key, value in entry.items():
            last = key.rpartition("/")[2]
            is_metric = last not in facts.skip and not any(last.endswith(f"_{each}") for each in facts.skip)
            if is_metric and isinstance(value, int | float) and not isinstance(value, bool):
                yield {"name": key.replace("/", "."), "step": step, "value": value}
