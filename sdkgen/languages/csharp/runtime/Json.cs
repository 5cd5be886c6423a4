namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Text;
using System.Text.Json;

/// <summary>An object of the API. Fields that this version does not know are kept and sent back.</summary>
public abstract record JsonModel
{
    /// <summary>Fields that this version of the library does not know.</summary>
    public IReadOnlyDictionary<string, JsonElement> ExtraProperties { get; init; } = Json.NoExtra;

    /// <summary>Writes the object as JSON.</summary>
    public abstract void WriteTo(Utf8JsonWriter writer);

    /// <summary>The object as JSON.</summary>
    public string ToJson() => Encoding.UTF8.GetString(Json.Bytes(WriteTo));
}

/// <summary>A value of a type that this version of the library cannot know: an event, a part, a tool of a later one.</summary>
public interface IUnknown
{
    /// <summary>It as it came.</summary>
    JsonElement Raw { get; }
}

/// <summary>Reading and writing of the values that models are made of.</summary>
internal static class Json
{
    public static readonly IReadOnlyDictionary<string, JsonElement> NoExtra = new Dictionary<string, JsonElement>();

    // Letters beyond ASCII stay as they are: a request is UTF-8, never part of a page.
    private static readonly JsonWriterOptions Written = new()
    {
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    };

    public static byte[] Bytes(Action<Utf8JsonWriter> write)
    {
        using var kept = new MemoryStream();
        using (var writer = new Utf8JsonWriter(kept, Written)) write(writer);
        return kept.ToArray();
    }

    public static T Parse<T>(ReadOnlyMemory<byte> bytes, Func<JsonElement, T> read) => read(JsonDocument.Parse(bytes).RootElement);

    public static DecodingException Wrong(JsonElement found, string wanted, string name) =>
        new($"{name} is not {wanted} but {found.ValueKind}.");

    public static DecodingException Missing(string model, string name) => new($"{model} has no {name}.");

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
