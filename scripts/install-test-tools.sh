#!/usr/bin/env bash
# Installs the programs that the tests use besides Node: Debian or Ubuntu, as root. Does nothing where all are there.
set -euo pipefail

packages=(ffmpeg chromium fonts-noto-core python3 python3-gi gir1.2-gst-rtsp-server-1.0
  gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-ugly strace g++ make)

if ! command -v dpkg-query >/dev/null; then
  echo "test:tools knows Debian and Ubuntu only; install by hand: ${packages[*]}" >&2
  exit 1
fi
missing=()
for package in "${packages[@]}"; do
  dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ]; then
  echo "test:tools: everything is installed"
  exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
  echo "test:tools: run as root to install: ${missing[*]}" >&2
  exit 1
fi
export DEBIAN_FRONTEND=noninteractive
echo "test:tools: installing ${missing[*]}"
for attempt in 1 2 3; do
  if apt-get update -qq && apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null; then exit 0; fi
  echo "test:tools: attempt $attempt failed" >&2
  sleep 5
done
exit 1
