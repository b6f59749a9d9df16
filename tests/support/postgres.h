/* postgres.h - a private PostgreSQL for the length of a test process. One thread. Failures end the process. */
#pragma once

/* Starts it; returns its URL, which lives as long as the process. A second call gives the same one. */
const char *postgres_start(void);
/* "kill", "start", "pause", "resume": see postgres.sh. Returns when it is done. */
void postgres_command(const char *);
