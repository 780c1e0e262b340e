// Which manifests are believed, and which of them may be served: docs/format.md, "Trust". All pure.

/** The highest counter that is believed of a record at this results offset. */
export const mostCounter = (offset) => Math.min(2 ** 32 + 2 ** 12 * offset, 2 ** 52);

/** Why the manifest under a partition's key can't be of the partition's owner; null if it can. */
export function foreign(model, partition, offset, manifest) {
  if (manifest.model !== model) return "it is of another model";
  if (manifest.partition !== partition) return `it is of partition ${manifest.partition}`;
  if (manifest.start > manifest.applied) return `it starts at ${manifest.start}, beyond what it has applied`;
  if (manifest.token.counter > mostCounter(offset)) return `no claim gave the counter ${manifest.token.counter}`;
  return null;
}

/** Whether two owners wrote these under one counter: the first on the topic holds. */
export const isRival = (first, second) =>
  first.token.counter === second.token.counter && first.token.nonce !== second.token.nonce;

/** Whether the ensemble needs the entry's state. */
export const takesPart = (entry) => entry.rows > 0 && entry.status !== "left-out";

/** Each takes (manifest, model, the manifest served or null), and says why it objects; null if it doesn't. */
export const RULES = {
  other_learner: (manifest, model) =>
    manifest.learner === model.learner ? null : `its learner is ${manifest.learner}`,
  contradicts_itself: (manifest, model) =>
    unlisted(manifest, model.shards) ?? first(manifest.shards, (entry) => contradiction(manifest, entry)),
  other_settings: (manifest, model) =>
    manifest.identity === model.identity ? null : "it is of a model made with other settings",
  bad_signature: (manifest) => (manifest.signature ? "its signature can't be checked" : null),
  goes_back: (manifest, _, served) =>
    served && manifest.applied < served.applied
      ? `it goes back from ${served.applied} applied to ${manifest.applied}`
      : null,
  hides_a_state: (manifest, model) =>
    first(manifest.shards, (entry) =>
      entry.rows === 0 && entry.digest !== model.emptyDigest ? `shard ${entry.shard} hides a state` : null,
    ),
  foreign_files: (manifest) => first(manifest.shards, (entry) => misnamed(manifest, entry)),
};

/** Why the manifest must not be served in place of `served`, as {rule, reason} of the first that objects; else null. */
export function objection(manifest, model, served) {
  for (const [rule, objects] of Object.entries(RULES)) {
    const reason = objects(manifest, model, served);
    if (reason !== null) return { rule, reason };
  }
  return null;
}

function unlisted(manifest, shards) {
  const listed = manifest.shards.map((entry) => entry.shard).sort((a, b) => a - b);
  const right = listed.length === shards && listed.every((shard, at) => shard === at);
  return right ? null : `it names the shards ${listed}, not those of the model, 0 to ${shards - 1}, each once`;
}

function contradiction(manifest, entry) {
  if (entry.through > manifest.applied) return `shard ${entry.shard} reaches beyond what was applied`;
  return entry.status === "empty" && entry.rows ? `shard ${entry.shard} is said to be empty, and to have rows` : null;
}

const NAME = /^([0-9]+)\/([0-9]+)\/state\/[0-9a-f-]+\.([0-9]+)\.([0-9]+)-[0-9a-f]{16}$/;

function misnamed(manifest, entry) {
  if (!entry.file) return takesPart(entry) ? `shard ${entry.shard} has rows and names no file` : null;
  const [partition, shard, end, applied] = (NAME.exec(entry.file)?.slice(1) ?? []).map(BigInt);
  const own = partition === BigInt(manifest.partition) && shard === BigInt(entry.shard);
  if (!own) return `its file is not the name of a state of shard ${entry.shard}`;
  if (end > BigInt(entry.through) || applied > BigInt(manifest.applied))
    return `the file of shard ${entry.shard} reaches too far`;
  return entry.file.endsWith(`-${entry.digest.slice(0, 16)}`)
    ? null
    : `the file of shard ${entry.shard} is another state`;
}

const first = (entries, objects) => entries.map(objects).find((reason) => reason !== null) ?? null;
