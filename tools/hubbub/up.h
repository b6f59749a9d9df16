/* up.h - `hubbub up`: starts all processes of an instance, keeps them running, and stops them in order. */
#pragma once

/* argv after "up". Returns the exit status: 0 after a stop that was asked for. */
int up_main(int argc, char **argv);
