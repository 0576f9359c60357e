"""Print the shapes of what the client of a target sends and reads, as one JSON object.

They are the JSON Schemas of types in its package, without texts. An object has only the names of its type.
"""

import json
import sys
from importlib import import_module
from typing import Any, get_type_hints

from pydantic import TypeAdapter

TYPES = {
    "together": {
        "file": "together.types.FileResponse",
        "job request": "together.lib.types.fine_tuning.FinetuneRequest",
        "new job": "together.types.fine_tuning_list_response.Data",
        "job": "together.types.FinetuneResponse",
        "jobs": "together.types.FineTuningListResponse",
        "cancelled job": "together.types.FineTuningCancelResponse",
        "events": "together.types.FineTuningListEventsResponse",
        "metrics": "together.types.FineTuningListMetricsResponse",
        "price request": "together.types.FineTuningEstimatePriceParams",
        "price": "together.types.fine_tuning_estimate_price_response.AvailableEstimate",
        "no price": "together.types.fine_tuning_estimate_price_response.UnavailableEstimate",
        "limits query": "together.types.FineTuningModelLimitsParams",
        "limits": "together.types.FinetuneModelLimits",
    },
    "fireworks": {
        "dataset": "fireworks.types.Dataset",
        "dataset request": "fireworks.types.DatasetCreateParams",
        "upload request": "fireworks.types.DatasetGetUploadEndpointParams",
        "upload": "fireworks.types.DatasetGetUploadEndpointResponse",
        "job": "fireworks.types.SupervisedFineTuningJob",
        "job request": "fireworks.types.SupervisedFineTuningJobCreateParams",
        "jobs query": "fireworks.types.SupervisedFineTuningJobListParams",
    },
}
"""The types by the names of the shapes."""

TEXTS = {"title", "description", "default"}


def shape(name: str) -> Any:
    """Return the schema of a type of a client. Names are those that are sent: the aliases."""
    module, _, attribute = name.rpartition(".")
    kind = getattr(import_module(module), attribute)
    return closed(renamed(TypeAdapter(kind).json_schema(by_alias=True), dict(aliases(kind))))


def aliases(kind: Any) -> Any:
    """Yield the aliases that a typed dictionary and those in it give to names, which the client applies."""
    if not hasattr(kind, "__total__"):
        return
    for name, hint in get_type_hints(kind, include_extras=True).items():
        inner = getattr(hint, "__args__", (hint,))[0] if "Required" in str(hint)[:40] else hint
        for note in getattr(inner, "__metadata__", ()):
            if getattr(note, "alias", None):
                yield name, note.alias
        yield from aliases(getattr(inner, "__origin__", inner))


def renamed(schema: Any, names: dict[str, str]) -> Any:
    """Return a schema with other names for the properties of its objects."""
    if isinstance(schema, list):
        return [renamed(each, names) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: renamed(each, names) for name, each in schema.items()}
    if names and isinstance(found.get("properties"), dict):
        found["properties"] = {names.get(name, name): each for name, each in found["properties"].items()}
        found["required"] = [names.get(name, name) for name in found.get("required", [])]
    return found


def closed(schema: Any, *, is_names: bool = False) -> Any:
    """Return a schema without texts; `is_names` if its keys are names of properties or definitions."""
    if isinstance(schema, list):
        return [closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        name: closed(each, is_names=not is_names and name in {"properties", "$defs"})
        for name, each in schema.items()
        if is_names or name not in TEXTS
    }
    if not is_names and "properties" in found:
        found["additionalProperties"] = False
    return found


print("understood", json.dumps({name: shape(kind) for name, kind in TYPES[sys.argv[1]].items()}))
