"""Every finding that the tool can make, by id: the rules of all families."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from sftc.checks import rules
from sftc.checks.rules import model, run
from sftc.findings.rule import Rule
from sftc.findings.stage_rules import (
    calls,
    comments,
    conversations,
    conversions,
    estimates,
    extending,
    files,
    imports,
    lengths,
    other_trainers,
    rows,
    schema,
    services,
    syntax,
    templates,
)

CONFIG_FAMILIES: Final = (
    files,
    syntax,
    extending,
    schema,
    *rules.FAMILIES,
    other_trainers,
    model,
    comments,
    estimates,
)
"""The families of `sftc lint`."""

FAMILIES: Final = (
    *CONFIG_FAMILIES,
    rows,
    conversations,
    calls,
    conversions,
    run,
    lengths,
    templates,
    services,
    imports,
)


def _by_id(families: tuple[Any, ...]) -> Mapping[str, Rule]:
    return MappingProxyType({rule.id: rule for family in families for rule in family.RULES})


CONFIG_RULES: Final = _by_id(CONFIG_FAMILIES)
RULES: Final = _by_id(FAMILIES)
