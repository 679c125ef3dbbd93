<?php
// Signs delivery URLs of Darkroom with nothing but PHP 8. Copy what you need; docs/signed-urls.md explains it.
//
//   sign($url, $key, expires_in(86400))                              one image for a day
//   $image . '?' . sign_album($folder, $key, expires_in(3600))       any image below a folder for an hour
//   narrow($url, 's-ip=203.0.113.7')                                 a signed URL for one address only; needs no key

/** Unix seconds so long from now. */
function expires_in(int $seconds): int
{
    return time() + $seconds;
}

/** Signs a URL, already percent-encoded, until $expires. What it demands besides stands in its query. */
function sign(string $url, string $key, int $expires): string
{
    $text = $url . (str_contains($url, '?') ? '&' : '?') . "exp=$expires";
    return $text . '&sig=' . hash_hmac('sha256', target($text), $key);
}

/** The query that opens every image below a folder such as https://images.example.org/HASH/albums/2026/ */
function sign_album(string $folder, string $key, int $expires): string
{
    $depth = substr_count(explode('?', target($folder))[0], '/') - 1;
    $signed = sign($folder . (str_contains($folder, '?') ? '&' : '?') . "s-pfx=$depth", $key, $expires);
    return explode('?', $signed, 2)[1];
}

/** The value of Set-Cookie under which plain URLs below the folder open; $query is what sign_album gave. */
function album_cookie(string $folder, string $query, int $seconds): string
{
    $path = explode('?', target($folder))[0];
    return "imgtoken=$query; Path=$path; Max-Age=$seconds; Secure; HttpOnly; SameSite=Lax";
}

/** Narrows a signed URL: $demands is like 's-ip=203.0.113.7&exp=1790000300'; it is bound to its path too. */
function narrow(string $url, string $demands): string
{
    preg_match('/^(.*)&sig=([0-9a-f]{64})$/D', $url, $found) or throw new InvalidArgumentException('not signed');
    [$path, $query] = explode('?', target($found[1]), 2);
    $number = count(preg_grep('/^s-at=/', explode('&', $query))) + 1;
    $block = "s-at=$number" . ($demands === '' ? '' : "&$demands");
    return "$found[1]&$block&sig=" . hash_hmac('sha256', "$path?$block", hex2bin($found[2]));
}

/** Path and query: protocol and host are not signed. */
function target(string $url): string
{
    return preg_replace('~^[a-z]+://[^/]*~', '', $url);
}

// php sign_urls.php day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS
if (PHP_SAPI === 'cli' && realpath($argv[0]) === __FILE__) {
    $verbs = [
        'day' => [2, fn($key, $url) => sign($url, $key, expires_in(86400))],
        'sign' => [3, fn($key, $url, $expires) => sign($url, $key, (int) $expires)],
        'album' => [3, fn($key, $folder, $expires) => sign_album($folder, $key, (int) $expires)],
        'cookie' => [3, fn($folder, $query, $seconds) => album_cookie($folder, $query, (int) $seconds)],
        'narrow' => [2, 'narrow'],
    ];
    for ($words = array_slice($argv, 1); $words; $words = array_slice($words, $count + 1)) {
        [$count, $verb] = $verbs[$words[0]];
        echo $verb(...array_slice($words, 1, $count)), "\n";
    }
}
