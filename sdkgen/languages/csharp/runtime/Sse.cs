namespace LlmGateway;

using System;
using System.Collections.Generic;
using System.IO;
using System.Runtime.CompilerServices;
using System.Text;
using System.Threading;
using System.Threading.Tasks;

/// <summary>An event of a stream as it came over the wire.</summary>
/// <param name="Name">Its <c>event:</c> field, empty when it has none.</param>
/// <param name="Data">Its <c>data:</c> lines, joined by line feeds, in UTF-8. Valid until the next event.</param>
/// <param name="Id">The last <c>id:</c> field.</param>
public readonly record struct ServerEvent(string Name, ReadOnlyMemory<byte> Data, string? Id)
{
    /// <summary>The data as text.</summary>
    public string Text => Encoding.UTF8.GetString(Data.ToArray());
}

/// <summary>Cuts a stream of bytes into server-sent events (WHATWG HTML, section 9.2.6).</summary>
/// <remarks>Lines end with CR, LF or both; a byte order mark is skipped; an event without its blank line at the end of
/// the stream is none.</remarks>
internal sealed class SseReader
{
    private const byte Cr = (byte)'\r';
    private const byte Lf = (byte)'\n';

    private readonly Stream _stream;
    private readonly Func<Stream, byte[], int, int, CancellationToken, Task<int>> _read;
    private byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _end;
    private int _scanned;
    private bool _skipLf;
    private bool _isFirst = true;
    private byte[] _data = new byte[4 * 1024];
    private int _length;
    private bool _hasData;
    private string _name = "";
    private string? _id;

    public SseReader(Stream stream, Func<Stream, byte[], int, int, CancellationToken, Task<int>> read)
    {
        _stream = stream;
        _read = read;
    }

    /// <summary>Called with each comment's text.</summary>
    public Action<string>? OnComment { get; set; }

    public async IAsyncEnumerable<ServerEvent> Events([EnumeratorCancellation] CancellationToken cancellation)
    {
        var isOver = false;
        while (!isOver)
        {
            while (NextLine(out var from, out var length))
            {
                if (length > 0)
                {
                    Field(from, length);
                }
                else if (TakeEvent(out var found))
                {
                    yield return found;
                    _length = 0;
                }
            }
            isOver = !await Fill(cancellation).ConfigureAwait(false);
        }
    }

    private bool TakeEvent(out ServerEvent found)
    {
        found = new ServerEvent(_name, new ReadOnlyMemory<byte>(_data, 0, _length), _id);
        var has = _hasData;
        _hasData = false;
        _name = "";
        if (!has) _length = 0;
        return has;
    }

    // The next whole line of the buffer, without its end.
    private bool NextLine(out int from, out int length)
    {
        from = length = 0;
        if (_skipLf && _start < _end)
        {
            if (_buffer[_start] == Lf) _start++;
            _scanned = Math.Max(_scanned, _start);
            _skipLf = false;
        }
        if (_isFirst)
        {
            // A mark of byte order is three bytes; the stream may have begun with fewer.
            if (_end - _start < 3 && !(_end > _start && _buffer[_start] != 0xEF)) return false;
            if (_buffer[_start] == 0xEF && _buffer[_start + 1] == 0xBB && _buffer[_start + 2] == 0xBF) _start += 3;
            _scanned = _start;
            _isFirst = false;
        }
        var at = new ReadOnlySpan<byte>(_buffer, _scanned, _end - _scanned).IndexOfAny(Cr, Lf);
        if (at < 0)
        {
            _scanned = _end;
            return false;
        }
        var stop = _scanned + at;
        from = _start;
        length = stop - _start;
        _skipLf = _buffer[stop] == Cr;
        _start = _scanned = stop + 1;
        return true;
    }

    private async Task<bool> Fill(CancellationToken cancellation)
    {
        if (_start > 0 && _start == _end) _start = _end = _scanned = 0;
        if (_end == _buffer.Length)
        {
            var wanted = _end - _start > _buffer.Length / 2 ? new byte[_buffer.Length * 2] : _buffer;
            Buffer.BlockCopy(_buffer, _start, wanted, 0, _end - _start);
            _buffer = wanted;
            _scanned -= _start;
            _end -= _start;
            _start = 0;
        }
        var count = await _read(_stream, _buffer, _end, _buffer.Length - _end, cancellation).ConfigureAwait(false);
        _end += count;
        return count > 0;
    }

    private void Field(int from, int length)
    {
        var line = new ReadOnlySpan<byte>(_buffer, from, length);
        var colon = line.IndexOf((byte)':');
        if (colon == 0)
        {
            OnComment?.Invoke(Encoding.UTF8.GetString(_buffer, from + 1, length - 1).TrimStart(' '));
            return;
        }
        var name = colon < 0 ? line : line.Slice(0, colon);
        var value = colon < 0 ? default : line.Slice(colon + 1);
        if (value.Length > 0 && value[0] == (byte)' ') value = value.Slice(1);
        if (Is(name, "data"))
        {
            Append(value);
        }
        else if (Is(name, "event"))
        {
            _name = Encoding.UTF8.GetString(value.ToArray());
        }
        else if (Is(name, "id") && value.IndexOf((byte)0) < 0)
        {
            _id = Encoding.UTF8.GetString(value.ToArray());
        }
    }

    private void Append(ReadOnlySpan<byte> value)
    {
        var needed = _length + value.Length + 1;
        if (needed > _data.Length) Array.Resize(ref _data, Math.Max(needed, _data.Length * 2));
        if (_hasData) _data[_length++] = Lf;
        value.CopyTo(new Span<byte>(_data, _length, value.Length));
        _length += value.Length;
        _hasData = true;
    }

    private static bool Is(ReadOnlySpan<byte> name, string wanted)
    {
        if (name.Length != wanted.Length) return false;
        for (var at = 0; at < wanted.Length; at++)
        {
            if (name[at] != wanted[at]) return false;
        }
        return true;
    }
}
