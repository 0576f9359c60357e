"""A session with an editor, from beginning to end: the server and its requests, over stdin and stdout."""

import gc
import logging
import signal
import sys
from contextlib import closing
from typing import BinaryIO, cast

from sftc.editor.editor_requests import FEATURES, SHOW_PAYLOAD, show_payload
from sftc.editor.language_server import ConfigServer, Project
from sftc.editor.message_stream import MessageInput, MessageOutput
from sftc.editor.open_config import LintChoices


def serve_editor(project: Project, choices: LintChoices) -> bool:
    """Answer an editor over standard input and output, and return whether it ended the session by `shutdown`.

    `choices` count until `project` has returned others.

    Raises:
        NotMessagesError: what comes is not the protocol.
    """
    gc.set_threshold(1000)  # a session is long, and each state of a text is garbage of the next
    logging.getLogger("pygls").setLevel(logging.CRITICAL)  # `report_server_error` has what matters
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # or it would wait for another message first
    server = ConfigServer(project, choices)
    with closing(server.previews):
        for method, handle, options in FEATURES:
            server.feature(method, options)(handle)
        server.command(SHOW_PAYLOAD)(show_payload)
        messages = MessageInput(sys.stdin.buffer), MessageOutput(sys.stdout.fileno())
        server.start_io(*cast("tuple[BinaryIO, BinaryIO]", messages))  # they have the methods that it calls
        return server.protocol.is_shut_down
