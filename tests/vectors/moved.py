"""Moves the cases of CloudFront, imgix or Bunny below a path of ours and signs them again with their own keys.

moved.py VECTORS.json /PREFIX: prints the file with every target, resource and directory below the prefix. The case that a
library signed gets a new signature; what was derived from it by an edit gets the same edit of that one.
"""
import base64
import copy
import hashlib
import hmac
import json
import re
import sys
from urllib.parse import parse_qsl, quote

CLOUDFRONT = str.maketrans("+=/", "-_~")


def cloudfront(request, key, prefix):
    """Old and new texts of a request: its policy, where it has one, and its signature."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec, padding

    sent = request["target"] + " " + request.get("headers", {}).get("cookie", "")
    value = lambda name: (re.search(rf"(?:[?&]|CloudFront-){name}=([^&; ]*)", sent) or [None, None])[1]
    changes = []
    if value("Policy"):
        policy = moved_policy(value("Policy"), prefix)
        changes.append((value("Policy"), policy))
        signed = base64.b64decode(policy.translate(str.maketrans("-_~", "+=/")))
    else:
        path, _, query = request["target"].partition("?")
        own = re.compile("(Expires|Signature|Key-Pair-Id|Hash-Algorithm)=")
        query = "&".join(pair for pair in query.split("&") if pair and not own.match(pair))
        url = f"{request['scheme']}://{request['host']}{prefix}{path}" + ("?" + query if query else "")
        when = f'"Condition":{{"DateLessThan":{{"AWS:EpochTime":{value("Expires")}}}}}'
        signed = f'{{"Statement":[{{"Resource":"{url}",{when}}}]}}'.encode()
    private = serialization.load_pem_private_key(key["private_pem"].encode(), None)
    digest = hashes.SHA256() if value("Hash-Algorithm") == "SHA256" else hashes.SHA1()
    way = [ec.ECDSA(digest)] if isinstance(private, ec.EllipticCurvePrivateKey) else [padding.PKCS1v15(), digest]
    signature = base64.b64encode(private.sign(signed, *way)).decode().translate(CLOUDFRONT)
    return changes + [(value("Signature"), signature)] if value("Signature") else changes


def moved_policy(policy, prefix):
    """A policy whose resource lies below the prefix; as it is where it cannot be read."""
    try:
        text = base64.b64decode(policy.translate(str.maketrans("-_~", "+=/")), validate=True)
    except ValueError:
        return policy
    text = text.replace(b"cdn.example.com/", f"cdn.example.com{prefix}/".encode())
    return base64.b64encode(text).decode().translate(CLOUDFRONT)


def imgix(request, key, prefix):
    path, _, query = request["target"].partition("?")
    pairs = [pair for pair in query.split("&") if pair]
    old = next((pair[2:] for pair in pairs if pair.startswith("s=")), None)
    query = "&".join(pair for pair in pairs if not pair.startswith("s="))
    text = key["token"] + prefix + path + ("?" + query if query else "")
    return [(old, hashlib.md5(text.encode()).hexdigest())] if old else []


def bunny(request, key, prefix):
    target = request["target"]
    if target.startswith("/bcdn_token="):
        query, _, path = target[1:].replace("bcdn_token=", "token=", 1).partition("/")
        path = "/" + path
    else:
        path, _, query = target.partition("?")
    pairs = dict(parse_qsl(query, keep_blank_values=True))
    old, expires = pairs.pop("token", None), pairs.pop("expires", "")
    if not old:
        return []
    if "token_path" in pairs:
        pairs["token_path"] = prefix + pairs["token_path"]
    signed_path = pairs.get("token_path", prefix + path)
    if pairs.get("token_ignore_params") == "true":
        pairs = {name: pairs[name] for name in ("token_ignore_params", "token_path") if name in pairs}
    data = "&".join(f"{name}={pairs[name]}" for name in sorted(pairs))
    secret, address = key["security_key"].encode(), request.get("client_ip") or ""
    if old.startswith("HS256-"):
        bound = old.startswith("HS256-1-")
        octets = packed(address) if bound else b""
        mac = hmac.new(secret, (signed_path + expires).encode() + octets + data.encode(), hashlib.sha256).digest()
        start = "HS256-1-" if bound else "HS256-"
    else:
        address = address if request["ip_validation"] else ""
        mac, start = hashlib.sha256(secret + (signed_path + expires + address + data).encode()).digest(), ""
    new = start + base64.urlsafe_b64encode(mac).decode().rstrip("=")
    return [(old, new)]


def packed(address):
    """Four bytes, or sixteen of which the last eight are zero."""
    import ipaddress

    octets = ipaddress.ip_address(address).packed
    return octets if len(octets) == 4 else octets[:8] + bytes(8)


def edited(text, changes):
    """The text with the old signature, or an edit of it, replaced by the new one, or the same edit of that."""
    for old, new in changes:
        edits = [
            lambda word: word,
            str.upper,
            lambda word: word[:-1],
            lambda word: word.removeprefix("HS256-"),
            lambda word: word.translate(str.maketrans("-~", "+/")),
        ]
        for edit in edits:
            if edit(old) in text:
                text = text.replace(edit(old), edit(new))
                break
        else:
            for word in re.findall(r"[A-Za-z0-9_~-]{20,}", text):
                odd = [place for place, (a, b) in enumerate(zip(word, old)) if a != b]
                if len(word) == len(old) and len(odd) < 4:
                    changed = "".join(word[i] if i in odd else letter for i, letter in enumerate(new))
                    text = text.replace(word, changed)
    return text


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        vectors = json.load(file)
    prefix, by_id = sys.argv[2], {case["id"]: case for case in vectors["cases"]}
    first = next(iter(vectors["keys"].values()))
    sign = imgix if "token" in first else bunny if "security_key" in first else cloudfront
    moved = []
    for case in vectors["cases"]:
        base = by_id.get(case.get("derived_from"), case)
        key = vectors["keys"][base.get("key") or base["verifier_keys"][0]]
        validates = bool((base.get("policy") or {}).get("ip_validation"))
        changes = sign({**base["request"], "ip_validation": validates}, key, prefix)
        moved.append(move(copy.deepcopy(case), changes, prefix))
    json.dump({**vectors, "cases": moved}, sys.stdout)


def move(case, changes, prefix):
    request = case["request"]
    target = edited(request["target"], changes).replace("token_path=%2F", "token_path=" + quote(prefix + "/", safe=""))
    start = re.match(r"/bcdn_token=[^/]*", target)
    at = start.end() if start else 0
    request["target"] = moved_policies(target[:at] + prefix + target[at:], prefix, changes)
    headers = request.get("headers", {})
    if "cookie" in headers:
        headers["cookie"] = moved_policies(edited(headers["cookie"], changes), prefix, changes)
    return case


def moved_policies(text, prefix, changes):
    """A policy that an edit has changed is another than that of the case it comes from."""
    known = [new for _, new in changes]
    policy = lambda found: found[0] if found[1] in known else "Policy=" + moved_policy(found[1], prefix)
    return re.sub(r"Policy=([^&; ]+)", policy, text)


if __name__ == "__main__":
    main()
