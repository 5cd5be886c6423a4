"""A refusal in SCIM's words."""


class ScimError(Exception):
    """RFC 7644, section 3.12. `kind`: its `scimType`, empty where the RFC has none."""

    def __init__(self, status: int, detail: str, kind: str = "") -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
