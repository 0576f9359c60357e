"""Helpers that several tests share: services, programs, proxies, configs and training files."""
