"""Checks, describes and samples training files in bounded memory.

Input: JSON Lines files. Output: findings, digests and statistics, the same for any number of
processes. A row is read at most twice: a sieve passes rows without findings in bulk, and `examine_row`
decides about all others. This package must not import anything about configs or services.
"""
