namespace LlmGateway;

using System;
using System.Text.Encodings.Web;

/// <summary>Escapes what JSON demands and nothing else (RFC 8259, section 7): a request is UTF-8, never part of a page.</summary>
internal sealed class PlainEncoder : JavaScriptEncoder
{
    public static readonly PlainEncoder Instance = new();

    public override int MaxOutputCharactersPerInputCharacter => 6;

    public override bool WillEncode(int unicodeScalar) => unicodeScalar is < 0x20 or '"' or '\\' or (>= 0xD800 and <= 0xDFFF);

    public override unsafe int FindFirstCharacterToEncode(char* text, int textLength)
    {
        for (var at = 0; at < textLength; at++)
        {
            var each = text[at];
            if (char.IsHighSurrogate(each) && at + 1 < textLength && char.IsLowSurrogate(text[at + 1])) at++;
            else if (WillEncode(each)) return at;
        }
        return -1;
    }

    public override unsafe bool TryEncodeUnicodeScalar(int unicodeScalar, char* buffer, int bufferLength, out int numberOfCharactersWritten)
    {
        if (!WillEncode(unicodeScalar))
        {
            // After the first escape the base class asks for every character.
            var plain = char.ConvertFromUtf32(unicodeScalar);
            numberOfCharactersWritten = plain.Length;
            if (bufferLength < plain.Length) return false;
            for (var at = 0; at < plain.Length; at++) buffer[at] = plain[at];
            return true;
        }
        var text = unicodeScalar switch
        {
            '"' => "\\\"",
            '\\' => "\\\\",
            '\n' => "\\n",
            '\r' => "\\r",
            '\t' => "\\t",
            _ => "\\u" + (unicodeScalar is >= 0xD800 and <= 0xDFFF ? 0xFFFD : unicodeScalar).ToString("x4"),
        };
        numberOfCharactersWritten = text.Length;
        if (bufferLength < text.Length) return false;
        for (var at = 0; at < text.Length; at++) buffer[at] = text[at];
        return true;
    }
}
