import assert from "node:assert/strict";
import { test } from "node:test";

import { Refused } from "../src/container.js";
import { NotEnough, Serving } from "../src/serving.js";
import { apart, bytes, read } from "./vectors.js";

const encoded = (text) => (text === null ? null : Buffer.from(text));

for (const line of read("sequences.jsonl")) {
  test(`sequence: ${line.what}`, async () => {
    const fetch = async ({ file }) =>
      line.store[file] === undefined ? Promise.reject(new Error(`${file} is gone`)) : bytes(line.store[file]);
    const serving = new Serving({
      name: line.model,
      fetch,
      lease: line.lease,
      quorum: line.quorum,
      identity: line.identity,
    });
    for (const step of line.steps) {
      if ("end" in step) await see(serving, step);
      const { version, content, left_out: leftOut, scores } = step.expect;
      const found = answer(serving, step.at, line.asked);
      assert.equal(found === null, scores === null, `at ${step.at}`);
      scores?.forEach((wanted, at) => assert.ok(apart(found.scores[at], wanted) <= 1e-12));
      if (found) assert.deepEqual([found.version, found.content, found.leftOut], [version, content, leftOut]);
    }
  });
}

async function see(serving, { at, end, log_ends: ends, read: records }) {
  serving.look(end, at);
  const taken = records.map(({ offset, key, value }) => ({ offset, key: encoded(key), value: encoded(value) }));
  serving.take(taken, taken.length ? taken.at(-1).offset + 1 : 0);
  if (ends) serving.reach(new Map(Object.entries(ends).map(([partition, last]) => [Number(partition), last])));
  await serving.swap();
}

function answer(serving, now, asked) {
  try {
    const served = serving.served(now);
    // A text alone is no list of texts.
    for (const inputs of [asked[0], null, undefined]) assert.throws(() => served.scores(inputs), Refused);
    return { ...served, scores: served.scores(asked) };
  } catch (error) {
    assert.ok(error instanceof NotEnough, error);
    return null;
  }
}
