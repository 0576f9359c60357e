"""What a payload asks for, by the names that the config has for it."""

from collections.abc import Mapping
from typing import Any

from sftc.contract.versions import PACKAGED
from sftc.text.keys import ABSENT, look_up, split


class PayloadSettings:
    """The settings of a payload; `asked["hyperparameters.n_epochs"]` is one, `None` where it is left out."""

    def __init__(self, payload: Mapping[str, Any]) -> None:
        rows = PACKAGED.version(PACKAGED.versions[-1]).mapping.rows
        self._payload = payload
        self._places = {row.path: row.to for row in rows if row.path}

    def __getitem__(self, key: str) -> Any:
        path = split(key)
        for length in range(len(path), 0, -1):  # a key of an open table goes where the table goes
            if to := self._places.get(path[:length]):
                value = look_up(self._payload, (*to, *path[length:]))
                return None if value is ABSENT else value
        raise KeyError(key)
