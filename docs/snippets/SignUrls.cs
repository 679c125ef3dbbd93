using System;
using System.Collections.Generic;
using System.Linq;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

/// <summary>
/// Signs delivery URLs of Darkroom with nothing but the class library (.NET, .NET Framework, Mono). Copy what you need;
/// docs/signed-urls.md explains it.
/// <code>
/// Sign(url, key, ExpiresIn(86400))                         one image for a day
/// image + "?" + SignAlbum(folder, key, ExpiresIn(3600))    any image below a folder for an hour
/// Narrow(url, "s-ip=203.0.113.7")                          a signed URL for one address only; needs no key
/// </code>
/// </summary>
public static class SignUrls
{
    /// <summary>Unix seconds so long from now.</summary>
    public static long ExpiresIn(long seconds) => DateTimeOffset.UtcNow.ToUnixTimeSeconds() + seconds;

    /// <summary>Signs a URL, already percent-encoded, until expires. What it demands besides stands in its query.</summary>
    public static string Sign(string url, string key, long expires)
    {
        var text = $"{url}{Joint(url)}exp={expires}";
        return $"{text}&sig={Mac(Encoding.UTF8.GetBytes(key), Target(text))}";
    }

    /// <summary>The query that opens every image below a folder: https://images.example.org/HASH/albums/2026/</summary>
    public static string SignAlbum(string folder, string key, long expires)
    {
        var depth = Path(folder).Count(c => c == '/') - 1;
        var signed = Sign($"{folder}{Joint(folder)}s-pfx={depth}", key, expires);
        return signed.Substring(signed.IndexOf('?') + 1);
    }

    /// <summary>The value of Set-Cookie under which plain URLs below the folder open; query is what SignAlbum gave.</summary>
    public static string AlbumCookie(string folder, string query, long seconds) =>
        $"imgtoken={query}; Path={Path(folder)}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax";

    /// <summary>Narrows a signed URL: demands are like "s-ip=203.0.113.7&amp;exp=1790000300"; bound to its path too.</summary>
    public static string Narrow(string url, string demands)
    {
        var found = Regex.Match(url, @"^(.*)&sig=([0-9a-f]{64})\z");
        if (!found.Success) throw new ArgumentException("the URL does not end with a signature");
        var text = found.Groups[1].Value;
        var parts = Target(text).Split(new[] { '?' }, 2);
        var number = parts[1].Split('&').Count(pair => pair.StartsWith("s-at=", StringComparison.Ordinal)) + 1;
        var block = $"s-at={number}{(demands == "" ? "" : "&")}{demands}";
        return $"{text}&{block}&sig={Mac(Bytes(found.Groups[2].Value), $"{parts[0]}?{block}")}";
    }

    /// <summary>Path and query: protocol and host are not signed.</summary>
    static string Target(string url) => Regex.Replace(url, "^[a-z]+://[^/]*", "");

    static string Path(string url) => Target(url).Split('?')[0];

    static string Joint(string url) => url.Contains("?") ? "&" : "?";

    static byte[] Bytes(string hex) =>
        Enumerable.Range(0, hex.Length / 2).Select(i => Convert.ToByte(hex.Substring(2 * i, 2), 16)).ToArray();

    static string Mac(byte[] key, string text)
    {
        using (var mac = new HMACSHA256(key))
            return string.Concat(mac.ComputeHash(Encoding.UTF8.GetBytes(text)).Select(b => b.ToString("x2")));
    }

    // day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS
    public static void Main(string[] args)
    {
        var words = new Queue<string>(args);
        while (words.Count > 0)
        {
            string verb = words.Dequeue(), first = words.Dequeue(), second = words.Dequeue();
            Console.WriteLine(
                verb == "day" ? Sign(second, first, ExpiresIn(86400))
                : verb == "sign" ? Sign(second, first, long.Parse(words.Dequeue()))
                : verb == "album" ? SignAlbum(second, first, long.Parse(words.Dequeue()))
                : verb == "cookie" ? AlbumCookie(first, second, long.Parse(words.Dequeue()))
                : verb == "narrow" ? Narrow(first, second)
                : throw new ArgumentException(verb));
        }
    }
}
