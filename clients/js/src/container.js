// The array container that states are stored in: docs/format.md, "States". Equal content has exactly one encoding.

import { isUtf8 } from "node:buffer";
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
  const source = new Source(bytes);
  demand(source.take(MAGIC.length).equals(MAGIC), "these bytes are no array container of this version");
  const found = { header: source.entries(() => source.entry()), arrays: source.entries(() => source.array()) };
  demand(source.left === 0, "bytes follow the end of the array container");
  return found;
}

/** Reads the container's parts in order, never beyond its end. */
class Source {
  constructor(bytes) {
    this.bytes = bytes;
    this.at = 0;
  }

  get left() {
    return this.bytes.length - this.at;
  }

  take(size) {
    demand(size <= this.left, "the array container is cut short");
    this.at += size;
    return this.bytes.subarray(this.at - size, this.at);
  }

  u32() {
    return this.take(4).readUInt32LE();
  }

  u64() {
    return this.take(8).readBigUInt64LE();
  }

  text() {
    const bytes = this.take(this.u32());
    demand(isUtf8(bytes), "a name in the array container is not UTF-8");
    return bytes.toString();
  }

  entries(value) {
    const found = new Map();
    let last = null;
    for (let left = this.u32(); left > 0; left--) {
      const name = this.text();
      const follows = last === null || Buffer.compare(Buffer.from(last), Buffer.from(name)) < 0;
      demand(follows, "names in the array container are not in order");
      found.set(name, value());
      last = name;
    }
    return found;
  }

  entry() {
    const kind = this.take(1).toString("latin1");
    demand(kind === "s" || kind === "i", "a header entry is neither text nor number");
    return kind === "s" ? this.text() : this.take(8).readBigInt64LE();
  }

  array() {
    const [dtype, [dimensions]] = [this.text(), this.take(1)];
    const known = Object.hasOwn(KINDS, dtype) && dimensions <= 4;
    demand(known, "an array has a dtype or shape that has no place in a container");
    const shape = Array.from({ length: dimensions }, () => this.u64());
    const size = shape.reduce((all, one) => all * one, BigInt(KINDS[dtype].BYTES_PER_ELEMENT));
    demand(this.u64() === size, "an array's size does not follow from its shape");
    demand(size <= BigInt(this.left), "the array container is cut short");
    // A copy: the bytes inside the container are not aligned.
    const values = new KINDS[dtype](Uint8Array.from(this.take(Number(size))).buffer);
    return { dtype, shape: shape.map(Number), values: dtype === "<i8" ? asDoubles(values) : values };
  }
}

/** The container's bytes of a header of texts and of arrays {dtype, shape, values}, both given as objects. */
export function encode(header, arrays) {
  const u32 = (value) => Buffer.from(Uint32Array.of(value).buffer);
  const u64 = (value) => Buffer.from(BigUint64Array.of(BigInt(value)).buffer);
  const text = (value) => Buffer.concat([u32(Buffer.byteLength(value)), Buffer.from(value)]);
  const named = (entries, parts) =>
    [u32(Object.keys(entries).length)].concat(
      Object.keys(entries)
        .sort()
        .flatMap((name) => [text(name), ...parts(entries[name])]),
    );
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
