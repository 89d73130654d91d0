// A proof that an entry is in the access log (C2SP tlog-proof), with what Node.js brings along.

import { createHash, createPublicKey, verify } from "node:crypto";
import { decodeBase64 } from "./strict.mjs";

const HEADER = "c2sp.org/tlog-proof@v1";
const ED25519 = Buffer.from([1]);
const DECIMAL = /^(0|[1-9][0-9]{0,14})$/u; // whole numbers that a double holds exactly

export class EvidenceRefused extends Error {}

/** The checkpoint of a tree that the log has signed and that holds the entry with this hash. */
export function checkInclusion(proof, leafHash, vkey) {
  const end = proof.indexOf("\n\n");
  const lines = proof.slice(0, end).split("\n");
  expect(end > 0 && lines.shift() === HEADER, "this is no proof of this form");
  if (lines[0]?.startsWith("extra ")) lines.shift();
  expect(lines[0]?.startsWith("index "), "the proof names no index");
  const index = number(lines.shift().slice("index ".length));
  const checkpoint = openCheckpoint(proof.slice(end + 2), vkey);
  verifyInclusion(leafHash, index, checkpoint, lines.map(hash));
  return checkpoint;
}

function openCheckpoint(note, vkey) {
  const [name, keyId, encoded] = split(vkey);
  const end = note.lastIndexOf("\n\n") + 1;
  const text = note.slice(0, end);
  const line = `\u2014 ${name} `;
  const signatures = note
    .slice(end + 1)
    .split("\n")
    .filter((one) => one.startsWith(line))
    .map((one) => decodeBase64(one.slice(line.length)))
    .filter((one) => one.subarray(0, 4).toString("hex") === keyId);
  expect(end > 0 && signatures.length === 1, "the log has not signed the note");
  const key = createPublicKey({
    format: "jwk",
    key: { kty: "OKP", crv: "Ed25519", x: encoded.subarray(1).toString("base64url") },
  });
  expect(verify(null, Buffer.from(text), key, signatures[0].subarray(4)), "not its signature");
  const [origin, size, root] = text.split("\n");
  expect(origin === name, "the checkpoint is of another log");
  return { origin, size: number(size), root: hash(root) };
}

/** Name, key id and typed key of `<name>+<key id>+<base64>`: base64 may hold a plus sign too. */
function split(vkey) {
  const [name, keyId, ...rest] = vkey.split("+");
  const encoded = decodeBase64(rest.join("+"));
  expect(encoded.length === 33 && encoded[0] === ED25519[0], "the key is not Ed25519");
  const named = Buffer.concat([Buffer.from(`${name}\n`), encoded]);
  expect(sha256(named).subarray(0, 4).toString("hex") === keyId, "the key's id is another");
  return [name, keyId, encoded];
}

/** RFC 9162, section 2.1.3.2. Numbers instead of bits: a log may outgrow 32 of them. */
function verifyInclusion(leaf, index, { size, root }, path) {
  expect(index < size, "the index lies outside the tree");
  let [position, last, node] = [index, size - 1, leaf];
  for (const sibling of path) {
    expect(last > 0, "the proof is too long");
    if (position % 2 === 1 || position === last) {
      node = nodeHash(sibling, node);
      while (position > 0 && position % 2 === 0) {
        [position, last] = [position / 2, Math.floor(last / 2)];
      }
    } else {
      node = nodeHash(node, sibling);
    }
    [position, last] = [Math.floor(position / 2), Math.floor(last / 2)];
  }
  expect(last === 0 && node.equals(root), "the proof does not lead to the root");
}

const sha256 = (bytes) => createHash("sha256").update(bytes).digest();
const nodeHash = (left, right) => sha256(Buffer.concat([Buffer.from([1]), left, right]));

function number(text) {
  expect(DECIMAL.test(text), "expected a decimal number");
  return Number(text);
}

function hash(text) {
  const bytes = decodeBase64(text ?? "");
  expect(bytes.length === 32, "a hash has 32 bytes");
  return bytes;
}

function expect(holds, reason) {
  if (!holds) throw new EvidenceRefused(reason);
}
