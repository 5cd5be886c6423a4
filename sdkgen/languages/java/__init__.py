"""The SDK for Java 17: its runtime is written by hand, the rest is made from the representation."""
