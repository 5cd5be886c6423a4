"""Views of the costs endpoints, one file per topic."""
