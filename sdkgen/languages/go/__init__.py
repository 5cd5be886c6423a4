"""Go: names and types decided from the representation, on a runtime in Go."""

from sdkgen.languages.go.language import Go

__all__ = ["Go"]
