// The clients of S3 and of Google Cloud Storage, as their makers publish them for Node, against originals of this house:
//
//     node storage.mjs '{"origin": …, "account": …, "image": …, "ends_s": …, "picture": …}' sign|act
//
// `sign` prints the keys to register, as the API takes them, then each signed request, a line each. `act` lets the clients
// put and read.
import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';

import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { createPresignedPost } from '@aws-sdk/s3-presigned-post';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { Storage } from '@google-cloud/storage';
import AWS from 'aws-sdk';

process.env.AWS_SDK_JS_SUPPRESS_MAINTENANCE_MODE_MESSAGE = '1';
const stage = JSON.parse(process.argv[2]);
const { origin, account, image } = stage;
const endpoint = `${origin}/storage`;
const leftS = stage.ends_s - Math.floor(Date.now() / 1000);
const [ID, SECRET] = ['AKIDNODE', 'node/Secret+Key=1'];

const say = (line) => console.log(JSON.stringify(line));

const third = () => new S3Client({
  endpoint, region: 'eu-central-1', forcePathStyle: true, credentials: { accessKeyId: ID, secretAccessKey: SECRET },
});

const second = (signatureVersion) => new AWS.S3({
  endpoint, region: 'us-east-1', s3ForcePathStyle: true, signatureVersion, accessKeyId: ID, secretAccessKey: SECRET,
});

function signed(client, what, url, name) {
  const signature = new RegExp(`[?&]${name}=([^&]+)`).exec(url)[1];
  const touched = [url.replace('cat.jpg', 'dog.jpg')];
  say({ client, what, url, headers: {}, signature, touched, expires: true, ends_s: endOf(new URL(url).searchParams) });
}

// Clients count from the second in which they sign, which may be a later one than this script's.
function endOf(query) {
  const kind = ['X-Amz', 'X-Goog'].find((name) => query.has(`${name}-Date`));
  if (!kind) return Number(query.get('Expires'));
  const iso = query.get(`${kind}-Date`).replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  return Date.parse(iso) / 1000 + Number(query.get(`${kind}-Expires`));
}

async function sign() {
  say({ scheme: 's3', settings: {} });
  say({ scheme: 'gcs', settings: {} });
  say({ key: { name: 'aws-node', scheme: 's3', id: ID, secret: SECRET } });
  const of = { Bucket: account, Key: image };
  const v3 = '@aws-sdk/s3-request-presigner';
  signed(v3, 'GET', await getSignedUrl(third(), new GetObjectCommand(of), { expiresIn: leftS }), 'X-Amz-Signature');
  const inline = new GetObjectCommand({ ...of, ResponseContentDisposition: 'inline' });
  signed(v3, 'GET with another head', await getSignedUrl(third(), inline, { expiresIn: leftS }), 'X-Amz-Signature');
  const v2 = { ...of, Expires: leftS };
  signed('aws-sdk v2', 'as it comes', second(undefined).getSignedUrl('getObject', v2), 'Signature');
  signed('aws-sdk v2', 'v4', second('v4').getSignedUrl('getObject', v2), 'X-Amz-Signature');
  await signAsGoogle();
}

// It leaves the path of its endpoint out of the URL and of what it signs: `/storage` is put in front afterwards.
async function signAsGoogle() {
  const encoding = { publicKeyEncoding: { type: 'spki', format: 'pem' }, privateKeyEncoding: { type: 'pkcs8', format: 'pem' } };
  const pair = generateKeyPairSync('rsa', { modulusLength: 2048, ...encoding });
  const email = 'node@project.iam.example';
  say({ key: { name: 'google-node', scheme: 'gcs', id: email, public_key_pem: pair.publicKey } });
  const credentials = { client_email: email, private_key: pair.privateKey };
  const file = new Storage({ projectId: 'project', apiEndpoint: origin, credentials }).bucket(account).file(image);
  for (const [version, name] of [['v4', 'X-Goog-Signature'], ['v2', 'Signature']]) {
    const [url] = await file.getSignedUrl({ version, action: 'read', expires: stage.ends_s * 1000 });
    signed('@google-cloud/storage', version, url.replace(origin, endpoint), name);
  }
}

async function fetched(url, options) {
  const answer = await fetch(url, options);
  return { status: answer.status, headers: answer.headers, body: Buffer.from(await answer.arrayBuffer()) };
}

async function act() {
  const picture = readFileSync(stage.picture);
  const tag = `"${createHash('sha256').update(picture).digest('hex')}"`;
  const client = third();
  const of = { Bucket: account, Key: 'node/a b+é.jpg' };
  const put = await client.send(new PutObjectCommand({ ...of, Body: picture, ContentType: 'image/jpeg' }));
  assert.equal(put.ETag, tag);
  const got = await client.send(new GetObjectCommand(of));
  assert.deepEqual(Buffer.from(await got.Body.transformToByteArray()), picture);
  const part = await client.send(new GetObjectCommand({ ...of, Range: 'bytes=2-5' }));
  assert.deepEqual(Buffer.from(await part.Body.transformToByteArray()), picture.subarray(2, 6));
  assert.equal((await client.send(new HeadObjectCommand(of))).ContentLength, picture.length);
  const refused = async (code, status, command) => assert.rejects(client.send(command), (error) => {
    assert.equal(error.name, code);
    assert.equal(error.$metadata.httpStatusCode, status);
    return true;
  });
  await refused('ObjectAlreadyExists', 409, new PutObjectCommand({ ...of, Body: picture }));
  await refused('NoSuchKey', 404, new GetObjectCommand({ ...of, Key: 'node/nobody' }));

  const presigned = { ...of, Key: 'node/presigned' };
  const url = await getSignedUrl(client, new PutObjectCommand({ ...presigned, ContentType: 'image/jpeg' }));
  const stored = await fetched(url, { method: 'PUT', body: picture, headers: { 'content-type': 'image/jpeg' } });
  assert.equal(stored.status, 200, stored.body.toString());
  assert.equal(stored.headers.get('etag'), tag);
  for (const version of [undefined, 'v4']) {
    const key = { ...of, Key: `node/v2-${version}` };
    const put = second(version).getSignedUrl('putObject', { ...key, ContentType: 'image/jpeg' });
    const stored = await fetched(put, { method: 'PUT', body: picture, headers: { 'content-type': 'image/jpeg' } });
    assert.equal(stored.status, 200, stored.body.toString());
    assert.deepEqual((await fetched(second(version).getSignedUrl('getObject', key))).body, picture);
  }
  const wrong = await fetched(url.replace('presigned', 'elsewhere'), { method: 'PUT', body: picture });
  assert.equal(wrong.status, 403, wrong.body.toString());

  const conditions = [['starts-with', '$key', 'node/posted/'], ['content-length-range', 1, 1000000]];
  const fields = { success_action_status: '201' };
  const post = await createPresignedPost(client, {
    Bucket: account, Key: 'node/posted/${filename}', Conditions: conditions, Fields: fields, Expires: 600,
  });
  const form = new FormData();
  for (const [name, value] of Object.entries(post.fields)) form.set(name, value);
  form.set('file', new Blob([picture]), 'cat.jpg');
  const posted = await fetched(post.url, { method: 'POST', body: form });
  assert.equal(posted.status, 201, posted.body.toString());
  assert.match(posted.body.toString(), /<Key>node\/posted\/cat\.jpg<\/Key>/);
}

await { sign, act }[process.argv[3]]();
