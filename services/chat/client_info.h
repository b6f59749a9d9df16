/* client_info.h - what a User-Agent says of somebody's machine and program, for the list of their sessions. Only names
 * of the tables in client_info.c come out: nothing that a client wrote is kept. Pure. */
#pragma once

struct client_info {
    const char *os, *platform; /* static; NULL: not known */
};
/* user_agent may be NULL, and hold any bytes. */
struct client_info client_info_of(const char *user_agent);
