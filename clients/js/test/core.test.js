import assert from "node:assert/strict";
import { test } from "node:test";

import { Refused, sha256 } from "../src/container.js";
import { readManifest } from "../src/messages.js";
import { decodeState, ensembleOf, modelOf } from "../src/model.js";
import { counts, tokens } from "../src/text.js";
import { foreign, objection, RULES } from "../src/trust.js";
import { apart, bytes, read } from "./vectors.js";

const NEAR = 1e-12;

for (const line of read("texts.jsonl")) {
  test(`text: ${line.what}`, () => {
    assert.deepEqual(tokens(line.text), line.tokens);
    assert.deepEqual(counts(line.text, line.features), line.counts);
  });
}

for (const line of read("learners.jsonl")) {
  test(`learner: ${line.what}`, () => {
    if (JSON.parse(line.made).learner.startsWith("pu-")) {
      assert.throws(() => modelOf(line.made, sha256(line.made)), /doesn't know the learner pu-/);
      return;
    }
    const model = modelOf(line.made, sha256(line.made));
    assert.equal(model.emptyDigest, line.empty);
    for (const { base64, digest } of line.states) assert.equal(sha256(bytes(base64)), digest);
    const ensemble = ensembleOf(
      model,
      line.states.map(({ base64 }) => decodeState(model, bytes(base64))),
    );
    for (const { text, counts: row, scores } of line.asked) {
      if (text !== undefined) assert.deepEqual(counts(text, model.features), row);
      assert.ok(apart(ensemble(text ?? row), scores) <= NEAR);
    }
  });
}

for (const line of read("states.jsonl")) {
  test(`state: ${line.what}`, () => {
    const decoded = () => decodeState(modelOf(line.made, sha256(line.made)), bytes(line.base64));
    if (line.good) decoded();
    else assert.throws(decoded, Refused);
  });
}

for (const line of read("identities.jsonl")) {
  test(`identity: ${line.what}`, () => {
    const found = () => modelOf(line.made, line.identity);
    if (!line.good || line.learner.startsWith("pu-")) return assert.throws(found, Refused);
    const { identity, model, learner, classes, features, partitions, shards_per_partition: shards } = line;
    const { identity: i, model: m, learner: l, classes: c, features: f, partitions: p, shards: s } = found();
    assert.deepEqual([i, m, l, c, f, p, s], [identity, model, learner, classes, features, partitions, shards]);
    assert.equal(found().header.settings, line.settings_hash);
  });
}

for (const line of read("manifests.jsonl")) {
  test(`manifest: ${line.what}`, () => {
    const model = modelOf(line.made, sha256(line.made));
    const manifest = readManifest(line.value === null ? null : bytes(line.value));
    if (manifest === null) return assert.equal("no_manifest", line.rule);
    if (foreign(model.model, line.partition, line.offset, manifest)) return assert.equal("foreign", line.rule);
    const served = line.served === null ? null : readManifest(bytes(line.served));
    assert.equal(objection(manifest, model, served)?.rule ?? null, line.rule);
  });
}

test("every rule of trust refuses a manifest of the vectors", () => {
  const named = new Set(read("manifests.jsonl").map(({ rule }) => rule));
  assert.deepEqual(named, new Set([null, "no_manifest", "foreign", ...Object.keys(RULES)]));
});

test("features that are no row are refused", () => {
  const { made } = read("learners.jsonl").find(({ what }) => what === "linear without any row");
  const ensemble = ensembleOf(modelOf(made, sha256(made)), []);
  for (const row of [
    [[1024, 1]],
    [[-1, 1]],
    [
      [2, 1],
      [1, 1],
    ],
    [
      [1, 1],
      [1, 1],
    ],
    [[1, 0]],
    [[1, NaN]],
    [[1.5, 1]],
    [1, 1],
    { 1: 1 },
    7,
    null,
    undefined,
  ]) {
    assert.throws(() => ensemble(row), Refused);
  }
});
