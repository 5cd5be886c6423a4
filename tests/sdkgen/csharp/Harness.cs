// Runs every [Test] of the program: a line each, and 1 as exit status when one fails. Arguments name the ones to run.
namespace LlmGateway.Tests;

using System;
using System.Collections.Generic;
using System.Linq;
using System.Reflection;
using System.Threading.Tasks;

[AttributeUsage(AttributeTargets.Method)]
public sealed class TestAttribute : Attribute
{
}

public static class Program
{
    public static async Task<int> Main(string[] arguments)
    {
        var failed = 0;
        foreach (var method in typeof(Program).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(Tests))).SelectMany(type => type.GetMethods()).Where(each => each.GetCustomAttribute<TestAttribute>() is not null))
        {
            if (arguments.Length > 0 && !arguments.Contains(method.Name)) continue;
            try
            {
                var running = method.Invoke(null, null) as Task ?? Task.CompletedTask;
                if (await Task.WhenAny(running, Task.Delay(60_000)) != running) throw new TimeoutException("It did not end.");
                await running;
                Console.WriteLine($"ok {method.Name}");
            }
            catch (Exception error)
            {
                failed++;
                Console.WriteLine($"FAILED {method.Name}: {(error as TargetInvocationException)?.InnerException ?? error}".Replace("\n", "\n    "));
            }
        }
        return failed == 0 ? 0 : 1;
    }
}

/// <summary>Says what was expected and what came.</summary>
public abstract class Tests
{
    protected static void Same<T>(T expected, T actual)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual)) throw new InvalidOperationException($"expected {expected}, got {actual}");
    }

    protected static void True(bool condition)
    {
        if (!condition) throw new InvalidOperationException("expected true");
    }

    protected static void Throws<T>(Func<object?> act)
        where T : Exception
    {
        try
        {
            act();
        }
        catch (T)
        {
            return;
        }
        throw new InvalidOperationException($"expected {typeof(T).Name}");
    }

    protected static async Task<T> Fails<T>(Func<Task> act)
        where T : Exception
    {
        try
        {
            await act();
        }
        catch (T error)
        {
            return error;
        }
        throw new InvalidOperationException($"expected {typeof(T).Name}");
    }
}
