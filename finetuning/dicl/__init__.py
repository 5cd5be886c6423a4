"""Dynamic in-context learning: the nearest examples of a data set are shown to any base model with each call.

No model's weights change and nothing is trained, so it works with models that cannot be tuned. Pure.
"""

from finetuning.dicl.bank import Bank, Neighbour, Shown

__all__ = ["Bank", "Neighbour", "Shown"]
