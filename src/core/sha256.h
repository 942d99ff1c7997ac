/*
 * sha256.h
 *		SHA-256 and HMAC-SHA-256 on plain memory.
 *
 * The server's own (common/hmac.h, common/cryptohash.h) allocate and need a
 * resource owner, so they cannot be called between transactions, where calls to
 * hosts are signed.  These cannot fail.
 */
#ifndef PULSE_CORE_SHA256_H
#define PULSE_CORE_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define PULSE_SHA256_LEN 32
#define PULSE_SHA256_HEX 64		/* without the NUL */

typedef struct PulseSha256
{
	uint32_t	state[8];
	uint64_t	bytes;
	unsigned char block[64];
} PulseSha256;

typedef struct PulseHmac
{
	PulseSha256 inner;
	PulseSha256 outer;
} PulseHmac;

extern void pulse_sha256_init(PulseSha256 *sha);
extern void pulse_sha256_update(PulseSha256 *sha, const void *data, size_t len);
extern void pulse_sha256_final(PulseSha256 *sha, unsigned char out[PULSE_SHA256_LEN]);

/* Digest of one piece as lower-case hex; out of >= 65 bytes, NUL-terminated. */
extern void pulse_sha256_hex(const void *data, size_t len, char *out);

extern void pulse_hmac_init(PulseHmac *hmac, const void *key, size_t key_len);
extern void pulse_hmac_update(PulseHmac *hmac, const void *data, size_t len);

/* Gives the code and wipes the state. */
extern void pulse_hmac_final(PulseHmac *hmac, unsigned char out[PULSE_SHA256_LEN]);

/* Equality that takes the same time whatever the bytes. */
extern int	pulse_bytes_equal(const void *a, const void *b, size_t len);

#endif
