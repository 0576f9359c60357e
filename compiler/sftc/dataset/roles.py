"""The roles of messages, and what other formats call them."""

from functools import lru_cache
from typing import Final

from sftc.text.suggest import near

SYSTEM: Final = ("system", "developer")
"""The roles of a message that begins a conversation."""

RESULTS: Final = ("tool", "function")
"""The roles of a message that is the result of a call."""

ROLES: Final = (*SYSTEM, "user", "assistant", *RESULTS)

OTHER_NAMES: Final = {
    **dict.fromkeys(("human", "prompter", "question", "customer"), "user"),
    **dict.fromkeys(("gpt", "chatgpt", "model", "bot", "ai", "agent", "answer", "claude"), "assistant"),
    **dict.fromkeys(
        ("observation", "ipython", "tool_response", "tool_result", "tool_results", "function_response"),
        "tool",
    ),
}
"""Names of roles in other formats."""

CALLS: Final = ("function_call", "tool_call", "tool_calls")
"""The roles of a message that is a call, in other formats."""


@lru_cache(maxsize=1 << 10)
def meant_role(role: str) -> str | None:
    """Return the role that `role` is another name or another spelling of, if it is one."""
    lower = role.strip().lower()
    if lower in CALLS:
        return None
    return lower if lower in ROLES else OTHER_NAMES.get(lower) or near(lower, ROLES)
