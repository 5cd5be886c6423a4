// Typed requests from JSON, by the public properties of their types. It is compiled together with the package.
namespace LlmGateway.Conformance;

using System;
using System.Collections;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Text.Json;
using LlmGateway;

public static class Binding
{
    public static T Bind<T>(Dictionary<string, JsonElement> args) => (T)Made(typeof(T), Folding.Element(args.ToDictionary(each => each.Key, each => (object?)each.Value)))!;

    /// <summary>A typed value of JSON, by the public properties of its type.</summary>
    public static object? Made(Type type, JsonElement said)
    {
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(Optional<>))
            return Activator.CreateInstance(type, Made(type.GetGenericArguments()[0], said));
        if (said.ValueKind == JsonValueKind.Null) return null;
        type = Nullable.GetUnderlyingType(type) ?? type;
        if (type == typeof(string)) return said.GetString();
        if (type == typeof(long)) return said.GetInt64();
        if (type == typeof(double)) return said.GetDouble();
        if (type == typeof(bool)) return said.GetBoolean();
        if (type == typeof(decimal)) return Json.Amount(said, "");
        if (type == typeof(DateTimeOffset)) return Json.Time(said, "");
        if (type == typeof(AnyJson)) return (AnyJson)said;
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyList<>))
        {
            var list = (IList)Activator.CreateInstance(typeof(List<>).MakeGenericType(type.GetGenericArguments()))!;
            foreach (var each in said.EnumerateArray()) list.Add(Made(type.GetGenericArguments()[0], each));
            return list;
        }
        if (type.IsGenericType && type.GetGenericTypeDefinition() == typeof(IReadOnlyDictionary<,>))
        {
            var map = (IDictionary)Activator.CreateInstance(typeof(Dictionary<,>).MakeGenericType(type.GetGenericArguments()))!;
            foreach (var each in said.EnumerateObject()) map.Add(each.Name, Made(type.GetGenericArguments()[1], each.Value));
            return map;
        }
        if (type.IsValueType) return Activator.CreateInstance(type, said.GetString());
        if (type.IsInterface) return Variant(type, said);
        return type.GetConstructor(Type.EmptyTypes) is null ? Choice(type, said) : Record(type, said);
    }

    private static object Variant(Type type, JsonElement said)
    {
        foreach (var variant in type.Assembly.GetTypes().Where(each => !each.IsInterface && type.IsAssignableFrom(each) && each.GetConstructor(Type.EmptyTypes) is not null))
        {
            var made = Activator.CreateInstance(variant)!;
            var tags = variant.GetProperties().Where(each => each.SetMethod is null && each.PropertyType == typeof(string) && each.Name is "Role" or "Type");
            if (tags.Any(tag => Folding.Text(said, tag.Name.ToLowerInvariant()) == (string?)tag.GetValue(made))) return Record(variant, said);
        }
        throw new InvalidOperationException($"no {type.Name} of {said}");
    }

    /// <summary>The variant of the JSON's kind that knows most of its fields.</summary>
    private static object Choice(Type type, JsonElement said)
    {
        object? best = null;
        var fewest = int.MaxValue;
        foreach (var make in type.GetMethods(BindingFlags.Public | BindingFlags.Static).Where(each => each.Name == "Of"))
        {
            var wanted = make.GetParameters()[0].ParameterType;
            var isList = wanted.IsGenericType;
            var isText = wanted == typeof(string) || wanted.IsValueType;
            if (isList != (said.ValueKind == JsonValueKind.Array) || isText != (said.ValueKind == JsonValueKind.String)) continue;
            var made = Made(wanted, said);
            var unknown = made is JsonModel model ? model.ExtraProperties.Count : 0;
            if (unknown >= fewest) continue;
            fewest = unknown;
            best = make.Invoke(null, new[] { made });
        }
        return best ?? throw new InvalidOperationException($"no {type.Name} of {said}");
    }

    private static object Record(Type type, JsonElement said)
    {
        var made = Activator.CreateInstance(type)!;
        var extra = new Dictionary<string, JsonElement>();
        foreach (var field in said.EnumerateObject())
        {
            var name = string.Concat(field.Name.Split('_').Where(part => part.Length > 0).Select(part => char.ToUpperInvariant(part[0]) + part.Substring(1)));
            var property = type.GetProperty(name);
            if (property?.SetMethod is not null) property.SetValue(made, Made(property.PropertyType, field.Value));
            else if (property is null) extra[field.Name] = field.Value;
        }
        if (extra.Count > 0) type.GetProperty("ExtraProperties")!.SetValue(made, extra);
        return made;
    }
}
