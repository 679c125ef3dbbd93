// The official client for Node, as its users call it: every call of the contract that this house answers.
// Environment: CLIENT (package), BASE_URL, ACCOUNT, TOKEN, READING_TOKEN, PICTURES (paths, a line each).
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';

const { default: Cloudflare, toFile } = await import(process.env.CLIENT);
const { BASE_URL, ACCOUNT: account_id, TOKEN, READING_TOKEN } = process.env;
const PICTURES = process.env.PICTURES.split('\n');

// Counts what really goes over the wire, retries included. The older client brings a fetch of its own.
let requests = 0;
const transport = process.env.CLIENT === 'cloudflare' ? fetch : (await import('node-fetch')).default;
function client(options = {}) {
  const base = { apiToken: TOKEN, apiEmail: null, apiKey: null, baseURL: BASE_URL };
  const counted = (...call) => { requests += 1; return transport(...call); };
  return new Cloudflare({ ...base, fetch: counted, ...options });
}
const cloudflare = client();
const { v1, v2 } = cloudflare.images;
const in_account = { account_id };

async function refused(kind, code, call) {
  const error = await call().then(() => assert.fail(`${kind} was expected`), error => error);
  assert.ok(error instanceof Cloudflare[kind], `${kind} was expected: ${error?.constructor?.name} ${error}`);
  if (code) assert.equal(error.errors[0].code, code, `${error}`);
  return error;
}

// Reads the answer too: a body that nobody reads keeps its connection, and with it the program, for a minute.
async function statusOf(url) {
  const response = await fetch(url);
  await response.arrayBuffer();
  return response.status;
}

async function blobOf(id) {
  const response = await v1.blobs.get(id, in_account);
  return Buffer.from(await response.arrayBuffer());
}

async function keeps(id, bytes) {
  assert.ok((await blobOf(id)).equals(bytes), `${id} comes back byte for byte`);
}

// --- Photographs, by every way that the client documents -------------------------------------------------------
const uploaded = [];
for (const picture of PICTURES) {
  const bytes = fs.readFileSync(picture);
  const name = path.basename(picture);
  const image = await v1.create({ ...in_account, file: fs.createReadStream(picture) });
  assert.equal(image.filename, name);
  assert.equal(image.requireSignedURLs, false);
  assert.ok(!Number.isNaN(Date.parse(image.uploaded)));
  assert.ok(image.variants.some(url => url.endsWith('/public')), 'public is among the variants');
  assert.equal(await statusOf(image.variants.find(url => url.endsWith('/public'))), 200, name);
  await keeps(image.id, bytes);
  uploaded.push(image.id);
}
const bytes = fs.readFileSync(PICTURES[0]);
const ways = {
  toFile: await toFile(bytes, 'x.jpg', { type: 'image/jpeg' }),
  'toFile of a stream': await toFile(fs.createReadStream(PICTURES[0]), 'x.jpg'),
  'File with a wrong type': new File([bytes], 'x.jpg', { type: 'image/png' }),
};
for (const [way, file] of Object.entries(ways)) {
  const image = await v1.create({ ...in_account, file, creator: 'ways' });
  assert.equal(image.filename, 'x.jpg', way);
  await keeps(image.id, bytes);
  uploaded.push(image.id);
}

// --- Metadata as an object and as text, creator, privacy --------------------------------------------------------
const labelled = await v1.create({
  ...in_account, file: await toFile(bytes, 'labelled.jpg'), creator: 'ada', requireSignedURLs: true,
  metadata: { album: 'summer', place: { city: 'Rome' } },
});
assert.deepEqual(labelled.meta, { album: 'summer', place: { city: 'Rome' } });
assert.equal(labelled.creator, 'ada');
assert.equal(labelled.requireSignedURLs, true);
assert.equal(await statusOf(labelled.variants[0]), 403, 'a private image needs a signature');
const asText = await v1.create({
  ...in_account, file: await toFile(bytes, 'text.jpg'), metadata: JSON.stringify({ album: 'winter', rank: 7 }),
});
assert.deepEqual(asText.meta, { album: 'winter', rank: 7 });

// --- Get, edit, ids with every kind of character -----------------------------------------------------------------
for (const id of ['plain', 'a/b c%é', 'deep/er/and.deeper~1']) {
  const image = await v1.create({ ...in_account, file: await toFile(bytes, 'id.jpg'), id });
  assert.equal(image.id, id);
  assert.equal((await v1.get(id, in_account)).id, id);
  const edited = await v1.edit(id, { ...in_account, metadata: { k: 'v' }, creator: 'u2', requireSignedURLs: true });
  assert.equal(edited.id, id);
  assert.deepEqual(edited.meta, { k: 'v' });
  assert.equal(edited.creator, 'u2');
  assert.equal(edited.requireSignedURLs, true);
  assert.deepEqual((await v1.edit(id, { ...in_account, requireSignedURLs: false })).meta, { k: 'v' });
  assert.equal(await statusOf((await v1.get(id, in_account)).variants[0]), 200, `${id} is delivered`);
  await keeps(id, bytes);
}

// --- A duplicate is refused, and sent once ------------------------------------------------------------------------
const again = await toFile(bytes, 'again.jpg');
requests = 0;
await refused('ConflictError', 5409, () => v1.create({ ...in_account, file: again, id: 'plain' }));
assert.equal(requests, 1, 'a duplicate is not sent again');

// --- Lists ------------------------------------------------------------------------------------------------------------
async function listed(query) {
  const ids = [];
  let continuation_token;
  do {
    const page = await v2.list({ ...in_account, per_page: 3, ...query, ...(continuation_token && { continuation_token }) });
    assert.ok(page.images.length <= 3);
    ids.push(...page.images.map(image => image.id));
    continuation_token = page.continuation_token;
  } while (continuation_token);
  return ids;
}
const newest = await listed({ sort_order: 'desc' });
assert.equal(new Set(newest).size, newest.length, 'no image is listed twice');
assert.equal(newest.length, uploaded.length + 5);
assert.deepEqual(await listed({ sort_order: 'asc' }), newest.toReversed());
assert.deepEqual(await listed({ creator: 'ada' }), [labelled.id]);
assert.equal((await listed({ creator: 'ways' })).length, Object.keys(ways).length);
assert.equal((await listed({ creator: '' })).length, PICTURES.length + 1, 'images without a creator');
const where = filters => cloudflare.get(`/accounts/${account_id}/images/v2`, { query: filters });
const found = async filters => (await where(filters)).result.images.map(image => image.id);
assert.deepEqual(await found({ 'meta.album[eq]': 'summer' }), [labelled.id]);
assert.deepEqual(await found({ 'meta.place.city[eq:string]': 'Rome' }), [labelled.id]);
assert.deepEqual(await found({ 'meta.rank[gt:number]': '6' }), [asText.id]);
assert.deepEqual((await found({ 'meta.album[in]': 'summer|winter' })).sort(), [labelled.id, asText.id].sort());
const six = Object.fromEntries([1, 2, 3, 4, 5, 6].map(n => [`meta.f${n}[eq]`, 'x']));
const tooMany = await refused('BadRequestError', 5400, () => where(six));
assert.match(tooMany.errors[0].message, /Too many metadata filters: 6 provided, maximum 5 allowed/);
await refused('BadRequestError', 5400, () => where({ 'meta.album[not-eq]': 'x' }));

// --- Variants ---------------------------------------------------------------------------------------------------------
const options = { fit: 'scale-down', width: 320, height: 320, metadata: 'none' };
const hero = await v1.variants.create({ ...in_account, id: 'hero', options, neverRequireSignedURLs: true });
assert.equal(hero.variant.id, 'hero');
assert.deepEqual(hero.variant.options, options);
assert.equal(hero.variant.neverRequireSignedURLs, true);
const names = Object.keys((await v1.variants.list(in_account)).variants);
assert.deepEqual(names.sort(), ['hero', 'public']);
const edit = { fit: 'cover', width: 200, height: 100, metadata: 'none' };
assert.deepEqual((await v1.variants.edit('hero', { ...in_account, options: edit })).variant.options, edit);
assert.deepEqual((await v1.variants.get('hero', in_account)).variant.options, edit);
const heroUrl = (await v1.get(labelled.id, in_account)).variants.find(url => url.endsWith('/hero'));
assert.equal(await statusOf(heroUrl), 200, 'a variant that is always public serves a private image');
requests = 0;
await refused('ConflictError', 5409, () => v1.variants.create({ ...in_account, id: 'hero', options }));
assert.equal(requests, 1);
await v1.variants.delete('hero', in_account);
await refused('NotFoundError', 5401, () => v1.variants.get('hero', in_account));
assert.equal(await statusOf(heroUrl), 403);
await v1.variants.delete('public', in_account);
assert.deepEqual(Object.keys((await v1.variants.list(in_account)).variants), ['public'], 'public survives');

// --- Signing keys -------------------------------------------------------------------------------------------------------
const keyNames = answer => answer.keys.map(key => key.name).sort();
assert.deepEqual(keyNames(await v1.keys.list(in_account)), ['default']);
const two = await v1.keys.update('second', in_account);
assert.deepEqual(keyNames(two), ['default', 'second']);
const valueOf = (answer, name) => answer.keys.find(key => key.name === name).value;
assert.ok(valueOf(two, 'second').length >= 32);
const replaced = await v1.keys.update('second', in_account);
assert.notEqual(valueOf(replaced, 'second'), valueOf(two, 'second'), 'PUT replaces the value');
assert.deepEqual(keyNames(await v1.keys.delete('second', in_account)), ['default']);
await refused('NotFoundError', 5404, () => v1.keys.delete('second', in_account));

// --- Errors -------------------------------------------------------------------------------------------------------------
await refused('NotFoundError', 5404, () => v1.get('00000000-0000-4000-8000-000000000000', in_account));
await refused('AuthenticationError', 10000, () => client({ apiToken: 'drk_wrong' }).images.v1.keys.list(in_account));
const reader = client({ apiToken: READING_TOKEN }).images;
await refused('PermissionDeniedError', 10000, () => reader.v1.delete('plain', in_account));
assert.equal((await reader.v1.get('plain', in_account)).id, 'plain');
assert.ok((await reader.v1.keys.list(in_account)).keys.every(key => !key.value), 'a reader sees no secret');
await refused('NotFoundError', 7003, () => v1.get('plain', { account_id: '0'.repeat(32) }));
await refused('BadRequestError', 5400, () => v1.create(in_account));
const text = await toFile(Buffer.from('this is a text'), 'x.jpg', { type: 'image/jpeg' });
const unsupported = await v1.create({ ...in_account, file: text }).then(() => assert.fail('refused'), error => error);
assert.deepEqual([unsupported.status, unsupported.errors[0].code], [415, 5455]);
await refused('UnprocessableEntityError', 5450, async () =>
  v1.create({ ...in_account, file: await toFile(bytes.subarray(0, bytes.length / 2), 'cut.jpg') }));

// --- Who am I, and an API key in the old manner -----------------------------------------------------------------------
assert.equal((await cloudflare.user.tokens.verify()).status, 'active');
const accounts = [];
for await (const account of cloudflare.accounts.list()) accounts.push(account.id);
assert.deepEqual(accounts, [account_id]);
const old = client({ apiToken: null, apiKey: TOKEN, apiEmail: 'ada@example.org' });
assert.equal((await old.images.v1.get('plain', in_account)).id, 'plain');

// --- The account's settings, as a raw call -----------------------------------------------------------------------------
const config = `/accounts/${account_id}/images/v1/config`;
assert.equal((await cloudflare.get(config)).result.flexible_variants, false);
assert.equal((await cloudflare.patch(config, { body: { flexible_variants: true } })).result.flexible_variants, true);
const flexible = (await v1.get('plain', in_account)).variants[0].replace(/public$/, 'w=40');
assert.equal(await statusOf(flexible), 200);
assert.equal((await cloudflare.patch(config, { body: { flexible_variants: false } })).result.flexible_variants, false);
assert.equal(await statusOf(flexible), 403);

// --- Delete ---------------------------------------------------------------------------------------------------------------
for (const id of newest) await v1.delete(id, in_account);
assert.deepEqual(await listed({}), []);
await refused('NotFoundError', 5404, () => v1.delete('plain', in_account));
console.log(`${process.env.CLIENT}: ${newest.length} images came and went`);
