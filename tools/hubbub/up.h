/* up.h - `hubbub up`: starts all processes of an instance, keeps them running, and stops them in order. */
#pragma once

/* argv after "up". Returns the exit status: 0 after a stop that was asked for. */
int up_main(int argc, char **argv);

/* `hubbub restart` makes this file in $HUBBUB_DATA and sends SIGUSR1, with one of these as its value; the supervisor removes
 * the file when the last service is ready again. */
#define RESTART_MARKER "run/restarting"
enum { RESTART_ALL, RESTART_GATEWAYS };
