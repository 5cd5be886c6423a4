namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Net.Http;
using System.Text;
using System.Text.Json;

/// <summary>What can be sent as JSON.</summary>
public interface IJsonValue
{
    /// <summary>Writes it as JSON.</summary>
    void WriteTo(Utf8JsonWriter writer);
}

/// <summary>A value of a type that this version of the library cannot know: an event, a part, a tool of a later one.</summary>
public interface IUnknown : IJsonValue
{
    /// <summary>It as it came.</summary>
    JsonElement Raw { get; }
}

/// <summary>An object that is sent. Fields that this version does not know can be added, and are kept when it came from
/// the gateway.</summary>
public abstract record JsonModel : IJsonValue
{
    /// <summary>Fields that this version of the library does not know.</summary>
    public IReadOnlyDictionary<string, JsonElement> ExtraProperties { get; init; } = Json.NoExtra;

    /// <inheritdoc/>
    public abstract void WriteTo(Utf8JsonWriter writer);

    /// <summary>The object as JSON.</summary>
    public string ToJson() => Encoding.UTF8.GetString(Json.Bytes(WriteTo));
}

/// <summary>An object that came: a view of its JSON. Nothing is decoded before it is looked at, and nothing is lost:
/// fields that this version does not know are in <see cref="Raw"/>.</summary>
/// <remarks>A property throws <see cref="DecodeException"/> when the field is missing or of another type than the API's
/// document says.</remarks>
public abstract class JsonView : IJsonValue
{
    private readonly string _name;

    internal JsonView(JsonElement raw, string name)
    {
        if (raw.ValueKind != JsonValueKind.Object) throw Json.Wrong(raw, "an object", name);
        Raw = raw;
        _name = name;
    }

    /// <summary>It as it came.</summary>
    public JsonElement Raw { get; }

    /// <summary>What the gateway says about the answer; null for what is only a part of one.</summary>
    public GatewayInfo? Gateway { get; internal set; }

    /// <summary>Whether the field came, be it null. Names are those of the wire.</summary>
    public bool Has(string field) => Raw.TryGetProperty(field, out _);

    /// <inheritdoc/>
    public void WriteTo(Utf8JsonWriter writer) => Raw.WriteTo(writer);

    /// <summary>It as JSON.</summary>
    public string ToJson() => Raw.GetRawText();

    /// <inheritdoc/>
    public override string ToString() => ToJson();

    private protected JsonElement Need(string field) =>
        Raw.TryGetProperty(field, out var found) ? found : throw Json.Missing(_name, field);

    private protected JsonElement? Find(string field) => Json.Find(Raw, field);
}

/// <summary>Any JSON value.</summary>
public readonly struct AnyJson : IJsonValue, IEquatable<AnyJson>
{
    private readonly JsonElement _element;

    private AnyJson(JsonElement element) => _element = element;

    /// <summary>The value.</summary>
    public JsonElement Element => _element.ValueKind == JsonValueKind.Undefined ? Json.Null : _element;

    /// <summary>Of text that is JSON.</summary>
    /// <exception cref="JsonException">It is not.</exception>
    public static AnyJson Parse(string json) => new(JsonDocument.Parse(json).RootElement);

    /// <summary>Of an object of the caller's, an anonymous one for example.</summary>
    public static AnyJson Of<T>(T value) => new(JsonDocument.Parse(JsonSerializer.SerializeToUtf8Bytes(value)).RootElement);

    /// <summary>A value that came.</summary>
    public static implicit operator AnyJson(JsonElement value) => new(value);

    /// <summary>A text.</summary>
    public static implicit operator AnyJson(string value) => Of(value);

    /// <summary>A whole number.</summary>
    public static implicit operator AnyJson(long value) => Of(value);

    /// <summary>A number.</summary>
    public static implicit operator AnyJson(double value) => Of(value);

    /// <summary>True or false.</summary>
    public static implicit operator AnyJson(bool value) => Of(value);

    /// <inheritdoc/>
    public void WriteTo(Utf8JsonWriter writer) => Element.WriteTo(writer);

    /// <inheritdoc/>
    public bool Equals(AnyJson other) => Element.GetRawText() == other.Element.GetRawText();

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is AnyJson other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => Element.GetRawText().GetHashCode();

    /// <summary>The JSON.</summary>
    public override string ToString() => Element.GetRawText();

    internal static AnyJson Read(JsonElement value, string name)
    {
        _ = name;
        return value;
    }
}

/// <summary>A file that came.</summary>
/// <param name="Bytes">Its bytes.</param>
/// <param name="MediaType">Its media type.</param>
/// <param name="Name">Its name, as far as the gateway gave one.</param>
/// <param name="Gateway">What the gateway says about the answer.</param>
public sealed record BinaryAnswer(ReadOnlyMemory<byte> Bytes, string? MediaType, string? Name, GatewayInfo Gateway);

/// <summary>Reading and writing of the values that models are made of.</summary>
internal static class Json
{
    public static readonly IReadOnlyDictionary<string, JsonElement> NoExtra = new Dictionary<string, JsonElement>();

    private static readonly JsonWriterOptions Written = new() { Encoder = PlainEncoder.Instance, SkipValidation = true };

    public static readonly IReadOnlyList<KeyValuePair<string, string>> NoPairs = Array.Empty<KeyValuePair<string, string>>();

    public static HttpContent Content(Action<Utf8JsonWriter> write)
    {
        var content = new ByteArrayContent(Bytes(write));
        content.Headers.ContentType = new("application/json");
        return content;
    }

    public static string Utf8(ReadOnlyMemory<byte> bytes) => Encoding.UTF8.GetString(bytes.ToArray());

    /// <summary>A list within an address or a form.</summary>
    public static string Joined<T>(IEnumerable<T> list, Func<T, string> text)
    {
        var parts = new List<string>();
        foreach (var each in list) parts.Add(text(each));
        return string.Join(",", parts);
    }

    /// <summary>The id of a record, after which the next page begins.</summary>
    public static string? IdOf(JsonView view) => Find(view.Raw, "id") is { ValueKind: JsonValueKind.String } id ? id.GetString() : null;

    public static byte[] Bytes(Action<Utf8JsonWriter> write)
    {
        using var kept = new MemoryStream();
        using (var writer = new Utf8JsonWriter(kept, Written)) write(writer);
        return kept.ToArray();
    }

    public static T Parse<T>(ReadOnlyMemory<byte> bytes, Func<JsonElement, T> read) => read(JsonDocument.Parse(bytes).RootElement);

    public static readonly JsonElement Null = JsonDocument.Parse("null").RootElement;

    /// <summary>A field that is there and not null.</summary>
    public static JsonElement? Find(JsonElement raw, string field) =>
        raw.TryGetProperty(field, out var found) && found.ValueKind != JsonValueKind.Null ? found : null;

    /// <summary>The fields beyond those that are known.</summary>
    public static IReadOnlyDictionary<string, JsonElement> Extra(JsonElement raw, params string[] known)
    {
        Dictionary<string, JsonElement>? extra = null;
        foreach (var field in raw.EnumerateObject())
        {
            if (Array.IndexOf(known, field.Name) < 0) (extra ??= new())[field.Name] = field.Value;
        }
        return extra ?? NoExtra;
    }

    public static ConfigurationException Unset(string model, string field) => new($"{model}.{field} must be stated.");

    public static DecodeException Wrong(JsonElement found, string wanted, string name) =>
        new($"{name} is not {wanted} but {found.ValueKind}.");

    public static DecodeException Missing(string model, string name) => new($"{model} has no {name}.");

    public static string String(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(value, "a string", name);

    public static bool Boolean(JsonElement value, string name) => value.ValueKind switch
    {
        JsonValueKind.True => true,
        JsonValueKind.False => false,
        _ => throw Wrong(value, "true or false", name),
    };

    public static long Integer(JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.Number)
        {
            if (value.TryGetInt64(out var whole)) return whole;
            // 1.0 and 1e3 are whole numbers too.
            if (value.TryGetDecimal(out var exact) && exact == decimal.Truncate(exact) && exact is >= long.MinValue and <= long.MaxValue)
                return (long)exact;
        }
        throw Wrong(value, "a whole number", name);
    }

    public static double Number(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.Number ? value.GetDouble() : throw Wrong(value, "a number", name);

    /// <summary>An amount, which the API sends as a string so that no digit is lost; a number is taken as well.</summary>
    public static decimal Amount(JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.Number && value.TryGetDecimal(out var number)) return number;
        if (value.ValueKind == JsonValueKind.String
            && decimal.TryParse(value.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var amount))
        {
            return amount;
        }
        throw Wrong(value, "an amount", name);
    }

    public static DateTimeOffset Time(JsonElement value, string name)
    {
        if (value.ValueKind == JsonValueKind.String
            && DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
        {
            return time;
        }
        throw Wrong(value, "a time", name);
    }

    public static IReadOnlyList<T> List<T>(JsonElement value, string name, Func<JsonElement, string, T> read)
    {
        if (value.ValueKind != JsonValueKind.Array) throw Wrong(value, "a list", name);
        var list = new List<T>(value.GetArrayLength());
        foreach (var each in value.EnumerateArray()) list.Add(read(each, name));
        return list;
    }

    public static IReadOnlyDictionary<string, T> Map<T>(JsonElement value, string name, Func<JsonElement, string, T> read)
    {
        if (value.ValueKind != JsonValueKind.Object) throw Wrong(value, "an object", name);
        var map = new Dictionary<string, T>();
        foreach (var each in value.EnumerateObject()) map[each.Name] = read(each.Value, each.Name);
        return map;
    }

    public static void Write(Utf8JsonWriter writer, string? value) => writer.WriteStringValue(value);

    public static void Write(Utf8JsonWriter writer, long value) => writer.WriteNumberValue(value);

    public static void Write(Utf8JsonWriter writer, long? value)
    {
        if (value is { } some) writer.WriteNumberValue(some);
        else writer.WriteNullValue();
    }

    // The shortest digits that read back as the same number; STJ of .NET Core 3.1 writes them so.
    public static void Write(Utf8JsonWriter writer, double value) => writer.WriteNumberValue(value);

    public static void Write(Utf8JsonWriter writer, double? value)
    {
        if (value is { } some) writer.WriteNumberValue(some);
        else writer.WriteNullValue();
    }

    public static void Write(Utf8JsonWriter writer, bool value) => writer.WriteBooleanValue(value);

    public static void Write(Utf8JsonWriter writer, bool? value)
    {
        if (value is { } some) writer.WriteBooleanValue(some);
        else writer.WriteNullValue();
    }

    public static void Write(Utf8JsonWriter writer, decimal value) => writer.WriteStringValue(Text(value));

    public static void Write(Utf8JsonWriter writer, decimal? value) => writer.WriteStringValue(value is { } some ? Text(some) : null);

    public static void Write(Utf8JsonWriter writer, DateTimeOffset value) => writer.WriteStringValue(Text(value));

    public static void Write(Utf8JsonWriter writer, DateTimeOffset? value) =>
        writer.WriteStringValue(value is { } some ? Text(some) : null);

    public static void Write<T>(Utf8JsonWriter writer, T value)
        where T : IJsonValue?
    {
        if (value is null) writer.WriteNullValue();
        else value.WriteTo(writer);
    }

    public static void Write<T>(Utf8JsonWriter writer, T? value)
        where T : struct, IJsonValue
    {
        if (value is { } some) some.WriteTo(writer);
        else writer.WriteNullValue();
    }

    public static string Text(string value) => value;

    public static string Text(long value) => value.ToString(CultureInfo.InvariantCulture);

    public static string Text(double value) => value.ToString("R", CultureInfo.InvariantCulture);

    public static string Text(bool value) => value ? "true" : "false";

    public static string Text(decimal value) => value.ToString(CultureInfo.InvariantCulture);

    /// <summary>RFC 3339 in UTC, without trailing zeros of the fraction.</summary>
    public static string Text(DateTimeOffset value) =>
        value.UtcDateTime.ToString("yyyy'-'MM'-'dd'T'HH':'mm':'ss.FFFFFFF'Z'", CultureInfo.InvariantCulture);

    public static void WriteList<T>(Utf8JsonWriter writer, IEnumerable<T> list, Action<Utf8JsonWriter, T> write)
    {
        writer.WriteStartArray();
        foreach (var each in list) write(writer, each);
        writer.WriteEndArray();
    }

    public static void WriteMap<T>(Utf8JsonWriter writer, IEnumerable<KeyValuePair<string, T>> map, Action<Utf8JsonWriter, T> write)
    {
        writer.WriteStartObject();
        foreach (var each in map)
        {
            writer.WritePropertyName(each.Key);
            write(writer, each.Value);
        }
        writer.WriteEndObject();
    }

    public static void WriteExtra(Utf8JsonWriter writer, IReadOnlyDictionary<string, JsonElement> extra)
    {
        foreach (var each in extra)
        {
            writer.WritePropertyName(each.Key);
            each.Value.WriteTo(writer);
        }
    }
}
