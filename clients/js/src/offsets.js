// Where a topic's partitions end, asked of Kafka again while it says that it will know in a moment.

const WITHIN = 10000;
const AGAIN_AFTER = 200;

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * What `admin.fetchTopicOffsets` gives. kafkajs gives up at once where a partition's leader has just been made or has
 * moved, and says that one may try again: it is asked anew for up to ten seconds. A topic that isn't there is no such case.
 */
export async function endsOf(admin, topic, { within = WITHIN, againAfter = AGAIN_AFTER } = {}) {
  const until = performance.now() + within;
  for (;;) {
    try {
      return await admin.fetchTopicOffsets(topic);
    } catch (error) {
      const passes = error.retriable && error.type !== "UNKNOWN_TOPIC_OR_PARTITION";
      if (!passes || performance.now() >= until) throw error;
      await sleep(againAfter);
    }
  }
}
