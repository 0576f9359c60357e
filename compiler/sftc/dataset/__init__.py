"""The training file: checked, described and sampled, in bounded memory, the same for any number of processes.

In: files of JSON Lines. Out: findings, digests and figures. A row is looked at twice at most:
`layout` accepts plain rows in bulk, and `examine_row` is the authority on all others. Must not
know configs or services.
"""
