"""Print what the client of Fireworks understands of jobs, as JSON, a line a file.

The types of its parameters, checked by pydantic with keys that they lack refused. The client sends each
parameter under its alias: the parameters are found by the aliases that a body has.
"""

import json
import sys
from pathlib import Path
from typing import Any, get_type_hints

from fireworks.types.supervised_fine_tuning_job_create_params import SupervisedFineTuningJobCreateParams
from pydantic import ConfigDict, TypeAdapter, with_config


def aliases(kind: Any) -> dict[str, tuple[str, Any]]:
    """Return the parameters of a typed dictionary by their aliases: name and type."""
    found = {}
    for name, hint in get_type_hints(kind, include_extras=True).items():
        inner = getattr(hint, "__args__", (hint,))[0] if "Required" in str(hint) else hint
        notes = getattr(inner, "__metadata__", ())
        alias = next((each.alias for each in notes if getattr(each, "alias", None)), name)
        found[alias] = (name, getattr(inner, "__origin__", inner))
    return found


def parameters(body: dict[str, Any], kind: Any) -> dict[str, Any]:
    """Return a body with the names of the client's parameters. An alias that it lacks keeps its name."""
    known, made = aliases(kind), {}
    for alias, value in body.items():
        name, inner = known.get(alias, (alias, None))
        nested = isinstance(value, dict) and inner is not None
        made[name] = parameters(value, inner) if nested else value
    return made


def main(files: list[str]) -> None:
    """Print a line a file."""
    closed = with_config(ConfigDict(extra="forbid", strict=True))
    check = TypeAdapter(closed(SupervisedFineTuningJobCreateParams))
    for file in files:
        body = json.loads(Path(file).read_text(encoding="utf-8"))
        try:
            said = check.validate_python(parameters(body, SupervisedFineTuningJobCreateParams))
        except ValueError as error:
            said = {"refused": str(error)}
        print("understood", json.dumps(said))


if __name__ == "__main__":
    main(sys.argv[1:])
