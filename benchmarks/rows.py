"""Generate reproducible training files with four shapes of rows."""

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SHAPES = {"300-byte": 300, "4-KB": 4_000, "200-KB": 200_000, "five-message": 3_500}
"""Approximate size of a row in bytes, by shape."""

ENGLISH = "the model of training a data loss to and in is for that with rows token we use rate batch"
OTHERS = 'café naïve “quoted” 北京 данные 🙂 return None x = [1, 2]; if (a < b): "yes" \n C:\\path'
WORDS = [*ENGLISH.split(" "), *OTHERS.split(" ")]
COMMON = 20
RARE = 1 / 40
"""How many words of a five-message row are of `OTHERS`. In the other shapes, one in eight is of all words."""

POOL = 400


def write(path: Path, shape: str, size: int) -> None:
    """Write about `size` bytes of distinct rows to `path`."""
    rng = random.Random(shape)  # noqa: S311  reproducible
    pool = [row(rng, SHAPES[shape]) for _ in range(POOL if shape != "200-KB" else POOL // 10)]
    with path.open("w", encoding="utf-8") as file:
        written = number = 0
        while written < size:
            each = rng.choice(pool)
            first = each["messages"][0]
            text = first["content"]
            first["content"] = f"{number} {text}"
            line = json.dumps(each, ensure_ascii=False) + "\n"
            first["content"] = text
            written += file.write(line)
            number += 1


def row(rng: random.Random, size: int) -> dict[str, Any]:
    """Return a row of about `size` bytes. One in eight 4 KB rows has a tool call."""
    if size == SHAPES["five-message"]:
        roles = ("user", "assistant") * 2
        talk = [{"role": role, "content": text(rng, rng.randint(400, 1150), RARE)} for role in roles]
        return {"messages": [{"role": "system", "content": "You are a helpful assistant."}, *talk]}
    turns = {300: 1, 4_000: 3}.get(size, 6)
    each = size // turns - 80
    messages: list[dict[str, Any]] = []
    for _ in range(turns):
        messages += [
            {"role": "user", "content": text(rng, each // 3)},
            {"role": "assistant", "content": text(rng, each * 2 // 3)},
        ]
    if size != SHAPES["4-KB"] or rng.random() > 1 / 8:
        return {"messages": messages}
    call = {"id": "call_1", "type": "function", "function": {"name": "search", "arguments": '{"q": "loss"}'}}
    messages[1:1] = [
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": text(rng, 200)},
    ]
    query = {"type": "object", "properties": {"q": {"type": "string", "description": "what to search for"}}}
    return {
        "messages": messages,
        "tools": [{"type": "function", "function": {"name": "search", "parameters": query}}],
    }


def text(rng: random.Random, size: int, rare: float = 0) -> str:
    """Return about `size` characters of mostly English words. `rare` is the share of the others."""

    def words() -> Iterator[str]:
        length = 0
        while length < size:
            if rare:
                word = rng.choice(OTHERS.split(" ") if rng.random() < rare else WORDS[:COMMON])
            else:
                word = rng.choice(WORDS if rng.random() < 1 / 8 else WORDS[:COMMON])
            length += len(word) + 1
            yield word

    return " ".join(words())


if __name__ == "__main__":
    write(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
