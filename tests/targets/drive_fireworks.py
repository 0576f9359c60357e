"""Drive the client of Fireworks against the service at a URL, and print what it understands, as JSON.

Answers that do not fit the types of the client raise errors.
"""

import json
import sys

from fireworks import APIStatusError, Fireworks
from fireworks.lib.dataset_upload import count_dataset_examples, upload_dataset_shards


def main(url: str, file: str) -> None:
    """Create a dataset, upload its file, train, look at the job in every way, and cancel it."""
    client = Fireworks(base_url=url, account_id="me", max_retries=0, _strict_response_validation=True)
    rows = str(count_dataset_examples(file))
    client.datasets.create(dataset_id="d-1", dataset={"user_uploaded": {}, "example_count": rows})
    upload_dataset_shards(client, "d-1", file)
    while (state := client.datasets.get("d-1").state) != "READY":
        assert state == "UPLOADING"
    jobs = client.supervised_fine_tuning_jobs
    job = jobs.create(
        supervised_fine_tuning_job_id="j-1",
        dataset="accounts/me/datasets/d-1",
        base_model="accounts/fireworks/models/qwen3-8b",
        epochs=1,
        output_model="support-1",
        wandb_config={"enabled": True, "api_key": "w", "project": "support"},
    )
    assert job.name
    id = job.name.rpartition("/")[2]
    seen = [jobs.get(id).state for _ in range(4)]
    listed = [each.name for each in jobs.list(page_size=200, order_by="createTime desc")]
    jobs.cancel(id, body={})
    try:
        jobs.get("unknown")
    except APIStatusError as error:
        unknown = [error.status_code, error.message]
    said = {
        "job": job.name,
        "cost": job.estimated_cost and [job.estimated_cost.units, job.estimated_cost.nanos],
        "seen": seen,
        "model": jobs.get(id).output_model,
        "listed": listed,
        "cancelled": jobs.get(id).state,
        "unknown": unknown,
    }
    print("understood", json.dumps(said))


main(*sys.argv[1:])
