// Multinomial and complement naive Bayes: the shards' counts are added and score as one model.

import { placeOf } from "./columns.js";
import { demand } from "./container.js";

/** The arrays of a state, as [dtype, shape] by name. */
export const arrays = (features, { classes }) => ({
  counts: ["<i8", [classes.length, features]],
  features: ["<i4", [features]],
  rows: ["<i8", [classes.length]],
});

/** Refuses a state that no learning gives. */
export function check({ counts, features, rows }) {
  const width = features.length;
  demand(
    counts.every((count) => count >= 0),
    "counts are negative",
  );
  demand(
    features.every((_, at) => rows.some((_, k) => counts[k * width + at] > 0)),
    "a feature has no counts",
  );
  demand(
    counts.every((count, at) => count === 0 || rows[Math.floor(at / width)] > 0),
    "a class without rows has counts",
  );
}

/** The log scores of a row [[feature, value], ...] by class, as a function of it. */
export function logScores(states, { learner, settings, classes, features }) {
  const { alpha, norm } = settings;
  const every = classes.map((_, k) => k);
  const sum = (numbers) => exact(numbers.reduce((all, one) => all + one, 0));
  const rows = every.map((k) => sum(states.map((state) => state.rows[k])));
  const totals = every.map((k) => sum(states.map((state) => sum(countsOf(state, k)))));
  const all = sum(totals);
  const column = (feature) => {
    const found = every.map(() => 0);
    for (const state of states) {
      const at = placeOf(state.features, feature);
      if (at >= 0) every.forEach((k) => (found[k] += state.counts[k * state.features.length + at]));
    }
    return found;
  };
  const logs = (found) => {
    const together = sum(found);
    return every.map((k) => Math.log((together + alpha - found[k]) / (all - totals[k] + alpha * features)));
  };
  const multinomial = (found) => every.map((k) => Math.log(found[k] + alpha) - Math.log(totals[k] + alpha * features));
  const complement = (found) => logs(found).map((log, k) => (norm ? log / sums[k] : -log));
  const sums = norm && logSums(states, logs, column, features, every);
  const weights = learner === "naive-bayes" ? multinomial : complement;
  const prior = every.map((k) => {
    if (rows[k] === 0) return -Infinity;
    return learner === "naive-bayes" ? Math.log(rows[k]) - Math.log(sum(rows)) : 0;
  });
  return (row) => {
    const scores = [...prior];
    for (const [feature, value] of row) weights(column(feature)).forEach((weight, k) => (scores[k] += value * weight));
    return scores;
  };
}

/** Probabilities of a row, as a function of it. */
export function ensemble(states, model) {
  const logs = logScores(states, model);
  return (row) => {
    const scores = logs(row);
    const most = Math.max(...scores);
    const shares = scores.map((score) => Math.exp(score - most));
    const total = shares.reduce((all, one) => all + one, 0);
    return shares.map((share) => share / total);
  };
}

/** Of each class the sum of the logs of all features; those that no shard has seen share one log. */
function logSums(states, logs, column, features, every) {
  const seen = new Set(states.flatMap((state) => [...state.features]));
  const sums = logs(every.map(() => 0)).map((log) => log * (features - seen.size));
  for (const feature of seen) logs(column(feature)).forEach((log, k) => (sums[k] += log));
  return sums;
}

const countsOf = ({ counts, features }, k) => counts.subarray(k * features.length, (k + 1) * features.length);

function exact(number) {
  demand(Number.isSafeInteger(number), "a sum of counts is too large for JavaScript to hold exactly");
  return number;
}
