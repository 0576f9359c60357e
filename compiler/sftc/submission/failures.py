"""How submission fails.

SubmissionError
├── RefusedError        the service said no
├── UnreachableError    the service cannot be reached, or is silent for too long
├── ChangedFileError    a file is not what was checked any more
├── KeyInUseError       the idempotency key stands for another order already
├── JobFailedError      the job ended as `failed`
└── JobCancelledError   the job ended as `cancelled`
"""


class SubmissionError(Exception):
    """Submission ends without a job that succeeded; the message says why."""


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

    `wait` is how many seconds it asked to be left alone, if it did.
    """

    def __init__(self, message: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(message)


class ChangedFileError(SubmissionError):
    """A file is not what was checked any more."""


class KeyInUseError(SubmissionError):
    """The idempotency key stands for another order already."""


class JobFailedError(SubmissionError):
    """The job ended as `failed`."""


class JobCancelledError(SubmissionError):
    """The job ended as `cancelled`."""
