# Shared by tests/run and tests/with-servers: what they need of Debian's packages.

as_root() { # as_root COMMAND...
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

install_package() { # install_package DEBIAN-PACKAGE
    as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends "$1"
}

need() { # need COMMAND DEBIAN-PACKAGE
    command -v "$1" >/dev/null || install_package "$2"
}

need_redis() { need redis-server redis-server; }

# The directory of PostgreSQL's programs. Debian keeps one for each version, off PATH; a few may be linked from there.
postgres_bin() {
    local server
    server=$(command -v postgres) ||
        server=$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | sort --version-sort | tail -n 1)
    [ -n "$server" ] && dirname "$(realpath "$server")"
}

need_postgres() {
    postgres_bin >/dev/null || install_package postgresql || return 1
    local version
    version=$("$(postgres_bin)/postgres" --version | grep -oE '[0-9]+' | head -n 1)
    [ "$version" -ge 15 ] || { echo "PostgreSQL 15 or newer is needed, $(postgres_bin) has $version"; return 1; }
}

# Debian starts the broker that it installs, now and at each boot; nobody asked for that one. The same goes for the name
# service of Erlang, unless Erlang was here before.
need_rabbitmq() {
    local units=(rabbitmq-server)
    [ ! -x /usr/lib/rabbitmq/bin/rabbitmq-server ] || return 0
    command -v epmd >/dev/null || units+=(epmd.service epmd.socket)
    install_package rabbitmq-server || return 1
    if [ -d /run/systemd/system ]; then
        as_root systemctl disable --quiet --now "${units[@]}"
    else
        as_root update-rc.d rabbitmq-server disable
        as_root service rabbitmq-server stop
        [ ${#units[@]} = 1 ] || as_root epmd -kill
    fi >/dev/null 2>&1
    return 0
}
