/*
 * test_sign.c
 *		Known answers for SHA-256, HMAC-SHA-256 and signatures of calls.
 */
#include "postgres_fe.h"

#include "core/sha256.h"
#include "core/sign.h"
#include "tap.h"

static const char *
hex(const unsigned char *sum)
{
	static char text[2 * PULSE_SHA256_LEN + 1];
	int			i;

	for (i = 0; i < PULSE_SHA256_LEN; i++)
		sprintf(text + 2 * i, "%02x", sum[i]);
	return text;
}

static const char *
hmac(const void *key, size_t key_len, const char *data)
{
	PulseHmac	h;
	unsigned char sum[PULSE_SHA256_LEN];

	pulse_hmac_init(&h, key, key_len);
	pulse_hmac_update(&h, data, strlen(data));
	pulse_hmac_final(&h, sum);
	return hex(sum);
}

/* Examples of FIPS 180-4 and RFC 4231. */
static void
test_hash(void)
{
	char		out[PULSE_SHA256_HEX + 1];
	char		big[1000];
	PulseSha256 sha;
	unsigned char sum[PULSE_SHA256_LEN];
	unsigned char key[131];
	int			i;
	int			at;
	bool		same = true;

	pulse_sha256_hex("", 0, out);
	is(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "empty");
	pulse_sha256_hex("abc", 3, out);
	is(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", "abc");
	pulse_sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56, out);
	is(out, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1", "two blocks");

	memset(big, 'a', sizeof(big));
	pulse_sha256_init(&sha);
	for (i = 0; i < 1000; i++)
		pulse_sha256_update(&sha, big, sizeof(big));
	pulse_sha256_final(&sha, sum);
	is(hex(sum), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0",
	   "a million times a");

	/* Any cut into pieces gives the same, around every block boundary. */
	for (i = 0; i < 200; i++)
	{
		char		one[PULSE_SHA256_HEX + 1];

		pulse_sha256_hex(big, i, one);
		for (at = 0; at <= i; at += 7)
		{
			pulse_sha256_init(&sha);
			pulse_sha256_update(&sha, big, at);
			pulse_sha256_update(&sha, big, i - at);
			pulse_sha256_final(&sha, sum);
			same = same && strcmp(one, hex(sum)) == 0;
		}
	}
	ok(same, "pieces give the same as the whole");

	memset(key, 0x0b, 20);
	is(hmac(key, 20, "Hi There"),
	   "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7", "hmac 1");
	is(hmac("Jefe", 4, "what do ya want for nothing?"),
	   "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", "hmac 2");
	memset(key, 0xaa, 131);
	is(hmac(key, 131, "Test Using Larger Than Block-Size Key - Hash Key First"),
	   "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54", "hmac, long key");

	ok(pulse_bytes_equal("abc", "abc", 3), "equal bytes");
	ok(!pulse_bytes_equal("abc", "abd", 3), "unequal bytes");
	ok(pulse_bytes_equal("", "", 0), "no bytes are equal");
}

static bool
refused(const char *text)
{
	PulseSecret secret;
	const char *why = NULL;

	return !pulse_secret_parse(text, strlen(text), &secret, &why) && why != NULL &&
		secret.len == 0;
}

static void
test_secret(void)
{
	PulseSecret secret;
	const char *why;
	char		text[400];

	strcpy(text, "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
	ok(pulse_secret_parse(text, strlen(text), &secret, &why), "a secret is read");
	is_int(secret.len, 24, "its length");
	is_int(secret.key[0], 0x31, "its first byte");
	pulse_secret_wipe(&secret);
	is_int(secret.len + secret.key[0], 0, "wiped");

	ok(refused(""), "empty");
	ok(refused("whsec_"), "nothing behind the prefix");
	ok(refused("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "no prefix");
	ok(refused("WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "prefix in capitals");
	ok(refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS*"), "no base64");
	ok(refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS"), "incomplete base64");
	ok(refused("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n"), "line end");
	ok(refused("whsec_MfKQ 9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "space");
	ok(refused("whsec_AAAAAAAAAAAAAAAAAAAA"), "15 bytes are too few");
	ok(!refused("whsec_AAAAAAAAAAAAAAAAAAAAAA=="), "16 bytes are enough");

	strcpy(text, "whsec_");
	memset(text + 6, 'A', 172);
	strcpy(text + 6 + 170, "A=");
	ok(!refused(text), "128 bytes are allowed");
	memset(text + 6, 'A', 172);
	text[6 + 172] = '\0';
	ok(refused(text), "129 bytes are too many");
	memset(text + 6, 'A', 300);
	text[6 + 300] = '\0';
	ok(refused(text), "many bytes are too many");
}

static void
test_sign(void)
{
	PulseSecret secrets[3];
	const char *why;
	const char *a = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
	const char *b = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=";
	const char *body = "{\"test\": 2432232314}";
	char		out[PULSE_SIGNATURE_MAX];
	char		first[PULSE_SIGNATURE_MAX];

	if (!pulse_secret_parse(a, strlen(a), &secrets[0], &why) ||
		!pulse_secret_parse(b, strlen(b), &secrets[1], &why))
	{
		ok(false, "secrets: %s", why);
		return;
	}

	/* The example of the Standard Webhooks libraries. */
	ok(pulse_sign_webhook(secrets, 1, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
						  body, strlen(body), out), "signed");
	is(out, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=", "known signature");
	strcpy(first, out);

	ok(pulse_sign_webhook(secrets, 2, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330,
						  body, strlen(body), out), "signed with two");
	ok(strncmp(out, first, strlen(first)) == 0, "the current secret comes first");
	is(out + strlen(first), " v1,O4Gjv1HqPqsMrjmczoggs/sWA8gZD0VyHG+fLh4+ktI=", "then the previous one");

	ok(pulse_sign_webhook(secrets, 1, "x", 0, "", 0, out), "an empty body is signed");
	ok(!pulse_sign_webhook(secrets, 0, "x", 0, "", 0, out) && out[0] == '\0', "no secret");
	ok(!pulse_sign_webhook(secrets, 3, "x", 0, "", 0, out) && out[0] == '\0', "three secrets");
}

int
main(void)
{
	test_hash();
	test_secret();
	test_sign();
	return tap_done();
}
