"""Request bodies of the management API."""

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser

from gateway.jsonfaults import fault_of


class BoundedJSONParser(JSONParser):
    """JSON whose nesting and numbers the interpreter can follow; others are the caller's mistake (400), no failure of
    ours."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError(f"JSON parse error - {fault_of(error)}") from None
        except ParseError as refusal:
            reason = refusal.__context__
            if not isinstance(reason, ValueError):
                raise
            raise ParseError(f"JSON parse error - {fault_of(reason)}") from None
