# Shared by tests/run and tests/with-servers: what they need of Debian's packages.

install_package() { # install_package DEBIAN-PACKAGE
    local sudo=()
    [ "$(id -u)" = 0 ] || sudo=(sudo)
    "${sudo[@]}" apt-get update -qq && "${sudo[@]}" apt-get install -y -qq --no-install-recommends "$1"
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
