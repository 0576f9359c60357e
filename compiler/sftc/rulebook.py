"""Every rule there is, by id: those of the catalogue, and those about training files."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sftc import catalogue
from sftc.findings.rule import Rule
from sftc.findings.rules import conversations, rows
from sftc.rules import run

FAMILIES: Final = (*catalogue.FAMILIES, rows, conversations, run)

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.id: rule for family in FAMILIES for rule in family.RULES}
)
