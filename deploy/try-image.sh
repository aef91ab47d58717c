#!/usr/bin/env bash
# Builds the image from the Dockerfile's own steps where there is no Docker, and tries what came out of it
# (`python -m tests.image`): as its own user, from a root file system that is read only, against a real Kafka.
#
# Needs root, Debian's buildah and debootstrap (apt-get install buildah debootstrap), and this repository's
# `.venv` (make test). Registries are not asked: the base is put together from Debian's packages by debootstrap,
# as Debian's own image is. So the layers above the base are tried, and the base's digest is not.
#
#   deploy/try-image.sh [DIRECTORY]     where it keeps the base and the root file system (default: a new one)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
work=${1:-$(mktemp --directory --tmpdir try-image.XXXXXX)}
mkdir --parents "$work"
work=$(realpath "$work")
base=localhost/debian-debootstrapped:trixie
image=localhost/stream-classifier:try

say() { echo "== $*" >&2; }

if ! buildah inspect --type image "$base" >/dev/null 2>&1; then
    say "a base of Debian's packages"
    debootstrap --variant=minbase trixie "$work/base" http://deb.debian.org/debian >"$work/debootstrap.log"
    # Who builds behind a proxy that opens TLS has an authority of his own: apt and pip are to trust it, too.
    if [[ -n ${SSL_CERT_FILE:-} ]]; then
        install -D -m 644 "$SSL_CERT_FILE" "$work/base/usr/local/share/ca-certificates/build-host.crt"
    fi
    container=$(buildah from scratch)
    tar --create --one-file-system --directory "$work/base" --file "$work/base.tar" .
    buildah add --quiet "$container" "$work/base.tar" / >/dev/null
    buildah commit --quiet --rm "$container" "$base" >/dev/null
    rm -rf "$work/base" "$work/base.tar"
fi

say "the Dockerfile's steps"
# `docker` is the format that has a place for HEALTHCHECK; `chroot` needs no rights beyond root's.
buildah build --isolation chroot --format docker --pull-never --build-arg "BASE=$base" --tag "$image" .

say "its size, its settings, its root file system in $work/root"
container=$(buildah from --pull-never "$image")
trap 'buildah rm "$container" >/dev/null' EXIT
mounted=$(buildah mount "$container")
rm -rf "$work/root"
cp --archive "$mounted" "$work/root"
buildah inspect --type image "$image" >"$work/image.json"

say "what came out of it"
.venv/bin/python -m tests.image "$work"
