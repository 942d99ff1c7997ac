# Functions for a private, throw-away cluster; to be sourced by bash scripts that run
# in test/tools/staged.
#
#   cluster_start DIR [SETTINGS…]   initdb and start, on a socket in DIR/s; sets PGHOST,
#                                   PGPORT, PGUSER, PGDATABASE for what follows
#   cluster_stop DIR                stops it, if it runs
#   host_start DIR [OPTION…]        starts the test host; sets HOST_PORT, HOST_PID
#   host_stop                       stops it

free_port()
{
	python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

cluster_start()
{
	local dir=$1 setting

	shift
	mkdir -p "$dir/s"
	chmod 700 "$dir/s"
	initdb -D "$dir/data" -U postgres -A trust -E UTF8 --no-locale --no-sync >"$dir/initdb.log" 2>&1 ||
		{
			cat "$dir/initdb.log" >&2
			return 1
		}
	PGPORT=$(free_port)
	{
		cat "$PULSE_CONF"
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$dir/s'"
		echo "port = $PGPORT"
		echo "log_line_prefix = '%m [%p] %b %d '"
		for setting; do
			echo "$setting"
		done
	} >>"$dir/data/postgresql.conf"
	pg_ctl -D "$dir/data" -l "$dir/server.log" -w -t 60 start >/dev/null ||
		{
			tail -20 "$dir/server.log" >&2
			return 1
		}
	export PGHOST="$dir/s" PGPORT PGUSER=postgres PGDATABASE=postgres
}

cluster_stop()
{
	[ -e "$1/data/postmaster.pid" ] || return 0
	pg_ctl -D "$1/data" -m "${2:-fast}" -w -t 60 stop >/dev/null 2>&1 ||
		pg_ctl -D "$1/data" -m immediate -w -t 60 stop >/dev/null 2>&1 || true
}

HOST_PID=

host_start()
{
	local dir=$1 n

	shift
	mkdir -p "$dir"
	rm -f "$dir/host.port"
	python3 "$PULSE_TEST_HOST" --port-file "$dir/host.port" --ledger "$dir/ledger.jsonl" \
		"$@" >"$dir/host.log" 2>&1 &
	HOST_PID=$!
	for ((n = 0; n < 200; n++)); do
		if [ -s "$dir/host.port" ]; then
			HOST_PORT=$(cat "$dir/host.port")
			export HOST_PORT
			return 0
		fi
		kill -0 "$HOST_PID" 2>/dev/null || break
		read -r -t 0.05 <> <(:) || true
	done
	cat "$dir/host.log" >&2
	return 1
}

host_stop()
{
	[ -n "$HOST_PID" ] || return 0
	kill "$HOST_PID" 2>/dev/null || true
	wait "$HOST_PID" 2>/dev/null || true
	HOST_PID=
}
