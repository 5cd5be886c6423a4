"""Shapes of the costs endpoints, one file per topic."""
