// The array container that states are stored in: docs/format.md, "States". Equal content has exactly one encoding.

import { createHash } from "node:crypto";
import { endianness } from "node:os";

/** Bytes or statements that can't be used, and why. */
export class Refused extends Error {}

const MAGIC = Buffer.from("unlearn\x01", "latin1");
const KINDS = { "<i4": Int32Array, "<i8": BigInt64Array, "<f8": Float64Array, "|u1": Uint8Array };

/** sha256 of bytes or of a text in UTF-8, in hex. */
export const sha256 = (data) => createHash("sha256").update(data).digest("hex");

/** Refuses with this reason unless the condition holds. */
export function demand(condition, reason) {
  if (!condition) throw new Refused(reason);
}

/**
 * The header, and the arrays by name: {dtype, shape, values}. Whole numbers of 64 bits become doubles.
 * Throws Refused unless the bytes are what `encode` gives.
 */
export function decode(bytes) {
  demand(endianness() === "LE", "this machine stores the highest byte first");
  let at = 0;
  const take = (size) => {
    demand(size <= bytes.length - at, "the array container is cut short");
    at += size;
    return bytes.subarray(at - size, at);
  };
  const u32 = () => take(4).readUInt32LE();
  const u64 = () => take(8).readBigUInt64LE();
  const text = () => {
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(take(u32()));
    } catch (error) {
      throw error instanceof Refused ? error : new Refused("a name in the array container is not UTF-8");
    }
  };
  const header = () => {
    const kind = String.fromCharCode(take(1)[0]);
    demand("si".includes(kind), "a header entry is neither text nor number");
    return kind === "s" ? text() : take(8).readBigInt64LE();
  };
  const array = () => {
    const dtype = text();
    const dimensions = take(1)[0];
    demand(Object.hasOwn(KINDS, dtype) && dimensions <= 4, "an array has a dtype or shape that has no place here");
    const shape = Array.from({ length: dimensions }, u64);
    const size = shape.reduce((all, one) => all * one, BigInt(KINDS[dtype].BYTES_PER_ELEMENT));
    demand(u64() === size, "an array's size does not follow from its shape");
    demand(size <= BigInt(bytes.length - at), "the array container is cut short");
    const values = new KINDS[dtype](Uint8Array.from(take(Number(size))).buffer);
    return { dtype, shape: shape.map(Number), values: dtype === "<i8" ? asDoubles(values) : values };
  };
  const entries = (value) => {
    const found = new Map();
    let last;
    for (let left = u32(); left > 0; left--) {
      const name = text();
      demand(last === undefined || Buffer.compare(Buffer.from(last), Buffer.from(name)) < 0, "names are not in order");
      found.set(name, value());
      last = name;
    }
    return found;
  };
  demand(take(MAGIC.length).equals(MAGIC), "these bytes are no array container of this version");
  const found = { header: entries(header), arrays: entries(array) };
  demand(at === bytes.length, "bytes follow the end of the array container");
  return found;
}

/** The container's bytes of a header of texts and of arrays {dtype, shape, values}, both given as objects. */
export function encode(header, arrays) {
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = (value) => Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
  const named = (entries, parts) =>
    [u32(Object.keys(entries).length)].concat(Object.keys(entries).sort().flatMap((name) => [text(name), ...parts(entries[name])]));
  const array = ({ dtype, shape, values }) => {
    const raw = Buffer.from((dtype === "<i8" ? BigInt64Array.from(values, BigInt) : values).buffer);
    return [text(dtype), Buffer.of(shape.length), ...shape.map(u64), u64(raw.length), raw];
  };
  return Buffer.concat([MAGIC, ...named(header, (value) => [Buffer.from("s"), text(value)]), ...named(arrays, array)]);
}

function asDoubles(numbers) {
  const found = Float64Array.from(numbers, Number);
  demand(found.every(Number.isSafeInteger), "a number is too large for JavaScript to hold exactly");
  return found;
}
