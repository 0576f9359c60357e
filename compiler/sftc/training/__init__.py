"""The executor that trains, in processes of its own: on this machine, or on a Ray cluster.

In: a payload and its files. Out: a model on disk, events and metrics. Must not know TOML or
HTTP; only `worker` and what it imports know torch.
"""
