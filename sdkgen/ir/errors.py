"""What the document has to be corrected for."""


class DocumentError(ValueError):
    """A place of the document that no representation can be made of. The message names the JSON pointer."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(f"{pointer}: {message}")
        self.pointer = pointer
