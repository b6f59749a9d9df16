/* teller.h - the thread that ends what was not beaten and tells guilds whose presence changed. Any number of processes
 * may have one: each change is taken by exactly one of them. */
#pragma once
#include "lib/bus/bus.h"
#include "services/presence/store.h"

struct teller;
struct teller *teller_create(struct store_shared *, struct bus_publisher *);
void teller_destroy(struct teller *);
