"""The forecasters: each predicts from many origins of one series at once.

A strategy is a function `(values, ends, horizon, period) -> float[len(ends), horizon]`: for every end it sees
`values[:end]` alone; a row is NaN where that is too little for it.
"""
