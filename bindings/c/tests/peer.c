/* The scriptable peer of tests/peers/README.md, on one thread: poll(2) on the socket and on standard input.
 *
 * Lines that have come wait while a command is carried out, frames too. */
#define _POSIX_C_SOURCE 200809L

#include "../elbus.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Well above the second that is usual, so that a busy machine does not fail a test. */
enum { TIMEOUT_MS = 5000, FAIL_CODE = -777, MAX_LINE = 1 << 20, MAX_WORDS = 64 };

static const char FLOOD_PREFIX[] = "flood:";

static struct {
    elbus_client *client;
    char name[ELBUS_MAX_NAME + 1];
    /* The next number of a flood, and one that was not it. */
    long flood_next;
    long flood_stray;
    /* What `count` waits for; -1: nothing. */
    long awaited;
    /* What `rpc-call` waits for. It is served meanwhile: the called one may be this client. */
    elbus_pending call;
    bool calls;
    char target[ELBUS_MAX_NAME + 1];
} peer = {.flood_stray = -1, .awaited = -1};

/* --- Output --- */

/* Whether it is UTF-8 without white space and control characters. As the other peers see it, those
 * beyond ASCII count, too. */
static bool is_plain(const unsigned char *text, size_t size) {
    size_t i = 0;

    while (i < size) {
        unsigned long code = text[i++];
        int more = code < 0x80 ? 0 : code >= 0xf0 ? 3 : code >= 0xe0 ? 2 : code >= 0xc2 ? 1 : -1;
        static const unsigned long smallest[] = {0, 0x80, 0x800, 0x10000};
        int left;

        if (more < 0 || code > 0xf4)
            return false;
        if (more > 0)
            code &= 0x3fUL >> more;
        for (left = more; left > 0; left--, i++) {
            if (i == size || (text[i] & 0xc0) != 0x80)
                return false;
            code = code << 6 | (text[i] & 0x3f);
        }
        if (code < smallest[more] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
            return false;
        if (code <= 0x20 || (code >= 0x7f && code <= 0xa0) || code == 0x1680 ||
            (code >= 0x2000 && code <= 0x200a) || code == 0x2028 || code == 0x2029 ||
            code == 0x202f || code == 0x205f || code == 0x3000)
            return false;
    }
    return true;
}

static void print_payload(const void *data, size_t size) {
    const unsigned char *bytes = data;
    size_t i;

    if (size == 0)
        return;
    if (is_plain(bytes, size)) {
        fwrite(bytes, 1, size, stdout);
        return;
    }
    fputs("hex:", stdout);
    for (i = 0; i < size; i++)
        printf("%02x", bytes[i]);
}

static void end_line(void) {
    putchar('\n');
    fflush(stdout);
}

static void answer(const char *text) {
    fputs(text, stdout);
    end_line();
}

static const char *word_of(elbus_status status) {
    switch (status) {
    case ELBUS_ERROR_NOT_REGISTERED:
        return "not-registered";
    case ELBUS_ERROR_NOT_SUPPORTED:
        return "not-supported";
    case ELBUS_ERROR_IO:
        return "io";
    case ELBUS_ERROR_TIMEOUT:
        return "timeout";
    case ELBUS_ERROR_DATA:
    case ELBUS_ERROR_ARGUMENT:
    case ELBUS_ERROR_TOO_LARGE:
        return "data";
    case ELBUS_ERROR_BUSY:
        return "busy";
    case ELBUS_ERROR_NOT_DELIVERED:
        return "not-delivered";
    case ELBUS_ERROR_ACCESS:
        return "access";
    case ELBUS_ERROR_END_OF_FILE:
        return "eof";
    case ELBUS_ERROR_NOT_CONNECTED:
        return "not-connected";
    default:
        return "other";
    }
}

static void answer_status(elbus_status status, bool acknowledged) {
    if (status == ELBUS_OK) {
        answer(acknowledged ? "ok acked" : "ok");
        return;
    }
    printf("error %s", word_of(status));
    end_line();
}

/* --- What arrives --- */

static void print_frame(const char *kind, const char *sender, const char *topic, const void *data,
                        size_t size) {
    printf("frame %s %s %s %s ", peer.name, kind, sender, topic);
    print_payload(data, size);
    end_line();
}

static bool note_flood(const elbus_frame *frame) {
    const size_t prefix = sizeof FLOOD_PREFIX - 1;
    char text[24] = {0};
    long number;

    if (frame->size <= prefix || frame->size - prefix >= sizeof text ||
        memcmp(frame->data, FLOOD_PREFIX, prefix) != 0)
        return false;
    memcpy(text, (const char *)frame->data + prefix, frame->size - prefix);
    number = strtol(text, NULL, 10);
    if (number == peer.flood_next)
        peer.flood_next++;
    else if (peer.flood_stray < 0)
        peer.flood_stray = number;
    return true;
}

static void on_frame(elbus_client *client, const elbus_frame *frame, void *context) {
    const char *kind = frame->kind == ELBUS_MESSAGE       ? "message"
                       : frame->kind == ELBUS_BROADCAST   ? "broadcast"
                       : frame->kind == ELBUS_PUBLICATION ? "publication"
                                                          : "notification";

    (void)client;
    (void)context;
    if (!note_flood(frame))
        print_frame(kind, frame->sender, frame->topic == NULL ? "-" : frame->topic, frame->data,
                    frame->size);
}

static void on_call(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                    void *context) {
    (void)client;
    (void)context;
    if (!request->reply_wanted)
        print_frame("call0", request->sender, request->method, request->params, request->size);
    if (strcmp(request->method, "echo") == 0)
        elbus_reply_write(reply, request->params, request->size);
    else if (strcmp(request->method, "fail") == 0)
        elbus_reply_error(reply, FAIL_CODE, request->params, request->size);
    else if (strcmp(request->method, "nothing") != 0)
        elbus_reply_error(reply, ELBUS_RPC_METHOD_NOT_FOUND, NULL, 0);
}

/* --- Commands: words[0] is the command, count that of all words --- */

static void open_client(char **words, bool with_rpc) {
    elbus_config config = {.address = words[1],
                           .name = words[2],
                           .timeout_ms = TIMEOUT_MS,
                           .max_receive = ELBUS_MAX_DELIVERY,
                           .max_waiting = 64 * 1024 * 1024,
                           .on_frame = on_frame,
                           .on_call = with_rpc ? on_call : NULL};
    elbus_status status;

    elbus_free(peer.client);
    peer.client = elbus_new(&config);
    if (peer.client == NULL)
        exit(1);
    snprintf(peer.name, sizeof peer.name, "%s", words[2]);
    status = elbus_connect(peer.client);
    answer_status(status, false);
}

static void do_connect(char **words, int count) {
    (void)count;
    open_client(words, false);
}

static void do_rpc_serve(char **words, int count) {
    (void)count;
    open_client(words, true);
}

static void do_disconnect(char **words, int count) {
    (void)words;
    (void)count;
    elbus_disconnect(peer.client);
    answer("ok");
}

typedef elbus_status operation(elbus_client *, const char *, const void *, size_t, elbus_qos);

static void with_qos(char **words, operation *send) {
    const elbus_qos qos = (elbus_qos)atoi(words[3]);

    answer_status(send(peer.client, words[1], words[2], strlen(words[2]), qos), (qos & 1) != 0);
}

static void do_send(char **words, int count) {
    (void)count;
    with_qos(words, elbus_send);
}

static void do_broadcast(char **words, int count) {
    (void)count;
    with_qos(words, elbus_broadcast);
}

static void do_publish(char **words, int count) {
    (void)count;
    with_qos(words, elbus_publish);
}

static void do_subscribe(char **words, int count) {
    answer_status(elbus_subscribe(peer.client, (const char *const *)(words + 1), (size_t)count - 1,
                                  ELBUS_QOS_PROCESSED),
                  true);
}

static void do_unsubscribe(char **words, int count) {
    answer_status(elbus_unsubscribe(peer.client, (const char *const *)(words + 1), (size_t)count - 1,
                                    ELBUS_QOS_PROCESSED),
                  true);
}

static void do_flood(char **words, int count) {
    const long start = atol(words[2]), end = start + atol(words[3]);
    elbus_status status = ELBUS_OK;
    long number;

    (void)count;
    for (number = start; number < end && status == ELBUS_OK; number++) {
        char text[40];
        int size = snprintf(text, sizeof text, "%s%ld", FLOOD_PREFIX, number);

        status = elbus_send(peer.client, words[1], text, (size_t)size, ELBUS_QOS_NO);
    }
    answer_status(status, false);
}

/* Answered when so many have come. */
static void answer_count(void) {
    if (peer.awaited < 0 || (peer.flood_stray < 0 && peer.flood_next < peer.awaited))
        return;
    if (peer.flood_stray >= 0)
        printf("error order %ld %ld", peer.flood_next, peer.flood_stray);
    else
        printf("ok %ld", peer.flood_next);
    peer.awaited = -1;
    end_line();
}

static void do_count(char **words, int count) {
    (void)count;
    peer.awaited = atol(words[1]);
    answer_count();
}

static void answer_call(elbus_client *client, elbus_status status, const elbus_result *result,
                        void *context) {
    (void)client;
    (void)context;
    peer.calls = false;
    if (status == ELBUS_OK)
        fputs(result->size > 0 ? "ok " : "ok", stdout);
    else
        printf(result->size > 0 ? "error rpc %d " : "error rpc %d", result->code);
    print_payload(result->data, result->size);
    end_line();
}

static void do_rpc_call(char **words, int count) {
    elbus_status status;

    (void)count;
    peer.call.on_reply = answer_call;
    snprintf(peer.target, sizeof peer.target, "%s", words[1]);
    status = elbus_call_start(peer.client, &peer.call, peer.target, words[2], words[3],
                              strlen(words[3]), TIMEOUT_MS);
    peer.calls = status == ELBUS_OK;
    if (status != ELBUS_OK) {
        printf("error rpc %d", ELBUS_RPC_BUS_ERROR - (int)status);
        end_line();
    }
}

static void do_rpc_call0(char **words, int count) {
    (void)count;
    answer_status(elbus_call0(peer.client, words[1], words[2], words[3], strlen(words[3]),
                              ELBUS_QOS_PROCESSED),
                  true);
}

static void do_rpc_notify(char **words, int count) {
    (void)count;
    answer_status(
        elbus_notify(peer.client, words[1], words[2], strlen(words[2]), ELBUS_QOS_PROCESSED), true);
}

static const struct {
    const char *name;
    /* Words after the command. */
    int min, max;
    bool needs_client;
    void (*run)(char **words, int count);
} COMMANDS[] = {
    {"connect", 2, 2, false, do_connect},
    {"rpc-serve", 2, 2, false, do_rpc_serve},
    {"disconnect", 0, 0, true, do_disconnect},
    {"send", 3, 3, true, do_send},
    {"broadcast", 3, 3, true, do_broadcast},
    {"publish", 3, 3, true, do_publish},
    {"subscribe", 1, MAX_WORDS - 1, true, do_subscribe},
    {"unsubscribe", 1, MAX_WORDS - 1, true, do_unsubscribe},
    {"flood", 3, 3, true, do_flood},
    {"count", 1, 1, true, do_count},
    {"rpc-call", 3, 3, true, do_rpc_call},
    {"rpc-call0", 3, 3, true, do_rpc_call0},
    {"rpc-notify", 2, 2, true, do_rpc_notify},
};

static void run_line(char *line) {
    char *words[MAX_WORDS];
    int count = 0;
    size_t i;

    for (;;) {
        char *space = strchr(line, ' ');

        if (count == MAX_WORDS) {
            answer("error usage");
            return;
        }
        words[count++] = line;
        if (space == NULL)
            break;
        *space = '\0';
        line = space + 1;
    }
    if (strcmp(words[0], "quit") == 0)
        exit(0);
    for (i = 0; i < sizeof COMMANDS / sizeof COMMANDS[0]; i++) {
        if (strcmp(words[0], COMMANDS[i].name) != 0)
            continue;
        if (count - 1 < COMMANDS[i].min || count - 1 > COMMANDS[i].max)
            break;
        if (COMMANDS[i].needs_client && peer.client == NULL)
            answer("error not-connected");
        else
            COMMANDS[i].run(words, count);
        return;
    }
    answer("error usage");
}

/* --- Input --- */

static char input[MAX_LINE];
static size_t input_size;

/* Carries out a line if there is a whole one. */
static bool run_next_line(void) {
    char *end = memchr(input, '\n', input_size);
    static char line[MAX_LINE];
    size_t size;

    if (end == NULL)
        return false;
    size = (size_t)(end - input);
    memcpy(line, input, size);
    line[size] = '\0';
    input_size -= size + 1;
    memmove(input, end + 1, input_size);
    run_line(line);
    return true;
}

/* False at the end of the input. */
static bool read_input(void) {
    ssize_t got;

    if (input_size == sizeof input)
        return false;
    got = read(STDIN_FILENO, input + input_size, sizeof input - input_size);
    if (got > 0)
        input_size += (size_t)got;
    return got > 0 || (got < 0 && errno == EINTR);
}

int main(void) {
    for (;;) {
        struct pollfd polled[2] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = -1}};
        int timeout_ms = -1;

        if (peer.client != NULL) {
            polled[1].fd = elbus_fd(peer.client);
            polled[1].events = elbus_poll_events(peer.client);
            timeout_ms = elbus_poll_timeout_ms(peer.client);
        }
        if (poll(polled, 2, timeout_ms) < 0 && errno != EINTR)
            return 1;
        /* Without a connection there may still be frames of the one that was. */
        if (peer.client != NULL)
            elbus_process(peer.client);
        answer_count();
        if ((polled[0].revents & (POLLIN | POLLHUP)) != 0 && !read_input())
            return 0;
        /* A command is carried out when the one before it has been answered. */
        while (peer.awaited < 0 && !peer.calls && run_next_line()) {
        }
    }
}
