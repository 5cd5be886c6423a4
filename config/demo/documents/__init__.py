"""Documents of older releases of this project's API, for the demo."""
