// Text to counts: docs/format.md, "Text to counts". What lower case is comes from a table, never from this Node's Unicode.

import { readFileSync } from "node:fs";

/** The version of Unicode that the table is of; a model made with another one can't be scored. */
export const UNICODE = "14.0.0";

const APART = 0;
const HARD = -1;
const CASED = "c";
const IGNORABLE = "i";
const SIGMA = 0x3a3;

const [LOWER, CASES] = readLetters(readFileSync(new URL("letters.txt", import.meta.url), "ascii"));

/** The tokens of a text, lower-cased, in their order. */
export function tokens(text) {
  const codes = Array.from(text, (character) => character.codePointAt(0));
  const found = [];
  let [word, letters] = ["", 0];
  const add = (letter) => {
    word += String.fromCodePoint(letter);
    letters += 1;
  };
  const end = () => {
    if (letters > 1) found.push(word);
    [word, letters] = ["", 0];
  };
  codes.forEach((code, at) => {
    const letter = LOWER.get(code) ?? APART;
    if (letter === APART) end();
    else if (letter !== HARD) add(letter);
    else if (code === SIGMA) add(lowerSigma(codes, at));
    else {
      // A dotted capital I becomes an i and a dot above, which is no word character.
      add(0x69);
      end();
    }
  });
  end();
  return found;
}

/** The text's counts: [feature, count] pairs by rising feature. */
export function counts(text, features) {
  const found = new Map();
  for (const token of tokens(text)) {
    const feature = Math.abs(murmur3(Buffer.from(token))) % features;
    found.set(feature, (found.get(feature) ?? 0) + 1);
  }
  return [...found].sort(([a], [b]) => a - b);
}

/** MurmurHash3_x86_32 of the bytes with seed 0 (Austin Appleby, public domain), as a signed number. */
export function murmur3(bytes) {
  let h = 0;
  const whole = bytes.length & ~3;
  for (let at = 0; at < whole; at += 4) {
    h = Math.imul(rotate(h ^ mixed(bytes.readInt32LE(at)), 13), 5) + 0xe6546b64;
  }
  let last = 0;
  for (let at = whole; at < bytes.length; at++) last |= bytes[at] << (8 * (at & 3));
  h ^= mixed(last) ^ bytes.length;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

const mixed = (block) => Math.imul(rotate(Math.imul(block, 0xcc9e2d51), 15), 0x1b873593);
const rotate = (word, bits) => (word << bits) | (word >>> (32 - bits));

/** Unicode's Final_Sigma: a final one stands behind a cased letter, and none follows; ignorable ones are skipped. */
function lowerSigma(codes, at) {
  const caseFrom = (step) => {
    let next = at + step;
    while (CASES.get(codes[next]) === IGNORABLE) next += step;
    return CASES.get(codes[next]);
  };
  return caseFrom(-1) === CASED && caseFrom(1) !== CASED ? 0x3c2 : 0x3c3;
}

/** Lines such as "41..5a 32 c": characters, distance to the lower case ("-": no word character, "*": HARD), case. */
function readLetters(text) {
  const [lower, cases] = [new Map(), new Map()];
  for (const line of text.split("\n").filter((each) => each && !each.startsWith("#"))) {
    const [span, offset, kind] = line.split(" ");
    const [first, last = first] = span.split("..").map((code) => parseInt(code, 16));
    for (let code = first; code <= last; code++) {
      if (offset !== "-") lower.set(code, offset === "*" ? HARD : code + Number(offset));
      if (kind) cases.set(code, kind);
    }
  }
  return [lower, cases];
}
