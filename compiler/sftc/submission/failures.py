"""Exceptions of submission.

SubmissionError
├── RefusedError        the service refused a request
├── UnreachableError    the service cannot be reached, or sends no valid response
├── ChangedFileError    a file changed after it was checked
├── KeyInUseError       the idempotency key belongs to another order
├── PriceError          the account cannot pay for the job
├── JobFailedError      the job ended as `failed`
└── JobCancelledError   the job ended as `cancelled`
"""


class SubmissionError(Exception):
    """Submission ended without a successful job. The message gives the reason."""


class RefusedError(SubmissionError):
    """The service refused a request, and a retry would not help.

    Attributes:
        status: the HTTP status.
        code: the error code of the service, if it sent one.
        request_id: the id of the request in the logs of the service, if it sent one.
        reason: the message of the service.
        detail: all of these in one line.
    """

    def __init__(self, status: int, code: str | None, message: str, request_id: str | None) -> None:
        self.status = status
        self.code = code
        self.request_id = request_id
        self.reason = message
        code_ = f" `{code}`" if code else ""
        request = f" (request {request_id})" if request_id else ""
        self.detail = f"HTTP {status}{code_}: {message}{request}"
        super().__init__(f"the service refused the request: {self.detail}")


class UnreachableError(SubmissionError):
    """The service cannot be reached, or sends no valid response.

    Attributes:
        wait: the seconds that the service asked the client to wait; 0 if it did not ask.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(message)


class ChangedFileError(SubmissionError):
    """A file changed after it was checked."""


class KeyInUseError(SubmissionError):
    """The idempotency key belongs to another order, or too many tries have used it."""


class PriceError(SubmissionError):
    """The account cannot pay for the job, as the service says before it is created."""


class JobFailedError(SubmissionError):
    """The job ended as `failed`."""


class JobCancelledError(SubmissionError):
    """The job ended as `cancelled`."""
