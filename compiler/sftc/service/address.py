"""The address file: how other commands of the same user find the running service of a data folder."""

import fcntl
import json
import os
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

from sftc.private import private_opener

FILE: Final = "address.json"
"""Name of the address file in the data folder."""


class Address(NamedTuple):
    """How to reach a running service.

    Attributes:
        url: the base URL.
        token: the bearer token.
        options: the executor options it was started with, as command-line arguments.
        stays: whether it keeps running after the command that started it ends.
    """

    url: str
    token: str
    options: list[str]
    stays: bool


def publish(root: Path, address: Address) -> None:
    """Write the address file of the data folder `root`, readable only by this user.

    Raises:
        OSError: the file cannot be written.
    """
    aside = root / f"{FILE}.part"
    aside.unlink(missing_ok=True)
    with open(aside, "x", encoding="utf-8", opener=private_opener) as file:
        json.dump(address._asdict(), file)
    os.replace(aside, root / FILE)


def find_service(root: Path) -> Address | None:
    """Return the address of the service that uses the data folder `root`.

    Return `None` if no service is running, or if the running one has not published an address.
    """
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
