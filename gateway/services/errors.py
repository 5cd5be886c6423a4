"""What a verb raises when it cannot be done; the API, the admin and the commands each show it in their own form."""


class ServiceError(Exception):
    """A refusal people can act on. `code` is stable, `field` names the offending input when there is one."""

    status = 400

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field


class Invalid(ServiceError):
    """The input cannot be accepted."""


class Unauthorized(ServiceError):
    """Who the caller is could not be established."""

    status = 401


class Forbidden(ServiceError):
    """The caller's role does not allow this."""

    status = 403


class NotFound(ServiceError):
    """The thing does not exist, or not for this caller."""

    status = 404


class TooLarge(ServiceError):
    """The body is larger than this installation takes."""

    status = 413


class Conflict(ServiceError):
    """The thing changed meanwhile, or is in a state that excludes the verb."""

    status = 409


class Unavailable(ServiceError):
    """Something that this needs does not answer now."""

    status = 503


class Gone(ServiceError):
    """The thing was there and is not any more."""

    status = 410
