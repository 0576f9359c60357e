"""Print the shapes of what Together's client sends and reads, as one JSON object.

They are the JSON Schemas of the types of its package, without texts. An object has only the names of its type.
"""

import json

from recorded_shapes import closed
from together.lib.types.fine_tuning import FinetuneRequest
from together.types.file_list import FileList
from together.types.file_response import FileResponse
from together.types.fine_tuning_cancel_response import FineTuningCancelResponse
from together.types.fine_tuning_estimate_price_params import FineTuningEstimatePriceParams
from together.types.fine_tuning_estimate_price_response import AvailableEstimate, UnavailableEstimate
from together.types.fine_tuning_list_events_response import FineTuningListEventsResponse
from together.types.fine_tuning_list_metrics_params import FineTuningListMetricsParams
from together.types.fine_tuning_list_metrics_response import FineTuningListMetricsResponse
from together.types.fine_tuning_list_response import Data, FineTuningListResponse
from together.types.fine_tuning_model_limits_params import FineTuningModelLimitsParams
from together.types.finetune_model_limits import FinetuneModelLimits
from together.types.finetune_response import FinetuneResponse

SHAPES = {
    "file": FileResponse,
    "files": FileList,
    "job request": FinetuneRequest,
    "new job": Data,
    "job": FinetuneResponse,
    "jobs": FineTuningListResponse,
    "cancelled job": FineTuningCancelResponse,
    "events": FineTuningListEventsResponse,
    "metrics": FineTuningListMetricsResponse,
    "metrics query": FineTuningListMetricsParams,
    "price request": FineTuningEstimatePriceParams,
    "price": AvailableEstimate,
    "no price": UnavailableEstimate,
    "limits query": FineTuningModelLimitsParams,
    "limits": FinetuneModelLimits,
}

print("understood", json.dumps({name: closed(kind) for name, kind in SHAPES.items()}))
