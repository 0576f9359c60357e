"""The keys of a message that another key was meant to be."""

from collections.abc import Mapping
from typing import Any, Final

from sftc.contract.names import plain
from sftc.text.suggest import near

_KEYS: Final = {
    **{plain(name): name for name in ("role", "content", "tool_calls", "tool_call_id", "name", "weight")},
    **dict.fromkeys(map(plain, ("function_call", "function_calls", "calls")), "tool_calls"),
    **dict.fromkeys(("text", "body", "refusal"), "content"),
}
"""The keys of a message by the plain form of their names, and of other names for them."""

_LEFT_OUT: Final = {
    **dict.fromkeys(("train", "training", "trainable", "train_on_turn", "loss"), False),
    **dict.fromkeys(("masked", "mask"), True),
}
"""The keys by which other trainers leave a message out, each with the value that does it."""


def left_out_by(message: Mapping[str, Any]) -> str | None:
    """Return the key by which a message is left out for another trainer, unless it has a `weight`."""
    if message.get("weight") is not None:
        return None
    return next((name for name, out in _LEFT_OUT.items() if message.get(name) is out), None)


def meant_key(message: Mapping[str, Any]) -> str | None:
    """Return the question whether a key of `message` was meant to be one that has no value, if that is so."""
    for name in message:
        if name in {*_KEYS.values(), "function_call"}:
            continue
        meant = _KEYS.get(plain(name)) or _KEYS.get(near(plain(name), _KEYS) or "")
        if meant and message[name] and not message.get(meant):
            return f"did you mean `{meant}` instead of `{name[:40]}`?"
    return None
