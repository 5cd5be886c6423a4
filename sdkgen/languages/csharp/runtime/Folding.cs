namespace LlmGateway;

using System.Collections.Generic;
using System.Linq;
using System.Text;
using System.Text.Json;

/// <summary>Adds the events of a stream up to the whole answer.</summary>
internal interface IFold
{
    /// <summary>The next event.</summary>
    void Add(JsonElement raw);

    /// <summary>The answer as far as it has come; null before it has begun.</summary>
    JsonElement? Whole();
}

internal static class Folding
{
    public static IFold? Of(string rule) => rule switch
    {
        "chat" => new ChatFold("chat.completion"),
        "completion" => new ChatFold("text_completion"),
        "responses" => new ResponsesFold(),
        "messages" => new MessagesFold(),
        _ => null,
    };

    /// <summary>JSON of dictionaries, lists, texts and elements.</summary>
    public static JsonElement Element(object? value) => JsonDocument.Parse(Json.Bytes(writer => Put(writer, value))).RootElement;

    public static Dictionary<string, object?> Copy(JsonElement raw)
    {
        var copy = new Dictionary<string, object?>();
        if (raw.ValueKind == JsonValueKind.Object)
        {
            foreach (var field in raw.EnumerateObject()) copy[field.Name] = field.Value;
        }
        return copy;
    }

    public static string? Text(JsonElement raw, string field) =>
        raw.ValueKind == JsonValueKind.Object && raw.TryGetProperty(field, out var found) && found.ValueKind == JsonValueKind.String
            ? found.GetString() : null;

    public static JsonElement Number(double value) => JsonDocument.Parse(Json.Text(value)).RootElement;

    public static int Index(JsonElement raw, string field, int otherwise) =>
        raw.ValueKind == JsonValueKind.Object && raw.TryGetProperty(field, out var found)
        && found.ValueKind == JsonValueKind.Number && found.TryGetInt32(out var index) ? index : otherwise;

    public static IEnumerable<JsonElement> Items(JsonElement raw, string field) =>
        raw.ValueKind == JsonValueKind.Object && raw.TryGetProperty(field, out var found) && found.ValueKind == JsonValueKind.Array
            ? found.EnumerateArray().ToArray() : Enumerable.Empty<JsonElement>();

    private static void Put(Utf8JsonWriter writer, object? value)
    {
        switch (value)
        {
            case null: writer.WriteNullValue(); break;
            case JsonElement { ValueKind: JsonValueKind.Undefined }: writer.WriteNullValue(); break;
            case JsonElement element: element.WriteTo(writer); break;
            case string text: writer.WriteStringValue(text); break;
            case StringBuilder text: writer.WriteStringValue(text.ToString()); break;
            case int number: writer.WriteNumberValue(number); break;
            case IEnumerable<KeyValuePair<string, object?>> map:
                writer.WriteStartObject();
                foreach (var pair in map)
                {
                    writer.WritePropertyName(pair.Key);
                    Put(writer, pair.Value);
                }
                writer.WriteEndObject();
                break;
            case IEnumerable<object?> list:
                writer.WriteStartArray();
                foreach (var each in list) Put(writer, each);
                writer.WriteEndArray();
                break;
        }
    }
}

/// <summary>Chunks of a chat or of a text: texts are joined, calls of tools by their index.</summary>
internal sealed class ChatFold : IFold
{
    private static readonly string[] Texts = { "content", "refusal", "reasoning_content" };

    private readonly string _kind;
    private readonly SortedDictionary<int, Choice> _choices = new();
    private Dictionary<string, object?>? _whole;

    public ChatFold(string kind) => _kind = kind;

    public void Add(JsonElement raw)
    {
        if (raw.ValueKind != JsonValueKind.Object) return;
        _whole ??= Folding.Copy(raw);
        if (raw.TryGetProperty("usage", out var usage) && usage.ValueKind != JsonValueKind.Null) _whole["usage"] = usage;
        foreach (var said in Folding.Items(raw, "choices"))
        {
            var index = Folding.Index(said, "index", 0);
            if (!_choices.TryGetValue(index, out var choice)) _choices[index] = choice = new Choice();
            choice.Add(said);
        }
    }

    public JsonElement? Whole()
    {
        if (_whole is null) return null;
        _whole["object"] = _kind;
        _whole["choices"] = _choices.Select(pair => (object?)pair.Value.Whole(pair.Key, _kind == "chat.completion")).ToList();
        return Folding.Element(_whole);
    }

    private sealed class Choice
    {
        private readonly Dictionary<string, StringBuilder> _texts = new();
        private readonly List<Call> _calls = new();
        private string _role = "assistant";
        private JsonElement? _finish;

        public void Add(JsonElement said)
        {
            if (said.ValueKind != JsonValueKind.Object) return;
            if (said.TryGetProperty("finish_reason", out var finish) && finish.ValueKind != JsonValueKind.Null) _finish = finish;
            Join(said, "text");
            if (!said.TryGetProperty("delta", out var delta) || delta.ValueKind != JsonValueKind.Object) return;
            foreach (var name in Texts) Join(delta, name);
            if (Folding.Text(delta, "role") is { Length: > 0 } role) _role = role;
            foreach (var call in Folding.Items(delta, "tool_calls"))
            {
                var index = Folding.Index(call, "index", _calls.Count);
                var known = _calls.Find(each => each.Index == index);
                if (known is null) _calls.Add(known = new Call(index));
                known.Add(call);
            }
        }

        public Dictionary<string, object?> Whole(int index, bool isChat)
        {
            var whole = new Dictionary<string, object?> { ["index"] = index, ["finish_reason"] = _finish };
            var into = whole;
            if (isChat) whole["message"] = into = new() { ["role"] = _role };
            foreach (var pair in _texts) into[pair.Key] = pair.Value;
            if (_calls.Count > 0) into["tool_calls"] = _calls.Select(call => (object?)call.Whole()).ToList();
            return whole;
        }

        private void Join(JsonElement said, string name)
        {
            if (Folding.Text(said, name) is not { } text) return;
            if (!_texts.TryGetValue(name, out var joined)) _texts[name] = joined = new StringBuilder();
            joined.Append(text);
        }
    }

    private sealed class Call
    {
        private readonly StringBuilder _arguments = new();
        private string _id = "";
        private string _name = "";

        public Call(int index) => Index = index;

        public int Index { get; }

        public void Add(JsonElement said)
        {
            if (Folding.Text(said, "id") is { Length: > 0 } id) _id = id;
            if (said.ValueKind != JsonValueKind.Object || !said.TryGetProperty("function", out var function)) return;
            if (Folding.Text(function, "name") is { Length: > 0 } name) _name = name;
            _arguments.Append(Folding.Text(function, "arguments"));
        }

        public Dictionary<string, object?> Whole() => new()
        {
            ["index"] = Index,
            ["id"] = _id,
            ["type"] = "function",
            ["function"] = new Dictionary<string, object?> { ["name"] = _name, ["arguments"] = _arguments },
        };
    }
}

/// <summary>The last event holds the whole; before it, the items that are done and the text so far.</summary>
internal sealed class ResponsesFold : IFold
{
    private readonly SortedDictionary<int, object?> _items = new();
    private readonly Dictionary<int, StringBuilder> _texts = new();
    private JsonElement? _whole;
    private bool _isFinal;

    public void Add(JsonElement raw)
    {
        var type = Folding.Text(raw, "type");
        if (raw.ValueKind == JsonValueKind.Object && raw.TryGetProperty("response", out var whole) && whole.ValueKind == JsonValueKind.Object)
        {
            _whole = whole;
            _isFinal = type is "response.completed" or "response.incomplete" or "response.failed";
        }
        else if (type == "response.output_item.done" && raw.TryGetProperty("item", out var item))
        {
            _items[Folding.Index(raw, "output_index", 0)] = item;
        }
        else if (type == "response.output_text.delta")
        {
            var index = Folding.Index(raw, "output_index", 0);
            if (!_texts.TryGetValue(index, out var joined)) _texts[index] = joined = new StringBuilder();
            joined.Append(Folding.Text(raw, "delta"));
        }
    }

    public JsonElement? Whole()
    {
        if (_whole is not { } whole || _isFinal) return _whole;
        var items = new SortedDictionary<int, object?>(_items);
        foreach (var pair in _texts)
        {
            if (items.ContainsKey(pair.Key)) continue;
            var part = new Dictionary<string, object?>
            {
                ["type"] = "output_text", ["text"] = pair.Value, ["annotations"] = new List<object?>(),
            };
            items[pair.Key] = new Dictionary<string, object?>
            {
                ["type"] = "message", ["id"] = "", ["role"] = "assistant", ["status"] = "incomplete",
                ["content"] = new List<object?> { part },
            };
        }
        var made = Folding.Copy(whole);
        made["output"] = items.Values.ToList();
        return Folding.Element(made);
    }
}

/// <summary>Blocks by their index; the delta of the message has why it stopped and the usage.</summary>
internal sealed class MessagesFold : IFold
{
    private static readonly (string Delta, string Block)[] Texts = { ("text", "text"), ("partial_json", "input"), ("thinking", "thinking") };

    private readonly SortedDictionary<int, Dictionary<string, object?>> _blocks = new();
    private readonly Dictionary<(int Index, string Name), StringBuilder> _texts = new();
    private Dictionary<string, object?>? _whole;

    public void Add(JsonElement raw)
    {
        switch (Folding.Text(raw, "type"))
        {
            case "message_start" when raw.TryGetProperty("message", out var message):
                _whole = Folding.Copy(message);
                break;
            case "content_block_start" when raw.TryGetProperty("content_block", out var block):
                _blocks[Folding.Index(raw, "index", 0)] = Folding.Copy(block);
                break;
            case "content_block_delta" when raw.TryGetProperty("delta", out var delta):
                Delta(Folding.Index(raw, "index", 0), delta);
                break;
            case "message_delta" when _whole is not null:
                if (raw.TryGetProperty("delta", out var said))
                {
                    foreach (var pair in Folding.Copy(said))
                    {
                        if (pair.Value is JsonElement { ValueKind: not JsonValueKind.Null }) _whole[pair.Key] = pair.Value;
                    }
                }
                if (raw.TryGetProperty("usage", out var usage)) _whole["usage"] = Merged(usage);
                break;
        }
    }

    public JsonElement? Whole()
    {
        if (_whole is null) return null;
        foreach (var pair in _texts)
        {
            var block = Block(pair.Key.Index);
            block[pair.Key.Name] = pair.Key.Name == "input" ? Input(pair.Value.ToString()) : pair.Value;
        }
        var made = new Dictionary<string, object?>(_whole) { ["content"] = _blocks.Values.Cast<object?>().ToList() };
        return Folding.Element(made);
    }

    private void Delta(int index, JsonElement delta)
    {
        foreach (var (name, into) in Texts)
        {
            if (Folding.Text(delta, name) is not { } text) continue;
            if (!_texts.TryGetValue((index, into), out var joined)) _texts[(index, into)] = joined = new StringBuilder();
            joined.Append(text);
        }
        if (Folding.Text(delta, "signature") is { Length: > 0 } signature) Block(index)["signature"] = signature;
    }

    private Dictionary<string, object?> Block(int index)
    {
        if (!_blocks.TryGetValue(index, out var block)) _blocks[index] = block = new();
        return block;
    }

    private Dictionary<string, object?> Merged(JsonElement usage)
    {
        var merged = _whole!.TryGetValue("usage", out var before) && before is JsonElement element ? Folding.Copy(element) : new();
        foreach (var pair in Folding.Copy(usage)) merged[pair.Key] = pair.Value;
        return merged;
    }

    // A tool's input that broke off is no JSON: what came stands under `partial_json` then.
    private static object? Input(string text)
    {
        if (text.Length == 0) return new Dictionary<string, object?>();
        try
        {
            return JsonDocument.Parse(text).RootElement;
        }
        catch (JsonException)
        {
            return new Dictionary<string, object?> { ["partial_json"] = text };
        }
    }
}
