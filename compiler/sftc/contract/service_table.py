"""The table of a service: its addresses, its requests, and where its answers have what submission needs."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from sftc.text.keys import parse_pointer

Pointer = tuple[str, ...]
Values = Mapping[str, str]

LOCAL: Final = "local"
"""The address of the embedded service."""

SLOT: Final = re.compile(r"\{(\w+)\}")
"""A slot in a text of the table."""

_HEADER: Final = "header:"


def filled(template: Any, values: Values) -> Any:
    """Return JSON or a text with each `{name}` in it replaced by the value of that name.

    Example: `filled({"id": "file-{n}"}, {"n": "7"})` is `{"id": "file-7"}`.
    """
    if isinstance(template, str):
        return SLOT.sub(lambda found: values[found[1]], template)
    if isinstance(template, Mapping):
        return {filled(name, values): filled(each, values) for name, each in template.items()}
    return template


class Exists(NamedTuple):
    """The answer to an upload whose content is already there: its status, and where it has the id."""

    status: int
    file: Pointer


class ServiceCall(NamedTuple):
    """A request of the table. Its texts have slots such as `{job}`; see `filled`.

    Attributes:
        method: the HTTP method.
        path: the path below the base address, or `{url}`, an address that an earlier answer had.
        query: the query.
        json: the JSON body, if it does not depend on the job.
        form: the fields of a multipart form.
        part: the name of the part of the form that is the data file. Without it, and with the method
            PUT, the body is the data file.
        headers: the headers.
        list: where the answer may have its list.
        takes: statuses that are answers, as 2xx is.
        finds: for each slot that the answer fills, the header or the place in the body.
        exists: the answer if the content is already there.
    """

    method: str
    path: str
    query: Mapping[str, str]
    json: Any
    form: Mapping[str, str]
    part: str | None
    headers: Mapping[str, str]
    list: tuple[Pointer, ...]
    takes: frozenset[int]
    finds: Mapping[str, str | Pointer]
    exists: Exists | None

    @property
    def is_storage(self) -> bool:
        """Whether it goes to an address that the service named, which must not get the API key."""
        return self.path == "{url}"

    @property
    def sends_file(self) -> bool:
        """Whether its body has the data file."""
        return self.part is not None or self.is_storage


class EndpointFacts(NamedTuple):
    """The address of a service, and the variables that change it and that have the key.

    Attributes:
        default: the address if none is named; `LOCAL` is the embedded service.
        variable: the variable that names another address.
        path: the end of every address, appended if it is missing.
        base: the path below the address that all requests begin with; it may have slots.
        key: the variable of the API key.
        parts: for each slot of `base`, its variable.
    """

    default: str
    variable: str
    path: str
    base: str
    key: str
    parts: Mapping[str, str]


class Binding(NamedTuple):
    """Where the payload has a file: at `to`, as `value`, alone or in a list."""

    to: Pointer
    value: str
    is_list: bool


class SecretRow(NamedTuple):
    """A secret that a request for a job has at `to`, if the payload has a value at one of `when`."""

    to: Pointer
    variable: str
    when: tuple[Pointer, ...]


class FileFind(NamedTuple):
    """The request that lists files, and where an entry has the SHA-256 of its content."""

    call: ServiceCall
    digest: Pointer


class FileFacts(NamedTuple):
    """How a file is uploaded.

    Attributes:
        chosen: the id of a file, if it is chosen here; otherwise the service chooses it.
        id: where the last answer of an upload has the id.
        upload: the requests of an upload, in order.
        read: the request that describes a file.
        find: the request that finds a file by its content.
        status: where the description has the status.
        absent: the status of a description that has none.
        fault: where the description has a code that is other than OK if the file cannot be used.
        error: where it has the reason.
        ready: the statuses of a file that can be used.
        pending: the statuses of a file that cannot be used yet.
        patience: the maximum time until a file is ready, in seconds.
        most_bytes: the maximum size.
        fewest_rows: the minimum number of rows.
        most_rows: the maximum number of rows.
    """

    chosen: str | None
    id: tuple[Pointer, ...]
    upload: tuple[ServiceCall, ...]
    read: ServiceCall
    find: FileFind | None
    status: tuple[Pointer, ...]
    absent: str | None
    fault: Pointer | None
    error: tuple[Pointer, ...]
    ready: frozenset[str]
    pending: frozenset[str]
    patience: float
    most_bytes: int | None
    fewest_rows: int | None
    most_rows: int | None


class JobFind(NamedTuple):
    """The request that lists jobs, and how the job of an earlier try is recognised among them.

    Attributes:
        call: the request.
        key: where an entry has the idempotency key.
        digest: where an entry has the digest of the payload.
        same: the places that must have the values of the payload, if the entry has them; the first must.
        created: where an entry has the time of its creation.
    """

    call: ServiceCall
    key: Pointer | None
    digest: Pointer | None
    same: tuple[Pointer, ...]
    created: Pointer | None


class JobFacts(NamedTuple):
    """How a job is created and followed.

    Attributes:
        chosen: the id of a job, if it is chosen here; otherwise the service chooses it.
        id: where a description has the id. A path means its last part.
        status: where a description has the status.
        model: where it has the name of the trained model.
        error: where it has the reason of a failure.
        cost: where it has its estimated cost: an object with `currencyCode`, `units` and `nanos`.
        progress: where it has its progress in percent.
        columns: the columns of a list of jobs besides id and status.
        succeeded: the statuses of success.
        failed: the statuses of failure.
        cancelled: the statuses of a job that was cancelled.
        create: the request that creates a job; its body is the payload.
        find: the request that finds the job of an earlier try, if ids are not chosen here.
        describe: the request that says where a new job comes from, if the service is to know.
        start: the request that starts a job, if one is needed.
        read: the request that describes a job.
        listing: the request that lists jobs.
        cancel: the request that cancels a job.
    """

    chosen: str | None
    id: tuple[Pointer, ...]
    status: tuple[Pointer, ...]
    model: tuple[Pointer, ...]
    error: tuple[Pointer, ...]
    cost: Pointer | None
    progress: Pointer | None
    columns: Mapping[str, tuple[Pointer, ...]]
    succeeded: frozenset[str]
    failed: frozenset[str]
    cancelled: frozenset[str]
    create: ServiceCall
    find: JobFind | None
    describe: ServiceCall | None
    start: ServiceCall | None
    read: ServiceCall
    listing: ServiceCall
    cancel: ServiceCall

    @property
    def unsuccessful(self) -> frozenset[str]:
        """The statuses of a job that ended without success."""
        return self.failed | self.cancelled

    @property
    def over(self) -> frozenset[str]:
        """The statuses of a job that ended."""
        return self.succeeded | self.unsuccessful


class EventFacts(NamedTuple):
    """The request for the events of a job.

    Attributes:
        call: the request.
        number: the key of an event that has its number. Without it, an answer has all events.
        errors: the types of events whose message is the reason of a failure.
    """

    call: ServiceCall
    number: str | None
    errors: frozenset[str]


class MetricFacts(NamedTuple):
    """The request for the metrics of a job.

    Attributes:
        call: the request.
        step: the key of an entry that has its step.
        name: the key of an entry that has the name of its metric. Without it, each key is a metric.
        value: the key of an entry that has the value.
        skip: the last parts of keys that are not metrics.
    """

    call: ServiceCall
    step: str
    name: str | None
    value: str | None
    skip: frozenset[str]


class PriceFacts(NamedTuple):
    """The request for the price of a job.

    Attributes:
        call: the request; its body has the `fields` of the payload.
        fields: those fields.
        amount: where the answer has the price.
        currency: its currency.
        tokens: where it has the number of tokens that are trained on.
        allowed: where it says whether such a job may proceed.
        limit: where it has what may be spent.
        unavailable: where it has the reason why there is no price.
    """

    call: ServiceCall
    fields: tuple[Pointer, ...]
    amount: Pointer
    currency: str
    tokens: Pointer
    allowed: Pointer
    limit: Pointer
    unavailable: Pointer


class LimitRow(NamedTuple):
    """A limit for the value of the payload at `at`.

    It applies if the payload has the value `wanted[1]` at `wanted[0]`. `least`, `most` and `among` are the
    places of the answer that have the limit; `among` holds for the parts of the value between
    `separator`, `besides` what is always taken. `needs` is the place that must be true.
    """

    at: Pointer
    wanted: tuple[Pointer, Any] | None
    least: Pointer | None
    most: Pointer | None
    among: Pointer | None
    separator: str | None
    besides: frozenset[str]
    needs: Pointer | None


class LimitFacts(NamedTuple):
    """The request for the limits of a model: its slots are places of the payload."""

    call: ServiceCall
    values: Mapping[str, Pointer]
    rows: tuple[LimitRow, ...]


class ServiceTable(NamedTuple):
    """All that submission knows about a service: a `service.toml`, see `service.schema.json`."""

    endpoint: EndpointFacts
    training: Binding
    validation: Binding
    secrets: tuple[SecretRow, ...]
    file: FileFacts
    job: JobFacts
    events: EventFacts | None
    metrics: MetricFacts | None
    price: PriceFacts | None
    limits: LimitFacts | None


def load_service(text: str) -> ServiceTable:
    """Read a `service.toml` that fits `service.schema.json`."""
    return service_of(tomllib.loads(text))


def service_of(table: Mapping[str, Any]) -> ServiceTable:
    """Return the table of a `service.toml` that has the values `table`."""
    bind, address = table["bind"], table["address"]
    return ServiceTable(
        EndpointFacts(
            address["default"],
            address["variable"],
            address.get("path", ""),
            address.get("base", ""),
            address["key"],
            address.get("parts", {}),
        ),
        _binding(bind["training"]),
        _binding(bind["validation"]),
        tuple(
            SecretRow(parse_pointer(each["to"]), each["variable"], _pointers(each["when"]))
            for each in table.get("secret", ())
        ),
        _file(table["file"]),
        _job(table["job"]),
        _events(table["events"]) if "events" in table else None,
        _metrics(table["metrics"]) if "metrics" in table else None,
        _price(table["price"]) if "price" in table else None,
        _limits(table["limits"]) if "limits" in table else None,
    )


def _pointers(texts: Sequence[str]) -> tuple[Pointer, ...]:
    return tuple(map(parse_pointer, texts))


def _pointer(table: Mapping[str, Any], name: str) -> Pointer | None:
    return parse_pointer(table[name]) if name in table else None


def _binding(entry: Mapping[str, Any]) -> Binding:
    return Binding(parse_pointer(entry["to"]), entry.get("value", "{file}"), entry.get("list", False))


def _call(entry: Mapping[str, Any]) -> ServiceCall:
    exists = entry.get("exists")
    return ServiceCall(
        entry.get("method", "GET"),
        entry["path"],
        entry.get("query", {}),
        entry.get("json"),
        entry.get("form", {}),
        entry.get("part"),
        entry.get("headers", {}),
        _pointers(entry.get("list", ())),
        frozenset((*entry.get("takes", ()), *([exists["status"]] if exists else []))),
        {
            slot: place.removeprefix(_HEADER) if place.startswith(_HEADER) else parse_pointer(place)
            for slot, place in entry.get("finds", {}).items()
        },
        Exists(exists["status"], parse_pointer(exists["file"])) if exists else None,
    )


def _file(table: Mapping[str, Any]) -> FileFacts:
    find = table.get("find")
    return FileFacts(
        table.get("chosen"),
        _pointers(table.get("id", ())),
        tuple(map(_call, table["upload"])),
        _call(table["read"]),
        FileFind(_call(find), parse_pointer(find["digest"])) if find else None,
        _pointers(table["status"]),
        table.get("absent"),
        _pointer(table, "fault"),
        _pointers(table["error"]),
        frozenset(table["ready"]),
        frozenset(table["pending"]),
        table["patience"],
        table.get("most_bytes"),
        table.get("fewest_rows"),
        table.get("most_rows"),
    )


def _job(table: Mapping[str, Any]) -> JobFacts:
    find = table.get("find")
    return JobFacts(
        table.get("chosen"),
        _pointers(table["id"]),
        _pointers(table["status"]),
        _pointers(table["model"]),
        _pointers(table.get("error", ())),
        _pointer(table, "cost"),
        _pointer(table, "progress"),
        {name: _pointers(places) for name, places in table["columns"].items()},
        frozenset(table["succeeded"]),
        frozenset(table["failed"]),
        frozenset(table["cancelled"]),
        _call(table["create"]),
        find
        and JobFind(
            _call(find),
            _pointer(find, "key"),
            _pointer(find, "digest"),
            _pointers(find.get("same", ())),
            _pointer(find, "created"),
        ),
        _call(table["describe"]) if "describe" in table else None,
        _call(table["start"]) if "start" in table else None,
        _call(table["read"]),
        _call(table["list"]),
        _call(table["cancel"]),
    )


def _events(table: Mapping[str, Any]) -> EventFacts:
    return EventFacts(_call(table), table.get("number"), frozenset(table.get("errors", ())))


def _metrics(table: Mapping[str, Any]) -> MetricFacts:
    return MetricFacts(
        _call(table), table["step"], table.get("name"), table.get("value"), frozenset(table.get("skip", ()))
    )


def _price(table: Mapping[str, Any]) -> PriceFacts:
    places = ("tokens", "allowed", "limit", "unavailable")
    return PriceFacts(
        _call(table),
        _pointers(table["fields"]),
        parse_pointer(table["amount"]),
        table["currency"],
        *(parse_pointer(table[name]) for name in places),
    )


def _limits(table: Mapping[str, Any]) -> LimitFacts:
    return LimitFacts(
        _call(table),
        {slot: parse_pointer(place) for slot, place in table["values"].items()},
        tuple(map(_limit, table["rule"])),
    )


def _limit(entry: Mapping[str, Any]) -> LimitRow:
    when = entry.get("when")
    return LimitRow(
        parse_pointer(entry["at"]),
        (parse_pointer(when["at"]), when["is"]) if when else None,
        _pointer(entry, "least"),
        _pointer(entry, "most"),
        _pointer(entry, "among"),
        entry.get("separator"),
        frozenset(entry.get("besides", ())),
        _pointer(entry, "needs"),
    )
