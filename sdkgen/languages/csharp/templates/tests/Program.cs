// Runs every test: a line for each, and 1 as exit status when one fails. Run it in the package's folder.
namespace LlmGateway.Tests;

using System;
using System.Linq;
using System.Threading.Tasks;

public static class Program
{
    public static async Task<int> Main()
    {
        var failed = 0;
        var tests = new[] { typeof(MethodTests), typeof(BehaviourTests) };
        foreach (var test in tests.SelectMany(type => type.GetMethods()).Where(each => each.ReturnType == typeof(Task)))
        {
            try
            {
                await (Task)test.Invoke(null, null)!;
                Console.WriteLine($"ok {test.Name}");
            }
            catch (Exception error)
            {
                failed++;
                Console.WriteLine($"FAILED {test.Name}: {error.Message}");
            }
        }
        return failed == 0 ? 0 : 1;
    }
}
