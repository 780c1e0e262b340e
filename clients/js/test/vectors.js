// Reads the vectors that all readers of the formats are tested by.

import { readFileSync } from "node:fs";

const FOLDER = process.env.UNLEARN_VECTORS ?? new URL("../../../docs/vectors/", import.meta.url).pathname;

export const read = (name) =>
  readFileSync(`${FOLDER}/${name}`, "ascii")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
export const bytes = (base64) => Buffer.from(base64, "base64");

/** The largest difference of two answers. */
export const apart = (found, wanted) => Math.max(...wanted.map((probability, at) => Math.abs(probability - found[at])));
