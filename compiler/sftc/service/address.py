"""The address of a running service, for other commands of the same user."""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

FILE: Final = "address.json"
"""What it is written in, in the data folder."""


class Address(NamedTuple):
    """The URL of a service and the key to it.

    `options` are those that it trains with, as a command line says them; `stays` says whether it
    outlives the command that started it.
    """

    url: str
    token: str
    options: list[str]
    stays: bool


def publish(root: Path, address: Address) -> None:
    """Write the address of the service of `root`, readable only by this user.

    Raises:
        OSError: it cannot be written.
    """
    aside = root / f"{FILE}.part"
    aside.unlink(missing_ok=True)
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as file:
        json.dump(address._asdict(), file)
    os.replace(aside, root / FILE)


def find_service(root: Path) -> Address | None:
    """Return the address of the service of `root`; `None` if none is running that others may use."""
    with suppress(OSError, ValueError):
        if _in_use(root / "lock"):
            match json.loads((root / FILE).read_bytes()):
                case {"url": str(url), "token": str(token), "options": [*options], "stays": bool(stays)}:
                    return Address(url, token, [*map(str, options)], stays)
    return None


def _in_use(lock: Path) -> bool:
    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False
