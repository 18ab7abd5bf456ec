/* The measuring rig: a provider that answers at once, and a caller that asks as fast as it is answered.
 *
 *   rig mock PORT EVENTS                                   chat completions: JSON of about 1 kB, or EVENTS events in one burst
 *   rig load PORT CONNECTIONS SECONDS RATE KEY MODEL SHAPE  SHAPE is plain or stream; RATE is requests/s over all, 0 for a closed loop
 *
 * Both are one epoll loop on one thread, so that neither is what is measured. `load` prints one line of JSON; with a RATE
 * latencies count from the instant a request was due, so that a stall is seen by every request that it delayed.
 * Loopback only, bounded by SECONDS, or by SIGTERM if that comes first.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 1 << 18, MOST = 4096, LATENCIES = 1 << 22 };

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static void die(const char *what) {
    perror(what);
    exit(2);
}

static void watch(int epoll, int fd, void *data) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = data};
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0) die("epoll_ctl");
}

static struct sockaddr_in loopback(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

/* Everything, however often the socket is full. */
static int put(int fd, const char *data, size_t length) {
    while (length > 0) {
        ssize_t n = send(fd, data, length, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN) return -1;
        if (n > 0) data += n, length -= n;
    }
    return 0;
}

/* ---- the provider ---- */

typedef struct {
    int fd;
    size_t held;
    char in[BUFFER];
} Peer;

static char plain[4096], *burst;
static size_t plain_length, burst_length;

static void prepare(int events) {
    char body[2048], text[701];
    memset(text, 'x', 700);
    text[700] = 0;
    int n = snprintf(body, sizeof body,
                     "{\"id\":\"chatcmpl-1\",\"object\":\"chat.completion\",\"created\":1,\"model\":\"mock\",\"choices\":[{\"index\":0,"
                     "\"message\":{\"role\":\"assistant\",\"content\":\"%s\"},\"finish_reason\":\"stop\"}],"
                     "\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":160,\"total_tokens\":200}}", text);
    plain_length = snprintf(plain, sizeof plain, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%s", n, body);
    burst = malloc(512 + (events + 3) * 256);
    char *at = burst + sprintf(burst, "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n");
    for (int i = 0; i <= events + 1; i++) {
        const char *delta = i < events ? "{\"content\":\"token \"}" : "{}";
        char event[256];
        if (i <= events)
            n = snprintf(event, sizeof event, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"mock\","
                         "\"choices\":[{\"index\":0,\"delta\":%s,\"finish_reason\":%s}]}\n\n", delta, i < events ? "null" : "\"stop\"");
        else
            n = snprintf(event, sizeof event, "data: {\"id\":\"chatcmpl-1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"mock\","
                         "\"choices\":[],\"usage\":{\"prompt_tokens\":40,\"completion_tokens\":64,\"total_tokens\":104}}\n\n");
        at += sprintf(at, "%x\r\n%s\r\n", n, event);
    }
    at += sprintf(at, "e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n");
    burst_length = at - burst;
}

/* Answer every whole request that is held; -1 when the peer is gone. */
static int answer(Peer *peer) {
    for (;;) {
        peer->in[peer->held] = 0;
        char *end = strstr(peer->in, "\r\n\r\n"), *length = strcasestr(peer->in, "content-length:");
        if (!end) return 0;
        size_t whole = end + 4 - peer->in + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
        if (peer->held < whole) return 0;
        int streamed = memmem(end, peer->in + whole - end, "\"stream\":true", 13) != NULL;
        if (put(peer->fd, streamed ? burst : plain, streamed ? burst_length : plain_length) < 0) return -1;
        memmove(peer->in, peer->in + whole, peer->held -= whole);
    }
}

static void mock(int port, int events) {
    prepare(events);
    int epoll = epoll_create1(0), listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;
    struct sockaddr_in address = loopback(port);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) < 0 || listen(listener, 1024) < 0) die("listen");
    watch(epoll, listener, NULL);
    for (struct epoll_event ready[256];;) {
        int n = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            Peer *peer = ready[i].data.ptr;
            if (!peer) {
                peer = calloc(1, sizeof *peer);
                peer->fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                watch(epoll, peer->fd, peer);
                continue;
            }
            ssize_t got = read(peer->fd, peer->in + peer->held, BUFFER - 1 - peer->held);
            if (got > 0) peer->held += got;
            if (got == 0 || (got < 0 && errno != EAGAIN) || answer(peer) < 0) close(peer->fd), free(peer);
        }
    }
}

/* ---- the caller ---- */

typedef struct {
    int fd, busy, status, chunked;
    long left; /* bytes of the body still to come; -1 before the head is whole */
    size_t held;
    double due;
    char in[BUFFER];
} Call;

static volatile sig_atomic_t enough;
static uint32_t *latencies;
static long finished, failed;

static void dial(Call *call, int epoll, int port) {
    struct sockaddr_in address = loopback(port);
    call->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(call->fd, (void *)&address, sizeof address) < 0) die("connect");
    fcntl(call->fd, F_SETFL, O_NONBLOCK);
    watch(epoll, call->fd, call);
}

static void ask(Call *call, const char *request, size_t length, double due) {
    call->busy = 1, call->held = 0, call->left = -1, call->due = due;
    put(call->fd, request, length);
}

/* Whether the answer is whole. Nothing follows it, so a chunked one ends where its last bytes say so. */
static int whole(Call *call) {
    call->in[call->held] = 0;
    if (call->left < 0) {
        char *end = strstr(call->in, "\r\n\r\n"), *length;
        if (!end) return 0;
        call->status = atoi(call->in + 9);
        length = strcasestr(call->in, "content-length:");
        call->chunked = !length || length > end;
        call->left = call->chunked ? 0 : strtol(length + 15, NULL, 10) - (long)(call->in + call->held - end - 4);
        return call->chunked ? !memcmp(call->in + call->held - 5, "0\r\n\r\n", 5) : call->left <= 0;
    }
    return call->chunked ? call->held >= 5 && !memcmp(call->in + call->held - 5, "0\r\n\r\n", 5) : call->left <= 0;
}

static void receive(Call *call, int epoll, int port) {
    ssize_t got = read(call->fd, call->in + call->held, BUFFER - 1 - call->held);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
        close(call->fd);
        dial(call, epoll, port);
        failed += call->busy, finished += call->busy, call->busy = 0;
        return;
    }
    call->held += got;
    if (call->left > 0) call->left -= got;
    if (!whole(call)) {
        if (call->left >= 0 && call->held > BUFFER / 2) { /* keep the tail only: it tells the end */
            memmove(call->in, call->in + call->held - 8, 8);
            call->held = 8;
        }
        return;
    }
    call->busy = 0;
    failed += call->status != 200;
    if (finished < LATENCIES) latencies[finished] = (uint32_t)((now() - call->due) * 1e6);
    finished++;
}

static int ascending(const void *a, const void *b) {
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static void stop(int signal) {
    (void)signal;
    enough = 1;
}

static void load(int port, int connections, double seconds, double rate, const char *key, const char *model, int stream) {
    static Call calls[MOST];
    signal(SIGTERM, stop);
    char body[1024], request[2048];
    int epoll = epoll_create1(0);
    int n = snprintf(body, sizeof body, "{\"model\":\"%s\",\"messages\":[{\"role\":\"user\",\"content\":\"Please summarise the following text in one "
                     "line: the quick brown fox jumps over the lazy dog, again and again, until neither of them remembers why it began.\"}],"
                     "\"max_tokens\":256%s}", model, stream ? ",\"stream\":true,\"stream_options\":{\"include_usage\":true}" : "");
    size_t length = snprintf(request, sizeof request, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1:%d\r\nauthorization: Bearer %s\r\n"
                             "content-type: application/json\r\naccept: application/json\r\nuser-agent: rig\r\ncontent-length: %d\r\n\r\n%s",
                             port, key, n, body);
    latencies = malloc(LATENCIES * sizeof *latencies);
    for (int i = 0; i < connections; i++) dial(&calls[i], epoll, port);
    double start = now(), end = start + seconds, step = rate > 0 ? 1 / rate : 0, due = start;
    for (struct epoll_event ready[256]; !enough && now() < end;) {
        for (int i = 0; i < connections; i++) {
            if (calls[i].busy || (step > 0 && due > now())) continue;
            ask(&calls[i], request, length, step > 0 ? due : now());
            due += step;
        }
        double wait = step > 0 && due - now() < 0.1 ? due - now() : 0.1;
        struct timespec until = {.tv_nsec = wait > 0 ? (long)(wait * 1e9) : 0};
        int count = epoll_pwait2(epoll, ready, 256, &until, NULL);
        for (int i = 0; i < count; i++) receive(ready[i].data.ptr, epoll, port);
    }
    double elapsed = now() - start;
    long counted = finished < LATENCIES ? finished : LATENCIES;
    qsort(latencies, counted, sizeof *latencies, ascending);
    printf("{\"requests\": %ld, \"failed\": %ld, \"seconds\": %.3f, \"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u}\n", finished, failed, elapsed,
           counted ? latencies[counted / 2] : 0, counted ? latencies[(long)(counted * 0.99)] : 0, counted ? latencies[counted - 1] : 0);
}

int main(int count, char **words) {
    signal(SIGPIPE, SIG_IGN);
    if (count == 4 && !strcmp(words[1], "mock")) mock(atoi(words[2]), atoi(words[3]));
    if (count == 9 && !strcmp(words[1], "load") && atoi(words[3]) <= MOST) {
        load(atoi(words[2]), atoi(words[3]), atof(words[4]), atof(words[5]), words[6], words[7], !strcmp(words[8], "stream"));
        return 0;
    }
    fprintf(stderr, "usage: rig mock PORT EVENTS | rig load PORT CONNECTIONS SECONDS RATE KEY MODEL plain|stream\n");
    return 2;
}
