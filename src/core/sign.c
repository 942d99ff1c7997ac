/*
 * sign.c
 *		Signatures of calls to hosts, as Standard Webhooks defines them.
 *
 * Owns the form of secrets and signatures.  Keeps no secret: the caller's
 * PulseSecret lives as long as the caller wants and is wiped by it.  Neither
 * allocates nor throws.
 */
#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

#include "core/sign.h"

#include "common/base64.h"

#include "core/sha256.h"

#define PREFIX "whsec_"

bool
pulse_secret_parse(const char *text, size_t len, PulseSecret *secret,
				   const char **why)
{
	size_t		prefix = strlen(PREFIX);
	unsigned char key[PULSE_SECRET_MAX + 3];
	int			n;
	size_t		i;

	secret->len = 0;
	if (len < prefix || memcmp(text, PREFIX, prefix) != 0)
	{
		*why = "a secret has the form whsec_ followed by base64";
		return false;
	}
	text += prefix;
	len -= prefix;

	/* pg_b64_decode skips white space; a secret with some is a typing error. */
	for (i = 0; i < len; i++)
	{
		if ((unsigned char) text[i] <= ' ' || (unsigned char) text[i] >= 0x7f)
		{
			*why = "the base64 of a secret contains a character that is not allowed";
			return false;
		}
	}
	if (len > (PULSE_SECRET_MAX + 2) / 3 * 4)
	{
		*why = "a secret has at most 128 bytes";
		return false;
	}

	n = pg_b64_decode(text, (int) len, (void *) key, sizeof(key));
	if (n < 0)
		*why = "a secret is not valid base64 after its prefix";
	else if (n < PULSE_SECRET_MIN)
		*why = "a secret has at least 16 bytes";
	else if (n > PULSE_SECRET_MAX)
		*why = "a secret has at most 128 bytes";
	else
	{
		memcpy(secret->key, key, n);
		secret->len = n;
	}
	explicit_bzero(key, sizeof(key));
	return secret->len > 0;
}

void
pulse_secret_wipe(PulseSecret *secret)
{
	explicit_bzero(secret, sizeof(*secret));
}

bool
pulse_sign_webhook(const PulseSecret *secrets, int n, const char *id,
				   int64_t timestamp, const void *body, size_t body_len,
				   char out[PULSE_SIGNATURE_MAX])
{
	char		stamp[32];
	char	   *p = out;
	int			i;

	out[0] = '\0';
	if (n < 1 || n > PULSE_SECRETS_MAX)
		return false;

	snprintf(stamp, sizeof(stamp), ".%lld.", (long long) timestamp);
	for (i = 0; i < n; i++)
	{
		PulseHmac	hmac;
		unsigned char sum[PULSE_SHA256_LEN];
		int			len;

		pulse_hmac_init(&hmac, secrets[i].key, secrets[i].len);
		pulse_hmac_update(&hmac, id, strlen(id));
		pulse_hmac_update(&hmac, stamp, strlen(stamp));
		pulse_hmac_update(&hmac, body, body_len);
		pulse_hmac_final(&hmac, sum);

		if (i > 0)
			*p++ = ' ';
		memcpy(p, "v1,", 3);
		p += 3;
		len = pg_b64_encode((const void *) sum, PULSE_SHA256_LEN, p,
							(int) (out + PULSE_SIGNATURE_MAX - 1 - p));
		if (len < 0)
		{
			out[0] = '\0';
			return false;
		}
		p += len;
		*p = '\0';
	}
	return true;
}
