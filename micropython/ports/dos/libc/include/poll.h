#ifndef DOS_LIBC_POLL_H
#define DOS_LIBC_POLL_H

#define POLLIN (0x01)
#define POLLOUT (0x04)
#define POLLERR (0x08)
#define POLLHUP (0x10)
#define POLLNVAL (0x20)

typedef unsigned nfds_t;

struct pollfd {
    int fd;
    short events;
    short revents;
};

int poll(struct pollfd *fds, nfds_t count, int timeout);

#endif // DOS_LIBC_POLL_H
