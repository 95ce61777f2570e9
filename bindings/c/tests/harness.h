/* What the tests share: checks, a real broker, a scripted one, and clients that note what they get. */
#ifndef HARNESS_H
#define HARNESS_H

#include "../elbus.h"

#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* Ends the program with a message if `condition` is false. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            check_failed(__FILE__, __LINE__, #condition);                                          \
    } while (0)

/* Checks the status of an operation, and shows the error text if it is another one. */
#define CHECK_STATUS(client, call, expected)                                                       \
    do {                                                                                           \
        elbus_status status_ = (call);                                                             \
        if (status_ != (expected))                                                                 \
            status_failed(__FILE__, __LINE__, #call, status_, expected, client);                   \
    } while (0)
#define CHECK_OK(client, call) CHECK_STATUS(client, call, ELBUS_OK)

/* Checks that the text of the last error contains `part`. */
#define CHECK_ERROR(client, part) error_contains(__FILE__, __LINE__, client, part)

#define RUN(test)                                                                                  \
    do {                                                                                           \
        printf("  %s\n", #test);                                                                   \
        fflush(stdout);                                                                            \
        test();                                                                                    \
    } while (0)

_Noreturn void check_failed(const char *file, int line, const char *condition);
_Noreturn void status_failed(const char *file, int line, const char *call, elbus_status status,
                             elbus_status expected, const elbus_client *client);
void error_contains(const char *file, int line, const elbus_client *client, const char *part);

int64_t clock_ms(void);
void sleep_ms(int ms);

/* --- A real broker --- */

struct broker {
    pid_t pid;
    char path[64];
    /* On 127.0.0.1 and [::1]. */
    char address[32];
    char address6[32];
};

/* Starts elbusd and waits until it listens; again on the same addresses, once it has ended. */
void broker_start(struct broker *broker);
void broker_restart(struct broker *broker);
/* Sends a signal; one that ends it (all but STOP and CONT) is waited for. */
void broker_signal(struct broker *broker, int signal);

/* --- A scripted broker: one thread per connection, one connection at a time --- */

struct fake {
    char path[64];
    int listener;
    pthread_t thread;
    void (*script)(int socket, void *context);
    void *context;
    int connections;
};

/* Accepts `connections` connections one after the other and runs `script` for each of them. */
void fake_start(struct fake *fake, int connections, void (*script)(int, void *), void *context);
/* Waits until the last script has returned. */
void fake_end(struct fake *fake);

void put(int socket, const void *bytes, size_t size);
void put_slowly(int socket, const void *bytes, size_t size);
/* Reads exactly that many bytes. False at the end of the stream. */
bool get(int socket, void *bytes, size_t size);
/* The handshake, accepted. The name of the client goes to `name` if that is not NULL. */
void fake_handshake(int socket, char *name);
/* Reads a request, pings skipped. Returns the size of its body, at most `capacity` bytes, or -1 at
 * the end. The header is 9 bytes. */
long get_request(int socket, uint8_t *header, uint8_t *body, size_t capacity);
void put_ack(int socket, const uint8_t *request_header, uint8_t code);
/* A delivery: kind, then a body given as it is. */
void put_delivery(int socket, uint8_t kind, const void *body, size_t size);

/* --- Clients --- */

/* What a client got, the last frames of it. */
struct inbox {
    int count;
    elbus_kind kind;
    bool realtime;
    char sender[128];
    char topic[128];
    unsigned char data[256];
    size_t size;
};

/* To be used as on_frame, with an inbox as context. */
void note_frame(elbus_client *client, const elbus_frame *frame, void *inbox);

/* Connects a client with an inbox. */
elbus_client *client_of(const char *address, const char *name, struct inbox *inbox);
elbus_client *client_with(const elbus_config *config);

/* Processes until the inbox has `count` frames; fails after 10 s. */
void await_frames(elbus_client *client, const struct inbox *inbox, int count);

/* --- A thread that serves calls: echo, nothing, fail, slow, big --- */

struct server {
    elbus_client *client;
    pthread_t thread;
    int stop[2];
};
void server_start(struct server *server, const char *address, const char *name);
void server_stop(struct server *server);
void serve(elbus_client *client, const elbus_request *request, elbus_reply *reply, void *context);

#endif
