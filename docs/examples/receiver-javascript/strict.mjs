// The one accepted form of each text. JSON.parse takes the last of two members of one name, and
// Buffer skips what is not base64url: both would let one text mean two things.

export class Malformed extends Error {}

const MAX_DEPTH = 32;
// What can stand between two members: texts, the signs of JSON, and everything else.
const TOKENS = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gsu;

/** Bytes of base64url without padding. */
export function decodeBase64url(text) {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.toString("base64url") !== text) throw new Malformed("not canonical base64url");
  return bytes;
}

/** Bytes of base64 with padding. */
export function decodeBase64(text) {
  const bytes = Buffer.from(text, "base64");
  if (bytes.toString("base64") !== text) throw new Malformed("not canonical base64");
  return bytes;
}

/** One JSON object in UTF-8 in which no member stands twice. */
export function readObject(bytes) {
  let text, value;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    throw new Malformed("not JSON in UTF-8");
  }
  if (!isObject(value)) throw new Malformed("not a JSON object");
  refuseTwins(text);
  return value;
}

export function isObject(value) {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** `text` is JSON, so its tokens are enough to see every name of every object. */
function refuseTwins(text) {
  const open = [];
  let before = "";
  for (const [token] of text.matchAll(TOKENS)) {
    if (token === "{" || token === "[") open.push(new Set());
    if (open.length > MAX_DEPTH) throw new Malformed("nested too deeply");
    if (token === "}" || token === "]") open.pop();
    if (token === ":") {
      const name = JSON.parse(before);
      if (open.at(-1).has(name)) throw new Malformed("a member stands twice");
      open.at(-1).add(name);
    }
    before = token;
  }
}
