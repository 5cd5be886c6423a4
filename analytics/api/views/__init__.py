"""Views of the analytics endpoints, one file per topic."""
