/* What a broker may do, and what it must not, byte by byte, with a scripted one. */
#define _POSIX_C_SOURCE 200809L

#include "harness.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Waits until the client has closed the connection. */
static void drain(int socket) {
    char bytes[4096];

    while (recv(socket, bytes, sizeof bytes, 0) > 0) {
    }
}

static elbus_client *client_at(const struct fake *fake, uint32_t timeout_ms, struct inbox *inbox) {
    elbus_config config = {.address = fake->path, .name = "c", .timeout_ms = timeout_ms, .rpc = false};

    if (inbox != NULL) {
        memset(inbox, 0, sizeof *inbox);
        config.on_frame = note_frame;
        config.context = inbox;
    }
    return elbus_new(&config);
}

/* --- The handshake --- */

struct handshake {
    const char *bytes;
    size_t sizes[3];
    bool close_early;
};

/* Writes three pieces, and reads what the client must have sent before the second. */
static void play_handshake(int socket, void *context) {
    const struct handshake *play = context;
    uint8_t sent[6];

    put_slowly(socket, play->bytes, play->sizes[0]);
    if (play->sizes[1] > 0 && get(socket, sent, sizeof sent)) {
        CHECK(memcmp(sent, "\xeb\x01\x00\x01\x00" "c", 6) == 0);
        put_slowly(socket, play->bytes + play->sizes[0], play->sizes[1]);
        put_slowly(socket, play->bytes + play->sizes[0] + play->sizes[1], play->sizes[2]);
    }
    if (!play->close_early)
        drain(socket);
}

static void handshake_is(const char *bytes, size_t size0, size_t size1, size_t size2, bool close_early,
                         elbus_status expected, const char *text) {
    struct handshake play = {bytes, {size0, size1, size2}, close_early};
    struct fake fake;
    elbus_client *client;
    int64_t start_ms = clock_ms();

    fake_start(&fake, 1, play_handshake, &play);
    client = client_at(&fake, expected == ELBUS_ERROR_TIMEOUT ? 100 : 10000, NULL);
    CHECK_STATUS(client, elbus_connect(client), expected);
    if (expected == ELBUS_ERROR_TIMEOUT)
        CHECK(clock_ms() - start_ms >= 100);
    CHECK_ERROR(client, text);
    CHECK(elbus_is_connected(client) == (expected == ELBUS_OK));
    elbus_free(client);
    fake_end(&fake);
}

static void handshakes(void) {
    handshake_is("\xeb\x01\x00\x01\x01", 3, 1, 1, false, ELBUS_OK, "");
    handshake_is("\xeb\x01\x00\x75", 3, 1, 0, true, ELBUS_ERROR_NOT_SUPPORTED, "version refused");
    handshake_is("\xeb\x01\x00\x01\x72", 3, 1, 1, true, ELBUS_ERROR_DATA, "name refused");
    handshake_is("\xeb\x01\x00\x01\x76", 3, 1, 1, true, ELBUS_ERROR_BUSY, "busy (76)");
    handshake_is("\xeb\x01\x00\x01\x79", 3, 1, 1, true, ELBUS_ERROR_ACCESS, "access denied (79)");
    handshake_is("\xeb\x01\x00\x01\x00", 3, 1, 1, true, ELBUS_ERROR_OTHER, "other error (00)");
    handshake_is("\xec\x01\x00", 3, 0, 0, false, ELBUS_ERROR_NOT_SUPPORTED, "greeting ec0100");
    handshake_is("\xeb\x02\x00", 3, 0, 0, false, ELBUS_ERROR_NOT_SUPPORTED, "greeting eb0200");
    handshake_is("\xeb\x01\x01", 3, 0, 0, false, ELBUS_ERROR_NOT_SUPPORTED, "greeting eb0101");
    handshake_is("", 0, 0, 0, true, ELBUS_ERROR_END_OF_FILE, "in the handshake");
    handshake_is("\xeb\x01", 2, 0, 0, true, ELBUS_ERROR_END_OF_FILE, "in the handshake");
    handshake_is("\xeb\x01\x00\x01", 3, 1, 0, true, ELBUS_ERROR_END_OF_FILE, "in the handshake");
    handshake_is("", 0, 0, 0, false, ELBUS_ERROR_TIMEOUT, "no handshake within 100 ms");
    handshake_is("\xeb\x01", 2, 0, 0, false, ELBUS_ERROR_TIMEOUT, "no handshake within 100 ms");
    handshake_is("\xeb\x01\x00\x01", 3, 1, 0, false, ELBUS_ERROR_TIMEOUT, "no handshake within");
}

static void trickle_greeting(int socket, void *context) {
    (void)context;
    put(socket, "\xeb", 1);
    sleep_ms(80);
    put(socket, "\x01", 1);
    sleep_ms(80);
    put(socket, "\x00\x01", 2);
    drain(socket);
}

static void the_timeout_is_that_of_the_whole_handshake(void) {
    struct fake fake;
    elbus_client *client;

    fake_start(&fake, 1, trickle_greeting, NULL);
    client = client_at(&fake, 100, NULL);
    CHECK_STATUS(client, elbus_connect(client), ELBUS_ERROR_TIMEOUT);
    elbus_free(client);
    fake_end(&fake);
}

/* --- Frames --- */

static const char FRAMES[] = "\0\0\0\0\0\0"
                             "\x12\x05\0\0\0\x01n0\0hi"
                             "\xfe\x01\x02\x03\x04\x01"
                             "\x01\x09\0\0\0\0n0\0a/b\0\0\xff"
                             "\0\0\0\0\0\0"
                             "\x13\x03\0\0\0\0n1\0";

static void play_frames(int socket, void *context) {
    fake_handshake(socket, NULL);
    if (context == NULL)
        put(socket, FRAMES, sizeof FRAMES - 1);
    else
        put_slowly(socket, FRAMES, sizeof FRAMES - 1);
    drain(socket);
}

static void frames_arrive_in_any_pieces(void) {
    int slow;

    for (slow = 0; slow <= 1; slow++) {
        struct fake fake;
        struct inbox inbox;
        elbus_client *client;

        fake_start(&fake, 1, play_frames, slow ? &fake : NULL);
        client = client_at(&fake, 5000, &inbox);
        CHECK_OK(client, elbus_connect(client));
        await_frames(client, &inbox, 3);
        CHECK(inbox.kind == ELBUS_BROADCAST && strcmp(inbox.sender, "n1") == 0 && inbox.size == 0);
        elbus_free(client);
        fake_end(&fake);
    }
}

struct bytes {
    const char *bytes;
    size_t size;
};

static void play_good_then_bad(int socket, void *context) {
    const struct bytes *bad = context;
    uint8_t header[9], body[100];

    fake_handshake(socket, NULL);
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_delivery(socket, 0x12, "n\0good", 6);
    put(socket, bad->bytes, bad->size);
    drain(socket);
}

static void bad_frame(const char *bytes, size_t size, elbus_status expected, const char *text) {
    struct bytes bad = {bytes, size};
    struct fake fake;
    struct inbox inbox;
    elbus_client *client;

    fake_start(&fake, 1, play_good_then_bad, &bad);
    client = client_at(&fake, 5000, &inbox);
    CHECK_OK(client, elbus_connect(client));
    CHECK_STATUS(client, elbus_send(client, "x", NULL, 0, ELBUS_QOS_PROCESSED), expected);
    CHECK_ERROR(client, text);
    CHECK(!elbus_is_connected(client));
    /* What came before is not lost, and the end is told once more. */
    CHECK(inbox.count == 0 && elbus_poll_timeout_ms(client) == 0);
    CHECK_STATUS(client, elbus_process(client), expected);
    CHECK(inbox.count == 1 && memcmp(inbox.data, "good", 4) == 0);
    CHECK_STATUS(client, elbus_process(client), ELBUS_ERROR_NOT_CONNECTED);
    elbus_free(client);
    fake_end(&fake);
}

static void malformed_frames_end_the_connection(void) {
    bad_frame("\x02\0\0\0\0\0", 6, ELBUS_ERROR_PROTOCOL, "frame of unknown kind 02");
    bad_frame("\xff\0\0\0\0\0", 6, ELBUS_ERROR_PROTOCOL, "frame of unknown kind ff");
    bad_frame("\x12\0\0\0\0\0", 6, ELBUS_ERROR_PROTOCOL, "malformed frame of kind 12");
    bad_frame("\x12\x02\0\0\0\0ab", 8, ELBUS_ERROR_PROTOCOL, "malformed frame of kind 12");
    bad_frame("\x01\x03\0\0\0\0a\0b", 9, ELBUS_ERROR_PROTOCOL, "malformed frame of kind 01");
    bad_frame("\x01\x04\0\0\0\0a\0\xff\0", 10, ELBUS_ERROR_PROTOCOL, "malformed frame of kind 01");
    bad_frame("\x13\x02\0\0\0\0\xc0\0", 8, ELBUS_ERROR_PROTOCOL, "malformed frame of kind 13");
    bad_frame("\x12\xff\xff\xff\xff\0", 6, ELBUS_ERROR_TOO_LARGE,
              "received a frame of 4294967295 bytes, max_receive is 1048576");
    bad_frame("\x12\x01\0\x10\0\0", 6, ELBUS_ERROR_TOO_LARGE, "received a frame of 1048577 bytes");
}

static void play_cut(int socket, void *context) {
    uint8_t header[9], body[100];

    (void)context;
    fake_handshake(socket, NULL);
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put(socket, "\x12\x05\0\0\0\0n0\0h", 10);
}

static void the_end_in_the_middle_of_a_frame_is_the_end(void) {
    struct fake fake;
    struct inbox inbox;
    elbus_client *client;

    fake_start(&fake, 1, play_cut, NULL);
    client = client_at(&fake, 5000, &inbox);
    CHECK_OK(client, elbus_connect(client));
    CHECK_STATUS(client, elbus_send(client, "x", NULL, 0, ELBUS_QOS_PROCESSED), ELBUS_ERROR_END_OF_FILE);
    CHECK_STATUS(client, elbus_process(client), ELBUS_ERROR_END_OF_FILE);
    CHECK(inbox.count == 0);
    elbus_free(client);
    fake_end(&fake);
}

/* --- Acknowledgements --- */

static void play_acks(int socket, void *context) {
    uint8_t header[9], body[100], foreign[9] = {0xaa};

    (void)context;
    fake_handshake(socket, NULL);
    /* Those of others, and a ping, before the right one; then it again. */
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_ack(socket, foreign, 0x71);
    put(socket, "\0\0\0\0\0\0", 6);
    put_delivery(socket, 0x12, "n\0one", 5);
    put_ack(socket, header, 0x01);
    put_ack(socket, header, 0x71);
    /* That of an operation which is not awaited any more. */
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    memcpy(foreign, header, sizeof header);
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_ack(socket, foreign, 0x77);
    put_ack(socket, header, 0x01);
    /* Refusals, known and not. */
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_ack(socket, header, 0x77);
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_ack(socket, header, 0x79);
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_ack(socket, header, 0x00);
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_ack(socket, header, 0x7a);
    /* The last one in one piece with what ends the connection. */
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    memcpy(body + 1, header, 4);
    body[0] = 0xfe;
    body[5] = 0x01;
    memset(body + 6, 0x99, 6);
    put(socket, body, 12);
}

static void acks_are_matched_by_id(void) {
    const elbus_qos qos = ELBUS_QOS_PROCESSED;
    struct fake fake;
    struct inbox inbox;
    elbus_client *client;

    fake_start(&fake, 1, play_acks, NULL);
    client = client_at(&fake, 300, &inbox);
    CHECK_OK(client, elbus_connect(client));
    CHECK_OK(client, elbus_send(client, "x", NULL, 0, qos));
    CHECK_STATUS(client, elbus_send(client, "late", NULL, 0, qos), ELBUS_ERROR_TIMEOUT);
    CHECK_ERROR(client, "c: send to 'late': no answer within 300 ms");
    CHECK_OK(client, elbus_send(client, "x", NULL, 0, qos));
    CHECK_STATUS(client, elbus_send(client, "x", NULL, 0, qos), ELBUS_ERROR_NOT_DELIVERED);
    CHECK_STATUS(client, elbus_publish(client, "x", NULL, 0, qos), ELBUS_ERROR_ACCESS);
    CHECK_STATUS(client, elbus_broadcast(client, "x", NULL, 0, qos), ELBUS_ERROR_OTHER);
    CHECK_STATUS(client, elbus_send(client, "x", NULL, 0, qos), ELBUS_ERROR_OTHER);
    CHECK_ERROR(client, "other error (7a)");
    CHECK_OK(client, elbus_send(client, "x", NULL, 0, qos));
    while (elbus_process(client) == ELBUS_OK) {
    }
    CHECK(inbox.count == 1);
    elbus_free(client);
    fake_end(&fake);
}

static void put_reply(int socket, const char *sender, const uint8_t *request, const char *text) {
    uint8_t body[100];
    size_t sender_size = strlen(sender) + 1, size;

    memcpy(body, sender, sender_size);
    memcpy(body + sender_size, request, 5);
    body[sender_size] = 0x11;
    size = sender_size + 5;
    memcpy(body + size, text, strlen(text));
    put_delivery(socket, 0x12, body, size + strlen(text));
}

static void play_replies(int socket, void *context) {
    uint8_t header[9], body[100], *rpc = body + 2, other[5];

    (void)context;
    fake_handshake(socket, NULL);
    /* The body is "t", NUL and the request. Of others, of no call, malformed; then the right one, before
     * its acknowledgement, from a secondary. */
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_reply(socket, "stranger", rpc, "wrong");
    memcpy(other, rpc, 5);
    other[1] ^= 0xff;
    put_reply(socket, "t", other, "wrong");
    put_delivery(socket, 0x12, "t\0\x12\x01\0\0\0\x05", 8);
    put_delivery(socket, 0x12, "t\0\x11\x01", 4);
    put_reply(socket, "t%%1", rpc, "right");
    put_ack(socket, header, 0x01);
    /* An error reply, then a positive acknowledgement. */
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_delivery(socket, 0x12, (const uint8_t[]){'t', 0, 0x12, rpc[1], rpc[2], rpc[3], rpc[4], 0, 0},
                 9);
    put_ack(socket, header, 0x01);
    /* The acknowledgement, and the end. */
    CHECK(get_request(socket, header, body, sizeof body) >= 0);
    put_ack(socket, header, 0x01);
    sleep_ms(50);
}

static void replies_are_matched_by_id_and_sender(void) {
    struct fake fake;
    elbus_config config = {.name = "c", .rpc = true};
    elbus_client *client;
    elbus_result result;

    fake_start(&fake, 1, play_replies, NULL);
    config.address = fake.path;
    client = client_with(&config);
    CHECK_OK(client, elbus_call(client, "t", "m", NULL, 0, 0, &result));
    CHECK(result.size == 5 && memcmp(result.data, "right", 5) == 0);
    CHECK_STATUS(client, elbus_call(client, "t", "m", NULL, 0, 0, &result), ELBUS_ERROR_RPC);
    CHECK(result.code == 0 && result.size == 0);
    CHECK_STATUS(client, elbus_call(client, "t", "m", NULL, 0, 0, &result), ELBUS_ERROR_END_OF_FILE);
    CHECK(result.code == -32255);
    elbus_free(client);
    fake_end(&fake);
}

/* --- A broker that does not read, or reads slowly --- */

static int pipe_to_script[2];

static void await_go(void) {
    char byte;

    CHECK(read(pipe_to_script[0], &byte, 1) == 1);
}

static void go(void) {
    CHECK(write(pipe_to_script[1], "", 1) == 1);
}

/* Reads only when it is told to, and then checks that no frame is cut. */
static void play_deaf(int socket, void *context) {
    long *frames = context;
    uint8_t header[9], *body = malloc(1 << 21);

    fake_handshake(socket, NULL);
    await_go();
    while (get_request(socket, header, body, 1 << 21) >= 0) {
        ++*frames;
        if ((header[4] & 0x40) != 0)
            put_ack(socket, header, 0x01);
    }
    free(body);
}

static void a_broker_that_does_not_read_is_a_timeout(void) {
    struct fake fake;
    elbus_client *client;
    long got = 0, sent = 0;
    elbus_status status;

    fake_start(&fake, 1, play_deaf, &got);
    client = client_at(&fake, 200, NULL);
    CHECK_OK(client, elbus_connect(client));
    /* Small frames fit or do not fit. */
    while ((status = elbus_send(client, "x", "small", 5, ELBUS_QOS_NO)) == ELBUS_OK)
        sent++;
    CHECK(status == ELBUS_ERROR_TIMEOUT);
    CHECK_ERROR(client, "the broker took nothing within 200 ms");
    CHECK(elbus_is_connected(client));
    go();
    sleep_ms(100);
    CHECK_OK(client, elbus_send(client, "x", "small", 5, ELBUS_QOS_PROCESSED));
    elbus_free(client);
    fake_end(&fake);
    CHECK(got == sent + 1);
}

static void a_frame_that_is_cut_ends_the_connection(void) {
    struct fake fake;
    elbus_client *client;
    char *data = calloc(1, 1 << 20);
    long got = 0;
    elbus_status status;

    fake_start(&fake, 1, play_deaf, &got);
    client = client_at(&fake, 200, NULL);
    CHECK_OK(client, elbus_connect(client));
    while ((status = elbus_send(client, "x", data, 1 << 20, ELBUS_QOS_NO)) == ELBUS_OK) {
    }
    CHECK(status == ELBUS_ERROR_TIMEOUT);
    CHECK_ERROR(client, "took a part only within 200 ms, connection closed");
    CHECK(!elbus_is_connected(client));
    go();
    elbus_free(client);
    fake_end(&fake);
    free(data);
}

static void play_slow(int socket, void *context) {
    const size_t size = 1000000;
    uint8_t header[9], *body = malloc(size);
    size_t i, j;

    (void)context;
    fake_handshake(socket, NULL);
    CHECK(get(socket, header, 9));
    CHECK(get(socket, body, 2) && memcmp(body, "x", 2) == 0);
    for (i = 0; i < size; i += 10000) {
        CHECK(get(socket, body, 10000));
        if (i % 100000 == 0)
            sleep_ms(10);
        for (j = 0; j < 10000; j++)
            CHECK(body[j] == (i + j) % 251);
    }
    put_ack(socket, header, 0x01);
    free(body);
    drain(socket);
}

static void large_frames_are_sent_in_pieces(void) {
    struct fake fake;
    elbus_client *client;
    uint8_t *data = malloc(1000000);
    size_t i;

    for (i = 0; i < 1000000; i++)
        data[i] = (uint8_t)(i % 251);
    fake_start(&fake, 1, play_slow, NULL);
    client = client_at(&fake, 10000, NULL);
    CHECK_OK(client, elbus_connect(client));
    CHECK_OK(client, elbus_send(client, "x", data, 1000000, ELBUS_QOS_PROCESSED));
    elbus_free(client);
    fake_end(&fake);
    free(data);
}

/* --- A reply that must wait --- */

enum { REPLY_SIZE = 1000000, REQUESTS = 5 };

static void play_requests(int socket, void *context) {
    uint8_t request[] = {'n', 0, 0x01, 0, 0, 0, 0, 'm', 0};
    uint8_t header[9], *body = malloc(REPLY_SIZE + 7);
    uint8_t i;

    (void)context;
    fake_handshake(socket, NULL);
    for (i = 1; i <= REQUESTS; i++) {
        request[3] = i;
        put_delivery(socket, 0x12, request, sizeof request);
    }
    await_go();
    for (i = 1; i <= REQUESTS; i++) {
        CHECK(get_request(socket, header, body, REPLY_SIZE + 7) == REPLY_SIZE + 7);
        CHECK(body[0] == 'n' && body[2] == 0x11 && body[3] == i);
    }
    put_delivery(socket, 0x12, "n\0\0", 3);
    free(body);
    drain(socket);
}

static int requests_handled;

static void reply_big(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                      void *context) {
    static char data[REPLY_SIZE];

    (void)client;
    (void)request;
    (void)context;
    requests_handled++;
    CHECK(elbus_reply_write(reply, data, sizeof data) == ELBUS_OK);
}

static void process_does_not_wait_for_a_broker_that_does_not_read(void) {
    struct fake fake;
    struct inbox inbox = {0};
    elbus_config config = {.name = "c", .on_call = reply_big, .on_frame = note_frame, .context = &inbox};
    elbus_client *client;
    int i;

    fake_start(&fake, 1, play_requests, NULL);
    config.address = fake.path;
    client = client_with(&config);
    sleep_ms(50);
    for (i = 0; i < 10; i++)
        CHECK_OK(client, elbus_process(client));
    /* One is answered, its reply waits, and so do the other requests. */
    CHECK(requests_handled == 1);
    CHECK((elbus_poll_events(client) & POLLOUT) != 0);
    CHECK(elbus_poll_timeout_ms(client) == -1);
    go();
    await_frames(client, &inbox, 1);
    CHECK(requests_handled == REQUESTS);
    CHECK(elbus_poll_events(client) == POLLIN);
    elbus_free(client);
    fake_end(&fake);
}

/* --- Pings --- */

static void play_pings(int socket, void *context) {
    uint8_t bytes[9], header[9], body[100];
    int i;

    (void)context;
    fake_handshake(socket, NULL);
    for (i = 0; i < 3; i++)
        CHECK(get(socket, bytes, 9) && memcmp(bytes, "\0\0\0\0\0\0\0\0\0", 9) == 0);
    put_delivery(socket, 0x12, "n\0now wait", 10);
    CHECK(get(socket, header, 9));
    while (header[4] == 0)
        CHECK(get(socket, header, 9));
    CHECK(get(socket, body, 2));
    for (i = 0; i < 3; i++)
        CHECK(get(socket, bytes, 9) && memcmp(bytes, "\0\0\0\0\0\0\0\0\0", 9) == 0);
    put_ack(socket, header, 0x01);
    drain(socket);
}

static void pings_are_sent_by_process_and_while_waiting(void) {
    struct fake fake;
    struct inbox inbox = {0};
    elbus_config config = {.name = "c", .ping_interval_ms = 30, .on_frame = note_frame,
                           .context = &inbox, .timeout_ms = 10000};
    elbus_client *client;
    int64_t start_ms = clock_ms();

    fake_start(&fake, 1, play_pings, NULL);
    config.address = fake.path;
    client = client_with(&config);
    CHECK(elbus_poll_timeout_ms(client) <= 30);
    await_frames(client, &inbox, 1);
    CHECK(clock_ms() - start_ms >= 88);
    CHECK_OK(client, elbus_send(client, "x", NULL, 0, ELBUS_QOS_PROCESSED));
    CHECK(clock_ms() - start_ms >= 175);
    elbus_free(client);
    fake_end(&fake);
}

int main(void) {
    CHECK(pipe(pipe_to_script) == 0);
    RUN(handshakes);
    RUN(the_timeout_is_that_of_the_whole_handshake);
    RUN(frames_arrive_in_any_pieces);
    RUN(malformed_frames_end_the_connection);
    RUN(the_end_in_the_middle_of_a_frame_is_the_end);
    RUN(acks_are_matched_by_id);
    RUN(replies_are_matched_by_id_and_sender);
    RUN(a_broker_that_does_not_read_is_a_timeout);
    RUN(a_frame_that_is_cut_ends_the_connection);
    RUN(large_frames_are_sent_in_pieces);
    RUN(process_does_not_wait_for_a_broker_that_does_not_read);
    RUN(pings_are_sent_by_process_and_while_waiting);
    return 0;
}
