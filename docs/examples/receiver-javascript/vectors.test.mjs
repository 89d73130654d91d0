// Holds the example to the published vectors: `npm ci && npm test`.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { compactVerify, importJWK } from "jose";
import { EvidenceRefused, checkInclusion } from "./inclusion.mjs";
import { Received } from "./order.mjs";
import { acknowledgement, openNotification, verificationResponse } from "./receiver.mjs";
import { Malformed } from "./strict.mjs";

const folder =
  process.env.THROUGHCARE_VECTORS ??
  new URL("../../../throughcare_receiver/vectors/", import.meta.url).pathname;
const vectors = (name) => JSON.parse(readFileSync(`${folder}/${name}.json`, "utf8"));

const keys = vectors("keys");
const imported = async (jwks, alg) =>
  new Map(await Promise.all(jwks.map(async (jwk) => [jwk.kid, await importJWK(jwk, alg)])));
const ours = {
  issuer: keys.issuer,
  clientId: keys.client_id,
  decryptionKeys: await imported(keys.decryption_keys, "RSA-OAEP-256"),
  senderKeys: await imported(keys.sender_jwks.keys, "ES256"),
  signingKey: await importJWK(keys.signing_key, "ES256"),
  signingKid: keys.signing_key.kid,
};

const { now, cases } = vectors("notifications");
for (const { name, sealed, opens, refused } of cases) {
  test(`notification ${name}`, async () => {
    if (opens) {
      assert.deepEqual(await openNotification(sealed, ours, now), opens);
      return;
    }
    await assert.rejects(openNotification(sealed, ours, now), (error) => {
      const found = { error: error.kind, code: error.code };
      if (error.claim) found.claim = error.claim;
      assert.deepEqual(found, refused);
      return true;
    });
  });
}

const statements = vectors("statements");
for (const { name, header, claims } of statements.cases) {
  test(`statement ${name}`, async () => {
    const token = claims.kind
      ? await acknowledgement(ours, claims.jti, claims.kind, statements.now)
      : await verificationResponse(ours, claims, statements.now);
    const { d, ...members } = keys.signing_key;
    const { payload, protectedHeader } = await compactVerify(token, await importJWK(members));
    assert.deepEqual(protectedHeader, header);
    assert.deepEqual(JSON.parse(Buffer.from(payload).toString()), claims);
  });
}

for (const { name, arrivals, gaps } of vectors("order").cases) {
  test(`order ${name}`, () => {
    const received = new Received();
    for (const came of arrivals) {
      const told = received.add(came);
      assert.equal(told.isNew, came.is_new);
      if (!told.isNew) continue;
      assert.deepEqual(told.skipped, came.skipped);
      assert.deepEqual(told.skippedAboutPerson, came.skipped_about_person);
      assert.equal(told.isLate, came.is_late);
    }
    assert.deepEqual(received.gaps(), gaps);
  });
}

const inclusion = vectors("inclusion");
for (const { name, proof, leaf_hash, checkpoint, refused } of inclusion.cases) {
  test(`inclusion ${name}`, () => {
    const check = () => checkInclusion(proof, Buffer.from(leaf_hash, "hex"), inclusion.log);
    if (refused) {
      assert.throws(check, (error) => error instanceof EvidenceRefused || error instanceof Malformed);
      return;
    }
    const { origin, size, root } = check();
    assert.deepEqual({ origin, size, root: root.toString("base64") }, checkpoint);
  });
}
