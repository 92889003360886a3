/* SPDX-License-Identifier: Apache-2.0 */
#include "base/ident.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/random.h>

#include "base/digest.h"

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"
#define HEX    DIGITS "abcdef"

static int random_bytes(void *bytes, size_t n, struct berth_error *err)
{
	ssize_t got;

	do {
		got = getrandom(bytes, n, 0);
	} while (got < 0 && errno == EINTR);
	if (got != (ssize_t)n) /* up to 256 bytes come whole */
		return berth_fail_errno(err, got < 0 ? errno : EIO, "random bytes");
	return 0;
}

int ident_random(char out[static IDENT_ID_MAX], struct berth_error *err)
{
	uint8_t bytes[(IDENT_ID_MAX - 1) / 2];
	char id[IDENT_ID_MAX];

	do {
		int r = random_bytes(bytes, sizeof(bytes), err);

		if (r < 0)
			return r;
		hex_encode(bytes, sizeof(bytes), id);
	} while (strspn(id, DIGITS) >= IDENT_SHORT);
	memcpy(out, id, sizeof(id));
	return 0;
}

static const char *const adjectives[] = {
	"able",	    "airy",	"alert",    "amber",   "ample",	   "ardent",  "astute",	  "balmy",
	"blithe",   "bold",	"brave",    "breezy",  "bright",   "brisk",   "bustling", "calm",
	"candid",   "careful",	"cheerful", "civil",   "clear",	   "clever",  "cogent",	  "cordial",
	"cosy",	    "crisp",	"curious",  "dapper",  "daring",   "deft",    "diligent", "dreamy",
	"eager",    "earnest",	"easy",	    "elated",  "eloquent", "even",    "exact",	  "fair",
	"famous",   "fearless", "festive",  "fine",    "fleet",	   "fluent",  "fond",	  "frank",
	"free",	    "fresh",	"frugal",   "gallant", "gentle",   "genial",  "glad",	  "golden",
	"graceful", "handy",	"hardy",    "helpful", "honest",   "humble",  "ideal",	  "jolly",
	"jovial",   "keen",	"kind",	    "lively",  "logical",  "lucid",   "lucky",	  "merry",
	"mild",	    "modest",	"neat",	    "nimble",  "noble",	   "patient", "peaceful", "playful",
	"pleasant", "polite",	"prompt",   "proud",   "quick",	   "quiet",   "ready",	  "robust",
	"serene",   "sharp",	"silent",   "sincere", "smooth",   "sober",   "steady",	  "stoic",
	"sturdy",   "subtle",	"sunny",    "swift",   "tactful",  "tender",  "thrifty",  "tidy",
	"tranquil", "trusty",	"upbeat",   "valiant", "vivid",	   "warm",    "wise",	  "witty",
	"zealous",
};

/* People of the sea, of its maps and ships, and of the machines and sciences that serve them. */
static const char *const surnames[] = {
	"abel",	      "agnesi",	    "amundsen", "anning",     "aryabhata", "babbage",	"baffin",
	"baret",      "bartik",	    "beaufort", "bell",	      "bering",	   "bernoulli", "bohr",
	"boole",      "brahe",	    "brunel",	"byron",      "cabot",	   "cantor",	"carson",
	"cassini",    "cavendish",  "chatelet", "colden",     "cook",	   "cousteau",	"curie",
	"dalton",     "darwin",	    "davis",	"diesel",     "dirac",	   "earhart",	"earle",
	"ekman",      "ericsson",   "euclid",	"euler",      "faraday",   "fermat",	"fibonacci",
	"fitzroy",    "flamsteed",  "flinders", "fourier",    "franklin",  "frobisher", "fulton",
	"galois",     "gauss",	    "germain",	"goddard",    "halley",	   "hamilton",	"harrison",
	"henson",     "herschel",   "hilbert",	"hokusai",    "hooke",	   "hopper",	"hudson",
	"humboldt",   "huygens",    "hypatia",	"jansky",     "johnson",   "joule",	"kepler",
	"khayyam",    "lagrange",   "lamarr",	"laplace",    "leavitt",   "leibniz",	"lomonosov",
	"lovelace",   "magellan",   "maury",	"maxwell",    "mayer",	   "mendel",	"mercator",
	"mitchell",   "nansen",	    "napier",	"newcomen",   "noether",   "ortelius",	"parsons",
	"pascal",     "piccard",    "poincare", "ptolemy",    "ramanujan", "rayleigh",	"ross",
	"scoresby",   "shackleton", "slocum",	"somerville", "stevin",	   "tasman",	"tharp",
	"torricelli", "turing",	    "vespucci", "volta",      "watt",	   "wegener",	"zhenghe",
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

int ident_random_name(unsigned try, char out[static IDENT_NAME_MAX], struct berth_error *err)
{
	uint32_t random[3];
	char digit[2] = "";
	int r = random_bytes(random, sizeof(random), err);

	if (r < 0)
		return r;
	if (try > 0)
		digit[0] = (char)('0' + random[2] % 10);
	(void)snprintf(out, IDENT_NAME_MAX, "%s_%s%s", adjectives[random[0] % COUNT(adjectives)],
		       surnames[random[1] % COUNT(surnames)], digit);
	return 0;
}

/* One of @first, then only of @rest; between @min and @max bytes in all. */
static bool matches(const char *s, const char *first, const char *rest, size_t min, size_t max)
{
	size_t len = strnlen(s, max + 1);

	if (len < min || len > max || !strchr(first, s[0]))
		return false;
	return strspn(s, rest) == len;
}

bool ident_is_id(const char *s)
{
	return matches(s, HEX, HEX, IDENT_ID_MAX - 1, IDENT_ID_MAX - 1);
}

bool ident_is_id_prefix(const char *s)
{
	return matches(s, HEX, HEX, 1, IDENT_ID_MAX - 1);
}

bool ident_is_name(const char *s)
{
	return matches(s, LOWER UPPER DIGITS, LOWER UPPER DIGITS "_.-", 2, 255);
}

bool ident_is_object(const char *s)
{
	return matches(s, LOWER DIGITS, LOWER DIGITS "_.:-", 1, 128);
}

bool ident_is_driver(const char *s)
{
	return matches(s, LOWER, LOWER DIGITS "-", 1, 32);
}
