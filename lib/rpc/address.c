#include "lib/base/log.h"
#include "lib/rpc/server.h"
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* gRPC removes whatever socket stands at the path and binds in its place, even under a server that is alive: the
 * clients of that one would be cut off without a word. So it is asked first. */
static bool is_listened_on(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return false;
    bool answered = !connect(fd, (const struct sockaddr *)address, sizeof *address) || errno == EAGAIN;
    close(fd);
    return answered;
}

bool address_claim(const char *listen)
{
    static const char prefix[] = "unix:";
    if (strncmp(listen, prefix, sizeof prefix - 1))
        return true;
    const char *path = listen + sizeof prefix - 1;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!*path || strlen(path) >= sizeof address.sun_path) {
        log_error("the path of a unix socket is empty or too long", LOG_S("address", listen));
        return false;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    struct stat st;
    if (lstat(path, &st))
        return true;
    if (!S_ISSOCK(st.st_mode) || is_listened_on(&address)) {
        log_error("the address is in use", LOG_S("address", listen));
        return false;
    }
    return !unlink(path) || errno == ENOENT;
}
