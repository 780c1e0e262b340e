// Asking Kafka again while it says that it will answer in a moment.

const WITHIN = 10000;
const AGAIN_AFTER = 200;

/**
 * What `ask` gives. kafkajs gives up at once where a partition's leader has just been made or has moved, and says that one
 * may try again: `ask` is called anew for up to ten seconds. A topic that isn't there is no such case.
 */
export async function persist(ask, { within = WITHIN, againAfter = AGAIN_AFTER } = {}) {
  const until = performance.now() + within;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      const passes = error.retriable && error.type !== "UNKNOWN_TOPIC_OR_PARTITION";
      if (!passes || performance.now() >= until) throw error;
      await new Promise((resolve) => setTimeout(resolve, againAfter));
    }
  }
}
