/*
 * sha256.c
 *		SHA-256 (FIPS 180-4) and HMAC (RFC 2104), straight from the definitions.
 *
 * Owns no memory but the caller's structs and touches nothing else: usable at any
 * moment, also between transactions and in callbacks.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/sha256.h"

#define BLOCK 64

static const uint32_t round_constant[64] = {
	0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5,
	0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
	0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
	0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
	0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
	0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
	0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7,
	0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
	0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
	0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
	0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3,
	0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
	0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5,
	0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
	0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
	0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2
};

static inline uint32_t
rotate(uint32_t x, int n)
{
	return (x >> n) | (x << (32 - n));
}

/* Overwrites memory in a way the compiler may not leave out. */
static void
wipe(void *p, size_t len)
{
	volatile unsigned char *v = p;

	while (len-- > 0)
		*v++ = 0;
}

static void
compress(uint32_t *state, const unsigned char *block)
{
	uint32_t	w[64];
	uint32_t	v[8];
	int			i;

	for (i = 0; i < 16; i++)
		w[i] = (uint32_t) block[4 * i] << 24 | (uint32_t) block[4 * i + 1] << 16 |
			(uint32_t) block[4 * i + 2] << 8 | (uint32_t) block[4 * i + 3];
	for (i = 16; i < 64; i++)
	{
		uint32_t	a = w[i - 15];
		uint32_t	b = w[i - 2];

		w[i] = w[i - 16] + w[i - 7] +
			(rotate(a, 7) ^ rotate(a, 18) ^ (a >> 3)) +
			(rotate(b, 17) ^ rotate(b, 19) ^ (b >> 10));
	}

	for (i = 0; i < 8; i++)
		v[i] = state[i];

	for (i = 0; i < 64; i++)
	{
		uint32_t	t1;
		uint32_t	t2;

		t1 = v[7] + (rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25)) +
			((v[4] & v[5]) ^ (~v[4] & v[6])) + round_constant[i] + w[i];
		t2 = (rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22)) +
			((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
		v[7] = v[6];
		v[6] = v[5];
		v[5] = v[4];
		v[4] = v[3] + t1;
		v[3] = v[2];
		v[2] = v[1];
		v[1] = v[0];
		v[0] = t1 + t2;
	}

	for (i = 0; i < 8; i++)
		state[i] += v[i];
}

void
pulse_sha256_init(PulseSha256 *sha)
{
	static const uint32_t start[8] = {
		0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
		0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19
	};

	memcpy(sha->state, start, sizeof(start));
	sha->bytes = 0;
}

void
pulse_sha256_update(PulseSha256 *sha, const void *data, size_t len)
{
	const unsigned char *p = data;
	size_t		used = sha->bytes % BLOCK;

	sha->bytes += len;
	if (used > 0)
	{
		size_t		n = BLOCK - used;

		if (n > len)
			n = len;
		memcpy(sha->block + used, p, n);
		p += n;
		len -= n;
		if (used + n < BLOCK)
			return;
		compress(sha->state, sha->block);
	}
	for (; len >= BLOCK; p += BLOCK, len -= BLOCK)
		compress(sha->state, p);
	if (len > 0)
		memcpy(sha->block, p, len);
}

void
pulse_sha256_final(PulseSha256 *sha, unsigned char out[PULSE_SHA256_LEN])
{
	uint64_t	bits = sha->bytes * 8;
	size_t		used = sha->bytes % BLOCK;
	int			i;

	sha->block[used++] = 0x80;
	if (used > BLOCK - 8)
	{
		memset(sha->block + used, 0, BLOCK - used);
		compress(sha->state, sha->block);
		used = 0;
	}
	memset(sha->block + used, 0, BLOCK - 8 - used);
	for (i = 0; i < 8; i++)
		sha->block[BLOCK - 8 + i] = (unsigned char) (bits >> (56 - 8 * i));
	compress(sha->state, sha->block);

	for (i = 0; i < PULSE_SHA256_LEN; i++)
		out[i] = (unsigned char) (sha->state[i / 4] >> (24 - 8 * (i % 4)));
	wipe(sha, sizeof(*sha));
}

void
pulse_sha256_hex(const void *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	PulseSha256 sha;
	unsigned char sum[PULSE_SHA256_LEN];
	int			i;

	pulse_sha256_init(&sha);
	pulse_sha256_update(&sha, data, len);
	pulse_sha256_final(&sha, sum);
	for (i = 0; i < PULSE_SHA256_LEN; i++)
	{
		out[2 * i] = digits[sum[i] >> 4];
		out[2 * i + 1] = digits[sum[i] & 15];
	}
	out[PULSE_SHA256_HEX] = '\0';
}

void
pulse_hmac_init(PulseHmac *hmac, const void *key, size_t key_len)
{
	unsigned char pad[BLOCK];
	int			i;

	memset(pad, 0, BLOCK);
	if (key_len > BLOCK)
	{
		PulseSha256 sha;

		pulse_sha256_init(&sha);
		pulse_sha256_update(&sha, key, key_len);
		pulse_sha256_final(&sha, pad);
	}
	else if (key_len > 0)
		memcpy(pad, key, key_len);

	for (i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36;
	pulse_sha256_init(&hmac->inner);
	pulse_sha256_update(&hmac->inner, pad, BLOCK);
	for (i = 0; i < BLOCK; i++)
		pad[i] ^= 0x36 ^ 0x5c;
	pulse_sha256_init(&hmac->outer);
	pulse_sha256_update(&hmac->outer, pad, BLOCK);
	wipe(pad, sizeof(pad));
}

void
pulse_hmac_update(PulseHmac *hmac, const void *data, size_t len)
{
	pulse_sha256_update(&hmac->inner, data, len);
}

void
pulse_hmac_final(PulseHmac *hmac, unsigned char out[PULSE_SHA256_LEN])
{
	unsigned char sum[PULSE_SHA256_LEN];

	pulse_sha256_final(&hmac->inner, sum);
	pulse_sha256_update(&hmac->outer, sum, sizeof(sum));
	pulse_sha256_final(&hmac->outer, out);
	wipe(sum, sizeof(sum));
}

int
pulse_bytes_equal(const void *a, const void *b, size_t len)
{
	const volatile unsigned char *x = a;
	const volatile unsigned char *y = b;
	unsigned char differ = 0;

	while (len-- > 0)
		differ |= *x++ ^ *y++;
	return differ == 0;
}
