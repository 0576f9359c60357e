"""Export a trained model in a process of its own: all of it, or nothing."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path
from platform import node
from tempfile import TemporaryDirectory, gettempdir
from typing import IO, Final, NamedTuple

import orjson

from sftc.service.executor import FailedError
from sftc.training.durable import sync_folder, sync_tree
from sftc.training.export.export_spec import ExportSpec

_LOG_LINES: Final = 3
_LOCK: Final = "lock"


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yield the path of a folder to create, which becomes `folder` at the end, or is gone after an error.

    Files beside it are scratch. Missing folders around `folder` are created at the end, too. Symbolic links
    are followed.

    Raises:
        FailedError: `folder` exists and is not empty, or is a file or a mount point.
    """
    folder = _followed(folder)
    _check_new(folder)
    with _folder_near(folder) as made:
        yield made
        _check_new(folder)
        _move(made, (made, folder))


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Yield the path of a folder to create, which is gone at the end.

    Raises:
        FailedError: nothing can be written to the folder of temporary files.
    """
    with _folder_in(Path(gettempdir())) as made:
        yield made


@contextmanager
def new_file(file: Path) -> Iterator[Path]:
    """Yield the path of a folder to create, with a file of the name of `file` and README.md.

    At the end, they become `file` and its card beside it, with the ending `.md`; after an error, they are
    gone. Symbolic links are followed.

    Raises:
        FailedError: one of them exists, or both have the same name.
    """
    name, file = file.name, _followed(file)
    card = file.with_suffix(".md")
    if card == file:
        raise FailedError(f"{file} has the name of a card: write a file that ends with .gguf")
    for each in (file, card):
        if each.exists():
            raise FailedError(f"{each} exists: remove it, or write another file")
    with _folder_near(file) as made:
        yield made
        _move(made, (made / name, file), (made / "README.md", card))


def _followed(path: Path) -> Path:
    """Return an absolute path without symbolic links, which nothing can be moved to."""
    return Path(os.path.realpath(path))


def _folder_near(target: Path) -> AbstractContextManager[Path]:
    """Yield the path of a folder to create on the disk of `target`, as `_folder_in` does."""
    return _folder_in(next(each for each in target.parents if each.exists()))


@contextmanager
def _folder_in(there: Path) -> Iterator[Path]:
    """Yield the path of a folder to create in a folder of its own in `there`, which is gone at the end.

    Removes what exports that were killed have left there. Those that run have a lock, and those of another
    machine another name, because not every network disk shares its locks.

    Raises:
        FailedError: nothing can be written there.
    """
    mine = f".sftc-export-{node()}-"
    for path in there.glob(f"{mine}*/{_LOCK}"):
        with suppress(OSError), path.open("r+b") as left:
            flock(left, LOCK_EX | LOCK_NB)
            shutil.rmtree(path.parent, ignore_errors=True)
    with ExitStack() as stack:
        try:
            own = Path(
                stack.enter_context(TemporaryDirectory(prefix=mine, dir=there, ignore_cleanup_errors=True))
            )
            lock = stack.enter_context((own / "new").open("wb"))
        except OSError as error:
            raise FailedError(f"nothing can be written in {there}: {error.strerror}") from error
        with suppress(OSError):  # on a disk without locks, what is left stays
            flock(lock, LOCK_EX | LOCK_NB)
            (own / "new").rename(own / _LOCK)  # it is locked from the moment that it is there
        yield own / "model"


def _move(made: Path, *moves: tuple[Path, Path]) -> None:
    """Move files to where they are wanted, once all of the folder `made` is on the disk."""
    sync_tree(made)
    for source, target in moves:
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(source, target)
        sync_folder(target.parent)


def _check_new(folder: Path) -> None:
    """Check that a folder can be written without replacing anything.

    Raises:
        FailedError: it exists and is not empty, or is a file or a mount point.
    """
    if folder.is_mount():
        raise FailedError(f"{folder} is a mount point, which cannot be replaced: name a folder in it")
    if folder.is_dir() and any(folder.iterdir()):
        raise FailedError(f"{folder} is not empty: name a folder that does not exist, or an empty one")
    if folder.exists() and not folder.is_dir():
        raise FailedError(f"{folder} is a file, but the export writes a folder")


class JobOrigin(NamedTuple):
    """What is known of the job that trained a model.

    Attributes:
        rows: its validation file, else its training file; empty if neither is there.
        base: `job.model`, or empty.
        four_bit: whether the base model was in 4 bits.
    """

    rows: str = ""
    base: str = ""
    four_bit: bool = False


def origin_of(model: Path) -> JobOrigin:
    """Return the facts about the job that trained `model`, from the files of the job around it."""
    job, plan = (model.parent / name for name in ("work.json", "plan.json"))
    if not (job.is_file() and plan.is_file()):
        return JobOrigin()
    given = orjson.loads(job.read_bytes())
    files = (given["validation"], given["training"])
    rows = next((each for each in files if each and Path(each).is_file()), "")
    return JobOrigin(rows, given["payload"]["model"], bool(orjson.loads(plan.read_bytes())["four_bit"]))


def run_export(spec: ExportSpec, say: Callable[[str], None]) -> None:
    """Export a model, and call `say` with what is done.

    Raises:
        FailedError: it cannot be exported; the message says why.
    """
    command = [sys.executable, "-P", "-m", "sftc.training.export.export_worker", spec.encoded()]
    with (
        (Path(spec.into).parent / "export.log").open("w+b") as log,
        subprocess.Popen(  # noqa: S603  it runs this package
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            start_new_session=True,
            env={**os.environ, "TOKENIZERS_PARALLELISM": "false"},
        ) as process,
    ):
        try:
            done = _follow(process, say)
        except BaseException:  # also on Ctrl-C
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
        if not done:
            raise FailedError(_death(process.wait(), log))


def _follow(process: "subprocess.Popen[bytes]", say: Callable[[str], None]) -> bool:
    """Say what the process reports, and return whether it is done.

    Raises:
        FailedError: it reported why it cannot export the model.
    """
    assert process.stdout  # noqa: S101  stdout=PIPE
    for line in process.stdout:
        match json.loads(line):
            case {"event": [_, message, _]}:
                say(message)
            case {"failed": reason}:
                raise FailedError(reason)
            case {"done": _}:
                return process.wait() == 0
    return False


def _death(code: int, log: IO[bytes]) -> str:
    """Return why a process is over that did not say so."""
    if code == -signal.SIGKILL:
        return "the export was killed; the machine may be out of memory: the model is loaded in fp32"
    log.seek(0)
    lines = log.read().decode(errors="replace").strip().splitlines()[-_LOG_LINES:]
    return f"the export failed with status {code}: {' '.join(lines) or 'no output'}"
