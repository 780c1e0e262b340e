// For services in Java: insert records, delete some of them, and wait until they are hidden.
//
//     java -cp 'kafka-clients.jar:jackson-*.jar:...' examples/producers/SendAndForget.java localhost:9092 mail run1
//
// It prints a line for each deletion: its event id, its state, and how many records it has killed. The arguments are
// the brokers, the model, and a prefix for the ids, another one each time. It needs kafka-clients and jackson-databind
// on the class path, and a worker that runs.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

public class SendAndForget {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        String servers = arguments[0], model = arguments[1], run = arguments[2];
        var receipts = new TopicPartition(model + ".receipts", 0);
        try (var consumer = new KafkaConsumer<>(
                Map.of("bootstrap.servers", (Object) servers), new StringDeserializer(), new StringDeserializer())) {
            consumer.assign(List.of(receipts));
            consumer.seekToEnd(List.of(receipts));
            consumer.position(receipts);

            List<ObjectNode> inserts = inserts(run);
            List<ObjectNode> deletions = deletions(run);
            send(servers, model + ".events", inserts);
            send(servers, model + ".events", deletions);

            Set<String> open = new HashSet<>();
            deletions.forEach(event -> open.add(event.get("event_id").asText()));
            while (!open.isEmpty()) {
                for (var record : consumer.poll(Duration.ofSeconds(1))) {
                    JsonNode receipt = JSON.readTree(record.value());
                    String event = receipt.get("event_id").asText(), state = receipt.get("state").asText();
                    // A person's records may still be counted when they are hidden; the receipt then comes once more.
                    boolean counted = state.equals("hidden") && !receipt.get("records").isNull();
                    if (counted && open.remove(event)) {
                        System.out.println(event + " " + state + " " + receipt.get("records").asInt());
                    }
                }
            }
        }
    }

    private static List<ObjectNode> inserts(String run) {
        List<ObjectNode> events = new ArrayList<>();
        for (int person = 0; person < 6; person++) {
            for (int number = 0; number < 3; number++) {
                String subject = run + "-person" + person;
                events.add(insert(subject + "-record" + number).put("subject_id", subject));
            }
        }
        events.add(insert(run + "-alone"));
        return events;
    }

    private static List<ObjectNode> deletions(String run) {
        List<ObjectNode> events = new ArrayList<>();
        for (int person = 0; person < 3; person++) {
            String subject = run + "-person" + person;
            events.add(delete("forget-" + subject).put("subject_id", subject));
        }
        String subject = run + "-person3";
        events.add(delete("forget-one-of-" + subject).put("subject_id", subject).put("record_id", subject + "-record0"));
        events.add(delete("forget-" + run + "-alone").put("record_id", run + "-alone"));
        events.add(delete("forget-" + run + "-nobody").put("subject_id", run + "-nobody"));
        return events;
    }

    private static ObjectNode insert(String record) {
        ObjectNode event = JSON.createObjectNode().put("type", "insert").put("event_id", "insert-" + record);
        return event.put("record_id", record).put("text", "win cash now");
    }

    private static ObjectNode delete(String eventId) {
        ObjectNode event = JSON.createObjectNode().put("type", "delete").put("event_id", eventId);
        return event.put("requested_at", Instant.now().toString());
    }

    private static void send(String servers, String topic, List<ObjectNode> events) throws Exception {
        List<Future<?>> sent = new ArrayList<>();
        try (var producer = new KafkaProducer<>(
                Map.of("bootstrap.servers", (Object) servers), new StringSerializer(), new StringSerializer())) {
            for (ObjectNode event : events) {
                String key = event.get(event.has("subject_id") ? "subject_id" : "record_id").asText();
                sent.add(producer.send(new ProducerRecord<>(topic, key, JSON.writeValueAsString(event))));
            }
        }
        for (Future<?> one : sent) {
            one.get(); // an event that was not acknowledged ends the program here
        }
    }
}
