"""Rules that compare keys of a config, each beside its check and its examples: one file a family.

Each family has its `RULES` and, in `CHECKS`, the functions that find them: each takes a `Config`
and yields findings.
"""

from typing import Final

from sftc.checks.rules import (
    batch,
    data,
    evaluation,
    forwarded,
    lora,
    no_effect,
    parallelism,
    refusals,
    renamed,
    schedule,
    schema_version,
    strings,
)

FAMILIES: Final = (
    schema_version,
    forwarded,
    strings,
    refusals,
    lora,
    batch,
    schedule,
    parallelism,
    evaluation,
    data,
    no_effect,
    renamed,
)
"""The families whose checks `validate` runs."""
