package com.llmgateway.core;

import com.llmgateway.json.Codec;
import java.util.Set;

/**
 * How the events of a method are read.
 *
 * @param event of an event's data
 * @param hasNames whether events of several names are expected, which their type tells apart; without, an event with a
 *     name is one that this version does not know
 * @param done the data of the end mark, which is no JSON; empty when there is none
 * @param last names or types of events after which the stream is complete; none: its end is the end
 * @param fold how events add up to an answer
 * @param answer of that answer
 */
public record StreamRules<E, A>(
        Codec<E> event, boolean hasNames, String done, Set<String> last, StreamFold fold, Codec<A> answer) {
}
