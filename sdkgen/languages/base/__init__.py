"""What the languages share: casing, escaping, the lock of names, who uses a type, files and their manifest. Pure."""
