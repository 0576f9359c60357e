"""One violation of a schema, and what is needed to tell a person of it."""

from dataclasses import dataclass
from typing import Any

import orjson

from sftc.contract import Contract
from sftc.document import Document
from sftc.findings import Finding, Fix
from sftc.rule import Rule
from sftc.schemas import Schema
from sftc.text.keys import Path, dotted, key


@dataclass(frozen=True, slots=True)
class Violation:
    """What stands at `path` breaks one keyword of its `schema`, whose argument is `limit`."""

    document: Document
    contract: Contract
    path: Path
    limit: Any
    value: Any
    schema: Schema

    @property
    def name(self) -> str:
        """The dotted key, as messages quote it."""
        return f"`{dotted(self.path)}`"

    @property
    def written(self) -> str:
        """The value as it is written, shortened."""
        return f"`{self.document.snippet(self.path)}`"

    def finding(self, rule: Rule, message: str, help: str | None = None, fix: Fix | None = None) -> Finding:
        """Return a finding of `rule` about the value."""
        return rule.finding(self.document.span(self.path), message, path=self.path, help=help, fix=fix)

    def example(self) -> str | None:
        """Return help that shows an example of the schema, where it is a plain value."""
        example = next(iter(self.schema.get("examples", ())), None)
        if example is None or isinstance(example, dict | list):
            return None
        return f"write, for one, `{key(str(self.path[-1]))} = {orjson.dumps(example).decode()}`"
