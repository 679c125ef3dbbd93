"""The signers of other systems, as their makers publish them for Python, for one private image of this house:

    python delivery.py '{"origin": …, "path": …, "folder": …, "image": …, "ends_s": …}'

prints the schemes to switch on and the keys to register, as the API takes them, then each signed request, a line each.
"""
import json
import secrets
import sys
from datetime import datetime, timezone

from botocore.signers import CloudFrontSigner
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from libthumbor import CryptoURL

stage = json.loads(sys.argv[1])
origin, path, folder, image = stage["origin"], stage["path"], stage["folder"], stage["image"]
ends = datetime.fromtimestamp(stage["ends_s"], timezone.utc)


def say(**line):
    print(json.dumps(line))


def signed(client, what, url, signature, touched, expires=True):
    say(client=client, what=what, url=url, headers={}, signature=signature, touched=touched, expires=expires)


def cloudfront():
    say(scheme="cloudfront", settings={})
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    spki = serialization.PublicFormat.SubjectPublicKeyInfo
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, spki).decode()
    key = {"name": "cloudfront-python", "scheme": "cloudfront", "id": "KPYTHON", "public_key_pem": pem}
    say(key=key)
    signer = CloudFrontSigner("KPYTHON", lambda text: private.sign(text, padding.PKCS1v15(), hashes.SHA1()))
    of = lambda url: url.split("Signature=")[1].split("&")[0]

    canned = signer.generate_presigned_url(origin + path, date_less_than=ends)
    touched = [canned.replace("cat", "dog"), canned + "&x=1"]
    signed("botocore CloudFrontSigner", "canned URL", canned, of(canned), touched)

    begin = datetime.fromtimestamp(stage["ends_s"] - 86400, timezone.utc)
    policy = signer.build_policy(f"{origin}{folder}*", ends, begin, "127.0.0.1")
    album = signer.generate_presigned_url(origin + path, policy=policy)
    signed("botocore CloudFrontSigner", "policy of an album", album, of(album), [album.replace("2026", "2025")])


def thumbor():
    say(scheme="thumbor", settings={})
    key = secrets.token_hex(16)
    say(key={"name": "thumbor", "scheme": "thumbor", "secret": key})
    text = CryptoURL(key=key).generate(width=80, height=60, image_url=image)
    signed(
        "libthumbor",
        "URL",
        f"{origin}/thumbor{text}",
        text.split("/")[1],
        [f"{origin}/thumbor{text}".replace("80x60", "90x60"), f"{origin}/thumbor{text}".replace("cat", "dog")],
        expires=False,
    )


cloudfront()
thumbor()
