"""The pipeline: config to payload. A pure function of the config's text and the overrides."""

import os
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any, NamedTuple

from sftc.checks.validate import check_payload, validate
from sftc.contract.mapping_table import MappingTable
from sftc.contract.versions import PACKAGED, SELECTOR, Contract, Contracts
from sftc.document import reading
from sftc.document.overrides import Override
from sftc.document.toml import Document, parse
from sftc.findings.finding import ConfigError, Finding, Severity
from sftc.findings.stage_rules.schema import INTEGER_NOT_EXACT, UNKNOWN_SCHEMA_VERSION
from sftc.payload import mapping
from sftc.payload.encoding import Format, Payload, digest, to_bytes
from sftc.payload.origins import Origin, origins
from sftc.text.keys import ABSENT
from sftc.text.source import Source

Config = str | bytes | os.PathLike[str]
Overrides = Mapping[str, Any] | Iterable[Override]


def compile(config: Config, *, overrides: Overrides = (), version: int | None = None) -> "Compiled":
    """Check a config against the contract and map it to the payload of a training service.

    Args:
        config: the TOML text, as `str` or UTF-8 `bytes`, or the path of a file. A `str`
            with neither a line break nor an `=` in it is taken for a path: no config
            is as short as that. `"-"` is standard input.
        overrides: values set over those of the file, by dotted TOML key, such as
            `{"hyperparameters.n_epochs": 3}`; or `Override`s.
        version: the version of the contract for a config without `schema_version`;
            the newest one by default.

    Returns:
        The payload and all findings. What is wrong with the config is in the findings
        and raises nothing here; asking for a payload that could not be compiled does.

    Raises:
        ValueError: `version` is not known, or `overrides` holds what TOML cannot write.
    """
    return run(lambda: _source(config), _overrides(overrides), version)


def run(
    read: Callable[[], Source],
    overrides: Iterable[Override] = (),
    version: int | None = None,
    contracts: Contracts = PACKAGED,
) -> "Compiled":
    """Compile what `read` returns, by the versions of the contract in `contracts`; see `compile`."""
    findings, document, contract = examine(read, overrides, version, contracts)
    if not document or not contract or any(found.is_error for found in findings):
        return Compiled(findings)
    payload = mapping.to_payload(contract.mapping, document.values)
    check_payload(payload, contract)
    return Compiled(findings, _Job(payload, document, contract.mapping))


class Examined(NamedTuple):
    """What is to be said of a config; no `document` and `contract` where it cannot be read."""

    findings: tuple[Finding, ...]
    document: Document | None
    contract: Contract | None


def examine(
    read: Callable[[], Source],
    overrides: Iterable[Override] = (),
    version: int | None = None,
    contracts: Contracts = PACKAGED,
) -> Examined:
    """Parse and check what `read` returns, without compiling it."""
    default = contracts.version(contracts.versions[-1] if version is None else version)
    try:
        document = parse(read(), overrides)
        contract = _select(document, default, contracts)
    except ConfigError as error:
        return Examined(error.findings, None, None)
    return Examined(tuple(validate(document, contract)), document, contract)


def _source(config: Config) -> Source:
    if isinstance(config, bytes):
        return reading.decode_source("<text>", config)
    if isinstance(config, os.PathLike) or (config and not set("\r\n=").intersection(config)):
        return reading.read_source(config)
    return reading.decode_source("<text>", config.encode("utf-8", "surrogatepass"))


def _overrides(overrides: Overrides) -> Iterable[Override]:
    if isinstance(overrides, Mapping):
        return [Override.of(key, value) for key, value in overrides.items()]
    return overrides


def _select(document: Document, default: Contract, contracts: Contracts) -> Contract:
    path = (SELECTOR,)
    number = document.get(path)
    if number is ABSENT:
        return default
    if type(number) is int and number in contracts.versions:
        return contracts.version(number)
    known = ", ".join(f"`{each}`" for each in contracts.versions)
    message = f"`{SELECTOR}` is `{document.snippet(path)}`, and this release knows only {known}"
    help = "write one that is known, or leave the key out for the newest"
    raise ConfigError([UNKNOWN_SCHEMA_VERSION.finding(document.span(path), message, path=path, help=help)])


class _Job(NamedTuple):
    payload: Payload
    document: Document
    mapping: MappingTable


class Compiled:
    """What compiling gave: all `findings`, in the order of the text, and a payload if none is an error."""

    def __init__(self, findings: Iterable[Finding], job: _Job | None = None) -> None:
        self.findings = tuple(findings)
        self._job = job

    @property
    def ok(self) -> bool:
        """Whether there is a payload."""
        return self._job is not None

    @property
    def payload(self) -> Payload:
        """The payload, as plain Python values.

        Raises:
            ConfigError: the config has errors.
        """
        return self._compiled.payload

    @cached_property
    def origins(self) -> Mapping[str, Origin]:
        """Where every value of the payload came from, by JSON pointer.

        Raises:
            ConfigError: the config has errors.
        """
        return origins(self._compiled.document, self._compiled.mapping)

    def to_bytes(self, format: Format = "pretty") -> bytes:
        """Return the canonical bytes of the payload (contract, section 3).

        Args:
            format: `pretty` indents by two spaces; `compact` is one line; both end in a
                newline. `jcs` is RFC 8785, without a newline.

        Raises:
            ConfigError: the config has errors, or, for `jcs`, holds an integer beyond
                2^53, which RFC 8785 has no form for.
        """
        payload = self.payload
        if format == "jcs":
            self._refuse_inexact()
        return to_bytes(payload, format)

    @property
    def digest(self) -> str:
        """`sha256:` and the hexadecimal SHA-256 of the payload's RFC 8785 form.

        Raises:
            ConfigError: the config has errors, or holds an integer beyond 2^53.
        """
        payload = self.payload
        self._refuse_inexact()
        return digest(payload)

    @property
    def _compiled(self) -> _Job:
        if self._job is None:
            raise ConfigError(self.findings)
        return self._job

    def _refuse_inexact(self) -> None:
        job = self._compiled
        sent = [row.path for row in job.mapping.rows if row.path]
        refused = [
            found
            for found in self.findings
            if found.id == INTEGER_NOT_EXACT.id and any(found.path[: len(path)] == path for path in sent)
        ]
        if refused:
            raise ConfigError(
                found._replace(severity=Severity.ERROR) if found in refused else found
                for found in self.findings
            )
