/*
 * address.h
 *		Which addresses a host may have, and whether a host's URL is acceptable.
 *
 * Pure functions on addresses and texts; no memory, no name resolution.
 *
 * The policy is applied to the address a socket is about to be connected to, not to
 * a name.  Public unicast addresses are allowed.  All others (private, shared,
 * link-local, documentation, ...) only if a network listed with the host contains them.
 * Exceptions:
 *	- loopback is also allowed if the host of the URL is literally loopback
 *	  (localhost, *.localhost, 127.x.y.z, [::1]): who wrote that meant it; a
 *	  name that merely resolves there is refused;
 *	- addresses of cloud metadata services only if listed as that one address
 *	  (/32 or /128), so that a wide network does not open them by accident;
 *	- unspecified, broadcast and multicast addresses never.
 * IPv6 addresses that carry an IPv4 address (mapped, NAT64, 6to4) are judged by what
 * they carry; they are allowed if a listed network contains either form.
 */
#ifndef PULSE_HTTP_ADDRESS_H
#define PULSE_HTTP_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

typedef enum PulseAddressKind
{
	PULSE_ADDRESS_PUBLIC,
	PULSE_ADDRESS_LOOPBACK,
	PULSE_ADDRESS_PRIVATE,
	PULSE_ADDRESS_SHARED,		/* carrier-grade NAT */
	PULSE_ADDRESS_LINK_LOCAL,
	PULSE_ADDRESS_RESERVED,		/* documentation, benchmarks, tunnels, future use */
	PULSE_ADDRESS_METADATA,
	PULSE_ADDRESS_UNSPECIFIED,
	PULSE_ADDRESS_MULTICAST,	/* and broadcast */
	PULSE_ADDRESS_OTHER			/* neither IPv4 nor IPv6 */
} PulseAddressKind;

typedef struct PulseCidr
{
	unsigned char family;		/* 4 or 6 */
	unsigned char bits;
	unsigned char addr[16];		/* network order; 4 or 16 bytes used */
} PulseCidr;

typedef struct PulseAddressPolicy
{
	bool		allow_loopback; /* see PulseUrl.loopback */
	int			n_networks;
	const PulseCidr *networks;
} PulseAddressPolicy;

/*
 * Reads "10.0.0.0/8", "fd00::/8", or an address (a network of one). Bits right
 * of the mask must be zero. False if it is malformed.
 */
extern bool pulse_cidr_parse(const char *text, PulseCidr *cidr);

extern PulseAddressKind pulse_address_kind(const struct sockaddr *address);

/* "private", "link-local", ...: literals, for messages. */
extern const char *pulse_address_kind_name(PulseAddressKind kind);

/* May a socket be connected there? *kind (may be NULL) gets the kind of address. */
extern bool pulse_address_allowed(const struct sockaddr *address,
								  const PulseAddressPolicy *policy,
								  PulseAddressKind *kind);

/* The same for an address in text form; malformed is not allowed. */
extern bool pulse_address_text_allowed(const char *text,
									   const PulseAddressPolicy *policy,
									   PulseAddressKind *kind);

#define PULSE_URL_MAX 2048

typedef struct PulseUrl
{
	bool		https;
	bool		loopback;		/* the host is literally loopback */
	int			port;
	size_t		host_at;		/* offset and length of the host, without [] */
	size_t		host_len;
	size_t		origin_len;		/* bytes up to the path: scheme://host:port */
} PulseUrl;

/*
 * Checks the URL of a host: http or https, no user or password, a host of letters, digits,
 * dots, hyphens and underscores or an address, a port within range, path and
 * query without controls, spaces, backslashes or bytes above ASCII, no fragment. False with
 * a literal in *why ("lower case, no full stop") otherwise. Whether plain http is
 * allowed is the caller's question: `url.https || url.loopback || allow_http`.
 */
extern bool pulse_url_parse(const char *text, size_t len, PulseUrl *url, const char **why);

#endif
