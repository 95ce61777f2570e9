/* The client of the elbus message broker for plug-ins in C and C++: messages, broadcasts, topics and
 * remote calls over UNIX and TCP sockets. C99 and POSIX.1-2008; no threads, no global state.
 *
 * What holds for all functions:
 *
 * - A client belongs to one thread at a time. Different clients are independent of each other.
 * - Callbacks run inside elbus_process() and elbus_wait() and nowhere else. Frames that arrive while
 *   another function waits are kept, in order, for the next of these, up to config.max_waiting bytes.
 * - In a callback every function may be called but elbus_connect(), elbus_process(), elbus_wait()
 *   (refused, ELBUS_ERROR_IN_CALLBACK) and elbus_free() (forbidden). So a handler of calls may call
 *   others; its own client handles no further frames meanwhile.
 * - Texts (names, targets, masks, topics, methods) are UTF-8 and end with a NUL; a NULL pointer, or
 *   bytes that are not UTF-8, are ELBUS_ERROR_ARGUMENT. Payloads are any bytes; NULL stands for
 *   none of them.
 * - No function raises SIGPIPE, returns because of a signal (but elbus_wait()), or waits longer than
 *   it says. Times are in milliseconds of a clock that nobody sets.
 * - A failure has a status and a text that says what failed: elbus_error().
 */
#ifndef ELBUS_H
#define ELBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Longest name of a client or a target, in bytes. */
#define ELBUS_MAX_NAME 1024

/* Longest body of a frame that a broker takes by default, in bytes: target, topic or mask, a NUL and the
 * payload; the upper limit of config.max_send. */
#define ELBUS_MAX_FRAME ((size_t)16 * 1024 * 1024)

/* Of what is delivered, the sender's name may be longer than the target's was: the upper limit of
 * config.max_receive. */
#define ELBUS_MAX_DELIVERY (ELBUS_MAX_FRAME + ELBUS_MAX_NAME + 1)

/* What a function came to. From 0x71 on, these are also the codes of the wire. */
typedef enum elbus_status {
    ELBUS_OK = 0,
    /* Refused before anything was sent. */
    ELBUS_ERROR_ARGUMENT = 1,      /* a text, a limit or the configuration is not valid */
    ELBUS_ERROR_TOO_LARGE = 2,     /* longer than a limit, which elbus_error() names */
    ELBUS_ERROR_MEMORY = 3,        /* no memory */
    ELBUS_ERROR_NOT_CONNECTED = 4, /* connect (again) first */
    ELBUS_ERROR_IN_CALLBACK = 5,   /* not to be called from a callback */
    /* After something was sent. */
    ELBUS_ERROR_QUEUE_FULL = 6, /* config.max_waiting is used up: the answer was not awaited, the
                                   connection goes on; elbus_process() makes room */
    ELBUS_ERROR_RPC = 7,        /* the called client answered with an error: elbus_result */
    ELBUS_ERROR_PROTOCOL = 8,   /* the broker sent what it must not; connection closed */
    /* Answers of the broker, except where it says otherwise. */
    ELBUS_ERROR_NOT_REGISTERED = 0x71, /* there is no client of that name */
    ELBUS_ERROR_DATA = 0x72,           /* the broker does not accept the name or the filters */
    ELBUS_ERROR_IO = 0x73,             /* of this library: the system refused; connection closed */
    ELBUS_ERROR_OTHER = 0x74,          /* a code that has no name here */
    ELBUS_ERROR_NOT_SUPPORTED = 0x75,  /* not a broker, or one of another protocol version */
    ELBUS_ERROR_BUSY = 0x76,           /* the name is taken, or there are too many clients */
    ELBUS_ERROR_NOT_DELIVERED = 0x77,  /* the receiver's queue is full */
    ELBUS_ERROR_TIMEOUT = 0x78,        /* of this library: no answer in time */
    ELBUS_ERROR_ACCESS = 0x79,         /* the access rules of the broker forbid it */
    ELBUS_ERROR_END_OF_FILE = 0xff     /* of this library: the broker closed the connection */
} elbus_status;

/* Whether the broker acknowledges a frame, which functions then wait for, and whether it passes it on
 * without collecting others. */
typedef enum elbus_qos {
    ELBUS_QOS_NO = 0,
    ELBUS_QOS_PROCESSED = 1,
    ELBUS_QOS_REALTIME = 2,
    ELBUS_QOS_REALTIME_PROCESSED = 3
} elbus_qos;

typedef enum elbus_kind {
    ELBUS_NOTIFICATION = 0x00, /* RPC: a message that wants no answer */
    ELBUS_PUBLICATION = 0x01,
    ELBUS_MESSAGE = 0x12,
    ELBUS_BROADCAST = 0x13
} elbus_kind;

/* Codes of RPC errors. Others are defined by applications. */
enum {
    ELBUS_RPC_PARSE_ERROR = -32700,
    ELBUS_RPC_INVALID_REQUEST = -32600,
    ELBUS_RPC_METHOD_NOT_FOUND = -32601,
    ELBUS_RPC_INVALID_PARAMS = -32602,
    ELBUS_RPC_INTERNAL_ERROR = -32603,
    /* Minus an elbus_status: the call did not get through. */
    ELBUS_RPC_BUS_ERROR = -32000
};

typedef struct elbus_client elbus_client;
typedef struct elbus_reply elbus_reply;

/* A frame for this client. What it points to is valid until the callback returns. */
typedef struct elbus_frame {
    elbus_kind kind;
    bool realtime;
    const char *sender;
    const char *topic; /* NULL but for a publication */
    const void *data;
    size_t size; /* of data, in bytes */
} elbus_frame;

/* A call of a method of this client. What it points to is valid until the callback returns. */
typedef struct elbus_request {
    bool realtime;
    bool reply_wanted; /* false: what is replied is not sent */
    const char *sender;
    const char *method;
    const void *params;
    size_t size; /* of params, in bytes */
} elbus_request;

/* The answer to a call. What it points to is valid until the next function is called with the client,
 * those for replies excepted. */
typedef struct elbus_result {
    int code; /* 0, or the code of the error: the callee's, or ELBUS_RPC_BUS_ERROR - status */
    const void *data; /* the result, or the data of the callee's error, usually a text */
    size_t size;      /* of data, in bytes */
} elbus_result;

/* Handles a publication, broadcast, message or (with RPC) notification. */
typedef void elbus_on_frame(elbus_client *client, const elbus_frame *frame, void *context);

/* Handles a call with elbus_reply_write() or elbus_reply_error(); without either, the result is
 * empty. */
typedef void elbus_on_call(elbus_client *client, const elbus_request *request, elbus_reply *reply,
                           void *context);

/* Takes the answer to elbus_call_start(): `status` and `result` are as those of elbus_call(). The pending
 * call is over, and may be started again from here. */
typedef void elbus_on_reply(elbus_client *client, elbus_status status, const elbus_result *result,
                            void *context);

/* A call that was started. It is memory of the application, which keeps it, and the text of the target,
 * where they are until on_reply was called or the client freed. */
typedef struct elbus_pending {
    /* Set before the call is started. */
    elbus_on_reply *on_reply;
    void *context; /* handed to on_reply */
    /* Of the library. */
    struct elbus_pending *next;
    const char *target;
    uint32_t call_id;
    uint32_t operation_id;
    int64_t deadline_ms;
    elbus_status failed;
} elbus_pending;

/* How a client is to be. Zero, or NULL, stands for the default. Texts are copied. */
typedef struct elbus_config {
    /* Where the broker listens: a path that starts with '/' or ends in ".sock", ".socket" or ".ipc"
     * is a UNIX socket, all else is HOST:PORT, with an IPv6 address in brackets. No default. */
    const char *address;
    /* The name of this client, unique on the bus, 1..ELBUS_MAX_NAME bytes. No default. */
    const char *name;
    /* How long connecting with all of its handshake may take, and how long an operation may wait for
     * the broker. 5000. Looking up a HOST that is not a number takes as long as the system's resolver
     * wants. */
    uint32_t timeout_ms;
    /* After so long without sending, elbus_process() or a function that waits sends a ping; should be
     * below the broker's timeout. 1000. */
    uint32_t ping_interval_ms;
    /* Longest body of a frame that is received; for a longer one the connection is closed. 1 MiB, at
     * most ELBUS_MAX_DELIVERY. Memory is taken as frames come, and kept. */
    size_t max_receive;
    /* Bytes of frames, 6 more for each, that may be kept while a function waits. 1 MiB. */
    size_t max_waiting;
    /* Longest body of a frame that is sent. ELBUS_MAX_FRAME, which also is the most. Memory is taken
     * for the longest reply of on_call; all else is sent from where it is. */
    size_t max_send;
    /* Direct messages are of the RPC layer: needed for elbus_call(), implied by on_call. Messages that
     * are not of the layer, and replies nobody waits for, are ignored. */
    bool rpc;
    elbus_on_frame *on_frame; /* NULL: frames are dropped */
    elbus_on_call *on_call;   /* NULL: callers get ELBUS_RPC_METHOD_NOT_FOUND */
    void *context;            /* handed to the callbacks */
} elbus_config;

/* Makes a client that is not connected. NULL if there is no memory; what is wrong in the configuration is
 * said by elbus_connect(). */
elbus_client *elbus_new(const elbus_config *config);

/* Disconnects and frees. NULL is fine. Not in a callback. */
void elbus_free(elbus_client *client);

/* Connects and registers; again, after the connection was lost or to replace it. Frames and
 * subscriptions of the previous connection are gone, so subscribe after it. Waits at most
 * config.timeout_ms. */
elbus_status elbus_connect(elbus_client *client);

/* Closes the connection and forgets frames that were not handled. */
void elbus_disconnect(elbus_client *client);

/* Whether there is a connection, as far as is known: its end is noticed by the functions below. */
bool elbus_is_connected(const elbus_client *client);

/* The text of the last failure: operation, target, what went wrong, the limit. Never NULL; valid until
 * the next failure. */
const char *elbus_error(const elbus_client *client);

/* A short English text for a status; never NULL. */
const char *elbus_strerror(elbus_status status);

/* --- The event loop: poll these, then call elbus_process() whatever poll() returned. --- */

/* The socket, or -1 without connection. It changes with elbus_connect(). Do not read or write it. */
int elbus_fd(const elbus_client *client);

/* For poll(): POLLIN, POLLOUT or both. */
short elbus_poll_events(const elbus_client *client);

/* For poll(): after how many milliseconds to call elbus_process() even if nothing happens on the
 * socket, because a ping is due, a call's time is up, or frames wait (then 0). -1: nothing is to be done. */
int elbus_poll_timeout_ms(const elbus_client *client);

/* Reads once, hands over what is there, sends a ping if one is due. Never waits: a reply that the
 * broker does not take yet is kept, and no further frame is handled until it has been sent.
 *
 * Once the connection is lost, hands over what had come, and says why it was lost: usually
 * ELBUS_ERROR_END_OF_FILE or _IO. From then on it is ELBUS_ERROR_NOT_CONNECTED. */
elbus_status elbus_process(elbus_client *client);

/* For programs without a loop of their own: processes until a frame was handed over, a signal came,
 * or `timeout_ms` has passed (negative: no limit). All of these are ELBUS_OK. */
elbus_status elbus_wait(elbus_client *client, int timeout_ms);

/* --- Operations. With a QoS that confirms, they wait for the acknowledgement; without, until the
 * system has taken the frame: config.timeout_ms at most. A frame that was cut by that limit ends the
 * connection. After ELBUS_ERROR_TIMEOUT the operation may still take effect. --- */

/* To the client `target`: 1..ELBUS_MAX_NAME bytes. */
elbus_status elbus_send(elbus_client *client, const char *target, const void *data, size_t size,
                        elbus_qos qos);

/* To all clients whose names match `mask`, as in "line1.*". */
elbus_status elbus_broadcast(elbus_client *client, const char *mask, const void *data, size_t size,
                             elbus_qos qos);

/* To the subscribers of `topic`, as in "line1/speed". */
elbus_status elbus_publish(elbus_client *client, const char *topic, const void *data, size_t size,
                           elbus_qos qos);

/* From now on receive what is published to `count` filters, as in "line1/+" or "line1/#". */
elbus_status elbus_subscribe(elbus_client *client, const char *const *filters, size_t count,
                             elbus_qos qos);

/* The opposite. A filter that was not subscribed to is no error. */
elbus_status elbus_unsubscribe(elbus_client *client, const char *const *filters, size_t count,
                               elbus_qos qos);

/* Calls a method and waits for the answer: `timeout_ms` at most, 0 for config.timeout_ms. Fills `result`,
 * which may be NULL, also if it fails. ELBUS_ERROR_RPC if the callee answered with an error; the codes
 * of the broker if the call was not delivered. Calls of this client are not handled meanwhile, so that
 * two who call each other, or one who calls itself, wait in vain: use elbus_call_start() there. */
elbus_status elbus_call(elbus_client *client, const char *target, const char *method,
                        const void *params, size_t size, uint32_t timeout_ms, elbus_result *result);

/* The same without waiting: elbus_process() and elbus_wait() call pending->on_reply, once, with the
 * answer or why there is none: ELBUS_ERROR_TIMEOUT, a refusal of the broker, or that the connection was
 * lost or closed. Not called if this function fails, or if the client is freed. */
elbus_status elbus_call_start(elbus_client *client, elbus_pending *pending, const char *target,
                              const char *method, const void *params, size_t size,
                              uint32_t timeout_ms);

/* Calls without a reply. */
elbus_status elbus_call0(elbus_client *client, const char *target, const char *method,
                         const void *params, size_t size, elbus_qos qos);

/* Sends a notification. */
elbus_status elbus_notify(elbus_client *client, const char *target, const void *data, size_t size,
                          elbus_qos qos);

/* --- In elbus_on_call --- */

/* Appends to the result. ELBUS_ERROR_TOO_LARGE beyond config.max_send, or ELBUS_ERROR_MEMORY: the
 * caller then gets ELBUS_RPC_INTERNAL_ERROR. */
elbus_status elbus_reply_write(elbus_reply *reply, const void *data, size_t size);

/* Makes the reply an error, instead of what was written: its code, and `size` bytes of data, usually
 * a text. Errors as above. */
elbus_status elbus_reply_error(elbus_reply *reply, int16_t code, const void *data, size_t size);

#ifdef __cplusplus
}
#endif

#endif
