/* See harness.h. */
#define _POSIX_C_SOURCE 200809L

#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Generous: only a test that fails waits for it. */
enum { PATIENCE_MS = 10000 };

_Noreturn void check_failed(const char *file, int line, const char *condition) {
    fprintf(stderr, "%s:%d: not true: %s\n", file, line, condition);
    exit(1);
}

_Noreturn void status_failed(const char *file, int line, const char *call, elbus_status status,
                             elbus_status expected, const elbus_client *client) {
    fprintf(stderr, "%s:%d: %s\n  is: %s (%d); should be: %s; error text: %s\n", file, line, call,
            elbus_strerror(status), (int)status, elbus_strerror(expected), elbus_error(client));
    exit(1);
}

void error_contains(const char *file, int line, const elbus_client *client, const char *part) {
    if (strstr(elbus_error(client), part) == NULL) {
        fprintf(stderr, "%s:%d: '%s' is not in the error text: %s\n", file, line, part,
                elbus_error(client));
        exit(1);
    }
}

int64_t clock_ms(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void sleep_ms(int ms) {
    poll(NULL, 0, ms);
}

/* A path that no other test program uses. */
static void socket_path(char *path, size_t capacity, const char *kind) {
    static int number;

    snprintf(path, capacity, "/tmp/elbus-c-%s.%ld.%d.sock", kind, (long)getpid(), number++);
}

/* --- A real broker --- */

/* The broker that runs is not to outlive a test that fails. */
static pid_t running;

static void kill_running(void) {
    if (running != 0)
        kill(running, SIGKILL);
}

static int free_port(void) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    memset(&address, 0, sizeof address);
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    CHECK(fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(getsockname(fd, (struct sockaddr *)&address, &size) == 0);
    close(fd);
    return ntohs(address.sin_port);
}

void broker_restart(struct broker *broker) {
    const char *program = getenv("ELBUSD");
    elbus_config config = {.address = broker->path, .name = "harness", .timeout_ms = PATIENCE_MS};
    elbus_client *client = elbus_new(&config);
    int64_t deadline_ms = clock_ms() + PATIENCE_MS;

    CHECK(program != NULL);
    broker->pid = fork();
    CHECK(broker->pid >= 0);
    if (broker->pid == 0) {
        /* Its log is not of the test; it is full of the refusals that are asked for. */
        int log = open("/dev/null", O_WRONLY);

        dup2(log, STDOUT_FILENO);
        dup2(log, STDERR_FILENO);
        execl(program, program, "-B", broker->path, "-B", broker->address, "-B", broker->address6,
              "-w", "1", (char *)NULL);
        _exit(127);
    }
    running = broker->pid;
    while (elbus_connect(client) != ELBUS_OK) {
        CHECK(clock_ms() < deadline_ms);
        CHECK(waitpid(broker->pid, NULL, WNOHANG) == 0);
        sleep_ms(10);
    }
    elbus_free(client);
}

void broker_start(struct broker *broker) {
    static bool registered;
    int port = free_port();

    if (!registered)
        atexit(kill_running);
    registered = true;
    socket_path(broker->path, sizeof broker->path, "broker");
    snprintf(broker->address, sizeof broker->address, "127.0.0.1:%d", port);
    snprintf(broker->address6, sizeof broker->address6, "[::1]:%d", port);
    broker_restart(broker);
}

void broker_signal(struct broker *broker, int signal) {
    CHECK(kill(broker->pid, signal) == 0);
    if (signal == SIGSTOP || signal == SIGCONT)
        return;
    CHECK(waitpid(broker->pid, NULL, 0) == broker->pid);
    running = 0;
}

/* --- A scripted broker --- */

static void *run_fake(void *argument) {
    struct fake *fake = argument;

    while (fake->connections-- > 0) {
        int socket = accept(fake->listener, NULL, NULL);

        CHECK(socket >= 0);
        fake->script(socket, fake->context);
        close(socket);
    }
    return NULL;
}

void fake_start(struct fake *fake, int connections, void (*script)(int, void *), void *context) {
    struct sockaddr_un address;

    socket_path(fake->path, sizeof fake->path, "fake");
    memset(&address, 0, sizeof address);
    address.sun_family = AF_UNIX;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", fake->path);
    fake->listener = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(fake->listener >= 0);
    CHECK(bind(fake->listener, (struct sockaddr *)&address, sizeof address) == 0);
    CHECK(listen(fake->listener, 16) == 0);
    fake->script = script;
    fake->context = context;
    fake->connections = connections;
    CHECK(pthread_create(&fake->thread, NULL, run_fake, fake) == 0);
}

void fake_end(struct fake *fake) {
    CHECK(pthread_join(fake->thread, NULL) == 0);
    close(fake->listener);
    unlink(fake->path);
}

/* A client that has closed the connection is not the business of the script. */
void put(int socket, const void *bytes, size_t size) {
    const char *at = bytes;

    while (size > 0) {
        ssize_t sent = send(socket, at, size, MSG_NOSIGNAL);

        if (sent <= 0)
            return;
        at += sent;
        size -= (size_t)sent;
    }
}

void put_slowly(int socket, const void *bytes, size_t size) {
    size_t i;

    for (i = 0; i < size; i++) {
        put(socket, (const char *)bytes + i, 1);
        sleep_ms(1);
    }
}

bool get(int socket, void *bytes, size_t size) {
    char *at = bytes;

    while (size > 0) {
        ssize_t got = recv(socket, at, size, 0);

        if (got <= 0)
            return false;
        at += got;
        size -= (size_t)got;
    }
    return true;
}

static size_t length_at(const uint8_t *bytes) {
    return bytes[0] | (size_t)bytes[1] << 8 | (size_t)bytes[2] << 16 | (size_t)bytes[3] << 24;
}

void fake_handshake(int socket, char *name) {
    uint8_t greeting[3], size[2];
    char unused[2048];

    put(socket, "\xeb\x01\x00", 3);
    CHECK(get(socket, greeting, 3) && memcmp(greeting, "\xeb\x01\x00", 3) == 0);
    put(socket, "\x01", 1);
    CHECK(get(socket, size, 2));
    if (name == NULL)
        name = unused;
    CHECK(get(socket, name, (size_t)(size[0] | size[1] << 8)));
    name[size[0] | size[1] << 8] = '\0';
    put(socket, "\x01", 1);
}

long get_request(int socket, uint8_t *header, uint8_t *body, size_t capacity) {
    size_t size;

    do {
        if (!get(socket, header, 9))
            return -1;
    } while (header[4] == 0);
    size = length_at(header + 5);
    CHECK(size <= capacity);
    return get(socket, body, size) ? (long)size : -1;
}

void put_ack(int socket, const uint8_t *request_header, uint8_t code) {
    uint8_t ack[6] = {0xfe};

    memcpy(ack + 1, request_header, 4);
    ack[5] = code;
    put(socket, ack, sizeof ack);
}

void put_delivery(int socket, uint8_t kind, const void *body, size_t size) {
    uint8_t header[6] = {kind, (uint8_t)size, (uint8_t)(size >> 8), (uint8_t)(size >> 16),
                         (uint8_t)(size >> 24), 0};

    put(socket, header, sizeof header);
    put(socket, body, size);
}

/* --- Clients --- */

void note_frame(elbus_client *client, const elbus_frame *frame, void *context) {
    struct inbox *inbox = context;

    (void)client;
    inbox->count++;
    inbox->kind = frame->kind;
    inbox->realtime = frame->realtime;
    snprintf(inbox->sender, sizeof inbox->sender, "%s", frame->sender);
    snprintf(inbox->topic, sizeof inbox->topic, "%s", frame->topic == NULL ? "-" : frame->topic);
    inbox->size = frame->size;
    memcpy(inbox->data, frame->data, frame->size < sizeof inbox->data ? frame->size : sizeof inbox->data);
}

elbus_client *client_with(const elbus_config *config) {
    elbus_client *client = elbus_new(config);

    CHECK(client != NULL);
    CHECK_OK(client, elbus_connect(client));
    return client;
}

elbus_client *client_of(const char *address, const char *name, struct inbox *inbox) {
    elbus_config config = {.address = address, .name = name, .timeout_ms = PATIENCE_MS};

    if (inbox != NULL) {
        memset(inbox, 0, sizeof *inbox);
        config.on_frame = note_frame;
        config.context = inbox;
    }
    return client_with(&config);
}

void await_frames(elbus_client *client, const struct inbox *inbox, int count) {
    int64_t deadline_ms = clock_ms() + PATIENCE_MS;

    while (inbox->count < count) {
        CHECK(clock_ms() < deadline_ms);
        CHECK_OK(client, elbus_wait(client, 100));
    }
    CHECK(inbox->count == count);
}

/* --- A thread that serves calls --- */

void serve(elbus_client *client, const elbus_request *request, elbus_reply *reply, void *context) {
    (void)client;
    (void)context;
    if (strcmp(request->method, "echo") == 0) {
        elbus_reply_write(reply, request->params, request->size);
    } else if (strcmp(request->method, "fail") == 0) {
        elbus_reply_error(reply, -777, request->params, request->size);
    } else if (strcmp(request->method, "slow") == 0) {
        sleep_ms(300);
    } else if (strcmp(request->method, "big") == 0) {
        static const char block[1000] = {'b'};
        int i;

        for (i = 0; i < 500; i++)
            elbus_reply_write(reply, block, sizeof block);
    } else if (strcmp(request->method, "nothing") != 0) {
        elbus_reply_error(reply, ELBUS_RPC_METHOD_NOT_FOUND, NULL, 0);
    }
}

/* As an application would: its own event besides the socket. */
static void *run_server(void *argument) {
    struct server *server = argument;
    struct pollfd polled[2];

    for (;;) {
        polled[0].fd = elbus_fd(server->client);
        polled[0].events = elbus_poll_events(server->client);
        polled[1].fd = server->stop[0];
        polled[1].events = POLLIN;
        CHECK(poll(polled, 2, elbus_poll_timeout_ms(server->client)) >= 0 || errno == EINTR);
        if ((polled[1].revents & POLLIN) != 0)
            return NULL;
        if (elbus_process(server->client) != ELBUS_OK)
            return NULL;
    }
}

void server_start(struct server *server, const char *address, const char *name) {
    elbus_config config = {.address = address, .name = name, .on_call = serve};

    server->client = client_with(&config);
    CHECK(pipe(server->stop) == 0);
    CHECK(pthread_create(&server->thread, NULL, run_server, server) == 0);
}

void server_stop(struct server *server) {
    CHECK(write(server->stop[1], "", 1) == 1);
    CHECK(pthread_join(server->thread, NULL) == 0);
    close(server->stop[0]);
    close(server->stop[1]);
    elbus_free(server->client);
}
