"""What a process begins with where this folder is on its path: accelerate takes its CPUs for GPUs.

FSDP runs on CPUs; accelerate alone keeps it to GPUs.
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
