/* flood: opens connections through the lab's gateway, one UDP packet each, flat out or paced.
 *
 * Started by bench/flood.py, after the lab's own check; sends nothing where its network namespace
 * is not written down as one of a standing lab's (lab/register.py), or is the first process's.
 * The number of packets is bounded. Connection number i has the tuple that lab/traffic/burst.py's
 * burst_tuple(i, ports) says.
 *
 * usage: flood FIRST COUNT RATE PORTS PER_PORT FIRST_SPORT FIRST_DPORT LAST_DPORT
 *              DESTINATION SOURCE...
 * Prints the nanoseconds (CLOCK_REALTIME) of the first and the last packet. RATE 0: flat out.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <glob.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>

#define MOST 100000000UL
#define BATCH 32
#define PAYLOAD "burst"
#define SIZE (20 + 8 + sizeof PAYLOAD - 1)

static void fail(const char *what)
{
	fprintf(stderr, "flood: %s\n", what);
	exit(2);
}

static unsigned long inode_of(const char *path)
{
	struct stat status;
	return stat(path, &status) ? 0 : status.st_ino;
}

/* Whether a lab's record has this namespace: "[DEVICE, INODE]". */
static int is_recorded(unsigned long inode)
{
	char wanted[32], text[4096];
	glob_t records;
	int found = 0;

	snprintf(wanted, sizeof wanted, ", %lu]", inode);
	if (glob("/run/ctaudit-lab/*/lab.json", 0, NULL, &records))
		return 0;
	for (size_t i = 0; i < records.gl_pathc && !found; i++) {
		FILE *record = fopen(records.gl_pathv[i], "r");
		if (!record)
			continue;
		text[fread(text, 1, sizeof text - 1, record)] = 0;
		found = strstr(text, wanted) != NULL;
		fclose(record);
	}
	globfree(&records);
	return found;
}

static uint64_t now(clockid_t clock)
{
	struct timespec time;
	clock_gettime(clock, &time);
	return time.tv_sec * 1000000000ULL + time.tv_nsec;
}

static void wait_until(uint64_t moment)
{
	struct timespec time = { moment / 1000000000ULL, moment % 1000000000ULL };
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR)
		;
}

static uint64_t number(const char *word)
{
	char *end;
	uint64_t value = strtoull(word, &end, 10);
	if (!*word || *end)
		fail("an argument is no whole number");
	return value;
}

static void prepare(unsigned char *packet, const char *destination)
{
	static const unsigned char head[] = { 0x45, 0, 0, SIZE, 0, 0, 0, 0, 64, IPPROTO_UDP };
	memcpy(packet, head, sizeof head);
	if (inet_pton(AF_INET, destination, packet + 16) != 1)
		fail("the destination is no IPv4 address");
	packet[25] = SIZE - 20;
	memcpy(packet + 28, PAYLOAD, sizeof PAYLOAD - 1);
}

static void put_port(unsigned char *place, unsigned port)
{
	place[0] = port >> 8;
	place[1] = port;
}

int main(int argc, char **argv)
{
	unsigned char packets[BATCH][SIZE] = { 0 };
	struct mmsghdr messages[BATCH] = { 0 };
	struct iovec parts[BATCH];
	struct sockaddr_in to = { .sin_family = AF_INET };
	uint32_t sources[64];
	unsigned n_sources = argc - 10;

	if (argc < 11 || n_sources > 64)
		fail("is started by python3 -m bench.flood");
	unsigned long here = inode_of("/proc/self/ns/net");
	if (!here || here == inode_of("/proc/1/ns/net") || !is_recorded(here))
		fail("sends nothing here: this network namespace is not a lab's");
	uint64_t first = number(argv[1]), count = number(argv[2]), rate = number(argv[3]);
	uint64_t ports = number(argv[4]), per_port = number(argv[5]);
	unsigned first_sport = number(argv[6]), first_dport = number(argv[7]);
	unsigned last_dport = number(argv[8]);
	if (!count || count > MOST || !ports || !per_port)
		fail("the count is out of bounds");
	if (first_dport + (first + count - 1) / ports / per_port * ports + ports - 1 > last_dport)
		fail("not enough destination ports: take a smaller first or count");
	inet_pton(AF_INET, argv[9], &to.sin_addr);
	for (unsigned i = 0; i < n_sources; i++)
		if (inet_pton(AF_INET, argv[10 + i], &sources[i]) != 1)
			fail("a source is no IPv4 address");
	for (unsigned i = 0; i < BATCH; i++) {
		prepare(packets[i], argv[9]);
		parts[i] = (struct iovec){ packets[i], SIZE };
		messages[i].msg_hdr = (struct msghdr){
			.msg_name = &to, .msg_namelen = sizeof to, .msg_iov = &parts[i], .msg_iovlen = 1,
		};
	}
	int sock = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (sock < 0)
		fail("no raw socket: run as root");

	/* Paced, a batch is what a millisecond brings. */
	unsigned most = rate && rate / 1000 < BATCH ? (rate / 1000 ? rate / 1000 : 1) : BATCH;
	uint64_t began = now(CLOCK_REALTIME), start = now(CLOCK_MONOTONIC);
	for (uint64_t done = 0; done < count;) {
		unsigned wanted = count - done < most ? count - done : most;
		for (unsigned i = 0; i < wanted; i++) {
			uint64_t index = first + done + i, turn = index / ports;
			uint64_t place = turn % per_port;
			memcpy(packets[i] + 12, &sources[place % n_sources], 4);
			put_port(packets[i] + 20, first_sport + place / n_sources);
			put_port(packets[i] + 22, first_dport + turn / per_port * ports + index % ports);
		}
		if (rate)
			wait_until(start + done * 1000000000ULL / rate);
		for (unsigned sent = 0; sent < wanted;) {
			int more = sendmmsg(sock, messages + sent, wanted - sent, 0);
			if (more < 0 && errno != EINTR && errno != ENOBUFS)
				fail(strerror(errno));
			sent += more > 0 ? more : 0;
		}
		done += wanted;
	}
	printf("%llu %llu\n", (unsigned long long)began, (unsigned long long)now(CLOCK_REALTIME));
	return 0;
}
