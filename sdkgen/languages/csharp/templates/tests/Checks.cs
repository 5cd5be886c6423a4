// The cases that the document gives, and comparing.
namespace LlmGateway.Tests;

using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Linq;
using System.Text.Json;
using System.Threading.Tasks;

public static class Checks
{
    public static readonly JsonElement Cases = JsonDocument.Parse(File.ReadAllText("tests/cases.json")).RootElement;

    public static string Text(this JsonElement of, string name) => of.GetProperty(name).GetString()!;

    public static int Number(this JsonElement of, string name) => of.GetProperty(name).GetInt32();

    /// <summary>A list over all of its pages.</summary>
    public static async Task<List<object?>> All<T>(Task<Page<T>> page)
    {
        var found = new List<object?>();
        await foreach (var item in await page) found.Add(item);
        return found;
    }

    /// <summary>The events of a stream.</summary>
    public static async Task<List<object?>> Events<T>(Task<EventStream<T>> begun)
    {
        await using var stream = await begun;
        var found = new List<object?>();
        await foreach (var item in stream) found.Add(item);
        return found;
    }

    /// <summary>The same, of a stream that adds up to an answer.</summary>
    public static async Task<List<object?>> Events<T, TWhole>(Task<EventStream<T, TWhole>> begun)
        where TWhole : JsonView
    {
        await using var stream = await begun;
        var found = new List<object?>();
        await foreach (var item in stream) found.Add(item);
        return found;
    }

    public static void Equal<T>(T expected, T found)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, found)) throw new InvalidOperationException($"expected {expected}, found {found}");
    }

    public static async Task<T> Fails<T>(Func<Task> act)
        where T : Exception =>
        (T)await Fails(typeof(T), act);

    public static async Task<Exception> Fails(Type wanted, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception error) when (wanted.IsInstanceOfType(error))
        {
            return error;
        }
        throw new InvalidOperationException($"expected {wanted.Name}, found nothing");
    }

    /// <summary>A part of a test; its failure says which.</summary>
    public static async Task Part(string name, Func<Task> act)
    {
        try
        {
            await act();
        }
        catch (Exception error)
        {
            throw new InvalidOperationException($"{name}: {error.Message}", error);
        }
    }

    /// <summary>Compares as JSON; numbers and times may be written in several ways.</summary>
    public static void Same(string place, JsonElement expected, JsonElement found)
    {
        if (expected.ValueKind == JsonValueKind.Object && found.ValueKind == JsonValueKind.Object)
        {
            Equal(place + Names(expected), place + Names(found));
            foreach (var field in expected.EnumerateObject()) Same($"{place}.{field.Name}", field.Value, found.GetProperty(field.Name));
        }
        else if (expected.ValueKind == JsonValueKind.Array && found.ValueKind == JsonValueKind.Array)
        {
            Equal($"{place} {expected.GetArrayLength()}", $"{place} {found.GetArrayLength()}");
            for (var at = 0; at < expected.GetArrayLength(); at++) Same($"{place}.{at}", expected[at], found[at]);
        }
        else
        {
            Equal($"{place} {Plain(expected)}", $"{place} {Plain(found)}");
        }
    }

    private static string Names(JsonElement of) =>
        string.Join(",", of.EnumerateObject().Select(each => each.Name).OrderBy(each => each, StringComparer.Ordinal));

    private static string Plain(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.Number => value.GetDouble().ToString("R", CultureInfo.InvariantCulture),
        JsonValueKind.String => Time(value.GetString()!),
        _ => value.GetRawText(),
    };

    public static string Time(string text)
    {
        var isTime = text.Length > 18 && text[4] == '-' && text[10] == 'T';
        return isTime && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out var found)
            ? found.UtcDateTime.ToString("O", CultureInfo.InvariantCulture) : text;
    }
}
