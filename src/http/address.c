/*
 * address.c
 *		Which addresses a host may have, and whether a host's URL is acceptable.
 *
 * Owns the address policy.  Pure: no memory, no name resolution, no server API; it is called
 * from a callback of curl at the moment a socket is opened.
 */
#include "http/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>

typedef struct Range
{
	unsigned char addr[16];
	int			bits;
	PulseAddressKind kind;
} Range;

/* First match counts. */
static const Range ranges4[] = {
	{{169, 254, 169, 254}, 32, PULSE_ADDRESS_METADATA},
	{{169, 254, 170, 2}, 32, PULSE_ADDRESS_METADATA},
	{{100, 100, 100, 200}, 32, PULSE_ADDRESS_METADATA},
	{{168, 63, 129, 16}, 32, PULSE_ADDRESS_METADATA},
	{{192, 0, 0, 192}, 32, PULSE_ADDRESS_METADATA},
	{{0, 0, 0, 0}, 8, PULSE_ADDRESS_UNSPECIFIED},
	{{10, 0, 0, 0}, 8, PULSE_ADDRESS_PRIVATE},
	{{100, 64, 0, 0}, 10, PULSE_ADDRESS_SHARED},
	{{127, 0, 0, 0}, 8, PULSE_ADDRESS_LOOPBACK},
	{{169, 254, 0, 0}, 16, PULSE_ADDRESS_LINK_LOCAL},
	{{172, 16, 0, 0}, 12, PULSE_ADDRESS_PRIVATE},
	{{192, 0, 0, 0}, 24, PULSE_ADDRESS_RESERVED},
	{{192, 0, 2, 0}, 24, PULSE_ADDRESS_RESERVED},
	{{192, 88, 99, 0}, 24, PULSE_ADDRESS_RESERVED},
	{{192, 168, 0, 0}, 16, PULSE_ADDRESS_PRIVATE},
	{{198, 18, 0, 0}, 15, PULSE_ADDRESS_RESERVED},
	{{198, 51, 100, 0}, 24, PULSE_ADDRESS_RESERVED},
	{{203, 0, 113, 0}, 24, PULSE_ADDRESS_RESERVED},
	{{224, 0, 0, 0}, 4, PULSE_ADDRESS_MULTICAST},
	{{255, 255, 255, 255}, 32, PULSE_ADDRESS_MULTICAST},
	{{240, 0, 0, 0}, 4, PULSE_ADDRESS_RESERVED}
};

/* Those that carry an IPv4 address are unwrapped before this table is read. */
static const Range ranges6[] = {
	{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128,
	PULSE_ADDRESS_METADATA},
	{{0xfd, 0x20, 0, 0xce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128,
	PULSE_ADDRESS_METADATA},
	{{0}, 128, PULSE_ADDRESS_UNSPECIFIED},
	{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, PULSE_ADDRESS_LOOPBACK},
	{{0xfc}, 7, PULSE_ADDRESS_PRIVATE},
	{{0xfe, 0x80}, 10, PULSE_ADDRESS_LINK_LOCAL},
	{{0xfe, 0xc0}, 10, PULSE_ADDRESS_PRIVATE},	/* site-local of old */
	{{0xff}, 8, PULSE_ADDRESS_MULTICAST},
	{{0x20, 0x01, 0x00, 0x00}, 23, PULSE_ADDRESS_RESERVED}, /* Teredo among them */
	{{0x20, 0x01, 0x0d, 0xb8}, 32, PULSE_ADDRESS_RESERVED},
	{{0x3f, 0xff, 0x00}, 20, PULSE_ADDRESS_RESERVED},
	{{0x20}, 3, PULSE_ADDRESS_PUBLIC}
};

static bool
bits_match(const unsigned char *a, const unsigned char *b, int bits)
{
	int			whole = bits / 8;
	int			rest = bits % 8;

	if (memcmp(a, b, whole) != 0)
		return false;
	return rest == 0 || ((a[whole] ^ b[whole]) >> (8 - rest)) == 0;
}

static PulseAddressKind
kind_of_4(const unsigned char *a)
{
	size_t		i;

	for (i = 0; i < sizeof(ranges4) / sizeof(ranges4[0]); i++)
	{
		if (bits_match(a, ranges4[i].addr, ranges4[i].bits))
			return ranges4[i].kind;
	}
	return PULSE_ADDRESS_PUBLIC;
}

static PulseAddressKind
kind_of_6(const unsigned char *a)
{
	size_t		i;

	for (i = 0; i < sizeof(ranges6) / sizeof(ranges6[0]); i++)
	{
		if (bits_match(a, ranges6[i].addr, ranges6[i].bits))
			return ranges6[i].kind;
	}
	return PULSE_ADDRESS_RESERVED;
}

/* Extracts the IPv4 address that an IPv6 address stands for. */
static bool
carried_4(const unsigned char *a, unsigned char *out)
{
	static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	static const unsigned char translated[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0};
	static const unsigned char nat64[12] = {0, 0x64, 0xff, 0x9b};

	if (memcmp(a, mapped, 12) == 0 || memcmp(a, translated, 12) == 0 ||
		memcmp(a, nat64, 12) == 0)
	{
		memcpy(out, a + 12, 4);
		return true;
	}
	if (a[0] == 0x20 && a[1] == 0x02)	/* 6to4 */
	{
		memcpy(out, a + 2, 4);
		return true;
	}
	return false;
}

static bool
listed(int family, const unsigned char *a, const PulseAddressPolicy *policy,
	   bool exact)
{
	int			i;

	for (i = 0; i < policy->n_networks; i++)
	{
		const PulseCidr *net = &policy->networks[i];

		if (net->family != family || net->bits > (family == 4 ? 32 : 128))
			continue;
		if (exact && net->bits != (family == 4 ? 32 : 128))
			continue;
		if (bits_match(a, net->addr, net->bits))
			return true;
	}
	return false;
}

/* Bytes of an address; 4, 6, or 0 if it is of another family. */
static int
bytes_of(const struct sockaddr *address, unsigned char *out)
{
	if (address->sa_family == AF_INET)
	{
		struct sockaddr_in in;

		memcpy(&in, address, sizeof(in));
		memcpy(out, &in.sin_addr, 4);
		return 4;
	}
	if (address->sa_family == AF_INET6)
	{
		struct sockaddr_in6 in6;

		memcpy(&in6, address, sizeof(in6));
		memcpy(out, &in6.sin6_addr, 16);
		return 6;
	}
	return 0;
}

static PulseAddressKind
kind_of(int family, const unsigned char *a)
{
	unsigned char v4[4];

	if (family == 4)
		return kind_of_4(a);
	if (family != 6)
		return PULSE_ADDRESS_OTHER;
	if (carried_4(a, v4))
		return kind_of_4(v4);
	return kind_of_6(a);
}

static bool
allowed(int family, const unsigned char *a, const PulseAddressPolicy *policy,
		PulseAddressKind *kind)
{
	PulseAddressKind k = kind_of(family, a);
	unsigned char v4[4];
	bool		exact;

	if (kind)
		*kind = k;
	switch (k)
	{
		case PULSE_ADDRESS_PUBLIC:
			return true;
		case PULSE_ADDRESS_UNSPECIFIED:
		case PULSE_ADDRESS_MULTICAST:
		case PULSE_ADDRESS_OTHER:
			return false;
		case PULSE_ADDRESS_LOOPBACK:
			if (policy->allow_loopback)
				return true;
			break;
		case PULSE_ADDRESS_PRIVATE:
		case PULSE_ADDRESS_SHARED:
		case PULSE_ADDRESS_LINK_LOCAL:
		case PULSE_ADDRESS_RESERVED:
		case PULSE_ADDRESS_METADATA:
			break;
	}

	exact = k == PULSE_ADDRESS_METADATA;
	if (listed(family, a, policy, exact))
		return true;
	return family == 6 && carried_4(a, v4) && listed(4, v4, policy, exact);
}

bool
pulse_cidr_parse(const char *text, PulseCidr *cidr)
{
	char		address[INET6_ADDRSTRLEN];
	const char *slash = strchr(text, '/');
	size_t		len = slash ? (size_t) (slash - text) : strlen(text);
	int			width;
	int			bits;
	int			i;

	memset(cidr, 0, sizeof(*cidr));
	if (len == 0 || len >= sizeof(address))
		return false;
	memcpy(address, text, len);
	address[len] = '\0';

	if (inet_pton(AF_INET, address, cidr->addr) == 1)
	{
		cidr->family = 4;
		width = 32;
	}
	else if (inet_pton(AF_INET6, address, cidr->addr) == 1)
	{
		cidr->family = 6;
		width = 128;
	}
	else
		return false;

	bits = width;
	if (slash)
	{
		const char *p = slash + 1;

		if (*p < '0' || *p > '9' || (*p == '0' && p[1] != '\0'))
			return false;
		for (bits = 0; *p >= '0' && *p <= '9' && bits <= width; p++)
			bits = bits * 10 + (*p - '0');
		if (*p != '\0' || bits > width)
			return false;
	}
	cidr->bits = (unsigned char) bits;

	for (i = bits; i < width; i++)
	{
		if (cidr->addr[i / 8] & (0x80 >> (i % 8)))
			return false;
	}
	return true;
}

PulseAddressKind
pulse_address_kind(const struct sockaddr *address)
{
	unsigned char a[16];

	return kind_of(bytes_of(address, a), a);
}

const char *
pulse_address_kind_name(PulseAddressKind kind)
{
	switch (kind)
	{
		case PULSE_ADDRESS_PUBLIC:
			return "public";
		case PULSE_ADDRESS_LOOPBACK:
			return "loopback";
		case PULSE_ADDRESS_PRIVATE:
			return "private";
		case PULSE_ADDRESS_SHARED:
			return "shared";
		case PULSE_ADDRESS_LINK_LOCAL:
			return "link-local";
		case PULSE_ADDRESS_RESERVED:
			return "reserved";
		case PULSE_ADDRESS_METADATA:
			return "metadata";
		case PULSE_ADDRESS_UNSPECIFIED:
			return "unspecified";
		case PULSE_ADDRESS_MULTICAST:
			return "multicast";
		case PULSE_ADDRESS_OTHER:
			break;
	}
	return "unknown";
}

bool
pulse_address_allowed(const struct sockaddr *address,
					  const PulseAddressPolicy *policy, PulseAddressKind *kind)
{
	unsigned char a[16];
	int			family = bytes_of(address, a);

	return allowed(family, a, policy, kind);
}

bool
pulse_address_text_allowed(const char *text, const PulseAddressPolicy *policy,
						   PulseAddressKind *kind)
{
	unsigned char a[16];
	char		plain[INET6_ADDRSTRLEN];
	size_t		len = strcspn(text, "%");	/* without a zone */

	if (kind)
		*kind = PULSE_ADDRESS_OTHER;
	if (len >= sizeof(plain))
		return false;
	memcpy(plain, text, len);
	plain[len] = '\0';

	if (inet_pton(AF_INET, plain, a) == 1)
		return allowed(4, a, policy, kind);
	if (inet_pton(AF_INET6, plain, a) == 1)
		return allowed(6, a, policy, kind);
	return false;
}

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
is_alnum(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/*
 * A host name, or an IPv4 address in its only unambiguous form: what has a
 * number as its last label and is not four plain decimal numbers ("127.1",
 * "0x7f000001", "2130706433") reads differently in different libraries.
 */
static bool
check_name(const char *s, size_t len, PulseUrl *url, const char **why)
{
	char		name[256];
	unsigned char a[4];
	size_t		i;
	size_t		label = 0;

	if (len == 0)
	{
		*why = "the URL has no host";
		return false;
	}
	if (len > 253)
	{
		*why = "the host of the URL is too long";
		return false;
	}
	for (i = 0; i <= len; i++)
	{
		if (i == len || s[i] == '.')
		{
			if (i == label || i - label > 63)
			{
				/* a single dot at the very end marks a full name */
				if (!(i == len && i == label && i > 0))
				{
					*why = "the host of the URL has an empty or too long label";
					return false;
				}
			}
			if (i < len)
				label = i + 1;
		}
		else if (!is_alnum(s[i]) && s[i] != '-' && s[i] != '_')
		{
			*why = "the host of the URL contains a character that is not allowed";
			return false;
		}
	}
	memcpy(name, s, len);
	name[len] = '\0';

	if (inet_pton(AF_INET, name, a) == 1)
	{
		url->loopback = a[0] == 127;
		return true;
	}
	if (label == len)			/* trailing dot: look at the label before */
	{
		name[len - 1] = '\0';
		label = strrchr(name, '.') ? (size_t) (strrchr(name, '.') - name) + 1 : 0;
	}
	if (is_digit(name[label]) &&
		(name[label + strspn(name + label, "0123456789")] == '\0' ||
		 (name[label] == '0' && (name[label + 1] == 'x' || name[label + 1] == 'X'))))
	{
		*why = "the host of the URL looks like a number but is no IPv4 address";
		return false;
	}
	url->loopback = strcasecmp(name, "localhost") == 0 ||
		(len > 10 && strcasecmp(name + len - 10, ".localhost") == 0);
	return true;
}

static bool
check_ipv6(const char *s, size_t len, PulseUrl *url, const char **why)
{
	static const unsigned char one[16] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	char		text[INET6_ADDRSTRLEN];
	unsigned char a[16];

	if (len < sizeof(text))
	{
		memcpy(text, s, len);
		text[len] = '\0';
		if (inet_pton(AF_INET6, text, a) == 1)
		{
			url->loopback = memcmp(a, one, 16) == 0;
			return true;
		}
	}
	*why = "the URL has a malformed IPv6 address";
	return false;
}

bool
pulse_url_parse(const char *text, size_t len, PulseUrl *url, const char **why)
{
	const char *end = text + len;
	const char *p;
	const char *host;
	size_t		i;

	memset(url, 0, sizeof(*url));
	if (len > PULSE_URL_MAX)
	{
		*why = "the URL is too long";
		return false;
	}
	for (i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) text[i];

		if (c <= ' ' || c >= 0x7f || strchr("\\\"<>^`{|}", c) != NULL)
		{
			*why = "the URL contains a character that is not allowed";
			return false;
		}
	}
	if (len >= 8 && strncasecmp(text, "https://", 8) == 0)
	{
		url->https = true;
		url->port = 443;
		p = text + 8;
	}
	else if (len >= 7 && strncasecmp(text, "http://", 7) == 0)
	{
		url->port = 80;
		p = text + 7;
	}
	else
	{
		*why = "the URL does not begin with https:// or http://";
		return false;
	}
	if (memchr(text, '#', len) != NULL)
	{
		*why = "the URL has a fragment";
		return false;
	}

	host = p;
	while (p < end && *p != '/' && *p != '?')
		p++;
	url->origin_len = p - text;
	if (memchr(host, '@', p - host) != NULL)
	{
		*why = "the URL contains a user name";
		return false;
	}
	end = p;

	if (host < end && *host == '[')
	{
		host++;
		p = memchr(host, ']', end - host);
		if (p == NULL || !check_ipv6(host, p - host, url, why))
		{
			*why = "the URL has a malformed IPv6 address";
			return false;
		}
		url->host_len = p - host;
		p++;
		if (p < end && *p != ':')
		{
			*why = "the URL has a malformed IPv6 address";
			return false;
		}
	}
	else
	{
		p = memchr(host, ':', end - host);
		if (p == NULL)
			p = end;
		if (!check_name(host, p - host, url, why))
			return false;
		url->host_len = p - host;
	}
	url->host_at = host - text;

	if (p < end)
	{
		int			port = 0;

		for (p++; p < end && is_digit(*p) && port <= 65535; p++)
			port = port * 10 + (*p - '0');
		if (p < end || p[-1] == ':' || port < 1 || port > 65535)
		{
			*why = "the URL has a malformed port";
			return false;
		}
		url->port = port;
	}
	return true;
}
