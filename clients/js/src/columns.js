// The sorted features that a state has seen.

/** Where a feature stands among sorted ones; -1 if it isn't there. */
export function placeOf(features, feature) {
  let [low, high] = [0, features.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (features[middle] < feature) low = middle + 1;
    else high = middle;
  }
  return features[low] === feature ? low : -1;
}
