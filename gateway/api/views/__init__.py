"""Views of the management API: thin; reads through `visible_to`, writes through services."""
