"""Java 17. The runtime is written by hand, the rest is made from the representation."""

from sdkgen.languages.java.language import Java

__all__ = ["Java"]
