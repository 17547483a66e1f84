/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program behind uio_hv_generic in a guest of the nested rig, linked statically: the other end
 * of hvd's device echo. It binds the driver to the device's class, maps rings and monitor page of
 * /dev/uioN, and sends back what the host asks for.
 *
 *	uio-echo					until the host takes the device away
 *	uio-echo --ask COUNT [--size N] [--window N]	asks the host instead, says how long it took
 *	uio-echo --misbehave KIND [--after N]		breaks the rules once N packets were echoed
 *	uio-echo --list					the kinds
 *
 * A guest that froze goes on at SIGUSR1. User space cannot make a hypercall: to signal the host is
 * to set the device's bit in the monitor page.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>
#include "../unit/echo_peer.h"
#include "common/util.h"
#include "hvdef/hv_synic.h"

/* Indices of uio_hv_generic's maps. */
enum { MAP_RINGS = 0, MAP_MONITOR_PAGE = 2 };

static const char class_text[] = "6563686f-6876-4d64-9c2e-68766563686f";
static const char new_id[] = "/sys/bus/vmbus/drivers/uio_hv_generic/new_id";

struct uio {
	char name[32]; /* "uio0" */
	int fd;
	unsigned monitor_id;
	uint8_t *rings;
	size_t ring_bytes;
	struct hv_monitor_page *monitor_page;
	uint64_t sleeps;
};

static volatile sig_atomic_t thawed;

static void on_thaw(int number)
{
	thawed = 1;
}

static int fail(const char *what)
{
	perror(what);
	return 1;
}

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NSEC_PER_SEC + (uint64_t)now.tv_nsec;
}

/* ---- finding and mapping -------------------- */

/* The first line of an attribute of a UIO device; "" when it cannot be read. */
static void read_attribute(const char *uio, const char *attribute, char *text, size_t size)
{
	char path[512];
	FILE *file;

	text[0] = '\0';
	snprintf(path, sizeof(path), "/sys/class/uio/%s/%s", uio, attribute);
	file = fopen(path, "r");
	if (!file)
		return;
	if (fgets(text, (int)size, file))
		text[strcspn(text, "\n")] = '\0';
	fclose(file);
}

static uint64_t read_number(const char *uio, const char *attribute)
{
	char text[32];

	read_attribute(uio, attribute, text, sizeof(text));
	return strtoull(text, NULL, 0);
}

static bool find_device(struct uio *uio)
{
	DIR *directory = opendir("/sys/class/uio");
	const struct dirent *entry;
	char class[64];
	bool found = false;

	while (directory && !found && (entry = readdir(directory))) {
		read_attribute(entry->d_name, "device/class_id", class, sizeof(class));
		found = strstr(class, class_text) != NULL;
		if (found)
			snprintf(uio->name, sizeof(uio->name), "%.31s", entry->d_name);
	}
	if (directory)
		closedir(directory);
	return found;
}

/* The driver has no class of its own: it takes those it is told. */
static bool bind_driver(struct uio *uio)
{
	FILE *file;

	if (find_device(uio))
		return true;
	file = fopen(new_id, "w");
	if (!file)
		return false;
	fputs(class_text, file);
	if (fclose(file) != 0)
		return false;
	for (unsigned i = 0; i < 100 && !find_device(uio); i++)
		usleep(100000);
	return uio->name[0] != '\0';
}

static void *map(const struct uio *uio, unsigned index, size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, uio->fd,
		(off_t)(index * VMBUS_PAGE_SIZE));

	return memory == MAP_FAILED ? NULL : memory;
}

static bool open_device(struct uio *uio)
{
	char path[64];

	snprintf(path, sizeof(path), "/dev/%s", uio->name);
	uio->fd = open(path, O_RDWR);
	if (uio->fd < 0)
		return false;
	uio->monitor_id = (unsigned)read_number(uio->name, "device/monitor_id") % HV_MONITOR_COUNT;
	uio->ring_bytes = read_number(uio->name, "maps/map0/size");
	uio->rings = map(uio, MAP_RINGS, uio->ring_bytes);
	uio->monitor_page = map(uio, MAP_MONITOR_PAGE, VMBUS_PAGE_SIZE);
	return uio->rings && uio->monitor_page;
}

static void set_monitor_bit(void *arg)
{
	struct uio *uio = arg;
	unsigned id = uio->monitor_id;

	__atomic_fetch_or(
		&uio->monitor_page->group[id / 32].pending, 1u << id % 32, __ATOMIC_SEQ_CST);
}

/* Both rings have as many pages, one behind the other. */
static int start_peer(struct uio *uio, struct echo_peer *peer)
{
	static uint8_t *pages[1024];
	size_t count = MIN(uio->ring_bytes / VMBUS_PAGE_SIZE, ARRAY_LEN(pages));

	for (size_t i = 0; i < count; i++)
		pages[i] = uio->rings + i * VMBUS_PAGE_SIZE;
	peer->now_ns = now_ns;
	return echo_peer_init(peer, pages, (uint32_t)(count / 2), set_monitor_bit, uio);
}

/* ---- exchanging -------------------- */

/* Until the host signals. False: it has taken the device away. */
static bool sleep_until_signalled(struct uio *uio, struct echo_peer *peer)
{
	struct pollfd wait = {.fd = uio->fd, .events = POLLIN};
	uint32_t events;

	if (peer->frozen) {
		pause();
		peer->frozen = !thawed && peer->frozen;
		return true;
	}
	uio->sleeps++;
	if (peer->flooding && poll(&wait, 1, 0) == 0)
		return true;
	return read(uio->fd, &events, sizeof(events)) == sizeof(events) || errno == EINTR;
}

static bool has_asked(const struct echo_peer *peer)
{
	return peer->ask.count > 0 && peer->ask.received + peer->ask.wrong >= peer->ask.count;
}

static void exchange(struct uio *uio, struct echo_peer *peer)
{
	bool there = true;

	while (there && !has_asked(peer)) {
		switch (echo_peer_turn(peer)) {
		case ECHO_PEER_AGAIN:
			break;
		case ECHO_PEER_SLEEP:
			there = has_asked(peer) || sleep_until_signalled(uio, peer);
			break;
		case ECHO_PEER_CLOSE:
			there = false;
			break;
		}
	}
}

static void tell_asked(const struct echo_peer *peer, uint64_t elapsed_ns)
{
	const struct histogram *trips = &peer->ask.round_trips;

	printf("asked %" PRIu64 " of %u bytes, window %u: %" PRIu64 " came back, %" PRIu64
	       " wrong, %" PRIu64 " packets/s\n",
		peer->ask.sent, peer->ask.size, peer->ask.window, peer->ask.received,
		peer->ask.wrong, peer->ask.received * NSEC_PER_SEC / (elapsed_ns + 1));
	printf("round trip %" PRIu64 " to %" PRIu64 " us, median %" PRIu64 " us, p99 %" PRIu64
	       " us\n",
		trips->minimum / NSEC_PER_USEC, trips->maximum / NSEC_PER_USEC,
		histogram_quantile(trips, 500) / NSEC_PER_USEC,
		histogram_quantile(trips, 990) / NSEC_PER_USEC);
}

static int run(struct uio *uio, struct echo_peer *peer)
{
	uint64_t start_ns;

	if (!bind_driver(uio))
		return fail("no device echo with uio_hv_generic");
	if (!open_device(uio))
		return fail(uio->name);
	if (start_peer(uio, peer) < 0) {
		fprintf(stderr, "%s: these are no rings\n", uio->name);
		return 1;
	}
	printf("%s: open, monitor %u, rings of %zu KiB\n", uio->name, uio->monitor_id,
		uio->ring_bytes / 2048);
	fflush(stdout);
	start_ns = now_ns();
	exchange(uio, peer);
	if (peer->ask.count > 0)
		tell_asked(peer, now_ns() - start_ns);
	printf("%s: closed, %" PRIu64 " echoed, %" PRIu64 " signals, %" PRIu64 " sleeps\n",
		uio->name, peer->echoed, peer->signals, uio->sleeps);
	close(uio->fd);
	return 0;
}

/* ---- options -------------------- */

static int list(void)
{
	for (unsigned i = BEHAVES + 1; i < MISBEHAVIOURS_END; i++)
		printf("%-15s %s\n", misbehaviour_desc[i].name, misbehaviour_desc[i].help);
	return 0;
}

static uint64_t number(const char *text, uint64_t most)
{
	return MIN(strtoull(text, NULL, 0), most);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"after", required_argument, NULL, 'a'},
		{"ask", required_argument, NULL, 'c'},
		{"list", no_argument, NULL, 'l'},
		{"misbehave", required_argument, NULL, 'm'},
		{"size", required_argument, NULL, 's'},
		{"window", required_argument, NULL, 'w'},
		{NULL, 0, NULL, 0},
	};
	static struct echo_peer peer = {.ask = {.size = 64, .window = 1}};
	static struct uio uio;
	int letter;

	while ((letter = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (letter == 'a')
			peer.after = number(optarg, UINT64_MAX);
		else if (letter == 'c')
			peer.ask.count = number(optarg, UINT64_MAX);
		else if (letter == 's')
			peer.ask.size = (uint32_t)number(optarg, VMBUS_ECHO_SIZE_MAX);
		else if (letter == 'w')
			peer.ask.window = (uint32_t)number(optarg, ECHO_PEER_WINDOW_MAX);
		else if (letter == 'm')
			peer.how = echo_peer_misbehaviour(optarg);
		else if (letter == 'l')
			return list();
		if (letter == '?' || (letter == 'm' && peer.how == BEHAVES)) {
			fputs("uio-echo: no such option, or kind of misbehaviour\n", stderr);
			return 2;
		}
	}
	peer.ask.size = MAX(peer.ask.size, (uint32_t)sizeof(struct vmbus_echo_header));
	signal(SIGUSR1, on_thaw);
	return run(&uio, &peer);
}
