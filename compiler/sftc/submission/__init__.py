"""Submits a payload and its files to a service as a job, exactly once, and follows the job to its end.

Input: a payload, data files and a service. Output: a job, its events and its outcome. This package
must not read configs or import anything about TOML.
"""
