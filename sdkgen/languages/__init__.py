"""One package a language: names and types are decided here, in Python; what they run on is hand-written beside them."""
