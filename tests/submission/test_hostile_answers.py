"""Whatever a service answers, a job is submitted and followed, or an error says why not."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sftc.submission.failures import SubmissionError
from support.backends import Answer, Asked, odd_service
from support.hosted_services import HOSTED_KEY, Customer, Fireworks, StandIn, Together
from support.training_files import GOOD

FILES = {"rows.jsonl": GOOD}
CONFIG = 'schema_version = 2\n[job]\nmodel = "m"\ndata = "rows.jsonl"\n[training]\nmode = "lora"\n'

NAMES = sorted(
    {
        *(
            "id",
            "status",
            "state",
            "processing_status",
            "validation_report",
            "error",
            "message",
            "code",
            "name",
        ),
        *(
            "data",
            "metrics",
            "train/global_step",
            "train/loss",
            "estimated_total_price",
            "allowed_to_proceed",
        ),
        *(
            "filenameToSignedUrls",
            "rows.jsonl",
            "supervisedFineTuningJobs",
            "estimatedCost",
            "units",
            "nanos",
        ),
        *(
            "jobProgress",
            "percent",
            "file_id",
            "created_at",
            "training_file",
            "type",
            "user_limit",
            "max_rank",
        ),
        *("lora_training", "target_modules", "max_num_epochs", "model_output_name", "outputModel"),
    }
)
WORDS = [
    "completed",
    "COMPLETED",
    "READY",
    "JOB_STATE_COMPLETED",
    "error",
    "cancelled",
    "job_error",
    "file-1",
    "/",
    "",
]
leaves = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.just(10**400)
    | st.floats()
    | st.sampled_from(WORDS)
    | st.text(max_size=5)
)
values = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=5),
    max_leaves=12,
)
bodies = st.dictionaries(st.sampled_from(NAMES), values, max_size=6)
headers = st.fixed_dictionaries(
    {},
    optional={
        "X-Together-File-Id": st.sampled_from(["file-1", "../x", " "]),
        "Location": st.sampled_from(["/storage/1", "http://127.0.0.1:1/", "//", "https://", "x:y"]),
        "Retry-After": st.just("0"),
    },
)
answers = st.builds(
    lambda body, status, headers: Answer(json.dumps(body).encode(), status, headers),
    bodies,
    st.sampled_from([200, 200, 200, 200, 201, 302, 400, 404, 409, 429, 500]),
    headers,
)


class Erratic:
    """A service that gives odd answers to some requests, by their number, and right answers to others."""

    def __init__(self, right: StandIn, odd: dict[int, Answer]) -> None:
        self._right = right
        self._odd = odd
        self._number = 0

    def __call__(self, asked: Asked) -> Answer:
        self._number += 1
        return self._odd.get(self._number) or self._right(asked)


@pytest.mark.parametrize("kind", [Together, Fireworks])
@settings(max_examples=30)
@given(odd=st.dictionaries(st.integers(1, 20), answers, min_size=1, max_size=4))
def test_any_answers_end_with_a_job_or_an_error(
    kind: type[StandIn], odd: dict[int, Answer], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, right = tmp_path_factory.mktemp("hostile"), kind()
    (folder / "rows.jsonl").write_text(GOOD)
    with odd_service(Erratic(right, odd)) as service:
        right.root = service.root
        customer = Customer(folder, right, service.root)
        said = customer.told
        for step in (lambda: customer.beyond(CONFIG), lambda: train(customer)):
            said.append(outcome(step))
        assert HOSTED_KEY not in "\n".join(said)
        assert_no_key_for_the_storage(service.asked)


def outcome(step: Callable[[], object]) -> str:
    try:
        return str(step())
    except SubmissionError as error:
        return str(error)


def train(customer: Customer) -> object:
    job = customer.submit(customer.order(CONFIG), tries=1)
    return customer.follow(job, timeout=0.1)


def assert_no_key_for_the_storage(asked: list[Asked]) -> None:
    assert not [each.path for each in asked if each.method == "PUT" and each.headers.get("Authorization")]
