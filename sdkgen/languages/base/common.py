"""What the packages of several languages say alike. Pure but for reading its own file."""

from importlib import resources

from sdkgen.ir.nodes import Api, Enum

_BY_STATUS = {
    401: "AuthenticationFailed", 402: "PaymentRequired", 403: "PermissionDenied", 404: "NotFound", 409: "Conflict",
    422: "Unprocessable", 429: "RateLimited",
}  # fmt: skip


def licence() -> str:
    """The text of the licence that every package is under."""
    return resources.files("sdkgen.languages.base").joinpath("LICENSE").read_text(encoding="utf-8")


def noted(enum: Enum) -> str:
    """What is said of the words of a list, a paragraph each; for a language that comments on the list as a whole."""
    return "\n\n".join(filter(None, (enum.doc, *(f"{value}: {note}" for value, note in enum.noted() if note))))


def has(api: Api, *places: str) -> bool:
    """Whether a client has these methods, such as `chat.completions.create`: an example is only where it can run."""
    return {".".join((*one.path, method.name)) for one in api.resources for method in one.methods}.issuperset(places)


def kind_of(status: int) -> str:
    """The kind of error that an HTTP status is, in Pascal case and without a suffix: `Server` from 500 on, `BadRequest`
    where there is no other."""
    return _BY_STATUS.get(status, "Server" if status >= 500 else "BadRequest")
