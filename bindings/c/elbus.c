/* The client of the elbus message broker; elbus.h says how to use it.
 *
 * The path of what is sent: a function of the interface describes an `operation`, perform() puts the
 * header in front of it and write_parts() hands it to the socket from where it is.
 *
 * The path of what is received: receive() reads into the input buffer; scan() checks each frame once,
 * notes acknowledgements and RPC replies for the operation that waits, and leaves the rest where it is:
 * the input buffer is the queue of frames. dispatch() hands them to callbacks, from there.
 */
#ifndef _POSIX_C_SOURCE
#define _POSIX_C_SOURCE 200809L
#endif

#include "elbus.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#if defined(__GNUC__)
#define PRINTF_LIKE(text, first) __attribute__((__format__(__printf__, text, first)))
#else
#define PRINTF_LIKE(text, first)
#endif

enum {
    DEFAULT_TIMEOUT_MS = 5000,
    DEFAULT_PING_INTERVAL_MS = 1000,
    DEFAULT_BYTES = 1024 * 1024,
    INITIAL_BUFFER_BYTES = 4096,
    ERROR_TEXT_BYTES = 256,
    /* Of that, what went wrong; the rest names the client and the operation. */
    REASON_BYTES = 112,
    MAX_HOST_BYTES = 256,
    /* How long to leave a UNIX listener alone that has no room for another connection. */
    CONNECT_RETRY_MS = 10
};

/* The protocol. */
enum {
    REQUEST_HEADER = 9,  /* u32 operation id, code and QoS, u32 length of the body */
    DELIVERY_HEADER = 6, /* kind, u32 length of the body, realtime */
    QOS_SHIFT = 6,
    QOS_ACKNOWLEDGED = 1,

    OPERATION_PUBLISH = 0x01,
    OPERATION_SUBSCRIBE = 0x02,
    OPERATION_UNSUBSCRIBE = 0x03,
    OPERATION_MESSAGE = 0x12,
    OPERATION_BROADCAST = 0x13,

    KIND_PING = 0x00,
    KIND_ACK = 0xfe,
    /* Not of the protocol: scan() has dealt with it. */
    KIND_TAKEN = 0xff,

    RESPONSE_OK = 0x01,

    RPC_NOTIFICATION = 0x00,
    RPC_REQUEST = 0x01,
    RPC_REPLY = 0x11,
    RPC_ERROR = 0x12,
    RPC_REPLY_HEADER = 5, /* type, u32 call id; so has a request */
    RPC_ERROR_HEADER = 7  /* and i16 code */
};

static const uint8_t GREETING[3] = {0xeb, 0x01, 0x00};
static const uint8_t PING[REQUEST_HEADER] = {0};

struct buffer {
    uint8_t *data;
    size_t capacity;
};

/* What a function of the interface is doing: how it is named in errors, and what it waits for. */
struct operation {
    const char *verb;
    const char *noun;
    const char *object;
    uint8_t code;
    elbus_qos qos;
    uint32_t timeout_ms;
    int64_t deadline_ms;
    uint32_t id;
    bool acknowledged;
    uint8_t response;
    /* The id of a call; 0: this is none. */
    uint32_t call_id;
    /* A call that was started is not waited for. */
    bool is_started_only;
    bool replied;
    bool is_error;
    elbus_result result;
};

struct elbus_client {
    /* With the defaults filled in. */
    elbus_config config;
    int fd;
    uint32_t last_operation_id;
    uint32_t last_call_id;
    int64_t ping_at_ms;

    /* Frames from `start` wait for callbacks, those from `scanned` for scan(), up to `end`. */
    struct buffer input;
    size_t start;
    size_t scanned;
    size_t end;
    /* A callback has pointers into the input buffer. If it waits for more than fits in there, this one
     * becomes the input buffer and that is left alone until the callback returns. */
    struct buffer other;
    bool in_callback;
    bool callback_has_other;

    /* What waits for the socket, a reply or the rest of a ping: from `unsent` up to `output_end`.
     * Empty while a callback runs, which may be writing its reply there. */
    struct buffer output;
    size_t unsent;
    size_t output_end;

    /* In progress, or NULL. */
    struct operation *operation;
    /* Calls that were started. */
    elbus_pending *pending;
    /* Why the connection was lost, until elbus_process() has said so. */
    elbus_status lost;
    bool handed_over;
    char error[ERROR_TEXT_BYTES];
};

struct elbus_reply {
    elbus_client *client;
    /* The data so far, in the output buffer behind `data_at` bytes, which are for what precedes it. */
    size_t data_at;
    size_t size;
    bool is_error;
    int16_t code;
    elbus_status failed;
};

/* === Errors === */

const char *elbus_strerror(elbus_status status) {
    switch (status) {
    case ELBUS_OK:
        return "success";
    case ELBUS_ERROR_ARGUMENT:
        return "invalid argument";
    case ELBUS_ERROR_TOO_LARGE:
        return "too large";
    case ELBUS_ERROR_MEMORY:
        return "out of memory";
    case ELBUS_ERROR_NOT_CONNECTED:
        return "not connected";
    case ELBUS_ERROR_IN_CALLBACK:
        return "not possible in a callback";
    case ELBUS_ERROR_QUEUE_FULL:
        return "too many frames wait for elbus_process()";
    case ELBUS_ERROR_RPC:
        return "error reply";
    case ELBUS_ERROR_PROTOCOL:
        return "protocol violation";
    case ELBUS_ERROR_NOT_REGISTERED:
        return "client not registered";
    case ELBUS_ERROR_DATA:
        return "not accepted";
    case ELBUS_ERROR_IO:
        return "I/O error";
    case ELBUS_ERROR_OTHER:
        return "other error";
    case ELBUS_ERROR_NOT_SUPPORTED:
        return "not supported";
    case ELBUS_ERROR_BUSY:
        return "busy";
    case ELBUS_ERROR_NOT_DELIVERED:
        return "not delivered";
    case ELBUS_ERROR_TIMEOUT:
        return "timeout";
    case ELBUS_ERROR_ACCESS:
        return "access denied";
    case ELBUS_ERROR_END_OF_FILE:
        return "connection closed by the broker";
    }
    return "unknown status";
}

/* Of a code that came from the broker and is not RESPONSE_OK. */
static elbus_status status_of_response(uint8_t response) {
    switch (response) {
    case ELBUS_ERROR_NOT_REGISTERED:
    case ELBUS_ERROR_DATA:
    case ELBUS_ERROR_IO:
    case ELBUS_ERROR_NOT_SUPPORTED:
    case ELBUS_ERROR_BUSY:
    case ELBUS_ERROR_NOT_DELIVERED:
    case ELBUS_ERROR_TIMEOUT:
    case ELBUS_ERROR_ACCESS:
        return (elbus_status)response;
    default:
        return ELBUS_ERROR_OTHER;
    }
}

/* Notes the text of a failure: the client, the operation in progress, and what went wrong. */
static elbus_status fail(elbus_client *client, elbus_status status, const char *format, ...)
    PRINTF_LIKE(3, 4);

static elbus_status fail(elbus_client *client, elbus_status status, const char *format, ...) {
    const struct operation *operation = client->operation;
    const char *name = client->config.name;
    char reason[REASON_BYTES];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(reason, sizeof reason, format, arguments);
    va_end(arguments);
    if (operation == NULL)
        snprintf(client->error, sizeof client->error, "%.48s: %s", name, reason);
    else
        snprintf(client->error, sizeof client->error, "%.48s: %s '%.64s': %s", name, operation->verb,
                 operation->object, reason);
    return status;
}

/* Closes a connection that is of no use any more; frames that have come are kept. `status` and the text
 * are from fail(). */
static elbus_status lose(elbus_client *client, elbus_status status) {
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->lost = status;
    return status;
}

static elbus_status lose_by_errno(elbus_client *client, const char *what) {
    int error = errno;
    bool closed = error == EPIPE || error == ECONNRESET;

    return lose(client, fail(client, closed ? ELBUS_ERROR_END_OF_FILE : ELBUS_ERROR_IO, "%s: %s", what,
                             strerror(error)));
}

static elbus_status fail_not_connected(elbus_client *client) {
    return fail(client, ELBUS_ERROR_NOT_CONNECTED, "not connected to %.64s", client->config.address);
}

/* === Time, numbers, text === */

static int64_t now_ms(void) {
    struct timespec now = {0, 0};

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* For poll(), which knows no 64 bits. Not negative. */
static int ms_until(int64_t at_ms) {
    int64_t left_ms = at_ms - now_ms();

    return left_ms < 0 ? 0 : left_ms > INT_MAX ? INT_MAX : (int)left_ms;
}

static void put_u16(uint8_t *at, uint16_t value) {
    at[0] = (uint8_t)(value & 0xff);
    at[1] = (uint8_t)(value >> 8);
}

static void put_u32(uint8_t *at, uint32_t value) {
    put_u16(at, (uint16_t)(value & 0xffff));
    put_u16(at + 2, (uint16_t)(value >> 16));
}

static uint16_t get_u16(const uint8_t *at) {
    return (uint16_t)(at[0] | at[1] << 8);
}

static uint32_t get_u32(const uint8_t *at) {
    return (uint32_t)get_u16(at) | (uint32_t)get_u16(at + 2) << 16;
}

static bool is_utf8(const uint8_t *text, size_t size) {
    size_t i = 0;

    while (i < size) {
        uint8_t first = text[i++];
        size_t more;
        /* The range of the second byte excludes what is encoded longer than it needs to be, halves of
         * surrogate pairs, and what is beyond U+10FFFF. */
        uint8_t low = 0x80, high = 0xbf;

        if (first < 0x80)
            continue;
        if (first < 0xc2 || first > 0xf4)
            return false;
        more = first < 0xe0 ? 1 : first < 0xf0 ? 2 : 3;
        if (first == 0xe0)
            low = 0xa0;
        else if (first == 0xed)
            high = 0x9f;
        else if (first == 0xf0)
            low = 0x90;
        else if (first == 0xf4)
            high = 0x8f;
        if (size - i < more)
            return false;
        for (; more > 0; more--) {
            if (text[i] < low || text[i] > high)
                return false;
            low = 0x80;
            high = 0xbf;
            i++;
        }
    }
    return true;
}

/* Whether a text of the application can be sent. */
static elbus_status check_text(elbus_client *client, const char *what, const char *text,
                               size_t limit) {
    size_t size;

    if (text == NULL)
        return fail(client, ELBUS_ERROR_ARGUMENT, "%s is NULL", what);
    size = strlen(text);
    if (size > limit)
        return fail(client, ELBUS_ERROR_TOO_LARGE, "%s of %zu bytes, the limit is %zu", what, size,
                    limit);
    if (!is_utf8((const uint8_t *)text, size))
        return fail(client, ELBUS_ERROR_ARGUMENT, "%s is not UTF-8", what);
    return ELBUS_OK;
}

/* === Buffers === */

/* Makes room for `need` bytes, which is at most `limit`; in steps of factor two, so that it is rare. */
static elbus_status reserve(elbus_client *client, struct buffer *buffer, size_t need, size_t limit) {
    size_t capacity = buffer->capacity == 0 ? INITIAL_BUFFER_BYTES : buffer->capacity;
    uint8_t *data;

    if (need <= buffer->capacity)
        return ELBUS_OK;
    while (capacity < need)
        capacity *= 2;
    if (capacity > limit)
        capacity = limit;
    data = realloc(buffer->data, capacity);
    if (data == NULL)
        return fail(client, ELBUS_ERROR_MEMORY, "no memory for %zu bytes", capacity);
    buffer->data = data;
    buffer->capacity = capacity;
    return ELBUS_OK;
}

static size_t input_limit(const elbus_client *client) {
    return DELIVERY_HEADER + client->config.max_receive + client->config.max_waiting;
}

static bool input_is_full(const elbus_client *client) {
    return client->end - client->start >= input_limit(client);
}

/* Goes on in the other buffer, without those bytes that the callback in progress looks at. */
static elbus_status leave_input_to_callback(elbus_client *client) {
    struct buffer left = client->input;
    size_t used = client->end - client->start;
    elbus_status status = reserve(client, &client->other, used + 1, input_limit(client));

    if (status != ELBUS_OK)
        return status;
    memcpy(client->other.data, left.data + client->start, used);
    client->input = client->other;
    client->other = left;
    client->callback_has_other = true;
    client->scanned -= client->start;
    client->start = 0;
    client->end = used;
    return ELBUS_OK;
}

/* Makes room for one more byte at least behind `end`, if the input is not full. */
static elbus_status make_input_room(elbus_client *client) {
    size_t used = client->end - client->start;

    if (client->in_callback && !client->callback_has_other)
        return client->end < client->input.capacity ? ELBUS_OK : leave_input_to_callback(client);
    if (used == 0 || (client->end == client->input.capacity && client->start > 0)) {
        if (used > 0)
            memmove(client->input.data, client->input.data + client->start, used);
        client->scanned -= client->start;
        client->start = 0;
        client->end = used;
    }
    return reserve(client, &client->input, client->end + 1, input_limit(client));
}

static bool output_is_pending(const elbus_client *client) {
    return client->unsent < client->output_end;
}

/* === Receiving === */

/* Splits a frame that is complete, except a ping or an acknowledgement. False: malformed. */
static bool parse(const uint8_t *header, elbus_frame *frame) {
    const uint8_t *text = header + DELIVERY_HEADER;
    size_t left = get_u32(header + 1);
    const uint8_t *nul = memchr(text, 0, left);

    if (nul == NULL || !is_utf8(text, (size_t)(nul - text)))
        return false;
    frame->kind = (elbus_kind)header[0];
    frame->realtime = header[5] != 0;
    frame->sender = (const char *)text;
    frame->topic = NULL;
    left -= (size_t)(nul - text) + 1;
    if (frame->kind == ELBUS_PUBLICATION) {
        text = nul + 1;
        nul = memchr(text, 0, left);
        if (nul == NULL || !is_utf8(text, (size_t)(nul - text)))
            return false;
        frame->topic = (const char *)text;
        left -= (size_t)(nul - text) + 1;
    }
    frame->data = nul + 1;
    frame->size = left;
    return true;
}

/* Bytes of a name up to the first "%%", which make it that of a secondary. */
static size_t primary_size(const char *name) {
    const char *suffix = strstr(name, "%%");

    return suffix == NULL ? strlen(name) : (size_t)(suffix - name);
}

/* A callee may answer from a secondary of its own. */
static bool is_same_primary(const char *name, const char *other) {
    size_t size = primary_size(name);

    return size == primary_size(other) && memcmp(name, other, size) == 0;
}

/* The started call that this is the reply to, or NULL. */
static elbus_pending *pending_of(const elbus_client *client, uint32_t call_id, const char *sender) {
    elbus_pending *pending = client->pending;

    while (pending != NULL &&
           (pending->call_id != call_id || !is_same_primary(pending->target, sender)))
        pending = pending->next;
    return pending;
}

static void unlink_pending(elbus_client *client, const elbus_pending *pending) {
    elbus_pending **link = &client->pending;

    while (*link != pending)
        link = &(*link)->next;
    *link = pending->next;
}

/* Of a reply or an error reply, behind `header` bytes. */
static elbus_result result_of(const elbus_frame *frame, size_t header) {
    const uint8_t *payload = frame->data;
    elbus_result result;

    result.code = header == RPC_ERROR_HEADER ? (int16_t)get_u16(payload + RPC_REPLY_HEADER) : 0;
    result.data = payload + header;
    result.size = frame->size - header;
    return result;
}

/* A message of the RPC layer: notes a reply that is waited for. Whether it is left for dispatch(). */
static bool scan_rpc(elbus_client *client, const elbus_frame *frame) {
    struct operation *operation = client->operation;
    const uint8_t *payload = frame->data;
    uint32_t call_id;
    size_t header;

    if (frame->size == 0)
        return false;
    switch (payload[0]) {
    case RPC_NOTIFICATION:
        return true;
    case RPC_REQUEST:
        return frame->size > RPC_REPLY_HEADER &&
               memchr(payload + RPC_REPLY_HEADER, 0, frame->size - RPC_REPLY_HEADER) != NULL;
    case RPC_REPLY:
        header = RPC_REPLY_HEADER;
        break;
    case RPC_ERROR:
        header = RPC_ERROR_HEADER;
        break;
    default:
        return false;
    }
    if (frame->size < header)
        return false;
    call_id = get_u32(payload + 1);
    if (operation == NULL || operation->call_id == 0 || operation->call_id != call_id)
        return pending_of(client, call_id, frame->sender) != NULL;
    if (!operation->replied && is_same_primary(operation->object, frame->sender)) {
        operation->replied = true;
        operation->is_error = header == RPC_ERROR_HEADER;
        operation->result = result_of(frame, header);
    }
    return false;
}

static void scan_ack(elbus_client *client, const uint8_t *header) {
    struct operation *operation = client->operation;
    const uint32_t id = get_u32(header + 1);
    elbus_pending *pending;

    if (operation != NULL && !operation->acknowledged && operation->id == id) {
        operation->acknowledged = true;
        operation->response = header[5];
        return;
    }
    for (pending = client->pending; pending != NULL; pending = pending->next)
        if (pending->operation_id == id && pending->failed == ELBUS_OK && header[5] != RESPONSE_OK)
            pending->failed = status_of_response(header[5]);
}

/* Looks at the frame at `header` if it is complete, of `size` bytes then, else 0. */
static elbus_status scan_frame(elbus_client *client, uint8_t *header, size_t available, size_t *size) {
    size_t body = get_u32(header + 1);
    elbus_frame frame;

    *size = 0;
    switch (header[0]) {
    case KIND_PING:
    case KIND_ACK:
        if (header[0] == KIND_ACK)
            scan_ack(client, header);
        header[0] = KIND_TAKEN;
        /* It has no body, whatever stands in the place of its length. */
        put_u32(header + 1, 0);
        *size = DELIVERY_HEADER;
        return ELBUS_OK;
    case ELBUS_PUBLICATION:
    case ELBUS_MESSAGE:
    case ELBUS_BROADCAST:
        break;
    default:
        return fail(client, ELBUS_ERROR_PROTOCOL, "frame of unknown kind %02x", header[0]);
    }
    if (body > client->config.max_receive)
        return fail(client, ELBUS_ERROR_TOO_LARGE, "received a frame of %zu bytes, max_receive is %zu",
                    body, client->config.max_receive);
    if (available < DELIVERY_HEADER + body)
        return ELBUS_OK;
    if (!parse(header, &frame))
        return fail(client, ELBUS_ERROR_PROTOCOL, "malformed frame of kind %02x", header[0]);
    if (client->config.rpc && frame.kind == ELBUS_MESSAGE && !scan_rpc(client, &frame))
        header[0] = KIND_TAKEN;
    *size = DELIVERY_HEADER + body;
    return ELBUS_OK;
}

/* Looks at the frames that have come, each one once. */
static elbus_status scan(elbus_client *client) {
    while (client->end - client->scanned >= DELIVERY_HEADER) {
        size_t size;
        elbus_status status = scan_frame(client, client->input.data + client->scanned,
                                         client->end - client->scanned, &size);

        if (status != ELBUS_OK)
            return lose(client, status);
        if (size == 0)
            break;
        client->scanned += size;
    }
    return ELBUS_OK;
}

/* Reads once, without waiting; the input must not be full. That nothing is there is no failure. */
static elbus_status receive(elbus_client *client) {
    elbus_status status = make_input_room(client);
    ssize_t got;

    if (status != ELBUS_OK)
        return status;
    do
        got = recv(client->fd, client->input.data + client->end, client->input.capacity - client->end,
                   0);
    while (got < 0 && errno == EINTR);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return ELBUS_OK;
    if (got < 0)
        return lose_by_errno(client, "receiving");
    if (got == 0)
        return lose(client,
                    fail(client, ELBUS_ERROR_END_OF_FILE, "the broker closed the connection"));
    client->end += (size_t)got;
    return scan(client);
}

/* === Sending === */

/* Sends as much of the parts as the system takes, without waiting, and advances them. */
static elbus_status send_some(elbus_client *client, struct iovec **parts, int *count, bool *sent_any) {
    struct msghdr message;
    ssize_t sent;
    int i;

    memset(&message, 0, sizeof message);
    message.msg_iov = *parts;
    /* The type of this field is not the same in all C libraries, so it is counted, not converted. */
    for (i = 0; i < *count; i++)
        message.msg_iovlen++;
    do
        sent = sendmsg(client->fd, &message, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
        return ELBUS_OK;
    if (sent < 0) {
        int error = errno;

        /* What the broker had sent before it went is still there, also why it went. */
        while (client->fd >= 0 && !input_is_full(client)) {
            size_t before = client->end - client->start;
            elbus_status status = receive(client);

            if (status != ELBUS_OK)
                return status;
            if (client->end - client->start == before)
                break;
        }
        errno = error;
        return lose_by_errno(client, "sending");
    }
    *sent_any = *sent_any || sent > 0;
    client->ping_at_ms = now_ms() + client->config.ping_interval_ms;
    while (*count > 0 && (size_t)sent >= (*parts)->iov_len) {
        sent -= (ssize_t)(*parts)->iov_len;
        ++*parts;
        --*count;
    }
    if (*count > 0) {
        (*parts)->iov_base = (uint8_t *)(*parts)->iov_base + sent;
        (*parts)->iov_len -= (size_t)sent;
    }
    return ELBUS_OK;
}

/* Sends what waits in the output buffer as far as the system takes it. */
static elbus_status flush(elbus_client *client) {
    struct iovec part, *parts = &part;
    int count = 1;
    bool sent_any = false;
    elbus_status status;

    if (!output_is_pending(client))
        return ELBUS_OK;
    part.iov_base = client->output.data + client->unsent;
    part.iov_len = client->output_end - client->unsent;
    status = send_some(client, &parts, &count, &sent_any);
    if (status == ELBUS_OK)
        client->unsent = count == 0 ? client->output_end : client->output_end - part.iov_len;
    return status;
}

/* Polls the socket, signals aside. `ready` gets what happened, 0 at the deadline. */
static elbus_status poll_socket(elbus_client *client, short events, int64_t deadline_ms, short *ready) {
    struct pollfd polled;
    int count;

    *ready = 0;
    polled.fd = client->fd;
    polled.events = events;
    polled.revents = 0;
    do
        count = poll(&polled, 1, ms_until(deadline_ms));
    while (count < 0 && errno == EINTR);
    if (count < 0)
        return lose_by_errno(client, "polling");
    *ready = polled.revents;
    return ELBUS_OK;
}

/* Waits until the socket takes bytes. Reads meanwhile: a broker that waits for this client to read does
 * not read from it. */
static elbus_status wait_to_send(elbus_client *client, int64_t deadline_ms, bool *timed_out) {
    bool reads = !input_is_full(client);
    short ready;
    elbus_status status = poll_socket(client, reads ? POLLIN | POLLOUT : POLLOUT, deadline_ms, &ready);

    *timed_out = status == ELBUS_OK && ready == 0;
    if (status == ELBUS_OK && reads && (ready & ~POLLOUT) != 0)
        status = receive(client);
    return status;
}

/* Sends all, behind what waits already. After a timeout the connection goes on if no byte was sent. */
static elbus_status write_parts(elbus_client *client, struct iovec *parts, int count,
                                int64_t deadline_ms) {
    const uint32_t timeout_ms = client->operation->timeout_ms;
    bool sent_any = false, timed_out = false;
    elbus_status status;

    for (;;) {
        status = flush(client);
        if (status == ELBUS_OK && !output_is_pending(client))
            status = send_some(client, &parts, &count, &sent_any);
        if (status != ELBUS_OK || count == 0)
            return status;
        if (timed_out)
            break;
        status = wait_to_send(client, deadline_ms, &timed_out);
        if (status != ELBUS_OK)
            return status;
    }
    if (!sent_any)
        return fail(client, ELBUS_ERROR_TIMEOUT, "the broker took nothing within %u ms",
                    (unsigned)timeout_ms);
    return lose(client, fail(client, ELBUS_ERROR_TIMEOUT,
                             "the broker took a part only within %u ms, connection closed",
                             (unsigned)timeout_ms));
}

/* === Operations === */

static bool is_done(const struct operation *operation) {
    if (operation->call_id == 0)
        return operation->acknowledged;
    /* The reply may overtake the acknowledgement, which is of interest only if it is a refusal. */
    return operation->replied ||
           (operation->acknowledged && operation->response != RESPONSE_OK);
}

static elbus_status send_ping(elbus_client *client, int64_t deadline_ms) {
    struct iovec part;

    part.iov_base = (void *)(uintptr_t)PING;
    part.iov_len = sizeof PING;
    return write_parts(client, &part, 1, deadline_ms);
}

/* What an operation that is done came to. */
static elbus_status answer_of(elbus_client *client, const struct operation *operation) {
    const elbus_result *result = &operation->result;
    elbus_status status;

    if (operation->is_error)
        return fail(client, ELBUS_ERROR_RPC, "error %d: %.*s", result->code,
                    (int)(result->size > REASON_BYTES ? REASON_BYTES : result->size),
                    (const char *)result->data);
    if (operation->replied || operation->response == RESPONSE_OK)
        return ELBUS_OK;
    status = status_of_response(operation->response);
    return fail(client, status, "%s (%02x)", elbus_strerror(status), operation->response);
}

/* Waits for the answer to the operation in progress. */
static elbus_status wait_for_answer(elbus_client *client) {
    struct operation *operation = client->operation;

    while (!is_done(operation)) {
        int64_t until_ms = operation->deadline_ms;
        elbus_status status;
        short ready;

        if (input_is_full(client))
            return fail(client, ELBUS_ERROR_QUEUE_FULL,
                        "no answer yet, but %zu bytes of frames wait for elbus_process(), "
                        "max_waiting is %zu",
                        client->end - client->start, client->config.max_waiting);
        if (until_ms > client->ping_at_ms)
            until_ms = client->ping_at_ms;
        status = poll_socket(client, POLLIN, until_ms, &ready);
        if (status == ELBUS_OK && ready != 0)
            status = receive(client);
        else if (status == ELBUS_OK && ms_until(operation->deadline_ms) == 0)
            return fail(client, ELBUS_ERROR_TIMEOUT, "no answer within %u ms",
                        (unsigned)operation->timeout_ms);
        else if (status == ELBUS_OK)
            status = send_ping(client, operation->deadline_ms);
        /* A connection may end with the answer. */
        if (status != ELBUS_OK && !is_done(operation))
            return status;
    }
    return answer_of(client, operation);
}

/* Sends the operation in progress and waits for what it asks for. parts[0] is for the header. */
static elbus_status send_operation(elbus_client *client, struct iovec *parts, int count) {
    struct operation *operation = client->operation;
    uint8_t header[REQUEST_HEADER];
    size_t body = 0;
    elbus_status status;
    int i;

    for (i = 1; i < count; i++) {
        if (parts[i].iov_len > client->config.max_send - body)
            return fail(client, ELBUS_ERROR_TOO_LARGE, "more than %zu bytes, which is max_send",
                        client->config.max_send);
        body += parts[i].iov_len;
    }
    if ((unsigned)operation->qos > ELBUS_QOS_REALTIME_PROCESSED)
        return fail(client, ELBUS_ERROR_ARGUMENT, "QoS %u, the highest is 3", (unsigned)operation->qos);
    if (client->fd < 0)
        return fail_not_connected(client);

    operation->id = ++client->last_operation_id;
    operation->deadline_ms = now_ms() + operation->timeout_ms;
    put_u32(header, operation->id);
    header[4] = (uint8_t)(operation->code | (unsigned)operation->qos << QOS_SHIFT);
    put_u32(header + 5, (uint32_t)body);
    parts[0].iov_base = header;
    parts[0].iov_len = sizeof header;
    status = write_parts(client, parts, count, operation->deadline_ms);
    if (status == ELBUS_OK && !operation->is_started_only &&
        (operation->call_id != 0 || ((unsigned)operation->qos & QOS_ACKNOWLEDGED) != 0))
        status = wait_for_answer(client);
    return status;
}

static elbus_status perform(elbus_client *client, struct operation *operation, struct iovec *parts,
                            int count) {
    elbus_status status;

    client->operation = operation;
    status = send_operation(client, parts, count);
    client->operation = NULL;
    return status;
}

/* For errors, as in "send to 'bob'", where the noun is "target"; what to send, and when to give up. */
static void describe(elbus_client *client, struct operation *operation, const char *verb,
                     const char *noun, const char *object, uint8_t code, elbus_qos qos) {
    memset(operation, 0, sizeof *operation);
    operation->verb = verb;
    operation->noun = noun;
    operation->object = object == NULL ? "" : object;
    operation->code = code;
    operation->qos = qos;
    operation->timeout_ms = client->config.timeout_ms;
}

static struct iovec part_of(const void *data, size_t size) {
    struct iovec part;

    /* sendmsg() takes what it only reads as not constant. */
    part.iov_base = (void *)(uintptr_t)data;
    part.iov_len = data == NULL ? 0 : size;
    return part;
}

static elbus_status check_object(elbus_client *client, struct operation *operation, const char *object) {
    const bool is_target = operation->code == OPERATION_MESSAGE;
    elbus_status status;

    client->operation = operation;
    status = check_text(client, operation->noun, object,
                        is_target ? ELBUS_MAX_NAME : client->config.max_send);
    client->operation = NULL;
    return status;
}

/* An operation whose body is an object, a NUL, the two parts of an RPC header if it has one, and data. */
static elbus_status send_to(elbus_client *client, struct operation *operation, const char *object,
                            const struct iovec *rpc, const void *data, size_t size) {
    struct iovec parts[5];
    int count = 1;
    elbus_status status = check_object(client, operation, object);

    if (status != ELBUS_OK)
        return status;
    parts[count++] = part_of(object, strlen(object) + 1);
    if (rpc != NULL) {
        parts[count++] = rpc[0];
        parts[count++] = rpc[1];
    }
    parts[count++] = part_of(data, size);
    return perform(client, operation, parts, count);
}

elbus_status elbus_send(elbus_client *client, const char *target, const void *data, size_t size,
                        elbus_qos qos) {
    struct operation operation;

    describe(client, &operation, "send to", "target", target, OPERATION_MESSAGE, qos);
    return send_to(client, &operation, target, NULL, data, size);
}

elbus_status elbus_broadcast(elbus_client *client, const char *mask, const void *data, size_t size,
                             elbus_qos qos) {
    struct operation operation;

    describe(client, &operation, "broadcast to", "mask", mask, OPERATION_BROADCAST, qos);
    return send_to(client, &operation, mask, NULL, data, size);
}

elbus_status elbus_publish(elbus_client *client, const char *topic, const void *data, size_t size,
                           elbus_qos qos) {
    struct operation operation;

    describe(client, &operation, "publish to", "topic", topic, OPERATION_PUBLISH, qos);
    return send_to(client, &operation, topic, NULL, data, size);
}

/* The body is the filters with a NUL between them, which is the one case that needs a copy. */
static elbus_status send_filters(elbus_client *client, struct operation *operation,
                                 const char *const *filters, size_t count) {
    struct iovec parts[2];
    size_t body = 0, i;
    elbus_status status;
    char *joined, *at;

    if (filters == NULL || count == 0)
        return fail(client, ELBUS_ERROR_ARGUMENT, "%s: no filters", operation->verb);
    for (i = 0; i < count; i++) {
        operation->object = filters[i] == NULL ? "" : filters[i];
        status = check_object(client, operation, filters[i]);
        if (status != ELBUS_OK)
            return status;
        body += strlen(filters[i]) + (i > 0);
        if (body > client->config.max_send)
            return fail(client, ELBUS_ERROR_TOO_LARGE, "%s: more than %zu bytes, which is max_send",
                        operation->verb, client->config.max_send);
    }
    operation->object = filters[0];
    joined = malloc(body + 1);
    if (joined == NULL)
        return fail(client, ELBUS_ERROR_MEMORY, "%s: no memory for %zu bytes", operation->verb, body);
    for (i = 0, at = joined; i < count; i++) {
        const size_t size = strlen(filters[i]) + 1;

        memcpy(at, filters[i], size);
        at += size;
    }
    parts[1] = part_of(joined, body);
    status = perform(client, operation, parts, 2);
    free(joined);
    return status;
}

elbus_status elbus_subscribe(elbus_client *client, const char *const *filters, size_t count,
                             elbus_qos qos) {
    struct operation operation;

    describe(client, &operation, "subscribe to", "filter", NULL, OPERATION_SUBSCRIBE, qos);
    return send_filters(client, &operation, filters, count);
}

elbus_status elbus_unsubscribe(elbus_client *client, const char *const *filters, size_t count,
                               elbus_qos qos) {
    struct operation operation;

    describe(client, &operation, "unsubscribe from", "filter", NULL, OPERATION_UNSUBSCRIBE, qos);
    return send_filters(client, &operation, filters, count);
}

/* === RPC, the side that calls === */

static elbus_status send_request(elbus_client *client, struct operation *operation, const char *target,
                                 const char *method, const void *params, size_t size) {
    uint8_t header[RPC_REPLY_HEADER];
    struct iovec parts[2];
    elbus_status status;

    client->operation = operation;
    status = check_text(client, "method", method, client->config.max_send);
    client->operation = NULL;
    if (status != ELBUS_OK)
        return status;
    header[0] = RPC_REQUEST;
    put_u32(header + 1, operation->call_id);
    parts[0] = part_of(header, sizeof header);
    parts[1] = part_of(method, strlen(method) + 1);
    return send_to(client, operation, target, parts, params, size);
}

/* Sends the request of a call, and waits for the answer unless it is started only. */
static elbus_status send_call(elbus_client *client, struct operation *operation, const char *target,
                              const char *method, const void *params, size_t size,
                              uint32_t timeout_ms) {
    elbus_status status;

    if (timeout_ms != 0)
        operation->timeout_ms = timeout_ms;
    if (++client->last_call_id == 0)
        client->last_call_id = 1; /* 0 asks for no reply */
    operation->call_id = client->last_call_id;
    if (client->config.rpc)
        return send_request(client, operation, target, method, params, size);
    client->operation = operation;
    status = fail(client, ELBUS_ERROR_ARGUMENT, "config.rpc is not set");
    client->operation = NULL;
    return status;
}

/* For a call that got no reply. */
static elbus_result result_without_reply(elbus_status status) {
    elbus_result result;

    result.code = ELBUS_RPC_BUS_ERROR - (int)status;
    result.data = NULL;
    result.size = 0;
    return result;
}

elbus_status elbus_call(elbus_client *client, const char *target, const char *method,
                        const void *params, size_t size, uint32_t timeout_ms, elbus_result *result) {
    struct operation operation;
    elbus_status status;

    describe(client, &operation, "call", "target", target, OPERATION_MESSAGE, ELBUS_QOS_PROCESSED);
    status = send_call(client, &operation, target, method, params, size, timeout_ms);
    if (status != ELBUS_OK && status != ELBUS_ERROR_RPC)
        operation.result = result_without_reply(status);
    if (result != NULL)
        *result = operation.result;
    return status;
}

elbus_status elbus_call_start(elbus_client *client, elbus_pending *pending, const char *target,
                              const char *method, const void *params, size_t size,
                              uint32_t timeout_ms) {
    struct operation operation;
    elbus_status status;

    describe(client, &operation, "call", "target", target, OPERATION_MESSAGE, ELBUS_QOS_PROCESSED);
    operation.is_started_only = true;
    status = send_call(client, &operation, target, method, params, size, timeout_ms);
    if (status != ELBUS_OK)
        return status;
    pending->target = target;
    pending->call_id = operation.call_id;
    pending->operation_id = operation.id;
    pending->deadline_ms = operation.deadline_ms;
    pending->failed = ELBUS_OK;
    pending->next = client->pending;
    client->pending = pending;
    return ELBUS_OK;
}

elbus_status elbus_call0(elbus_client *client, const char *target, const char *method,
                         const void *params, size_t size, elbus_qos qos) {
    struct operation operation;

    describe(client, &operation, "call", "target", target, OPERATION_MESSAGE, qos);
    return send_request(client, &operation, target, method, params, size);
}

elbus_status elbus_notify(elbus_client *client, const char *target, const void *data, size_t size,
                          elbus_qos qos) {
    static const uint8_t TYPE = RPC_NOTIFICATION;
    struct operation operation;
    struct iovec parts[2];

    describe(client, &operation, "notify", "target", target, OPERATION_MESSAGE, qos);
    parts[0] = part_of(&TYPE, 1);
    parts[1] = part_of(NULL, 0);
    return send_to(client, &operation, target, parts, data, size);
}

/* === RPC, the side that is called === */

/* Makes room for a reply with so much data. */
static elbus_status reserve_reply(elbus_reply *reply, size_t size) {
    elbus_client *client = reply->client;
    /* The header of the frame is not part of its body. */
    const size_t limit = REQUEST_HEADER + client->config.max_send;

    if (reply->failed != ELBUS_OK)
        return reply->failed;
    if (reply->data_at > limit || size > limit - reply->data_at)
        reply->failed = fail(client, ELBUS_ERROR_TOO_LARGE, "reply of more than %zu bytes, max_send",
                             client->config.max_send);
    else
        reply->failed = reserve(client, &client->output, reply->data_at + size, limit);
    return reply->failed;
}

elbus_status elbus_reply_write(elbus_reply *reply, const void *data, size_t size) {
    elbus_status status;

    if (size == 0 || data == NULL)
        return reply->failed;
    if (size > SIZE_MAX - reply->size)
        size = SIZE_MAX - reply->size; /* beyond the limit anyway */
    status = reserve_reply(reply, reply->size + size);
    if (status != ELBUS_OK)
        return status;
    memcpy(reply->client->output.data + reply->data_at + reply->size, data, size);
    reply->size += size;
    return ELBUS_OK;
}

elbus_status elbus_reply_error(elbus_reply *reply, int16_t code, const void *data, size_t size) {
    reply->is_error = true;
    reply->code = code;
    reply->size = 0;
    return elbus_reply_write(reply, data, size);
}

/* Puts what precedes the data in front of it and leaves the reply to flush(). */
static void send_reply(elbus_reply *reply, const elbus_request *request, uint32_t call_id) {
    elbus_client *client = reply->client;
    const size_t target = strlen(request->sender) + 1;
    const unsigned qos =
        request->realtime ? ELBUS_QOS_REALTIME_PROCESSED : ELBUS_QOS_PROCESSED;
    const size_t rpc_header = reply->is_error ? RPC_ERROR_HEADER : RPC_REPLY_HEADER;
    const size_t start = reply->data_at - rpc_header - target - REQUEST_HEADER;
    uint8_t *at = client->output.data + start;

    put_u32(at, ++client->last_operation_id);
    at[4] = (uint8_t)(OPERATION_MESSAGE | qos << QOS_SHIFT);
    put_u32(at + 5, (uint32_t)(target + rpc_header + reply->size));
    memcpy(at + REQUEST_HEADER, request->sender, target);
    at += REQUEST_HEADER + target;
    at[0] = reply->is_error ? RPC_ERROR : RPC_REPLY;
    put_u32(at + 1, call_id);
    if (reply->is_error)
        put_u16(at + RPC_REPLY_HEADER, (uint16_t)reply->code);
    client->unsent = start;
    client->output_end = reply->data_at + reply->size;
}

static elbus_status handle_request(elbus_client *client, const elbus_frame *frame) {
    const uint8_t *payload = frame->data;
    const uint32_t call_id = get_u32(payload + 1);
    elbus_request request;
    elbus_reply reply;
    elbus_status status;

    request.realtime = frame->realtime;
    request.reply_wanted = call_id != 0;
    request.sender = frame->sender;
    request.method = (const char *)payload + RPC_REPLY_HEADER;
    request.params = request.method + strlen(request.method) + 1;
    request.size = frame->size - (size_t)((const uint8_t *)request.params - payload);

    memset(&reply, 0, sizeof reply);
    reply.client = client;
    /* Room for the longer of the two headers. */
    reply.data_at = REQUEST_HEADER + strlen(frame->sender) + 1 + RPC_ERROR_HEADER;
    status = reserve_reply(&reply, 0);
    if (status != ELBUS_OK)
        return lose(client, status);
    if (client->config.on_call == NULL)
        elbus_reply_error(&reply, ELBUS_RPC_METHOD_NOT_FOUND, NULL, 0);
    else
        client->config.on_call(client, &request, &reply, client->config.context);
    if (reply.failed != ELBUS_OK) {
        reply.failed = ELBUS_OK;
        elbus_reply_error(&reply, ELBUS_RPC_INTERNAL_ERROR, NULL, 0);
    }
    if (!request.reply_wanted || client->fd < 0)
        return ELBUS_OK;
    send_reply(&reply, &request, call_id);
    return flush(client);
}

/* === Handing over === */

static void hand_over_reply(elbus_client *client, elbus_pending *pending, elbus_status status,
                            const elbus_result *result) {
    unlink_pending(client, pending);
    client->handed_over = true;
    pending->on_reply(client, status, result, pending->context);
}

static void handle_reply(elbus_client *client, const elbus_frame *frame) {
    const uint8_t *payload = frame->data;
    const bool is_error = payload[0] == RPC_ERROR;
    const elbus_result result = result_of(frame, is_error ? RPC_ERROR_HEADER : RPC_REPLY_HEADER);
    elbus_pending *pending = pending_of(client, get_u32(payload + 1), frame->sender);
    elbus_status status = ELBUS_OK;

    /* Its time may have been up before its reply was handed over. */
    if (pending == NULL)
        return;
    if (is_error)
        status = fail(client, ELBUS_ERROR_RPC, "call '%.64s': error %d", pending->target, result.code);
    hand_over_reply(client, pending, status, &result);
}

/* Hands over the failures of started calls: refused, too late, and all of them without a connection. */
static void fail_pending(elbus_client *client, elbus_status lost) {
    elbus_pending *pending = client->pending;

    while (pending != NULL) {
        elbus_status status = pending->failed != ELBUS_OK                ? pending->failed
                              : lost != ELBUS_OK                         ? lost
                              : ms_until(pending->deadline_ms) == 0 ? ELBUS_ERROR_TIMEOUT
                                                                         : ELBUS_OK;

        if (status == ELBUS_OK) {
            pending = pending->next;
        } else {
            const elbus_result result = result_without_reply(status);

            fail(client, status, "call '%.64s': %s", pending->target, elbus_strerror(status));
            client->in_callback = true;
            hand_over_reply(client, pending, status, &result);
            client->in_callback = false;
            client->callback_has_other = false;
            /* The callback may have started calls, but none that has failed already. */
            pending = client->pending;
        }
    }
}

static elbus_status handle_frame(elbus_client *client, elbus_frame *frame) {
    const uint8_t *payload = frame->data;

    if (client->config.rpc && frame->kind == ELBUS_MESSAGE &&
        (payload[0] == RPC_REPLY || payload[0] == RPC_ERROR)) {
        handle_reply(client, frame);
        return ELBUS_OK;
    }
    client->handed_over = true;
    if (client->config.rpc && frame->kind == ELBUS_MESSAGE) {
        if (payload[0] == RPC_REQUEST)
            return handle_request(client, frame);
        frame->kind = ELBUS_NOTIFICATION;
        frame->data = payload + 1;
        frame->size--;
    }
    if (client->config.on_frame != NULL)
        client->config.on_frame(client, frame, client->config.context);
    return ELBUS_OK;
}

/* Hands over the frames that scan() has left, until one of them has a reply that must wait. */
static elbus_status dispatch(elbus_client *client) {
    elbus_status status = ELBUS_OK;

    while (client->start < client->scanned && !output_is_pending(client)) {
        const uint8_t *header = client->input.data + client->start;
        elbus_frame frame;

        client->start += DELIVERY_HEADER + get_u32(header + 1);
        /* What is malformed did not come past scan(). */
        if (header[0] == KIND_TAKEN || !parse(header, &frame))
            continue;
        client->in_callback = true;
        status = handle_frame(client, &frame);
        client->in_callback = false;
        client->callback_has_other = false;
        if (status != ELBUS_OK)
            break;
    }
    return status;
}

/* Without waiting: what the system does not take of the nine bytes is left to flush(). */
static elbus_status ping_if_due(elbus_client *client) {
    struct iovec part = part_of(PING, sizeof PING), *parts = &part;
    int count = 1;
    bool sent_any = false;
    elbus_status status;

    if (output_is_pending(client) || ms_until(client->ping_at_ms) > 0)
        return ELBUS_OK;
    status = reserve(client, &client->output, sizeof PING, INITIAL_BUFFER_BYTES);
    if (status != ELBUS_OK)
        return status;
    client->ping_at_ms = now_ms() + client->config.ping_interval_ms;
    status = send_some(client, &parts, &count, &sent_any);
    if (status == ELBUS_OK && sent_any && count > 0) {
        memset(client->output.data, 0, part.iov_len);
        client->unsent = 0;
        client->output_end = part.iov_len;
    }
    return status;
}

/* Without a connection: the frames that had come, then why it was lost, once. */
static elbus_status process_lost(elbus_client *client) {
    const elbus_status lost = client->lost;

    client->unsent = client->output_end = 0;
    dispatch(client);
    fail_pending(client, lost == ELBUS_OK ? ELBUS_ERROR_NOT_CONNECTED : lost);
    client->lost = ELBUS_OK;
    return lost == ELBUS_OK ? fail_not_connected(client) : lost;
}

elbus_status elbus_process(elbus_client *client) {
    elbus_status status = ELBUS_OK;

    if (client->in_callback)
        return fail(client, ELBUS_ERROR_IN_CALLBACK, "elbus_process() in a callback");
    if (client->fd >= 0)
        status = flush(client);
    if (client->fd >= 0 && status == ELBUS_OK && !input_is_full(client))
        status = receive(client);
    if (client->fd >= 0 && status == ELBUS_OK)
        status = dispatch(client);
    if (client->fd >= 0 && status == ELBUS_OK)
        fail_pending(client, ELBUS_OK);
    if (client->fd >= 0 && status == ELBUS_OK)
        status = ping_if_due(client);
    return client->fd >= 0 ? status : process_lost(client);
}

elbus_status elbus_wait(elbus_client *client, int timeout_ms) {
    const int64_t deadline_ms = timeout_ms < 0 ? INT64_MAX : now_ms() + timeout_ms;
    elbus_status status;

    if (client->in_callback)
        return fail(client, ELBUS_ERROR_IN_CALLBACK, "elbus_wait() in a callback");
    client->handed_over = false;
    do {
        int wait_ms = elbus_poll_timeout_ms(client);
        struct pollfd polled;

        if (deadline_ms != INT64_MAX && (wait_ms < 0 || wait_ms > ms_until(deadline_ms)))
            wait_ms = ms_until(deadline_ms);
        polled.fd = client->fd;
        polled.events = elbus_poll_events(client);
        if (client->fd >= 0 && poll(&polled, 1, wait_ms) < 0 && errno == EINTR)
            return ELBUS_OK;
        status = elbus_process(client);
    } while (status == ELBUS_OK && !client->handed_over &&
             (deadline_ms == INT64_MAX || ms_until(deadline_ms) > 0));
    return status;
}

/* === The event loop === */

int elbus_fd(const elbus_client *client) {
    return client->fd;
}

short elbus_poll_events(const elbus_client *client) {
    int events = (input_is_full(client) ? 0 : POLLIN) | (output_is_pending(client) ? POLLOUT : 0);

    return (short)events;
}

int elbus_poll_timeout_ms(const elbus_client *client) {
    const bool sends = output_is_pending(client);
    const elbus_pending *pending;
    int64_t until_ms = sends ? INT64_MAX : client->ping_at_ms;

    if (client->fd < 0 && client->lost == ELBUS_OK && client->start == client->scanned &&
        client->pending == NULL)
        return -1;
    /* Frames wait for what is to be sent, but not for anything else. */
    if (client->fd < 0 || (client->start < client->scanned && !sends))
        return 0;
    for (pending = client->pending; pending != NULL; pending = pending->next) {
        if (pending->failed != ELBUS_OK)
            return 0;
        if (until_ms > pending->deadline_ms)
            until_ms = pending->deadline_ms;
    }
    return until_ms == INT64_MAX ? -1 : ms_until(until_ms);
}

/* === Connecting === */

/* Opens a socket that does not block and is not inherited by programs that this one starts. */
static int open_socket(int family) {
    int fd = socket(family, SOCK_STREAM, 0);

    if (fd >= 0 && (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) < 0)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

/* Waits until a connection under way is made. Returns the errno of what went wrong, or 0. */
static int finish_connecting(int fd, int64_t deadline_ms) {
    struct pollfd polled;
    int count, error = 0;
    socklen_t size = sizeof error;

    polled.fd = fd;
    polled.events = POLLOUT;
    do
        count = poll(&polled, 1, ms_until(deadline_ms));
    while (count < 0 && errno == EINTR);
    if (count == 0)
        return ETIMEDOUT;
    if (count < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) < 0)
        return errno;
    return error;
}

/* Connects to one address. Returns the errno of what went wrong, or 0; the client has the socket then. */
static int connect_to(elbus_client *client, const struct sockaddr *address, socklen_t size,
                      int64_t deadline_ms) {
    int fd = open_socket(address->sa_family);
    int error;

    if (fd < 0)
        return errno;
    while ((error = connect(fd, address, size) == 0 ? 0 : errno) == EAGAIN) {
        /* A UNIX listener with a full backlog; there is nothing to poll for. */
        if (ms_until(deadline_ms) == 0) {
            error = ETIMEDOUT;
            break;
        }
        poll(NULL, 0, CONNECT_RETRY_MS);
    }
    if (error == EINPROGRESS || error == EINTR)
        error = finish_connecting(fd, deadline_ms);
    if (error == 0)
        client->fd = fd;
    else
        close(fd);
    return error;
}

static elbus_status fail_to_connect(elbus_client *client, int error) {
    if (error == ETIMEDOUT)
        return fail(client, ELBUS_ERROR_TIMEOUT, "no connection within %u ms",
                    (unsigned)client->operation->timeout_ms);
    return fail(client, ELBUS_ERROR_IO, "%s", strerror(error));
}

static elbus_status open_unix(elbus_client *client, int64_t deadline_ms) {
    struct sockaddr_un address;
    const size_t size = strlen(client->config.address) + 1;
    int error;

    if (size > sizeof address.sun_path)
        return fail(client, ELBUS_ERROR_TOO_LARGE, "path of %zu bytes, the limit is %zu", size - 1,
                    sizeof address.sun_path - 1);
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    memcpy(address.sun_path, client->config.address, size);
    error = connect_to(client, (const struct sockaddr *)&address, sizeof address, deadline_ms);
    return error == 0 ? ELBUS_OK : fail_to_connect(client, error);
}

/* Splits HOST:PORT, the host into `host`; brackets around it are taken away. */
static const char *split_host(const char *address, char *host, size_t capacity) {
    const char *colon = strrchr(address, ':');
    size_t size;

    if (colon == NULL || colon[1] == '\0')
        return NULL;
    size = (size_t)(colon - address);
    if (size >= 2 && address[0] == '[' && address[size - 1] == ']') {
        address++;
        size -= 2;
    } else if (memchr(address, ':', size) != NULL) {
        return NULL;
    }
    if (size == 0 || size >= capacity)
        return NULL;
    memcpy(host, address, size);
    host[size] = '\0';
    return colon + 1;
}

static elbus_status open_tcp(elbus_client *client, int64_t deadline_ms) {
    char host[MAX_HOST_BYTES];
    const char *port = split_host(client->config.address, host, sizeof host);
    struct addrinfo hints, *addresses, *address;
    int error, left = 0, on = 1;

    if (port == NULL)
        return fail(client, ELBUS_ERROR_ARGUMENT, "neither HOST:PORT nor the path of a socket");
    memset(&hints, 0, sizeof hints);
    hints.ai_socktype = SOCK_STREAM;
    error = getaddrinfo(host, port, &hints, &addresses);
    if (error != 0)
        return fail(client, ELBUS_ERROR_IO, "%s", gai_strerror(error));
    for (address = addresses; address != NULL; address = address->ai_next)
        left++;
    error = EADDRNOTAVAIL;
    for (address = addresses; address != NULL; address = address->ai_next, left--) {
        /* An address that does not answer leaves time for the others. */
        int64_t share_ms = ms_until(deadline_ms) / left;

        error = connect_to(client, address->ai_addr, address->ai_addrlen, now_ms() + share_ms);
        if (error == 0)
            break;
    }
    freeaddrinfo(addresses);
    if (error != 0)
        return fail_to_connect(client, error);
    /* Frames are small and somebody may be waiting for each. */
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return ELBUS_OK;
}

/* Reads that many bytes of the handshake and nothing of what follows. */
static elbus_status read_exactly(elbus_client *client, uint8_t *bytes, size_t size,
                                 int64_t deadline_ms) {
    while (size > 0) {
        ssize_t got = recv(client->fd, bytes, size, 0);
        elbus_status status;
        short ready;

        if (got == 0)
            return fail(client, ELBUS_ERROR_END_OF_FILE,
                        "the broker closed the connection in the handshake");
        if (got > 0) {
            bytes += got;
            size -= (size_t)got;
            continue;
        }
        if (errno == EINTR)
            continue;
        if (errno != EAGAIN && errno != EWOULDBLOCK)
            return fail(client, ELBUS_ERROR_IO, "handshake: %s", strerror(errno));
        status = poll_socket(client, POLLIN, deadline_ms, &ready);
        if (status != ELBUS_OK)
            return status;
        if (ready == 0)
            return fail(client, ELBUS_ERROR_TIMEOUT, "no handshake within %u ms",
                        (unsigned)client->operation->timeout_ms);
    }
    return ELBUS_OK;
}

static elbus_status check_response(elbus_client *client, const char *step, int64_t deadline_ms) {
    uint8_t response;
    elbus_status status = read_exactly(client, &response, 1, deadline_ms);

    if (status != ELBUS_OK || response == RESPONSE_OK)
        return status;
    status = status_of_response(response);
    return fail(client, status, "%s refused: %s (%02x)", step, elbus_strerror(status), response);
}

static elbus_status shake_hands(elbus_client *client, int64_t deadline_ms) {
    const size_t name_size = strlen(client->config.name);
    uint8_t greeting[sizeof GREETING], size[2];
    struct iovec parts[3];
    elbus_status status = read_exactly(client, greeting, sizeof greeting, deadline_ms);

    if (status != ELBUS_OK)
        return status;
    if (memcmp(greeting, GREETING, sizeof GREETING) != 0)
        return fail(client, ELBUS_ERROR_NOT_SUPPORTED,
                    "greeting %02x%02x%02x: not a broker, or of another version", greeting[0],
                    greeting[1], greeting[2]);
    put_u16(size, (uint16_t)name_size);
    parts[0] = part_of(GREETING, sizeof GREETING);
    parts[1] = part_of(size, sizeof size);
    parts[2] = part_of(client->config.name, name_size);
    status = write_parts(client, parts, 3, deadline_ms);
    if (status == ELBUS_OK)
        status = check_response(client, "version", deadline_ms);
    if (status == ELBUS_OK)
        status = check_response(client, "name", deadline_ms);
    return status;
}

static bool ends_with(const char *text, const char *end) {
    const size_t text_size = strlen(text), end_size = strlen(end);

    return text_size >= end_size && strcmp(text + text_size - end_size, end) == 0;
}

static bool is_unix_path(const char *address) {
    return address[0] == '/' || ends_with(address, ".sock") || ends_with(address, ".socket") ||
           ends_with(address, ".ipc");
}

static elbus_status check_config(elbus_client *client) {
    const elbus_config *config = &client->config;
    elbus_status status = check_text(client, "name", config->name, ELBUS_MAX_NAME);

    if (status != ELBUS_OK)
        return status;
    if (config->name[0] == '\0')
        return fail(client, ELBUS_ERROR_ARGUMENT, "the name is empty");
    if (config->address[0] == '\0')
        return fail(client, ELBUS_ERROR_ARGUMENT, "the address is empty");
    if (config->max_receive > ELBUS_MAX_DELIVERY)
        return fail(client, ELBUS_ERROR_ARGUMENT, "max_receive of %zu bytes, the limit is %zu",
                    config->max_receive, ELBUS_MAX_DELIVERY);
    if (config->max_send > ELBUS_MAX_FRAME)
        return fail(client, ELBUS_ERROR_ARGUMENT, "max_send of %zu bytes, the limit is %zu",
                    config->max_send, ELBUS_MAX_FRAME);
    if (config->max_waiting > SIZE_MAX / 4)
        return fail(client, ELBUS_ERROR_ARGUMENT, "max_waiting of %zu bytes, the limit is %zu",
                    config->max_waiting, SIZE_MAX / 4);
    return ELBUS_OK;
}

static elbus_status connect_and_register(elbus_client *client) {
    const int64_t deadline_ms = now_ms() + client->config.timeout_ms;
    elbus_status status = check_config(client);

    if (status == ELBUS_OK)
        status = is_unix_path(client->config.address) ? open_unix(client, deadline_ms)
                                                      : open_tcp(client, deadline_ms);
    if (status == ELBUS_OK)
        status = shake_hands(client, deadline_ms);
    if (status == ELBUS_OK)
        client->ping_at_ms = now_ms() + client->config.ping_interval_ms;
    else
        elbus_disconnect(client);
    return status;
}

elbus_status elbus_connect(elbus_client *client) {
    struct operation operation;
    elbus_status status;

    if (client->in_callback)
        return fail(client, ELBUS_ERROR_IN_CALLBACK, "elbus_connect() in a callback");
    elbus_disconnect(client);
    describe(client, &operation, "connect to", "address", client->config.address, 0, ELBUS_QOS_NO);
    client->operation = &operation;
    status = connect_and_register(client);
    client->operation = NULL;
    return status;
}

void elbus_disconnect(elbus_client *client) {
    elbus_pending *pending;

    for (pending = client->pending; pending != NULL; pending = pending->next)
        if (pending->failed == ELBUS_OK)
            pending->failed =
                client->lost == ELBUS_OK ? ELBUS_ERROR_NOT_CONNECTED : client->lost;
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->lost = ELBUS_OK;
    client->start = client->scanned = client->end;
    client->unsent = client->output_end = 0;
}

bool elbus_is_connected(const elbus_client *client) {
    return client->fd >= 0;
}

/* === Life === */

const char *elbus_error(const elbus_client *client) {
    return client->error;
}

static size_t size_or(size_t value, size_t otherwise) {
    return value == 0 ? otherwise : value;
}

elbus_client *elbus_new(const elbus_config *config) {
    const char *address = config->address == NULL ? "" : config->address;
    const char *name = config->name == NULL ? "" : config->name;
    const size_t address_size = strlen(address) + 1, name_size = strlen(name) + 1;
    elbus_client *client = calloc(1, sizeof *client + address_size + name_size);
    char *texts;

    if (client == NULL)
        return NULL;
    texts = (char *)(client + 1);
    memcpy(texts, address, address_size);
    memcpy(texts + address_size, name, name_size);
    client->config = *config;
    client->config.address = texts;
    client->config.name = texts + address_size;
    if (config->timeout_ms == 0)
        client->config.timeout_ms = DEFAULT_TIMEOUT_MS;
    if (config->ping_interval_ms == 0)
        client->config.ping_interval_ms = DEFAULT_PING_INTERVAL_MS;
    client->config.max_receive = size_or(config->max_receive, DEFAULT_BYTES);
    client->config.max_waiting = size_or(config->max_waiting, DEFAULT_BYTES);
    client->config.max_send = size_or(config->max_send, ELBUS_MAX_FRAME);
    client->config.rpc = config->rpc || config->on_call != NULL;
    client->fd = -1;
    return client;
}

void elbus_free(elbus_client *client) {
    if (client == NULL)
        return;
    elbus_disconnect(client);
    free(client->input.data);
    free(client->other.data);
    free(client->output.data);
    free(client);
}
