import assert from "node:assert/strict";
import { test } from "node:test";

import { persist } from "../src/persist.js";

const ENDS = [{ partition: 0, high: "7" }];

/** A question that fails with these errors in turn, and is answered then. */
const failing = (...errors) => {
  const ask = async () => {
    ask.count += 1;
    if (ask.count <= errors.length) throw Object.assign(new Error("no"), errors[ask.count - 1]);
    return ENDS;
  };
  ask.count = 0;
  return ask;
};

test("a leader that was just made is asked again", async () => {
  const moving = { type: "NOT_LEADER_FOR_PARTITION", retriable: true };
  const ask = failing(moving, moving);

  assert.deepEqual(await persist(ask, { againAfter: 1 }), ENDS);
  assert.equal(ask.count, 3);
});

for (const error of [
  { type: "UNKNOWN_TOPIC_OR_PARTITION", retriable: true },
  { type: "TOPIC_AUTHORIZATION_FAILED", retriable: false },
]) {
  test(`${error.type} is said at once`, async () => {
    const ask = failing(error, error);

    await assert.rejects(persist(ask), error);
    assert.equal(ask.count, 1);
  });
}

test("one that goes on failing is said in the end", async () => {
  const ask = failing(...Array(50).fill({ type: "LEADER_NOT_AVAILABLE", retriable: true }));

  await assert.rejects(persist(ask, { within: 5, againAfter: 1 }), { type: "LEADER_NOT_AVAILABLE" });
});
