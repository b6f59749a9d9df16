/* commands.h - the operator's commands that need a running Hubbub or look at one. Each gets argv from its own name on, and
 * returns the exit status: 0 done, 1 refused or failed, 2 wrong arguments. docs/administration.md is their manual. */
#pragma once

int user_main(int argc, char **argv);
int guild_main(int argc, char **argv);
int invite_main(int argc, char **argv);
int bot_main(int argc, char **argv);
int restart_main(int argc, char **argv);
int doctor_main(int argc, char **argv);
