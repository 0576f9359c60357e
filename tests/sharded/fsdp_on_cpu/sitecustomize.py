"""Makes accelerate treat CPUs as GPUs, in processes with this folder on their path.

FSDP itself runs on CPUs; only accelerate limits it to GPUs.
"""

from typing import Any

from accelerate.state import PartialState
from accelerate.utils import DistributedType

_begin = PartialState.__init__


def _begin_as_gpus(self: PartialState, *args: Any, **options: Any) -> None:
    _begin(self, *args, **options)
    if self.distributed_type == DistributedType.MULTI_CPU:
        self.distributed_type = DistributedType.MULTI_GPU


PartialState.__init__ = _begin_as_gpus
