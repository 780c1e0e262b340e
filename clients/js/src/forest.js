// The forest: a row's probabilities are the mean of the class shares in its leaves, first over trees, then over shards.

import { demand } from "./container.js";

/** The arrays of a state, as [dtype, shape] by name, given how many nodes its trees have together. */
export const arrays = (nodes, { classes, settings: { trees } }) => ({
  counts: ["<i4", [(nodes + trees) / 2, classes.length]],
  feature: ["<i4", [nodes]],
  jump: ["<i4", [nodes]],
  rows: ["<i8", [classes.length]],
  starts: ["<i8", [trees + 1]],
  threshold: ["<f8", [nodes]],
});

/** Refuses trees that aren't whole and in preorder, or that hold more rows of a class than the state. */
export function check(state, { classes, features, settings: { trees, depth } }) {
  const { starts, feature } = state;
  demand(starts[0] === 0 && starts[trees] === feature.length, "the nodes are not cut into trees");
  for (let tree = 0; tree < trees; tree++) {
    const size = starts[tree + 1] - starts[tree];
    demand(size > 0 && size % 2 === 1, "the nodes are not cut into trees");
    demand(
      isWhole(state, tree, classes.length, features, depth),
      "a tree is not whole, or holds rows that aren't there",
    );
  }
}

function isWhole({ starts, feature, threshold, jump, counts, rows }, tree, classes, features, depth) {
  const [start, end] = [starts[tree], starts[tree + 1]];
  const held = new Array(classes).fill(0);
  const waiting = []; // right children whose left siblings' subtrees are being read: [node, level]
  let [leaves, level] = [0, 0];
  for (let node = start; node < end; node++) {
    if (feature[node] >= 0) {
      const right = start + jump[node];
      if (feature[node] >= features || level >= depth || node + 1 >= right || right >= end) return false;
      waiting.push([right, level]);
      level += 1;
      continue;
    }
    if (feature[node] !== -1 || threshold[node] !== 0 || jump[node] !== leaves) return false;
    const found = leafOf(counts, (start + tree) / 2 + leaves, classes);
    if (found.length < classes || found.some((count) => count < 0)) return false;
    if (found.every((count) => count === 0) && end - start > 1) return false;
    found.forEach((count, k) => (held[k] += count));
    leaves += 1;
    const [next, above] = waiting.pop() ?? [end, 0];
    if (next !== node + 1) return false;
    level = above + 1;
  }
  return waiting.length === 0 && feature[end - 1] < 0 && held.every((count, k) => count <= rows[k]);
}

/** Probabilities of a row [[feature, value], ...], as a function of it. */
export function ensemble(states, { classes, settings: { trees } }) {
  const voting = states.filter((state) => state.counts.some(Boolean));
  if (!voting.length) return () => classes.map(() => 1 / classes.length);
  return (row) => {
    const values = new Map(row);
    return mean(voting.map((state) => vote(state, values, classes.length, trees)));
  };
}

function vote(state, values, classes, trees) {
  const shares = [];
  for (let tree = 0; tree < trees; tree++) {
    const found = leafOf(state.counts, leafAt(state, values, tree), classes);
    const rows = found.reduce((all, one) => all + one, 0);
    if (rows) shares.push(Array.from(found, (count) => count / rows));
  }
  return shares.length ? mean(shares) : new Array(classes).fill(1 / classes);
}

function leafAt({ starts, feature, threshold, jump }, values, tree) {
  const start = starts[tree];
  let node = start;
  while (feature[node] >= 0) {
    node = (values.get(feature[node]) ?? 0) <= threshold[node] ? node + 1 : start + jump[node];
  }
  return (start + tree) / 2 + jump[node];
}

const leafOf = (counts, leaf, classes) => counts.subarray(leaf * classes, (leaf + 1) * classes);
const mean = (rows) => rows[0].map((_, k) => rows.reduce((all, row) => all + row[k], 0) / rows.length);
