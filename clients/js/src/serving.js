// What may be served: manifests that no rule objects to, whose owners vouch for them, with their states. No I/O of its own.

import { demand, Refused, sha256 } from "./container.js";
import { isSame } from "./messages.js";
import { decodeState, ensembleOf, modelOf } from "./model.js";
import { dated, Ends, isLeased, Results } from "./results.js";
import { objection, takesPart } from "./trust.js";

/** There is no answer, and why. */
export class NotEnough extends Error {}

/**
 * Follows a model by the records that it is handed.
 *
 * `fetch(entry)` gives a promise of the bytes of a shard's state. `lease` in seconds; `quorum`: the share of the
 * partitions that an answer needs. `identity`: of the manifests to believe; unless given, that of the first ones read.
 */
export class Serving {
  #ends = new Ends();
  #merged = new Map();
  #states = new Map();
  #answering = { key: null, ensemble: null };
  /** The model, once a manifest has said how it was made. */
  model = null;
  /** Why a partition's newest manifest isn't served, by partition. */
  problems = new Map();

  constructor({ name, fetch, lease = 20, quorum = 1, identity = null }) {
    Object.assign(this, { name, fetch, lease, quorum, identity });
    this.results = new Results(name, (offset) => this.#ends.date(offset));
    this.position = 0;
  }

  /** The topic's end, as it was asked for at the moment `at` or later. A topic that was cut is read from its start. */
  look(end, at) {
    if (end < this.position) this.startAgain();
    this.#ends.look(end, at);
    this.end = end;
  }

  /** Reads the topic from its start; an owner that was replaced stays so. */
  startAgain() {
    this.#ends = new Ends();
    this.results = new Results(this.name, (offset) => this.#ends.date(offset), this.results.partitions);
    [this.position, this.end] = [0, undefined];
  }

  /** Takes records of the topic; `position` is the offset behind what was read. Those known already are passed over. */
  take(records, position) {
    this.results.merge(records.filter(({ offset }) => offset >= this.position));
    this.position = Math.max(this.position, position);
    this.#ends.forgetBelow(this.position);
    this.#date();
  }

  /** Takes the ends of the events topic by partition: a manifest that has applied more than that is not believed. */
  reach(logEnds) {
    this.results.reach(logEnds);
    this.#date();
  }

  /** Once all of the topic is read: fetches what the newest manifests name, and puts them in the place of those served. */
  async swap() {
    this.#date();
    if (this.end === undefined || this.position < this.end) return;
    // As they are at this moment: while states are fetched more is read.
    const held = [...this.results.partitions]
      .map(([partition, { manifest, offset }]) => ({ partition, manifest, offset }))
      .filter(({ manifest }) => manifest);
    this.model ??= this.#discovered(held.map(({ manifest }) => manifest));
    if (!this.model) return;
    const [merged, problems] = [new Map(), new Map()];
    for (const { partition, manifest, offset } of held.filter(
      ({ partition: number }) => number < this.model.partitions,
    )) {
      try {
        const before = this.#merged.get(partition);
        merged.set(
          partition,
          isSame(before?.manifest, manifest) ? { ...before, offset } : await this.#fetched(manifest, offset, before),
        );
      } catch (error) {
        problems.set(partition, `the manifest at ${offset} is refused: ${error.message}`);
      }
    }
    this.problems = problems;
    // All at once, and dated by what was read while states were fetched.
    for (const [partition, { manifest, offset, states }] of merged) {
      const now = this.#merged.get(partition);
      const vouchedAt = isSame(now?.manifest, manifest) ? now.vouchedAt : null;
      this.#merged.set(partition, dated({ manifest, offset, states, vouchedAt }, this.results.of(partition)));
    }
    this.#forgetStates(held);
  }

  /** Results offset of the newest manifest that is served; null before the first. */
  get version() {
    return this.#merged.size ? Math.max(...[...this.#merged.values()].map(({ offset }) => offset)) : null;
  }

  /**
   * What may be served at `now`: {version, content, leftOut, classes, until, scores}, with scores(inputs).
   *
   * `content`: the digest of the states in it; `until`: the moment at which its lease ends. Throws NotEnough.
   */
  served(now) {
    if (!this.model) throw new NotEnough(this.problems.get(null) ?? "no manifest says how the model was made");
    const partitions = Array.from({ length: this.model.partitions }, (_, partition) => partition);
    const isLive = (number) => this.#merged.has(number) && isLeased(this.#merged.get(number), now, this.lease);
    const leftOut = partitions.filter((number) => !isLive(number));
    this.#checkQuorum(partitions.length, leftOut);
    const live = partitions.filter(isLive).map((number) => this.#merged.get(number));
    checkAnswerable(live, leftOut);
    const ensemble = this.#ensemble(live.flatMap((merged) => merged.states));
    return {
      version: this.version,
      content: contentOf(live),
      leftOut,
      classes: this.model.classes,
      until: Math.min(...live.map(({ vouchedAt }) => vouchedAt + this.lease)),
      scores: (inputs) => {
        demand(Array.isArray(inputs), "give a list of texts or of rows");
        return inputs.map((input) => ensemble(input));
      },
    };
  }

  /** Throws NotEnough if fewer than the quorum's partitions are served, or if the model's are only a part of those. */
  #checkQuorum(count, leftOut) {
    const isBeyond = ([number, { manifest }]) => number >= count && manifest?.identity === this.model.identity;
    if ([...this.results.partitions].some(isBeyond)) {
      throw new NotEnough(`the model has manifests of partitions beyond its ${count}`);
    }
    const [served, needed] = [count - leftOut.length, Math.max(1, Math.ceil(this.quorum * count - 1e-9))];
    if (served < needed) {
      const why = this.#reasons(leftOut);
      throw new NotEnough(`${served} of ${count} partitions can be served, the quorum is ${needed}; left out: ${why}`);
    }
  }

  #date() {
    for (const [partition, merged] of this.#merged)
      this.#merged.set(partition, dated(merged, this.results.of(partition)));
  }

  /** The model that the manifests say they are of. Several models make none, unless one of them was asked for. */
  #discovered(manifests) {
    const wanted = manifests.filter(({ identity }) => identity === (this.identity ?? identity));
    const identities = new Set(wanted.map(({ identity }) => identity));
    const { made, identity } = wanted.find((manifest) => manifest.made) ?? {};
    try {
      if (identities.size > 1)
        throw new Refused(`manifests of several models are there: give the identity of one of ${[...identities]}`);
      if (wanted.length && !made)
        throw new Refused("the model's manifests don't say what it is: they are of an earlier release");
      const model = made ? modelOf(made, identity) : null;
      if (model && model.model !== this.name) throw new Refused("what the manifests say is of a model of another name");
      this.problems.delete(null);
      return model;
    } catch (error) {
      this.problems = new Map([[null, error.message]]);
      return null;
    }
  }

  async #fetched(manifest, offset, before) {
    const against = objection(manifest, this.model, before?.manifest ?? null);
    if (against) throw new Refused(against.reason);
    const entries = manifest.shards.filter(takesPart).sort((a, b) => a.shard - b.shard);
    const states = [];
    for (const entry of entries) states.push({ digest: entry.digest, state: await this.#stateOf(entry) });
    return { manifest, offset, states };
  }

  async #stateOf(entry) {
    const known = this.#states.get(entry.digest);
    if (known) return known;
    const bytes = await this.fetch(entry);
    if (bytes.length !== entry.size) throw new Refused(`${entry.file} has ${bytes.length} bytes, not ${entry.size}`);
    if (sha256(bytes) !== entry.digest) throw new Refused(`${entry.file} is not what its digest says`);
    const state = decodeState(this.model, bytes);
    this.#states.set(entry.digest, state);
    return state;
  }

  #forgetStates(held) {
    const manifests = [...held, ...this.#merged.values()].map(({ manifest }) => manifest);
    const named = new Set(manifests.flatMap(({ shards }) => shards.map(({ digest }) => digest)));
    for (const digest of this.#states.keys()) if (!named.has(digest)) this.#states.delete(digest);
  }

  #ensemble(states) {
    const key = states.map(({ digest }) => digest).join();
    if (this.#answering.key !== key) {
      this.#answering = {
        key,
        ensemble: ensembleOf(
          this.model,
          states.map(({ state }) => state),
        ),
      };
    }
    return this.#answering.ensemble;
  }

  #reasons(leftOut) {
    const why = (partition) => {
      const merged = this.#merged.get(partition);
      const refused = [...this.results.refused.values()].findLast((one) => one.partition === partition);
      if (this.problems.has(partition)) return this.problems.get(partition);
      if (!merged) return refused ? `what is there is not believed: ${refused.reason}` : "no manifest of it is there";
      return merged.newestOwner ? "no heartbeat within the lease" : "its owner was replaced";
    };
    return leftOut.map((partition) => `${partition} (${why(partition)})`).join(", ");
  }
}

/** sha256 over the partitions served, and over the digest of each shard's state that takes part, in their order. */
function contentOf(live) {
  const parts = live.flatMap(({ manifest }) => {
    const entries = manifest.shards.filter(takesPart).sort((a, b) => a.shard - b.shard);
    return [`partition ${manifest.partition}`, ...entries.map(({ shard, digest }) => `shard ${shard} ${digest}`)];
  });
  return sha256(parts.join("\n"));
}

/** Throws NotEnough where no shard that is served has a state, though the model may have rows. */
function checkAnswerable(live, leftOut) {
  if (live.some(({ states }) => states.length)) return;
  const statuses = live.flatMap(({ manifest }) => manifest.shards).map(({ status }) => status);
  if (leftOut.length || statuses.some((status) => status !== "empty" && status !== "current")) {
    throw new NotEnough("no shard that can be served has a state: all are left out, or not trained yet");
  }
}
