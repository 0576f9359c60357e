"""Print the shapes of what the client of Fireworks sends and reads, as one JSON object.

They are the JSON Schemas of the types of its package, without texts. An object has only the names of its type.
"""

import json

from fireworks.types.dataset import Dataset
from fireworks.types.dataset_create_params import DatasetCreateParams
from fireworks.types.dataset_get_upload_endpoint_params import DatasetGetUploadEndpointParams
from fireworks.types.dataset_get_upload_endpoint_response import DatasetGetUploadEndpointResponse
from fireworks.types.supervised_fine_tuning_job import SupervisedFineTuningJob
from fireworks.types.supervised_fine_tuning_job_create_params import SupervisedFineTuningJobCreateParams
from fireworks.types.supervised_fine_tuning_job_list_params import SupervisedFineTuningJobListParams
from recorded_shapes import closed

SHAPES = {
    "dataset": Dataset,
    "dataset request": DatasetCreateParams,
    "upload request": DatasetGetUploadEndpointParams,
    "upload": DatasetGetUploadEndpointResponse,
    "job": SupervisedFineTuningJob,
    "job request": SupervisedFineTuningJobCreateParams,
    "jobs query": SupervisedFineTuningJobListParams,
}

print("understood", json.dumps({name: closed(kind) for name, kind in SHAPES.items()}))
