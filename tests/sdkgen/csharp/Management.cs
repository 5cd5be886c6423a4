// Calls every operation that a line of the input names, reads every property of what comes, and prints a line of JSON each.
namespace LlmGateway.Conformance;

using System;
using System.Collections;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Threading.Tasks;
using LlmGateway;

public static class Program
{
    private const string Missing = "01930f2e-7c1a-7b3e-9d41-2f6a8c0b5e17";

    public static async Task Main()
    {
        using var client = new GatewayClient(new ClientOptions { MaxRetries = 0 });
        using var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        string? line;
        while ((line = await input.ReadLineAsync()) is not null)
        {
            var said = JsonDocument.Parse(line).RootElement;
            var told = new Dictionary<string, object?> { ["id"] = said.GetProperty("id") };
            try
            {
                var answer = await Call(client, said);
                told["status"] = Folding.Number(200);
                told["objects"] = Folding.Number(Read(answer));
                if (answer is JsonView view) told["answer"] = view.Raw;
            }
            catch (ApiException error)
            {
                told["status"] = Folding.Number(error.Status);
                told["code"] = error.Code;
            }
            catch (Exception error)
            {
                told["problem"] = error.ToString();
            }
            Console.WriteLine(Folding.Element(told).GetRawText());
        }
    }

    private static async Task<object?> Call(object place, JsonElement said)
    {
        var names = said.GetProperty("method").GetString()!.Split('.');
        foreach (var name in names.Take(names.Length - 1)) place = place.GetType().GetProperty(name)!.GetValue(place)!;
        var method = place.GetType().GetMethod(names.Last())!;
        var body = said.TryGetProperty("body", out var found) ? found : default;
        var arguments = method.GetParameters().Select(each =>
            each.Name == "request" ? Binding.Made(each.ParameterType, body)
            : each.HasDefaultValue ? each.ParameterType.IsValueType ? Activator.CreateInstance(each.ParameterType) : null
            : each.ParameterType == typeof(long) ? 1L : (object)Missing).ToArray();
        var running = (Task)method.Invoke(place, arguments)!;
        await running;
        return running.GetType().GetProperty("Result")?.GetValue(running);
    }

    /// <summary>Reads every property, all the way down; how many objects there were.</summary>
    private static int Read(object? value)
    {
        switch (value)
        {
            case null or string or JsonElement or AnyJson or BinaryAnswer or GatewayInfo: return 0;
            case IDictionary map: return map.Values.Cast<object?>().Sum(Read);
            case IEnumerable list: return list.Cast<object?>().Sum(Read);
        }
        var type = value.GetType();
        if (type.Namespace != "LlmGateway" || type.IsEnum) return 0;
        if (type.Name.StartsWith("Page`", StringComparison.Ordinal)) return Read(type.GetProperty("Items")!.GetValue(value));
        var count = value is JsonView ? 1 : 0;
        foreach (var property in type.GetProperties(BindingFlags.Public | BindingFlags.Instance))
        {
            if (property.GetIndexParameters().Length == 0) count += Read(property.GetValue(value));
        }
        return count;
    }
}
