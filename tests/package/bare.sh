# What is done on a bare system, as root: see try.

# Every file but what apt and dpkg note for themselves.
files() {
  find / -xdev \( -path /proc -o -path /dev -o -path /out -o -path /source -o -path /tmp -o -path /run \
    -o -path /var/cache -o -path /var/log -o -path /var/lib/apt -o -path /var/lib/dpkg \) -prune -o -print |
    grep -vx /etc/ld.so.cache | sort
}

# Runs hello as a user has it, until it has got its answer, and has it say goodbye. The port is of the machine around.
hello() {
  su bot -c "$1 run --with-echo=21234 $2/share/wsbot/scripts/hello.lua ws://127.0.0.1:21234 >/tmp/said 2>&1 & echo \$! >/tmp/pid; wait \$!" &
  tries=0
  until grep -q '^received: hello' /tmp/said 2>/dev/null || [ $tries = 300 ]; do
    sleep 0.1
    tries=$((tries + 1))
  done
  cat /tmp/said
  kill -INT "$(cat /tmp/pid)"
  wait $!
  grep -q '^received: hello' /tmp/said
}

same() { diff /tmp/before /tmp/after || { echo "these are left, or gone"; exit 1; }; }

# What the package recommends comes with it, as on most machines, and goes with it, though others there may recommend or
# suggest it as well.
try_debian() {
  useradd --create-home bot
  files >/tmp/before
  apt-get update
  apt-get install -y "$1"/wsbot_*.deb
  dpkg --status wsbot | grep -E '^(Version|Depends):' | sed 's/^/bare:   /'
  if ldd /usr/bin/wsbot | grep 'not found'; then exit 1; fi
  wsbot -e 'assert(require "wsbot.http")'
  hello wsbot /usr
  apt-get purge -y --autoremove -o APT::AutoRemove::RecommendsImportant=false \
    -o APT::AutoRemove::SuggestsImportant=false wsbot
  files >/tmp/after
  same
  echo "bare:   installed, ran, and left nothing"
}

try_tarball() {
  useradd --create-home bot
  files >/tmp/before
  tar -C /opt -xzf "$1"/wsbot-*.tar.gz
  top=$(echo /opt/wsbot-*)
  ldd "$top/bin/wsbot" | sed 's/^[[:space:]]*/bare:   /'
  if ldd "$top/bin/wsbot" | grep -vE 'linux-vdso|/(libc|libm|libdl|libpthread|librt|ld-linux[^/]*)\.so'; then exit 1; fi
  hello "$top/bin/wsbot" "$top"
  rm -rf "$top"
  files >/tmp/after
  same
  echo "bare:   unpacked, ran, and left nothing"
}
