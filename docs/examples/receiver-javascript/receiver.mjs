// Receiving notifications with the package `jose`: open, verify, check; state what we make of it.
//
// `jose` does the cryptography. What it is lenient about (further members of a header, members
// that stand twice, other spellings of base64url) is decided before it sees the message.

import { CompactSign, compactDecrypt, compactVerify } from "jose";
import { Malformed, decodeBase64url, isObject, readObject } from "./strict.mjs";

const CLOCK_SECONDS = 300;
const MAX_SEALED = 96 * 1024;
const MAX_TOKEN = 65_536;
const NAME = /^[A-Za-z0-9_-]{1,128}$/u;
const EVENT_TYPE = /^urn:throughcare:event:([a-z][a-z0-9_]{0,63})$/u;

/** Why a message is not taken: `kind`, `code` for the sender (RFC 8935, 2.4), perhaps `claim`. */
export class NotificationRefused extends Error {
  constructor(kind, code, reason, claim) {
    super(`${code}: ${reason}`);
    Object.assign(this, { kind, code, claim });
  }
}

const envelope = (why) => new NotificationRefused("EnvelopeRefused", "invalid_key", why);
const signature = (why) =>
  new NotificationRefused("SignatureRefused", "authentication_failed", why);

/**
 * Open a sealed message and read the notification in it.
 *
 * @param sealed the body of the request, as text
 * @param recipient `{issuer, clientId, decryptionKeys, senderKeys}`; both sets of keys are Maps
 *   from `kid` to a key of `importJWK`: while somebody rotates there are two in it
 * @param now in seconds
 * @throws NotificationRefused
 */
export async function openNotification(sealed, recipient, now) {
  const token = await unseal(sealed, recipient.decryptionKeys);
  const claims = await verified(token, recipient.senderKeys);
  return read(claims, recipient, now);
}

/** The four acknowledgements: accepted, accepted_not_ready, not_competent, need_more_detail. */
export function acknowledgement(ours, jti, kind, now) {
  return state(ours, "throughcare-acknowledgement+jwt", { jti, kind }, now);
}

/** The nonce of a verification, given back signed. */
export function verificationResponse(ours, event, now) {
  const { subscription_id, nonce } = event;
  return state(ours, "throughcare-verification+jwt", { subscription_id, nonce }, now);
}

function state(ours, typ, members, now) {
  const claims = { iss: ours.clientId, aud: ours.issuer, iat: now, ...members };
  return new CompactSign(new TextEncoder().encode(JSON.stringify(claims)))
    .setProtectedHeader({ alg: "ES256", typ, kid: ours.signingKid })
    .sign(ours.signingKey);
}

async function unseal(sealed, keys) {
  const header = headerOf(sealed, 5, MAX_SEALED, ["alg", "enc", "cty", "kid"], envelope);
  if (header.alg !== "RSA-OAEP-256" || header.enc !== "A256GCM" || header.cty !== "JWT")
    throw envelope("a message must be sealed with RSA-OAEP-256 and A256GCM, and hold a token");
  if (!keys.has(header.kid))
    throw new NotificationRefused("UnknownRecipientKey", "invalid_key", "sealed to another key");
  try {
    const { plaintext } = await compactDecrypt(sealed, keys.get(header.kid), {
      keyManagementAlgorithms: ["RSA-OAEP-256"],
      contentEncryptionAlgorithms: ["A256GCM"],
    });
    return Buffer.from(plaintext).toString("latin1");
  } catch {
    throw new NotificationRefused("NotOpened", "invalid_key", "the message does not open");
  }
}

async function verified(token, keys) {
  const header = headerOf(token, 3, MAX_TOKEN, ["alg", "typ", "kid"], signature);
  if (header.alg !== "ES256" || header.typ !== "secevent+jwt")
    throw signature("a token must be a security event token, signed with ES256");
  if (!keys.has(header.kid))
    throw new NotificationRefused("UnknownSenderKey", "invalid_key", "signed with another key");
  try {
    const { payload } = await compactVerify(token, keys.get(header.kid), {
      algorithms: ["ES256"],
    });
    return readObject(payload);
  } catch (error) {
    throw signature(error instanceof Malformed ? error.message : "the signature does not fit");
  }
}

/** The header, once it has exactly these members and every segment its one spelling. */
function headerOf(message, count, longest, members, refusal) {
  const segments = message.split(".");
  if (message.length > longest || segments.length !== count)
    throw refusal(`not ${count} segments of at most ${longest} characters`);
  try {
    const header = readObject(segments.map(decodeBase64url)[0]);
    if (String(Object.keys(header).sort()) === String([...members].sort())) return header;
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    throw refusal(error.message);
  }
  throw refusal(`the header must hold ${members} and nothing else`);
}

// What is about no person, and what it says beside the subscription that it is about.
const ABOUT_NOBODY = new Map([
  ["verification", (event) => isName(event.nonce)],
  ["heartbeat", (event) => isCount(event.last_sequence)],
]);

function read(claims, recipient, now) {
  expect(claims.iss === recipient.issuer, "iss");
  expect(claims.aud === recipient.clientId, "aud");
  expect(!("exp" in claims), "exp");
  const [type, event] = onlyEvent(claims.events);
  const isAboutNobody = ABOUT_NOBODY.has(type);
  if (isAboutNobody) {
    expect(!("sub_id" in claims), "sub_id");
    expect(!("seq" in claims), "seq");
    expect(isName(event.subscription_id) && ABOUT_NOBODY.get(type)(event), "events");
  } else {
    expect(isSubject(claims.sub_id), "sub_id");
    expect(isSequence(claims.seq), "seq");
  }
  expect(isName(claims.jti), "jti");
  expect(typeof claims.txn === "string" && claims.txn !== "", "txn");
  expect(isCount(claims.iat) && claims.iat <= now + CLOCK_SECONDS, "iat");
  return {
    jti: claims.jti,
    txn: claims.txn,
    issued_at: claims.iat,
    reference: isAboutNobody ? null : claims.sub_id.id,
    event_type: type,
    event,
    sequence: isAboutNobody ? null : claims.seq,
  };
}

function onlyEvent(events) {
  expect(isObject(events) && Object.keys(events).length === 1, "events");
  const [[name, event]] = Object.entries(events);
  const match = EVENT_TYPE.exec(name);
  expect(match !== null && isObject(event), "events");
  return [match[1], event];
}

const isName = (value) => typeof value === "string" && NAME.test(value);
const isCount = (value) => Number.isSafeInteger(value) && value >= 0;
const hasJust = (value, ...names) =>
  isObject(value) && String(Object.keys(value).sort()) === String(names.sort());
const isSubject = (value) =>
  hasJust(value, "format", "id") && value.format === "opaque" && isName(value.id);
const isSequence = (value) =>
  hasJust(value, "subscriber", "person") && isCount(value.subscriber) && isCount(value.person);

function expect(holds, claim) {
  if (holds) return;
  const codes = { iss: "invalid_issuer", aud: "invalid_audience" };
  const code = codes[claim] ?? "invalid_request";
  throw new NotificationRefused("ClaimRefused", code, `${claim} is not as agreed`, claim);
}
