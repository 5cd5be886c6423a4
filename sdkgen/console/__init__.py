"""Pages of the SDKs in the console."""
