/* The shared test vectors, each encoded or decoded by a client whose socket the test has the other end
 * of. It is compiled with the library to set the ids that are in the vectors. */
#include "../elbus.c"

#include "harness.h"

struct vector {
    const char *name;
    const char *bytes;
    size_t size;
    /* So many of that byte more, in the bytes and in the payload. */
    uint8_t fill;
    size_t fill_count;
    bool decode_only;
    bool malformed;
    const char *type;
    const char *sender;
    const char *text;
    uint32_t id;
    uint32_t qos;
    int code;
    uint32_t realtime;
    const char *payload;
    size_t payload_size;
    const char *topics[64];
    size_t topic_count;
};

#include "vectors.h"

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What the client has handed over. */
static struct {
    int count;
    elbus_frame frame;
    elbus_request request;
    uint8_t data[70000];
    char sender[300];
    char text[300];
} got;

/* What it is to answer to a call. */
static const struct vector *answer;

static const struct vector *current;

static void show_current(void) {
    if (current != NULL)
        fprintf(stderr, "vector: %s\n", current->name);
}

static bool is(const struct vector *vector, const char *type) {
    return strcmp(vector->type, type) == 0;
}

/* A part of a vector with what it is filled up with, to be freed. */
static uint8_t *filled(const struct vector *vector, const char *bytes, size_t size) {
    uint8_t *all = malloc(size + vector->fill_count + 1);

    CHECK(all != NULL);
    if (size > 0)
        memcpy(all, bytes, size);
    memset(all + size, vector->fill, vector->fill_count);
    return all;
}

static void note(elbus_client *client, const elbus_frame *frame, void *context) {
    (void)client;
    (void)context;
    got.count++;
    got.frame = *frame;
    CHECK(frame->size <= sizeof got.data);
    memcpy(got.data, frame->data, frame->size);
    snprintf(got.sender, sizeof got.sender, "%s", frame->sender);
    snprintf(got.text, sizeof got.text, "%s", frame->topic == NULL ? "" : frame->topic);
}

static void note_and_answer(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                            void *context) {
    (void)client;
    (void)context;
    got.count++;
    got.request = *request;
    CHECK(request->size <= sizeof got.data);
    memcpy(got.data, request->params, request->size);
    snprintf(got.sender, sizeof got.sender, "%s", request->sender);
    snprintf(got.text, sizeof got.text, "%s", request->method);
    if (answer == NULL)
        return;
    if (is(answer, "error"))
        CHECK(elbus_reply_error(reply, (int16_t)answer->code, answer->payload, answer->payload_size) ==
              ELBUS_OK);
    else
        CHECK(elbus_reply_write(reply, answer->payload, answer->payload_size) == ELBUS_OK);
}

/* A client that is connected to `*broker`. */
static elbus_client *client_on_pair(const char *name, bool with_rpc, int *broker) {
    elbus_config config = {.address = "/pair", .name = name, .on_frame = note};
    elbus_client *client;
    int sockets[2];

    if (with_rpc)
        config.on_call = note_and_answer;
    client = elbus_new(&config);
    CHECK(client != NULL && socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) == 0);
    CHECK(fcntl(sockets[0], F_SETFL, O_NONBLOCK) == 0);
    client->fd = sockets[0];
    client->ping_at_ms = INT64_MAX;
    *broker = sockets[1];
    memset(&got, 0, sizeof got);
    return client;
}

static void discard(elbus_client *client, int broker) {
    elbus_free(client);
    close(broker);
}

static void sent_is(int broker, const uint8_t *bytes, size_t size) {
    uint8_t *sent = malloc(size + 1);

    CHECK(get(broker, sent, size));
    CHECK(memcmp(sent, bytes, size) == 0);
    CHECK(recv(broker, sent, 1, MSG_DONTWAIT) == -1);
    free(sent);
}

/* --- Handshake --- */

static void run_handshake(const struct vector *vector) {
    const bool is_name = !vector->malformed && is(vector, "registration");
    const bool is_response = !vector->malformed && is(vector, "response");
    static const struct {
        const char *name;
        elbus_status status;
    } responses[] = {{"accepted", ELBUS_OK},
                     {"not-registered", ELBUS_ERROR_NOT_REGISTERED},
                     {"data", ELBUS_ERROR_DATA},
                     {"not-supported", ELBUS_ERROR_NOT_SUPPORTED},
                     {"busy", ELBUS_ERROR_BUSY},
                     {"access", ELBUS_ERROR_ACCESS}};
    struct operation operation;
    elbus_status expected = vector->malformed ? ELBUS_ERROR_NOT_SUPPORTED : ELBUS_OK;
    const char *name = is_name ? vector->text : "a";
    int broker;
    elbus_client *client = client_on_pair(name, false, &broker);
    size_t i = 0;

    if (vector->malformed || is(vector, "greeting"))
        put(broker, vector->bytes, vector->size);
    else
        put(broker, GREETING, sizeof GREETING);
    put(broker, "\x01", 1);
    put(broker, is_response ? vector->bytes : "\x01", 1);
    if (is_response) {
        while (strcmp(responses[i].name, vector->text) != 0)
            CHECK(++i < COUNT(responses));
        expected = responses[i].status;
    }
    describe(client, &operation, "connect to", "address", "/pair", 0, ELBUS_QOS_NO);
    client->operation = &operation;
    CHECK_STATUS(client, shake_hands(client, now_ms() + 5000), expected);
    client->operation = NULL;
    if (!vector->malformed) {
        uint8_t greeting[sizeof GREETING];

        CHECK(get(broker, greeting, sizeof greeting));
        CHECK(memcmp(greeting, GREETING, sizeof GREETING) == 0);
        if (is_name)
            sent_is(broker, (const uint8_t *)vector->bytes, vector->size);
        else
            sent_is(broker, (const uint8_t *)"\x01\x00" "a", 3);
    }
    discard(client, broker);
}

/* --- Requests --- */

static void ask(elbus_client *client, const struct vector *vector, const void *payload, size_t size) {
    const elbus_qos qos = (elbus_qos)vector->qos;

    if (is(vector, "publish"))
        CHECK_OK(client, elbus_publish(client, vector->text, payload, size, qos));
    else if (is(vector, "message"))
        CHECK_OK(client, elbus_send(client, vector->text, payload, size, qos));
    else if (is(vector, "broadcast"))
        CHECK_OK(client, elbus_broadcast(client, vector->text, payload, size, qos));
    else if (is(vector, "subscribe"))
        CHECK_OK(client, elbus_subscribe(client, vector->topics, vector->topic_count, qos));
    else if (is(vector, "unsubscribe"))
        CHECK_OK(client, elbus_unsubscribe(client, vector->topics, vector->topic_count, qos));
    else
        CHECK(is(vector, "ping"));
}

/* What is malformed here no function of the library can be asked to send. */
static void run_request(const struct vector *vector) {
    uint8_t *bytes, *payload, ack[6] = {KIND_ACK};
    elbus_client *client;
    int broker;

    if (vector->malformed || vector->decode_only)
        return;
    client = client_on_pair("c", false, &broker);
    bytes = filled(vector, vector->bytes, vector->size);
    payload = filled(vector, vector->payload, vector->payload_size);
    client->last_operation_id = vector->id - 1;
    if ((vector->qos & QOS_ACKNOWLEDGED) != 0) {
        put_u32(ack + 1, vector->id);
        ack[5] = RESPONSE_OK;
        put(broker, ack, sizeof ack);
    }
    ask(client, vector, payload, vector->payload_size + vector->fill_count);
    if (is(vector, "ping")) {
        client->ping_at_ms = 0;
        CHECK_OK(client, elbus_process(client));
    }
    sent_is(broker, bytes, vector->size + vector->fill_count);
    free(bytes);
    free(payload);
    discard(client, broker);
}

/* --- Deliveries --- */

static void delivered_is(const struct vector *vector) {
    uint8_t *payload = filled(vector, vector->payload, vector->payload_size);

    CHECK(got.count == 1);
    CHECK(got.frame.kind == (is(vector, "message")     ? ELBUS_MESSAGE
                             : is(vector, "broadcast") ? ELBUS_BROADCAST
                                                       : ELBUS_PUBLICATION));
    CHECK(got.frame.realtime == (vector->realtime != 0));
    CHECK(strcmp(got.sender, vector->sender) == 0);
    CHECK((got.frame.topic != NULL) == is(vector, "publication"));
    if (got.frame.topic != NULL)
        CHECK(strcmp(got.text, vector->text) == 0);
    CHECK(got.frame.size == vector->payload_size + vector->fill_count);
    CHECK(memcmp(got.data, payload, got.frame.size) == 0);
    free(payload);
}

/* The frame in two pieces: the first says nothing yet. */
static void deliver(const struct vector *vector, const uint8_t *bytes, size_t size, size_t cut) {
    struct operation operation;
    elbus_status status;
    int broker;
    elbus_client *client = client_on_pair("c", false, &broker);
    const bool is_ack = !vector->malformed && is(vector, "ack");

    memset(&operation, 0, sizeof operation);
    operation.verb = operation.object = "";
    operation.id = vector->id;
    client->operation = is_ack ? &operation : NULL;
    put(broker, bytes, cut);
    status = elbus_process(client);
    CHECK(got.count == 0 && !operation.acknowledged);
    CHECK(status == ELBUS_OK || (vector->malformed && cut >= DELIVERY_HEADER));
    if (status == ELBUS_OK) {
        put(broker, bytes + cut, size - cut);
        status = elbus_process(client);
    }
    CHECK((status == ELBUS_OK) == !vector->malformed);
    CHECK(elbus_is_connected(client) == !vector->malformed);
    if (vector->malformed) {
        CHECK(status == ELBUS_ERROR_PROTOCOL && got.count == 0);
    } else if (is_ack) {
        CHECK(operation.acknowledged && operation.response == vector->code);
    } else if (is(vector, "ping")) {
        CHECK(got.count == 0);
    } else {
        /* Bodies larger than the first buffer need more than one reading. */
        while (got.count == 0)
            CHECK_OK(client, elbus_process(client));
        delivered_is(vector);
    }
    CHECK(client->fd < 0 || client->start == client->end);
    discard(client, broker);
}

static void run_delivery(const struct vector *vector) {
    uint8_t *bytes = filled(vector, vector->bytes, vector->size);
    const size_t size = vector->size + vector->fill_count;
    size_t cut;

    for (cut = 0; cut < size; cut += cut < 600 ? 1 : 9973)
        deliver(vector, bytes, size, cut);
    free(bytes);
}

/* --- RPC --- */

/* A message from "n" with this payload. */
static void put_message(int broker, const char *payload, size_t size) {
    uint8_t body[300] = {'n', 0};

    CHECK(size <= sizeof body - 2);
    if (size > 0)
        memcpy(body + 2, payload, size);
    put_delivery(broker, ELBUS_MESSAGE, body, size + 2);
}

/* The payload of the message to "n" that was sent. */
static void sent_payload_is(int broker, const struct vector *vector) {
    uint8_t header[REQUEST_HEADER], body[300];

    CHECK(get_request(broker, header, body, sizeof body) == (long)vector->size + 2);
    CHECK((header[4] & 0x3f) == OPERATION_MESSAGE && memcmp(body, "n", 2) == 0);
    CHECK(memcmp(body + 2, vector->bytes, vector->size) == 0);
}

static void encode_rpc(const struct vector *vector) {
    uint8_t request[] = {RPC_REQUEST, 0, 0, 0, 0, 'm', 0}, reply[] = {RPC_REPLY, 0, 0, 0, 0};
    const size_t size = vector->payload_size;
    int broker;
    elbus_client *client = client_on_pair("c", true, &broker);

    if (is(vector, "notification")) {
        CHECK_OK(client, elbus_notify(client, "n", vector->payload, size, ELBUS_QOS_NO));
    } else if (is(vector, "request") && vector->id == 0) {
        CHECK_OK(client, elbus_call0(client, "n", vector->text, vector->payload, size, ELBUS_QOS_NO));
    } else if (is(vector, "request")) {
        client->last_call_id = vector->id - 1;
        put_u32(reply + 1, vector->id);
        put_message(broker, (const char *)reply, sizeof reply);
        CHECK_OK(client, elbus_call(client, "n", vector->text, vector->payload, size, 5000, NULL));
    } else {
        answer = vector;
        put_u32(request + 1, vector->id);
        put_message(broker, (const char *)request, sizeof request);
        CHECK_OK(client, elbus_process(client));
        answer = NULL;
        CHECK(got.count == 1);
    }
    sent_payload_is(broker, vector);
    discard(client, broker);
}

static void decode_rpc(const struct vector *vector) {
    struct operation operation;
    int broker;
    elbus_client *client = client_on_pair("c", true, &broker);

    memset(&operation, 0, sizeof operation);
    operation.verb = "call";
    operation.object = "n";
    operation.call_id = vector->id;
    put_message(broker, vector->bytes, vector->size);
    client->operation = &operation;
    CHECK_OK(client, elbus_process(client));
    client->operation = NULL;
    if (vector->malformed) {
        CHECK(got.count == 0 && !operation.replied);
    } else if (is(vector, "notification")) {
        CHECK(got.count == 1 && got.frame.kind == ELBUS_NOTIFICATION);
        CHECK(got.frame.size == vector->payload_size);
        CHECK(got.frame.size == 0 || memcmp(got.data, vector->payload, got.frame.size) == 0);
    } else if (is(vector, "request")) {
        CHECK(got.count == 1 && strcmp(got.text, vector->text) == 0);
        CHECK(got.request.reply_wanted == (vector->id != 0));
        CHECK(got.request.size == vector->payload_size);
        CHECK(got.request.size == 0 || memcmp(got.data, vector->payload, got.request.size) == 0);
    } else {
        CHECK(got.count == 0 && operation.replied == (vector->id != 0));
        CHECK(operation.is_error == (is(vector, "error") && vector->id != 0));
        if (operation.replied) {
            CHECK(operation.result.code == vector->code);
            CHECK(operation.result.size == vector->payload_size);
            CHECK(memcmp(operation.result.data, vector->payload, vector->payload_size) == 0);
        }
    }
    CHECK(elbus_is_connected(client));
    /* Nothing is answered to what wants no answer. */
    if (vector->malformed || !is(vector, "request") || vector->id == 0)
        CHECK(recv(broker, &operation, 1, MSG_DONTWAIT) == -1);
    discard(client, broker);
}

/* The id 0 asks for no reply, so it is left out. */
static void call_ids_wrap_around(void) {
    static const char reply[] = {RPC_REPLY, 1, 0, 0, 0};
    int broker;
    elbus_client *client = client_on_pair("c", true, &broker);

    client->last_call_id = UINT32_MAX;
    put_message(broker, reply, sizeof reply);
    CHECK_OK(client, elbus_call(client, "n", "m", NULL, 0, 1000, NULL));
    discard(client, broker);
}

static void run_rpc(const struct vector *vector) {
    decode_rpc(vector);
    /* Only requests have the id 0: that of a reply is somebody's. */
    if (!vector->malformed && !vector->decode_only && (vector->id != 0 || !is(vector, "reply")))
        encode_rpc(vector);
}

static void run_all(const char *name, const struct vector *vectors, size_t count,
                    void (*run)(const struct vector *)) {
    size_t i;

    for (i = 0; i < count; i++) {
        current = &vectors[i];
        run(current);
    }
    current = NULL;
    printf("  %s: %zu\n", name, count);
}

int main(void) {
    atexit(show_current);
    run_all("handshake", handshake, COUNT(handshake), run_handshake);
    run_all("requests", requests, COUNT(requests), run_request);
    run_all("deliveries", deliveries, COUNT(deliveries), run_delivery);
    run_all("rpc", rpc, COUNT(rpc), run_rpc);
    RUN(call_ids_wrap_around);
    return 0;
}
