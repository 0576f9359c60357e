"""A Ray cluster of one machine with two CPUs, in a network of its own: it listens on every address."""

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
    """Leave the machine's network: this thread, and what it starts from now on, has but a loopback.

    The environment has what Ray asks for: a token, in a file that is made.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "a network of its own takes the rights of root")
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
    """Start a cluster, and yield its address; `apart` comes first."""
    scripts = sysconfig.get_path("scripts")
    environment = {
        **os.environ,
        "PATH": f"{scripts}:{os.environ['PATH']}",
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_GRACEFUL_SHUTDOWN_DRAIN_TIMEOUT_S": "0",
        "GLOO_SOCKET_IFNAME": "lo",
    }
    with tempfile.TemporaryDirectory(prefix="ray-") as folder:  # a short path: sockets lie in it
        command = [
            *(f"{scripts}/ray", "start", "--head", "--block", "--num-cpus=2", "--node-ip-address=127.0.0.1"),
            *("--dashboard-host=127.0.0.1", f"--object-store-memory={100 << 20}", f"--temp-dir={folder}"),
        ]
        head = subprocess.Popen(command, stdout=subprocess.PIPE, env=environment, start_new_session=True)
        try:
            assert head.stdout
            assert any(b"--block" in line for line in head.stdout)  # all is started
            yield _ADDRESS
        finally:
            head.terminate()
            head.communicate()
