/*
 * transfer.c
 *		One HTTP exchange: its request, what curl reports of it, how it ended.
 *
 * Owns the callbacks of an exchange, its options, and the facts of its
 * response.  Everything is plain malloc and lives from pulse_mux_start to
 * pulse_mux_release; what only the running request needs goes when it ends.
 *
 * Must not throw or call the server: a jump out of a callback leaves curl unusable
 * for ever, so callbacks write to their transfer and return a code.
 */
#include "http/mux_private.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_BODY		(1024 * 1024)
#define DEFAULT_CONNECT_MS	10000
#define TIMEOUT_MAX_MS		(INT64_C(7) * 24 * 3600 * 1000)
#define TEXT_MAX			2048	/* of a header that is kept */

/* CURLE_TOO_LARGE; headers of older releases do not have it. */
#define TOO_LARGE_SINCE_8_6	100

/* ---- callbacks of curl ---- */

/* Takes a socket off the books. */
static void
socket_closed(PulseMux *mux, int fd)
{
	if (fd < 0 || fd >= mux->n_open_sockets || !mux->open_sockets[fd].open)
		return;
	mux->open_sockets[fd].open = false;
	mux->stats.sockets--;
	if (mux->config.fd_release)
		mux->config.fd_release();
}

/* Puts a new socket on the books; false without memory. */
static bool
socket_opened(PulseTransfer *t, int fd)
{
	PulseMux   *mux = t->mux;
	struct stat st;

	if (fd >= mux->n_open_sockets)
	{
		int			n = mux->n_open_sockets ? mux->n_open_sockets : 64;
		OpenSocket *grown;

		while (n <= fd)
			n *= 2;
		grown = realloc(mux->open_sockets, n * sizeof(OpenSocket));
		if (grown == NULL)
			return false;
		memset(grown + mux->n_open_sockets, 0,
			   (n - mux->n_open_sockets) * sizeof(OpenSocket));
		mux->open_sockets = grown;
		mux->n_open_sockets = n;
	}
	if (fstat(fd, &st) < 0)
		return false;
	socket_closed(mux, fd);		/* the number is free again: that one is gone */
	mux->open_sockets[fd].open = true;
	mux->open_sockets[fd].inode = st.st_ino;
	mux->stats.sockets++;
	mux->stats.connections++;
	t->opened++;
	if (t->n_fds < PULSE_TRANSFER_SOCKETS)
		t->fds[t->n_fds++] = fd;
	return true;
}

void
pulse_transfer_sweep(PulseTransfer *t)
{
	PulseMux   *mux = t->mux;
	int			kept = 0;
	int			i;

	for (i = 0; i < t->n_fds; i++)
	{
		int			fd = t->fds[i];
		struct stat st;

		if (!mux->open_sockets[fd].open)
			continue;
		if (fstat(fd, &st) < 0 || st.st_ino != mux->open_sockets[fd].inode)
			socket_closed(mux, fd);
		else
			t->fds[kept++] = fd;
	}
	t->n_fds = kept;
}

/*
 * Opens a socket, if the policy allows the address.  This sees every address
 * actually used, whatever the name resolved to in between.
 */
static curl_socket_t
on_open(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
	PulseTransfer *t = arg;
	PulseMux   *mux = t->mux;
	PulseAddressKind kind = PULSE_ADDRESS_OTHER;
	int			fd;

	if (purpose != CURLSOCKTYPE_IPCXN ||
		!pulse_address_allowed(&address->addr, &t->policy, &kind))
	{
		t->refused++;
		t->refused_kind = kind;
		return CURL_SOCKET_BAD;
	}
	pulse_transfer_sweep(t);
	if (mux->config.fd_acquire && !mux->config.fd_acquire())
	{
		t->no_descriptor = true;
		return CURL_SOCKET_BAD;
	}
	fd = socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
	if (fd >= 0 && socket_opened(t, fd))
		return fd;

	if (fd >= 0)
	{
		t->no_memory = true;
		close(fd);
	}
	else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
		t->no_descriptor = true;
	if (mux->config.fd_release)
		mux->config.fd_release();
	return CURL_SOCKET_BAD;
}

static int
on_close(void *arg, curl_socket_t fd)
{
	socket_closed(arg, fd);
	return close(fd);
}

/*
 * Called when the connection stands and before the first byte of a request: the exact
 * moment after which an outcome can be unknown.  A kept connection was perhaps opened for a
 * host with a wider policy, so its address is looked at again.
 */
static int
on_ready(void *arg, char *remote, char *local, int remote_port, int local_port)
{
	PulseTransfer *t = arg;
	PulseAddressKind kind;

	(void) local;
	(void) remote_port;
	(void) local_port;
	if (remote == NULL || !pulse_address_text_allowed(remote, &t->policy, &kind))
	{
		t->refused++;
		t->refused_kind = remote ? kind : PULSE_ADDRESS_OTHER;
		return CURL_PREREQFUNC_ABORT;
	}
	snprintf(t->address, sizeof(t->address), "%s", remote);
	t->response.sends++;
	return CURL_PREREQFUNC_OK;
}

/*
 * Called when a handshake begins.  Nothing else tells that the other side has taken the
 * connection but does not answer the handshake.
 */
static CURLcode
on_handshake(CURL *easy, void *ssl_ctx, void *arg)
{
	PulseTransfer *t = arg;

	(void) easy;
	(void) ssl_ctx;
	t->handshaking = true;
	return CURLE_OK;
}

/* Keeps a copy of a header's value; remote bytes, so without controls and cut. */
static void
keep(PulseTransfer *t, char **where, const char *value, size_t len)
{
	char	   *copy;
	size_t		i;

	while (len > 0 && (*value == ' ' || *value == '\t'))
	{
		value++;
		len--;
	}
	while (len > 0 && (unsigned char) value[len - 1] <= ' ')
		len--;
	if (len > TEXT_MAX)
		len = TEXT_MAX;
	copy = malloc(len + 1);
	if (copy == NULL)
	{
		t->no_memory = true;
		return;
	}
	for (i = 0; i < len; i++)
	{
		unsigned char c = (unsigned char) value[i];

		copy[i] = (c < ' ' || c == 0x7f) ? '?' : (char) c;
	}
	copy[len] = '\0';
	free(*where);
	*where = copy;
}

static void
forget(char **where)
{
	free(*where);
	*where = NULL;
}

static bool
header_is(const char *line, size_t len, const char *name, size_t *value_at)
{
	size_t		n = strlen(name);

	if (len <= n || line[n] != ':' || strncasecmp(line, name, n) != 0)
		return false;
	*value_at = n + 1;
	return true;
}

static size_t
on_header(char *line, size_t one, size_t len, void *arg)
{
	PulseTransfer *t = arg;
	size_t		at;

	len *= one;
	t->header_bytes += len;
	t->n_headers++;
	if (t->header_bytes > PULSE_MUX_MAX_HEADER_BYTES ||
		t->n_headers > PULSE_MUX_MAX_HEADERS)
	{
		t->headers_over = true;
		return 0;
	}

	if (len >= 5 && memcmp(line, "HTTP/", 5) == 0)
	{
		/* A new answer (after 1xx ones): what came before does not count. */
		forget(&t->content_type);
		forget(&t->retry_after);
		forget(&t->location);
		forget(&t->action_version);
		t->headers_done = false;
		t->framed = false;
	}
	else if (len <= 2)
		t->headers_done = true;
	else if (t->headers_done)
		return len;				/* a trailer */
	else if (header_is(line, len, "content-length", &at) ||
			 header_is(line, len, "transfer-encoding", &at))
		t->framed = true;
	else if (header_is(line, len, "content-type", &at))
		keep(t, &t->content_type, line + at, len - at);
	else if (header_is(line, len, "retry-after", &at))
		keep(t, &t->retry_after, line + at, len - at);
	else if (header_is(line, len, "location", &at))
		keep(t, &t->location, line + at, len - at);
	else if (header_is(line, len, "pulse-action-version", &at))
		keep(t, &t->action_version, line + at, len - at);
	return t->no_memory ? 0 : len;
}

static size_t
on_body(char *data, size_t one, size_t len, void *arg)
{
	PulseTransfer *t = arg;
	PulseMux   *mux = t->mux;
	size_t		have = t->response.body_len;
	size_t		take;

	len *= one;
	take = t->max_body - have;
	if (take > len)
		take = len;

	if (have + take + 1 > t->body_size)
	{
		size_t		size = t->body_size ? t->body_size : 2048;
		char	   *grown;

		while (size < have + take + 1)
			size *= 2;
		if (size > t->max_body + 1)
			size = t->max_body + 1;
		if (mux->config.max_buffered > 0 &&
			mux->stats.buffered + (size - t->body_size) > mux->config.max_buffered)
		{
			t->no_memory = true;
			return 0;
		}
		grown = realloc(t->body, size);
		if (grown == NULL)
		{
			t->no_memory = true;
			return 0;
		}
		mux->stats.buffered += size - t->body_size;
		t->body = grown;
		t->body_size = size;
	}
	memcpy(t->body + have, data, take);
	t->response.body_len = have + take;
	t->body[have + take] = '\0';
	if (take < len)
	{
		t->body_over = true;
		return 0;
	}
	return len;
}

/* ---- the request ---- */

/* Copies the request's header lines. */
static bool
copy_headers(PulseTransfer *t, const PulseHeaders *headers)
{
	int			i;

	if (headers && headers->why)
	{
		t->why = headers->why;
		return false;
	}

	/* No waiting for 100 Continue: it would cost a second with hosts that do not know it. */
	t->headers = curl_slist_append(NULL, "Expect:");
	if (t->headers == NULL)
		return false;
	for (i = 0; headers && i < headers->n; i++)
	{
		if (curl_slist_append(t->headers, headers->lines[i]) == NULL)
			return false;
	}
	return true;
}

bool
pulse_transfer_copy_request(PulseTransfer *t, const PulseHttpRequest *request)
{
	t->max_body = request->max_body > 0 ? request->max_body : DEFAULT_BODY;
	t->response.tls = strncasecmp(request->url, "https:", 6) == 0;
	if (!copy_headers(t, request->headers))
		return false;
	if (request->body_len > 0)
	{
		t->body_out = malloc(request->body_len);
		if (t->body_out == NULL)
			return false;
		memcpy(t->body_out, request->body, request->body_len);
	}
	if (request->policy)
	{
		t->policy = *request->policy;
		t->policy.networks = NULL;
		if (t->policy.n_networks > 0)
		{
			size_t		size = t->policy.n_networks * sizeof(PulseCidr);

			t->networks = malloc(size);
			if (t->networks == NULL)
				return false;
			memcpy(t->networks, request->policy->networks, size);
			t->policy.networks = t->networks;
		}
	}
	return true;
}

static long
timeout_ms(int64_t ms)
{
	if (ms < 1)
		return 1;
	return (long) (ms > TIMEOUT_MAX_MS ? TIMEOUT_MAX_MS : ms);
}

/* All options, every time: a handle that was reset has none. */
CURLcode
pulse_transfer_set_options(PulseTransfer *t, const PulseHttpRequest *request)
{
	CURL	   *easy = t->easy;
	CURLcode	code;

#define SET(option, value) \
	if ((code = curl_easy_setopt(easy, option, value)) != CURLE_OK) \
		return code

	SET(CURLOPT_ERRORBUFFER, t->error);
	SET(CURLOPT_PRIVATE, t);
	SET(CURLOPT_URL, request->url);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_FOLLOWLOCATION, 0L);
	SET(CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	SET(CURLOPT_PATH_AS_IS, 1L);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);
	SET(CURLOPT_NOPROGRESS, 1L);
	SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_NOPROXY, "*");
	SET(CURLOPT_HTTP09_ALLOWED, 0L);
	SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_HTTP_CONTENT_DECODING, 0L);
	SET(CURLOPT_HTTPHEADER, t->headers);

	SET(CURLOPT_OPENSOCKETFUNCTION, on_open);
	SET(CURLOPT_OPENSOCKETDATA, t);
	SET(CURLOPT_CLOSESOCKETFUNCTION, on_close);
	SET(CURLOPT_CLOSESOCKETDATA, t->mux);
	SET(CURLOPT_PREREQFUNCTION, on_ready);
	SET(CURLOPT_PREREQDATA, t);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, t);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, t);

	SET(CURLOPT_TIMEOUT_MS, timeout_ms(request->timeout_ms));
	SET(CURLOPT_CONNECTTIMEOUT_MS,
		timeout_ms(request->connect_timeout_ms > 0 ?
				   request->connect_timeout_ms : DEFAULT_CONNECT_MS));

	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
	/* Not every TLS library has it; then a stalled handshake is a plain timeout. */
	code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_handshake);
	if (code == CURLE_OK)
		code = curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, t);
	if (code != CURLE_OK && code != CURLE_NOT_BUILT_IN && code != CURLE_UNKNOWN_OPTION)
		return code;
	if (request->ca_file)
	{
		/* This file and nothing else. */
		SET(CURLOPT_CAINFO, request->ca_file);
		SET(CURLOPT_CAPATH, NULL);
	}

	if (request->fresh)
	{
		/* A request on a kept connection may be sent twice by curl itself. */
		SET(CURLOPT_FRESH_CONNECT, 1L);
		SET(CURLOPT_FORBID_REUSE, 1L);
	}
	if (request->get)
	{
		SET(CURLOPT_HTTPGET, 1L);
	}
	else
	{
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_len);
		SET(CURLOPT_POSTFIELDS, t->body_out ? t->body_out : "");
	}
#undef SET
	return CURLE_OK;
}

/* ---- the end ---- */

/*
 * A connection that was reset during the handshake says nothing about trust: that
 * host is restarting, not misconfigured.
 */
static bool
handshake_cut(const PulseTransfer *t)
{
	return strstr(t->error, strerror(ECONNRESET)) != NULL ||
		strstr(t->error, strerror(EPIPE)) != NULL ||
		strstr(t->error, "SSL_ERROR_SYSCALL") != NULL ||
		strstr(t->error, "unexpected eof") != NULL;
}

static PulseTransport
transport_of(const PulseTransfer *t, CURLcode code)
{
	if (t->no_memory || t->doomed)
		return PULSE_TRANSPORT_LOCAL;
	if (t->headers_over)
		return PULSE_TRANSPORT_HEADERS;
	if (t->body_over)
		return PULSE_TRANSPORT_TOO_LARGE;

	switch ((int) code)
	{
		case CURLE_OK:
			/* To curl, a connection closed amid the headers is an empty answer. */
			return t->headers_done ? PULSE_TRANSPORT_OK : PULSE_TRANSPORT_BROKEN;
		case CURLE_COULDNT_RESOLVE_HOST:
		case CURLE_COULDNT_RESOLVE_PROXY:
			return PULSE_TRANSPORT_DNS;
		case CURLE_COULDNT_CONNECT:
		case CURLE_INTERFACE_FAILED:
			if (t->opened > 0)
				return PULSE_TRANSPORT_CONNECT;
			if (t->refused > 0)
				return PULSE_TRANSPORT_REFUSED_ADDRESS;
			return t->no_descriptor ? PULSE_TRANSPORT_LOCAL : PULSE_TRANSPORT_CONNECT;
		case CURLE_ABORTED_BY_CALLBACK:
			return t->refused > 0 ? PULSE_TRANSPORT_REFUSED_ADDRESS : PULSE_TRANSPORT_LOCAL;
		case CURLE_OPERATION_TIMEDOUT:
			return PULSE_TRANSPORT_TIMEOUT;
		case CURLE_SSL_CONNECT_ERROR:
			return handshake_cut(t) ? PULSE_TRANSPORT_CONNECT : PULSE_TRANSPORT_TLS;
		case CURLE_PEER_FAILED_VERIFICATION:
		case CURLE_SSL_CERTPROBLEM:
		case CURLE_SSL_CIPHER:
		case CURLE_SSL_CACERT_BADFILE:
		case CURLE_SSL_ISSUER_ERROR:
		case CURLE_SSL_CRL_BADFILE:
		case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
		case CURLE_SSL_INVALIDCERTSTATUS:
		case CURLE_SSL_CLIENTCERT:
		case CURLE_USE_SSL_FAILED:
			return PULSE_TRANSPORT_TLS;
		case CURLE_GOT_NOTHING:
		case CURLE_SEND_ERROR:
		case CURLE_RECV_ERROR:
		case CURLE_PARTIAL_FILE:
		case CURLE_SEND_FAIL_REWIND:
			return PULSE_TRANSPORT_BROKEN;
		case CURLE_WEIRD_SERVER_REPLY:
		case CURLE_UNSUPPORTED_PROTOCOL:
		case CURLE_HTTP2:
		case CURLE_HTTP2_STREAM:
		case CURLE_BAD_CONTENT_ENCODING:
		case CURLE_WRITE_ERROR:
		case CURLE_FILESIZE_EXCEEDED:
			return PULSE_TRANSPORT_PROTOCOL;
		case CURLE_OUT_OF_MEMORY:
		case TOO_LARGE_SINCE_8_6:
			/* A header line that is longer than curl likes has had both names. */
			return t->response.sends > 0 && !t->headers_done ?
				PULSE_TRANSPORT_HEADERS : PULSE_TRANSPORT_LOCAL;
		default:
			/* 7.88 to 8.x differ in codes; one not known here is either... */
			return t->response.sends > 0 ? PULSE_TRANSPORT_BROKEN : PULSE_TRANSPORT_LOCAL;
	}
}

static void
set_error(PulseTransfer *t, CURLcode code)
{
	char	   *c;

	switch (t->response.transport)
	{
		case PULSE_TRANSPORT_OK:
			t->error[0] = '\0';
			break;
		case PULSE_TRANSPORT_REFUSED_ADDRESS:
			snprintf(t->error, sizeof(t->error),
					 "the host's address is %s and no network listed with the host contains it",
					 pulse_address_kind_name(t->refused_kind));
			break;
		case PULSE_TRANSPORT_HEADERS:
			snprintf(t->error, sizeof(t->error), "the headers of the answer are too large");
			break;
		case PULSE_TRANSPORT_TOO_LARGE:
			snprintf(t->error, sizeof(t->error),
					 "the answer is larger than %zu bytes", t->max_body);
			break;
		case PULSE_TRANSPORT_LOCAL:
			if (t->why)
				snprintf(t->error, sizeof(t->error), "%s", t->why);
			else if (t->no_memory)
				snprintf(t->error, sizeof(t->error), "out of memory");
			else if (t->no_descriptor)
				snprintf(t->error, sizeof(t->error), "too many open files");
			else if (t->doomed)
				snprintf(t->error, sizeof(t->error), "a socket could not be watched");
			else if (t->error[0] == '\0')
				snprintf(t->error, sizeof(t->error), "%s", curl_easy_strerror(code));
			break;
		default:
			if (t->error[0] == '\0')
				snprintf(t->error, sizeof(t->error), "%s", code == CURLE_OK ?
						 "connection closed before the end of the headers" :
						 curl_easy_strerror(code));
			break;
	}
	for (c = t->error; *c; c++)
	{
		if ((unsigned char) *c < ' ' || *c == 0x7f)
			*c = ' ';
	}
}

static int64_t
time_of(CURL *easy, CURLINFO which)
{
	curl_off_t	usec = 0;

	if (curl_easy_getinfo(easy, which, &usec) != CURLE_OK || usec < 0)
		return 0;
	return usec;
}

/*
 * Collects the facts while the easy handle still stands.
 */
void
pulse_transfer_conclude(PulseTransfer *t, CURLcode code)
{
	PulseResponse *r = &t->response;

	if (t->easy)
	{
		long		status = 0;

		if (curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
			status >= 200)
			r->status = (int) status;
		r->t_dns = time_of(t->easy, CURLINFO_NAMELOOKUP_TIME_T);
		r->t_connect = time_of(t->easy, CURLINFO_CONNECT_TIME_T);
		r->t_tls = time_of(t->easy, CURLINFO_APPCONNECT_TIME_T);
		r->t_first_byte = time_of(t->easy, CURLINFO_STARTTRANSFER_TIME_T);
		r->t_total = time_of(t->easy, CURLINFO_TOTAL_TIME_T);
	}
	r->sent = r->sends > 0;
	r->connected = r->sent || t->handshaking || r->t_connect > 0;
	r->tls_done = r->tls && (r->sent || r->t_tls > 0);
	r->transport = transport_of(t, code);
	r->body_truncated = t->body_over;
	r->unframed = !t->framed && r->status != 204;
	set_error(t, code);

	r->content_type = t->content_type;
	r->retry_after = t->retry_after;
	r->location = t->location;
	r->action_version = t->action_version;
	r->body = t->body ? t->body : "";
	r->error = t->error;
	r->address = t->address;
}

void
pulse_transfer_drop_request(PulseTransfer *t)
{
	struct curl_slist *item;

	for (item = t->headers; item; item = item->next)
		explicit_bzero(item->data, strlen(item->data));
	curl_slist_free_all(t->headers);
	t->headers = NULL;
	free(t->body_out);
	t->body_out = NULL;
	free(t->networks);
	t->networks = NULL;
	t->policy.networks = NULL;
	t->policy.n_networks = 0;
}

void
pulse_transfer_free(PulseTransfer *t)
{
	t->mux->stats.buffered -= t->body_size;
	pulse_transfer_drop_request(t);
	free(t->body);
	free(t->content_type);
	free(t->retry_after);
	free(t->location);
	free(t->action_version);
	free(t);
}
