// For services in Node.js: insert records, delete some of them, and wait until they are hidden.
//
//     npm install --prefix examples/producers/kafkajs
//     node examples/producers/kafkajs/send_and_forget.js localhost:9092 mail run1
//
// It prints a line for each deletion: its event id, its state, and how many records it has killed. The arguments are
// the brokers, the model, and a prefix for the ids, another one each time. It needs a worker that runs.

import { Kafka, Partitioners, logLevel } from "kafkajs";

const [servers, model, run] = process.argv.slice(2);
const kafka = new Kafka({ clientId: "example", brokers: servers.split(","), logLevel: logLevel.ERROR });

const insert = (record, subject) => ({
  type: "insert",
  event_id: `insert-${record}`,
  record_id: record,
  ...(subject && { subject_id: subject }),
  text: "win cash now",
});

const forget = (eventId, names) => ({
  type: "delete",
  event_id: eventId,
  requested_at: new Date().toISOString(),
  ...names,
});

const people = [...Array(6).keys()].map((number) => `${run}-person${number}`);
const inserts = people.flatMap((person) => [0, 1, 2].map((number) => insert(`${person}-record${number}`, person)));
const deletions = [
  ...people.slice(0, 3).map((person) => forget(`forget-${person}`, { subject_id: person })),
  forget(`forget-one-of-${people[3]}`, { subject_id: people[3], record_id: `${people[3]}-record0` }),
  forget(`forget-${run}-alone`, { record_id: `${run}-alone` }),
  forget(`forget-${run}-nobody`, { subject_id: `${run}-nobody` }),
];

const open = new Set(deletions.map((event) => event.event_id));
// From where the receipts end now: an older one of the same id would be no answer to this run.
const admin = kafka.admin();
await admin.connect();
const [{ high }] = await admin.fetchTopicOffsets(`${model}.receipts`);
await admin.disconnect();
const consumer = kafka.consumer({ groupId: `${run}-receipts` });
await consumer.connect();
await consumer.subscribe({ topic: `${model}.receipts`, fromBeginning: true });
const answered = new Promise((resolve) => {
  consumer.run({
    eachMessage: async ({ message }) => {
      if (BigInt(message.offset) < BigInt(high)) return;
      const { event_id, state, records } = JSON.parse(message.value);
      // A person's records may still be counted when they are hidden; the receipt then comes once more.
      if (state === "hidden" && records !== null && open.delete(event_id)) {
        console.log(`${event_id} ${state} ${records}`);
      }
      if (open.size === 0) resolve();
    },
  });
});

const producer = kafka.producer({ createPartitioner: Partitioners.DefaultPartitioner, idempotent: true });
await producer.connect();
await producer.send({
  topic: `${model}.events`,
  acks: -1,
  messages: [...inserts, insert(`${run}-alone`), ...deletions].map((event) => ({
    key: event.subject_id ?? event.record_id,
    value: JSON.stringify(event),
  })),
});
await producer.disconnect();

await answered;
await consumer.disconnect();
