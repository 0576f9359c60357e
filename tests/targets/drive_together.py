"""Drive Together's client against the service at a URL, and print what it understands, as one JSON object.

Answers that do not fit the types of the client raise errors, but for that of a new job: the client reads it
as another type than it has for it.
"""

import json
import sys
from pathlib import Path

from together import APIStatusError, Together


def main(url: str, file: str) -> None:
    """Upload a file twice, train, look at the job in every way, and cancel it."""
    strict = Together(base_url=url, max_retries=0, _strict_response_validation=True)
    client = Together(base_url=url, max_retries=0)
    first, second = (strict.files.upload(Path(file)) for _ in range(2))
    while (state := strict.files.retrieve(first.id).processing_status) != "COMPLETED":
        assert state in {"QUEUED", "RUNNING"}
    jobs = strict.fine_tuning
    price = jobs.estimate_price(training_file=first.id, model="Qwen/Qwen3-8B", n_epochs=1)
    job = client.fine_tuning.create(
        training_file=first.id,
        model="Qwen/Qwen3-8B",
        suffix="support-1",
        n_epochs=1,
        batch_size=64,
        learning_rate=2e-4,
        lora=True,
        lora_r=32,
        wandb_api_key="w",
        wandb_project_name="support",
        wandb_name="support-1",
        random_seed=42,
        gradient_accumulation_steps=1,
    )
    seen = [jobs.retrieve(job.id).status for _ in range(6)]
    events = jobs.list_events(job.id).data
    metrics = jobs.list_metrics(job.id, global_step_from=2).metrics
    listed = jobs.list().data
    cancelled = jobs.cancel(job.id)
    try:
        jobs.retrieve("ft-unknown")
    except APIStatusError as error:
        unknown = [error.status_code, error.message]
    said = {
        "files": [first.id, second.id],
        "price": price.to_dict(),
        "seen": seen,
        "model": listed[0].x_model_output_name,
        "events": [event.type for event in events],
        "steps": [point["train/global_step"] for point in metrics or []],
        "listed": [each.id for each in listed],
        "cancelled": cancelled.status,
        "unknown": unknown,
    }
    print("understood", json.dumps(said))


main(*sys.argv[1:])
