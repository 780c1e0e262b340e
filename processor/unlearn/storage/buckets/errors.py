"""What an object store's refusals mean, in words for people, and as errors of ours."""

from __future__ import annotations

import html
import re
from typing import Final, NamedTuple

from unlearn.errors import StoreDenied, StoreMissing, StoreUnavailable

__all__ = ["CREDENTIALS", "is_gone", "read_refusal"]

CREDENTIALS: Final = {
    "s3": "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""The environment variables that hold what a kind of store asks for."""

_NO_FILE = {"NoSuchKey", "BlobNotFound"}
_NO_BUCKET = {"NoSuchBucket", "ContainerNotFound", "InvalidBucketName"}
_BAD_LOGIN = {
    "AuthenticationFailed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAccessKey",
    "InvalidToken",
    "NoAuthenticationInformation",
    "SignatureDoesNotMatch",
}
_NO_RIGHT = {"AccessDenied", "AllAccessDisabled", "AuthorizationFailure", "AuthorizationPermissionMismatch"}
_FORBIDDEN = "403 Forbidden"
_OTHER_REGION = {"AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "PermanentRedirect"}
_CLOCK = {"RequestTimeTooSkewed", "RequestExpired"}
_CERTIFICATE = re.compile(r"InvalidCertificate\(\s*(?:Other\(\s*OtherError\(\s*)?(\w+)")
_NO_TLS = "InvalidContentType"
_NO_ANSWER = "kind: Timeout"
_REDIRECTED = "redirect without LOCATION"
"""The client's words for the answer of a server of another region."""
_LOGIN_SERVICES = ("169.254.169.254", "169.254.170.2", "latest/api/token", "metadata.google.internal")
"""Where clients ask for a login if the environment has none: they are named in the error if it isn't there."""


class _Said(NamedTuple):
    code: str
    message: str


def is_gone(error: BaseException) -> bool:
    """Whether the store answers that it has the bucket, and no such file in it. Any web server answers 404."""
    return isinstance(error, FileNotFoundError) and _said(error).code in _NO_FILE


def read_refusal(error: BaseException, what: str, scheme: str, place: str) -> StoreUnavailable:
    """The error of ours. `what`: what couldn't be done, as in "read a name"; `place`: the store, without secrets.

    A client's own text isn't shown whole: it holds addresses and headers of requests.
    """
    said = _said(error)
    if said.code in _NO_BUCKET or isinstance(error, FileNotFoundError):
        return StoreMissing(f"the store {place} isn't there: make it, or correct UNLEARN_STORE__URL or _ENDPOINT")
    because = f"{said.code}: {said.message}" if said.code else ""
    denied = _denied(error, said.code, what, CREDENTIALS[scheme])
    if denied:
        return StoreDenied(f"the store {place} {denied}" + (f" ({because})" if because else ""))
    return StoreUnavailable(f"the store {place} can't {what}: {because or _reason(error)}")


def _denied(error: BaseException, code: str, what: str, credentials: str) -> str:
    """How a sentence on the store goes on that denies something; empty if it denies nothing."""
    kind, text = type(error).__name__, str(error)
    if code in _OTHER_REGION or _REDIRECTED in text:
        return "is in another region: set UNLEARN_STORE__REGION"
    if code in _CLOCK:
        return "refuses this machine's clock: set it right"
    if code in _BAD_LOGIN or kind == "UnauthenticatedError":
        return f"refuses the login: check {credentials}"
    if any(service in text for service in _LOGIN_SERVICES):
        return f"needs a login, and none was found: set {credentials}"
    if code in _NO_RIGHT or kind == "PermissionDeniedError" or _FORBIDDEN in text:
        return f"doesn't let this login {what}: give it the right"
    return _no_trust(text)


def _no_trust(text: str) -> str:
    """The same of a server with which the client could not agree on TLS."""
    if _NO_TLS in text:
        return "doesn't speak TLS: say http:// in UNLEARN_STORE__ENDPOINT, if it need not be secret"
    wrong = _CERTIFICATE.search(text)
    return f"has a certificate that isn't trusted ({wrong.group(1)}): set UNLEARN_STORE__SSL_CAFILE" if wrong else ""


def _said(error: BaseException) -> _Said:
    """Code and message of the XML that the server answered; empty where it answered none."""
    text = str(error)
    code, message = re.search(r"<Code>([^<]*)</Code>", text), re.search(r"<Message>([^<]*)</Message>", text)
    return _Said(
        code.group(1) if code else "", " ".join(html.unescape(message.group(1)).split())[:200] if message else ""
    )


def _reason(error: BaseException) -> str:
    """Of what the client says, why there was no answer, or which; without addresses, headers and bodies."""
    text = str(error)
    if _NO_ANSWER in text:
        return "it gave no answer within UNLEARN_STORE__REQUEST_TIMEOUT"
    causes = re.findall(r'(?:message|error): "([^"\\]+)"', text)
    said, _, _ = text.partition("\n")[0].partition(" - ")[2].partition("<")
    return causes[-1] if causes else said.strip(" :") or "no answer"
