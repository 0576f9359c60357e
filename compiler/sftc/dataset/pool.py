"""Spreads work on chunks over processes, and returns the results in order.

The main process reads and distributes chunks. If all other processes are busy, it works on a chunk
itself. Chunks are passed in shared memory, results through pipes. If the work turns out to be quick,
no other process is started.
"""

import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import current_thread, main_thread
from time import thread_time
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from sftc.dataset.chunks import CHUNK, Bounds, Chunk

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.shared_memory import SharedMemory

_T = TypeVar("_T")
ChunkTask = Callable[[str, Chunk], _T]

_AHEAD = 2
"""Chunks queued for each process, so that it does not wait for the next one."""

_PENDING = 64
"""Maximum results that wait for an earlier one."""


class Pool(Generic[_T]):
    """Calls `make()(path, chunk)` for chunks of files, in `jobs` processes including this one."""

    def __init__(self, make: Callable[[], ChunkTask[_T]], jobs: int, bounds: Bounds = Bounds()) -> None:  # noqa: B008  it cannot be changed
        self._make = make
        self._work = make()
        self._jobs = jobs
        self._bounds = bounds
        self._recent: deque[float] = deque(maxlen=bounds.alone)
        self._workers: list[_Worker] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if not self._workers:
            return
        with _uninterrupted():
            for worker in self._workers:
                worker.close()
            self._workers.clear()

    def map(self, path: str, chunks: Iterable[Chunk]) -> Generator[_T, None, None]:
        """Yield the result for each of `chunks` of the file at `path`, in order.

        Raises:
            RuntimeError: a process ended before it finished its work.
        """
        done: dict[int, _T] = {}
        following = 0
        try:
            for number, chunk in enumerate(chunks):
                if self._is_slow() and not self._workers:
                    with _uninterrupted():
                        self._workers = [_Worker(self._make) for _ in range(self._jobs - 1)]
                if not self._hand_out(path, number, chunk):
                    done[number] = self._do(path, chunk)
                self._collect(done, 0)
                while number + 1 - following > _PENDING and following not in done:
                    self._collect(done, None)
                while following in done:
                    yield done.pop(following)
                    following += 1
            while any(worker.waiting for worker in self._workers):
                self._collect(done, None)
            for number in sorted(done):
                yield done.pop(number)
        finally:
            with suppress(RuntimeError):  # what ended the reading is what counts
                while any(worker.waiting for worker in self._workers):
                    self._collect({}, None)

    def _do(self, path: str, chunk: Chunk) -> _T:
        begun = thread_time()
        done = self._work(path, chunk)
        self._recent.append(thread_time() - begun)
        return done

    def _is_slow(self) -> bool:
        """Return whether other processes would help: each of the last chunks took long."""
        return (
            self._jobs > 1
            and len(self._recent) == self._bounds.alone
            and all(seconds >= self._bounds.patience for seconds in self._recent)
        )

    def _hand_out(self, path: str, number: int, chunk: Chunk) -> bool:
        if len(chunk.data) > CHUNK:
            return False
        for worker in sorted(self._workers, key=lambda each: len(each.waiting)):
            if len(worker.waiting) < _AHEAD:
                worker.send(path, number, chunk)
                return True
        return False

    def _collect(self, done: dict[int, _T], timeout: float | None) -> None:
        """Receive the results that arrive within `timeout` seconds. `None` waits for at least one."""
        if not self._workers:
            return
        from multiprocessing.connection import wait

        busy = {worker.connection: worker for worker in self._workers if worker.waiting}
        for connection in wait(list(busy), timeout) if busy else ():
            worker = busy[connection]  # type: ignore[index]  # `wait` returns the connections it is given
            done[worker.waiting.popleft()] = worker.receive()


class _Worker:
    """A process, and the blocks of shared memory that pass chunks to it in turn."""

    def __init__(self, make: Callable[[], ChunkTask[Any]]) -> None:
        from multiprocessing import Pipe, Process
        from multiprocessing.shared_memory import SharedMemory

        self._slots = [SharedMemory(create=True, size=CHUNK) for _ in range(_AHEAD)]
        self._next = 0
        self.waiting: deque[int] = deque()
        self.connection, theirs = Pipe()
        names = [slot.name for slot in self._slots]
        self._process = Process(target=_serve, args=(make, theirs, names), daemon=True)
        self._process.start()
        theirs.close()

    def send(self, path: str, number: int, chunk: Chunk) -> None:
        size = len(chunk.data)
        _buffer(self._slots[self._next])[:size] = chunk.data
        with self._alive():
            self.connection.send((path, self._next, size, chunk._replace(data=b"")))
        self._next = (self._next + 1) % _AHEAD
        self.waiting.append(number)

    def receive(self) -> Any:
        with self._alive():
            return self.connection.recv()

    @contextmanager
    def _alive(self) -> Iterator[None]:
        try:
            yield
        except (EOFError, OSError):
            self.waiting.clear()
            raise RuntimeError(
                "a worker process ended unexpectedly, perhaps because it ran out of memory"
            ) from None

    def close(self) -> None:
        with suppress(OSError):
            self.connection.send(None)
        self.connection.close()
        self._process.join()
        for slot in self._slots:
            slot.close()
            slot.unlink()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Make Ctrl-C wait, and keep it from the processes that start meanwhile."""
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # to start it would let Ctrl-C through
    came: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: came.append(number)) if _is_main() else None
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if _is_main():
            signal.signal(signal.SIGINT, before)
        for number in came:
            signal.raise_signal(number)


def _is_main() -> bool:
    """Return whether this is the thread that handles signals."""
    return current_thread() is main_thread()


def _serve(make: Callable[[], ChunkTask[Any]], connection: "Connection[Any, Any]", names: list[str]) -> None:
    """Work on chunks in a worker process until it receives `None` or its parent ends."""
    from multiprocessing import parent_process
    from multiprocessing.shared_memory import SharedMemory

    work, parent = make(), parent_process()
    slots = [SharedMemory(name) for name in names]
    with suppress(EOFError, OSError):
        while True:
            while not connection.poll(1):
                if parent and not parent.is_alive():
                    return
            order = connection.recv()
            if order is None:
                return
            path, slot, size, chunk = order
            connection.send(work(path, chunk._replace(data=bytes(_buffer(slots[slot])[:size]))))


def _buffer(slot: "SharedMemory") -> memoryview:
    """Return the memory of `slot`, which is not `None` until the slot is closed."""
    assert slot.buf is not None  # noqa: S101  for mypy
    return slot.buf
