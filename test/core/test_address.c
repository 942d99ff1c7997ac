/*
 * test_address.c
 *		Address policy, networks, URLs, header lists: plain C, no server code.
 */
#include <netinet/in.h>
#include <arpa/inet.h>
#include <string.h>

#include "http/address.h"
#include "http/request.h"
#include "tap.h"

static PulseAddressKind
kind_of(const char *text)
{
	struct sockaddr_storage ss;
	struct sockaddr_in *in = (struct sockaddr_in *) &ss;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *) &ss;

	memset(&ss, 0, sizeof(ss));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1)
		ss.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, text, &in6->sin6_addr) == 1)
		ss.ss_family = AF_INET6;
	return pulse_address_kind((struct sockaddr *) &ss);
}

static void
test_kinds(void)
{
	static const struct
	{
		const char *address;
		const char *kind;
	}			cases[] = {
		{"8.8.8.8", "public"}, {"1.0.0.1", "public"}, {"9.255.255.255", "public"},
		{"11.0.0.0", "public"}, {"172.15.255.255", "public"}, {"172.32.0.0", "public"},
		{"192.167.255.255", "public"}, {"192.169.0.0", "public"}, {"100.63.255.255", "public"},
		{"100.128.0.0", "public"}, {"223.255.255.255", "public"}, {"198.17.255.255", "public"},
		{"198.20.0.0", "public"}, {"169.253.255.255", "public"}, {"169.255.0.0", "public"},
		{"0.0.0.0", "unspecified"}, {"0.1.2.3", "unspecified"},
		{"10.0.0.0", "private"}, {"10.255.255.255", "private"}, {"172.16.0.1", "private"},
		{"172.31.255.255", "private"}, {"192.168.1.1", "private"},
		{"100.64.0.0", "shared"}, {"100.127.255.255", "shared"}, {"100.100.100.200", "metadata"},
		{"127.0.0.1", "loopback"}, {"127.255.255.254", "loopback"},
		{"169.254.0.1", "link-local"}, {"169.254.169.254", "metadata"},
		{"169.254.169.253", "link-local"}, {"169.254.170.2", "metadata"},
		{"168.63.129.16", "metadata"}, {"192.0.0.192", "metadata"},
		{"192.0.0.1", "reserved"}, {"192.0.2.1", "reserved"}, {"192.88.99.1", "reserved"},
		{"198.18.0.1", "reserved"}, {"198.19.255.255", "reserved"}, {"198.51.100.7", "reserved"},
		{"203.0.113.9", "reserved"}, {"240.0.0.1", "reserved"}, {"255.255.255.254", "reserved"},
		{"224.0.0.1", "multicast"}, {"239.255.255.255", "multicast"},
		{"255.255.255.255", "multicast"},
		{"2606:4700::1111", "public"}, {"2a00:1450::1", "public"}, {"2001:4860:4860::8888", "public"},
		{"::", "unspecified"}, {"::1", "loopback"}, {"::2", "reserved"},
		{"::127.0.0.1", "reserved"}, {"::8.8.8.8", "reserved"},
		{"fc00::1", "private"}, {"fdff:ffff::1", "private"}, {"fec0::1", "private"},
		{"fe80::1", "link-local"}, {"febf::1", "link-local"}, {"ff02::1", "multicast"},
		{"fd00:ec2::254", "metadata"}, {"fd20:ce::254", "metadata"}, {"fd00:ec2::253", "private"},
		{"2001:db8::1", "reserved"}, {"2001::1", "reserved"}, {"2001:20::1", "reserved"},
		{"3fff::1", "reserved"}, {"100::1", "reserved"}, {"4000::1", "reserved"},
		{"::ffff:8.8.8.8", "public"}, {"::ffff:10.0.0.1", "private"},
		{"::ffff:127.0.0.1", "loopback"}, {"::ffff:169.254.169.254", "metadata"},
		{"::ffff:0:10.0.0.1", "private"},
		{"64:ff9b::8.8.8.8", "public"}, {"64:ff9b::10.0.0.1", "private"},
		{"64:ff9b::169.254.169.254", "metadata"}, {"64:ff9b:1::8.8.8.8", "reserved"},
		{"2002:808:808::1", "public"}, {"2002:a00:1::1", "private"},
		{"2002:7f00:1::1", "loopback"}, {"2002:a9fe:a9fe::1", "metadata"}
	};
	size_t		i;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		is(pulse_address_kind_name(kind_of(cases[i].address)), cases[i].kind, cases[i].address);

	{
		struct sockaddr_storage ss;

		memset(&ss, 0, sizeof(ss));
		ss.ss_family = AF_UNIX;
		is_int(pulse_address_kind((struct sockaddr *) &ss), PULSE_ADDRESS_OTHER, "unix socket");
	}
}

static bool
allowed(const char *address, bool loopback, const char *network)
{
	PulseCidr	net;
	PulseAddressPolicy policy = {loopback, 0, NULL};

	if (network)
	{
		if (!pulse_cidr_parse(network, &net))
			return false;
		policy.n_networks = 1;
		policy.networks = &net;
	}
	return pulse_address_text_allowed(address, &policy, NULL);
}

static void
test_policy(void)
{
	ok(allowed("8.8.8.8", false, NULL), "public");
	ok(!allowed("10.0.0.1", false, NULL), "private");
	ok(allowed("10.0.0.1", false, "10.0.0.0/8"), "private, listed");
	ok(!allowed("10.0.0.1", false, "10.1.0.0/16"), "private, another listed");
	ok(!allowed("127.0.0.1", false, NULL), "loopback");
	ok(allowed("127.0.0.1", true, NULL), "loopback, meant");
	ok(allowed("127.0.0.1", false, "127.0.0.0/8"), "loopback, listed");
	ok(allowed("::1", true, NULL), "loopback 6, meant");
	ok(!allowed("10.0.0.1", true, NULL), "loopback meant does not open private");
	ok(allowed("::ffff:10.0.0.1", false, "10.0.0.0/8"), "mapped, its address listed");
	ok(allowed("::ffff:10.0.0.1", false, "::ffff:10.0.0.0/104"), "mapped, listed as such");
	ok(!allowed("::ffff:10.0.0.1", false, "11.0.0.0/8"), "mapped, another listed");
	ok(allowed("64:ff9b::10.0.0.1", false, "10.0.0.0/8"), "NAT64, its address listed");
	ok(!allowed("169.254.169.254", false, "169.254.0.0/16"), "metadata, network listed");
	ok(!allowed("169.254.169.254", false, "0.0.0.0/0"), "metadata, everything listed");
	ok(allowed("169.254.169.254", false, "169.254.169.254/32"), "metadata, named");
	ok(allowed("169.254.169.254", false, "169.254.169.254"), "metadata, named without bits");
	ok(!allowed("fd00:ec2::254", false, "fd00::/8"), "metadata 6, network listed");
	ok(allowed("fd00:ec2::254", false, "fd00:ec2::254/128"), "metadata 6, named");
	ok(allowed("192.168.1.1", false, "0.0.0.0/0"), "everything listed");
	ok(!allowed("0.0.0.0", true, "0.0.0.0/0"), "unspecified never");
	ok(!allowed("224.0.0.1", true, "224.0.0.1/32"), "multicast never");
	ok(!allowed("::", true, "::/0"), "unspecified 6 never");
	ok(!allowed("ff02::1", true, "::/0"), "multicast 6 never");
	ok(!allowed("fe80::1", false, NULL), "link-local 6");
	ok(allowed("fe80::1%eth0", false, "fe80::/10"), "link-local with a zone, listed");
	ok(!allowed("junk", true, "0.0.0.0/0"), "junk");
	ok(!allowed("", true, "0.0.0.0/0"), "empty");
}

static void
test_networks(void)
{
	static const char *const good[] = {
		"10.0.0.0/8", "0.0.0.0/0", "1.2.3.4", "1.2.3.4/32", "::/0", "::1", "fd00::/8",
		"2001:db8::/32", "::ffff:10.0.0.0/104"
	};
	static const char *const bad[] = {
		"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "10/8", "::/129",
		"fd00::1/8", "10.0.0.0/08", "10.0.0.0/+8", "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0.0/8/8",
		"10.0.0.0/-1", "10.0.0.0/999999999999", "host/8", "010.0.0.0/8"
	};
	PulseCidr	net;
	size_t		i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ok(pulse_cidr_parse(good[i], &net), "network %s", good[i]);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ok(!pulse_cidr_parse(bad[i], &net), "no network \"%s\"", bad[i]);
}

static void
test_urls(void)
{
	static const struct
	{
		const char *url;
		bool		https;
		bool		loopback;
		int			port;
		const char *host;
	}			good[] = {
		{"https://payments.internal/pulse", true, false, 443, "payments.internal"},
		{"http://localhost", false, true, 80, "localhost"},
		{"HTTP://LOCALHOST:8080/x?y=1", false, true, 8080, "LOCALHOST"},
		{"http://api.localhost/", false, true, 80, "api.localhost"},
		{"http://localhost.evil.com/", false, false, 80, "localhost.evil.com"},
		{"http://notlocalhost/", false, false, 80, "notlocalhost"},
		{"http://127.0.0.1:1/", false, true, 1, "127.0.0.1"},
		{"http://127.9.9.9/", false, true, 80, "127.9.9.9"},
		{"https://10.0.0.5:8443/a/b", true, false, 8443, "10.0.0.5"},
		{"http://[::1]:9000/x", false, true, 9000, "::1"},
		{"http://[2001:db8::5]/", false, false, 80, "2001:db8::5"},
		{"https://h?x=/", true, false, 443, "h"},
		{"https://a_b-c.example.", true, false, 443, "a_b-c.example."},
		{"https://h:65535", true, false, 65535, "h"},
		{"https://1und1.de/", true, false, 443, "1und1.de"}
	};
	static const char *const bad[] = {
		"", "ftp://h/", "https:/h", "https//h", "https://", "https:///x", "http://:80/",
		"http://h:/", "http://h:0/", "http://h:65536/", "http://h:99999999999/", "http://h:8x/",
		"http://user@h/", "http://user:pass@h/", "http://h/#f", "http://h/a b", "http://h/\r\nX: y",
		"http://h/\tx", "http://h\\@evil/", "http://h/\x7f", "http://h/\xc3\xa9", "http://h%41/",
		"http://[::1", "http://[::1]x/", "http://[::g]/", "http://[127.0.0.1]/", "http://[]/",
		"http://[fe80::1%25eth0]/", "http://127.1/", "http://2130706433/", "http://0x7f000001/",
		"http://0177.0.0.1/", "http://1.2.3/", "http://1.2.3.4.5/", "http://1.2.3.256/",
		"http://h..x/", "http://.h/", "http://./", "http://127.0.0.1./", "file:///etc/passwd",
		"http://h/<x>", "http://h/`", "javascript:x", "http://x.0x10/"
	};
	char		text[3000];
	PulseUrl	url;
	const char *why;
	size_t		i;

	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
	{
		bool		yes = pulse_url_parse(good[i].url, strlen(good[i].url), &url, &why);

		ok(yes && url.https == good[i].https && url.loopback == good[i].loopback &&
		   url.port == good[i].port && url.host_len == strlen(good[i].host) &&
		   strncmp(good[i].url + url.host_at, good[i].host, url.host_len) == 0,
		   "%s", good[i].url);
		if (!yes)
			diag("%s", why);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
	{
		why = NULL;
		ok(!pulse_url_parse(bad[i], strlen(bad[i]), &url, &why) && why != NULL,
		   "refused URL %zu: %s", i, why ? why : "");
	}
	ok(!pulse_url_parse("http://h/\0x", 11, &url, &why), "NUL in a URL");
	pulse_url_parse("https://h.example:8443/pulse", 28, &url, &why);
	is_int(url.origin_len, 22, "length of the origin");

	memset(text, 'a', sizeof(text));
	memcpy(text, "http://h/", 9);
	ok(pulse_url_parse(text, 2048, &url, &why), "2048 bytes");
	ok(!pulse_url_parse(text, 2049, &url, &why), "2049 bytes");
	memcpy(text, "http://aa", 9);
	ok(!pulse_url_parse(text, 7 + 64, &url, &why), "a label of 64 bytes");
	ok(pulse_url_parse(text, 7 + 63, &url, &why), "a label of 63 bytes");
}

static const char *
line_of(const PulseHeaders *headers, const char *name)
{
	size_t		n = strlen(name);
	int			i;

	for (i = 0; i < headers->n; i++)
	{
		if (strncmp(headers->lines[i], name, n) == 0 && headers->lines[i][n] == ':')
			return headers->lines[i] + n + 2;
	}
	return NULL;
}

static void
test_headers(void)
{
	PulseHeaders h;
	PulseCallHeaders call;
	char		big[9000];
	int			i;
	bool		all = true;

	memset(&call, 0, sizeof(call));
	call.type = "pulse.action.run.v1";
	call.id = "act_0190f3d4-8e1c-7aa0-8000-000000000001";
	call.timestamp = 1700000000;
	call.signature = "v1,abc";
	call.bearer = "tok\ten";
	call.idempotency_key = true;
	call.tenant = "acme & söhne";
	call.workflow = "order/x";
	call.node = "charge";
	call.traceparent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
	call.user_agent = "pulse/0.1.0 (PostgreSQL 15)";
	call.attempt = 2;
	call.wait_seconds = 30;

	pulse_headers_init(&h);
	ok(pulse_request_headers(&h, &call), "headers of a call");
	is(line_of(&h, "Content-Type"), "application/json", "content type");
	is(line_of(&h, "webhook-id"), call.id, "webhook-id");
	is(line_of(&h, "webhook-timestamp"), "1700000000", "webhook-timestamp");
	is(line_of(&h, "webhook-signature"), "v1,abc", "webhook-signature");
	is(line_of(&h, "Idempotency-Key"), "\"act_0190f3d4-8e1c-7aa0-8000-000000000001\"",
	   "the key is quoted");
	is(line_of(&h, "Authorization"), "Bearer tok\ten", "bearer");
	is(line_of(&h, "ce-specversion"), "1.0", "ce-specversion");
	is(line_of(&h, "ce-id"), call.id, "ce-id");
	is(line_of(&h, "ce-type"), "pulse.action.run.v1", "ce-type");
	is(line_of(&h, "ce-source"), "/pulse/acme%20%26%20s%C3%B6hne", "ce-source is encoded");
	is(line_of(&h, "ce-subject"), "order%2Fx/charge", "ce-subject is encoded");
	is(line_of(&h, "traceparent"), call.traceparent, "traceparent");
	is(line_of(&h, "Prefer"), "respond-async, wait=30", "prefer");
	is(line_of(&h, "Pulse-Attempt"), "2", "attempt");
	is(line_of(&h, "Pulse-Protocol"), "1", "protocol");
	pulse_headers_free(&h);
	is_int(h.n, 0, "freed");

	call.idempotency_key = false;
	call.bearer = NULL;
	call.wait_seconds = 0;
	ok(pulse_request_headers(&h, &call), "headers of a read-only call");
	is(line_of(&h, "Idempotency-Key"), NULL, "no key");
	is(line_of(&h, "Authorization"), NULL, "no credential");
	is(line_of(&h, "Prefer"), NULL, "no preference");
	pulse_headers_free(&h);

	call.bearer = "a\r\nX: y";
	ok(!pulse_request_headers(&h, &call) && h.why != NULL, "a line end is refused");
	pulse_headers_free(&h);
	call.bearer = NULL;
	call.idempotency_key = true;
	call.id = "a\"b";
	ok(!pulse_request_headers(&h, &call), "a quote in the key is refused");
	pulse_headers_free(&h);

	ok(pulse_headers_add(&h, "X-A", ""), "an empty value");
	is(h.lines[0], "X-A;", "in the form curl sends");
	ok(!pulse_headers_add(&h, "X A", "y"), "a space in a name");
	ok(!pulse_headers_add(&h, "X-B", "y"), "a failed list stays failed");
	pulse_headers_free(&h);
	ok(!pulse_headers_add(&h, "", "y"), "no name");
	pulse_headers_free(&h);
	ok(!pulse_headers_add(&h, "X:", "y"), "a colon in a name");
	pulse_headers_free(&h);
	ok(!pulse_headers_add(&h, "X", "a\nb"), "LF");
	pulse_headers_free(&h);
	ok(!pulse_headers_add(&h, "X", "a\x7f"), "DEL");
	pulse_headers_free(&h);
	memset(big, 'x', sizeof(big));
	big[8193] = '\0';
	ok(!pulse_headers_add(&h, "X", big), "a value of 8193 bytes");
	pulse_headers_free(&h);
	big[8192] = '\0';
	ok(pulse_headers_add(&h, "X", big), "a value of 8192 bytes");
	for (i = 0; i < 100; i++)
		all = pulse_headers_add(&h, "Y", "z") && all;
	ok(all && h.n == 101, "a hundred headers");
	pulse_headers_free(&h);
	ok(!pulse_header_value_ok("a\0b", 3), "NUL");
	ok(pulse_header_value_ok("", 0), "nothing");
}

int
main(void)
{
	test_kinds();
	test_policy();
	test_networks();
	test_urls();
	test_headers();
	return tap_done();
}
