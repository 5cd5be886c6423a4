namespace LlmGateway;

using System;
using System.Collections.Generic;

/// <summary>A value that may be left out of a request, which is not the same as sending null.</summary>
/// <remarks>
/// <c>default</c> is left out; assigning a value, or null where the type allows it, sends it.
/// </remarks>
/// <typeparam name="T">The value's type; nullable where the field may be null.</typeparam>
public readonly struct Optional<T> : IEquatable<Optional<T>>
{
    private readonly T _value;

    /// <summary>States a value, null included.</summary>
    public Optional(T value)
    {
        _value = value;
        IsSet = true;
    }

    /// <summary>Whether a value, maybe null, was stated or received.</summary>
    public bool IsSet { get; }

    /// <summary>The value.</summary>
    /// <exception cref="InvalidOperationException">It was left out.</exception>
    public T Value => IsSet ? _value : throw new InvalidOperationException("The value was left out.");

    /// <summary>The value, or what is given for one that was left out.</summary>
    public T Or(T other) => IsSet ? _value : other;

    /// <summary>States a value.</summary>
    public static implicit operator Optional<T>(T value) => new(value);

    /// <inheritdoc/>
    public bool Equals(Optional<T> other) =>
        IsSet == other.IsSet && (!IsSet || EqualityComparer<T>.Default.Equals(_value, other._value));

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Optional<T> other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => IsSet && _value is not null ? _value.GetHashCode() : IsSet ? 1 : 0;

    /// <inheritdoc/>
    public override string ToString() => IsSet ? _value?.ToString() ?? "null" : "(left out)";

    /// <summary>Compares states and values.</summary>
    public static bool operator ==(Optional<T> left, Optional<T> right) => left.Equals(right);

    /// <summary>Compares states and values.</summary>
    public static bool operator !=(Optional<T> left, Optional<T> right) => !left.Equals(right);
}
