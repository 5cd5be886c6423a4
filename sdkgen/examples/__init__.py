"""Examples of calls as data; documentation, tutorials and other texts are rendered from them. Pure."""
