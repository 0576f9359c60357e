"""The number of connections is limited, and a slow or idle peer does not keep others from connecting."""

import socket
from contextlib import ExitStack
from pathlib import Path

import pytest

from sftc.service.limits import ServiceLimits
from support.raw_requests import AUTHORIZED, FORM, UPLOAD, answered, connected, head, status
from support.services import END, PURPOSE, Client, good, part, rows, thread
from support.waiting import eventually

FEW = ServiceLimits(connections=8)
OPEN = b"GET /api/openapi.json"
BODY = part(b"file", rows(1), b"train.jsonl") + PURPOSE + END
BUSY = head(UPLOAD, AUTHORIZED, FORM, b"Content-Length: %d" % len(BODY))

SLOW = {
    "idle": b"",
    "half a head": OPEN + b" HTTP/1.1\r\nX: ",
    "between requests": OPEN + b" HTTP/1.1\r\n\r\n",
    "the rest of a refused request": head(UPLOAD, b"Content-Length: 9999").replace(b"close", b"keep-alive"),
    "responses that are not read": (OPEN + b" HTTP/1.1\r\n\r\n") * 1000,
}


def has_ended(link: socket.socket, sent: bytes = b"") -> bool:
    """Send `sent`, and return whether the service has closed the connection."""
    link.setblocking(False)
    try:
        link.send(sent) if sent else None
        while link.recv(1 << 16):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


@pytest.mark.parametrize("start", SLOW.values(), ids=SLOW)
def test_peers_without_the_token_do_not_keep_others_from_connecting(tmp_path: Path, start: bytes) -> None:
    with thread(tmp_path, limits=FEW) as client, ExitStack() as links:
        slow = []
        for _ in range(5 * FEW.connections):
            link = links.enter_context(connected(client))
            link.sendall(start)
            slow.append(link)
        with Client(str(client.origin)) as other:
            assert good(other.get("/jobs")) == {"jobs": []}
            if start != SLOW["responses that are not read"]:  # reading them would let it go on
                eventually(lambda: sum(not has_ended(link) for link in slow) < FEW.connections)


def test_requests_in_progress_are_not_cut_off_and_the_next_one_is_asked_to_wait(tmp_path: Path) -> None:
    with thread(tmp_path, limits=FEW) as client, ExitStack() as links:
        busy = [links.enter_context(connected(client)) for _ in range(FEW.connections)]
        for link in busy:
            link.sendall(BUSY)
        incoming = tmp_path / "incoming"
        eventually(lambda: len([*incoming.iterdir()]) == FEW.connections)
        with Client(str(client.origin)) as other:
            assert other.get("/jobs").status_code == 503
            for link in busy:
                link.sendall(BODY)
                assert status(answered(link)) == 200
            assert good(other.get("/jobs")) == {"jobs": []}


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (head(UPLOAD, b"Content-Length: 999999").replace(b"close", b"keep-alive"), b"x"),
        (head(UPLOAD, b"Transfer-Encoding: chunked").replace(b"close", b"keep-alive"), b"1\r\nx\r\n"),
        (OPEN + b" HTTP/1.1\r\n\r\n", b"\r\n"),
        (OPEN + b" HTTP/1.1\r\nX: ", b"x"),
        (b"", b"\r\n"),
    ],
)
def test_a_peer_without_the_token_that_sends_slowly_is_disconnected(
    tmp_path: Path, start: bytes, piece: bytes
) -> None:
    """Also if no two pieces are far apart."""
    with thread(tmp_path, limits=ServiceLimits(patience=0.1)) as client, connected(client) as link:
        link.sendall(start)
        eventually(lambda: has_ended(link, piece))


def test_the_response_to_a_refused_upload_is_not_followed_by_another(tmp_path: Path) -> None:
    body = b"x" * (1 << 20)
    with thread(tmp_path) as client, connected(client) as link:
        link.sendall(head(UPLOAD, b"Content-Length: %d" % len(body)).replace(b"close", b"keep-alive") + body)
        link.sendall(head(OPEN))
        answer = answered(link)
    assert [each.split(b" ")[0] for each in answer.split(b"HTTP/1.1 ")[1:]] == [b"401", b"200"]
