"""The training file: checked whole, sampled and described, in bounded memory.

What is found is the same whatever the number of processes. A row is looked at twice at
most: `layout` says yes to rows that are beyond doubt, in bulk, and `examine` is the
authority on all others.
"""
