"""What the pages say of a job: its progress, what was found, and the samples of its model."""

from datetime import datetime
from typing import Any, Final, NamedTuple

from sftc.service.store import FINAL, Record, Store
from sftc.text.keys import look_up

_NAME: Final = ("metadata", "effective_config", "job", "name")

_FOUND: Final = ("deviation", "warning", "restart", "metric")
"""The types of the events that say that something is not as it was asked for."""

_SAMPLE: Final = "sample"
"""The type of the event that has what the model answers to a prompt."""

NEWEST: Final = 200
"""The number of events that a page shows."""


class Progress(NamedTuple):
    """How far a job is: `step` of `steps`, 0 if that is not known, and the seconds left, if known."""

    step: int
    steps: int
    left: float | None

    @property
    def share(self) -> float:
        """The share that is done, 0 to 1."""
        return min(self.step / self.steps, 1.0) if self.steps else 0.0


class PromptAnswers(NamedTuple):
    """What the model answers to a prompt: `first`, and `last`, each with its step. They may be the same."""

    prompt: str
    first: tuple[int, str]
    last: tuple[int, str]


def title(job: Record) -> str:
    """Return the name of the run, or else that of the base model without its owner."""
    name = look_up(job["payload"], _NAME)
    return name if isinstance(name, str) else str(job["payload"]["model"]).rpartition("/")[2]


def progress(store: Store, job: Record) -> Progress:
    """Return the progress of a job."""
    newest = store.newest_point(job["id"])
    step = newest["step"] if newest else 0
    begun = store.newest_events(job["id"], 1, "training")
    if not begun:
        return Progress(step, 0, None)
    steps, first = (_whole(begun[0]["data"].get(name)) for name in ("steps", "step"))
    left = None
    if newest and job["status"] == "running" and steps > step > first:
        spent = _moment(newest["created_at"]) - _moment(begun[0]["created_at"])
        left = spent.total_seconds() / (step - first) * (steps - step)
    return Progress(step, steps, left)


def is_final(job: Record) -> bool:
    """Return whether a job has ended."""
    return job["status"] in FINAL


def found(store: Store, id: str) -> list[Record]:
    """Return the events of a job that say that something is not as it was asked for."""
    events = [event for type in _FOUND for event in store.events(id, 0, NEWEST, type)]
    return sorted(events, key=lambda event: event["seq"])


def samples(store: Store, id: str) -> list[PromptAnswers]:
    """Return the first and the last answer of the model to each prompt."""
    answers: dict[str, list[tuple[int, str]]] = {}
    for event in (*store.events(id, 0, NEWEST, _SAMPLE), *store.newest_events(id, NEWEST, _SAMPLE)):
        step, prompt, answer = (event["data"].get(name) for name in ("step", "prompt", "answer"))
        if isinstance(prompt, str) and isinstance(answer, str):
            answers.setdefault(prompt, []).append((_whole(step), answer))
    return [
        PromptAnswers(prompt, min(each, key=_step), max(each, key=_step)) for prompt, each in answers.items()
    ]


def _step(answer: tuple[int, str]) -> int:
    return answer[0]


def _whole(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
