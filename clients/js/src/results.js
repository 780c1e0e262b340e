// The results topic as it stands, and until when its manifests may be served: docs/format.md, "Order" and "Lease". No I/O.

import { compare, isSame, readHeartbeat, readManifest } from "./messages.js";
import { foreign, isRival, mostCounter } from "./trust.js";

const RECORD = /^(.+)\/(0|[1-9][0-9]{0,8})(\/heartbeat)?$/s;
const DOUBTED = 8;

/** Where the topic's end was at moments of a monotonic clock, in seconds: by these heartbeats are dated. */
export class Ends {
  #looks = [];

  /** The end was at least `end` at the moment `at`, which was taken before the log was asked. */
  look(end, at) {
    if (this.#looks.length && end < this.#looks.at(-1).end) this.#looks = [];
    if (this.#looks.at(-1)?.end === end) this.#looks.at(-1).at = at;
    else this.#looks.push({ end, at });
  }

  /** The last known moment before the record at `offset` was appended; null if there is none. */
  date(offset) {
    return this.#looks.findLast(({ end }) => end <= offset)?.at ?? null;
  }

  /** Drops the moments that no record from `position` on is dated by. */
  forgetBelow(position) {
    const last = this.#looks.findLastIndex(({ end }) => end <= position);
    this.#looks.splice(0, Math.max(0, last));
  }
}

/** Merges the records of a model's results topic, {offset, key, value} with bytes or null, in the order of offsets. */
export class Results {
  /** Of each partition: manifest, offset, heartbeat, heartbeatAt, highestCounter, doubted. */
  partitions = new Map();
  /** Why records aren't believed, by offset. */
  refused = new Map();

  /** `date` gives the moment that counts for a heartbeat by its offset, or null. */
  constructor(model, date, before = new Map()) {
    this.model = model;
    this.date = date;
    this.logEnds = new Map();
    for (const [partition, { highestCounter }] of before) this.of(partition).highestCounter = highestCounter;
  }

  of(partition) {
    const blank = {
      manifest: null,
      offset: -1,
      heartbeat: null,
      heartbeatAt: null,
      highestCounter: -1,
      doubted: new Map(),
    };
    if (!this.partitions.has(partition)) this.partitions.set(partition, blank);
    return this.partitions.get(partition);
  }

  merge(records) {
    for (const { offset, key, value } of records) {
      const [, model, number, beats] = RECORD.exec(key?.toString() ?? "") ?? [];
      if (model !== this.model) continue;
      if (beats) this.#beat(Number(number), offset, value);
      else this.#manifest(Number(number), offset, value);
      if (this.refused.size > 100) this.refused.delete(this.refused.keys().next().value);
    }
  }

  /** Whether a manifest waits until the log is known to hold all that it has applied. */
  get doubts() {
    return [...this.partitions.values()].some(({ doubted }) => doubted.size > 0);
  }

  /** Takes the ends of the events topic by partition, and believes what they reach. */
  reach(logEnds) {
    this.logEnds = logEnds;
    for (const held of this.partitions.values()) {
      for (const [offset, manifest] of held.doubted) {
        if (!this.#isReached(manifest)) continue;
        held.doubted.delete(offset);
        this.refused.delete(offset);
        this.#admit(held, offset, manifest);
      }
    }
  }

  #isReached(manifest) {
    return manifest.applied <= (this.logEnds.get(manifest.partition) ?? -1);
  }

  #manifest(partition, offset, value) {
    const manifest = readManifest(value);
    const reason = manifest === null ? "it is no manifest" : foreign(this.model, partition, offset, manifest);
    if (reason !== null) return this.refused.set(offset, { partition, reason });
    const held = this.of(partition);
    held.highestCounter = Math.max(held.highestCounter, manifest.token.counter);
    if (this.#isReached(manifest)) return this.#admit(held, offset, manifest);
    held.doubted.set(offset, manifest);
    if (held.doubted.size > DOUBTED) held.doubted.delete(held.doubted.keys().next().value);
    return this.refused.set(offset, {
      partition,
      reason: `the log is not known to reach the ${manifest.applied} it has applied`,
    });
  }

  #admit(held, offset, manifest) {
    if (held.manifest && isRival(held.manifest, manifest)) {
      const reason = "its counter is that of another owner, who came first";
      this.refused.set(offset, { partition: manifest.partition, reason });
    } else if (!held.manifest || compare(manifest, held.manifest) > 0 || isSame(manifest, held.manifest)) {
      Object.assign(held, { manifest, offset });
    }
  }

  #beat(partition, offset, value) {
    const beat = readHeartbeat(value);
    if (beat === null) this.refused.set(offset, { partition, reason: "it is no heartbeat" });
    else if (beat.counter > mostCounter(offset))
      this.refused.set(offset, { partition, reason: `no claim gave the counter ${beat.counter}` });
    else if (beat.counter >= this.of(partition).highestCounter) {
      Object.assign(this.of(partition), {
        highestCounter: beat.counter,
        heartbeat: beat,
        heartbeatAt: this.date(offset),
      });
    }
  }
}

/** What is merged, {manifest, offset, states, vouchedAt, newestOwner}, with what is known of its owner now. */
export function dated(merged, { heartbeat, heartbeatAt, highestCounter }) {
  const { token, sequence } = merged.manifest;
  const vouches =
    heartbeat &&
    heartbeat.counter === token.counter &&
    heartbeat.nonce === token.nonce &&
    heartbeat.sequence <= sequence;
  const vouchedAt =
    vouches && heartbeatAt !== null ? Math.max(merged.vouchedAt ?? -Infinity, heartbeatAt) : merged.vouchedAt;
  return { ...merged, vouchedAt, newestOwner: token.counter === highestCounter };
}

/** Whether it may be served at `now`: its owner is the newest, and vouched for it within the last `lease` seconds. */
export const isLeased = ({ newestOwner, vouchedAt }, now, lease) =>
  newestOwner && vouchedAt !== null && now < vouchedAt + lease;
