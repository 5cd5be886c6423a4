package com.llmgateway.core;

import com.llmgateway.json.Codec;

/**
 * How the pages of a list are read.
 *
 * @param codec of an item
 * @param items the member of the answer that is the list
 * @param next the parameter that chooses a page
 * @param more the member that says whether there is another one
 * @param isCursor whether {@code next} takes the id of the last item, and not a number
 */
public record PageRules<T>(Codec<T> codec, String items, String next, String more, boolean isCursor) {
}
