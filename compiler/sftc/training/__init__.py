"""The executors that train models in separate processes, on this machine or on a Ray cluster.

Input: a payload and its files. Output: a model on disk, events and metrics. This package must not
depend on TOML or HTTP. Only `worker` and the modules that it imports may import torch.
"""
