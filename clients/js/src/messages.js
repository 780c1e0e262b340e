// Manifests and heartbeats as they stand on the results topic: docs/format.md, "Manifests". Unknown fields are left out.

const MOST_BYTES = 16 * 1024 * 1024;
const HEX = { 32: /^[0-9a-f]{32}$/, 64: /^[0-9a-f]{64}$/ };
const STATES = ["current", "behind", "withdrawn", "left-out", "empty"];

/** Each takes a value, and gives it back or throws. */
const fail = () => {
  throw new TypeError("a field has another type or value");
};
const only = (holds) => (value) => (holds(value) ? value : fail());
const whole = (least, most = Number.MAX_SAFE_INTEGER) =>
  only((value) => Number.isSafeInteger(value) && value >= least && value <= most);
const isText = (value) => typeof value === "string" && value.isWellFormed();
const text = only(isText);
const hex = (digits) => only((value) => isText(value) && HEX[digits].test(value));
const number = only(Number.isFinite);
const maybe = (kind, instead) => (value) => (value === undefined ? instead : kind(value));
const nullable = (kind) => (value) => (value === null ? null : kind(value));
const list = (kind) => (value) => (Array.isArray(value) ? value.map(kind) : fail());
const object = (fields) => (value) => {
  if (typeof value !== "object" || value === null || Array.isArray(value)) fail();
  const taken = ([name, kind]) => [name, kind(Object.hasOwn(value, name) ? value[name] : undefined)];
  return Object.fromEntries(Object.entries(fields).map(taken));
};
const summary = (value) =>
  object(Object.fromEntries(Object.keys(object({})(value) && value).map((name) => [name, number])))(value);
const run = (value) =>
  Array.isArray(value) && value.length === 2 ? value.map(whole(-Number.MAX_SAFE_INTEGER)) : fail();

const entry = object({
  shard: whole(0),
  through: whole(0),
  status: only((value) => STATES.includes(value)),
  rows: whole(0),
  lineage: hex(32),
  digest: hex(64),
  file: only((value) => isText(value) && [...value].length <= 512),
  size: whole(0),
  summary: maybe(summary, {}),
});

const manifest = object({
  model: text,
  identity: hex(64),
  partition: whole(0),
  token: object({ counter: whole(0), nonce: hex(32) }),
  sequence: whole(1),
  applied: whole(0),
  erased_through: whole(0),
  start: maybe(whole(0), 0),
  created_at: only(Number.isInteger),
  learner: text,
  profile: text,
  signature: maybe(text, ""),
  made: maybe(
    only((value) => isText(value) && [...value].length <= 65536),
    "",
  ),
  shards: list(entry),
  skipped: maybe(list(run), []),
  c: maybe(nullable(number), null),
  fingerprint: maybe(
    nullable(
      object({
        offset: whole(0),
        epoch: whole(-1),
        digest: hex(32),
        timestamp: maybe(nullable(only(Number.isInteger)), null),
      }),
    ),
    null,
  ),
  proof: maybe(
    only((value) => value === "" || (isText(value) && HEX[32].test(value))),
    "",
  ),
});

const heartbeat = object({ counter: whole(0), nonce: hex(32), sequence: whole(1) });

/** The manifest in these bytes; null if they aren't one. */
export const readManifest = (bytes) => (bytes === null || bytes.length > MOST_BYTES ? null : read(manifest, bytes));

/** The heartbeat in these bytes; null if they aren't one. */
export const readHeartbeat = (bytes) => (bytes === null ? null : read(heartbeat, bytes));

/** Orders the manifests of a partition: above 0 if the first is the newer one. */
export const compare = (a, b) => a.token.counter - b.token.counter || a.sequence - b.sequence;

/** Whether two manifests say the same. */
export const isSame = (a, b) => a === b || JSON.stringify(a) === JSON.stringify(b);

function read(kind, bytes) {
  try {
    return kind(JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes)));
  } catch {
    return null;
  }
}
