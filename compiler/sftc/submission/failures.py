"""How submission fails.

SubmissionError
├── RefusedError        the service refuses a request
├── UnreachableError    the service cannot be reached, or does not answer in time
├── ChangedFileError    a file changed after it was checked
├── KeyInUseError       the idempotency key belongs to another order
├── JobFailedError      the job ended as `failed`
└── JobCancelledError   the job ended as `cancelled`
"""


class SubmissionError(Exception):
    """Submission ends without a successful job; the message says why."""


class RefusedError(SubmissionError):
    """The service refuses a request for good: `status`, `code` and `request_id` say how."""

    def __init__(self, status: int, code: str | None, message: str, request_id: str | None) -> None:
        self.status = status
        self.code = code
        self.request_id = request_id
        self.reason = message
        code_ = f" `{code}`" if code else ""
        request = f" (request {request_id})" if request_id else ""
        self.detail = f"HTTP {status}{code_}: {message}{request}"
        super().__init__(f"the service refuses with {self.detail}")


class UnreachableError(SubmissionError):
    """The service cannot be reached, or does not answer as it should, for too long.

    `wait` is the number of seconds that it asked the client to wait.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(message)


class ChangedFileError(SubmissionError):
    """A file changed after it was checked."""


class KeyInUseError(SubmissionError):
    """The idempotency key belongs to another order."""


class JobFailedError(SubmissionError):
    """The job ended as `failed`."""


class JobCancelledError(SubmissionError):
    """The job ended as `cancelled`."""
