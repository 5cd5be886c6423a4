package com.llmgateway.json;

import java.util.NoSuchElementException;
import java.util.Objects;
import java.util.Optional;
import java.util.function.Consumer;
import java.util.function.Function;

/**
 * A member in one of three states: absent, {@code null}, or a value. Where the API tells {@code null} from absent (in a
 * partial update {@code null} clears a field and absence keeps it), models use it; elsewhere they use {@link Optional}.
 */
public sealed interface Maybe<T> permits Maybe.Absent, Maybe.Null, Maybe.Value {
    /** The member is not there. */
    static <T> Maybe<T> absent() {
        return new Absent<>();
    }

    /** The member is {@code null}. */
    static <T> Maybe<T> ofNull() {
        return new Null<>();
    }

    /** The member has a value. */
    static <T> Maybe<T> of(T value) {
        return new Value<>(value);
    }

    /** Whether the member is not there. */
    default boolean isAbsent() {
        return this instanceof Absent;
    }

    /** Whether the member is there and {@code null}. */
    default boolean isNull() {
        return this instanceof Null;
    }

    /** Whether the member has a value. */
    default boolean isPresent() {
        return this instanceof Value;
    }

    /** The value, or empty for both other states. */
    default Optional<T> toOptional() {
        return this instanceof Value<T> present ? Optional.of(present.value()) : Optional.empty();
    }

    /**
     * The value.
     *
     * @throws NoSuchElementException when there is none
     */
    default T get() {
        return toOptional().orElseThrow();
    }

    /** The value, or another one. */
    default T orElse(T other) {
        return toOptional().orElse(other);
    }

    /** Does something with the value, if there is one. */
    default void ifPresent(Consumer<? super T> action) {
        toOptional().ifPresent(action);
    }

    /** The same state with the value put through a function. */
    default <U> Maybe<U> map(Function<? super T, ? extends U> function) {
        if (this instanceof Value<T> present) {
            return of(function.apply(present.value()));
        }
        return isNull() ? ofNull() : absent();
    }

    /** Not there. */
    record Absent<T>() implements Maybe<T> {
    }

    /** {@code null}. */
    record Null<T>() implements Maybe<T> {
    }

    /** A value, never null itself. */
    record Value<T>(T value) implements Maybe<T> {
        /** Refuses null, which is {@link Maybe#ofNull}. */
        public Value {
            Objects.requireNonNull(value, "value");
        }
    }
}
