"""Every rule there is, by id: those of the catalogue, and those about training files."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from sftc import catalogue
from sftc.rule import Rule
from sftc.rules import chat, rows, run

FAMILIES: Final = (*catalogue.FAMILIES, rows, chat, run)

RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.id: rule for family in FAMILIES for rule in family.RULES}
)
