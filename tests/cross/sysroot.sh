#!/usr/bin/env bash
# Brings the libraries of the simulator for another processor into a folder, out of Debian's archive. The packages of
# this machine are not touched, and nobody needs to be root: apt gets a state of its own.
#
#   tests/cross/sysroot.sh ARCHITECTURE FOLDER        arm64 or s390x
set -eu
arch=$1 folder=$2
[ ! -e "$folder/made" ] || exit 0
mkdir -p "$folder"
folder=$(cd "$folder" && pwd)

rm -rf "$folder/apt"
mkdir -p "$folder"/apt/{lists,archives}/partial
touch "$folder/apt/status"
chmod 755 "$folder" "$folder/apt"
options=(-qq -o "APT::Architecture=$arch" -o "APT::Architectures::=$arch" -o "Dir::State=$folder/apt"
    -o "Dir::State::Lists=$folder/apt/lists" -o "Dir::State::status=$folder/apt/status"
    -o "Dir::Cache::Archives=$folder/apt/archives" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
    -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Debug::NoLocking=true)
apt-get "${options[@]}" update
apt-get "${options[@]}" install -y --download-only libsodium-dev libssl-dev libyaml-dev libsqlite3-dev libjansson-dev \
    libngtcp2-dev libngtcp2-crypto-gnutls-dev libgnutls28-dev libc-ares-dev
for package in "$folder"/apt/archives/*.deb; do dpkg-deb -x "$package" "$folder"; done
rm -rf "$folder/apt"
touch "$folder/made"
