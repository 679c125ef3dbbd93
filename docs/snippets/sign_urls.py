"""Signs delivery URLs of Darkroom with nothing but Python. Copy what you need; docs/signed-urls.md explains it.

    sign(url, key, expires_in(86400))                         one image for a day
    image + "?" + sign_album(folder, key, expires_in(3600))   any image below a folder for an hour
    narrow(url, "s-ip=203.0.113.7")                           a signed URL for one address only; needs no key
"""
import hashlib
import hmac
import re
import sys
import time


def expires_in(seconds):
    """Unix seconds so long from now."""
    return int(time.time()) + seconds


def sign(url, key, expires):
    """Signs a URL, already percent-encoded, until `expires`. What it demands besides stands in its query."""
    text = f"{url}{'&' if '?' in url else '?'}exp={expires}"
    return f"{text}&sig={mac(key.encode(), target(text))}"


def sign_album(folder, key, expires):
    """The query that opens every image below a folder such as https://images.example.org/HASH/albums/2026/"""
    depth = target(folder).split("?")[0].count("/") - 1
    signed = sign(f"{folder}{'&' if '?' in folder else '?'}s-pfx={depth}", key, expires)
    return signed.split("?", 1)[1]


def album_cookie(folder, query, seconds):
    """The value of Set-Cookie under which plain URLs below the folder open; `query` is what sign_album gave."""
    path = target(folder).split("?")[0]
    return f"imgtoken={query}; Path={path}; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax"


def narrow(url, demands):
    """Narrows a signed URL: `demands` is like "s-ip=203.0.113.7&exp=1790000300"; it is bound to its path too."""
    text, sig = re.fullmatch("(.*)&sig=([0-9a-f]{64})", url).groups()
    path, query = target(text).split("?", 1)
    number = sum(pair.startswith("s-at=") for pair in query.split("&")) + 1
    block = f"s-at={number}{'&' if demands else ''}{demands}"
    return f"{text}&{block}&sig={mac(bytes.fromhex(sig), f'{path}?{block}')}"


def target(url):
    """Path and query: protocol and host are not signed."""
    return re.sub("^[a-z]+://[^/]*", "", url)


def mac(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


# python3 sign_urls.py day KEY URL | sign KEY URL EXPIRES | album KEY FOLDER EXPIRES | cookie FOLDER QUERY SECONDS | narrow URL DEMANDS
if __name__ == "__main__":
    verbs = {
        "day": (2, lambda key, url: sign(url, key, expires_in(86400))),
        "sign": (3, lambda key, url, expires: sign(url, key, expires)),
        "album": (3, lambda key, folder, expires: sign_album(folder, key, expires)),
        "cookie": (3, album_cookie),
        "narrow": (2, narrow),
    }
    words = sys.argv[1:]
    while words:
        count, verb = verbs[words[0]]
        print(verb(*words[1 : count + 1]))
        words = words[count + 1 :]
