namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.IO;
using System.Net;
using System.Net.Http;
using System.Net.Http.Headers;
using System.Threading.Tasks;

/// <summary>A file to send. Its bytes are opened anew for each time the call is sent.</summary>
public sealed class Upload
{
    private readonly Func<Stream> _open;

    private readonly IProgress<(long Sent, long Total)>? _progress;

    private Upload(string name, Func<Stream> open, string mediaType, IProgress<(long Sent, long Total)>? progress)
    {
        Name = name;
        _open = open;
        MediaType = mediaType;
        _progress = progress;
    }

    /// <summary>The name that the gateway sees.</summary>
    public string Name { get; }

    /// <summary>Its media type.</summary>
    public string MediaType { get; }

    /// <summary>A file on disk, which is read while it is sent.</summary>
    /// <param name="path">Where it is.</param>
    /// <param name="mediaType">Its media type.</param>
    /// <param name="name">The name that the gateway sees; else the file's own.</param>
    /// <param name="progress">Is told how many bytes have been sent of how many.</param>
    public static Upload File(
        string path, string mediaType = "application/octet-stream", string? name = null,
        IProgress<(long Sent, long Total)>? progress = null) =>
        new(name ?? Path.GetFileName(path), () => new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read), mediaType, progress);

    /// <summary>Bytes under a name.</summary>
    public static Upload Bytes(string name, byte[] bytes, string mediaType = "application/octet-stream") =>
        new(name, () => new MemoryStream(bytes, writable: false), mediaType, null);

    /// <summary>A stream that can be opened again, with a known length.</summary>
    public static Upload Stream(
        string name, Func<Stream> open, string mediaType = "application/octet-stream",
        IProgress<(long Sent, long Total)>? progress = null) => new(name, open, mediaType, progress);

    internal HttpContent Content()
    {
        var content = new FileContent(_open(), _progress);
        content.Headers.ContentType = MediaTypeHeaderValue.Parse(MediaType);
        return content;
    }

    private sealed class FileContent : HttpContent
    {
        private readonly Stream _stream;
        private readonly IProgress<(long, long)>? _progress;

        public FileContent(Stream stream, IProgress<(long, long)>? progress)
        {
            _stream = stream;
            _progress = progress;
        }

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            var buffer = new byte[64 * 1024];
            long sent = 0, total = _stream.Length;
            int count;
            while ((count = await _stream.ReadAsync(buffer, 0, buffer.Length).ConfigureAwait(false)) > 0)
            {
                await stream.WriteAsync(buffer, 0, count).ConfigureAwait(false);
                sent += count;
                _progress?.Report((sent, total));
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _stream.Length;
            return true;
        }

        protected override void Dispose(bool disposing)
        {
            if (disposing) _stream.Dispose();
            base.Dispose(disposing);
        }
    }
}

/// <summary>The fields and files of a form, in order.</summary>
internal sealed class Form
{
    private readonly List<(string Name, string? Text, Upload? File)> _parts = new();

    public Form Add(string name, string? text)
    {
        if (text is not null) _parts.Add((name, text, null));
        return this;
    }

    public Form Add(string name, Upload? file)
    {
        if (file is not null) _parts.Add((name, null, file));
        return this;
    }

    public HttpContent Content()
    {
        var form = new MultipartFormDataContent();
        // Some servers do not take the quotes that .NET puts around the boundary.
        var boundary = new List<NameValueHeaderValue>(form.Headers.ContentType!.Parameters)[0];
        boundary.Value = boundary.Value!.Trim('"');
        foreach (var (name, text, file) in _parts)
        {
            var content = file is null ? new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(text!)) : file.Content();
            content.Headers.ContentDisposition = null;
            var disposition = $"form-data; name=\"{Quoted(name)}\"" + (file is null ? "" : $"; filename=\"{Quoted(file.Name)}\"");
            content.Headers.TryAddWithoutValidation("Content-Disposition", disposition);
            form.Add(content);
        }
        return form;
    }

    // As browsers do (WHATWG HTML, multipart/form-data): the three characters that would end the value.
    private static string Quoted(string name) => name.Replace("\"", "%22").Replace("\r", "%0D").Replace("\n", "%0A");
}
