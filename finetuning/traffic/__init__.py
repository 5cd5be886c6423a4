"""Logged requests as training examples: what was said, what kind it is, which to take, how they differ from today's
traffic. Pure: no Django, nothing is read or written."""

from .conversations import NotAnExample, example_of
from .drift import Drift, TraitDrift, drift
from .sampling import sample
from .traits import TRAITS, traits_of

__all__ = ("TRAITS", "Drift", "NotAnExample", "TraitDrift", "drift", "example_of", "sample", "traits_of")
