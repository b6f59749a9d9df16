/* hosts.h - the servers of a conninfo that names several, and which of them is tried first. libpq goes on to the next only
 * when one refuses; one that says nothing (a machine that is gone) takes all the time there is. So after an attempt that
 * failed the next one begins at the next server, and after one that did not, at the same. */
#pragma once

struct hosts {
    char *host, *hostaddr, *port; /* comma lists as given; NULL: not given */
};
void hosts_init(struct hosts *, const char *url);
void hosts_finish(struct hosts *);
/* The list beginning with item `first` (mod its length); on the heap. NULL for NULL; a list of one stays. */
char *hosts_turn(const char *list, unsigned first);
/* Which of them it is, 0 when none. */
unsigned hosts_find(const struct hosts *, const char *host, const char *port);
