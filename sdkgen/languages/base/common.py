"""What the packages of several languages say alike. Pure but for reading its own file."""

from importlib import resources

_BY_STATUS = {
    401: "AuthenticationFailed", 402: "PaymentRequired", 403: "PermissionDenied", 404: "NotFound", 409: "Conflict",
    422: "Unprocessable", 429: "RateLimited",
}  # fmt: skip


def licence() -> str:
    """The text of the licence that every package is under."""
    return resources.files("sdkgen.languages.base").joinpath("LICENSE").read_text(encoding="utf-8")


def kind_of(status: int) -> str:
    """The kind of error that an HTTP status is, in Pascal case and without a suffix: `Server` from 500 on, `BadRequest`
    where there is no other."""
    return _BY_STATUS.get(status, "Server" if status >= 500 else "BadRequest")
