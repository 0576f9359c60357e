"""A Ray cluster of one machine with two CPUs, in its own network: Ray listens on every address."""

import ctypes
import os
import secrets
import socket
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_CLONE_NEWNET = 0x40000000
_ADDRESS = "http://127.0.0.1:8265"


@contextmanager
def apart(token: Path) -> Iterator[None]:
    """Move this thread and the processes that it starts to a network with only a loopback interface.

    Sets the environment variables for Ray's token, which is written to the file `token`.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "creating a network namespace needs root")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    assert [name for _, name in socket.if_nameindex()] == ["lo"]
    token.touch(0o600)
    token.write_text(secrets.token_hex(), encoding="ascii")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "token")
        patch.setenv("RAY_AUTH_TOKEN_PATH", str(token))
        yield


@contextmanager
def started() -> Iterator[str]:
    """Start a cluster, and yield its address. Enter `apart` first."""
    scripts = sysconfig.get_path("scripts")
    environment = {
        **os.environ,
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:  # a short path, because it contains sockets
        command = [
            *(f"{scripts}/ray", "start", "--head", "--block", "--num-cpus=2", "--node-ip-address=127.0.0.1"),
            *("--dashboard-host=127.0.0.1", f"--object-store-memory={100 << 20}", f"--temp-dir={folder}"),
        ]
        head = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
        try:
            assert head.stdout
            assert any(b"--block" in line for line in head.stdout)  # the cluster is up
            yield _ADDRESS
        finally:
            head.terminate()
            head.communicate()
