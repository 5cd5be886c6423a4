"""What there is to read of an SDK, from the representation that it is made of: reference, examples, tutorial. Pure."""
