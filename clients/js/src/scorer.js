// A scorer on Kafka and a folder: it follows a model's results topic, and answers while the owners vouch for what it has.

import { randomUUID } from "node:crypto";

import { Kafka, logLevel } from "kafkajs";

import { persist } from "./persist.js";
import { NotEnough, Serving } from "./serving.js";
import { FolderStore } from "./store.js";

export { Refused } from "./container.js";
export { NotEnough } from "./serving.js";

/** kafkajs' own wait after an outage is up to half a minute. */
const RETRY = { maxRetryTime: 5000 };

/** Seconds of a clock that never goes back. */
const now = () => performance.now() / 1000;

/** Follows one model. Make it by `Scorer.connect`, and `close` it. */
export class Scorer {
  #turn = Promise.resolve();
  #closed = false;
  /** The last thing that went wrong with Kafka, or null. */
  trouble = null;

  constructor({ brokers, model, store, lease = 20, quorum = 1, identity = null, topics = {}, kafka = {} }) {
    const folder = new FolderStore(store, model);
    const fetch = ({ file, size }) => folder.read(file, size);
    this.serving = new Serving({ name: model, fetch, lease, quorum, identity });
    this.topics = { events: `${model}.events`, results: `${model}.results`, ...topics };
    this.every = Math.min(1, lease / 20);
    this.group = `unlearn-scorer-${randomUUID()}`;
    this.kafka = new Kafka({ clientId: "unlearn-scorer", brokers, logLevel: logLevel.ERROR, retry: RETRY, ...kafka });
    this.admin = this.kafka.admin();
    // Nothing is committed: the group is this scorer's own, and goes with it.
    // A broker that was killed waits for the session of the member that it remembers, before it takes it again.
    this.consumer = this.kafka.consumer({ groupId: this.group, sessionTimeout: 10000, allowAutoTopicCreation: false });
  }

  /**
   * A scorer that follows its model from now on.
   *
   * brokers: "host:port" of some; model: its name; store: the folder or file: URL of UNLEARN_STORE__URL; lease: seconds;
   * quorum: share of the partitions that an answer needs; identity: the hash of the manifests to believe, by default that
   * of the first ones; topics: {events, results} where they have other names; kafka: more options of kafkajs, ssl and
   * sasl for instance. Throws what kafkajs throws where the results topic can't be read.
   */
  static async connect(options) {
    const scorer = new Scorer(options);
    try {
      await scorer.#start();
    } catch (error) {
      await scorer.close();
      throw error;
    }
    return scorer;
  }

  async #start() {
    await this.admin.connect();
    // Later looks are repeated anyway, and must not hold up what comes meanwhile.
    await persist(() => this.#look());
    await this.consumer.connect();
    await this.consumer.subscribe({ topic: this.topics.results, fromBeginning: true });
    this.consumer.on("consumer.crash", ({ payload }) => (this.trouble = payload.error));
    await this.consumer.run({ autoCommit: false, eachBatch: ({ batch }) => this.#take(batch) });
    const again = async () => {
      await this.#soon(() => this.#look()).catch((error) => (this.trouble = error));
      if (!this.#closed) this.timer = setTimeout(again, this.every * 1000);
    };
    await again();
  }

  /**
   * The probabilities of texts, or of rows of features [[index, value], ...], under `scores`, and which version gave them:
   * see `served`. Throws NotEnough, Refused.
   */
  scores(inputs) {
    const { scores, ...served } = this.served();
    return { ...served, scores: scores(inputs) };
  }

  /** The likeliest class of each input; of equal ones the first. Throws as `scores` does. */
  predict(inputs) {
    const { scores, classes } = this.scores(inputs);
    return scores.map((row) => classes[row.indexOf(Math.max(...row))]);
  }

  /**
   * One version, which later ones don't change: for several questions by its own scores(inputs), which throws NotEnough
   * once its lease has ended. Throws NotEnough.
   */
  served() {
    if (this.#closed) throw new NotEnough("the scorer is closed");
    const served = this.serving.served(now());
    const scores = (inputs) => {
      const found = served.scores(inputs);
      // Asked last: an answer that took long must not come out after the lease.
      if (now() >= served.until) throw new NotEnough("the lease of this version has ended: ask for what is served now");
      return found;
    };
    return { ...served, scores };
  }

  /** Whether every partition is served, waiting for it up to so many seconds. */
  async wait(seconds) {
    const until = now() + seconds;
    while (!this.#isWhole() && now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    return this.#isWhole();
  }

  /** Gives no answers from now on, and leaves Kafka. */
  async close() {
    this.#closed = true;
    clearTimeout(this.timer);
    await this.consumer.disconnect();
    await this.admin.deleteGroups([this.group]).catch(() => {});
    await this.admin.disconnect();
  }

  #isWhole() {
    try {
      return this.served().leftOut.length === 0;
    } catch {
      return false;
    }
  }

  /** One after the other, so that what is fetched isn't fetched twice. */
  #soon(act) {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #take(batch) {
    const records = batch.messages.map(({ offset, key, value }) => ({ offset: Number(offset), key, value }));
    await this.#soon(async () => {
      this.serving.take(records, Number(batch.lastOffset()) + 1);
      // What fails now is tried again at the next look.
      await this.#swap().catch((error) => (this.trouble = error));
    });
  }

  async #look() {
    const at = now();
    const [{ high }] = await this.admin.fetchTopicOffsets(this.topics.results);
    const cut = Number(high) < this.serving.position;
    this.serving.look(Number(high), at);
    if (cut) this.consumer.seek({ topic: this.topics.results, partition: 0, offset: "0" });
    await this.#swap();
    this.trouble = null;
  }

  async #swap() {
    if (this.serving.results.doubts) this.serving.reach(await this.#logEnds());
    await this.serving.swap();
  }

  /** Where the events topic's partitions end; without the right to ask, all that manifests say is believed. */
  async #logEnds() {
    try {
      const ends = await this.admin.fetchTopicOffsets(this.topics.events);
      return new Map(ends.map(({ partition, high }) => [partition, Number(high)]));
    } catch (error) {
      const denied = ["TOPIC_AUTHORIZATION_FAILED", "UNKNOWN_TOPIC_OR_PARTITION"].includes(error.type);
      if (!denied) throw error;
      return new Map([...this.serving.results.partitions.keys()].map((partition) => [partition, Infinity]));
    }
  }
}
