"""Real training with no cloud: a softmax over hashed n-grams for data whose answers form a closed set of labels.

Most tuned models of high volume are classifiers, routers or extractors of one word. For these a head of a few megabytes
trains in seconds on one core and answers in under a millisecond. No language model's weights are changed: whoever shows
it says so. Pure: numpy and the standard library.
"""

from finetuning.localhead.examples import Example, NotClosedError, closed_set, examples_of, prompt_of
from finetuning.localhead.head import Answer, Head, Suggestion, suggest_threshold
from finetuning.localhead.training import Curve, Options, Training

__all__ = [
    "Answer",
    "Curve",
    "Example",
    "Head",
    "NotClosedError",
    "Options",
    "Suggestion",
    "Training",
    "closed_set",
    "examples_of",
    "prompt_of",
    "suggest_threshold",
]
