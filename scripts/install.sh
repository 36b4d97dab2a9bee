#!/bin/sh
# Installs exec-server for this machine from a folder or an http(s) URL with the artefacts of a release.
#
#     sh install.sh [--from FOLDER|URL] [--to FOLDER]
#
# --from  where the archives and SHA256SUMS are (default: the folder of this script)
# --to    where the executable goes (default: /usr/local/bin for root, else ~/.local/bin)
#
# With musl it is unpacked in /opt/exec-server, which takes root, and --to gets a link. A server that runs goes on: files
# are replaced by rename.
set -eu

fail() {
  echo "install.sh: $*" >&2
  exit 1
}
has() { command -v "$1" >/dev/null 2>&1; }

from=$(dirname "$0")
if [ "$(id -u)" = 0 ]; then to=/usr/local/bin; else to=${HOME:-}/.local/bin; fi
while [ $# -gt 0 ]; do
  case $1 in
    --from) from=${2:?--from takes a folder or a URL} ;;
    --to) to=${2:?--to takes a folder} ;;
    *) fail "unknown argument: $1" ;;
  esac
  shift 2
done

# ---- platform ----

case $(uname -m) in
  x86_64 | amd64) arch=x64 ;;
  aarch64 | arm64) arch=arm64 ;;
  *) fail "there is no exec-server for the processor $(uname -m)" ;;
esac
musl=
case $(uname -s) in
  Linux)
    platform=linux-$arch
    # By the loaders: ldd is not everywhere, and does not say.
    glibc=
    for loader in /lib64/ld-linux-x86-64.so.2 /lib/ld-linux-aarch64.so.1; do
      if [ -e "$loader" ]; then glibc=yes; fi
    done
    for loader in /lib/ld-musl-*.so.1; do
      if [ -e "$loader" ] && [ -z "$glibc" ]; then musl=yes; fi
    done
    if [ -n "$musl" ]; then
      platform=$platform-musl
    elif [ -z "$glibc" ]; then
      fail 'this system has neither glibc nor musl'
    fi
    ;;
  Darwin) platform=darwin-$arch ;;
  *) fail "there is no exec-server for $(uname -s)" ;;
esac

# ---- download and checksum ----

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

get() {
  case $from in
    http://* | https://*)
      if has curl; then
        curl -fsSL -o "$work/$1" "$from/$1"
      elif has wget; then
        wget -q -O "$work/$1" "$from/$1"
      else
        fail 'neither curl nor wget is here'
      fi
      ;;
    *) cp "$from/$1" "$work/$1" ;;
  esac || fail "cannot get $1 from $from"
}

sum() {
  if has sha256sum; then
    sha256sum "$1"
  elif has shasum; then
    shasum -a 256 "$1"
  elif has openssl; then
    openssl dgst -sha256 -r "$1"
  else
    fail 'neither sha256sum, shasum nor openssl is here: the checksum cannot be verified'
  fi | cut -d ' ' -f 1
}

has tar || fail 'tar is not here'
get SHA256SUMS
archive=
for format in tar.xz tar.gz; do
  if [ $format = tar.xz ] && ! has xz; then continue; fi
  if grep -q "  exec-server-$platform.$format\$" "$work/SHA256SUMS"; then
    archive=exec-server-$platform.$format
    break
  fi
done
[ -n "$archive" ] || fail "$from has no archive for $platform that can be unpacked here"
get "$archive"
expected=$(grep "  $archive\$" "$work/SHA256SUMS" | cut -d ' ' -f 1)
[ "$(sum "$work/$archive")" = "$expected" ] || fail "$archive has another checksum than SHA256SUMS says"

# ---- install ----

# Beside the old one, so that a rename can replace it.
if [ -n "$musl" ]; then place=/opt; else place=$to; fi
mkdir -p "$place" "$to" && [ -w "$place" ] && [ -w "$to" ] ||
  fail "cannot write to $place and $to: become root${musl:+, as with musl it must be in /opt}, or use --to FOLDER"
staged=$place/.exec-server-install.$$
trap 'rm -rf "$work" "$staged"' EXIT
mkdir "$staged"
case $archive in
  *.xz) xz -dc "$work/$archive" ;;
  *) gzip -dc "$work/$archive" ;;
esac | tar -xf - -C "$staged"

if [ -n "$musl" ]; then
  # Two renames: in between, no new server can be started.
  if [ -e /opt/exec-server ]; then mv /opt/exec-server "$staged/old"; fi
  mv "$staged/exec-server" /opt/exec-server
  ln -s /opt/exec-server/exec-server "$staged/link"
  mv -f "$staged/link" "$to/exec-server"
  started=/opt/exec-server/exec-server
else
  started=$staged/exec-server/exec-server
fi
if ! version=$("$started" --version 2>&1); then
  echo "$version" >&2
  case $version in
    *libstdc++*) fail 'libstdc++ is missing: install libstdc++6 (Debian, Ubuntu) or libstdc++ (Fedora, RHEL)' ;;
    *) fail 'the executable does not start here' ;;
  esac
fi
[ -n "$musl" ] || mv -f "$started" "$to/exec-server"

echo "$version is in $to/exec-server"
case :$PATH: in
  *:"$to":*) ;;
  *) echo "$to is not on PATH" ;;
esac
if [ "${platform#linux}" != "$platform" ] && ! has bwrap; then
  echo 'bubblewrap is not here: without it, requests for a sandbox are refused'
fi
