"""Training on this machine: the executor of the embedded service, and the process that trains.

Only `worker` and what it imports know torch; it runs in a process of its own.
"""
