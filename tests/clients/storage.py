"""The clients of S3 and of Google Cloud Storage, as their makers publish them for Python, against originals of this house:

    python storage.py '{"origin": …, "account": …, "image": …, "ends_s": …, "picture": …}' sign|act

`sign` prints the keys to register, as the API takes them, then each signed request, a line each. `act` reads the lines of
the keys from its standard input and then lets the clients put, read and post through them.
"""
import base64
import datetime
import hashlib
import json
import os
import pathlib
import sys
import time
import urllib.parse
import urllib.request

import boto3
import botocore.exceptions
from botocore.client import Config
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from google.auth import crypt
from google.cloud import storage
from google.oauth2 import service_account

stage = json.loads(sys.argv[1])
origin, account, image = stage["origin"], stage["account"], stage["image"]
endpoint = f"{origin}/storage"
other = image.replace("cat", "dog")
left_s = stage["ends_s"] - int(time.time())
ID, SECRET = "AKIDPYTHON", "python/Secret+Key=1"
SESSION_ID, SESSION_SECRET, SESSION = "ASIDPYTHON", "temporary/Secret", "FwoGZXIvYXdzE/session=="
HMAC_ID, HMAC_SECRET = "GOOG1EPYTHON", "hmacSecret/Google+1"
EMAIL = "signer@project.iam.example"


def say(**line):
    print(json.dumps(line))


def s3(version, key=(ID, SECRET, None), region="us-east-1"):
    access, secret, token = key
    # Reads no configuration of this machine.
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    session = boto3.session.Session(access, secret, aws_session_token=token, region_name=region)
    style = {"addressing_style": "path"}
    return session.client("s3", endpoint_url=endpoint, config=Config(signature_version=version, s3=style))


def google(pem):
    info = {
        "type": "service_account", "private_key_id": "1", "private_key": pem, "client_email": EMAIL,
        "token_uri": "https://oauth2.example/token", "project_id": "project",
    }
    credentials = service_account.Credentials.from_service_account_info(info)
    return storage.Client(project="project", credentials=credentials).bucket(account).blob(image)


def signed(client, what, url, name, end=None, headers={}):
    signature = url.split(f"{name}=")[1].split("&")[0]
    plain = urllib.request.unquote(signature) if name == "Signature" else signature
    assert plain.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D") == signature, signature
    touched = [url.replace("cat.jpg", "dog.jpg")]
    say(client=client, what=what, url=url, headers=headers, signature=signature, touched=touched, expires=True,
        ends_s=end_of(url))


def end_of(url):
    """Clients count from the second in which they sign, which may be a later one than this script's."""
    query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(url).query))
    for kind in ("X-Amz", "X-Goog"):
        if f"{kind}-Date" in query:
            date = datetime.datetime.strptime(query[f"{kind}-Date"] + "+0000", "%Y%m%dT%H%M%SZ%z")
            return int(date.timestamp()) + int(query[f"{kind}-Expires"])
    return int(query["Expires"])


def sign():
    say(scheme="s3", settings={})
    say(scheme="gcs", settings={})
    say(key={"name": "boto3", "scheme": "s3", "id": ID, "secret": SECRET})
    say(key={"name": "boto3-temporary", "scheme": "s3", "id": SESSION_ID, "secret": SESSION_SECRET,
             "session_token": SESSION})
    say(key={"name": "goog-hmac", "scheme": "gcs", "id": HMAC_ID, "secret": HMAC_SECRET})
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = private.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    say(key={"name": "google-python", "scheme": "gcs", "id": EMAIL, "public_key_pem": public})

    of = {"Bucket": account, "Key": image}
    client = f"boto3 {boto3.__version__}"
    for version, name in [("s3v4", "X-Amz-Signature"), ("s3", "Signature")]:
        url = s3(version).generate_presigned_url("get_object", of, ExpiresIn=left_s)
        signed(client, version, url, name)
    inline = dict(of, ResponseContentDisposition="inline", ResponseContentType="image/jpeg")
    for version, name in [("s3v4", "X-Amz-Signature"), ("s3", "Signature")]:
        url = s3(version).generate_presigned_url("get_object", inline, ExpiresIn=left_s)
        signed(client, f"{version} with another head", url, name)
    temporary = s3("s3v4", (SESSION_ID, SESSION_SECRET, SESSION))
    url = temporary.generate_presigned_url("get_object", of, ExpiresIn=left_s)
    signed(client, "temporary key", url, "X-Amz-Signature")
    moved = s3("s3v4", (HMAC_ID, HMAC_SECRET, None), "auto")
    url = moved.generate_presigned_url("get_object", of, ExpiresIn=left_s)
    signed(client, "HMAC key of Google's", url, "X-Amz-Signature")

    blob, ends = google(pem), datetime.datetime.fromtimestamp(stage["ends_s"], datetime.timezone.utc)
    for version, name in [("v4", "X-Goog-Signature"), ("v2", "Signature")]:
        url = blob.generate_signed_url(ends, api_access_endpoint=endpoint, version=version)
        signed(f"google-cloud-storage {storage.__version__}", version, url, name)


def refused(code, status, call):
    try:
        call()
    except botocore.exceptions.ClientError as error:
        assert error.response["Error"]["Code"] == code, error
        assert error.response["ResponseMetadata"]["HTTPStatusCode"] == status, error
        return
    raise AssertionError(f"{code} was expected")


def send(method, url, body=None, headers={}):
    request = urllib.request.Request(url, data=body, headers=headers, method=method)
    with urllib.request.urlopen(request) as answer:
        return answer.status, answer.headers, answer.read()


def act():
    picture = pathlib.Path(stage["picture"]).read_bytes()
    tag = f'"{hashlib.sha256(picture).hexdigest()}"'
    client = s3("s3v4")
    put = client.put_object(Bucket=account, Key="python/a b+é.jpg", Body=picture, Metadata={"album": "summer"})
    assert put["ETag"] == tag, put
    got = client.get_object(Bucket=account, Key="python/a b+é.jpg")
    assert got["Body"].read() == picture and got["ETag"] == tag and got["ContentType"] == "image/jpeg", got
    # The client holds the bytes against this by itself.
    assert got["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(picture).digest()).decode(), got
    part = client.get_object(Bucket=account, Key="python/a b+é.jpg", Range="bytes=2-5")
    assert part["Body"].read() == picture[2:6] and part["ContentRange"] == f"bytes 2-5/{len(picture)}", part
    head = client.head_object(Bucket=account, Key="python/a b+é.jpg")
    assert head["ContentLength"] == len(picture), head
    again = lambda: client.put_object(Bucket=account, Key="python/a b+é.jpg", Body=picture)
    refused("ObjectAlreadyExists", 409, again)
    refused("NoSuchKey", 404, lambda: client.get_object(Bucket=account, Key="python/nobody"))
    refused("MethodNotAllowed", 405, lambda: client.delete_object(Bucket=account, Key="python/a b+é.jpg"))
    refused("NotImplemented", 501, lambda: client.list_objects_v2(Bucket=account))
    wrong = s3("s3v4", (ID, "another secret", None))
    refused("SignatureDoesNotMatch", 403, lambda: wrong.get_object(Bucket=account, Key=image))
    unknown = s3("s3v4", ("AKIDNOBODY", SECRET, None))
    refused("InvalidAccessKeyId", 403, lambda: unknown.get_object(Bucket=account, Key=image))
    client.upload_file(stage["picture"], account, "python/uploaded")
    client.download_file(account, "python/uploaded", stage["picture"] + ".back")
    assert pathlib.Path(stage["picture"] + ".back").read_bytes() == picture

    for version in ["s3v4", "s3"]:
        key = {"Bucket": account, "Key": f"python/presigned-{version}"}
        url = s3(version).generate_presigned_url("put_object", dict(key, ContentType="image/jpeg"))
        status, headers, _ = send("PUT", url, picture, {"Content-Type": "image/jpeg"})
        assert status == 200 and headers["ETag"] == tag, (version, status, headers)
        assert send("GET", s3(version).generate_presigned_url("get_object", key))[2] == picture

    conditions = [{"success_action_status": "201"}, ["content-length-range", 1, 1000000]]
    form = client.generate_presigned_post(
        account, "python/posted/${filename}", {"success_action_status": "201"}, conditions)
    assert form["url"] == f"{endpoint}/{account}", form
    boundary = "----boundary"
    lines = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in form["fields"].items())
    file = 'Content-Disposition: form-data; name="file"; filename="cat.jpg"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = f"{lines}--{boundary}\r\n{file}".encode() + picture + f"\r\n--{boundary}--\r\n".encode()
    multipart = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    status, headers, answer = send("POST", form["url"], body, multipart)
    assert status == 201 and b"<Key>python/posted/cat.jpg</Key>" in answer, (status, answer)


{"sign": sign, "act": act}[sys.argv[2]]()
