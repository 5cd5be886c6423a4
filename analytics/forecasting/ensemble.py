"""The weighted trimmed mean of the members: the middle of what they say, better ones counted more.

The median of several unlike forecasters is hard to beat because one that runs away has no say (Jose & Winkler 2008,
"Simple robust averages of forecasts", International Journal of Forecasting 24(1), for trimmed means); weights by the
inverse squared back-test error follow Bates & Granger (1969).
"""

import numpy as np

from analytics.forecasting.shapes import Floats

LOW, HIGH = 0.3, 0.7
UNTRIED = 1.25
POWER = 2.0


def combine(members: Floats, weights: Floats) -> Floats:
    """The mean of what lies between the 30th and 70th weighted percentile.

    `members` float[members, ends, horizon] with NaN rows for members that were not available, `weights`
    float[members, ends]; float[ends, horizon].
    """
    usable = np.where(np.isnan(members[:, :, 0]), 0.0, weights)
    totals = usable.sum(axis=0)
    usable = usable / np.where(totals > 0, totals, 1.0)
    order = np.argsort(members, axis=0)  # NaN last, with weight 0
    ordered = np.nan_to_num(np.take_along_axis(members, order, axis=0))
    share = np.take_along_axis(np.broadcast_to(usable[:, :, None], members.shape), order, axis=0)
    upto = share.cumsum(axis=0)
    inside = np.clip(np.minimum(upto, HIGH) - np.maximum(upto - share, LOW), 0.0, None)
    return np.asarray((ordered * inside).sum(axis=0) / np.maximum(inside.sum(axis=0), 1e-12))


def weights(errors: Floats) -> Floats:
    """Inverse squared relative errors, float[members, 1 + origins]: column 0 for the forecast itself, from all origins;
    the others for the back-test at one origin, from all origins but that one.

    `errors` float[members, origins], NaN where a member was not available.
    """
    best = np.nanmin(np.where(np.isnan(errors), np.inf, errors), axis=0, keepdims=True)
    floor = max(float(np.nanmean(errors)), 1e-12) * 1e-3
    relative = (errors + floor) / (np.where(np.isfinite(best), best, 0.0) + floor)
    tried = ~np.isnan(relative)
    sums, counts = np.nansum(relative, axis=1), tried.sum(axis=1)
    columns = [_mean(sums, counts)]
    for origin in range(errors.shape[1]):
        without = np.where(tried[:, origin], np.nan_to_num(relative[:, origin]), 0.0)
        columns.append(_mean(sums - without, counts - tried[:, origin]))
    return np.asarray(np.stack(columns, axis=1) ** -POWER)


def _mean(sums: Floats, counts: Floats) -> Floats:
    """Mean relative error of each member (1 is the best there was); of an untried one, a cautious guess."""
    known = np.divide(sums, counts, out=np.full(len(sums), np.nan), where=counts > 0)
    guess = UNTRIED * (float(np.nanmedian(known)) if (counts > 0).any() else 1.0)
    return np.maximum(np.where(np.isnan(known), guess, known), 1e-6)
