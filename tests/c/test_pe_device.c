/* sources: csrc/pe_device.c csrc/pe_os.c csrc/pe_status.c */
/* What a client waits for is what others put before it, and the grain of the calls is of no
   consequence: a queue that loses, doubles or reorders a request is seen in the times here. */
#include "check.h"

#include "oom.h"
#include "pe_device.h"

static bool near(double a, double b)
{
    double const gap = a > b ? a - b : b - a;
    return gap < 1e-9;
}

static bool whole(const pe_device *self)
{
    const char *reason = "";
    bool const fine = pe_device_check(self, &reason);
    if (!fine)
        printf("  %s\n", reason);
    return fine;
}

static uint32_t join(pe_device *self, uint64_t stream)
{
    uint32_t client = UINT32_MAX;
    CHECK(pe_device_join(self, self->time, 7, stream, &client) == PE_OK);
    return client;
}

static void alone_nobody_queues(void)
{
    pe_device self;
    pe_device_init(&self, 0.002);
    uint32_t const a = join(&self, 0);
    pe_device_add(&self, a, 0.1, 0, 10, 0.005); /* closed: one request at a time */
    CHECK(near(pe_device_end(&self, a), 0.15));
    pe_device_serve(&self, 1, 0, 0.001);
    CHECK(near(self.clients[a].waited, 0.05) && near(self.clients[a].at, 0.15));
    CHECK(near(self.read_busy, 0.02) && self.queued == 0);
    CHECK(near(pe_device_hold(&self, a), 0.85) && pe_device_hold(&self, a) == 0);
    CHECK(whole(&self));
    pe_device_fini(&self);
}

static void what_is_asked_for_at_once_is_done_in_turn(void)
{
    pe_device self;
    pe_device_init(&self, 0.01);
    for (uint32_t i = 0; i < 4; ++i)
        pe_device_add(&self, join(&self, i), 0, 0, 1, 0.01);
    pe_device_serve(&self, 1, 0, 0.001);
    for (uint32_t i = 0; i < 4; ++i) /* equal times: in order of their numbers */
        CHECK(near(self.clients[i].waited, 0.01 * (i + 1)));
    CHECK(near(self.queued, 0.015) && near(self.free_at, 0.04) && whole(&self));
    pe_device_fini(&self);
}

static void writes_are_in_the_way_and_costs_are_waiting(void)
{
    pe_device self;
    pe_device_init(&self, 0.001);
    uint32_t const a = join(&self, 0);
    pe_device_add(&self, a, 0, 0.5, 0, 0);
    pe_device_add(&self, join(&self, 1), 0.5, 0, 1, 0.001);
    pe_device_serve(&self, 1, 0.9, 1); /* one piece, that is asked for at the middle */
    CHECK(near(self.clients[a].waited, 0.5) && self.clients[1].waited >= 0.001);
    CHECK(self.free_at >= 1.4 - 1e-9 && near(self.read_busy, 0.001));
    pe_device_fini(&self);
}

static double waited(double step, double seconds)
{
    pe_device self;
    pe_device_init(&self, 0.004);
    double sum = 0;
    for (uint32_t i = 0; i < 20; ++i)
        pe_device_add(&self, join(&self, i), 2, 0.1, 40, 0.006);
    for (double t = step; self.time < seconds; t += step) {
        pe_device_serve(&self, t < seconds ? t : seconds, 0, 0.001);
        if (!whole(&self))
            CHECK(false);
    }
    for (uint32_t i = 0; i < 20; ++i) {
        sum += self.clients[i].waited;
        CHECK(self.clients[i].requests == 0);
    }
    pe_device_fini(&self);
    return sum;
}

static void the_grain_of_the_calls_is_of_no_consequence(void)
{
    double const once = waited(100, 100);
    double const often = waited(0.013, 100);
    CHECK(once > 20 * (0.1 + 40 * 0.006)); /* there was a queue */
    CHECK(once - often < 1e-6 && often - once < 1e-6);
}

static void who_leaves_takes_its_requests_along(void)
{
    pe_device self;
    pe_device_init(&self, 0.1);
    uint32_t const a = join(&self, 0), b = join(&self, 1), c = join(&self, 2);
    pe_device_add(&self, a, 0, 0, 100, 0.1);
    pe_device_add(&self, c, 0, 0, 1, 0.1);
    pe_device_leave(&self, a);
    pe_device_serve(&self, 1, 0, 0.001);
    CHECK(near(self.clients[c].waited, 0.1) && near(self.read_busy, 0.1));
    CHECK(join(&self, 3) == a && self.clients[a].requests == 0 && self.clients[a].at == 1);
    pe_device_leave(&self, c);
    pe_device_leave(&self, b);
    pe_device_leave(&self, a);
    CHECK(self.n == 0);
    pe_device_fini(&self);
    pe_device_fini(&self);
}

static void where_there_is_no_memory_nothing_changes(void)
{
    pe_device self;
    pe_device_init(&self, 0.1);
    for (unsigned i = 0; i < 2; ++i) {
        uint32_t client = 99;
        oom_fail_after(i);
        CHECK(pe_device_join(&self, 0, 1, 1, &client) == PE_ERR_NO_MEMORY);
        oom_off();
        CHECK(client == 99 && self.n == 0 && self.room == 0);
    }
    for (uint32_t i = 0; i < 9; ++i) {
        if (i == 8) { /* the eighth filled the first room */
            uint32_t client;
            oom_fail_after(1);
            CHECK(pe_device_join(&self, 0, 1, 1, &client) == PE_ERR_NO_MEMORY);
            oom_off();
            CHECK(self.n == 8 && self.clients[7].there);
        }
        CHECK(join(&self, i) == i);
    }
    pe_device_fini(&self);
}

static void each_rule_is_named_when_it_is_broken(void)
{
    pe_device self;
    const char *reason;
    pe_device_init(&self, 0.1);
    uint32_t const a = join(&self, 0);
    pe_device_add(&self, a, 1, 0, 2, 0.1);
    CHECK(whole(&self));
    self.time = 5;
    CHECK(!pe_device_check(&self, &reason) && reason[1] == '1');
    self.time = 0;
    self.clients[a].gap = 3;
    CHECK(!pe_device_check(&self, &reason) && reason[1] == '2');
    self.clients[a].gap = 0.1;
    self.clients[a].costs = 2;
    CHECK(!pe_device_check(&self, &reason) && reason[1] == '3');
    pe_device_fini(&self);
}

int main(void)
{
    RUN(alone_nobody_queues);
    RUN(what_is_asked_for_at_once_is_done_in_turn);
    RUN(writes_are_in_the_way_and_costs_are_waiting);
    RUN(the_grain_of_the_calls_is_of_no_consequence);
    RUN(who_leaves_takes_its_requests_along);
    RUN(where_there_is_no_memory_nothing_changes);
    RUN(each_rule_is_named_when_it_is_broken);
    return check_result();
}
