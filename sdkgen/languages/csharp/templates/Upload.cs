// A training file that is read while it is sent, and the list that shows it.
namespace Examples;

using System;
using System.IO;
using System.Threading.Tasks;
using $namespace;

public static class UploadFile
{
    public static async Task Main()
    {
        using var client = new GatewayClient();
        var path = Path.Combine(Path.GetTempPath(), Guid.NewGuid() + ".jsonl");
        var line = "{\"messages\":[{\"role\":\"user\",\"content\":\"Hi\"},{\"role\":\"assistant\",\"content\":\"Hello!\"}]}\n";
        File.WriteAllText(path, line + line.Replace("Hi", "Good day"));
        var file = await client.Files.CreateAsync(new() { File = Upload.File(path, "application/jsonl"), Purpose = "fine-tune" });
        Console.WriteLine(file.Id + " " + file.Bytes);
        await foreach (var each in await client.Files.ListAsync()) Console.WriteLine(each.Id);
        await client.Files.DeleteAsync(file.Id);
        File.Delete(path);
    }
}
