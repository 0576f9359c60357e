"""Training files for tests."""

import json
import sys
from hashlib import sha256

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

compressed = zstd.compress


def row(number: int) -> str:
    """Return a row without findings, with its line break."""
    ask, answer = f"{number} + 1?", f"{number + 1}"
    messages = [{"role": "user", "content": ask}, {"role": "assistant", "content": answer}]
    return json.dumps({"messages": messages}) + "\n"


GOOD = "".join(map(row, range(10)))
UNANSWERED = '{"messages": [{"role": "user", "content": "2 + 2?"}]}\n'
BROKEN = '{"messages":\n'
CONFIG = '[job]\nmodel = "m"\ndata = "good.jsonl"\n\n[compute]\ngpu_type = "H100"\ngpu_count = 1\n'


def digest(text: str) -> str:
    """Return the digest of a file with the contents `text`, as reports show it."""
    return f"sha256:{sha256(text.encode()).hexdigest()}"
