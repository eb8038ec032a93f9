"""Every error this project raises.

CalypsoError                    .message .hint .code .retryable .request_id .retry_after_s .ids
  ConfigError                   a wrong flag, variable or file; raised before serving (exit code 2)
  InputError                    the caller's fault, found before any byte is sent
    ContentError                the source: none or several, unreadable, empty, too large, bad base64
    ManifestError               the batch: too many files, repeated client file ids, no destination
    QuotaExceeded               more than the operator lets this caller store
    ScopeError                  a bucket or source this caller has no access to, or that does not exist
  OutOfTime                     the call reached its deadline; what it did so far stays done
  ConnectionFailed              no usable HTTP response
    RequestTimedOut
  Busy                          this server has too much to do; nothing was tried
  ApiError                      the API answered 4xx or 5xx: .status
    AuthenticationFailed 401    PermissionDenied 403    NotFound 404    Conflict 409
    InvalidRequest 400 422      TooLarge 413            RateLimited 429 ServerError 5xx
  ContractError                 2xx, but the body is not what the API sheet says
  AnswerFailed                  the agent was reached, but what came is no whole answer
  UploadError
    SessionExpired              the upload address is gone: start a new session with the same key
    UploadOutOfStep             the server acknowledged bytes that were never sent
    UploadCorrupted             size or checksum differs from what was announced

That a file is not searchable yet, or never will be, is a result and not an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from inspect import getdoc
from typing import ClassVar


class CalypsoError(Exception):
    """Something went wrong in calypso-mcp."""

    #: What the reader should do next, when the raiser has nothing better.
    default_hint: ClassVar[str] = ""
    #: Whether the same call may succeed later without a change.
    default_retryable: ClassVar[bool] = False
    #: Code shown to agents where the API supplied none.
    default_code: ClassVar[str] = "error"

    def __init__(
        self,
        message: str = "",
        *,
        hint: str = "",
        code: str = "",
        retryable: bool | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
        ids: Mapping[str, str] | None = None,
    ) -> None:
        """Keep what a reader needs to act.

        Args:
            message: What happened; the class docstring when empty.
            hint: What to do next.
            code: The API's error code, or ours.
            retryable: Whether repeating the call can help.
            request_id: The API's id of the failed request, for support.
            retry_after_s: Seconds the server asked to wait.
            ids: Ids that already exist because of this call, for example `{"session_id": ...}`.
        """
        self.message = message or (getdoc(type(self)) or "").splitlines()[0]
        self.code = code or self.default_code
        self.retryable = self.default_retryable if retryable is None else retryable
        self._hint = hint
        self.request_id = request_id
        self.retry_after_s = retry_after_s
        self.ids = dict(ids or {})
        super().__init__(self.message)

    @property
    def hint(self) -> str:
        """What to do next. Advice to repeat the call is withheld where that cannot help."""
        is_advice_void = self.default_retryable and not self.retryable
        return self._hint or ("" if is_advice_void else self.default_hint)

    @hint.setter
    def hint(self, hint: str) -> None:
        self._hint = hint


class ConfigError(CalypsoError):
    """A setting is wrong."""

    default_code = "invalid_configuration"


class InputError(CalypsoError):
    """The call cannot be carried out as it was given."""

    default_code = "invalid_input"


class ContentError(InputError):
    """The content to upload cannot be used."""

    default_code = "invalid_content"


class ManifestError(InputError):
    """The batch cannot be accepted as it was given."""

    default_code = "invalid_manifest"

    def __init__(self, message: str = "", *, code: str = "", client_file_ids: Iterable[str] = ()) -> None:
        """Say what is wrong, and with which files of the batch.

        Args:
            message: What happened.
            code: The API's error code.
            client_file_ids: The files that it concerns; empty for the batch as a whole.
        """
        super().__init__(message, code=code)
        self.client_file_ids = tuple(client_file_ids)


class QuotaExceeded(InputError):
    """The operator's quota for this caller is used up."""

    default_code = "quota_exceeded"


class ScopeError(InputError):
    """There is no such bucket here."""

    default_code = "bucket_not_found"
    default_hint = "Call list_buckets to see the buckets you can use."


class OutOfTime(CalypsoError):
    """The call ran out of time."""

    default_code = "out_of_time"
    default_hint = "Make the same call again; finished work is not repeated."
    default_retryable = True


class ConnectionFailed(CalypsoError):
    """The Calypso API could not be reached."""

    default_code = "connection_failed"
    default_hint = "Check the network and the API base URL, then call again."
    default_retryable = True


class RequestTimedOut(ConnectionFailed):
    """The Calypso API did not answer in time."""

    default_code = "timeout"


class Busy(CalypsoError):
    """The server is busy."""

    default_code = "busy"
    default_hint = "Wait, then make the same call again."
    default_retryable = True


class ApiError(CalypsoError):
    """The Calypso API refused the request."""

    default_code = "api_error"
    #: Of the answer; the one that the kind stands for where there was no answer, 0 for several.
    status: int = 0


class AuthenticationFailed(ApiError):
    """The Calypso API did not accept the API key."""

    status = 401
    default_code = "invalid_api_key"
    default_hint = "The operator must set a valid CALYPSO_API_KEY and restart the server."


class PermissionDenied(ApiError):
    """The API key lacks the capability for this."""

    status = 403
    default_code = "permission_denied"
    default_hint = "The operator must grant the key this capability in Calypso."


class NotFound(ApiError):
    """The Calypso API knows nothing by this id."""

    status = 404
    default_code = "not_found"


class Conflict(ApiError):
    """It exists already."""

    status = 409
    default_code = "conflict"


class InvalidRequest(ApiError):
    """The Calypso API found the request invalid."""

    default_code = "invalid_request"


class TooLarge(ApiError):
    """The Calypso API found the content too large."""

    status = 413
    default_code = "file_too_large"


class RateLimited(ApiError):
    """Too many requests for this API key."""

    status = 429
    default_code = "rate_limited"
    default_hint = "Wait, then make the same call again."
    default_retryable = True


class ServerError(ApiError):
    """The Calypso API failed."""

    default_code = "server_error"
    default_hint = "Make the same call again in a while; nothing is sent twice."
    default_retryable = True


class ContractError(CalypsoError):
    """The Calypso API answered with something this version does not understand."""

    default_code = "unexpected_response"
    default_hint = "Check the API base URL; if it is right, update calypso-mcp."


class AnswerFailed(CalypsoError):
    """The agent could not answer."""

    default_code = "answer_failed"
    default_hint = "Make the same call again, or look for passages with search_bucket."
    default_retryable = True


class UploadError(CalypsoError):
    """The bytes did not arrive."""

    default_code = "upload_failed"
    default_hint = "Make the same call again; it continues where it stopped."
    default_retryable = True


class SessionExpired(UploadError):
    """The upload address has expired."""

    default_code = "upload_session_expired"


class UploadOutOfStep(UploadError):
    """The storage acknowledged bytes that were never sent."""

    default_code = "upload_out_of_step"


class UploadCorrupted(UploadError):
    """What was stored is not what was sent."""

    default_code = "upload_corrupted"
