"""The keys of a message that a wrongly spelt key was meant to be."""

from collections.abc import Mapping
from typing import Any, Final

from sftc.contract.names import plain
from sftc.text.suggest import near

_KEYS: Final = {
    **{plain(name): name for name in ("role", "content", "tool_calls", "tool_call_id", "name", "weight")},
    **dict.fromkeys(map(plain, ("function_call", "function_calls", "calls")), "tool_calls"),
}
"""The keys of a message by the plain form of their names, and of other names for them."""


def meant_key(message: Mapping[str, Any]) -> str | None:
    """Return the question whether a key of `message` was meant to be one that has no value, if that is so."""
    for name in message:
        if name in {*_KEYS.values(), "function_call"}:
            continue
        meant = _KEYS.get(plain(name)) or _KEYS.get(near(plain(name), _KEYS) or "")
        if meant and message[name] and not message.get(meant):
            return f"did you mean `{meant}` instead of `{name[:40]}`?"
    return None
