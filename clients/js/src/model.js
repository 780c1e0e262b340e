// A model, as its identity says how it was made; its states decoded, and several of them as one that answers.

import { decode, demand, encode, Refused, sha256 } from "./container.js";
import * as forest from "./forest.js";
import * as linear from "./linear.js";
import * as naiveBayes from "./naive_bayes.js";
import { counts, UNICODE } from "./text.js";

const whole = (least, most) => (value) => Number.isInteger(value) && value >= least && value <= most;
const within = (least, most) => (value) => Number.isFinite(value) && value >= least && value <= most;
const alpha = (value) => Number.isFinite(value) && value > 0;
/** Of each learner: its release, and whether an option of it has a value that it can have. */
const LEARNERS = {
  "naive-bayes": { ...naiveBayes, version: 1, options: { alpha } },
  "complement-naive-bayes": {
    ...naiveBayes,
    version: 1,
    options: { alpha, norm: (value) => [true, false, 0, 1].includes(value) },
  },
  linear: {
    ...linear,
    version: 2,
    options: {
      lr: within(1e-6, 1e6),
      eps: within(1e-6, 1e6),
      rarity: (value) => [undefined, 0.25, 0.5].includes(value),
    },
  },
  forest: {
    ...forest,
    version: 1,
    options: {
      depth: whole(0, 30),
      features: whole(1, 1024),
      min_leaf: whole(1, 2 ** 20),
      random_layers: whole(0, 30),
      seed: whole(0, 2 ** 63),
      share: (value) => Number.isFinite(value) && value > 0 && value <= 1,
      thresholds: whole(1, 50),
      trees: whole(1, 10_000),
    },
  },
};
const SMALLEST = 2 ** -1022;

/**
 * The model of an identity: `made` is its canonical JSON, and `identity` the hash that manifests bear.
 * Throws Refused where they don't belong together, or where this client can't score such a model.
 */
export function modelOf(made, identity) {
  demand(sha256(made) === identity, "what it says of its model is not what its identity stands for");
  const { model, partitions, shards_per_partition: shards, unicode, learner_settings: settings } = parsed(made);
  const { learner, version, classes, n_features: features } = settings ?? {};
  demand(unicode === UNICODE, `its model reads texts by a table of Unicode ${unicode}, this client by ${UNICODE}`);
  demand(isText(learner) && Object.hasOwn(LEARNERS, learner), `this client doesn't know the learner ${learner}`);
  const { options } = LEARNERS[learner];
  const known = ["learner", "version", "classes", "n_features", ...Object.keys(options)];
  const own = Object.keys(settings).every((name) => known.includes(name)) && version === LEARNERS[learner].version;
  demand(own, `the learner ${learner} of these settings is another release's`);
  demand(whole(1, 10_000)(partitions) && whole(1, 1024)(shards), "its model has no number of partitions or shards");
  demand(whole(1, 2 ** 31 - 1)(features), "its model has no number of features");
  demand(isText(model) && areNames(classes), "its model has no name, or no classes of different names");
  const isMade = Object.entries(options).every(([name, holds]) => holds(settings[name]));
  demand(isMade, `an option of the learner ${learner} has no value that it can have`);
  const found = { identity, model, learner, settings, classes, features, partitions, shards };
  found.header = { format: "state/1", learner, settings: sha256(unescaped(rawValue(made, "learner_settings"))) };
  found.emptyDigest = sha256(encode(found.header, emptyArrays(found)));
  return found;
}

const isText = (value) => typeof value === "string" && value.isWellFormed();
const areNames = (classes) =>
  Array.isArray(classes) &&
  classes.length >= 2 &&
  classes.every(isText) &&
  new Set(classes).size === classes.length;

/** The state in these bytes: arrays by name. Throws Refused unless it is one of this model's learner. */
export function decodeState(model, bytes) {
  const { header, arrays } = decode(bytes);
  const own = Object.entries(model.header);
  const same = header.size === own.length && own.every(([name, value]) => header.get(name) === value);
  demand(same, "the state is of another learner, or of one with other settings");
  const learner = LEARNERS[model.learner];
  const wanted = learner.arrays((arrays.get("features") ?? arrays.get("feature"))?.values.length ?? 0, model);
  const names = Object.keys(wanted);
  demand(arrays.size === names.length && names.every((name) => arrays.has(name)), "a state holds other arrays");
  for (const [name, [dtype, shape]] of Object.entries(wanted)) {
    const found = arrays.get(name);
    demand(found.dtype === dtype && String(found.shape) === String(shape), `${name} has another dtype or shape`);
    demand(dtype !== "<f8" || found.values.every(isPlain), `${name} holds NaN, infinity, -0.0 or a subnormal number`);
  }
  const state = Object.fromEntries([...arrays].map(([name, { values }]) => [name, values]));
  const rising = (feature, at, all) => feature >= 0 && feature < model.features && !(feature <= all[at - 1]);
  demand(state.features?.every(rising) ?? true, "a state's features are not sorted and in range");
  demand(
    state.rows.every((count) => count >= 0),
    "a state holds a negative number of rows",
  );
  learner.check(state, model);
  return state;
}

/**
 * Several shards' states as one that answers: a text, or a row of features [[index, value], ...], becomes an array of
 * probabilities by class. It throws Refused for what is no row, and where the answer is no probability.
 */
export function ensembleOf(model, states) {
  const learned = states.filter((state) => state.rows.some(Boolean));
  const uniform = model.classes.map(() => 1 / model.classes.length);
  const scores = learned.length ? LEARNERS[model.learner].ensemble(learned, model) : () => [...uniform];
  return (input) => {
    const row = typeof input === "string" ? counts(input, model.features) : input;
    demand(Array.isArray(row) && row.every(Array.isArray), "an input is neither a text nor a row of [index, value] pairs");
    demand(
      row.every((cell, at) => isCell(cell, row[at - 1], model.features)),
      "the row is not sorted values of this model's features",
    );
    const found = scores(row);
    const total = found.reduce((all, one) => all + one, 0);
    const good = found.every((one) => one >= 0 && one <= 1) && Math.abs(total - 1) <= 1e-6;
    demand(good, "what the model says of the input is no probability");
    return found;
  };
}

function isCell([feature, value], before, features) {
  const inPlace = Number.isInteger(feature) && feature > (before?.[0] ?? -1) && feature < features;
  return inPlace && Number.isFinite(value) && value !== 0;
}

const isPlain = (number) => Number.isFinite(number) && (Math.abs(number) >= SMALLEST || Object.is(number, 0));

function emptyArrays(model) {
  const nodes = model.learner === "forest" ? model.settings.trees : 0;
  const kinds = { "<i4": Int32Array, "<i8": Float64Array, "<f8": Float64Array };
  const arrays = {};
  for (const [name, [dtype, shape]] of Object.entries(LEARNERS[model.learner].arrays(nodes, model))) {
    arrays[name] = { dtype, shape, values: new kinds[dtype](shape.reduce((all, one) => all * one, 1)) };
  }
  if (nodes) {
    // Each tree is one leaf.
    arrays.starts.values.forEach((_, at, all) => (all[at] = at));
    arrays.feature.values.fill(-1);
  }
  return arrays;
}

function parsed(made) {
  try {
    return JSON.parse(made) ?? {};
  } catch {
    throw new Refused("the model's identity is no JSON");
  }
}

/** A value of a JSON object as it is written there: JavaScript doesn't know 1.0 from 1, and hashes do. */
function rawValue(json, name) {
  let [depth, start] = [0, -1];
  const parts = [...json.matchAll(/"(?:[^"\\]|\\.)*"|[{}[\],:]/gs)];
  for (const [at, { 0: part, index }] of parts.entries()) {
    if (start >= 0 && depth === 1 && ",}".includes(part)) return json.slice(start, index);
    if (depth === 1 && part === JSON.stringify(name) && parts[at + 1]?.[0] === ":") start = parts[at + 1].index + 1;
    if ("{[".includes(part)) depth += 1;
    if ("]}".includes(part)) depth -= 1;
  }
  throw new Refused(`the model's identity has no ${name}`);
}

/** The JSON with its escapes of characters beyond ASCII as these characters. */
function unescaped(json) {
  const character = (all, escape) => (/^u00[01]/.test(escape) || escape[0] !== "u" ? all : JSON.parse(`"${all}"`));
  return json.replace(/\\(u[0-9a-f]{4}|.)/gs, character);
}
