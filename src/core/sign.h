/*
 * sign.h
 *		Signatures of calls to hosts, as Standard Webhooks defines them.
 *
 * The signed text is `id.timestamp.body`; the header value is one `v1,<base64>`
 * per secret, separated by spaces.  Nothing here allocates or fails for lack of memory.
 */
#ifndef PULSE_CORE_SIGN_H
#define PULSE_CORE_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PULSE_SECRET_MIN	16
#define PULSE_SECRET_MAX	128		/* bytes of key */
#define PULSE_SECRETS_MAX	2		/* the current and the previous one */
#define PULSE_SIGNATURE_MAX 128		/* bytes of header value, with the NUL */

typedef struct PulseSecret
{
	int			len;
	unsigned char key[PULSE_SECRET_MAX];
} PulseSecret;

/*
 * Reads `whsec_<base64>`. False if it is malformed, or the key is shorter than
 * PULSE_SECRET_MIN or longer than PULSE_SECRET_MAX bytes; *why gets a literal
 * that does not repeat the secret.
 */
extern bool pulse_secret_parse(const char *text, size_t len, PulseSecret *secret,
							   const char **why);

/* Overwrites the key. */
extern void pulse_secret_wipe(PulseSecret *secret);

/*
 * Writes the value of webhook-signature. n secrets, 1 to PULSE_SECRETS_MAX; timestamp in
 * Unix seconds. False only if n is out of range.
 */
extern bool pulse_sign_webhook(const PulseSecret *secrets, int n, const char *id,
							   int64_t timestamp, const void *body, size_t body_len,
							   char out[PULSE_SIGNATURE_MAX]);

#endif
