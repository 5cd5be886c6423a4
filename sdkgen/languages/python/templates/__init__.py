"""Texts of a package, filled with `string.Template`, and examples, which are run by tests."""
