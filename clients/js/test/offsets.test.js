import assert from "node:assert/strict";
import { test } from "node:test";

import { endsOf } from "../src/offsets.js";

const ENDS = [{ partition: 0, high: "7" }];

/** An admin client that fails with these errors in turn, and answers then. */
const failing = (...errors) => ({
  asked: 0,
  async fetchTopicOffsets() {
    this.asked += 1;
    if (this.asked <= errors.length) throw Object.assign(new Error("no"), errors[this.asked - 1]);
    return ENDS;
  },
});

test("a leader that was just made is asked again", async () => {
  const moving = { type: "NOT_LEADER_FOR_PARTITION", retriable: true };
  const admin = failing(moving, moving);

  assert.deepEqual(await endsOf(admin, "m.results", { againAfter: 1 }), ENDS);
  assert.equal(admin.asked, 3);
});

for (const error of [
  { type: "UNKNOWN_TOPIC_OR_PARTITION", retriable: true },
  { type: "TOPIC_AUTHORIZATION_FAILED", retriable: false },
]) {
  test(`${error.type} is said at once`, async () => {
    const admin = failing(error, error);

    await assert.rejects(endsOf(admin, "m.results"), error);
    assert.equal(admin.asked, 1);
  });
}

test("one that goes on failing is said in the end", async () => {
  const admin = failing(...Array(50).fill({ type: "LEADER_NOT_AVAILABLE", retriable: true }));

  await assert.rejects(endsOf(admin, "m.results", { within: 5, againAfter: 1 }), { type: "LEADER_NOT_AVAILABLE" });
});
