"""Wire formats, pure: one module a dialect, all translating from and to `ir`. No Django, no network."""
