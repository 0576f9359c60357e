"""The service against its own OpenAPI document: schemathesis sends what fits it and what does not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import settings
from schemathesis import Case, CheckFunction
from schemathesis.specs.openapi import checks

from services import TOKEN, Client, good, payload, process, rows
from sftc.contract import PACKAGED

AUTHORIZED = {"Authorization": f"Bearer {TOKEN}"}
SHAPES: list[CheckFunction] = [
    schemathesis.checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]
schema = schemathesis.openapi.from_dict(json.loads(PACKAGED.read("wire.openapi.json")))


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    with process(tmp_path_factory.mktemp("contract")) as running, Client(running.url) as client:
        yield client


@pytest.fixture(scope="module")
def ids(service: Client) -> dict[str, str]:
    file = service.ready(rows(1))
    job = good(service.create(payload(file)))
    return {"files": file, "jobs": job["id"]}


@schema.parametrize()
@settings(max_examples=15)
def test_every_answer_is_one_that_the_document_names(
    case: Case[Any], service: Client, ids: dict[str, str]
) -> None:
    url = str(service.origin)
    creates = case.operation.label == "POST /api/learning/jobs"
    # What a job must hold is the payload's own schema to say: to the document any object is one.
    excluded: list[CheckFunction] = [checks.positive_data_acceptance] if creates else []
    case.call_and_validate(base_url=url, headers=AUTHORIZED, excluded_checks=excluded)
    # Once more, with what is there: by chance no id is one, and no object a job.
    if "id" in case.path_parameters:
        case.path_parameters["id"] = ids[case.operation.path.split("/")[3]]
    if creates:
        case.body = payload(ids["files"])
    case.call_and_validate(base_url=url, headers=AUTHORIZED, checks=SHAPES)
