"""Send the metrics of a job to its trackers. A tracker that fails or hangs never stops training."""

from collections.abc import Callable, Iterable
from concurrent.futures import Future
from importlib.util import find_spec
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

from transformers import TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import get_reporting_integration_callbacks

from sftc.text.secrets import masked
from sftc.training.process_exit import skip_cleanup
from sftc.training.reporter import Reporter
from sftc.training.tracker_kinds import KINDS, RunRecord, set_up

_PATIENCE: Final = 60.0
"""Seconds after which a tracker that does not return is left behind."""

_LONGEST: Final = 300
"""Letters of the longest reason that is reported whole."""


class Trackers(TrainerCallback):  # type: ignore[misc]  # mypy skips transformers
    """The trackers of a job, through the integrations of transformers.

    As a context manager, it ends the runs in the trackers. A tracker that fails is reported as a warning,
    and gets nothing more.

    Args:
        names: the names of the trackers.
        record: what they keep of the job besides its metrics.
        reporter: receives events.
    """

    def __init__(self, names: Iterable[str], record: RunRecord, reporter: Reporter) -> None:
        self._trackers = [_Tracker(name, record) for name in names]
        self._reporter = reporter
        self._step = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End the runs in the trackers: as failed, if the body raised."""
        self._each(lambda tracker: tracker.end(failed=error is not None))

    def on_train_begin(self, args: TrainingArguments, state: Any, control: Any, **others: Any) -> None:
        """Start the runs in the trackers, and report where they are."""
        self._step = state.global_step
        self._each(lambda tracker: tracker.begin(args, state, control, **others))
        if places := {each.name: each.place for each in self._trackers}:
            said = ", ".join(f"{name} in {place}" for name, place in places.items())
            self._reporter.event("tracking", f"metrics also go to {said}", places)

    def on_log(self, args: TrainingArguments, state: Any, control: Any, **others: Any) -> None:
        """Send the metrics of a step."""
        self._step = state.global_step
        self._each(lambda tracker: tracker.log(args, state, control, **others))

    def _each(self, call: "Callable[[_Tracker], None]") -> None:
        for tracker in [*self._trackers]:
            if reason := tracker.ask(call):
                self._trackers.remove(tracker)
                said = f"the tracker {tracker.name} failed at step {self._step:,}: {reason}. "
                data = {"tracker": tracker.name, "step": self._step}
                self._reporter.event("warning", f"{said}Training continues without it", data)


class _Tracker:
    """A tracker in a thread of its own, so that it can be left behind if it hangs."""

    def __init__(self, name: str, record: RunRecord) -> None:
        self.name = name
        self.place = ""
        self._record = record
        self._callback: Any = None
        self._calls: SimpleQueue[tuple[Callable[[], None], Future[None]]] = SimpleQueue()
        Thread(target=self._work, name=f"tracker {name}", daemon=True).start()

    def ask(self, call: "Callable[[_Tracker], None]") -> str | None:
        """Call `call` in the thread of the tracker, and return why it failed, if it did."""
        done: Future[None] = Future()
        self._calls.put((lambda: call(self), done))
        try:
            error = done.exception(_PATIENCE)
        except TimeoutError:
            skip_cleanup()  # what the tracker does at the exit of the process would hang, too
            return f"it did not answer within {_PATIENCE:g} seconds"
        if error is None:
            return None
        first = next(iter(masked(str(error)).strip().splitlines()), "")
        reason = f"{type(error).__name__}: {first}".removesuffix(": ").rstrip(".")
        return reason if len(reason) <= _LONGEST else f"{reason[:_LONGEST]}..."

    def begin(self, *arguments: Any, **others: Any) -> None:
        """Start the run, and describe it."""
        if not find_spec(self.name):
            raise ImportError(f"the package is not installed: pip install {self.name}")
        self.place = set_up(self.name, self._record)
        [integration] = get_reporting_integration_callbacks([self.name])
        self._callback = integration()
        self._callback.on_train_begin(*arguments, **others)
        KINDS[self.name].describe(self._callback, self._record)

    def log(self, *arguments: Any, **others: Any) -> None:
        """Send metrics."""
        self._callback.on_log(*arguments, **others)

    def end(self, *, failed: bool) -> None:
        """End the run, if it has begun."""
        if self._callback:
            KINDS[self.name].end(self._callback, failed)

    def _work(self) -> None:
        while True:
            call, done = self._calls.get()
            try:
                done.set_result(call())
            except BaseException as error:  # noqa: BLE001  the training thread decides
                done.set_exception(error)
