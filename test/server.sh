# Sourced by tests, benchmarks and the demo: a throw-away server with the extension, as a non-root user.
#
#   ROOT=<checkout>; . "$ROOT/test/server.sh"
#   server_install                  builds, and installs into $WORK/inst (nothing outside $WORK is touched)
#   server_start [name] [setting=value ...]   a cluster of its own on a private socket; psql reaches it
#   server_stop [name] [mode]       fast (default) or immediate
#   server_standby name of          a streaming replica
# All servers end and $WORK goes away when the script exits.

umask 022
PG_CONFIG=${PG_CONFIG:-$("$ROOT/test/find_pg_config")}
if [ -z "$PG_CONFIG" ]; then
	echo "no PostgreSQL with server headers found: run test/setup, or set PG_CONFIG" >&2
	exit 1
fi
PGBIN=$("$PG_CONFIG" --bindir)
PATH=$PGBIN:$PATH
export PGUSER=postgres PGDATABASE=postgres PGAPPNAME=behavmine PGCONNECT_TIMEOUT=20
unset PGPORT PGHOSTADDR PGPASSWORD PGSERVICE PGOPTIONS PGTZ
WORK=
INST=${INST:-} # an installation to share; else one of its own in $WORK/inst
SERVERS=

# The servers' user: root may not run one.
as_server() {
	if [ "$(id -u)" = 0 ]; then
		runuser -u "$SERVER_USER" -- "$@"
	else
		"$@"
	fi
}

server_work() {
	[ -n "$WORK" ] && return 0
	WORK=$(mktemp -d "${TMPDIR:-/tmp}/behavmine.XXXXXX")
	SERVER_USER=$(id -un)
	if [ "$(id -u)" = 0 ]; then
		SERVER_USER=nobody
		id postgres >/dev/null 2>&1 && SERVER_USER=postgres
		chown "$SERVER_USER" "$WORK"
	fi
	chmod 755 "$WORK"
	trap server_cleanup EXIT
	trap 'exit 130' INT TERM HUP
}

server_cleanup() {
	local status=$? name
	for name in $SERVERS; do
		as_server "$PGBIN/pg_ctl" -D "$WORK/$name" -m immediate -w stop >/dev/null 2>&1
	done
	if [ "$status" != 0 ] && [ -n "${KEEP:-}" ]; then
		echo "kept: $WORK" >&2
	elif [ -n "$WORK" ]; then
		rm -rf "$WORK"
	fi
	return "$status"
}

# BUILD_FLAGS adds compiler flags (tests: -Werror).
server_install() {
	server_work
	[ -n "$INST" ] && return 0
	INST=$WORK/inst
	# what came with `make demo DATA=...` is not for this build
	env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u DATA make -s -C "$ROOT" -j"$(nproc)" PG_CONFIG="$PG_CONFIG" \
		${BUILD_FLAGS:+OPTFLAGS="$BUILD_FLAGS"} all >"$WORK/build.log" 2>&1 &&
		env -u MAKEFLAGS -u MFLAGS -u MAKEOVERRIDES -u DATA make -s -C "$ROOT" PG_CONFIG="$PG_CONFIG" DESTDIR="$INST" install >>"$WORK/build.log" 2>&1 || {
		cat "$WORK/build.log" >&2
		return 1
	}
	chmod -R a+rX "$INST"
}

# Where a server finds the extension without a system-wide installation: Debian's extension_destdir,
# or PostgreSQL 18's extension_control_path. Else it is installed for real.
server_find_extension() {
	local share lib
	share=$("$PG_CONFIG" --sharedir) lib=$("$PG_CONFIG" --pkglibdir)
	if as_server "$PGBIN/postgres" -C extension_destdir -D "$1" >/dev/null 2>&1; then
		echo "extension_destdir = '$INST'"
	elif as_server "$PGBIN/postgres" -C extension_control_path -D "$1" >/dev/null 2>&1; then
		echo "extension_control_path = '$INST$share:\$system'"
		echo "dynamic_library_path = '$INST$lib:\$libdir'"
	else
		make -s -C "$ROOT" PG_CONFIG="$PG_CONFIG" install >&2
	fi
}

server_configure() { # name
	local dir=$WORK/$1
	{
		echo "listen_addresses = ''"
		echo "unix_socket_directories = '$WORK/$1.sock'"
		echo "max_connections = 100"
		echo "fsync = off"
		echo "shared_buffers = 256MB"
		echo "max_wal_size = 4GB"
		echo "timezone = 'UTC'"
		echo "log_min_messages = warning"
		server_find_extension "$dir"
	} >>"$dir/postgresql.conf"
}

server_start() { # [name] [setting=value ...]
	local name=${1:-main} setting
	shift $(($# > 0 ? 1 : 0))
	server_install || return 1
	if [ ! -d "$WORK/$name" ]; then
		as_server "$PGBIN/initdb" -D "$WORK/$name" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -N >"$WORK/$name.initdb" 2>&1 || {
			cat "$WORK/$name.initdb" >&2
			return 1
		}
		server_configure "$name"
	fi
	for setting in "$@"; do
		echo "${setting%%=*} = '${setting#*=}'" >>"$WORK/$name/postgresql.conf"
	done
	as_server mkdir -p "$WORK/$name.sock"
	as_server "$PGBIN/pg_ctl" -D "$WORK/$name" -l "$WORK/$name.log" -w -t 60 start >/dev/null || {
		tail -20 "$WORK/$name.log" >&2
		return 1
	}
	case " $SERVERS " in *" $name "*) ;; *) SERVERS="$SERVERS $name" ;; esac
	export PGHOST=$WORK/$name.sock
}

server_stop() { # [name] [mode]
	as_server "$PGBIN/pg_ctl" -D "$WORK/${1:-main}" -m "${2:-fast}" -w stop >/dev/null
}

server_standby() { # name of
	as_server "$PGBIN/pg_basebackup" -h "$WORK/$2.sock" -U postgres -D "$WORK/$1" -R -c fast -X stream || return 1
	echo "unix_socket_directories = '$WORK/$1.sock'" >>"$WORK/$1/postgresql.conf"
	server_start "$1"
}

# One value.
sql() { psql -XqAt -v ON_ERROR_STOP=1 -c "$1"; }
