/* SPDX-License-Identifier: Apache-2.0 */
#include "console.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <linux/magic.h>

#include "kernel.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER _IO('T', 0x41)
#endif

/* The multiplexer of a devpts, not something of that name that the image brought along. */
static int open_multiplexer(const struct inside *in, int root)
{
	int fd = inside_open(root, "dev/pts/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK, 0);
	struct statfs fs;
	struct stat st;

	if (fd < 0)
		inside_die(in, 0, -fd, "open '/dev/pts/ptmx' for a terminal");
	if (fstatfs(fd, &fs) < 0 || fstat(fd, &st) < 0)
		inside_die(in, 0, errno, "look at '/dev/pts/ptmx'");
	if (fs.f_type != DEVPTS_SUPER_MAGIC || !S_ISCHR(st.st_mode) || st.st_rdev != makedev(5, 2))
		inside_die(in, BERTH_E_INVALID, 0,
			   "'/dev/pts/ptmx' is no terminal multiplexer; a terminal needs a devpts "
			   "mount on /dev/pts");
	if (fcntl(fd, F_SETFL, 0) < 0)
		inside_die(in, 0, errno, "set up the terminal");
	return fd;
}

static void bind_console(const struct inside *in, int root, int slave)
{
	int target = inside_target(in, root, "dev/console", true);
	int mounted =
		kernel_open_tree(slave, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);

	if (mounted < 0 || kernel_move_mount(mounted, "", target, "",
					     MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) < 0)
		inside_die(in, 0, errno, "bind the terminal on '/dev/console'");
	(void)close(mounted);
	(void)close(target);
}

static void send_master(const struct inside *in, int socket, int master, int number)
{
	char name[40] = "/dev/pts/";
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {{0}};
	struct iovec iov = {.iov_base = name};
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *head = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	inside_number(name + 9, number);
	iov.iov_len = strlen(name);
	head->cmsg_level = SOL_SOCKET;
	head->cmsg_type = SCM_RIGHTS;
	head->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(head), &master, sizeof(int));
	do
		n = sendmsg(socket, &msg, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		inside_die(in, 0, errno, "send the terminal over the console socket");
}

void console_take(const struct inside *in, int root, const struct spec_process *process, int socket,
		  bool bind)
{
	struct winsize size = {.ws_row = process->rows, .ws_col = process->columns};
	int master = open_multiplexer(in, root);
	int number = 0;
	int unlock = 0;
	int slave;

	if (ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &number) < 0)
		inside_die(in, 0, errno, "unlock the terminal");
	/* by the master, not by a path: nobody can put something else there */
	slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		inside_die(in, 0, errno, "open the terminal");
	if ((size.ws_row || size.ws_col) && ioctl(slave, TIOCSWINSZ, &size) < 0)
		inside_die(in, 0, errno, "set the size of the terminal");
	if (fchown(slave, process->uid, (gid_t)-1) < 0)
		inside_die(in, 0, errno, "give the terminal to user %d", (int)process->uid);
	if (bind)
		bind_console(in, root, slave);
	send_master(in, socket, master, number);
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		inside_die(in, 0, errno, "make the terminal the controlling one");
	for (int i = 0; i < 3; i++)
		if (dup2(slave, i) < 0)
			inside_die(in, 0, errno, "connect the terminal");
	if (slave > 2)
		(void)close(slave);
	(void)close(master);
}
