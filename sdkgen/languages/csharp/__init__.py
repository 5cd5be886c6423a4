"""C#."""

from sdkgen.languages.csharp.language import CSharp

__all__ = ["CSharp"]
