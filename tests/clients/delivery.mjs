// The signers of other systems, as their makers publish them for Node, for one private image of this house:
//   node delivery.mjs '{"origin": …, "path": …, "folder": …, "image": …, "ends_s": …}'
// prints the schemes to switch on and the keys to register, as the API takes them, then each signed request, a line each.
import { createHash, generateKeyPairSync, randomBytes } from "node:crypto";
import { getSignedCookies, getSignedUrl } from "@aws-sdk/cloudfront-signer";
import ImageKit from "@imagekit/nodejs";
import { generateImageUrl } from "@imgproxy/imgproxy-node";
import ImgixClient from "@imgix/js-core";
import EdgeAuth from "akamai-edgeauth";

const { origin, path, folder, image, ends_s } = JSON.parse(process.argv[2]);
const url = origin + path;
const other = (text) => text.replace("cat", "dog");
const secret = () => randomBytes(32).toString("hex");
const say = (line) => console.log(JSON.stringify(line));
const key = (body) => say({ key: { name: body.name ?? body.scheme, ...body } });
const scheme = (name, settings = {}) => say({ scheme: name, settings });
const signed = (client, what, found) => say({ client, what, touched: [], headers: {}, expires: true, ...found });
const value = (text, name) => text.match(`[?&]${name}=([^&]*)`)[1];

cloudFront();
cloudimage();
imgproxy();
imgix();
edgeAuth();
imageKit();

function cloudFront() {
  scheme("cloudfront");
  const client = "@aws-sdk/cloudfront-signer";
  const dateLessThan = new Date(ends_s * 1000);
  const kinds = { rsa: [{ modulusLength: 2048 }, "rsa"], ec: [{ namedCurve: "P-256" }, "ec"] };
  for (const [name, [options, type]] of Object.entries(kinds)) {
    const encoding = { publicKeyEncoding: { type: "spki", format: "pem" }, privateKeyEncoding: { type: "pkcs8", format: "pem" } };
    const pair = generateKeyPairSync(type, { ...options, ...encoding });
    const keyPairId = `K${name.toUpperCase()}`;
    key({ name: `cloudfront-${name}`, scheme: "cloudfront", id: keyPairId, public_key_pem: pair.publicKey });
    for (const algorithm of ["SHA1", "SHA256"]) {
      const by = { keyPairId, privateKey: pair.privateKey, algorithm };
      const canned = getSignedUrl({ url, dateLessThan, ...by });
      const cookies = getSignedCookies({ url, dateLessThan, ...by });
      const album = policy();
      const custom = getSignedUrl({ url: `${url}?download=1`, policy: album, ...by });
      const gallery = getSignedCookies({ policy: album, ...by });
      const what = `${name} ${algorithm}`;
      signed(client, `${what} canned URL`, { url: canned, signature: value(canned, "Signature"), touched: [other(canned), `${canned}&x=1`] });
      signed(client, `${what} custom policy`, { url: custom, signature: value(custom, "Signature"), touched: [custom.replace("2026", "2025")] });
      signed(client, `${what} canned cookies`, { ...carried(cookies, url), touched: [other(url), `${url}?x=1`] });
      signed(client, `${what} cookies of an album`, { ...carried(gallery, url), touched: [url.replace("2026", "2025")] });
    }
  }

  function policy() {
    const condition = { DateLessThan: { "AWS:EpochTime": ends_s }, IpAddress: { "AWS:SourceIp": "127.0.0.0/8" } };
    return JSON.stringify({ Statement: [{ Resource: `${origin}${folder}*`, Condition: condition }] });
  }

  function carried(cookies, url) {
    const cookie = Object.entries(cookies).map(([name, value]) => `${name}=${value}`).join("; ");
    return { url, headers: { cookie }, signature: cookies["CloudFront-Signature"] };
  }
}

// The gem is Ruby's; its formula is one line.
function cloudimage() {
  scheme("cloudimage");
  const salt = secret();
  key({ scheme: "cloudimage", secret: salt });
  const sha1 = (text) => createHash("sha1").update(text).digest("hex").slice(0, 18);
  const uri = `/${image}?func=crop&height=60&width=80`;
  const signature = sha1(salt + uri);
  const fixed = `${origin}/v7${uri}&ci_sign=${signature}`;
  signed("cloudimage", "signature", { url: fixed, signature, expires: false, touched: [other(fixed), fixed.replace("width=80", "width=90"), `${fixed}&x=1`] });

  const eqs = Buffer.from("width=80").toString("base64url");
  const seal = sha1(`/${image}${eqs}${salt}`);
  const sealed = `${origin}/v7/${image}?ci_eqs=${eqs}&ci_seal=${seal}&height=60`;
  signed("cloudimage", "seal", { url: sealed, signature: seal, expires: false, touched: [other(sealed), sealed.replace(eqs, Buffer.from("width=90").toString("base64url"))] });
}

function imgproxy() {
  scheme("imgproxy");
  const pair = { key: secret(), salt: secret() };
  key({ scheme: "imgproxy", key_hex: pair.key, salt_hex: pair.salt });
  const options = { resizing_type: "fill", width: 80, height: 60, expires: ends_s };
  for (const displayAs of ["plain", "base64"]) {
    const text = generateImageUrl({ endpoint: `${origin}/imgproxy`, url: { value: image, displayAs }, options, ...pair });
    const signature = text.slice(`${origin}/imgproxy/`.length).split("/")[0];
    signed("@imgproxy/imgproxy-node", displayAs, { url: text, signature, touched: [text.replace("w:80", "w:90")] });
  }
}

function imgix() {
  scheme("imgix");
  const secureURLToken = secret().slice(0, 16);
  key({ scheme: "imgix", secret: secureURLToken });
  const client = new ImgixClient({ domain: "images.example.org", secureURLToken, includeLibraryParam: false });
  const text = client.buildURL(path, { expires: ends_s, fit: "crop" }).replace("https://images.example.org", origin);
  signed("@imgix/js-core", "URL", { url: text, signature: value(text, "s"), touched: [other(text), `${text}&x=1`] });
}

function edgeAuth() {
  scheme("edgeauth", { parameter: "hdnts" });
  const shared = secret();
  key({ scheme: "edgeauth", secret: shared });
  const maker = new EdgeAuth({ key: shared, endTime: ends_s, tokenName: "hdnts" });
  const of = (token) => ({ signature: token.split("hmac=")[1] });
  const one = maker.generateURLToken(path);
  const album = maker.generateACLToken(`${folder}*`);
  signed("akamai-edgeauth", "URL token", { url: `${url}?hdnts=${one}`, ...of(one), touched: [other(`${url}?hdnts=${one}`)] });
  signed("akamai-edgeauth", "ACL token", { url: `${url}?hdnts=${album}`, ...of(album), touched: [`${url}?hdnts=${album}`.replace("2026/cat", "2025/cat")] });
  signed("akamai-edgeauth", "ACL cookie", { url, headers: { cookie: `hdnts=${album}` }, ...of(album), touched: [url.replace("2026", "2025")] });
}

function imageKit() {
  scheme("imagekit");
  const privateKey = `private_${secret()}`;
  key({ scheme: "imagekit", secret: privateKey });
  const client = new ImageKit({ privateKey });
  const expiresIn = ends_s - Math.floor(Date.now() / 1000);
  const text = client.helper.buildSrc({ urlEndpoint: origin, src: path, expiresIn, signed: true });
  signed("@imagekit/nodejs", "URL", { url: text, ends_s: Number(value(text, "ik-t")), signature: value(text, "ik-s"), touched: [other(text), `${text}&x=1`] });
}
