/* A storage device that does one thing after another, first come, first served, and its clients.

   A client is a closed loop: it has one request under way at a time. Its work is a stretch of
   seconds with so many requests at random places: the stretch is cut into as many strata, and each
   has one request somewhere in it, so that few requests of many clients come like a Poisson process
   and many of one client come evenly. A request that comes at time a begins at max(a, free_at),
   keeps the device busy for `service`, and is answered `latency` after it began: what a device does
   for several at a time (latency above service) is not waited for in the queue.

   Requests are made in order of time, whoever makes them: a heap holds each client's next. What
   would happen after `until` is left for the next call, so the grain of the calls is of no
   consequence: serving once to the end, or a thousand times on the way, gives the same to the
   rounding.

   Under Poisson arrivals of rate r the mean time in the queue is that of M/D/1,
   r service^2 / (2 (1 - r service)) (Pollaczek and Khinchine).

   Rules, which pe_device_check proves:
     D1  no client is behind the device's time by work that it still has
     D2  gap and rest are parts of the work, and a client that has requests has a gap
     D3  costs is between 0 and 1, nothing is negative

   Costs: 88 bytes per client; log2(n) steps per request. */
#include "pe_device.h"

#include <stdlib.h>

#define FIRST_ROOM 8u
#define NOT_DRAWN (-1.0)

void pe_device_init(pe_device *self, double service)
{
    *self = (pe_device){.service = service};
}

void pe_device_fini(pe_device *self)
{
    free(self->clients);
    free(self->heap);
    *self = (pe_device){0};
}

static pe_status grow(pe_device *self)
{
    uint32_t const room = self->room ? 2 * self->room : FIRST_ROOM;
    pe_client *clients = malloc(room * sizeof *clients);
    uint32_t *heap = malloc(room * sizeof *heap);
    if (!clients || !heap) {
        free(clients);
        free(heap);
        return PE_ERR_NO_MEMORY;
    }
    for (uint32_t i = 0; i < self->n; ++i)
        clients[i] = self->clients[i];
    free(self->clients);
    free(self->heap);
    self->clients = clients;
    self->heap = heap;
    self->room = room;
    return PE_OK;
}

pe_status pe_device_join(pe_device *self, double at, uint64_t seed, uint64_t stream,
                         uint32_t *client)
{
    uint32_t i = 0;
    while (i < self->n && self->clients[i].there)
        ++i;
    if (i == self->room) {
        pe_status const status = grow(self);
        if (status != PE_OK)
            return status;
    }
    if (i == self->n)
        self->n += 1;
    self->clients[i] = (pe_client){
        .at = at, .gap = NOT_DRAWN, .rng = pe_rng_make(seed, stream), .there = true};
    *client = i;
    return PE_OK;
}

void pe_device_leave(pe_device *self, uint32_t client)
{
    self->clients[client].there = false;
    while (self->n > 0 && !self->clients[self->n - 1].there)
        self->n -= 1;
}

/* The place of the next request, in the next of as many strata as there are requests. */
static void draw(pe_client *self)
{
    double const stratum = (self->work - self->rest) / (double)self->requests;
    double const part = (double)(pe_rng_next(&self->rng) >> 11) * 0x1p-53;
    double const before = part * stratum;
    self->gap = self->rest + before;
    self->rest = stratum - before;
    if (self->gap > self->work) /* by rounding */
        self->gap = self->work;
    if (self->rest > self->work - self->gap)
        self->rest = self->work - self->gap;
}

void pe_device_add(pe_device *self, uint32_t client, double run, double costs, uint64_t requests,
                   double latency)
{
    pe_client *c = &self->clients[client];
    double const work = c->work + run + costs;
    if (work > 0)
        c->costs = (c->costs * c->work + costs) / work;
    if (c->costs > 1)
        c->costs = 1;
    uint64_t const all = c->requests + requests;
    if (all > 0)
        c->latency = (c->latency * (double)c->requests + latency * (double)requests) / (double)all;
    c->work = work;
    c->requests = all;
    if (all > 0 && c->gap < 0)
        draw(c);
}

double pe_device_end(const pe_device *self, uint32_t client)
{
    const pe_client *c = &self->clients[client];
    return c->at + c->work + (double)c->requests * (c->latency + self->queued);
}

/* Works on: seconds of its work are over. */
static void live(pe_client *c, double seconds)
{
    c->at += seconds;
    c->waited += seconds * c->costs;
    c->work -= seconds;
    if (c->gap >= 0)
        c->gap -= seconds;
    else
        c->rest = c->rest > seconds ? c->rest - seconds : 0;
}

static double next_of(const pe_device *self, uint32_t i)
{
    return self->clients[i].at + self->clients[i].gap;
}

static bool comes_first(const pe_device *self, uint32_t a, uint32_t b)
{
    double const x = next_of(self, a), y = next_of(self, b);
    return x < y || (x <= y && a < b);
}

static void sink(pe_device *self, uint32_t n, uint32_t i)
{
    uint32_t const client = self->heap[i];
    for (uint32_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        if (child + 1 < n && comes_first(self, self->heap[child + 1], self->heap[child]))
            child += 1;
        if (!comes_first(self, self->heap[child], client))
            break;
        self->heap[i] = self->heap[child];
        i = child;
    }
    self->heap[i] = client;
}

static void ask(pe_device *self, uint32_t i, double until, double *queued)
{
    pe_client *c = &self->clients[i];
    live(c, c->gap);
    double const begins = c->at > self->free_at ? c->at : self->free_at;
    double const answered = begins + c->latency;
    *queued += begins - c->at;
    self->free_at = begins + self->service;
    self->read_busy += self->service;
    c->waited += (answered < until ? answered : until) - c->at;
    c->at = answered;
    c->gap = NOT_DRAWN;
    c->requests -= 1;
    if (c->requests > 0)
        draw(c);
}

/* What waits for an answer since before goes on waiting; the rest may ask. */
static uint32_t gather(pe_device *self, double until)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < self->n; ++i) {
        pe_client *c = &self->clients[i];
        if (!c->there)
            continue;
        if (c->at > self->time)
            c->waited += (c->at < until ? c->at : until) - self->time;
        if (c->requests > 0 && next_of(self, i) < until)
            self->heap[n++] = i;
    }
    for (uint32_t i = n / 2; i-- > 0;)
        sink(self, n, i);
    return n;
}

void pe_device_serve(pe_device *self, double until, double writes, double piece)
{
    uint64_t const pieces = writes > 0 && piece > 0 ? (uint64_t)(writes / piece) + 1 : 0;
    double const apart = pieces ? (until - self->time) / (double)pieces : 0;
    double const busy = pieces ? writes / (double)pieces : 0;
    double next_write = self->time + apart / 2, queued = 0;
    uint64_t written = 0, asked = 0;
    uint32_t n = gather(self, until);
    self->read_busy = 0;
    while (n > 0 || written < pieces) {
        if (written < pieces && (n == 0 || next_write <= next_of(self, self->heap[0]))) {
            self->free_at = (next_write > self->free_at ? next_write : self->free_at) + busy;
            written += 1;
            next_write += apart;
            continue;
        }
        uint32_t const i = self->heap[0];
        ask(self, i, until, &queued);
        asked += 1;
        if (self->clients[i].requests == 0 || next_of(self, i) >= until)
            self->heap[0] = self->heap[--n];
        if (n > 0)
            sink(self, n, 0);
    }
    if (asked > 0)
        self->queued = queued / (double)asked;
    for (uint32_t i = 0; i < self->n; ++i) {
        pe_client *c = &self->clients[i];
        if (c->there && c->at < until)
            live(c, c->work < until - c->at ? c->work : until - c->at);
    }
    self->time = until;
}

double pe_device_hold(pe_device *self, uint32_t client)
{
    pe_client *c = &self->clients[client];
    double const held = self->time - c->at;
    if (held <= 0 || c->work > 0)
        return 0;
    c->at = self->time;
    return held;
}

bool pe_device_check(const pe_device *self, const char **reason)
{
    for (uint32_t i = 0; i < self->n; ++i) {
        const pe_client *c = &self->clients[i];
        if (!c->there)
            continue;
        *reason = "D1: a client has work left behind the device's time";
        if (c->work > 0 && c->at < self->time && self->time - c->at > 1e-9 * (1 + self->time))
            return false;
        *reason = "D2: the place of a client's next request is no part of its work";
        if (c->requests > 0 ? c->gap < 0 || c->gap + c->rest > c->work * (1 + 1e-9) + 1e-12
                            : c->gap >= 0)
            return false;
        *reason = "D3: a number of a client is out of its bounds";
        if (!(c->work > -1e-9 && c->rest >= 0 && c->costs >= 0 && c->costs <= 1 && c->waited >= 0
              && c->latency >= 0))
            return false;
    }
    return true;
}
