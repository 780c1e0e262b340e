// The linear learner: the shards' weights are averaged by their sums of squared gradients.

import { placeOf } from "./columns.js";
import { demand } from "./container.js";

const vectorsOf = ({ classes }) => (classes.length === 2 ? 1 : classes.length);

/** The arrays of a state, as [dtype, shape] by name. */
export const arrays = (features, model) => ({
  bias: ["<f8", [vectorsOf(model)]],
  bias_means: ["<f8", [vectorsOf(model)]],
  bias_squares: ["<f8", [vectorsOf(model)]],
  features: ["<i4", [features]],
  rows: ["<i8", [model.classes.length]],
  squares: ["<f8", [vectorsOf(model), features]],
  weights: ["<f8", [vectorsOf(model), features]],
});

/** Refuses a state that no learning gives. */
export function check({ squares, bias_squares, features, rows }) {
  const learned = rows.some(Boolean);
  demand(
    squares.every((square) => square > 0),
    "a sum of squares is not positive",
  );
  demand(
    bias_squares.every((square) => square > 0 === learned),
    "a sum of squares is there before any row, or isn't",
  );
  demand(learned || features.length === 0, "features are seen, and no row");
}

/** Probabilities of a row [[feature, value], ...], as a function of it. */
export function ensemble(states, model) {
  const rarity = model.settings.rarity ?? 0;
  const vectors = Array.from({ length: vectorsOf(model) }, (_, k) => k);
  const power = (shares) => (rarity === 0.5 ? Math.sqrt(shares) : Math.sqrt(Math.sqrt(shares)));
  const mean = (weights, squares) => {
    const total = squares.reduce((all, one) => all + one, 0);
    const value = weights.reduce((all, weight, at) => all + weight * squares[at], 0) / total;
    return [value, squares.reduce((all, one) => all + (one / total) ** 2, 0)];
  };
  const bias = vectors.map((k) => {
    const [value, shares] = mean(
      states.map((s) => s.bias_means[k]),
      states.map((s) => s.bias_squares[k]),
    );
    return rarity ? value / power(shares) : value;
  });
  const weight = (feature, k) => {
    const seen = states.map((state) => [state, placeOf(state.features, feature)]).filter(([, at]) => at >= 0);
    if (!seen.length) return 0;
    const of = (name) => seen.map(([state, at]) => state[name][k * state.features.length + at]);
    const [value, shares] = mean(of("weights"), of("squares"));
    return rarity ? value * power(shares) : value;
  };
  return (row) => {
    const damped = dampen(row.map(([, value]) => value));
    const z = vectors.map((k) => row.reduce((sum, [feature], at) => sum + weight(feature, k) * damped[at], bias[k]));
    if (z.length === 1) return [sigmoid(-z[0]), sigmoid(z[0])];
    const shares = z.map(sigmoid);
    const total = shares.reduce((all, one) => all + one, 0);
    return shares.map((share) => share / total);
  };
}

/** Signed square roots, scaled down to a length of 8 if it is exceeded; below 1e-100 they are 0. */
function dampen(values) {
  // Sums are kept 2**-40 times too small, so that none is infinite.
  const total = values.reduce((all, value) => all + Math.abs(value) * 2 ** -40, 0);
  const scale = total <= 2 ** -34 ? 1 : Math.sqrt(2 ** -34 / total);
  return values.map((value) => {
    const size = Math.sqrt(Math.abs(value)) * scale;
    return size < 1e-100 ? 0 : Math.sign(value) * size;
  });
}

/** 1 / (1 + exp(-z)), as precise for small probabilities as for large ones; farther than 40 from 0, z counts as 40. */
function sigmoid(z) {
  const e = Math.exp(-Math.min(Math.abs(z), 40));
  return (z >= 0 ? 1 : e) / (1 + e);
}
