/* A storage device as a queue, and the clients that wait for it: what takes a simulated VM's
   time. Knows no VM, no page and no host. */
#ifndef PE_DEVICE_H
#define PE_DEVICE_H

#include "pe_rng.h"
#include "pe_status.h"

/* One client, which makes its requests one after another: it works, asks, waits for the answer, and
   goes on working. */
typedef struct pe_client {
    double at;      /* time it has lived up to; above the device's while it waits for an answer */
    double work;    /* seconds of work that are left */
    double gap;     /* of these, until the next request; negative: not drawn yet */
    double rest;    /* of these, after that request, what is left of its stratum */
    double costs;   /* part of the work that it does not want, 0 to 1: counted as waiting */
    double latency; /* of a request, on an idle device */
    double waited;  /* seconds since this was last taken */
    uint64_t requests;
    pe_rng rng;
    bool there;
} pe_client;

typedef struct pe_device {
    pe_client *clients;
    uint32_t *heap; /* clients by the time of their next request */
    uint32_t n, room;
    double time;      /* everything before it has happened */
    double free_at;   /* when all that was asked for so far is done */
    double service;   /* seconds that a request keeps the device busy */
    double read_busy; /* seconds in the last pe_device_serve, for requests of clients */
    double queued;    /* mean time in the queue of a request, in the last serve that had any */
} pe_device;

/* service: seconds that the device is busy with one request. */
void pe_device_init(pe_device *self, double service);
void pe_device_fini(pe_device *self);

/* A client that begins at `at`; `stream` is of its random draws. */
PE_MUST_USE pe_status pe_device_join(pe_device *self, double at, uint64_t seed, uint64_t stream,
                                     uint32_t *client);
void pe_device_leave(pe_device *self, uint32_t client);

/* More work for a client: `run` seconds that it wants, `costs` seconds that it does not, and so
   many requests in between, at random places. */
void pe_device_add(pe_device *self, uint32_t client, double run, double costs, uint64_t requests,
                   double latency);
/* When its work will be over, if queues are as they were last. */
double pe_device_end(const pe_device *self, uint32_t client);

/* Time passes. `writes` seconds of writing are asked for meanwhile, in equal pieces of about
   `piece` seconds at equal distances; nobody waits for them, but for the device. */
void pe_device_serve(pe_device *self, double until, double writes, double piece);
/* A client that has nothing to do waits until now: seconds. */
double pe_device_hold(pe_device *self, uint32_t client);

bool pe_device_check(const pe_device *self, const char **reason);

#endif
