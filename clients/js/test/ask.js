// Answers on standard output what is asked on standard input, for tests: a line of JSON texts, a line of JSON back.
//
//     node ask.js localhost:9092 mail /a/store 20

import { createInterface } from "node:readline";

import { NotEnough, Scorer } from "../src/scorer.js";

const [brokers, model, store, lease] = process.argv.slice(2);
const scorer = await Scorer.connect({ brokers: brokers.split(","), model, store, lease: Number(lease) });

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(answer(JSON.parse(line))));
}
await scorer.close();

function answer(texts) {
  try {
    return scorer.scores(texts);
  } catch (error) {
    if (error instanceof NotEnough) return { refused: error.message };
    throw error;
  }
}
