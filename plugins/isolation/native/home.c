/* SPDX-License-Identifier: Apache-2.0 */
#include "home.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_MAX = 1024 * 1024, /* of a hostile file nobody reads more */
	FIELD_UID = 2,
	FIELD_HOME = 5,
};

/* The state of reading "name:password:uid:gid:gecos:home:shell", one byte after the other. */
struct line {
	unsigned field;
	uint64_t uid;
	bool bad_uid, has_uid;
	size_t home_len;
};

/* True at the end of a line that was the user's. */
static bool take(struct line *l, char c, uid_t uid, char *home, size_t room)
{
	if (c == '\n') {
		bool ours = l->field >= FIELD_HOME && l->has_uid && !l->bad_uid && l->uid == uid &&
			    l->home_len > 0;

		if (ours) {
			home[l->home_len] = '\0';
			return true;
		}
		*l = (struct line){0};
		return false;
	}
	if (c == ':') {
		l->field++;
		return false;
	}
	if (l->field == FIELD_UID) {
		l->bad_uid = l->bad_uid || c < '0' || c > '9' || l->uid > UINT32_MAX;
		l->uid = l->uid * 10 + (uint64_t)(c - '0');
		l->has_uid = true;
	} else if (l->field == FIELD_HOME) {
		if (l->home_len + 1 < room)
			home[l->home_len++] = c;
	}
	return false;
}

static bool find_line(int fd, uid_t uid, char *home, size_t room, char *bytes, size_t size)
{
	struct line line = {0};
	size_t total = 0;
	ssize_t n;

	while (total < FILE_MAX && (n = read(fd, bytes, size)) > 0) {
		for (ssize_t i = 0; i < n; i++)
			if (take(&line, bytes[i], uid, home, room))
				return true;
		total += (size_t)n;
	}
	return take(&line, '\n', uid, home, room); /* a last line without its end */
}

void home_find(const struct inside *in, struct become *b)
{
	static const char prefix[] = "HOME=";
	char *home = b->room + sizeof(prefix) - 1;
	bool found = false;
	struct stat st;
	size_t n = 0;
	int fd;

	memcpy(b->room, prefix, sizeof(prefix));
	fd = open("/etc/passwd", O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		found = find_line(fd, b->process->uid, home, PLAN_ROOM - sizeof(prefix),
				  in->scratch[0], INSIDE_PATH_MAX);
	if (fd >= 0)
		(void)close(fd);
	if (!found)
		memcpy(home, "/", 2);
	while (b->envp[n])
		n++;
	b->envp[n] = b->room;
}
