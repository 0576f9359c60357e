"""JSON Schemas of the types of clients, without texts, closed against names that a type lacks."""

from typing import Any, get_type_hints

from pydantic import TypeAdapter

TEXTS = {"title", "description", "default"}


def closed(kind: Any) -> dict[str, Any]:
    """Return the schema of a type of a client. Names are those that are sent: the aliases."""
    return _closed(_renamed(kind, TypeAdapter(kind).json_schema(by_alias=True)))


def _renamed(kind: Any, schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema with the names of typed dictionaries replaced by the aliases in their annotations."""
    aliases = dict(_aliases(kind))
    return _walk(schema, aliases) if aliases else schema


def _aliases(kind: Any) -> Any:
    """Yield the aliases that a typed dictionary and those in it give to names. The client applies them."""
    if not hasattr(kind, "__total__"):
        return
    for name, hint in get_type_hints(kind, include_extras=True).items():
        inner = getattr(hint, "__args__", (hint,))[0] if "Required" in str(hint)[:40] else hint
        for note in getattr(inner, "__metadata__", ()):
            if getattr(note, "alias", None):
                yield name, note.alias
        yield from _aliases(getattr(inner, "__origin__", inner))


def _walk(schema: Any, aliases: dict[str, str]) -> Any:
    if isinstance(schema, list):
        return [_walk(each, aliases) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _walk(each, aliases) for name, each in schema.items()}
    if isinstance(found.get("properties"), dict):
        found["properties"] = {aliases.get(name, name): each for name, each in found["properties"].items()}
        found["required"] = [aliases.get(name, name) for name in found.get("required", [])]
    return found


def _closed(schema: Any, *, is_names: bool = False) -> Any:
    """Return a schema without texts; `is_names` if its keys are names of properties or definitions."""
    if isinstance(schema, list):
        return [_closed(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        name: _closed(each, is_names=not is_names and name in {"properties", "$defs"})
        for name, each in schema.items()
        if is_names or name not in TEXTS
    }
    if not is_names and "properties" in found:
        found["additionalProperties"] = False
    return found
