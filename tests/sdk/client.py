"""The official client for Python, as its users call it: every call of the contract that this house answers.

Environment: BASE_URL, ACCOUNT, TOKEN, READING_TOKEN, PICTURES (paths, a line each).
"""
import os
import pathlib

import cloudflare
import httpx
from cloudflare import Cloudflare

ENV = os.environ
ACCOUNT = ENV["ACCOUNT"]
PICTURES = [pathlib.Path(line) for line in ENV["PICTURES"].split("\n")]

# Counts what really goes over the wire, retries included.
sent = []


def client(token=ENV["TOKEN"], **more):
    http = httpx.Client(event_hooks={"request": [sent.append]}, timeout=60)
    return Cloudflare(api_token=token, base_url=ENV["BASE_URL"], http_client=http, **more)


api = client()
v1, v2 = api.images.v1, api.images.v2


def refused(kind, code, call):
    try:
        call()
    except cloudflare.APIStatusError as error:
        assert isinstance(error, kind), (kind, error)
        assert error.errors[0].code == code, (code, error)
        return error
    raise AssertionError(f"{kind} was expected")


def fetch(url):
    return httpx.get(url, timeout=60).status_code


def keeps(id, content):
    assert v1.blobs.get(id, account_id=ACCOUNT).read() == content, f"{id} comes back byte for byte"


# --- Photographs, by every way that the client documents
uploaded = []
for picture in PICTURES:
    content = picture.read_bytes()
    ways = {
        "bytes": (content, "upload"),
        "path": (picture, picture.name),
        "open file": (open(picture, "rb"), picture.name),
        "tuple": (("named.bin", content), "named.bin"),
        "tuple with a type": (("named.jpg", content, "image/jpeg"), "named.jpg"),
    }
    for way, (file, name) in ways.items():
        image = v1.create(account_id=ACCOUNT, file=file)
        assert image.filename == name, (way, image.filename)
        assert image.require_signed_urls is False
        assert fetch(next(url for url in image.variants if url.endswith("/public"))) == 200, picture
        keeps(image.id, content)
        uploaded.append(image.id)
content = PICTURES[0].read_bytes()

# --- Metadata, creator, privacy
labelled = v1.create(
    account_id=ACCOUNT, file=content, creator="ada", require_signed_urls=True,
    metadata={"album": "summer", "place": {"city": "Rome"}},
)
assert labelled.meta == {"album": "summer", "place": {"city": "Rome"}}, labelled.meta
assert labelled.creator == "ada" and labelled.require_signed_urls is True
assert fetch(labelled.variants[0]) == 403, "a private image needs a signature"
as_text = v1.create(account_id=ACCOUNT, file=content, metadata='{"album": "winter", "rank": 7}')
assert as_text.meta == {"album": "winter", "rank": 7}, as_text.meta

# --- Get, edit, ids with every kind of character
for id in ["plain", "a/b c%é", "deep/er/and.deeper~1"]:
    assert v1.create(account_id=ACCOUNT, file=content, id=id).id == id
    assert v1.get(id, account_id=ACCOUNT).id == id
    edited = v1.edit(id, account_id=ACCOUNT, metadata={"k": "v"}, creator="u2", require_signed_urls=True)
    assert (edited.id, edited.meta, edited.creator, edited.require_signed_urls) == (id, {"k": "v"}, "u2", True)
    assert v1.edit(id, account_id=ACCOUNT, require_signed_urls=False).meta == {"k": "v"}
    assert fetch(v1.get(id, account_id=ACCOUNT).variants[0]) == 200
    keeps(id, content)

# --- A duplicate is refused, and sent once
sent.clear()
refused(cloudflare.ConflictError, 5409, lambda: v1.create(account_id=ACCOUNT, file=content, id="plain"))
assert len(sent) == 1, "a duplicate is not sent again"


# --- Lists
def listed(**query):
    ids, token = [], None
    while True:
        more = {"continuation_token": token} if token else {}
        page = v2.list(account_id=ACCOUNT, per_page=3, **query, **more)
        assert len(page.images) <= 3
        ids += [image.id for image in page.images]
        token = page.continuation_token
        if not token:
            return ids


newest = listed(sort_order="desc")
assert len(newest) == len(set(newest)) == len(uploaded) + 5, newest
assert listed(sort_order="asc") == newest[::-1]
assert listed(creator="ada") == [labelled.id]
assert listed(extra_query={"meta.album[eq]": "summer"}) == [labelled.id]
assert listed(extra_query={"meta.rank[gte:number]": "7"}) == [as_text.id]
six = {f"meta.f{n}[eq]": "x" for n in range(6)}
refused(cloudflare.BadRequestError, 5400, lambda: v2.list(account_id=ACCOUNT, extra_query=six))
typed = {"field_operator": "x"}
refused(cloudflare.BadRequestError, 5400, lambda: v2.list(account_id=ACCOUNT, meta=typed))

# --- Variants
options = {"fit": "scale-down", "width": 320, "height": 320, "metadata": "none"}
hero = v1.variants.create(account_id=ACCOUNT, id="hero", options=options, never_require_signed_urls=True)
assert hero.variant.id == "hero" and hero.variant.never_require_signed_urls is True
assert hero.variant.options.to_dict() == options, hero.variant.options
names = v1.variants.list(account_id=ACCOUNT).to_dict()["variants"].keys()
assert sorted(names) == ["hero", "public"], names
edit = {"fit": "cover", "width": 200, "height": 100, "metadata": "none"}
assert v1.variants.edit("hero", account_id=ACCOUNT, options=edit).variant.options.to_dict() == edit
assert v1.variants.get("hero", account_id=ACCOUNT).variant.options.to_dict() == edit
hero_url = next(url for url in v1.get(labelled.id, account_id=ACCOUNT).variants if url.endswith("/hero"))
assert fetch(hero_url) == 200, "a variant that is always public serves a private image"
v1.variants.delete("hero", account_id=ACCOUNT)
refused(cloudflare.NotFoundError, 5401, lambda: v1.variants.get("hero", account_id=ACCOUNT))
assert fetch(hero_url) == 403

# --- Signing keys
def key_names(answer):
    return sorted(key.name for key in answer.keys)


assert key_names(v1.keys.list(account_id=ACCOUNT)) == ["default"]
two = v1.keys.update("second", account_id=ACCOUNT)
assert key_names(two) == ["default", "second"] and all(key.value for key in two.keys)
assert key_names(v1.keys.delete("second", account_id=ACCOUNT)) == ["default"]
refused(cloudflare.NotFoundError, 5404, lambda: v1.keys.delete("second", account_id=ACCOUNT))

# --- Errors
missing = "00000000-0000-4000-8000-000000000000"
refused(cloudflare.NotFoundError, 5404, lambda: v1.get(missing, account_id=ACCOUNT))
refused(cloudflare.AuthenticationError, 10000, lambda: client("drk_wrong").images.v1.get("plain", account_id=ACCOUNT))
reader = client(ENV["READING_TOKEN"]).images.v1
refused(cloudflare.PermissionDeniedError, 10000, lambda: reader.delete("plain", account_id=ACCOUNT))
assert reader.get("plain", account_id=ACCOUNT).id == "plain"
assert not any(key.value for key in reader.keys.list(account_id=ACCOUNT).keys), "a reader sees no secret"
refused(cloudflare.NotFoundError, 7003, lambda: v1.get("plain", account_id="0" * 32))
refused(cloudflare.BadRequestError, 5400, lambda: v1.create(account_id=ACCOUNT))
unsupported = refused(cloudflare.APIStatusError, 5455, lambda: v1.create(account_id=ACCOUNT, file=b"this is a text"))
assert unsupported.status_code == 415
refused(cloudflare.UnprocessableEntityError, 5450,
        lambda: v1.create(account_id=ACCOUNT, file=content[: len(content) // 2]))

# --- Who am I
assert api.user.tokens.verify().status == "active"
assert [account.id for account in api.accounts.list()] == [ACCOUNT]

# --- Delete
for id in newest:
    v1.delete(id, account_id=ACCOUNT)
assert listed() == []
refused(cloudflare.NotFoundError, 5404, lambda: v1.delete("plain", account_id=ACCOUNT))
print(f"cloudflare {cloudflare.__version__}: {len(newest)} images came and went")
